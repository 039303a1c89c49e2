#include "agent/host/gate_slot.h"

#include "common/base/assert.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Slots are only ever added: whoever sums needs no lock. */
static _Atomic(struct lockstep_gate_slot *) slots;
_Thread_local struct lockstep_gate_slot *lockstep_gate_slot_cached
    __attribute__((tls_model("initial-exec")));
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool key_made;

/* A thread has ended. Its counts stay and go on under the next thread that takes the slot; what it
 * forgot to release does not. */
static void give_back(void *slot)
{
    struct lockstep_gate_slot *used = slot;
    lockstep_gate_slot_cached = NULL;
    ASSERT(used->depth == 0);
    used->depth = 0;
    atomic_store_explicit(&used->table, NULL, memory_order_release);
    atomic_store_explicit(&used->taken, false, memory_order_release);
}

static void make_key(void)
{
    key_made = pthread_key_create(&key, give_back) == 0;
}

bool lockstep_gate_slot_init(void)
{
    return pthread_once(&once, make_key) == 0 && key_made;
}

struct lockstep_gate_slot *lockstep_gate_slot_first(void)
{
    return atomic_load_explicit(&slots, memory_order_acquire);
}

static struct lockstep_gate_slot *take_used(void)
{
    for (struct lockstep_gate_slot *slot = lockstep_gate_slot_first(); slot != NULL;
         slot = slot->next) {
        bool taken = false;
        if (atomic_compare_exchange_strong(&slot->taken, &taken, true)) {
            return slot;
        }
    }
    return NULL;
}

static struct lockstep_gate_slot *make_slot(void)
{
    struct lockstep_gate_slot *slot = aligned_alloc(_Alignof(struct lockstep_gate_slot),
                                                    sizeof(struct lockstep_gate_slot));
    if (slot == NULL) {
        return NULL;
    }
    memset(slot, 0, sizeof(*slot));
    atomic_init(&slot->taken, true);
    slot->next = lockstep_gate_slot_first();
    while (!atomic_compare_exchange_weak(&slots, &slot->next, slot)) {
    }
    return slot;
}

struct lockstep_gate_slot *lockstep_gate_slot_take(void)
{
    struct lockstep_gate_slot *slot = take_used();
    if (slot == NULL) {
        slot = make_slot();
    }
    if (slot != NULL && pthread_setspecific(key, slot) != 0) {
        atomic_store_explicit(&slot->taken, false, memory_order_release);
        return NULL;
    }
    lockstep_gate_slot_cached = slot;
    return slot;
}

struct lockstep_gate_block *lockstep_gate_slot_make(struct lockstep_gate_slot *slot, uint32_t image)
{
    struct lockstep_gate_block *block = calloc(1, sizeof(*block));
    atomic_store_explicit(&slot->blocks[image], block, memory_order_release);
    return block;
}
