/* What the modules of a set need of each other, and the order that follows. */
#ifndef LOCKSTEP_PROBE_REQUIRES_H
#define LOCKSTEP_PROBE_REQUIRES_H

#include "agent/probe/contract.h"

#include <stddef.h>

/* Indexes of the verdict's subjects, each behind those that it needs. A need that is not met, a
 * ring or a module that is there twice is a finding. */
void lockstep_probe_order(const struct lockstep_probe_request *request,
                          struct lockstep_probe_verdict *verdict,
                          size_t ret_order[LOCKSTEP_ITEMS_MAX]);

#endif
