#include "tests/tidy/tidy.h"

#include <string.h>

#define WIDTH_MAX    100
#define SOURCE_LINES 600
#define HEADER_LINES 250

static const char *const top_level[] = {
    "proto/",
    "coordinator/",
    "agent/",
    "common/",
    "tests/",
    "deploy/",
    ".ci/",
    ".github/",
    ".clang-format",
    ".clang-tidy",
    ".gitignore",
    ".gitattributes",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CMakeLists.txt",
    "CMakePresets.json",
    "LICENSE",
    "NEWS.md",
};

/* In two parts each, so that this file does not hold what it looks for. */
static const char *const marks[] = {"TO"
                                    "DO",
                                    "FIX"
                                    "ME",
                                    "XX"
                                    "X"};
static const char *const machine_paths[] = {"/wo"
                                            "rk/",
                                            "/ho"
                                            "me/",
                                            "/ro"
                                            "ot/"};

/* Columns of a line in UTF-8: continuation bytes take none. */
static size_t columns(const char *line, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)line[i] & 0xC0U) != 0x80U;
    }
    return count;
}

static const char *find(const char *line, size_t length, const char *needle)
{
    return memmem(line, length, needle, strlen(needle));
}

/* Does a word that is no part of a longer one stand in this line? */
static bool has_word(const char *line, size_t length, const char *word)
{
    const char *at = find(line, length, word);
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    if (at == NULL) {
        return false;
    }
    return (at == line || strchr(letters, at[-1]) == NULL) &&
           (at + strlen(word) == line + length || strchr(letters, at[strlen(word)]) == NULL);
}

static void check_everywhere(const struct tidy *tidy, const struct source *source, const char *line,
                             size_t length, size_t number)
{
    /* A story is an exact trace, spaces and all. */
    if (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t') &&
        strstr(source->path, ".story") == NULL) {
        tidy_report(tidy, RULE_WHITESPACE, source, number, "white space at the end of the line");
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (has_word(line, length, marks[i])) {
            tidy_report(tidy, RULE_MARK, source, number, "%s: do it, or say why not", marks[i]);
        }
    }
    for (size_t i = 0; i < sizeof(machine_paths) / sizeof(machine_paths[0]); i++) {
        const char *at = find(line, length, machine_paths[i]);
        if (at != NULL && (at == line || strchr(" \"'=:(`", at[-1]) != NULL)) {
            tidy_report(tidy, RULE_MACHINE_PATH, source, number, "a path of somebody's machine");
        }
    }
}

static void check_c(const struct tidy *tidy, const struct source *source, const char *line,
                    size_t length, size_t number)
{
    if (columns(line, length) > WIDTH_MAX) {
        tidy_report(tidy, RULE_WIDTH, source, number, "longer than %d columns", WIDTH_MAX);
    }
    if (memchr(line, '\t', length) != NULL) {
        tidy_report(tidy, RULE_WHITESPACE, source, number, "a tab");
    }
    if (line[0] == '#' && !tidy_under(source->path, "tests/") &&
        (has_word(line, length, "TEST") || has_word(line, length, "UNIT_TEST") ||
         has_word(line, length, "TESTING"))) {
        tidy_report(tidy, RULE_TEST_SWITCH, source, number,
                    "a product does not know its tests; link another file instead");
    }
}

static void check_place(const struct tidy *tidy, const struct source *source)
{
    for (size_t i = 0; i < sizeof(top_level) / sizeof(top_level[0]); i++) {
        size_t length = strlen(top_level[i]);
        bool folder = top_level[i][length - 1] == '/';
        if (folder ? tidy_under(source->path, top_level[i])
                   : strcmp(source->path, top_level[i]) == 0) {
            return;
        }
    }
    tidy_report(tidy, RULE_TOP_LEVEL, source, 1, "nothing new stands at the top of the tree");
}

void tidy_check_text(const struct tidy *tidy, const struct source *source)
{
    const char *line = source->text;
    const char *end = source->text + source->size;
    size_t number = 0;
    size_t length = strlen(source->path);
    size_t limit = source->path[length - 1] == 'h' ? HEADER_LINES : SOURCE_LINES;
    check_place(tidy, source);
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop == NULL ? end : stop;
        number++;
        check_everywhere(tidy, source, line, (size_t)(stop - line), number);
        if (tidy_is_c(source->path)) {
            check_c(tidy, source, line, (size_t)(stop - line), number);
        }
        line = stop + 1;
    }
    if (tidy_is_c(source->path) && number > limit) {
        tidy_report(tidy, RULE_FILE_LENGTH, source, number, "%zu lines; %zu are the limit", number,
                    limit);
    }
}
