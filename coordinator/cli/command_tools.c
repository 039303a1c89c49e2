/*
 * Which tools there are, and what changes. A service on this machine says when its list is another
 * one; a node is asked every second. What has changed is what differs between two lists: several
 * changes between them show as one, and whatever happened while the other side was away shows when
 * it is back. Watching is what was asked for, so Ctrl-C is its end (0).
 */
#include "coordinator/cli/tool.h"

#include "common/base/cleanup.h"
#include "common/io/loop.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#define ASK_MS        1000 /* between looks at a node */
#define AGAIN_MS      200  /* first pause before who is away is asked again */
#define AGAIN_LAST_MS 5000
#define PAGES_MAX     1024 /* whoever has more makes fun of us */
#define LISTS_MAX     10   /* in a row that change under the reader */

/* Where a list comes from, and what came last. */
struct source {
    struct lockstep_run *run;
    struct lockstep_client *client; /* NULL: a node */
    uint64_t revision;              /* of what the client has read */
    struct lockstep_answer answer;  /* why a service gave no list */
    struct lockstep_reply reply;    /* why a node gave none */
    json_t *rows;
    uint64_t until_us; /* of the monotonic clock; 0: no end */
    uint64_t pause_ms;
    int signals; /* signalfd */
};

static void release(struct source *source)
{
    lockstep_answer_deinit(&source->answer);
    lockstep_reply_deinit(&source->reply);
    json_decref(source->rows);
    (void)lockstep_client_free(source->client);
    if (source->signals >= 0) {
        (void)close(source->signals);
    }
}

/* ---- reading a list ------------------------------------------------------------------------- */

/* One list of one revision; NO_MEMORY, as INVALID, stands for what cannot be read. */
static enum lockstep_call_result read_pages(struct source *source, json_t *rows, bool *ret_again)
{
    char after[LOCKSTEP_MODULE_TEXT] = "";
    char cursor[LOCKSTEP_TOOL_CURSOR];
    enum lockstep_call_result result = LOCKSTEP_CALL_OK;
    *ret_again = false;
    for (size_t page = 0; page < PAGES_MAX && !*ret_again; page++) {
        lockstep_answer_deinit(&source->answer);
        result = lockstep_client_tools(source->client, after, &source->answer);
        if (result == LOCKSTEP_CALL_LOST && page == 0) { /* a host that has no JSON hangs up */
            lockstep_answer_deinit(&source->answer);
            result = lockstep_client_list(source->client, &source->answer);
        }
        if (result != LOCKSTEP_CALL_OK) {
            return result;
        }
        if (!lockstep_tool_rows(rows, (const char *)source->answer.bytes, cursor)) {
            return LOCKSTEP_CALL_INVALID;
        }
        *ret_again = page > 0 && source->answer.generation != source->revision;
        source->revision = source->answer.generation;
        memcpy(after, source->answer.version, sizeof(after));
        if (after[0] == '\0') {
            return LOCKSTEP_CALL_OK;
        }
    }
    return result;
}

/* True and source->rows, or why not in source->answer. */
static bool read_here(struct source *source, enum lockstep_call_result *ret_result)
{
    bool again = true;
    for (size_t list = 0; list < LISTS_MAX && again; list++) {
        json_t *rows = json_array();
        *ret_result = read_pages(source, rows, &again);
        if (*ret_result == LOCKSTEP_CALL_OK && !again) {
            json_decref(source->rows);
            source->rows = rows;
            return true;
        }
        json_decref(rows);
        again = again && *ret_result == LOCKSTEP_CALL_OK;
    }
    return false;
}

