#include "coordinator/core/operation.h"

#include "common/base/assert.h"
#include "common/core/sm.h"
#include "coordinator/core/part.h"
#include "coordinator/core/step.h"

#include <string.h>

#define NEXT(a)       LOCKSTEP_SM(LOCKSTEP_OPERATION_##a)
#define ROW(a, moves) [LOCKSTEP_OPERATION_##a] = {#a, (moves)}

static const struct lockstep_sm_row moves[LOCKSTEP_OPERATION_STATE_COUNT] = {
    [LOCKSTEP_OPERATION_UNSPECIFIED] = {"NEW", UINT32_MAX},
    ROW(OPENING, NEXT(PREPARING) | NEXT(DECIDING) | NEXT(ABORTING)),
    ROW(PREPARING, NEXT(DECIDING) | NEXT(ABORTING)),
    ROW(ABORTING, NEXT(ABORTED)),
    ROW(ABORTED, 0),
    /* SOAKING: who was to take it has left while the row was written. */
    ROW(DECIDING,
        NEXT(COMMITTING) | NEXT(SOAKING) | NEXT(SUCCEEDING) | NEXT(DEGRADING) | NEXT(SETTLING)),
    ROW(COMMITTING, NEXT(SOAKING) | NEXT(SUCCEEDING) | NEXT(DEGRADING) | NEXT(SETTLING)),
    ROW(SOAKING, NEXT(SUCCEEDING) | NEXT(DEGRADING) | NEXT(SETTLING)),
    ROW(SUCCEEDING, NEXT(SUCCEEDED) | NEXT(FINALIZING) | NEXT(DEGRADING) | NEXT(SETTLING)),
    ROW(SUCCEEDED, NEXT(FINALIZING) | NEXT(DEGRADING) | NEXT(SETTLING)),
    ROW(DEGRADING, NEXT(DEGRADED)),
    ROW(DEGRADED, NEXT(SETTLING)),
    ROW(SETTLING, NEXT(SETTLED)),
    ROW(SETTLED, NEXT(SETTLING)),
    ROW(FINALIZING, NEXT(FINAL)),
    ROW(FINAL, 0),
};

struct cell {
    const char *name;
    lockstep_step_fn *run;
};

/* Every cell is named. ON: something happens. IGNORE: it may come, and there is nothing to do.
 * BUG: it cannot come; the fleet's door keeps it out, or nothing here ever asked for it. */
#define ON(event, handler, name) [LOCKSTEP_EVENT_##event] = {(name), lockstep_step_##handler}
#define IGNORE(event, why)       [LOCKSTEP_EVENT_##event] = {"ignore: " why, lockstep_step_ignore}
#define BUG(event, why)          [LOCKSTEP_EVENT_##event] = {"bug: " why, lockstep_step_bug}

#define NO_VOTES IGNORE(VOTED_YES, "late or repeated"), IGNORE(VOTED_NO, "late or repeated")
#define NO_READ_BACKS \
    IGNORE(READ_BACK, "repeated"), IGNORE(NOT_APPLIED, "late"), IGNORE(NODE_FAILED, "late")
#define NOTHING_APPLIED                                                                          \
    IGNORE(READ_BACK, "of an older generation"), IGNORE(NOT_APPLIED, "nothing was ordered yet"), \
        IGNORE(NODE_FAILED, "nothing was ordered yet")
#define NOTE_LINKS                                                                                \
    ON(NODE_UP, note_up, "note that it is up"), ON(NODE_DOWN, note_down, "note that it is down"), \
        IGNORE(NODE_FORGOT, "it is asked again when it matters")
#define REPLACED(handler, name) ON(NODE_REPLACED, handler, name)
#define BACK_WITHOUT_IT                                  \
    IGNORE(NODE_GONE, "the compensation leaves it out"), \
        IGNORE(NODE_REPLACED, "the compensation leaves it out")
#define CORDONS_WAIT                                      \
    IGNORE(CORDONED, "who is in its roster stays in it"), \
        IGNORE(UNCORDONED, "it is owed once this has succeeded")
#define OWES_NOTHING IGNORE(CORDONED, "it owes nothing"), IGNORE(UNCORDONED, "it owes nothing")
#define CORDONS                                       \
    ON(CORDONED, set_aside, "what it is owed waits"), \
        ON(UNCORDONED, owe, "it is owed what it has missed")
