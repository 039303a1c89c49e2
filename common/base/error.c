#include "common/base/error.h"

#include "common/base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define LOCKSTEP_ERR_NAME(name, text) [LOCKSTEP_##name] = #name,
    LOCKSTEP_ERR_TABLE(LOCKSTEP_ERR_NAME)
#undef LOCKSTEP_ERR_NAME
};

const char *lockstep_err_name(enum lockstep_err code)
{
    if ((unsigned)code >= LOCKSTEP_COUNT(names)) {
        return "UNKNOWN";
    }
    return names[code];
}

LOCKSTEP_PRINTF(2, 0)
static void write_message(struct lockstep_error *err, const char *format, va_list args)
{
    if (vsnprintf(err->message, sizeof(err->message), format, args) < 0) {
        err->message[0] = '\0';
    }
}

enum lockstep_err lockstep_error_set(struct lockstep_error *err, enum lockstep_err code,
                                     const char *file, int line, const char *format, ...)
{
    ASSERT(code != LOCKSTEP_OK);
    if (err != NULL) {
        va_list args;
        err->code = code;
        err->file = file;
        err->line = line;
        va_start(args, format);
        write_message(err, format, args);
        va_end(args);
    }
    return code;
}

enum lockstep_err lockstep_error_errno(struct lockstep_error *err, const char *file, int line,
                                       const char *format, ...)
{
    int saved = errno;
    enum lockstep_err code = saved == ENOMEM ? LOCKSTEP_NOMEM : LOCKSTEP_IO;
    if (err != NULL) {
        va_list args;
        size_t used;
        err->code = code;
        err->file = file;
        err->line = line;
        va_start(args, format);
        write_message(err, format, args);
        va_end(args);
        used = strlen(err->message);
        (void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved));
    }
    return code;
}

void lockstep_error_wrap(struct lockstep_error *err, const char *format, ...)
{
    char prefix[LOCKSTEP_ERROR_MESSAGE_MAX];
    char whole[2 * LOCKSTEP_ERROR_MESSAGE_MAX + 2];
    va_list args;
    if (err == NULL) {
        return;
    }
    va_start(args, format);
    if (vsnprintf(prefix, sizeof(prefix), format, args) < 0) {
        prefix[0] = '\0';
    }
    va_end(args);
    (void)snprintf(whole, sizeof(whole), "%s: %s", prefix, err->message);
    memcpy(err->message, whole, sizeof(err->message) - 1);
    err->message[sizeof(err->message) - 1] = '\0';
}
