/*
 * Lines from a descriptor, with a bound. A line that is longer is skipped to its end and told once,
 * so that what comes behind it can be read.
 */
#ifndef LOCKSTEP_MCP_LINES_H
#define LOCKSTEP_MCP_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum lockstep_line {
    LOCKSTEP_LINE_WHOLE,
    LOCKSTEP_LINE_TOO_LONG,
    LOCKSTEP_LINE_END, /* of the input, or it cannot be read */
};

/* Zero but for `fd` and `max`; release with _deinit. */
struct lockstep_lines {
    int fd;
    size_t max; /* bytes of a line without its end */
    char *bytes;
    size_t room;
    size_t start;  /* of the line that comes next */
    size_t looked; /* no line ends between the two */
    size_t size;   /* that are there */
    bool skipping;
    bool ended;
};

/* The next line, without its end, borrowed until the next call; the last one may have none. */
enum lockstep_line lockstep_lines_next(struct lockstep_lines *lines, const char **ret_line,
                                       size_t *ret_size);
void lockstep_lines_deinit(struct lockstep_lines *lines);

#endif
