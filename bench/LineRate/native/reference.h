/*
 * The reference: the dataplane's work in plain C, for all methods over IPv4 and IPv6. Same stages, checks, counters, table
 * layouts and prefetches as src/Dataplane/Engine and src/Dataplane/Host/Workers, so that the ratio of the two says what
 * the language costs. Left out are SCTP, fragments, ICMP errors, NAT64 and GRE; the tests for them are there.
 */
#pragma once
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#define BURST_MAX 32
#define WAYS 4
#define STATE_COUNT 16
#define FLAG_COUNT 32
#define DIRECTIONS 3
#define STATE_TABLE (STATE_COUNT * FLAG_COUNT)
#define TIMEOUTS 32 /* of a set */
#define SERVERS_LIMIT 131072
#define DROP_REASONS 64
#define LAST_HOPS 4096
#define TCP 6
#define UDP 17

enum verdict { VERDICT_NONE, VERDICT_FORWARD, VERDICT_PUNT, VERDICT_WAIT, VERDICT_DROP, VERDICT_REFUSE };
enum flow_state { FLOW_NONE, FLOW_SYN_RECEIVED, FLOW_ESTABLISHED, FLOW_FIN_WAIT, FLOW_CLOSE, FLOW_UDP, FLOW_TIME_WAIT, FLOW_CLOSE_WAIT };
enum direction { CLIENT_ALONE, CLIENT, SERVER };
enum path { PATH_IPV4 = 4, PATH_IPV6 = 6, PATH_VERSION = 0xF, PATH_REPLY = 0x80, PATH_ERROR = 0x40, PATH_SOURCE = 0x20 };
enum encapsulation { ENCAPSULATION_IPIP, ENCAPSULATION_GUE };
enum local_kind { LOCAL_NONE, LOCAL_OWN, LOCAL_VIP, LOCAL_SOURCE };
enum service_flag { SERVICE_SYN_ONLY = 1, SERVICE_KEEP = 2, SERVICE_REJECT = 4 };
enum drop_reason {
    DROP_NONE, DROP_TRUNCATED, DROP_NOT_OUR_MAC, DROP_IP_VERSION, DROP_IPV4_HEADER, DROP_IP_LENGTH, DROP_IPV4_CHECKSUM,
    DROP_L4_HEADER, DROP_FRAGMENT, DROP_PROTOCOL, DROP_NO_SERVICE, DROP_NO_SERVER, DROP_TOO_BIG, DROP_TX_FULL,
    DROP_PUNT_RING_FULL, DROP_NEIGHBOUR, DROP_MULTI_SEGMENT, DROP_NO_SNAPSHOT, DROP_VIP_NOT_OWNED, DROP_NO_DESTINATION,
    DROP_NOT_SYN, DROP_FLOW_TABLE_FULL, DROP_LAST_HOPS_FULL, DROP_NO_LOCAL_PORT, DROP_TTL_EXPIRED, DROP_NO_SESSION,
};

struct service_key { uint64_t value; uint32_t service, reserved; };      /* also of servers */
struct service_key6 { uint64_t high, low, rest; uint32_t service, reserved; };
struct service {
    uint32_t maglev_first, maglev_size, members_first, members_count, hash_salt;
    uint8_t valid, scheduler, protocol, ip_version;
    uint16_t port, vrrp_group;
    uint8_t two_way, flags, timeouts, reserved;
    uint32_t pool_first, pool_count;
    uint64_t vip_high, vip_low;
    uint32_t connections_max;
};
struct server {
    uint32_t next_hop;
    uint16_t service, vlan;
    uint8_t incarnation, valid, method, port;
    uint16_t weight, mtu;
    uint32_t target;
    uint8_t timeouts, state_table;
    uint16_t reserved;
    uint32_t upper_threshold, lower_threshold;
};
struct target {
    uint64_t address_high, address_low, source_high, source_low;
    uint16_t port;
    uint8_t ip_version, encapsulation;
    uint16_t header_sum, address_delta, transport_delta;
    uint8_t checksum, reserved[21];
};
struct source { uint64_t high, low; uint8_t ip_version, valid, incarnation, reserved[13]; };
struct local_address { uint32_t address; uint16_t interface; uint8_t kind, reserved; uint16_t vrrp_group, source; };
struct local_address6 { uint64_t high, low; uint16_t interface; uint8_t kind, reserved; uint16_t vrrp_group, source; };
struct server_counters { uint64_t packets, bytes; uint32_t connections, active, inactive; uint8_t incarnation, reserved; uint16_t service; };
struct source_counters { uint64_t exhausted; uint32_t ports_in_use, reserved; };
struct service_counters { uint64_t refused; uint32_t connections, reserved; };
struct counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, forwarded_packets, forwarded_bytes, reply_packets, reply_bytes, punted, queued, injected;
    uint64_t flow_hits, flows_created, flows_expired, flows_rescheduled, flows_reused, flow_table_full, flows_midstream;
    uint64_t turns, idle_turns, flows, flows6, heartbeat, drops[DROP_REASONS];
};
struct flow_table { uint64_t *buckets; int shift; uint32_t bucket_count, count; };
struct flow6_entry { uint64_t high, low, rest, value; };
struct flow6_table { struct flow6_entry *buckets; int shift; uint32_t bucket_count, count; };

