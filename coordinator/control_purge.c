/* Retired versions of a module, unmapped on one node. */
#include "coordinator/control_purge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool note(struct lockstep_session *session, const struct lockstep_wire_module_purge *message)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char detail[LOCKSTEP_NAME_MAX + LOCKSTEP_TEXT_MAX + 32];
    struct lockstep_audit audit = {.who = session->who,
                                   .what = message->hard ? "module.purge-hard" : "module.purge",
                                   .subject = message->module.text,
                                   .detail = detail};
    (void)snprintf(detail, sizeof(detail), "on %s%s%s", message->node.text,
                   message->message[0] == '\0' ? "" : ": ", message->message);
    if (lockstep_store_audit(session->coordinator->store, &audit, &err) == LOCKSTEP_OK) {
        return true;
    }
    lockstep_control_refuse_error(session, message->request, &err);
    return false;
}

void lockstep_control_purge(struct lockstep_session *session,
                            const struct lockstep_wire_module_purge *message)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PURGE};
    struct lockstep_calling *call = lockstep_control_call(session, message->request,
                                                          message->node.text);
    if (call == NULL) {
        return;
    }
    if (!note(session, message)) {
        call->ticket = 0;
        return;
    }
    call->purge = true;
    (void)snprintf(call->tool, sizeof(call->tool), "%s", message->module.text);
    wire.u.purge.request = call->ticket;
    wire.u.purge.module = message->module;
    wire.u.purge.hard = message->hard;
    wire.u.purge.wait_ms = message->wait_ms;
    lockstep_driver_send_to(session->coordinator, call->node, &wire);
}

/* A line of one process: two numbers and a text. */
static json_t *process_of(const char *line, size_t length)
{
    char text[LOCKSTEP_TEXT_MAX + 64];
    char *at = text;
    unsigned long unmapped;
    unsigned long left;
    (void)snprintf(text, sizeof(text), "%.*s", (int)(length < sizeof(text) ? length : 0), line);
    unmapped = strtoul(at, &at, 10);
    left = strtoul(at, &at, 10);
    return json_pack("{s:I, s:I, s:s}", "unmapped", (json_int_t)unmapped, "left", (json_int_t)left,
                     "text", *at == ' ' ? at + 1 : at);
}

json_t *lockstep_control_purged(const struct lockstep_coordinator *coordinator,
                                const struct lockstep_calling *call,
                                const struct lockstep_wire_tool_result *result)
{
    json_t *processes = json_array();
    const char *line = (const char *)result->output.data;
    size_t rest = result->ok ? result->output.length : 0;
    while (rest > 0) {
        const char *end = memchr(line, '\n', rest);
        size_t length = end == NULL ? rest : (size_t)(end - line);
        (void)json_array_append_new(processes, process_of(line, length));
        length += end == NULL ? 0 : 1;
        line += length;
        rest -= length;
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "schema", "lockstep/purge/v1", "node",
                     coordinator->nodes[call->node].name.text, "module", call->tool, "ok",
                     result->ok ? 1 : 0, "text", result->text, "processes", processes);
}
