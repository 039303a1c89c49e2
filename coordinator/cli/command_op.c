/* op watch, wait, abort; and the watching that reload and undo end with. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <string.h>
#include <sys/ioctl.h>

/* What has been shown of an operation so far. */
struct view {
    size_t lines; /* drawn on the terminal, to be drawn over */
    char *before; /* last line printed; owned */
};

static size_t rows_of_terminal(const struct lockstep_output *output)
{
    struct winsize size;
    if (ioctl(fileno(output->out), TIOCGWINSZ, &size) != 0 || size.ws_row < 8) {
        return 16;
    }
    return (size_t)size.ws_row - 4;
}

static void draw_over(const struct lockstep_output *output, struct view *view)
{
    if (view->lines > 0) {
        (void)fprintf(output->out, "\033[%zuA\033[J", view->lines);
    }
    view->lines = 0;
}

static bool is_drawn(const struct lockstep_output *output)
{
    return output->live && !output->quiet &&
           (output->format == LOCKSTEP_FORMAT_TABLE || output->format == LOCKSTEP_FORMAT_WIDE);
}

static void show_change(struct lockstep_run *run, struct view *view, const json_t *operation)
{
    const struct lockstep_output *output = &run->output;
    char *line;
    if (output->format == LOCKSTEP_FORMAT_JSONL) {
        lockstep_print_json(output, operation);
        (void)fflush(output->out);
        return;
    }
    if (output->quiet ||
        (output->format != LOCKSTEP_FORMAT_TABLE && output->format != LOCKSTEP_FORMAT_WIDE)) {
        return;
    }
    line = lockstep_render_progress(operation);
    if (line == NULL ||
        (!output->live && view->before != NULL && strcmp(line, view->before) == 0)) {
        free(line);
        return;
    }
    draw_over(output, view);
    if (is_drawn(output)) { /* no line may wrap, or the lines drawn could not be counted */
        (void)fprintf(output->out, "\033[?7l%s\n", line);
        view->lines = 1 + lockstep_render_parts(output, operation, rows_of_terminal(output));
        (void)fputs("\033[?7h", output->out);
    } else {
        (void)fprintf(output->out, "%s\n", line);
    }
    (void)fflush(output->out);
    free(view->before);
    view->before = line;
}

/* The operation has a result: everything about it, once. */
static enum lockstep_exit show_end(struct lockstep_run *run, struct view *view,
                                   const json_t *operation)
{
    bool waiting;
    enum lockstep_exit code = lockstep_exit_of(operation, run->flags.detailed_exitcode, &waiting);
    draw_over(&run->output, view);
    if (run->output.format == LOCKSTEP_FORMAT_JSONL) {
        lockstep_print_json(&run->output, operation);
    } else if (!run->output.quiet || code != LOCKSTEP_EXIT_DONE) {
        lockstep_render(&run->output, operation);
    }
    return code;
}

/* The watching ended and the operation did not. */
static enum lockstep_exit show_detached(struct lockstep_run *run, const char *id,
                                        const struct lockstep_reply *reply)
{
    char text[LOCKSTEP_OPERATION_SHORT];
    enum lockstep_exit code;
    lockstep_operation_short(strncmp(id, "op-", 3) == 0 ? id + 3 : id, text);
    if (reply->kind == LOCKSTEP_REPLY_FAILURE) {
        code = lockstep_run_fail_reply(run, reply);
        if (code != LOCKSTEP_EXIT_INTERNAL) {
            return code; /* it is not there, or not this person's to see */
        }
    } else if (reply->kind == LOCKSTEP_REPLY_LOST) {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_UNREACHABLE,
                                 "the connection to the coordinator is lost: %s", reply->text);
    } else if (reply->kind == LOCKSTEP_REPLY_TIMED_OUT) {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_TIMED_OUT, "the wait timed out");
    } else {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_DETACHED, "detached");
    }
    lockstep_print(run->output.err,
                   "the operation goes on; follow it: lockstep op watch %s\n"
                   "                          end it: lockstep op abort %s\n",
                   text, text);
    return code;
}

/* One reply of the watching; true when it was the last. */
static bool take_reply(struct lockstep_run *run, struct view *view, const char *id,
                       const struct lockstep_reply *reply, enum lockstep_exit *ret_code)
{
    bool waiting = false;
    if (reply->kind != LOCKSTEP_REPLY_DOCUMENT) {
        *ret_code = show_detached(run, id, reply);
        return true;
    }
    if (!lockstep_document_is(reply->document, "operation")) {
        *ret_code = lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL,
                                      "the coordinator's answer is no operation");
        return true;
    }
    (void)lockstep_exit_of(reply->document, false, &waiting);
    if (!waiting) {
        *ret_code = show_end(run, view, reply->document);
        return true;
    }
    show_change(run, view, reply->document);
    if (reply->last) {
        *ret_code = lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL,
                                      "the coordinator stopped telling before there was a result");
    }
    return reply->last;
}

enum lockstep_exit lockstep_run_watch(struct lockstep_run *run, const char *operation)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_WATCH};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct view view = {0};
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    bool over = false;
    wire.u.watch.request = lockstep_session_number(run->session);
    wire.u.watch.operation = operation;
    if (lockstep_session_send(run->session, &wire, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    while (!over) {
        struct lockstep_reply reply = {0};
        if (lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
            code = lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "%s", err.message);
            break;
        }
        over = take_reply(run, &view, operation, &reply, &code);
        lockstep_reply_deinit(&reply);
    }
    free(view.before);
    return code;
}

enum lockstep_exit lockstep_command_op_watch(struct lockstep_run *run)
{
    enum lockstep_exit code = lockstep_run_connect(run);
    return code == LOCKSTEP_EXIT_DONE ? lockstep_run_watch(run, run->words[0]) : code;
}

enum lockstep_exit lockstep_command_op_wait(struct lockstep_run *run)
{
    run->output.quiet = true;
    return lockstep_command_op_watch(run);
}

enum lockstep_exit lockstep_command_op_abort(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_ABORT};
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.abort = (struct lockstep_wire_abort){.request = lockstep_session_number(run->session),
                                                .operation = run->words[0],
                                                .message = run->flags.message};
    return lockstep_run_do(run, &wire);
}

enum lockstep_exit lockstep_command_op_resume(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_RESUME};
    enum lockstep_exit code;
    if (!run->flags.accept_loss) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "say --accept-loss: operations are paused only while the "
                                 "coordinator may be cut off, and go on by themselves when it is "
                                 "not");
    }
    code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.resume = (struct lockstep_wire_resume){.request = lockstep_session_number(run->session),
                                                  .accept_loss = true,
                                                  .node = "",
                                                  .message = run->flags.message};
    return lockstep_run_do(run, &wire);
}
