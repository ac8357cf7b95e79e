/* The floor: what making a packet (the generator) and freeing it costs when nothing is done with it. */
#include "bench_port.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mbuf.h>

static int loop(void *unused)
{
    (void)unused;
    struct rte_mbuf *packets[BENCH_BURST];
    for (;;) {
        uint16_t count = rte_eth_rx_burst(0, 0, packets, BENCH_BURST);
        uint16_t sent = rte_eth_tx_burst(0, 0, packets, count);
        if (sent < count) {
            rte_pktmbuf_free_bulk(packets + sent, count - sent);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (bench_port_start(argc, argv, 16384) != 0) {
        return 1;
    }
    rte_eal_remote_launch(loop, NULL, 1);
    rte_eal_wait_lcore(1);
    return 0;
}
