#include "coordinator/driver_internal.h"
#include "coordinator/restored.h"
#include "coordinator/store_recover.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failing -------------------------------------------------------------------------------- */

void lockstep_driver_fail(struct lockstep_coordinator *coordinator,
                          const struct lockstep_error *why)
{
    if (coordinator->failed == LOCKSTEP_OK) {
        coordinator->failed = why->code == LOCKSTEP_OK ? LOCKSTEP_IO : why->code;
        coordinator->failure = *why;
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator", "stops: %s", why->message);
    }
    lockstep_loop_stop(coordinator->loop);
}

void lockstep_driver_miss(struct lockstep_coordinator *coordinator,
                          const struct lockstep_error *why)
{
    if (why->code == LOCKSTEP_LIMIT) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator", "not written: %s", why->message);
    } else {
        lockstep_driver_fail(coordinator, why);
    }
}

enum lockstep_err lockstep_coordinator_failure(const struct lockstep_coordinator *coordinator,
                                               struct lockstep_error *err)
{
    if (coordinator->failed != LOCKSTEP_OK && err != NULL) {
        *err = coordinator->failure;
    }
    return coordinator->failed;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void queue(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t length = 0;
    if (lockstep_wire_encode(coordinator->codec, wire, coordinator->frame, &length, &err) !=
        LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator", "cannot write %s: %s",
                     lockstep_message_name(wire->message.type), err.message);
        lockstep_link_close(session->link, "a message could not be written");
        return;
    }
    (void)lockstep_link_send(session->link, coordinator->frame, length);
}

void lockstep_driver_send(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    queue(session, wire);
    lockstep_link_hold(session->link, false); /* with it goes what was to wait for company */
}

void lockstep_driver_send_to(struct lockstep_coordinator *coordinator, uint32_t node,
                             const struct lockstep_wire *wire)
{
    if (coordinator->agents[node] != NULL) {
        lockstep_driver_send(coordinator->agents[node], wire);
    }
}

/* ---- nodes ---------------------------------------------------------------------------------- */

int64_t lockstep_driver_node(const struct lockstep_coordinator *coordinator, const char *name)
{
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (!coordinator->nodes[i].gone && strcmp(coordinator->nodes[i].name.text, name) == 0) {
            return i;
        }
    }
    return -1;
}

void lockstep_driver_add_node(struct lockstep_coordinator *coordinator,
                              const struct lockstep_node_row *row)
{
    struct lockstep_node *node;
    if (row->number >= LOCKSTEP_NODES_MAX) {
        return;
    }
    node = &coordinator->nodes[row->number];
    node->name = row->name;
    node->journal = row->journal;
    node->gone = row->gone;
    node->member = row->member && !row->gone;
    node->cordoned = row->cordoned;
    node->heard = lockstep_loop_now(coordinator->loop);
    coordinator->views[row->number].row = *row;
    lockstep_driver_note_key(coordinator, row->number);
    if (row->number >= coordinator->fleet.node_count) {
        coordinator->fleet.node_count = row->number + 1;
    }
}

/* ---- operations in memory ------------------------------------------------------------------- */

struct lockstep_running *lockstep_driver_running(struct lockstep_coordinator *coordinator,
                                                 const struct lockstep_operation *operation)
{
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (coordinator->running[i].operation == operation) {
            return &coordinator->running[i];
        }
    }
    return NULL;
}

static void forget(struct lockstep_coordinator *coordinator, struct lockstep_operation *operation)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
    if (running != NULL) {
        running->changed = true;
        lockstep_control_tell(coordinator); /* for the last time, from memory */
        free(running->record);
        memset(running, 0, sizeof(*running));
    }
    lockstep_driver_over(coordinator, operation);
}

void lockstep_driver_drop(struct lockstep_coordinator *coordinator,
                          struct lockstep_running *running)
{
    lockstep_fleet_refused(&coordinator->fleet, running->operation);
    (void)lockstep_operation_free(running->operation);
    free(running->record);
    memset(running, 0, sizeof(*running));
}

