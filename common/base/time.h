/*
 * Time as values. Nothing here reads a clock: the loop does (common/io/loop.c), and cores get the
 * time with each event. Wrapping keeps monotonic milliseconds, wall-clock milliseconds and
 * durations from being mixed.
 */
#ifndef LOCKSTEP_BASE_TIME_H
#define LOCKSTEP_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of this machine's monotonic clock. Zero is "never" for deadlines. */
struct lockstep_time {
    uint64_t ms;
};

#define LOCKSTEP_TIME_NEVER ((struct lockstep_time){0})

/* A delay of any length: what is too far away is the last time there is. */
static inline struct lockstep_time lockstep_time_after(struct lockstep_time now, uint64_t delay_ms)
{
    return (struct lockstep_time){delay_ms > UINT64_MAX - now.ms ? UINT64_MAX : now.ms + delay_ms};
}

static inline bool lockstep_time_set(struct lockstep_time time)
{
    return time.ms != 0;
}

/* True when the deadline is armed and NOW has reached it. */
static inline bool lockstep_time_due(struct lockstep_time deadline, struct lockstep_time now)
{
    return deadline.ms != 0 && now.ms >= deadline.ms;
}

/* The earlier of two deadlines, where "never" is later than everything. */
static inline struct lockstep_time lockstep_time_earlier(struct lockstep_time a,
                                                         struct lockstep_time b)
{
    if (a.ms == 0) {
        return b;
    }
    return b.ms == 0 || a.ms <= b.ms ? a : b;
}

#endif
