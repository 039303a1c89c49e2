#include "coordinator/automatic.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/log.h"
#include "coordinator/driver_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the mode ------------------------------------------------------------------------------- */

/* Of the time, a look at a module takes no more than one part in so many. */
#define TIME_SHARE 100

/* One module at a time, and all of them within the time between two looks; or later, in a fleet so
 * large that looking takes a while. */
static void arm(struct lockstep_coordinator *coordinator, uint64_t took_us)
{
    uint32_t modules = coordinator->fleet.module_count;
    uint64_t pause = coordinator->config->settings.reconcile / (modules > 0 ? modules : 1);
    uint64_t share = took_us * TIME_SHARE / 1000;
    lockstep_timer_arm(
        coordinator->loop, &coordinator->automatic_timer,
        lockstep_time_after(lockstep_loop_now(coordinator->loop), share > pause ? share : pause));
}

/* Begins anew: nothing has been seen. */
static enum lockstep_err take_mode(struct lockstep_coordinator *coordinator,
                                   const struct lockstep_reconcile_row *row,
                                   struct lockstep_error *err)
{
    struct lockstep_automatic *automatic = coordinator->automatic;
    memset(&automatic->standing, 0, sizeof(automatic->standing));
    if (row->standing_length > 0) {
        LOCKSTEP_TRY(lockstep_standing_parse(row->standing, row->standing_length,
                                             &automatic->standing, err));
    }
    automatic->row = *row;
    memset(automatic->sightings, 0, sizeof(automatic->sightings));
    memset(automatic->told, 0, sizeof(automatic->told));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_automatic_begin(struct lockstep_coordinator *coordinator,
                                           struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_reconcile_row *row = calloc(1, sizeof(*row));
    coordinator->automatic = calloc(1, sizeof(*coordinator->automatic));
    if (row == NULL || coordinator->automatic == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the mode of reconciling");
    }
    LOCKSTEP_TRY(lockstep_store_reconcile(coordinator->store, row, err));
    LOCKSTEP_TRY(take_mode(coordinator, row, err));
    arm(coordinator, 0);
    return LOCKSTEP_OK;
}

void lockstep_automatic_end(struct lockstep_coordinator *coordinator)
{
    lockstep_timer_disarm(coordinator->loop, &coordinator->automatic_timer);
    free(coordinator->automatic);
    coordinator->automatic = NULL;
}

static bool is_covered(const struct lockstep_automatic *automatic, const struct lockstep_name *name)
{
    return automatic->row.mode == LOCKSTEP_MODE_OBSERVE ||
           lockstep_standing_is_for(&automatic->standing, name);
}

/* True if there is an order in force that is for all of OPERATION's modules. */
static bool permits(const struct lockstep_automatic *automatic,
                    const struct lockstep_operation *operation)
{
    bool permitted = automatic->row.mode == LOCKSTEP_MODE_AUTO;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        permitted = permitted && is_covered(automatic, &operation->items[i].module);
    }
    return permitted;
}

