/* Handlers of the operation's matrix (operation.c) and what they share. Internal to this room. */
#ifndef LOCKSTEP_COORDINATOR_CORE_STEP_H
#define LOCKSTEP_COORDINATOR_CORE_STEP_H

#include "coordinator/core/operation.h"

/* One step while it runs. */
struct lockstep_step {
    struct lockstep_time now;
    const struct lockstep_operation_event *event;
    unsigned wants;
};

/* A handler returns the next state; only the matrix moves. */
typedef unsigned lockstep_step_fn(struct lockstep_operation *operation, struct lockstep_step *step);

/* Shared by both phases. */
lockstep_step_fn lockstep_step_ignore;
lockstep_step_fn lockstep_step_bug;
lockstep_step_fn lockstep_step_note_up;
lockstep_step_fn lockstep_step_note_down;
lockstep_step_fn lockstep_step_ask_abort;
struct lockstep_part *lockstep_step_part(struct lockstep_operation *operation,
                                         const struct lockstep_step *step);
void lockstep_step_mark(struct lockstep_operation *operation, struct lockstep_step *step,
                        enum lockstep_part_state state);
void lockstep_step_note_cause(struct lockstep_operation *operation, enum lockstep_no no,
                              uint32_t node, const char *text);
unsigned lockstep_step_write(struct lockstep_operation *operation, struct lockstep_step *step,
                             enum lockstep_operation_state state);
void lockstep_step_arm_resend(struct lockstep_operation *operation, struct lockstep_time now);

/* True while its nodes are taken a few at a time, each through to its end (step_roll.c). */
bool lockstep_step_rolls(const struct lockstep_operation *operation);
/* The node of the event holds a place for MS from now on. */
void lockstep_step_watch(struct lockstep_operation *operation, struct lockstep_step *step,
                         uint64_t ms);
lockstep_step_fn lockstep_step_roll; /* where it stands: goes on, ends, or stops */
lockstep_step_fn lockstep_step_roll_refused;
lockstep_step_fn lockstep_step_roll_live;
lockstep_step_fn lockstep_step_roll_down;
lockstep_step_fn lockstep_step_roll_tick;
lockstep_step_fn lockstep_step_roll_cordoned;
lockstep_step_fn lockstep_step_roll_uncordoned;

/* The part of the event does not wait for anything any more that others may be waiting for. */
void lockstep_step_give_place(struct lockstep_operation *operation, struct lockstep_step *step);

/* The node of a part has left the fleet (step_gone.c). */
lockstep_step_fn lockstep_step_drop;
lockstep_step_fn lockstep_step_drop_opening;
lockstep_step_fn lockstep_step_drop_voter;
lockstep_step_fn lockstep_step_drop_committed;
lockstep_step_fn lockstep_step_drop_ended;
/* If nothing else is the cause of what is about to happen, it is that a node has left. */
void lockstep_step_blame_gone(struct lockstep_operation *operation);

/* Another machine has taken the node's place (step_replaced.c). */
lockstep_step_fn lockstep_step_replace_opening;
lockstep_step_fn lockstep_step_replace_voter;
lockstep_step_fn lockstep_step_replace_deciding;
lockstep_step_fn lockstep_step_replace_committed;
lockstep_step_fn lockstep_step_replace_ended;

/* Until the decision (step_prepare.c). */
lockstep_step_fn lockstep_step_opened;
lockstep_step_fn lockstep_step_count_yes;
lockstep_step_fn lockstep_step_count_no;
lockstep_step_fn lockstep_step_lose_voter;
lockstep_step_fn lockstep_step_contact;
lockstep_step_fn lockstep_step_void_vote;
lockstep_step_fn lockstep_step_prepare_tick;
lockstep_step_fn lockstep_step_abort_prepare;
lockstep_step_fn lockstep_step_aborted;

/* From the decision on (step_commit.c). */
lockstep_step_fn lockstep_step_committed;
lockstep_step_fn lockstep_step_tell_late_yes;
lockstep_step_fn lockstep_step_note_late_no;
lockstep_step_fn lockstep_step_read_back;
lockstep_step_fn lockstep_step_note_not_applied;
lockstep_step_fn lockstep_step_fail_node;
lockstep_step_fn lockstep_step_remind;
lockstep_step_fn lockstep_step_lose_committed;
lockstep_step_fn lockstep_step_prepare_again;
lockstep_step_fn lockstep_step_commit_tick;
lockstep_step_fn lockstep_step_abort_commit;
lockstep_step_fn lockstep_step_lose_soaking;
lockstep_step_fn lockstep_step_soak_tick;
lockstep_step_fn lockstep_step_called;

/* After the result (step_end.c). */
lockstep_step_fn lockstep_step_succeeded;
lockstep_step_fn lockstep_step_caught_up;
lockstep_step_fn lockstep_step_owe_again;
lockstep_step_fn lockstep_step_fail_in_window;
lockstep_step_fn lockstep_step_window_tick;
lockstep_step_fn lockstep_step_end_window;
lockstep_step_fn lockstep_step_forget_owed;
lockstep_step_fn lockstep_step_owed_tick;
lockstep_step_fn lockstep_step_set_aside;
lockstep_step_fn lockstep_step_owe;
lockstep_step_fn lockstep_step_degraded;
lockstep_step_fn lockstep_step_settle;
lockstep_step_fn lockstep_step_settled;
lockstep_step_fn lockstep_step_finalized;

/* Judges the votes; DEADLINE: the time to prepare is over. Returns the state. */
unsigned lockstep_step_decide(struct lockstep_operation *operation, struct lockstep_step *step,
                              bool deadline);
/* Where an operation with a written COMMIT stands, given its parts. Returns the state. */
unsigned lockstep_step_after_commit(struct lockstep_operation *operation,
                                    struct lockstep_step *step);
/* Every part is settled: say so durably. Returns the state. */
unsigned lockstep_step_succeed(struct lockstep_operation *operation, struct lockstep_step *step);
/* Nodes failed after commit: go back on all, or hold if that was asked for. Returns the state. */
unsigned lockstep_step_degrade(struct lockstep_operation *operation, struct lockstep_step *step);

#endif
