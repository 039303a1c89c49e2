#include "common/tbl/defaults.h"
#include "common/tbl/no.h"

#include "common/base/attr.h"

#include <string.h>

struct no_row {
    const char *name;
    const char *text;
    enum lockstep_no number;
    enum lockstep_no_class class;
};

static const struct no_row no_rows[] = {
#define NO_ROW(row_number, row_name, row_class, row_text) \
    {#row_name, row_text, LOCKSTEP_NO_##row_name, LOCKSTEP_NO_CLASS_##row_class},
    LOCKSTEP_NO_TABLE(NO_ROW)
#undef NO_ROW
};

static const struct no_row *find_no(enum lockstep_no no)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(no_rows); i++) {
        if (no_rows[i].number == no) {
            return &no_rows[i];
        }
    }
    return NULL;
}

const char *lockstep_no_name(enum lockstep_no no)
{
    const struct no_row *row = find_no(no);
    return row == NULL ? "UNSPECIFIED" : row->name;
}

const char *lockstep_no_text(enum lockstep_no no)
{
    const struct no_row *row = find_no(no);
    return row == NULL ? "no reason was given" : row->text;
}

enum lockstep_no_class lockstep_no_class(enum lockstep_no no)
{
    const struct no_row *row = find_no(no);
    return row == NULL ? LOCKSTEP_NO_CLASS_UNSPECIFIED : row->class;
}

enum lockstep_no lockstep_no_parse(const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(no_rows); i++) {
        if (strcmp(no_rows[i].name, name) == 0) {
            return no_rows[i].number;
        }
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

bool lockstep_no_blames_version(enum lockstep_no no)
{
    return no == LOCKSTEP_NO_CRASHED || no == LOCKSTEP_NO_FELL_BACK || no == LOCKSTEP_NO_HEALTH ||
           no == LOCKSTEP_NO_SMOKE || no == LOCKSTEP_NO_STATE || no == LOCKSTEP_NO_APPLY;
}

bool lockstep_no_ends_window(enum lockstep_no no)
{
    return no == LOCKSTEP_NO_FELL_BACK || no == LOCKSTEP_NO_HEALTH || no == LOCKSTEP_NO_SMOKE;
}

const struct lockstep_default lockstep_default_rows[] = {
#define DEFAULT_ROW(key, unit, value, smallest, largest, text) \
    {#key,                                                     \
     LOCKSTEP_UNIT_##unit,                                     \
     value,                                                    \
     smallest,                                                 \
     largest,                                                  \
     text,                                                     \
     offsetof(struct lockstep_defaults, key)},
    LOCKSTEP_DEFAULTS_TABLE(DEFAULT_ROW)
#undef DEFAULT_ROW
};

const size_t lockstep_default_count = LOCKSTEP_COUNT(lockstep_default_rows);

void lockstep_defaults_init(struct lockstep_defaults *defaults)
{
#define DEFAULT_SET(key, unit, value, smallest, largest, text) defaults->key = (value);
    LOCKSTEP_DEFAULTS_TABLE(DEFAULT_SET)
#undef DEFAULT_SET
}
