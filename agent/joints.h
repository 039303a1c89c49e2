/*
 * Where the exec driver meets the rest; part of driver_internal.h.
 *
 * A duty may have modules of hosts and modules of services that are driven by verbs. Its work is
 * then done in two parts, one after the other: the verbs first, then the hosts. So gates are shut
 * only when the slow and fragile part is over, and what the verbs did is reverted if the hosts
 * cannot follow. Nothing is published before both have migrated.
 */
#ifndef LOCKSTEP_AGENT_JOINTS_H
#define LOCKSTEP_AGENT_JOINTS_H

#include "agent/driver_internal.h"

/* Opens the exec driver; the core has its services. */
enum lockstep_err lockstep_joints_open(struct lockstep_node_agent *agent,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_joints_free(struct lockstep_node_agent *agent);

/* True if the configuration has the module's service driven by verbs: no host has it. */
bool lockstep_joints_drives(const struct lockstep_node_agent *agent,
                            const struct lockstep_agent_module *module);

/* A file that verbs bring is nothing that a host could map, nor the other way round. */
bool lockstep_joints_fits(const struct lockstep_node_agent *agent,
                          const struct lockstep_agent_module *module,
                          const struct lockstep_known *known, struct lockstep_refusal *refusal);

/* Begins the verbs' part of a work. False: there is none, the hosts' part is all. Else that is
 * begun by itself when the verbs' is done. */
bool lockstep_joints_begin(struct lockstep_node_agent *agent, uint32_t ticket,
                           const struct lockstep_duty *duty, enum lockstep_work work);
/* A part is done, or cannot be: begins the next one, or tells the core. */
void lockstep_joints_worked(struct lockstep_node_agent *agent,
                            const struct lockstep_work_result *result);
/* The duty's row that moves pointers is durable: what was applied stays, or goes back with it. */
void lockstep_joints_point(struct lockstep_node_agent *agent, const struct lockstep_duty *duty);
void lockstep_joints_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation);
void lockstep_joints_retire(struct lockstep_node_agent *agent, const struct lockstep_id *operation);

/* ---- works.c: works of both parts, and what hosts do of them --------------------------------- */

void lockstep_works_map(struct lockstep_node_agent *agent, uint32_t ticket,
                        const struct lockstep_duty *duty);
void lockstep_works_migrate(struct lockstep_node_agent *agent, uint32_t ticket,
                            const struct lockstep_duty *duty);
void lockstep_works_publish(struct lockstep_node_agent *agent, uint32_t ticket,
                            const struct lockstep_duty *duty);
void lockstep_works_probe_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                                const struct lockstep_duty *duty);
void lockstep_works_map_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                              const struct lockstep_duty *duty);
void lockstep_works_migrate_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                                  const struct lockstep_duty *duty);

#endif
