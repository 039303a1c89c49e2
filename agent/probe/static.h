/*
 * The static checks: what can be said of a module without running any of its code.
 *
 * Bytes go in, findings and facts come out. All checks that can be made are made, so that one look
 * shows everything that is wrong; the first finding is the verdict's reason. Only the LIBRARY and
 * SYMBOL rows touch anything but the bytes: they open the platform's libraries, which are trusted
 * as the program itself trusts them. They can be left out (fuzzing does).
 */
#ifndef LOCKSTEP_PROBE_STATIC_H
#define LOCKSTEP_PROBE_STATIC_H

#include "agent/probe/contract.h"
#include "agent/probe/elf_view.h"

#include <stddef.h>
#include <stdint.h>

/* The processor's level as x86-64 counts them; 0 where nothing is counted. */
#define LOCKSTEP_PROBE_ISA_BASELINE 1

struct lockstep_probe_policy {
    const char (*libraries)[LOCKSTEP_NAME_MAX + 1]; /* allowed beside the platform's, borrowed */
    size_t libraries_count;
    uint64_t file_bytes; /* largest artifact */
    unsigned isa_level;  /* of this processor */
    bool resolve;        /* open libraries and look symbols up */
};

/* The bytes of a module file in memory. */
struct lockstep_probe_artifact {
    uint8_t *bytes; /* owned */
    size_t size;
};

/* What is being checked, against what, and where findings go. Borrowed for the call. */
struct lockstep_probe_case {
    const struct lockstep_probe_policy *policy;
    const struct lockstep_probe_expectation *expect; /* NULL: nothing is expected */
    struct lockstep_probe_verdict *verdict;
    size_t subject; /* index of the verdict's subject whose facts are filled in */
};

/* The level of the processor that this runs on: 1 to 4 on x86-64, else 0. */
unsigned lockstep_probe_isa_here(void);

/* Reads the regular file FD from its start to its end. False if it cannot be: then a finding says
 * why. *RET_ARTIFACT is to be released with lockstep_probe_artifact_deinit. */
bool lockstep_probe_artifact_read(const struct lockstep_probe_case *subject, int fd,
                                  struct lockstep_probe_artifact *ret_artifact);
void lockstep_probe_artifact_deinit(struct lockstep_probe_artifact *artifact);

/* Makes every static check on the SIZE bytes at BYTES. Fills in the subject's facts. */
void lockstep_probe_static(const struct lockstep_probe_case *subject, const uint8_t *bytes,
                           size_t size);

/* The build-id of the object that the loader mapped for ADDRESS, as hexadecimal; empty if none. */
void lockstep_probe_build_id_of(const void *address, char ret_text[LOCKSTEP_PROBE_BUILD_ID_TEXT]);

#endif
