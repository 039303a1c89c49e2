/* reconcile: one operation a module, over the nodes that are not on what the majority runs. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/command_change.h"
#include "coordinator/cli/document.h"

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

static enum lockstep_exit reconcile_all(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *check = NULL;
    enum lockstep_exit worst = lockstep_run_show(run, LOCKSTEP_THING_CHECK, NULL, 0, &check);
    size_t index;
    json_t *module;
    json_array_foreach(json_object_get(check, "modules"), index, module)
    {
        enum lockstep_exit code;
        if (!goes_on(worst)) {
            break;
        }
        code = reconcile_one(run, lockstep_document_text(module, "module"));
        worst = code > worst ? code : worst;
    }
    return worst;
}

static enum lockstep_exit refuse(struct lockstep_run *run, const char *option, const char *why)
{
    return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s %s", option, why);
}

enum lockstep_exit lockstep_command_reconcile(struct lockstep_run *run)
{
    const struct lockstep_flags *flags = &run->flags;
    enum lockstep_exit worst = LOCKSTEP_EXIT_DONE;
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
    for (size_t i = 0; i < run->word_count && goes_on(worst); i++) {
        enum lockstep_exit code = reconcile_one(run, run->words[i]);
        worst = code > worst ? code : worst;
    }
    return worst;
}
