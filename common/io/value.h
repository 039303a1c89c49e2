/*
 * Values that people write, on the command line and in configuration files: durations, counts,
 * shares and sizes; and the nearest spelling of a word that is none.
 *
 * A text is a value or it is not: no white space, no sign, no rest behind it, no overflow.
 */
#ifndef LOCKSTEP_IO_VALUE_H
#define LOCKSTEP_IO_VALUE_H

#include "common/base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_VALUE_TEXT 32 /* bytes that hold every formatted value, with the NUL */

/* A number, or a percentage of something. */
struct lockstep_share {
    uint64_t number;
    bool percent;
};

/* "500ms", "10s", "5m", "1h", "30d", or "0". One number with one unit. */
bool lockstep_duration_parse(const char *text, uint64_t *ret_ms);
/* The shortest exact text: the largest unit that divides. */
void lockstep_duration_format(uint64_t ms, char ret_text[LOCKSTEP_VALUE_TEXT]);

/* A decimal number. */
bool lockstep_count_parse(const char *text, uint64_t *ret_count);
/* "3", or "25%" up to 100 %. */
bool lockstep_share_parse(const char *text, struct lockstep_share *ret_share);
/* Bytes: "67108864", "64KiB", "64MiB", "1GiB". */
bool lockstep_size_parse(const char *text, uint64_t *ret_bytes);
void lockstep_size_format(uint64_t bytes, char ret_text[LOCKSTEP_VALUE_TEXT]);

/* Words to choose from: the I-th, or NULL behind the last. */
typedef const char *lockstep_words_fn(const void *words, size_t i);

/* The word nearest to TEXT by insertions, deletions, replacements and swaps of neighbours, if it is
 * near enough to be meant (a third of its length, at least one); else NULL. */
const char *lockstep_spelling_nearest(const char *text, lockstep_words_fn *word_at,
                                      const void *words);

#endif
