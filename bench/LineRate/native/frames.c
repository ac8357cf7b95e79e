#define _GNU_SOURCE
#include "frames.h"
#include "checksum.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define ZIPF_LENGTH (1u << 22)
#define ETHERNET 14

static uint64_t seed = 0x9E3779B97F4A7C15ULL;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static uint64_t random64(void) /* SplitMix64: the same order in every run */
{
    return mix(seed += 0x9E3779B97F4A7C15ULL);
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

struct layout frames_layout(int ip_version, int tcp)
{
    uint16_t l4 = ETHERNET + (ip_version == 4 ? 20 : 40), payload = (uint16_t)(l4 + (tcp ? 20 : 8));
    return (struct layout){
        .bytes = payload + 4 < 60 ? 60 : (uint16_t)(payload + 4), .source = ip_version == 4 ? 26 : 34, .destination = ip_version == 4 ? 30 : 50,
        .ports = l4, .ip_checksum = 24, .l4_checksum = (uint16_t)(l4 + (tcp ? 16 : 6)), .tag = payload,
        .ip_version = (uint8_t)ip_version, .protocol = tcp ? 6 : 17,
    };
}

uint32_t frames_tag(uint32_t address, uint16_t port)
{
    return (uint32_t)mix(address | (uint64_t)port << 32);
}

/* Sums of a template in which everything is right but what words hold. */
struct sums {
    uint64_t ip, l4;
};

static struct sums sums_of(const uint8_t *frame, const struct layout *layout)
{
    int l4_bytes = layout->bytes - layout->ports;
    return (struct sums){
        .ip = layout->ip_version == 4 ? checksum_sum(frame + ETHERNET, 20, 0) : 0,
        .l4 = checksum_sum(frame + layout->ports, l4_bytes, checksum_pseudo(frame + ETHERNET, l4_bytes, layout->protocol)),
    };
}

/* Flow n: up to 16 ports per address, as clients behind one address have them. */
static void set_flow(struct words *flow, uint32_t n, const struct sums *sums)
{
    flow->source = rte_cpu_to_be_32(CLIENT_BASE + (n % 4096) + ((n / (4096u * 16)) << 12));
    flow->source_port = rte_cpu_to_be_16((uint16_t)(1024 + (n / 4096) % 16 * 4001));
    flow->destination = VIP_ADDRESS;
    flow->destination_port = VIP_PORT;
    flow->tag = frames_tag(flow->source, flow->source_port);
    flow->ip_checksum = checksum_fold(sums->ip + flow->source + (uint64_t)flow->destination);
    flow->l4_checksum = checksum_fold_udp(sums->l4 + flow->source + flow->destination + flow->source_port + flow->destination_port + (uint64_t)flow->tag);
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

struct words *frames_order(const struct layout *layout, uint64_t flows, enum order order, uint8_t tcp_flags, uint64_t *length)
{
    uint8_t template[FRAME_ROOM];
    frames_template(template, layout, 0, tcp_flags);
    frames_prefix(template, layout->source, layout, SUBNET_CLIENTS);
    frames_prefix(template, layout->destination, layout, SUBNET_VIP);
    struct sums sums = sums_of(template, layout);
    *length = order == ORDER_ZIPF ? ZIPF_LENGTH : flows;
    uint32_t *numbers = permutation(flows);
    struct words *result = numbers == NULL ? NULL : map(*length * sizeof(*result));
    for (uint64_t i = 0; result != NULL && i < *length; i++) {
        set_flow(&result[i], numbers[order == ORDER_ZIPF ? zipf_rank(flows) : i], &sums);
    }
    if (numbers != NULL) {
        munmap(numbers, flows * sizeof(*numbers));
    }
    return result;
}

void frames_template(uint8_t *frame, const struct layout *layout, uint64_t destination_mac, uint8_t tcp_flags)
{
    uint64_t source = CLIENT_MAC;
    memset(frame, 0, FRAME_ROOM);
    memcpy(frame, &destination_mac, 6);
    memcpy(frame + 6, &source, 6);
    uint8_t *ip = frame + ETHERNET, *l4 = frame + layout->ports;
    uint16_t l4_bytes = rte_cpu_to_be_16(layout->bytes - layout->ports);
    if (layout->ip_version == 4) {
        uint16_t bytes = rte_cpu_to_be_16(layout->bytes - ETHERNET);
        frame[12] = 0x08;
        ip[0] = 0x45;
        memcpy(ip + 2, &bytes, 2);
        ip[8] = 64;
        ip[9] = layout->protocol;
    } else {
        frame[12] = 0x86;
        frame[13] = 0xDD;
        ip[0] = 0x60;
        memcpy(ip + 4, &l4_bytes, 2);
        ip[6] = layout->protocol;
        ip[7] = 64;
    }
    if (layout->protocol == 6) {
        l4[12] = 5 << 4;
        l4[13] = tcp_flags;
    } else {
        memcpy(l4 + 4, &l4_bytes, 2);
    }
}

void frames_prefix(uint8_t *frame, uint16_t word_offset, const struct layout *layout, enum subnet subnet)
{
    uint64_t high = subnet_high(subnet);
    if (layout->ip_version == 6) {
        memcpy(frame + word_offset - 12, &high, sizeof(high));
        memset(frame + word_offset - 4, 0, 4);
    }
}
