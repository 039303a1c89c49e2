#include "agent/probe/checks.h"

#include "common/base/assert.h"

#include <string.h>

struct check_row {
    const char *name;
    const char *holds;
    enum lockstep_no no;
    bool is_static;
    bool waivable;
};

static const struct check_row rows[] = {
#define CHECK_ROW(check, check_text, check_no, check_static, check_waivable, check_holds) \
    [LOCKSTEP_PROBE_CHECK_##                                                              \
        check] = {check_text, check_holds, LOCKSTEP_NO_##check_no, check_static, check_waivable},
    LOCKSTEP_PROBE_CHECK_TABLE(CHECK_ROW)
#undef CHECK_ROW
};

static const struct check_row *row_of(enum lockstep_probe_check check)
{
    ASSERT(check < LOCKSTEP_PROBE_CHECK_COUNT);
    return &rows[check];
}

const char *lockstep_probe_check_name(enum lockstep_probe_check check)
{
    return row_of(check)->name;
}

const char *lockstep_probe_check_holds(enum lockstep_probe_check check)
{
    return row_of(check)->holds;
}

enum lockstep_no lockstep_probe_check_no(enum lockstep_probe_check check)
{
    return row_of(check)->no;
}

bool lockstep_probe_check_static(enum lockstep_probe_check check)
{
    return row_of(check)->is_static;
}

bool lockstep_probe_check_waivable(enum lockstep_probe_check check)
{
    return row_of(check)->waivable;
}

bool lockstep_probe_check_parse(const char *name, enum lockstep_probe_check *ret_check)
{
    for (unsigned i = 0; i < LOCKSTEP_PROBE_CHECK_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret_check = (enum lockstep_probe_check)i;
            return true;
        }
    }
    return false;
}
