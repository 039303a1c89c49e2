/* plan, reload, undo: ask for a plan, compare it with what was asked, sign it, submit it, watch. */
#include "coordinator/cli/command.h"

#include "common/base/assert.h"
#include "common/io/intent.h"
#include "common/io/loop.h"
#include "coordinator/cli/change.h"
#include "coordinator/cli/command_change.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"
#include "coordinator/cli/subject.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

/* ---- what was typed, as a request ----------------------------------------------------------- */

static enum lockstep_exit read_id(struct lockstep_run *run, struct lockstep_change *change)
{
    const char *text = run->flags.request_id;
    if (text == NULL) {
        randombytes_buf(change->body.operation.bytes, sizeof(change->body.operation.bytes));
        return LOCKSTEP_EXIT_DONE;
    }
    change->known_id = true;
    if (!lockstep_id_parse(text, &change->body.operation)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "--request-id: %.64s is no id; one is 26 characters of base32",
                                 text);
    }
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit read_offline(struct lockstep_run *run, struct lockstep_change *change)
{
    const char *text = run->flags.offline;
    if (text == NULL) {
        change->body.offline = LOCKSTEP_OFFLINE_FAIL;
        return LOCKSTEP_EXIT_DONE;
    }
    if (strncmp(text, "wait:", 5) == 0 &&
        lockstep_duration_parse(text + 5, &change->body.offline_wait_ms)) {
        change->body.offline = LOCKSTEP_OFFLINE_WAIT;
        return LOCKSTEP_EXIT_DONE;
    }
    change->body.offline = lockstep_offline_parse(text);
    if (change->body.offline == LOCKSTEP_OFFLINE_UNSPECIFIED) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "--offline: %.40s is none of fail, wait, wait:5m, skip", text);
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_change_share(struct lockstep_run *run, const char *name,
                                         const struct lockstep_option_share *share,
                                         uint32_t *ret_number)
{
    if (share->share.number > LOCKSTEP_NODES_MAX) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "--%s: a fleet has at most %d nodes",
                                 name, LOCKSTEP_NODES_MAX);
    }
    *ret_number = (uint32_t)share->share.number;
    return LOCKSTEP_EXIT_DONE;
}

static void read_numbers(const struct lockstep_flags *flags, struct lockstep_wire_request *body)
{
    body->install = flags->install;
    body->again = flags->again;
    body->no_smoke = flags->no_smoke;
    body->no_quarantine = flags->no_quarantine;
    body->max_fail_given = flags->max_fail.given;
    body->max_fail_percent = flags->max_fail.share.percent;
    body->quorum_percent = flags->quorum.share.percent;
    body->soak_given = flags->soak.given;
    body->soak_ms = flags->soak.number;
    body->require_calls = flags->require_calls.number;
    body->window_given = flags->rollback_window.given;
    body->rollback_window_ms = flags->rollback_window.number;
    body->drain_timeout_ms = flags->drain_timeout.number;
    body->commit_deadline_ms = flags->commit_deadline.number;
    body->deadline_ms = flags->deadline.number;
    body->pin_ms = flags->pin.number;
    body->check_index = flags->check_index.number;
    body->selector = flags->selector;
    body->extra = flags->extra;
    body->message = flags->message;
    body->drain = flags->drain == NULL ? LOCKSTEP_DRAIN_AUTO : lockstep_drain_parse(flags->drain);
    body->on_failure = flags->on_failure == NULL ? LOCKSTEP_ON_FAILURE_ROLLBACK
                                                 : lockstep_on_failure_parse(flags->on_failure);
}

/* What is said and would change nothing is refused: nobody is to believe that it did. */
struct misplaced {
    bool given;
    const char *option;
    const char *why;
};

