/*
 * Assertions: statements about our own code, in every build.
 *
 * What comes from outside (wire, disk, configuration, modules) is never asserted, it is validated.
 * A failed assertion calls the handler. The default handler prints one line and aborts; a library
 * that lives in other people's processes installs one that latches and returns.
 */
#ifndef LOCKSTEP_BASE_ASSERT_H
#define LOCKSTEP_BASE_ASSERT_H

#include "common/base/attr.h"

typedef void lockstep_assert_fn(const char *expression, const char *file, int line);

/* Replaces the handler; NULL restores the default. Call before any other thread runs. */
void lockstep_assert_set_handler(lockstep_assert_fn *handler);

/* Calls the handler. Returns only when the handler does. */
void lockstep_assert_failed(const char *expression, const char *file,
                            int line) LOCKSTEP_ANALYSIS_ENDS;

/* CONDITION holds, or this program is wrong. */
#define ASSERT(condition)                                           \
    do {                                                            \
        if (!(condition)) {                                         \
            lockstep_assert_failed(#condition, __FILE__, __LINE__); \
        }                                                           \
    } while (0)

/* Control cannot come here, because of WHY. */
#define UNREACHABLE(why)                                                 \
    do {                                                                 \
        lockstep_assert_failed("unreachable: " why, __FILE__, __LINE__); \
        __builtin_unreachable();                                         \
    } while (0)

#define STATIC_ASSERT(condition, why) _Static_assert(condition, why)

#endif
