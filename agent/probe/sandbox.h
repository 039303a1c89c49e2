/*
 * The walls around the process that runs a module's code for the first time.
 *
 * Once inside, a process cannot reach the network, start or signal other processes, write to any
 * file, read outside the platform's libraries, or use more memory, time and descriptors than given;
 * it dies with its parent. What the kernel or the privileges at hand do not allow is left out and
 * reported, except no_new_privs and seccomp: without these nothing is tried.
 *
 * It does not hide what the process already has in memory, and it is no defence against a kernel
 * that can be exploited: it contains mistakes, and it makes malice loud.
 */
#ifndef LOCKSTEP_PROBE_SANDBOX_H
#define LOCKSTEP_PROBE_SANDBOX_H

#include "agent/probe/contract.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdint.h>
#include <sys/types.h>

struct lockstep_probe_walls {
    pid_t parent;          /* dies: this dies */
    uint64_t memory_bytes; /* of address space; 0: not limited */
    uint64_t cpu_ms;       /* of processor time */
    uint64_t descriptors;  /* open at once */
};

/* Shuts the calling process in, for good. It must have one thread. *RET_SANDBOX says what of.
 * *RET_CALLS is a descriptor (owned) through which another process learns of each call that is
 * refused, and answers it (calls.h); until one does, such calls wait, and when it is closed they
 * fail with ENOSYS. */
enum lockstep_err lockstep_probe_sandbox_enter(const struct lockstep_probe_walls *walls,
                                               struct lockstep_probe_sandbox *ret_sandbox,
                                               int *ret_calls,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
