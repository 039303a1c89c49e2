/* The parts of the measurement of the host. Each prints nothing and fills its results in. */
#ifndef LOCKSTEP_TESTS_BENCH_HOST_BENCH_H
#define LOCKSTEP_TESTS_BENCH_HOST_BENCH_H

#include "agent/host/include/lockstep/module.h"
#include "tests/bench/result.h"

#include <sched.h>
#include <time.h>

#define MODULES_COUNT 100

static inline double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Before everybody else on the machine, for this thread and those it starts, where it is allowed:
 * others' work is not what is measured. False: as all others. */
static inline void be_first(bool first)
{
    const struct sched_param priority = {.sched_priority = first ? 1 : 0};
    (void)sched_setscheduler(0, first ? SCHED_FIFO : SCHED_OTHER, &priority);
}

/* host_bench_calls.c: five kinds of call, by one thread and by two. */
#define CALL_KINDS 5
void measure_calls(struct result results[2 * CALL_KINDS]);
/* host_bench_inline.c: the gate's own source in the caller's. False: it cannot be entered. */
bool inline_start(int (*call)(struct lockstep_call *call));
void inline_stop(void);
/* COUNT calls; true if none failed. */
bool inline_run(size_t count);

/* host_bench_sets.c: what takes part in a reload of a hundred modules. */
struct set_results {
    struct result *swap;
    struct result *warm;
    struct result *cold;
    struct result *back;
    struct result *stall;
    struct result *flow;
};
void measure_sets(const struct set_results *results);
/* Moves a state of RECORDS records from version to version. */
void measure_migration(struct result *result, unsigned records);
void measure_restart(struct result *result);

/* host_bench_agent.c: what an agent says of a hundred modules. */
void measure_md5(struct result *mapped, struct result *stat);

/* host_bench_files.c: writes module NUMBER of set_module.so, or its other version, to PATH. */
void write_module(const char *path, unsigned number, unsigned version);

#endif
