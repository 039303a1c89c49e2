/* A command line out of an input: one word a line, each in memory of its own, so that a sanitizer
 * sees its end. What a program says goes nowhere. */
#ifndef LOCKSTEP_TESTS_FUZZ_ARGUMENTS_H
#define LOCKSTEP_TESTS_FUZZ_ARGUMENTS_H

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#define ARGUMENTS_MAX 64

struct arguments_line {
    int argc;
    char *argv[ARGUMENTS_MAX + 1];
};

static inline char *arguments_word(const void *bytes, size_t length)
{
    char *word = malloc(length + 1);
    MUST(word != NULL);
    memcpy(word, bytes, length);
    word[length] = '\0';
    return word;
}

/* PROGRAM and COUNT words of FIRST, then those of the input. */
static inline void arguments_take(struct arguments_line *line, const char *const *first,
                                  size_t count, const uint8_t *data, size_t size)
{
    memset(line, 0, sizeof(*line));
    for (size_t i = 0; i < count; i++) {
        line->argv[line->argc++] = arguments_word(first[i], strlen(first[i]));
    }
    while (size > 0 && line->argc < ARGUMENTS_MAX) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);
        size_t used = end == NULL ? length : length + 1;
        line->argv[line->argc++] = arguments_word(data, length);
        data += used;
        size -= used;
    }
}

static inline void arguments_drop(struct arguments_line *line)
{
    for (int i = 0; i < line->argc; i++) {
        free(line->argv[i]);
    }
}

/* libFuzzer keeps the streams that it began with. */
static inline void arguments_be_quiet(void)
{
    static FILE *nowhere;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "we");
        MUST(nowhere != NULL);
        stdout = nowhere;
        stderr = nowhere;
    }
}

#endif
