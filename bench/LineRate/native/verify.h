/* What a packet must be that leaves a program: each method's own look, checksums included. */
#pragma once
#include "frames.h"

#include <string.h>

enum expect { EXPECT_IO, EXPECT_MACSWAP, EXPECT_5TSWAP, EXPECT_DR, EXPECT_IPIP, EXPECT_GUE, EXPECT_NAT, EXPECT_FULLNAT, EXPECT_COUNT };
extern const char *const expect_names[EXPECT_COUNT];

struct verifier {
    enum expect expect;
    struct layout layout;
    uint64_t port_mac;
};

int verify_frame(const struct verifier *v, const uint8_t *frame, uint32_t length);

/* The flow that a packet is of, see frames_tag. */
uint32_t verify_tag(const struct verifier *v, const uint8_t *frame);

/* Which server a client's packet went to, in a number to be added up: programs that do the same work agree. */
uint64_t verify_digest(const struct verifier *v, const uint8_t *frame);

/* Whether a packet that leaves was the client's; it is the server's otherwise. */
static inline int verify_is_request(const struct verifier *v, const uint8_t *frame)
{
    uint64_t mac;
    memcpy(&mac, frame + (v->expect == EXPECT_IO ? 6 : 0), sizeof(mac));
    return v->expect < EXPECT_DR ? (mac & 0xFFFFFFFFFFFFULL) == CLIENT_MAC : (mac & SERVER_MAC_MASK) == SERVER_MAC_BASE;
}
