#include "agent/host/gate.h"

#include "agent/host/gate_slot.h"
#include "common/base/assert.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

/* ThreadSanitizer does not see what membarrier orders, nor fences: there the orders are total. */
#if defined(__SANITIZE_THREAD__)
#define TOTAL_ORDER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TOTAL_ORDER 1
#endif
#endif
#ifdef TOTAL_ORDER
#define ORDER_LOAD  memory_order_seq_cst
#define ORDER_STORE memory_order_seq_cst
#define FULL_FENCE()
#else
#define ORDER_LOAD   memory_order_acquire
#define ORDER_STORE  memory_order_relaxed
#define FULL_FENCE() atomic_thread_fence(memory_order_seq_cst)
#endif

static _Atomic(struct lockstep_gate_table *) live;
static struct lockstep_gate_table *old; /* of the publishing thread */
static atomic_bool fenced;              /* the kernel has no membarrier for us */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static _Atomic(uint32_t) patience_ms = PATIENCE_MS;
static atomic_bool aside; /* nobody waits at a gate */

bool lockstep_gate_init(void)
{
    bool barrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    atomic_store(&fenced, !barrier);
    return lockstep_gate_slot_init();
}

/* The calling side: what is above is seen by whoever runs lockstep_gate_barrier() before what is
 * below. */
static inline void light_barrier(void)
{
    if (__builtin_expect(atomic_load_explicit(&fenced, memory_order_relaxed), 0)) {
        FULL_FENCE();
    }
    atomic_signal_fence(memory_order_seq_cst);
}

/* The kernel refuses what it granted: a filter of system calls came later. Calls that begin from
 * here on have fences; those under way may still rely on us, so that they get the time in which any
 * processor has written down what it has in hand. */
LOCKSTEP_COLD static void begin_fences(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    atomic_store(&fenced, true);
    (void)nanosleep(&pause, NULL);
    FULL_FENCE();
}

void lockstep_gate_barrier(void)
{
    FULL_FENCE();
    if (!atomic_load(&fenced) &&
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
        begin_fences();
    }
}

bool lockstep_gate_is_fenced(void)
{
    return atomic_load(&fenced);
}

/* Puts the live table into the slot so that whoever publishes or sweeps sees it there. */
static inline const struct lockstep_gate_table *pin(struct lockstep_gate_slot *slot)
{
    const struct lockstep_gate_table *table = atomic_load_explicit(&live, memory_order_acquire);
    for (;;) {
        const struct lockstep_gate_table *again;
        atomic_store_explicit(&slot->table, table, ORDER_STORE);
        light_barrier();
        again = atomic_load_explicit(&live, ORDER_LOAD);
        if (__builtin_expect(again == table, 1)) {
            return table;
        }
        table = again;
    }
}

/* The table that this thread runs in, for the call that begins at DEPTH. */
static inline const struct lockstep_gate_table *come_in(struct lockstep_gate_slot *slot,
                                                        uint32_t depth)
{
    slot->depth = depth + 1;
    return depth == 0 ? pin(slot) : atomic_load_explicit(&slot->table, memory_order_relaxed);
}

/* DEPTH is the one that the call began at: it need not be read back from memory. */
static inline void go_out(struct lockstep_gate_slot *slot, uint32_t depth)
{
    slot->depth = depth;
    if (depth == 0) {
        atomic_store_explicit(&slot->table, NULL, memory_order_release);
    }
}

static inline void add_one(_Atomic(uint64_t) *count, memory_order order)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, order);
}

/* A call that was turned away was none. */
static inline void take_one(_Atomic(uint64_t) *count)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) - 1,
                          memory_order_release);
}