void lockstep_automatic_papers(const struct lockstep_coordinator *coordinator,
                               const struct lockstep_operation *operation,
                               struct lockstep_wire_prepare *ret)
{
    const struct lockstep_automatic *automatic = coordinator->automatic;
    if (!permits(automatic, operation)) {
        return;
    }
    ret->standing = (struct lockstep_blob){(const uint8_t *)automatic->row.standing,
                                           automatic->row.standing_length};
    ret->standing_signature = (struct lockstep_blob){automatic->row.signature,
                                                     sizeof(automatic->row.signature)};
    (void)lockstep_name_parse(automatic->row.signer, &ret->standing_signer);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Fills in the record from the intent that once named the version. False if none is kept. */
static bool find_papers(struct lockstep_coordinator *coordinator,
                        const struct lockstep_resolved *resolved,
                        struct lockstep_operation_record *record, struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_naming_row *naming = calloc(1, sizeof(*naming));
    const struct lockstep_wanted *item = &resolved->request.items[0];
    bool found = false;
    if (naming == NULL) {
        (void)LOCKSTEP_FAIL(err, NOMEM, "no memory for an intent");
        return false;
    }
    if (lockstep_store_naming(coordinator->store, &item->module, &item->digest, naming, &found,
                              err) != LOCKSTEP_OK) {
        return false;
    }
    if (!found) {
        (void)LOCKSTEP_FAIL(err, REFUSED,
                            "no operation that brought the version to more than one node is kept; "
                            "lockstep reconcile %s does it by hand",
                            item->module.text);
        return false;
    }
    memcpy(record->intent, naming->intent, naming->intent_length);
    record->intent_length = naming->intent_length;
    memcpy(record->signature, naming->signature, sizeof(record->signature));
    (void)snprintf(record->signer, sizeof(record->signer), "%s", naming->signer);
    return true;
}

static void note_moves(struct lockstep_coordinator *coordinator, uint32_t module,
                       const struct lockstep_resolved *resolved)
{
    const struct lockstep_request *request = &resolved->request;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_live *live = lockstep_node_live(
            &coordinator->nodes[request->selected[i]], &request->items[0].module);
        if (live == NULL || !lockstep_digest_equal(&live->digest, &request->items[0].digest)) {
            lockstep_damping_moved(&coordinator->automatic->damping,
                                   lockstep_loop_now(coordinator->loop), request->selected[i],
                                   module);
        }
    }
}

static enum lockstep_err open_for(struct lockstep_coordinator *coordinator, uint32_t module,
                                  struct lockstep_resolved *resolved, struct lockstep_error *err)
{
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    char words[LOCKSTEP_STANDING_WORDS];
    if (record == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an operation");
    }
    if (!find_papers(coordinator, resolved, record, err)) {
        free(record);
        return err->code;
    }
    lockstep_standing_words(&coordinator->automatic->standing, words);
    (void)snprintf(record->message, sizeof(record->message), "under %s of %s", words,
                   coordinator->automatic->row.signer);
    record->standing = coordinator->automatic->standing.order;
    record->opened_unix_ms = lockstep_unix_ms();
    LOCKSTEP_TRY(lockstep_control_open(coordinator, resolved, record, err));
    note_moves(coordinator, module, resolved);
    /* What was seen has been acted on: what is seen from now on is to be seen twice again. */
    coordinator->automatic->sightings[module] = (struct lockstep_sighting){.roster = 0};
    return LOCKSTEP_OK;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* What a person would ask for who goes by the order. */
static void ask(const struct lockstep_automatic *automatic, struct lockstep_wire_subject *subject,
                struct lockstep_wire_request *ret_body)
{
    bool orders = automatic->row.mode == LOCKSTEP_MODE_AUTO;
    *ret_body = (struct lockstep_wire_request){
        .kind = LOCKSTEP_KIND_RECONCILE,
        .strategy = LOCKSTEP_STRATEGY_ROLLING,
        .offline = LOCKSTEP_OFFLINE_FAIL,
        .on_failure = LOCKSTEP_ON_FAILURE_HOLD,
        .drain = LOCKSTEP_DRAIN_AUTO,
        .subjects = subject,
        .subject_count = 1,
        .selector = "",
        .extra = "",
        .message = "",
        .max_changes = orders ? automatic->standing.max_changes_percent : 0,
        .max_changes_percent = orders,
    };
    randombytes_buf(ret_body->operation.bytes, sizeof(ret_body->operation.bytes));
}

/* Says once what would be done, or why it is not. */
static void tell(struct lockstep_coordinator *coordinator, uint32_t module, const char *text)
{
    char modules[LOCKSTEP_NAME_MAX + 3];
    const char *name = coordinator->fleet.modules[module].name.text;
    const struct lockstep_event event = {
        .what = "reconcile.due", .subject = name, .modules = modules, .text = text};
    (void)snprintf(modules, sizeof(modules), " %s ", name);
    if (!coordinator->automatic->told[module]) {
        coordinator->automatic->told[module] = true;
        lockstep_store_event(coordinator->store, &event);
    }
}

static void act_on(struct lockstep_coordinator *coordinator, uint32_t module,
                   struct lockstep_resolved *resolved)
{
    struct lockstep_automatic *automatic = coordinator->automatic;
    const struct lockstep_request *request = &resolved->request;
    const struct lockstep_look look = {request->verdict, request->items[0].digest,
                                       request->selected, request->selected_count};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    bool holds = lockstep_sighting_holds(&automatic->sightings[module],
                                         lockstep_loop_now(coordinator->loop),
                                         coordinator->config->settings.reconcile, &look);
    automatic->told[module] = automatic->told[module] &&
                              request->verdict == LOCKSTEP_RECONCILE_REPAIR;
    if (!holds || resolved->plan.admission != LOCKSTEP_ADMISSION_ADMITTED) {
        return;
    }
    result = lockstep_control_kept(coordinator, &request->items[0], &err);
    if (automatic->row.mode == LOCKSTEP_MODE_AUTO && result == LOCKSTEP_OK) {
        result = open_for(coordinator, module, resolved, &err);
    } else if (result == LOCKSTEP_OK) {
        tell(coordinator, module, resolved->reconcile);
    }
    if (result != LOCKSTEP_OK) {
        if (!automatic->told[module]) {
            lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "%s is not reconciled: %s",
                         request->items[0].module.text, err.message);
        }
        tell(coordinator, module, err.message);
    }
}