/* One page of the node's into ROWS; false: source->reply says why not, or it is no page. */
static bool read_node_page(struct source *source, json_t *rows, char cursor[LOCKSTEP_TOOL_CURSOR])
{
    char input[LOCKSTEP_TOOL_CURSOR + 8];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    LOCKSTEP_FREE uint8_t *page = NULL;
    size_t size = 0;
    int length = snprintf(input, sizeof(input), "json%s%s", *cursor == '\0' ? "" : " ", cursor);
    lockstep_reply_deinit(&source->reply);
    source->reply = (struct lockstep_reply){.kind = LOCKSTEP_REPLY_LOST};
    if (lockstep_tool_send(source->run, "", input, (size_t)length, &err) != LOCKSTEP_OK ||
        lockstep_session_receive(source->run->session, &source->reply, &err) != LOCKSTEP_OK) {
        (void)snprintf(source->reply.text, sizeof(source->reply.text), "%s", err.message);
        return false;
    }
    if (source->reply.kind == LOCKSTEP_REPLY_DOCUMENT) {
        page = lockstep_tool_output(source->reply.document, &size);
    }
    return page != NULL && !json_is_false(json_object_get(source->reply.document, "ok")) &&
           strlen((const char *)page) == size &&
           lockstep_tool_rows(rows, (const char *)page, cursor);
}

/* True and source->rows, or why not in source->reply. */
static bool read_node(struct source *source)
{
    char cursor[LOCKSTEP_TOOL_CURSOR] = "";
    json_t *rows = json_array();
    bool well = read_node_page(source, rows, cursor);
    for (size_t page = 0; well && *cursor != '\0' && page < PAGES_MAX; page++) {
        well = read_node_page(source, rows, cursor);
    }
    if (!well) {
        json_decref(rows);
        return false;
    }
    json_decref(source->rows);
    source->rows = rows;
    return true;
}

static enum lockstep_exit fail_node(struct source *source)
{
    const json_t *document = source->reply.document;
    if (source->reply.kind != LOCKSTEP_REPLY_DOCUMENT) {
        return lockstep_run_fail_reply(source->run, &source->reply);
    }
    return json_is_false(json_object_get(document, "ok"))
               ? lockstep_run_fail(source->run, LOCKSTEP_EXIT_FAILED, "the node says no: %s",
                                   lockstep_document_text(document, "text"))
               : lockstep_run_fail(source->run, LOCKSTEP_EXIT_INTERNAL,
                                   "the list is not understood");
}

/* Opens, and reads the first list. Not DONE: it has been said why. */
static enum lockstep_exit begin(struct source *source)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_OK;
    enum lockstep_exit code = lockstep_tool_check_place(source->run);
    if (code == LOCKSTEP_EXIT_DONE && source->run->flags.nodes.count == 1) {
        code = lockstep_run_connect(source->run);
        return code != LOCKSTEP_EXIT_DONE || read_node(source) ? code : fail_node(source);
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    source->client = lockstep_tool_client(source->run);
    if (source->client == NULL) {
        return lockstep_run_fail(source->run, LOCKSTEP_EXIT_USAGE,
                                 "--socket: the path is too long");
    }
    if (read_here(source, &result)) {
        return LOCKSTEP_EXIT_DONE;
    }
    return result == LOCKSTEP_CALL_OK || result == LOCKSTEP_CALL_INVALID
               ? lockstep_run_fail(source->run, LOCKSTEP_EXIT_INTERNAL,
                                   "the list is not understood")
               : lockstep_tool_fail(source->run, result, &source->answer);
}

enum lockstep_exit lockstep_command_tool_ls(struct lockstep_run *run)
{
    struct source source = {.run = run, .signals = -1};
    enum lockstep_exit code = begin(&source);
    if (code == LOCKSTEP_EXIT_DONE) {
        LOCKSTEP_DECREF json_t *document = json_pack("{s:s, s:O}", "schema", "lockstep/tools/v1",
                                                     "tools", source.rows);
        if (document == NULL) {
            code = lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory for the list");
        } else {
            lockstep_render(&run->output, document);
        }
    }
    release(&source);
    return code;
}

/* ---- printing changes ----------------------------------------------------------------------- */

