/* Tools of modules: on this machine through a service's socket, on a node through the
 * coordinator. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <errno.h>
#include <lockstep/client.h>
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

static const char *path_of(const struct lockstep_run *run)
{
    return run->flags.socket == NULL ? SOCKET_HERE : run->flags.socket;
}

static struct lockstep_client *open_client(const struct lockstep_run *run)
{
    struct lockstep_client_options options = {.size = sizeof(options)};
    options.timeout_ms = (uint32_t)(run->flags.timeout.number > UINT32_MAX
                                        ? UINT32_MAX
                                        : run->flags.timeout.number);
    return lockstep_client_new(path_of(run), &options);
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

/* ---- lists ---------------------------------------------------------------------------------- */

/* LINE is "tool, module, version, generation, idempotent or -, text", with tabs between, and ends
 * up in pieces. NULL: it is no such line. */
static json_t *row_of(char *line)
{
    const char *fields[6];
    char *rest = line;
    size_t count = 0;
    while (rest != NULL && count < LOCKSTEP_COUNT(fields)) {
        fields[count] = count + 1 == LOCKSTEP_COUNT(fields) ? rest : strsep(&rest, "\t");
        count++;
    }
    return count < LOCKSTEP_COUNT(fields)
               ? NULL
               : json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "tool", fields[0], "module", fields[1],
                           "version", fields[2], "generation",
                           (json_int_t)strtoull(fields[3], NULL, 10), "idempotent",
                           strcmp(fields[4], "idempotent") == 0, "text", fields[5]);
}

/* Prints a list of tools, which comes as lines. */
static enum lockstep_exit print_list(struct lockstep_run *run, const uint8_t *bytes, size_t size)
{
    LOCKSTEP_FREE char *text = strndup(size == 0 ? "" : (const char *)bytes, size);
    LOCKSTEP_DECREF json_t *document = json_pack("{s:s, s:[]}", "schema", "lockstep/tools/v1",
                                                 "tools");
    json_t *rows = json_object_get(document, "tools");
    char *rest = text;
    char *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line != '\0' && json_array_append_new(rows, row_of(line)) != 0) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "the list is not understood");
        }
    }
    if (text == NULL || rows == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory for the list");
    }
    lockstep_render(&run->output, document);
    return LOCKSTEP_EXIT_DONE;
}

/* ---- this machine --------------------------------------------------------------------------- */

/* Prints ANSWER, or why there is none, and releases it. INPUT NULL: it is a list. */
static enum lockstep_exit finish(struct lockstep_run *run, const struct input *input,
                                 enum lockstep_call_result result, struct lockstep_answer *answer)
{
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    if (result == LOCKSTEP_CALL_OK && input == NULL) {
        code = print_list(run, answer->bytes, answer->size);
    } else if (result == LOCKSTEP_CALL_LOST) {
        code = lockstep_run_fail(
            run, LOCKSTEP_EXIT_UNREACHABLE,
            "%s: no service answers there; name its socket with --socket PATH, "
            "or ask a node with --node NAME",
            path_of(run));
    } else if (result == LOCKSTEP_CALL_OK) {
        print_answer(run, answer->bytes, answer->size);
    } else {
        code = lockstep_run_fail(run, results[result].code, "%s: %s", path_of(run),
                                 answer->size == 0 ? results[result].text
                                                   : (const char *)answer->bytes);
    }
    lockstep_answer_deinit(answer);
    return code;
}

static enum lockstep_exit with_client(struct lockstep_run *run, const struct input *input)
{
    struct lockstep_client *client = open_client(run);
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result;
    enum lockstep_exit code;
    if (client == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "--socket: the path is too long");
    }
    result = input == NULL ? lockstep_client_list(client, &answer)
                           : lockstep_client_call(client, run->words[0], input->bytes, input->size,
                                                  0, &answer);
    code = finish(run, input, result, &answer);
    (void)lockstep_client_free(client);
    return code;
}

/* ---- a node --------------------------------------------------------------------------------- */

