/*
 * Preloaded into a DPDK program (LD_PRELOAD): makes port 0 (net_null) a traffic generator and sink within the worker's
 * own thread, by DPDK's public Rx and Tx callbacks, and measures what a packet costs in TSC cycles.
 *
 * A frame is written when the port gives out its mbuf, and delivered FIFO packets later: by then it has left the L1
 * cache, as behind a NIC's ring. With two directions every packet that reached a server comes back as the server's answer:
 * clients' packets and answers are written in turn. Time is cut into slices; a slice in which the thread did not have the
 * CPU (CPU time against wall time) does not count; measuring ends with enough good slices or after some seconds, with new
 * flows when all flows have been sent. All slices are written as JSON to a file (cycles, own cycles, CPU share), for the
 * harness to judge; then the process ends.
 *
 * FORWARDER_BENCH="out=FILE,flows=N,order=random|zipf|new,proto=udp|tcp,ip=4|6,ways=1|2,replies-to=clients|sources,
 *                  expect=io|macswap|5tswap|dr|ipip|gue|nat|fullnat,slices=N,seconds=N"
 */
#define _GNU_SOURCE
#include "neighbours.h"
#include "verify.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#define FIFO 1024             /* packets in flight; a power of two */
#define SLICE (1u << 14)      /* packets of a slice: shorter than a time slice of the scheduler */
#define SLICES_MAX 65536
#define SHARE_MIN 0.97        /* CPU time / wall time of a good slice */
#define ANSWERS_MAX 64        /* of neighbours, that wait to be delivered */
#define REPLIES_MAX 4096      /* servers' answers on their way; a power of two */
#define SETTLE_PACKETS (1u << 18)
#define SETTLE_FLOWS 1024     /* flows before the new ones */

struct slice {
    uint64_t cycles, own, cpu_ns, wall_ns;
};

static struct {
    char out[512];
    uint64_t flows, slices_wanted;
    double seconds;
    enum order order;
    enum subnet replies_to;
    int tcp, ip_version, ways;
} config = { .flows = 1024, .slices_wanted = 1000, .seconds = 4, .ip_version = 4, .ways = 1, .replies_to = SUBNET_CLIENTS };

static struct {
    uint8_t request[FRAME_ROOM] __rte_aligned(64), reply[FRAME_ROOM] __rte_aligned(64);
    struct verifier verifier;
    struct words *order;
    uint64_t order_length, order_at, wrap;   /* flows in turn: those before wrap */
    struct words replies[REPLIES_MAX];
    uint32_t replies_from, replies_to, reply_next;
    uint64_t requests_written, replies_written, requests_max;
    struct rte_mbuf *fifo[FIFO];
    uint32_t fifo_at;
    int started;
    uint64_t own;                     /* cycles in callbacks since the last boundary */
    uint64_t sent, boundary;          /* packets sent; when something happens next */
    uint64_t bursts, check_from, checked, digest, wrong, verified;
    uint64_t slice_tsc, slice_cpu_ns, slice_wall_ns, slice_count, good_count, deadline_tsc;
    int measuring, roll_done;
    struct slice slices[SLICES_MAX];
    struct { uint8_t frame[NEIGHBOUR_ROOM]; uint16_t bytes; } answers[ANSWERS_MAX];
    uint32_t answer_count;
} g;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

/* The server's answer: what came is turned round, and the sums stay right by that. */
static inline void reflect(const uint8_t *frame)
{
    const struct layout *l = &g.verifier.layout;
    if (!verify_is_request(&g.verifier, frame) || g.replies_to - g.replies_from == REPLIES_MAX) {
        return;
    }
    struct words *reply = &g.replies[g.replies_to++ & (REPLIES_MAX - 1)];
    memcpy(&reply->source, frame + l->destination, 4);
    memcpy(&reply->destination, frame + l->source, 4);
    memcpy(&reply->source_port, frame + l->ports + 2, 2);
    memcpy(&reply->destination_port, frame + l->ports, 2);
    memcpy(&reply->ip_checksum, frame + l->ip_checksum, 2);
    memcpy(&reply->l4_checksum, frame + l->l4_checksum, 2);
    memcpy(&reply->tag, frame + l->tag, 4);
}