static enum lockstep_exit refuse_misplaced(struct lockstep_run *run,
                                           const struct misplaced *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].given) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s %s", options[i].option,
                                     options[i].why);
        }
    }
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit refuse_for_strategy(struct lockstep_run *run,
                                              enum lockstep_strategy strategy)
{
    const struct lockstep_flags *flags = &run->flags;
    bool quorum = strategy == LOCKSTEP_STRATEGY_QUORUM;
    bool local = strategy == LOCKSTEP_STRATEGY_LOCAL;
    bool skip = flags->offline != NULL && strcmp(flags->offline, "skip") == 0;
    bool fail = flags->offline != NULL && strcmp(flags->offline, "fail") == 0;
    const struct misplaced options[] = {
        {flags->queue, "--queue",
         "is not served by this version; lockstep op ls shows who is first"},
        {flags->force, "--force", "is not served by this version: there are no advisory checks"},
        {flags->quorum.given && !quorum, "--quorum", "goes with --strategy quorum"},
        {flags->max_fail.given && !quorum, "--max-fail",
         "goes with --strategy quorum: no other bears a failure"},
        {flags->pin.given && !local, "--pin", "goes with --strategy local"},
        {skip && local, "--offline skip", "leaves nobody, with --strategy local"},
        {(skip || fail) && quorum, "--offline",
         "does not go with --strategy quorum: who is absent counts, and is owed the version"},
    };
    return refuse_misplaced(run, options, LOCKSTEP_COUNT(options));
}

static enum lockstep_exit refuse_for_undo(struct lockstep_run *run)
{
    const struct lockstep_flags *flags = &run->flags;
    const struct misplaced options[] = {
        {flags->to != NULL, "--to",
         "is not served by this version; lockstep reload MODULE@VERSION goes anywhere"},
        {flags->force, "--force", "is not served by this version: there are no advisory checks"},
        {flags->soak.number != 0, "--soak", "is not for undo: going back has no soak"},
        {flags->rollback_window.number != 0, "--rollback-window",
         "is not for undo: what it leaves is not kept"},
    };
    return refuse_misplaced(run, options, LOCKSTEP_COUNT(options));
}

/* What undo, reload and plan share. */
enum lockstep_exit lockstep_change_flags(struct lockstep_run *run, struct lockstep_change *change)
{
    struct lockstep_wire_request *body = &change->body;
    enum lockstep_exit code = read_id(run, change);
    read_numbers(&run->flags, body);
    body->subjects = change->subjects;
    body->nodes = change->nodes;
    body->node_count = run->flags.nodes.count;
    if (code == LOCKSTEP_EXIT_DONE) {
        code = read_offline(run, change);
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_change_share(run, "quorum", &run->flags.quorum, &body->quorum);
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_change_share(run, "max-fail", &run->flags.max_fail, &body->max_fail);
    }
    return code == LOCKSTEP_EXIT_DONE ? lockstep_run_nodes(run, change->nodes) : code;
}

static enum lockstep_exit add_subject(struct lockstep_run *run, struct lockstep_change *change,
                                      const struct lockstep_subject *subject)
{
    struct lockstep_wire_request *body = &change->body;
    for (uint32_t i = 0; i < body->subject_count; i++) {
        if (lockstep_name_equal(&change->subjects[i].module, &subject->wire.module)) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s is named twice",
                                     subject->wire.module.text);
        }
    }
    change->files[body->subject_count] = subject->file;
    change->subjects[body->subject_count++] = subject->wire;
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit read_reload(struct lockstep_run *run, struct lockstep_change *change)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *strategy = run->flags.strategy;
    enum lockstep_exit code = lockstep_change_flags(run, change);
    change->body.kind = LOCKSTEP_KIND_RELOAD;
    for (size_t i = 0; code == LOCKSTEP_EXIT_DONE && i < run->word_count; i++) {
        struct lockstep_subject subject;
        code = lockstep_subject_parse(run->words[i], &subject, &err) == LOCKSTEP_OK
                   ? add_subject(run, change, &subject)
                   : lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (strategy == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "say --strategy sync_all, quorum or local");
    }
    change->body.strategy = lockstep_strategy_parse(strategy);
    if (change->body.strategy == LOCKSTEP_STRATEGY_LOCAL && change->body.node_count != 1) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "--strategy local is for one node; add --node NAME");
    }
    return refuse_for_strategy(run, change->body.strategy);
}

