/*
 * The call gate as a model for spin: hazard slots that are published and looked at again, closing
 * with the sums of left and entered, swaps, nested and held calls, tables that are freed, and the
 * number of a purged image that is used again (agent/host/gate*.c).
 *
 * Processors write late: what a caller stores goes into a buffer of its own, from which it reaches
 * memory at any later time; loads see memory, or the caller's own stores. Relaxed stores to
 * different places overtake each other, as on ARM (not with -DTSO, which is x86); stores to one
 * place do not, and a release store overtakes nothing. membarrier empties all callers' buffers at
 * the instant it runs; with -DFENCED there is none, and a caller's light barrier waits until its
 * own buffer is empty. The publisher is one thread whose stores are atomic read-modify-writes, so
 * they need no buffer. What is not here: loads that overtake loads (acquire on the table orders
 * them), slots that change hands (their counts stay with them), and the search in the table.
 *
 * tests/model/run checks it, and that each seeded bug (BUG_...) breaks it.
 */
#ifndef CALLERS
#define CALLERS 2 /* at most 2 */
#endif
#ifndef VISITS
#define VISITS 1 /* outermost stays of a caller, each a call, or a hold with calls */
#endif
#ifndef HELD_CALLS
#define HELD_CALLS 2
#endif
#define TABLES 3           /* generations 1 to 3; 0 is none */
#define IMAGE(t) ((t) % 2) /* generation 3 uses the number of generation 1 again */

#define SWAP 1 /* outermost calls stop */
#define SEAL 2 /* all stop */
#define MOVED 4 /* the state is no longer that of generation 1, whose calls stop */

/* Places a caller stores to. */
#define SLOT     0
#define ENTERED0 1 /* and ENTERED0 + 1: of the two images */
#define LEFT0    3
#define PLACES   5

/* Memory, as everybody else sees it. */
byte live = 1;
byte word;
byte seen[10]; /* caller * PLACES + place */

/* A caller's own view, and what is on its way. Release stores wait for all before them. */
byte own[10];
chan buffer[2] = [8] of { byte, byte, bit }; /* place, value, release */

/* For the claims only. */
bit freed[4];
byte inside[2];     /* calls in each image */
byte in_table[4];   /* calls in each generation */
bit was_empty;      /* image 1 had nobody inside at some instant of the count */
bit handing_over;   /* the state of image 1 is another's: nobody may be inside */
byte made[2];
byte ended;

#define STORE(place, value, release)                              \
    own[me * PLACES + place] = value;                             \
    buffer[me] ! place, own[me * PLACES + place], release
#define OWN(place) own[me * PLACES + place]

#ifdef FENCED
#ifdef BUG_NO_FENCE
#define LIGHT_BARRIER skip
#else
#define LIGHT_BARRIER empty(buffer[me])
#endif
#else
#define LIGHT_BARRIER skip
#endif

/* What reaches memory, one store after the other. */
inline reach_first(who)
{
    buffer[who] ? place, value, _;
    seen[who * PLACES + place] = value
}

/* A relaxed store need not wait for those before it, but for such as are to the same place. */
#define OVERTAKE(p)                                                             \
    atomic {                                                                    \
        buffer[me] ?? [eval(p), value, 0] && !(buffer[me] ?? [eval(p), value, 1]) -> \
        buffer[me] ?? eval(p), value, 0;                                        \
        seen[me * PLACES + p] = value                                           \
    }

active [CALLERS] proctype Memory()
{
    byte me = _pid;
    byte place, value;
end_idle:
    do
    :: atomic { nempty(buffer[me]) -> reach_first(me) }
#ifndef TSO
    :: OVERTAKE(SLOT)
    :: OVERTAKE(ENTERED0)
    :: OVERTAKE(ENTERED0 + 1)
#endif
    od
}

/* The instant at which a membarrier has run on every processor. */
inline heavy_barrier()
{
#if !defined(FENCED) && !defined(BUG_NO_MEMBARRIER)
    atomic {
        do
        :: nempty(buffer[0]) -> reach_first(0)
        :: nempty(buffer[1]) -> reach_first(1)
        :: empty(buffer[0]) && empty(buffer[1]) -> break
        od
    }
#else
    skip
#endif
}

#define STOPS(depth)                                                       \
    ((word & SEAL) != 0 || ((word & SWAP) != 0 && depth == 0) ||           \
     ((word & MOVED) != 0 && t == 1))

/* Where the instant of a step is seen by nobody it is one with the next: storing is, for stores
 * reach memory later anyway. */
inline begin_call()
{
    t = OWN(SLOT);
#ifdef BUG_NESTED_LOADS_LIVE
    t = live;
#endif
    assert(!freed[t]);      /* it is looked up there */
    assert(t == OWN(SLOT)); /* and every call of a stay is of one generation */
    STORE(ENTERED0 + IMAGE(t), OWN(ENTERED0 + IMAGE(t)) + 1, 0)
}

/* What the code of a version must find whenever it runs. */
inline claim_inside()
{
    assert(!freed[t]);
    assert(!(handing_over && IMAGE(t) == 1))
}

