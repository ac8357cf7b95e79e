/* Local ports and last hops of the reference, as LocalPorts and LastHops of the engine. */
#include "flows.h"
#include "maglev.h"

#include <rte_byteorder.h>

#define PROTOCOLS 2
#define IPV6_FLOW (1u << 31)
#define HOP_WAYS 8
#define SHUFFLED_PORTS 32

static uint32_t space_of(uint32_t slot, uint8_t protocol) { return (slot - 1) * PROTOCOLS + (protocol == TCP ? 0 : 1); }

static uint32_t place_of(const struct engine *e, uint64_t *flow, int ip_version)
{
    if (ip_version == 4) {
        uint64_t word = (uint64_t)(flow - e->flows.buckets);
        return (uint32_t)(word / 8 * WAYS + word % WAYS);
    }
    return (uint32_t)(flow6_entry_of(flow) - e->flows6.buckets) | IPV6_FLOW;
}

static uint32_t *word_of(const struct engine *e, uint64_t *flow, int ip_version)
{
    return (ip_version == 4 ? e->ports.words4 : e->ports.words6) + (place_of(e, flow, ip_version) & ~IPV6_FLOW);
}

static int is_good(const struct engine *e, uint32_t word)
{
    uint32_t slot = word_slot(word);
    return slot < e->source_count && e->sources[slot].valid != 0 && (e->sources[slot].incarnation & 31u) == word >> 27;
}

uint32_t ports_find(struct engine *e, uint64_t *flow, int ip_version)
{
    uint32_t word = *word_of(e, flow, ip_version);
    return word != 0 && is_good(e, word) ? word : 0;
}

uint32_t ports_take(struct engine *e, uint64_t *flow, int ip_version, const struct service *service, uint32_t hash)
{
    struct local_ports *p = &e->ports;
    ports_leave(e, flow, ip_version);
    for (uint32_t n = 0; n < service->pool_count; n++) {
        uint32_t slot = e->pool_members[service->pool_first + (hash + n) % service->pool_count];
        uint32_t space = space_of(slot, service->protocol);
        if (space >= p->spaces || p->count[space] == 0) {
            continue;
        }
        ports_swap(p, space, 0, ports_random(p, p->count[space] < SHUFFLED_PORTS ? p->count[space] : SHUFFLED_PORTS));
        uint16_t port = p->free[space * p->ports_per_space + p->first[space]];
        p->first[space] = p->first[space] + 1 == p->ports_per_space ? 0 : p->first[space] + 1;
        p->count[space]--;
        p->flows[space * p->ports_per_space + port_index(p, port)] = place_of(e, flow, ip_version) + 1;
        uint32_t word = port | slot << 16 | (e->sources[slot].incarnation & 31u) << 27;
        *word_of(e, flow, ip_version) = word;
        e->source_counters[slot].ports_in_use++;
        p->in_use++;
        return word;
    }
    e->source_counters[e->pool_members[service->pool_first]].exhausted++;
    return 0;
}

void ports_leave(struct engine *e, uint64_t *flow, int ip_version)
{
    struct local_ports *p = &e->ports;
    if (p->in_use == 0) {
        return;
    }
    uint32_t *word = word_of(e, flow, ip_version);
    if (*word == 0) {
        return;
    }
    uint32_t place = place_of(e, flow, ip_version) + 1, port = *word & 0xFFFF, slot = word_slot(*word);
    for (uint32_t space = (slot - 1) * PROTOCOLS; space < slot * PROTOCOLS; space++) {
        uint32_t *owner = p->flows + space * p->ports_per_space + port_index(p, port);
        if (*owner == place) {
            *owner = 0;
            p->free[space * p->ports_per_space + (p->first[space] + p->count[space]++) % p->ports_per_space] = (uint16_t)port;
            e->source_counters[slot].ports_in_use--;
            p->in_use--;
            break;
        }
    }
    *word = 0;
}

uint64_t *ports_flow(struct engine *e, uint32_t slot, uint8_t protocol, uint32_t port)
{
    struct local_ports *p = &e->ports;
    uint32_t space = space_of(slot, protocol);
    uint32_t place = space < p->spaces ? p->flows[space * p->ports_per_space + port_index(p, port)] : 0;
    if (place == 0) {
        return NULL;
    }
    place--;
    int ip_version = (place & IPV6_FLOW) == 0 ? 4 : 6;
    uint64_t *flow = ip_version == 4 ? e->flows.buckets + (uint64_t)place / WAYS * 8 + WAYS + place % WAYS : &e->flows6.buckets[place & ~IPV6_FLOW].value;
    return ports_find(e, flow, ip_version) == 0 ? NULL : flow;
}

static uint32_t find_hop(struct engine *e, uint64_t hop)
{
    uint32_t first = (uint32_t)(bench_mix64(hop) & (LAST_HOPS / HOP_WAYS - 1)) * HOP_WAYS, free = 0;
    for (uint32_t number = first == 0 ? 1 : first; number < first + HOP_WAYS; number++) {
        if (e->last_hop[number] == hop) {
            return number;
        }
        free = free == 0 && e->last_hop_uses[number] == 0 ? number : free;
    }
    return free;
}

__rte_noinline int last_hop_change(struct engine *e, uint64_t *value, uint64_t hop)
{
    uint32_t number = find_hop(e, hop);
    if (number == 0) {
        return 0;
    }
    last_hop_leave(e, *value);
    e->last_hop[number] = hop;
    e->last_hop_uses[number]++;
    *value = (*value & ~(uint64_t)(LAST_HOPS - 1)) | number;
    return 1;
}