#define LEAVES   ON(NODE_GONE, drop, "leave it out")
#define WRITING  IGNORE(TICK, "a row is being written")
#define NO_CHILD BUG(WENT_BACK, "there is no compensation")

static const struct cell cells[LOCKSTEP_OPERATION_STATE_COUNT][LOCKSTEP_EVENT_COUNT] = {
    [LOCKSTEP_OPERATION_OPENING] =
        {IGNORE(CALLED, "nothing was ordered yet"),
         REPLACED(replace_opening, "its vote is void; needed: abort once the row is written"),
         ON(NODE_GONE, drop_opening, "leave it out; needed: abort once the row is written"),
         CORDONS_WAIT, ON(PERSISTED, opened, "ask every node to prepare"), NO_VOTES,
         NOTHING_APPLIED, NOTE_LINKS, WRITING,
         ON(ABORT, ask_abort, "abort once the row is written"), NO_CHILD,
         BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_PREPARING] = {IGNORE(CALLED, "nothing was ordered yet"),
                                      REPLACED(replace_voter, "its vote is void; needed: abort"),
                                      ON(NODE_GONE, drop_voter, "leave it out; needed: abort"),
                                      CORDONS_WAIT, BUG(PERSISTED, "no row is being written"),
                                      ON(VOTED_YES, count_yes, "count, judge"),
                                      ON(VOTED_NO, count_no, "count, judge"), NOTHING_APPLIED,
                                      ON(NODE_UP, contact, "ask it to prepare"),
                                      ON(NODE_DOWN, lose_voter, "lost, judge"),
                                      ON(NODE_FORGOT, void_vote, "its vote is void, ask again"),
                                      ON(TICK, prepare_tick, "ask again; at the deadline judge"),
                                      ON(ABORT, abort_prepare, "abort"), NO_CHILD,
                                      BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_ABORTING] = {IGNORE(CALLED, "nothing was ordered"),
                                     REPLACED(note_down, "note that it is down"), LEAVES,
                                     OWES_NOTHING,
                                     ON(PERSISTED, aborted, "tell who may be prepared"), NO_VOTES,
                                     NOTHING_APPLIED, NOTE_LINKS, WRITING,
                                     IGNORE(ABORT, "that is what happens"), NO_CHILD,
                                     BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_ABORTED] = {IGNORE(CALLED, "nothing was ordered"),
                                    REPLACED(note_down, "note that it is down"), LEAVES,
                                    OWES_NOTHING, BUG(PERSISTED, "no row is being written"),
                                    NO_VOTES, NOTHING_APPLIED, NOTE_LINKS,
                                    IGNORE(TICK, "it has ended"), IGNORE(ABORT, "it has ended"),
                                    NO_CHILD, IGNORE(OVERTAKEN, "it has ended")},
    [LOCKSTEP_OPERATION_DECIDING] =
        {IGNORE(CALLED, "nothing was ordered yet"),
         REPLACED(replace_deciding, "its vote is void, and it is owed"), LEAVES, CORDONS_WAIT,
         ON(PERSISTED, committed, "the commit point: tell who voted YES"),
         IGNORE(VOTED_YES, "the votes are in"), IGNORE(VOTED_NO, "the votes are in"),
         NOTHING_APPLIED, NOTE_LINKS, WRITING, ON(ABORT, ask_abort, "go back once it is written"),
         NO_CHILD, BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_COMMITTING] =
        {ON(CALLED, called, "note it"), REPLACED(replace_committed, "it is owed, judge"),
         ON(NODE_GONE, drop_committed, "leave it out, judge"),
         ON(CORDONED, roll_cordoned, "rolling, and not asked yet: what it is owed waits"),
         ON(UNCORDONED, roll_uncordoned, "rolling: owed again; else once this has succeeded"),
         BUG(PERSISTED, "no row is being written"), ON(VOTED_YES, tell_late_yes, "tell it"),
         ON(VOTED_NO, note_late_no, "failed, or still owed"),
         ON(READ_BACK, read_back, "live; when all are, soak"),
         ON(NOT_APPLIED, note_not_applied, "note why; it tries again"),
         ON(NODE_FAILED, fail_node, "failed; beyond repair: go back"),
         ON(NODE_UP, remind, "tell it again"),
         ON(NODE_DOWN, lose_committed, "note that it is down; lost if it is watched"),
         ON(NODE_FORGOT, prepare_again, "prepare it again"),
         ON(TICK, commit_tick, "tell again; at the deadline lost"),
         ON(ABORT, abort_commit, "go back"), NO_CHILD, BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_SOAKING] =
        {ON(CALLED, called, "note it; enough, and the soak is over: succeeded"),
         REPLACED(replace_committed, "it is owed, judge"),
         ON(NODE_GONE, drop_committed, "leave it out, judge"), CORDONS_WAIT,
         BUG(PERSISTED, "no row is being written"), ON(VOTED_YES, tell_late_yes, "tell it"),
         ON(VOTED_NO, note_late_no, "still owed"), ON(READ_BACK, read_back, "live"),
         ON(NOT_APPLIED, note_not_applied, "note why; it tries again"),
         ON(NODE_FAILED, fail_node, "failed; beyond repair: go back"),
         ON(NODE_UP, remind, "tell it again"),
         ON(NODE_DOWN, lose_soaking, "lost; beyond repair: go back"),
         IGNORE(NODE_FORGOT, "its read-back tells"),
         ON(TICK, soak_tick, "at the end of the soak: succeeded"),
         ON(ABORT, abort_commit, "go back"), NO_CHILD, BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_SUCCEEDING] =
        {IGNORE(CALLED, "it was enough"), REPLACED(replace_ended, "it is owed again"), LEAVES,
         CORDONS_WAIT, ON(PERSISTED, succeeded, "the client may go; the window runs"), NO_VOTES,
         ON(READ_BACK, caught_up, "an owed node is done"), IGNORE(NOT_APPLIED, "late"),
         ON(NODE_FAILED, fail_node, "failed; judged once the row is written"), NOTE_LINKS, WRITING,
         IGNORE(ABORT, "too late"), NO_CHILD, BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_SUCCEEDED] =
        {
            IGNORE(CALLED, "it was enough"), REPLACED(replace_ended, "it is owed again"),
            ON(NODE_GONE, drop_ended, "nothing is owed to it"), CORDONS,
            BUG(PERSISTED, "no row is being written"), ON(VOTED_YES, tell_late_yes, "tell it"),
            ON(VOTED_NO, note_late_no, "still owed"),
            ON(READ_BACK, caught_up, "an owed node is done"), IGNORE(NOT_APPLIED, "it tries again"),
            ON(NODE_FAILED, fail_in_window,
               "fell back, or not well: go back on all; late: owed again; else drift"),
            ON(NODE_UP, remind, "give it what it is owed"),
            ON(NODE_DOWN, note_down, "note that it is down"),
            ON(NODE_FORGOT, owe_again, "it is owed again"),
            ON(TICK, window_tick, "at the end of the window: final"),
            IGNORE(ABORT, "too late: undo does it"), NO_CHILD,
            ON(OVERTAKEN, end_window, "the window is over")},
    [LOCKSTEP_OPERATION_DEGRADING] = {IGNORE(CALLED, "it goes back"), BACK_WITHOUT_IT, OWES_NOTHING,
                                      ON(PERSISTED, degraded, "the compensation runs"), NO_VOTES,
                                      NO_READ_BACKS, NOTE_LINKS, WRITING,
                                      IGNORE(ABORT, "that is what happens"),
                                      BUG(WENT_BACK, "it has not begun"),
                                      BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_DEGRADED] = {IGNORE(CALLED, "it goes back"), BACK_WITHOUT_IT, OWES_NOTHING,
                                     BUG(PERSISTED, "no row is being written"), NO_VOTES,
                                     NO_READ_BACKS, NOTE_LINKS,
                                     IGNORE(TICK, "the compensation has the deadlines"),
                                     IGNORE(ABORT, "that is what happens"),
                                     ON(WENT_BACK, settle, "its result is ours"),
                                     BUG(OVERTAKEN, "it holds the lock")},
    [LOCKSTEP_OPERATION_SETTLING] = {IGNORE(CALLED, "it went back"), BACK_WITHOUT_IT, OWES_NOTHING,
                                     ON(PERSISTED, settled, "the client may go"), NO_VOTES,
                                     NO_READ_BACKS, NOTE_LINKS, WRITING,
                                     IGNORE(ABORT, "that is what happens"),
                                     IGNORE(WENT_BACK, "asked again when written"),
                                     IGNORE(OVERTAKEN, "it has ended")},
    [LOCKSTEP_OPERATION_SETTLED] = {IGNORE(CALLED, "it went back"), BACK_WITHOUT_IT, OWES_NOTHING,
                                    BUG(PERSISTED, "no row is being written"), NO_VOTES,
                                    NO_READ_BACKS, NOTE_LINKS, IGNORE(TICK, "it has ended"),
                                    IGNORE(ABORT, "it has ended"),
                                    ON(WENT_BACK, settle, "a late node is back: say so"),
                                    IGNORE(OVERTAKEN, "it has ended")},
    [LOCKSTEP_OPERATION_FINALIZING] =
        {IGNORE(CALLED, "it was enough"), REPLACED(replace_ended, "it is owed again"),
         ON(NODE_GONE, drop_ended, "nothing is owed to it"), CORDONS_WAIT,
         ON(PERSISTED, finalized, "tell the nodes"), NO_VOTES,
         ON(READ_BACK, caught_up, "an owed node is done"), IGNORE(NOT_APPLIED, "late"),
         IGNORE(NODE_FAILED, "late"), NOTE_LINKS, WRITING, IGNORE(ABORT, "it has ended"), NO_CHILD,
         ON(OVERTAKEN, forget_owed, "who is owed gets the newer version")},
    [LOCKSTEP_OPERATION_FINAL] =
        {IGNORE(CALLED, "it was enough"), REPLACED(replace_ended, "it is owed again"),
         ON(NODE_GONE, drop_ended, "nothing is owed to it"), CORDONS,
         BUG(PERSISTED, "no row is being written"), ON(VOTED_YES, tell_late_yes, "tell it"),
         ON(VOTED_NO, note_late_no, "still owed"), ON(READ_BACK, caught_up, "an owed node is done"),
         IGNORE(NOT_APPLIED, "it tries again"),
         ON(NODE_FAILED, owe_again, "what came late is owed again; else drift"),
         ON(NODE_UP, remind, "give it what it is owed"),
         ON(NODE_DOWN, note_down, "note that it is down"),
         ON(NODE_FORGOT, owe_again, "it is owed again"),
         ON(TICK, owed_tick, "ask owed nodes again"), IGNORE(ABORT, "it has ended"), NO_CHILD,
         ON(OVERTAKEN, forget_owed, "who is owed gets the newer version")},
};

