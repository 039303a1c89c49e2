/* Private copies of artifacts, which hosts map; part of driver_internal.h. */
#ifndef LOCKSTEP_AGENT_COPIES_H
#define LOCKSTEP_AGENT_COPIES_H

#include "agent/driver_internal.h"

enum lockstep_err lockstep_copies_open(struct lockstep_node_agent *agent,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The private copy of a version, made if there is none. */
enum lockstep_err lockstep_copies_get(struct lockstep_node_agent *agent,
                                      const struct lockstep_name *module,
                                      const struct lockstep_digest *digest,
                                      const struct lockstep_copy **ret_copy,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The next one asked for will be a new file. */
void lockstep_copies_forget(struct lockstep_node_agent *agent, const struct lockstep_name *module,
                            const struct lockstep_digest *digest);
/* Removes the files that nothing needs any more. */
void lockstep_copies_collect(struct lockstep_node_agent *agent);
/* Removes the files that neither this agent nor a boot file knows. */
void lockstep_copies_sweep(struct lockstep_node_agent *agent);
/* What SERVICE boots with: every module's current version. One that cannot be had is left out, and
 * logged: the others of its service are not to pay for it. */
enum lockstep_err lockstep_copies_boot(struct lockstep_node_agent *agent, uint8_t service,
                                       struct lockstep_boot *ret_boot,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The module's configuration file, or -1: it has none. */
int lockstep_copies_config(const struct lockstep_node_agent *agent,
                           const struct lockstep_name *module);

/* ---- collect.c -------------------------------------------------------------------------------
 */

/* Removes versions and copies that are not kept. */
void lockstep_collect(struct lockstep_node_agent *agent);
/* A version whose files in the store are not good: they are removed, so that the next order for it
 * fetches them anew. Unless its bytes have CHANGED they stay as long as a host may need them. */
void lockstep_collect_bad(struct lockstep_node_agent *agent, const struct lockstep_digest *digest,
                          bool changed);

#endif
