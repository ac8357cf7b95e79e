/* The Internet checksum (RFC 1071), as Checksum of the engine. */
#pragma once
#include <stdint.h>
#include <string.h>

/* Sum of 16-bit words as loaded, not yet folded. */
static inline uint64_t checksum_sum(const uint8_t *data, int bytes, uint64_t sum)
{
    for (; bytes >= 4; data += 4, bytes -= 4) {
        uint32_t word;
        memcpy(&word, data, 4);
        sum += word;
    }
    for (; bytes >= 2; data += 2, bytes -= 2) {
        uint16_t word;
        memcpy(&word, data, 2);
        sum += word;
    }
    return bytes == 1 ? sum + *data : sum;
}

static inline uint16_t checksum_fold(uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* UDP: 0 would mean that there is no checksum (RFC 768). */
static inline uint16_t checksum_fold_udp(uint64_t sum)
{
    uint16_t folded = checksum_fold(sum);
    return folded == 0 ? 0xFFFF : folded;
}

/* Sum of the pseudo-header of a packet. */
static inline uint64_t checksum_pseudo(const uint8_t *ip, int l4_bytes, uint8_t protocol)
{
    int v4 = ip[0] >> 4 == 4;
    return checksum_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, (uint64_t)__builtin_bswap16((uint16_t)l4_bytes) + ((uint32_t)protocol << 8));
}
