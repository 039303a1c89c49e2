/* From what an operator writes to what the core wants: versions, nodes, options. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/intent.h"

#include <stdlib.h>
#include <string.h>

void lockstep_resolved_deinit(struct lockstep_resolved *resolved)
{
    free(resolved->selected);
    free(resolved->roster);
    free(resolved->targets);
    free(resolved->desired);
    free(resolved->wished);
    free(resolved->previous);
    free(resolved->has_previous);
    free(resolved->placed);
}

/* ---- which version -------------------------------------------------------------------------- */

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_digest));
}

/* The digest that most nodes have of item INDEX in ROWS (`desired` or `previous`); false if none
 * has any. */
static bool most_common(const struct lockstep_resolved *resolved,
                        const struct lockstep_digest *rows, uint32_t index,
                        struct lockstep_digest *ret_digest)
{
    struct lockstep_digest *sorted = calloc(resolved->request.selected_count + 1U, sizeof(*sorted));
    uint32_t count = 0;
    uint32_t best = 0;
    uint32_t same = 0;
    for (uint32_t i = 0; sorted != NULL && i < resolved->request.selected_count; i++) {
        const struct lockstep_digest *digest = &rows[lockstep_resolved_at(resolved, i, index)];
        if (!lockstep_digest_is_zero(digest)) {
            sorted[count++] = *digest;
        }
    }
    if (count > 0) {
        qsort(sorted, count, sizeof(*sorted), by_digest);
    }
    for (uint32_t i = 0; i < count; i++) {
        same = i > 0 && lockstep_digest_equal(&sorted[i], &sorted[i - 1]) ? same + 1 : 1;
        if (same > best) {
            best = same;
            *ret_digest = sorted[i];
        }
    }
    free(sorted);
    return best > 0;
}

/* What each node has on its disk, if all have the same. */
static enum lockstep_err on_disk(const struct lockstep_coordinator *coordinator,
                                 const struct lockstep_request *request,
                                 const struct lockstep_name *module,
                                 struct lockstep_digest *ret_digest, struct lockstep_error *err)
{
    bool found = false;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_wire_module *report = lockstep_view_module(
            &coordinator->views[request->selected[i]], module);
        if (report == NULL || lockstep_digest_is_zero(&report->disk_digest)) {
            continue;
        }
        if (found && !lockstep_digest_equal(ret_digest, &report->disk_digest)) {
            return LOCKSTEP_FAIL(err, REFUSED,
                                 "nodes have different files of %s on disk; lockstep module status "
                                 "%s shows them",
                                 module->text, module->text);
        }
        *ret_digest = report->disk_digest;
        found = true;
    }
    return found ? LOCKSTEP_OK
                 : LOCKSTEP_FAIL(err, INVALID, "no node has a file of %s in its module_path",
                                 module->text);
}

static enum lockstep_err no_such_version(struct lockstep_coordinator *coordinator,
                                         const struct lockstep_wire_subject *subject,
                                         unsigned found, struct lockstep_error *err)
{
    bool known = lockstep_fleet_module(&coordinator->fleet, &subject->module) != NULL;
    if (found > 1) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "'%s' begins more than one digest of %s; give more of it",
                             subject->version, subject->module.text);
    }
    return known
               ? LOCKSTEP_FAIL(err, INVALID,
                               "%s has no version '%s'; lockstep artifact ls %s shows those there "
                               "are",
                               subject->module.text, subject->version, subject->module.text)
               : LOCKSTEP_FAIL(err, INVALID,
                               "nobody knows a module '%s' with a version '%s'; lockstep "
                               "artifact ls shows what was pushed",
                               subject->module.text, subject->version);
}

