/* PLAN and SUBMIT: what an operator writes becomes a request of the core, under numbers that the
 * operator then signs. The same road for both, so what was planned is what is opened. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/intent.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request as the core wants it, with the memory it borrows. */
struct resolved {
    struct lockstep_request request;
    struct lockstep_plan plan;
    struct lockstep_digest roster_digest;
    uint32_t *selected;
    uint32_t *roster;
    struct lockstep_digest *targets;
};

static void resolved_deinit(struct resolved *resolved)
{
    free(resolved->selected);
    free(resolved->roster);
    free(resolved->targets);
}

/* ---- which version -------------------------------------------------------------------------- */

/* What nodes are to run of a module, gathered from the journal. */
struct desired {
    const struct lockstep_name *module;
    const bool *selected;
    uint32_t count;
    struct {
        uint32_t node;
        struct lockstep_digest digest;
        struct lockstep_digest previous;
    } * rows;
};

static void gather_desired(void *context, const struct lockstep_desired_row *row)
{
    struct desired *desired = context;
    if (lockstep_name_equal(&row->module, desired->module) && row->node < LOCKSTEP_NODES_MAX &&
        desired->selected[row->node]) {
        desired->rows[desired->count].node = row->node;
        desired->rows[desired->count].digest = row->digest;
        desired->rows[desired->count].previous = row->previous;
        desired->count++;
    }
}

static enum lockstep_err read_desired(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_name *module, const bool *selected,
                                      struct desired *desired, struct lockstep_error *err)
{
    *desired = (struct desired){.module = module, .selected = selected};
    desired->rows = calloc(coordinator->fleet.node_count + 1U, sizeof(*desired->rows));
    if (desired->rows == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    return lockstep_store_desired(coordinator->store, gather_desired, desired, err);
}

/* The digest that most rows have; false if there are none. */
static bool most_common(const struct desired *desired, bool previous,
                        struct lockstep_digest *ret_digest)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < desired->count; i++) {
        const struct lockstep_digest *candidate = previous ? &desired->rows[i].previous
                                                           : &desired->rows[i].digest;
        uint32_t same = 0;
        for (uint32_t j = 0; j < desired->count; j++) {
            same += lockstep_digest_equal(candidate, previous ? &desired->rows[j].previous
                                                              : &desired->rows[j].digest)
                        ? 1
                        : 0;
        }
        if (same > best && !lockstep_digest_is_zero(candidate)) {
            best = same;
            *ret_digest = *candidate;
        }
    }
    return best > 0;
}

/* What each node has on its disk, if all have the same. */
static enum lockstep_err on_disk(struct lockstep_coordinator *coordinator,
                                 const struct lockstep_name *module, const bool *selected,
                                 struct lockstep_digest *ret_digest, struct lockstep_error *err)
{
    bool found = false;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_wire_module *report = selected[i]
                                                        ? lockstep_view_module(
                                                              &coordinator->views[i], module)
                                                        : NULL;
        if (report == NULL || lockstep_digest_is_zero(&report->disk_digest)) {
            continue;
        }
        if (found && !lockstep_digest_equal(ret_digest, &report->disk_digest)) {
            return LOCKSTEP_FAIL(err, REFUSED,
                                 "nodes have different files of %s on disk; lockstep module status "
                                 "%s shows them",
                                 module->text, module->text);
        }
        *ret_digest = report->disk_digest;
        found = true;
    }
    return found ? LOCKSTEP_OK
                 : LOCKSTEP_FAIL(err, INVALID, "no node has a file of %s in its module_path",
                                 module->text);
}

static enum lockstep_err no_such_version(struct lockstep_coordinator *coordinator,
                                         const struct lockstep_wire_subject *subject,
                                         unsigned found, struct lockstep_error *err)
{
    struct lockstep_artifact_row any;
    bool known = lockstep_fleet_module(&coordinator->fleet, &subject->module) != NULL;
    (void)any;
    if (found > 1) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "'%s' begins more than one digest of %s; give more of it",
                             subject->version, subject->module.text);
    }
    return known
               ? LOCKSTEP_FAIL(err, INVALID,
                               "%s has no version '%s'; lockstep artifact ls %s shows those there "
                               "are",
                               subject->module.text, subject->version, subject->module.text)
               : LOCKSTEP_FAIL(err, INVALID,
                               "nobody knows a module '%s' with a version '%s'; lockstep "
                               "artifact ls shows what was pushed",
                               subject->module.text, subject->version);
}

