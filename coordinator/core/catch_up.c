#include "coordinator/core/catch_up.h"

#include "coordinator/core/settle.h"

/* True if nodes may be given what OPERATION owes them, now that it has been decided. */
static bool may_deliver(const struct lockstep_operation *operation)
{
    bool decided;
    if (operation == NULL) {
        return false;
    }
    decided = operation->state == LOCKSTEP_OPERATION_COMMITTING ||
              operation->state == LOCKSTEP_OPERATION_SOAKING ||
              operation->state == LOCKSTEP_OPERATION_SUCCEEDED ||
              operation->state == LOCKSTEP_OPERATION_FINAL;
    return decided && !lockstep_operation_goes_back(operation);
}

/* An operation that rolls has places of its own, and keeps them filled as long as it goes on. */
static bool rolls(const struct lockstep_operation *operation)
{
    return operation->state == LOCKSTEP_OPERATION_COMMITTING && lockstep_operation_rolls(operation);
}

/* A tenth of its nodes at a time, and at least one. */
static uint32_t own_places(const struct lockstep_operation *operation)
{
    uint32_t tenth = operation->part_count / 10;
    return tenth > 0 ? tenth : 1;
}

/* How many nodes of OPERATION hold a place: they have been asked, and are on their way. While it
 * rolls, also those that are watched, and those whose link is broken but who are not given up. */
static uint32_t count_places(const struct lockstep_operation *operation)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool on_its_way = part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED;
        bool holds = rolls(operation) ? on_its_way || part->state == LOCKSTEP_PART_LIVE
                                      : on_its_way && part->up;
        count += part->asked && holds ? 1 : 0;
    }
    return count;
}

static uint32_t free_places(const struct lockstep_fleet *fleet)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (may_deliver(fleet->operations[i]) && !rolls(fleet->operations[i])) {
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

static bool is_waiting(const struct lockstep_part *part, struct lockstep_time now)
{
    return part->state == LOCKSTEP_PART_OWED && part->up && !part->asked &&
           (!lockstep_time_set(part->retry) || lockstep_time_due(part->retry, now));
}

/* A try that has led to nothing by the time of the next one is over: its place goes to whoever has
 * waited for longest, which may be the same one. */
static void end_tries(struct lockstep_operation *operation, struct lockstep_time now)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->asked && lockstep_time_due(part->retry, now)) {
            part->asked = false;
        }
    }
}

/* Who has waited for longest; NULL if nobody waits. */
static struct lockstep_part *find_longest(const struct lockstep_fleet *fleet,
                                          struct lockstep_time now,
                                          struct lockstep_operation **ret_operation)
{
    struct lockstep_part *found = NULL;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        bool owes = may_deliver(operation) && !rolls(operation) &&
                    operation->tally.in[LOCKSTEP_PART_OWED] > 0;
        for (uint32_t j = 0; owes && j < operation->part_count; j++) {
            struct lockstep_part *part = &operation->parts[j];
            if (is_waiting(part, now) && (found == NULL || part->retry.ms < found->retry.ms)) {
                found = part;
                *ret_operation = operation;
            }
        }
    }
    return found;
}

static void ask(struct lockstep_fleet *fleet, struct lockstep_time now,
                struct lockstep_operation *operation, struct lockstep_part *part)
{
    const struct lockstep_operation_options *options = &operation->options;
    part->asked = true;
    part->tries = part->tries < UINT8_MAX ? (uint8_t)(part->tries + 1) : UINT8_MAX;
    part->retry = rolls(operation)
                      ? lockstep_time_after(now, options->fetch_ms + options->prepare_ms)
                      : next_try(fleet, now, part->tries);
    part->due |= LOCKSTEP_DUE_PREPARE;
    lockstep_fleet_send(fleet, operation);
}

/* The next nodes of an operation that rolls. */
static void roll(struct lockstep_fleet *fleet, struct lockstep_time now,
                 struct lockstep_operation *operation)
{
    uint32_t taken = lockstep_time_set(fleet->isolated) ? UINT32_MAX : count_places(operation);
    for (uint32_t i = 0; i < operation->part_count && taken < own_places(operation); i++) {
        if (is_waiting(&operation->parts[i], now)) {
            ask(fleet, now, operation, &operation->parts[i]);
            taken++;
        }
    }
}

/* When somebody is to be asked again. Who waits for a place is looked at when one is given back. */
static struct lockstep_time find_next(const struct lockstep_operation *operation,
                                      struct lockstep_time now)
{
    struct lockstep_time next = LOCKSTEP_TIME_NEVER;
    for (uint32_t i = 0; may_deliver(operation) && i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool pauses = part->state == LOCKSTEP_PART_OWED && part->up && !is_waiting(part, now);
        if (part->asked || pauses) {
            next = lockstep_time_earlier(next, part->retry);
        }
    }
    return next;
}

void lockstep_fleet_catch_up(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    struct lockstep_operation *operation = NULL;
    struct lockstep_part *part;
    if (!fleet->behind) {
        return;
    }
    fleet->behind = false;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (!may_deliver(fleet->operations[i])) {
            continue;
        }
        if (rolls(fleet->operations[i])) {
            roll(fleet, now, fleet->operations[i]);
        } else {
            end_tries(fleet->operations[i], now);
        }
    }
    for (uint32_t places = free_places(fleet); places > 0; places--) {
        part = find_longest(fleet, now, &operation);
        if (part == NULL) {
            break;
        }
        ask(fleet, now, operation, part);
    }
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (fleet->operations[i] != NULL) {
            fleet->operations[i]->catch_up = find_next(fleet->operations[i], now);
        }
    }
}