LOCKSTEP_COLD static uint32_t find(const struct lockstep_gate_table *table, const char *name)
{
    uint32_t low = 0;
    uint32_t high = (uint32_t)table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(table->entries[middle].name, name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return UINT32_MAX;
}

/* A hint is the table's id and the index in it. */
static inline const struct lockstep_gate_entry *look_up(const struct lockstep_gate_table *table,
                                                        const char *name, _Atomic(uint64_t) *hint)
{
    uint32_t index;
    if (table == NULL) {
        return NULL;
    }
    if (hint != NULL) {
        uint64_t known = atomic_load_explicit(hint, memory_order_relaxed);
        if (__builtin_expect(known >> 32 == table->id, 1)) {
            return &table->entries[(uint32_t)known];
        }
    }
    index = find(table, name);
    if (index == UINT32_MAX) {
        return NULL;
    }
    if (hint != NULL) {
        atomic_store_explicit(hint, (uint64_t)table->id << 32 | index, memory_order_relaxed);
    }
    return &table->entries[index];
}

/* Outermost calls stop at any gate that is shut; nested ones only while state is handed over, or
 * after that, when going on would lose what they change. */
static inline bool stops(const struct lockstep_gate_entry *entry, uint32_t depth)
{
    unsigned word = atomic_load_explicit(&entry->gate->word, ORDER_LOAD);
    unsigned wrong = (word ^ entry->expected) & entry->mask;
    return wrong != 0 && (depth == 0 || (wrong & ~(unsigned)LOCKSTEP_SHUT_ANY) != 0 ||
                          (wrong & LOCKSTEP_SHUT_SEAL) != 0);
}

static struct timespec end_of_patience(void)
{
    struct timespec end;
    uint32_t ms = atomic_load(&patience_ms);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

/* Waits outside of everything. The gate itself stays: gates live as long as their host. False: it
 * did not open in time, or nobody is to wait at it. */
static bool wait_until_open(struct lockstep_gate *gate)
{
    struct timespec end = end_of_patience();
    unsigned word;
    int waited = 0;
    (void)pthread_mutex_lock(&mutex);
    word = atomic_load(&gate->word);
    while ((word & LOCKSTEP_SHUT_ANY) != 0 && (word & LOCKSTEP_SHUT_REFUSE) == 0 && waited == 0) {
        waited = atomic_load(&aside)
                     ? ETIMEDOUT
                     : pthread_cond_clockwait(&opened, &mutex, CLOCK_MONOTONIC, &end);
        word = atomic_load(&gate->word);
    }
    (void)pthread_mutex_unlock(&mutex);
    return waited == 0 && (word & LOCKSTEP_SHUT_REFUSE) == 0;
}

/* One attempt to enter; CLOSED with *ret_gate if it stopped at a gate that may be waited for. */
LOCKSTEP_INLINE enum lockstep_call_result try_enter(struct lockstep_gate_slot *slot,
                                                    const char *name, _Atomic(uint64_t) *hint,
                                                    struct lockstep_gate_pass *ret_pass,
                                                    struct lockstep_gate **ret_gate)
{
    uint32_t depth = slot->depth;
    const struct lockstep_gate_entry *entry = look_up(come_in(slot, depth), name, hint);
    struct lockstep_gate_block *block;
    if (entry == NULL) {
        go_out(slot, depth);
        return LOCKSTEP_CALL_NO_TOOL;
    }
    block = lockstep_gate_slot_block(slot, entry->image);
    if (block == NULL) {
        go_out(slot, depth);
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    add_one(&block->entered[entry->tool], ORDER_STORE);
    light_barrier();
    if (__builtin_expect(stops(entry, depth), 0)) {
        *ret_gate = depth == 0 ? entry->gate : NULL;
        take_one(&block->entered[entry->tool]);
        go_out(slot, depth);
        return LOCKSTEP_CALL_CLOSED;
    }
    *ret_pass = (struct lockstep_gate_pass){entry, slot, block, depth};
    return LOCKSTEP_CALL_OK;
}

static inline void leave(const struct lockstep_gate_pass *pass, bool failed)
{
    if (failed) {
        add_one(&pass->block->failed[pass->entry->tool], memory_order_relaxed);
    }
    add_one(&pass->block->left[pass->entry->tool], memory_order_release);
    go_out(pass->slot, pass->depth);
}

enum lockstep_call_result lockstep_gate_enter(const char *name, _Atomic(uint64_t) *hint,
                                              struct lockstep_gate_pass *ret_pass)
{
    struct lockstep_gate_slot *slot = lockstep_gate_slot_mine();
    if (slot == NULL) {
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    for (;;) {
        struct lockstep_gate *gate = NULL;
        enum lockstep_call_result result = try_enter(slot, name, hint, ret_pass, &gate);
        if (result != LOCKSTEP_CALL_CLOSED || gate == NULL || !wait_until_open(gate)) {
            return result;
        }
    }
}

void lockstep_gate_leave(const struct lockstep_gate_pass *pass, bool failed)
{
    leave(pass, failed);
}

LOCKSTEP_COLD static enum lockstep_call_result
call_at_length(const char *name, _Atomic(uint64_t) *hint, struct lockstep_call *call)
{
    struct lockstep_gate_pass pass;
    enum lockstep_call_result result = lockstep_gate_enter(name, hint, &pass);
    if (result == LOCKSTEP_CALL_OK) {
        bool failed = lockstep_gate_run(pass.entry, call) != 0;
        leave(&pass, failed);
        result = failed ? LOCKSTEP_CALL_FAILED : LOCKSTEP_CALL_OK;
    }
    return result;
}

/* What goes wrong at the first attempt, for whatever reason, begins anew at length: so the pass
 * stays in registers. */
enum lockstep_call_result lockstep_gate_call(const char *name, _Atomic(uint64_t) *hint,
                                             struct lockstep_call *call)
{
    struct lockstep_gate_slot *slot = lockstep_gate_slot_cached;
    struct lockstep_gate *gate = NULL;
    struct lockstep_gate_pass pass;
    bool failed;
    if (__builtin_expect(slot == NULL, 0) ||
        __builtin_expect(try_enter(slot, name, hint, &pass, &gate) != LOCKSTEP_CALL_OK, 0)) {
        return call_at_length(name, hint, call);
    }
    failed = lockstep_gate_run(pass.entry, call) != 0;
    leave(&pass, failed);
    return failed ? LOCKSTEP_CALL_FAILED : LOCKSTEP_CALL_OK;
}

bool lockstep_gate_hold(void)
{
    struct lockstep_gate_slot *slot = lockstep_gate_slot_mine();
    if (slot == NULL) {
        return false;
    }
    (void)come_in(slot, slot->depth);
    return true;
}

const struct lockstep_gate_table *lockstep_gate_held(void)
{
    const struct lockstep_gate_slot *slot = lockstep_gate_slot_cached;
    return slot == NULL ? NULL : atomic_load_explicit(&slot->table, memory_order_relaxed);
}

void lockstep_gate_release(void)
{
    struct lockstep_gate_slot *slot = lockstep_gate_slot_cached;
    bool held = slot != NULL && slot->depth > 0;
    ASSERT(held);
    if (held) {
        go_out(slot, slot->depth - 1);
    }
}

void lockstep_gate_publish(struct lockstep_gate_table *table)
{
    static uint32_t ids; /* of the publishing thread */
    struct lockstep_gate_table *before;
    if (table != NULL) {
        ids = ids == UINT32_MAX ? 1 : ids + 1;
        table->id = ids;
    }
    before = atomic_exchange(&live, table);
    lockstep_gate_barrier();
    if (before != NULL) {
        before->older = old;
        old = before;
    }
}

const struct lockstep_gate_table *lockstep_gate_live(void)
{
    return atomic_load_explicit(&live, memory_order_acquire);
}

static bool is_held(const struct lockstep_gate_table *table)
{
    for (struct lockstep_gate_slot *slot = lockstep_gate_slot_first(); slot != NULL;
         slot = slot->next) {
        if (atomic_load(&slot->table) == table) {
            return true;
        }
    }
    return false;
}

bool lockstep_gate_sweep(void)
{
    struct lockstep_gate_table **link = &old;
    lockstep_gate_barrier();
    while (*link != NULL) {
        struct lockstep_gate_table *table = *link;
        if (is_held(table)) {
            link = &table->older;
        } else {
            *link = table->older;
            free(table);
        }
    }
    return old == NULL;
}

static bool has_image(const struct lockstep_gate_table *table, uint32_t image)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].image == image) {
            return true;
        }
    }
    return false;
}

