/* What agents say. */
#include "coordinator/driver_internal.h"
#include "coordinator/restored.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- artifacts on their way to an agent ------------------------------------------------------ */

void lockstep_agents_fetch_end(struct lockstep_session *session)
{
    if (session->fetch.fd >= 0) {
        (void)close(session->fetch.fd);
    }
    session->fetch = (struct lockstep_fetching){.fd = -1};
}

/* One piece; false when there is nothing more to send, or it cannot be read. */
static bool send_piece(struct lockstep_session *session)
{
    static uint8_t piece[LOCKSTEP_CHUNK_MAX];
    struct lockstep_fetching *fetch = &session->fetch;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHUNK};
    struct lockstep_wire_chunk *chunk = &wire.u.chunk;
    uint64_t left = fetch->total - fetch->what.offset;
    size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
    ssize_t got = pread(fetch->fd, piece, want, (off_t)fetch->what.offset);
    chunk->request = fetch->what.request;
    chunk->digest = fetch->what.digest;
    chunk->part = fetch->what.part;
    chunk->offset = fetch->what.offset;
    chunk->total = fetch->total;
    if (got != (ssize_t)want) {
        chunk->missing = true;
        chunk->total = 0;
        chunk->offset = 0;
        lockstep_driver_send(session, &wire);
        return false;
    }
    fetch->what.offset += want;
    chunk->data = (struct lockstep_blob){piece, want};
    chunk->more = fetch->what.offset < fetch->total;
    lockstep_driver_send(session, &wire);
    return chunk->more;
}

void lockstep_agents_fetch_on(struct lockstep_session *session)
{
    while (session->fetch.active && lockstep_link_outbox(session->link) < LOCKSTEP_OUTBOX_MAX / 4) {
        if (!send_piece(session)) {
            lockstep_agents_fetch_end(session);
        }
    }
}

static void begin_fetch(struct lockstep_session *session, const struct lockstep_wire_fetch *what)
{
    static const enum lockstep_artifact_file files[] = {
        [LOCKSTEP_ARTIFACT_PART_UNSPECIFIED] = LOCKSTEP_ARTIFACT_SO,
        [LOCKSTEP_ARTIFACT_PART_BYTES] = LOCKSTEP_ARTIFACT_SO,
        [LOCKSTEP_ARTIFACT_PART_MANIFEST] = LOCKSTEP_ARTIFACT_MANIFEST,
        [LOCKSTEP_ARTIFACT_PART_SIGNATURE] = LOCKSTEP_ARTIFACT_SIGNATURE,
    };
    struct stat info;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHUNK};
    struct lockstep_fetching *fetch = &session->fetch;
    lockstep_agents_fetch_end(session);
    fetch->what = *what;
    if (lockstep_artifact_open(session->coordinator->artifacts, &what->digest, files[what->part],
                               &fetch->fd, NULL) == LOCKSTEP_OK &&
        fstat(fetch->fd, &info) == 0 && what->offset <= (uint64_t)info.st_size) {
        fetch->total = (uint64_t)info.st_size;
        fetch->active = true;
        lockstep_agents_fetch_on(session);
        return;
    }
    lockstep_agents_fetch_end(session);
    wire.u.chunk.request = what->request;
    wire.u.chunk.digest = what->digest;
    wire.u.chunk.part = what->part;
    wire.u.chunk.missing = true;
    lockstep_driver_send(session, &wire);
}

/* ---- what is live --------------------------------------------------------------------------- */

/* STATE says everything, in pieces; ACK says what became of the operation's modules. */
static void note_live(struct lockstep_session *session, const struct lockstep_live *live,
                      uint32_t count, bool fresh)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_node_view *view = &coordinator->views[session->node];
    bool fits = true;
    if (fresh) {
        view->live_count = 0;
    }
    for (uint32_t i = 0; i < count && fits; i++) {
        fits = lockstep_view_add_live(view, &live[i]);
    }
    if (!fits) {
        lockstep_link_close(session->link, "more modules than a node may have");
    }
    coordinator->nodes[session->node].live = view->live;
    coordinator->nodes[session->node].live_count = view->live_count;
}

/* A host has died since the last report, and the node says of what. Of several the last is told;
 * what was before the first report that this coordinator hears is not. */
static void note_death(const struct lockstep_session *session,
                       const struct lockstep_wire_report *report)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_node_view *view = &coordinator->views[session->node];
    char modules[LOCKSTEP_NAME_MAX + 3] = "";
    const struct lockstep_event event = {.what = "host.died",
                                         .subject = coordinator->nodes[session->node].name.text,
                                         .modules = modules,
                                         .text = report->died};
    if (view->report_unix_ms == 0 || report->host_restarts <= view->host_restarts ||
        report->died[0] == '\0') {
        return;
    }
    if (report->died_module.text[0] != '\0') {
        (void)snprintf(modules, sizeof(modules), " %s ", report->died_module.text);
    }
    lockstep_store_event(coordinator->store, &event);
}

