/*
 * Preloaded into a DPDK program (LD_PRELOAD): makes port 0 (net_null) a traffic generator and sink within the worker's
 * own thread, by DPDK's public Rx and Tx callbacks, and measures what a packet costs in TSC cycles.
 *
 * A frame is written when the port gives out its mbuf, and delivered FIFO packets later: by then it has left the L1
 * cache, as behind a NIC's ring. Time is cut into slices; a slice in which the thread did not have the CPU (CPU time
 * against wall time) does not count; measuring ends with enough good slices or after some seconds. All slices are
 * written as JSON to a file (cycles, own cycles, CPU share), for the harness to judge; then the process ends.
 *
 * FORWARDER_BENCH="out=FILE,flows=N,order=random|zipf,proto=udp|tcp,expect=io|macswap|5tswap|dr,slices=N,seconds=N"
 */
#define _GNU_SOURCE
#include "frames.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#define FIFO 1024             /* packets in flight; a power of two */
#define SLICE (1u << 14)      /* packets of a slice: shorter than a time slice of the scheduler */
#define SLICES_MAX 65536
#define SHARE_MIN 0.97        /* CPU time / wall time of a good slice */
#define ARP_MAX 64            /* replies that wait to be delivered */
#define SETTLE_PACKETS (1u << 18)

enum expect { EXPECT_IO, EXPECT_MACSWAP, EXPECT_5TSWAP, EXPECT_DR };
static const char *const expect_names[] = { "io", "macswap", "5tswap", "dr" };

struct slice {
    uint64_t cycles, own, cpu_ns, wall_ns;
};

static struct {
    char out[512];
    uint64_t flows, slices_wanted;
    double seconds;
    enum order order;
    enum expect expect;
    int tcp;
} config = { .flows = 1024, .slices_wanted = 1000, .seconds = 4 };

static struct {
    uint8_t template[FRAME_ROOM] __rte_aligned(64);
    struct flow *order;
    uint64_t order_length, order_at;
    struct rte_mbuf *fifo[FIFO];
    uint32_t fifo_at;
    int started;
    uint64_t port_mac;
    uint64_t own;                     /* cycles in callbacks since the last boundary */
    uint64_t sent, boundary;          /* IPv4 packets sent; when something happens next */
    uint64_t warm, digest_from, digest, wrong, verified, servers_seen;
    uint64_t slice_tsc, slice_cpu_ns, slice_wall_ns, slice_count, good_count, deadline_tsc;
    int measuring;
    struct slice slices[SLICES_MAX];
    uint8_t arp[ARP_MAX][FRAME_ROOM];
    uint32_t arp_count;
} g;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

static uint64_t mac_at(const uint8_t *bytes)
{
    uint64_t mac;
    memcpy(&mac, bytes, sizeof(mac));
    return mac & 0xFFFFFFFFFFFFULL;
}

/* A real neighbour answers ARP; the director under test asks for its servers. */
static void answer_arp(const uint8_t *frame)
{
    const struct rte_arp_hdr *request = (const struct rte_arp_hdr *)(frame + 14);
    if (request->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || g.arp_count == ARP_MAX ||
        request->arp_data.arp_tip == request->arp_data.arp_sip) {
        return;
    }
    uint8_t *reply = g.arp[g.arp_count++];
    uint64_t mac = SERVER_MAC_BASE | ((uint64_t)(rte_be_to_cpu_32(request->arp_data.arp_tip) & 0xFF) << 40);
    memcpy(reply, frame, FRAME_BYTES);
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, &mac, 6);
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(reply + 14);
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tha = request->arp_data.arp_sha;
    arp->arp_data.arp_tip = request->arp_data.arp_sip;
    arp->arp_data.arp_sip = request->arp_data.arp_tip;
    memcpy(arp->arp_data.arp_sha.addr_bytes, &mac, 6);
}

static int is_right(const uint8_t *frame)
{
    uint64_t destination = mac_at(frame), source = mac_at(frame + 6);
    uint32_t to, from;
    memcpy(&from, frame + 26, sizeof(from));
    memcpy(&to, frame + 30, sizeof(to));
    switch (config.expect) {
    case EXPECT_IO:
        return destination == g.port_mac && source == CLIENT_MAC && to == VIP_ADDRESS;
    case EXPECT_MACSWAP:
        return destination == CLIENT_MAC && source == g.port_mac && to == VIP_ADDRESS;
    case EXPECT_5TSWAP:
        return destination == CLIENT_MAC && source == g.port_mac && from == VIP_ADDRESS;
    default:
        return (destination & SERVER_MAC_MASK & ~0ULL) == SERVER_MAC_BASE && destination >> 40 >= 1 &&
               destination >> 40 <= SERVERS_MAX && source == g.port_mac && to == VIP_ADDRESS;
    }
}

