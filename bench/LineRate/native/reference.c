/* The reference's worker loop and start, as Worker and Launcher of the dataplane. */
#include "bench_port.h"
#include "flows.h"
#include "frames.h"
#include "maglev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#define SERVERS 16
#define MAGLEV_SIZE 65537
#define TX_ROOM 64
#define CLOCK_TURNS 16
#define REACHABLE 2ULL

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

static __rte_noinline int refuse(void)
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
    return odd != 0 || w.snapshot_word == 0 ? refuse() : count;
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
    if (verdict == VERDICT_DROP) {
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
        if (w.engine.now_ms != w.engine.sweep_ms) {
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

static void *zeroed(uint64_t bytes)
{
    void *memory = rte_zmalloc(NULL, bytes, 64);
    if (memory == NULL) {
        fprintf(stderr, "reference: no memory for %llu bytes\n", (unsigned long long)bytes);
        exit(1);
    }
    return memory;
}

/* One service, 16 servers, by the same hashes as the dataplane's snapshot, so that flows go to the same servers. */
static void make_tables(uint64_t flows, int tcp)
{
    struct engine *e = &w.engine;
    uint8_t protocol = tcp ? 6 : 17;
    uint64_t key = VIP_ADDRESS | (uint64_t)VIP_PORT << 32 | (uint64_t)protocol << 48;
    struct maglev_member members[SERVERS];
    e->service_keys_log2 = e->locals_log2 = 2;
    e->service_keys = zeroed(4 * sizeof(*e->service_keys));
    e->service_keys[table_slot(key, 2)] = (struct service_key){ .value = key, .service = 1 };
    e->locals = zeroed(4 * sizeof(*e->locals));
    e->locals[table_slot(VIP_ADDRESS, 2)] = (struct local_address){ .address = VIP_ADDRESS, .interface = 0xFFFF, .kind = 2 };
    e->services = zeroed(2 * sizeof(*e->services));
    e->servers = zeroed((SERVERS + 1) * sizeof(*e->servers));
    e->members = zeroed(SERVERS * sizeof(*e->members));
    e->maglev = zeroed(MAGLEV_SIZE * sizeof(*e->maglev));
    e->neighbours = zeroed((SERVERS + 1) * sizeof(*e->neighbours));
    e->server_counters = zeroed((SERVERS + 1) * sizeof(*e->server_counters));
    e->counters = zeroed(sizeof(*e->counters));
    e->server_count = SERVERS + 1;
    e->services[1] = (struct service){ .maglev_size = MAGLEV_SIZE, .members_count = SERVERS, .valid = 1, .protocol = protocol, .ip_version = 4,
        .hash_salt = (uint32_t)bench_mix64(VIP_ADDRESS ^ VIP_PORT ^ protocol), .port = VIP_PORT, .vip_high = VIP_ADDRESS };
    for (uint32_t i = 0; i < SERVERS; i++) {
        uint64_t address = 0x000112C6ULL | (uint64_t)(i + 1) << 24; /* 198.18.1.1 and up */
        members[i] = (struct maglev_member){ .identity = bench_mix64(address), .weight = 1 };
        e->members[i] = i + 1;
        e->servers[i + 1] = (struct server){ .next_hop = i + 1, .service = 1, .incarnation = 1, .valid = 1, .weight = 1, .mtu = 1500 };
        e->neighbours[i + 1] = SERVER_MAC_BASE | (uint64_t)(i + 1) << 40 | REACHABLE << 48;
    }
    if (bench_maglev_build(members, SERVERS, e->maglev, MAGLEV_SIZE) != 0) {
        exit(1);
    }
    uint32_t buckets = 2;
    while (buckets < flows * 2 / WAYS) {
        buckets *= 2;
    }
    e->flows = (struct flow_table){ zeroed(buckets * 64ULL), 32 - __builtin_ctz(buckets), buckets, 0 };
    e->flows6 = (struct flow6_table){ zeroed(buckets * 128ULL), buckets, 0 };
}

static void make_states(void)
{
    struct engine *e = &w.engine;
    uint32_t timeouts[] = { 0, 60000, 900000, 120000, 10000, 300000 };
    memcpy(e->timeout_ms, timeouts, sizeof(timeouts));
    for (int state = 0; state < STATE_COUNT; state++) {
        for (int flags = 0; flags < FLAG_COUNT; flags++) {
            int again = (flags & 0x02) != 0 && state_reusable((uint32_t)state);
            e->next_state[state * FLAG_COUNT + flags] = again ? FLOW_NONE : flow_next_state((uint8_t)state, (uint8_t)flags);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t flows = 65536;
    int tcp = 0;
    for (int i = 1; i + 1 < argc; i++) {
        flows = strcmp(argv[i], "--flows") == 0 ? strtoull(argv[i + 1], NULL, 10) : flows;
        tcp = strcmp(argv[i], "--proto") == 0 ? strcmp(argv[i + 1], "tcp") == 0 : tcp;
    }
    if (bench_port_start(argc, argv, 16384) != 0) {
        return 1;
    }
    struct rte_ether_addr mac;
    rte_eth_macaddr_get(0, &mac);
    memcpy(&w.engine.port_mac[0], mac.addr_bytes, sizeof(mac));
    make_tables(flows, tcp);
    make_states();
    w.to_housekeeping = rte_ring_create("to", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    w.from_housekeeping = rte_ring_create("from", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    w.accepted = 1;
    w.port_count = 1;
    rte_eal_remote_launch(loop, NULL, 1);
    rte_eal_wait_lcore(1);
    return 0;
}