static enum lockstep_exit read_undo(struct lockstep_run *run, struct lockstep_change *change)
{
    enum lockstep_exit code = lockstep_change_flags(run, change);
    change->body.kind = LOCKSTEP_KIND_UNDO;
    change->body.strategy = LOCKSTEP_STRATEGY_SYNC_ALL; /* going back has its own rule */
    if (code == LOCKSTEP_EXIT_DONE) {
        code = refuse_for_undo(run);
    }
    for (size_t i = 0; code == LOCKSTEP_EXIT_DONE && i < run->word_count; i++) {
        struct lockstep_subject subject = {.file = NULL};
        code = lockstep_name_parse(run->words[i], &subject.wire.module)
                   ? add_subject(run, change, &subject)
                   : lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                       "%.64s is no module; undo takes MODULE", run->words[i]);
    }
    return code;
}

/* ---- going through with it ------------------------------------------------------------------ */

static enum lockstep_exit push_files(struct lockstep_run *run, struct lockstep_change *change,
                                     bool dry)
{
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    for (uint32_t i = 0; code == LOCKSTEP_EXIT_DONE && i < change->body.subject_count; i++) {
        struct lockstep_wire_subject *subject = &change->subjects[i];
        LOCKSTEP_DECREF json_t *artifact = NULL;
        if (change->files[i] == NULL) {
            continue;
        }
        if (dry) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                     "a plan pushes nothing; say lockstep artifact push %s first",
                                     change->files[i]);
        }
        code = lockstep_run_push(run, change->files[i], &subject->module, &artifact);
        if (code == LOCKSTEP_EXIT_DONE) {
            (void)snprintf(subject->version, sizeof(subject->version), "%s",
                           lockstep_document_text(artifact, "digest"));
        }
    }
    return code;
}

static enum lockstep_exit ask_plan(struct lockstep_run *run, const struct lockstep_change *change,
                                   json_t **ret_plan)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PLAN};
    wire.u.plan.request = lockstep_session_number(run->session);
    wire.u.plan.body = change->body;
    return lockstep_run_ask(run, &wire, ret_plan);
}

/* How good a class is; 0: none of them. */
static int rank_of(const char *class)
{
    static const char *const classes[] = {"none", "snapshot", "journaled", "lossless"};
    for (int i = 0; i < (int)LOCKSTEP_COUNT(classes); i++) {
        if (strcmp(classes[i], class) == 0) {
            return i;
        }
    }
    return 0; /* nobody says */
}

/* --require-rollback: each item of PLAN is held against it, before anything is signed. */
static enum lockstep_exit require_rollback(struct lockstep_run *run, const json_t *plan)
{
    const char *least = run->flags.require_rollback;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(plan, "items"), index, item)
    {
        const char *class = lockstep_document_text(item, "rollback");
        if (least != NULL && rank_of(class) < rank_of(least)) {
            return lockstep_run_fail(
                run, LOCKSTEP_EXIT_REFUSED,
                "%s %s: rollback %s, and %s; at least %s is required (--require-rollback)",
                lockstep_document_text(item, "module"), lockstep_document_text(item, "version"),
                *class == '\0' ? "unknown" : class, lockstep_document_text(item, "rollback_says"),
                least);
        }
    }
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit print_plan(struct lockstep_run *run, const json_t *plan)
{
    bool waiting;
    lockstep_render(&run->output, plan);
    return lockstep_exit_of(plan, run->flags.detailed_exitcode, &waiting);
}

static enum lockstep_exit dry_run(struct lockstep_run *run, const struct lockstep_change *change)
{
    LOCKSTEP_DECREF json_t *plan = NULL;
    enum lockstep_exit code = ask_plan(run, change, &plan);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    code = print_plan(run, plan);
    return code == LOCKSTEP_EXIT_DONE ? require_rollback(run, plan) : code;
}

static void say_maybe(struct lockstep_run *run, const struct lockstep_change *change)
{
    char id[LOCKSTEP_ID_TEXT];
    lockstep_id_format(&change->body.operation, id);
    lockstep_print(run->output.err, "it may have been opened: lockstep op watch op-%.8s\n", id);
}

