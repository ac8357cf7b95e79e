/* Second stage of the reference, as Select and FlowSweep of the engine. */
#include "flows.h"

#include <rte_prefetch.h>

#define SYN 0x02
#define FLAG_MASK 0x17
#define SCHEDULER_WLC 1
#define SWEEP_ROUND_MS 1000
#define SWEEP_TURN_MAX 8192

uint8_t flow_next_state(uint8_t state, uint8_t flags)
{
    if (state == FLOW_UDP) {
        return FLOW_UDP;
    }
    if (flags & 0x04) {
        return FLOW_CLOSE;
    }
    if (flags & SYN) {
        return state == FLOW_ESTABLISHED ? FLOW_ESTABLISHED : FLOW_SYN_RECEIVED;
    }
    if (flags & 0x01) {
        return state == FLOW_CLOSE ? FLOW_CLOSE : FLOW_FIN_WAIT;
    }
    return state == FLOW_FIN_WAIT || state == FLOW_CLOSE ? state : FLOW_ESTABLISHED;
}

static __rte_always_inline int try_use(struct engine *e, struct burst *b, int i, uint64_t *value)
{
    uint64_t old = *value;
    uint32_t server = value_server(old), state = value_state(old);
    if (server >= e->server_count) {
        return 0;
    }
    const struct server *entry = e->servers + server;
    if (entry->valid == 0 || entry->incarnation != value_incarnation(old) || value_expired(old, e->now_ms)) {
        return 0;
    }
    uint32_t next = e->next_state[state * FLAG_COUNT + (b->tcp_flags[i] & FLAG_MASK)];
    if (next == FLOW_NONE) {
        return 0; /* the client uses the port again */
    }
    uint64_t updated = value_with(old, next, deadline_ms(e, next));
    if (updated != old) {
        *value = updated;
        if (next != state) {
            --*count_of(e->server_counters + server, state);
            ++*count_of(e->server_counters + server, next);
        }
    }
    b->server[i] = server;
    return 1;
}

static uint64_t *find(const struct flow_table *t, uint32_t hash, uint64_t key)
{
    uint64_t *bucket = flow_first(t, hash);
    uint32_t match = flow_match(bucket, key);
    if (match == 0) {
        bucket = flow_second(t, hash);
        match = flow_match(bucket, key);
    }
    return match == 0 ? NULL : bucket + WAYS + __builtin_ctz(match);
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
        uint64_t weight = e->servers[server].weight;
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

static uint64_t open_flow(struct engine *e, struct burst *b, int i, uint64_t displaced, int has_room)
{
    if (displaced != 0) {
        count_leave(e->server_counters, displaced);
        count_displaced(e, displaced);
    }
    const struct service *service = e->services + b->service[i];
    uint32_t server = has_room && service->scheduler == SCHEDULER_WLC ? least_connections(e, service) : by_maglev(e, service, b->hash[i]);
    if (server == 0) {
        drop(b, i, DROP_NO_SERVER);
        return 0;
    }
    b->server[i] = server;
    if (!has_room) {
        e->counters->flow_table_full++;
        return 0;
    }
    uint8_t flags = b->tcp_flags[i], incarnation = e->servers[server].incarnation;
    uint32_t state = service->protocol == 17 ? FLOW_UDP : flow_next_state(FLOW_NONE, flags);
    struct server_counters *c = e->server_counters + server;
    c->connections++;
    if (c->incarnation != incarnation) {
        c->incarnation = incarnation;
        c->active = c->inactive = 0;
    }
    ++*count_of(c, state);
    e->counters->flows_created++;
    if (service->protocol == 6 && (flags & SYN) == 0) {
        e->counters->flows_midstream++;
    }
    return value_pack(server, incarnation, state, deadline_ms(e, state));
}

static __rte_noinline void missed_one(struct engine *e, struct burst *b, int i)
{
    uint64_t *value = find(&e->flows, b->hash[i], b->key[i]);
    if (value != NULL && try_use(e, b, i, value)) {
        e->counters->flow_hits++;
        return;
    }
    uint64_t displaced = 0;
    if (value != NULL) {
        displaced = *value;
    } else {
        value = insert(&e->flows, b->hash[i], b->key[i], e->now_ms, &displaced);
    }
    uint64_t fresh = open_flow(e, b, i, displaced, value != NULL);
    if (fresh != 0) {
        *value = fresh;
    } else if (value != NULL) {
        flow_remove(&e->flows, value);
    }
    e->counters->flows = e->flows.count;
}

__rte_noinline void stage_select(struct engine *e, struct burst *b)
{
    int missed = 0;
    uint32_t hits = 0;
    for (int i = 0; i < b->count; i++) {
        if (b->verdict[i] != VERDICT_NONE) {
            continue;
        }
        if (b->ip_version[i] != 4) {
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
    for (int n = 0; n < missed; n++) {
        missed_one(e, b, b->missed[n]);
    }
}

static uint32_t owed(uint32_t buckets, uint32_t elapsed_ms)
{
    uint64_t count = (uint64_t)buckets * elapsed_ms / SWEEP_ROUND_MS + 1;
    count = count < buckets ? count : buckets;
    return (uint32_t)(count < SWEEP_TURN_MAX ? count : SWEEP_TURN_MAX);
}

static void sweep4(struct engine *e, uint32_t buckets)
{
    uint32_t mask = e->flows.bucket_count - 1, at = e->sweep_bucket;
    for (uint32_t n = 0; n < buckets; n++, at = (at + 1) & mask) {
        uint64_t *bucket = e->flows.buckets + (uint64_t)at * 8;
        rte_prefetch0(bucket + 16 * 8);
        for (int way = 0; way < WAYS; way++) {
            uint64_t *value = bucket + WAYS + way;
            if (bucket[way] != 0 && value_expired(*value, e->now_ms)) {
                count_leave(e->server_counters, *value);
                flow_remove(&e->flows, value);
                e->counters->flows_expired++;
            }
        }
    }
    e->sweep_bucket = at;
    e->counters->flows = e->flows.count;
}

static void sweep6(struct engine *e, uint32_t buckets)
{
    uint32_t mask = e->flows6.bucket_count - 1, at = e->sweep_bucket6;
    for (uint32_t n = 0; n < buckets; n++, at = (at + 1) & mask) {
        struct flow6_entry *bucket = e->flows6.buckets + (uint64_t)at * WAYS;
        rte_prefetch0(bucket + 8 * WAYS);
        for (int way = 0; way < WAYS; way++) {
            if (bucket[way].rest != 0 && value_expired(bucket[way].value, e->now_ms)) {
                count_leave(e->server_counters, bucket[way].value);
                bucket[way] = (struct flow6_entry){ 0 };
                e->flows6.count--;
                e->counters->flows_expired++;
            }
        }
    }
    e->sweep_bucket6 = at;
}

__rte_noinline void flow_sweep(struct engine *e)
{
    uint32_t elapsed_ms = e->now_ms - e->sweep_ms;
    if (elapsed_ms != 0) {
        e->sweep_ms = e->now_ms;
        sweep4(e, owed(e->flows.bucket_count, elapsed_ms));
        sweep6(e, owed(e->flows6.bucket_count, elapsed_ms));
    }
}