static void look_at(struct lockstep_coordinator *coordinator, uint32_t module, bool *damped)
{
    struct lockstep_automatic *automatic = coordinator->automatic;
    struct lockstep_wire_subject subject = {.module = coordinator->fleet.modules[module].name};
    struct lockstep_wire_request body;
    struct lockstep_resolved resolved;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        damped[i] = lockstep_damping_holds(&automatic->damping,
                                           lockstep_loop_now(coordinator->loop), i, module);
    }
    ask(automatic, &subject, &body);
    if (lockstep_control_resolve_damped(coordinator, &body, damped, &resolved, &err) ==
        LOCKSTEP_OK) {
        act_on(coordinator, module, &resolved);
        lockstep_resolved_deinit(&resolved);
    } else {
        automatic->sightings[module] = (struct lockstep_sighting){.roster = 0};
    }
}

/* An order is good until its time is over. Then nothing is done, and status says so. */
static bool may_look(const struct lockstep_automatic *automatic)
{
    return automatic->row.mode == LOCKSTEP_MODE_OBSERVE ||
           (automatic->row.mode == LOCKSTEP_MODE_AUTO &&
            lockstep_unix_ms() <= automatic->standing.not_after_unix_ms);
}

/* The next module that is to be looked at; -1 if there is none. */
static int64_t take_next(struct lockstep_coordinator *coordinator)
{
    struct lockstep_automatic *automatic = coordinator->automatic;
    uint32_t count = coordinator->fleet.module_count;
    for (uint32_t i = 0; may_look(automatic) && i < count; i++) {
        uint32_t module = automatic->next++ % count;
        if (is_covered(automatic, &coordinator->fleet.modules[module].name)) {
            return module;
        }
    }
    return -1;
}

void lockstep_automatic_look(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    uint64_t begun = lockstep_monotonic_us();
    bool *damped = calloc(coordinator->fleet.node_count + 1U, sizeof(*damped));
    int64_t module = damped == NULL || coordinator->failed != LOCKSTEP_OK ? -1
                                                                          : take_next(coordinator);
    lockstep_damping_fade(&coordinator->automatic->damping, lockstep_loop_now(coordinator->loop));
    if (module >= 0) {
        look_at(coordinator, (uint32_t)module, damped);
    }
    free(damped);
    arm(coordinator, lockstep_monotonic_us() - begun);
}

/* ---- RECONCILE_MODE ------------------------------------------------------------------------- */

/* Room for each module with a blank, and for the words around them. */
#define DETAIL_SIZE (LOCKSTEP_STANDING_MAX + LOCKSTEP_TEXT_MAX + 256)