/* Local ports of FullNAT, as LocalPorts of the engine: ports by flow, and flows by port. */
struct local_ports {
    uint32_t *words4, *words6; /* by place in the flow tables: port 0-15, source 16-26, incarnation 27-31 */
    uint32_t *flows;           /* by space and port: place + 1 */
    uint16_t *free;            /* by space: a ring of free ports */
    uint32_t *first, *count;   /* by space */
    uint32_t spaces, ports_per_space, workers, in_use;
    uint64_t inverse; /* 2^32 / workers, rounded up: divides a port without dividing */
    uint64_t seed;
};

/* Two free ports of a space change places, counted from the first one. */
static inline void ports_swap(struct local_ports *p, uint32_t space, uint32_t one, uint32_t other)
{
    uint16_t *free = p->free + space * p->ports_per_space;
    uint32_t a = p->first[space] + one, b = p->first[space] + other;
    a -= a >= p->ports_per_space ? p->ports_per_space : 0;
    b -= b >= p->ports_per_space ? p->ports_per_space : 0;
    uint16_t port = free[a];
    free[a] = free[b];
    free[b] = port;
}

static inline uint32_t ports_random(struct local_ports *p, uint32_t below)
{
    uint64_t z = p->seed += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return (uint32_t)((((z ^ (z >> 31)) >> 32) * below) >> 32);
}

struct burst {
    int count, ingress;
    uint32_t moved, fragments;
    uint64_t packet[BURST_MAX], frame[BURST_MAX];
    uint32_t length[BURST_MAX];
    uint16_t vlan[BURST_MAX];
    uint8_t checksum_bad[BURST_MAX], verdict[BURST_MAX], reason[BURST_MAX], l3_offset[BURST_MAX], tcp_flags[BURST_MAX], path[BURST_MAX];
    uint16_t service[BURST_MAX];
    uint32_t hash[BURST_MAX];
    uint64_t key[BURST_MAX];
    uint16_t l4_offset[BURST_MAX];
    uint64_t *flow[BURST_MAX];
    uint32_t server[BURST_MAX];
    uint8_t egress[BURST_MAX];
    uint32_t next_hop[BURST_MAX];
    uint8_t missed[BURST_MAX];
};

struct engine {
    uint64_t *leases;                 /* by VRRP group: owned until, ns */
    uint64_t now_ns;
    struct service_key *service_keys, *server_keys;
    struct service_key6 *service_keys6, *server_keys6;
    int service_keys_log2, server_keys_log2, service_keys6_log2, server_keys6_log2;
    struct service *services;
    uint32_t *members;
    struct server *servers;
    uint32_t server_count, source_count;
    struct target *targets;
    struct source *sources;
    uint16_t *maglev, *pool_members;
    struct local_address *locals;
    struct local_address6 *locals6;
    int locals_log2, locals6_log2;
    struct flow_table flows;
    struct flow6_table flows6;
    struct local_ports ports;
    uint64_t *neighbours;
    struct counters *counters;
    struct server_counters *server_counters;
    struct source_counters *source_counters;
    struct service_counters *service_counters;
    uint32_t *other_connections;
    uint32_t worker_index, uses_hand_over;
    uint32_t now_ms, sweep_bucket, sweep_bucket6, sweep_owed, sweep_owed6, sweep_ms;
    uint16_t tunnel_id;
    uint32_t timeout_ms[TIMEOUTS];
    uint8_t next_state[DIRECTIONS * STATE_TABLE];
    uint16_t port_mtu[16];
    uint64_t last_hop[LAST_HOPS];
    uint32_t last_hop_uses[LAST_HOPS];
    uint64_t port_mac[16];
};

