/*
 * Retention: which versions stay when a store of artifacts is collected.
 *
 *     struct lockstep_retention *retention = lockstep_retention_new();
 *     lockstep_retention_need(retention, &live);
 *     result = lockstep_retention_collect(retention, artifacts, &limits, &err);
 *     retention = lockstep_retention_free(retention);
 *
 * What is needed stays, whatever its size. Of the rest the newest of each module stay, by the time
 * at which they were written, and of these the oldest go first where there is too much. What a
 * manifest says of its module is taken for sorting only: nothing is verified here.
 */
#ifndef LOCKSTEP_IO_RETENTION_H
#define LOCKSTEP_IO_RETENTION_H

#include "common/io/artifacts.h"

struct lockstep_retention_limits {
    uint32_t newest;    /* versions of each module that stay though nobody needs them */
    uint64_t max_bytes; /* of all; 0: no limit */
};

struct lockstep_retention;

/* NULL without memory; every function takes that, and _collect then fails. */
struct lockstep_retention *lockstep_retention_new(void);
/* Always NULL. */
struct lockstep_retention *lockstep_retention_free(struct lockstep_retention *retention);
/* Zeros, and the same digest again, are fine. */
void lockstep_retention_need(struct lockstep_retention *retention,
                             const struct lockstep_digest *digest);
/* Removes what does not stay. NOMEM if not all that is needed could be noted: then nothing goes. */
enum lockstep_err lockstep_retention_collect(struct lockstep_retention *retention,
                                             struct lockstep_artifacts *artifacts,
                                             const struct lockstep_retention_limits *limits,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