/* For the audit trail, as the journal keeps the newest order alone: what it permits, and why. */
static void describe(const struct lockstep_standing *standing, const char *message,
                     char ret_detail[DETAIL_SIZE])
{
    char words[LOCKSTEP_STANDING_WORDS];
    size_t length;
    lockstep_standing_words(standing, words);
    length = (size_t)snprintf(ret_detail, DETAIL_SIZE, "%s, for %u %% of the members of%s", words,
                              standing->max_changes_percent,
                              standing->module_count == 0 ? " every module" : "");
    for (uint32_t i = 0; i < standing->module_count; i++) {
        length += (size_t)snprintf(ret_detail + length, DETAIL_SIZE - length, " %s",
                                   standing->modules[i].text);
    }
    (void)snprintf(ret_detail + length, DETAIL_SIZE - length, "%s%s",
                   message[0] == '\0' ? "" : ": ", message);
}

/* Fills in the order, and what the audit trail says of it. False if it was refused, and SESSION
 * told. */
static bool take_order(struct lockstep_session *session,
                       const struct lockstep_wire_reconcile_mode *message,
                       struct lockstep_reconcile_row *row, char ret_detail[DETAIL_SIZE])
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_intent_offer offer = {.text = (const char *)message->standing.data,
                                                .length = message->standing.length,
                                                .signature = message->signature.data,
                                                .signature_length = message->signature.length,
                                                .signer = session->who};
    LOCKSTEP_FREE struct lockstep_standing *standing = calloc(1, sizeof(*standing));
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    ASSERT(standing != NULL);
    if (lockstep_standing_verify(&offer, coordinator->bundle, lockstep_unix_ms(), standing,
                                 &refusal) != LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_control_refuse(session, message->request,
                                LOCKSTEP_WHY(8, lockstep_no_name(refusal.no), ""), "%s",
                                refusal.text);
        return false;
    }
    if (standing->issued_unix_ms <= coordinator->automatic->standing.issued_unix_ms) {
        lockstep_control_refuse(session, message->request,
                                LOCKSTEP_WHY(5, "moved", "run the command again"),
                                "there was a standing order that was issued later, and nodes "
                                "believe none that is older; if nobody gave one just now, the "
                                "clock of who signed it was ahead, or yours is behind");
        return false;
    }
    row->standing_length = message->standing.length;
    memcpy(row->standing, message->standing.data, message->standing.length);
    memcpy(row->signature, message->signature.data, sizeof(row->signature));
    describe(standing, message->message, ret_detail);
    return true;
}

/* What was begun without being asked, and what is in force now does not permit any more, is ended:
 * who is left would refuse it. */
static void stop_unpermitted(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_running *running = &coordinator->running[i];
        if (running->operation != NULL && running->record != NULL &&
            !lockstep_id_is_zero(&running->record->standing) &&
            !lockstep_operation_ended(running->operation) &&
            !permits(coordinator->automatic, running->operation)) {
            lockstep_fleet_abort(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                                 running->operation, coordinator->actions);
            lockstep_driver_act(coordinator);
        }
    }
}

void lockstep_control_reconcile_mode(struct lockstep_session *session,
                                     const struct lockstep_wire_reconcile_mode *message)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    LOCKSTEP_FREE struct lockstep_reconcile_row *row = calloc(1, sizeof(*row));
    const char *mode = lockstep_mode_text(message->mode);
    LOCKSTEP_FREE char *detail = malloc(DETAIL_SIZE);
    const struct lockstep_audit audit = {
        .who = session->who, .what = "reconcile.mode", .subject = mode, .detail = detail};
    char words[LOCKSTEP_STANDING_WORDS] = "";
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    ASSERT(row != NULL && detail != NULL);
    (void)snprintf(detail, DETAIL_SIZE, "%s", message->message);
    row->mode = message->mode;
    row->since_unix_ms = lockstep_unix_ms();
    (void)snprintf(row->signer, sizeof(row->signer), "%s", session->who);
    if (message->mode == LOCKSTEP_MODE_AUTO && !take_order(session, message, row, detail)) {
        return;
    }
    if (lockstep_store_reconcile_set(coordinator->store, row, &audit, &err) != LOCKSTEP_OK ||
        lockstep_store_reconcile(coordinator->store, row, &err) != LOCKSTEP_OK ||
        take_mode(coordinator, row, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
        return;
    }
    stop_unpermitted(coordinator);
    if (message->mode == LOCKSTEP_MODE_AUTO) {
        lockstep_standing_words(&coordinator->automatic->standing, words);
    }
    lockstep_control_done(session, message->request, "mode", mode, words);
}
