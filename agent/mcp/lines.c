#include "agent/mcp/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536

/* What was given out makes place: once for all lines of what was read. */
static void drop_taken(struct lockstep_lines *lines)
{
    if (lines->start > 0) {
        lines->size -= lines->start;
        lines->looked -= lines->start;
        memmove(lines->bytes, lines->bytes + lines->start, lines->size);
    }
    lines->start = 0;
}

/* Reads more; false: nothing more comes. */
static bool fill(struct lockstep_lines *lines)
{
    ssize_t got;
    drop_taken(lines);
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

/* What is there of a line that is too long is forgotten. */
enum lockstep_line lockstep_lines_next(struct lockstep_lines *lines, const char **ret_line,
                                       size_t *ret_size)
{
    for (;;) {
        const char *end = lines->size == lines->looked ? NULL
                                                       : memchr(lines->bytes + lines->looked, '\n',
                                                                lines->size - lines->looked);
        size_t start = lines->start;
        size_t stop = end == NULL ? lines->size : (size_t)(end - lines->bytes);
        lines->looked = end == NULL ? stop : stop + 1;
        if (stop - start > lines->max || lines->skipping) {
            lines->start = lines->looked;
            lines->skipping = end == NULL && !lines->ended;
            if (!lines->skipping) {
                return LOCKSTEP_LINE_TOO_LONG;
            }
        } else if (end != NULL || (lines->ended && stop > start)) {
            lines->start = lines->looked;
            *ret_line = lines->bytes + start;
            *ret_size = stop - start;
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
