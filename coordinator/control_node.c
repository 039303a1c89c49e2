/* What operators do with a node: cordon it, take it from the fleet, ask whether it is
 * there. */
#include "coordinator/driver_internal.h"

#include "common/io/log.h"

#include <stdio.h>

/* ---- cordon --------------------------------------------------------------------------------- */

/* An operation that counts on the node is not pulled from under its feet. */
static void refuse_held(struct lockstep_session *session, uint64_t request, const char *node,
                        const struct lockstep_operation *operation)
{
    char id[LOCKSTEP_ID_TEXT];
    char next[64];
    lockstep_id_format(&operation->id, id);
    (void)snprintf(next, sizeof(next), "lockstep op watch op-%.8s", id);
    lockstep_control_refuse(
        session, request, LOCKSTEP_WHY(5, "HELD", next),
        "op-%.8s has %s in its roster and is not decided yet; when it is, the node "
        "can be cordoned",
        id, node);
}

void lockstep_control_cordon(struct lockstep_session *session,
                             const struct lockstep_wire_node_cordon *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const char *what = message->lift ? "uncordoned" : "cordoned";
    struct lockstep_audit audit = {.who = session->who,
                                   .what = message->lift ? "node.uncordon" : "node.cordon",
                                   .subject = message->node.text,
                                   .detail = message->message};
    const struct lockstep_operation *holder;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t node = 0;
    if (lockstep_control_node(coordinator, message->node.text, &node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    if (coordinator->nodes[node].cordoned != message->lift) {
        lockstep_control_done(session, message->request, what, message->node.text,
                              message->lift ? "it was not cordoned" : "it was cordoned");
        return;
    }
    holder = message->lift ? NULL : lockstep_fleet_undecided(&coordinator->fleet, node);
    if (holder != NULL) {
        refuse_held(session, message->request, message->node.text, holder);
        return;
    }
    if (lockstep_store_node_cordon(coordinator->store, node, !message->lift, &audit, &err) !=
        LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    coordinator->views[node].row.cordoned = !message->lift;
    lockstep_fleet_cordon(&coordinator->fleet, lockstep_loop_now(coordinator->loop), node,
                          !message->lift, coordinator->actions);
    lockstep_driver_act(coordinator);
    lockstep_control_done(session, message->request, what, message->node.text, "");
    lockstep_control_wait_on(coordinator);
}

/* ---- leaving the fleet ---------------------------------------------------------------------- */

void lockstep_control_cut(struct lockstep_coordinator *coordinator, uint32_t node, const char *why)
{
    struct lockstep_session *agent = coordinator->agents[node];
    struct lockstep_node_view *view = &coordinator->views[node];
    if (agent != NULL) {
        lockstep_control_calls_forget(agent);
        lockstep_agents_fetch_end(agent);
        agent->agent = false; /* its end is not the node's */
        coordinator->agents[node] = NULL;
        lockstep_link_close(agent->link, why);
    }
    view->live_count = 0;
    view->module_count = 0;
    view->report_begun = false;
}

static bool may_remove(struct lockstep_session *session,
                       const struct lockstep_wire_node_remove *message, uint32_t node)
{
    char next[LOCKSTEP_NAME_MAX + 64];
    if (message->revoke || session->coordinator->agents[node] == NULL) {
        return true;
    }
    (void)snprintf(next, sizeof(next), "lockstep node revoke %s -m WHY", message->node.text);
    lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(4, "CONNECTED", next),
                            "node %s is connected: stop its agent first; or revoke it, and its key "
                            "with it",
                            message->node.text);
    return false;
}

void lockstep_control_remove(struct lockstep_session *session,
                             const struct lockstep_wire_node_remove *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const char *what = message->revoke ? "revoked" : "removed";
    struct lockstep_audit audit = {.who = session->who,
                                   .what = message->revoke ? "node.revoke" : "node.remove",
                                   .subject = message->node.text,
                                   .detail = message->message};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char why[LOCKSTEP_STORE_WHO + 16];
    uint32_t node = 0;
    if (lockstep_control_node(coordinator, message->node.text, &node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    if (!may_remove(session, message, node)) {
        return;
    }
    if (lockstep_store_node_forget(coordinator->store, node, message->revoke, lockstep_unix_ms(),
                                   &audit, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    (void)snprintf(why, sizeof(why), "%s by %s", what, session->who);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "node %s is %s", message->node.text, why);
    coordinator->views[node].row.gone = true;
    coordinator->views[node].row.revoked = message->revoke;
    coordinator->views[node].row.member = false;
    coordinator->views[node].row.cordoned = false;
    coordinator->views[node].row.waiting.since_unix_ms = 0;
    lockstep_control_cut(coordinator, node, why);
    lockstep_fleet_forget(&coordinator->fleet, lockstep_loop_now(coordinator->loop), node, why,
                          coordinator->actions);
    lockstep_driver_act(coordinator);
    lockstep_control_done(session, message->request, what, message->node.text, "");
    lockstep_control_wait_on(coordinator);
}

/* ---- a sign of life ------------------------------------------------------------------------- */

/* It is answered when the PONG is here; how long is waited for that is the person's business. */
void lockstep_control_ping(struct lockstep_session *session,
                           const struct lockstep_wire_node_ping *message)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PING};
    struct lockstep_calling *call = lockstep_control_call(session, message->request,
                                                          message->node.text);
    if (call == NULL) {
        return;
    }
    call->asked_us = lockstep_monotonic_us();
    wire.u.ping.request = call->ticket;
    lockstep_driver_send_to(session->coordinator, call->node, &wire);
}

void lockstep_control_pong(struct lockstep_session *agent, uint64_t request)
{
    struct lockstep_coordinator *coordinator = agent->coordinator;
    for (size_t i = 0; i < LOCKSTEP_CALLS_MAX; i++) {
        struct lockstep_calling *call = &coordinator->calls[i];
        if (call->ticket == 0 || call->ticket != request || call->node != agent->node ||
            call->asked_us == 0) {
            continue;
        }
        call->ticket = 0;
        lockstep_control_answer(call->person, call->request,
                                json_pack("{s:s, s:s, s:I}", "schema", "lockstep/ping/v1", "node",
                                          coordinator->nodes[call->node].name.text, "round_trip_us",
                                          (json_int_t)(lockstep_monotonic_us() - call->asked_us)),
                                true);
        return;
    }
}
