/* The reference's worker loop and start, as Worker and Launcher of the dataplane. */
#include "bench_port.h"
#include "flows.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#define TX_ROOM 64
#define CLOCK_TURNS 16

struct tx { int count; struct rte_mbuf *packets[TX_ROOM]; };

static struct worker {
    struct engine engine;
    struct burst burst;
    uint64_t accepted, snapshot_word;
    uint32_t stop, turns_since_clock, idle_turns;
    int port_count;
    uint16_t ports[16];
    struct rte_ring *to_housekeeping, *from_housekeeping;
    struct tx tx[16];
    int free_count;
    struct rte_mbuf *free[BURST_MAX];
} w __rte_cache_aligned;

static void read_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    w.turns_since_clock = 0;
    w.engine.now_ms = (uint32_t)((uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000);
    w.engine.counters->heartbeat++;
}

static void lose(struct rte_mbuf *packet, enum drop_reason reason)
{
    w.engine.counters->drops[reason]++;
    w.free[w.free_count++] = packet;
}

static inline void settle(void)
{
    if (w.free_count != 0) {
        rte_pktmbuf_free_bulk(w.free, (unsigned int)w.free_count);
        w.free_count = 0;
    }
}

static __rte_noinline int sort_out(void)
{
    struct burst *b = &w.burst;
    int kept = 0;
    for (int i = 0; i < b->count; i++) {
        struct rte_mbuf *m = (struct rte_mbuf *)b->packet[i];
        if (w.snapshot_word == 0 || m->nb_segs > 1) {
            lose(m, w.snapshot_word == 0 ? DROP_NO_SNAPSHOT : DROP_MULTI_SEGMENT);
            continue;
        }
        b->packet[kept] = b->packet[i];
        b->frame[kept] = b->frame[i];
        b->length[kept] = b->length[i];
        b->checksum_bad[kept] = b->checksum_bad[i];
        kept++;
    }
    settle();
    b->count = kept;
    return kept;
}

