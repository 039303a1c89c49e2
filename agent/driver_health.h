/* driver_health.c: whoever looks at what runs, for the core. Part of driver_internal.h. */
#ifndef LOCKSTEP_AGENT_DRIVER_HEALTH_H
#define LOCKSTEP_AGENT_DRIVER_HEALTH_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/core/message.h"

struct lockstep_duty;
struct lockstep_node_agent;
struct lockstep_work_result;

enum lockstep_err lockstep_driver_open_health(struct lockstep_node_agent *agent,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_driver_close_health(struct lockstep_node_agent *agent);
/* DUTY's set is about to be live: its smoke tests are run once more, beside the calls, unless its
 * order leaves them out. */
void lockstep_driver_smoke(struct lockstep_node_agent *agent, const struct lockstep_duty *duty);
/* The hosts' answer. CONTEXT is the agent. */
void lockstep_driver_smoked(void *context, const struct lockstep_work_result *result);

#endif