static enum lockstep_err find_version(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_subject *subject,
                                      const bool *selected, struct lockstep_digest *ret_digest,
                                      struct lockstep_error *err)
{
    struct lockstep_artifact_row row;
    struct desired desired;
    bool previous = strcmp(subject->version, "previous") == 0;
    unsigned found;
    if (strcmp(subject->version, "disk") == 0) {
        return on_disk(coordinator, &subject->module, selected, ret_digest, err);
    }
    if (previous || strcmp(subject->version, "current") == 0) {
        enum lockstep_err result = read_desired(coordinator, &subject->module, selected, &desired,
                                                err);
        if (result == LOCKSTEP_OK && !most_common(&desired, previous, ret_digest)) {
            result = LOCKSTEP_FAIL(err, INVALID, "there is no %s version of %s", subject->version,
                                   subject->module.text);
        }
        free(desired.rows);
        return result;
    }
    found = lockstep_control_artifact(coordinator, subject->module.text, subject->version, &row);
    if (found != 1) {
        return no_such_version(coordinator, subject, found, err);
    }
    *ret_digest = row.digest;
    return LOCKSTEP_OK;
}

/* ---- going back ----------------------------------------------------------------------------- */

/* What NODE goes back to of item INDEX: what it ran before, if it runs what is being left. */
static enum lockstep_err fill_targets(struct lockstep_coordinator *coordinator,
                                      struct resolved *resolved, uint32_t index,
                                      const struct desired *desired, struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    const struct lockstep_wanted *item = &request->items[index];
    for (uint32_t i = 0; i < request->selected_count; i++) {
        struct lockstep_digest *target =
            &resolved->targets[(size_t)i * request->item_count + index];
        const struct lockstep_live *live = lockstep_node_live(
            &coordinator->nodes[request->selected[i]], &item->module);
        if (live != NULL && !lockstep_digest_equal(&live->digest, &item->leaving)) {
            *target = live->digest;
            continue;
        }
        for (uint32_t j = 0; j < desired->count; j++) {
            if (desired->rows[j].node == request->selected[i]) {
                *target = desired->rows[j].previous;
            }
        }
        if (live != NULL && lockstep_digest_is_zero(target)) {
            return LOCKSTEP_FAIL(err, REFUSED,
                                 "%s has no version of %s to go back to; lockstep history %s shows "
                                 "what ran",
                                 coordinator->nodes[request->selected[i]].name.text,
                                 item->module.text, item->module.text);
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err resolve_undo(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_request *body,
                                      const bool *selected, struct resolved *resolved,
                                      struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    resolved->targets = calloc((size_t)request->selected_count * request->item_count + 1,
                               sizeof(*resolved->targets));
    if (resolved->targets == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    request->targets = resolved->targets;
    for (uint32_t i = 0; i < body->subject_count; i++) {
        struct desired desired;
        enum lockstep_err result = read_desired(coordinator, &body->subjects[i].module, selected,
                                                &desired, err);
        if (result == LOCKSTEP_OK && !most_common(&desired, false, &request->items[i].leaving)) {
            result = LOCKSTEP_FAIL(err, INVALID,
                                   "nothing has been reloaded of '%s' yet, so there is nothing to "
                                   "undo",
                                   body->subjects[i].module.text);
        }
        if (result == LOCKSTEP_OK) {
            result = fill_targets(coordinator, resolved, i, &desired, err);
        }
        free(desired.rows);
        LOCKSTEP_TRY(result);
    }
    return LOCKSTEP_OK;
}

/* ---- the request ---------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, bool given, uint64_t otherwise)
{
    return value != 0 || given ? value : otherwise;
}

static void fill_options(const struct lockstep_coordinator *coordinator,
                         const struct lockstep_wire_request *body,
                         struct lockstep_operation_options *options)
{
    const struct lockstep_defaults *settings = &coordinator->config->settings;
    options->on_failure = body->on_failure;
    options->drain = body->drain;
    options->again = body->again;
    options->no_smoke = body->no_smoke;
    options->no_quarantine = body->no_quarantine;
    options->max_fail = body->max_fail;
    options->prepare_ms = settings->prepare;
    options->fetch_ms = settings->fetch;
    options->drain_timeout_ms = or_default(body->drain_timeout_ms, false, settings->drain);
    options->commit_deadline_ms = or_default(body->commit_deadline_ms, false,
                                             settings->commit_deadline);
    options->soak_ms = or_default(body->soak_ms, body->soak_given, settings->soak);
    options->window_ms = or_default(body->rollback_window_ms, body->window_given,
                                    settings->rollback_window);
    options->deadline_ms = or_default(body->deadline_ms, false, settings->operation_deadline);
    options->resend_first_ms = settings->decision_resend_first;
    options->resend_last_ms = settings->decision_resend_last;
    options->pin_ms = body->strategy == LOCKSTEP_STRATEGY_LOCAL
                          ? or_default(body->pin_ms, false, settings->pin)
                          : 0;
}

static uint32_t share(uint32_t value, bool percent, uint32_t n, bool up)
{
    uint64_t product = (uint64_t)value * n;
    return percent ? (uint32_t)((product + (up ? 99 : 0)) / 100) : value;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lockstep_name *)a)->text, ((const struct lockstep_name *)b)->text);
}

/* The digest of the roster's names, in order: what the operator signs as its scope. */
static enum lockstep_err hash_roster(const struct lockstep_coordinator *coordinator,
                                     struct resolved *resolved, struct lockstep_error *err)
{
    const struct lockstep_plan *plan = &resolved->plan;
    struct lockstep_name *names = calloc(plan->n + 1U, sizeof(*names));
    enum lockstep_err result;
    if (names == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    for (uint32_t i = 0; i < plan->n; i++) {
        names[i] = coordinator->nodes[resolved->request.selected[plan->roster[i]]].name;
    }
    qsort(names, plan->n, sizeof(*names), by_name);
    result = lockstep_roster_digest(names, plan->n, &resolved->roster_digest, err);
    free(names);
    return result;
}

static void fill_request(struct lockstep_coordinator *coordinator,
                         const struct lockstep_wire_request *body, const bool *selected,
                         struct resolved *resolved)
{
    struct lockstep_request *request = &resolved->request;
    request->operation = body->operation;
    request->kind = body->kind;
    request->strategy = body->strategy;
    request->offline = body->offline;
    request->install = body->install;
    request->item_count = body->subject_count;
    fill_options(coordinator, body, &request->options);
    for (uint32_t i = 0; i < body->subject_count; i++) {
        request->items[i].module = body->subjects[i].module;
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (selected[i]) {
            resolved->selected[request->selected_count++] = i;
        }
    }
    request->selected = resolved->selected;
    request->max_fail_given = body->max_fail_given;
    request->quorum = share(body->quorum, body->quorum_percent, request->selected_count, true);
    request->options.max_fail = share(body->max_fail, body->max_fail_percent,
                                      request->selected_count, false);
}

static enum lockstep_err resolve_with(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_request *body, bool *selected,
                                      struct resolved *resolved, struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    if (body->strategy != LOCKSTEP_STRATEGY_SYNC_ALL && body->strategy != LOCKSTEP_STRATEGY_LOCAL &&
        body->strategy != LOCKSTEP_STRATEGY_QUORUM) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "--strategy %s is not in this version; use sync_all, quorum or local",
                             lockstep_strategy_text(body->strategy));
    }
    LOCKSTEP_TRY(lockstep_control_select(coordinator, body->selector, body->nodes, body->node_count,
                                         selected, err));
    fill_request(coordinator, body, selected, resolved);
    if (body->kind == LOCKSTEP_KIND_UNDO) {
        LOCKSTEP_TRY(resolve_undo(coordinator, body, selected, resolved, err));
    } else {
        for (uint32_t i = 0; i < body->subject_count; i++) {
            LOCKSTEP_TRY(find_version(coordinator, &body->subjects[i], selected,
                                      &request->items[i].digest, err));
            request->items[i].quarantined = lockstep_driver_quarantined(coordinator,
                                                                        &request->items[i].digest);
        }
    }
    lockstep_fleet_plan(&coordinator->fleet, request, &resolved->plan);
    return hash_roster(coordinator, resolved, err);
}

static enum lockstep_err resolve(struct lockstep_coordinator *coordinator,
                                 const struct lockstep_wire_request *body,
                                 struct resolved *resolved, struct lockstep_error *err)
{
    uint32_t nodes = coordinator->fleet.node_count + 1U;
    bool *selected = calloc(nodes, sizeof(*selected));
    enum lockstep_err result;
    memset(resolved, 0, sizeof(*resolved));
    resolved->selected = calloc(nodes, sizeof(*resolved->selected));
    resolved->roster = calloc(nodes, sizeof(*resolved->roster));
    resolved->plan.roster = resolved->roster;
    result = selected == NULL || resolved->selected == NULL || resolved->roster == NULL
                 ? LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan")
                 : resolve_with(coordinator, body, selected, resolved, err);
    free(selected);
    if (result != LOCKSTEP_OK) {
        resolved_deinit(resolved);
    }
    return result;
}

/* ---- PLAN ----------------------------------------------------------------------------------- */

static bool would_wait(const struct resolved *resolved)
{
    return resolved->plan.admission == LOCKSTEP_ADMISSION_ABSENT &&
           resolved->request.offline == LOCKSTEP_OFFLINE_WAIT;
}

static enum lockstep_err plan_document(struct lockstep_coordinator *coordinator,
                                       const struct resolved *resolved, json_t **document,
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
    };
    return lockstep_document_plan(&view, &plan, document, err);
}

void lockstep_control_plan(struct lockstep_session *session, const struct lockstep_wire_plan *plan)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct resolved resolved;
    json_t *document = NULL;
    enum lockstep_err result = resolve(coordinator, &plan->body, &resolved, &err);
    if (result == LOCKSTEP_OK) {
        result = plan_document(coordinator, &resolved, &document, &err);
        resolved_deinit(&resolved);
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
        lockstep_control_refuse(session, submit->request, 5, "conflict", "lockstep op ls",
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
static bool intent_fits(const struct lockstep_intent *intent, const struct resolved *resolved,
                        const struct lockstep_wire_submit *submit)
{
    const struct lockstep_request *request = &resolved->request;
    bool fits = lockstep_id_equal(&intent->operation, &request->operation) &&
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
                           const struct resolved *resolved)
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
        lockstep_control_refuse(session, submit->request, 8, lockstep_no_name(refusal.no), "", "%s",
                                refusal.text);
    } else if (!intent_fits(intent, resolved, submit)) {
        lockstep_control_refuse(session, submit->request, 5, "moved", "run the command again",
                                "the fleet has changed since the plan that was signed");
    } else {
        good = true;
    }
    free(intent);
    return good;
}

static void refuse_admission(struct lockstep_session *session, uint64_t request,
                             const struct resolved *resolved)
{
    const struct lockstep_plan *plan = &resolved->plan;
    char text[LOCKSTEP_CAUSE_MAX + 1];
    char holder[LOCKSTEP_ID_TEXT] = "";
    char next[64] = "lockstep plan …, or lockstep node ls";
    (void)snprintf(text, sizeof(text), "%s: %u of %u nodes are reachable, %u must say yes",
                   lockstep_admission_text(plan->admission), plan->reachable, plan->n, plan->need);
    if (plan->holder != NULL) {
        lockstep_id_format(&plan->holder->id, holder);
        holder[8] = '\0';
        (void)snprintf(text, sizeof(text), "%s: op-%s is %s",
                       lockstep_admission_text(plan->admission), holder,
                       lockstep_operation_word(plan->holder));
        (void)snprintf(next, sizeof(next), "lockstep op watch op-%s", holder);
    }
    lockstep_control_refuse(session, request, (unsigned)lockstep_admission_exit(plan->admission),
                            lockstep_admission_name(plan->admission), next, "%s", text);
}

static enum lockstep_err fill_record(struct lockstep_coordinator *coordinator,
                                     const struct lockstep_session *session,
                                     const struct lockstep_wire_submit *submit,
                                     struct lockstep_operation_record *record,
                                     struct lockstep_error *err)
{
    LOCKSTEP_TRY(hash_request(coordinator, &submit->body, &record->request, err));
    (void)snprintf(record->signer, sizeof(record->signer), "%s", session->who);
    (void)snprintf(record->message, sizeof(record->message), "%s", submit->body.message);
    (void)snprintf(record->extra, sizeof(record->extra), "%s", submit->body.extra);
    memcpy(record->signature, submit->signature.data, sizeof(record->signature));
    memcpy(record->intent, submit->intent.data, submit->intent.length);
    record->intent_length = submit->intent.length;
    record->opened_unix_ms = lockstep_unix_ms();
    return LOCKSTEP_OK;
}

static void open_operation(struct lockstep_session *session,
                           const struct lockstep_wire_submit *submit, struct resolved *resolved)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_running *running = lockstep_driver_running(coordinator, NULL);
    struct lockstep_operation *operation = lockstep_operation_new(resolved->request.item_count,
                                                                  resolved->plan.n, true);
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document;
    if (operation == NULL || record == NULL || running == NULL ||
        fill_record(coordinator, session, submit, record, &err) != LOCKSTEP_OK) {
        (void)lockstep_operation_free(operation);
        free(record);
        lockstep_control_refuse(session, submit->request, 1, "internal", "",
                                "no memory for an operation");
        return;
    }
    operation->roster_digest = resolved->roster_digest;
    running->operation = operation;
    running->record = record;
    lockstep_fleet_open(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                        &resolved->request, &resolved->plan, operation, coordinator->actions);
    lockstep_driver_act(coordinator);
    if (coordinator->failed != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &coordinator->failure);
        return;
    }
    document = lockstep_control_operation(coordinator, &submit->body.operation, &err);
    if (document != NULL) {
        lockstep_control_answer(session, submit->request, document, true);
    } else {
        lockstep_control_refuse_error(session, submit->request, &err);
    }
}

