#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static lockstep_assert_fn *handler;

void lockstep_assert_set_handler(lockstep_assert_fn *new_handler)
{
    handler = new_handler;
}

void lockstep_assert_failed(const char *expression, const char *file, int line)
{
    if (handler != NULL) {
        handler(expression, file, line);
        return;
    }
    (void)fprintf(stderr, "assertion failed: %s (%s:%d)\n", expression, file, line);
    abort();
}
