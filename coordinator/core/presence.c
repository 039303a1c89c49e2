#include "coordinator/core/presence.h"

#include "common/base/assert.h"
#include "coordinator/core/settle.h"

#define ISOLATION_LEAST   3  /* nodes that fall silent at once */
#define ISOLATION_PERCENT 20 /* and their share of the members */

uint64_t lockstep_fleet_heartbeat(const struct lockstep_fleet *fleet)
{
    uint64_t least = fleet->node_count * LOCKSTEP_SECOND / fleet->settings.heartbeats_a_second;
    return least > fleet->settings.heartbeat ? least : fleet->settings.heartbeat;
}

uint64_t lockstep_fleet_suspect_ms(const struct lockstep_fleet *fleet)
{
    return lockstep_fleet_heartbeat(fleet) * fleet->settings.suspect_percent / 100;
}

/* ---- is it us? ------------------------------------------------------------------------------ */

struct census {
    uint32_t members; /* that were not down before */
    uint32_t heard;   /* of them, lately */
    uint32_t fresh;   /* fell silent within the last time that makes a suspect */
};

static struct census count(const struct lockstep_fleet *fleet, struct lockstep_time now)
{
    struct census census = {0};
    uint64_t suspect = lockstep_fleet_suspect_ms(fleet);
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        const struct lockstep_node *node = &fleet->nodes[i];
        uint64_t silence = now.ms - node->heard.ms;
        if (!node->member || node->down || !node->seen) {
            continue; /* who was away before this coordinator began says nothing of it */
        }
        census.members++;
        census.heard += node->connected && silence < suspect ? 1 : 0;
        census.fresh += silence >= suspect && silence < 2 * suspect &&
                                node->heard.ms + suspect > fleet->answered.ms
                            ? 1
                            : 0;
    }
    return census;
}

static void postpone(struct lockstep_time *deadline, uint64_t ms)
{
    if (lockstep_time_set(*deadline)) {
        *deadline = lockstep_time_after(*deadline, ms);
    }
}

/* Who is watched through its soak. When others are asked again is no deadline. */
static void postpone_parts(struct lockstep_operation *operation, uint64_t ms)
{
    for (uint32_t i = 0; lockstep_operation_rolls(operation) && i < operation->part_count; i++) {
        if (operation->parts[i].asked) {
            postpone(&operation->parts[i].retry, ms);
        }
    }
}

/* Operations go on where they stopped: the time in between counts for no deadline of theirs. */
static void end_isolation(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    uint64_t paused = now.ms - fleet->isolated.ms;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL) {
            postpone(&operation->phase, paused);
            postpone(&operation->end, paused);
            postpone(&operation->window, paused);
            postpone_parts(operation, paused);
        }
    }
    fleet->isolated = LOCKSTEP_TIME_NEVER;
    fleet->answered = now;
    fleet->behind = true; /* places that came free meanwhile were given to nobody */
}

static void tell_isolation(struct lockstep_fleet *fleet)
{
    lockstep_fleet_act(fleet, &(struct lockstep_fleet_action){.type = LOCKSTEP_FLEET_ISOLATION});
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (fleet->operations[i] != NULL && !lockstep_operation_ended(fleet->operations[i])) {
            lockstep_fleet_changed(fleet, fleet->operations[i]);
        }
    }
}

static void look_for_isolation(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    struct census census = count(fleet, now);
    if (!lockstep_time_set(fleet->isolated)) {
        if (census.fresh >= ISOLATION_LEAST &&
            census.fresh * 100 > census.members * ISOLATION_PERCENT) {
            fleet->isolated = now;
            tell_isolation(fleet);
        }
    } else if (census.heard * 2 > census.members) {
        end_isolation(fleet, now);
        tell_isolation(fleet);
    }
}

void lockstep_fleet_accept_loss(struct lockstep_fleet *fleet, struct lockstep_time now,
                                struct lockstep_fleet_actions *ret_actions)
{
    lockstep_fleet_enter(fleet, ret_actions);
    if (lockstep_time_set(fleet->isolated)) {
        end_isolation(fleet, now);
        tell_isolation(fleet);
    }
    lockstep_fleet_leave(fleet, now);
}

/* ---- silence -------------------------------------------------------------------------------- */

