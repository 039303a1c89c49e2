/*
 * The event loop: one thread that owns a daemon's state. It waits for descriptors, deadlines,
 * signals, children and for what other threads post; it is the only reader of clocks.
 *
 * Everything here is called on the loop's thread, but for lockstep_loop_post(). Objects given to
 * the loop (watches, timers, posts) belong to the caller and stay where they are until removed; a
 * callback may remove any of them, its own too.
 */
#ifndef LOCKSTEP_IO_LOOP_H
#define LOCKSTEP_IO_LOOP_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/time.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lockstep_loop;

/* ---- life ----------------------------------------------------------------------------------- */

enum lockstep_err lockstep_loop_new(struct lockstep_loop **ret_loop,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* NULL is fine. Always NULL. */
struct lockstep_loop *lockstep_loop_free(struct lockstep_loop *loop);
/* Runs until lockstep_loop_stop(). IO if waiting itself fails. */
enum lockstep_err lockstep_loop_run(struct lockstep_loop *loop,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Waits once, at most MAX_MS, and does what is due. For tests and for a command's own waiting. */
enum lockstep_err lockstep_loop_once(struct lockstep_loop *loop, uint64_t max_ms,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_loop_stop(struct lockstep_loop *loop);

/* ---- clocks --------------------------------------------------------------------------------- */

/* The time of this turn of the loop: equal for everything that one event causes. */
struct lockstep_time lockstep_loop_now(const struct lockstep_loop *loop);
/* The wall clock, for people and for expiry; milliseconds since 1970. */
uint64_t lockstep_unix_ms(void);
/* Microseconds of the monotonic clock, for measurements. */
uint64_t lockstep_monotonic_us(void);

/* ---- timers --------------------------------------------------------------------------------- */

struct lockstep_timer {
    void (*due)(void *context);
    void *context;
    /* The loop's: */
    struct lockstep_time at;
    uint32_t place; /* in the heap, from 1; 0: not armed */
};

/* Arms TIMER for AT, in place of an earlier arming; NEVER disarms. */
void lockstep_timer_arm(struct lockstep_loop *loop, struct lockstep_timer *timer,
                        struct lockstep_time at);
void lockstep_timer_disarm(struct lockstep_loop *loop, struct lockstep_timer *timer);

/* ---- descriptors ---------------------------------------------------------------------------- */

struct lockstep_watch {
    void (*ready)(void *context, uint32_t events); /* EPOLLIN … */
    void *context;
    int fd; /* the loop's: -1 when not watched */
};

/* Watches FD for EVENTS (EPOLLIN, EPOLLOUT). Watching a descriptor again changes the events. */
enum lockstep_err lockstep_watch_set(struct lockstep_loop *loop, struct lockstep_watch *watch,
                                     int fd, uint32_t events,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Stops watching; the descriptor stays open. Twice is fine. */
void lockstep_watch_clear(struct lockstep_loop *loop, struct lockstep_watch *watch);

/* ---- signals and children ------------------------------------------------------------------- */

/* CALLBACK(context, signal) runs for each of the signals, which are blocked from now on: call this
 * before any thread is made. Once. */
enum lockstep_err lockstep_loop_signals(struct lockstep_loop *loop, const int *signals,
                                        size_t count, void (*callback)(void *context, int signal),
                                        void *context,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

struct lockstep_child {
    void (*exited)(void *context, pid_t pid, int status); /* as waitpid gives it */
    void *context;
    /* The loop's: */
    struct lockstep_watch watch;
    struct lockstep_loop *loop;
    pid_t pid; /* 0: none */
};

/* Reaps PID when it exits, then calls `exited`. */
enum lockstep_err lockstep_child_watch(struct lockstep_loop *loop, struct lockstep_child *child,
                                       pid_t pid, struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Stops watching; the process goes on. Twice is fine. A process that is no child of ours (a host
 * that outlived its agent) can be watched too; its status is then 0. */
void lockstep_child_forget(struct lockstep_loop *loop, struct lockstep_child *child);

/* ---- other threads -------------------------------------------------------------------------- */

struct lockstep_post {
    void (*arrived)(void *context);
    void *context;
    /* The loop's: */
    struct lockstep_post *next;
    bool queued;
};

/* Runs POST's callback on the loop's thread, soon. From any thread; a post that is queued already
 * stays queued once. It must live until it has run. */
void lockstep_loop_post(struct lockstep_loop *loop, struct lockstep_post *post);
/* Takes a post back that has not run yet; on the loop's thread. */
void lockstep_loop_unpost(struct lockstep_loop *loop, struct lockstep_post *post);

#endif
