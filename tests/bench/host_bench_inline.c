/* The gate compiled into its caller, as link-time optimisation would do it, under names of its own.
 * It shares the threads' slots with the other one, so that only one of them may run at a time. */
#define lockstep_gate_init        inline_gate_init
#define lockstep_gate_is_fenced   inline_gate_is_fenced
#define lockstep_gate_barrier     inline_gate_barrier
#define lockstep_gate_enter       inline_gate_enter
#define lockstep_gate_leave       inline_gate_leave
#define lockstep_gate_call        inline_gate_call
#define lockstep_gate_hold        inline_gate_hold
#define lockstep_gate_held        inline_gate_held
#define lockstep_gate_release     inline_gate_release
#define lockstep_gate_publish     inline_gate_publish
#define lockstep_gate_live        inline_gate_live
#define lockstep_gate_sweep       inline_gate_sweep
#define lockstep_gate_holds       inline_gate_holds
#define lockstep_gate_deinit      inline_gate_deinit
#define lockstep_gate_shut        inline_gate_shut
#define lockstep_gate_open        inline_gate_open
#define lockstep_gate_own         inline_gate_own
#define lockstep_gate_patience    inline_gate_patience
#define lockstep_gate_stand_aside inline_gate_stand_aside
#include "agent/host/gate.c" /* NOLINT: on purpose */

#include "tests/bench/host_bench.h"

#define IMAGE (LOCKSTEP_IMAGES_MAX - 1) /* whose counts nobody else uses */

static struct lockstep_gate gate;

bool inline_start(int (*call)(struct lockstep_call *call))
{
    struct lockstep_gate_table *table = calloc(1, sizeof(*table) + sizeof(table->entries[0]));
    if (table == NULL || !lockstep_gate_init()) {
        return false;
    }
    table->count = 1;
    table->entries[0] = (struct lockstep_gate_entry){.name = "inline",
                                                     .call = call,
                                                     .gate = &gate,
                                                     .mask = LOCKSTEP_SHUT_ANY,
                                                     .module = "inline",
                                                     .version = "1",
                                                     .image = IMAGE};
    lockstep_gate_publish(table);
    return true;
}

void inline_stop(void)
{
    lockstep_gate_deinit();
}

bool inline_run(size_t count)
{
    static _Atomic(uint64_t) hint;
    struct lockstep_call empty = {.size = sizeof(empty)};
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= (int)lockstep_gate_call("inline", &hint, &empty);
    }
    return failed == 0;
}
