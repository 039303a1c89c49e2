/* What lockstep-relay is told, and what it changes. */
#include "tests/support/relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 256

struct told {
    char line[WORD_MAX];
    char direction[WORD_MAX];
    char verb[WORD_MAX];
    uint64_t numbers[2];
    int count; /* of numbers */
};

static void heal(struct line *line, enum direction direction, const struct told *told)
{
    (void)told;
    line->faults[direction] = relay_good;
    line->mode = MODE_PASS;
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (relay_pairs[i] != NULL && relay_pairs[i]->line == line) {
            relay_pairs[i]->mute = false;
        }
    }
}

static void delay(struct line *line, enum direction direction, const struct told *told)
{
    line->faults[direction].delay_us = told->numbers[0] * 1000;
    line->faults[direction].jitter_us = told->numbers[1] * 1000;
}

static void limit(struct line *line, enum direction direction, const struct told *told)
{
    line->faults[direction].rate = told->numbers[0];
}

static void silence(struct line *line, enum direction direction, const struct told *told)
{
    line->faults[direction].passes = (int64_t)told->numbers[0];
}

static void turn_over(struct line *line, enum direction direction, const struct told *told)
{
    line->faults[direction].flips = (int64_t)told->numbers[0];
}

static void finish(struct line *line, enum direction direction, const struct told *told)
{
    (void)told;
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (relay_pairs[i] != NULL && relay_pairs[i]->line == line) {
            relay_pairs[i]->ways[direction].ended = true;
        }
    }
}

static void cut(struct line *line, enum direction direction, const struct told *told)
{
    (void)told;
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        if (relay_pairs[i] != NULL && relay_pairs[i]->line == line) {
            relay_pairs[i]->fds[!direction] = relay_reset(relay_pairs[i]->fds[!direction]);
            relay_pairs[i]->mute = true;
            relay_empty(relay_pairs[i], UP);
            relay_empty(relay_pairs[i], DOWN);
        }
    }
}

static void be_deaf(struct line *line, enum direction direction, const struct told *told)
{
    (void)direction;
    (void)told;
    line->mode = MODE_DEAF;
}

static void refuse(struct line *line, enum direction direction, const struct told *told)
{
    (void)direction;
    (void)told;
    line->mode = MODE_REFUSE;
}

static void show(struct line *line, enum direction direction, const struct told *told)
{
    (void)told;
    relay_say("%s %s: %" PRIu64 " bytes passed, %" PRIu64 " wait, %u connections", line->name,
              relay_direction_words[direction], line->passed[direction], line->waiting[direction],
              line->connections);
}

static const struct verb {
    const char *name;
    int least; /* numbers */
    int most;
    void (*act)(struct line *line, enum direction direction, const struct told *told);
} verbs[] = {
    {"delay", 1, 2, delay},  {"rate", 1, 1, limit},     {"silence", 0, 0, silence},
    {"stop", 1, 1, silence}, {"flip", 1, 1, turn_over}, {"close", 0, 0, finish},
    {"reset", 0, 0, cut},    {"deaf", 0, 0, be_deaf},   {"refuse", 0, 0, refuse},
    {"heal", 0, 0, heal},    {"show", 0, 0, show},
};

/* The next word of TEXT, which is moved behind it. False: there is none, or it is too long. */
static bool next_word(const char **text, char ret_word[WORD_MAX])
{
    size_t length;
    *text += strspn(*text, " ");
    length = strcspn(*text, " ");
    if (length == 0 || length >= WORD_MAX) {
        return false;
    }
    memcpy(ret_word, *text, length);
    ret_word[length] = '\0';
    *text += length;
    return true;
}

bool relay_number(const char *word, uint64_t *ret_number)
{
    char *end_of;
    *ret_number = strtoull(word, &end_of, 10);
    return word[0] >= '0' && word[0] <= '9' && *end_of == '\0' && *ret_number <= INT32_MAX;
}

static bool read_told(const char *text, struct told *ret_told)
{
    char word[WORD_MAX];
    *ret_told = (struct told){0};
    if (!next_word(&text, ret_told->line) || !next_word(&text, ret_told->direction) ||
        !next_word(&text, ret_told->verb)) {
        return false;
    }
    while (ret_told->count < 2 && next_word(&text, word)) {
        if (!relay_number(word, &ret_told->numbers[ret_told->count++])) {
            return false;
        }
    }
    return text[strspn(text, " ")] == '\0';
}

static bool find_direction(const char *word, enum direction *ret_direction)
{
    for (int i = UP; i <= BOTH; i++) {
        if (strcmp(word, relay_direction_words[i]) == 0) {
            *ret_direction = (enum direction)i;
            return true;
        }
    }
    return false;
}

static bool act(const struct told *told)
{
    enum direction direction;
    size_t verb = 0;
    bool done = false;
    while (verb < sizeof(verbs) / sizeof(verbs[0]) && strcmp(verbs[verb].name, told->verb) != 0) {
        verb++;
    }
    if (verb == sizeof(verbs) / sizeof(verbs[0]) || told->count < verbs[verb].least ||
        told->count > verbs[verb].most || !find_direction(told->direction, &direction)) {
        return false;
    }
    for (size_t i = 0; i < relay_line_count; i++) {
        if (strcmp(told->line, "*") != 0 && strcmp(told->line, relay_lines[i].name) != 0) {
            continue;
        }
        for (int way = UP; way < BOTH; way++) {
            if (direction == BOTH || (int)direction == way) {
                verbs[verb].act(&relay_lines[i], (enum direction)way, told);
            }
        }
        done = true;
    }
    return done;
}

static void obey(const char *text)
{
    struct told told;
    if (read_told(text, &told) && act(&told)) {
        relay_say("told: %s", text);
    } else {
        relay_say("not understood: %s", text);
    }
}

bool relay_listen(int fd)
{
    static char text[TEXT_MAX];
    static size_t length;
    char *line_end;
    ssize_t got = read(fd, text + length, sizeof(text) - 1 - length);
    if (got <= 0) {
        return false;
    }
    length += (size_t)got;
    text[length] = '\0';
    while ((line_end = strchr(text, '\n')) != NULL) {
        *line_end = '\0';
        obey(text);
        length -= (size_t)(line_end + 1 - text);
        memmove(text, line_end + 1, length + 1);
    }
    if (length == sizeof(text) - 1) {
        relay_say("not understood: too long");
        length = 0;
    }
    return true;
}