/* ---- what the core asks for ----------------------------------------------------------------- */

/* FINAL has time: it leaves with what is said next to the node, or in a moment. A node that has
 * gone on to the next operation has drawn the same conclusion by itself. */
static void send_final(struct lockstep_coordinator *coordinator, uint32_t node,
                       const struct lockstep_wire *wire)
{
    struct lockstep_session *session = coordinator->agents[node];
    if (session != NULL) {
        lockstep_link_hold(session->link, true);
        queue(session, wire);
        coordinator->finals_late = true;
        lockstep_driver_later(coordinator);
    }
}

static void send_due(struct lockstep_coordinator *coordinator, struct lockstep_operation *operation)
{
    const struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
    uint32_t cursor = 0;
    enum lockstep_due due;
    int64_t part;
    ASSERT(running != NULL);
    while ((part = lockstep_operation_next_due(operation, &cursor, &due)) >= 0) {
        struct lockstep_wire wire;
        lockstep_driver_ready_first(coordinator, operation->parts[part].node);
        memset(&wire, 0, sizeof(wire));
        lockstep_operation_message(operation, (uint32_t)part, due, &wire.message);
        if (due == LOCKSTEP_DUE_PREPARE) {
            wire.u.prepare.intent = (struct lockstep_blob){(const uint8_t *)running->record->intent,
                                                           running->record->intent_length};
            wire.u.prepare.signature = (struct lockstep_blob){running->record->signature,
                                                              LOCKSTEP_KEY_SIGNATURE};
            (void)lockstep_name_parse(running->record->signer, &wire.u.prepare.signer);
            wire.u.prepare.extra = running->record->extra;
            if (!lockstep_id_is_zero(&running->record->standing)) {
                lockstep_automatic_papers(coordinator, operation, &wire.u.prepare);
            }
        }
        if (due == LOCKSTEP_DUE_FINAL) {
            send_final(coordinator, operation->parts[part].node, &wire);
        } else {
            lockstep_driver_send_to(coordinator, operation->parts[part].node, &wire);
        }
    }
    if (operation->state == LOCKSTEP_OPERATION_COMMITTING) {
        LOCKSTEP_CRASH(COORDINATOR_AFTER_SEND_COMMIT);
    }
}

static void say(struct lockstep_coordinator *coordinator,
                const struct lockstep_fleet_action *action)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_OUTCOME};
    struct lockstep_decision *decision = &wire.message.u.decision;
    decision->operation = action->id;
    decision->epoch = coordinator->fleet.epoch;
    decision->sequence = coordinator->fleet.sequence;
    decision->outcome = action->outcome;
    lockstep_driver_ready_first(coordinator, action->node);
    lockstep_driver_send_to(coordinator, action->node, &wire);
}

/* What a lost journal may have decided is answered as if it still could be: nobody presumes. */
static bool is_in_doubt(struct lockstep_coordinator *coordinator, const struct lockstep_id *id)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool doubt = false;
    if (lockstep_store_in_doubt(coordinator->store, id, &doubt, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
        return true;
    }
    return doubt;
}

static void look_up(struct lockstep_coordinator *coordinator,
                    const struct lockstep_fleet_action *action)
{
    struct lockstep_fleet_actions *outer = coordinator->actions;
    struct lockstep_fleet_actions *inner = calloc(1, sizeof(*inner));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    ASSERT(inner != NULL);
    if (lockstep_store_operation_find(coordinator->store, &action->id, &row, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
    } else {
        row = row == LOCKSTEP_ROW_NONE && is_in_doubt(coordinator, &action->id) ? LOCKSTEP_ROW_OPEN
                                                                                : row;
        lockstep_fleet_found(&coordinator->fleet, action->node, &action->id, row, inner);
        for (uint32_t i = 0; i < inner->count; i++) {
            ASSERT(inner->list[i].type == LOCKSTEP_FLEET_SAY);
            say(coordinator, &inner->list[i]);
        }
    }
    free(inner);
    coordinator->actions = outer;
}

static void note_changed(struct lockstep_coordinator *coordinator,
                         const struct lockstep_operation *operation)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
    struct lockstep_operation *parent = lockstep_fleet_operation(&coordinator->fleet,
                                                                 &operation->parent);
    if (running != NULL) {
        running->changed = true;
    }
    running = parent == NULL ? NULL : lockstep_driver_running(coordinator, parent);
    if (running != NULL) {
        running->changed = true; /* who watches the parent wants to see it go back */
    }
}

