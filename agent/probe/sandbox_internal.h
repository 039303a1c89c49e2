/* The two walls that need more than a line. Internal to agent/probe. */
#ifndef LOCKSTEP_PROBE_SANDBOX_INTERNAL_H
#define LOCKSTEP_PROBE_SANDBOX_INTERNAL_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdint.h>

/* Forbids every write and most reads of the file system. The version of Landlock's ABI that is in
 * force, 0 if there is none. */
uint32_t lockstep_probe_landlock_enter(void);

/* Forbids the system calls that a module under trial has no use for. *RET_CALLS as in sandbox.h. */
enum lockstep_err lockstep_probe_seccomp_enter(int *ret_calls,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
