/*
 * What comes after a decision, as a model for spin: nodes that fail after COMMIT and the
 * compensation that goes back on all who may run the version, the window and what overtakes it, the
 * crash loop, nodes that come late or come back, a coordinator that is killed, and reconcile with
 * quarantine. How a decision is made is the matter of lockstep.pml.
 *
 * Three orders on one module, each with a generation of its own: reload 0 of version 1, reload 1 of
 * version 2, and a repair of drift. The compensation of a reload has the generation after its own.
 * NEED nodes must run what was ordered, one less than there are: so one is borne, or away, or late.
 *
 * What was sent stays sent: PREPARE and COMMIT may be acted on at any time, again or never. What a
 * node says is read off the node when it is taken in: a vote, a read-back or a failure that is late
 * is one that is read late. Every run is finite.
 *
 * In it: rows of the coordinator's journal, written at once but for DEGRADED, for which nodes wait;
 * what has become of the parts, written later or, if it is killed first, never; RESTARTS kills;
 * nodes that are away for as long as you like, that are told late, fail, are lost, fall back from
 * what keeps killing their host, refuse to go back;
           reconcile towards a majority, or towards what an
 * operator names.
 *
 * Not in it: several modules, cordons, removed and replaced nodes, what rolls, undo as an order of
 * its own (a compensation goes the same way), `--on-failure hold` (its row is waited for as
 * DEGRADED is), aborts, epochs and lost or older journals (lockstep.pml), hosts apart from their
 * agents, and time: what a deadline may do may happen at once.
 *
 * -DRELOADS=1 is one reload that may fail at any time, with -DRECONCILE also drift that is mended;
 * -DRELOADS=2 are two, of which the first does not fail before its window: what that leads to is
 * looked at alone. All of it at once has too many histories.
 *
 * tests/model/run checks it, and that each seeded bug (BUG_...) breaks it.
 */
#ifndef N
#define N 2 /* nodes: 2 or 3 */
#endif
#ifndef RELOADS
#define RELOADS 2
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#define NEED (N - 1)

/* Orders: reloads 0 and 1, their compensations 2 and 3, the repair 4. */
#define ORDERS        5
#define BACK(o)       ((o) + 2)
#define REPAIR        4
#define NOBODY        7 /* `by`: the node was set up with it */
#define VERSION(o)    ((o) + 1)
#define GENERATION(o) (2 * (o) + 1)
#define AT(o, a)      ((o) * N + (a))

/* Rows of the coordinator's journal. */
#define NO_ROW    0
#define OPEN      1
#define COMMIT    3
#define SUCCEEDED 4
#define DEGRADED  5
#define SETTLED   6
#define FINAL     7

/* Parts. */
#define OWED    0
#define TOUCHED 1
#define LIVE    2
#define FAILED  3 /* or lost, or refused */
#define OUT     4 /* not in the roster */

/* Duties of an agent: its journal. */
#define FREE     0
#define PREPARED 1
#define APPLIED  2
#define OVER     3 /* a tombstone */

/* The coordinator's journal. */
byte row[ORDERS];
byte part_row[4 * N];
bit told_row[2 * N];
byte start[2 * N]; /* what each node ran when the reload opened */
byte quarantined;  /* bits of versions */
byte repair_to;

/* In its memory. */
byte part[4 * N];
bit told[2 * N];      /* COMMIT was sent: it may run the version, whatever it counts as */
bit degrading[2];     /* DEGRADED is being written */
bit window[2];
bit resumed;          /* it has begun again: what it has of parts may be older than what was sent */
byte restarts;

/* Sent. */
bit told_commit[4 * N];
bit over_said[2];

/* The agents' journals, and what their hosts run. */
byte duty[4 * N];
byte current[N];
byte by[N] = NOBODY;
byte previous[N];
byte previous_by[N];
bit has_previous[N];
byte generation[N];
byte bad[N]; /* bits of versions that it has fallen back from */

/* What agents say. */
bit fell[4 * N];
bit refused[4 * N];
bit moves[N]; /* the repair names it */

#define IS(bits, version) (((bits) >> (version)) & 1)

#if N == 2
#define COUNT(X)   (X(0) + X(1))
#define ANY(X)     (X(0) || X(1))
#define ALL(X)     (X(0) && X(1))
#define EACH(X)    X(0) X(1)
#define EACH_OF(X, o) X(o, 0) X(o, 1)
#else
#define COUNT(X)   (X(0) + X(1) + X(2))
#define ANY(X)     (X(0) || X(1) || X(2))
#define ALL(X)     (X(0) && X(1) && X(2))
#define EACH(X)    X(0) X(1) X(2)
#define EACH_OF(X, o) X(o, 0) X(o, 1) X(o, 2)
#endif

