/* Manifests of versions that are in the store, and whether they are believed; part of
 * driver_internal.h. */
#ifndef LOCKSTEP_AGENT_MANIFESTS_H
#define LOCKSTEP_AGENT_MANIFESTS_H

#include "agent/driver_internal.h"

/* The manifest of the version; false if it is not in the store, or its signature not good, and then
 * why in *RET_REFUSAL (may be NULL). What was verified before is not verified again: the same bytes
 * under the same trust bundle. They are read each time. */
bool lockstep_manifests_read(struct lockstep_node_agent *agent,
                             const struct lockstep_digest *digest,
                             struct lockstep_manifest *ret_manifest,
                             struct lockstep_refusal *ret_refusal);
void lockstep_manifests_free(struct lockstep_node_agent *agent);

#endif