static inline int receive(int port)
{
    struct burst *b = &w.burst;
    int count = rte_eth_rx_burst(w.ports[port], 0, (struct rte_mbuf **)b->packet, BURST_MAX);
    if (count == 0) {
        return 0;
    }
    uint64_t bytes = 0;
    uint32_t odd = 0;
    for (int i = 0; i < count; i++) {
        struct rte_mbuf *m = (struct rte_mbuf *)b->packet[i];
        uint8_t *frame = (uint8_t *)m->buf_addr + m->data_off;
        rte_prefetch0(frame);
        b->frame[i] = (uint64_t)frame;
        b->length[i] = m->data_len;
        b->checksum_bad[i] = (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD;
        odd |= (uint32_t)m->nb_segs >> 1;
        bytes += m->data_len;
    }
    b->count = count;
    b->ingress = port;
    b->moved = 0;
    w.engine.counters->rx_packets += (uint32_t)count;
    w.engine.counters->rx_bytes += bytes;
    return odd != 0 || w.snapshot_word == 0 ? sort_out() : count;
}

static __rte_noinline void flush(int port)
{
    struct tx *tx = &w.tx[port];
    uint64_t bytes = 0;
    for (int i = 0; i < tx->count; i++) {
        bytes += tx->packets[i]->data_len;
    }
    int count = tx->count, sent = rte_eth_tx_burst(w.ports[port], 0, tx->packets, (uint16_t)count);
    tx->count = 0;
    if (sent < count) {
        for (int i = sent; i < count; i++) {
            bytes -= tx->packets[i]->data_len;
        }
        rte_pktmbuf_free_bulk(tx->packets + sent, (unsigned int)(count - sent));
        w.engine.counters->drops[DROP_TX_FULL] += (uint32_t)(count - sent);
    }
    w.engine.counters->tx_packets += (uint32_t)sent;
    w.engine.counters->tx_bytes += bytes;
}

static inline void enqueue(int port, struct rte_mbuf *packet)
{
    if (w.tx[port].count == TX_ROOM) {
        flush(port);
    }
    w.tx[port].packets[w.tx[port].count++] = packet;
}

static __rte_noinline void dispatch_other(int i)
{
    struct rte_mbuf *m = (struct rte_mbuf *)w.burst.packet[i];
    enum verdict verdict = w.burst.verdict[i];
    if (verdict == VERDICT_DROP || verdict == VERDICT_REFUSE) {
        lose(m, w.burst.reason[i]);
    } else if (rte_ring_sp_enqueue(w.to_housekeeping, m) != 0) {
        lose(m, verdict == VERDICT_PUNT ? DROP_PUNT_RING_FULL : DROP_NEIGHBOUR);
    } else if (verdict == VERDICT_PUNT) {
        w.engine.counters->punted++;
    } else {
        w.engine.counters->queued++;
    }
}

static __rte_noinline void tell_mbufs(void)
{
    for (int i = 0; i < w.burst.count; i++) {
        if (w.burst.moved & 1u << i) {
            struct rte_mbuf *m = (struct rte_mbuf *)w.burst.packet[i];
            m->data_off = (uint16_t)(w.burst.frame[i] - (uint64_t)m->buf_addr);
            m->data_len = (uint16_t)w.burst.length[i];
            m->pkt_len = w.burst.length[i];
        }
    }
}

static inline void dispatch(void)
{
    if (w.burst.moved != 0) {
        tell_mbufs();
    }
    for (int i = 0; i < w.burst.count; i++) {
        if (w.burst.verdict[i] == VERDICT_FORWARD) {
            enqueue(w.burst.egress[i], (struct rte_mbuf *)w.burst.packet[i]);
        } else {
            dispatch_other(i);
        }
    }
}

static int inject(void)
{
    int count = 0;
    void *packet;
    while (count < 32 && rte_ring_sc_dequeue(w.from_housekeeping, &packet) == 0) {
        enqueue(0, packet);
        count++;
    }
    w.engine.counters->injected += (uint32_t)count;
    return count;
}

static void run_once(void)
{
    uint64_t word = __atomic_load_n(&w.accepted, __ATOMIC_ACQUIRE);
    if (word != w.snapshot_word) {
        w.snapshot_word = word;
    }
    if (++w.turns_since_clock >= CLOCK_TURNS || w.idle_turns != 0) {
        read_clock();
        if (w.engine.now_ms != w.engine.sweep_ms || (w.engine.sweep_owed | w.engine.sweep_owed6) != 0) {
            flow_sweep(&w.engine);
        }
    }
    int received = 0;
    for (int port = 0; port < w.port_count; port++) {
        int count = receive(port);
        if (count == 0) {
            continue;
        }
        received += count;
        stage_classify(&w.engine, &w.burst);
        stage_select(&w.engine, &w.burst);
        stage_rewrite(&w.engine, &w.burst);
        dispatch();
        settle();
    }
    received += inject();
    for (int port = 0; port < w.port_count; port++) {
        if (w.tx[port].count != 0) {
            flush(port);
        }
    }
    w.engine.counters->turns++;
    w.idle_turns = received != 0 ? 0 : w.idle_turns + 1;
    w.engine.counters->idle_turns += received == 0;
}

static int loop(void *unused)
{
    (void)unused;
    read_clock();
    w.engine.sweep_ms = w.engine.now_ms;
    while (__atomic_load_n(&w.stop, __ATOMIC_ACQUIRE) == 0) {
        run_once();
    }
    return 0;
}

/* Flows that have been taken into the table, for the generator's result. */
__attribute__((visibility("default"))) uint64_t bench_flows_created(void)
{
    return w.engine.counters->flows_created;
}

static struct setup read_setup(int argc, char **argv)
{
    static const char *const methods[] = { "dr", "ipip", "gue", "nat", "fullnat" };
    static const uint8_t numbers[] = { METHOD_DR, METHOD_TUNNEL, METHOD_TUNNEL, METHOD_NAT, METHOD_FULLNAT };
    struct setup setup = { .flows = 65536, .ip_version = 4 };
    for (int i = 1; i + 1 < argc; i++) {
        const char *value = argv[i + 1];
        setup.flows = strcmp(argv[i], "--flows") == 0 ? strtoull(value, NULL, 10) : setup.flows;
        setup.tcp = strcmp(argv[i], "--proto") == 0 ? strcmp(value, "tcp") == 0 : setup.tcp;
        setup.ip_version = strcmp(argv[i], "--ip") == 0 ? atoi(value) : setup.ip_version;
        for (int m = 0; m < 5 && strcmp(argv[i], "--method") == 0; m++) {
            if (strcmp(value, methods[m]) == 0) {
                setup.method = numbers[m];
                setup.encapsulation = strcmp(value, "gue") == 0 ? ENCAPSULATION_GUE : ENCAPSULATION_IPIP;
            }
        }
    }
    return setup;
}

int main(int argc, char **argv)
{
    if (bench_port_start(argc, argv, 16384) != 0) {
        return 1;
    }
    struct setup setup = read_setup(argc, argv);
    struct rte_ether_addr mac;
    rte_eth_macaddr_get(0, &mac);
    memcpy(&w.engine.port_mac[0], mac.addr_bytes, sizeof(mac));
    tables_make(&w.engine, &setup);
    w.to_housekeeping = rte_ring_create("to", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    w.from_housekeeping = rte_ring_create("from", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    w.accepted = 1;
    w.port_count = 1;
    rte_eal_remote_launch(loop, NULL, 1);
    rte_eal_wait_lcore(1);
    return 0;
}
