/* What people ask: one function a message, one answer a request. */
#include "coordinator/control_purge.h"
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lockstep_view lockstep_driver_view(struct lockstep_coordinator *coordinator)
{
    size_t count = 0;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        const struct lockstep_waiting *wait = &coordinator->waits[i];
        if (wait->used) {
            coordinator->shown[count++] = (struct lockstep_view_waiting){wait->draft, wait->record};
        }
    }
    return (struct lockstep_view){.fleet = &coordinator->fleet,
                                  .waiting = coordinator->shown,
                                  .waiting_count = count,
                                  .views = coordinator->views,
                                  .automatic = coordinator->automatic,
                                  .store = coordinator->store,
                                  .now_unix_ms = lockstep_unix_ms(),
                                  .fresh_ms = lockstep_fleet_heartbeat(&coordinator->fleet) * 3};
}

/* ---- answers -------------------------------------------------------------------------------- */

static void end_answer(struct lockstep_session *session)
{
    struct lockstep_answering *answer = session->answers;
    session->answers = answer->next;
    session->answer_bytes -= answer->length;
    free(answer->text);
    free(answer);
}

/* Sends on what was asked for, one document behind the other. */
static void answer_on(struct lockstep_session *session)
{
    while (session->answers != NULL &&
           lockstep_link_outbox(session->link) < LOCKSTEP_OUTBOX_MAX / 4) {
        struct lockstep_answering *answer = session->answers;
        struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_DOCUMENT};
        bool more = false;
        size_t piece = lockstep_wire_piece(answer->length, answer->offset, LOCKSTEP_CHUNK_MAX,
                                           &more);
        wire.u.document.request = answer->request;
        wire.u.document.json = (struct lockstep_blob){
            (const uint8_t *)answer->text + answer->offset, piece};
        wire.u.document.more = more;
        wire.u.document.last = answer->last && !more;
        lockstep_driver_send(session, &wire);
        answer->offset += piece;
        if (!more) {
            end_answer(session);
        }
    }
}

void lockstep_control_drained(struct lockstep_session *session)
{
    answer_on(session);
    lockstep_control_tell_late(session);
    lockstep_control_events_on(session);
}

static void queue_answer(struct lockstep_session *session, struct lockstep_answering *answer)
{
    struct lockstep_answering **end = &session->answers;
    if (session->answers != NULL && session->answer_bytes + answer->length > LOCKSTEP_OUTBOX_MAX) {
        lockstep_link_close(session->link, "more is asked for than is read");
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = answer;
    session->answer_bytes += answer->length;
    answer_on(session);
}

void lockstep_control_answer(struct lockstep_session *session, uint64_t request, json_t *document,
                             bool last)
{
    char *text = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);
    struct lockstep_answering *answer = calloc(1, sizeof(*answer));
    size_t length = text == NULL ? 0 : strlen(text);
    json_decref(document);
    if (text != NULL && answer != NULL && length <= LOCKSTEP_DOCUMENT_MAX) {
        *answer = (struct lockstep_answering){
            .text = text, .length = length, .request = request, .last = last};
        queue_answer(session, answer);
        return;
    }
    free(text);
    free(answer);
    if (length > LOCKSTEP_DOCUMENT_MAX) {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(4, "limit", ""),
                                "the answer is too long; ask for fewer rows, modules or nodes");
    } else {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(1, "internal", ""),
                                "no memory for an answer");
    }
}

void lockstep_control_done(struct lockstep_session *session, uint64_t request, const char *what,
                           const char *name, const char *text)
{
    lockstep_control_answer(session, request,
                            json_pack("{s:s, s:s, s:s, s:s}", "schema", "lockstep/done/v1", "what",
                                      what, "name", name, "text", text),
                            true);
}

/* What was cut in the middle of a character is no UTF-8, and would not be sent. */
static void make_sound(char *text)
{
    json_t *json = json_string(text);
    for (char *at = text; json == NULL && *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    json_decref(json);
}

void lockstep_control_refuse(struct lockstep_session *session, uint64_t request,
                             struct lockstep_why why, const char *format, ...)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_FAILURE};
    char text[LOCKSTEP_CAUSE_MAX + 1];
    va_list args;
    if (session->roles == (unsigned)LOCKSTEP_ROLE_AGENT) {
        return; /* agents are not talked to like this */
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_sound(text);
    wire.u.failure.request = request;
    wire.u.failure.exit = why.exit;
    wire.u.failure.code = why.code;
    wire.u.failure.text = text;
    wire.u.failure.next = why.next;
    lockstep_driver_send(session, &wire);
}

