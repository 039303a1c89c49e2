/*
 * How a decision is made and learned, as a model for spin: operations in two phases with presumed
 * abort, decisions written once by compare-and-set on the epoch, coordinators that crash and come
 * back while their former selves still talk, agents that keep a journal and hosts that start with
 * what it says. What comes after a decision (failures, going back, windows, reconcile) is in
 * back.pml.
 *
 * What was sent stays sent: a message is a bit that anybody may act on at any time, again or never.
 * That is loss, delay, reordering and repetition at once, without channels. Every run is finite, so
 * "everybody learns in the end" is checked where nothing more can happen (Quiescence).
 *
 * Operation 0 is sync_all, operation 1 a quorum that brings stragglers along. A version is 0 before
 * any of them, and operation + 1 once that one is applied.
 *
 * -DREJOIN    An agent (the first: they are alike) may lose its journal once. It comes back and
 *             says so before anything else (STATE): its votes are void, and what it had been told
 *             it is prepared for and told again.
 * -DRESTORED  The journal is put back once, from before any operation. STATE says the highest
 *             number of a decision that the agent has heard; one that is higher than the journal's
 *             makes the coordinator read-only: it opens nothing and presumes nothing. That is
 *             enough if every node has joined before it opens or presumes anything, for then
 *             nothing of an older epoch counts anywhere any more. Without that wait it is not
 *             (BUG_PRESUMES_AT_ONCE): who is in doubt may ask before who knows more is heard.
 *             lockstepd waits so with what `lockstepd backup` has made, which is marked; of a file
 *             that was merely copied it cannot know.
 *
 * Not in it: several modules, why a node says NO, turns for catching up, cordons, removed nodes, a
 * backup that holds an open operation, and bringing a read-only coordinator back.
 *
 * tests/model/run checks it, and that each seeded bug (BUG_...) breaks it.
 */
#ifndef N
#define N 2 /* nodes of the roster: 2 or 3 */
#endif
#define EPOCH_MAX  2 /* epochs are 1 to EPOCH_MAX: as often may a coordinator begin */
#define OPERATIONS 2
#ifndef LAST
#define LAST OPERATIONS /* 1: only the first is opened */
#endif
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
#define REFUSED   4 /* NO, of an agent that has lost its journal: it is asked again */

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

byte once; /* a seeded bug strikes once */

#ifdef REJOIN
bit forgot[3]; /* it has lost its journal */
bit rejoined[3];
#define SPEAKS(a)  (!forgot[a] || rejoined[a])
#define NEW(a)     (forgot[a])
#else
#define SPEAKS(a) true
#define NEW(a)    false
#endif

#ifdef RESTORED
bit restored;
bit read_only;
bit joined[3]; /* the coordinator that has the older journal */
byte sequence; /* of decisions, in the journal */
byte number[6]; /* what COMMIT and ABORT carry */
byte newest_number[3];
/* A decision that is said again has the number that it had. */
#define SAME_NUMBER(op) \
    number[SENT(my_epoch, op)] = \
        (number[SENT(my_epoch, op)] == 0 -> number[SENT(1, op)] : number[SENT(my_epoch, op)])
#define NUMBER(e, op) sequence++; number[SENT(e, op)] = sequence
#define HEAR(e, op) \
    newest_number[me] = \
        (number[SENT(e, op)] > newest_number[me] -> number[SENT(e, op)] : newest_number[me])
#ifdef BUG_PRESUMES_AT_ONCE
#define ALL_JOINED true
#else
#define ALL_JOINED (joined[0] && joined[1] && joined[N - 1])
#endif
#ifdef BUG_STILL_PRESUMES
#define SURE_OF_ROWS (!restored || ALL_JOINED)
#else
#define SURE_OF_ROWS (!restored || (ALL_JOINED && !read_only))
#endif
#else
#define NUMBER(e, op)   skip
#define SAME_NUMBER(op) skip
#define HEAR(e, op)     skip
#define SURE_OF_ROWS    true
#endif

bit had_votes[OPERATIONS]; /* for the invariant only */

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

