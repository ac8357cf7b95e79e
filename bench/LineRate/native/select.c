/* Second stage of the reference, as Select of the engine. */
#include "flows.h"

#include <rte_prefetch.h>

#define SYN 0x02
#define FLAG_MASK 0x17
#define SCHEDULER_WLC 1

static __rte_always_inline int try_use(struct engine *e, struct burst *b, int i, uint64_t *value)
{
    uint64_t old = *value;
    uint32_t server = value_server(old), state = value_state(old), flags = b->tcp_flags[i];
    if (server >= e->server_count) {
        return 0;
    }
    const struct server *entry = e->servers + server;
    if (entry->valid != 1 || entry->incarnation != value_incarnation(old) || value_expired(old, e->now_ms)) {
        return 0;
    }
    uint32_t next = e->next_state[(uint32_t)entry->state_table * STATE_TABLE + state * FLAG_COUNT + (flags & FLAG_MASK)];
    if (next == FLOW_NONE) {
        return 0; /* the client uses the port again */
    }
    uint64_t updated = value_with(old, next, deadline_ms(e, entry->timeouts, next));
    if (updated != old) {
        *value = updated;
        if (next != state) {
            count_change(e->server_counters + server, state, next);
        }
    }
    b->server[i] = server;
    b->flow[i] = value;
    return 1;
}

static uint32_t find_expired(const uint64_t *bucket, uint32_t now)
{
    for (int way = 0; way < WAYS; way++) {
        if (value_expired(bucket[WAYS + way], now)) {
            return 1u << way;
        }
    }
    return 0;
}

static uint64_t *insert(struct flow_table *t, uint32_t hash, uint64_t key, uint32_t now, uint64_t *displaced)
{
    uint64_t *bucket = flow_first(t, hash);
    uint32_t empty = flow_match(bucket, 0);
    if (empty == 0) {
        bucket = flow_second(t, hash);
        empty = flow_match(bucket, 0);
    }
    *displaced = 0;
    if (empty == 0) {
        empty = find_expired(flow_first(t, hash), now);
        bucket = empty != 0 ? flow_first(t, hash) : bucket;
        empty = empty != 0 ? empty : find_expired(bucket, now);
        if (empty == 0) {
            return NULL;
        }
        *displaced = bucket[WAYS + __builtin_ctz(empty)];
        t->count--;
    }
    int way = __builtin_ctz(empty);
    bucket[way] = key;
    t->count++;
    return bucket + WAYS + way;
}

static struct flow6_entry *empty6(struct flow6_entry *bucket)
{
    for (int way = 0; way < WAYS; way++) {
        if (bucket[way].rest == 0) {
            return bucket + way;
        }
    }
    return NULL;
}

static struct flow6_entry *find_expired6(struct flow6_entry *bucket, uint32_t now)
{
    for (int way = 0; way < WAYS; way++) {
        if (value_expired(bucket[way].value, now)) {
            return bucket + way;
        }
    }
    return NULL;
}

static struct flow6_entry *insert6(struct flow6_table *t, uint32_t hash, uint64_t high, uint64_t low, uint64_t rest, uint32_t now, uint64_t *displaced)
{
    struct flow6_entry *entry = empty6(flow6_first(t, hash));
    entry = entry != NULL ? entry : empty6(flow6_second(t, hash));
    *displaced = 0;
    if (entry == NULL) {
        entry = find_expired6(flow6_first(t, hash), now);
        entry = entry != NULL ? entry : find_expired6(flow6_second(t, hash), now);
        if (entry == NULL) {
            return NULL;
        }
        *displaced = entry->value;
        t->count--;
    }
    entry->high = high;
    entry->low = low;
    entry->rest = rest;
    t->count++;
    return entry;
}

static uint32_t total_of(const struct engine *e, uint32_t server)
{
    const struct server_counters *c = e->server_counters + server;
    return c->incarnation != e->servers[server].incarnation ? 0 : c->active + c->inactive;
}

static int is_full(const struct engine *e, uint32_t server)
{
    const struct server *entry = e->servers + server;
    return entry->upper_threshold != 0 && total_of(e, server) + e->other_connections[server] >= entry->upper_threshold;
}

static int is_service_full(const struct engine *e, const struct service *service, uint32_t slot)
{
    return service->connections_max != 0 && e->service_counters[slot].connections >= service->connections_max;
}

static uint32_t by_maglev(const struct engine *e, const struct service *service, uint32_t hash)
{
    if (service->maglev_size == 0) {
        return 0;
    }
    uint32_t at = (uint32_t)((uint64_t)hash * service->maglev_size >> 32);
    return e->members[service->members_first + e->maglev[service->maglev_first + at]];
}

