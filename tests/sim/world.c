#include "tests/sim/check.h"
#include "tests/sim/faults.h"
#include "tests/sim/host.h"

#include "common/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lockstep_time sim_now(const struct sim_world *world)
{
    return (struct lockstep_time){world->now};
}

struct lockstep_time sim_node_now(const struct sim_world *world, uint32_t node)
{
    return (struct lockstep_time){world->now + world->nodes[node].ahead};
}

bool sim_chance(struct sim_world *world, uint32_t percent)
{
    return lockstep_rng_chance(&world->rng, percent, 100);
}

uint64_t sim_between(struct sim_world *world, uint64_t least, uint64_t most)
{
    return least + lockstep_rng_below(&world->rng, most - least + 1);
}

void sim_note(struct sim_world *world, const char *format, ...)
{
    char text[256];
    va_list args;
    if (!world->noted) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (const char *c = text; *c != '\0'; c++) {
        world->hash = (world->hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    world->hash ^= world->now;
    if (world->trace) {
        printf("%7llu %s\n", (unsigned long long)world->now, text);
    }
}

void sim_fail(struct sim_world *world, const char *format, ...)
{
    va_list args;
    if (world->failure[0] != '\0') {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(world->failure, sizeof(world->failure), format, args);
    va_end(args);
    sim_note(world, "FAILURE %s", world->failure);
}

/* ---- names and versions --------------------------------------------------------------------- */

struct lockstep_name sim_module(uint32_t index)
{
    struct lockstep_name name = {{0}};
    (void)snprintf(name.text, sizeof(name.text), "m%u", index);
    return name;
}

uint32_t sim_module_index(const struct lockstep_name *name)
{
    return (uint32_t)(name->text[1] - '0');
}

struct lockstep_digest sim_digest(uint32_t module, uint32_t version)
{
    struct lockstep_digest digest = {{0}};
    if (version > 0) {
        digest.bytes[0] = (uint8_t)(module + 1);
        digest.bytes[1] = (uint8_t)(version >> 8);
        digest.bytes[2] = (uint8_t)version;
    }
    return digest;
}

struct lockstep_digest sim_first(uint32_t module)
{
    return sim_digest(module, module < SIM_FRESH ? 1 : 0);
}

uint32_t sim_version(const struct lockstep_digest *digest)
{
    return (uint32_t)digest->bytes[1] << 8 | digest->bytes[2];
}

bool sim_is_called(const struct lockstep_digest *digest)
{
    return sim_version(digest) % 4 != 0;
}

enum sim_nature sim_nature(const struct sim_world *world, const struct lockstep_digest *digest)
{
    static const uint8_t natures[] = {SIM_GOOD, SIM_GOOD,   SIM_GOOD,    SIM_STATEFUL, SIM_STATEFUL,
                                      SIM_SHY,  SIM_BROKEN, SIM_FRAGILE, SIM_STUCK,    SIM_SICK};
    uint64_t mix = (world->seed + 1) * UINT64_C(0x9e3779b97f4a7c15) +
                   (uint64_t)digest->bytes[0] * 77 + sim_version(digest) * UINT64_C(0x85ebca6b);
    mix ^= mix >> 29;
    mix *= UINT64_C(0xbf58476d1ce4e5b9);
    if (sim_version(digest) <= 1) {
        return SIM_GOOD; /* what the fleet began with */
    }
    return (enum sim_nature)natures[(mix >> 33) % LOCKSTEP_COUNT(natures)];
}

/* ---- events --------------------------------------------------------------------------------- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event keep = *a;
    *a = *b;
    *b = keep;
}

void sim_schedule(struct sim_world *world, uint64_t delay_ms, const struct sim_event *event)
{
    uint32_t i = world->heap_count;
    if (i == world->heap_max) {
        uint32_t bigger = world->heap_max * 2;
        struct sim_event *heap = realloc(world->heap, bigger * sizeof(*heap));
        if (heap == NULL) {
            abort();
        }
        world->heap = heap;
        world->heap_max = bigger;
    }
    world->heap_count++;
    world->heap[i] = *event;
    world->heap[i].at = world->now + delay_ms;
    world->heap[i].order = world->order++;
    while (i > 0 && earlier(&world->heap[i], &world->heap[(i - 1) / 2])) {
        swap(&world->heap[i], &world->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static struct sim_event take_first(struct sim_world *world)
{
    struct sim_event first = world->heap[0];
    uint32_t i = 0;
    world->heap[0] = world->heap[--world->heap_count];
    for (;;) {
        uint32_t least = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
            if (child < world->heap_count && earlier(&world->heap[child], &world->heap[least])) {
                least = child;
            }
        }
        if (least == i) {
            return first;
        }
        swap(&world->heap[i], &world->heap[least]);
        i = least;
    }
}

/* ---- network -------------------------------------------------------------------------------- */

/* Of a sign of life there is nothing but its type. */
static struct lockstep_message *copy_of(const struct lockstep_message *message)
{
    bool empty = message->type == LOCKSTEP_MESSAGE_HEARTBEAT;
    size_t size = empty ? offsetof(struct lockstep_message, u) : sizeof(*message);
    struct lockstep_message *copy = malloc(size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, message, size);
    return copy;
}

static void deliver_later(struct sim_world *world, uint32_t node, bool to_node,
                          const struct lockstep_message *message)
{
    uint64_t told = world->nodes[node].told;
    uint64_t delay = world->calm             ? sim_between(world, 1, 5)
                     : sim_chance(world, 90) ? sim_between(world, 1, 20)
                                             : sim_between(world, 20, 600);
    bool slow = world->nodes[node].slow > world->now;
    struct sim_event event = {.type = SIM_DELIVER,
                              .node = node,
                              .session = world->nodes[node].session,
                              .incarnation = to_node ? 1 : 0,
                              .message = copy_of(message)};
    delay += slow ? sim_between(world, 50, 900) : 0;
    if (to_node && world->now + delay < told) {
        delay = told - world->now;
    }
    sim_schedule(world, delay, &event);
}

void sim_send(struct sim_world *world, uint32_t node, bool to_node,
              const struct lockstep_message *message)
{
    bool opening = message->type == LOCKSTEP_MESSAGE_WELCOME ||
                   message->type == LOCKSTEP_MESSAGE_STATE ||
                   message->type == LOCKSTEP_MESSAGE_READY;
    if (!world->nodes[node].linked) {
        return;
    }
    if (!world->calm && sim_is_lost(world, node, to_node)) {
        sim_note(world, "lost %s %c%u", lockstep_message_name(message->type), to_node ? '>' : '<',
                 node);
        if (opening) {
            sim_break_link(world, node); /* a session that cannot begin is torn down */
        }
        return;
    }
    if (!world->calm && sim_chance(world, 1) && sim_chance(world, 30)) {
        sim_note(world, "%s %c%u arrives with a bit flipped", lockstep_message_name(message->type),
                 to_node ? '>' : '<', node);
        sim_break_link(world, node); /* its seal is broken, and that ends the session */
        return;
    }
    deliver_later(world, node, to_node, message);
    if (!world->calm && !opening && sim_chance(world, 3)) {
        deliver_later(world, node, to_node, message);
    }
}

void sim_break_link(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (!row->linked) {
        return;
    }
    sim_note(world, "link of n%u breaks", node);
    row->linked = false;
    row->session++;
    row->told = 0;
    if (row->running) {
        lockstep_agent_link_down(&row->core);
    }
    if (world->coordinator.running) {
        lockstep_fleet_link_down(&world->coordinator.fleet, sim_now(world), node);
    }
    sim_schedule(world, sim_between(world, 20, 300),
                 &(struct sim_event){.type = SIM_LINK, .node = node});
}

static void try_link(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (row->linked || world->coordinator.nodes[node].gone) {
        return; /* who has left the fleet is not let in again */
    }
    if (!row->running || !world->coordinator.running || row->cut > world->now ||
        sim_is_paused(world, node) || sim_is_paused(world, SIM_NODES)) {
        sim_schedule(world, sim_between(world, 50, 300),
                     &(struct sim_event){.type = SIM_LINK, .node = node});
        return;
    }
    row->linked = true;
    sim_note(world, "link of n%u stands", node);
    sim_link_stands(world, node);
    sim_coordinator_link(world, node);
}

/* What a message says beside its name; *ret_operation is what it is about, or NULL. */
static const char *gist(const struct lockstep_message *message,
                        const struct lockstep_id **ret_operation)
{
    *ret_operation = NULL;
    switch ((unsigned)message->type) {
    case LOCKSTEP_MESSAGE_PREPARE:
        *ret_operation = &message->u.prepare.operation;
        return "";
    case LOCKSTEP_MESSAGE_VOTE:
        *ret_operation = &message->u.vote.operation;
        return message->u.vote.yes ? "YES" : lockstep_no_name(message->u.vote.no);
    case LOCKSTEP_MESSAGE_QUERY:
        *ret_operation = &message->u.query.operation;
        return "";
    case LOCKSTEP_MESSAGE_DECISION:
    case LOCKSTEP_MESSAGE_OUTCOME:
    case LOCKSTEP_MESSAGE_FINAL:
        *ret_operation = &message->u.decision.operation;
        return lockstep_outcome_text(message->u.decision.outcome);
    case LOCKSTEP_MESSAGE_ACK:
        *ret_operation = &message->u.ack.operation;
        return lockstep_applied_text(message->u.ack.applied);
    default:
        return "";
    }
}

static void note_message(struct sim_world *world, uint32_t node, bool to_node,
                         const struct lockstep_message *message)
{
    const struct lockstep_id *operation;
    const char *text = gist(message, &operation);
    char about[16] = "";
    if (operation != NULL) {
        (void)snprintf(about, sizeof(about), "op %02x ", operation->bytes[0]);
    }
    sim_note(world, "%s %c n%u %s%s", lockstep_message_name(message->type), to_node ? '>' : '<',
             node, about, text);
}

static void deliver(struct sim_world *world, struct sim_event *event)
{
    struct sim_node *row = &world->nodes[event->node];
    bool to_node = event->incarnation == 1;
    if (row->linked && row->session == event->session) {
        world->delivered++;
        note_message(world, event->node, to_node, event->message);
        if (to_node && row->running) {
            sim_node_receive(world, event->node, event->message);
        } else if (!to_node && world->coordinator.running) {
            sim_coordinator_receive(world, event->node, event->message);
        }
    }
    free(event->message);
}

/* ---- running -------------------------------------------------------------------------------- */

static void dispatch(struct sim_world *world, struct sim_event *event)
{
    if (sim_is_postponed(world, event)) {
        return;
    }
    switch (event->type) {
    case SIM_DELIVER:
        deliver(world, event);
        break;
    case SIM_WRITTEN:
    case SIM_COORDINATOR_KILL:
        sim_coordinator_event(world, event);
        break;
    case SIM_NODE_WRITTEN:
    case SIM_NODE_KILL:
    case SIM_WORKED:
    case SIM_HOST_UP:
    case SIM_HOST_CRASH:
    case SIM_CHECK_FAILED:
    case SIM_HEARTBEAT:
        sim_node_event(world, event);
        break;
    case SIM_QUARANTINE:
        if (world->nodes[event->node].linked &&
            world->nodes[event->node].session == event->session) {
            sim_node_quarantine(world, event->node, event->count);
        }
        break;
    case SIM_LINK:
        try_link(world, event->node);
        break;
    case SIM_AGENT_START:
        sim_node_start(world, event->node);
        break;
    case SIM_COORDINATOR_START:
        sim_coordinator_start(world);
        break;
    case SIM_FAULT:
        if (!world->calm) {
            sim_fault(world);
        }
        break;
    case SIM_CUT:
        if (world->nodes[event->node].session == event->session) {
            sim_break_link(world, event->node);
        }
        break;
    case SIM_OPERATOR:
        sim_operator(world);
        sim_schedule(world, sim_between(world, 100, 1500),
                     &(struct sim_event){.type = SIM_OPERATOR});
        break;
    case SIM_LOOK:
        if (world->coordinator.running && sim_may_ask(world)) {
            sim_look(world);
        }
        sim_schedule(world, sim_between(world, 50, 200), &(struct sim_event){.type = SIM_LOOK});
        break;
    case SIM_CALM:
        if (world->submitted < SIM_ASKED && world->now < SIM_CHAOS_LAST) {
            sim_schedule(world, 500, event);
            break;
        }
        sim_heal(world);
        world->end = world->now + SIM_CALM_MS;
        break;
    }
}

/* Deadlines are looked at so often. */
#define STRIDE_MS 25

static void tick_everybody(struct sim_world *world)
{
    if (world->coordinator.running && !sim_is_paused(world, SIM_NODES)) {
        sim_coordinator_tick(world);
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i].running && !sim_is_paused(world, i)) {
            sim_node_tick(world, i);
        }
    }
}

bool sim_world_run(struct sim_world *world)
{
    uint64_t next = world->now + STRIDE_MS;
    sim_schedule(world, SIM_CHAOS_MS, &(struct sim_event){.type = SIM_CALM});
    sim_schedule(world, 500, &(struct sim_event){.type = SIM_FAULT});
    sim_schedule(world, 300, &(struct sim_event){.type = SIM_OPERATOR});
    while (world->now < world->end && world->failure[0] == '\0') {
        if (world->heap_count > 0 && world->heap[0].at <= next) {
            struct sim_event event = take_first(world);
            world->now = event.at;
            dispatch(world, &event);
        } else {
            world->now = next;
            next += STRIDE_MS;
            tick_everybody(world);
        }
    }
    if (world->failure[0] == '\0') {
        sim_check_rest(world);
    }
    return world->failure[0] == '\0';
}

static void set_short_times(struct lockstep_defaults *settings)
{
    lockstep_defaults_init(settings);
    settings->heartbeat = 200;
    settings->fetch = 1000;
    settings->prepare = 800;
    settings->commit_deadline = 1500;
    settings->flap_limit = 3;
    settings->flap_window = 4000;
    settings->catch_up = 2;
    settings->catch_up_first = 150;
    settings->catch_up_last = 1000;
    settings->decision_resend_first = 100;
    settings->decision_resend_last = 1000;
    settings->query_first = 200;
    settings->query_last = 2000;
    settings->in_doubt_alarm = 3000;
    settings->rollback_window = 1500;
    settings->crash_loop_window = 3000;
    settings->host_restart_first = 20;
    settings->host_restart_last = 500;
    settings->operation_deadline = 20000;
}

void sim_world_begin(struct sim_world *world, uint64_t seed, bool noted, bool trace)
{
    world->seed = seed;
    world->noted = noted || trace;
    world->trace = trace;
    world->now = 1000;
    world->end = UINT64_MAX;
    world->heap_max = 1024;
    world->heap = calloc(world->heap_max, sizeof(*world->heap));
    if (world->heap == NULL) {
        abort();
    }
    lockstep_rng_init(&world->rng, seed);
    set_short_times(&world->settings);
    world->node_count = sim_chance(world, 2) ? (uint32_t)sim_between(world, 20, SIM_NODES)
                                             : (uint32_t)sim_between(world, 1, 7);
    world->next_version = 2;
    world->flapper = SIM_NODES;
    if (sim_chance(world, 20)) {
        sim_schedule(world, 1000, &(struct sim_event){.type = SIM_LOOK});
        world->flapper = sim_chance(world, 50)
                             ? (uint32_t)sim_between(world, 0, world->node_count - 1)
                             : SIM_NODES;
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        sim_node_init(world, i);
    }
    sim_coordinator_start(world);
    for (uint32_t i = 0; i < world->node_count; i++) {
        sim_node_start(world, i);
    }
}

/* A world is large, and a history uses little of it. */
static void clear(struct sim_world *world)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    uint32_t records = coordinator->record_count;
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_node *row = &world->nodes[i];
        sim_disk_clear(&row->disk);
        memset(row, 0, offsetof(struct sim_node, disk));
        memset(&row->write_count, 0, sizeof(*row) - offsetof(struct sim_node, write_count));
    }
    memset(coordinator->records, 0, records * sizeof(coordinator->records[0]));
    memset(coordinator, 0, offsetof(struct sim_coordinator, records));
    memset(&coordinator->desired, 0,
           sizeof(*coordinator) - offsetof(struct sim_coordinator, desired));
    memset(world, 0, offsetof(struct sim_world, coordinator));
    memset(&world->flapper, 0, sizeof(*world) - offsetof(struct sim_world, flapper));
}

void sim_world_end(struct sim_world *world)
{
    sim_coordinator_kill(world);
    for (uint32_t i = 0; i < world->heap_count; i++) {
        free(world->heap[i].message);
    }
    free(world->heap);
    clear(world);
}
