/* The flow table of the reference: buckets of one cache line, four keys and four values; two-choice. */
#pragma once
#include "reference.h"

#include <immintrin.h>

static inline uint64_t *flow_first(const struct flow_table *t, uint32_t hash) { return t->buckets + (uint64_t)(hash >> t->shift) * 8; }
static inline uint64_t *flow_second(const struct flow_table *t, uint32_t hash) { return t->buckets + (uint64_t)((hash * 0x9E3779B1u) >> t->shift) * 8; }

static inline uint32_t flow_match(const uint64_t *bucket, uint64_t key)
{
    __m256i equal = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)bucket), _mm256_set1_epi64x((long long)key));
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal));
}

/* Values: bits 0-31 deadline in ms, 32-51 server slot, 52-59 incarnation, 60-63 state. */
static inline uint32_t value_server(uint64_t v) { return (uint32_t)(v >> 32) & 0xFFFFF; }
static inline uint8_t value_incarnation(uint64_t v) { return (uint8_t)(v >> 52); }
static inline uint32_t value_state(uint64_t v) { return (uint32_t)(v >> 60); }
static inline int value_expired(uint64_t v, uint32_t now) { return (int32_t)((uint32_t)v - now) < 0; }
static inline uint64_t value_with(uint64_t v, uint32_t state, uint32_t deadline) { return (v & 0x0FFFFFFF00000000ULL) | (uint64_t)state << 60 | deadline; }
static inline uint64_t value_pack(uint32_t server, uint8_t incarnation, uint32_t state, uint32_t deadline)
{
    return deadline | (uint64_t)server << 32 | (uint64_t)incarnation << 52 | (uint64_t)state << 60;
}
static inline uint32_t deadline_ms(const struct engine *e, uint32_t state) { return (e->now_ms + e->timeout_ms[state] + 256) & ~255u; }

static inline int state_active(uint32_t state) { return state == FLOW_ESTABLISHED || state == FLOW_UDP; }
static inline int state_reusable(uint32_t state) { return state == FLOW_FIN_WAIT || state == FLOW_CLOSE; }
static inline uint32_t *count_of(struct server_counters *c, uint32_t state) { return state_active(state) ? &c->active : &c->inactive; }
static inline void flow_remove(struct flow_table *t, uint64_t *value) { value[-WAYS] = 0; *value = 0; t->count--; }

static inline void count_leave(struct server_counters *servers, uint64_t value)
{
    struct server_counters *c = servers + value_server(value);
    if (value_server(value) < SERVERS_LIMIT && c->incarnation == value_incarnation(value)) {
        --*count_of(c, value_state(value));
    }
}
