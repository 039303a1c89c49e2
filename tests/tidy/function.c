#include "tests/tidy/tidy.h"

#include <ctype.h>
#include <string.h>

#define FUNCTION_LINES 70
#define NESTING_MAX    3
#define PARAMETERS_MAX 6
#define DEPTH_MAX      64

/* Where the scan is: the open braces, and the function they are in. */
struct scan {
    const struct tidy *tidy;
    const struct source *source;
    bool block[DEPTH_MAX]; /* is this brace a block of statements, not an initialiser? */
    size_t depth;
    size_t blocks;
    bool inside;
    size_t start_line;
    bool nested_reported;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The offset of the last character before `at` that is not white space, or `at` when none is. */
static size_t before(const char *code, size_t at)
{
    for (size_t i = at; i > 0; i--) {
        if (!isspace((unsigned char)code[i - 1])) {
            return i - 1;
        }
    }
    return at;
}

static size_t matching_parenthesis(const char *code, size_t close)
{
    size_t depth = 0;
    for (size_t i = close + 1; i > 0; i--) {
        depth += code[i - 1] == ')';
        depth -= code[i - 1] == '(';
        if (depth == 0) {
            return i - 1;
        }
    }
    return close;
}

static bool word_ends_at(const char *code, size_t last, const char *word)
{
    size_t length = strlen(word);
    return last + 1 >= length && strncmp(code + last + 1 - length, word, length) == 0 &&
           (last + 1 == length || !is_word(code[last - length]));
}

/* A brace opens a block when it follows `name (...)`, a keyword, or another statement. */
static bool opens_block(const char *code, size_t brace)
{
    size_t last = before(code, brace);
    if (last == brace) {
        return false;
    }
    if (code[last] == ')') {
        size_t name = before(code, matching_parenthesis(code, last));
        return is_word(code[name]) && !word_ends_at(code, name, "return") &&
               !word_ends_at(code, name, "sizeof");
    }
    return strchr(";{}:", code[last]) != NULL || word_ends_at(code, last, "else") ||
           word_ends_at(code, last, "do");
}

static size_t count_parameters(const char *code, size_t open, size_t close)
{
    size_t count = 1;
    size_t depth = 0;
    for (size_t i = open + 1; i < close; i++) {
        depth += code[i] == '(';
        depth -= code[i] == ')';
        count += code[i] == ',' && depth == 0;
    }
    return count;
}

static void begin_function(struct scan *scan, size_t brace)
{
    const char *code = scan->source->code;
    size_t close = before(code, brace);
    size_t open = matching_parenthesis(code, close);
    size_t count = count_parameters(code, open, close);
    scan->inside = true;
    scan->nested_reported = false;
    scan->start_line = tidy_line_of(scan->source, open);
    if (count > PARAMETERS_MAX) {
        tidy_report(scan->tidy, RULE_PARAMETERS, scan->source, scan->start_line,
                    "%zu parameters; %d are the limit", count, PARAMETERS_MAX);
    }
}

static void end_function(struct scan *scan, size_t brace)
{
    size_t lines = tidy_line_of(scan->source, brace) - scan->start_line + 1;
    scan->inside = false;
    if (lines > FUNCTION_LINES) {
        tidy_report(scan->tidy, RULE_FUNCTION_LENGTH, scan->source, scan->start_line,
                    "a function of %zu lines; %d are the limit", lines, FUNCTION_LINES);
    }
}

static void open_brace(struct scan *scan, size_t at)
{
    const char *code = scan->source->code;
    bool block = opens_block(code, at);
    if (scan->depth == 0 && block && code[before(code, at)] == ')') {
        begin_function(scan, at);
    }
    block = block && scan->inside;
    if (scan->depth < DEPTH_MAX) {
        scan->block[scan->depth] = block;
    }
    scan->depth++;
    scan->blocks += block;
    if (scan->blocks > NESTING_MAX + 1 && !scan->nested_reported) {
        scan->nested_reported = true;
        tidy_report(scan->tidy, RULE_NESTING, scan->source, tidy_line_of(scan->source, at),
                    "nested %zu deep; %d is the limit", scan->blocks - 1, NESTING_MAX);
    }
}

static void close_brace(struct scan *scan, size_t at)
{
    if (scan->depth == 0) {
        return;
    }
    scan->depth--;
    scan->blocks -= scan->depth < DEPTH_MAX && scan->block[scan->depth];
    if (scan->depth == 0 && scan->inside) {
        end_function(scan, at);
    }
}

/* `extern "C" {` encloses declarations; it is no depth of its own. */
static bool is_linkage(const char *code, size_t brace)
{
    size_t last = before(code, brace);
    return code[last] == '"' || word_ends_at(code, last, "extern");
}

void tidy_check_functions(const struct tidy *tidy, const struct source *source)
{
    struct scan scan = {.tidy = tidy, .source = source};
    for (size_t i = 0; i < source->size; i++) {
        if (source->code[i] == '{' && !(scan.depth == 0 && is_linkage(source->code, i))) {
            open_brace(&scan, i);
        } else if (source->code[i] == '}') {
            close_brace(&scan, i);
        }
    }
}
