#include "tests/tidy/tidy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXCEPTIONS_MAX 64
#define PATH_LENGTH    512

static const char *const rule_names[RULE_COUNT] = {
    [RULE_INCLUDE] = "include",
    [RULE_SYSTEM_INCLUDE] = "system-include",
    [RULE_WIRE] = "wire",
    [RULE_CALL] = "call",
    [RULE_FUNCTION_LENGTH] = "function-length",
    [RULE_NESTING] = "nesting",
    [RULE_PARAMETERS] = "parameters",
    [RULE_FILE_LENGTH] = "file-length",
    [RULE_WIDTH] = "width",
    [RULE_WHITESPACE] = "whitespace",
    [RULE_MARK] = "mark",
    [RULE_MACHINE_PATH] = "machine-path",
    [RULE_TEST_SWITCH] = "test-switch",
    [RULE_TOP_LEVEL] = "top-level",
    [RULE_EXCEPTION] = "exception",
};

/* A line of the ratchet: this rule may be broken in this file, for as long as it is. */
struct exception {
    char rule[32];
    char path[PATH_LENGTH];
    bool used;
};

struct tree {
    struct exception exceptions[EXCEPTIONS_MAX];
    size_t exception_count;
    unsigned violations[RULE_COUNT];
    unsigned files;
};

const char *rule_name(enum rule rule)
{
    return rule_names[rule];
}

bool tidy_under(const char *path, const char *prefix)
{
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

bool tidy_is_c(const char *path)
{
    size_t length = strlen(path);
    return length > 2 && path[length - 2] == '.' &&
           (path[length - 1] == 'c' || path[length - 1] == 'h');
}

size_t tidy_line_of(const struct source *source, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += source->text[i] == '\n';
    }
    return line;
}

void tidy_report(const struct tidy *tidy, enum rule rule, const struct source *source, size_t line,
                 const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    tidy->report(tidy->context, rule, source->path, line, message);
}

void tidy_check(const struct tidy *tidy, struct source *source)
{
    tidy_check_text(tidy, source);
    if (tidy_is_c(source->path)) {
        tidy_check_includes(tidy, source);
        tidy_blank(source);
        tidy_check_calls(tidy, source);
        tidy_check_functions(tidy, source);
    }
}

static void report_tree(void *context, enum rule rule, const char *path, size_t line,
                        const char *message)
{
    struct tree *tree = context;
    for (size_t i = 0; i < tree->exception_count; i++) {
        struct exception *exception = &tree->exceptions[i];
        if (strcmp(exception->rule, rule_name(rule)) == 0 && strcmp(exception->path, path) == 0) {
            exception->used = true;
            return;
        }
    }
    tree->violations[rule]++;
    printf("# %s:%zu: %s: %s\n", path, line, rule_name(rule), message);
}

static bool read_exceptions(struct tree *tree, const char *path)
{
    char line[PATH_LENGTH];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL && tree->exception_count < EXCEPTIONS_MAX) {
        struct exception *exception = &tree->exceptions[tree->exception_count];
        if (line[0] != '#' && sscanf(line, "%31s %511s", exception->rule, exception->path) == 2) {
            tree->exception_count++;
        }
    }
    return fclose(file) == 0;
}

/* Reads a whole file. False for one that is not there, is none (a link to a folder) or holds a NUL
 * byte (not text). */
static bool read_source(struct source *source)
{
    FILE *file = fopen(source->path, "re");
    struct stat info;
    if (file == NULL) {
        return false;
    }
    if (fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)fclose(file);
        return false;
    }
    source->size = (size_t)info.st_size;
    source->text = calloc(1, source->size + 1);
    source->code = calloc(1, source->size + 1);
    if (source->text == NULL || source->code == NULL) {
        (void)fprintf(stderr, "tidy: no memory for the %zu bytes of %s\n", source->size,
                      source->path);
        abort();
    }
    source->size = fread(source->text, 1, source->size, file);
    (void)fclose(file);
    return memchr(source->text, '\0', source->size) == NULL;
}

static void check_tree(struct tree *tree)
{
    const struct tidy tidy = {.report = report_tree, .context = tree};
    char path[PATH_LENGTH];
    while (fgets(path, sizeof(path), stdin) != NULL) {
        struct source source = {.path = path};
        path[strcspn(path, "\n")] = '\0';
        if (read_source(&source)) {
            tree->files++;
            tidy_check(&tidy, &source);
        }
        free(source.text);
        free(source.code);
    }
    for (size_t i = 0; i < tree->exception_count; i++) {
        const struct exception *exception = &tree->exceptions[i];
        if (!exception->used) {
            tree->violations[RULE_EXCEPTION]++;
            printf("# %s %s: no longer needed, take it out of the list\n", exception->rule,
                   exception->path);
        }
    }
}

/* tidy EXCEPTIONS < list of files: the self-test, then the tree, as TAP. */
int main(int argc, char **argv)
{
    static struct tree tree;
    int failures = tidy_self_test();
    if (argc != 2 || !read_exceptions(&tree, argv[1])) {
        (void)fprintf(stderr, "usage: tidy EXCEPTIONS < list of files\n");
        return 2;
    }
    check_tree(&tree);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        bool fine = tree.violations[rule] == 0;
        failures += !fine;
        printf("%sok - %s in %u files\n", fine ? "" : "not ", rule_name(rule), tree.files);
    }
    return failures == 0 ? 0 : 1;
}
