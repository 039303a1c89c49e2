/* What operators do with a node: cordon it. */
#include "coordinator/driver_internal.h"

#include <stdio.h>

/* What became of it. */
static json_t *done(const char *what, const char *name, const char *text)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "schema", "lockstep/done/v1", "what", what, "name",
                     name, "text", text);
}

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
        lockstep_control_answer(session, message->request,
                                done(what, message->node.text,
                                     message->lift ? "it was not cordoned" : "it was cordoned"),
                                true);
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
    lockstep_control_answer(session, message->request, done(what, message->node.text, ""), true);
    lockstep_control_wait_on(coordinator);
}