static void close_silent(struct lockstep_coordinator *coordinator, uint32_t node)
{
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "node %s is silent: its link is closed",
                 coordinator->nodes[node].name.text);
    if (coordinator->agents[node] != NULL) {
        lockstep_link_close(coordinator->agents[node]->link, "silent for too long");
    }
}

static void say_isolation(const struct lockstep_coordinator *coordinator)
{
    if (lockstep_time_set(coordinator->fleet.isolated)) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator",
                     "many nodes fell silent at once: is it us? Operations are paused until more "
                     "than half are heard, or lockstep op resume --accept-loss");
    } else {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "the fleet is heard again, or let go of");
    }
}

static void act_one(struct lockstep_coordinator *coordinator,
                    const struct lockstep_fleet_action *action)
{
    switch (action->type) {
    case LOCKSTEP_FLEET_PERSIST:
    case LOCKSTEP_FLEET_COMPENSATE:
        lockstep_driver_persist(coordinator, action->operation, action->child);
        break;
    case LOCKSTEP_FLEET_PARTS:
        lockstep_driver_parts(coordinator, action->operation);
        break;
    case LOCKSTEP_FLEET_SEND:
        send_due(coordinator, action->operation);
        break;
    case LOCKSTEP_FLEET_SAY:
        say(coordinator, action);
        break;
    case LOCKSTEP_FLEET_LOOK_UP:
        look_up(coordinator, action);
        break;
    case LOCKSTEP_FLEET_READY:
        lockstep_driver_arrived(coordinator, action->node);
        break;
    case LOCKSTEP_FLEET_CLOSE:
        close_silent(coordinator, action->node);
        break;
    case LOCKSTEP_FLEET_CHANGED:
        note_changed(coordinator, action->operation);
        break;
    case LOCKSTEP_FLEET_ENDED:
        forget(coordinator, action->operation);
        break;
    case LOCKSTEP_FLEET_ISOLATION:
        say_isolation(coordinator);
        break;
    case LOCKSTEP_FLEET_ROLLBACK:
        if (coordinator->restoring != NULL) {
            coordinator->restoring->overtaken = true;
        }
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator",
                     "node %s knows more than this journal: it was restored from a backup. "
                     "Nothing is decided until it is recovered",
                     coordinator->nodes[action->node].name.text);
        break;
    }
}

static void act_list(struct lockstep_coordinator *coordinator)
{
    const struct lockstep_fleet_actions *actions = coordinator->actions;
    for (uint32_t i = 0; i < actions->count && coordinator->failed == LOCKSTEP_OK; i++) {
        act_one(coordinator, &actions->list[i]);
    }
}

void lockstep_driver_act_first(struct lockstep_coordinator *coordinator)
{
    act_list(coordinator);
    coordinator->actions->count = 0;
}

void lockstep_driver_arm(struct lockstep_coordinator *coordinator)
{
    lockstep_timer_arm(coordinator->loop, &coordinator->tick,
                       lockstep_time_earlier(lockstep_fleet_deadline(&coordinator->fleet),
                                             lockstep_control_wait_end(coordinator)));
}

/* The first of those whose row was written; an operation waits for one row at a time. */
static struct lockstep_operation *take_written(struct lockstep_coordinator *coordinator)
{
    struct lockstep_operation *first = coordinator->written[0];
    coordinator->written_count--;
    memmove(&coordinator->written[0], &coordinator->written[1],
            coordinator->written_count * sizeof(struct lockstep_operation *));
    return first;
}

