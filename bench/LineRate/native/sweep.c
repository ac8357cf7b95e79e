/* As FlowSweep of the engine. */
#include "flows.h"

#include <rte_prefetch.h>

#define SWEEP_ROUND_MS 700
#define BUCKETS_PER_CALL_MAX 512
#define REMOVALS_PER_CALL_MAX 64

static uint32_t owed(uint32_t before, uint32_t buckets, uint32_t elapsed_ms)
{
    uint64_t count = before + (uint64_t)buckets * elapsed_ms / SWEEP_ROUND_MS + 1;
    return (uint32_t)(count < buckets ? count : buckets);
}

static uint32_t part(uint32_t owed) { return owed < BUCKETS_PER_CALL_MAX ? owed : BUCKETS_PER_CALL_MAX; }

static uint32_t sweep4(struct engine *e, uint32_t buckets)
{
    uint32_t mask = e->flows.bucket_count - 1, at = e->sweep_bucket, done = 0, removed = 0;
    for (; done < buckets && removed < REMOVALS_PER_CALL_MAX; done++, at = (at + 1) & mask) {
        uint64_t *bucket = e->flows.buckets + (uint64_t)at * 8;
        rte_prefetch0(bucket + 16 * 8);
        for (int way = 0; way < WAYS; way++) {
            uint64_t *value = bucket + WAYS + way;
            if (bucket[way] != 0 && value_expired(*value, e->now_ms)) {
                count_leave(e, *value);
                last_hop_leave(e, *value);
                ports_leave(e, value, 4);
                flow_remove(&e->flows, value);
                removed++;
            }
        }
    }
    e->sweep_bucket = at;
    e->counters->flows_expired += removed;
    e->counters->flows = e->flows.count;
    return done;
}

static uint32_t sweep6(struct engine *e, uint32_t buckets)
{
    uint32_t mask = e->flows6.bucket_count - 1, at = e->sweep_bucket6, done = 0, removed = 0;
    for (; done < buckets && removed < REMOVALS_PER_CALL_MAX; done++, at = (at + 1) & mask) {
        struct flow6_entry *bucket = e->flows6.buckets + (uint64_t)at * WAYS;
        rte_prefetch0(bucket + 8 * WAYS);
        rte_prefetch0(bucket + 8 * WAYS + 2);
        for (int way = 0; way < WAYS; way++) {
            if (bucket[way].rest != 0 && value_expired(bucket[way].value, e->now_ms)) {
                count_leave(e, bucket[way].value);
                last_hop_leave(e, bucket[way].value);
                ports_leave(e, &bucket[way].value, 6);
                flow6_remove(&e->flows6, bucket + way);
                removed++;
            }
        }
    }
    e->sweep_bucket6 = at;
    e->counters->flows_expired += removed;
    e->counters->flows6 = e->flows6.count;
    return done;
}

__rte_noinline void flow_sweep(struct engine *e)
{
    uint32_t elapsed_ms = e->now_ms - e->sweep_ms;
    if (elapsed_ms != 0) {
        e->sweep_ms = e->now_ms;
        e->sweep_owed = owed(e->sweep_owed, e->flows.bucket_count, elapsed_ms);
        e->sweep_owed6 = owed(e->sweep_owed6, e->flows6.bucket_count, elapsed_ms);
    }
    e->sweep_owed -= sweep4(e, part(e->sweep_owed));
    e->sweep_owed6 -= sweep6(e, part(e->sweep_owed6));
}