static bool is_wanted(const struct lockstep_run *run, const json_t *change)
{
    const char *tool = lockstep_document_text(change, "tool");
    const char *module = lockstep_document_text(change, "module");
    bool wanted = run->word_count == 0;
    for (size_t i = 0; i < run->word_count; i++) {
        wanted = wanted || strcmp(run->words[i], tool) == 0 || strcmp(run->words[i], module) == 0;
    }
    return wanted;
}

/* What is watched for and is not there may be a slip, or may come yet. */
static void say_missing(const struct source *source)
{
    const struct lockstep_run *run = source->run;
    for (size_t i = 0; i < run->word_count; i++) {
        bool there = false;
        const json_t *row;
        size_t j;
        json_array_foreach(source->rows, j, row)
        {
            there = there || strcmp(run->words[i], lockstep_document_text(row, "tool")) == 0 ||
                    strcmp(run->words[i], lockstep_document_text(row, "module")) == 0;
        }
        if (!there) {
            lockstep_print(run->output.err, "lockstep: there is no %.64s yet\n", run->words[i]);
        }
    }
}

static void print_change(const struct lockstep_run *run, const json_t *change)
{
    const char *old = json_string_value(json_object_get(change, "old_version"));
    const char *now = json_string_value(json_object_get(change, "version"));
    const char *what = lockstep_document_text(change, "what");
    const char *tool = lockstep_document_text(change, "tool");
    uint64_t generation = lockstep_document_number(change, "generation");
    const struct lockstep_output *output = &run->output;
    if (lockstep_output_is_json(output)) {
        lockstep_print_json(output, change);
    } else if (output->format == LOCKSTEP_FORMAT_NAME) {
        lockstep_print(output->out, "%s\n", tool);
    } else if (output->format == LOCKSTEP_FORMAT_TSV) {
        char number[24];
        const char *const cells[] = {what, tool, old, now, number};
        (void)snprintf(number, sizeof(number), "%" PRIu64, generation);
        lockstep_print_cells(output->out, cells, LOCKSTEP_COUNT(cells));
    } else {
        lockstep_print(output->out, "tool %s %s, %s%s%s, generation %" PRIu64 "\n", what, tool,
                       old == NULL ? "" : old, old == NULL || now == NULL ? "" : " -> ",
                       now == NULL ? "" : now, generation);
    }
}

/* Prints what differs from BEFORE. Not DONE: nobody reads it any more. */
static enum lockstep_exit print_changes(const struct source *source, const json_t *before)
{
    LOCKSTEP_DECREF json_t *changes = lockstep_tool_changes(before, source->rows);
    const json_t *change;
    size_t i;
    json_array_foreach(changes, i, change)
    {
        if (is_wanted(source->run, change)) {
            print_change(source->run, change);
        }
    }
    return changes == NULL || fflush(source->run->output.out) != 0 ? LOCKSTEP_EXIT_INTERNAL
                                                                   : LOCKSTEP_EXIT_DONE;
}

/* ---- waiting -------------------------------------------------------------------------------- */

enum waited {
    WAITED_SOMETHING, /* has come, or it is time to look */
    WAITED_AWAY,
    WAITED_OVER, /* the person has ended it */
    WAITED_TIMED_OUT,
};

/* From here on they are read. */
static bool take_signals(struct source *source)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    source->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return source->signals >= 0;
}

/* Waits for a signal, for FD (may be -1) or until MS are over, which is SOMETHING as well. */
static enum waited wait_ms(const struct source *source, int fd, uint64_t ms)
{
    struct pollfd pollers[] = {{.fd = source->signals, .events = POLLIN},
                               {.fd = fd, .events = POLLIN}};
    uint64_t now = lockstep_monotonic_us();
    bool last = source->until_us != 0 && now + ms * 1000 >= source->until_us;
    int ready;
    if (last) {
        ms = source->until_us > now ? (source->until_us - now) / 1000 + 1 : 0;
    }
    ready = poll(pollers, LOCKSTEP_COUNT(pollers), (int)ms);
    if (pollers[0].revents != 0) {
        return WAITED_OVER;
    }
    return ready <= 0 && last ? WAITED_TIMED_OUT : WAITED_SOMETHING;
}