/* What must hold between steps. */
static void check_invariant(const struct lockstep_operation *operation)
{
    ASSERT(operation->item_count >= 1 && operation->item_count <= LOCKSTEP_ITEMS_MAX);
    ASSERT(operation->part_count >= 1);
    ASSERT(operation->parts != NULL && operation->starts != NULL);
    ASSERT(operation->options.need <= operation->part_count);
    if (operation->state == LOCKSTEP_OPERATION_PREPARING) {
        ASSERT(lockstep_time_set(operation->phase));
    }
    if (operation->state == LOCKSTEP_OPERATION_COMMITTING ||
        operation->state == LOCKSTEP_OPERATION_SOAKING) {
        ASSERT(lockstep_time_set(operation->phase) || lockstep_time_set(operation->end));
    }
    if (operation->state == LOCKSTEP_OPERATION_ABORTED) {
        ASSERT(operation->result == LOCKSTEP_RESULT_ABORTED);
    }
    if (operation->state == LOCKSTEP_OPERATION_SUCCEEDED) {
        ASSERT(operation->result != LOCKSTEP_RESULT_NONE);
    }
}

unsigned lockstep_operation_step(struct lockstep_operation *operation, struct lockstep_time now,
                                 const struct lockstep_operation_event *event)
{
    struct lockstep_step step = {.now = now, .event = event, .wants = 0};
    const struct cell *cell;
    unsigned next;
    ASSERT(event->type < LOCKSTEP_EVENT_COUNT);
    cell = &cells[operation->state][event->type];
    ASSERT(cell->run != NULL);
    next = cell->run(operation, &step);
    if (lockstep_sm_move(moves, &operation->state, next)) {
        step.wants |= LOCKSTEP_WANT_CHANGED;
    }
    check_invariant(operation);
    return step.wants;
}

