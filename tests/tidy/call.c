#include "tests/tidy/tidy.h"

#include <ctype.h>
#include <string.h>

#define LIST_MAX 8
#define WORD_MAX 64

static const char *const everywhere[] = {"", NULL};
static const char *const cores[] = {"common/tbl/", "common/core/", "coordinator/core/",
                                    "agent/core/", NULL};
static const char *const host[] = {"agent/host/", "common/hostwire/", NULL};
static const char *const products[] = {"common/", "coordinator/", "agent/", NULL};
static const char *const tests[] = {"tests/", NULL};

/* A word, where it may not stand, where it may all the same, and what to write instead. */
static const struct ban {
    const char *word;
    const char *const *where;
    const char *except[LIST_MAX];
    const char *instead;
} bans[] = {
    {"strcpy", everywhere, {NULL}, "a bounded copy"},
    {"strncpy", everywhere, {NULL}, "a bounded copy that always ends"},
    {"strcat", everywhere, {NULL}, "snprintf"},
    {"strncat", everywhere, {NULL}, "snprintf"},
    {"sprintf", everywhere, {NULL}, "snprintf"},
    {"vsprintf", everywhere, {NULL}, "vsnprintf"},
    {"gets", everywhere, {NULL}, "fgets"},
    {"strtok", everywhere, {NULL}, "strcspn"},
    {"atoi", everywhere, {NULL}, "a parser that refuses"},
    {"atol", everywhere, {NULL}, "a parser that refuses"},
    {"atoll", everywhere, {NULL}, "a parser that refuses"},
    {"system", everywhere, {NULL}, "posix_spawn with an argument list"},
    {"popen", everywhere, {NULL}, "posix_spawn with an argument list"},
    {"rand", everywhere, {NULL}, "the seeded generator, or randombytes_buf"},
    {"srand", everywhere, {NULL}, "the seeded generator, or randombytes_buf"},
    {"random", everywhere, {NULL}, "the seeded generator, or randombytes_buf"},
    {"alloca", everywhere, {NULL}, "a fixed buffer"},
    {"tmpnam", everywhere, {NULL}, "mkstemp or mkdtemp"},
    {"mktemp", everywhere, {NULL}, "mkstemp or mkdtemp"},
    {"signal", everywhere, {NULL}, "sigaction or signalfd"},
    {"sleep", everywhere, {NULL}, "an event and a deadline"},
    {"usleep", everywhere, {NULL}, "an event and a deadline"},
    {"nanosleep", tests, {"tests/modules/", "tests/bench/", NULL}, "an event and a deadline"},
    {"goto", everywhere, {NULL}, "an owned pointer and a return"},
    {"clock_gettime",
     products,
     {"common/io/loop.c", "agent/host/", "agent/probe/", NULL},
     "the time that the loop hands over"},
    {"gettimeofday", products, {"common/io/loop.c", NULL}, "the time that the loop hands over"},
    {"time", products, {"common/io/loop.c", NULL}, "the time that the loop hands over"},
    {"malloc", cores, {NULL}, "memory handed over at init"},
    {"calloc", cores, {NULL}, "memory handed over at init"},
    {"realloc", cores, {NULL}, "memory handed over at init"},
    {"strdup", cores, {NULL}, "memory handed over at init"},
    {"free", cores, {NULL}, "memory handed over at init"},
    {"printf", cores, {NULL}, "an action that reports"},
    {"fprintf", cores, {NULL}, "an action that reports"},
    {"syslog", cores, {NULL}, "an action that reports"},
    {"fork", host, {NULL}, "nothing: the process is somebody else's"},
    {"exit", host, {"agent/host/main.c", NULL}, "nothing: the process is somebody else's"},
    {"_exit", host, {"agent/host/main.c", NULL}, "nothing: the process is somebody else's"},
    {"sigaction",
     host,
     {"agent/host/main.c", "agent/host/crash_handler.c", NULL}, /* of lockstep-host, too */
     "nothing: the process is somebody else's"},
};

static bool under_any(const char *path, const char *const *folders)
{
    for (size_t i = 0; folders[i] != NULL; i++) {
        if (tidy_under(path, folders[i])) {
            return true;
        }
    }
    return false;
}

static const struct ban *find_ban(const char *path, const char *word)
{
    for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++) {
        if (strcmp(word, bans[i].word) == 0 && under_any(path, bans[i].where) &&
            !under_any(path, bans[i].except)) {
            return &bans[i];
        }
    }
    return NULL;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A call is a word before a parenthesis that no member access stands before. */
static bool is_call(const struct source *source, size_t start, size_t end)
{
    const char *code = source->code;
    if (strncmp(code + start, "goto", end - start) == 0 && end - start == 4) {
        return true;
    }
    while (end < source->size && code[end] == ' ') {
        end++;
    }
    return code[end] == '(' && (start == 0 || (code[start - 1] != '.' && code[start - 1] != '>'));
}

void tidy_check_calls(const struct tidy *tidy, const struct source *source)
{
    for (size_t start = 0; start < source->size;) {
        size_t end = start;
        char word[WORD_MAX] = "";
        const struct ban *ban;
        while (end < source->size && is_word(source->code[end])) {
            end++;
        }
        if (end == start) {
            start++;
            continue;
        }
        if (end - start < WORD_MAX && is_call(source, start, end)) {
            memcpy(word, source->code + start, end - start);
            ban = find_ban(source->path, word);
            if (ban != NULL) {
                tidy_report(tidy, RULE_CALL, source, tidy_line_of(source, start),
                            "no %s here; use %s", word, ban->instead);
            }
        }
        start = end;
    }
}
