/* What threads counted, summed. */
#include "agent/host/gate_slot.h"

#include "common/base/assert.h"

#include <string.h>

static const struct lockstep_gate_block *block_of(struct lockstep_gate_slot *slot, uint32_t image)
{
    return atomic_load_explicit(&slot->blocks[image], memory_order_acquire);
}

/* What has left is summed before what has entered: a call that passes from one thread's count to
 * another's in between makes the sum too large, never too small. */
void lockstep_gate_count_tools(uint32_t image, size_t count,
                               struct lockstep_gate_counts *ret_counts)
{
    struct lockstep_gate_slot *slot;
    ASSERT(count <= LOCKSTEP_MODULE_TOOLS);
    memset(ret_counts, 0, count * sizeof(*ret_counts));
    for (slot = lockstep_gate_slot_first(); slot != NULL; slot = slot->next) {
        const struct lockstep_gate_block *block = block_of(slot, image);
        for (size_t i = 0; block != NULL && i < count; i++) {
            ret_counts[i].in_flight -= atomic_load(&block->left[i]);
            ret_counts[i].failed += atomic_load(&block->failed[i]);
        }
    }
    lockstep_gate_barrier();
    for (slot = lockstep_gate_slot_first(); slot != NULL; slot = slot->next) {
        const struct lockstep_gate_block *block = block_of(slot, image);
        for (size_t i = 0; block != NULL && i < count; i++) {
            ret_counts[i].calls += atomic_load(&block->entered[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        ret_counts[i].in_flight += ret_counts[i].calls;
    }
}

void lockstep_gate_count(uint32_t image, struct lockstep_gate_counts *ret_counts)
{
    struct lockstep_gate_counts tools[LOCKSTEP_MODULE_TOOLS];
    lockstep_gate_count_tools(image, LOCKSTEP_MODULE_TOOLS, tools);
    *ret_counts = (struct lockstep_gate_counts){0};
    for (size_t i = 0; i < LOCKSTEP_MODULE_TOOLS; i++) {
        ret_counts->calls += tools[i].calls;
        ret_counts->failed += tools[i].failed;
        ret_counts->in_flight += tools[i].in_flight;
    }
}

/* Nobody writes there: who may has a table that names the image. The next who do will have got
 * theirs from a publish that comes after this. */
void lockstep_gate_forget(uint32_t image)
{
    for (struct lockstep_gate_slot *slot = lockstep_gate_slot_first(); slot != NULL;
         slot = slot->next) {
        struct lockstep_gate_block *block = atomic_load_explicit(&slot->blocks[image],
                                                                 memory_order_acquire);
        for (size_t i = 0; block != NULL && i < LOCKSTEP_MODULE_TOOLS; i++) {
            atomic_store_explicit(&block->entered[i], 0, memory_order_relaxed);
            atomic_store_explicit(&block->left[i], 0, memory_order_relaxed);
            atomic_store_explicit(&block->failed[i], 0, memory_order_relaxed);
        }
    }
}
