/* Replies of servers behind NAT, as ClassifyKnown and SelectKnown of the engine. */
#include "flows.h"

#include <rte_byteorder.h>
#include <rte_prefetch.h>

static int find_key4(const struct engine *e, uint64_t key, uint32_t *at)
{
    uint32_t mask = (1u << e->server_keys_log2) - 1;
    for (*at = table_slot(key, e->server_keys_log2); e->server_keys[*at].value != 0; *at = (*at + 1) & mask) {
        if (e->server_keys[*at].value == key) {
            return 1;
        }
    }
    return 0;
}

static int is_key6(const struct service_key6 *key, uint64_t high, uint64_t low, uint64_t rest)
{
    return key->rest == rest && key->low == low && key->high == high;
}

static int find_key6(const struct engine *e, uint64_t high, uint64_t low, uint64_t rest, uint32_t *at)
{
    uint32_t mask = (1u << e->server_keys6_log2) - 1;
    for (*at = table_slot(fold(high, low, rest), e->server_keys6_log2); e->server_keys6[*at].rest != 0; *at = (*at + 1) & mask) {
        if (is_key6(&e->server_keys6[*at], high, low, rest)) {
            return 1;
        }
    }
    return 0;
}

static void set_source(struct burst *b, int i, enum path path, uint32_t slot, uint16_t port, uint8_t protocol, uint8_t flags)
{
    b->path[i] = (uint8_t)(path | PATH_SOURCE);
    b->tcp_flags[i] = flags;
    b->key[i] = (uint64_t)protocol << 32 | slot << 16 | rte_be_to_cpu_16(port);
}

int known_reply4(struct engine *e, struct burst *b, int i, const uint8_t *ip, const uint8_t *l4)
{
    uint8_t protocol = ip[9], flags = protocol == TCP ? l4[13] : 0;
    const struct local_address *local = e->source_count <= 1 ? NULL : find_local(e, load32(ip + 16));
    if (local != NULL && local->kind == LOCAL_SOURCE) {
        set_source(b, i, PATH_IPV4 | PATH_REPLY, local->source, load16(l4 + 2), protocol, flags);
        return 1;
    }
    uint32_t at;
    if (!find_key4(e, load32(ip + 12) | (uint64_t)load16(l4) << 32 | (uint64_t)protocol << 48, &at)) {
        return 0;
    }
    b->path[i] = PATH_IPV4 | PATH_REPLY;
    b->tcp_flags[i] = flags;
    b->key[i] = flow_key(load32(ip + 16), load16(l4 + 2), 0);
    b->next_hop[i] = at;
    uint32_t service = e->servers[e->server_keys[at].service].service;
    b->hash[i] = flow_hash(e->services[service].hash_salt, b->key[i]);
    rte_prefetch0(flow_first(&e->flows, b->hash[i]));
    return 1;
}

int known_reply6(struct engine *e, struct burst *b, int i, const uint8_t *ip, const uint8_t *l4, uint8_t protocol)
{
    uint8_t flags = protocol == TCP ? l4[13] : 0;
    b->l4_offset[i] = (uint16_t)(l4 - ip);
    const struct local_address6 *local = e->source_count <= 1 ? NULL : find_local6(e, load64(ip + 24), load64(ip + 32));
    if (local != NULL && local->kind == LOCAL_SOURCE) {
        set_source(b, i, PATH_IPV6 | PATH_REPLY, local->source, load16(l4 + 2), protocol, flags);
        return 1;
    }
    uint32_t at;
    if (!find_key6(e, load64(ip + 8), load64(ip + 16), (uint64_t)load16(l4) << 32 | (uint64_t)protocol << 48, &at)) {
        return 0;
    }
    b->path[i] = PATH_IPV6 | PATH_REPLY;
    b->tcp_flags[i] = flags;
    b->key[i] = flow6_rest(load16(l4 + 2), 0);
    b->next_hop[i] = at;
    uint32_t service = e->servers[e->server_keys6[at].service].service;
    b->hash[i] = flow6_hash(e->services[service].hash_salt, load64(ip + 24), load64(ip + 32), load16(l4 + 2));
    struct flow6_entry *bucket = flow6_first(&e->flows6, b->hash[i]);
    rte_prefetch0(bucket);
    rte_prefetch0(bucket + 2);
    return 1;
}

static int is_live(const struct engine *e, uint64_t value, uint32_t server)
{
    uint32_t bound = value_server(value);
    return bound < e->server_count && (server == 0 || server == bound) && e->servers[bound].valid != 0 &&
           e->servers[bound].incarnation == value_incarnation(value) && !value_expired(value, e->now_ms);
}

