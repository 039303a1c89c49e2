/*
 * One health check between its looks: when a row of failures is a finding. Pure; who looks, and at
 * what, is not its business.
 *
 * A single failure may be chance, so so many in a row make a finding. A row has begun when its
 * first failure was seen: a check that failed before a version was live says nothing about that
 * version until it has been good in between (finding.h holds `since` against the version's own
 * time).
 */
#ifndef LOCKSTEP_AGENT_CORE_HEALTH_H
#define LOCKSTEP_AGENT_CORE_HEALTH_H

#include "common/base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct lockstep_health {
    bool looking;
    struct lockstep_time begun; /* the newest look */
    struct lockstep_time since; /* the first failure of the row was seen */
    uint32_t row;               /* failures in a row; it stops counting at UINT32_MAX */
};

/* A look begins; none is under way. */
void lockstep_health_begin(struct lockstep_health *health, struct lockstep_time now);
/* It has ended. True if it makes FAILURES in a row or more: a finding. */
bool lockstep_health_end(struct lockstep_health *health, struct lockstep_time now, bool good,
                         uint32_t failures);
/* There is nothing to look at: whatever comes next begins anew. */
void lockstep_health_reset(struct lockstep_health *health);

#endif