/* Which server each flow went to, in one number that does not depend on the order: programs that do the same work agree. */
static void digest(const uint8_t *frame)
{
    uint32_t address;
    uint16_t port;
    memcpy(&address, frame + 26, sizeof(address));
    memcpy(&port, frame + 34, sizeof(port));
    uint64_t server = mac_at(frame) >> 40;
    uint64_t z = address | (uint64_t)port << 32 | server << 48;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    g.digest += z ^ (z >> 31);
    g.servers_seen |= 1ULL << (server & 63);
}

static inline void write_frame(struct rte_mbuf *m)
{
    uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
    const struct flow *flow = &g.order[g.order_at];
    g.order_at = g.order_at + 1 == g.order_length ? 0 : g.order_at + 1;
    memcpy(data, g.template, FRAME_ROOM);
    memcpy(data + 24, &flow->checksum, 2);
    memcpy(data + 26, &flow->address, 4);
    memcpy(data + 34, &flow->port, 2);
    m->hash.rss = flow->address ^ flow->port;
    m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | (config.tcp ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP);
    m->ol_flags = RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

static void fail(const char *what)
{
    fprintf(stderr, "generator: %s\n", what);
    _exit(3);
}

static void write_result(void)
{
    char temporary[600];
    snprintf(temporary, sizeof(temporary), "%s.tmp", config.out);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) {
        fail("the result cannot be written");
    }
    fprintf(file,
            "{\"tscHz\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"slicePackets\":%u,\"verified\":%" PRIu64 ",\"wrong\":%" PRIu64
            ",\"digest\":\"%016" PRIx64 "\",\"serversSeen\":%d,\"slices\":[",
            rte_get_tsc_hz(), config.flows, SLICE, g.verified, g.wrong, g.digest,
            __builtin_popcountll(g.servers_seen));
    for (uint64_t i = 0; i < g.slice_count; i++) {
        const struct slice *s = &g.slices[i];
        fprintf(file, "%s[%.4f,%.4f,%.4f]", i == 0 ? "" : ",", (double)s->cycles / SLICE, (double)s->own / SLICE,
                (double)s->cpu_ns / (double)s->wall_ns);
    }
    fprintf(file, "]}\n");
    fclose(file);
    rename(temporary, config.out);
    _exit(0);
}