/* Keeps a SUBMIT until its nodes are there; false if there is no room. */
static bool park(struct lockstep_session *session, const struct lockstep_wire_submit *submit)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    uint64_t wait_ms = submit->body.offline_wait_ms != 0
                           ? submit->body.offline_wait_ms
                           : coordinator->config->settings.healthy_deadline;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        struct lockstep_waiting *wait = &coordinator->waits[i];
        struct lockstep_wire *wire;
        if (wait->used && wait->person == session && wait->request == submit->request) {
            return true; /* it is being tried again */
        }
        if (wait->used) {
            continue;
        }
        wire = calloc(1, sizeof(*wire));
        wait->frame = malloc(LOCKSTEP_FRAME_MAX);
        ASSERT(wire != NULL && wait->frame != NULL);
        wire->message.type = LOCKSTEP_MESSAGE_SUBMIT;
        wire->u.submit = *submit;
        wait->used = lockstep_wire_encode(coordinator->codec, wire, wait->frame, &wait->length,
                                          NULL) == LOCKSTEP_OK;
        wait->person = session;
        wait->request = submit->request;
        wait->until = lockstep_time_after(lockstep_loop_now(coordinator->loop), wait_ms);
        free(wire);
        return wait->used;
    }
    return false;
}

static void unpark(struct lockstep_waiting *wait)
{
    free(wait->frame);
    memset(wait, 0, sizeof(*wait));
}

