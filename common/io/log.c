#include "common/io/log.h"

#include "common/base/assert.h"
#include "common/io/loop.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static atomic_int most = LOCKSTEP_LEVEL_DEFAULT;

static const char *const words[] = {
#define WORD(name, word) word,
    LOCKSTEP_LEVEL_TABLE(WORD)
#undef WORD
};

void lockstep_log_set_level(enum lockstep_level level)
{
    atomic_store(&most, (int)level);
}

const char *lockstep_level_name(enum lockstep_level level)
{
    ASSERT((size_t)level < LOCKSTEP_COUNT(words));
    return words[level];
}

bool lockstep_level_parse(const char *word, enum lockstep_level *ret_level)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(words); i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_level = (enum lockstep_level)i;
            return true;
        }
    }
    return false;
}

/* Whatever is not printable ASCII becomes \xNN, and a backslash too, so that it can be told from
 * one of ours; the end is cut. */
static size_t escape(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; *text != '\0' && used + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c >= 0x7f || c == '\\') {
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
        } else {
            out[used++] = (char)c;
        }
    }
    return used;
}

void lockstep_log(enum lockstep_level level, const char *component, const char *format, ...)
{
    char message[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES + 128];
    uint64_t unix_ms = lockstep_unix_ms();
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;
    size_t used;
    ssize_t written;
    va_list args;
    if ((int)level > atomic_load(&most)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    (void)gmtime_r(&seconds, &utc);
    used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof(line) - used,
                             ".%03uZ %s %s: ", (unsigned)(unix_ms % 1000), words[level], component);
    used += escape(message, line + used, sizeof(line) - used - 1);
    line[used++] = '\n';
    written = write(STDERR_FILENO, line, used); /* one write a line: lines never mix */
    (void)written;
}
