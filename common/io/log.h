/*
 * The log: one line an event, to standard error:
 *
 *   2026-11-21T05:50:38.123Z info agent: joined coordinator=tcp://127.0.0.1:7701 epoch=7
 *
 * Values are escaped and cut, so that nothing from outside can fake a line or fill a disk with one.
 * Secrets are never passed here. It allocates nothing and is safe from any thread.
 */
#ifndef LOCKSTEP_IO_LOG_H
#define LOCKSTEP_IO_LOG_H

#include "common/base/attr.h"

#include <stdbool.h>

/*  X(NAME, word) */
#define LOCKSTEP_LEVEL_TABLE(X) \
    X(ERROR, "error")           \
    X(WARNING, "warning")       \
    X(INFO, "info")             \
    X(DEBUG, "debug")

enum lockstep_level {
#define LOCKSTEP_LEVEL_ENUM(name, word) LOCKSTEP_LEVEL_##name,
    LOCKSTEP_LEVEL_TABLE(LOCKSTEP_LEVEL_ENUM)
#undef LOCKSTEP_LEVEL_ENUM
};

#define LOCKSTEP_LEVEL_DEFAULT LOCKSTEP_LEVEL_INFO

/* What is louder than LEVEL is left out. LOCKSTEP_LEVEL_DEFAULT at first. */
void lockstep_log_set_level(enum lockstep_level level);
/* "error", "info". */
const char *lockstep_level_name(enum lockstep_level level);
/* False if WORD names no level. */
bool lockstep_level_parse(const char *word, enum lockstep_level *ret_level);
/* COMPONENT is a literal ("agent", "link"); the message is made as printf makes it, then escaped.
 */
void lockstep_log(enum lockstep_level level, const char *component, const char *format, ...)
    LOCKSTEP_PRINTF(3, 4);

#endif
