/* Real neighbours answer ARP and neighbour solicitations; the director under test asks for its servers. */
#pragma once
#include <stdint.h>

#define NEIGHBOUR_ROOM 96 /* bytes of an answer */

/* Whether a frame is the director's own: a question, or a report to multicast routers. */
static inline int neighbours_is_own(const uint8_t *frame)
{
    return frame[12] == 0x08 ? frame[13] == 0x06 : frame[12] == 0x86 && (frame[20] == 58 || frame[20] == 0);
}

/* Writes the answer to a question for another address than the asker's; returns its bytes, or 0. */
uint16_t neighbours_answer(const uint8_t *frame, uint8_t *reply);
