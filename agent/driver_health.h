/* driver_health.c: whoever looks at what runs, for the core. Part of driver_internal.h. */
#ifndef LOCKSTEP_AGENT_DRIVER_HEALTH_H
#define LOCKSTEP_AGENT_DRIVER_HEALTH_H

#include "common/base/attr.h"
#include "common/base/error.h"

struct lockstep_node_agent;

enum lockstep_err lockstep_driver_open_health(struct lockstep_node_agent *agent,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_driver_close_health(struct lockstep_node_agent *agent);

#endif
