/*
 * The call gate: which versions a call runs in, and who is inside of what.
 *
 * One pointer leads to the live table. A thread that makes an outermost call puts the table into a
 * slot of its own and looks whether it is still the live one; from then on every call of the thread
 * is looked up in that table until the outermost returns. So a set is live at one instant, and a
 * call finishes in the set in which it began. Each thread counts, per image and tool, how often it
 * entered and left: the sums tell exactly who is inside.
 *
 * The calling side has no barrier of its own: whoever publishes or closes runs membarrier(2) on all
 * threads of the process. Where that is refused, at the start or later, calls run fences. The gate
 * is one a process; slots of threads that ended are used again and never freed. It deliberately
 * knows nothing of files, state or agents.
 */
#ifndef LOCKSTEP_HOST_GATE_H
#define LOCKSTEP_HOST_GATE_H

#include "agent/host/include/lockstep/host.h"
#include "common/base/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_IMAGES_MAX (LOCKSTEP_RETIRED_MAX + 3 * LOCKSTEP_NODE_MODULES_MAX)

/* Why a module's gate is shut. Several reasons can hold at once. */
#define LOCKSTEP_SHUT_SWAP   1U /* its state is about to be handed over */
#define LOCKSTEP_SHUT_DRAIN  2U /* an operator wants it so */
#define LOCKSTEP_SHUT_SEAL   4U /* its state is being handed over: not even nested calls pass */
#define LOCKSTEP_SHUT_REFUSE 8U /* beside DRAIN: callers are refused at once, and do not wait */

#define LOCKSTEP_SHUT_ANY 15U

/* A module's gate, whatever its version. Zero is open, and nobody's. */
struct lockstep_gate {
    atomic_uint word; /* why it is shut, and which image owns the state (lockstep_gate_owner) */
};

struct lockstep_keep;

/* One tool of one version, as a table has it. */
struct lockstep_gate_entry {
    const char *name;
    int (*call)(struct lockstep_call *call);
    struct lockstep_keep *keep; /* its calls are written down (keep.h); NULL: they are not */
    struct lockstep_gate *gate;
    unsigned mask; /* what of the gate's word has to be as expected */
    unsigned expected;
    const char *module;
    const char *version;
    const char *description;
    const char *schema;        /* of the request; NULL: none */
    lockstep_any_fn *function; /* it is this rather than a tool, and `call` refuses; else NULL */
    const char *signature;     /* of that */
    uint32_t flags;
    uint32_t tool; /* index in its image */
    uint32_t image;
    uint64_t generation;
};

/* A set of versions. Immutable once published. */
struct lockstep_gate_table {
    struct lockstep_gate_table *older; /* of those that may still be held */
    uint32_t id;                       /* set when it is published; never 0 then */
    size_t count;
    struct lockstep_gate_entry entries[]; /* sorted by name */
};

struct lockstep_gate_slot;
struct lockstep_gate_block;

/* What a thread holds between entering and leaving. */
struct lockstep_gate_pass {
    const struct lockstep_gate_entry *entry;
    struct lockstep_gate_slot *slot;
    struct lockstep_gate_block *block;
    uint32_t depth; /* of the thread's calls before this one */
};

struct lockstep_gate_counts {
    uint64_t calls;
    uint64_t failed;
    uint64_t in_flight;
};

/* Makes the gate usable; what an earlier host left is gone. False: no memory or thread key. */
bool lockstep_gate_init(void);
/* Takes the live table away and frees those that nobody holds. */
void lockstep_gate_deinit(void);

/* Enters the tool NAME. *HINT (begins 0; HINT may be NULL) remembers where it was found, and in
 * which table: in the same one it is not looked up again. Give each name a hint of its own. On OK
 * the caller calls lockstep_gate_run and leaves. NO_TOOL, CLOSED, NO_MEMORY: nothing to leave. */
enum lockstep_call_result lockstep_gate_enter(const char *name, _Atomic(uint64_t) *hint,
                                              struct lockstep_gate_pass *ret_pass);
void lockstep_gate_leave(const struct lockstep_gate_pass *pass, bool failed);
/* keep.c has it. */
int lockstep_keep_call(const struct lockstep_gate_entry *entry, struct lockstep_call *call);
/* What a caller does inside. */
static inline int lockstep_gate_run(const struct lockstep_gate_entry *entry,
                                    struct lockstep_call *call)
{
    return __builtin_expect(entry->keep == NULL, 1) ? entry->call(call)
                                                    : lockstep_keep_call(entry, call);
}
/* Enters, calls and leaves; FAILED if the tool says so. The fast way. */
enum lockstep_call_result lockstep_gate_call(const char *name, _Atomic(uint64_t) *hint,
                                             struct lockstep_call *call);

/* Holds the live table for this thread without a call; pairs nest. */
bool lockstep_gate_hold(void);
/* The table that this thread holds; NULL outside. */
const struct lockstep_gate_table *lockstep_gate_held(void);
void lockstep_gate_release(void);

/* Makes TABLE (owned by the gate from here on) the live one for calls that begin now. */
void lockstep_gate_publish(struct lockstep_gate_table *table);
/* The live table, for the one thread that publishes. May be NULL. */
const struct lockstep_gate_table *lockstep_gate_live(void);
/* Frees tables that no thread holds. True if none but the live one is left. */
bool lockstep_gate_sweep(void);
/* True if a thread that holds a table could still call into IMAGE. */
bool lockstep_gate_holds(uint32_t image);

/* Shuts for REASON, and makes sure that no thread has missed it. Open: waiting callers go on. */
void lockstep_gate_shut(struct lockstep_gate *gate, unsigned reason);
void lockstep_gate_open(struct lockstep_gate *gate, unsigned reason);
/* The part of a gate's word that says that IMAGE owns the state. A call into a version that no
 * longer owns it would change what nobody reads: an outermost one starts again, in the live set. */
static inline unsigned lockstep_gate_owner(uint32_t image)
{
    return (image + 1) << 4;
}
/* Makes IMAGE the owner. Call while the gate is shut. */
void lockstep_gate_own(struct lockstep_gate *gate, uint32_t image);
/* While YES, who comes to a gate that is shut, or waits at one, is told CLOSED at once: another
 * process serves now. */
void lockstep_gate_stand_aside(bool yes);
/* How long a caller waits at a gate that is shut, in milliseconds. */
void lockstep_gate_patience(uint32_t ms);

/* Sums over all threads. In flight is exact when no outermost call can enter. */
void lockstep_gate_count(uint32_t image, struct lockstep_gate_counts *ret_counts);
/* The same of each of the image's first COUNT tools, at most LOCKSTEP_MODULE_TOOLS. */
void lockstep_gate_count_tools(uint32_t image, size_t count,
                               struct lockstep_gate_counts *ret_counts);
/* Counts IMAGE from zero again, so that its number can be another's. Nobody may hold it. */
void lockstep_gate_forget(uint32_t image);

/* True where calls run a fence of their own, because the kernel lets nobody use membarrier: a call
 * then takes 4 ns longer. Nothing else differs. */
bool lockstep_gate_is_fenced(void);

#endif
