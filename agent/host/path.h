/*
 * Ways from one schema of a module's state to another, over the steps that it declares.
 *
 * Breadth first, so the way is one of the shortest; a step is taken once at most, so circles do no
 * harm. It knows nothing of records: who walks the way runs the steps.
 */
#ifndef LOCKSTEP_HOST_PATH_H
#define LOCKSTEP_HOST_PATH_H

#include "agent/host/include/lockstep/module.h"

/* A way, or why there is none. */
struct lockstep_path {
    bool found;
    uint32_t stops_at; /* when not found: the nearest to the goal that can be reached */
    size_t count;
    const struct lockstep_step *steps[LOCKSTEP_MODULE_STEPS];
};

/* True if a module's steps can be used at all: not too many, and each leads somewhere. */
bool lockstep_path_valid(const struct lockstep_step *steps, uint32_t count);
/* Finds a way FROM one schema TO another; none is needed when they are the same. */
void lockstep_path_find(const struct lockstep_step *steps, uint32_t count, uint32_t from,
                        uint32_t to, struct lockstep_path *ret_path);

#endif
