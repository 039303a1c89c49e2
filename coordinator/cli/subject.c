#include "coordinator/cli/subject.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum lockstep_err lockstep_subject_parse(const char *text, struct lockstep_subject *ret_subject,
                                         struct lockstep_error *err)
{
    const char *at = strchr(text, '@');
    size_t length = at == NULL ? strlen(text) : (size_t)(at - text);
    *ret_subject = (struct lockstep_subject){0};
    if (!lockstep_name_valid(text, length)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "\"%.64s\": no module name before the @; one is like pay-2", text);
    }
    memcpy(ret_subject->wire.module.text, text, length);
    if (at == NULL || at[1] == '\0') {
        return LOCKSTEP_FAIL(err, INVALID, "%.64s: which version? Say %.*s@VERSION, or @previous",
                             text, (int)length, text);
    }
    at++;
    if (*at == '/' || *at == '.') {
        ret_subject->file = at;
        return LOCKSTEP_OK;
    }
    if (strlen(at) > LOCKSTEP_VERSION_MAX + 1) {
        return LOCKSTEP_FAIL(err, INVALID, "%.64s: the version is too long", text);
    }
    for (const char *c = at; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr(".+-_~", *c) == NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "%.64s: no version has \"%c\" in it", text,
                                 isprint((unsigned char)*c) ? *c : '?');
        }
    }
    memcpy(ret_subject->wire.version, at, strlen(at) + 1);
    return LOCKSTEP_OK;
}

/* ---- selectors ------------------------------------------------------------------------------ */

struct reader {
    const char *text;
    const char *at;
};

static void skip_space(struct reader *reader)
{
    while (*reader->at == ' ') {
        reader->at++;
    }
}

/* A key or value: its length, 0 if there is none here. */
static size_t take_word(struct reader *reader)
{
    const char *begin;
    skip_space(reader);
    begin = reader->at;
    while (isalnum((unsigned char)*reader->at) ||
           (*reader->at != '\0' && strchr("._/-", *reader->at) != NULL)) {
        reader->at++;
    }
    return (size_t)(reader->at - begin);
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
    if (!take(reader, "(")) {
        return false;
    }
    do {
        if (take_word(reader) == 0) {
            return false;
        }
    } while (take(reader, ","));
    return take(reader, ")");
}

static bool take_term(struct reader *reader)
{
    if (take(reader, "!")) {
        return take_word(reader) > 0;
    }
    if (take_word(reader) == 0) {
        return false;
    }
    if (take(reader, "notin") || take(reader, "in")) {
        return take_set(reader);
    }
    if (take(reader, "!=") || take(reader, "==") || take(reader, "=")) {
        return take_word(reader) > 0;
    }
    return true;
}

enum lockstep_err lockstep_selector_check(const char *text, struct lockstep_error *err)
{
    struct reader reader = {text, text};
    bool good;
    if (strlen(text) > LOCKSTEP_SELECTOR_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "the selector is longer than %d bytes",
                             LOCKSTEP_SELECTOR_MAX);
    }
    do {
        good = take_term(&reader);
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
