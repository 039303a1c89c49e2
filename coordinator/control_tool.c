/* Tool calls through a node, for looking. One piece each way: what does not fit a message is
 * refused. */
#include "coordinator/control_purge.h"
#include "coordinator/driver_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

void lockstep_control_calls_forget(const struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    lockstep_control_drains_forget(session);
    for (size_t i = 0; i < LOCKSTEP_CALLS_MAX; i++) {
        struct lockstep_calling *call = &coordinator->calls[i];
        if (call->ticket != 0 && call->person == session) {
            call->ticket = 0;
        } else if (call->ticket != 0 && session->agent && call->node == session->node) {
            lockstep_control_refuse(call->person, call->request,
                                    LOCKSTEP_WHY(call->asked_us == 0 ? 6 : 4, "lost", ""),
                                    "the node went away during the call");
            call->ticket = 0;
        }
    }
}

static struct lockstep_calling *take_slot(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_CALLS_MAX; i++) {
        if (coordinator->calls[i].ticket == 0) {
            return &coordinator->calls[i];
        }
    }
    return NULL;
}

struct lockstep_calling *lockstep_control_call(struct lockstep_session *session, uint64_t request,
                                               const char *name)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_calling *call = take_slot(coordinator);
    uint32_t node = 0;
    if (lockstep_control_node(coordinator, name, &node, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, request, &err);
        return NULL;
    }
    if (coordinator->agents[node] == NULL) {
        lockstep_control_refuse(session, request,
                                LOCKSTEP_WHY(4, "unreachable", "lockstep node ls"),
                                "node %s is away", name);
        return NULL;
    }
    if (call == NULL) {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(4, "limit", ""),
                                "too many calls are under way");
        return NULL;
    }
    *call = (struct lockstep_calling){
        .ticket = ++coordinator->call_tickets, .request = request, .person = session, .node = node};
    return call;
}

void lockstep_control_tool_call(struct lockstep_session *session,
                                const struct lockstep_wire_tool_call *message)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_RUN};
    struct lockstep_calling *call = NULL;
    if (message->more) {
        lockstep_control_refuse(session, message->request, LOCKSTEP_WHY(4, "limit", ""),
                                "the input is too long for a call through a node");
        return;
    }
    call = lockstep_control_call(session, message->request, message->node.text);
    if (call == NULL) {
        return;
    }
    (void)snprintf(call->tool, sizeof(call->tool), "%s", message->tool);
    wire.u.tool_run.request = call->ticket;
    wire.u.tool_run.tool = message->tool;
    wire.u.tool_run.input = message->input;
    wire.u.tool_run.timeout_ms = message->timeout_ms;
    lockstep_driver_send_to(session->coordinator, call->node, &wire);
}

/* Of what the tool said; NULL without memory. */
static json_t *result_document(const struct lockstep_coordinator *coordinator,
                               const struct lockstep_calling *call,
                               const struct lockstep_wire_tool_result *result)
{
    size_t length = result->ok ? result->output.length : 0;
    size_t room = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
    char *output = malloc(room);
    json_t *document = NULL;
    if (output != NULL) {
        (void)sodium_bin2base64(output, room, result->output.data, length,
                                sodium_base64_VARIANT_ORIGINAL);
        document = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "schema", "lockstep/tool-result/v1",
                             "node", coordinator->nodes[call->node].name.text, "tool", call->tool,
                             "ok", result->ok ? 1 : 0, "output_base64", output, "text",
                             result->text);
    }
    free(output);
    return document;
}

void lockstep_control_tool_result(struct lockstep_session *agent,
                                  const struct lockstep_wire_tool_result *result)
{
    struct lockstep_coordinator *coordinator = agent->coordinator;
    for (size_t i = 0; i < LOCKSTEP_CALLS_MAX; i++) {
        struct lockstep_calling *call = &coordinator->calls[i];
        if (call->ticket == 0 || call->ticket != result->request || call->node != agent->node ||
            call->asked_us != 0) {
            continue;
        }
        call->ticket = 0;
        if (result->more) {
            lockstep_control_refuse(call->person, call->request, LOCKSTEP_WHY(4, "limit", ""),
                                    "the output is too long for a call through a node");
        } else {
            lockstep_control_answer(call->person, call->request,
                                    call->purge ? lockstep_control_purged(coordinator, call, result)
                                                : result_document(coordinator, call, result),
                                    true);
        }
        return;
    }
}
