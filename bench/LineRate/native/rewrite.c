/* Third stage of the reference, as Rewrite of the engine. */
#include "flows.h"
#include "plan.h"

#include <rte_byteorder.h>

#define MAC_MASK 0xFFFFFFFFFFFFULL

static void move(struct burst *b, int i, int bytes)
{
    b->moved |= 1u << i;
    b->frame[i] = (uint64_t)((int64_t)b->frame[i] + bytes);
    b->length[i] = (uint32_t)((int)b->length[i] - bytes);
    b->l3_offset[i] = (uint8_t)(b->l3_offset[i] - bytes);
}

__rte_noinline void retag(struct burst *b, int i, uint16_t vlan)
{
    uint8_t *frame = (uint8_t *)b->frame[i];
    if (vlan == 0) {
        move(b, i, 4);
    } else if (b->vlan[i] != 0 || b->l3_offset[i] != 14) {
        uint16_t old = rte_be_to_cpu_16(*(unaligned_uint16_t *)(frame + 14));
        *(unaligned_uint16_t *)(frame + 14) = rte_cpu_to_be_16((uint16_t)((old & 0xF000) | vlan));
    } else {
        move(b, i, -4);
        *(unaligned_uint16_t *)(frame + 8) = 0x0081;
        *(unaligned_uint16_t *)(frame + 10) = rte_cpu_to_be_16(vlan);
    }
    b->vlan[i] = vlan;
}

__rte_noinline void stage_rewrite(struct engine *e, struct burst *b)
{
    uint64_t packets = 0, bytes = 0;
    int others = 0;
    for (int i = 0; i < b->count; i++) {
        if (b->verdict[i] != VERDICT_NONE) {
            continue;
        }
        uint32_t slot = b->server[i];
        const struct server *server = e->servers + slot;
        uint32_t ip_bytes = b->length[i] - b->l3_offset[i];
        uint64_t neighbour = __atomic_load_n(&e->neighbours[server->next_hop], __ATOMIC_ACQUIRE);
        if (server->method != METHOD_DR) {
            b->missed[others++] = (uint8_t)i;
            continue;
        }
        if (ip_bytes > server->mtu) {
            refuse(b, i, DROP_TOO_BIG, server->mtu);
            continue;
        }
        struct server_counters *c = e->server_counters + slot;
        if ((neighbour & 2ULL << 48) == 0) {
            b->verdict[i] = VERDICT_WAIT;
            b->next_hop[i] = server->next_hop;
        } else {
            packets++;
            bytes += ip_bytes;
            b->verdict[i] = VERDICT_FORWARD;
            b->egress[i] = server->port;
        }
        c->packets++;
        c->bytes += ip_bytes;
        if (b->vlan[i] != server->vlan) {
            retag(b, i, server->vlan);
        }
        uint8_t *frame = (uint8_t *)b->frame[i];
        uint64_t source = e->port_mac[server->port];
        *(unaligned_uint64_t *)frame = (neighbour & MAC_MASK) | source << 48;
        *(unaligned_uint32_t *)(frame + 8) = (uint32_t)(source >> 16);
    }
    e->counters->forwarded_packets += packets;
    e->counters->forwarded_bytes += bytes;
    if (others != 0) {
        rewrite_other(e, b, others);
    }
}
