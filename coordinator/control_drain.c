/* MODULE_DRAIN: modules are shut on nodes, or opened again. Asked of every node at once; answered
 * when each has said what became of it, with a row for each. Nothing of it is kept here: a node's
 * host and agent know what is shut, and report it. */
#include "common/base/cleanup.h"
#include "coordinator/driver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget(struct lockstep_draining *draining)
{
    json_decref(draining->rows);
    free(draining->waits);
    *draining = (struct lockstep_draining){0};
}

/* A row stands where its node does, whenever it is answered. */
static void set_row(struct lockstep_draining *draining, uint32_t node, bool ok, const char *text)
{
    const struct lockstep_coordinator *coordinator = draining->person->coordinator;
    const char *name = coordinator->nodes[node].name.text;
    draining->done += ok ? 1 : 0;
    draining->total++;
    (void)json_array_set_new(
        draining->rows, node,
        json_pack("{s:s, s:b, s:s}", "node", name, "ok", ok ? 1 : 0, "text", text));
}

/* Takes out the places of nodes that were not meant. */
static void close_up(json_t *rows)
{
    for (size_t i = json_array_size(rows); i > 0; i--) {
        if (json_is_null(json_array_get(rows, i - 1))) {
            (void)json_array_remove(rows, i - 1);
        }
    }
}

static void answer(struct lockstep_draining *draining)
{
    size_t total = draining->total;
    const char *what = draining->resume ? "resumed" : "drained";
    char text[LOCKSTEP_TEXT_MAX + 1];
    close_up(draining->rows);
    (void)snprintf(text, sizeof(text), "%s on %zu of %zu node%s", what, draining->done, total,
                   total == 1 ? "" : "s");
    lockstep_control_answer(
        draining->person, draining->request,
        json_pack("{s:s, s:s, s:s?, s:b, s:i, s:i, s:s, s:O}", "schema", "lockstep/drain/v1",
                  "what", what, "module", draining->module[0] == '\0' ? NULL : draining->module,
                  "refuse", draining->refuse ? 1 : 0, "done", (int)draining->done, "total",
                  (int)total, "text", text, "nodes", draining->rows),
        true);
    forget(draining);
}

/* One thing less is waited for. */
static void close_one(struct lockstep_draining *draining)
{
    draining->open--;
    if (draining->open == 0) {
        answer(draining);
    }
}

/* NODE has said what became of it, or never will. */
static void settle(struct lockstep_draining *draining, uint32_t node, bool ok, const char *text)
{
    draining->waits[node] = false;
    set_row(draining, node, ok, text);
    close_one(draining);
}

/* Who joined later is not meant. */
static bool is_awaited(const struct lockstep_draining *draining, uint32_t node)
{
    return draining->ticket != 0 && node < draining->node_count && draining->waits[node];
}

void lockstep_control_drains_forget(const struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    for (size_t i = 0; i < LOCKSTEP_DRAININGS_MAX; i++) {
        struct lockstep_draining *draining = &coordinator->drainings[i];
        if (draining->ticket != 0 && draining->person == session) {
            forget(draining);
        } else if (session->agent && is_awaited(draining, session->node)) {
            settle(draining, session->node, false,
                   "the node went away; what has become of it is not known");
        }
    }
}

void lockstep_control_drained_answer(struct lockstep_session *agent,
                                     const struct lockstep_wire_drained *message)
{
    struct lockstep_coordinator *coordinator = agent->coordinator;
    for (size_t i = 0; i < LOCKSTEP_DRAININGS_MAX; i++) {
        struct lockstep_draining *draining = &coordinator->drainings[i];
        if (draining->ticket == message->request && is_awaited(draining, agent->node)) {
            settle(draining, agent->node, message->ok, message->text);
            return;
        }
    }
}

static struct lockstep_draining *begin(struct lockstep_session *session,
                                       const struct lockstep_wire_module_drain *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    for (size_t i = 0; i < LOCKSTEP_DRAININGS_MAX; i++) {
        struct lockstep_draining *draining = &coordinator->drainings[i];
        if (draining->ticket != 0) {
            continue;
        }
        *draining = (struct lockstep_draining){
            .ticket = ++coordinator->call_tickets,
            .request = message->request,
            .person = session,
            .resume = message->resume,
            .refuse = message->refuse,
            .open = 1, /* until all are asked: a link may end while one is */
            .rows = json_array(),
            .node_count = coordinator->fleet.node_count,
            .waits = calloc(coordinator->fleet.node_count, sizeof(bool))};
        (void)snprintf(draining->module, sizeof(draining->module), "%s", message->module);
        for (uint32_t j = 0; j < draining->node_count; j++) {
            (void)json_array_append_new(draining->rows, json_null());
        }
        if (draining->rows != NULL && draining->waits != NULL) {
            return draining;
        }
        forget(draining);
    }
    return NULL;
}

static bool runs(const struct lockstep_node_view *view, const char *module)
{
    for (uint32_t i = 0; i < view->module_count; i++) {
        if (!lockstep_digest_is_zero(&view->modules[i].digest) &&
            (module[0] == '\0' || strcmp(view->modules[i].module.text, module) == 0)) {
            return true;
        }
    }
    return false;
}