static inline void write_words(struct rte_mbuf *m, const uint8_t *template, const struct words *words)
{
    const struct layout *l = &g.verifier.layout;
    uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
    memcpy(data, template, 64);
    if (l->ip_version == 6) {
        memcpy(data + 64, template + 64, FRAME_ROOM - 64);
    } else {
        memcpy(data + l->ip_checksum, &words->ip_checksum, 2);
    }
    memcpy(data + l->source, &words->source, 4);
    memcpy(data + l->destination, &words->destination, 4);
    memcpy(data + l->ports, &words->source_port, 4);
    memcpy(data + l->l4_checksum, &words->l4_checksum, 2);
    memcpy(data + l->tag, &words->tag, 4);
    m->data_len = l->bytes;
    m->pkt_len = l->bytes;
    m->hash.rss = words->source ^ words->source_port;
    m->packet_type = RTE_PTYPE_L2_ETHER | (l->ip_version == 4 ? RTE_PTYPE_L3_IPV4 : RTE_PTYPE_L3_IPV6) | (config.tcp ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP);
    m->ol_flags = RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

static inline void write_frame(struct rte_mbuf *m)
{
    if (g.reply_next && g.replies_from != g.replies_to) {
        const struct words *reply = &g.replies[g.replies_from++ & (REPLIES_MAX - 1)];
        write_words(m, g.reply, reply);
        rte_pktmbuf_mtod(m, uint8_t *)[11] = (uint8_t)(reply->source >> 24); /* the server's MAC */
        g.replies_written++;
        g.reply_next = 0;
        return;
    }
    write_words(m, g.request, &g.order[g.order_at]);
    g.order_at = g.order_at + 1 >= g.wrap ? 0 : g.order_at + 1;
    g.requests_written++;
    g.reply_next = config.ways == 2;
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
    /* The reference tells how many flows it has taken in; the dataplane does so in its region. */
    uint64_t (*created)(void) = (uint64_t (*)(void))dlsym(RTLD_DEFAULT, "bench_flows_created");
    fprintf(file,
            "{\"tscHz\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"slicePackets\":%u,\"verified\":%" PRIu64 ",\"wrong\":%" PRIu64
            ",\"checked\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\",\"requests\":%" PRIu64 ",\"replies\":%" PRIu64 ",\"flowsCreated\":%" PRIu64 ",\"slices\":[",
            rte_get_tsc_hz(), config.flows, SLICE, g.verified, g.wrong, g.checked, g.digest, g.requests_written, g.replies_written,
            created != NULL ? created() : 0);
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
        int done = config.order == ORDER_NEW ? g.requests_written + SLICE > g.requests_max : g.good_count == config.slices_wanted || now > g.deadline_tsc;
        if (done || g.slice_count == SLICES_MAX) {
            write_result();
        }
    } else {
        g.measuring = 1;
        g.requests_written = g.replies_written = 0;
        if (config.order == ORDER_NEW) {
            g.order_at = SETTLE_FLOWS;
            g.requests_max = g.order_length - SETTLE_FLOWS;
            g.wrap = g.order_length;
        }
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
    for (uint16_t i = 0; g.answer_count != 0 && i < count; i++) {
        g.answer_count--;
        memcpy(rte_pktmbuf_mtod(packets[i], void *), g.answers[g.answer_count].frame, NEIGHBOUR_ROOM);
        packets[i]->data_len = g.answers[g.answer_count].bytes;
        packets[i]->pkt_len = g.answers[g.answer_count].bytes;
    }
    g.own += rte_rdtsc() - begin;
    if (g.sent >= g.boundary) {
        at_boundary();
    }
    return count;
}

static void verify(const struct rte_mbuf *m)
{
    g.verified++;
    g.wrong += !verify_frame(&g.verifier, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
}

/* The roll call: each packet is looked at, from one of the first flow's on until that flow comes again. */
static __rte_noinline void check_all(struct rte_mbuf **packets, uint16_t count)
{
    for (uint16_t i = 0; i < count && !g.roll_done; i++) {
        const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
        int request = verify_is_request(&g.verifier, frame), first = request && verify_tag(&g.verifier, frame) == g.order[0].tag;
        verify(packets[i]);
        g.roll_done = g.checked != 0 && (config.order == ORDER_ZIPF ? g.checked == g.wrap : first);
        if (!g.roll_done && request && (g.checked != 0 || first)) {
            g.digest += verify_digest(&g.verifier, frame);
            g.checked++;
        }
    }
}

static void answer(const uint8_t *frame)
{
    if (g.answer_count < ANSWERS_MAX) {
        g.answers[g.answer_count].bytes = neighbours_answer(frame, g.answers[g.answer_count].frame);
        g.answer_count += g.answers[g.answer_count].bytes != 0;
    }
}

static uint16_t on_send(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count, void *user)
{
    (void)port, (void)queue, (void)user;
    uint64_t begin = rte_rdtsc();
    uint16_t data = count;
    /* What the director itself sends lies behind what it forwards: only the last frame of a burst has to be looked at. */
    for (; data != 0 && neighbours_is_own(rte_pktmbuf_mtod(packets[data - 1], const uint8_t *)); data--) {
        answer(rte_pktmbuf_mtod(packets[data - 1], const uint8_t *));
    }
    if (data != 0) {
        verify(packets[data - 1 - (data > 1 ? g.bursts++ & 1 : 0)]); /* in turn: clients' packets and answers alternate */
    }
    for (uint16_t i = 0; config.ways == 2 && i < data; i++) {
        reflect(rte_pktmbuf_mtod(packets[i], const uint8_t *));
    }
    if (!g.measuring && g.sent >= g.check_from) {
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
        config.order = strcmp(value, "zipf") == 0 ? ORDER_ZIPF : strcmp(value, "new") == 0 ? ORDER_NEW : ORDER_RANDOM;
    } else if (strcmp(name, "proto") == 0) {
        config.tcp = strcmp(value, "tcp") == 0;
    } else if (strcmp(name, "ip") == 0) {
        config.ip_version = atoi(value);
    } else if (strcmp(name, "ways") == 0) {
        config.ways = atoi(value);
    } else if (strcmp(name, "replies-to") == 0) {
        config.replies_to = strcmp(value, "sources") == 0 ? SUBNET_SOURCES : SUBNET_CLIENTS;
    } else if (strcmp(name, "expect") == 0) {
        for (int i = 0; i < EXPECT_COUNT; i++) {
            g.verifier.expect = strcmp(value, expect_names[i]) == 0 ? (enum expect)i : g.verifier.expect;
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
    if (config.order == ORDER_NEW && config.flows <= SETTLE_FLOWS + SLICE) {
        fail("new flows need more flows than those of a slice");
    }
}

static void make_templates(void)
{
    const struct layout *l = &g.verifier.layout;
    /* New connections of TCP begin with SYN; the others are known, or taken up midway. */
    uint8_t tcp_flags = config.order == ORDER_NEW ? 0x02 : 0x10;
    uint64_t server_mac = SERVER_MAC_BASE;
    frames_template(g.request, l, g.verifier.port_mac, tcp_flags);
    frames_prefix(g.request, l->source, l, SUBNET_CLIENTS);
    frames_prefix(g.request, l->destination, l, SUBNET_VIP);
    frames_template(g.reply, l, g.verifier.port_mac, tcp_flags);
    frames_prefix(g.reply, l->source, l, SUBNET_SERVERS);
    frames_prefix(g.reply, l->destination, l, config.replies_to);
    memcpy(g.reply + 6, &server_mac, 6);
    g.reply[14 + (l->ip_version == 4 ? 8 : 7)]--; /* the director took one; so the sum is right, too */
    g.order = frames_order(l, config.flows, config.order, tcp_flags, &g.order_length);
    if (g.order == NULL) {
        fail("no memory for the order of flows");
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
    memcpy(&g.verifier.port_mac, mac.addr_bytes, sizeof(mac));
    g.verifier.layout = frames_layout(config.ip_version, config.tcp);
    make_templates();
    /* Two rounds over all flows, then the roll call, then the measurement. New flows wait until it is over. */
    g.wrap = config.order == ORDER_NEW ? SETTLE_FLOWS : g.order_length;
    uint64_t round = g.wrap * (uint64_t)config.ways;
    g.check_from = 2 * round + SETTLE_PACKETS;
    g.boundary = g.check_from + 2 * round + SETTLE_PACKETS;
    if (rte_eth_add_rx_callback(port, 0, on_receive, NULL) == NULL || rte_eth_add_tx_callback(port, 0, on_send, NULL) == NULL) {
        fail("this DPDK is built without Rx and Tx callbacks");
    }
    return next(port);
}
