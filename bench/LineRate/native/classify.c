/* First stage of the reference, as Classify of the engine. */
#include "flows.h"

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#define ETHERNET 14
#define IPV4 0x0008
#define IPV6 0xDD86
#define VLAN 0x0081
#define ICMP 1
#define ICMPV6 58
#define FRAGMENT_MASK 0xFF3F

const struct local_address *find_local(const struct engine *e, uint32_t address)
{
    uint32_t mask = (1u << e->locals_log2) - 1;
    for (uint32_t at = table_slot(address, e->locals_log2); e->locals[at].kind != LOCAL_NONE; at = (at + 1) & mask) {
        if (e->locals[at].address == address) {
            return &e->locals[at];
        }
    }
    return NULL;
}

const struct local_address6 *find_local6(const struct engine *e, uint64_t high, uint64_t low)
{
    uint32_t mask = (1u << e->locals6_log2) - 1;
    for (uint32_t at = table_slot(fold(high, low, 0), e->locals6_log2); e->locals6[at].kind != LOCAL_NONE; at = (at + 1) & mask) {
        if (e->locals6[at].high == high && e->locals6[at].low == low) {
            return &e->locals6[at];
        }
    }
    return NULL;
}

static int is_vip(const struct engine *e, const uint8_t *ip)
{
    if (ip[0] >> 4 == 4) {
        const struct local_address *local = find_local(e, load32(ip + 16));
        return local != NULL && local->kind >= LOCAL_VIP;
    }
    const struct local_address6 *local = find_local6(e, load64(ip + 24), load64(ip + 32));
    return local != NULL && local->kind >= LOCAL_VIP;
}

static inline int is_l4_sound(const uint8_t *l4, uint32_t bytes, uint8_t protocol)
{
    if (protocol == TCP) {
        uint32_t offset = bytes >= 20 ? (uint32_t)(l4[12] >> 4) * 4 : 0;
        return offset >= 20 && offset <= bytes;
    }
    uint32_t udp = bytes >= 8 ? rte_be_to_cpu_16(load16(l4 + 4)) : 0;
    return udp >= 8 && udp <= bytes;
}

static inline uint32_t find_service(const struct engine *e, uint64_t key)
{
    uint32_t mask = (1u << e->service_keys_log2) - 1;
    for (uint32_t at = table_slot(key, e->service_keys_log2);; at = (at + 1) & mask) {
        if (e->service_keys[at].value == key) {
            return e->service_keys[at].service;
        }
        if (e->service_keys[at].value == 0) {
            return 0;
        }
    }
}

static __rte_noinline enum drop_reason ipv4_fault(const uint8_t *ip, uint32_t header, uint32_t total, uint32_t room)
{
    if (ip[0] >> 4 != 4) {
        return DROP_IP_VERSION;
    }
    if (header < 20 || header > room) {
        return DROP_IPV4_HEADER;
    }
    return total < header || total > room ? DROP_IP_LENGTH : DROP_IPV4_CHECKSUM;
}

static inline uint32_t find_service6(const struct engine *e, uint64_t high, uint64_t low, uint64_t rest)
{
    uint32_t mask = (1u << e->service_keys6_log2) - 1;
    for (uint32_t at = table_slot(fold(high, low, rest), e->service_keys6_log2);; at = (at + 1) & mask) {
        const struct service_key6 *key = &e->service_keys6[at];
        if (key->rest == rest && key->low == low && key->high == high) {
            return key->service;
        }
        if (key->rest == 0) {
            return 0;
        }
    }
}

static __rte_noinline void without_ports(struct engine *e, struct burst *b, int i, const uint8_t *ip, int icmp, int fragment)
{
    int vip = is_vip(e, ip);
    if (vip && fragment) {
        drop(b, i, DROP_FRAGMENT);
    } else if (vip && !icmp) {
        drop(b, i, DROP_PROTOCOL);
    } else {
        b->verdict[i] = VERDICT_PUNT;
    }
}

static void no_service_or_host(struct engine *e, struct burst *b, int i, const uint8_t *ip)
{
    if (is_vip(e, ip)) {
        drop(b, i, DROP_NO_SERVICE);
    } else {
        b->verdict[i] = VERDICT_PUNT;
    }
}

static __rte_noinline void no_service4(struct engine *e, struct burst *b, int i, const uint8_t *ip, const uint8_t *l4)
{
    if (!known_reply4(e, b, i, ip, l4)) {
        no_service_or_host(e, b, i, ip);
    }
}

static void no_service6(struct engine *e, struct burst *b, int i, const uint8_t *ip, const uint8_t *l4, uint8_t protocol)
{
    if (!known_reply6(e, b, i, ip, l4, protocol)) {
        no_service_or_host(e, b, i, ip);
    }
}

