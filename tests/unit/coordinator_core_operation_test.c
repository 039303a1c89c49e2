#include "common/base/attr.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/operation.h"
#include "coordinator/core/part.h"
#include "coordinator/core/step.h"
#include "tests/support/cmocka.h"

#include <string.h>

/* Every state meets every event in a cell with a name, and a name says what kind of cell it is. */
static void the_matrix_has_no_hole(void **state)
{
    (void)state;
    for (unsigned s = LOCKSTEP_OPERATION_OPENING; s < LOCKSTEP_OPERATION_STATE_COUNT; s++) {
        for (unsigned e = 0; e < LOCKSTEP_EVENT_COUNT; e++) {
            const char *cell = lockstep_operation_cell(s, e);
            if (cell == NULL || cell[0] == '\0') {
                fail_msg("%s x %s is a hole", lockstep_operation_state_name(s),
                         lockstep_operation_event_name(e));
            }
        }
    }
}

/* ---- judging votes -------------------------------------------------------------------------- */

/* Parts as letters: y prepared, n refused by the node, i refused for integrity, c contacted,
 * a absent, l lost, t touched, v live, h healthy, f failed, o owed. */
struct votes {
    const char *name;
    enum lockstep_kind kind;
    const char *parts;
    uint32_t need;
    uint32_t max_fail;
    bool deadline;
    enum lockstep_verdict verdict;
};

#define RELOAD LOCKSTEP_KIND_RELOAD
#define BACK   LOCKSTEP_KIND_COMPENSATION
#define UNDO   LOCKSTEP_KIND_UNDO
#define WAIT   LOCKSTEP_VERDICT_WAIT
#define COMMIT LOCKSTEP_VERDICT_COMMIT
#define ABORT  LOCKSTEP_VERDICT_ABORT

static const struct votes votes[] = {
    {"sync_all: all yes", RELOAD, "yyy", 3, 0, false, COMMIT},
    {"sync_all: one is still out", RELOAD, "yyc", 3, 0, false, WAIT},
    {"sync_all: time turns nothing into a yes", RELOAD, "yyc", 3, 0, true, ABORT},
    {"sync_all: one no", RELOAD, "yyn", 3, 0, false, ABORT},
    {"sync_all: one no, others still out", RELOAD, "ncc", 3, 0, false, ABORT},
    {"sync_all: one lost", RELOAD, "yyl", 3, 0, false, ABORT},
    {"sync_all: the skipped do not count", RELOAD, "yya", 2, 0, false, COMMIT},
    {"quorum: waits for who is reachable", RELOAD, "yyyc", 3, 1, false, WAIT},
    {"quorum: at the deadline a majority is enough", RELOAD, "yyyc", 3, 1, true, COMMIT},
    {"quorum: a minority no is borne", RELOAD, "yyyn", 3, 1, false, COMMIT},
    {"quorum: the next no trips", RELOAD, "yynn", 3, 1, false, ABORT},
    {"quorum: integrity vetoes", RELOAD, "yyyi", 3, 1, false, ABORT},
    {"quorum: two of four never act", RELOAD, "yyaa", 3, 1, true, ABORT},
    {"quorum: the majority cannot be reached any more", RELOAD, "yccll", 4, 1, false, ABORT},
    {"going back: waits for who was asked", BACK, "yc", 0, 0, false, WAIT},
    {"going back: needs no majority", BACK, "ynnl", 0, 0, false, COMMIT},
    {"going back: waits for nobody for ever", BACK, "ccc", 0, 0, true, COMMIT},
    {"going back: who has to, and cannot, says so", BACK, "nnn", 0, 0, false, COMMIT},
    {"undo: some can", UNDO, "ynn", 0, 0, false, COMMIT},
    {"undo: none can, so nothing happens", UNDO, "nnn", 0, 0, false, ABORT},
    {"undo: none that is there can, and one is away", UNDO, "nna", 0, 0, false, COMMIT},
    {"undo: one is still out", UNDO, "nnc", 0, 0, false, WAIT},
    {"undo: who is out is owed it", UNDO, "ccl", 0, 0, true, COMMIT},
};