/* Of reload ORDER, for COUNT, ANY and ALL. */
#define YES0(a)     (duty[AT(0, a)] == PREPARED)
#define YES1(a)     (duty[AT(1, a)] == PREPARED)
#define ON0(a)      (part[AT(0, a)] == TOUCHED || part[AT(0, a)] == LIVE)
#define ON1(a)      (part[AT(1, a)] == TOUCHED || part[AT(1, a)] == LIVE)
#define WAITED0(a)  (part[AT(0, a)] == TOUCHED)
#define WAITED1(a)  (part[AT(1, a)] == TOUCHED)
#define WAITED2(a)  (part[AT(2, a)] == TOUCHED)
#define WAITED3(a)  (part[AT(3, a)] == TOUCHED)
#define YES(o)      ((o) == 0 -> COUNT(YES0) : COUNT(YES1))
#define ON(o)       ((o) == 0 -> COUNT(ON0) : COUNT(ON1))
#define WAITS(o)    ((o) == 0 -> ANY(WAITED0) : ANY(WAITED1))
#define WAITS_BACK(o) ((o) == 0 -> ANY(WAITED2) : ANY(WAITED3))

#define HOLDS(o)    (row[o] == OPEN || row[o] == COMMIT || row[o] == DEGRADED || degrading[o])
#define DECIDED(o)  (row[o] == COMMIT || row[o] == SUCCEEDED || row[o] == FINAL)
/* Something newer has committed. */
#define OVERTAKEN(o) ((o) == 0 && row[1] >= COMMIT || row[REPAIR] != NO_ROW)
#define NEWER_HOLDS(o) ((o) == 0 && HOLDS(1))

#ifdef BUG_TOLD_LEFT_OUT /* who is owed the version is left out, told or not */
#define MAY_RUN(o, a) (part[AT(o, a)] != OWED)
#else
#ifdef BUG_TOLD_FORGOTTEN /* after a restart what the journal has of the parts is believed */
#define MAY_RUN(o, a) (part[AT(o, a)] != OWED || told[AT(o, a)])
#else
#define MAY_RUN(o, a) (part[AT(o, a)] != OWED || told[AT(o, a)] || resumed)
#endif
#endif

#ifdef BUG_OVER_BEFORE_DURABLE
#define IS_OVER(o) (row[o] == DEGRADED || row[o] == SETTLED || degrading[o])
#else
#define IS_OVER(o) (row[o] == DEGRADED || row[o] == SETTLED)
#endif

/* ---- the coordinator ------------------------------------------------------------------------ */

#define WRITE_PART(o, a) part_row[AT(o, a)] = part[AT(o, a)];
#define WRITE(o, a) WRITE_PART(o, a) told_row[AT(o, a)] = told[AT(o, a)];
#define NOTE_START(o, a) start[AT(o, a)] = current[a];
#define DECIDE(o, a) \
    part[AT(o, a)] = (duty[AT(o, a)] == PREPARED -> TOUCHED : OWED); \
    told[AT(o, a)] = (duty[AT(o, a)] == PREPARED); \
    told_commit[AT(o, a)] = told[AT(o, a)]; \
    WRITE(o, a)
#define BEAR(o, a) \
    part[AT(o, a)] = (part[AT(o, a)] == FAILED -> OWED : part[AT(o, a)]); \
    WRITE(o, a)
#define TAKE_BACK(o, a) \
    part[AT(BACK(o), a)] = (MAY_RUN(o, a) -> OWED : OUT); \
    WRITE_PART(BACK(o), a)
#define DECIDE_BACK(o, a) \
    part[AT(BACK(o), a)] = (part[AT(BACK(o), a)] == OUT -> OUT : \
                            (duty[AT(BACK(o), a)] == PREPARED -> TOUCHED : \
                             (refused[AT(BACK(o), a)] -> FAILED : OWED))); \
    told_commit[AT(BACK(o), a)] = (part[AT(BACK(o), a)] == TOUCHED); \
    WRITE_PART(BACK(o), a)

/* Of two reloads the first does not fail before its window. */
#define MAY_FAIL(o) ((o) + 1 == RELOADS)

