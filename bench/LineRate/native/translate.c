/* Rewriting beside direct routing, as RewriteOther, Nat and FullNat of the engine. */
#include "checksum.h"
#include "flows.h"
#include "plan.h"

#include <rte_byteorder.h>

#define MAC_MASK 0xFFFFFFFFFFFFULL

static uint32_t words32(uint32_t v) { return (v & 0xFFFF) + (v >> 16); }
static uint32_t words64(uint64_t v) { return words32((uint32_t)v) + words32((uint32_t)(v >> 32)); }

static inline uint8_t *header4(uint8_t *ip, uint32_t address_delta)
{
    store16(ip + 10, checksum_fold((uint64_t)(uint16_t)~load16(ip + 10) + address_delta + 0xFFFE));
    ip[8]--;
    return ip + (ip[0] & 0xF) * 4;
}

static inline void transport(uint8_t *l4, uint8_t protocol, uint32_t delta)
{
    if (protocol == TCP) {
        store16(l4 + 16, checksum_fold((uint64_t)(uint16_t)~load16(l4 + 16) + delta));
        return;
    }
    uint16_t old = load16(l4 + 6);
    if (old != 0) {
        store16(l4 + 6, checksum_fold_udp((uint64_t)(uint16_t)~old + delta));
    }
}

static inline void nat_to_server(struct burst *b, int i, const struct target *t, const struct service *s, uint32_t address_delta, uint32_t transport_delta)
{
    uint8_t *ip = (uint8_t *)b->frame[i] + b->l3_offset[i], *l4;
    if (b->path[i] == PATH_IPV4) {
        l4 = header4(ip, t->address_delta + address_delta);
        store32(ip + 16, (uint32_t)t->address_high);
    } else {
        l4 = ip + b->l4_offset[i];
        ip[7]--;
        store64(ip + 24, t->address_high);
        store64(ip + 32, t->address_low);
    }
    store16(l4 + 2, t->port);
    transport(l4, s->protocol, t->transport_delta + transport_delta);
}

static inline void nat_to_client(struct burst *b, int i, const struct target *t, const struct service *s, uint32_t address_delta, uint32_t transport_delta)
{
    uint8_t *ip = (uint8_t *)b->frame[i] + b->l3_offset[i], *l4;
    if ((b->path[i] & PATH_VERSION) == 4) {
        l4 = header4(ip, (uint16_t)~t->address_delta + address_delta);
        store32(ip + 12, (uint32_t)s->vip_high);
    } else {
        l4 = ip + b->l4_offset[i];
        ip[7]--;
        store64(ip + 8, s->vip_high);
        store64(ip + 16, s->vip_low);
    }
    store16(l4, s->port);
    transport(l4, s->protocol, (uint16_t)~t->transport_delta + transport_delta);
}

static inline uint32_t exchange4(uint8_t *at, uint32_t address)
{
    uint32_t old = ~load32(at);
    store32(at, address);
    return words32(old) + words32(address);
}

static inline uint32_t exchange6(uint8_t *at, uint64_t high, uint64_t low)
{
    uint32_t delta = words64(~load64(at)) + words64(~load64(at + 8)) + words64(high) + words64(low);
    store64(at, high);
    store64(at + 8, low);
    return delta;
}

static void fullnat_to_server(struct engine *e, struct burst *b, int i, const struct target *t, const struct service *s, uint32_t word)
{
    uint8_t *ip = (uint8_t *)b->frame[i] + b->l3_offset[i];
    const struct source *source = e->sources + word_slot(word);
    uint16_t port = rte_cpu_to_be_16((uint16_t)word);
    int v4 = b->path[i] == PATH_IPV4;
    uint8_t *l4 = v4 ? ip + (ip[0] & 0xF) * 4 : ip + b->l4_offset[i];
    uint32_t address = v4 ? exchange4(ip + 12, (uint32_t)source->high) : exchange6(ip + 8, source->high, source->low);
    uint32_t delta = address + (uint16_t)~load16(l4) + port;
    store16(l4, port);
    nat_to_server(b, i, t, s, address, delta);
}

