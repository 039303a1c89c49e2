/* MODULE_PURGE: retired versions of a module, unmapped on one node. */
#ifndef LOCKSTEP_COORDINATOR_CONTROL_PURGE_H
#define LOCKSTEP_COORDINATOR_CONTROL_PURGE_H

#include "coordinator/driver_internal.h"

/* Notes it in the audit trail, and has the node do it; the answer comes by _purged. */
void lockstep_control_purge(struct lockstep_session *session,
                            const struct lockstep_wire_module_purge *message);
/* What the node said, as a document; NULL without memory. */
json_t *lockstep_control_purged(const struct lockstep_coordinator *coordinator,
                                const struct lockstep_calling *call,
                                const struct lockstep_wire_tool_result *result);

#endif