static uint32_t least_connections(const struct engine *e, const struct service *service)
{
    uint32_t best = 0;
    uint64_t best_load = 0, best_weight = 0;
    for (uint32_t m = 0; m < service->members_count; m++) {
        uint32_t server = e->members[service->members_first + m];
        const struct server_counters *c = e->server_counters + server;
        uint64_t weight = is_full(e, server) ? 0 : e->servers[server].weight;
        uint64_t load = c->incarnation != e->servers[server].incarnation ? 0 : (uint64_t)c->active * 256 + c->inactive;
        if (weight != 0 && (best == 0 || load * best_weight < best_load * weight)) {
            best = server;
            best_load = load;
            best_weight = weight;
        }
    }
    return best;
}

static void count_displaced(struct engine *e, uint64_t displaced)
{
    uint32_t server = value_server(displaced);
    if (value_expired(displaced, e->now_ms)) {
        e->counters->flows_expired++;
    } else if (server < e->server_count && e->servers[server].valid && e->servers[server].incarnation == value_incarnation(displaced)) {
        e->counters->flows_reused++;
    } else {
        e->counters->flows_rescheduled++;
    }
}

/* The next places of the table, where the flow's own server takes no more. */
static __rte_noinline uint32_t next_by_maglev(const struct engine *e, const struct service *service, uint32_t hash)
{
    uint32_t at = (uint32_t)((uint64_t)hash * service->maglev_size >> 32);
    for (uint32_t n = 1; n <= 64; n++) {
        uint32_t server = e->members[service->members_first + e->maglev[service->maglev_first + (at + n) % service->maglev_size]];
        if (!is_full(e, server)) {
            return server;
        }
    }
    return 0;
}

static uint32_t schedule(const struct engine *e, const struct service *service, uint32_t hash)
{
    if (service->scheduler == SCHEDULER_WLC) {
        return least_connections(e, service);
    }
    uint32_t server = by_maglev(e, service, hash);
    return server != 0 && is_full(e, server) ? next_by_maglev(e, service, hash) : server;
}

static void count_enter(struct engine *e, uint32_t server, uint32_t service, uint32_t state)
{
    struct server_counters *c = e->server_counters + server;
    uint8_t incarnation = e->servers[server].incarnation;
    if (c->incarnation != incarnation) {
        e->service_counters[c->service].connections -= c->active + c->inactive;
        c->incarnation = incarnation;
        c->service = (uint16_t)service;
        c->active = c->inactive = 0;
    }
    ++*count_of(c, state);
    e->service_counters[service].connections++;
}

static uint64_t open_flow(struct engine *e, struct burst *b, int i, uint64_t displaced, uint64_t *value)
{
    int has_room = value != NULL;
    if (displaced != 0) {
        count_leave(e, displaced);
        last_hop_leave(e, displaced);
        ports_leave(e, value, b->path[i] & PATH_VERSION);
        count_displaced(e, displaced);
    }
    const struct service *service = e->services + b->service[i];
    uint8_t flags = b->tcp_flags[i];
    if (has_room && (service->flags & SERVICE_SYN_ONLY) != 0 && service->protocol == TCP && (flags & 0x06) != SYN) {
        drop(b, i, DROP_NOT_SYN);
        return 0;
    }
    uint32_t server = !has_room ? by_maglev(e, service, b->hash[i]) : is_service_full(e, service, b->service[i]) ? 0 : schedule(e, service, b->hash[i]);
    if (server == 0) {
        drop(b, i, DROP_NO_SERVER);
        return 0;
    }
    b->server[i] = server;
    b->flow[i] = NULL;
    if (!has_room) {
        e->counters->flow_table_full++;
        return 0;
    }
    uint32_t state = service->protocol == UDP ? FLOW_UDP : flow_next_state(CLIENT_ALONE, FLOW_NONE, flags);
    e->server_counters[server].connections++;
    count_enter(e, server, b->service[i], state);
    e->counters->flows_created++;
    if (service->protocol == TCP && (flags & SYN) == 0) {
        e->counters->flows_midstream++;
    }
    return value_pack(server, e->servers[server].incarnation, state, deadline_ms(e, service->timeouts, state));
}

/* A flow that has lost its server and waits for its time-out. */
static int is_kept(const struct engine *e, const struct burst *b, int i, uint64_t value)
{
    uint32_t server = value_server(value);
    return (e->services[b->service[i]].flags & SERVICE_KEEP) != 0 && !value_expired(value, e->now_ms) &&
           (server >= e->server_count || e->servers[server].valid == 0 || e->servers[server].incarnation != value_incarnation(value)) &&
           e->next_state[value_state(value) * FLAG_COUNT + (b->tcp_flags[i] & FLAG_MASK)] != FLOW_NONE;
}