/* What it does about reload O and its compensation as a whole. */
#define LEAD(o) \
    :: atomic { row[o] == NO_ROW && row[REPAIR] == NO_ROW && \
                ((o) == 0 || (row[0] == SUCCEEDED && !degrading[0]) || row[0] == FINAL) -> \
           row[o] = OPEN; EACH_OF(NOTE_START, o) } \
    :: atomic { row[o] == OPEN && YES(o) >= NEED -> \
           row[o] = COMMIT; window[0] = window[0] && ((o) == 0); EACH_OF(DECIDE, o) } \
    :: atomic { row[o] == COMMIT && !degrading[o] && !WAITS(o) && ON(o) >= NEED -> \
           row[o] = SUCCEEDED; window[o] = 1; EACH_OF(BEAR, o) } \
    :: atomic { (row[o] == COMMIT || row[o] == SUCCEEDED && window[o] && !NEWER_HOLDS(o)) && \
                !degrading[o] && ON(o) < NEED -> \
           assert(!OVERTAKEN(o)); degrading[o] = 1 } \
    :: atomic { degrading[o] -> \
           degrading[o] = 0; row[o] = DEGRADED; row[BACK(o)] = OPEN; EACH_OF(TAKE_BACK, o) } \
    :: atomic { row[o] == SUCCEEDED && !degrading[o] && (!NEWER_HOLDS(o) || OVERTAKEN(o)) -> \
           row[o] = FINAL; window[o] = 0 } \
    :: atomic { row[BACK(o)] == OPEN -> \
           row[BACK(o)] = COMMIT; quarantined = quarantined | (1 << VERSION(o)); \
           EACH_OF(DECIDE_BACK, o) } \
    :: atomic { row[BACK(o)] == COMMIT && !WAITS_BACK(o) -> row[BACK(o)] = FINAL; row[o] = SETTLED }

/* And about node A in it. */
#define FOLLOW(o, a) \
    :: atomic { part[AT(o, a)] == OWED && DECIDED(o) && !degrading[o] && \
                duty[AT(o, a)] == PREPARED -> \
           part[AT(o, a)] = TOUCHED; told[AT(o, a)] = 1; told_commit[AT(o, a)] = 1 } \
    :: atomic { (part[AT(o, a)] == OWED || part[AT(o, a)] == TOUCHED) && DECIDED(o) && \
                !degrading[o] && by[a] == (o) -> \
           part[AT(o, a)] = LIVE; told[AT(o, a)] = 1 } \
    :: atomic { (part[AT(o, a)] == TOUCHED || part[AT(o, a)] == LIVE) && row[o] == COMMIT && \
                !degrading[o] && (MAY_FAIL(o) || fell[AT(o, a)]) -> \
           part[AT(o, a)] = FAILED } \
    :: atomic { part[AT(o, a)] == TOUCHED && (row[o] == SUCCEEDED || row[o] == FINAL) && \
                fell[AT(o, a)] -> \
           part[AT(o, a)] = OWED } \
    :: atomic { part[AT(o, a)] == LIVE && row[o] == SUCCEEDED && window[o] && !NEWER_HOLDS(o) && \
                !degrading[o] && fell[AT(o, a)] -> \
           part[AT(o, a)] = FAILED } \
    :: atomic { DECIDED(o) && restarts < RESTARTS && !degrading[o] && \
                (part_row[AT(o, a)] != part[AT(o, a)] || told_row[AT(o, a)] != told[AT(o, a)]) -> \
           WRITE(o, a) } \
    :: atomic { part[AT(BACK(o), a)] == OWED && row[BACK(o)] >= COMMIT && \
                duty[AT(BACK(o), a)] == PREPARED -> \
           part[AT(BACK(o), a)] = TOUCHED; told_commit[AT(BACK(o), a)] = 1; \
           WRITE_PART(BACK(o), a) } \
    :: atomic { part[AT(BACK(o), a)] == TOUCHED && duty[AT(BACK(o), a)] == APPLIED && \
                current[a] == start[AT(o, a)] -> \
           part[AT(BACK(o), a)] = LIVE; WRITE_PART(BACK(o), a) } \
    :: atomic { part[AT(BACK(o), a)] == TOUCHED && (fell[AT(BACK(o), a)] || \
                duty[AT(BACK(o), a)] == OVER) -> \
           part[AT(BACK(o), a)] = FAILED; WRITE_PART(BACK(o), a) }

/* It is killed and begins again: who may have applied must read back again. */
#define TAKE_UP(o, a) \
    part[AT(o, a)] = \
        (row[o] == COMMIT && part_row[AT(o, a)] == LIVE -> TOUCHED : part_row[AT(o, a)]); \
    told[AT(o, a)] = told_row[AT(o, a)]; \
    part[AT(BACK(o), a)] = part_row[AT(BACK(o), a)];

#ifdef BUG_WINDOW_REOPENS
#define STILL_OPEN(o) (row[o] == SUCCEEDED)
#else
#define STILL_OPEN(o) (row[o] == SUCCEEDED && !OVERTAKEN(o))
#endif