void lockstep_control_refuse_error(struct lockstep_session *session, uint64_t request,
                                   const struct lockstep_error *err)
{
    static const uint8_t exits[LOCKSTEP_ERR_COUNT] = {
        [LOCKSTEP_INVALID] = 2, [LOCKSTEP_REFUSED] = 4, [LOCKSTEP_CONFLICT] = 5,
        [LOCKSTEP_LIMIT] = 4,   [LOCKSTEP_RETRY] = 4,   [LOCKSTEP_TIMEOUT] = 124,
        [LOCKSTEP_CLOSED] = 9,  [LOCKSTEP_IO] = 1,      [LOCKSTEP_NOMEM] = 1,
        [LOCKSTEP_CORRUPT] = 1,
    };
    lockstep_control_refuse(session, request,
                            LOCKSTEP_WHY(exits[err->code], lockstep_err_name(err->code), ""), "%s",
                            err->message);
}

/* ---- finding things by what people write ---------------------------------------------------- */

struct artifact_search {
    const char *word;
    struct lockstep_artifact_row *row;
    unsigned found;
    bool exact;
    bool versions; /* the module is known; a version alone may be that of many */
};

static void match_artifact(void *context, const struct lockstep_artifact_row *row)
{
    struct artifact_search *search = context;
    char digest[LOCKSTEP_DIGEST_TEXT];
    bool version = search->versions && strcmp(row->version, search->word) == 0;
    lockstep_digest_format(&row->digest, digest);
    if (search->exact) {
        return; /* a version is a version, whatever else begins like it */
    }
    if (version ||
        (strlen(search->word) >= 8 && strncmp(digest, search->word, strlen(search->word)) == 0)) {
        search->found = version ? 1 : search->found + 1;
        search->exact = version;
        *search->row = *row;
    }
}

enum lockstep_err lockstep_control_named(struct lockstep_coordinator *coordinator,
                                         const char *module, const char *word,
                                         struct lockstep_artifact_row *ret_row, unsigned *ret_found,
                                         struct lockstep_error *err)
{
    struct artifact_search search = {.word = word, .row = ret_row};
    char name[LOCKSTEP_NAME_MAX + 1];
    const char *at = module == NULL ? strchr(word, '@') : NULL;
    if (at != NULL && (size_t)(at - word) < sizeof(name)) {
        memcpy(name, word, (size_t)(at - word));
        name[at - word] = '\0';
        module = name;
        search.word = at + 1;
    }
    search.versions = module != NULL;
    LOCKSTEP_TRY(
        lockstep_store_artifacts(coordinator->store, module, match_artifact, &search, err));
    *ret_found = search.found;
    return LOCKSTEP_OK;
}

void lockstep_control_answers_end(struct lockstep_session *session)
{
    while (session->answers != NULL) {
        end_answer(session);
    }
}

static void on_cancel(struct lockstep_session *session, const struct lockstep_wire_cancel *cancel)
{
    for (size_t i = 0; i < session->watch_max; i++) {
        if (session->watches[i].request == cancel->target) {
            session->watches[i].used = false;
        }
    }
    for (size_t i = 0; i < LOCKSTEP_CALLS_MAX; i++) {
        struct lockstep_calling *call = &session->coordinator->calls[i];
        if (call->person == session && call->request == cancel->target) {
            call->ticket = 0;
        }
    }
    lockstep_control_events_end(session, cancel->target);
    lockstep_control_unpark(session, cancel->target);
}

/* ---- quarantine, audit ---------------------------------------------------------------------- */

static void on_quarantine(struct lockstep_session *session,
                          const struct lockstep_wire_quarantine_set *set)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_artifact_row row;
    struct lockstep_audit audit = {.who = session->who,
                                   .what = set->lift ? "version.unquarantine"
                                                     : "version.quarantine",
                                   .subject = set->artifact,
                                   .detail = set->message};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    char name[LOCKSTEP_NAME_MAX + LOCKSTEP_VERSION_MAX + 2]; /* as people know the version */
    bool was = false;
    unsigned found = 0;
    result = lockstep_control_named(coordinator, NULL, set->artifact, &row, &found, &err);
    if (result == LOCKSTEP_OK && found != 1) {
        lockstep_control_refuse(session, set->request,
                                LOCKSTEP_WHY(2, "unknown", "lockstep artifact ls"),
                                "there is no one artifact '%.100s'; write MODULE@VERSION or 8 "
                                "characters of its digest",
                                set->artifact);
        return;
    }
    if (result == LOCKSTEP_OK) {
        result = set->lift ? lockstep_store_unquarantine(coordinator->store, &row.digest, &audit,
                                                         &was, &err)
                           : lockstep_store_quarantine(coordinator->store, &row.digest,
                                                       set->message, &audit, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, set->request, &err);
        return;
    }
    lockstep_driver_send_quarantine(coordinator, NULL);
    (void)snprintf(name, sizeof(name), "%s@%s", row.module.text, row.version);
    lockstep_control_done(session, set->request, set->lift ? "unquarantined" : "quarantined", name,
                          set->lift && !was ? "it was not quarantined" : "");
}

