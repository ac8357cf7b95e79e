/* The flow tables of the reference. IPv4: buckets of one cache line, four keys and four values. IPv6: four entries of 32 bytes. Two-choice. */
#pragma once
#include "reference.h"

#include <immintrin.h>

static inline uint64_t *flow_first(const struct flow_table *t, uint32_t hash) { return t->buckets + (uint64_t)(hash >> t->shift) * 8; }
static inline uint64_t *flow_second(const struct flow_table *t, uint32_t hash) { return t->buckets + (uint64_t)((hash * 0x9E3779B1u) >> t->shift) * 8; }
static inline struct flow6_entry *flow6_first(const struct flow6_table *t, uint32_t hash) { return t->buckets + (uint64_t)(hash >> t->shift) * WAYS; }
static inline struct flow6_entry *flow6_second(const struct flow6_table *t, uint32_t hash) { return t->buckets + (uint64_t)((hash * 0x9E3779B1u) >> t->shift) * WAYS; }
static inline uint64_t flow_key_of(const uint64_t *value) { return value[-WAYS]; }
static inline struct flow6_entry *flow6_entry_of(uint64_t *value) { return (struct flow6_entry *)(value - 3); }

static inline uint64_t flow_key(uint32_t address, uint16_t port, uint32_t service) { return address | (uint64_t)port << 32 | (uint64_t)service << 48; }
static inline uint64_t flow6_rest(uint16_t port, uint32_t service) { return (uint64_t)port << 32 | (uint64_t)service << 48; }
static inline uint32_t flow_hash(uint32_t salt, uint64_t key) { return (uint32_t)_mm_crc32_u64(salt, key & 0xFFFFFFFFFFFFULL); }
static inline uint32_t flow6_hash(uint32_t salt, uint64_t high, uint64_t low, uint16_t port)
{
    return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(_mm_crc32_u64(salt, high), low), port);
}

static inline uint32_t flow_match(const uint64_t *bucket, uint64_t key)
{
    __m256i equal = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)bucket), _mm256_set1_epi64x((long long)key));
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal));
}

static inline uint64_t *flow_find(const struct flow_table *t, uint32_t hash, uint64_t key)
{
    uint64_t *bucket = flow_first(t, hash);
    uint32_t match = flow_match(bucket, key);
    if (match == 0) {
        bucket = flow_second(t, hash);
        match = flow_match(bucket, key);
    }
    return match == 0 ? NULL : bucket + WAYS + __builtin_ctz(match);
}

static inline struct flow6_entry *flow6_find_in(struct flow6_entry *bucket, uint64_t high, uint64_t low, uint64_t rest)
{
    for (int way = 0; way < WAYS; way++) {
        if (bucket[way].rest == rest && bucket[way].low == low && bucket[way].high == high) {
            return bucket + way;
        }
    }
    return NULL;
}

static inline struct flow6_entry *flow6_find(const struct flow6_table *t, uint32_t hash, uint64_t high, uint64_t low, uint64_t rest)
{
    struct flow6_entry *entry = flow6_find_in(flow6_first(t, hash), high, low, rest);
    return entry != NULL ? entry : flow6_find_in(flow6_second(t, hash), high, low, rest);
}

/* A port's place among those of its worker. */
static inline uint32_t port_index(const struct local_ports *p, uint32_t port) { return (uint32_t)(port * p->inverse >> 32); }

/* Values: bits 0-11 last hop, 4-31 deadline in ms (a multiple of 256), 32-51 server slot, 52-59 incarnation, 60-63 state. */
static inline uint32_t value_last_hop(uint64_t v) { return (uint32_t)v & (LAST_HOPS - 1); }
static inline uint32_t value_server(uint64_t v) { return (uint32_t)(v >> 32) & 0xFFFFF; }
static inline uint8_t value_incarnation(uint64_t v) { return (uint8_t)(v >> 52); }
static inline uint32_t value_state(uint64_t v) { return (uint32_t)(v >> 60); }
static inline int value_expired(uint64_t v, uint32_t now) { return (int32_t)((uint32_t)v - (now << 4)) < 0; }
static inline uint64_t value_with(uint64_t v, uint32_t state, uint32_t deadline) { return (v & 0x0FFFFFFF00000FFFULL) | (uint64_t)state << 60 | (deadline << 4); }
static inline uint64_t value_pack(uint32_t server, uint8_t incarnation, uint32_t state, uint32_t deadline)
{
    return (deadline << 4) | (uint64_t)server << 32 | (uint64_t)incarnation << 52 | (uint64_t)state << 60;
}
static inline uint32_t deadline_ms(const struct engine *e, uint32_t timeouts, uint32_t state) { return (e->now_ms + e->timeout_ms[timeouts * TIMEOUTS + state] + 256) & ~255u; }

static inline int state_active(uint32_t state) { return state - FLOW_SYN_RECEIVED <= FLOW_ESTABLISHED - FLOW_SYN_RECEIVED; }
static inline uint32_t *count_of(struct server_counters *c, uint32_t state) { return state_active(state) ? &c->active : &c->inactive; }
static inline void flow_remove(struct flow_table *t, uint64_t *value) { value[-WAYS] = 0; *value = 0; t->count--; }
static inline void flow6_remove(struct flow6_table *t, struct flow6_entry *entry) { entry->rest = 0; entry->value = 0; t->count--; }

static inline void count_change(struct server_counters *c, uint32_t before, uint32_t after) { --*count_of(c, before); ++*count_of(c, after); }
static inline void count_leave(struct engine *e, uint64_t value)
{
    struct server_counters *c = e->server_counters + value_server(value);
    if (value_server(value) < SERVERS_LIMIT && c->incarnation == value_incarnation(value)) {
        --*count_of(c, value_state(value));
        e->service_counters[c->service].connections--;
    }
}

static inline void last_hop_leave(struct engine *e, uint64_t value)
{
    if (value_last_hop(value) != 0) {
        e->last_hop_uses[value_last_hop(value)]--;
    }
}
static inline uint64_t last_hop_pack(uint64_t mac, int port, uint32_t vlan) { return mac | (uint64_t)port << 48 | (uint64_t)vlan << 52; }

static inline uint32_t word_slot(uint32_t word) { return word >> 16 & 0x7FF; }
