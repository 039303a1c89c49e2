#include "agent/core/duty.h"

#include "common/base/assert.h"
#include "common/core/sm.h"

#include <string.h>

#define NEXT(a)       LOCKSTEP_SM(LOCKSTEP_DUTY_##a)
#define ROW(a, moves) [LOCKSTEP_DUTY_##a] = {#a, (moves)}

static const struct lockstep_sm_row moves[LOCKSTEP_DUTY_STATE_COUNT] = {
    ROW(FREE, NEXT(ADMITTING) | NEXT(PREPARED) | NEXT(PUBLISHING) | NEXT(LIVE)),
    ROW(ADMITTING, NEXT(PROBING) | NEXT(MAPPING) | NEXT(VOWING) | NEXT(FREE)),
    ROW(PROBING, NEXT(MAPPING) | NEXT(FREE)),
    ROW(MAPPING, NEXT(VOWING) | NEXT(FREE)),
    ROW(VOWING, NEXT(PREPARED) | NEXT(FREE)),
    ROW(PREPARED, NEXT(REMAPPING) | NEXT(MIGRATING) | NEXT(POINTING) | NEXT(FREE)),
    ROW(REMAPPING, NEXT(PREPARED) | NEXT(MIGRATING) | NEXT(POINTING) | NEXT(FREE)),
    ROW(MIGRATING, NEXT(PREPARED) | NEXT(POINTING) | NEXT(FREE)),
    ROW(POINTING, NEXT(PUBLISHING) | NEXT(LIVE) | NEXT(FREE)),
    ROW(PUBLISHING, NEXT(LIVE) | NEXT(FALLING) | NEXT(FREE)),
    ROW(LIVE, NEXT(FALLING) | NEXT(FREE)),
    ROW(FALLING, NEXT(FELL)),
    ROW(FELL, NEXT(FREE)),
};

struct cell {
    const char *name;
    lockstep_duty_fn *run;
};

/* Every cell is named. ON: something happens. IGNORE: it may come, and there is nothing to do.
 * STRANGE: a sound coordinator would not say it. BUG: the door keeps it out. */
#define ON(event, handler, name) [LOCKSTEP_DUTY_ON_##event] = {(name), lockstep_duty_##handler}
#define IGNORE(event, why)       [LOCKSTEP_DUTY_ON_##event] = {"ignore: " why, lockstep_duty_ignore}
#define BUG(event, why)          [LOCKSTEP_DUTY_ON_##event] = {"bug: " why, lockstep_duty_bug}

#define STRANGE(event, why) [LOCKSTEP_DUTY_ON_##event] = {"strange: " why, lockstep_duty_strange}

#define NO_WORK BUG(WORKED, "no work is under way"), BUG(WORK_FAILED, "no work is under way")
#define NO_ROW \
    BUG(PERSISTED, "no row is being written"), BUG(NOT_PERSISTED, "no row is being written")
#define NOT_RUNNING                                     \
    IGNORE(CRASH_LOOP, "it does not run this version"), \
        IGNORE(UNHEALTHY, "it does not run this version")
#define BEFORE_THE_VOTE                                                                      \
    IGNORE(PREPARE, "the vote is under way"), STRANGE(COMMIT, "it has not voted"),           \
        ON(ABORT, call_off, "drop everything"), ON(SUPERSEDED, call_off, "drop everything"), \
        STRANGE(FINAL, "it has not voted"), NOT_RUNNING
#define WHILE_COMMITTING                                                   \
    IGNORE(PREPARE, "it is under way"), IGNORE(COMMIT, "it is under way"), \
        STRANGE(ABORT, "the decision was commit"), ON(FINAL, final_early, "note for the end")