static uint8_t part_state(char letter)
{
    static const uint8_t states[] = {
        ['a'] = LOCKSTEP_PART_ABSENT,   ['c'] = LOCKSTEP_PART_CONTACTED,
        ['f'] = LOCKSTEP_PART_FAILED,   ['h'] = LOCKSTEP_PART_HEALTHY,
        ['i'] = LOCKSTEP_PART_REFUSED,  ['l'] = LOCKSTEP_PART_LOST,
        ['n'] = LOCKSTEP_PART_REFUSED,  ['o'] = LOCKSTEP_PART_OWED,
        ['t'] = LOCKSTEP_PART_TOUCHED,  ['v'] = LOCKSTEP_PART_LIVE,
        ['y'] = LOCKSTEP_PART_PREPARED,
    };
    assert_true((size_t)letter < sizeof(states) && states[(size_t)letter] != 0);
    return states[(size_t)letter];
}

static void check_votes(void **state)
{
    const struct votes *row = *state;
    struct lockstep_part parts[8] = {{0}};
    struct lockstep_operation operation = {.kind = row->kind,
                                           .strategy = LOCKSTEP_STRATEGY_SYNC_ALL,
                                           .parts = parts,
                                           .part_count = (uint32_t)strlen(row->parts)};
    operation.options.need = row->need;
    operation.options.max_fail = row->max_fail;
    for (uint32_t i = 0; i < operation.part_count; i++) {
        parts[i].state = part_state(row->parts[i]);
        parts[i].no = row->parts[i] == 'i' ? LOCKSTEP_NO_BAD_DIGEST : LOCKSTEP_NO_SYMBOL;
    }
    lockstep_operation_tally(&operation, &operation.tally);
    assert_int_equal(lockstep_judge_votes(&operation, row->deadline), row->verdict);
}

/* ---- judging what became of a commit -------------------------------------------------------- */

struct aftermath {
    const char *name;
    enum lockstep_kind kind;
    enum lockstep_strategy strategy;
    const char *parts;
    uint32_t need;
    uint32_t max_fail;
    bool beyond_repair;
    enum lockstep_result result; /* once all is settled; NONE: it is not */
};

#define ALL     LOCKSTEP_STRATEGY_SYNC_ALL
#define QUORUM  LOCKSTEP_STRATEGY_QUORUM
#define LOCAL   LOCKSTEP_STRATEGY_LOCAL
#define WHOLE   LOCKSTEP_RESULT_SUCCEEDED
#define PARTIAL LOCKSTEP_RESULT_SUCCEEDED_PARTIAL
#define MIXED   LOCKSTEP_RESULT_FAILED_MIXED
#define OPEN    LOCKSTEP_RESULT_NONE

static const struct aftermath aftermaths[] = {
    {"sync_all: all healthy", RELOAD, ALL, "hhh", 3, 0, false, WHOLE},
    {"sync_all: one is not back yet", RELOAD, ALL, "vvt", 3, 0, false, OPEN},
    {"sync_all: one failed", RELOAD, ALL, "vvf", 3, 0, true, OPEN},
    {"sync_all: one lost", RELOAD, ALL, "vvl", 3, 0, true, OPEN},
    {"sync_all: the skipped are owed", RELOAD, ALL, "hho", 2, 0, false, PARTIAL},
    {"sync_all: bears no failure, whatever it was told", RELOAD, ALL, "vvf", 3, 2, true, OPEN},
    {"local: it failed", RELOAD, LOCAL, "f", 1, 0, true, OPEN},
    {"quorum: a minority failed", RELOAD, QUORUM, "vvvfl", 3, 2, false, OPEN},
    {"quorum: the majority is lost", RELOAD, QUORUM, "vvffl", 3, 2, true, OPEN},
    {"quorum: it may come yet", RELOAD, QUORUM, "vtffo", 2, 2, false, OPEN},
    {"quorum: as many failed as may", RELOAD, QUORUM, "vvvvf", 3, 1, false, OPEN},
    {"quorum: one more than may", RELOAD, QUORUM, "vvvfl", 3, 1, true, OPEN},
    {"quorum: who refused has failed too", RELOAD, QUORUM, "vvvnf", 3, 1, true, OPEN},
    {"quorum: who is owed has not", RELOAD, QUORUM, "vvvof", 3, 1, false, OPEN},
    {"quorum: the rest is owed", RELOAD, QUORUM, "hhhon", 3, 2, false, PARTIAL},
    {"going back: is never taken back", BACK, ALL, "fff", 0, 0, false, MIXED},
    {"going back: all are", BACK, ALL, "hvh", 0, 0, false, WHOLE},
    {"going back: who is owed may still", BACK, ALL, "hho", 0, 0, false, PARTIAL},
    {"going back: one cannot", BACK, ALL, "hhn", 0, 0, false, MIXED},
    {"going back: one failed", BACK, ALL, "hhf", 0, 0, false, MIXED},
};

