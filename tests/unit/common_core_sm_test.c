#include "common/core/sm.h"

#include "common/base/assert.h"
#include "tests/support/cmocka.h"

enum { OPEN, CLOSED, GONE };

static const struct lockstep_sm_row table[] = {
    [OPEN] = {"OPEN", LOCKSTEP_SM(CLOSED)},
    [CLOSED] = {"CLOSED", LOCKSTEP_SM(OPEN) | LOCKSTEP_SM(GONE)},
    [GONE] = {"GONE", 0},
};

static unsigned asserted;

static void note(const char *expression, const char *file, int line)
{
    (void)expression;
    (void)file;
    (void)line;
    asserted++;
}

struct move_row {
    const char *name;
    uint8_t from;
    uint8_t to;
    bool allowed;
};

static const struct move_row move_rows[] = {
    {"a move of the table", OPEN, CLOSED, true},
    {"the other of two", CLOSED, GONE, true},
    {"staying", OPEN, OPEN, true},
    {"staying at the end", GONE, GONE, true},
    {"past a state", OPEN, GONE, false},
    {"back from the end", GONE, OPEN, false},
};

/* A move that the table does not have is found by an assertion, whoever asks for it. */
static void check_move(void **state)
{
    const struct move_row *row = *state;
    uint8_t now = row->from;
    asserted = 0;
    lockstep_assert_set_handler(note);
    assert_int_equal(lockstep_sm_allowed(table, row->from, row->to), row->allowed);
    assert_int_equal(lockstep_sm_move(table, &now, row->to), row->from != row->to);
    lockstep_assert_set_handler(NULL);
    assert_int_equal(asserted, row->allowed ? 0 : 1);
    assert_int_equal(now, row->to);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("common/core sm", move_rows, check_move);
}