/* Reconcile: towards what more than half of all nodes run, or what an operator names. */
#define RUNS0(a) (current[a] == 0)
#define RUNS1(a) (current[a] == 1)
#define RUNS2(a) (current[a] == 2)
#define RUN(version) \
    ((version) == 0 -> COUNT(RUNS0) : ((version) == 1 -> COUNT(RUNS1) : COUNT(RUNS2)))
#define MOVE(a) moves[a] = (current[a] != repair_to);
#define QUIET (!HOLDS(0) && !HOLDS(1))

#ifdef BUG_REPAIRS_TO_QUARANTINED
#define MAY_RETURN(version) true
#else
#define MAY_RETURN(version) (!IS(quarantined, version))
#endif

#ifdef BUG_MAJORITY_OF_THE_HEARD /* one is away and is not counted */
#define MAJORITY(version) (2 * RUN(version) > N - 1)
#else
#define MAJORITY(version) (2 * RUN(version) > N)
#endif

#define MEND(version) \
    :: atomic { QUIET && row[0] != NO_ROW && row[REPAIR] == NO_ROW && RUN(version) < N && \
                MAJORITY(version) && MAY_RETURN(version) -> \
           assert(2 * RUN(version) > N); \
           repair_to = version; row[REPAIR] = COMMIT; window[0] = 0; window[1] = 0; EACH(MOVE) } \
    :: atomic { QUIET && row[0] != NO_ROW && row[REPAIR] == NO_ROW && RUN(version) > 0 && \
                RUN(version) < N && MAY_RETURN(version) -> \
           repair_to = version; row[REPAIR] = COMMIT; window[0] = 0; window[1] = 0; EACH(MOVE) }

active proctype Coordinator()
{
end:
    do
    LEAD(0)
    EACH_OF(FOLLOW, 0)
#if RELOADS == 2
    LEAD(1)
    EACH_OF(FOLLOW, 1)
#endif
#ifdef RECONCILE
    MEND(0)
    MEND(1)
    MEND(2)
#endif
    :: atomic { restarts < RESTARTS ->
           /* who asks is told COMMIT again */
           assert(!(DECIDED(0) && over_said[0]) && !(DECIDED(1) && over_said[1]));
           restarts++; resumed = 1; degrading[0] = 0; degrading[1] = 0;
           EACH_OF(TAKE_UP, 0) EACH_OF(TAKE_UP, 1)
           window[0] = STILL_OPEN(0); window[1] = STILL_OPEN(1) }
    od
}

/* ---- agents --------------------------------------------------------------------------------- */

#define BUSY(a) \
    (duty[AT(0, a)] == PREPARED || duty[AT(1, a)] == PREPARED || duty[AT(2, a)] == PREPARED || \
     duty[AT(3, a)] == PREPARED)
/* Busy with something else than what a compensation takes the place of. */
#define BUSY_BESIDE(o, a) \
    (duty[AT(1 - (o), a)] == PREPARED || duty[AT(BACK(1 - (o)), a)] == PREPARED || \
     duty[AT(BACK(o), a)] == PREPARED)
#define CLOSE(o, a) duty[AT(o, a)] = (duty[AT(o, a)] == APPLIED -> OVER : duty[AT(o, a)])
#define CLOSE_ALL(a) CLOSE(0, a); CLOSE(1, a); CLOSE(2, a); CLOSE(3, a)

#ifdef BUG_BACK_TO_FALLEN
#define HAS_FALLEN(o, a) false
#else
#define HAS_FALLEN(o, a) (current[a] != start[AT(o, a)] && IS(bad[a], start[AT(o, a)]))
#endif

#ifdef BUG_SAME_GENERATION /* going back has the generation of what it goes back on */
#define GENERATION_BACK(o) GENERATION(o)
#else
#define GENERATION_BACK(o) (GENERATION(o) + 1)
#endif

/* All that node ME does about reload O. */
#define CARRY_OUT(o) \
    :: atomic { row[o] != NO_ROW && duty[AT(o, me)] == FREE && !BUSY(me) && \
                generation[me] < GENERATION(o) && !IS(bad[me], VERSION(o)) -> \
           duty[AT(o, me)] = PREPARED } \
    :: atomic { told_commit[AT(o, me)] && duty[AT(o, me)] == PREPARED -> \
           CLOSE_ALL(me); \
           previous[me] = current[me]; previous_by[me] = by[me]; has_previous[me] = 1; \
           current[me] = VERSION(o); by[me] = o; generation[me] = GENERATION(o); \
           duty[AT(o, me)] = APPLIED } \
    :: atomic { duty[AT(o, me)] == PREPARED && IS_OVER(o) -> \
           duty[AT(o, me)] = OVER; over_said[o] = 1 } \
    :: atomic { duty[AT(o, me)] == APPLIED && current[me] == VERSION(o) && has_previous[me] -> \
           current[me] = previous[me]; by[me] = previous_by[me]; has_previous[me] = 0; \
           previous[me] = 0; previous_by[me] = 0; \
           bad[me] = bad[me] | (1 << VERSION(o)); fell[AT(o, me)] = 1; duty[AT(o, me)] = OVER }

