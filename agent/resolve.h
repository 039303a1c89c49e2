/*
 * `lockstep-agent resolve`: an operation in doubt is decided by hand, on a stopped agent's journal.
 *
 * It is for a coordinator that is gone for good: nobody else knows what was decided, and the node
 * waits for ever. What is written is the decision, who took it and why; the agent carries it out
 * when it starts, through the same rules as the coordinator's own, and tells the coordinator at the
 * next contact that it was no decision of the coordinator's: a heuristic outcome. If that one had
 * decided otherwise, the node has drifted.
 */
#ifndef LOCKSTEP_AGENT_RESOLVE_H
#define LOCKSTEP_AGENT_RESOLVE_H

#include "common/io/config.h"

struct lockstep_resolve {
    const char *operation; /* "op-" and a prefix of its id, or a prefix of 6; NULL: none is named */
    const char *outcome;   /* "commit" or "abort"; or NULL */
    const char *reason;    /* or NULL */
};

/* INVALID for what is not said right, CONFLICT if the operation is not in doubt or the agent runs;
 * both with what would be right. Says on standard output what comes next. */
enum lockstep_err lockstep_agent_resolve(const struct lockstep_config_agent *config,
                                         const struct lockstep_resolve *resolve,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