bool lockstep_gate_holds(uint32_t image)
{
    const struct lockstep_gate_table *table = lockstep_gate_live();
    (void)lockstep_gate_sweep();
    if (table != NULL && has_image(table, image)) {
        return true;
    }
    for (table = old; table != NULL; table = table->older) {
        if (has_image(table, image)) {
            return true;
        }
    }
    return false;
}

void lockstep_gate_deinit(void)
{
    lockstep_gate_publish(NULL);
    (void)lockstep_gate_sweep();
}

void lockstep_gate_shut(struct lockstep_gate *gate, unsigned reason)
{
    (void)atomic_fetch_or(&gate->word, reason);
    lockstep_gate_barrier();
    if ((reason & LOCKSTEP_SHUT_REFUSE) != 0) {
        (void)pthread_mutex_lock(&mutex);
        (void)pthread_cond_broadcast(&opened);
        (void)pthread_mutex_unlock(&mutex);
    }
}

void lockstep_gate_open(struct lockstep_gate *gate, unsigned reason)
{
    (void)pthread_mutex_lock(&mutex);
    (void)atomic_fetch_and(&gate->word, ~reason);
    (void)pthread_cond_broadcast(&opened);
    (void)pthread_mutex_unlock(&mutex);
}

void lockstep_gate_own(struct lockstep_gate *gate, uint32_t image)
{
    unsigned word = atomic_load(&gate->word);
    ASSERT((word & LOCKSTEP_SHUT_ANY) != 0);
    while (!atomic_compare_exchange_weak(&gate->word, &word,
                                         (word & LOCKSTEP_SHUT_ANY) | lockstep_gate_owner(image))) {
    }
}

void lockstep_gate_stand_aside(bool yes)
{
    (void)pthread_mutex_lock(&mutex);
    atomic_store(&aside, yes);
    (void)pthread_cond_broadcast(&opened);
    (void)pthread_mutex_unlock(&mutex);
}

void lockstep_gate_patience(uint32_t ms)
{
    atomic_store(&patience_ms, ms == 0 ? PATIENCE_MS : ms);
}
