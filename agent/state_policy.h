/* What this node wants of versions that take a state over. */
#ifndef LOCKSTEP_AGENT_STATE_POLICY_H
#define LOCKSTEP_AGENT_STATE_POLICY_H

#include "agent/driver_internal.h"

/* False if ITEM brings a later schema to a live state and its manifest promises less for going back
 * than the node's configuration wants. Going back itself is always allowed. */
bool lockstep_state_allows(struct lockstep_node_agent *agent, const struct lockstep_item *item,
                           struct lockstep_refusal *ret_refusal);

#endif
