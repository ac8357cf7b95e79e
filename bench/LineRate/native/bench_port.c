#include "bench_port.h"

#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* As the dataplane's pool: cache per lcore and room per mbuf are the same. */
#define CACHE 384

int bench_port_start(int argc, char **argv, uint32_t mbufs)
{
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    if (rte_eal_init(argc, argv) < 0) {
        fprintf(stderr, "bench: EAL does not start: %s\n", rte_strerror(rte_errno));
        return -rte_errno;
    }
    struct rte_mempool *pool =
        rte_pktmbuf_pool_create("bench", mbufs, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
    if (pool == NULL) {
        fprintf(stderr, "bench: no memory for %u mbufs: %s\n", mbufs, rte_strerror(rte_errno));
        return -rte_errno;
    }
    int error = rte_eth_dev_configure(0, 1, 1, &conf);
    error = error != 0 ? error : rte_eth_rx_queue_setup(0, 0, 1024, 0, NULL, pool);
    error = error != 0 ? error : rte_eth_tx_queue_setup(0, 0, 1024, 0, NULL);
    error = error != 0 ? error : rte_eth_dev_start(0);
    if (error != 0) {
        fprintf(stderr, "bench: port 0 does not start: %s\n", rte_strerror(-error));
    }
    return error;
}
