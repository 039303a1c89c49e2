/* A node's host, made up: it maps, carries state over and publishes as the real one does, refuses
 * what that refuses, and outlives its agent. */
#include "tests/sim/host.h"

#include "tests/sim/check.h"

#include <string.h>

/* ---- coming and going ----------------------------------------------------------------------- */

void sim_host_hello(struct sim_world *world, uint32_t node, uint64_t delay)
{
    sim_schedule(world, delay,
                 &(struct sim_event){.type = SIM_HOST_UP,
                                     .node = node,
                                     .incarnation = world->nodes[node].host.incarnation});
}

/* A fragile version brings its host down a while after it began to run; of a sick one a check
 * fails. */
static void arm_bad(struct sim_world *world, uint32_t node)
{
    const struct sim_host *host = &world->nodes[node].host;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        enum sim_nature nature = sim_nature(world, &host->loaded[i].digest);
        if (nature == SIM_FRAGILE || nature == SIM_SICK) {
            sim_schedule(
                world, sim_between(world, 20, 1200),
                &(struct sim_event){.type = nature == SIM_SICK ? SIM_CHECK_FAILED : SIM_HOST_CRASH,
                                    .node = node,
                                    .incarnation = host->incarnation});
        }
    }
}

void sim_host_start(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (row->host.up) {
        return;
    }
    row->host.up = true;
    row->host.incarnation++;
    sim_note(world, "host of n%u starts", node);
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        bool flaps = node == world->flapper && i == 0;
        bool bad = flaps || (!world->calm && sim_chance(world, 2)); /* its file has been spoilt */
        row->host.loaded[i] = bad ? (struct lockstep_version){0} : row->disk.modules[i].current;
    }
    sim_check_loaded(world, node);
    arm_bad(world, node);
    if (node == world->flapper) { /* not so often that it would be a crash loop */
        sim_schedule(world, sim_between(world, 2500, 5000),
                     &(struct sim_event){.type = SIM_HOST_CRASH,
                                         .node = node,
                                         .incarnation = row->host.incarnation});
    }
    sim_host_hello(world, node, sim_between(world, 5, 60));
}

void sim_host_crash(struct sim_world *world, uint32_t node)
{
    struct sim_host *host = &world->nodes[node].host;
    uint32_t incarnation = host->incarnation;
    if (!host->up) {
        return;
    }
    sim_note(world, "host of n%u dies", node);
    memset(host, 0, sizeof(*host));
    host->incarnation = incarnation;
    sim_node_host_lost(world, node);
}

/* ---- sets ----------------------------------------------------------------------------------- */

static struct sim_set *find(struct sim_host *host, const struct lockstep_id *operation)
{
    for (uint32_t i = 0; i < SIM_SETS; i++) {
        if (lockstep_id_equal(&host->sets[i].operation, operation)) {
            return &host->sets[i];
        }
    }
    return NULL;
}

static bool published(const struct sim_host *host, const struct lockstep_id *operation)
{
    for (uint32_t i = 0; i < SIM_SETS; i++) {
        if (lockstep_id_equal(&host->published[i], operation)) {
            return true;
        }
    }
    return false;
}

static void publish(struct sim_world *world, uint32_t node, struct sim_set *set)
{
    struct sim_host *host = &world->nodes[node].host;
    for (uint32_t i = 0; i < set->count; i++) {
        host->loaded[sim_module_index(&set->items[i].module)] = (struct lockstep_version){
            set->items[i].generation, set->items[i].digest};
    }
    host->published[host->published_count++ % SIM_SETS] = set->operation;
    *set = (struct sim_set){0};
    sim_check_loaded(world, node);
    arm_bad(world, node);
}

void sim_host_says_hello(struct sim_world *world, uint32_t node)
{
    struct sim_host *host = &world->nodes[node].host;
    for (uint32_t i = 0; i < SIM_SETS; i++) {
        if (world->now >= host->sets[i].closed_until) {
            host->sets[i] = (struct sim_set){0};
        }
    }
    sim_node_host_up(world, node);
}

void sim_host_alone(struct sim_world *world, uint32_t node)
{
    struct sim_host *host = &world->nodes[node].host;
    for (uint32_t i = 0; i < SIM_SETS; i++) {
        struct sim_set *set = &host->sets[i];
        if (set->publishing && (!set->stateful || world->now < set->closed_until) &&
            sim_chance(world, 50)) {
            publish(world, node, set);
        }
        set->publishing = false;
    }
}