static void check_aftermath(void **state)
{
    const struct aftermath *row = *state;
    struct lockstep_part parts[8] = {{0}};
    struct lockstep_operation operation = {.kind = row->kind,
                                           .strategy = row->strategy,
                                           .parts = parts,
                                           .part_count = (uint32_t)strlen(row->parts)};
    operation.options.need = row->need;
    operation.options.max_fail = row->max_fail;
    for (uint32_t i = 0; i < operation.part_count; i++) {
        parts[i].state = part_state(row->parts[i]);
        parts[i].no = LOCKSTEP_NO_SYMBOL;
    }
    lockstep_operation_tally(&operation, &operation.tally);
    assert_int_equal(lockstep_judge_beyond_repair(&operation), row->beyond_repair);
    if (row->result != OPEN) {
        assert_int_equal(lockstep_judge_result(&operation), row->result);
    }
}

/* ---- when time is over ---------------------------------------------------------------------- */

/* Who has said why it cannot has failed; who says nothing is lost; going back nobody is. */
static void the_commit_deadline_tells_apart(void **state)
{
    struct lockstep_part parts[4] = {{.node = 10, .state = LOCKSTEP_PART_LIVE},
                                     {.node = 11, .state = LOCKSTEP_PART_TOUCHED},
                                     {.node = 12, .state = LOCKSTEP_PART_TOUCHED},
                                     {.node = 13, .state = LOCKSTEP_PART_CONTACTED}};
    struct lockstep_operation operation = {
        .kind = LOCKSTEP_KIND_RELOAD, .parts = parts, .part_count = 4};
    (void)state;
    parts[2].no = LOCKSTEP_NO_STATE;
    assert_int_equal(lockstep_parts_lose(&operation), 11);
    assert_int_equal(parts[0].state, LOCKSTEP_PART_LIVE);
    assert_int_equal(parts[1].state, LOCKSTEP_PART_LOST);
    assert_int_equal(parts[1].no, LOCKSTEP_NO_LOST);
    assert_int_equal(parts[2].state, LOCKSTEP_PART_FAILED);
    assert_int_equal(parts[2].no, LOCKSTEP_NO_STATE);
    assert_int_equal(parts[3].state, LOCKSTEP_PART_LOST);
    assert_int_equal(lockstep_parts_lose(&operation), LOCKSTEP_NODE_NONE);
    operation.kind = LOCKSTEP_KIND_UNDO;
    parts[1].state = LOCKSTEP_PART_TOUCHED;
    parts[1].no = LOCKSTEP_NO_UNSPECIFIED;
    assert_int_equal(lockstep_parts_lose(&operation), 11);
    assert_int_equal(parts[1].state, LOCKSTEP_PART_OWED);
}

/* What is not answered is said again after 10, 10, 20, 35, 35 ms; what needs no answer is not. */
static void reminders_come_ever_slower(void **state)
{
    static const uint64_t times[] = {10, 20, 40, 75, 110};
    struct lockstep_part parts[2] = {{.state = LOCKSTEP_PART_TOUCHED},
                                     {.state = LOCKSTEP_PART_LIVE}};
    struct lockstep_operation operation = {.parts = parts, .part_count = 2};
    (void)state;
    operation.options.resend_first_ms = 10;
    operation.options.resend_last_ms = 35;
    lockstep_step_arm_resend(&operation, (struct lockstep_time){0});
    for (size_t i = 0; i < LOCKSTEP_COUNT(times); i++) {
        unsigned wants = 0;
        assert_int_equal(operation.resend.ms, times[i]);
        parts[0].due = 0;
        lockstep_parts_resend(&operation, (struct lockstep_time){times[i] - 1}, &wants);
        assert_int_equal(wants, 0);
        lockstep_parts_resend(&operation, (struct lockstep_time){times[i]}, &wants);
        assert_int_equal(wants, LOCKSTEP_WANT_SEND);
        assert_int_equal(parts[0].due, LOCKSTEP_DUE_DECISION);
        assert_int_equal(parts[1].due, 0);
    }
}

/* ---- a coordinator that comes back ---------------------------------------------------------- */