/* Until the service says that its list is another one than was read. */
static enum waited wait_here(struct source *source)
{
    for (;;) {
        uint64_t revision = 0;
        enum waited waited;
        if (lockstep_client_watch(source->client, source->revision, 0, &revision) !=
            LOCKSTEP_CALL_OK) {
            return WAITED_AWAY;
        }
        if (revision != source->revision) {
            return WAITED_SOMETHING;
        }
        waited = wait_ms(source, lockstep_client_watch_fd(source->client), AGAIN_LAST_MS);
        if (waited != WAITED_SOMETHING) {
            return waited;
        }
    }
}

/* Before who is away is asked again. */
static enum waited wait_again(struct source *source)
{
    uint64_t ms = source->pause_ms;
    source->pause_ms = ms * 2 < AGAIN_LAST_MS ? ms * 2 : AGAIN_LAST_MS;
    return wait_ms(source, -1, ms);
}

/* Reads the list again; false: the other side is away, and *RET_OVER if that was a signal. */
static bool read_again(struct source *source, bool *ret_over)
{
    struct lockstep_run *run = source->run;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_call_result result;
    *ret_over = false;
    if (source->client != NULL) {
        return read_here(source, &result);
    }
    if (run->session == NULL && lockstep_run_dial(run, &err) != LOCKSTEP_EXIT_DONE) {
        return false;
    }
    if (read_node(source)) {
        return true;
    }
    *ret_over = source->reply.kind == LOCKSTEP_REPLY_INTERRUPTED;
    if (source->reply.kind == LOCKSTEP_REPLY_LOST ||
        source->reply.kind == LOCKSTEP_REPLY_TIMED_OUT) {
        run->session = lockstep_session_close(run->session);
    }
    return false;
}

/* Waits until there is another list, and reads it. */
static enum waited next_list(struct source *source)
{
    bool away = false;
    bool over = false;
    enum waited waited = source->client != NULL ? wait_here(source) : wait_ms(source, -1, ASK_MS);
    source->pause_ms = AGAIN_MS;
    while (waited == WAITED_AWAY || waited == WAITED_SOMETHING) {
        if (waited == WAITED_SOMETHING && read_again(source, &over)) {
            break;
        }
        if (!away && !over) {
            lockstep_print(source->run->output.err, "lockstep: %s is away\n",
                           source->client != NULL ? lockstep_tool_path(source->run)
                                                  : source->run->flags.nodes.items[0]);
        }
        away = true;
        waited = over ? WAITED_OVER : wait_again(source);
    }
    if (away && waited == WAITED_SOMETHING) {
        lockstep_print(source->run->output.err, "lockstep: it is back\n");
    }
    return waited;
}

enum lockstep_exit lockstep_command_tool_watch(struct lockstep_run *run)
{
    struct source source = {.run = run, .signals = -1};
    uint64_t timeout_ms = run->flags.timeout.number;
    enum waited waited = WAITED_SOMETHING;
    enum lockstep_exit code = begin(&source);
    if (code == LOCKSTEP_EXIT_DONE && !take_signals(&source)) {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no descriptor for signals");
    }
    source.until_us = timeout_ms == 0 ? 0 : lockstep_monotonic_us() + timeout_ms * 1000;
    if (code == LOCKSTEP_EXIT_DONE) {
        lockstep_print(run->output.err, "lockstep: watching %zu tools\n",
                       json_array_size(source.rows));
        say_missing(&source);
    }
    while (code == LOCKSTEP_EXIT_DONE && waited == WAITED_SOMETHING) {
        LOCKSTEP_DECREF json_t *before = json_incref(source.rows);
        waited = next_list(&source);
        if (waited == WAITED_SOMETHING) {
            code = print_changes(&source, before);
        }
    }
    if (waited == WAITED_TIMED_OUT) {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_TIMED_OUT, "the wait timed out");
    }
    release(&source);
    return code;
}
