#include "common/base/assert.h"
#include "common/io/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[LOCKSTEP_CRASH_COUNT] = {
#define NAME(name, text) [LOCKSTEP_CRASH_##name] = #name,
    LOCKSTEP_CRASH_TABLE(NAME)
#undef NAME
};

static bool is_named(const char *wish, size_t length, enum lockstep_crash point)
{
    return strlen(names[point]) == length && memcmp(names[point], wish, length) == 0;
}

/* A misspelt name would make a test that kills nothing and passes. */
static void check_spelling(const char *wish, size_t length)
{
    bool known = false;
    for (unsigned i = 0; i < LOCKSTEP_CRASH_COUNT; i++) {
        known = known || is_named(wish, length, (enum lockstep_crash)i);
    }
    ASSERT(known);
}

void lockstep_crash_point(enum lockstep_crash point)
{
    static atomic_ulong passages; /* of the point that is wished for; there is one */
    const char *wish = getenv("LOCKSTEP_CRASH");
    size_t length;
    unsigned long which = 1;
    if (wish == NULL) {
        return;
    }
    length = strcspn(wish, ":");
    check_spelling(wish, length);
    if (wish[length] == ':') {
        which = strtoul(wish + length + 1, NULL, 10);
        ASSERT(which > 0);
    }
    if (is_named(wish, length, point) && atomic_fetch_add(&passages, 1) + 1 == which) {
        (void)raise(SIGKILL);
    }
}
