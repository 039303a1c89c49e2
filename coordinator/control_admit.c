/* A key waits for a node's place: a security-admin decides. */
#include "coordinator/owe.h"

#include "common/io/log.h"

#include <stdio.h>
#include <string.h>

#define KEY_TEXT  (2 * LOCKSTEP_KEY_BYTES + 1)
#define KEY_LEAST 6 /* digits that name a key */

/* True if a key waits for the node, and it is the one that is meant; else it has been said why not.
 */
static bool may_decide(struct lockstep_session *session,
                       const struct lockstep_wire_node_admit *message,
                       const struct lockstep_waiting_key *waiting)
{
    size_t length = strlen(message->key);
    char key[KEY_TEXT];
    char next[LOCKSTEP_NAME_MAX + 32];
    (void)snprintf(next, sizeof(next), "lockstep node show %s", message->node.text);
    lockstep_hex_format(waiting->key, sizeof(waiting->key), key);
    if (waiting->since_unix_ms == 0) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(4, "not-waiting", next),
                                "no key waits for the place of node %s", message->node.text);
        return false;
    }
    if (length > 0 && length < KEY_LEAST) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(2, "key", next),
                                "which key? Give %d digits of it or more", KEY_LEAST);
        return false;
    }
    if (strncmp(key, message->key, length) != 0) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(5, "other-key", next),
                                "another key waits for the place of node %s: %.16s",
                                message->node.text, key);
        return false;
    }
    return true;
}

static enum lockstep_err write(struct lockstep_session *session,
                               const struct lockstep_wire_node_admit *message, uint32_t node,
                               struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_node_row *row = &coordinator->views[node].row;
    char key[KEY_TEXT];
    char before[KEY_TEXT];
    char detail[LOCKSTEP_TEXT_MAX + 80];
    const struct lockstep_audit audit = {.who = session->who,
                                         .what = message->refuse ? "node.refuse" : "node.admit",
                                         .subject = message->node.text,
                                         .detail = detail};
    lockstep_hex_format(row->waiting.key, sizeof(row->waiting.key), key);
    lockstep_hex_format(row->key, sizeof(row->key), before);
    (void)snprintf(detail, sizeof(detail), "key %.16s in place of %.16s%s%s", key, before,
                   message->message[0] == '\0' ? "" : ": ", message->message);
    return message->refuse ? lockstep_store_node_refuse(coordinator->store, node, row->waiting.key,
                                                        lockstep_unix_ms(), &audit, err)
                           : lockstep_store_node_admit(coordinator->store, node, row->waiting.key,
                                                       lockstep_unix_ms(), &audit, err);
}

/* The machine that was the node is cut off; what it voted and promised is void. */
static void replace(struct lockstep_session *session, uint32_t node)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_node_view *view = &coordinator->views[node];
    char why[LOCKSTEP_STORE_WHO + 48];
    struct lockstep_id owed[LOCKSTEP_NODE_MODULES_MAX];
    struct lockstep_replacement replacement = {.node = node, .why = why};
    (void)snprintf(why, sizeof(why), "another machine was admitted by %s", session->who);
    memcpy(view->row.key, view->row.waiting.key, sizeof(view->row.key));
    view->row.fenced = false;
    view->came_back = 0;
    memset(view->runs, 0, sizeof(view->runs));
    lockstep_control_cut(coordinator, node, why);
    replacement.owed = owed;
    replacement.owed_count = lockstep_driver_brought(coordinator, node, owed);
    lockstep_fleet_replace(&coordinator->fleet, lockstep_loop_now(coordinator->loop), &replacement,
                           coordinator->actions);
    lockstep_driver_act(coordinator);
    lockstep_driver_flush(coordinator); /* a restart must not count on what is void */
}

void lockstep_control_admit(struct lockstep_session *session,
                            const struct lockstep_wire_node_admit *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const char *what = message->refuse ? "refused" : "admitted";
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t node = 0;
    char key[KEY_TEXT];
    char text[32];
    if (lockstep_control_node(coordinator, message->node.text, &node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    if (!may_decide(session, message, &coordinator->views[node].row.waiting)) {
        return;
    }
    if (write(session, message, node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    lockstep_hex_format(coordinator->views[node].row.waiting.key, LOCKSTEP_KEY_BYTES, key);
    (void)snprintf(text, sizeof(text), "key %.16s", key);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "node %s: %s is %s by %s",
                 message->node.text, text, what, session->who);
    if (!message->refuse) {
        replace(session, node);
    }
    memset(&coordinator->views[node].row.waiting, 0, sizeof(struct lockstep_waiting_key));
    lockstep_control_done(session, message->request, what, message->node.text, text);
    lockstep_control_wait_on(coordinator);
}