void sim_host_drop(struct sim_world *world, uint32_t node, const struct lockstep_id *operation)
{
    struct sim_set *set = find(&world->nodes[node].host, operation);
    if (set != NULL) {
        *set = (struct sim_set){0};
    }
}

/* ---- what is asked of it -------------------------------------------------------------------- */

static bool holds(const struct sim_set *set, const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (lockstep_name_equal(&set->items[i].module, module)) {
            return true;
        }
    }
    return false;
}

static enum lockstep_no refusal(const struct sim_host *host, const struct sim_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct lockstep_name *module = &set->items[i].module;
        if (set->items[i].generation <= host->loaded[sim_module_index(module)].generation) {
            return LOCKSTEP_NO_STALE_GENERATION;
        }
        for (uint32_t j = 0; j < SIM_SETS; j++) {
            if (&host->sets[j] != set && holds(&host->sets[j], module)) {
                return LOCKSTEP_NO_BUSY;
            }
        }
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

void sim_host_ask(struct sim_world *world, uint32_t node, const struct lockstep_duty *duty,
                  enum lockstep_work work)
{
    static const struct lockstep_id none;
    struct sim_host *host = &world->nodes[node].host;
    struct sim_set *set = find(host, &duty->order.operation);
    if (work == LOCKSTEP_WORK_MAP && set == NULL) {
        set = find(host, &none);
        if (set == NULL) {
            sim_fail(world, "n%u: its host holds more sets than there are modules", node);
            return;
        }
        set->operation = duty->order.operation;
        set->drains = duty->order.drain == LOCKSTEP_DRAIN_ALWAYS;
        for (uint32_t i = 0; i < duty->order.item_count; i++) {
            if (lockstep_duty_changes(duty, i)) {
                set->items[set->count++] = duty->order.items[i];
            }
        }
    } else if (work == LOCKSTEP_WORK_PUBLISH && set != NULL) {
        set->publishing = true;
    }
}

/* State is carried over from a live version to another, if either has any. */
static bool has_state(const struct sim_world *world, const struct sim_host *host,
                      const struct sim_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct lockstep_digest *live =
            &host->loaded[sim_module_index(&set->items[i].module)].digest;
        enum sim_nature from = sim_nature(world, live);
        enum sim_nature to = sim_nature(world, &set->items[i].digest);
        if (sim_version(live) != 0 && sim_version(&set->items[i].digest) != 0 &&
            (from == SIM_STATEFUL || from == SIM_STUCK || to == SIM_STATEFUL || to == SIM_STUCK)) {
            return true;
        }
    }
    return false;
}

static void answer_map(struct sim_world *world, const struct sim_host *host, struct sim_set *set,
                       struct lockstep_work_result *result)
{
    if (!set->mapped && result->no == LOCKSTEP_NO_UNSPECIFIED) {
        result->no = refusal(host, set);
        set->stateful = set->drains || has_state(world, host, set);
    }
    if (!set->mapped && result->no != LOCKSTEP_NO_UNSPECIFIED) {
        *set = (struct sim_set){0};
        return;
    }
    result->no = LOCKSTEP_NO_UNSPECIFIED;
    result->stateful = set->stateful;
    set->mapped = true;
}

void sim_host_answer(struct sim_world *world, const struct sim_event *event,
                     struct lockstep_work_result *result)
{
    struct sim_host *host = &world->nodes[event->node].host;
    struct sim_set *set = find(host, &event->operation);
    if (set == NULL) {
        bool done = event->work != LOCKSTEP_WORK_MAP && published(host, &event->operation);
        result->no = done ? LOCKSTEP_NO_UNSPECIFIED : LOCKSTEP_NO_INTERNAL;
    } else if (event->work == LOCKSTEP_WORK_MAP) {
        answer_map(world, host, set, result);
    } else if (event->work == LOCKSTEP_WORK_MIGRATE) {
        set->closed_until = result->no == LOCKSTEP_NO_UNSPECIFIED ? world->now + SIM_DRAIN_MS : 0;
    } else if (set->stateful && world->now >= set->closed_until) {
        set->publishing = false;
        result->no = LOCKSTEP_NO_STATE;
    } else {
        publish(world, event->node, set);
    }
}
