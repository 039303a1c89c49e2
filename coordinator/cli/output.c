#include "coordinator/cli/output.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum lockstep_format lockstep_format_parse(const char *text)
{
    static const char *const words[] = {"table", "wide", "json", "jsonl", "tsv", "name"};
    for (size_t i = 0; i < LOCKSTEP_COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            return (enum lockstep_format)i;
        }
    }
    UNREACHABLE("options refuse every other word");
}

bool lockstep_output_is_json(const struct lockstep_output *output)
{
    return output->format == LOCKSTEP_FORMAT_JSON || output->format == LOCKSTEP_FORMAT_JSONL;
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '\\';
}

char *lockstep_escape(const char *text)
{
    char *escaped = malloc(4 * strlen(text) + 1);
    char *at = escaped;
    if (escaped == NULL) {
        return NULL;
    }
    for (; *text != '\0'; text++) {
        if (is_plain(*text)) {
            *at++ = *text;
        } else if (*text == '\\') {
            *at++ = '\\';
            *at++ = '\\';
        } else {
            (void)snprintf(at, 5, "\\x%02x", (unsigned char)*text);
            at += 4;
        }
    }
    *at = '\0';
    return escaped;
}

void lockstep_print(FILE *out, const char *format, ...)
{
    LOCKSTEP_FREE char *text = NULL;
    va_list args;
    int length;
    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        text = NULL;
        return;
    }
    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');
        LOCKSTEP_FREE char *escaped = NULL;
        if (end != NULL) {
            *end = '\0';
        }
        escaped = lockstep_escape(line);
        (void)fprintf(out, "%s%s", escaped == NULL ? "" : escaped, end == NULL ? "" : "\n");
        line = end == NULL ? NULL : end + 1;
    }
}

void lockstep_print_cells(FILE *out, const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lockstep_print(out, "%s", cells[i] == NULL || *cells[i] == '\0' ? "-" : cells[i]);
        (void)fputc(i + 1 == count ? '\n' : '\t', out);
    }
}

/* Words that are good, bad or in between, in any document. */
static const struct {
    const char *word;
    const char *colour;
} colours[] = {
    {"succeeded", "\033[32m"},     {"consistent", "\033[32m"},   {"ready", "\033[32m"},
    {"healthy", "\033[32m"},       {"up", "\033[32m"},           {"succeeded-partial", "\033[33m"},
    {"other-version", "\033[33m"}, {"other-bytes", "\033[33m"},  {"missing", "\033[33m"},
    {"extra", "\033[33m"},         {"disk-differs", "\033[33m"}, {"unknown", "\033[33m"},
    {"stale", "\033[33m"},         {"in-doubt", "\033[33m"},     {"pinned", "\033[33m"},
    {"split", "\033[33m"},         {"suspect", "\033[33m"},      {"absent", "\033[33m"},
    {"owed", "\033[33m"},          {"modified", "\033[33m"},     {"rolling-back", "\033[33m"},
    {"aborted", "\033[31m"},       {"rolled-back", "\033[31m"},  {"failed-mixed", "\033[1;31m"},
    {"failed", "\033[31m"},        {"refused", "\033[31m"},      {"lost", "\033[31m"},
    {"down", "\033[31m"},
};

static const char *colour_of(const char *word)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(colours); i++) {
        if (strcmp(word, colours[i].word) == 0) {
            return colours[i].colour;
        }
    }
    return NULL;
}

void lockstep_print_word(const struct lockstep_output *output, const char *text, int width)
{
    const char *colour = output->colour ? colour_of(text) : NULL;
    LOCKSTEP_FREE char *escaped = lockstep_escape(text);
    (void)fprintf(output->out, "%s%-*s%s", colour == NULL ? "" : colour, width,
                  escaped == NULL ? "" : escaped, colour == NULL ? "" : "\033[0m");
}

void lockstep_print_json(const struct lockstep_output *output, const json_t *document)
{
    size_t flags = JSON_ENSURE_ASCII |
                   (output->format == LOCKSTEP_FORMAT_JSONL ? JSON_COMPACT : JSON_INDENT(2));
    (void)json_dumpf(document, output->out, flags);
    (void)fputc('\n', output->out);
}

void lockstep_table_add(struct lockstep_table *table, const char *text)
{
    if (table->count == table->room) {
        size_t room = table->room == 0 ? 64 : 2 * table->room;
        char **cells = realloc(table->cells, room * sizeof(*cells));
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->room = room;
    }
    table->cells[table->count] = lockstep_escape(text == NULL || *text == '\0' ? "-" : text);
    if (table->cells[table->count] == NULL) {
        table->failed = true;
        return;
    }
    table->count++;
}

static int width_of(const struct lockstep_table *table, size_t column)
{
    size_t width = strlen(table->headings[column]);
    for (size_t i = column; i < table->count; i += table->columns) {
        size_t cell = strlen(table->cells[i]);
        width = cell > width ? cell : width;
    }
    return (int)width;
}

/* One row's cells, aligned; the last one is not padded. */
static void print_aligned(const struct lockstep_table *table, const struct lockstep_output *output,
                          char *const *cells, const int *widths)
{
    for (size_t column = 0; column < table->columns; column++) {
        bool last = column + 1 == table->columns;
        const char *text = cells == NULL ? table->headings[column] : cells[column];
        const char *colour = cells == NULL || !output->colour ? NULL : colour_of(text);
        (void)fprintf(output->out, "%s%-*s%s%s", colour == NULL ? "" : colour,
                      last ? 0 : widths[column], text, colour == NULL ? "" : "\033[0m",
                      last ? "\n" : "  ");
    }
}

static void print_tabbed(const struct lockstep_table *table, const struct lockstep_output *output,
                         char *const *cells)
{
    size_t columns = output->format == LOCKSTEP_FORMAT_NAME ? 1 : table->columns;
    for (size_t column = 0; column < columns; column++) {
        (void)fprintf(output->out, "%s%s", cells[column], column + 1 == columns ? "\n" : "\t");
    }
}

#define COLUMNS_MAX 24

size_t lockstep_table_print(const struct lockstep_table *table,
                            const struct lockstep_output *output, size_t rows_max)
{
    int widths[COLUMNS_MAX];
    size_t rows = table->count / table->columns;
    size_t shown = rows_max != 0 && rows > rows_max ? rows_max : rows;
    bool aligned = output->format != LOCKSTEP_FORMAT_TSV && output->format != LOCKSTEP_FORMAT_NAME;
    ASSERT(table->columns <= COLUMNS_MAX);
    for (size_t column = 0; column < table->columns; column++) {
        widths[column] = width_of(table, column);
    }
    if (aligned) {
        print_aligned(table, output, NULL, widths);
    }
    for (size_t row = 0; row < shown; row++) {
        char *const *cells = &table->cells[row * table->columns];
        if (aligned) {
            print_aligned(table, output, cells, widths);
        } else {
            print_tabbed(table, output, cells);
        }
    }
    if (shown < rows) {
        (void)fprintf(output->out, "... and %zu more\n", rows - shown);
    }
    if (table->failed) {
        (void)fprintf(output->err, "lockstep: no memory; rows are missing\n");
    }
    return shown + (aligned ? 1 : 0) + (shown < rows ? 1 : 0);
}

void lockstep_table_deinit(struct lockstep_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct lockstep_table){0};
}