static __rte_always_inline void ipv4(struct engine *e, struct burst *b, int i, const uint8_t *ip, uint32_t room)
{
    if (room < 20) {
        drop(b, i, DROP_TRUNCATED);
        return;
    }
    uint32_t header = (uint32_t)(ip[0] & 0xF) * 4, total = rte_be_to_cpu_16(load16(ip + 2));
    if (ip[0] >> 4 != 4 || header < 20 || total < header || total > room || b->checksum_bad[i] != 0) {
        drop(b, i, ipv4_fault(ip, header, total, room));
        return;
    }
    uint8_t protocol = ip[9];
    int fragment = (load16(ip + 6) & FRAGMENT_MASK) != 0;
    if (fragment || (protocol != TCP && protocol != UDP)) {
        without_ports(e, b, i, ip, protocol == ICMP, fragment);
        return;
    }
    const uint8_t *l4 = ip + header;
    if (!is_l4_sound(l4, total - header, protocol)) {
        drop(b, i, DROP_L4_HEADER);
        return;
    }
    uint16_t client_port = load16(l4);
    uint32_t service = find_service(e, load32(ip + 16) | (uint64_t)load16(l4 + 2) << 32 | (uint64_t)protocol << 48);
    if (service == 0) {
        no_service4(e, b, i, ip, l4);
        return;
    }
    const struct service *entry = &e->services[service];
    if (!owns(e, entry->vrrp_group)) {
        drop(b, i, DROP_VIP_NOT_OWNED);
        return;
    }
    uint64_t key = flow_key(load32(ip + 12), client_port, service);
    uint32_t hash = flow_hash(entry->hash_salt, key);
    rte_prefetch0(flow_first(&e->flows, hash));
    b->tcp_flags[i] = protocol == TCP ? l4[13] : 0;
    b->path[i] = PATH_IPV4;
    b->service[i] = (uint16_t)service;
    b->key[i] = key;
    b->hash[i] = hash;
}

/* Extension headers and fragments are left to others, as packets without ports. */
static __rte_noinline void ipv6(struct engine *e, struct burst *b, int i, const uint8_t *ip, uint32_t room)
{
    if (room < 40) {
        drop(b, i, DROP_TRUNCATED);
        return;
    }
    uint32_t payload = rte_be_to_cpu_16(load16(ip + 4));
    if (ip[0] >> 4 != 6 || payload > room - 40) {
        drop(b, i, ip[0] >> 4 != 6 ? DROP_IP_VERSION : DROP_IP_LENGTH);
        return;
    }
    uint8_t protocol = ip[6];
    const uint8_t *l4 = ip + 40;
    if (protocol != TCP && protocol != UDP) {
        without_ports(e, b, i, ip, protocol == ICMPV6, 0);
        return;
    }
    if (!is_l4_sound(l4, payload, protocol)) {
        drop(b, i, DROP_L4_HEADER);
        return;
    }
    uint32_t service = find_service6(e, load64(ip + 24), load64(ip + 32), (uint64_t)load16(l4 + 2) << 32 | (uint64_t)protocol << 48);
    if (service == 0) {
        no_service6(e, b, i, ip, l4, protocol);
        return;
    }
    const struct service *entry = &e->services[service];
    if (!owns(e, entry->vrrp_group)) {
        drop(b, i, DROP_VIP_NOT_OWNED);
        return;
    }
    uint16_t client_port = load16(l4);
    uint32_t hash = flow6_hash(entry->hash_salt, load64(ip + 8), load64(ip + 16), client_port);
    struct flow6_entry *bucket = flow6_first(&e->flows6, hash);
    rte_prefetch0(bucket);
    rte_prefetch0(bucket + 2);
    b->tcp_flags[i] = protocol == TCP ? l4[13] : 0;
    b->path[i] = PATH_IPV6;
    b->l4_offset[i] = (uint16_t)(l4 - ip);
    b->service[i] = (uint16_t)service;
    b->key[i] = flow6_rest(client_port, service);
    b->hash[i] = hash;
}

__rte_noinline void stage_classify(struct engine *e, struct burst *b)
{
    uint64_t own = e->port_mac[b->ingress];
    b->fragments = 0;
    for (int i = 0; i < b->count; i++) {
        const uint8_t *frame = (const uint8_t *)b->frame[i];
        uint32_t length = b->length[i];
        b->verdict[i] = VERDICT_NONE;
        if (length < ETHERNET) {
            drop(b, i, DROP_TRUNCATED);
            continue;
        }
        uint64_t mac = *(const unaligned_uint64_t *)frame & 0xFFFFFFFFFFFFULL;
        uint16_t type = load16(frame + 12);
        uint32_t l3 = ETHERNET, vlan = 0;
        if (type == VLAN) {
            if (length < ETHERNET + 4) {
                drop(b, i, DROP_TRUNCATED);
                continue;
            }
            vlan = rte_be_to_cpu_16(load16(frame + 14)) & 0xFFF;
            type = load16(frame + 16);
            l3 += 4;
        }
        b->vlan[i] = (uint16_t)vlan;
        b->l3_offset[i] = (uint8_t)l3;
        if (mac != own) {
            if (mac & 1) {
                b->verdict[i] = VERDICT_PUNT;
            } else {
                drop(b, i, DROP_NOT_OUR_MAC);
            }
        } else if (type == IPV4) {
            ipv4(e, b, i, frame + l3, length - l3);
        } else if (type == IPV6) {
            ipv6(e, b, i, frame + l3, length - l3);
        } else {
            b->verdict[i] = VERDICT_PUNT;
        }
    }
}
