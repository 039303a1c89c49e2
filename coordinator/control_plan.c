/* PLAN and SUBMIT: what an operator writes becomes a request of the core, under numbers that the
 * operator then signs. The same road for both, so what was planned is what is opened. */
#include "coordinator/control_rollback.h"

#include "common/base/assert.h"
#include "common/io/intent.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- PLAN ----------------------------------------------------------------------------------- */

static bool would_wait(const struct lockstep_resolved *resolved)
{
    return resolved->plan.admission == LOCKSTEP_ADMISSION_ABSENT &&
           resolved->request.offline == LOCKSTEP_OFFLINE_WAIT;
}

static enum lockstep_err plan_document(struct lockstep_coordinator *coordinator,
                                       const struct lockstep_resolved *resolved, json_t **document,
                                       struct lockstep_error *err)
{
    struct lockstep_view view = lockstep_driver_view(coordinator);
    struct lockstep_document_plan plan = {
        .request = &resolved->request,
        .plan = &resolved->plan,
        .roster_digest = resolved->roster_digest,
        .index = lockstep_store_index(coordinator->store),
        .not_after_unix_ms = lockstep_unix_ms() + coordinator->config->settings.intent,
        .waits = would_wait(resolved),
        .reconcile = resolved->request.kind == LOCKSTEP_KIND_RECONCILE ? resolved->reconcile : NULL,
    };
    LOCKSTEP_TRY(lockstep_document_plan(&view, &plan, document, err));
    for (uint32_t i = 0; i < resolved->request.item_count; i++) {
        json_t *item = json_array_get(json_object_get(*document, "items"), i);
        lockstep_control_add_driver(coordinator, &resolved->request.items[i].digest, item);
        lockstep_control_plan_rollback(coordinator, resolved, i, item);
    }
    return LOCKSTEP_OK;
}

void lockstep_control_plan(struct lockstep_session *session, const struct lockstep_wire_plan *plan)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_resolved resolved;
    json_t *document = NULL;
    enum lockstep_err result = lockstep_control_resolve(coordinator, &plan->body, &resolved, &err);
    if (result == LOCKSTEP_OK) {
        if (resolved.plan.admission == LOCKSTEP_ADMISSION_ADMITTED && plan->body.check_index != 0 &&
            plan->body.check_index != lockstep_store_index(coordinator->store)) {
            resolved.plan.admission = LOCKSTEP_ADMISSION_MOVED;
        }
        result = plan_document(coordinator, &resolved, &document, &err);
        lockstep_resolved_deinit(&resolved);
    }
    if (result == LOCKSTEP_OK) {
        lockstep_control_answer(session, plan->request, document, true);
    } else {
        lockstep_control_refuse_error(session, plan->request, &err);
    }
}

/* ---- SUBMIT --------------------------------------------------------------------------------- */

/* The request as it came, without its number: by this a repeated one is known again. */
static enum lockstep_err hash_request(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_request *body,
                                      struct lockstep_digest *ret_digest,
                                      struct lockstep_error *err)
{
    struct lockstep_wire *wire = calloc(1, sizeof(*wire));
    uint8_t *bytes = malloc(LOCKSTEP_FRAME_MAX);
    size_t length = 0;
    enum lockstep_err result = LOCKSTEP_OK;
    if (wire == NULL || bytes == NULL) {
        result = LOCKSTEP_FAIL(err, NOMEM, "no memory for a request");
    } else {
        wire->message.type = LOCKSTEP_MESSAGE_PLAN;
        wire->u.plan.request = 1;
        wire->u.plan.body = *body;
        result = lockstep_wire_encode(coordinator->codec, wire, bytes, &length, err);
    }
    if (result == LOCKSTEP_OK) {
        lockstep_digest_domain("lockstep/request/1", bytes, length, ret_digest);
    }
    free(wire);
    free(bytes);
    return result;
}

/* The same id again: the operation as it is, or a conflict. */
static void answer_known(struct lockstep_session *session,
                         const struct lockstep_wire_submit *submit,
                         const struct lockstep_digest *hash)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_operation *operation = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_row row;
    json_t *document = NULL;
    ASSERT(record != NULL);
    if (lockstep_store_operation_load(coordinator->store, &submit->body.operation, &operation, &row,
                                      record, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
    } else if (!lockstep_digest_equal(&record->request, hash)) {
        lockstep_control_refuse(session, submit->request,
                                LOCKSTEP_WHY(5, "conflict", "lockstep op ls"),
                                "this request id is another operation's already");
    } else {
        document = lockstep_control_operation(coordinator, &submit->body.operation, &err);
        if (document != NULL) {
            lockstep_control_answer(session, submit->request, document, true);
        } else {
            lockstep_control_refuse_error(session, submit->request, &err);
        }
    }
    (void)lockstep_operation_free(operation);
    free(record);
}

