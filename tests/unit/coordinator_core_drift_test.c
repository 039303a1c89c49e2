/* One node and one module: every class, what comes before what, and what each does to the answer.
 */
#include "coordinator/core/drift.h"
#include "tests/support/cmocka.h"

#include "common/base/assert.h"

#include <string.h>

static const struct lockstep_digest none;
static const struct lockstep_digest one = {{1}};
static const struct lockstep_digest two = {{2}};

#define HERE  .ready = true, .fresh = true
#define ASIDE .cordoned = true
#define OWED  .unsettled = LOCKSTEP_DRIFT_IS_OWED
#define OPEN  .unsettled = LOCKSTEP_DRIFT_IN_BETWEEN

struct row {
    const char *name;
    struct lockstep_sight sight;
    enum lockstep_drift drift;
};

static const struct row rows[] = {
    {"as it is to be", {HERE, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_OK},
    {"nothing, as it is to be", {HERE}, LOCKSTEP_DRIFT_OK},
    {"another version", {HERE, .wanted = {{1}}, .found = {{2}}}, LOCKSTEP_DRIFT_OTHER_VERSION},
    {"the same version, other bytes",
     {HERE, .wanted = {{1}}, .found = {{2}}, .same_version = true},
     LOCKSTEP_DRIFT_OTHER_BYTES},
    {"nothing", {HERE, .wanted = {{1}}}, LOCKSTEP_DRIFT_MISSING},
    {"nothing, and no version to compare",
     {HERE, .wanted = {{1}}, .same_version = true},
     LOCKSTEP_DRIFT_MISSING},
    {"something", {HERE, .found = {{1}}}, LOCKSTEP_DRIFT_EXTRA},
    {"something, and the disk another",
     {HERE, .found = {{1}}, .disk_differs = true},
     LOCKSTEP_DRIFT_EXTRA},
    {"another file on the disk",
     {HERE, .wanted = {{1}}, .found = {{1}}, .disk_differs = true},
     LOCKSTEP_DRIFT_DISK_DIFFERS},
    {"another version, and the disk yet another",
     {HERE, .wanted = {{1}}, .found = {{2}}, .disk_differs = true},
     LOCKSTEP_DRIFT_OTHER_VERSION},
    {"pinned", {HERE, .wanted = {{1}}, .found = {{1}}, .pinned = true}, LOCKSTEP_DRIFT_PINNED},
    {"pinned, and the disk another",
     {HERE, .wanted = {{1}}, .found = {{1}}, .pinned = true, .disk_differs = true},
     LOCKSTEP_DRIFT_PINNED},
    {"pinned to what it does not run",
     {HERE, .wanted = {{1}}, .found = {{2}}, .pinned = true},
     LOCKSTEP_DRIFT_OTHER_VERSION},
    {"pinned to what it lost", {HERE, .wanted = {{1}}, .pinned = true}, LOCKSTEP_DRIFT_MISSING},
    {"pinned and away", {.wanted = {{1}}, .found = {{1}}, .pinned = true}, LOCKSTEP_DRIFT_UNKNOWN},
    {"undecided", {HERE, .found = {{1}}, .undecided = true}, LOCKSTEP_DRIFT_SPLIT},
    {"undecided, and runs nothing", {HERE, .undecided = true}, LOCKSTEP_DRIFT_SPLIT},
    {"undecided and away", {.found = {{1}}, .undecided = true}, LOCKSTEP_DRIFT_UNKNOWN},
    {"away, as it was to be",
     {.wanted = {{1}}, .found = {{1}}, .fresh = true},
     LOCKSTEP_DRIFT_UNKNOWN},
    {"away with another version", {.wanted = {{1}}, .found = {{2}}}, LOCKSTEP_DRIFT_UNKNOWN},
    {"away with what it is not to run", {.found = {{2}}}, LOCKSTEP_DRIFT_UNKNOWN},
    {"silent", {.ready = true, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_STALE},
    {"silent with another version",
     {.ready = true, .wanted = {{1}}, .found = {{2}}},
     LOCKSTEP_DRIFT_STALE},
    {"owed", {HERE, OWED, .wanted = {{1}}, .found = {{2}}}, LOCKSTEP_DRIFT_OWED},
    {"owed and away", {OWED, .wanted = {{1}}, .found = {{2}}}, LOCKSTEP_DRIFT_OWED},
    {"owed and away, with the version",
     {OWED, .wanted = {{1}}, .found = {{1}}},
     LOCKSTEP_DRIFT_OWED},
    {"owed, and has it by now", {HERE, OWED, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_OK},
    {"owed to be without", {HERE, OWED, .found = {{1}}}, LOCKSTEP_DRIFT_OWED},
    {"owed, has it, and is silent",
     {.ready = true, OWED, .wanted = {{1}}, .found = {{1}}},
     LOCKSTEP_DRIFT_STALE},
    {"in doubt", {HERE, OPEN, .wanted = {{1}}, .found = {{2}}}, LOCKSTEP_DRIFT_IN_DOUBT},
    {"in doubt, however it looks",
     {HERE, OPEN, .wanted = {{1}}, .found = {{1}}},
     LOCKSTEP_DRIFT_IN_DOUBT},
    {"in doubt and away", {OPEN, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_IN_DOUBT},
    {"in doubt, and nothing wanted", {HERE, OPEN, .found = {{1}}}, LOCKSTEP_DRIFT_IN_DOUBT},
    {"cordoned, as it is to be", {HERE, ASIDE, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_OK},
    {"cordoned with another version",
     {HERE, ASIDE, .wanted = {{1}}, .found = {{2}}},
     LOCKSTEP_DRIFT_CORDONED},
    {"cordoned and away", {ASIDE, .wanted = {{1}}, .found = {{1}}}, LOCKSTEP_DRIFT_CORDONED},
    {"cordoned, and in doubt", {HERE, ASIDE, OPEN, .wanted = {{1}}}, LOCKSTEP_DRIFT_IN_DOUBT},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    assert_string_equal(lockstep_drift_word(lockstep_drift_judge(&row->sight)),
                        lockstep_drift_word(row->drift));
}

/* Whatever else is the case: who is away or silent, or not settled, is not known to be right. */
static void check_all(void **state)
{
    static const struct lockstep_digest *const digests[] = {&none, &one, &two};
    (void)state;
    for (unsigned i = 0; i < 3U * 3U * 64U * 3U; i++) {
        unsigned bits = i / 9 % 64;
        struct lockstep_sight sight = {.wanted = *digests[i % 3],
                                       .found = *digests[i / 3 % 3],
                                       .undecided = (bits & 1U) != 0,
                                       .pinned = (bits & 2U) != 0,
                                       .ready = (bits & 4U) != 0,
                                       .fresh = (bits & 8U) != 0,
                                       .same_version = (bits & 16U) != 0,
                                       .disk_differs = (bits & 32U) != 0,
                                       .unsettled = (enum lockstep_drift_unsettled)(i / 576)};
        bool same = lockstep_digest_equal(&sight.wanted, &sight.found);
        enum lockstep_drift drift = lockstep_drift_judge(&sight);
        enum lockstep_drift_weight weight = lockstep_drift_weight(drift);
        bool known = sight.ready && sight.fresh && sight.unsettled != LOCKSTEP_DRIFT_IN_BETWEEN &&
                     (sight.unsettled == LOCKSTEP_DRIFT_SETTLED || same);
        assert_int_equal(weight == LOCKSTEP_DRIFT_OPEN, !known);
        sight.cordoned = true;
        assert_int_equal(lockstep_drift_judge(&sight),
                         weight == LOCKSTEP_DRIFT_SAME || drift == LOCKSTEP_DRIFT_IN_DOUBT
                             ? drift
                             : LOCKSTEP_DRIFT_CORDONED);
        if (known) {
            assert_int_equal(weight == LOCKSTEP_DRIFT_SAME,
                             same && !sight.undecided && (sight.pinned || !sight.disk_differs));
        }
    }
}

/* The words are in scripts, the weights in exit codes: neither changes unseen. */
struct class_row {
    const char *name;
    enum lockstep_drift_weight weight;
};

static const struct class_row classes[] = {
    {"ok", LOCKSTEP_DRIFT_SAME},
    {"pinned", LOCKSTEP_DRIFT_SAME},
    {"other-version", LOCKSTEP_DRIFT_DIFFERS},
    {"other-bytes", LOCKSTEP_DRIFT_DIFFERS},
    {"missing", LOCKSTEP_DRIFT_DIFFERS},
    {"extra", LOCKSTEP_DRIFT_DIFFERS},
    {"disk-differs", LOCKSTEP_DRIFT_DIFFERS},
    {"split", LOCKSTEP_DRIFT_DIFFERS},
    {"owed", LOCKSTEP_DRIFT_OPEN},
    {"in-doubt", LOCKSTEP_DRIFT_OPEN},
    {"unknown", LOCKSTEP_DRIFT_OPEN},
    {"stale", LOCKSTEP_DRIFT_OPEN},
    {"cordoned", LOCKSTEP_DRIFT_ASIDE},
};
STATIC_ASSERT(LOCKSTEP_COUNT(classes) == LOCKSTEP_DRIFT_COUNT, "a class without a row");

/* What PROTOCOL.md says of a class is what the table says. */
static void check_told(enum lockstep_drift drift)
{
    static const char *const exits[] = {"0", "3, \"consistent so far\"", "3, \"not consistent\"",
                                        "none: it is in no `total`"};
    char line[256];
    char wanted[256];
    bool found = false;
    FILE *file = fopen(LOCKSTEP_SOURCE_DIR "/proto/PROTOCOL.md", "re");
    assert_non_null(file);
    (void)snprintf(wanted, sizeof(wanted), "| `%s` | %s | %s |\n", lockstep_drift_word(drift),
                   lockstep_drift_meaning(drift), exits[lockstep_drift_weight(drift)]);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = strcmp(line, wanted) == 0;
    }
    assert_int_equal(fclose(file), 0);
    if (!found) {
        fail_msg("proto/PROTOCOL.md has no row %s", wanted);
    }
}

static void check_class(void **state)
{
    const struct class_row *row = *state;
    enum lockstep_drift drift = (enum lockstep_drift)(row - classes);
    assert_string_equal(lockstep_drift_word(drift), row->name);
    assert_int_equal(lockstep_drift_weight(drift), row->weight);
    check_told(drift);
}

/* A node a letter: a, b run a version, - is away. */
struct majority_row {
    const char *name;
    char digest; /* 0: none */
};

static const struct majority_row majorities[] = {
    {"a", 'a'},     {"aa", 'a'},      {"ab", 0},          {"aab", 'a'},     {"aba", 'a'},
    {"baa", 'a'},   {"aabb", 0},      {"aaabb", 'a'},     {"bbaaa", 'a'},   {"ababa", 'a'},
    {"aabbc", 0},   {"a-", 0},        {"-", 0},           {"", 0},          {"aa-", 'a'},
    {"aa--", 0},    {"aaa--", 'a'},   {"-a-a-a-", 0},     {"aaaa---", 'a'}, {"a--a-aa", 'a'},
    {"ccbbaaa", 0}, {"aaabbbb", 'b'}, {"abcabcaaa", 'a'},
};

static void check_majority(void **state)
{
    const struct majority_row *row = *state;
    struct lockstep_majority majority = {.members = 0};
    struct lockstep_digest digest;
    for (int pass = 0; pass < 2; pass++) {
        for (const char *at = row->name; *at != '\0'; at++) {
            struct lockstep_digest vote = {{(uint8_t)*at}};
            if (pass == 0) {
                lockstep_majority_nominate(&majority, *at == '-' ? NULL : &vote);
            } else {
                lockstep_majority_count(&majority, *at == '-' ? NULL : &vote);
            }
        }
    }
    digest = lockstep_majority_digest(&majority);
    assert_int_equal(majority.members, strlen(row->name));
    assert_int_equal(digest.bytes[0], row->digest);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_all)};
    int failed = LOCKSTEP_RUN_TABLE("drift", rows, check_row);
    failed += LOCKSTEP_RUN_TABLE("classes", classes, check_class);
    failed += LOCKSTEP_RUN_TABLE("majority", majorities, check_majority);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
