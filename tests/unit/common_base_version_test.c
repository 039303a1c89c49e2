#include "common/base/version.h"
#include "tests/support/cmocka.h"

struct version_row {
    const char *name;
    const char *have;
    const char *want;
    bool enough;
};

static const struct version_row version_rows[] = {
    {"the same", "1.2.3", "1.2.3", true},
    {"numbers, not letters", "1.10.0", "1.9.3", true},
    {"older", "1.9.3", "1.10.0", false},
    {"shorter", "2", "2.0.0", true},
    {"longer", "2.0.1", "2", true},
    {"any", "0.0.1", "", true},
    {"a candidate is older", "2.0.0-rc1", "2.0.0", false},
    {"than it is newer", "2.0.0", "2.0.0-rc1", true},
    {"candidates among themselves", "2.0.0-rc2", "2.0.0-rc1", true},
    {"build words say nothing", "2.0.0+a", "2.0.0+b", true},
};

static void check_version(void **state)
{
    const struct version_row *row = *state;
    assert_int_equal(lockstep_version_at_least(row->have, row->want), row->enough);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("versions", version_rows, check_version);
}