enum lockstep_err lockstep_control_version(struct lockstep_coordinator *coordinator,
                                           const struct lockstep_wire_subject *subject,
                                           const struct lockstep_resolved *resolved, uint32_t index,
                                           struct lockstep_digest *ret_digest,
                                           struct lockstep_error *err)
{
    struct lockstep_artifact_row row;
    bool previous = strcmp(subject->version, "previous") == 0;
    unsigned found = 0;
    if (strcmp(subject->version, "disk") == 0) {
        return on_disk(coordinator, &resolved->request, &subject->module, ret_digest, err);
    }
    if (previous || strcmp(subject->version, "current") == 0) {
        return most_common(resolved, previous ? resolved->previous : resolved->wished, index,
                           ret_digest)
                   ? LOCKSTEP_OK
                   : LOCKSTEP_FAIL(err, INVALID, "there is no %s version of %s", subject->version,
                                   subject->module.text);
    }
    LOCKSTEP_TRY(lockstep_control_named(coordinator, subject->module.text, subject->version, &row,
                                        &found, err));
    if (found != 1) {
        return no_such_version(coordinator, subject, found, err);
    }
    *ret_digest = row.digest;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_control_kept(const struct lockstep_coordinator *coordinator,
                                        const struct lockstep_wanted *item,
                                        struct lockstep_error *err)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    if (lockstep_artifact_has(coordinator->artifacts, &item->digest, LOCKSTEP_ARTIFACT_SO)) {
        return LOCKSTEP_OK;
    }
    lockstep_digest_format(&item->digest, text);
    return LOCKSTEP_FAIL(err, REFUSED,
                         "the bytes of %s %.8s are not here: they were not pushed, or are older "
                         "than the %d versions that are kept; lockstep artifact push brings them",
                         item->module.text, text, LOCKSTEP_KEEP_REVISIONS);
}

/* ---- going back ----------------------------------------------------------------------------- */

struct decided {
    const struct lockstep_name *module;
    bool found;
};

static void find_decided(void *context, const struct lockstep_name *name)
{
    struct decided *decided = context;
    decided->found = decided->found || lockstep_name_equal(decided->module, name);
}

/* Notes in RET_EXTRA which of the selected nodes run item INDEX and are to run none of it: nothing
 * is recorded of them, and they are not placed on it (`check` calls that extra). They go back to
 * nothing. Of a module that no operation ever brought nobody can say so. */
static enum lockstep_err find_extra(struct lockstep_coordinator *coordinator,
                                    const struct lockstep_resolved *resolved, uint32_t index,
                                    bool *ret_extra, struct lockstep_error *err)
{
    const struct lockstep_request *request = &resolved->request;
    struct decided decided = {&request->items[index].module, request->items[index].recorded};
    LOCKSTEP_TRY(lockstep_store_modules_decided(coordinator->store, find_decided, &decided, err));
    for (uint32_t i = 0; i < request->selected_count; i++) {
        ret_extra[i] = decided.found && !resolved->placed[lockstep_resolved_at(resolved, i, index)];
    }
    return LOCKSTEP_OK;
}

/* What the selected node INDEX runs of MODULE, or NULL. */
static const struct lockstep_digest *runs_of(const struct lockstep_coordinator *coordinator,
                                             const struct lockstep_request *request, uint32_t index,
                                             const struct lockstep_name *module)
{
    const struct lockstep_live *live = lockstep_node_live(
        &coordinator->nodes[request->selected[index]], module);
    return live != NULL && !lockstep_digest_is_zero(&live->digest) ? &live->digest : NULL;
}

/* What is left: what most nodes are to run, or else what the first one runs that is to run none. */
static enum lockstep_err find_leaving(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_resolved *resolved, uint32_t index,
                                      const bool *extra, struct lockstep_digest *ret_leaving,
                                      struct lockstep_error *err)
{
    const struct lockstep_request *request = &resolved->request;
    const struct lockstep_name *module = &request->items[index].module;
    if (most_common(resolved, resolved->desired, index, ret_leaving)) {
        return LOCKSTEP_OK;
    }
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_digest *runs = runs_of(coordinator, request, i, module);
        if (extra[i] && runs != NULL) {
            *ret_leaving = *runs;
            return LOCKSTEP_OK;
        }
    }
    return LOCKSTEP_FAIL(
        err, INVALID, "no node is recorded to run '%s', so there is nothing to undo", module->text);
}

/* What each node goes back to of item INDEX: what it ran before, and be it nothing, if it runs what
 * is being left. */
