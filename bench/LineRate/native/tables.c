/* The reference's tables: one service and 16 servers, as Bench/Director.cs has them in the dataplane's snapshot. */
#include "checksum.h"
#include "flows.h"
#include "maglev.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_malloc.h>

#define SERVERS SERVERS_MAX
#define MAGLEV_SIZE 65537
#define REACHABLE 2ULL
#define LOCALS_LOG2 12
#define KEYS_LOG2 6
#define SOURCES_ROOM 8

static void *zeroed(uint64_t bytes)
{
    void *memory = rte_zmalloc(NULL, bytes, 64);
    if (memory == NULL) {
        fprintf(stderr, "reference: no memory for %llu bytes\n", (unsigned long long)bytes);
        exit(1);
    }
    return memory;
}

/* An address as snapshot and tables have it. */
struct address { uint64_t high, low; };
static struct address address_of(int ip_version, uint32_t word, enum subnet subnet)
{
    return ip_version == 4 ? (struct address){ word, 0 } : (struct address){ subnet_high(subnet), (uint64_t)word << 32 };
}

static struct address numbered(int ip_version, uint32_t base, uint32_t n, enum subnet subnet) { return address_of(ip_version, rte_cpu_to_be_32(base + n), subnet); }

static void add_local(struct engine *e, int ip_version, struct address a, enum local_kind kind, uint16_t source)
{
    uint32_t mask = (1u << LOCALS_LOG2) - 1;
    if (ip_version == 4) {
        uint32_t at = table_slot(a.high, LOCALS_LOG2);
        for (; e->locals[at].kind != LOCAL_NONE; at = (at + 1) & mask) { }
        e->locals[at] = (struct local_address){ .address = (uint32_t)a.high, .interface = 0xFFFF, .kind = kind, .source = source };
        return;
    }
    uint32_t at = table_slot(fold(a.high, a.low, 0), LOCALS_LOG2);
    for (; e->locals6[at].kind != LOCAL_NONE; at = (at + 1) & mask) { }
    e->locals6[at] = (struct local_address6){ .high = a.high, .low = a.low, .interface = 0xFFFF, .kind = kind, .source = source };
}

/* Keys of services and servers alike. */
static void add_key(struct service_key *keys, struct service_key6 *keys6, int ip_version, struct address a, uint16_t port, uint8_t protocol, uint32_t number)
{
    uint64_t rest = (uint64_t)port << 32 | (uint64_t)protocol << 48;
    uint32_t mask = (1u << KEYS_LOG2) - 1;
    if (ip_version == 4) {
        uint32_t at = table_slot(a.high | rest, KEYS_LOG2);
        for (; keys[at].value != 0; at = (at + 1) & mask) { }
        keys[at] = (struct service_key){ .value = a.high | rest, .service = number };
        return;
    }
    uint32_t at = table_slot(fold(a.high, a.low, rest), KEYS_LOG2);
    for (; keys6[at].rest != 0; at = (at + 1) & mask) { }
    keys6[at] = (struct service_key6){ .high = a.high, .low = a.low, .rest = rest, .service = number };
}

static uint16_t folded(uint64_t sum) { return (uint16_t)~checksum_fold(sum); }
static uint64_t words(uint64_t v) { return (v & 0xFFFF) + (v >> 16 & 0xFFFF) + (v >> 32 & 0xFFFF) + (v >> 48); }

static struct target make_target(const struct setup *setup, struct address server, struct address vip)
{
    if (setup->method == METHOD_TUNNEL) {
        struct address outer = { OWN_ADDRESS, 0 };
        return (struct target){ .address_high = server.high, .source_high = outer.high, .ip_version = 4, .encapsulation = (uint8_t)setup->encapsulation,
            .port = setup->encapsulation == ENCAPSULATION_GUE ? GUE_PORT : 0, .header_sum = folded(words(server.high) + words(outer.high)) };
    }
    uint64_t delta = words(server.high) + words(server.low) + words(~vip.high) + words(~vip.low);
    return (struct target){ .address_high = server.high, .address_low = server.low, .ip_version = (uint8_t)setup->ip_version, .port = SERVER_PORT,
        .address_delta = folded(delta), .transport_delta = folded(delta + SERVER_PORT + (uint16_t)~VIP_PORT) };
}

static void make_flows(struct engine *e, uint64_t flows)
{
    uint32_t buckets = 2;
    while (buckets < flows * 2 / WAYS) {
        buckets *= 2;
    }
    int shift = 32 - __builtin_ctz(buckets);
    e->flows = (struct flow_table){ zeroed(buckets * 64ULL), shift, buckets, 0 };
    e->flows6 = (struct flow6_table){ zeroed(buckets * 128ULL), shift, buckets, 0 };
}

static void make_ports(struct engine *e, uint32_t sources)
{
    struct local_ports *p = &e->ports;
    *p = (struct local_ports){ .spaces = sources * 2, .ports_per_space = 65536 + 1, .workers = 1, .inverse = 1ULL << 32, .seed = 1 };
    p->words4 = zeroed(e->flows.bucket_count * 4ULL * WAYS);
    p->words6 = zeroed(e->flows6.bucket_count * 4ULL * WAYS);
    p->flows = zeroed(4ULL * p->spaces * p->ports_per_space);
    p->free = zeroed(2ULL * p->spaces * p->ports_per_space);
    p->first = zeroed(4ULL * p->spaces);
    p->count = zeroed(4ULL * p->spaces);
    for (uint32_t space = 0; space < p->spaces; space++) {
        for (uint32_t port = SOURCE_PORT_MIN; port <= 0xFFFF; port++) {
            p->free[space * p->ports_per_space + p->count[space]++] = (uint16_t)port;
        }
        for (uint32_t n = p->count[space]; n > 1; n--) {
            ports_swap(p, space, n - 1, ports_random(p, n));
        }
    }
}

