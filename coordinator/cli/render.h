/*
 * Documents for people: which members are shown, under which heading, in which order. One table;
 * JSON is printed as it came.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_RENDER_H
#define LOCKSTEP_COORDINATOR_CLI_RENDER_H

#include "coordinator/cli/output.h"

#include <jansson.h>
#include <stddef.h>

enum lockstep_cell {
    LOCKSTEP_CELL_TEXT,
    LOCKSTEP_CELL_NUMBER,
    LOCKSTEP_CELL_BYTES,
    LOCKSTEP_CELL_BOOL,
    LOCKSTEP_CELL_TIME,     /* unix_ms, shown in UTC */
    LOCKSTEP_CELL_DIGEST,   /* its first 8 digits; all of them when wide */
    LOCKSTEP_CELL_ID,       /* op- and 8 characters; all of them when wide, and for scripts */
    LOCKSTEP_CELL_LABELS,   /* an object of texts */
    LOCKSTEP_CELL_LIST,     /* an array of texts */
    LOCKSTEP_CELL_JSON,     /* as it is, on one line */
    LOCKSTEP_CELL_ARTIFACT, /* MODULE@VERSION, as commands take it */
};

struct lockstep_column {
    const char *heading;
    const char *key; /* of a member, or "member.member" */
    enum lockstep_cell cell;
    bool wide; /* only with -o wide, tsv */
};

/* A row of a table of columns, and the row behind the last. */
#define LOCKSTEP_COLUMN(heading, key, kind, wide)      \
    {                                                  \
        (heading), (key), LOCKSTEP_CELL_##kind, (wide) \
    }
#define LOCKSTEP_COLUMN_END                   \
    {                                         \
        NULL, NULL, LOCKSTEP_CELL_TEXT, false \
    }

/* Prints DOCUMENT as the output's format wants it. */
void lockstep_render(const struct lockstep_output *output, const json_t *document);
/* Prints the objects of the array ROWS under those of COLUMNS that the format shows; at most
 * ROWS_MAX (0: all). Returns the lines printed. */
size_t lockstep_render_rows(const struct lockstep_output *output, const json_t *rows,
                            const struct lockstep_column *columns, size_t rows_max);
/* One member as text, to be freed; NULL if there is no memory. */
char *lockstep_render_cell(const json_t *object, const struct lockstep_column *column, bool wide);

/* An operation: what it is, how it ended, the cause, every node, the next command. */
void lockstep_render_operation(const struct lockstep_output *output, const json_t *operation);
void lockstep_render_plan(const struct lockstep_output *output, const json_t *plan);
/* The state of an operation on one line: "op-abcdefgh committing: soaking 1, committing 2". */
char *lockstep_render_progress(const json_t *operation);
/* The table of nodes while it runs, at most ROWS_MAX of them; the lines printed. */
size_t lockstep_render_parts(const struct lockstep_output *output, const json_t *operation,
                             size_t rows_max);
/* "op-" and the first 8 characters of an operation's id. */
#define LOCKSTEP_OPERATION_SHORT 12
void lockstep_operation_short(const char *id, char ret_text[LOCKSTEP_OPERATION_SHORT]);

#endif
