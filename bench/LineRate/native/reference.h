/*
 * The reference: the dataplane's work for direct routing over IPv4 in plain C. Same stages, checks, counters, table
 * layouts and prefetches as src/Dataplane/Engine and src/Dataplane/Host/Workers, so that the ratio of the two says what
 * the language costs. IPv6 packets are not worked on (they are punted); the test for them is there.
 */
#pragma once
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#define BURST_MAX 32
#define WAYS 4
#define STATE_COUNT 8
#define FLAG_COUNT 32
#define SERVERS_LIMIT 131072
#define DROP_REASONS 64

enum verdict { VERDICT_NONE, VERDICT_FORWARD, VERDICT_PUNT, VERDICT_WAIT, VERDICT_DROP };
enum flow_state { FLOW_NONE, FLOW_SYN_RECEIVED, FLOW_ESTABLISHED, FLOW_FIN_WAIT, FLOW_CLOSE, FLOW_UDP };
enum drop_reason {
    DROP_NONE, DROP_TRUNCATED, DROP_NOT_OUR_MAC, DROP_IP_VERSION, DROP_IPV4_HEADER, DROP_IP_LENGTH, DROP_IPV4_CHECKSUM,
    DROP_L4_HEADER, DROP_FRAGMENT, DROP_PROTOCOL, DROP_NO_SERVICE, DROP_NO_SERVER, DROP_TOO_BIG, DROP_TX_FULL,
    DROP_PUNT_RING_FULL, DROP_NEIGHBOUR, DROP_MULTI_SEGMENT, DROP_NO_SNAPSHOT, DROP_VIP_NOT_OWNED,
};

struct service_key { uint64_t value; uint32_t service, reserved; };
struct service {
    uint32_t maglev_first, maglev_size, members_first, members_count, hash_salt;
    uint8_t valid, scheduler, protocol, ip_version;
    uint16_t port, vrrp_group;
    uint32_t reserved2;
    uint64_t vip_high, vip_low;
};
struct server {
    uint32_t next_hop;
    uint16_t service, vlan;
    uint8_t incarnation, valid, method, port;
    uint16_t weight, mtu;
    uint64_t reserved, reserved2;
};
struct local_address { uint32_t address; uint16_t interface; uint8_t kind, reserved; };
struct server_counters { uint64_t packets, bytes; uint32_t connections, active, inactive, incarnation; };
struct counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, forwarded_packets, forwarded_bytes, punted, queued, injected;
    uint64_t flow_hits, flows_created, flows_expired, flows_rescheduled, flows_reused, flow_table_full, flows_midstream;
    uint64_t turns, idle_turns, flows, heartbeat, drops[DROP_REASONS];
};
struct flow_table { uint64_t *buckets; int shift; uint32_t bucket_count, count; };
struct flow6_entry { uint64_t high, low, rest, value; };
struct flow6_table { struct flow6_entry *buckets; uint32_t bucket_count, count; };

struct burst {
    int count, ingress;
    uint32_t moved;
    uint64_t packet[BURST_MAX], frame[BURST_MAX];
    uint32_t length[BURST_MAX];
    uint16_t vlan[BURST_MAX];
    uint8_t checksum_bad[BURST_MAX], verdict[BURST_MAX], reason[BURST_MAX], l3_offset[BURST_MAX], tcp_flags[BURST_MAX], ip_version[BURST_MAX];
    uint16_t service[BURST_MAX];
    uint32_t hash[BURST_MAX];
    uint64_t key[BURST_MAX];
    uint32_t server[BURST_MAX];
    uint8_t egress[BURST_MAX];
    uint32_t next_hop[BURST_MAX];
    uint8_t missed[BURST_MAX];
};

struct engine {
    uint64_t *leases;                 /* by VRRP group: owned until, ns */
    uint64_t now_ns;
    struct service_key *service_keys;
    int service_keys_log2;
    struct service *services;
    uint32_t *members;
    struct server *servers;
    uint32_t server_count;
    uint16_t *maglev;
    struct local_address *locals;
    int locals_log2;
    struct flow_table flows;
    struct flow6_table flows6;
    uint64_t *neighbours;
    struct counters *counters;
    struct server_counters *server_counters;
    uint32_t now_ms, sweep_bucket, sweep_bucket6, sweep_ms;
    uint32_t timeout_ms[STATE_COUNT];
    uint8_t next_state[STATE_COUNT * FLAG_COUNT];
    uint64_t port_mac[16];
};

static inline uint32_t table_slot(uint64_t key, int log2)
{
    return (uint32_t)((key * 0x9E3779B97F4A7C15ULL) >> (64 - log2));
}

static inline void drop(struct burst *burst, int i, enum drop_reason reason)
{
    burst->verdict[i] = VERDICT_DROP;
    burst->reason[i] = (uint8_t)reason;
}

uint8_t flow_next_state(uint8_t state, uint8_t flags);
void stage_classify(struct engine *engine, struct burst *burst);
void stage_select(struct engine *engine, struct burst *burst);
void stage_rewrite(struct engine *engine, struct burst *burst);
void flow_sweep(struct engine *engine);
