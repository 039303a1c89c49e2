#include "coordinator/cli/exit.h"

#include "coordinator/cli/document.h"

#include <string.h>

const char *lockstep_exit_text(unsigned number)
{
    switch (number) {
#define EXIT_CASE(value, name, text) \
    case value:                      \
        return (text);
        LOCKSTEP_EXIT_TABLE(EXIT_CASE)
#undef EXIT_CASE
    default:
        return NULL;
    }
}

static const struct {
    const char *result;
    enum lockstep_exit code;
    enum lockstep_exit detailed;
} results[] = {
    {"succeeded", LOCKSTEP_EXIT_DONE, LOCKSTEP_EXIT_DONE},
    {"succeeded-partial", LOCKSTEP_EXIT_DONE, LOCKSTEP_EXIT_DIFFERENT},
    {"aborted", LOCKSTEP_EXIT_FAILED, LOCKSTEP_EXIT_FAILED},
    {"rolled-back", LOCKSTEP_EXIT_FAILED, LOCKSTEP_EXIT_FAILED},
    {"failed-mixed", LOCKSTEP_EXIT_MIXED, LOCKSTEP_EXIT_MIXED},
};

static enum lockstep_exit operation_exit(const json_t *document, bool detailed, bool *ret_waiting)
{
    const char *result = lockstep_document_text(document, "result");
    if (result[0] == '\0') {
        *ret_waiting = true;
        return LOCKSTEP_EXIT_DONE;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(results); i++) {
        if (strcmp(result, results[i].result) == 0) {
            return detailed ? results[i].detailed : results[i].code;
        }
    }
    return LOCKSTEP_EXIT_MIXED; /* a newer coordinator's word: nobody may take it for success */
}

/* Documents that answer yes or no. */
static const struct {
    const char *thing;
    const char *member;
    enum lockstep_exit no;
} answers[] = {
    {"plan", "admitted", LOCKSTEP_EXIT_REFUSED},
    {"check", "consistent", LOCKSTEP_EXIT_DIFFERENT},
    {"audit", "verified", LOCKSTEP_EXIT_DIFFERENT},
};

static enum lockstep_exit drain_exit(const json_t *document)
{
    uint64_t done = lockstep_document_number(document, "done");
    if (done == lockstep_document_number(document, "total")) {
        return LOCKSTEP_EXIT_DONE;
    }
    return done == 0 ? LOCKSTEP_EXIT_FAILED : LOCKSTEP_EXIT_MIXED;
}

enum lockstep_exit lockstep_exit_of(const json_t *document, bool detailed, bool *ret_waiting)
{
    *ret_waiting = false;
    if (lockstep_document_is(document, "diff")) {
        return detailed && !json_is_true(json_object_get(document, "equal"))
                   ? LOCKSTEP_EXIT_DIFFERENT
                   : LOCKSTEP_EXIT_DONE;
    }
    if (lockstep_document_is(document, "operation")) {
        return operation_exit(document, detailed, ret_waiting);
    }
    if (lockstep_document_is(document, "drain")) {
        return drain_exit(document);
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(answers); i++) {
        if (lockstep_document_is(document, answers[i].thing)) {
            return json_is_true(json_object_get(document, answers[i].member)) ? LOCKSTEP_EXIT_DONE
                                                                              : answers[i].no;
        }
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_exit_of_failure(uint32_t number)
{
    bool known = number != 0 && lockstep_exit_text(number) != NULL;
    return known ? (enum lockstep_exit)number : LOCKSTEP_EXIT_INTERNAL;
}

enum lockstep_exit lockstep_exit_of_error(enum lockstep_err code)
{
    switch (code) {
    case LOCKSTEP_OK:
        return LOCKSTEP_EXIT_DONE;
    case LOCKSTEP_INVALID:
    case LOCKSTEP_LIMIT:
    case LOCKSTEP_IO:
        return LOCKSTEP_EXIT_USAGE;
    case LOCKSTEP_REFUSED:
        return LOCKSTEP_EXIT_REFUSED;
    case LOCKSTEP_CONFLICT:
        return LOCKSTEP_EXIT_CONFLICT;
    case LOCKSTEP_TIMEOUT:
        return LOCKSTEP_EXIT_TIMED_OUT;
    case LOCKSTEP_CLOSED:
        return LOCKSTEP_EXIT_UNREACHABLE;
    case LOCKSTEP_RETRY:
    case LOCKSTEP_NOMEM:
    case LOCKSTEP_CORRUPT:
    case LOCKSTEP_ERR_COUNT:
        break;
    }
    return LOCKSTEP_EXIT_INTERNAL;
}
