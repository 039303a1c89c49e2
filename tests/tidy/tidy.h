/*
 * The rules of the house that no compiler checks: who may include whom, how long things may get,
 * what may not be called where. It reads C well enough for that and no better: comments, strings
 * and preprocessor lines are blanked, then words and braces are counted. It does not format code
 * (clang-format does) and does not look for bugs (clang-tidy does).
 */
#ifndef LOCKSTEP_TESTS_TIDY_TIDY_H
#define LOCKSTEP_TESTS_TIDY_TIDY_H

#include <stdbool.h>
#include <stddef.h>

enum rule {
    RULE_INCLUDE,
    RULE_SYSTEM_INCLUDE,
    RULE_WIRE,
    RULE_CALL,
    RULE_FUNCTION_LENGTH,
    RULE_NESTING,
    RULE_PARAMETERS,
    RULE_FILE_LENGTH,
    RULE_WIDTH,
    RULE_WHITESPACE,
    RULE_MARK,
    RULE_MACHINE_PATH,
    RULE_TEST_SWITCH,
    RULE_TOP_LEVEL,
    RULE_EXCEPTION,
    RULE_COUNT
};

/* One file: its text as it is, and the same bytes with everything but code made blank. */
struct source {
    const char *path;
    char *text;
    char *code;
    size_t size;
};

/* Called for each violation. The sink of the tree prints it, that of the self-test counts it. */
typedef void report_fn(void *context, enum rule rule, const char *path, size_t line,
                       const char *message);

struct tidy {
    report_fn *report;
    void *context;
};

const char *rule_name(enum rule rule);

/* Runs every rule over one file. `source->code` is overwritten. */
void tidy_check(const struct tidy *tidy, struct source *source);

/* The parts of tidy_check(), one a file. */
void tidy_blank(struct source *source);
void tidy_check_text(const struct tidy *tidy, const struct source *source);
void tidy_check_includes(const struct tidy *tidy, const struct source *source);
void tidy_check_calls(const struct tidy *tidy, const struct source *source);
void tidy_check_functions(const struct tidy *tidy, const struct source *source);

/* Small helpers they share. */
bool tidy_is_c(const char *path);
bool tidy_under(const char *path, const char *prefix);
size_t tidy_line_of(const struct source *source, size_t offset);
void tidy_report(const struct tidy *tidy, enum rule rule, const struct source *source, size_t line,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Every rule against a snippet it must find and one it must not. Returns the number of failures. */
int tidy_self_test(void);

#endif