/* Which nodes are meant: those that are named, or of those that the selector takes the ones that
 * run it. False: there is none, and *err says so. */
static enum lockstep_err choose(struct lockstep_coordinator *coordinator,
                                const struct lockstep_wire_module_drain *message, bool *selected,
                                struct lockstep_error *err)
{
    uint32_t count = 0;
    struct lockstep_name module;
    bool known = message->module[0] == '\0'; /* all of a node */
    LOCKSTEP_TRY(lockstep_control_select(coordinator, message->selector, message->nodes,
                                         message->node_count, selected, err));
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        bool here = runs(&coordinator->views[i], message->module);
        known = known || here;
        selected[i] = selected[i] && (message->node_count > 0 || here);
        count += selected[i] ? 1 : 0;
    }
    if (!known && lockstep_name_parse(message->module, &module)) {
        LOCKSTEP_TRY(lockstep_control_module(coordinator, &module, err));
    }
    return count > 0 ? LOCKSTEP_OK
                     : LOCKSTEP_FAIL(err, INVALID, "no node that is meant runs module '%s'",
                                     message->module);
}

static void ask(struct lockstep_draining *draining,
                const struct lockstep_wire_module_drain *message, uint32_t node)
{
    struct lockstep_coordinator *coordinator = draining->person->coordinator;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_DRAIN};
    if (coordinator->agents[node] == NULL) {
        set_row(draining, node, false, "the node is away");
        return;
    }
    if (!runs(&coordinator->views[node], message->module)) {
        set_row(draining, node, false, "it does not run there");
        return;
    }
    wire.u.drain.request = draining->ticket;
    wire.u.drain.module = message->module;
    wire.u.drain.resume = message->resume;
    wire.u.drain.refuse = message->refuse;
    wire.u.drain.drain_ms = message->drain_ms;
    draining->waits[node] = true;
    draining->open++;
    lockstep_driver_send_to(coordinator, node, &wire);
}

/* "on n1: WHY", or "on 3 nodes". */
static void describe(const struct lockstep_coordinator *coordinator, const bool *selected,
                     const char *why, char *ret_text, size_t size)
{
    const char *last = "";
    uint32_t count = 0;
    char where[LOCKSTEP_NAME_MAX + 1];
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        last = selected[i] ? coordinator->nodes[i].name.text : last;
        count += selected[i] ? 1 : 0;
    }
    if (count == 1) {
        (void)snprintf(where, sizeof(where), "%s", last);
    } else {
        (void)snprintf(where, sizeof(where), "%u nodes", count);
    }
    (void)snprintf(ret_text, size, "on %s%s%s", where, why[0] == '\0' ? "" : ": ", why);
}

static bool audit_it(struct lockstep_session *session,
                     const struct lockstep_wire_module_drain *message, const bool *selected)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char detail[LOCKSTEP_NAME_MAX + LOCKSTEP_TEXT_MAX + 32];
    bool whole = message->module[0] == '\0';
    const char *node = message->node_count == 0 ? "" : message->nodes[0].text;
    struct lockstep_audit audit = {
        .who = session->who, .subject = whole ? node : message->module, .detail = detail};
    describe(session->coordinator, selected, message->message, detail, sizeof(detail));
    if (whole) {
        audit.what = message->resume ? "node.resume" : "node.drain";
    } else {
        audit.what = message->resume ? "module.resume" : "module.drain";
    }
    if (lockstep_store_audit(session->coordinator->store, &audit, &err) == LOCKSTEP_OK) {
        return true;
    }
    lockstep_control_refuse_error(session, message->request, &err);
    return false;
}

void lockstep_control_module_drain(struct lockstep_session *session,
                                   const struct lockstep_wire_module_drain *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    LOCKSTEP_FREE bool *selected = calloc(coordinator->fleet.node_count + 1, sizeof(*selected));
    struct lockstep_draining *draining;
    if (message->module[0] == '\0' && message->node_count != 1) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(2, "usage", ""),
                                "all modules are drained of one node at a time");
        return;
    }
    if (selected == NULL) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(1, "internal", ""),
                                "no memory for a drain");
        return;
    }
    if (choose(coordinator, message, selected, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    draining = begin(session, message);
    if (draining == NULL) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(4, "limit", ""),
                                "too many drains are under way");
        return;
    }
    if (!audit_it(session, message, selected)) {
        forget(draining);
        return;
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (selected[i]) {
            ask(draining, message, i);
        }
    }
    close_one(draining);
}

bool lockstep_control_is_drained(const struct lockstep_coordinator *coordinator, uint32_t node)
{
    const struct lockstep_node_view *view = &coordinator->views[node];
    for (uint32_t i = 0; i < view->module_count; i++) {
        if (view->modules[i].gate == LOCKSTEP_GATE_DRAINING ||
            view->modules[i].gate == LOCKSTEP_GATE_DRAINED) {
            return true;
        }
    }
    return false;
}