static void missed4(struct engine *e, struct burst *b, int i)
{
    uint64_t *value = flow_find(&e->flows, b->hash[i], b->key[i]);
    if (value != NULL && try_use(e, b, i, value)) {
        e->counters->flow_hits++;
        return;
    }
    if (value != NULL && is_kept(e, b, i, *value)) {
        drop(b, i, DROP_NO_DESTINATION);
        return;
    }
    uint64_t displaced = 0;
    if (value != NULL) {
        displaced = *value;
    } else {
        value = insert(&e->flows, b->hash[i], b->key[i], e->now_ms, &displaced);
    }
    uint64_t fresh = open_flow(e, b, i, displaced, value);
    if (fresh != 0) {
        *value = fresh;
        b->flow[i] = value;
    } else if (value != NULL) {
        flow_remove(&e->flows, value);
    }
    e->counters->flows = e->flows.count;
}

static void missed6(struct engine *e, struct burst *b, int i)
{
    const uint8_t *ip = (const uint8_t *)b->frame[i] + b->l3_offset[i];
    uint64_t high = load64(ip + 8), low = load64(ip + 16), rest = b->key[i];
    struct flow6_entry *entry = flow6_find(&e->flows6, b->hash[i], high, low, rest);
    if (entry != NULL && try_use(e, b, i, &entry->value)) {
        e->counters->flow_hits++;
        return;
    }
    if (entry != NULL && is_kept(e, b, i, entry->value)) {
        drop(b, i, DROP_NO_DESTINATION);
        return;
    }
    uint64_t displaced = 0;
    if (entry != NULL) {
        displaced = entry->value;
    } else {
        entry = insert6(&e->flows6, b->hash[i], high, low, rest, e->now_ms, &displaced);
    }
    uint64_t fresh = open_flow(e, b, i, displaced, entry == NULL ? NULL : &entry->value);
    if (fresh != 0) {
        entry->value = fresh;
        b->flow[i] = &entry->value;
    } else if (entry != NULL) {
        flow6_remove(&e->flows6, entry);
    }
    e->counters->flows6 = e->flows6.count;
}

/* IPv6: those whose flow is in its first bucket. */
static __rte_noinline int first_buckets6(struct engine *e, struct burst *b, int count)
{
    int missed = 0;
    uint32_t hits = 0;
    for (int n = 0; n < count; n++) {
        int i = b->missed[n];
        if (b->path[i] == PATH_IPV6) {
            const uint8_t *client = (const uint8_t *)b->frame[i] + b->l3_offset[i] + 8;
            struct flow6_entry *entry = flow6_find_in(flow6_first(&e->flows6, b->hash[i]), load64(client), load64(client + 8), b->key[i]);
            if (entry != NULL && try_use(e, b, i, &entry->value)) {
                hits++;
                continue;
            }
            struct flow6_entry *second = flow6_second(&e->flows6, b->hash[i]);
            rte_prefetch0(second);
            rte_prefetch0(second + WAYS / 2);
        }
        b->missed[missed++] = (uint8_t)i;
    }
    e->counters->flow_hits += hits;
    return missed;
}

static __rte_noinline void missed_all(struct engine *e, struct burst *b, int missed)
{
    for (int n = 0; n < missed; n++) {
        int i = b->missed[n];
        switch (b->path[i]) {
        case PATH_IPV4:
            missed4(e, b, i);
            break;
        case PATH_IPV6:
            missed6(e, b, i);
            break;
        default:
            known_select(e, b, i);
            break;
        }
    }
}

__rte_noinline void stage_select(struct engine *e, struct burst *b)
{
    int missed = 0;
    uint32_t hits = 0;
    for (int i = 0; i < b->count; i++) {
        if (b->verdict[i] != VERDICT_NONE) {
            continue;
        }
        if (b->path[i] != PATH_IPV4) {
            b->missed[missed++] = (uint8_t)i;
            continue;
        }
        uint64_t *bucket = flow_first(&e->flows, b->hash[i]);
        uint32_t match = flow_match(bucket, b->key[i]);
        if (match != 0 && try_use(e, b, i, bucket + WAYS + __builtin_ctz(match))) {
            hits++;
        } else {
            rte_prefetch0(flow_second(&e->flows, b->hash[i]));
            b->missed[missed++] = (uint8_t)i;
        }
    }
    e->counters->flow_hits += hits;
    if (missed != 0) {
        missed_all(e, b, first_buckets6(e, b, missed));
    }
}
