/* `lockstepd init`: makes a cluster out of nothing: its id, the coordinator's key, trust bundle 1.
 */
#ifndef LOCKSTEP_COORDINATOR_INIT_H
#define LOCKSTEP_COORDINATOR_INIT_H

#include "common/io/config.h"

struct lockstep_init {
    const char *const *admins; /* public lines: "lockstep-key NAME BASE32" */
    size_t admin_count;
    const char *new_admin;       /* operator's configuration to write, its key beside it; or NULL */
    const char *const *releases; /* files with a release key's public half (minisign) */
    size_t release_count;
};

/* CONFLICT if there is a cluster already, INVALID if nobody would administrate it. On failure
 * nothing is left that would stand in the way of a second try. */
enum lockstep_err lockstep_coordinator_init(const struct lockstep_config_coordinator *config,
                                            const struct lockstep_init *init,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