/* Signs what PLAN says and sends it. A coordinator that fails over it may have written it down. */
static enum lockstep_exit submit(struct lockstep_run *run, const struct lockstep_change *change,
                                 const json_t *plan, json_t **ret_operation)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    LOCKSTEP_CLEANUP(lockstep_key_cleanup) struct lockstep_key *key = NULL;
    LOCKSTEP_FREE struct lockstep_intent *intent = calloc(1, sizeof(*intent));
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_SUBMIT};
    char text[LOCKSTEP_INTENT_MAX + 1];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    size_t length = 0;
    enum lockstep_exit code = lockstep_run_sign_key(run, &key);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (intent == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory for an intent");
    }
    if (lockstep_change_intent(&change->body, &run->config.cluster, plan, intent, &err) !=
            LOCKSTEP_OK ||
        lockstep_intent_encode(intent, text, sizeof(text), &length, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL,
                                 "the coordinator's plan is not signed: %s", err.message);
    }
    lockstep_intent_sign(text, length, key, signature);
    wire.u.submit = (struct lockstep_wire_submit){
        .request = lockstep_session_number(run->session),
        .body = change->body,
        .index = intent->plan_index,
        .intent = {(const uint8_t *)text, length},
        .signature = {signature, sizeof(signature)},
    };
    code = lockstep_run_ask(run, &wire, ret_operation);
    if (code == LOCKSTEP_EXIT_INTERNAL) {
        say_maybe(run, change);
    }
    return code;
}

/* True if the operation of --request-id is there already: then it is only watched. */
static enum lockstep_exit find_open(struct lockstep_run *run, const struct lockstep_change *change,
                                    bool *ret_found)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_SHOW};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_reply reply = {0};
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    const char *name = run->flags.request_id;
    wire.u.show = (struct lockstep_wire_show){.request = lockstep_session_number(run->session),
                                              .thing = LOCKSTEP_THING_OPERATION,
                                              .names = &name,
                                              .name_count = 1,
                                              .selector = ""};
    if (lockstep_session_send(run->session, &wire, &err) != LOCKSTEP_OK ||
        lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "%s", err.message);
    }
    *ret_found = reply.kind == LOCKSTEP_REPLY_DOCUMENT;
    if (*ret_found && lockstep_change_same(&change->body, reply.document, &err) != LOCKSTEP_OK) {
        code = lockstep_run_fail(run, LOCKSTEP_EXIT_CONFLICT, "--request-id: %s", err.message);
    } else if (!*ret_found &&
               (reply.kind != LOCKSTEP_REPLY_FAILURE || reply.exit != LOCKSTEP_EXIT_USAGE)) {
        code = lockstep_run_fail_reply(run, &reply);
    }
    lockstep_reply_deinit(&reply);
    return code;
}

/* Nothing is signed that would not be admitted, or need not be. The plan says why, and with which
 * exit. */
static enum lockstep_exit refuse_plan(struct lockstep_run *run, const json_t *plan)
{
    struct lockstep_output output = run->output;
    uint64_t exit = lockstep_document_number(plan, "exit");
    if (!lockstep_output_is_json(&output) && exit != LOCKSTEP_EXIT_DONE) {
        output.out = output.err;
    }
    lockstep_render(&output, plan);
    return exit == LOCKSTEP_EXIT_DONE       ? LOCKSTEP_EXIT_DONE
           : exit == LOCKSTEP_EXIT_CONFLICT ? LOCKSTEP_EXIT_CONFLICT
           : exit == LOCKSTEP_EXIT_USAGE    ? LOCKSTEP_EXIT_USAGE
                                            : LOCKSTEP_EXIT_REFUSED;
}

