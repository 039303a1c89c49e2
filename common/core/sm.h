/*
 * Moves of a state machine, as data. A machine has one row a state: its name and the states that
 * may follow. Nobody assigns a state except lockstep_sm_move(), so an illegal move cannot pass
 * unseen.
 */
#ifndef LOCKSTEP_CORE_SM_H
#define LOCKSTEP_CORE_SM_H

#include <stdbool.h>
#include <stdint.h>

#define LOCKSTEP_SM_STATES_MAX 32

/* The bit of a state in `next`. */
#define LOCKSTEP_SM(state) (UINT32_C(1) << (state))

struct lockstep_sm_row {
    const char *name;
    uint32_t next; /* states that may follow: LOCKSTEP_SM(A) | LOCKSTEP_SM(B) */
};

/* True if TABLE allows the move. Staying is always allowed. */
bool lockstep_sm_allowed(const struct lockstep_sm_row *table, unsigned from, unsigned to);

/* Sets *state to TO; asserts that the move is allowed. Returns true if the state changed. */
bool lockstep_sm_move(const struct lockstep_sm_row *table, uint8_t *state, unsigned to);

#endif
