#include "agent/core/health.h"

#include "tests/support/cmocka.h"

#include <string.h>

/* Looks: g good, b bad, r reset; each begins at 10 i and ends 5 later. Wanted: the finding of each,
 * . or !, and when the last row had begun. */
struct row {
    const char *name;
    uint32_t failures;
    const char *looks;
    const char *findings;
    uint64_t since;
};

static const struct row rows[] = {
    {"good", 1, "ggg", "...", 0},
    {"one is enough", 1, "gb", ".!", 25},
    {"one of two", 2, "bg", "..", 15},
    {"two in a row", 2, "gbb", "..!", 25},
    {"two, not in a row", 2, "bgb", "...", 35},
    {"goes on", 2, "bbbb", ".!!!", 15},
    {"good in between begins anew", 2, "bbgbb", ".!..!", 45},
    {"nothing to look at begins anew", 2, "bbrb", ".!..", 45},
};

static void check(void **state)
{
    const struct row *row = *state;
    struct lockstep_health health = {0};
    for (size_t i = 0; i < strlen(row->looks); i++) {
        struct lockstep_time begun = {10 * (i + 1)};
        bool found;
        if (row->looks[i] == 'r') {
            lockstep_health_reset(&health);
            continue;
        }
        lockstep_health_begin(&health, begun);
        assert_true(health.looking);
        found = lockstep_health_end(&health, lockstep_time_after(begun, 5), row->looks[i] == 'g',
                                    row->failures);
        assert_int_equal(found, row->findings[i] == '!');
        assert_int_equal(health.begun.ms, begun.ms);
        assert_false(health.looking);
    }
    assert_int_equal(health.since.ms, row->since);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("agent/core/health", rows, check);
}
