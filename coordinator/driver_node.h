/* Nodes as the driver finds them, and as they come and go. Included by driver_internal.h. */
#ifndef LOCKSTEP_COORDINATOR_DRIVER_NODE_H
#define LOCKSTEP_COORDINATOR_DRIVER_NODE_H

#include <stdbool.h>
#include <stdint.h>

struct lockstep_coordinator;
struct lockstep_node_row;

/* ---- driver.c ------------------------------------------------------------------------------- */

/* The index of the node of the fleet with this name, or -1. */
int64_t lockstep_driver_node(const struct lockstep_coordinator *coordinator, const char *name);
/* Adds the node of ROW to the fleet, at its number. */
void lockstep_driver_add_node(struct lockstep_coordinator *coordinator,
                              const struct lockstep_node_row *row);
/* ---- find_node.c ---------------------------------------------------------------------------- */

/* The node of the fleet with this key. What does not depend on how many there are: a fleet that
 * comes all at once asks for each. */
bool lockstep_driver_find_key(struct lockstep_coordinator *coordinator, const uint8_t *key,
                              uint32_t *ret_node);
/* Notes where NODE is to be looked for. */
void lockstep_driver_note_key(struct lockstep_coordinator *coordinator, uint32_t node);
/* Room for that; NULL if there is no memory. */
uint32_t *lockstep_driver_keys_new(void);
/* ---- arrive.c: nodes that are READY ---------------------------------------------------------- */

/* NODE is READY. It is told so when that is written, in a moment, with those that come meanwhile.
 */
void lockstep_driver_arrived(struct lockstep_coordinator *coordinator, uint32_t node);
/* Writes who has arrived, and tells them; a timer's callback. Before an operation is opened: one
 * that a restart would forget must not be counted. */
void lockstep_driver_welcome_arrived(void *context);
/* Before anything else is said to NODE: nothing overtakes READY. */
void lockstep_driver_ready_first(struct lockstep_coordinator *coordinator, uint32_t node);
/* Notes that a node which was READY is not there any more; before the core is told. */
void lockstep_driver_note_absent(struct lockstep_coordinator *coordinator, uint32_t node,
                                 const char *text);

#endif
