/* The supervisor's view of a trial. Internal to agent/probe. */
#ifndef LOCKSTEP_PROBE_SUPERVISE_INTERNAL_H
#define LOCKSTEP_PROBE_SUPERVISE_INTERNAL_H

#include "agent/probe/calls.h"
#include "agent/probe/report.h"

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#define LOCKSTEP_PROBE_TRIAL_THREADS 256           /* of the whole subject half */
#define LOCKSTEP_PROBE_TRIAL_WRITTEN (1024 * 1024) /* bytes */

enum watched { WATCH_REPORT, WATCH_OUTPUT, WATCH_CALLS, WATCH_CHILD, WATCH_COUNT };

/* Why the supervisor ended the subject half. */
enum ended { ENDED_NOT, ENDED_LATE, ENDED_THREADS, ENDED_OUTPUT };

/* A trial that runs. */
struct watch {
    pid_t child;
    struct pollfd polls[WATCH_COUNT]; /* descriptors owned, -1 when at their end */
    struct lockstep_probe_report report;
    char output[LOCKSTEP_PROBE_OUTPUT_MAX + 1]; /* the end of what was written */
    size_t output_length;
    uint64_t started_ms;
    uint64_t memory_bytes;     /* that the subject half may have, 0: not limited */
    uint64_t deadline_ms;      /* of the whole */
    uint64_t step_deadline_ms; /* of the step, UINT64_MAX: none */
    uint64_t steps_seen;
    int go;           /* the subject half waits at its other end, -1: it has gone on */
    uint64_t written; /* bytes, of what the modules wrote */
    uint64_t threads; /* when it was ended for them */
    enum ended ended; /* by us, and why */
    struct lockstep_probe_calls calls;
    int status; /* of waitpid */
};

/* "smoke test tables", "load" */
void lockstep_probe_say_step(const struct watch *watch, char *ret_text, size_t size);
/* What the subject half found replaces what was known before it began; how it ended is added. */
void lockstep_probe_conclude(const struct watch *watch, struct lockstep_probe_verdict *verdict);

#endif
