/* reconcile: one operation a module, over the nodes that are not on what the majority runs. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "common/io/loop.h"
#include "common/io/standing.h"
#include "coordinator/cli/command_change.h"
#include "coordinator/cli/document.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static enum lockstep_exit read_subject(struct lockstep_run *run, const char *module,
                                       struct lockstep_wire_subject *subject)
{
    const char *to = run->flags.to == NULL ? "" : run->flags.to;
    if (!lockstep_name_parse(module, &subject->module)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "%.64s is no module; reconcile takes MODULE", module);
    }
    if (strlen(to) >= sizeof(subject->version)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "--to: %.64s... is no version", to);
    }
    memcpy(subject->version, to, strlen(to) + 1);
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit read_reconcile(struct lockstep_run *run, const char *module,
                                         struct lockstep_change *change)
{
    struct lockstep_wire_request *body = &change->body;
    enum lockstep_exit code = lockstep_change_flags(run, change);
    body->kind = LOCKSTEP_KIND_RECONCILE;
    body->strategy = LOCKSTEP_STRATEGY_ROLLING;
    body->on_failure = LOCKSTEP_ON_FAILURE_HOLD; /* there is nothing good to go back to */
    body->by_majority = run->flags.rule != NULL && strcmp(run->flags.rule, "majority") == 0;
    body->max_changes_percent = run->flags.max_changes.share.percent;
    body->subject_count = 1;
    if (code == LOCKSTEP_EXIT_DONE) {
        code = read_subject(run, module, &change->subjects[0]);
    }
    return code == LOCKSTEP_EXIT_DONE
               ? lockstep_change_share(run, "max-changes", &run->flags.max_changes,
                                       &body->max_changes)
               : code;
}

static enum lockstep_exit reconcile_one(struct lockstep_run *run, const char *module)
{
    LOCKSTEP_FREE struct lockstep_change *change = calloc(1, sizeof(*change));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code;
    if (change == NULL || lockstep_sodium_ready(&err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory, or no randomness");
    }
    code = read_reconcile(run, module, change);
    return code == LOCKSTEP_EXIT_DONE ? lockstep_change_fleet(run, change, run->flags.dry_run)
                                      : code;
}

/* What can be done is done; the worst exit is the command's. What ends the waiting ends it all. */
static bool goes_on(enum lockstep_exit code)
{
    return code != LOCKSTEP_EXIT_DETACHED && code != LOCKSTEP_EXIT_TIMED_OUT &&
           code != LOCKSTEP_EXIT_UNREACHABLE && code != LOCKSTEP_EXIT_USAGE;
}

/* The next of several: *WORST is the exit so far. */
static void reconcile_next(struct lockstep_run *run, const char *module, enum lockstep_exit *worst)
{
    enum lockstep_exit code;
    if (!goes_on(*worst)) {
        lockstep_print(run->output.err, "nothing was done about %s\n", module);
        return;
    }
    code = reconcile_one(run, module);
    *worst = code > *worst ? code : *worst;
}

static enum lockstep_exit reconcile_all(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *check = NULL;
    enum lockstep_exit worst = lockstep_run_show(run, LOCKSTEP_THING_CHECK, NULL, 0, &check);
    size_t index;
    json_t *module;
    json_array_foreach(json_object_get(check, "modules"), index, module)
    {
        reconcile_next(run, lockstep_document_text(module, "module"), &worst);
    }
    return worst;
}

static enum lockstep_exit refuse(struct lockstep_run *run, const char *option, const char *why)
{
    return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s %s", option, why);
}

/* ---- without being asked -------------------------------------------------------------------- */

/* Of a pass in mode auto. */
#define MAX_CHANGES_PERCENT 25

/* The option among those that say how an operation goes, or NULL: a mode opens none. */
static const char *find_operations_option(const struct lockstep_flags *flags)
{
    const struct {
        bool given;
        const char *option;
    } options[] = {
        {flags->detach, "--detach"},
        {flags->request_id != NULL, "--request-id"},
        {flags->soak.given, "--soak"},
        {flags->drain != NULL, "--drain"},
        {flags->drain_timeout.given, "--drain-timeout"},
        {flags->commit_deadline.given, "--commit-deadline"},
        {flags->rollback_window.given, "--rollback-window"},
        {flags->deadline.given, "--deadline"},
        {flags->check_index.given, "--check-index"},
        {flags->extra[0] != '\0', "--extra"},
        {flags->force, "--force"},
    };
    for (size_t i = 0; i < LOCKSTEP_COUNT(options); i++) {
        if (options[i].given) {
            return options[i].option;
        }
    }
    return NULL;
}

/* What would change nothing is refused: nobody is to believe that it did. */
static enum lockstep_exit check_mode(struct lockstep_run *run, bool automatic)
{
    const struct lockstep_flags *flags = &run->flags;
    const char *option = find_operations_option(flags);
    if (option != NULL) {
        return refuse(run, option, "goes with an operation, and --mode opens none");
    }
    if (flags->to != NULL || flags->rule != NULL) {
        return refuse(run, "--to and --rule", "do not go with --mode: auto follows the majority");
    }
    if (flags->dry_run) {
        return refuse(run, "--dry-run", "does not go with --mode; lockstep check shows the drift");
    }
    if (flags->selector[0] != '\0' || flags->nodes.count > 0) {
        return refuse(run, "--node and -l", "do not go with --mode: it is for the whole fleet");
    }
    if (!automatic && (run->word_count > 0 || flags->life.given || flags->max_changes.given)) {
        return refuse(run, "MODULE, --for and --max-changes", "go with --mode auto");
    }
    if (flags->max_changes.given &&
        (!flags->max_changes.share.percent || flags->max_changes.share.number == 0 ||
         flags->max_changes.share.number > 100)) {
        return refuse(run, "--max-changes", "is a percentage with --mode auto, from 1% to 100%");
    }
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit fill_order(struct lockstep_run *run, struct lockstep_standing *standing)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint64_t life = run->flags.life.given ? run->flags.life.number : LOCKSTEP_STANDING_LIFE_MS;
    *standing = (struct lockstep_standing){
        .cluster = run->config.cluster,
        .max_changes_percent = run->flags.max_changes.given
                                   ? (uint32_t)run->flags.max_changes.share.number
                                   : MAX_CHANGES_PERCENT,
        .issued_unix_ms = lockstep_unix_ms(),
    };
    standing->not_after_unix_ms = standing->issued_unix_ms + life;
    randombytes_buf(standing->order.bytes, sizeof(standing->order.bytes));
    for (size_t i = 0; i < run->word_count; i++) {
        struct lockstep_name module;
        if (!lockstep_name_parse(run->words[i], &module)) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                     "%.64s is no module; reconcile takes MODULE", run->words[i]);
        }
        if (lockstep_standing_add(standing, &module, &err) != LOCKSTEP_OK) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
        }
    }
    return LOCKSTEP_EXIT_DONE;
}

