/* Malformed documents made from a good one: a row says what is replaced by what. */
#ifndef LOCKSTEP_TESTS_SUPPORT_MUTATE_H
#define LOCKSTEP_TESTS_SUPPORT_MUTATE_H

#include "tests/support/cmocka.h"

#include <string.h>

struct mutation {
    const char *name;
    const char *find; /* the first one is replaced; "" stands for the beginning */
    const char *put;
    const char *message; /* what the error must say; NULL: the change is allowed */
};

/* Copies GOOD to RET_TEXT with the change made; the text's length. FIND must be there. */
static inline size_t mutate(const struct mutation *mutation, const char *good, char *ret_text,
                            size_t size)
{
    const char *at = strstr(good, mutation->find);
    int length;
    assert_non_null(at);
    length = snprintf(ret_text, size, "%.*s%s%s", (int)(at - good), good, mutation->put,
                      at + strlen(mutation->find));
    assert_true(length >= 0 && (size_t)length < size);
    return (size_t)length;
}

#endif