/* Hosts come and go without a word of the protocol; reports say what is mapped then. */
static void note_report(struct lockstep_session *session, const struct lockstep_wire_report *report)
{
    struct lockstep_node_view *view = &session->coordinator->views[session->node];
    note_death(session, report);
    lockstep_view_report(view, report, lockstep_unix_ms());
    for (uint32_t i = 0; i < report->module_count; i++) {
        const struct lockstep_live live = {.module = report->modules[i].module,
                                           .generation = report->modules[i].generation,
                                           .digest = report->modules[i].digest};
        note_live(session, &live, 1, false);
    }
}

/* The report is whole: whoever waits for calls of the new code is told. */
static void note_calls(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_node_view *view = &coordinator->views[session->node];
    struct lockstep_called called[LOCKSTEP_NODE_MODULES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->module_count && count < LOCKSTEP_NODE_MODULES_MAX; i++) {
        called[count++] = (struct lockstep_called){view->modules[i].module, view->modules[i].digest,
                                                   view->modules[i].calls};
    }
    lockstep_fleet_called(&coordinator->fleet, lockstep_loop_now(coordinator->loop), session->node,
                          called, count, coordinator->actions);
    lockstep_driver_act(coordinator);
}

static void note_message(struct lockstep_session *session, const struct lockstep_message *message)
{
    if (message->type == LOCKSTEP_MESSAGE_STATE) {
        const struct lockstep_state *state = &message->u.state;
        note_live(session, state->live, state->live_count, !session->state_begun);
        session->state_begun = state->more;
    } else if (message->type == LOCKSTEP_MESSAGE_ACK) {
        note_live(session, message->u.ack.live, message->u.ack.live_count, false);
    }
}

static void answer_heartbeat(struct lockstep_session *session, uint64_t sequence)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHECKPOINT};
    wire.u.checkpoint.sequence = sequence;
    lockstep_store_audit_head(session->coordinator->store, &wire.u.checkpoint.audit_sequence,
                              &wire.u.checkpoint.audit_head);
    lockstep_driver_send(session, &wire);
}

static const char *outcome_of(enum lockstep_row row)
{
    return row == LOCKSTEP_ROW_NONE    ? "not known"
           : row == LOCKSTEP_ROW_OPEN  ? "not decided"
           : row == LOCKSTEP_ROW_ABORT ? "abort"
                                       : "commit";
}

/* A heuristic outcome: for the audit trail, with what was decided here. An agent that is not heard
 * tells it again. */
static void note_resolved(struct lockstep_session *session,
                          const struct lockstep_wire_resolved *resolved)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char id[LOCKSTEP_ID_TEXT];
    char detail[LOCKSTEP_TEXT_MAX + 256];
    struct lockstep_audit audit = {
        .who = session->who, .what = "operation.heuristic", .subject = id, .detail = detail};
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    enum lockstep_err result = lockstep_store_operation_find(coordinator->store,
                                                             &resolved->operation, &row, &err);
    lockstep_id_format(&resolved->operation, id);
    (void)snprintf(detail, sizeof(detail), "%s by hand (uid %u): %s; the coordinator's outcome: %s",
                   resolved->commit ? "commit" : "abort", resolved->uid, resolved->reason,
                   outcome_of(row));
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "node %s decided op-%.8s: %s", session->who,
                 id, detail);
    if (result == LOCKSTEP_OK) {
        result = lockstep_store_audit(coordinator->store, &audit, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
        lockstep_link_close(session->link, "a heuristic outcome could not be noted");
    }
}

void lockstep_agents_message(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_message *message = &wire->message;
    bool ready = coordinator->nodes[session->node].ready;
    bool fresh = !session->state_begun;
    coordinator->views[session->node].heard_unix_ms = lockstep_unix_ms();
    note_message(session, message);
    if (message->type == LOCKSTEP_MESSAGE_HEARTBEAT) {
        answer_heartbeat(session, message->u.heartbeat.sequence);
    } else if (message->type == LOCKSTEP_MESSAGE_FETCH) {
        begin_fetch(session, &wire->u.fetch);
    } else if (message->type == LOCKSTEP_MESSAGE_REPORT) {
        note_report(session, &wire->u.report);
    } else if (message->type == LOCKSTEP_MESSAGE_RESOLVED) {
        note_resolved(session, &wire->u.resolved);
    } else if (message->type == LOCKSTEP_MESSAGE_PONG) {
        lockstep_control_pong(session, wire->u.ping.request);
    } else if (message->type == LOCKSTEP_MESSAGE_DRAINED) {
        lockstep_control_drained_answer(session, &wire->u.drained);
    } else if (message->type == LOCKSTEP_MESSAGE_TOOL_RESULT) {
        lockstep_control_tool_result(session, &wire->u.tool_result);
    }
    lockstep_fleet_receive(&coordinator->fleet, lockstep_loop_now(coordinator->loop), session->node,
                           message, coordinator->actions);
    lockstep_driver_act(coordinator);
    if (message->type == LOCKSTEP_MESSAGE_STATE) {
        lockstep_restored_heard(coordinator, session->node, &message->u.state, fresh);
    }
    if (message->type == LOCKSTEP_MESSAGE_REPORT && !wire->u.report.more) {
        note_calls(session);
    }
    if (!ready && coordinator->nodes[session->node].ready) {
        lockstep_control_wait_on(coordinator);
    }
}
