/*
 * Where the command writes, and how: formats, colours, escaping, aligned columns.
 *
 * Whatever comes from outside goes through here before it reaches a terminal: all but printable
 * ASCII is written as \xNN, and a backslash as two.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_OUTPUT_H
#define LOCKSTEP_COORDINATOR_CLI_OUTPUT_H

#include "common/base/attr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum lockstep_format {
    LOCKSTEP_FORMAT_TABLE,
    LOCKSTEP_FORMAT_WIDE,
    LOCKSTEP_FORMAT_JSON,
    LOCKSTEP_FORMAT_JSONL,
    LOCKSTEP_FORMAT_TSV,
    LOCKSTEP_FORMAT_NAME,
};

#define LOCKSTEP_FORMAT_CHOICES "table|wide|json|jsonl|tsv|name"

/* The format of one of the choices. */
enum lockstep_format lockstep_format_parse(const char *text);

struct lockstep_output {
    FILE *out;
    FILE *err;
    enum lockstep_format format;
    bool colour;
    bool live;  /* `out` is a terminal that can move its cursor */
    bool quiet; /* failures only */
};

/* True if the format is JSON of either kind. */
bool lockstep_output_is_json(const struct lockstep_output *output);

/* TEXT escaped, to be freed; NULL if there is no memory. */
char *lockstep_escape(const char *text);
/* Writes like fprintf, what comes out escaped but for its line ends. */
void lockstep_print(FILE *out, const char *format, ...) LOCKSTEP_PRINTF(2, 3);
/* A line of -o tsv: COUNT cells, escaped, tabs between; NULL or "" shows as "-". */
void lockstep_print_cells(FILE *out, const char *const *cells, size_t count);
/* TEXT in the colour that its word has ("succeeded" is green), padded to WIDTH. */
void lockstep_print_word(const struct lockstep_output *output, const char *text, int width);

/* The whole document: indented (JSON) or on one line (JSONL), ASCII only. */
void lockstep_print_json(const struct lockstep_output *output, const json_t *document);

/* Rows of cells with a heading. Zero-initialise, then _columns; release with _deinit. */
struct lockstep_table {
    const char *const *headings;
    size_t columns;
    char **cells; /* owned, escaped; row by row */
    size_t count;
    size_t room;
    bool failed; /* no memory: cells are missing */
};

/* Appends a cell; NULL or "" shows as "-". */
void lockstep_table_add(struct lockstep_table *table, const char *text);
/* Prints as the output's format wants it: aligned, tab-separated, or the first column alone. At
 * most ROWS_MAX rows (0: all), then how many were left out. Returns the lines printed. */
size_t lockstep_table_print(const struct lockstep_table *table,
                            const struct lockstep_output *output, size_t rows_max);
void lockstep_table_deinit(struct lockstep_table *table);

#endif
