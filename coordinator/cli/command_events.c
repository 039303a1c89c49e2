/*
 * What happened, one line an event. A follower has the number of the next event, and asks for it
 * again after the coordinator was away: nothing is lost or told twice.
 *
 * Following is what was asked for, so Ctrl-C is its end (0), not a detaching (130).
 */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "common/io/loop.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define NEWEST        100 /* shown where nothing else is asked for */
#define AGAIN_MS      200 /* first pause before the coordinator is asked again */
#define AGAIN_LAST_MS 5000

struct reading {
    uint64_t next;     /* the number to go on from; 0: not known yet */
    uint64_t until_us; /* of the monotonic clock; 0: no end */
    uint64_t pause_ms;
    json_t *events; /* of -o json without -f, which is one document; else NULL */
};

/* ---- printing ------------------------------------------------------------------------------- */

static const struct lockstep_column columns[] = {
    LOCKSTEP_COLUMN("NUMBER", "sequence", NUMBER, false),
    LOCKSTEP_COLUMN("TIME", "unix_ms", TIME, false),
    LOCKSTEP_COLUMN("WHAT", "what", TEXT, false),
    LOCKSTEP_COLUMN("SUBJECT", "subject", TEXT, false),
    LOCKSTEP_COLUMN("MODULES", "modules", LIST, false),
    LOCKSTEP_COLUMN("WHO", "who", TEXT, false),
    LOCKSTEP_COLUMN("TEXT", "text", TEXT, false),
};

/* On a terminal and in a pipe the same line. An operation goes by the name that people type. */
static void print_line(const struct lockstep_run *run, const json_t *event)
{
    LOCKSTEP_FREE char *time = lockstep_render_cell(event, &columns[1], false);
    LOCKSTEP_FREE char *modules = lockstep_render_cell(event, &columns[4], false);
    const char *operation = lockstep_document_text(event, "operation");
    const char *subject = *operation != '\0' ? operation : lockstep_document_text(event, "subject");
    const char *who = lockstep_document_text(event, "who");
    const char *text = lockstep_document_text(event, "text");
    bool person = strcmp(who, "coordinator") != 0;
    lockstep_print(run->output.out, "%-20s  %6" PRIu64 "  %-19s  %-11s  %s%s%s%s%s%s\n",
                   time == NULL ? "" : time, lockstep_document_number(event, "sequence"),
                   lockstep_document_text(event, "what"), *subject == '\0' ? "-" : subject,
                   modules == NULL || *modules == '\0' ? "-" : modules, *text == '\0' ? "" : "  ",
                   text, person ? "  (" : "", person ? who : "", person ? ")" : "");
}

static void print_cells(const struct lockstep_run *run, const json_t *event)
{
    size_t count = run->output.format == LOCKSTEP_FORMAT_NAME ? 1 : LOCKSTEP_COUNT(columns);
    for (size_t i = 0; i < count; i++) {
        LOCKSTEP_FREE char *cell = lockstep_render_cell(event, &columns[i], true);
        if (i > 0) {
            (void)fputc('\t', run->output.out);
        }
        lockstep_print(run->output.out, "%s", cell == NULL || *cell == '\0' ? "-" : cell);
    }
    (void)fputc('\n', run->output.out);
}

static void print_event(struct lockstep_run *run, const struct reading *reading, json_t *event)
{
    if (reading->events != NULL) {
        (void)json_array_append(reading->events, event);
    } else if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, event);
    } else if (run->output.format == LOCKSTEP_FORMAT_TSV ||
               run->output.format == LOCKSTEP_FORMAT_NAME) {
        print_cells(run, event);
    } else {
        print_line(run, event);
    }
}

static void print_events(struct lockstep_run *run, struct reading *reading, const json_t *document)
{
    json_t *event;
    size_t i;
    json_array_foreach(json_object_get(document, "events"), i, event)
    {
        print_event(run, reading, event);
    }
    reading->next = lockstep_document_number(document, "next");
    reading->pause_ms = AGAIN_MS;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum lockstep_exit ask(struct lockstep_run *run, const struct reading *reading)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_EVENTS};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_name modules[LOCKSTEP_LIST_MAX];
    const struct lockstep_flags *flags = &run->flags;
    uint32_t limit = flags->from.given || flags->since.given ? 0 : NEWEST;
    if (flags->limit.given || reading->next != 0) {
        limit = reading->next != 0 ? 0 : (uint32_t)flags->limit.number;
    }
    for (size_t i = 0; i < run->word_count; i++) {
        if (!lockstep_name_parse(run->words[i], &modules[i])) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no module's name",
                                     run->words[i]);
        }
    }
    wire.u.events = (struct lockstep_wire_events){
        .request = lockstep_session_number(run->session),
        .from = reading->next != 0 ? reading->next : flags->from.number,
        .since_ms = reading->next != 0 ? 0 : flags->since.number,
        .limit = limit,
        .modules = modules,
        .module_count = (uint32_t)run->word_count,
        .follow = flags->follow};
    if (lockstep_session_send(run->session, &wire, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, lockstep_exit_of_error(err.code), "%s", err.message);
    }
    return LOCKSTEP_EXIT_DONE;
}

