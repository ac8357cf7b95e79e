#include "verify.h"
#include "checksum.h"

#include <rte_byteorder.h>

#define ETHERNET 14
#define TTL 64 /* of clients' packets; a server's have what came in */

const char *const expect_names[EXPECT_COUNT] = { "io", "macswap", "5tswap", "dr", "ipip", "gue", "nat", "fullnat" };

static uint16_t load16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint64_t load64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint64_t mac_at(const uint8_t *p) { return load32(p) | (uint64_t)load16(p + 4) << 32; }

static uint32_t server_of(const uint8_t *frame)
{
    uint64_t mac = mac_at(frame), server = mac >> 40;
    return (mac & SERVER_MAC_MASK) == SERVER_MAC_BASE && server >= 1 && server <= SERVERS_MAX ? (uint32_t)server : 0;
}

static uint32_t server_address(uint32_t server) { return rte_cpu_to_be_32(SERVER_BASE + server - 1); }

static int is_in(const struct layout *l, const uint8_t *frame, uint16_t word, enum subnet subnet)
{
    return l->ip_version == 4 || (load64(frame + word - 12) == subnet_high(subnet) && load32(frame + word - 4) == 0);
}

static int is_end(const struct layout *l, const uint8_t *frame, uint16_t word, int port, enum subnet subnet, uint32_t address, uint16_t want)
{
    return is_in(l, frame, word, subnet) && load32(frame + word) == address && load16(frame + l->ports + port) == want;
}

/* The client's end: the payload's tag tells whose flow it is. */
static int is_client(const struct layout *l, const uint8_t *frame, uint16_t word, int port)
{
    return is_in(l, frame, word, SUBNET_CLIENTS) && load32(frame + l->tag) == frames_tag(load32(frame + word), load16(frame + l->ports + port));
}

static int is_source(const struct layout *l, const uint8_t *frame)
{
    uint32_t address = rte_be_to_cpu_32(load32(frame + l->source));
    return is_in(l, frame, l->source, SUBNET_SOURCES) && address - SOURCE_BASE < 1024 && rte_be_to_cpu_16(load16(frame + l->ports)) >= SOURCE_PORT_MIN;
}

/* Version, lengths, TTL, and both checksums in full. */
static int is_sound(const struct layout *l, const uint8_t *frame, int ttl)
{
    const uint8_t *ip = frame + ETHERNET, *l4 = frame + l->ports;
    int bytes = l->bytes - l->ports, v4 = l->ip_version == 4;
    return load16(frame + 12) == (v4 ? 0x0008 : 0xDD86) && ip[0] == (v4 ? 0x45 : 0x60) && ip[v4 ? 9 : 6] == l->protocol && ip[v4 ? 8 : 7] == ttl &&
           rte_be_to_cpu_16(load16(ip + (v4 ? 2 : 4))) == (v4 ? l->bytes - ETHERNET : bytes) && (!v4 || checksum_fold(checksum_sum(ip, 20, 0)) == 0) &&
           checksum_fold(checksum_sum(l4, bytes, checksum_pseudo(ip, bytes, l->protocol))) == 0;
}

static int is_to_vip(const struct layout *l, const uint8_t *frame)
{
    return is_end(l, frame, l->destination, 2, SUBNET_VIP, VIP_ADDRESS, VIP_PORT) && is_client(l, frame, l->source, 0);
}

static int is_reply(const struct layout *l, const uint8_t *frame)
{
    return mac_at(frame) == CLIENT_MAC && is_end(l, frame, l->source, 0, SUBNET_VIP, VIP_ADDRESS, VIP_PORT) && is_client(l, frame, l->destination, 2) &&
           is_sound(l, frame, TTL - 2);
}

static int is_translated(const struct layout *l, const uint8_t *frame, int full)
{
    uint32_t server = server_of(frame);
    if (server == 0) {
        return is_reply(l, frame);
    }
    return is_end(l, frame, l->destination, 2, SUBNET_SERVERS, server_address(server), SERVER_PORT) &&
           (full ? is_source(l, frame) : is_client(l, frame, l->source, 0)) && is_sound(l, frame, TTL - 1);
}

