/*
 * Health checks of a node's services: each looks again and again at a tool, a command or a page,
 * and says when it has found something. They are always on, so that what was wrong before a reload
 * is known to have been; what a finding means for an operation the core decides (core/finding.h).
 *
 * A tool is called on its service's socket, as anybody calls it: the host's control channel stays
 * free for what has to be done about it.
 */
#ifndef LOCKSTEP_AGENT_CHECKUP_H
#define LOCKSTEP_AGENT_CHECKUP_H

#include "agent/core/finding.h"
#include "common/base/error.h"
#include "common/io/config.h"
#include "common/io/loop.h"

struct lockstep_checkups;

struct lockstep_checkups_config {
    const struct lockstep_config_agent *config; /* borrowed; services as in CORE */
    const struct lockstep_agent *core;          /* borrowed: what is to run, and what is up */
    void (*found)(void *context, const struct lockstep_finding *finding);
    /* True if an operator has shut MODULE, or anything of the service (NULL); may be NULL. */
    bool (*is_shut)(void *context, uint8_t service, const struct lockstep_name *module);
    void *context;
};

/* Begins to look. NOMEM. */
enum lockstep_err lockstep_checkups_new(struct lockstep_loop *loop,
                                        const struct lockstep_checkups_config *config,
                                        struct lockstep_checkups **ret_checkups,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends what is under way. NULL is fine. Always NULL. */
struct lockstep_checkups *lockstep_checkups_free(struct lockstep_checkups *checkups);

#endif