/* Whose YES is counted holds its vow, or has lost its journal and was not heard since. */
#ifdef REJOIN
#define LOST(a) (forgot[a] && !rejoined[a])
#else
#define LOST(a) false
#endif
#define HELD(e, op, a) \
    (!yes_sent[VOTE(e, op, a)] || LOST(a) || \
     duty[DUTY(a, op)] == PREPARED || duty[DUTY(a, op)] == COMMITTED)
#define ALL_HELD(e, op) (HELD(e, op, 0) && HELD(e, op, 1) && HELD(e, op, N - 1))

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
#ifdef RESTORED
    if
    :: d_step { my_epoch == EPOCH_MAX && !restored ->
           restored = 1; decision[0] = NO_ROW; decision[1] = NO_ROW; sequence = 0 }
    :: true
    fi;
#endif
    /* Recovery: what was only open is aborted, what was decided is said again. */
    do
    :: op < LAST ->
        atomic {
            if
            :: MINE && decision[op] == OPEN -> decision[op] = ABORT; NUMBER(my_epoch, op)
            :: else
            fi
        }
        atomic {
            if
            :: decision[op] == COMMIT -> SAME_NUMBER(op); commit_sent[SENT(my_epoch, op)] = 1
            :: decision[op] == ABORT -> SAME_NUMBER(op); abort_sent[SENT(my_epoch, op)] = 1
            :: else
            fi;
            op++
        }
    :: op == LAST -> break
    :: CRASH
    od;
    op = 0;
#ifdef RESTORED
end_waits_for_people:
#endif
    do
    :: op < LAST && decision[op] != NO_ROW -> op++
#ifdef RESTORED
    :: atomic { op < LAST && decision[op] == NO_ROW && restored && MINE && SURE_OF_ROWS &&
                prepare_sent[SENT(1, op)] -> /* somebody may ask: presumed abort */
           abort_sent[SENT(my_epoch, op)] = 1; decision[op] = ABORT; op++ }
#endif
    :: op < LAST && decision[op] == NO_ROW && SURE_OF_ROWS ->
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
                :: MINE ->
                   decision[op] = COMMIT; had_votes[op] = ALL_HELD(my_epoch, op);
                   NUMBER(my_epoch, op)
                :: else -> goto deposed
                fi
            };
            commit_sent[SENT(my_epoch, op)] = 1
        :: true -> /* a NO, or the deadline */
            atomic {
                if
                :: MINE -> decision[op] = ABORT; NUMBER(my_epoch, op)
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
    :: op == LAST -> break
    :: CRASH
    od;
deposed:
    skip
}

/* What an agent was told before it lost its journal; nothing that is older than what it runs. */
#ifdef BUG_NOT_TOLD_AGAIN
#define IS_TOLD_AGAIN(op) false
#else
#define IS_TOLD_AGAIN(op) \
    (NEW(me) && current[me] < op + 1 && \
     (duty[DUTY(me, op)] == FREE || duty[DUTY(me, op)] == REFUSED))
#endif

#define BUSY(a) (duty[DUTY(a, 0)] == PREPARED || duty[DUTY(a, 1)] == PREPARED)

/* All that an agent does about operation OP in epoch E: it refuses or vows (the vote is a later
 * step, after the vow is durable), votes, applies, catches up as a straggler, gives up. */
#define HANDLE(e, op) \
    :: atomic { prepare_sent[SENT(e, op)] && SPEAKS(me) && FRESH(e) && \
                duty[DUTY(me, op)] == FREE && !BUSY(me) && current[me] < op + 1 -> \
           newest_epoch[me] = e; \
           if \
           :: duty[DUTY(me, op)] = PREPARED; vow_epoch[me] = e \
           :: duty[DUTY(me, op)] = (NEW(me) -> REFUSED : ABORTED) \
           fi } \
    :: d_step { duty[DUTY(me, op)] == PREPARED && vow_epoch[me] == e && \
                !yes_sent[VOTE(e, op, me)] -> \
           yes_sent[VOTE(e, op, me)] = 1 } \
    :: d_step { commit_sent[SENT(e, op)] && FRESH(e) && duty[DUTY(me, op)] == PREPARED -> \
           newest_epoch[me] = e; HEAR(e, op); \
           duty[DUTY(me, op)] = COMMITTED; current[me] = op + 1 } \
    :: d_step { commit_sent[SENT(e, op)] && SPEAKS(me) && FRESH(e) && !BUSY(me) && \
                (op == 1 && (duty[DUTY(me, op)] == FREE || duty[DUTY(me, op)] == ABORTED) || \
                 IS_TOLD_AGAIN(op)) -> \
           newest_epoch[me] = e; HEAR(e, op); \
           duty[DUTY(me, op)] = COMMITTED; current[me] = op + 1 } \
    :: d_step { abort_sent[SENT(e, op)] && FRESH(e) && \
                (duty[DUTY(me, op)] == PREPARED || duty[DUTY(me, op)] == FREE) -> \
           newest_epoch[me] = e; HEAR(e, op); duty[DUTY(me, op)] = ABORTED }

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
    :: d_step { duty[DUTY(me, 0)] == PREPARED && once == 0 ->
           once = 1; duty[DUTY(me, 0)] = ABORTED }