static uint32_t outer_bytes(const struct verifier *v)
{
    return v->expect == EXPECT_IPIP ? 20 : v->expect == EXPECT_GUE ? 20 + 8 + 4 : 0;
}

/* The outer header is IPv4 (RFC 2003, RFC 4213). The inner packet's Ethernet header would begin where the outer headers do. */
static int is_tunnelled(const struct verifier *v, const uint8_t *frame)
{
    const struct layout *l = &v->layout;
    const uint8_t *outer = frame + ETHERNET, *udp = outer + 20;
    uint32_t bytes = outer_bytes(v) + l->bytes - ETHERNET;
    uint8_t inner_protocol = l->ip_version == 4 ? 4 : 41;
    int sound = load16(frame + 12) == 0x0008 && outer[0] == 0x45 && rte_be_to_cpu_16(load16(outer + 2)) == bytes && outer[8] == TTL - 1 &&
                outer[9] == (v->expect == EXPECT_GUE ? 17 : inner_protocol) && checksum_fold(checksum_sum(outer, 20, 0)) == 0 &&
                load32(outer + 12) == OWN_ADDRESS && load32(outer + 16) == server_address(server_of(frame));
    int gue = v->expect != EXPECT_GUE || (udp[0] >= 0xC0 && load16(udp + 2) == GUE_PORT && rte_be_to_cpu_16(load16(udp + 4)) == bytes - 20 &&
                                          load16(udp + 6) == 0 && load32(udp + 8) == (uint32_t)inner_protocol << 8);
    return sound && gue;
}

static int is_forwarded(const struct verifier *v, const uint8_t *frame, uint32_t length)
{
    const struct layout *l = &v->layout;
    if (length != l->bytes + outer_bytes(v) || mac_at(frame + 6) != v->port_mac || (server_of(frame) == 0 && v->expect < EXPECT_NAT)) {
        return 0;
    }
    if (v->expect >= EXPECT_NAT) {
        return is_translated(l, frame, v->expect == EXPECT_FULLNAT);
    }
    if (v->expect == EXPECT_DR) {
        return is_to_vip(l, frame) && is_sound(l, frame, TTL);
    }
    uint8_t inner[FRAME_ROOM];
    memcpy(inner, frame + outer_bytes(v), l->bytes);
    memcpy(inner + 12, l->ip_version == 4 ? "\x08\x00" : "\x86\xDD", 2); /* there is no Ethernet header within */
    return is_tunnelled(v, frame) && is_to_vip(l, inner) && is_sound(l, inner, TTL - 1);
}

int verify_frame(const struct verifier *v, const uint8_t *frame, uint32_t length)
{
    const struct layout *l = &v->layout;
    uint64_t destination = mac_at(frame), source = mac_at(frame + 6);
    int from_here = source == CLIENT_MAC || server_of(frame + 6) != 0;
    switch (v->expect) {
    case EXPECT_IO:
        return length == l->bytes && destination == v->port_mac && from_here;
    case EXPECT_MACSWAP:
        return length == l->bytes && source == v->port_mac && (destination == CLIENT_MAC || server_of(frame) != 0);
    case EXPECT_5TSWAP:
        return length == l->bytes && source == v->port_mac && (destination != CLIENT_MAC || load32(frame + l->source) == VIP_ADDRESS);
    default:
        return is_forwarded(v, frame, length);
    }
}

uint32_t verify_tag(const struct verifier *v, const uint8_t *frame)
{
    return load32(frame + outer_bytes(v) + v->layout.tag);
}

uint64_t verify_digest(const struct verifier *v, const uint8_t *frame)
{
    uint64_t z = verify_tag(v, frame) | (uint64_t)server_of(frame) << 32;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}