static enum lockstep_err fill_targets(struct lockstep_coordinator *coordinator,
                                      struct lockstep_resolved *resolved, uint32_t index,
                                      const bool *extra, struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    const struct lockstep_wanted *item = &request->items[index];
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_node *node = &coordinator->nodes[request->selected[i]];
        const struct lockstep_digest *runs = runs_of(coordinator, request, i, &item->module);
        size_t at = lockstep_resolved_at(resolved, i, index);
        bool leaves;
        runs = runs != NULL ? runs : &resolved->desired[at];
        leaves = lockstep_digest_equal(runs, &item->leaving);
        resolved->targets[at] = leaves ? resolved->previous[at] : *runs;
        if (leaves && !resolved->has_previous[at] && !extra[i]) {
            return LOCKSTEP_FAIL(err, REFUSED,
                                 "%s has no version of %s to go back to; lockstep reload "
                                 "%s@VERSION brings one of those that lockstep history %s shows",
                                 node->name.text, item->module.text, item->module.text,
                                 item->module.text);
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err resolve_undo_of(struct lockstep_coordinator *coordinator,
                                         struct lockstep_resolved *resolved, uint32_t index,
                                         struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    bool *extra = calloc(request->selected_count + 1U, sizeof(*extra));
    enum lockstep_err result;
    if (extra == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    result = find_extra(coordinator, resolved, index, extra, err);
    if (result == LOCKSTEP_OK) {
        result = find_leaving(coordinator, resolved, index, extra, &request->items[index].leaving,
                              err);
    }
    if (result == LOCKSTEP_OK) {
        result = fill_targets(coordinator, resolved, index, extra, err);
    }
    free(extra);
    return result;
}

static enum lockstep_err resolve_undo(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_request *body,
                                      struct lockstep_resolved *resolved,
                                      struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    resolved->targets = calloc(lockstep_resolved_at(resolved, request->selected_count, 0) + 1,
                               sizeof(*resolved->targets));
    if (resolved->targets == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    request->targets = resolved->targets;
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct lockstep_wanted *item = &request->items[i];
        if (body->subjects[i].version[0] != '\0') {
            return LOCKSTEP_FAIL(err, INVALID,
                                 "an undo to a version is not served by this version of lockstep; "
                                 "lockstep reload %s@%s does it",
                                 item->module.text, body->subjects[i].version);
        }
        LOCKSTEP_TRY(resolve_undo_of(coordinator, resolved, i, err));
    }
    return LOCKSTEP_OK;
}

/* ---- the request ---------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, bool given, uint64_t otherwise)
{
    return value != 0 || given ? value : otherwise;
}

static void fill_options(const struct lockstep_coordinator *coordinator,
                         const struct lockstep_wire_request *body,
                         struct lockstep_operation_options *options)
{
    const struct lockstep_defaults *settings = &coordinator->config->settings;
    options->on_failure = body->on_failure;
    options->drain = body->drain;
    options->again = body->again;
    options->no_smoke = body->no_smoke;
    options->no_quarantine = body->no_quarantine;
    options->max_fail = body->max_fail;
    options->prepare_ms = settings->prepare;
    options->fetch_ms = settings->fetch;
    options->drain_timeout_ms = or_default(body->drain_timeout_ms, false, settings->drain);
    options->commit_deadline_ms = or_default(body->commit_deadline_ms, false,
                                             settings->commit_deadline);
    options->soak_ms = or_default(body->soak_ms, body->soak_given, settings->soak);
    options->window_ms = or_default(body->rollback_window_ms, body->window_given,
                                    settings->rollback_window);
    options->deadline_ms = or_default(body->deadline_ms, false, settings->operation_deadline);
    options->resend_first_ms = settings->decision_resend_first;
    options->resend_last_ms = settings->decision_resend_last;
    options->require_calls = body->require_calls;
    options->pin_ms = body->strategy == LOCKSTEP_STRATEGY_LOCAL
                          ? or_default(body->pin_ms, false, settings->pin)
                          : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lockstep_name *)a)->text, ((const struct lockstep_name *)b)->text);
}

/* The digest of the roster's names, in order: what the operator signs as its scope. */
static enum lockstep_err hash_roster(const struct lockstep_coordinator *coordinator,
                                     struct lockstep_resolved *resolved, struct lockstep_error *err)
{
    const struct lockstep_plan *plan = &resolved->plan;
    struct lockstep_name *names = calloc(plan->n + 1U, sizeof(*names));
    enum lockstep_err result;
    if (names == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    for (uint32_t i = 0; i < plan->n; i++) {
        names[i] = coordinator->nodes[resolved->request.selected[plan->roster[i]]].name;
    }
    qsort(names, plan->n, sizeof(*names), by_name);
    result = lockstep_roster_digest(names, plan->n, &resolved->roster_digest, err);
    free(names);
    return result;
}

static void fill_request(struct lockstep_coordinator *coordinator,
                         const struct lockstep_wire_request *body, const bool *selected,
                         struct lockstep_resolved *resolved)
{
    struct lockstep_request *request = &resolved->request;
    request->operation = body->operation;
    request->kind = body->kind;
    request->strategy = body->strategy;
    request->offline = body->offline;
    request->install = body->install;
    request->item_count = body->subject_count;
    fill_options(coordinator, body, &request->options);
    for (uint32_t i = 0; i < body->subject_count; i++) {
        request->items[i].module = body->subjects[i].module;
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (selected[i]) {
            resolved->selected[request->selected_count++] = i;
        }
    }
    request->selected = resolved->selected;
    request->max_fail_given = body->max_fail_given;
    request->max_fail_percent = body->max_fail_percent;
    request->quorum = body->quorum;
    request->quorum_percent = body->quorum_percent;
}

static enum lockstep_err resolve_with(struct lockstep_coordinator *coordinator,
                                      const struct lockstep_wire_request *body, bool *selected,
                                      struct lockstep_resolved *resolved,
                                      struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    if (body->force) {
        return LOCKSTEP_FAIL(err, INVALID, "force is not served by this version");
    }
    LOCKSTEP_TRY(lockstep_control_select(coordinator, body->selector, body->nodes, body->node_count,
                                         selected, err));
    if (body->kind == LOCKSTEP_KIND_RECONCILE) {
        LOCKSTEP_TRY(lockstep_control_reconcile(coordinator, body, selected, resolved, err));
    }
    fill_request(coordinator, body, selected, resolved);
    LOCKSTEP_TRY(lockstep_control_place(coordinator, resolved, err));
    if (body->kind == LOCKSTEP_KIND_UNDO) {
        LOCKSTEP_TRY(resolve_undo(coordinator, body, resolved, err));
    } else {
        for (uint32_t i = 0; i < body->subject_count; i++) {
            if (body->kind == LOCKSTEP_KIND_RELOAD) {
                LOCKSTEP_TRY(lockstep_control_version(coordinator, &body->subjects[i], resolved, i,
                                                      &request->items[i].digest, err));
            }
            if ((request->verdict == LOCKSTEP_RECONCILE_REPAIR && resolved->damped == NULL) ||
                body->kind == LOCKSTEP_KIND_RELOAD) {
                LOCKSTEP_TRY(lockstep_control_kept(coordinator, &request->items[i], err));
            }
            request->items[i].quarantined = lockstep_driver_quarantined(coordinator,
                                                                        &request->items[i].digest);
        }
    }
    lockstep_fleet_plan(&coordinator->fleet, request, &resolved->plan);
    return hash_roster(coordinator, resolved, err);
}

enum lockstep_err lockstep_control_resolve(struct lockstep_coordinator *coordinator,
                                           const struct lockstep_wire_request *body,
                                           struct lockstep_resolved *resolved,
                                           struct lockstep_error *err)
{
    return lockstep_control_resolve_damped(coordinator, body, NULL, resolved, err);
}

enum lockstep_err lockstep_control_resolve_damped(struct lockstep_coordinator *coordinator,
                                                  const struct lockstep_wire_request *body,
                                                  const bool *damped,
                                                  struct lockstep_resolved *resolved,
                                                  struct lockstep_error *err)
{
    uint32_t nodes = coordinator->fleet.node_count + 1U;
    bool *selected = calloc(nodes, sizeof(*selected));
    enum lockstep_err result;
    memset(resolved, 0, sizeof(*resolved));
    resolved->damped = damped;
    resolved->selected = calloc(nodes, sizeof(*resolved->selected));
    resolved->roster = calloc(nodes, sizeof(*resolved->roster));
    resolved->plan.roster = resolved->roster;
    result = selected == NULL || resolved->selected == NULL || resolved->roster == NULL
                 ? LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan")
                 : resolve_with(coordinator, body, selected, resolved, err);
    free(selected);
    if (result != LOCKSTEP_OK) {
        lockstep_resolved_deinit(resolved);
    }
    return result;
}
