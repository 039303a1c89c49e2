/*
 * What belongs to all of a process or thread, and what a module's call must leave as it found it:
 * locale, file mode mask, working directory, signal mask and handlers, timers, environment,
 * rounding of numbers, threads. Not errno: C lets every function change it. Internal to
 * agent/probe.
 */
#ifndef LOCKSTEP_PROBE_SURROUNDINGS_H
#define LOCKSTEP_PROBE_SURROUNDINGS_H

#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

/* What is the calling thread's own. */
struct lockstep_thread_surroundings {
    locale_t locale;
    sigset_t mask;
    int rounding;
    int exceptions; /* of floating point, that end the process */
};

struct lockstep_surroundings {
    struct lockstep_thread_surroundings thread;
    char locale[256];
    char folder[PATH_MAX];
    mode_t mask;
    uintptr_t handlers[NSIG];
    struct itimerval timers[3];
    uint64_t environment; /* a sum */
    uint64_t threads;
};

void lockstep_thread_surroundings_take(struct lockstep_thread_surroundings *ret_now);
/* What differs ("the locale"), NULL if nothing does. */
const char *lockstep_thread_surroundings_compare(const struct lockstep_thread_surroundings *before,
                                                 const struct lockstep_thread_surroundings *now);
void lockstep_surroundings_take(struct lockstep_surroundings *ret_now);
const char *lockstep_surroundings_compare(const struct lockstep_surroundings *before,
                                          const struct lockstep_surroundings *now);

#endif
