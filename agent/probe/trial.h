/*
 * The trial: a set of modules mapped, loaded, migrated and smoke-tested in a process of its own.
 *
 * Two halves. The supervisor reads the files, forks before anything else happens, holds the clock
 * and explains how the other half ended; it parses no ELF and runs no module code. The subject half
 * shuts itself in (sandbox.h), makes the static checks and, if they pass and more was asked for,
 * runs the modules.
 */
#ifndef LOCKSTEP_PROBE_TRIAL_H
#define LOCKSTEP_PROBE_TRIAL_H

#include "agent/probe/contract.h"
#include "agent/probe/static.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Some bytes that the supervisor read for the subject half. */
struct lockstep_probe_blob {
    uint8_t *bytes; /* owned, NULL if none */
    size_t size;
};

struct lockstep_probe_material {
    struct lockstep_probe_artifact artifact; /* bytes NULL: it could not be read */
    struct lockstep_probe_blob config;
    struct lockstep_probe_blob snapshot;
};

/* Everything that the subject half works with. */
struct lockstep_probe_trial {
    const struct lockstep_probe_request *request;
    struct lockstep_probe_verdict *verdict;
    struct lockstep_probe_policy policy;
    int report_fd;
    int go_fd; /* readable when the supervisor watches the calls that are refused */
    struct lockstep_probe_material material[LOCKSTEP_ITEMS_MAX];
};

/* Tries REQUEST's modules and fills in *VERDICT. Forks: the process must have one thread. Fails
 * only if the trial could not be held at all; what the modules do is in the verdict. */
enum lockstep_err lockstep_probe_try(const struct lockstep_probe_request *request,
                                     struct lockstep_probe_verdict *verdict,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Build-ids of this program and its libc: what a cached verdict depends on beside the module. */
void lockstep_probe_stamp(struct lockstep_probe_verdict *verdict);

/* The subject half, after the fork. PARENT is the supervisor. */
LOCKSTEP_NORETURN void lockstep_probe_trial_run(struct lockstep_probe_trial *trial, pid_t parent);

/* Releases what was read. */
void lockstep_probe_trial_deinit(struct lockstep_probe_trial *trial);

#endif