static const struct cell cells[LOCKSTEP_DUTY_STATE_COUNT][LOCKSTEP_DUTY_EVENT_COUNT] = {
    [LOCKSTEP_DUTY_ADMITTING] = {ON(WORKED, admitted, "try it out"),
                                 ON(WORK_FAILED, refuse, "vote NO"), NO_ROW, BEFORE_THE_VOTE,
                                 ON(TICK, expire, "at the limit vote NO"),
                                 IGNORE(HOST_UP, "not its turn"),
                                 IGNORE(HOST_LOST, "not its turn")},
    [LOCKSTEP_DUTY_PROBING] = {ON(WORKED, probed, "have it mapped"),
                               ON(WORK_FAILED, refuse, "vote NO"), NO_ROW, BEFORE_THE_VOTE,
                               ON(TICK, expire, "at the limit vote NO"),
                               IGNORE(HOST_UP, "not its turn"), IGNORE(HOST_LOST, "not its turn")},
    [LOCKSTEP_DUTY_MAPPING] = {ON(WORKED, mapped, "write the vow"),
                               ON(WORK_FAILED, refuse, "vote NO"), NO_ROW, BEFORE_THE_VOTE,
                               ON(TICK, expire, "at the limit vote NO"),
                               ON(HOST_UP, host_awaited, "have it mapped"),
                               ON(HOST_LOST, host_died_mapping, "vote NO")},
    [LOCKSTEP_DUTY_VOWING] = {NO_WORK, ON(PERSISTED, vowed, "vote YES"),
                              ON(NOT_PERSISTED, no_room, "vote NO"), BEFORE_THE_VOTE,
                              IGNORE(TICK, "a row is being written"),
                              ON(HOST_UP, unmapped, "to be mapped in it, too"),
                              ON(HOST_LOST, unmapped, "to be mapped again")},
    [LOCKSTEP_DUTY_PREPARED] =
        {NO_WORK, NO_ROW, ON(PREPARE, vote_again, "vote YES again"), ON(COMMIT, commit, "apply it"),
         ON(ABORT, call_off, "drop everything"), ON(SUPERSEDED, call_off, "drop everything"),
         ON(FINAL, final_early, "apply it, then finish"),
         ON(TICK, doubt_tick, "ask; decided: try again"),
         ON(HOST_UP, host_back, "to be mapped in it, too; decided: apply it"),
         ON(HOST_LOST, unmapped, "to be mapped again"), NOT_RUNNING},
    [LOCKSTEP_DUTY_REMAPPING] = {ON(WORKED, remapped, "go on applying"),
                                 ON(WORK_FAILED, not_applied, "say so, try again"), NO_ROW,
                                 WHILE_COMMITTING, ON(SUPERSEDED, call_off, "drop everything"),
                                 IGNORE(TICK, "its work has a limit"),
                                 ON(HOST_UP, unmapped, "to be mapped in it, too"),
                                 ON(HOST_LOST, host_died_applying, "say so, try again"),
                                 NOT_RUNNING},
    [LOCKSTEP_DUTY_MIGRATING] = {ON(WORKED, migrated, "write the pointer row"),
                                 ON(WORK_FAILED, not_applied, "say so, try again"), NO_ROW,
                                 WHILE_COMMITTING, ON(SUPERSEDED, call_off, "drop everything"),
                                 IGNORE(TICK, "its work has a limit"),
                                 ON(HOST_UP, unmapped, "to be mapped in it, too"),
                                 ON(HOST_LOST, host_died_applying, "say so, try again"),
                                 NOT_RUNNING},
    [LOCKSTEP_DUTY_POINTING] = {NO_WORK, ON(PERSISTED, pointed, "publish"),
                                BUG(NOT_PERSISTED, "the agent stops instead"), WHILE_COMMITTING,
                                IGNORE(SUPERSEDED, "asked again when live"),
                                IGNORE(TICK, "a row is being written"),
                                ON(HOST_UP, unmapped, "to be mapped in it, too"),
                                ON(HOST_LOST, unmapped, "to be mapped again"), NOT_RUNNING},
    [LOCKSTEP_DUTY_PUBLISHING] = {ON(WORKED, publish_step, "live; or its next step"),
                                  ON(WORK_FAILED, publish_failed, "say so, try again"), NO_ROW,
                                  WHILE_COMMITTING,
                                  ON(SUPERSEDED, superseded, "over when no publish is under way"),
                                  ON(TICK, publish_tick, "try again"),
                                  ON(HOST_UP, host_back_pointed, "live, or map and publish"),
                                  ON(HOST_LOST, host_died_publishing, "wait for it"),
                                  ON(CRASH_LOOP, fall, "go back by itself"),
                                  IGNORE(UNHEALTHY, "it does not run this version yet")},
    [LOCKSTEP_DUTY_LIVE] =
        {NO_WORK, NO_ROW, ON(PREPARE, say_applied, "it is applied"),
         ON(COMMIT, say_applied, "it is applied"), STRANGE(ABORT, "the decision was commit"),
         ON(SUPERSEDED, close, "it is over"),
         ON(FINAL, finish_live, "retire the old, unless a newer order is on its way"),
         ON(TICK, live_tick, "ask whether it is over"), IGNORE(HOST_UP, "reported by the door"),
         ON(HOST_LOST, crashed, "say so"), ON(CRASH_LOOP, fall, "go back by itself"),
         ON(UNHEALTHY, unhealthy, "say so")},
    [LOCKSTEP_DUTY_FALLING] =
        {NO_WORK, ON(PERSISTED, fallen, "start the host"),
         BUG(NOT_PERSISTED, "the agent stops instead"), IGNORE(PREPARE, "told when it is up"),
         IGNORE(COMMIT, "told when it is up"), STRANGE(ABORT, "the decision was commit"),
         IGNORE(SUPERSEDED, "it goes back already"), IGNORE(FINAL, "it goes back already"),
         IGNORE(TICK, "a row is being written"), IGNORE(HOST_UP, "it is started again"),
         IGNORE(HOST_LOST, "known"), IGNORE(CRASH_LOOP, "known"),
         IGNORE(UNHEALTHY, "it goes back already")},
    [LOCKSTEP_DUTY_FELL] = {NO_WORK, NO_ROW, IGNORE(PREPARE, "told when it is up"),
                            IGNORE(COMMIT, "told when it is up"),
                            STRANGE(ABORT, "the decision was commit"),
                            IGNORE(SUPERSEDED, "it goes back already"),
                            IGNORE(FINAL, "it goes back already"), IGNORE(TICK, "the host starts"),
                            ON(HOST_UP, fell_back, "say so"),
                            IGNORE(HOST_LOST, "it is started again"),
                            IGNORE(CRASH_LOOP, "there is nothing left to go back to"),
                            IGNORE(UNHEALTHY, "it goes back already")},
};

