#include "common/io/selector.h"

#include "common/base/limits.h"

#include <ctype.h>
#include <string.h>

struct reader {
    const char *text;
    const char *at;
};

struct word {
    const char *text;
    size_t length;
};

/* One requirement. */
struct term {
    struct word key;
    const char *values; /* where its value or its set begins; NULL: whether the label is there */
    bool set;
    bool negated;
};

static void skip_space(struct reader *reader)
{
    while (*reader->at == ' ') {
        reader->at++;
    }
}

/* A key or value; false if there is none here. */
static bool take_word(struct reader *reader, struct word *ret_word)
{
    skip_space(reader);
    ret_word->text = reader->at;
    while (isalnum((unsigned char)*reader->at) ||
           (*reader->at != '\0' && strchr("._/-", *reader->at) != NULL)) {
        reader->at++;
    }
    ret_word->length = (size_t)(reader->at - ret_word->text);
    return ret_word->length > 0;
}

static bool take(struct reader *reader, const char *word)
{
    skip_space(reader);
    if (strncmp(reader->at, word, strlen(word)) != 0) {
        return false;
    }
    reader->at += strlen(word);
    return true;
}

static bool take_set(struct reader *reader)
{
    struct word value;
    if (!take(reader, "(")) {
        return false;
    }
    do {
        if (!take_word(reader, &value)) {
            return false;
        }
    } while (take(reader, ","));
    return take(reader, ")");
}

static bool take_term(struct reader *reader, struct term *ret_term)
{
    struct word value;
    *ret_term = (struct term){.negated = take(reader, "!")};
    if (!take_word(reader, &ret_term->key)) {
        return false;
    }
    if (ret_term->negated) {
        return true;
    }
    ret_term->negated = take(reader, "notin");
    ret_term->set = ret_term->negated || take(reader, "in");
    if (!ret_term->set) {
        ret_term->negated = take(reader, "!=");
        if (!ret_term->negated && !take(reader, "==") && !take(reader, "=")) {
            return true;
        }
    }
    ret_term->values = reader->at;
    return ret_term->set ? take_set(reader) : take_word(reader, &value);
}

enum lockstep_err lockstep_selector_check(const char *text, struct lockstep_error *err)
{
    struct reader reader = {text, text};
    struct term term;
    bool good;
    if (strlen(text) > LOCKSTEP_SELECTOR_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "the selector is longer than %d bytes",
                             LOCKSTEP_SELECTOR_MAX);
    }
    do {
        good = take_term(&reader, &term);
    } while (good && take(&reader, ","));
    skip_space(&reader);
    if (good && *reader.at == '\0') {
        return LOCKSTEP_OK;
    }
    return LOCKSTEP_FAIL(err, INVALID,
                         "the selector \"%.64s\" goes wrong at character %zu; they are like "
                         "env=prod,zone in (a,b),!canary",
                         text, (size_t)(reader.at - text) + 1);
}

/* The value of label KEY; false if there is no such label. */
static bool find_label(const char *labels, const struct word *key, struct word *ret_value)
{
    for (const char *at = labels; *at != '\0';) {
        size_t pair = strcspn(at, ",");
        if (pair > key->length && strncmp(at, key->text, key->length) == 0 &&
            at[key->length] == '=') {
            ret_value->text = at + key->length + 1;
            ret_value->length = pair - key->length - 1;
            return true;
        }
        at += pair + (at[pair] == ',' ? 1 : 0);
    }
    return false;
}

static bool holds(const struct term *term, const char *labels)
{
    struct word value;
    bool found = find_label(labels, &term->key, &value);
    if (found && term->values != NULL) {
        struct reader reader = {term->values, term->values};
        struct word word;
        (void)take(&reader, "(");
        do {
            (void)take_word(&reader, &word);
            found = word.length == value.length && memcmp(word.text, value.text, word.length) == 0;
        } while (!found && term->set && take(&reader, ","));
    }
    return found != term->negated;
}

bool lockstep_selector_matches(const char *selector, const char *labels)
{
    struct reader reader = {selector, selector};
    struct term term;
    if (*selector == '\0') {
        return true;
    }
    if (strlen(selector) > LOCKSTEP_SELECTOR_MAX) {
        return false;
    }
    do {
        if (!take_term(&reader, &term) || !holds(&term, labels)) {
            return false;
        }
    } while (take(&reader, ","));
    skip_space(&reader);
    return *reader.at == '\0';
}