/* Takes answers until one is the last. *RET_LOST: the connection went, and it follows. */
static enum lockstep_exit take_answers(struct lockstep_run *run, struct reading *reading,
                                       bool *ret_lost)
{
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    bool over = false;
    while (!over) {
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        struct lockstep_reply reply = {0};
        if (lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "%s", err.message);
        }
        over = reply.kind != LOCKSTEP_REPLY_DOCUMENT || reply.last;
        if (reply.kind == LOCKSTEP_REPLY_DOCUMENT) {
            print_events(run, reading, reply.document);
            if (fflush(run->output.out) != 0) {
                code = LOCKSTEP_EXIT_INTERNAL; /* nobody reads it any more */
                over = true;
            }
        } else if (run->flags.follow && reply.kind == LOCKSTEP_REPLY_LOST) {
            *ret_lost = true;
            lockstep_print(run->output.err, "lockstep: the coordinator is away: %s\n", reply.text);
        } else if (!run->flags.follow || reply.kind != LOCKSTEP_REPLY_INTERRUPTED) {
            code = lockstep_run_fail_reply(run, &reply);
        }
        lockstep_reply_deinit(&reply);
    }
    return code;
}

/* ---- again ---------------------------------------------------------------------------------- */

/* True if a signal ended the pause: it was blocked when the first session was opened. */
static bool pause_ends(struct reading *reading)
{
    struct timespec pause = {.tv_sec = (time_t)(reading->pause_ms / 1000),
                             .tv_nsec = (long)(reading->pause_ms % 1000) * 1000000};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    reading->pause_ms = reading->pause_ms * 2 < AGAIN_LAST_MS ? reading->pause_ms * 2
                                                              : AGAIN_LAST_MS;
    return sigtimedwait(&set, NULL, &pause) > 0;
}

/* What is left of --timeout, or none; false: it is over. */
static bool set_timeout(struct lockstep_run *run, const struct reading *reading)
{
    uint64_t now = lockstep_monotonic_us();
    if (reading->until_us != 0) {
        run->flags.timeout.number = reading->until_us > now ? (reading->until_us - now) / 1000 : 0;
    }
    return reading->until_us == 0 || run->flags.timeout.number > 0;
}

/* Until the coordinator is back. *RET_OVER: the person has ended it, or the time is over. */
static enum lockstep_exit reconnect(struct lockstep_run *run, struct reading *reading,
                                    bool *ret_over)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code = LOCKSTEP_EXIT_UNREACHABLE;
    run->session = lockstep_session_close(run->session);
    while (code == LOCKSTEP_EXIT_UNREACHABLE) {
        *ret_over = pause_ends(reading);
        if (*ret_over) {
            return LOCKSTEP_EXIT_DONE;
        }
        if (!set_timeout(run, reading)) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_TIMED_OUT, "the wait timed out");
        }
        code = lockstep_run_dial(run, &err);
    }
    *ret_over = code == LOCKSTEP_EXIT_DETACHED;
    if (*ret_over || code == LOCKSTEP_EXIT_DONE) {
        return LOCKSTEP_EXIT_DONE;
    }
    return lockstep_run_fail(run, code, "%s", err.message);
}

static enum lockstep_exit read_all(struct lockstep_run *run, struct reading *reading)
{
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    bool over = false;
    while (code == LOCKSTEP_EXIT_DONE && !over) {
        bool lost = false;
        code = ask(run, reading);
        if (code == LOCKSTEP_EXIT_DONE) {
            code = take_answers(run, reading, &lost);
        }
        over = !lost;
        if (lost && code == LOCKSTEP_EXIT_DONE) {
            code = reconnect(run, reading, &over);
        }
    }
    return code;
}

enum lockstep_exit lockstep_command_events(struct lockstep_run *run)
{
    struct reading reading = {.pause_ms = AGAIN_MS};
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (run->flags.timeout.number != 0) {
        reading.until_us = lockstep_monotonic_us() + run->flags.timeout.number * 1000;
    }
    if (run->output.format == LOCKSTEP_FORMAT_JSON && !run->flags.follow) {
        reading.events = json_array();
    }
    code = read_all(run, &reading);
    if (reading.events != NULL) {
        document = json_pack("{s:s, s:o, s:I}", "schema", "lockstep/events/v1", "events",
                             reading.events, "next", (json_int_t)reading.next);
        if (code == LOCKSTEP_EXIT_DONE && document != NULL) {
            lockstep_print_json(&run->output, document);
        }
    }
    return code;
}