unsigned lockstep_operation_begin(struct lockstep_operation *operation, struct lockstep_time now)
{
    bool waits = lockstep_operation_rolls(operation); /* each for its turn */
    ASSERT(operation->state == LOCKSTEP_OPERATION_UNSPECIFIED);
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        part->due = 0;
        if (part->state != LOCKSTEP_PART_CORDONED) {
            part->state = part->up && !waits ? LOCKSTEP_PART_CONTACTED : LOCKSTEP_PART_ABSENT;
        }
    }
    lockstep_operation_tally(operation, &operation->tally);
    operation->catch_up = LOCKSTEP_TIME_NEVER;
    operation->end = lockstep_time_after(now, operation->options.deadline_ms);
    (void)lockstep_sm_move(moves, &operation->state, LOCKSTEP_OPERATION_OPENING);
    check_invariant(operation);
    return LOCKSTEP_WANT_PERSIST | LOCKSTEP_WANT_CHANGED;
}

/* An operation that was open: a reload or an undo is aborted (presumed abort); a compensation goes
 * on, for the fleet is waiting for it. */
static unsigned resume_open(struct lockstep_operation *operation, struct lockstep_time now)
{
    const struct lockstep_operation_options *options = &operation->options;
    if (operation->kind != LOCKSTEP_KIND_COMPENSATION) {
        operation->result = LOCKSTEP_RESULT_ABORTED;
        lockstep_step_note_cause(operation, LOCKSTEP_NO_UNSPECIFIED, LOCKSTEP_NODE_NONE,
                                 "the coordinator restarted before a decision");
        (void)lockstep_sm_move(moves, &operation->state, LOCKSTEP_OPERATION_ABORTING);
        return LOCKSTEP_WANT_PERSIST | LOCKSTEP_WANT_CHANGED;
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        lockstep_part_set(operation, &operation->parts[i], LOCKSTEP_PART_CONTACTED,
                          (enum lockstep_no)operation->parts[i].no);
    }
    operation->phase = lockstep_time_after(now, options->fetch_ms + options->prepare_ms);
    lockstep_step_arm_resend(operation, now);
    (void)lockstep_sm_move(moves, &operation->state, LOCKSTEP_OPERATION_PREPARING);
    return LOCKSTEP_WANT_CHANGED;
}