static void fullnat_to_client(struct burst *b, int i, const struct target *t, const struct service *s, uint64_t *flow)
{
    uint8_t *ip = (uint8_t *)b->frame[i] + b->l3_offset[i];
    int v4 = (b->path[i] & PATH_VERSION) == 4;
    uint8_t *l4 = v4 ? ip + (ip[0] & 0xF) * 4 : ip + b->l4_offset[i];
    const struct flow6_entry *entry = flow6_entry_of(flow);
    uint32_t address = v4 ? exchange4(ip + 16, (uint32_t)flow_key_of(flow)) : exchange6(ip + 24, entry->high, entry->low);
    uint16_t port = (uint16_t)((v4 ? flow_key_of(flow) : entry->rest) >> 32);
    uint32_t delta = address + (uint16_t)~load16(l4 + 2) + port;
    store16(l4 + 2, port);
    nat_to_client(b, i, t, s, address, delta);
}

static int by_fullnat(struct engine *e, struct burst *b, int i, const struct target *t, const struct service *s, int to_client)
{
    uint64_t *flow = b->flow[i];
    if (to_client) {
        fullnat_to_client(b, i, t, s, flow);
        return 1;
    }
    uint32_t word = ports_find(e, flow, s->ip_version);
    if (word == 0) {
        word = ports_take(e, flow, s->ip_version, s, b->hash[i]);
    }
    if (word == 0) {
        drop(b, i, DROP_NO_LOCAL_PORT);
        return 0;
    }
    fullnat_to_server(e, b, i, t, s, word);
    return 1;
}

static __rte_always_inline int by_method(struct engine *e, struct burst *b, int i, const struct server *server, enum method method, int to_client)
{
    const struct target *t = e->targets + server->target;
    const struct service *s = e->services + server->service;
    if (method != METHOD_NAT) {
        return by_fullnat(e, b, i, t, s, to_client);
    }
    if (to_client) {
        nat_to_client(b, i, t, s, 0, 0);
    } else {
        nat_to_server(b, i, t, s, 0, 0);
    }
    return 1;
}

static int knows_last_hop(struct engine *e, struct burst *b, int i, uint64_t *flow)
{
    uint64_t hop = last_hop_pack(load64((const uint8_t *)b->frame[i] + 6) & MAC_MASK, b->ingress, b->vlan[i]);
    uint32_t number = value_last_hop(*flow);
    return (number != 0 && e->last_hop[number] == hop) || last_hop_change(e, flow, hop);
}

static uint32_t trim(struct burst *b, int i)
{
    const uint8_t *ip = (const uint8_t *)b->frame[i] + b->l3_offset[i];
    uint32_t bytes = ip[0] >> 4 == 4 ? rte_be_to_cpu_16(load16(ip + 2)) : rte_be_to_cpu_16(load16(ip + 4)) + 40u;
    if (b->length[i] != bytes + b->l3_offset[i]) {
        b->length[i] = bytes + b->l3_offset[i];
        b->moved |= 1u << i;
    }
    return bytes;
}

static int is_passable(struct burst *b, int i, uint32_t ip_bytes, uint32_t mtu)
{
    const uint8_t *ip = (const uint8_t *)b->frame[i] + b->l3_offset[i];
    if ((ip[0] >> 4 == 4 ? ip[8] : ip[7]) <= 1) {
        refuse(b, i, DROP_TTL_EXPIRED, 0);
        return 0;
    }
    if (ip_bytes > mtu) {
        refuse(b, i, DROP_TOO_BIG, mtu);
        return 0;
    }
    return 1;
}

static void set_macs(uint8_t *frame, uint64_t destination, uint64_t source)
{
    store64(frame, destination | source << 48);
    store32(frame + 8, (uint32_t)(source >> 16));
}