/* Every module named is one that there is: an order for a slip of the pen would never do a thing.
 */
static enum lockstep_exit check_modules(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *check = NULL;
    return run->word_count == 0
               ? LOCKSTEP_EXIT_DONE
               : lockstep_run_show(run, LOCKSTEP_THING_CHECK, (const char *const *)run->words,
                                   run->word_count, &check);
}

/* Signs STANDING into TEXT and SIGNATURE, of the sizes that these have. */
static enum lockstep_exit sign_order(struct lockstep_run *run, struct lockstep_standing *standing,
                                     char text[LOCKSTEP_STANDING_MAX + 1], size_t *ret_length,
                                     uint8_t signature[LOCKSTEP_KEY_SIGNATURE])
{
    LOCKSTEP_CLEANUP(lockstep_key_cleanup) struct lockstep_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code = lockstep_run_sign_key(run, &key);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (lockstep_standing_encode(standing, text, LOCKSTEP_STANDING_MAX + 1, ret_length, &err) !=
        LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "the order is not signed: %s",
                                 err.message);
    }
    lockstep_standing_sign(text, *ret_length, key, signature);
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit set_mode(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_RECONCILE_MODE};
    LOCKSTEP_FREE struct lockstep_standing *standing = calloc(1, sizeof(*standing));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_STANDING_MAX + 1];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    enum lockstep_mode mode = lockstep_mode_parse(run->flags.mode);
    size_t length = 0;
    enum lockstep_exit code = check_mode(run, mode == LOCKSTEP_MODE_AUTO);
    if (standing == NULL || lockstep_sodium_ready(&err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory, or no randomness");
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_run_connect(run);
    }
    if (code == LOCKSTEP_EXIT_DONE && mode == LOCKSTEP_MODE_AUTO) {
        code = fill_order(run, standing);
        code = code == LOCKSTEP_EXIT_DONE ? check_modules(run) : code;
        code = code == LOCKSTEP_EXIT_DONE ? sign_order(run, standing, text, &length, signature)
                                          : code;
        wire.u.reconcile_mode.standing = (struct lockstep_blob){(const uint8_t *)text, length};
        wire.u.reconcile_mode.signature = (struct lockstep_blob){signature, sizeof(signature)};
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.reconcile_mode.request = lockstep_session_number(run->session);
    wire.u.reconcile_mode.mode = mode;
    wire.u.reconcile_mode.message = run->flags.message;
    return lockstep_run_do(run, &wire);
}

/* ---- now ------------------------------------------------------------------------------------ */

enum lockstep_exit lockstep_command_reconcile(struct lockstep_run *run)
{
    const struct lockstep_flags *flags = &run->flags;
    enum lockstep_exit worst = LOCKSTEP_EXIT_DONE;
    if (flags->mode != NULL) {
        return set_mode(run);
    }
    if (flags->life.given) {
        return refuse(run, "--for", "goes with --mode auto");
    }
    if (flags->to != NULL && run->word_count != 1) {
        return refuse(run, "--to", "is for one MODULE");
    }
    if (flags->to != NULL && flags->rule != NULL) {
        return refuse(run, "--rule", "says how to find the version, and --to says which");
    }
    if (flags->request_id != NULL && run->word_count != 1) {
        return refuse(run, "--request-id", "is for one MODULE");
    }
    if (flags->max_changes.given && flags->max_changes.share.number == 0) {
        return refuse(run, "--max-changes", "is at least 1; --dry-run changes nothing");
    }
    if (flags->force) {
        return refuse(run, "--force",
                      "is not served by this version: there are no advisory checks");
    }
    if (run->word_count == 0) {
        return reconcile_all(run);
    }
    for (size_t i = 0; i < run->word_count; i++) {
        reconcile_next(run, run->words[i], &worst);
    }
    return worst;
}