/* Rows are written at once; their PERSISTED comes after everything that was asked for with them. */
void lockstep_driver_act(struct lockstep_coordinator *coordinator)
{
    act_list(coordinator);
    while (coordinator->written_count > 0 && coordinator->failed == LOCKSTEP_OK) {
        lockstep_fleet_persisted(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                                 take_written(coordinator), coordinator->actions);
        act_list(coordinator);
    }
    coordinator->written_count = 0;
    lockstep_control_tell(coordinator);
    lockstep_driver_arm(coordinator);
}

static void on_tick(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    lockstep_fleet_tick(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                        coordinator->actions);
    lockstep_driver_act(coordinator);
    lockstep_restored_look(coordinator);
    lockstep_control_wait_on(coordinator);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum lockstep_err listen_all(struct lockstep_coordinator *coordinator,
                                    struct lockstep_error *err)
{
    const struct lockstep_config_list *urls = &coordinator->config->listen;
    coordinator->listeners = calloc(urls->count, sizeof(*coordinator->listeners));
    if (coordinator->listeners == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for listeners");
    }
    for (size_t i = 0; i < urls->count; i++) {
        struct lockstep_listener_config config = {
            .url = urls->items[i],
            .own = coordinator->key->channel_secret,
            .cluster = lockstep_store_cluster(coordinator->store),
            .settings = &coordinator->config->settings,
            .events = lockstep_session_events(coordinator),
        };
        LOCKSTEP_TRY(
            lockstep_listener_new(coordinator->loop, &config, &coordinator->listeners[i], err));
        coordinator->listener_count++;
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err allocate(struct lockstep_coordinator *coordinator,
                                  struct lockstep_error *err)
{
    struct lockstep_fleet *fleet = &coordinator->fleet;
    /* Room for every node there may ever be: untouched pages cost nothing. */
    coordinator->nodes = calloc(LOCKSTEP_NODES_MAX, sizeof(*coordinator->nodes));
    coordinator->views = calloc(LOCKSTEP_NODES_MAX, sizeof(*coordinator->views));
    coordinator->agents = calloc(LOCKSTEP_NODES_MAX, sizeof(*coordinator->agents));
    coordinator->keys = lockstep_driver_keys_new();
    coordinator->arrivals = calloc(LOCKSTEP_NODES_MAX, sizeof(*coordinator->arrivals));
    coordinator->modules = calloc(LOCKSTEP_MODULES_MAX, sizeof(*coordinator->modules));
    coordinator->bundle = calloc(1, sizeof(*coordinator->bundle));
    coordinator->actions = calloc(1, sizeof(*coordinator->actions));
    coordinator->codec = lockstep_wire_codec_new();
    if (coordinator->nodes == NULL || coordinator->views == NULL || coordinator->agents == NULL ||
        coordinator->keys == NULL || coordinator->arrivals == NULL ||
        coordinator->modules == NULL || coordinator->bundle == NULL ||
        coordinator->actions == NULL || coordinator->codec == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the fleet");
    }
    fleet->nodes = coordinator->nodes;
    fleet->modules = coordinator->modules;
    fleet->module_max = LOCKSTEP_MODULES_MAX;
    return LOCKSTEP_OK;
}

static enum lockstep_err start(struct lockstep_coordinator *coordinator, struct lockstep_error *err)
{
    char path[4096];
    LOCKSTEP_TRY(allocate(coordinator, err));
    (void)snprintf(path, sizeof(path), "%s/artifacts", coordinator->config->data);
    LOCKSTEP_TRY(lockstep_artifacts_open(path, &coordinator->artifacts, err));
    LOCKSTEP_TRY(lockstep_automatic_begin(coordinator, err));
    LOCKSTEP_TRY(lockstep_driver_load(coordinator, err));
    lockstep_driver_collect(coordinator);
    LOCKSTEP_TRY(lockstep_coordinator_failure(coordinator, err));
    LOCKSTEP_TRY(listen_all(coordinator, err));
    LOCKSTEP_TRY(lockstep_notice_begin(coordinator, err));
    lockstep_timer_arm(coordinator->loop, &coordinator->tick,
                       lockstep_fleet_deadline(&coordinator->fleet));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_coordinator_new(struct lockstep_loop *loop,
                                           const struct lockstep_config_coordinator *config,
                                           const struct lockstep_key *key,
                                           struct lockstep_store *store,
                                           struct lockstep_coordinator **ret_coordinator,
                                           struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = calloc(1, sizeof(*coordinator));
    enum lockstep_err result;
    if (coordinator == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the coordinator");
    }
    coordinator->loop = loop;
    coordinator->config = config;
    coordinator->key = key;
    coordinator->store = store;
    coordinator->tick = (struct lockstep_timer){.due = on_tick, .context = coordinator};
    coordinator->parts = (struct lockstep_timer){.due = lockstep_driver_flush,
                                                 .context = coordinator};
    coordinator->collecting = (struct lockstep_timer){.due = lockstep_driver_collect,
                                                      .context = coordinator};
    coordinator->arriving = (struct lockstep_timer){.due = lockstep_driver_welcome_arrived,
                                                    .context = coordinator};
    coordinator->events = (struct lockstep_timer){.due = lockstep_control_events_due,
                                                  .context = coordinator};
    coordinator->automatic_timer = (struct lockstep_timer){.due = lockstep_automatic_look,
                                                           .context = coordinator};
    coordinator->notice = (struct lockstep_timer){.due = lockstep_notice, .context = coordinator};
    lockstep_store_events_keep(store, config->settings.events_kept);
    lockstep_store_events_hook(store, lockstep_control_events_came, coordinator);
    result = start(coordinator, err);
    if (result != LOCKSTEP_OK) {
        (void)lockstep_coordinator_free(coordinator);
        return result;
    }
    *ret_coordinator = coordinator;
    return LOCKSTEP_OK;
}

struct lockstep_coordinator *lockstep_coordinator_free(struct lockstep_coordinator *coordinator)
{
    if (coordinator == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < coordinator->listener_count; i++) {
        (void)lockstep_listener_free(coordinator->listeners[i]);
    }
    free(coordinator->listeners);
    lockstep_session_free_all(coordinator);
    lockstep_timer_disarm(coordinator->loop, &coordinator->tick);
    lockstep_timer_disarm(coordinator->loop, &coordinator->parts);
    lockstep_timer_disarm(coordinator->loop, &coordinator->arriving);
    coordinator->finals_late = false; /* the links are gone */
    lockstep_driver_flush(coordinator);
    lockstep_timer_disarm(coordinator->loop, &coordinator->collecting);
    lockstep_notice_end(coordinator);
    lockstep_restored_end(coordinator);
    lockstep_automatic_end(coordinator);
    lockstep_control_events_stop(coordinator);
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        (void)lockstep_operation_free(coordinator->running[i].operation);
        free(coordinator->running[i].record);
    }
    for (uint32_t i = 0; coordinator->views != NULL && i < coordinator->fleet.node_count; i++) {
        lockstep_node_view_deinit(&coordinator->views[i]);
    }
    (void)lockstep_artifacts_close(coordinator->artifacts);
    (void)lockstep_wire_codec_free(coordinator->codec);
    free(coordinator->nodes);
    free(coordinator->views);
    free(coordinator->agents);
    free(coordinator->keys);
    free(coordinator->arrivals);
    free(coordinator->modules);
    free(coordinator->bundle);
    free(coordinator->actions);
    free(coordinator);
    return NULL;
}

const char *lockstep_coordinator_url(const struct lockstep_coordinator *coordinator)
{
    return lockstep_listener_url(coordinator->listeners[0]);
}
