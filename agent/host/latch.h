/*
 * What a failed assertion does inside of somebody else's process: it latches the library. Calls go
 * on, later reloads are refused. Builds with sanitizers abort instead.
 */
#ifndef LOCKSTEP_HOST_LATCH_H
#define LOCKSTEP_HOST_LATCH_H

#include <stdbool.h>

/* Makes failed assertions latch. */
void lockstep_latch_init(void);
/* True once an assertion has failed. */
bool lockstep_latched(void);
/* Which one: "EXPRESSION (FILE:LINE)"; empty if none. */
const char *lockstep_latch_text(void);

#endif