/* True if the signed intent says just what is about to be opened. */
static bool intent_fits(const struct lockstep_intent *intent,
                        const struct lockstep_resolved *resolved,
                        const struct lockstep_wire_submit *submit)
{
    const struct lockstep_request *request = &resolved->request;
    struct lockstep_digest extra;
    bool fits;
    lockstep_intent_extra(submit->body.extra, &extra);
    fits = lockstep_digest_equal(&intent->extra, &extra) &&
           lockstep_id_equal(&intent->operation, &request->operation) &&
           intent->kind == request->kind && intent->strategy == request->strategy &&
           intent->on_failure == request->options.on_failure &&
           intent->plan_index == submit->index && intent->roster_size == resolved->plan.n &&
           lockstep_digest_equal(&intent->roster, &resolved->roster_digest) &&
           intent->item_count == request->item_count &&
           (!request->options.no_smoke || intent->no_smoke);
    for (uint32_t i = 0; fits && i < intent->item_count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < request->item_count; j++) {
            const struct lockstep_wanted *item = &request->items[j];
            found = found || (lockstep_name_equal(&intent->items[i].module, &item->module) &&
                              intent->items[i].generation == resolved->plan.generations[j] &&
                              lockstep_digest_equal(&intent->items[i].digest, &item->digest) &&
                              lockstep_digest_equal(&intent->items[i].leaving, &item->leaving));
        }
        fits = found;
    }
    return fits;
}

static bool intent_is_good(struct lockstep_session *session,
                           const struct lockstep_wire_submit *submit,
                           const struct lockstep_resolved *resolved)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_intent_offer offer = {.text = (const char *)submit->intent.data,
                                          .length = submit->intent.length,
                                          .signature = submit->signature.data,
                                          .signature_length = submit->signature.length,
                                          .signer = session->who};
    struct lockstep_intent *intent = calloc(1, sizeof(*intent));
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    bool good = false;
    ASSERT(intent != NULL);
    if (lockstep_intent_verify(&offer, coordinator->bundle, lockstep_unix_ms(), intent, &refusal) !=
        LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_control_refuse(session, submit->request,
                                LOCKSTEP_WHY(8, lockstep_no_name(refusal.no), ""), "%s",
                                refusal.text);
    } else if (!intent_fits(intent, resolved, submit)) {
        lockstep_control_refuse(session, submit->request,
                                LOCKSTEP_WHY(5, "moved", "run the command again"),
                                "the fleet has changed since the plan that was signed");
    } else {
        good = true;
    }
    free(intent);
    return good;
}

static void refuse_admission(struct lockstep_session *session, uint64_t request,
                             const struct lockstep_resolved *resolved)
{
    const struct lockstep_plan *plan = &resolved->plan;
    char text[LOCKSTEP_CAUSE_MAX + 1];
    char holder[LOCKSTEP_ID_TEXT] = "";
    char next[64] = "lockstep node ls";
    (void)snprintf(text, sizeof(text), "%s: %u of %u nodes are reachable, %u must say yes",
                   lockstep_admission_text(plan->admission), plan->reachable, plan->n, plan->need);
    if (resolved->request.kind == LOCKSTEP_KIND_RECONCILE) {
        (void)snprintf(text, sizeof(text), "%s: %s", lockstep_admission_text(plan->admission),
                       resolved->reconcile);
    }
    if (plan->holder != NULL) {
        lockstep_id_format(&plan->holder->id, holder);
        holder[8] = '\0';
        (void)snprintf(text, sizeof(text), "%s: op-%s is %s",
                       lockstep_admission_text(plan->admission), holder,
                       lockstep_operation_word(plan->holder));
        (void)snprintf(next, sizeof(next), "lockstep op watch op-%s", holder);
    }
    if (plan->admission == LOCKSTEP_ADMISSION_ISOLATED) {
        (void)snprintf(next, sizeof(next), "lockstep op resume --accept-loss");
    }
    lockstep_control_refuse(session, request,
                            LOCKSTEP_WHY((unsigned)lockstep_admission_exit(plan->admission),
                                         lockstep_admission_name(plan->admission), next),
                            "%s", text);
}

