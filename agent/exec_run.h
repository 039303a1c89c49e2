/*
 * One program, run with bounds: the verbs of the exec driver are run by this.
 *
 * The child has nothing of the agent's but its user: a session (so a process group) of its own, the
 * environment it is given and no other, / as its directory, no signal blocked or ignored, /dev/null
 * as standard input, and no descriptor but 0 to 2. What it prints on 1 and 2 is read to the end and
 * the last of it is kept, so a program that prints without end is neither blocked nor believed.
 *
 * When its time is over the whole group gets SIGTERM, a little later SIGKILL; when the program has
 * ended, so does what it left in its group. A daemon that it started on purpose has to be in a
 * session of its own, as daemons are, and must not keep its output.
 *
 * Nothing blocks: all of it is on the loop's thread, and `done` comes from the loop.
 */
#ifndef LOCKSTEP_AGENT_EXEC_RUN_H
#define LOCKSTEP_AGENT_EXEC_RUN_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_EXEC_OUTPUT_MAX (64 * 1024) /* bytes of output that may be kept */

enum lockstep_exec_end {
    LOCKSTEP_EXEC_EXITED,     /* `number` is the exit status */
    LOCKSTEP_EXEC_SIGNALLED,  /* `number` is the signal */
    LOCKSTEP_EXEC_LATE,       /* its time was over */
    LOCKSTEP_EXEC_NOT_STARTED /* `number` is errno */
};

/* Valid during the callback. */
struct lockstep_exec_result {
    enum lockstep_exec_end end;
    int number;
    const char *output; /* the last bytes of it, as they came; NUL behind */
    size_t length;
    uint64_t printed; /* bytes in all; more than LENGTH: the beginning is missing */
};

struct lockstep_exec_command {
    const char *const *argv; /* NULL behind; argv[0] is an absolute path */
    const char *const *environment;
    uint64_t limit_ms;
    uint64_t kill_ms;  /* from SIGTERM to SIGKILL */
    size_t output_max; /* bytes that are kept, at most LOCKSTEP_EXEC_OUTPUT_MAX */
};

/* Caller's storage; stays where it is while it runs. */
struct lockstep_exec_run {
    void (*done)(void *context, const struct lockstep_exec_result *result);
    void *context;
    /* Ours: */
    struct lockstep_loop *loop;
    struct lockstep_child child;
    struct lockstep_watch watch;
    struct lockstep_timer timer;
    struct lockstep_post post; /* tells of a program that could not be started */
    pid_t pid;                 /* 0: none */
    int output;                /* -1: none */
    int failed;                /* errno of the start */
    bool busy;
    bool late;
    uint64_t kill_ms;
    uint64_t printed;
    size_t output_max;
    size_t length;
    char *text; /* twice output_max: what is too much at its beginning is dropped now and then */
};

/* Nothing runs. DONE comes once for every _start that is not _stopped. */
void lockstep_exec_run_init(struct lockstep_exec_run *run, struct lockstep_loop *loop,
                            void (*done)(void *context, const struct lockstep_exec_result *result),
                            void *context);
/* Starts a program; none runs. That it cannot be started is a result too, and comes by `done`. */
void lockstep_exec_run_start(struct lockstep_exec_run *run,
                             const struct lockstep_exec_command *command);
bool lockstep_exec_run_is_busy(const struct lockstep_exec_run *run);
/* Kills the group at once and forgets it; `done` does not come. Twice is fine. */
void lockstep_exec_run_stop(struct lockstep_exec_run *run);

#endif