static inline uint32_t table_slot(uint64_t key, int log2) { return (uint32_t)((key * 0x9E3779B97F4A7C15ULL) >> (64 - log2)); }
static inline uint64_t fold(uint64_t high, uint64_t low, uint64_t rest) { return ((high ^ (rest * 0xD6E8FEB86659FD93ULL)) * 0xFF51AFD7ED558CCDULL) ^ low; }
static inline uint16_t load16(const uint8_t *p) { return *(const unaligned_uint16_t *)p; }
static inline uint32_t load32(const uint8_t *p) { return *(const unaligned_uint32_t *)p; }
static inline uint64_t load64(const uint8_t *p) { return *(const unaligned_uint64_t *)p; }
static inline void store16(uint8_t *p, uint16_t v) { *(unaligned_uint16_t *)p = v; }
static inline void store32(uint8_t *p, uint32_t v) { *(unaligned_uint32_t *)p = v; }
static inline void store64(uint8_t *p, uint64_t v) { *(unaligned_uint64_t *)p = v; }

static inline void drop(struct burst *burst, int i, enum drop_reason reason)
{
    burst->verdict[i] = VERDICT_DROP;
    burst->reason[i] = (uint8_t)reason;
}

static inline void refuse(struct burst *burst, int i, enum drop_reason reason, uint32_t mtu)
{
    burst->verdict[i] = VERDICT_REFUSE;
    burst->reason[i] = (uint8_t)reason;
    burst->next_hop[i] = mtu;
}

static inline int owns(const struct engine *e, uint32_t group) { return group == 0 || __atomic_load_n(&e->leases[group], __ATOMIC_ACQUIRE) > e->now_ns; }

uint8_t flow_next_state(enum direction direction, uint8_t state, uint8_t flags);
void flow_states_fill(uint8_t *table);
void stage_classify(struct engine *engine, struct burst *burst);
void stage_select(struct engine *engine, struct burst *burst);
void stage_rewrite(struct engine *engine, struct burst *burst);
void flow_sweep(struct engine *engine);

/* Replies of servers behind NAT: whether it is one, and its flow. */
int known_reply4(struct engine *engine, struct burst *burst, int i, const uint8_t *ip, const uint8_t *l4);
int known_reply6(struct engine *engine, struct burst *burst, int i, const uint8_t *ip, const uint8_t *l4, uint8_t protocol);
void known_select(struct engine *engine, struct burst *burst, int i);
const struct local_address *find_local(const struct engine *engine, uint32_t address);
const struct local_address6 *find_local6(const struct engine *engine, uint64_t high, uint64_t low);

uint32_t ports_find(struct engine *engine, uint64_t *flow, int ip_version);
uint32_t ports_take(struct engine *engine, uint64_t *flow, int ip_version, const struct service *service, uint32_t hash);
void ports_leave(struct engine *engine, uint64_t *flow, int ip_version);
uint64_t *ports_flow(struct engine *engine, uint32_t slot, uint8_t protocol, uint32_t port);
int last_hop_change(struct engine *engine, uint64_t *value, uint64_t hop);

/* Rewriting beside direct routing. */
void rewrite_other(struct engine *engine, struct burst *burst, int count);
void tunnel_encapsulate(struct engine *engine, struct burst *burst, int i, const struct target *target, uint32_t ip_bytes);
void retag(struct burst *burst, int i, uint16_t vlan);

/* Tables of one service with 16 servers, by the same hashes as the dataplane's snapshot. */
struct setup { uint64_t flows; int tcp, ip_version, method, encapsulation; };
void tables_make(struct engine *engine, const struct setup *setup);