static void make_sources(struct engine *e, const struct setup *setup, uint32_t count)
{
    e->source_count = count + 1;
    e->sources = zeroed((count + 1) * sizeof(*e->sources));
    e->pool_members = zeroed((count + 1) * sizeof(*e->pool_members));
    e->source_counters = zeroed((count + 1) * sizeof(*e->source_counters));
    for (uint32_t n = 1; n <= count; n++) {
        struct address a = numbered(setup->ip_version, SOURCE_BASE, n - 1, SUBNET_SOURCES);
        e->sources[n] = (struct source){ .high = a.high, .low = a.low, .ip_version = (uint8_t)setup->ip_version, .valid = 1, .incarnation = 1 };
        e->pool_members[n - 1] = (uint16_t)n;
        add_local(e, setup->ip_version, a, LOCAL_SOURCE, (uint16_t)n);
    }
}

static void allocate(struct engine *e)
{
    e->locals_log2 = e->locals6_log2 = LOCALS_LOG2;
    e->locals = zeroed(sizeof(*e->locals) << LOCALS_LOG2);
    e->locals6 = zeroed(sizeof(*e->locals6) << LOCALS_LOG2);
    e->service_keys_log2 = e->server_keys_log2 = e->service_keys6_log2 = e->server_keys6_log2 = KEYS_LOG2;
    e->service_keys = zeroed(sizeof(*e->service_keys) << KEYS_LOG2);
    e->server_keys = zeroed(sizeof(*e->server_keys) << KEYS_LOG2);
    e->service_keys6 = zeroed(sizeof(*e->service_keys6) << KEYS_LOG2);
    e->server_keys6 = zeroed(sizeof(*e->server_keys6) << KEYS_LOG2);
    e->services = zeroed(2 * sizeof(*e->services));
    e->service_counters = zeroed(2 * sizeof(*e->service_counters));
    e->servers = zeroed((SERVERS + 1) * sizeof(*e->servers));
    e->targets = zeroed((SERVERS + 1) * sizeof(*e->targets));
    e->members = zeroed(SERVERS * sizeof(*e->members));
    e->maglev = zeroed(MAGLEV_SIZE * sizeof(*e->maglev));
    e->neighbours = zeroed((SERVERS + 1) * sizeof(*e->neighbours));
    e->server_counters = zeroed((SERVERS + 1) * sizeof(*e->server_counters));
    e->other_connections = zeroed((SERVERS + 1) * sizeof(*e->other_connections));
    e->counters = zeroed(sizeof(*e->counters));
}

static void make_servers(struct engine *e, const struct setup *setup, struct address vip, uint8_t protocol)
{
    struct maglev_member members[SERVERS];
    /* A tunnel's outer addresses are IPv4. */
    int ip_version = setup->method == METHOD_TUNNEL ? 4 : setup->ip_version, two_way = setup->method >= METHOD_NAT;
    e->server_count = SERVERS + 1;
    for (uint32_t n = 1; n <= SERVERS; n++) {
        struct address a = numbered(ip_version, SERVER_BASE, n - 1, SUBNET_SERVERS);
        members[n - 1] = (struct maglev_member){ .identity = bench_mix64(rte_cpu_to_be_32(SERVER_BASE + n - 1)), .weight = 1 };
        e->members[n - 1] = n;
        e->servers[n] = (struct server){ .next_hop = n, .service = 1, .incarnation = 1, .valid = 1, .weight = 1, .mtu = 1500 - 32,
            .method = (uint8_t)setup->method, .target = setup->method == METHOD_DR ? 0 : n, .state_table = two_way ? CLIENT : CLIENT_ALONE };
        e->targets[n] = make_target(setup, a, vip);
        e->neighbours[n] = SERVER_MAC_BASE | (uint64_t)n << 40 | REACHABLE << 48;
        if (setup->method == METHOD_NAT) {
            add_key(e->server_keys, e->server_keys6, ip_version, a, SERVER_PORT, protocol, n);
        }
    }
    if (bench_maglev_build(members, SERVERS, e->maglev, MAGLEV_SIZE) != 0) {
        exit(1);
    }
}

void tables_make(struct engine *e, const struct setup *setup)
{
    uint8_t protocol = setup->tcp ? TCP : UDP;
    struct address vip = address_of(setup->ip_version, VIP_ADDRESS, SUBNET_VIP);
    uint32_t timeouts[] = { 0, 60000, 900000, 120000, 10000, 300000, 120000, 60000 };
    uint32_t sources = setup->method == METHOD_FULLNAT ? plan_sources(setup->flows) : 0;
    allocate(e);
    memcpy(e->timeout_ms, timeouts, sizeof(timeouts));
    flow_states_fill(e->next_state);
    e->port_mtu[0] = 1500;
    add_local(e, setup->ip_version, vip, LOCAL_VIP, 0);
    add_key(e->service_keys, e->service_keys6, setup->ip_version, vip, VIP_PORT, protocol, 1);
    e->services[1] = (struct service){ .maglev_size = MAGLEV_SIZE, .members_count = SERVERS, .valid = 1, .protocol = protocol,
        .ip_version = (uint8_t)setup->ip_version, .hash_salt = (uint32_t)bench_mix64(VIP_ADDRESS ^ VIP_PORT ^ protocol), .port = VIP_PORT,
        .vip_high = vip.high, .vip_low = vip.low, .two_way = setup->method >= METHOD_NAT, .pool_count = sources };
    make_servers(e, setup, vip, protocol);
    make_flows(e, setup->flows);
    make_ports(e, sources < SOURCES_ROOM ? SOURCES_ROOM : sources);
    make_sources(e, setup, sources);
}