static void on_audit(struct lockstep_session *session, const struct lockstep_wire_audit *audit)
{
    struct lockstep_view view = lockstep_driver_view(session->coordinator);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document = NULL;
    if (lockstep_document_audit(&view, audit->from, audit->limit, &document, &err) == LOCKSTEP_OK) {
        lockstep_control_answer(session, audit->request, document, true);
    } else {
        lockstep_control_refuse_error(session, audit->request, &err);
    }
}

/* ---- every message --------------------------------------------------------------------------- */

/* What a node has to answer. */
static void ask_node(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    switch ((unsigned)wire->message.type) {
    case LOCKSTEP_MESSAGE_NODE_PING:
        lockstep_control_ping(session, &wire->u.node_ping);
        break;
    case LOCKSTEP_MESSAGE_MODULE_DRAIN:
        lockstep_control_module_drain(session, &wire->u.module_drain);
        break;
    case LOCKSTEP_MESSAGE_MODULE_PURGE:
        lockstep_control_purge(session, &wire->u.module_purge);
        break;
    case LOCKSTEP_MESSAGE_TOOL_CALL:
        lockstep_control_tool_call(session, &wire->u.tool_call);
        break;
    default:
        UNREACHABLE("the wire lets people send nothing else");
    }
}

void lockstep_control_message(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    switch ((unsigned)wire->message.type) {
    case LOCKSTEP_MESSAGE_SHOW:
        lockstep_control_show(session, &wire->u.show);
        break;
    case LOCKSTEP_MESSAGE_PLAN:
        lockstep_control_plan(session, &wire->u.plan);
        break;
    case LOCKSTEP_MESSAGE_SUBMIT:
        lockstep_control_submit(session, &wire->u.submit);
        break;
    case LOCKSTEP_MESSAGE_WATCH:
        lockstep_control_watch(session, &wire->u.watch);
        break;
    case LOCKSTEP_MESSAGE_ABORT:
        lockstep_control_abort(session, &wire->u.abort);
        break;
    case LOCKSTEP_MESSAGE_RESUME:
        lockstep_control_resume(session, &wire->u.resume);
        break;
    case LOCKSTEP_MESSAGE_CANCEL:
        on_cancel(session, &wire->u.cancel);
        break;
    case LOCKSTEP_MESSAGE_ARTIFACT_PUT:
        lockstep_control_put(session, &wire->u.artifact_put);
        break;
    case LOCKSTEP_MESSAGE_QUARANTINE_SET:
        on_quarantine(session, &wire->u.quarantine_set);
        break;
    case LOCKSTEP_MESSAGE_TOKEN_CREATE:
        lockstep_control_token_create(session, &wire->u.token_create);
        break;
    case LOCKSTEP_MESSAGE_TOKEN_REVOKE:
        lockstep_control_token_revoke(session, &wire->u.token_revoke);
        break;
    case LOCKSTEP_MESSAGE_EVENTS:
        lockstep_control_events(session, &wire->u.events);
        break;
    case LOCKSTEP_MESSAGE_AUDIT:
        on_audit(session, &wire->u.audit);
        break;
    case LOCKSTEP_MESSAGE_NODE_PIN:
        lockstep_control_pin(session, &wire->u.node_pin);
        break;
    case LOCKSTEP_MESSAGE_NODE_CORDON:
        lockstep_control_cordon(session, &wire->u.node_cordon);
        break;
    case LOCKSTEP_MESSAGE_NODE_REMOVE:
        lockstep_control_remove(session, &wire->u.node_remove);
        break;
    case LOCKSTEP_MESSAGE_RECONCILE_MODE:
        lockstep_control_reconcile_mode(session, &wire->u.reconcile_mode);
        break;
    case LOCKSTEP_MESSAGE_NODE_ADMIT:
        lockstep_control_admit(session, &wire->u.node_admit);
        break;
    default:
        ask_node(session, wire);
    }
}
