/*
 * What outlives a version of a module: the state it began with, and what changed it since.
 *
 * A keep has a base (the state in canonical form, in a sealed memfd), the journal since the base
 * (of modules that have `apply`), and, while a version of an older schema can be gone back to, the
 * state at the commit that left it. The host gives the descriptors of all of it to the agent before
 * anybody is let in, so they outlive the host; they are what a host that is started again begins
 * with, and what going back uses where `down` cannot be.
 *
 * Writing a call down costs some 80 ns (measured: 50 to 130 ns, an addition through the gate), and
 * mutating calls of a module one after the other; its other calls pay nothing.
 *
 * Calls go through lockstep_keep_call, from any thread; all else is the control thread's, while no
 * call can be inside.
 */
#ifndef LOCKSTEP_HOST_KEEP_H
#define LOCKSTEP_HOST_KEEP_H

#include "agent/host/bag.h"
#include "agent/host/call_journal.h"
#include "agent/host/image.h"

#include <pthread.h>
#include <stdatomic.h>

/* How a replay came out. */
struct lockstep_replay {
    uint64_t applied; /* calls that were done again */
    uint64_t unknown; /* of tools that this version does not have: lost */
    uint64_t differ;  /* done again, and the tool said something else than then */
    uint64_t missed;  /* never written, because the journal was full: lost */
    bool torn;        /* the last one was begun and not finished: its caller got no answer */
};

/* Descriptors and journal, before they belong to a module or after. */
struct lockstep_kept {
    int base_fd; /* -1: as `load` makes it */
    int back_fd; /* the state at the commit, for the version before; -1: none */
    bool whole;  /* the journal has every call since that commit */
    struct lockstep_call_journal journal; /* bytes NULL: none */
};

struct lockstep_keep {
    pthread_mutex_t lock; /* one mutating call at a time; of all below */
    struct lockstep_kept kept;
    atomic_bool wants_base; /* whoever asks must not wait for a call */
    uint64_t retry_ms;      /* when a new base may be tried again */
    bool told_full;
    bool told;   /* the agent has heard of it */
    bool ending; /* the host ends: what is kept counts, and not the way back */
};

void lockstep_kept_init(struct lockstep_kept *kept);
void lockstep_kept_deinit(struct lockstep_kept *kept);
/* The state at the commit and every call since are there. */
static inline bool lockstep_kept_is_whole(const struct lockstep_kept *kept)
{
    return kept->back_fd >= 0 && kept->whole && kept->journal.bytes != NULL &&
           kept->journal.missed == 0;
}
/* A descriptor of one's own for what FD leads to; of -1, which says that there is none, -1. False:
 * refused, for what cannot be kept must not look like what is not there. */
bool lockstep_kept_copy(int fd, int *ret_fd, struct lockstep_refusal *ret_refusal);

/* False: no memory. */
bool lockstep_keep_init(struct lockstep_keep *keep);
void lockstep_keep_deinit(struct lockstep_keep *keep);
/* Takes KEPT over, which is empty afterwards. */
void lockstep_keep_take(struct lockstep_keep *keep, struct lockstep_kept *kept);
/* A new base is wanted: the journal is half full, or has missed calls. */
bool lockstep_keep_wants_base(const struct lockstep_keep *keep);

/* True if calls of the image's tools that change its state are written down: lockstep_keep_call
 * (gate.h) calls one, alone, and writes it down before it returns. */
bool lockstep_keep_journals(const struct lockstep_image *image);
/* Does the calls of a journal again. False: those are no journal's BYTES, nothing was done. */
bool lockstep_keep_replay(const struct lockstep_image *image, const uint8_t *bytes, size_t size,
                          struct lockstep_replay *ret_replay);
/* True in the thread that replays: a module that is replayed may call no other. */
bool lockstep_keep_replaying(void);

/* A journal that goes on from the whole records of BYTES (NULL: an empty one). */
bool lockstep_keep_continue(struct lockstep_call_journal *journal, size_t journal_bytes,
                            const uint8_t *bytes, size_t size);

#endif
