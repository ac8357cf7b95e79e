#define _GNU_SOURCE
#include "forwarder_native.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_launch.h>
#include <rte_lcore.h>

/* Thread ids of the workers, so that fwd_confine_threads leaves them where they are. */
static atomic_int worker_tids[RTE_MAX_LCORE];

struct launch {
    int32_t (*function)(void *);
    void *context;
};

static struct launch launches[RTE_MAX_LCORE];

static int run(void *argument)
{
    struct launch *launch = argument;
    atomic_store(&worker_tids[rte_lcore_id()], (int)gettid());
    /* The default slack of 50 µs would double the shortest sleep of an idle worker. */
    prctl(PR_SET_TIMERSLACK, 1000UL);
    return launch->function(launch->context);
}

int32_t fwd_worker_launch(int32_t (*function)(void *), void *context, uint32_t lcore)
{
    if (lcore >= RTE_MAX_LCORE || !rte_lcore_is_enabled(lcore)) {
        return -EINVAL;
    }
    launches[lcore] = (struct launch){ .function = function, .context = context };
    return rte_eal_remote_launch(run, &launches[lcore], lcore);
}

int32_t fwd_worker_wait(uint32_t lcore)
{
    return rte_eal_wait_lcore(lcore);
}

int32_t fwd_lcore_numa_node(uint32_t lcore)
{
    return (int32_t)rte_lcore_to_socket_id(lcore);
}

void fwd_sleep_us(uint32_t us)
{
    struct timespec time = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };
    nanosleep(&time, NULL);
}

static int is_worker(int tid)
{
    for (unsigned int lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
        if (atomic_load(&worker_tids[lcore]) == tid) {
            return 1;
        }
    }
    return 0;
}

int32_t fwd_confine_threads(uint32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) {
        return -errno;
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && !is_worker(tid)) {
            sched_setaffinity(tid, sizeof(set), &set);
        }
    }
    closedir(tasks);
    return 0;
}
