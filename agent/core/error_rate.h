/*
 * Does a version fail more often than the one before it did? Pure arithmetic over four counts.
 *
 * The test is Fisher's exact one, one-sided: given how many of all calls failed, how likely are as
 * many failures or more among the new version's by chance alone, if both fail alike? It is exact
 * for small samples, where "twice as often" says nothing. A share is only called worse when chance
 * is all but ruled out, the difference matters, and there were enough calls to speak of; for it is
 * asked again and again while a version is in its window, and each time chance may err.
 */
#ifndef LOCKSTEP_AGENT_CORE_ERROR_RATE_H
#define LOCKSTEP_AGENT_CORE_ERROR_RATE_H

#include "common/base/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct lockstep_error_rate {
    uint64_t before_calls;
    uint64_t before_failed; /* of them */
    uint64_t after_calls;
    uint64_t after_failed; /* of them */
};

struct lockstep_error_rate_rule {
    uint64_t calls;    /* of the new version, at least */
    uint64_t chance;   /* one in so many at most */
    uint64_t permille; /* by so many of a thousand calls the share is larger, at least */
};

/* How likely it is by chance, 0 to 1; 1 where nothing can be said. */
double lockstep_error_rate_chance(const struct lockstep_error_rate *rate);
/* True if the new version is worse by RULE. */
bool lockstep_error_rate_is_worse(const struct lockstep_error_rate *rate,
                                  const struct lockstep_error_rate_rule *rule);

/* One module while versions come and go. */
struct lockstep_error_watch {
    struct lockstep_digest digest;
    uint64_t calls; /* as told last. Less than before: a host is gone, and what is told now may have
                     * been told by the others before, so it is where counting goes on */
    uint64_t failed;
    struct lockstep_error_rate rate; /* `before` is the version before DIGEST, all of its time */
};

/* DIGEST is live, and its host has counted so far since it is. */
void lockstep_error_watch_see(struct lockstep_error_watch *watch,
                              const struct lockstep_digest *digest, uint64_t calls,
                              uint64_t failed);

#endif
