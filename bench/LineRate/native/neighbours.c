#include "neighbours.h"
#include "checksum.h"
#include "plan.h"

#include <rte_arp.h>

#define ND_BYTES 86 /* Ethernet, IPv6, message, target, option (RFC 4861 section 4.3) */
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

static uint64_t mac_of(uint8_t last) { return SERVER_MAC_BASE | (uint64_t)last << 40; }

static void ethernet(const uint8_t *frame, uint8_t *reply, uint64_t mac)
{
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, &mac, 6);
}

static uint16_t answer_arp(const uint8_t *frame, uint8_t *reply)
{
    const struct rte_arp_hdr *request = (const struct rte_arp_hdr *)(frame + 14);
    if (request->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || request->arp_data.arp_tip == request->arp_data.arp_sip) {
        return 0;
    }
    uint64_t mac = mac_of((uint8_t)(rte_be_to_cpu_32(request->arp_data.arp_tip) & 0xFF));
    memcpy(reply, frame, 60);
    ethernet(frame, reply, mac);
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(reply + 14);
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tha = request->arp_data.arp_sha;
    arp->arp_data.arp_tip = request->arp_data.arp_sip;
    arp->arp_data.arp_sip = request->arp_data.arp_tip;
    memcpy(arp->arp_data.arp_sha.addr_bytes, &mac, 6);
    return 60;
}

/* RFC 4861 section 7.2.4. */
static uint16_t answer_nd(const uint8_t *frame, uint8_t *reply)
{
    static const uint8_t unspecified[16];
    const uint8_t *ip = frame + 14, *icmp = ip + 40, *target = icmp + 8;
    if (ip[6] != 58 || icmp[0] != ND_SOLICITATION || memcmp(ip + 8, unspecified, 16) == 0 || memcmp(ip + 8, target, 16) == 0) {
        return 0;
    }
    uint64_t mac = mac_of(target[15]);
    memset(reply, 0, ND_BYTES);
    memcpy(reply, frame, 14 + 8);
    ethernet(frame, reply, mac);
    uint8_t *answer = reply + 14 + 40;
    memcpy(reply + 12, "\x86\xDD", 2);
    memcpy(reply + 14 + 4, "\x00\x20\x3A\xFF", 4); /* 32 bytes, ICMPv6, hop limit 255 */
    memcpy(reply + 14 + 8, target, 16);
    memcpy(reply + 14 + 24, ip + 8, 16);
    answer[0] = ND_ADVERTISEMENT;
    answer[4] = 0x60; /* solicited, override */
    memcpy(answer + 8, target, 16);
    memcpy(answer + 24, "\x02\x01", 2);
    memcpy(answer + 26, &mac, 6);
    uint16_t sum = checksum_fold(checksum_sum(answer, 32, checksum_pseudo(reply + 14, 32, 58)));
    memcpy(answer + 2, &sum, 2);
    return ND_BYTES;
}

uint16_t neighbours_answer(const uint8_t *frame, uint8_t *reply)
{
    return frame[12] == 0x08 ? answer_arp(frame, reply) : answer_nd(frame, reply);
}