/* Output travels as base64 or as hexadecimal digits. */
static bool decode(const json_t *document, uint8_t *ret_bytes, size_t room, size_t *ret_size)
{
    const char *text = lockstep_document_text(document, "output_base64");
    const char *hex = lockstep_document_text(document, "output_hex");
    return *text == '\0'
               ? sodium_hex2bin(ret_bytes, room, hex, strlen(hex), NULL, ret_size, NULL) == 0
               : sodium_base642bin(ret_bytes, room, text, strlen(text), NULL, ret_size, NULL,
                                   sodium_base64_VARIANT_ORIGINAL) == 0;
}

static enum lockstep_exit print_result(struct lockstep_run *run, const struct input *input,
                                       const json_t *document)
{
    size_t room = strlen(lockstep_document_text(document, "output_base64")) +
                  strlen(lockstep_document_text(document, "output_hex")) + 1;
    LOCKSTEP_FREE uint8_t *bytes = malloc(room);
    size_t size = 0;
    if (input != NULL && lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
    } else if (json_is_false(json_object_get(document, "ok"))) {
        (void)lockstep_run_fail(run, LOCKSTEP_EXIT_FAILED, "the tool says no: %s",
                                lockstep_document_text(document, "text"));
    } else if (bytes == NULL || !decode(document, bytes, room, &size)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "the answer is not understood");
    } else if (input == NULL) {
        return print_list(run, bytes, size);
    } else {
        print_answer(run, bytes, size);
    }
    return json_is_false(json_object_get(document, "ok")) ? LOCKSTEP_EXIT_FAILED
                                                          : LOCKSTEP_EXIT_DONE;
}

/* INPUT NULL: the node's tools are listed. */
static enum lockstep_exit call_node(struct lockstep_run *run, const struct input *input)
{
    static uint8_t empty[1];
    static const struct input nothing = {.bytes = empty};
    const struct input *what = input == NULL ? &nothing : input;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_CALL};
    struct lockstep_wire_tool_call *call = &wire.u.tool_call;
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    LOCKSTEP_DECREF json_t *document = NULL;
    size_t sent = 0;
    enum lockstep_exit code = lockstep_run_nodes(run, nodes);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_run_connect(run);
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    *call = (struct lockstep_wire_tool_call){.request = lockstep_session_number(run->session),
                                             .node = nodes[0],
                                             .tool = input == NULL ? "" : run->words[0],
                                             .timeout_ms = run->flags.timeout.number};
    do {
        size_t piece = lockstep_wire_piece(what->size, sent, LOCKSTEP_CHUNK_MAX, &call->more);
        call->input = (struct lockstep_blob){what->bytes + sent, piece};
        sent += piece;
        if (call->more && lockstep_session_send(run->session, &wire, &err) != LOCKSTEP_OK) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
        }
    } while (call->more);
    code = lockstep_run_ask(run, &wire, &document);
    return code == LOCKSTEP_EXIT_DONE ? print_result(run, input, document) : code;
}

/* ---- commands ------------------------------------------------------------------------------- */

static enum lockstep_exit call(struct lockstep_run *run, const struct input *input)
{
    return run->flags.nodes.count == 1 ? call_node(run, input) : with_client(run, input);
}

static enum lockstep_exit check_place(struct lockstep_run *run)
{
    return run->flags.nodes.count > 1 || (run->flags.nodes.count == 1 && run->flags.socket != NULL)
               ? lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                   "one --node, or one --socket of this machine")
               : LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_command_tool_call(struct lockstep_run *run)
{
    struct input input = {0};
    enum lockstep_exit code = check_place(run);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = read_input(run, &input);
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = call(run, &input);
    }
    free(input.bytes);
    return code;
}

enum lockstep_exit lockstep_command_tool_ls(struct lockstep_run *run)
{
    enum lockstep_exit code = check_place(run);
    return code == LOCKSTEP_EXIT_DONE ? call(run, NULL) : code;
}
