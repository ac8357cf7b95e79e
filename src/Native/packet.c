#include "forwarder_native.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

uint16_t fwd_rx_burst(uint16_t port, uint16_t queue, void **packets, uint16_t count)
{
    return rte_eth_rx_burst(port, queue, (struct rte_mbuf **)packets, count);
}

uint16_t fwd_tx_burst(uint16_t port, uint16_t queue, void **packets, uint16_t count)
{
    return rte_eth_tx_burst(port, queue, (struct rte_mbuf **)packets, count);
}

void fwd_free_bulk(void **packets, uint32_t count)
{
    rte_pktmbuf_free_bulk((struct rte_mbuf **)packets, count);
}

void *fwd_packet_allocate(void *pool)
{
    return rte_pktmbuf_alloc(pool);
}

void fwd_packet_free(void *packet)
{
    rte_pktmbuf_free(packet);
}
