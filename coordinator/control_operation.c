/* Operations as people ask for them: found by a prefix, watched, aborted. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

#define TOGETHER_MS 100 /* votes and read-backs that a watcher is told in one document */

/* ---- finding --------------------------------------------------------------------------------- */

enum lockstep_err lockstep_control_prefix(struct lockstep_coordinator *coordinator,
                                          const char *prefix, struct lockstep_id *ret_id,
                                          unsigned *ret_found, struct lockstep_error *err)
{
    LOCKSTEP_TRY(
        lockstep_store_operation_prefix(coordinator->store, prefix, ret_id, ret_found, err));
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        const struct lockstep_waiting *wait = &coordinator->waits[i];
        char text[LOCKSTEP_ID_TEXT];
        if (!wait->used) {
            continue;
        }
        lockstep_id_format(&wait->draft->id, text);
        if (strncmp(text, prefix, strlen(prefix)) == 0 &&
            (*ret_found == 0 || !lockstep_id_equal(ret_id, &wait->draft->id))) {
            *ret_id = wait->draft->id;
            (*ret_found)++;
        }
    }
    return LOCKSTEP_OK;
}

bool lockstep_control_find(struct lockstep_session *session, uint64_t request, const char *text,
                           struct lockstep_id *ret_id)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *prefix = strncmp(text, "op-", 3) == 0 ? text + 3 : text;
    unsigned found = 0;
    if (strlen(prefix) < 6) {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(2, "unknown", "lockstep op ls"),
                                "'%.60s' is too short for an operation: give at least 6 characters",
                                text);
        return false;
    }
    if (lockstep_control_prefix(session->coordinator, prefix, ret_id, &found, &err) !=
        LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, request, &err);
        return false;
    }
    if (found != 1) {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(2, "unknown", "lockstep op ls"),
                                found == 0 ? "there is no operation '%.60s'"
                                           : "'%.60s' begins more than one operation's id",
                                text);
    }
    return found == 1;
}

json_t *lockstep_control_operation(struct lockstep_coordinator *coordinator,
                                   const struct lockstep_id *id, struct lockstep_error *err)
{
    struct lockstep_view view = lockstep_driver_view(coordinator);
    struct lockstep_operation *operation = lockstep_fleet_operation(&coordinator->fleet, id);
    const struct lockstep_waiting *wait = lockstep_control_waiting(coordinator, id);
    struct lockstep_operation_record *record;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    json_t *document = NULL;
    if (operation == NULL && wait != NULL) {
        return lockstep_document_operation(&view, wait->draft, wait->record, &document, err) ==
                       LOCKSTEP_OK
                   ? document
                   : NULL;
    }
    if (operation != NULL) {
        struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
        ASSERT(running != NULL);
        return lockstep_document_operation(&view, operation, running->record, &document, err) ==
                       LOCKSTEP_OK
                   ? document
                   : NULL;
    }
    record = calloc(1, sizeof(*record));
    if (record == NULL) {
        (void)LOCKSTEP_FAIL(err, NOMEM, "no memory for an operation");
        return NULL;
    }
    if (lockstep_store_operation_load(coordinator->store, id, &operation, &row, record, err) ==
            LOCKSTEP_OK &&
        operation != NULL) {
        lockstep_operation_rest(operation, row);
        if (lockstep_document_operation(&view, operation, record, &document, err) != LOCKSTEP_OK) {
            document = NULL;
        }
    }
    (void)lockstep_operation_free(operation);
    free(record);
    return document;
}

/* ---- WATCH, ABORT --------------------------------------------------------------------------- */

static bool is_last(const struct lockstep_coordinator *coordinator, const struct lockstep_id *id)
{
    const struct lockstep_operation *operation = lockstep_fleet_operation(&coordinator->fleet, id);
    return operation == NULL ? lockstep_control_waiting(coordinator, id) == NULL
                             : lockstep_operation_ended(operation);
}

static void note_told(struct lockstep_coordinator *coordinator, struct lockstep_watching *watching)
{
    const struct lockstep_operation *operation = lockstep_fleet_operation(&coordinator->fleet,
                                                                          &watching->operation);
    watching->stale = false;
    watching->state = operation == NULL ? 0 : operation->state;
    watching->again = lockstep_time_after(lockstep_loop_now(coordinator->loop), TOGETHER_MS);
}

