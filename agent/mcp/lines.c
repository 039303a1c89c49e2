#include "agent/mcp/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536

static void drop_taken(struct lockstep_lines *lines)
{
    if (lines->taken > 0) {
        lines->size -= lines->taken;
        memmove(lines->bytes, lines->bytes + lines->taken, lines->size);
    }
    lines->taken = 0;
}

/* Reads more; false: nothing more comes. */
static bool fill(struct lockstep_lines *lines)
{
    ssize_t got;
    if (lines->room - lines->size < READ_SIZE) {
        char *bigger = realloc(lines->bytes, lines->size + 2 * (size_t)READ_SIZE);
        if (bigger == NULL) {
            return false;
        }
        lines->bytes = bigger;
        lines->room = lines->size + 2 * (size_t)READ_SIZE;
    }
    do {
        got = read(lines->fd, lines->bytes + lines->size, READ_SIZE);
    } while (got < 0 && errno == EINTR);
    lines->size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* What is there of a line that is too long is forgotten. True: so is its end. */
static bool skip(struct lockstep_lines *lines, const char *end)
{
    lines->taken = end == NULL ? lines->size : (size_t)(end + 1 - lines->bytes);
    drop_taken(lines);
    lines->looked = 0;
    return end != NULL;
}

enum lockstep_line lockstep_lines_next(struct lockstep_lines *lines, const char **ret_line,
                                       size_t *ret_size)
{
    drop_taken(lines);
    lines->looked = 0;
    for (;;) {
        const char *end = lines->size == lines->looked ? NULL
                                                       : memchr(lines->bytes + lines->looked, '\n',
                                                                lines->size - lines->looked);
        size_t length = end == NULL ? lines->size : (size_t)(end - lines->bytes);
        lines->looked = lines->size;
        if (length > lines->max || lines->skipping) {
            lines->skipping = !skip(lines, end) && !lines->ended;
            if (!lines->skipping) {
                return LOCKSTEP_LINE_TOO_LONG;
            }
        } else if (end != NULL || (lines->ended && lines->size > 0)) {
            *ret_line = lines->bytes;
            *ret_size = length;
            lines->taken = end == NULL ? lines->size : length + 1;
            return LOCKSTEP_LINE_WHOLE;
        } else if (lines->ended) {
            return LOCKSTEP_LINE_END;
        }
        lines->ended = lines->ended || !fill(lines);
    }
}

void lockstep_lines_deinit(struct lockstep_lines *lines)
{
    free(lines->bytes);
    lines->bytes = NULL;
}
