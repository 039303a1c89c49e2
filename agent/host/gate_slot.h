/* A thread's slot in the gate. Internal to agent/host/gate*.c. */
#ifndef LOCKSTEP_HOST_GATE_SLOT_H
#define LOCKSTEP_HOST_GATE_SLOT_H

#include "agent/host/gate.h"

/* One thread's counts of one image. Only the slot's thread writes. */
struct lockstep_gate_block {
    _Atomic(uint64_t) entered[LOCKSTEP_MODULE_TOOLS];
    _Atomic(uint64_t) left[LOCKSTEP_MODULE_TOOLS];
    _Atomic(uint64_t) failed[LOCKSTEP_MODULE_TOOLS];
};

struct lockstep_gate_slot {
    _Alignas(128) _Atomic(const struct lockstep_gate_table *) table; /* NULL outside of calls */
    uint32_t depth;
    atomic_bool taken;
    struct lockstep_gate_slot *next; /* of all slots; set once */
    _Atomic(struct lockstep_gate_block *) blocks[LOCKSTEP_IMAGES_MAX];
};

/* This thread's, once it has one. The model costs eight bytes of the block that the loader keeps
 * for libraries which come late, and spares each call the loader's function. */
extern _Thread_local struct lockstep_gate_slot *lockstep_gate_slot_cached
    __attribute__((tls_model("initial-exec")));
struct lockstep_gate_slot *lockstep_gate_slot_take(void);

/* This thread's slot; NULL if there is no memory. */
static inline struct lockstep_gate_slot *lockstep_gate_slot_mine(void)
{
    struct lockstep_gate_slot *slot = lockstep_gate_slot_cached;
    return slot != NULL ? slot : lockstep_gate_slot_take();
}

/* The first of all slots. */
struct lockstep_gate_slot *lockstep_gate_slot_first(void);
struct lockstep_gate_block *lockstep_gate_slot_make(struct lockstep_gate_slot *slot,
                                                    uint32_t image);
/* The slot's counts of IMAGE, made at first use; NULL if there is no memory. */
static inline struct lockstep_gate_block *lockstep_gate_slot_block(struct lockstep_gate_slot *slot,
                                                                   uint32_t image)
{
    struct lockstep_gate_block *block = atomic_load_explicit(&slot->blocks[image],
                                                             memory_order_relaxed);
    return block != NULL ? block : lockstep_gate_slot_make(slot, image);
}
bool lockstep_gate_slot_init(void);

/* What a thread stored before its light barrier is seen by whoever runs this before looking; who
 * does not see it then, finds in its load behind that barrier what was stored before this. */
void lockstep_gate_barrier(void);

#endif