/* A committed operation: every node that may have applied it must read back again. The row was
 * written before the parts were told: who had not been asked or had not answered by then is owed,
 * where the strategy did not need it. */
static unsigned resume_committed(struct lockstep_operation *operation, struct lockstep_time now)
{
    const struct lockstep_operation_options *options = &operation->options;
    lockstep_parts_move(operation, LOCKSTEP_PART_PREPARED, LOCKSTEP_PART_TOUCHED);
    lockstep_parts_move(operation, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_TOUCHED);
    if (!lockstep_operation_rolls(operation)) {
        lockstep_parts_move(operation, LOCKSTEP_PART_HEALTHY, LOCKSTEP_PART_TOUCHED);
    }
    lockstep_parts_move(operation, LOCKSTEP_PART_ABSENT, LOCKSTEP_PART_OWED);
    if (operation->strategy == LOCKSTEP_STRATEGY_QUORUM ||
        lockstep_operation_goes_back(operation)) {
        lockstep_parts_move(operation, LOCKSTEP_PART_CONTACTED, LOCKSTEP_PART_OWED);
        lockstep_parts_move(operation, LOCKSTEP_PART_LOST, LOCKSTEP_PART_OWED);
    }
    operation->phase = lockstep_time_after(now, options->commit_deadline_ms);
    operation->window = lockstep_time_after(now, options->window_ms);
    for (uint32_t i = 0; lockstep_operation_rolls(operation) && i < operation->part_count; i++) {
        /* Left out, and neither for what the node said nor because it left: it had been stopped. */
        operation->abort_asked = operation->abort_asked ||
                                 (operation->parts[i].state == LOCKSTEP_PART_SKIPPED &&
                                  operation->parts[i].no == LOCKSTEP_NO_UNSPECIFIED);
        operation->parts[i].asked = operation->parts[i].state == LOCKSTEP_PART_TOUCHED;
        operation->parts[i].retry = operation->parts[i].asked ? operation->phase
                                                              : LOCKSTEP_TIME_NEVER;
    }
    lockstep_step_arm_resend(operation, now);
    (void)lockstep_sm_move(moves, &operation->state, LOCKSTEP_OPERATION_COMMITTING);
    return LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_CATCH_UP;
}

