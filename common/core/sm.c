#include "common/core/sm.h"

#include "common/base/assert.h"

bool lockstep_sm_allowed(const struct lockstep_sm_row *table, unsigned from, unsigned to)
{
    ASSERT(from < LOCKSTEP_SM_STATES_MAX);
    ASSERT(to < LOCKSTEP_SM_STATES_MAX);
    return from == to || (table[from].next & LOCKSTEP_SM(to)) != 0;
}

bool lockstep_sm_move(const struct lockstep_sm_row *table, uint8_t *state, unsigned to)
{
    unsigned from = *state;
    ASSERT(lockstep_sm_allowed(table, from, to));
    *state = (uint8_t)to;
    return from != to;
}
