#include "tests/sim/faults.h"

#include "tests/sim/host.h"

/* ---- the network ---------------------------------------------------------------------------- */

bool sim_is_lost(struct sim_world *world, uint32_t node, bool to_node)
{
    const struct sim_node *row = &world->nodes[node];
    return (to_node ? row->deaf : row->mute) > world->now || sim_chance(world, 3);
}

static void cut_off(struct sim_world *world, uint32_t node, uint64_t ms)
{
    world->nodes[node].cut = world->now + ms;
    sim_break_link(world, node);
}

static void cut_in_halves(struct sim_world *world)
{
    uint64_t ms = sim_between(world, 300, 4000);
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (sim_chance(world, 50)) {
            cut_off(world, i, ms);
        }
    }
}

/* Nobody is told that a direction is silent: who waits for heartbeats notices. */
static void silence(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    uint64_t ms = sim_between(world, 50, 3000);
    uint64_t noticed = 3 * world->settings.heartbeat;
    *(sim_chance(world, 50) ? &row->deaf : &row->mute) = world->now + ms;
    sim_note(world, "n%u is %s for %llu ms", node, row->deaf > world->now ? "deaf" : "mute",
             (unsigned long long)ms);
    if (ms > noticed) {
        sim_schedule(world, noticed,
                     &(struct sim_event){.type = SIM_CUT, .node = node, .session = row->session});
    }
}

void sim_link_stands(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (row->flaps > 0) {
        row->flaps--;
        sim_schedule(world, sim_between(world, 5, 250),
                     &(struct sim_event){.type = SIM_CUT, .node = node, .session = row->session});
    }
}

/* ---- processes that are stopped ------------------------------------------------------------- */

bool sim_is_paused(const struct sim_world *world, uint32_t node)
{
    return (node == SIM_NODES ? world->coordinator.paused : world->nodes[node].paused) > world->now;
}

/* Who has to do something for EVENT to happen; SIM_NODES + 1: nobody who could be stopped. */
static uint32_t doer_of(const struct sim_event *event)
{
    switch (event->type) {
    case SIM_DELIVER:
        return event->incarnation == 1 ? event->node : SIM_NODES;
    case SIM_WRITTEN:
    case SIM_OPERATOR:
    case SIM_LOOK:
        return SIM_NODES;
    case SIM_NODE_WRITTEN:
    case SIM_WORKED:
    case SIM_HOST_UP:
    case SIM_CHECK_FAILED:
    case SIM_HEARTBEAT:
    case SIM_QUARANTINE:
        return event->node;
    case SIM_COORDINATOR_KILL:
    case SIM_NODE_KILL:
    case SIM_HOST_CRASH:
    case SIM_LINK:
    case SIM_AGENT_START:
    case SIM_COORDINATOR_START:
    case SIM_FAULT:
    case SIM_CUT:
    case SIM_CALM:
        break;
    }
    return SIM_NODES + 1;
}

bool sim_is_postponed(struct sim_world *world, const struct sim_event *event)
{
    uint32_t doer = doer_of(event);
    uint64_t until;
    if (doer > SIM_NODES || !sim_is_paused(world, doer)) {
        return false;
    }
    until = doer == SIM_NODES ? world->coordinator.paused : world->nodes[doer].paused;
    sim_schedule(world, until - world->now, event);
    return true;
}

static void stop(struct sim_world *world, uint32_t node)
{
    uint64_t ms = sim_between(world, 50, 3000);
    if (node == SIM_NODES) {
        sim_note(world, "coordinator is stopped for %llu ms", (unsigned long long)ms);
        world->coordinator.paused = world->now + ms;
    } else {
        sim_note(world, "n%u is stopped for %llu ms", node, (unsigned long long)ms);
        world->nodes[node].paused = world->now + ms;
    }
}

/* ---- journals that are lost ----------------------------------------------------------------- */

/* Its promises are void, and what it runs from now on is drift. */
static void forget(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (row->forgot || world->coordinator.nodes[node].gone) {
        return;
    }
    sim_note(world, "n%u loses its journal", node);
    sim_node_wipe(world, node);
    row->forgot = true;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        row->strayed[i] = true;
    }
}

/* ---- choosing ------------------------------------------------------------------------------- */

static void trouble_node(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    switch (sim_between(world, 0, 13)) {
    case 0:
    case 1:
        sim_node_kill(world, node);
        break;
    case 2:
    case 3:
        sim_host_crash(world, node);
        break;
    case 4:
        cut_off(world, node, sim_between(world, 100, 4000));
        break;
    case 5:
    case 6:
        silence(world, node);
        break;
    case 7:
        row->slow = world->now + sim_between(world, 200, 4000);
        break;
    case 8:
        row->flaps = (uint32_t)sim_between(world, 2, 8);
        sim_break_link(world, node);
        break;
    case 9:
        stop(world, node);
        break;
    case 10:
        if (sim_chance(world, 15)) {
            forget(world, node);
        }
        break;
    default:
        sim_break_link(world, node);
        break;
    }
}

void sim_fault(struct sim_world *world)
{
    uint32_t node = (uint32_t)sim_between(world, 0, world->node_count - 1);
    if (sim_chance(world, 10)) {
        sim_coordinator_crash(world);
    } else if (sim_chance(world, 5)) {
        stop(world, SIM_NODES);
    } else if (sim_chance(world, 5)) {
        cut_in_halves(world);
    } else {
        trouble_node(world, node);
    }
    sim_schedule(world, sim_between(world, 50, 1500), &(struct sim_event){.type = SIM_FAULT});
}

void sim_heal(struct sim_world *world)
{
    sim_note(world, "---- calm");
    world->calm = true;
    world->coordinator.paused = 0;
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_node *row = &world->nodes[i];
        row->cut = row->deaf = row->mute = row->slow = row->paused = 0;
        row->flaps = 0;
    }
}
