#include "common/io/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORD_LENGTH_MAX 64 /* bytes of a word that a spelling is looked for */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"d", UINT64_C(86400000)}, {"h", UINT64_C(3600000)}, {"m", UINT64_C(60000)},
    {"s", UINT64_C(1000)},     {"ms", UINT64_C(1)},
};

static const struct unit sizes[] = {
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"", UINT64_C(1)},
};

/* Reads digits; *ret_rest is what follows them. False if there are none, or too many. */
static bool parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            return false;
        }
    }
    *ret_number = number;
    *ret_rest = at;
    return at != text;
}

static bool parse_unit(const struct unit *units, size_t count, const char *text, uint64_t *ret)
{
    uint64_t number;
    const char *rest;
    if (!parse_digits(text, &number, &rest)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, rest) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, ret);
        }
    }
    return false;
}

/* The first unit that divides; the last one is the base. */
static void format_unit(const struct unit *units, size_t count, uint64_t number,
                        char ret_text[LOCKSTEP_VALUE_TEXT])
{
    size_t i = 0;
    while (i + 1 < count && (number % units[i].factor != 0 || number == 0)) {
        i++;
    }
    (void)snprintf(ret_text, LOCKSTEP_VALUE_TEXT, "%" PRIu64 "%s", number / units[i].factor,
                   units[i].name);
}

bool lockstep_duration_parse(const char *text, uint64_t *ret_ms)
{
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    return parse_unit(durations, LOCKSTEP_COUNT(durations), text, ret_ms);
}

void lockstep_duration_format(uint64_t ms, char ret_text[LOCKSTEP_VALUE_TEXT])
{
    if (ms == 0) {
        (void)snprintf(ret_text, LOCKSTEP_VALUE_TEXT, "0");
        return;
    }
    format_unit(durations, LOCKSTEP_COUNT(durations), ms, ret_text);
}

bool lockstep_count_parse(const char *text, uint64_t *ret_count)
{
    const char *rest;
    return parse_digits(text, ret_count, &rest) && *rest == '\0';
}

bool lockstep_share_parse(const char *text, struct lockstep_share *ret_share)
{
    uint64_t number;
    const char *rest;
    bool percent;
    if (!parse_digits(text, &number, &rest)) {
        return false;
    }
    percent = strcmp(rest, "%") == 0;
    if ((!percent && *rest != '\0') || (percent && number > 100)) {
        return false;
    }
    *ret_share = (struct lockstep_share){number, percent};
    return true;
}

bool lockstep_size_parse(const char *text, uint64_t *ret_bytes)
{
    return parse_unit(sizes, LOCKSTEP_COUNT(sizes), text, ret_bytes);
}

void lockstep_size_format(uint64_t bytes, char ret_text[LOCKSTEP_VALUE_TEXT])
{
    format_unit(sizes, LOCKSTEP_COUNT(sizes), bytes, ret_text);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits that turn A into B: optimal string alignment, three rows of the matrix at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_LENGTH_MAX + 1] = {{0}};
    size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        const size_t *before = rows[(i + 1) % 3];
        const size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[strlen(a) % 3][b_length];
}

const char *lockstep_spelling_nearest(const char *text, lockstep_words_fn *word_at,
                                      const void *words)
{
    const char *nearest = NULL;
    const char *word;
    size_t length = strlen(text);
    size_t best = least(length, WORD_LENGTH_MAX) / 3 + 1;
    best = best < 2 ? 2 : best;
    if (length == 0 || length > WORD_LENGTH_MAX) {
        return NULL;
    }
    for (size_t i = 0; (word = word_at(words, i)) != NULL; i++) {
        size_t edits = strlen(word) > WORD_LENGTH_MAX ? SIZE_MAX : distance(text, word);
        if (edits < best) {
            best = edits;
            nearest = word;
        }
    }
    return nearest;
}
