/* Fills any message with its smallest or its largest valid content, from the rows that the wire
 * itself is driven by. */
#ifndef LOCKSTEP_TESTS_SUPPORT_WIRE_FILL_H
#define LOCKSTEP_TESTS_SUPPORT_WIRE_FILL_H

#include "common/io/wire_shape.h"

/* RET_WIRE points to static memory, good until the next call. */
void lockstep_wire_fill(const struct lockstep_wire_row *row, bool largest,
                        struct lockstep_wire *ret_wire);

#endif