void lockstep_control_watch(struct lockstep_session *session,
                            const struct lockstep_wire_watch *watch)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_id id;
    json_t *document;
    bool last;
    if (!lockstep_control_find(session, watch->request, watch->operation, &id)) {
        return;
    }
    document = lockstep_control_operation(coordinator, &id, &err);
    if (document == NULL) {
        lockstep_control_refuse_error(session, watch->request, &err);
        return;
    }
    last = is_last(coordinator, &id);
    lockstep_control_answer(session, watch->request, document, last);
    for (size_t i = 0; !last && i < session->watch_max; i++) {
        if (!session->watches[i].used) {
            session->watches[i] = (struct lockstep_watching){
                .used = true, .request = watch->request, .operation = id};
            note_told(coordinator, &session->watches[i]);
            return;
        }
    }
    if (!last) {
        lockstep_control_refuse(session, watch->request, LOCKSTEP_WHY(4, "limit", ""),
                                "this session watches too many operations");
    }
}

static void tell_one(struct lockstep_coordinator *coordinator, struct lockstep_session *session,
                     struct lockstep_watching *watching)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document = lockstep_control_operation(coordinator, &watching->operation, &err);
    bool last = is_last(coordinator, &watching->operation);
    uint64_t request = watching->request;
    note_told(coordinator, watching);
    if (document == NULL || last) {
        watching->used = false;
    }
    if (document == NULL) {
        lockstep_control_refuse_error(session, request, &err);
    } else {
        lockstep_control_answer(session, request, document, last);
    }
}

/* True if it is worth a document only together with what comes next: each has every node in it. */
static bool has_time(struct lockstep_coordinator *coordinator,
                     const struct lockstep_watching *watching)
{
    const struct lockstep_operation *operation = lockstep_fleet_operation(&coordinator->fleet,
                                                                          &watching->operation);
    bool later = operation != NULL && operation->state == watching->state &&
                 !lockstep_operation_ended(operation) &&
                 !lockstep_time_due(watching->again, lockstep_loop_now(coordinator->loop));
    if (later) {
        lockstep_driver_later(coordinator);
    }
    return later;
}

/* Tells SESSION's watchers of an operation that has changed. */
static void tell_session(struct lockstep_coordinator *coordinator, struct lockstep_session *session,
                         const struct lockstep_id *operation)
{
    for (size_t i = 0; i < session->watch_max; i++) {
        struct lockstep_watching *watching = &session->watches[i];
        if (!watching->used || !lockstep_id_equal(&watching->operation, operation)) {
            continue;
        }
        /* Who reads slower than nodes vote sees what is the newest then, not a queue. */
        watching->stale = session->answers != NULL || lockstep_link_outbox(session->link) > 0 ||
                          has_time(coordinator, watching);
        if (!watching->stale) {
            tell_one(coordinator, session, watching);
        }
    }
}

void lockstep_control_tell_late(struct lockstep_session *session)
{
    for (size_t i = 0; i < session->watch_max && session->answers == NULL; i++) {
        if (session->watches[i].used && session->watches[i].stale &&
            !has_time(session->coordinator, &session->watches[i])) {
            tell_one(session->coordinator, session, &session->watches[i]);
        }
    }
}

void lockstep_control_tell(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_running *running = &coordinator->running[i];
        struct lockstep_session *next;
        if (running->operation == NULL || !running->changed) {
            continue;
        }
        running->changed = false;
        for (struct lockstep_session *session = coordinator->sessions; session != NULL;
             session = next) {
            next = session->next;
            tell_session(coordinator, session, &running->operation->id);
        }
    }
}

/* Notes in the audit trail who does what; refuses the request if that cannot be written. */
static bool note(struct lockstep_session *session, uint64_t request,
                 const struct lockstep_audit *audit)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_audit(coordinator->store, audit, &err) == LOCKSTEP_OK) {
        return true;
    }
    lockstep_driver_miss(coordinator, &err);
    lockstep_control_refuse_error(session, request, &err);
    return false;
}

static bool audit_abort(struct lockstep_session *session, const struct lockstep_wire_abort *abort,
                        const struct lockstep_id *id)
{
    char text[LOCKSTEP_ID_TEXT];
    struct lockstep_audit audit = {
        .who = session->who, .what = "operation.abort", .subject = text, .detail = abort->message};
    lockstep_id_format(id, text);
    return note(session, abort->request, &audit);
}

static void abort_waiting(struct lockstep_session *session, const struct lockstep_wire_abort *abort,
                          const struct lockstep_id *id)
{
    char name[LOCKSTEP_ID_TEXT + 3] = "op-";
    if (!audit_abort(session, abort, id)) {
        return;
    }
    lockstep_id_format(id, name + 3);
    name[11] = '\0';
    (void)lockstep_control_withdraw(session->coordinator, id, session->who);
    lockstep_control_done(session, abort->request, "withdrawn", name,
                          "it waited for nodes; none was contacted");
}

