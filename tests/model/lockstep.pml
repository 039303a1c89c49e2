/*
 * The protocol as a model for spin: operations in two phases with presumed abort, decisions written
 * once by compare-and-set on the epoch, coordinators that crash and come back while their former
 * selves still talk, agents that keep a journal and hosts that start with what it says.
 *
 * What was sent stays sent: a message is a bit that anybody may act on at any time, again or never.
 * That is loss, delay, reordering and repetition at once, without channels. Every run is finite, so
 * "everybody learns in the end" is checked where nothing more can happen (Quiescence).
 *
 * Operation 0 is sync_all, operation 1 a quorum that brings stragglers along. A version is 0 before
 * any of them, and operation + 1 once that one is applied.
 *
 * tests/model/run checks it, and that each seeded bug (BUG_…) breaks it.
 */
#ifndef N
#define N 2 /* nodes of the roster: 2 or 3 */
#endif
#define EPOCH_MAX  2 /* epochs are 1 to EPOCH_MAX: as often may a coordinator begin */
#define OPERATIONS 2
#define NEED(op)   ((op) == 0 -> N : (N / 2 + 1))

/* Rows of the coordinator's journal. */
#define NO_ROW 0
#define OPEN   1
#define COMMIT 2
#define ABORT  3

/* Rows of an agent's journal. */
#define FREE      0
#define PREPARED  1
#define COMMITTED 2
#define ABORTED   3

#define SENT(epoch, op)        ((epoch) * OPERATIONS + (op))
#define VOTE(epoch, op, agent) (SENT(epoch, op) * N + (agent))
#define DUTY(agent, op)        ((agent) * OPERATIONS + (op))

/* The coordinator's journal: durable, and the one place where a decision is. */
byte epoch;
byte decision[OPERATIONS];

/* What was sent, by epoch and operation. */
bit prepare_sent[6];
bit commit_sent[6];
bit abort_sent[6];
bit yes_sent[18];

/* The agents' journals, and what their hosts run. */
byte duty[6];
byte newest_epoch[3];
byte vow_epoch[3];
byte current[3];
byte mapped[3];

byte once;                  /* a seeded bug strikes once */
bit had_votes[OPERATIONS];  /* for the invariant only */

#if N == 2
#define YES(e, op) (yes_sent[VOTE(e, op, 0)] + yes_sent[VOTE(e, op, 1)])
#else
#define YES(e, op) (yes_sent[VOTE(e, op, 0)] + yes_sent[VOTE(e, op, 1)] + yes_sent[VOTE(e, op, 2)])
#endif

#ifdef BUG_NO_EPOCH_CHECK
#define MINE true
#else
#define MINE (epoch == my_epoch)
#endif

#ifdef BUG_AGENTS_IGNORE_EPOCH
#define FRESH(e) true
#else
#define FRESH(e) (e >= newest_epoch[me])
#endif

#define CRASH epoch < EPOCH_MAX -> goto end_start

/* Two processes: one may be the former self of the other and not know it. */
active [2] proctype Coordinator()
{
    byte my_epoch, op;
end_start:
    atomic { epoch < EPOCH_MAX -> epoch++; my_epoch = epoch; op = 0 }
#ifdef BUG_OLD_BACKUP
    if
    :: d_step { decision[0] == COMMIT && once == 0 -> decision[0] = NO_ROW; once = 1 }
    :: true
    fi;
#endif
    /* Recovery: what was only open is aborted, what was decided is said again. */
    do
    :: op < OPERATIONS ->
        atomic {
            if
            :: MINE && decision[op] == OPEN -> decision[op] = ABORT
            :: else
            fi
        }
        atomic {
            if
            :: decision[op] == COMMIT -> commit_sent[SENT(my_epoch, op)] = 1
            :: decision[op] == ABORT -> abort_sent[SENT(my_epoch, op)] = 1
            :: else
            fi;
            op++
        }
    :: op == OPERATIONS -> break
    :: CRASH
    od;
    op = 0;
    do
    :: op < OPERATIONS && decision[op] != NO_ROW -> op++
    :: op < OPERATIONS && decision[op] == NO_ROW ->
        atomic {
            if
            :: MINE -> decision[op] = OPEN
            :: else -> goto deposed
            fi
        };
        prepare_sent[SENT(my_epoch, op)] = 1;
        if
        :: YES(my_epoch, op) >= NEED(op) ->
#ifdef BUG_SENT_BEFORE_DURABLE
            commit_sent[SENT(my_epoch, op)] = 1;
            if
            :: CRASH
            :: true
            fi;
#endif
            atomic {
                if
                :: MINE -> decision[op] = COMMIT; had_votes[op] = 1
                :: else -> goto deposed
                fi
            };
            commit_sent[SENT(my_epoch, op)] = 1
        :: true -> /* a NO, or the deadline */
            atomic {
                if
                :: MINE -> decision[op] = ABORT
                :: else -> goto deposed
                fi
            };
            abort_sent[SENT(my_epoch, op)] = 1
#ifdef BUG_MAJORITY_FOR_ALL
        :: op == 0 && YES(my_epoch, op) >= N - 1 ->
            atomic { MINE -> decision[op] = COMMIT };
            commit_sent[SENT(my_epoch, op)] = 1
#endif
        :: CRASH
        fi;
        op++
    :: op == OPERATIONS -> break
    :: CRASH
    od;
deposed:
    skip
}

