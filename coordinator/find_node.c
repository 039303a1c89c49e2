/*
 * Whose key is it? A table of guesses, open addressing over the first bytes of the key, each
 * checked against the node's row: so it never has to be right, and nobody needs to keep it up. What
 * is not found near its place is looked for among all nodes, and noted.
 */
#include "coordinator/driver_internal.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (4 * LOCKSTEP_NODES_MAX)
#define NEAR  16 /* slots that are looked at; who grinds keys gains what there was before */

uint32_t *lockstep_driver_keys_new(void)
{
    return calloc(SLOTS, sizeof(uint32_t));
}

static size_t slot_of(const uint8_t *key, size_t step)
{
    uint32_t first;
    memcpy(&first, key, sizeof(first));
    return (first + step) % SLOTS;
}

static bool has_key(const struct lockstep_coordinator *coordinator, uint32_t node,
                    const uint8_t *key)
{
    const struct lockstep_node_row *row = &coordinator->views[node].row;
    return !row->gone && memcmp(row->key, key, sizeof(row->key)) == 0;
}

void lockstep_driver_note_key(struct lockstep_coordinator *coordinator, uint32_t node)
{
    const uint8_t *key = coordinator->views[node].row.key;
    size_t at = slot_of(key, 0);
    for (size_t i = 0; i < NEAR && coordinator->keys[at] != 0; i++) {
        at = slot_of(key, i);
    }
    coordinator->keys[at] = node + 1;
}

bool lockstep_driver_find_key(struct lockstep_coordinator *coordinator, const uint8_t *key,
                              uint32_t *ret_node)
{
    for (size_t i = 0; i < NEAR; i++) {
        uint32_t guess = coordinator->keys[slot_of(key, i)];
        if (guess != 0 && has_key(coordinator, guess - 1, key)) {
            *ret_node = guess - 1;
            return true;
        }
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (has_key(coordinator, i, key)) {
            lockstep_driver_note_key(coordinator, i);
            *ret_node = i;
            return true;
        }
    }
    return false;
}
