/*
 * Addresses of the bench, for the generator and the reference. The director's snapshot (Bench/Director.cs) has the same.
 * An IPv6 address is the prefix of its subnet and then the IPv4 address, so that both families differ in the same four bytes.
 */
#pragma once
#include <stdint.h>

#define VIP_ADDRESS 0x010012C6u /* 198.18.0.1 as it lies in memory */
#define OWN_ADDRESS 0x020012C6u /* 198.18.0.2: source of tunnels */
#define VIP_PORT 0x5000u        /* 80 */
#define SERVER_PORT 0x901Fu     /* 8080: of servers behind NAT */
#define GUE_PORT 0xC017u        /* 6080 */
#define CLIENT_BASE 0x0A000001u /* host order: 10.0.0.1 and up */
#define SERVER_BASE 0xC6120101u /* 198.18.1.1 to .16 */
#define SOURCE_BASE 0xC6120200u /* 198.18.2.0 and up: source addresses of FullNAT */
#define SOURCE_PORT_MIN 1024
#define SERVERS_MAX 16

#define CLIENT_MAC 0x0100FF000002ULL      /* 02:00:00:ff:00:01, first byte lowest */
#define SERVER_MAC_BASE 0x000100000002ULL /* 02:00:00:00:01:NN */
#define SERVER_MAC_MASK 0x00FFFFFFFFFFULL

/* 2001:db8:0:N::/96 */
enum subnet { SUBNET_VIP = 1, SUBNET_SERVERS, SUBNET_SOURCES, SUBNET_CLIENTS };
static inline uint64_t subnet_high(enum subnet subnet) { return 0x00000000B80D0120ULL | (uint64_t)subnet << 56; }

/* Forwarding methods by the dataplane's numbers; GUE is a tunnel, too. */
enum method { METHOD_DR, METHOD_TUNNEL, METHOD_NAT, METHOD_FULLNAT };

/* Source addresses that so many flows need: 64,512 ports each, and some to spare, as flows spread by their hash. */
static inline uint32_t plan_sources(uint64_t flows) { return (uint32_t)(flows / 60000) + 2; }