#define BUSY(a) (duty[DUTY(a, 0)] == PREPARED || duty[DUTY(a, 1)] == PREPARED)

/* All that an agent does about operation OP in epoch E: it refuses or vows (the vote is a later
 * step, after the vow is durable), votes, applies, catches up as a straggler, gives up. */
#define HANDLE(e, op) \
    :: atomic { prepare_sent[SENT(e, op)] && FRESH(e) && duty[DUTY(me, op)] == FREE && !BUSY(me) && \
                current[me] < op + 1 -> \
           newest_epoch[me] = e; \
           if \
           :: duty[DUTY(me, op)] = PREPARED; vow_epoch[me] = e \
           :: duty[DUTY(me, op)] = ABORTED \
           fi } \
    :: d_step { duty[DUTY(me, op)] == PREPARED && vow_epoch[me] == e && \
                !yes_sent[VOTE(e, op, me)] -> \
           yes_sent[VOTE(e, op, me)] = 1 } \
    :: d_step { commit_sent[SENT(e, op)] && FRESH(e) && duty[DUTY(me, op)] == PREPARED -> \
           newest_epoch[me] = e; duty[DUTY(me, op)] = COMMITTED; current[me] = op + 1 } \
    :: d_step { commit_sent[SENT(e, op)] && FRESH(e) && op == 1 && !BUSY(me) && \
                (duty[DUTY(me, op)] == FREE || duty[DUTY(me, op)] == ABORTED) -> \
           newest_epoch[me] = e; duty[DUTY(me, op)] = COMMITTED; current[me] = op + 1 } \
    :: d_step { abort_sent[SENT(e, op)] && FRESH(e) && \
                (duty[DUTY(me, op)] == PREPARED || duty[DUTY(me, op)] == FREE) -> \
           newest_epoch[me] = e; duty[DUTY(me, op)] = ABORTED }

active [N] proctype Agent()
{
    byte me = _pid - 2;
end:
    do
    HANDLE(1, 0)
    HANDLE(1, 1)
    HANDLE(2, 0)
    HANDLE(2, 1)
#ifdef BUG_DECIDES_ALONE
    :: d_step { duty[DUTY(me, 0)] == PREPARED -> duty[DUTY(me, 0)] = ABORTED }
#endif
#ifdef BUG_VOTED_BEFORE_DURABLE
    :: d_step { duty[DUTY(me, 0)] == PREPARED && once == 0 -> once = 1; duty[DUTY(me, 0)] = ABORTED }
#endif
#ifdef BUG_SWAPS_AT_PREPARE
    :: d_step { duty[DUTY(me, 0)] == PREPARED && current[me] != 1 -> current[me] = 1 }
#endif
#ifdef BUG_NO_GENERATION
    :: d_step { commit_sent[SENT(1, 0)] && duty[DUTY(me, 0)] == COMMITTED && current[me] == 2 &&
                once == 0 ->
           once = 1; current[me] = 1 }
#endif
    :: d_step { mapped[me] != current[me] -> mapped[me] = current[me] } /* publishes, or starts */
    od
}

#define ANY(sent, op)    (sent[SENT(1, op)] || sent[SENT(2, op)])
#define SOME(state, op)  (duty[DUTY(0, op)] == state || duty[DUTY(1, op)] == state || \
                          duty[DUTY(N - 1, op)] == state)
#define ONE_DECISION(op) (!(ANY(commit_sent, op) && ANY(abort_sent, op)))
#define WITH_VOTES(op)   (!ANY(commit_sent, op) || had_votes[op])
#define ALL_OR_NONE      (!(SOME(COMMITTED, 0) && SOME(ABORTED, 0)))
#define DECIDED_ONLY(a)  (mapped[a] == 0 || decision[mapped[a] - 1] == COMMIT)
#define SAFE \
    (ONE_DECISION(0) && ONE_DECISION(1) && WITH_VOTES(0) && WITH_VOTES(1) && ALL_OR_NONE && \
     DECIDED_ONLY(0) && DECIDED_ONLY(1) && DECIDED_ONLY(N - 1))

active proctype Invariant()
{
end:
    atomic { !SAFE -> assert(SAFE) }
}

/* No agent is left in doubt, and each runs the newest version that was decided. */
#define LEARNED(a) \
    (!BUSY(a) && mapped[a] == current[a] && (decision[1] != COMMIT || mapped[a] == 2) && \
     (decision[1] == COMMIT || decision[0] != COMMIT || mapped[a] == 1))

active proctype Quiescence()
{
end:
    atomic { timeout -> assert(LEARNED(0) && LEARNED(1) && LEARNED(N - 1)) }
}
