/* First stage of the reference, as Classify of the engine. */
#include "flows.h"

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#define ETHERNET 14
#define IPV4 0x0008
#define VLAN 0x0081
#define TCP 6
#define UDP 17
#define ICMP 1
#define FRAGMENT_MASK 0xFF3F
#define KIND_VIP 2

static inline uint16_t load16(const uint8_t *p) { return *(const unaligned_uint16_t *)p; }
static inline uint32_t load32(const uint8_t *p) { return *(const unaligned_uint32_t *)p; }

static int is_vip(const struct engine *e, uint32_t address)
{
    uint32_t mask = (1u << e->locals_log2) - 1;
    for (uint32_t at = table_slot(address, e->locals_log2);; at = (at + 1) & mask) {
        if (e->locals[at].kind == 0) {
            return 0;
        }
        if (e->locals[at].address == address) {
            return e->locals[at].kind == KIND_VIP;
        }
    }
}

static inline int is_l4_sound(const uint8_t *l4, uint32_t bytes, uint8_t protocol)
{
    if (protocol == TCP) {
        uint32_t offset = bytes >= 20 ? (uint32_t)(l4[12] >> 4) * 4 : 0;
        return offset >= 20 && offset <= bytes;
    }
    uint32_t udp = bytes >= 8 ? rte_be_to_cpu_16(load16(l4 + 4)) : 0;
    return udp >= 8 && udp <= bytes;
}

static inline uint32_t find_service(const struct engine *e, uint64_t key)
{
    uint32_t mask = (1u << e->service_keys_log2) - 1;
    for (uint32_t at = table_slot(key, e->service_keys_log2);; at = (at + 1) & mask) {
        if (e->service_keys[at].value == key) {
            return e->service_keys[at].service;
        }
        if (e->service_keys[at].value == 0) {
            return 0;
        }
    }
}

static __rte_noinline enum drop_reason ipv4_fault(const uint8_t *ip, uint32_t header, uint32_t total, uint32_t room)
{
    if (ip[0] >> 4 != 4) {
        return DROP_IP_VERSION;
    }
    if (header < 20 || header > room) {
        return DROP_IPV4_HEADER;
    }
    return total < header || total > room ? DROP_IP_LENGTH : DROP_IPV4_CHECKSUM;
}

static __rte_noinline void without_ports(struct engine *e, struct burst *b, int i, uint32_t destination, uint8_t protocol, int fragment)
{
    int vip = is_vip(e, destination);
    if (vip && fragment) {
        drop(b, i, DROP_FRAGMENT);
    } else if (vip && protocol != ICMP) {
        drop(b, i, DROP_PROTOCOL);
    } else {
        b->verdict[i] = VERDICT_PUNT;
    }
}

static __rte_noinline void no_service(struct engine *e, struct burst *b, int i, uint32_t destination)
{
    if (is_vip(e, destination)) {
        drop(b, i, DROP_NO_SERVICE);
    } else {
        b->verdict[i] = VERDICT_PUNT;
    }
}

static __rte_always_inline void ipv4(struct engine *e, struct burst *b, int i, const uint8_t *ip, uint32_t room)
{
    if (room < 20) {
        drop(b, i, DROP_TRUNCATED);
        return;
    }
    uint32_t header = (uint32_t)(ip[0] & 0xF) * 4, total = rte_be_to_cpu_16(load16(ip + 2));
    if (ip[0] >> 4 != 4 || header < 20 || total < header || total > room || b->checksum_bad[i] != 0) {
        drop(b, i, ipv4_fault(ip, header, total, room));
        return;
    }
    uint32_t destination = load32(ip + 16);
    uint8_t protocol = ip[9];
    int fragment = (load16(ip + 6) & FRAGMENT_MASK) != 0;
    if (fragment || (protocol != TCP && protocol != UDP)) {
        without_ports(e, b, i, destination, protocol, fragment);
        return;
    }
    const uint8_t *l4 = ip + header;
    if (!is_l4_sound(l4, total - header, protocol)) {
        drop(b, i, DROP_L4_HEADER);
        return;
    }
    uint16_t client_port = load16(l4);
    uint32_t service = find_service(e, destination | (uint64_t)load16(l4 + 2) << 32 | (uint64_t)protocol << 48);
    if (service == 0) {
        no_service(e, b, i, destination);
        return;
    }
    const struct service *entry = &e->services[service];
    if (entry->vrrp_group != 0 && e->leases[entry->vrrp_group] <= e->now_ns) {
        drop(b, i, DROP_VIP_NOT_OWNED);
        return;
    }
    uint64_t key = load32(ip + 12) | (uint64_t)client_port << 32 | (uint64_t)service << 48;
    uint32_t hash = (uint32_t)_mm_crc32_u64(entry->hash_salt, key & 0xFFFFFFFFFFFFULL);
    rte_prefetch0(flow_first(&e->flows, hash));
    b->tcp_flags[i] = protocol == TCP ? l4[13] : 0;
    b->ip_version[i] = 4;
    b->service[i] = (uint16_t)service;
    b->key[i] = key;
    b->hash[i] = hash;
}

__rte_noinline void stage_classify(struct engine *e, struct burst *b)
{
    uint64_t own = e->port_mac[b->ingress];
    for (int i = 0; i < b->count; i++) {
        const uint8_t *frame = (const uint8_t *)b->frame[i];
        uint32_t length = b->length[i];
        b->verdict[i] = VERDICT_NONE;
        if (length < ETHERNET) {
            drop(b, i, DROP_TRUNCATED);
            continue;
        }
        uint64_t mac = *(const unaligned_uint64_t *)frame & 0xFFFFFFFFFFFFULL;
        uint16_t type = load16(frame + 12);
        uint32_t l3 = ETHERNET, vlan = 0;
        if (type == VLAN) {
            if (length < ETHERNET + 4) {
                drop(b, i, DROP_TRUNCATED);
                continue;
            }
            vlan = rte_be_to_cpu_16(load16(frame + 14)) & 0xFFF;
            type = load16(frame + 16);
            l3 += 4;
        }
        b->vlan[i] = (uint16_t)vlan;
        b->l3_offset[i] = (uint8_t)l3;
        if (mac != own) {
            if (mac & 1) {
                b->verdict[i] = VERDICT_PUNT;
            } else {
                drop(b, i, DROP_NOT_OUR_MAC);
            }
        } else if (type == IPV4) {
            ipv4(e, b, i, frame + l3, length - l3);
        } else {
            b->verdict[i] = VERDICT_PUNT; /* among others IPv6, which this reference does not work on */
        }
    }
}
