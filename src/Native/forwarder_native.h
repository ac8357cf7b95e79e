/*
 * The shim between the dataplane (C#) and DPDK. Thin and one to one: fixed-width types, one prefix, 0 or a count on
 * success, -errno on failure; fwd_error_text() gives DPDK's words. Only DPDK's public and stable API
 * (nothing internal or experimental), so that later LTS releases compile, too: built and tested with 22.11; every file
 * compiles without a warning with the headers of 24.11.8 and 25.11.4 (Debian 13 and unstable), and was not run with them.
 */
#ifndef FORWARDER_NATIVE_H
#define FORWARDER_NATIVE_H

#include <stdint.h>

#define FWD_EXPORT __attribute__((visibility("default")))

/* Raised with each change of an export or struct below; the dataplane refuses another one. */
#define FWD_ABI_VERSION 4u

/* Where C# finds the fields of an rte_mbuf, and the flags that it reads. */
struct fwd_layout {
    uint32_t abi_version;
    uint32_t layout_bytes;
    uint32_t mbuf_bytes;
    uint32_t mbuf_buf_addr;
    uint32_t mbuf_data_off;
    uint32_t mbuf_nb_segs;
    uint32_t mbuf_ol_flags;
    uint32_t mbuf_pkt_len;
    uint32_t mbuf_data_len;
    uint32_t headroom;
    uint64_t rx_ip_cksum_mask;
    uint64_t rx_ip_cksum_bad;
    uint32_t port_config_bytes;
    uint32_t port_info_bytes;
    uint32_t port_stats_bytes;
    uint32_t reserved;
};

struct fwd_port_config {
    uint16_t rx_queues;
    uint16_t tx_queues;
    uint16_t rx_descriptors;
    uint16_t tx_descriptors;
    uint16_t mtu;
    uint8_t promiscuous;
    uint8_t reserved;
    /* Spread packets over the queues by this key, the word again and again: the hash modulo rss_classes (a power of two), and
     * that modulo rx_queues. rss_classes 0 = as the driver likes. */
    uint16_t rss_classes;
    uint16_t reserved2;
    uint32_t rss_key;
};

struct fwd_port_info {
    char device[64];
    char driver[64];
    uint8_t mac[8];
    uint64_t rx_offloads;
    uint64_t tx_offloads;
    int32_t numa_node;
    uint32_t speed_mbps;
    uint16_t rx_queues;
    uint16_t tx_queues;
    uint16_t mtu;
    uint8_t link_up;
    uint8_t promiscuous;
    uint16_t rx_queues_max;
    uint16_t tx_queues_max;
    /* Entries of the redirection table (a power of two), if TCP and UDP can be spread by addresses and ports and
     * the table can be set; else 0. And the rss_classes that are in force: read back from the port. */
    uint16_t rss_table;
    uint16_t rss_classes;
};

struct fwd_port_stats {
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_missed, rx_errors, tx_errors, rx_nombuf;
};

FWD_EXPORT void fwd_get_layout(struct fwd_layout *layout);
/* DPDK's text for an errno (positive or negative). */
FWD_EXPORT const char *fwd_error_text(int32_t error);
FWD_EXPORT const char *fwd_dpdk_version(void);

/* rte_eal_init. What DPDK has logged so far (its first 16 KiB) is in fwd_eal_log(). */
FWD_EXPORT int32_t fwd_eal_init(int32_t argc, char **argv);
FWD_EXPORT int32_t fwd_eal_cleanup(void);
FWD_EXPORT const char *fwd_eal_log(void);
FWD_EXPORT int32_t fwd_has_hugepages(void);

/* Makes the mbuf pool of a NUMA node (-1 = any). */
FWD_EXPORT int32_t fwd_pool_create(const char *name, uint32_t mbufs, uint16_t data_bytes, int32_t numa_node, void **pool);
FWD_EXPORT uint32_t fwd_pool_available(void *pool);
/* Zeroed memory, 64-byte aligned, from DPDK's heap (hugepages where there are any). NULL = none left. */
FWD_EXPORT void *fwd_memory_allocate(uint64_t bytes, int32_t numa_node);