unsigned lockstep_operation_resume(struct lockstep_operation *operation, struct lockstep_time now,
                                   enum lockstep_row row)
{
    static const uint8_t state_of[] = {
        [LOCKSTEP_ROW_ABORT] = LOCKSTEP_OPERATION_ABORTED,
        [LOCKSTEP_ROW_SUCCEEDED] = LOCKSTEP_OPERATION_SUCCEEDED,
        [LOCKSTEP_ROW_DEGRADED] = LOCKSTEP_OPERATION_DEGRADED,
        [LOCKSTEP_ROW_SETTLED] = LOCKSTEP_OPERATION_SETTLED,
        [LOCKSTEP_ROW_FINAL] = LOCKSTEP_OPERATION_FINAL,
    };
    unsigned wants = LOCKSTEP_WANT_CHANGED;
    ASSERT(operation->state == LOCKSTEP_OPERATION_UNSPECIFIED);
    ASSERT(row > LOCKSTEP_ROW_NONE && row <= LOCKSTEP_ROW_FINAL);
    for (uint32_t i = 0; i < operation->part_count; i++) {
        operation->parts[i].up = false;
        operation->parts[i].due = 0;
        /* Parts are written late: who was owed the version by then may have been told since. */
        operation->parts[i].told = operation->parts[i].told || row >= LOCKSTEP_ROW_COMMIT;
    }
    lockstep_operation_tally(operation, &operation->tally);
    operation->phase = LOCKSTEP_TIME_NEVER; /* what the journal holds are another clock's times */
    operation->resend = LOCKSTEP_TIME_NEVER;
    operation->catch_up = LOCKSTEP_TIME_NEVER;
    operation->window = LOCKSTEP_TIME_NEVER;
    operation->end = lockstep_time_after(now, operation->options.deadline_ms);
    if (row == LOCKSTEP_ROW_OPEN) {
        wants = resume_open(operation, now);
    } else if (row == LOCKSTEP_ROW_COMMIT) {
        wants = resume_committed(operation, now);
    } else {
        (void)lockstep_sm_move(moves, &operation->state, state_of[row]);
        operation->end = LOCKSTEP_TIME_NEVER;
        if (row == LOCKSTEP_ROW_SUCCEEDED) {
            /* Longer than it needs to be, never shorter: no agent retires before FINAL. */
            operation->window = lockstep_time_after(now, operation->options.window_ms);
        }
    }
    check_invariant(operation);
    return wants;
}

void lockstep_operation_rest(struct lockstep_operation *operation, enum lockstep_row row)
{
    static const uint8_t state_of[] = {
        [LOCKSTEP_ROW_OPEN] = LOCKSTEP_OPERATION_PREPARING,
        [LOCKSTEP_ROW_ABORT] = LOCKSTEP_OPERATION_ABORTED,
        [LOCKSTEP_ROW_COMMIT] = LOCKSTEP_OPERATION_COMMITTING,
        [LOCKSTEP_ROW_SUCCEEDED] = LOCKSTEP_OPERATION_SUCCEEDED,
        [LOCKSTEP_ROW_DEGRADED] = LOCKSTEP_OPERATION_DEGRADED,
        [LOCKSTEP_ROW_SETTLED] = LOCKSTEP_OPERATION_SETTLED,
        [LOCKSTEP_ROW_FINAL] = LOCKSTEP_OPERATION_FINAL,
    };
    ASSERT(row > LOCKSTEP_ROW_NONE && row <= LOCKSTEP_ROW_FINAL);
    operation->state = state_of[row];
}

const char *lockstep_operation_cell(unsigned state, unsigned event)
{
    ASSERT(state < LOCKSTEP_OPERATION_STATE_COUNT && event < LOCKSTEP_EVENT_COUNT);
    return cells[state][event].name;
}