/* RET_NOTHING: there is nothing to be done, and nothing was opened. */
static enum lockstep_exit open_operation(struct lockstep_run *run,
                                         const struct lockstep_change *change, bool *ret_nothing)
{
    LOCKSTEP_DECREF json_t *plan = NULL;
    LOCKSTEP_DECREF json_t *operation = NULL;
    bool found = false;
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    if (change->known_id) {
        code = find_open(run, change, &found);
    }
    if (code != LOCKSTEP_EXIT_DONE || found) {
        return code;
    }
    code = ask_plan(run, change, &plan);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (!json_is_true(json_object_get(plan, "admitted")) &&
        !json_is_true(json_object_get(plan, "waits"))) {
        /* What holds the module may be this very operation: another call opened it meanwhile. */
        if (change->known_id) {
            code = find_open(run, change, &found);
        }
        *ret_nothing = !found;
        return code != LOCKSTEP_EXIT_DONE || found ? code : refuse_plan(run, plan);
    }
    code = require_rollback(run, plan);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (run->flags.verbose && !lockstep_output_is_json(&run->output)) {
        lockstep_render(&run->output, plan);
    }
    if (json_is_true(json_object_get(plan, "waits")) && !run->output.quiet) {
        char id[LOCKSTEP_ID_TEXT];
        lockstep_id_format(&change->body.operation, id);
        lockstep_print(run->output.err,
                       "op-%.8s waits for absent nodes; to end that: lockstep op abort op-%.8s\n",
                       id, id);
    }
    return submit(run, change, plan, &operation);
}

/* Nobody waits: what is under way is said, and how it can be found again. */
static enum lockstep_exit leave(struct lockstep_run *run, const char *id)
{
    LOCKSTEP_DECREF json_t *operation = NULL;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_SHOW};
    enum lockstep_exit code;
    if (!lockstep_output_is_json(&run->output)) {
        lockstep_print(run->output.out,
                       run->output.format == LOCKSTEP_FORMAT_NAME
                           ? "%s\n"
                           : "op-%.8s is open; lockstep op watch op-%.8s\n",
                       id, id);
        return LOCKSTEP_EXIT_DONE;
    }
    wire.u.show = (struct lockstep_wire_show){.request = lockstep_session_number(run->session),
                                              .thing = LOCKSTEP_THING_OPERATION,
                                              .names = &id,
                                              .name_count = 1,
                                              .selector = ""};
    code = lockstep_run_ask(run, &wire, &operation);
    if (code == LOCKSTEP_EXIT_DONE) {
        lockstep_render(&run->output, operation);
    }
    return code;
}

/* Everything behind the parsing. */
enum lockstep_exit lockstep_change_fleet(struct lockstep_run *run, struct lockstep_change *change,
                                         bool dry)
{
    char id[LOCKSTEP_ID_TEXT];
    bool nothing = false;
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = push_files(run, change, dry);
    }
    if (code != LOCKSTEP_EXIT_DONE || dry) {
        return code == LOCKSTEP_EXIT_DONE ? dry_run(run, change) : code;
    }
    lockstep_id_format(&change->body.operation, id);
    code = open_operation(run, change, &nothing);
    if (code == LOCKSTEP_EXIT_UNREACHABLE || code == LOCKSTEP_EXIT_TIMED_OUT ||
        code == LOCKSTEP_EXIT_DETACHED) {
        say_maybe(run, change);
    }
    if (code != LOCKSTEP_EXIT_DONE || nothing) {
        return code;
    }
    return run->flags.detach ? leave(run, id) : lockstep_run_watch(run, id);
}

static enum lockstep_exit run_change(struct lockstep_run *run,
                                     enum lockstep_exit (*read)(struct lockstep_run *run,
                                                                struct lockstep_change *change),
                                     bool dry)
{
    LOCKSTEP_FREE struct lockstep_change *change = calloc(1, sizeof(*change));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code;
    if (change == NULL || lockstep_sodium_ready(&err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory, or no randomness");
    }
    code = read(run, change);
    return code == LOCKSTEP_EXIT_DONE ? lockstep_change_fleet(run, change, dry) : code;
}

enum lockstep_exit lockstep_command_plan(struct lockstep_run *run)
{
    return run_change(run, read_reload, true);
}

enum lockstep_exit lockstep_command_reload(struct lockstep_run *run)
{
    return run_change(run, read_reload, run->flags.dry_run);
}

enum lockstep_exit lockstep_command_undo(struct lockstep_run *run)
{
    return run_change(run, read_undo, run->flags.dry_run);
}
