#define _GNU_SOURCE
#include "frames.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define ZIPF_LENGTH (1u << 22)

static uint64_t seed = 0x9E3779B97F4A7C15ULL;

static uint64_t random64(void) /* SplitMix64: the same order in every run */
{
    uint64_t z = (seed += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static void *map(uint64_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

/* Flow n: up to 32,768 ports per address, as clients behind one address have them. */
static void set_flow(struct flow *flow, uint32_t n, const uint8_t *template)
{
    struct rte_ipv4_hdr header;
    memcpy(&header, template + 14, sizeof(header));
    header.src_addr = rte_cpu_to_be_32(0x0A000001u + (n % 4096) + ((n / (4096u * 16)) << 12));
    header.hdr_checksum = 0;
    flow->address = header.src_addr;
    flow->port = rte_cpu_to_be_16((uint16_t)(1024 + (n / 4096) % 16 * 4001));
    flow->checksum = rte_ipv4_cksum(&header);
}

static uint32_t *permutation(uint64_t flows)
{
    uint32_t *order = map(flows * sizeof(*order));
    for (uint64_t i = 0; order != NULL && i < flows; i++) {
        uint64_t j = random64() % (i + 1);
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
    return order;
}

/* Rank of a draw from Zipf's law with s = 1, by the inverse of the continuous distribution ln(x) / ln(n + 1). */
static uint64_t zipf_rank(uint64_t flows)
{
    double u = (double)(random64() >> 11) / (double)(1ULL << 53);
    uint64_t rank = (uint64_t)exp(u * log((double)flows + 1.0)) - 1;
    return rank < flows ? rank : flows - 1;
}

struct flow *frames_order(uint64_t flows, enum order order, int tcp, uint64_t *length)
{
    uint8_t template[FRAME_ROOM];
    frames_template(template, 0, tcp);
    *length = order == ORDER_ZIPF ? ZIPF_LENGTH : flows;
    uint32_t *numbers = permutation(flows);
    struct flow *result = numbers == NULL ? NULL : map(*length * sizeof(*result));
    for (uint64_t i = 0; result != NULL && i < *length; i++) {
        set_flow(&result[i], numbers[order == ORDER_ZIPF ? zipf_rank(flows) : i], template);
    }
    if (numbers != NULL) {
        munmap(numbers, flows * sizeof(*numbers));
    }
    return result;
}

void frames_template(uint8_t *frame, uint64_t destination_mac, int tcp)
{
    uint64_t source = CLIENT_MAC;
    memset(frame, 0, FRAME_ROOM);
    memcpy(frame, &destination_mac, 6);
    memcpy(frame + 6, &source, 6);
    frame[12] = 0x08;
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14);
    ip->version_ihl = 0x45;
    ip->total_length = rte_cpu_to_be_16(FRAME_BYTES - 14);
    ip->time_to_live = 64;
    ip->next_proto_id = tcp ? 6 : 17;
    ip->dst_addr = VIP_ADDRESS;
    uint8_t *l4 = frame + 34;
    uint16_t port = VIP_PORT;
    memcpy(l4 + 2, &port, sizeof(port));
    if (tcp) {
        l4[12] = 5 << 4;
        l4[13] = 0x10;
    } else {
        l4[5] = FRAME_BYTES - 34;
    }
}
