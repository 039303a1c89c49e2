/*
 * Module code with a time limit: it runs on a thread of its own, and when the time is over nobody
 * waits for it any longer. What the code uses must therefore belong to the job.
 */
#ifndef LOCKSTEP_HOST_JOB_H
#define LOCKSTEP_HOST_JOB_H

#include "agent/host/include/lockstep/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_JOB_WHY 256

/* What code said, cut off where it gets too long. */
struct lockstep_job_why {
    struct lockstep_sink sink; /* first */
    size_t size;
    char text[LOCKSTEP_JOB_WHY];
};

struct lockstep_job;
/* Runs on the job's thread. WHY begins empty. */
typedef int lockstep_job_fn(void *argument, struct lockstep_job_why *why);

enum lockstep_job_end {
    LOCKSTEP_JOB_PASSED,
    LOCKSTEP_JOB_FAILED,
    LOCKSTEP_JOB_STUCK, /* the time is over; the job goes on holding its argument */
    LOCKSTEP_JOB_NO_THREAD,
};

/* Starts RUN(ARGUMENT). FREE_ARGUMENT is called when both the code and the waiting side are done
 * with it; NULL: nothing to free. NULL if there is no memory or thread (the argument is freed). */
struct lockstep_job *lockstep_job_start(lockstep_job_fn *run, void *argument,
                                        void (*free_argument)(void *argument));
/* Waits until the job has ended or LIMIT_MS after its start. */
enum lockstep_job_end lockstep_job_wait(struct lockstep_job *job, uint64_t limit_ms,
                                        char ret_why[LOCKSTEP_JOB_WHY]);
/* Gives up the waiting side's share. Returns NULL; NULL is allowed. */
struct lockstep_job *lockstep_job_drop(struct lockstep_job *job);

/* Milliseconds of the monotonic clock. */
uint64_t lockstep_job_now_ms(void);

#endif
