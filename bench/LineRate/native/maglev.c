#include "maglev.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY 0xFFFF

uint64_t bench_mix64(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t set_turns(const struct maglev_member *members, uint32_t count, uint32_t *turns, uint32_t size)
{
    uint64_t sum = 0, divisor = 0, round_max = size / 4 > count ? size / 4 : count;
    for (uint32_t i = 0; i < count; i++) {
        divisor = gcd(divisor, members[i].weight);
    }
    for (uint32_t i = 0; i < count; i++) {
        turns[i] = divisor == 0 ? 0 : members[i].weight / (uint32_t)divisor;
        sum += turns[i];
    }
    for (uint32_t i = 0; sum > round_max && i < count; i++) {
        uint32_t scaled = (uint32_t)(turns[i] * round_max / sum);
        turns[i] = turns[i] == 0 ? 0 : scaled > 1 ? scaled : 1;
    }
    return sum;
}

static void fill(const uint32_t *turns, uint32_t *position, const uint32_t *skip, uint32_t count, uint16_t *table, uint32_t size)
{
    memset(table, 0xFF, size * sizeof(*table));
    for (uint32_t filled = 0;;) {
        for (uint32_t member = 0; member < count; member++) {
            for (uint32_t turn = 0; turn < turns[member]; turn++) {
                uint32_t at = position[member], step = skip[member];
                while (table[at] != EMPTY) {
                    at = at + step >= size ? at + step - size : at + step;
                }
                table[at] = (uint16_t)member;
                position[member] = at;
                if (++filled == size) {
                    return;
                }
            }
        }
    }
}

int32_t bench_maglev_build(const struct maglev_member *members, uint32_t count, uint16_t *table, uint32_t size)
{
    uint32_t *turns = malloc(3 * (size_t)count * sizeof(*turns));
    if (turns == NULL || set_turns(members, count, turns, size) == 0) {
        free(turns);
        return -1;
    }
    uint32_t *position = turns + count, *skip = position + count;
    for (uint32_t i = 0; i < count; i++) {
        position[i] = (uint32_t)(bench_mix64(members[i].identity) % size);
        skip[i] = (uint32_t)(bench_mix64(members[i].identity ^ 0x9E3779B97F4A7C15ULL) % (size - 1)) + 1;
    }
    fill(turns, position, skip, count, table, size);
    free(turns);
    return 0;
}
