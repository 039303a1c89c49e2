/* What is made of abidiff's answers: of a program of that name that says what the test wants, and
 * of the real one, where it is installed. */
#include "coordinator/cli/abi.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char *path_before;

struct abi_row {
    const char *name;
    const char *script; /* what abidiff does; NULL: there is none in PATH */
    enum lockstep_abi abi;
    const char *report; /* part of it */
};

static const struct abi_row abi_rows[] = {
    {"alike", "exit 0", LOCKSTEP_ABI_SAME, ""},
    {"a change", "echo 'type size changed'; exit 4", LOCKSTEP_ABI_CHANGED, "type size changed"},
    {"incompatible", "echo 'removed'; exit 12", LOCKSTEP_ABI_INCOMPATIBLE, "removed"},
    {"an error", "echo 'cannot read' >&2; exit 1", LOCKSTEP_ABI_UNKNOWN, "cannot read"},
    {"wrong usage", "exit 2", LOCKSTEP_ABI_UNKNOWN, "ended with 2"},
    {"an error beside a change", "exit 5", LOCKSTEP_ABI_UNKNOWN, "ended with 5"},
    {"a bit that nobody knows", "exit 16", LOCKSTEP_ABI_UNKNOWN, ""},
    {"a crash", "kill -s SEGV $$", LOCKSTEP_ABI_UNKNOWN, "signal 11"},
    {"no end", "exec sleep 100", LOCKSTEP_ABI_UNKNOWN, "did not end in time"},
    {"a child that goes on", "sleep 100 & exit 0", LOCKSTEP_ABI_UNKNOWN, "did not end in time"},
    {"words without end", "yes 'and so on'; exit 0", LOCKSTEP_ABI_UNKNOWN, "and so on"},
    {"control characters", "printf 'a\\033b\\n'; exit 4", LOCKSTEP_ABI_CHANGED, "a?b\n"},
    {"is given both files", "test \"$2 $3\" = 'a.so b.so'", LOCKSTEP_ABI_SAME, ""},
    {"none", NULL, LOCKSTEP_ABI_UNKNOWN, "install the package abigail-tools"},
};

static void put_script(const char *script)
{
    char path[128];
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/abidiff", folder);
    (void)unlink(path);
    if (script == NULL) {
        return;
    }
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\nPATH=/usr/bin:/bin\n%s\n", script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

/* A test that has no end has a short time. */
static uint64_t limit_of(const struct abi_row *row)
{
    return strstr(row->report, "in time") != NULL || strstr(row->script, "yes") != NULL ? 300
                                                                                        : 20000;
}

static void check_abi(void **state)
{
    const struct abi_row *row = *state;
    struct lockstep_abi_answer answer = {.abi = LOCKSTEP_ABI_SAME};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    put_script(row->script);
    assert_int_equal(setenv("PATH", folder, 1), 0);
    if (row->script == NULL) {
        assert_int_equal(lockstep_abi_compare("a.so", "b.so", 1000, &answer, &err), LOCKSTEP_IO);
        assert_non_null(strstr(err.message, row->report));
    } else {
        assert_int_equal(lockstep_abi_compare("a.so", "b.so", limit_of(row), &answer, &err),
                         LOCKSTEP_OK);
        assert_int_equal(answer.abi, row->abi);
        assert_true(strlen(answer.report) < sizeof(answer.report));
        if (row->report[0] != '\0' && strstr(answer.report, row->report) == NULL) {
            assert_non_null(strstr(row->script, "yes"));
        }
    }
    assert_int_equal(setenv("PATH", path_before, 1), 0);
}

/* The real one, on objects with debug information of this build. */
static void asks_the_real_one(void **state)
{
    static const char module[] = LOCKSTEP_BINARY_DIR "/modules/bad/good.so";
    struct lockstep_abi_answer answer = {.abi = LOCKSTEP_ABI_UNKNOWN};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    if (access("/usr/bin/abidiff", X_OK) != 0) {
        print_message("skipped: there is no /usr/bin/abidiff (package abigail-tools)\n");
        skip();
    }
    assert_int_equal(lockstep_abi_compare(module, module, 60000, &answer, &err), LOCKSTEP_OK);
    assert_int_equal(answer.abi, LOCKSTEP_ABI_SAME);
    assert_int_equal(lockstep_abi_compare(module, "/etc/passwd", 60000, &answer, &err),
                     LOCKSTEP_OK);
    assert_int_equal(answer.abi, LOCKSTEP_ABI_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(asks_the_real_one)};
    int failed;
    const char *path = getenv("PATH");
    path_before = strdup(path == NULL ? "" : path);
    (void)snprintf(folder, sizeof(folder), "/tmp/lockstep-abi-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    failed = LOCKSTEP_RUN_TABLE("answers", abi_rows, check_abi) +
             cmocka_run_group_tests_name("abidiff", tests, NULL, NULL);
    put_script(NULL);
    (void)rmdir(folder);
    free(path_before);
    return failed;
}
