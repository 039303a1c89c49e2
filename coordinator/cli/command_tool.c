/* Calls of tools: on this machine through a service's socket, on a node through the coordinator. */
#include "coordinator/cli/tool.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define SOCKET_HERE "/run/lockstep/tools/default.sock"

/* What is handed to a tool. */
struct input {
    uint8_t *bytes; /* owned */
    size_t size;
};

/* Reads standard input to its end, at most LOCKSTEP_TOOL_REQUEST_MAX bytes. */
static bool read_stdin(struct input *input)
{
    input->bytes = malloc(LOCKSTEP_TOOL_REQUEST_MAX + 1);
    while (input->bytes != NULL && input->size <= LOCKSTEP_TOOL_REQUEST_MAX) {
        ssize_t got = read(STDIN_FILENO, input->bytes + input->size,
                           LOCKSTEP_TOOL_REQUEST_MAX + 1 - input->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        input->size += (size_t)got;
    }
    return false;
}

static enum lockstep_exit read_input(struct lockstep_run *run, struct input *input)
{
    const char *text = run->word_count < 2 ? "" : run->words[1];
    if (strcmp(text, "-") != 0) {
        input->bytes = (uint8_t *)strdup(text);
        input->size = strlen(text);
    } else if (!read_stdin(input)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "the input cannot be read, or is longer than %d bytes",
                                 LOCKSTEP_TOOL_REQUEST_MAX);
    }
    return input->bytes == NULL
               ? lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory for the input")
               : LOCKSTEP_EXIT_DONE;
}

/* An answer: as it is in a pipe, escaped on a terminal. */
static void print_answer(const struct lockstep_run *run, const uint8_t *bytes, size_t size)
{
    if (!isatty(fileno(run->output.out))) {
        (void)fwrite(bytes, 1, size, run->output.out);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        bool plain = (bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n' || bytes[i] == '\t';
        (void)fprintf(run->output.out, plain ? "%c" : "\\x%02x", bytes[i]);
    }
    (void)fputs(size > 0 && bytes[size - 1] == '\n' ? "" : "\n", run->output.out);
}

/* ---- this machine's services ---------------------------------------------------------------- */

const char *lockstep_tool_path(const struct lockstep_run *run)
{
    return run->flags.socket == NULL ? SOCKET_HERE : run->flags.socket;
}

struct lockstep_client *lockstep_tool_client(const struct lockstep_run *run)
{
    struct lockstep_client_options options = {.size = sizeof(options)};
    options.timeout_ms = (uint32_t)(run->flags.timeout.number > UINT32_MAX
                                        ? UINT32_MAX
                                        : run->flags.timeout.number);
    return lockstep_client_new(lockstep_tool_path(run), &options);
}

static const struct {
    enum lockstep_exit code;
    const char *text;
} results[] = {
    [LOCKSTEP_CALL_OK] = {LOCKSTEP_EXIT_DONE, ""},
    [LOCKSTEP_CALL_FAILED] = {LOCKSTEP_EXIT_FAILED, "the tool says no"},
    [LOCKSTEP_CALL_NO_TOOL] = {LOCKSTEP_EXIT_USAGE, "no live module has this tool"},
    [LOCKSTEP_CALL_CLOSED] = {LOCKSTEP_EXIT_CONFLICT, "the module is being replaced"},
    [LOCKSTEP_CALL_NO_MEMORY] = {LOCKSTEP_EXIT_INTERNAL, "no memory, or the answer is too long"},
    [LOCKSTEP_CALL_INVALID] = {LOCKSTEP_EXIT_USAGE, "the request is not understood"},
};

enum lockstep_exit lockstep_tool_fail(struct lockstep_run *run, enum lockstep_call_result result,
                                      const struct lockstep_answer *answer)
{
    if (result == LOCKSTEP_CALL_LOST) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_UNREACHABLE,
                                 "%s: no service answers there; name its socket with --socket "
                                 "PATH, or ask a node with --node NAME",
                                 lockstep_tool_path(run));
    }
    return lockstep_run_fail(run, results[result].code, "%s: %s", lockstep_tool_path(run),
                             answer->size == 0 ? results[result].text
                                               : (const char *)answer->bytes);
}

