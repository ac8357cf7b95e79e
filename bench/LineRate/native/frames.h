/* The frames of the bench and the order of their flows. */
#pragma once
#include <stdint.h>

#define FRAME_BYTES 60 /* 64 on the wire with the CRC */
#define FRAME_ROOM 64  /* bytes written: two vectors of 32 */

/* Addresses: clients are 10.0.0.0/8, the VIP is 198.18.0.1:80, servers have MAC addresses 02:00:00:00:01:01 and up. */
#define VIP_ADDRESS 0x010012C6u /* as it lies in memory */
#define VIP_PORT 0x5000u
#define CLIENT_MAC 0x0100FF000002ULL /* 02:00:00:ff:00:01, first byte lowest */
#define SERVER_MAC_BASE 0x000100000002ULL /* 02:00:00:00:01:NN */
#define SERVER_MAC_MASK 0x00FFFFFFFFFFULL
#define SERVERS_MAX 16

/* What differs between flows, with the header checksum that goes with it: 8 bytes that are read in order. */
struct flow {
    uint32_t address;
    uint16_t port;
    uint16_t checksum;
};

enum order { ORDER_RANDOM, ORDER_ZIPF };

/* Makes a cyclic order over the flows: each flow once in a random permutation, or drawn from Zipf's law (s = 1).
 * Returns the array (huge pages where the kernel has them) and its length, or NULL. */
struct flow *frames_order(uint64_t flows, enum order order, int tcp, uint64_t *length);

/* Fills FRAME_ROOM bytes: Ethernet, IPv4, UDP or TCP (ACK). */
void frames_template(uint8_t *frame, uint64_t destination_mac, int tcp);
