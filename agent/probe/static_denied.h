/*
 * Functions that a module may not use, one row each. Every one of them leaves something behind that
 * outlives the module's turn, changes what belongs to all of the process, or ends it. Internal to
 * agent/probe; the tests try every row.
 */
#ifndef LOCKSTEP_PROBE_STATIC_DENIED_H
#define LOCKSTEP_PROBE_STATIC_DENIED_H

#include <stddef.h>

struct lockstep_probe_denied {
    const char *name;
    const char *why;
};

/* The row at INDEX, NULL behind the last. */
const struct lockstep_probe_denied *lockstep_probe_denied_at(size_t index);
/* The row of the function NAME, NULL if there is none. */
const struct lockstep_probe_denied *lockstep_probe_denied_find(const char *name);

#endif