void lockstep_control_abort(struct lockstep_session *session,
                            const struct lockstep_wire_abort *abort)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_operation *operation;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_id id;
    json_t *document;
    if (!lockstep_control_find(session, abort->request, abort->operation, &id)) {
        return;
    }
    operation = lockstep_fleet_operation(&coordinator->fleet, &id);
    if (operation == NULL && lockstep_control_waiting(coordinator, &id) != NULL) {
        abort_waiting(session, abort, &id);
        return;
    }
    if (operation == NULL || lockstep_operation_ended(operation)) {
        lockstep_control_refuse(session, abort->request,
                                LOCKSTEP_WHY(4, "over", "lockstep undo MODULE"),
                                "the operation is over; to go back, undo it");
        return;
    }
    if (!audit_abort(session, abort, &id)) {
        return;
    }
    lockstep_fleet_abort(&coordinator->fleet, lockstep_loop_now(coordinator->loop), operation,
                         coordinator->actions);
    lockstep_driver_act(coordinator);
    lockstep_driver_flush(coordinator); /* who is left out by it stays so, over a restart as well */
    document = lockstep_control_operation(coordinator, &id, &err);
    if (document != NULL) {
        lockstep_control_answer(session, abort->request, document, true);
    } else {
        lockstep_control_refuse_error(session, abort->request, &err);
    }
}

/* ---- RESUME ---------------------------------------------------------------------------------- */

static void accept_loss(struct lockstep_session *session, const struct lockstep_wire_resume *resume)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_audit audit = {.who = session->who,
                                   .what = "fleet.accept-loss",
                                   .subject = "fleet",
                                   .detail = resume->message};
    if (!lockstep_time_set(coordinator->fleet.isolated)) {
        lockstep_control_refuse(session, resume->request,
                                LOCKSTEP_WHY(4, "not-paused", "lockstep status"),
                                "nothing is paused");
    } else if (note(session, resume->request, &audit)) {
        lockstep_fleet_accept_loss(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                                   coordinator->actions);
        lockstep_driver_act(coordinator);
        lockstep_control_done(session, resume->request, "resumed", "fleet",
                              "who is silent is lost, and operations go on");
    }
}

/* What an operator has shut on the node is opened again. */
static void open_again(struct lockstep_session *session, const struct lockstep_wire_resume *resume)
{
    struct lockstep_name node;
    const struct lockstep_wire_module_drain drain = {.request = resume->request,
                                                     .module = "",
                                                     .node_count = 1,
                                                     .nodes = &node,
                                                     .selector = "",
                                                     .resume = true,
                                                     .message = resume->message};
    (void)snprintf(node.text, sizeof(node.text), "%s", resume->node);
    lockstep_control_module_drain(session, &drain);
}

static void trust_again(struct lockstep_session *session, const struct lockstep_wire_resume *resume)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_audit audit = {.who = session->who,
                                   .what = "node.resume",
                                   .subject = resume->node,
                                   .detail = resume->message};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t node = 0;
    if (lockstep_control_node(coordinator, resume->node, &node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, resume->request, &err);
    } else if (!lockstep_time_set(coordinator->nodes[node].held) &&
               lockstep_control_is_drained(coordinator, node)) {
        open_again(session, resume);
    } else if (!lockstep_time_set(coordinator->nodes[node].held)) {
        lockstep_control_refuse(session, resume->request,
                                LOCKSTEP_WHY(4, "not-held", "lockstep node ls"),
                                "node %s is not held, and nothing on it is drained", resume->node);
    } else if (note(session, resume->request, &audit)) {
        lockstep_fleet_release(&coordinator->fleet, lockstep_loop_now(coordinator->loop), node,
                               coordinator->actions);
        lockstep_driver_act(coordinator);
        lockstep_control_done(session, resume->request, "resumed", resume->node,
                              "it is trusted again");
    }
}

void lockstep_control_resume(struct lockstep_session *session,
                             const struct lockstep_wire_resume *resume)
{
    if (resume->node[0] != '\0') {
        trust_again(session, resume);
    } else if (resume->accept_loss) {
        accept_loss(session, resume);
    } else {
        lockstep_control_refuse(session, resume->request, LOCKSTEP_WHY(2, "usage", ""),
                                "nothing to go on with is named");
    }
}