/* DPDK's number of the port of a device name (PCI address, or vdev name without arguments). */
FWD_EXPORT int32_t fwd_port_find(const char *device, uint16_t *port);
FWD_EXPORT int32_t fwd_port_numa_node(uint16_t port);
/* Configures queues, the offloads that the port has, MTU, MAC filters or promiscuous mode, and starts it. */
FWD_EXPORT int32_t fwd_port_start(uint16_t port, const struct fwd_port_config *config, void *pool);
FWD_EXPORT int32_t fwd_port_stop(uint16_t port);
FWD_EXPORT int32_t fwd_port_info(uint16_t port, struct fwd_port_info *info);
FWD_EXPORT int32_t fwd_port_stats(uint16_t port, struct fwd_port_stats *stats);
/* Extended statistics: names (64 bytes each, zero-padded) and values. Return: how many there are. */
FWD_EXPORT int32_t fwd_port_xstat_names(uint16_t port, char *names, uint32_t capacity);
FWD_EXPORT int32_t fwd_port_xstat_values(uint16_t port, uint64_t *values, uint32_t capacity);
/* Receive filters. Each: 0, or -errno (-ENOTSUP: the driver has no such thing; -ENOSPC: no room). */
FWD_EXPORT int32_t fwd_port_mac_add(uint16_t port, const uint8_t *mac);
FWD_EXPORT int32_t fwd_port_mac_remove(uint16_t port, const uint8_t *mac);
/* Multicast addresses to receive, 6 bytes each; they replace those of the call before. */
FWD_EXPORT int32_t fwd_port_set_multicast(uint16_t port, const uint8_t *macs, uint32_t count);
FWD_EXPORT int32_t fwd_port_set_all_multicast(uint16_t port, int32_t on);
FWD_EXPORT int32_t fwd_port_set_promiscuous(uint16_t port, int32_t on);

FWD_EXPORT uint16_t fwd_rx_burst(uint16_t port, uint16_t queue, void **packets, uint16_t count);
FWD_EXPORT uint16_t fwd_tx_burst(uint16_t port, uint16_t queue, void **packets, uint16_t count);
FWD_EXPORT void fwd_free_bulk(void **packets, uint32_t count);
FWD_EXPORT void *fwd_packet_allocate(void *pool);
FWD_EXPORT void fwd_packet_free(void *packet);

/* Runs a function on a worker lcore; fwd_worker_wait joins it. */
FWD_EXPORT int32_t fwd_worker_launch(int32_t (*function)(void *), void *context, uint32_t lcore);
FWD_EXPORT int32_t fwd_worker_wait(uint32_t lcore);
FWD_EXPORT int32_t fwd_lcore_numa_node(uint32_t lcore);
FWD_EXPORT void fwd_sleep_us(uint32_t us);
/* Keeps every thread of the process that is not a worker lcore on a CPU. */
FWD_EXPORT int32_t fwd_confine_threads(uint32_t cpu);

/* Writes a text to stderr. */
FWD_EXPORT void fwd_log(const void *text, uint32_t length);

/* A TAP device of the host's kernel with a MAC address and MTU, up. Return: file descriptor, non-blocking. */
FWD_EXPORT int32_t fwd_tap_open(const char *name, const uint8_t *mac, uint16_t mtu);
FWD_EXPORT int32_t fwd_tap_read(int32_t fd, void *frame, uint32_t capacity);
/* Multicast addresses that the host's kernel receives by a network interface, 6 bytes each. Return: how many there are,
 * which may be more than were written; -ENODEV: no such interface. */
FWD_EXPORT int32_t fwd_tap_multicast(const char *name, uint8_t *macs, uint32_t capacity);
FWD_EXPORT int32_t fwd_tap_write(int32_t fd, const void *frame, uint32_t length);

#endif