static enum lockstep_exit call_here(struct lockstep_run *run, const struct input *input)
{
    struct lockstep_client *client = lockstep_tool_client(run);
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result;
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    if (client == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "--socket: the path is too long");
    }
    result = lockstep_client_call(client, run->words[0], input->bytes, input->size, 0, &answer);
    if (result == LOCKSTEP_CALL_OK) {
        print_answer(run, answer.bytes, answer.size);
    } else {
        code = lockstep_tool_fail(run, result, &answer);
    }
    lockstep_answer_deinit(&answer);
    (void)lockstep_client_free(client);
    return code;
}

/* ---- a node --------------------------------------------------------------------------------- */

/* Output travels as base64 or as hexadecimal digits. */
uint8_t *lockstep_tool_output(const json_t *document, size_t *ret_size)
{
    const char *text = lockstep_document_text(document, "output_base64");
    const char *hex = lockstep_document_text(document, "output_hex");
    size_t room = strlen(text) + strlen(hex);
    uint8_t *bytes = malloc(room + 1);
    int failed = -1;
    if (bytes != NULL) {
        failed = *text == '\0' ? sodium_hex2bin(bytes, room, hex, strlen(hex), NULL, ret_size, NULL)
                               : sodium_base642bin(bytes, room, text, strlen(text), NULL, ret_size,
                                                   NULL, sodium_base64_VARIANT_ORIGINAL);
    }
    if (failed != 0) {
        free(bytes);
        return NULL;
    }
    bytes[*ret_size] = '\0';
    return bytes;
}

static enum lockstep_exit print_result(struct lockstep_run *run, const json_t *document)
{
    bool refused = json_is_false(json_object_get(document, "ok"));
    size_t size = 0;
    LOCKSTEP_FREE uint8_t *bytes = lockstep_tool_output(document, &size);
    if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
    } else if (refused) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_FAILED, "the tool says no: %s",
                                 lockstep_document_text(document, "text"));
    } else if (bytes == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "the answer is not understood");
    } else {
        print_answer(run, bytes, size);
    }
    return refused ? LOCKSTEP_EXIT_FAILED : LOCKSTEP_EXIT_DONE;
}

enum lockstep_err lockstep_tool_send(struct lockstep_run *run, const char *tool, const void *bytes,
                                     size_t size, struct lockstep_error *err)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_CALL};
    struct lockstep_wire_tool_call *call = &wire.u.tool_call;
    size_t sent = 0;
    *call = (struct lockstep_wire_tool_call){.request = lockstep_session_number(run->session),
                                             .tool = tool,
                                             .timeout_ms = run->flags.timeout.number};
    if (!lockstep_name_parse(run->flags.nodes.items[0], &call->node)) {
        return LOCKSTEP_FAIL(err, INVALID, "%.64s is no node's name", run->flags.nodes.items[0]);
    }
    do {
        size_t piece = lockstep_wire_piece(size, sent, LOCKSTEP_CHUNK_MAX, &call->more);
        call->input = (struct lockstep_blob){(const uint8_t *)bytes + sent, piece};
        sent += piece;
        LOCKSTEP_TRY(lockstep_session_send(run->session, &wire, err));
    } while (call->more);
    return LOCKSTEP_OK;
}

static enum lockstep_exit call_node(struct lockstep_run *run, const struct input *input)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_reply reply = {0};
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (lockstep_tool_send(run, run->words[0], input->bytes, input->size, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "%s", err.message);
    }
    code = reply.kind == LOCKSTEP_REPLY_DOCUMENT ? print_result(run, reply.document)
                                                 : lockstep_run_fail_reply(run, &reply);
    lockstep_reply_deinit(&reply);
    return code;
}

/* ---- commands ------------------------------------------------------------------------------- */

enum lockstep_exit lockstep_tool_check_place(struct lockstep_run *run)
{
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    if (run->flags.nodes.count > 1 || (run->flags.nodes.count == 1 && run->flags.socket != NULL)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "one --node, or one --socket of this machine");
    }
    return lockstep_run_nodes(run, nodes);
}

enum lockstep_exit lockstep_command_tool_call(struct lockstep_run *run)
{
    struct input input = {0};
    enum lockstep_exit code = lockstep_tool_check_place(run);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = read_input(run, &input);
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = run->flags.nodes.count == 1 ? call_node(run, &input) : call_here(run, &input);
    }
    free(input.bytes);
    return code;
}