/* And about its compensation: it leads to what the node recorded, and nowhere else. */
#define GO_BACK(o) \
    :: atomic { row[BACK(o)] != NO_ROW && part_row[AT(BACK(o), me)] != OUT && \
                duty[AT(BACK(o), me)] == FREE && !refused[AT(BACK(o), me)] && \
                !BUSY_BESIDE(o, me) -> \
           if \
           :: generation[me] >= GENERATION_BACK(o) -> \
              assert(by[me] != (o)); refused[AT(BACK(o), me)] = 1 \
           :: else -> \
              duty[AT(o, me)] = (duty[AT(o, me)] == PREPARED -> OVER : duty[AT(o, me)]); \
              if \
              :: current[me] == start[AT(o, me)] -> duty[AT(BACK(o), me)] = PREPARED \
              :: current[me] == VERSION(o) && has_previous[me] && \
                 previous[me] == start[AT(o, me)] && !IS(bad[me], start[AT(o, me)]) -> \
                 duty[AT(BACK(o), me)] = PREPARED \
              :: else -> refused[AT(BACK(o), me)] = 1 \
              fi \
           fi } \
    :: atomic { told_commit[AT(BACK(o), me)] && duty[AT(BACK(o), me)] == PREPARED -> \
           if \
           :: HAS_FALLEN(o, me) -> duty[AT(BACK(o), me)] = OVER; fell[AT(BACK(o), me)] = 1 \
           :: else -> \
              assert(current[me] == start[AT(o, me)] || !IS(bad[me], start[AT(o, me)])); \
              CLOSE_ALL(me); \
              current[me] = start[AT(o, me)]; by[me] = BACK(o); has_previous[me] = 0; \
              previous[me] = 0; previous_by[me] = 0; \
              generation[me] = GENERATION_BACK(o); duty[AT(BACK(o), me)] = APPLIED \
           fi }

active [N] proctype Agent()
{
    byte me = _pid - 1;
end:
    do
    CARRY_OUT(0)
    GO_BACK(0)
#if RELOADS == 2
    CARRY_OUT(1)
    GO_BACK(1)
#endif
    :: atomic { row[REPAIR] == COMMIT && moves[me] && !BUSY(me) &&
                generation[me] < GENERATION(2) && !IS(bad[me], repair_to) ->
           assert(!IS(quarantined, repair_to));
           CLOSE_ALL(me);
           previous[me] = current[me]; previous_by[me] = by[me]; has_previous[me] = 1;
           current[me] = repair_to; by[me] = REPAIR; generation[me] = GENERATION(2) }
    od
}

/* ---- what has to hold ----------------------------------------------------------------------- */

/* What is called rolled back is: no node is on it by that reload. */
#define IS_BACK0(a) (part[AT(2, a)] == LIVE || part[AT(2, a)] == OUT)
#define IS_BACK1(a) (part[AT(3, a)] == LIVE || part[AT(3, a)] == OUT)
#define LEFT0(a)    (by[a] != 0)
#define LEFT1(a)    (by[a] != 1)
#define ROLLED_BACK(o) (row[o] == SETTLED && ((o) == 0 -> ALL(IS_BACK0) : ALL(IS_BACK1)))
#define SAFE ((!ROLLED_BACK(0) || ALL(LEFT0)) && (!ROLLED_BACK(1) || ALL(LEFT1)))

active proctype Invariant()
{
end:
    atomic { !SAFE -> assert(SAFE) }
}

/* When nothing more can happen nobody is in doubt, every order has ended, and who was owed the
 * newest version has it, or has fallen back from it. */
#define SURE(a)    (!BUSY(a))
#define CAUGHT(a)  (by[a] == 1 || by[a] == REPAIR || fell[AT(1, a)])
#define ENDED(o)   (row[o] == NO_ROW || row[o] == SETTLED || row[o] == FINAL)

active proctype Quiescence()
{
end:
    atomic { timeout -> assert(ALL(SURE) && ENDED(0) && ENDED(1) &&
                (row[1] != FINAL || ALL(CAUGHT))) }
}