const char *lockstep_duty_cell(unsigned state, unsigned event)
{
    return state < LOCKSTEP_DUTY_STATE_COUNT && event < LOCKSTEP_DUTY_EVENT_COUNT
               ? cells[state][event].name
               : NULL;
}

/* What must hold between steps. */
static void check_invariant(const struct lockstep_duty *duty)
{
    bool working = duty->state == LOCKSTEP_DUTY_ADMITTING || duty->state == LOCKSTEP_DUTY_PROBING ||
                   duty->state == LOCKSTEP_DUTY_REMAPPING || duty->state == LOCKSTEP_DUTY_MIGRATING;
    if (working) {
        ASSERT(duty->ticket != 0);
    }
    if (duty->state >= LOCKSTEP_DUTY_REMAPPING && duty->state <= LOCKSTEP_DUTY_LIVE) {
        ASSERT(duty->decided);
    }
}

static void run(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const struct cell *cell = &cells[duty->state][step->event];
    ASSERT(cell->run != NULL);
    (void)lockstep_sm_move(moves, &duty->state, cell->run(duty, step));
    check_invariant(duty);
}

void lockstep_duty_step(struct lockstep_agent *agent, struct lockstep_time now,
                        struct lockstep_duty *duty, enum lockstep_duty_event_type event,
                        const struct lockstep_work_result *result)
{
    struct lockstep_duty_step step = {.agent = agent, .now = now, .event = event, .result = result};
    run(duty, &step);
}

void lockstep_duty_find(struct lockstep_agent *agent, struct lockstep_time now,
                        struct lockstep_duty *duty, const struct lockstep_finding *finding)
{
    struct lockstep_duty_step step = {
        .agent = agent, .now = now, .event = LOCKSTEP_DUTY_ON_UNHEALTHY, .finding = finding};
    run(duty, &step);
}

/* ---- shared by the handlers ----------------------------------------------------------------- */

unsigned lockstep_duty_ignore(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)step;
    return duty->state;
}

unsigned lockstep_duty_bug(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)step;
    UNREACHABLE("this event cannot come in this state");
    return duty->state;
}

unsigned lockstep_duty_strange(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_STRANGE);
    return duty->state;
}

struct lockstep_agent_action *lockstep_duty_act(struct lockstep_agent *agent,
                                                struct lockstep_duty *duty,
                                                enum lockstep_agent_action_type type)
{
    struct lockstep_agent_actions *out = agent->out;
    struct lockstep_agent_action *action;
    ASSERT(out != NULL && out->count < LOCKSTEP_AGENT_ACTIONS_MAX);
    action = &out->list[out->count++];
    memset(action, 0, sizeof(*action));
    action->type = type;
    action->duty = duty;
    action->service = LOCKSTEP_SERVICE_NONE;
    return action;
}

unsigned lockstep_duty_work(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                            enum lockstep_work work, enum lockstep_duty_state state)
{
    struct lockstep_agent_action *action = lockstep_duty_act(step->agent, duty,
                                                             LOCKSTEP_AGENT_WORK);
    step->agent->tickets = step->agent->tickets == UINT32_MAX ? 1 : step->agent->tickets + 1;
    duty->ticket = step->agent->tickets;
    duty->work = (uint8_t)work;
    if (work == LOCKSTEP_WORK_MAP) {
        duty->mapped = true;
        duty->changes = lockstep_order_changes(step->agent, &duty->order); /* hosts come and go */
    }
    action->work = work;
    action->ticket = duty->ticket;
    return state;
}

unsigned lockstep_duty_write(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                             enum lockstep_duty_row row, enum lockstep_duty_state state)
{
    struct lockstep_agent_action *action = lockstep_duty_act(step->agent, duty,
                                                             LOCKSTEP_AGENT_PERSIST);
    action->row = row;
    return state;
}

bool lockstep_duty_changes(const struct lockstep_duty *duty, uint32_t index)
{
    ASSERT(index < duty->order.item_count);
    return (duty->changes & UINT64_C(1) << index) != 0;
}

void lockstep_duty_note(struct lockstep_duty *duty, enum lockstep_no no, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length > LOCKSTEP_TEXT_MAX) {
        length = LOCKSTEP_TEXT_MAX;
    }
    if (length > 0) {
        memcpy(duty->text, text, length);
    }
    duty->text[length] = '\0';
    duty->no = no;
}