static void send_back(struct engine *e, struct burst *b, int i, uint64_t hop, uint32_t ip_bytes)
{
    uint16_t vlan = (uint16_t)(hop >> 52);
    int port = (int)(hop >> 48 & 0xF);
    if (b->vlan[i] != vlan) {
        retag(b, i, vlan);
    }
    set_macs((uint8_t *)b->frame[i], hop & MAC_MASK, e->port_mac[port]);
    b->verdict[i] = VERDICT_FORWARD;
    b->egress[i] = (uint8_t)port;
    e->counters->forwarded_packets++;
    e->counters->forwarded_bytes += ip_bytes;
    e->counters->reply_packets++;
    e->counters->reply_bytes += ip_bytes;
}

static void send(struct engine *e, struct burst *b, int i, const struct server *server, uint32_t ip_bytes)
{
    uint64_t neighbour = __atomic_load_n(&e->neighbours[server->next_hop], __ATOMIC_ACQUIRE);
    struct server_counters *c = e->server_counters + b->server[i];
    c->packets++;
    c->bytes += ip_bytes;
    if (b->vlan[i] != server->vlan) {
        retag(b, i, server->vlan);
    }
    set_macs((uint8_t *)b->frame[i], neighbour & MAC_MASK, e->port_mac[server->port]);
    if ((neighbour & 2ULL << 48) == 0) {
        b->verdict[i] = VERDICT_WAIT;
        b->next_hop[i] = server->next_hop;
        return;
    }
    b->verdict[i] = VERDICT_FORWARD;
    b->egress[i] = server->port;
    e->counters->forwarded_packets++;
    e->counters->forwarded_bytes += ip_bytes;
}

static __rte_always_inline void translate_one(struct engine *e, struct burst *b, int i, const struct server *server, enum method method, uint32_t ip_bytes)
{
    int to_client = (b->path[i] & PATH_REPLY) != 0;
    uint64_t *flow = b->flow[i];
    if (flow == NULL || (!to_client && !knows_last_hop(e, b, i, flow)) || (to_client && value_last_hop(*flow) == 0)) {
        drop(b, i, flow == NULL ? DROP_FLOW_TABLE_FULL : DROP_LAST_HOPS_FULL);
        return;
    }
    uint64_t hop = e->last_hop[value_last_hop(*flow)];
    if (!is_passable(b, i, ip_bytes, to_client ? e->port_mtu[hop >> 48 & 0xF] : server->mtu) || !by_method(e, b, i, server, method, to_client)) {
        return;
    }
    if (to_client) {
        send_back(e, b, i, hop, ip_bytes);
    } else {
        send(e, b, i, server, ip_bytes);
    }
}

/* From the n-th packet on all of one method; returns the place of the first of another one. */
static __rte_always_inline int all(struct engine *e, struct burst *b, int n, int count, enum method method)
{
    for (; n < count; n++) {
        int i = b->missed[n];
        const struct server *server = e->servers + b->server[i];
        if (server->method != method) {
            break;
        }
        uint32_t ip_bytes = trim(b, i);
        if (method != METHOD_TUNNEL) {
            translate_one(e, b, i, server, method, ip_bytes);
        } else if (is_passable(b, i, ip_bytes, server->mtu)) {
            tunnel_encapsulate(e, b, i, e->targets + server->target, ip_bytes);
            send(e, b, i, server, ip_bytes);
        }
    }
    return n;
}

static __rte_noinline int all_nat(struct engine *e, struct burst *b, int n, int count) { return all(e, b, n, count, METHOD_NAT); }
static __rte_noinline int all_fullnat(struct engine *e, struct burst *b, int n, int count) { return all(e, b, n, count, METHOD_FULLNAT); }
static __rte_noinline int all_tunnel(struct engine *e, struct burst *b, int n, int count) { return all(e, b, n, count, METHOD_TUNNEL); }

__rte_noinline void rewrite_other(struct engine *e, struct burst *b, int count)
{
    for (int n = 0; n < count;) {
        switch (e->servers[b->server[b->missed[n]]].method) {
        case METHOD_NAT:
            n = all_nat(e, b, n, count);
            break;
        case METHOD_FULLNAT:
            n = all_fullnat(e, b, n, count);
            break;
        default:
            n = all_tunnel(e, b, n, count);
            break;
        }
    }
}
