/*
 * Errors: the code says what the caller can do, the message says what happened.
 *
 * Every function that can fail returns `enum lockstep_err` and takes a caller-owned error object as
 * its last parameter. The object is written only on failure, may be NULL, and allocates nothing.
 * An outcome that is expected (not found, a NO vote) is a value, never an error.
 */
#ifndef LOCKSTEP_BASE_ERROR_H
#define LOCKSTEP_BASE_ERROR_H

#include "common/base/attr.h"

#include <stdarg.h>

/*  X(name, what the caller can do) */
#define LOCKSTEP_ERR_TABLE(X)                                              \
    X(OK, "nothing: it worked")                                            \
    X(INVALID, "mend the input: it is malformed or out of range")          \
    X(REFUSED, "do something else: a rule or a permission forbids it")     \
    X(CONFLICT, "look again: the world has moved on or somebody holds it") \
    X(LIMIT, "ask for less: a bound was reached")                          \
    X(RETRY, "try again later: a passing condition")                       \
    X(TIMEOUT, "decide: the time given is over")                           \
    X(CLOSED, "connect again: the other side is gone")                     \
    X(IO, "look at the machine: the operating system refused")             \
    X(NOMEM, "free memory: an allocation failed")                          \
    X(CORRUPT, "restore: stored data is damaged")

enum lockstep_err {
#define LOCKSTEP_ERR_ENUM(name, text) LOCKSTEP_##name,
    LOCKSTEP_ERR_TABLE(LOCKSTEP_ERR_ENUM)
#undef LOCKSTEP_ERR_ENUM
        LOCKSTEP_ERR_COUNT
};

#define LOCKSTEP_ERROR_MESSAGE_MAX 256

struct lockstep_error {
    enum lockstep_err code;
    int line;
    const char *file; /* borrowed: a string literal */
    char message[LOCKSTEP_ERROR_MESSAGE_MAX];
};

#define LOCKSTEP_ERROR_INIT ((struct lockstep_error){0})

/* The code's name ("INVALID"); never NULL. */
const char *lockstep_err_name(enum lockstep_err code);

/* Sets *err (which may be NULL) and returns CODE. Use through LOCKSTEP_FAIL. */
enum lockstep_err lockstep_error_set(struct lockstep_error *err, enum lockstep_err code,
                                     const char *file, int line, const char *format, ...)
    LOCKSTEP_PRINTF(5, 6);

/* Puts "prefix: " before the message; a message that grows too long loses its end. */
void lockstep_error_wrap(struct lockstep_error *err, const char *format, ...) LOCKSTEP_PRINTF(2, 3);

/* `return LOCKSTEP_FAIL(err, INVALID, "line %d: ...", n);` */
#define LOCKSTEP_FAIL(err, code, ...) \
    lockstep_error_set((err), LOCKSTEP_##code, __FILE__, __LINE__, __VA_ARGS__)

/* Like LOCKSTEP_FAIL(err, IO, …) with ": strerror(errno)" behind. */
enum lockstep_err lockstep_error_errno(struct lockstep_error *err, const char *file, int line,
                                       const char *format, ...) LOCKSTEP_PRINTF(4, 5);

#define LOCKSTEP_FAIL_ERRNO(err, ...) lockstep_error_errno((err), __FILE__, __LINE__, __VA_ARGS__)

/* Passes a failure of EXPRESSION up unchanged. */
#define LOCKSTEP_TRY(expression)                    \
    do {                                            \
        enum lockstep_err try_code_ = (expression); \
        if (try_code_ != LOCKSTEP_OK) {             \
            return try_code_;                       \
        }                                           \
    } while (0)

#endif
