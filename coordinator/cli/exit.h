/*
 * Exit codes of the command: programs outside rely on them. An operation's code follows
 * from its document alone, in one function; a FAILURE brings its own.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_EXIT_H
#define LOCKSTEP_COORDINATOR_CLI_EXIT_H

#include "common/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*  X(number, NAME, meaning) */
#define LOCKSTEP_EXIT_TABLE(X)                                                      \
    X(0, DONE, "what was asked for holds")                                          \
    X(1, INTERNAL, "internal error")                                                \
    X(2, USAGE, "usage, configuration, unknown name, nothing matched")              \
    X(3, DIFFERENT, "differences (check; elsewhere only with --detailed-exitcode)") \
    X(4, REFUSED, "refused before any node was contacted")                          \
    X(5, CONFLICT, "conflict, or no majority")                                      \
    X(6, FAILED, "failed, and the fleet is where it was")                           \
    X(7, MIXED, "failed, and the fleet is mixed or in doubt: wake someone")         \
    X(8, FORBIDDEN, "not permitted")                                                \
    X(9, UNREACHABLE, "coordinator unreachable")                                    \
    X(124, TIMED_OUT, "the wait timed out; the operation goes on")                  \
    X(130, DETACHED, "detached")

enum lockstep_exit {
#define LOCKSTEP_EXIT_ENUM(number, name, text) LOCKSTEP_EXIT_##name = (number),
    LOCKSTEP_EXIT_TABLE(LOCKSTEP_EXIT_ENUM)
#undef LOCKSTEP_EXIT_ENUM
};

/* The meaning, or NULL for a number that has none. */
const char *lockstep_exit_text(unsigned number);

/* The code for a whole DOCUMENT (operation, plan, check, audit; any other is DONE).
 * *RET_WAITING is true for an operation without a result, whose code is then DONE. */
enum lockstep_exit lockstep_exit_of(const json_t *document, bool detailed, bool *ret_waiting);
/* The code that a FAILURE brought; INTERNAL if it is none of the table's or means success. */
enum lockstep_exit lockstep_exit_of_failure(uint32_t number);
/* The code for an error of this side. */
enum lockstep_exit lockstep_exit_of_error(enum lockstep_err code);

#endif
