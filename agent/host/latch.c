#include "agent/host/latch.h"

#include "common/base/assert.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_bool latched;
static atomic_bool written;
static char text[256];

/* Only the first is kept: it is the cause. */
static void latch(const char *expression, const char *file, int line)
{
    if (!atomic_exchange(&latched, true)) {
        (void)snprintf(text, sizeof(text), "%s (%s:%d)", expression, file, line);
        atomic_store(&written, true);
    }
#ifdef LOCKSTEP_SANITIZED
    (void)fprintf(stderr, "assertion failed: %s\n", text);
    abort();
#endif
}

void lockstep_latch_init(void)
{
    lockstep_assert_set_handler(latch);
}

bool lockstep_latched(void)
{
    return atomic_load(&latched);
}

const char *lockstep_latch_text(void)
{
    return atomic_load(&written) ? text : "";
}
