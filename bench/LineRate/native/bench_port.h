/* Start of a bench program: EAL, one pool, net_null port 0 with one queue each way. */
#pragma once
#include <stdint.h>

#define BENCH_BURST 32

/* Returns 0, or a negative errno after a message on stderr. lcore 1 runs the loop. */
int bench_port_start(int argc, char **argv, uint32_t mbufs);