static uint64_t *find_source(struct engine *e, struct burst *b, int i)
{
    uint32_t key = (uint32_t)b->key[i], slot = key >> 16, port = key & 0xFFFF;
    uint8_t protocol = (uint8_t)(b->key[i] >> 32);
    int v4 = (b->path[i] & PATH_VERSION) == 4;
    const uint8_t *ip = (const uint8_t *)b->frame[i] + b->l3_offset[i], *l4 = ip + (v4 ? (ip[0] & 0xF) * 4 : b->l4_offset[i]);
    if (port - port_index(&e->ports, port) * e->ports.workers != e->worker_index) {
        return NULL;
    }
    uint64_t *value = ports_flow(e, slot, protocol, port);
    if (value == NULL || !is_live(e, *value, 0)) {
        return NULL;
    }
    const struct server *server = e->servers + value_server(*value);
    const struct target *target = e->targets + server->target;
    if (e->services[server->service].protocol != protocol || target->port != load16(l4)) {
        return NULL;
    }
    int same = v4 ? load32(ip + 12) == (uint32_t)target->address_high : load64(ip + 8) == target->address_high && load64(ip + 16) == target->address_low;
    return same ? value : NULL;
}

static uint64_t *find_flow4(struct engine *e, struct burst *b, int i, uint32_t service, uint32_t server)
{
    uint64_t key = b->key[i] | (uint64_t)service << 48;
    b->hash[i] = flow_hash(e->services[service].hash_salt, key);
    uint64_t *value = flow_find(&e->flows, b->hash[i], key);
    return value != NULL && is_live(e, *value, server) ? value : NULL;
}

static uint64_t *find_flow6(struct engine *e, struct burst *b, int i, uint32_t service, uint32_t server)
{
    const uint8_t *client = (const uint8_t *)b->frame[i] + b->l3_offset[i] + 24;
    uint64_t high = load64(client), low = load64(client + 8), rest = b->key[i];
    b->hash[i] = flow6_hash(e->services[service].hash_salt, high, low, (uint16_t)(rest >> 32));
    struct flow6_entry *entry = flow6_find(&e->flows6, b->hash[i], high, low, rest | (uint64_t)service << 48);
    return entry != NULL && is_live(e, entry->value, server) ? &entry->value : NULL;
}

/* A server of several services is tried in each of the others. */
static __rte_noinline uint64_t *find_next4(struct engine *e, struct burst *b, int i)
{
    uint32_t at = b->next_hop[i], mask = (1u << e->server_keys_log2) - 1;
    uint64_t key = e->server_keys[at].value;
    for (at = (at + 1) & mask; e->server_keys[at].value != 0; at = (at + 1) & mask) {
        const struct service_key *found = &e->server_keys[at];
        uint64_t *value = found->value != key ? NULL : find_flow4(e, b, i, e->servers[found->service].service, found->service);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

static __rte_noinline uint64_t *find_next6(struct engine *e, struct burst *b, int i)
{
    uint32_t at = b->next_hop[i], mask = (1u << e->server_keys6_log2) - 1;
    struct service_key6 key = e->server_keys6[at];
    for (at = (at + 1) & mask; e->server_keys6[at].rest != 0; at = (at + 1) & mask) {
        const struct service_key6 *found = &e->server_keys6[at];
        uint64_t *value = !is_key6(found, key.high, key.low, key.rest) ? NULL : find_flow6(e, b, i, e->servers[found->service].service, found->service);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

/* The first service's, whose hash is ready. */
static inline uint64_t *find4(struct engine *e, struct burst *b, int i)
{
    uint32_t server = e->server_keys[b->next_hop[i]].service;
    uint64_t *value = flow_find(&e->flows, b->hash[i], b->key[i] | (uint64_t)e->servers[server].service << 48);
    return value != NULL && is_live(e, *value, server) ? value : find_next4(e, b, i);
}

static inline uint64_t *find6(struct engine *e, struct burst *b, int i)
{
    const uint8_t *client = (const uint8_t *)b->frame[i] + b->l3_offset[i] + 24;
    uint32_t server = e->server_keys6[b->next_hop[i]].service;
    struct flow6_entry *entry = flow6_find(&e->flows6, b->hash[i], load64(client), load64(client + 8), b->key[i] | (uint64_t)e->servers[server].service << 48);
    return entry != NULL && is_live(e, entry->value, server) ? &entry->value : find_next6(e, b, i);
}

/* A reply keeps the flow alive, and moves its state. */
static void advance(struct engine *e, uint64_t *value, uint32_t server, uint32_t flags)
{
    uint32_t state = value_state(*value), table = SERVER - CLIENT + (uint32_t)e->servers[server].state_table;
    uint32_t next = e->next_state[table * STATE_TABLE + state * FLAG_COUNT + (flags & 0x17)];
    *value = value_with(*value, next, deadline_ms(e, e->servers[server].timeouts, next));
    if (next != state) {
        count_change(e->server_counters + server, state, next);
    }
}

void known_select(struct engine *e, struct burst *b, int i)
{
    uint64_t *value = b->path[i] & PATH_SOURCE ? find_source(e, b, i) : (b->path[i] & PATH_VERSION) == 4 ? find4(e, b, i) : find6(e, b, i);
    if (value == NULL) {
        if (b->path[i] & PATH_SOURCE) {
            drop(b, i, DROP_NO_SESSION);
        } else {
            b->verdict[i] = VERDICT_PUNT;
        }
        return;
    }
    uint32_t server = value_server(*value);
    if (!owns(e, e->services[e->servers[server].service].vrrp_group)) {
        drop(b, i, DROP_VIP_NOT_OWNED);
        return;
    }
    advance(e, value, server, b->tcp_flags[i]);
    e->counters->flow_hits++;
    b->server[i] = server;
    b->flow[i] = value;
}