/* Whoever is left over when enough links have been closed has its turn at the next tick, which is
 * due at once. */
static bool look_for_silence(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    uint64_t down_ms = lockstep_fleet_heartbeat(fleet) * fleet->settings.down_percent / 100;
    uint32_t closed = 0;
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        struct lockstep_node *node = &fleet->nodes[i];
        if (node->down || !node->member || now.ms - node->heard.ms < down_ms) {
            continue;
        }
        if (closed == LOCKSTEP_FLEET_CLOSES_MAX) {
            return false;
        }
        node->down = true;
        node->ready = false;
        node->held = LOCKSTEP_TIME_NEVER;
        lockstep_fleet_tell(fleet, now, i, LOCKSTEP_EVENT_NODE_DOWN);
        if (node->connected) {
            closed++;
            lockstep_fleet_act(
                fleet, &(struct lockstep_fleet_action){.type = LOCKSTEP_FLEET_CLOSE, .node = i});
        }
    }
    return true;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static void make_ready(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    struct lockstep_node *row = &fleet->nodes[node];
    row->ready = true;
    row->member = true;
    row->down = false;
    row->held = LOCKSTEP_TIME_NEVER;
    if (lockstep_time_set(fleet->isolated)) {
        look_for_isolation(fleet,
                           now); /* who waits for this node need not wait for the next look */
    }
    lockstep_fleet_act(fleet,
                       &(struct lockstep_fleet_action){.type = LOCKSTEP_FLEET_READY, .node = node});
    lockstep_fleet_tell(fleet, now, node, LOCKSTEP_EVENT_NODE_UP);
}

/* A return counts only when the node was down: links break for a moment, and agents restart. */
static bool is_flapping(const struct lockstep_fleet *fleet, struct lockstep_time now,
                        struct lockstep_node *node)
{
    if (!node->down) {
        return false;
    }
    if (node->returns == 0 || now.ms - node->returned.ms >= fleet->settings.flap_window) {
        node->returned = now;
        node->returns = 0;
    }
    node->returns++;
    return node->returns > fleet->settings.flap_limit;
}

void lockstep_fleet_present(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    struct lockstep_node *row = &fleet->nodes[node];
    row->joined = true;
    if (is_flapping(fleet, now, row)) {
        row->held = lockstep_time_after(now, fleet->settings.flap_window);
        row->down = false;
    } else if (!lockstep_time_set(row->held)) {
        make_ready(fleet, now, node);
    }
}

static void release(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    struct lockstep_node *row = &fleet->nodes[node];
    bool held = lockstep_time_set(row->held);
    row->held = LOCKSTEP_TIME_NEVER;
    row->returns = 0;
    if (held && row->joined) {
        make_ready(fleet, now, node);
    }
}

void lockstep_fleet_release(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                            struct lockstep_fleet_actions *ret_actions)
{
    lockstep_fleet_enter(fleet, ret_actions);
    release(fleet, now, node);
    lockstep_fleet_leave(fleet, now);
}

/* False if some are left for the next tick, which is due at once. */
static bool release_held(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    uint32_t released = 0;
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        if (!lockstep_time_due(fleet->nodes[i].held, now)) {
            continue;
        }
        if (released++ == LOCKSTEP_FLEET_CLOSES_MAX) {
            return false;
        }
        release(fleet, now, i);
    }
    return true;
}

/* Who was not looked for, because this process stood still, is not silent for that. */
static void forgive_gap(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    uint64_t gap = now.ms - fleet->scanned.ms;
    for (uint32_t i = 0; i < fleet->node_count && gap >= lockstep_fleet_suspect_ms(fleet); i++) {
        struct lockstep_node *node = &fleet->nodes[i];
        node->heard = lockstep_time_after(node->heard, gap);
        node->heard = node->heard.ms < now.ms ? node->heard : now;
    }
}

void lockstep_fleet_watch(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    bool all;
    if (now.ms - fleet->scanned.ms < fleet->settings.heartbeat) {
        return;
    }
    forgive_gap(fleet, now);
    look_for_isolation(fleet, now);
    all = release_held(fleet, now);
    all = (lockstep_time_set(fleet->isolated) || look_for_silence(fleet, now)) && all;
    if (all) {
        fleet->scanned = now;
    }
}
