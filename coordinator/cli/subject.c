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
