/*
 * What abidiff (libabigail) says of two versions of a module: whether types that both have are laid
 * out differently, which no look at their names can tell.
 *
 * It reads debug information. Where one of the two files has none, or abidiff cannot say, the
 * answer is UNKNOWN, never that they are compatible. The files are hostile, so it runs as a child
 * with limits on memory, time and output; whoever calls sees to it that they lie in a folder of
 * their own.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_ABI_H
#define LOCKSTEP_COORDINATOR_CLI_ABI_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdint.h>

#define LOCKSTEP_ABI_REPORT_TEXT 2048        /* bytes of a report's head, with the NUL */
#define LOCKSTEP_ABI_LIMIT_MS    (60 * 1000) /* for abidiff */

enum lockstep_abi {
    LOCKSTEP_ABI_UNKNOWN,
    LOCKSTEP_ABI_SAME,
    LOCKSTEP_ABI_CHANGED,      /* something did, compatible or not: for people to say */
    LOCKSTEP_ABI_INCOMPATIBLE, /* surely not */
};

struct lockstep_abi_answer {
    enum lockstep_abi abi;
    char report[LOCKSTEP_ABI_REPORT_TEXT]; /* its first lines; of UNKNOWN, why */
};

/* Compares the files BEFORE and AFTER, within LIMIT_MS. IO if abidiff cannot be started. */
enum lockstep_err lockstep_abi_compare(const char *before, const char *after, uint64_t limit_ms,
                                       struct lockstep_abi_answer *ret_answer,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