struct resumption {
    const char *name;
    enum lockstep_kind kind;
    enum lockstep_strategy strategy;
    enum lockstep_row row;
    const char *before; /* as it was written with the row */
    const char *after;
    enum lockstep_operation_state state;
};

#define ROW(name)   LOCKSTEP_ROW_##name
#define STATE(name) LOCKSTEP_OPERATION_##name

static const struct resumption resumptions[] = {
    {"open: it is aborted", RELOAD, ALL, ROW(OPEN), "cyn", "cyn", STATE(ABORTING)},
    {"open: an undo too", LOCKSTEP_KIND_UNDO, ALL, ROW(OPEN), "cy", "cy", STATE(ABORTING)},
    {"open: a compensation asks all again", BACK, ALL, ROW(OPEN), "ayn", "ccc", STATE(PREPARING)},
    {"committed: who may have applied it reads back", RELOAD, ALL, ROW(COMMIT), "yvh", "ttt",
     STATE(COMMITTING)},
    {"committed: who was left out is owed", RELOAD, ALL, ROW(COMMIT), "yya", "tto",
     STATE(COMMITTING)},
    {"committed: who failed or was lost has", RELOAD, ALL, ROW(COMMIT), "vfl", "tfl",
     STATE(COMMITTING)},
    {"committed: who forgot is still asked", RELOAD, ALL, ROW(COMMIT), "tc", "tc",
     STATE(COMMITTING)},
    {"quorum: who was not asked, or did not answer, is owed", RELOAD, QUORUM, ROW(COMMIT),
     "yyyaclnf", "tttooonf", STATE(COMMITTING)},
    {"going back: the same", BACK, ALL, ROW(COMMIT), "yacln", "tooon", STATE(COMMITTING)},
    {"succeeded", RELOAD, ALL, ROW(SUCCEEDED), "hho", "hho", STATE(SUCCEEDED)},
    {"going back by another", RELOAD, ALL, ROW(DEGRADED), "hf", "hf", STATE(DEGRADED)},
    {"settled", RELOAD, ALL, ROW(SETTLED), "hf", "hf", STATE(SETTLED)},
    {"final", RELOAD, ALL, ROW(FINAL), "hho", "hho", STATE(FINAL)},
    {"aborted", RELOAD, ALL, ROW(ABORT), "cyn", "cyn", STATE(ABORTED)},
};

static void check_resumption(void **state)
{
    const struct resumption *row = *state;
    struct lockstep_part parts[8] = {{0}};
    struct lockstep_digest starts[8] = {{{0}}};
    struct lockstep_tally tally;
    struct lockstep_operation operation = {
        .kind = row->kind,
        .strategy = row->strategy,
        .result = row->row == ROW(COMMIT) || row->row == ROW(OPEN) ? LOCKSTEP_RESULT_NONE
                                                                   : LOCKSTEP_RESULT_ABORTED,
        .parts = parts,
        .starts = starts,
        .part_count = (uint32_t)strlen(row->before),
        .item_count = 1};
    operation.options.deadline_ms = 1000;
    operation.options.commit_deadline_ms = 100;
    operation.options.resend_first_ms = 10;
    for (uint32_t i = 0; i < operation.part_count; i++) {
        parts[i].state = part_state(row->before[i]);
        parts[i].up = true;
    }
    (void)lockstep_operation_resume(&operation, (struct lockstep_time){1}, row->row);
    assert_string_equal(lockstep_operation_state_name(operation.state),
                        lockstep_operation_state_name(row->state));
    for (uint32_t i = 0; i < operation.part_count; i++) {
        assert_string_equal(lockstep_part_name(parts[i].state),
                            lockstep_part_name(part_state(row->after[i])));
        assert_false(parts[i].up); /* until it says so */
    }
    lockstep_operation_tally(&operation, &tally);
    assert_memory_equal(&operation.tally, &tally, sizeof(tally));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(the_matrix_has_no_hole),
                                              cmocka_unit_test(the_commit_deadline_tells_apart),
                                              cmocka_unit_test(reminders_come_ever_slower)};
    int failed = cmocka_run_group_tests_name("operation", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("votes", votes, check_votes);
    failed += LOCKSTEP_RUN_TABLE("aftermath", aftermaths, check_aftermath);
    failed += LOCKSTEP_RUN_TABLE("resumption", resumptions, check_resumption);
    return failed == 0 ? 0 : 1;
}
