/* Encapsulation in IPv4, as Tunnel and TunnelHeader of the engine: IPIP and GUE without checksum. */
#include "checksum.h"
#include "flows.h"

#include <rte_byteorder.h>

#define ETHERNET 14
#define GUE_BYTES 4
#define UDP_BYTES 8

static uint32_t decrement_ttl4(uint8_t *ip)
{
    store16(ip + 10, checksum_fold((uint16_t)~load16(ip + 10) + 0xFFFEULL));
    return --ip[8];
}

static void shift(struct burst *b, int i, int bytes)
{
    uint8_t *old = (uint8_t *)b->frame[i], *frame = old - bytes;
    if (b->l3_offset[i] != ETHERNET) {
        store32(frame + 12, load32(old + 12));
    }
    store16(frame + b->l3_offset[i] - 2, 0x0008);
    b->frame[i] = (uint64_t)frame;
    b->length[i] += (uint32_t)bytes;
    b->moved |= 1u << i;
}

static __rte_noinline void gue(uint8_t *inner, uint32_t ip_bytes, const struct target *target, uint32_t hash, uint32_t protocol)
{
    uint8_t *udp = inner - GUE_BYTES - UDP_BYTES;
    store16(udp, rte_cpu_to_be_16((uint16_t)(0xC000 | (hash & 0x3FFF))));
    store16(udp + 2, target->port);
    store32(udp + 4, rte_cpu_to_be_16((uint16_t)(ip_bytes + GUE_BYTES + UDP_BYTES)));
    store32(udp + UDP_BYTES, protocol << 8);
}

static void outer4(uint8_t *ip, const struct target *target, uint32_t total, uint32_t ds, uint32_t id_and_flags, uint32_t ttl_and_protocol)
{
    uint32_t first = 0x45 | ds << 8 | (uint32_t)rte_cpu_to_be_16((uint16_t)total) << 16;
    uint64_t sum = (uint64_t)target->header_sum + (first & 0xFFFF) + (first >> 16) + (id_and_flags & 0xFFFF) + (id_and_flags >> 16) + ttl_and_protocol;
    store32(ip, first);
    store32(ip + 4, id_and_flags);
    store32(ip + 8, ttl_and_protocol | (uint32_t)checksum_fold(sum) << 16);
    store32(ip + 12, (uint32_t)target->source_high);
    store32(ip + 16, (uint32_t)target->address_high);
}

void tunnel_encapsulate(struct engine *e, struct burst *b, int i, const struct target *target, uint32_t ip_bytes)
{
    uint8_t *inner = (uint8_t *)b->frame[i] + b->l3_offset[i];
    int inner4 = inner[0] >> 4 == 4;
    uint32_t ds = inner4 ? inner[1] : (uint32_t)((inner[0] << 4) | (inner[1] >> 4)) & 0xFF;
    ds = (ds & 3) == 3 ? (ds & ~3u) | 2 : ds; /* RFC 3168: congestion is told by the inner header alone */
    uint32_t ttl = inner4 ? decrement_ttl4(inner) : --inner[7];
    uint32_t dont_fragment = inner4 ? load16(inner + 6) & 0x0040u : 0;
    uint32_t protocol = inner4 ? 4 : 41;
    int between = target->encapsulation == ENCAPSULATION_GUE ? UDP_BYTES + GUE_BYTES : 0;
    shift(b, i, 20 + between);
    if (between != 0) {
        gue(inner, ip_bytes, target, b->hash[i], protocol);
        protocol = UDP;
    }
    outer4(inner - between - 20, target, ip_bytes + (uint32_t)between + 20, ds, rte_cpu_to_be_16(++e->tunnel_id) | dont_fragment << 16, ttl | protocol << 8);
}