enum lockstep_err lockstep_control_record(const struct lockstep_session *session,
                                          const struct lockstep_wire_submit *submit,
                                          struct lockstep_operation_record *record,
                                          struct lockstep_error *err)
{
    LOCKSTEP_TRY(hash_request(session->coordinator, &submit->body, &record->request, err));
    (void)snprintf(record->signer, sizeof(record->signer), "%s", session->who);
    (void)snprintf(record->message, sizeof(record->message), "%s", submit->body.message);
    (void)snprintf(record->extra, sizeof(record->extra), "%s", submit->body.extra);
    /* Who names nodes means these nodes: what they are to run is recorded of each, and no more. */
    record->places = submit->body.install && submit->body.node_count == 0 &&
                     submit->body.strategy != LOCKSTEP_STRATEGY_LOCAL;
    (void)snprintf(record->placement, sizeof(record->placement), "%s", submit->body.selector);
    memcpy(record->signature, submit->signature.data, sizeof(record->signature));
    memcpy(record->intent, submit->intent.data, submit->intent.length);
    record->intent_length = submit->intent.length;
    record->opened_unix_ms = lockstep_unix_ms();
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_control_open(struct lockstep_coordinator *coordinator,
                                        struct lockstep_resolved *resolved,
                                        struct lockstep_operation_record *record,
                                        struct lockstep_error *err)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, NULL);
    struct lockstep_operation *operation = lockstep_operation_new(
        resolved->request.item_count, resolved->plan.n + resolved->plan.cordoned, true);
    if (operation == NULL || running == NULL) {
        (void)lockstep_operation_free(operation);
        free(record);
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an operation");
    }
    operation->roster_digest = resolved->roster_digest;
    running->operation = operation;
    running->record = record;
    lockstep_fleet_open(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                        &resolved->request, &resolved->plan, operation, coordinator->actions);
    lockstep_driver_act(coordinator);
    if (running->refused) {
        lockstep_driver_drop(coordinator, running);
        *err = coordinator->refusal;
        return err->code;
    }
    if (coordinator->failed != LOCKSTEP_OK) {
        *err = coordinator->failure;
        return err->code;
    }
    return LOCKSTEP_OK;
}

static void open_operation(struct lockstep_session *session,
                           const struct lockstep_wire_submit *submit,
                           struct lockstep_resolved *resolved)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document;
    if (record == NULL || lockstep_control_record(session, submit, record, &err) != LOCKSTEP_OK) {
        free(record);
        lockstep_control_refuse(session, submit->request, LOCKSTEP_WHY(1, "internal", ""),
                                "no memory for an operation");
        return;
    }
    if (lockstep_control_open(coordinator, resolved, record, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
        return;
    }
    document = lockstep_control_operation(coordinator, &submit->body.operation, &err);
    if (document != NULL) {
        lockstep_control_operation_rollback(coordinator, document);
        lockstep_control_answer(session, submit->request, document, true);
    } else {
        lockstep_control_refuse_error(session, submit->request, &err);
    }
}

/* True if the request is done with: opened, or refused. */
static bool try_submit(struct lockstep_session *session, const struct lockstep_wire_submit *submit,
                       bool give_up)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_resolved resolved;
    bool waits;
    if (lockstep_control_resolve(coordinator, &submit->body, &resolved, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
        return true;
    }
    waits = would_wait(&resolved) && !give_up && lockstep_control_park(session, submit, &resolved);
    if (waits) {
        lockstep_resolved_deinit(&resolved);
        return false;
    }
    if (resolved.plan.admission == LOCKSTEP_ADMISSION_ADMITTED && submit->body.check_index != 0 &&
        submit->body.check_index != submit->index) {
        resolved.plan.admission = LOCKSTEP_ADMISSION_MOVED;
    }
    if (resolved.plan.admission != LOCKSTEP_ADMISSION_ADMITTED) {
        refuse_admission(session, submit->request, &resolved);
    } else if (intent_is_good(session, submit, &resolved)) {
        open_operation(session, submit, &resolved);
    }
    lockstep_resolved_deinit(&resolved);
    return true;
}

/* By now another session may have opened it. */
bool lockstep_control_try(struct lockstep_session *session,
                          const struct lockstep_wire_submit *submit, bool give_up)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_id relative = lockstep_fleet_child_id(&submit->body.operation);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_digest hash;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    enum lockstep_row other = LOCKSTEP_ROW_NONE;
    if (lockstep_store_operation_find(coordinator->store, &submit->body.operation, &row, &err) !=
            LOCKSTEP_OK ||
        lockstep_store_operation_find(coordinator->store, &relative, &other, &err) != LOCKSTEP_OK ||
        hash_request(coordinator, &submit->body, &hash, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
    } else if (row != LOCKSTEP_ROW_NONE) {
        answer_known(session, submit, &hash);
    } else if (other != LOCKSTEP_ROW_NONE) {
        lockstep_control_refuse(session, submit->request,
                                LOCKSTEP_WHY(5, "conflict", "lockstep op ls"),
                                "this request id is kept for going back from another operation");
    } else {
        return try_submit(session, submit, give_up);
    }
    return true;
}

void lockstep_control_submit(struct lockstep_session *session,
                             const struct lockstep_wire_submit *submit)
{
    if (submit->queue) {
        lockstep_control_refuse(session, submit->request,
                                LOCKSTEP_WHY(2, "INVALID", "lockstep op ls"),
                                "queue is not served by this version");
        return;
    }
    (void)lockstep_control_try(session, submit, false);
}
