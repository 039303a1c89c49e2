/*
 * Trials: starts lockstep-probe for sets of modules and judges what it prints.
 *
 * On the loop's thread. `done` comes from the loop, never from within a call of these functions,
 * once for each ticket that is not cancelled, and may call any of them but _free.
 *
 * A yes is remembered while the agent lives, for a request that gives every subject's digest and no
 * snapshot: the same request (configurations and all) to the same probe is a yes at once. A no is
 * tried again.
 */
#ifndef LOCKSTEP_AGENT_PROBES_H
#define LOCKSTEP_AGENT_PROBES_H

#include "agent/core/agent.h"
#include "agent/probe/contract.h"
#include "common/io/loop.h"

#define LOCKSTEP_PROBES_MAX        16   /* trials at once */
#define LOCKSTEP_PROBES_REMEMBERED 128  /* yes-verdicts */
#define LOCKSTEP_PROBES_GRACE_MS   2000 /* a probe that has not ended so long after its deadline */

struct lockstep_probes;

struct lockstep_probes_config {
    const char *probe_path;
    /* VERDICT is NULL when it came from memory or when there is none; borrowed. */
    void (*done)(void *context, const struct lockstep_work_result *result,
                 const struct lockstep_probe_verdict *verdict);
    void *context;
};

enum lockstep_err lockstep_probes_new(struct lockstep_loop *loop,
                                      const struct lockstep_probes_config *config,
                                      struct lockstep_probes **ret_probes,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Kills what is under way. NULL is fine. Always NULL. */
struct lockstep_probes *lockstep_probes_free(struct lockstep_probes *probes);

/* Tries the request's subjects out as a set. Descriptors and the request are borrowed for the call;
 * the request's deadline is that of the trial. If it fails (INVALID, LIMIT, IO, NOMEM) there is no
 * trial and `done` does not come. */
enum lockstep_err lockstep_probes_start(struct lockstep_probes *probes, uint32_t ticket,
                                        const struct lockstep_probe_request *request,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Kills the trial, if there is one; it is not answered. */
void lockstep_probes_cancel(struct lockstep_probes *probes, uint32_t ticket);

/* For tests: how many processes were ever started. */
uint64_t lockstep_probes_started(const struct lockstep_probes *probes);

#endif
