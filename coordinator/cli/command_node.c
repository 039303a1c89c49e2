/* What is done with one node. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"
#include "coordinator/cli/subject.h"

#include <inttypes.h>
#include <string.h>

/* The node that is meant; not DONE: it has been said why. */
static enum lockstep_exit find(struct lockstep_run *run, struct lockstep_name *ret_node)
{
    if (!lockstep_name_parse(run->words[0], ret_node)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no name; one is like web-3",
                                 run->words[0]);
    }
    return lockstep_run_connect(run);
}

static enum lockstep_exit set_cordon(struct lockstep_run *run, bool lift)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_CORDON};
    struct lockstep_wire_node_cordon *cordon = &wire.u.node_cordon;
    enum lockstep_exit code = find(run, &cordon->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    cordon->request = lockstep_session_number(run->session);
    cordon->lift = lift;
    cordon->message = run->flags.message;
    return lockstep_run_do(run, &wire);
}

enum lockstep_exit lockstep_command_node_cordon(struct lockstep_run *run)
{
    return set_cordon(run, false);
}

enum lockstep_exit lockstep_command_node_uncordon(struct lockstep_run *run)
{
    return set_cordon(run, true);
}

/* ---- pins ----------------------------------------------------------------------------------- */

/* Asks for the pin. *RET_OTHER: the node does not run this version, so there is nothing to pin yet;
 * nothing was said. */
static enum lockstep_exit ask_pin(struct lockstep_run *run, const struct lockstep_wire *wire,
                                  bool *ret_other)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_reply reply = {0};
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    *ret_other = false;
    if (lockstep_session_send(run->session, wire, &err) != LOCKSTEP_OK ||
        lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, lockstep_exit_of_error(err.code), "%s", err.message);
    }
    if (reply.kind == LOCKSTEP_REPLY_FAILURE && strcmp(reply.code, "not-live") == 0) {
        *ret_other = true;
    } else if (reply.kind != LOCKSTEP_REPLY_DOCUMENT) {
        code = lockstep_run_fail_reply(run, &reply);
    } else if (!run->output.quiet) {
        lockstep_render(&run->output, reply.document);
    }
    lockstep_reply_deinit(&reply);
    return code;
}

/* What the node does not run it is brought by a reload of this node alone, which pins it too. */
static enum lockstep_exit reload_and_pin(struct lockstep_run *run)
{
    run->flags.strategy = "local";
    run->flags.pin = run->flags.life;
    run->flags.nodes.count = 1;
    run->flags.nodes.items[0] = run->words[0];
    run->words++;
    run->word_count--;
    return lockstep_command_reload(run);
}

enum lockstep_exit lockstep_command_node_pin(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_PIN};
    struct lockstep_wire_node_pin *pin = &wire.u.node_pin;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_subject subject;
    enum lockstep_exit code;
    bool other;
    if (lockstep_subject_parse(run->words[1], &subject, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    code = find(run, &pin->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (subject.file != NULL || strcmp(subject.wire.version, "disk") == 0 ||
        strcmp(subject.wire.version, "previous") == 0) {
        return reload_and_pin(run);
    }
    pin->request = lockstep_session_number(run->session);
    pin->module = subject.wire.module;
    pin->version = subject.wire.version;
    pin->life_ms = run->flags.life.number;
    pin->message = run->flags.message;
    code = ask_pin(run, &wire, &other);
    return other ? reload_and_pin(run) : code;
}

enum lockstep_exit lockstep_command_node_unpin(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_PIN};
    struct lockstep_wire_node_pin *pin = &wire.u.node_pin;
    enum lockstep_exit code;
    if (!lockstep_name_parse(run->words[1], &pin->module)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no module; unpin takes MODULE",
                                 run->words[1]);
    }
    code = find(run, &pin->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    pin->request = lockstep_session_number(run->session);
    pin->version = "";
    pin->lift = true;
    pin->message = run->flags.message;
    return lockstep_run_do(run, &wire);
}

/* ---- another machine under a node's name --------------------------------------------------- */

static bool is_hex(const char *text)
{
    size_t length = strspn(text, "0123456789abcdef");
    return text[length] == '\0' && length > 0 && length <= 2 * LOCKSTEP_KEY_BYTES;
}

enum lockstep_exit lockstep_command_node_admit(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_ADMIT};
    struct lockstep_wire_node_admit *admit = &wire.u.node_admit;
    enum lockstep_exit code;
    if (run->flags.key != NULL && !is_hex(run->flags.key)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "--key takes how the key begins, as node show has it: digits and "
                                 "a to f");
    }
    code = find(run, &admit->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    admit->request = lockstep_session_number(run->session);
    admit->refuse = run->flags.refuse;
    admit->key = run->flags.key == NULL ? "" : run->flags.key;
    admit->message = run->flags.message;
    return lockstep_run_do(run, &wire);
}

/* ---- leaving the fleet ---------------------------------------------------------------------- */

static enum lockstep_exit take_out(struct lockstep_run *run, bool revoke)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_REMOVE};
    struct lockstep_wire_node_remove *remove = &wire.u.node_remove;
    enum lockstep_exit code = find(run, &remove->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    remove->request = lockstep_session_number(run->session);
    remove->revoke = revoke;
    remove->message = run->flags.message;
    return lockstep_run_do(run, &wire);
}

enum lockstep_exit lockstep_command_node_remove(struct lockstep_run *run)
{
    return take_out(run, false);
}

enum lockstep_exit lockstep_command_node_revoke(struct lockstep_run *run)
{
    if (run->flags.message[0] == '\0') {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "why? A node is revoked with -m WHY, for the audit trail");
    }
    return take_out(run, true);
}

/* ---- a sign of life ------------------------------------------------------------------------- */

#define PING_TIMEOUT (5 * LOCKSTEP_SECOND)

enum lockstep_exit lockstep_command_node_ping(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_PING};
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code;
    uint64_t us;
    if (!run->flags.timeout.given) {
        run->flags.timeout.number = PING_TIMEOUT;
    }
    code = find(run, &wire.u.node_ping.node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.node_ping.request = lockstep_session_number(run->session);
    code = lockstep_run_ask(run, &wire, &document);
    if (code == LOCKSTEP_EXIT_TIMED_OUT) {
        lockstep_print(run->output.err,
                       "node %s is connected and says nothing\n"
                       "next: lockstep node show %s\n",
                       wire.u.node_ping.node.text, wire.u.node_ping.node.text);
    }
    if (code != LOCKSTEP_EXIT_DONE || run->output.quiet) {
        return code;
    }
    if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
        return code;
    }
    us = lockstep_document_number(document, "round_trip_us");
    lockstep_print(run->output.out, "%s: %" PRIu64 ".%03" PRIu64 " ms\n",
                   lockstep_document_text(document, "node"), us / 1000, us % 1000);
    return code;
}
