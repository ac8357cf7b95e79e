#define _GNU_SOURCE
#include "forwarder_native.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "DPDK 22.11 LTS or later is needed"
#endif

/* The dataplane (Mbuf.cs, Native*.cs) has the same numbers and checks them again at its start: a change must not pass unnoticed. */
_Static_assert(sizeof(struct rte_mbuf) == 128, "rte_mbuf is two cache lines");
_Static_assert(offsetof(struct rte_mbuf, buf_addr) == 0, "rte_mbuf.buf_addr");
_Static_assert(offsetof(struct rte_mbuf, data_off) == 16, "rte_mbuf.data_off");
_Static_assert(offsetof(struct rte_mbuf, nb_segs) == 20, "rte_mbuf.nb_segs");
_Static_assert(offsetof(struct rte_mbuf, ol_flags) == 24, "rte_mbuf.ol_flags");
_Static_assert(offsetof(struct rte_mbuf, pkt_len) == 36, "rte_mbuf.pkt_len");
_Static_assert(offsetof(struct rte_mbuf, data_len) == 40, "rte_mbuf.data_len");
_Static_assert(sizeof(struct fwd_layout) == 72, "fwd_layout");
_Static_assert(sizeof(struct fwd_port_config) == 20, "fwd_port_config");
_Static_assert(sizeof(struct fwd_port_info) == 176, "fwd_port_info");
_Static_assert(sizeof(struct fwd_port_stats) == 64, "fwd_port_stats");

#define LOG_BYTES 16384
static char eal_log[LOG_BYTES];
static size_t eal_log_length;

/* EAL's own words are the best error message there is: keep the first 16 KiB of them, and pass them on to stderr. */
static ssize_t log_write(void *cookie, const char *text, size_t length)
{
    (void)cookie;
    size_t room = LOG_BYTES - 1 - eal_log_length;
    size_t kept = length < room ? length : room;
    memcpy(eal_log + eal_log_length, text, kept);
    eal_log_length += kept;
    eal_log[eal_log_length] = '\0';
    return write(STDERR_FILENO, text, length) < 0 ? -1 : (ssize_t)length;
}

static void keep_log(void)
{
    cookie_io_functions_t functions = { .write = log_write };
    FILE *stream = fopencookie(NULL, "w", functions);
    if (stream != NULL) {
        setvbuf(stream, NULL, _IOLBF, 0);
        rte_openlog_stream(stream);
    }
}

void fwd_get_layout(struct fwd_layout *layout)
{
    *layout = (struct fwd_layout){
        .abi_version = FWD_ABI_VERSION,
        .layout_bytes = sizeof(*layout),
        .mbuf_bytes = sizeof(struct rte_mbuf),
        .mbuf_buf_addr = offsetof(struct rte_mbuf, buf_addr),
        .mbuf_data_off = offsetof(struct rte_mbuf, data_off),
        .mbuf_nb_segs = offsetof(struct rte_mbuf, nb_segs),
        .mbuf_ol_flags = offsetof(struct rte_mbuf, ol_flags),
        .mbuf_pkt_len = offsetof(struct rte_mbuf, pkt_len),
        .mbuf_data_len = offsetof(struct rte_mbuf, data_len),
        .headroom = RTE_PKTMBUF_HEADROOM,
        .rx_ip_cksum_mask = RTE_MBUF_F_RX_IP_CKSUM_MASK,
        .rx_ip_cksum_bad = RTE_MBUF_F_RX_IP_CKSUM_BAD,
        .port_config_bytes = sizeof(struct fwd_port_config),
        .port_info_bytes = sizeof(struct fwd_port_info),
        .port_stats_bytes = sizeof(struct fwd_port_stats),
    };
}

const char *fwd_error_text(int32_t error)
{
    return rte_strerror(error < 0 ? -error : error);
}

const char *fwd_dpdk_version(void)
{
    return rte_version();
}

int32_t fwd_eal_init(int32_t argc, char **argv)
{
    keep_log();
    int error = rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
    /* EAL makes this folder even where it keeps nothing in it. It goes if it is empty, so that nothing is left behind
     * whatever ends the process. */
    rmdir(rte_eal_get_runtime_dir());
    return error;
}

int32_t fwd_eal_cleanup(void)
{
    return rte_eal_cleanup();
}

const char *fwd_eal_log(void)
{
    return eal_log;
}

void fwd_log(const void *text, uint32_t length)
{
    if (write(STDERR_FILENO, text, length) < 0) {
        return; /* nobody reads it: nothing to be done */
    }
}

int32_t fwd_has_hugepages(void)
{
    return rte_eal_has_hugepages();
}

void *fwd_memory_allocate(uint64_t bytes, int32_t numa_node)
{
    void *memory = rte_zmalloc_socket("forwarder", bytes, 64, numa_node);
    return memory != NULL ? memory : rte_zmalloc("forwarder", bytes, 64);
}

int32_t fwd_pool_create(const char *name, uint32_t mbufs, uint16_t data_bytes, int32_t numa_node, void **pool)
{
    /* A cache of 256 per lcore: eight bursts. */
    *pool = rte_pktmbuf_pool_create(name, mbufs, 256, 0, data_bytes + RTE_PKTMBUF_HEADROOM, numa_node);
    return *pool != NULL ? 0 : -rte_errno;
}

uint32_t fwd_pool_available(void *pool)
{
    return rte_mempool_avail_count(pool);
}
