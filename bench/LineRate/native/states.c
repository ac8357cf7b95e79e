/* The states of TCP and UDP, as FlowStates of the engine. */
#include "flows.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static uint8_t after_fin(enum direction direction, uint8_t state)
{
    if (state == FLOW_CLOSE || state == FLOW_TIME_WAIT) {
        return state;
    }
    if (direction == CLIENT_ALONE) {
        return FLOW_FIN_WAIT;
    }
    uint8_t own = direction == CLIENT ? FLOW_CLOSE_WAIT : FLOW_FIN_WAIT;
    return state == FLOW_ESTABLISHED || state == own ? own : FLOW_TIME_WAIT;
}

uint8_t flow_next_state(enum direction direction, uint8_t state, uint8_t flags)
{
    if (state == FLOW_UDP) {
        return FLOW_UDP;
    }
    if (flags & RST) {
        return direction == SERVER && state == FLOW_TIME_WAIT ? state : FLOW_CLOSE;
    }
    if (flags & SYN) {
        return direction == SERVER || state == FLOW_ESTABLISHED ? state : FLOW_SYN_RECEIVED;
    }
    if (flags & FIN) {
        return after_fin(direction, state);
    }
    if ((flags & ACK) == 0) {
        return state == FLOW_NONE ? FLOW_CLOSE : state;
    }
    return direction != SERVER && (state == FLOW_NONE || state == FLOW_SYN_RECEIVED) ? FLOW_ESTABLISHED : state;
}

static int is_reusable(enum direction direction, uint8_t state)
{
    return direction != SERVER && (state == FLOW_TIME_WAIT || state == FLOW_CLOSE ||
                                   (direction == CLIENT_ALONE && (state == FLOW_FIN_WAIT || state == FLOW_CLOSE_WAIT)));
}

void flow_states_fill(uint8_t *table)
{
    for (int at = 0; at < DIRECTIONS * STATE_TABLE; at++) {
        enum direction direction = at / STATE_TABLE;
        uint8_t state = at / FLAG_COUNT % STATE_COUNT, flags = at % FLAG_COUNT;
        int again = (flags & (SYN | RST)) == SYN && is_reusable(direction, state);
        table[at] = again ? FLOW_NONE : flow_next_state(direction, state, flags);
    }
}
