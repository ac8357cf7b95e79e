#include "forwarder_native.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>

#define XSTATS_MAX 1024
#define XSTAT_NAME_BYTES 64

/* What was asked for at the start (rte_eth_dev_conf_get is not yet stable API). */
static uint64_t port_rx_offloads[RTE_MAX_ETHPORTS];
/* What the port itself says that is in force. */
static uint16_t port_rss_classes[RTE_MAX_ETHPORTS];

int32_t fwd_port_find(const char *device, uint16_t *port)
{
    return rte_eth_dev_get_port_by_name(device, port);
}

int32_t fwd_port_numa_node(uint16_t port)
{
    return rte_eth_dev_socket_id(port);
}

/* Drivers take keys of 40 bytes, and some of 52. */
#define RSS_KEY_BYTES 64
#define RSS_TABLE_MAX 2048
static const uint64_t rss_needed = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
    RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

static uint16_t rss_table(const struct rte_eth_dev_info *info)
{
    bool can = (info->flow_type_rss_offloads & rss_needed) == rss_needed && info->hash_key_size >= 40 &&
        info->hash_key_size <= RSS_KEY_BYTES && info->hash_key_size % 4 == 0;
    bool is_power = info->reta_size >= RTE_ETH_RETA_GROUP_SIZE && info->reta_size <= RSS_TABLE_MAX &&
        (info->reta_size & (info->reta_size - 1)) == 0;
    return can && is_power ? info->reta_size : 0;
}

static void fill_rss_key(uint8_t *key, uint32_t word)
{
    for (int i = 0; i < RSS_KEY_BYTES; i++) {
        key[i] = (uint8_t)(word >> (8 * (3 - i % 4)));
    }
}

static void configure_rss(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info, const struct fwd_port_config *config,
                          uint8_t *key)
{
    if (config->rx_queues > 1 && info->flow_type_rss_offloads != 0) {
        conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf->rx_adv_conf.rss_conf.rss_hf =
            info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
        if (config->rss_classes != 0) {
            fill_rss_key(key, config->rss_key);
            conf->rx_adv_conf.rss_conf.rss_key = key;
            conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
        }
    }
}

