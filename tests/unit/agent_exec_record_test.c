/* Records of the exec driver: what is read is written again as the same bytes, or refused. */
#include "agent/exec_files.h"

#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

struct record_row {
    const char *name;
    const char *text;
    bool good;
};

#define DIGEST64 "9f3c1a2e00000000000000000000000000000000000000000000000000000001"
#define TAIL     "lockstep-exec: 1\noperation: aeaaaaaaaaaaaaaaaaaaaaaaaa\nstage: applying\n"

static const struct record_row record_rows[] = {
    {"a good one", "item.00: a web 7 2.0.0 " DIGEST64 " -\n" TAIL, true},
    {"taken out", "item.00: a web 7 - - " DIGEST64 "\n" TAIL, true},
    {"no item", TAIL, false},
    {"numbers that do not rise by one", "item.01: a web 7 2.0.0 " DIGEST64 " -\n" TAIL, false},
    {"a bad name", "item.00: ../a web 7 2.0.0 " DIGEST64 " -\n" TAIL, false},
    {"too little", "item.00: a web 7 2.0.0 " DIGEST64 "\n" TAIL, false},
    {"a stage that is none",
     "item.00: a web 7 2 " DIGEST64 " -\nlockstep-exec: 1\n"
     "operation: aeaaaaaaaaaaaaaaaaaaaaaaaa\nstage: done\n",
     false},
    {"cut", "item.00: a web 7 2.0.0 " DIGEST64 " -\nlockstep-exec: 1\n", false},
};

static void check_record(void **state)
{
    const struct record_row *row = *state;
    struct lockstep_exec_record *record = calloc(1, sizeof(*record));
    char text[1024];
    size_t length = 0;
    bool good;
    assert_non_null(record);
    good = lockstep_exec_record_parse(row->text, strlen(row->text), record, NULL) == LOCKSTEP_OK;
    assert_int_equal(good, row->good);
    if (good) {
        assert_int_equal(lockstep_exec_record_format(record, text, sizeof(text), &length, NULL),
                         LOCKSTEP_OK);
        assert_string_equal(text, row->text);
    }
    free(record);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("records", record_rows, check_record);
}
