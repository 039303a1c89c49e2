#include "coordinator/core/catch_up.h"

#include "coordinator/core/settle.h"

/* True if nodes may be given OPERATION now that it has been decided. */
static bool may_deliver(const struct lockstep_operation *operation)
{
    bool decided = operation->state == LOCKSTEP_OPERATION_COMMITTING ||
                   operation->state == LOCKSTEP_OPERATION_SOAKING ||
                   operation->state == LOCKSTEP_OPERATION_SUCCEEDED ||
                   operation->state == LOCKSTEP_OPERATION_FINAL;
    return decided && !lockstep_operation_goes_back(operation);
}

/* How many nodes of OPERATION hold a place: they have been asked, and are on their way. */
static uint32_t count_places(const struct lockstep_operation *operation)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool on_its_way = part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED;
        count += part->asked && part->up && on_its_way ? 1 : 0;
    }
    return count;
}

static uint32_t free_places(const struct lockstep_fleet *fleet)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (fleet->operations[i] != NULL) {
            taken += count_places(fleet->operations[i]);
        }
    }
    return taken < fleet->settings.catch_up ? (uint32_t)(fleet->settings.catch_up - taken) : 0;
}

static struct lockstep_time next_try(const struct lockstep_fleet *fleet, struct lockstep_time now,
                                     uint8_t tries)
{
    uint64_t pause = fleet->settings.catch_up_first;
    for (uint8_t i = 1; i < tries && pause < fleet->settings.catch_up_last; i++) {
        pause *= 2;
    }
    return lockstep_time_after(
        now, pause < fleet->settings.catch_up_last ? pause : fleet->settings.catch_up_last);
}

/* A try that has led to nothing by the time of the next one is over. */
static void look_through(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_operation *operation, uint32_t *places)
{
    bool asked = false;
    operation->catch_up = LOCKSTEP_TIME_NEVER;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->state != LOCKSTEP_PART_OWED || !part->up) {
            continue;
        }
        if (!lockstep_time_set(part->retry) || lockstep_time_due(part->retry, now)) {
            *places += part->asked ? 1 : 0;
            part->asked = *places > 0;
            if (!part->asked) {
                continue; /* it is looked at again when a place is given back */
            }
            *places -= 1;
            part->tries = part->tries < UINT8_MAX ? (uint8_t)(part->tries + 1) : UINT8_MAX;
            part->retry = next_try(fleet, now, part->tries);
            part->due |= LOCKSTEP_DUE_PREPARE;
            asked = true;
        }
        operation->catch_up = lockstep_time_earlier(operation->catch_up, part->retry);
    }
    if (asked) {
        lockstep_fleet_send(fleet, operation);
    }
}

void lockstep_fleet_catch_up(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    uint32_t places;
    if (!fleet->behind) {
        return;
    }
    fleet->behind = false;
    places = free_places(fleet);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL) {
            continue;
        }
        operation->catch_up = LOCKSTEP_TIME_NEVER;
        if (may_deliver(operation) && operation->tally.in[LOCKSTEP_PART_OWED] > 0) {
            look_through(fleet, now, operation, &places);
        }
    }
}
