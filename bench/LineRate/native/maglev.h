/* Maglev tables in C: the algorithm of Forwarder.Abi's MaglevTable, for comparison and for the reference. */
#pragma once
#include <stdint.h>

struct maglev_member {
    uint64_t identity;
    uint32_t weight;
};

uint64_t bench_mix64(uint64_t value);

/* Fills size entries (a prime) with indexes into members. Returns 0, or -1 if there is no memory or no weight. */
int32_t bench_maglev_build(const struct maglev_member *members, uint32_t count, uint16_t *table, uint32_t size);