#endif
#ifdef BUG_SWAPS_AT_PREPARE
    :: d_step { duty[DUTY(me, 0)] == PREPARED && current[me] != 1 -> current[me] = 1 }
#endif
#ifdef BUG_NO_GENERATION
    :: d_step { commit_sent[SENT(1, 0)] && duty[DUTY(me, 0)] == COMMITTED && current[me] == 2 &&
                once == 0 ->
           once = 1; current[me] = 1 }
#endif
#ifdef REJOIN
    :: d_step { me == 0 && !forgot[me] &&
                (duty[DUTY(me, 0)] != FREE || duty[DUTY(me, 1)] != FREE) ->
           forgot[me] = 1; duty[DUTY(me, 0)] = FREE; duty[DUTY(me, 1)] = FREE;
           newest_epoch[me] = 0; vow_epoch[me] = 0; current[me] = mapped[me] }
    :: d_step { forgot[me] && !rejoined[me] -> rejoined[me] = 1
#ifndef BUG_VOTE_OUTLIVES_JOURNAL
           ; yes_sent[VOTE(1, 0, me)] = 0; yes_sent[VOTE(1, 1, me)] = 0;
           yes_sent[VOTE(2, 0, me)] = 0; yes_sent[VOTE(2, 1, me)] = 0
#endif
       }
#endif
#ifdef RESTORED
    :: d_step { restored && !joined[me] ->
           joined[me] = 1; newest_epoch[me] = EPOCH_MAX;
           read_only = read_only || newest_number[me] > sequence }
#endif
    :: d_step { mapped[me] != current[me] -> mapped[me] = current[me] } /* publishes, or starts */
    od
}

#define ANY(sent, op)    (sent[SENT(1, op)] || sent[SENT(2, op)])
#define SOME(state, op)  (duty[DUTY(0, op)] == state || duty[DUTY(1, op)] == state || \
                          duty[DUTY(N - 1, op)] == state)
#ifdef RESTORED /* what nobody has heard, and nobody takes any more, is no decision */
#define ONE_DECISION(op) \
    (!(ANY(commit_sent, op) && ANY(abort_sent, op) && \
       (!restored || SOME(COMMITTED, op) && abort_sent[SENT(EPOCH_MAX, op)])))
#else
#define ONE_DECISION(op) (!(ANY(commit_sent, op) && ANY(abort_sent, op)))
#endif
#define WITH_VOTES(op)   (!ANY(commit_sent, op) || had_votes[op])
#define ALL_OR_NONE      (!(SOME(COMMITTED, 0) && SOME(ABORTED, 0)))
#ifdef RESTORED /* the row may be gone */
#define DECIDED_ONLY(a)  (mapped[a] == 0 || ANY(commit_sent, mapped[a] - 1))
#else
#define DECIDED_ONLY(a)  (mapped[a] == 0 || decision[mapped[a] - 1] == COMMIT)
#endif
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

#ifdef RESTORED /* read-only it waits for people, and so does who is in doubt */
#define WAITS_FOR_PEOPLE read_only
#else
#define WAITS_FOR_PEOPLE false
#endif

active proctype Quiescence()
{
end:
    atomic { timeout -> assert(WAITS_FOR_PEOPLE || LEARNED(0) && LEARNED(1) && LEARNED(N - 1)) }
}