inline pass_gate()
{
#ifndef BUG_FLAG_FIRST
    stopped = STOPS(depth);
#endif
    if
    :: stopped -> STORE(ENTERED0 + IMAGE(t), OWN(ENTERED0 + IMAGE(t)) - 1, 1)
    :: else ->
        claim_inside();
        inside[IMAGE(t)]++;
        in_table[t]++;
        made[IMAGE(t)]++;
#ifdef BUG_LEFT_EARLY
        STORE(LEFT0 + IMAGE(t), OWN(LEFT0 + IMAGE(t)) + 1, 1)
#endif
    fi
}

inline end_call()
{
    if
    :: stopped
    :: else ->
        claim_inside();
        inside[IMAGE(t)]--;
        in_table[t]--;
        was_empty = was_empty || (inside[1] == 0);
#ifndef BUG_LEFT_EARLY
        STORE(LEFT0 + IMAGE(t), OWN(LEFT0 + IMAGE(t)) + 1, 1)
#endif
    fi
}

/* An outermost call has depth 0; a call of a held set, or one that a call makes, more. */
active [CALLERS] proctype Caller()
{
    byte me = _pid - CALLERS;
    byte visits, calls, t, again, depth;
    bit stopped;
    do
    :: visits == VISITS -> break
    :: atomic { visits < VISITS ->
        visits++;
        if
        :: depth = 0; calls = 1
        :: depth = 1; calls = HELD_CALLS
        fi
       };
        /* The live table goes into the slot, and is looked at again. */
        t = live;
        do
        :: atomic { STORE(SLOT, t, 0) };
            LIGHT_BARRIER;
#ifdef BUG_NO_RECHECK
            break
#else
            atomic {
                again = live;
                if
                :: again == t -> break
                :: else -> t = again
                fi
            }
#endif
        od;
        do
        :: calls > 0 ->
#ifdef BUG_FLAG_FIRST
            atomic { t = OWN(SLOT); stopped = STOPS(depth) };
#endif
            atomic { begin_call() };
            LIGHT_BARRIER;
            atomic { pass_gate() };
            atomic { end_call(); calls-- }
        :: else -> break
        od;
        atomic { STORE(SLOT, 0, 1) }
    od;
    atomic { empty(buffer[me]) -> ended++ }
}

/* The sum over both slots of image 1, in the order of the code: left, barrier, entered. */
inline count()
{
    atomic { was_empty = (inside[1] == 0) };
#ifdef BUG_ENTERED_FIRST
    entered = seen[ENTERED0 + 1];
    entered = entered + seen[PLACES + ENTERED0 + 1];
    heavy_barrier();
    left = seen[LEFT0 + 1];
    left = left + seen[PLACES + LEFT0 + 1]
#else
    left = seen[LEFT0 + 1];
    left = left + seen[PLACES + LEFT0 + 1];
    heavy_barrier();
    entered = seen[ENTERED0 + 1];
    entered = entered + seen[PLACES + ENTERED0 + 1]
#endif
}

inline publish(generation)
{
    live = generation;
    heavy_barrier()
}

/* Frees a table once no slot has it. */
inline sweep_until_free(generation)
{
    do
    :: heavy_barrier();
        held = 0;
#ifndef BUG_BLIND_SWEEP
        held = (seen[SLOT] == generation);
        held = held || (seen[PLACES + SLOT] == generation);
#endif
        if
        :: !held -> break
        :: else -> (seen[SLOT] != generation || seen[PLACES + SLOT] != generation)
        fi
    od;
    atomic {
        assert(in_table[generation] == 0);
        freed[generation] = 1
    }
}

/* Its number is another's from here on. */
inline purge(image)
{
    atomic {
        seen[ENTERED0 + image] = 0; seen[PLACES + ENTERED0 + image] = 0;
        seen[LEFT0 + image] = 0; seen[PLACES + LEFT0 + image] = 0;
        own[ENTERED0 + image] = 0; own[PLACES + ENTERED0 + image] = 0;
        own[LEFT0 + image] = 0; own[PLACES + LEFT0 + image] = 0;
        made[image] = 0
    }
}

active proctype Publisher()
{
    byte place, value, entered, left;
    bit held;
    /* Generation 1 hands its state over: shut, wait, seal, look again, swap, open. */
    word = SWAP;
    heavy_barrier();
    do
    :: count();
        if
        :: left == entered ->
            assert(was_empty);
            word = SWAP | SEAL;
            heavy_barrier();
            count();
            if
            :: left == entered -> break
            :: else -> word = SWAP
            fi
        :: else
        fi
    od;
    atomic { assert(inside[1] == 0); handing_over = 1 };
    word = SWAP | SEAL | MOVED;
    publish(2);
    word = MOVED;
    sweep_until_free(1);
    handing_over = 0;
#ifdef BUG_PURGE_HELD
    atomic { purge(0) };
#endif
    purge(1);
    /* Generation 3 swaps under calls, with the number of generation 1. */
    publish(3);
    sweep_until_free(2);
    ended == CALLERS;
    assert(seen[ENTERED0] + seen[PLACES + ENTERED0] == seen[LEFT0] + seen[PLACES + LEFT0]);
    assert(seen[ENTERED0 + 1] + seen[PLACES + ENTERED0 + 1] == seen[LEFT0 + 1] + seen[PLACES + LEFT0 + 1]);
    assert(seen[ENTERED0] + seen[PLACES + ENTERED0] == made[0]);
    assert(seen[ENTERED0 + 1] + seen[PLACES + ENTERED0 + 1] == made[1])
}