/* True if the request is done with: opened, or refused. */
static bool try_submit(struct lockstep_session *session, const struct lockstep_wire_submit *submit,
                       bool give_up)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct resolved resolved;
    bool waits;
    if (resolve(coordinator, &submit->body, &resolved, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
        return true;
    }
    waits = would_wait(&resolved) && !give_up && park(session, submit);
    if (waits) {
        lockstep_log(LOCKSTEP_LOG_INFO, "coordinator", "a request of %s waits for nodes",
                     session->who);
    } else if (resolved.plan.admission != LOCKSTEP_ADMISSION_ADMITTED) {
        refuse_admission(session, submit->request, &resolved);
    } else if (intent_is_good(session, submit, &resolved)) {
        open_operation(session, submit, &resolved);
    }
    resolved_deinit(&resolved);
    return !waits;
}

void lockstep_control_submit(struct lockstep_session *session,
                             const struct lockstep_wire_submit *submit)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_digest hash;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    if (lockstep_store_operation_find(coordinator->store, &submit->body.operation, &row, &err) !=
            LOCKSTEP_OK ||
        hash_request(coordinator, &submit->body, &hash, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, submit->request, &err);
    } else if (row != LOCKSTEP_ROW_NONE) {
        answer_known(session, submit, &hash);
    } else {
        (void)try_submit(session, submit, false);
    }
}

void lockstep_control_wait_on(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        struct lockstep_waiting *wait = &coordinator->waits[i];
        struct lockstep_wire *wire;
        if (!wait->used) {
            continue;
        }
        wire = malloc(sizeof(*wire));
        ASSERT(wire != NULL);
        if (lockstep_wire_decode(coordinator->codec, LOCKSTEP_ROLES_PERSON, wait->frame,
                                 wait->length, wire, NULL) != LOCKSTEP_OK ||
            try_submit(wait->person, &wire->u.submit,
                       lockstep_time_due(wait->until, lockstep_loop_now(coordinator->loop)))) {
            unpark(wait);
        }
        free(wire);
    }
}

void lockstep_control_forget(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        if (coordinator->waits[i].used && coordinator->waits[i].person == session) {
            unpark(&coordinator->waits[i]);
        }
    }
    lockstep_control_calls_forget(session);
    lockstep_control_put_end(session);
}