/* Fills the redirection table, as large as it was before the start (mlx5 says less after it), and reads it, the key and the hash's inputs back. True if the port spreads as it was told. */
static bool set_rss_table(uint16_t port, const struct fwd_port_config *config, const struct rte_eth_dev_info *info)
{
    struct rte_eth_rss_reta_entry64 wanted[RSS_TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE], found[RSS_TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE];
    uint8_t key[RSS_KEY_BYTES], found_key[RSS_KEY_BYTES];
    struct rte_eth_rss_conf rss = { .rss_key = found_key, .rss_key_len = RSS_KEY_BYTES };
    if (config->rss_classes == 0 || rss_table(info) < config->rss_classes) {
        return false;
    }
    memset(wanted, 0, sizeof(wanted));
    for (uint32_t i = 0; i < info->reta_size; i++) {
        wanted[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
        wanted[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % config->rss_classes % config->rx_queues);
    }
    memcpy(found, wanted, sizeof(found)); /* the masks ask for all */
    for (uint32_t i = 0; i < info->reta_size; i++) {
        found[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = UINT16_MAX;
    }
    fill_rss_key(key, config->rss_key);
    return rte_eth_dev_rss_reta_update(port, wanted, info->reta_size) == 0 &&
        rte_eth_dev_rss_reta_query(port, found, info->reta_size) == 0 && memcmp(wanted, found, sizeof(wanted)) == 0 &&
        rte_eth_dev_rss_hash_conf_get(port, &rss) == 0 && (rss.rss_hf & rss_needed) == rss_needed &&
        memcmp(key, found_key, info->hash_key_size) == 0;
}

static int setup_queues(uint16_t port, const struct fwd_port_config *config, const struct rte_eth_dev_info *info,
                        const struct rte_eth_conf *conf, void *pool)
{
    uint16_t rx_descriptors = config->rx_descriptors, tx_descriptors = config->tx_descriptors;
    int node = rte_eth_dev_socket_id(port);
    int error = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx_descriptors, &tx_descriptors);
    struct rte_eth_rxconf rx = info->default_rxconf;
    struct rte_eth_txconf tx = info->default_txconf;
    rx.offloads = conf->rxmode.offloads;
    tx.offloads = conf->txmode.offloads;
    for (uint16_t queue = 0; error == 0 && queue < config->rx_queues; queue++) {
        error = rte_eth_rx_queue_setup(port, queue, rx_descriptors, node, &rx, pool);
    }
    for (uint16_t queue = 0; error == 0 && queue < config->tx_queues; queue++) {
        error = rte_eth_tx_queue_setup(port, queue, tx_descriptors, node, &tx);
    }
    return error;
}

/* Promiscuous if wanted; else the own unicast address by filter, and all-multicast, where there is such a thing, until a
 * list is set: IPv6 neighbour discovery needs some. */
static int set_receive_mode(uint16_t port, bool promiscuous)
{
    int error = promiscuous ? rte_eth_promiscuous_enable(port) : rte_eth_promiscuous_disable(port);
    (void)rte_eth_allmulticast_enable(port);
    return error == -ENOTSUP ? 0 : error;
}

int32_t fwd_port_start(uint16_t port, const struct fwd_port_config *config, void *pool)
{
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf;
    uint8_t key[RSS_KEY_BYTES];
    memset(&conf, 0, sizeof(conf));
    int error = rte_eth_dev_info_get(port, &info);
    if (error != 0) {
        return error;
    }
    if (config->rx_queues > info.max_rx_queues || config->tx_queues > info.max_tx_queues) {
        return -ERANGE;
    }
    /* The header checksum is looked at in hardware where it can be; VLAN tags stay in the frame. Nothing
     * is asked of Tx, not even the fast free: packets of one port's pool leave by another port. */
    conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
    conf.txmode.offloads = 0;
    if (config->mtu > RTE_ETHER_MTU) {
        conf.rxmode.mtu = config->mtu;
    }
    configure_rss(&conf, &info, config, key);
    error = rte_eth_dev_configure(port, config->rx_queues, config->tx_queues, &conf);
    if (error != 0 && conf.rx_adv_conf.rss_conf.rss_key != NULL) { /* a key of its own, then */
        conf.rx_adv_conf.rss_conf.rss_key = NULL;
        conf.rx_adv_conf.rss_conf.rss_key_len = 0;
        error = rte_eth_dev_configure(port, config->rx_queues, config->tx_queues, &conf);
    }
    if (error == 0) {
        error = setup_queues(port, config, &info, &conf, pool);
    }
    if (error != 0) {
        return error;
    }
    error = rte_eth_dev_set_mtu(port, config->mtu);
    if (error != 0 && error != -ENOTSUP) {
        return error;
    }
    port_rx_offloads[port] = conf.rxmode.offloads;
    error = rte_eth_dev_start(port);
    port_rss_classes[port] = error == 0 && set_rss_table(port, config, &info) ? config->rss_classes : 0;
    return error != 0 ? error : set_receive_mode(port, config->promiscuous != 0);
}

int32_t fwd_port_stop(uint16_t port)
{
    int error = rte_eth_dev_stop(port);
    int closed = rte_eth_dev_close(port);
    return error != 0 ? error : closed;
}

/* Drivers on a kernel interface say "up" whatever happens to it: ask the kernel. Called by housekeeping only. */
static bool is_kernel_interface_down(const struct rte_eth_dev_info *info)
{
    static int control = -1;
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    bool asks = info->if_index != 0 && (strcmp(info->driver_name, "net_af_packet") == 0 ||
        strcmp(info->driver_name, "net_af_xdp") == 0 || strcmp(info->driver_name, "net_pcap") == 0);
    if (!asks) {
        return false;
    }
    if (control < 0) {
        control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    if (if_indextoname(info->if_index, request.ifr_name) == NULL) {
        return errno == ENXIO; /* the interface is gone */
    }
    return ioctl(control, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) == 0;
}

int32_t fwd_port_info(uint16_t port, struct fwd_port_info *out)
{
    struct rte_eth_dev_info info;
    struct rte_eth_link link;
    struct rte_ether_addr mac;
    char name[RTE_ETH_NAME_MAX_LEN];
    memset(out, 0, sizeof(*out));
    memset(&link, 0, sizeof(link));
    int error = rte_eth_dev_info_get(port, &info);
    if (error != 0) {
        return error;
    }
    if (rte_eth_dev_get_name_by_port(port, name) == 0) {
        memcpy(out->device, name, strnlen(name, sizeof(out->device) - 1));
    }
    memcpy(out->driver, info.driver_name, strnlen(info.driver_name, sizeof(out->driver) - 1));
    if (rte_eth_macaddr_get(port, &mac) == 0) {
        memcpy(out->mac, mac.addr_bytes, RTE_ETHER_ADDR_LEN);
    }
    if (port < RTE_MAX_ETHPORTS) {
        out->rx_offloads = port_rx_offloads[port];
        out->rss_classes = port_rss_classes[port];
    }
    if (rte_eth_link_get_nowait(port, &link) == 0) {
        out->link_up = link.link_status == RTE_ETH_LINK_UP && !is_kernel_interface_down(&info);
        out->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    }
    out->numa_node = rte_eth_dev_socket_id(port);
    out->rss_table = rss_table(&info);
    out->rx_queues = info.nb_rx_queues;
    out->tx_queues = info.nb_tx_queues;
    out->rx_queues_max = info.max_rx_queues;
    out->tx_queues_max = info.max_tx_queues;
    out->promiscuous = rte_eth_promiscuous_get(port) == 1;
    return rte_eth_dev_get_mtu(port, &out->mtu);
}

int32_t fwd_port_stats(uint16_t port, struct fwd_port_stats *out)
{
    struct rte_eth_stats stats;
    int error = rte_eth_stats_get(port, &stats);
    if (error != 0) {
        return error;
    }
    *out = (struct fwd_port_stats){
        .rx_packets = stats.ipackets, .tx_packets = stats.opackets, .rx_bytes = stats.ibytes, .tx_bytes = stats.obytes,
        .rx_missed = stats.imissed, .rx_errors = stats.ierrors, .tx_errors = stats.oerrors,
        .rx_nombuf = stats.rx_nombuf,
    };
    return 0;
}

int32_t fwd_port_xstat_names(uint16_t port, char *names, uint32_t capacity)
{
    struct rte_eth_xstat_name list[XSTATS_MAX];
    int count = rte_eth_xstats_get_names(port, list, XSTATS_MAX);
    if (count < 0 || count > XSTATS_MAX) {
        return count < 0 ? count : -E2BIG;
    }
    count = count > (int)capacity ? (int)capacity : count;
    for (int i = 0; i < count; i++) {
        memset(names + i * XSTAT_NAME_BYTES, 0, XSTAT_NAME_BYTES);
        memcpy(names + i * XSTAT_NAME_BYTES, list[i].name, strnlen(list[i].name, XSTAT_NAME_BYTES - 1));
    }
    return count;
}

int32_t fwd_port_xstat_values(uint16_t port, uint64_t *values, uint32_t capacity)
{
    struct rte_eth_xstat list[XSTATS_MAX];
    int count = rte_eth_xstats_get(port, list, XSTATS_MAX);
    if (count < 0 || count > XSTATS_MAX) {
        return count < 0 ? count : -E2BIG;
    }
    for (int i = 0; i < count; i++) {
        if (list[i].id < capacity) {
            values[list[i].id] = list[i].value;
        }
    }
    return count > (int)capacity ? (int)capacity : count;
}

int32_t fwd_port_mac_add(uint16_t port, const uint8_t *mac)
{
    struct rte_ether_addr address;
    memcpy(address.addr_bytes, mac, RTE_ETHER_ADDR_LEN);
    return rte_eth_dev_mac_addr_add(port, &address, 0);
}

int32_t fwd_port_mac_remove(uint16_t port, const uint8_t *mac)
{
    struct rte_ether_addr address;
    memcpy(address.addr_bytes, mac, RTE_ETHER_ADDR_LEN);
    return rte_eth_dev_mac_addr_remove(port, &address);
}

int32_t fwd_port_set_multicast(uint16_t port, const uint8_t *macs, uint32_t count)
{
    return rte_eth_dev_set_mc_addr_list(port, (struct rte_ether_addr *)(uintptr_t)macs, count);
}

int32_t fwd_port_set_all_multicast(uint16_t port, int32_t on)
{
    return on ? rte_eth_allmulticast_enable(port) : rte_eth_allmulticast_disable(port);
}

int32_t fwd_port_set_promiscuous(uint16_t port, int32_t on)
{
    return on ? rte_eth_promiscuous_enable(port) : rte_eth_promiscuous_disable(port);
}
