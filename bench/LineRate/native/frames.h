/* The frames of the bench and the order of their flows. */
#pragma once
#include <stdint.h>

#include "plan.h"

#define FRAME_ROOM 96 /* bytes of a template: three vectors of 32 */

/* Where fields are in a frame; what a packet of a flow has of its own is written there. */
struct layout {
    uint16_t bytes;              /* of the frame; 60 are 64 on the wire with the CRC */
    uint16_t source, destination; /* the last four bytes of the addresses */
    uint16_t ports, ip_checksum, l4_checksum, tag;
    uint8_t ip_version, protocol;
};

/* What differs between packets. In IPv6 the rest of an address is a prefix, see plan.h. */
struct words {
    uint32_t source, destination;
    uint16_t source_port, destination_port;
    uint16_t ip_checksum, l4_checksum;
    uint32_t tag; /* first bytes of the payload: names the flow of the client, whatever is made of its addresses */
};

/* New: as random, each flow once. */
enum order { ORDER_RANDOM, ORDER_ZIPF, ORDER_NEW };

struct layout frames_layout(int ip_version, int tcp);

/* The payload's first bytes in packets of a client's flow, both ways. */
uint32_t frames_tag(uint32_t address, uint16_t port);

/* Makes a cyclic order over the flows: each flow once in a random permutation, or drawn from Zipf's law (s = 1).
 * Returns the array (huge pages where the kernel has them) and its length, or NULL. */
struct words *frames_order(const struct layout *layout, uint64_t flows, enum order order, uint8_t tcp_flags, uint64_t *length);

/* Fills FRAME_ROOM bytes: Ethernet, IPv4 or IPv6, UDP or TCP; no checksums yet. */
void frames_template(uint8_t *frame, const struct layout *layout, uint64_t destination_mac, uint8_t tcp_flags);

/* Writes the address's prefix; IPv4 has none. */
void frames_prefix(uint8_t *frame, uint16_t word_offset, const struct layout *layout, enum subnet subnet);