/* The end of the warm-up, of the flows' roll call, or of a slice. */
static __rte_noinline void at_boundary(void)
{
    uint64_t now = rte_rdtsc(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
    if (g.measuring) {
        struct slice slice = { now - g.slice_tsc, g.own, cpu - g.slice_cpu_ns, wall - g.slice_wall_ns };
        g.slices[g.slice_count++] = slice;
        g.good_count += (double)slice.cpu_ns >= SHARE_MIN * (double)slice.wall_ns;
        if (g.good_count == config.slices_wanted || g.slice_count == SLICES_MAX || now > g.deadline_tsc) {
            write_result();
        }
    } else {
        g.measuring = 1;
        g.deadline_tsc = now + (uint64_t)(config.seconds * (double)rte_get_tsc_hz());
    }
    g.slice_cpu_ns = cpu;
    g.slice_wall_ns = wall;
    g.own = 0;
    g.boundary = g.sent + SLICE;
    g.slice_tsc = rte_rdtsc();
}

static void start(struct rte_mempool *pool)
{
    g.started = 1;
    if (rte_pktmbuf_alloc_bulk(pool, g.fifo, FIFO) != 0) {
        fail("the pool has too few mbufs for the packets in flight");
    }
    for (int i = 0; i < FIFO; i++) {
        g.fifo[i]->data_len = FRAME_BYTES;
        g.fifo[i]->pkt_len = FRAME_BYTES;
        write_frame(g.fifo[i]);
    }
}

static uint16_t on_receive(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count, uint16_t max, void *user)
{
    (void)port, (void)queue, (void)max, (void)user;
    uint64_t begin = rte_rdtsc();
    if (!g.started && count != 0) {
        start(packets[0]->pool);
    }
    for (uint16_t i = 0; i < count; i++) {
        struct rte_mbuf *m = packets[i];
        write_frame(m);
        packets[i] = g.fifo[g.fifo_at];
        g.fifo[g.fifo_at] = m;
        g.fifo_at = (g.fifo_at + 1) & (FIFO - 1);
    }
    for (uint16_t i = 0; g.arp_count != 0 && i < count; i++) {
        memcpy(rte_pktmbuf_mtod(packets[i], void *), g.arp[--g.arp_count], FRAME_BYTES);
    }
    g.own += rte_rdtsc() - begin;
    if (g.sent >= g.boundary) {
        at_boundary();
    }
    return count;
}

static void check_all(struct rte_mbuf **packets, uint16_t count)
{
    for (uint16_t i = 0; i < count && g.sent + i < g.digest_from + g.order_length; i++) {
        const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
        g.verified++;
        g.wrong += !is_right(frame);
        if (g.sent + i >= g.digest_from) {
            digest(frame);
        }
    }
}

static uint16_t on_send(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count, void *user)
{
    (void)port, (void)queue, (void)user;
    uint64_t begin = rte_rdtsc();
    uint16_t data = count;
    /* What the director itself sends lies behind what it forwards: only the last frame of a burst has to be looked at. */
    while (data != 0) {
        const uint8_t *frame = rte_pktmbuf_mtod(packets[data - 1], const uint8_t *);
        if (frame[12] == 0x08 && frame[13] == 0x00) {
            g.wrong += !is_right(frame);
            g.verified++;
            break;
        }
        if (frame[12] == 0x08 && frame[13] == 0x06) {
            answer_arp(frame);
        }
        data--;
    }
    if (!g.measuring && g.sent + data > g.digest_from && g.sent < g.digest_from + g.order_length) {
        check_all(packets, data);
    }
    g.sent += data;
    g.own += rte_rdtsc() - begin;
    return count;
}

static void read_option(const char *name, const char *value)
{
    if (strcmp(name, "out") == 0) {
        snprintf(config.out, sizeof(config.out), "%s", value);
    } else if (strcmp(name, "flows") == 0) {
        config.flows = strtoull(value, NULL, 10);
    } else if (strcmp(name, "slices") == 0) {
        config.slices_wanted = strtoull(value, NULL, 10);
    } else if (strcmp(name, "seconds") == 0) {
        config.seconds = atof(value);
    } else if (strcmp(name, "order") == 0) {
        config.order = strcmp(value, "zipf") == 0 ? ORDER_ZIPF : ORDER_RANDOM;
    } else if (strcmp(name, "proto") == 0) {
        config.tcp = strcmp(value, "tcp") == 0;
    } else if (strcmp(name, "expect") == 0) {
        for (int i = 0; i < 4; i++) {
            config.expect = strcmp(value, expect_names[i]) == 0 ? (enum expect)i : config.expect;
        }
    } else {
        fail("FORWARDER_BENCH has an unknown option");
    }
}

static void read_config(void)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s", getenv("FORWARDER_BENCH") != NULL ? getenv("FORWARDER_BENCH") : "");
    char *rest = text;
    for (char *option = strsep(&rest, ","); option != NULL && *option != '\0'; option = strsep(&rest, ",")) {
        char *value = strchr(option, '=');
        if (value == NULL) {
            fail("FORWARDER_BENCH: options are name=value");
        }
        *value = '\0';
        read_option(option, value + 1);
    }
    if (config.out[0] == '\0' || config.flows == 0 || config.slices_wanted == 0 || config.slices_wanted > SLICES_MAX) {
        fail("FORWARDER_BENCH needs out=FILE, flows >= 1, slices 1 to 65536");
    }
}

/* Replaces DPDK's function of the same name. */
int rte_eth_dev_start(uint16_t port)
{
    int (*next)(uint16_t) = (int (*)(uint16_t))dlsym(RTLD_NEXT, "rte_eth_dev_start");
    struct rte_ether_addr mac;
    if (next == NULL || port != 0) {
        return next == NULL ? -1 : next(port);
    }
    read_config();
    rte_eth_macaddr_get(port, &mac);
    memcpy(&g.port_mac, mac.addr_bytes, sizeof(mac));
    frames_template(g.template, g.port_mac, config.tcp);
    g.order = frames_order(config.flows, config.order, config.tcp, &g.order_length);
    if (g.order == NULL) {
        fail("no memory for the order of flows");
    }
    /* Two rounds over all flows, then one in which each packet is looked at, then the measurement. */
    g.digest_from = 2 * g.order_length + SETTLE_PACKETS;
    g.boundary = g.digest_from + g.order_length + SETTLE_PACKETS;
    if (rte_eth_add_rx_callback(port, 0, on_receive, NULL) == NULL || rte_eth_add_tx_callback(port, 0, on_send, NULL) == NULL) {
        fail("this DPDK is built without Rx and Tx callbacks");
    }
    return next(port);
}
