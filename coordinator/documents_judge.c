/* Desired against mapped: what is known of a node, gathered from fleet, journal and reports. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

static const struct lockstep_digest nothing;

/* ---- one node ------------------------------------------------------------------------------- */

static const struct lockstep_digest *live_on(const struct lockstep_node *node,
                                             const struct lockstep_name *module)
{
    const struct lockstep_live *live = lockstep_node_live(node, module);
    return live == NULL ? &nothing : &live->digest;
}

/* Who runs a module without being placed on it carries it too: that is worth knowing. */
static bool carries(const struct lockstep_judgement *judgement, uint32_t node)
{
    const struct lockstep_view *view = judgement->book->view;
    if (!view->fleet->nodes[node].member || view->views[node].row.gone) {
        return false;
    }
    return lockstep_book_placed(judgement->book, node, &judgement->module) ||
           !lockstep_digest_is_zero(live_on(&view->fleet->nodes[node], &judgement->module));
}

static bool is_looked_at(const struct lockstep_judgement *judgement, uint32_t node)
{
    return lockstep_query_node(judgement->query, node) && carries(judgement, node);
}

static bool is_left_out(const struct lockstep_judgement *judgement, uint32_t node)
{
    return judgement->query != NULL && judgement->query->reachable &&
           !judgement->book->view->fleet->nodes[node].ready;
}

/* The part of NODE, or -1. In a roster of the whole fleet it stands where its number says, and then
 * looking at every node of 10,000 is no search each. */
static int64_t part_of(const struct lockstep_operation *operation, uint32_t node)
{
    bool there = node < operation->part_count && operation->parts[node].node == node;
    return there ? (int64_t)node : lockstep_operation_part(operation, node);
}

/* What the part of NODE says of what it runs. */
static enum lockstep_drift_unsettled unsettled(const struct lockstep_operation *operation,
                                               uint32_t node, bool ready)
{
    int64_t part = part_of(operation, node);
    bool doubt = false;
    switch (part < 0 ? LOCKSTEP_PART_UNSPECIFIED : operation->parts[part].state) {
    case LOCKSTEP_PART_OWED:
        return LOCKSTEP_DRIFT_IS_OWED;
    case LOCKSTEP_PART_LOST:
        doubt = true;
        break;
    case LOCKSTEP_PART_CONTACTED:
    case LOCKSTEP_PART_PREPARED:
        doubt = !ready && !lockstep_operation_ended(operation);
        break;
    case LOCKSTEP_PART_TOUCHED:
    case LOCKSTEP_PART_LIVE:
    case LOCKSTEP_PART_HEALTHY:
        doubt = lockstep_operation_holds_lock(operation);
        break;
    default:
        break;
    }
    return doubt ? LOCKSTEP_DRIFT_IN_BETWEEN : LOCKSTEP_DRIFT_SETTLED;
}

static const struct lockstep_operation *unsettled_by(const struct lockstep_judgement *judgement,
                                                     uint32_t node,
                                                     enum lockstep_drift_unsettled *ret_unsettled)
{
    const struct lockstep_fleet *fleet = judgement->book->view->fleet;
    *ret_unsettled = LOCKSTEP_DRIFT_SETTLED;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL || lockstep_operation_item(operation, &judgement->module) < 0) {
            continue;
        }
        *ret_unsettled = unsettled(operation, node, fleet->nodes[node].ready);
        if (*ret_unsettled != LOCKSTEP_DRIFT_SETTLED) {
            return operation;
        }
    }
    return NULL;
}

static uint64_t seen_at(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node_view *seen = &view->views[node];
    return seen->report_unix_ms == 0 ? seen->heard_unix_ms : seen->report_unix_ms;
}

static bool is_fresh(const struct lockstep_view *view, uint32_t node)
{
    return seen_at(view, node) + view->fresh_ms >= view->now_unix_ms;
}

/* What its last report says of the module, if that is still what it runs. */
static const struct lockstep_wire_module *report_of(const struct lockstep_judgement *judgement,
                                                    uint32_t node,
                                                    const struct lockstep_digest *found)
{
    const struct lockstep_wire_module *report = lockstep_view_module(
        &judgement->book->view->views[node], &judgement->module);
    return report != NULL && lockstep_digest_equal(&report->digest, found) ? report : NULL;
}

/* The version of what the node runs is what was pushed under that digest, or what the node says. */
static bool is_same_version(const struct lockstep_judgement *judgement,
                            const struct lockstep_finding *finding,
                            const struct lockstep_wire_module *report)
{
    const struct lockstep_artifact_row *wanted = lockstep_book_artifact(judgement->book,
                                                                        &finding->wanted);
    const struct lockstep_artifact_row *found = lockstep_book_artifact(judgement->book,
                                                                       &finding->found);
    const char *version = found != NULL ? found->version : report != NULL ? report->version : "";
    return wanted != NULL && version[0] != '\0' && strcmp(wanted->version, version) == 0;
}

/* What NODE is to run. Where nothing is recorded of it, it is what all others are to run; of who is
 * not placed on the module it is nothing, once anything was decided. */
static void fill_wanted(const struct lockstep_judgement *judgement, uint32_t node,
                        struct lockstep_sight *sight, struct lockstep_finding *finding)
{
    const struct lockstep_view *view = judgement->book->view;
    const struct lockstep_desired_row *row = lockstep_book_desired(judgement->book, node,
                                                                   &judgement->module);
    bool placed = lockstep_book_placed(judgement->book, node, &judgement->module);
    const struct lockstep_digest *wish = row == NULL
                                             ? NULL
                                             : lockstep_desired_wish(row, view->now_unix_ms);
    if (row != NULL) {
        finding->pin_unix_ms = lockstep_book_pinned(judgement->book, row) ? row->pin_unix_ms : 0;
        finding->after = row->after;
        finding->unpinned_unix_ms = lockstep_book_pinned(judgement->book, row) ? 0
                                                                               : row->pin_unix_ms;
    }
    if (wish != NULL) {
        finding->wanted = *wish;
    } else if (placed || !judgement->decided) {
        finding->wanted = judgement->common;
        sight->undecided = lockstep_digest_is_zero(&judgement->common);
    }
    /* Who is owed going back to nothing is wanted to run none, and not what others run. */
    if (sight->unsettled == LOCKSTEP_DRIFT_IS_OWED) {
        const struct lockstep_operation *operation = finding->operation;
        finding->wanted = *lockstep_operation_target(
            operation, (uint32_t)part_of(operation, node),
            (uint32_t)lockstep_operation_item(operation, &judgement->module));
        sight->undecided = false;
    }
}

bool lockstep_judge_node(const struct lockstep_judgement *judgement, uint32_t node,
                         struct lockstep_finding *ret_finding)
{
    const struct lockstep_view *view = judgement->book->view;
    const struct lockstep_live *live = lockstep_node_live(&view->fleet->nodes[node],
                                                          &judgement->module);
    const struct lockstep_wire_module *report;
    struct lockstep_sight sight = {.ready = view->fleet->nodes[node].ready,
                                   .fresh = is_fresh(view, node)};
    if (!is_looked_at(judgement, node) || is_left_out(judgement, node)) {
        return false;
    }
    *ret_finding = (struct lockstep_finding){
        .found = live == NULL ? nothing : live->digest,
        .generation = live == NULL ? 0 : live->generation,
        .seen_unix_ms = seen_at(view, node),
        .connected = view->fleet->nodes[node].connected,
        .held = lockstep_time_set(view->fleet->nodes[node].held),
        .known = sight.ready && sight.fresh,
    };
    ret_finding->operation = unsettled_by(judgement, node, &sight.unsettled);
    fill_wanted(judgement, node, &sight, ret_finding);
    report = report_of(judgement, node, &ret_finding->found);
    if (report != NULL && report->disk == LOCKSTEP_DISK_MODIFIED) {
        sight.disk_differs = true;
        ret_finding->on_disk = report->disk_digest;
    }
    sight.wanted = ret_finding->wanted;
    sight.found = ret_finding->found;
    sight.pinned = ret_finding->pin_unix_ms != 0;
    sight.cordoned = view->fleet->nodes[node].cordoned;
    sight.same_version = is_same_version(judgement, ret_finding, report);
    ret_finding->drift = lockstep_drift_judge(&sight);
    if (ret_finding->drift != LOCKSTEP_DRIFT_OWED &&
        ret_finding->drift != LOCKSTEP_DRIFT_IN_DOUBT) {
        ret_finding->operation = NULL;
    }
    return true;
}

/* ---- one module ----------------------------------------------------------------------------- */

/* The one digest that is recorded of all nodes that are not pinned; zeros if there is none. */
static struct lockstep_digest recorded(const struct lockstep_judgement *judgement)
{
    const struct lockstep_book *book = judgement->book;
    const struct lockstep_digest *common = NULL;
    for (size_t i = 0; i < book->desired_count; i++) {
        const struct lockstep_desired_row *row = &book->desired[i];
        const struct lockstep_digest *wish = lockstep_desired_wish(row, book->view->now_unix_ms);
        if (wish == NULL || !lockstep_name_equal(&row->module, &judgement->module) ||
            lockstep_book_pinned(book, row) || row->node >= book->view->fleet->node_count ||
            !book->view->fleet->nodes[row->node].member) {
            continue;
        }
        if (common != NULL && !lockstep_digest_equal(common, wish)) {
            return nothing;
        }
        common = wish;
    }
    return common == NULL ? nothing : *common;
}

/* What NODE counts for in a majority; NULL: nothing, for what it runs now is not known. */
static const struct lockstep_digest *vote_of(const struct lockstep_judgement *judgement,
                                             uint32_t node)
{
    const struct lockstep_view *view = judgement->book->view;
    bool known = view->fleet->nodes[node].ready && is_fresh(view, node) &&
                 !lockstep_book_pinned(judgement->book, lockstep_book_desired(judgement->book, node,
                                                                              &judgement->module));
    return known ? live_on(&view->fleet->nodes[node], &judgement->module) : NULL;
}

/* Of all that carry it, whoever was asked for. */
static struct lockstep_digest live_on_most(const struct lockstep_judgement *judgement)
{
    uint32_t count = judgement->book->view->fleet->node_count;
    struct lockstep_majority majority = {.members = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (carries(judgement, i)) {
            lockstep_majority_nominate(&majority, vote_of(judgement, i));
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (carries(judgement, i)) {
            lockstep_majority_count(&majority, vote_of(judgement, i));
        }
    }
    return lockstep_majority_digest(&majority);
}

static uint32_t with_weight(const struct lockstep_judgement *judgement,
                            enum lockstep_drift_weight weight)
{
    uint32_t count = 0;
    for (size_t i = 0; i < LOCKSTEP_DRIFT_COUNT; i++) {
        count += lockstep_drift_weight((enum lockstep_drift)i) == weight ? judgement->in[i] : 0;
    }
    return count;
}

uint32_t lockstep_judgement_same(const struct lockstep_judgement *judgement)
{
    return with_weight(judgement, LOCKSTEP_DRIFT_SAME);
}

bool lockstep_judgement_consistent(const struct lockstep_judgement *judgement)
{
    return lockstep_judgement_same(judgement) == judgement->total && !judgement->split;
}

void lockstep_judgement_text(const struct lockstep_judgement *sums,
                             char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    const char *word = "consistent so far";
    char left_out[64] = "";
    char cordoned[64] = "";
    if (sums->split || with_weight(sums, LOCKSTEP_DRIFT_DIFFERS) > 0) {
        word = "not consistent";
    } else if (lockstep_judgement_consistent(sums)) {
        word = "consistent";
    }
    if (sums->left_out > 0) {
        (void)snprintf(left_out, sizeof(left_out), ", %u that cannot be reached left out",
                       sums->left_out);
    }
    if (sums->in[LOCKSTEP_DRIFT_CORDONED] > 0) {
        (void)snprintf(cordoned, sizeof(cordoned), ", %u cordoned beside them",
                       sums->in[LOCKSTEP_DRIFT_CORDONED]);
    }
    (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s: %u of %u%s%s%s", word,
                   lockstep_judgement_same(sums), sums->total, left_out, cordoned,
                   sums->split ? ", and no one version is desired" : "");
}

/* Takes one node into the judgement. Who is cordoned is only counted as that; who is pinned, or is
 * not to run the module at all, does not split it. */
static void add_finding(struct lockstep_judgement *judgement,
                        const struct lockstep_finding *finding, bool *first)
{
    judgement->in[finding->drift]++;
    if (finding->drift == LOCKSTEP_DRIFT_CORDONED) {
        return;
    }
    judgement->total++;
    judgement->split = judgement->split || finding->drift == LOCKSTEP_DRIFT_SPLIT;
    if (finding->pin_unix_ms != 0 || lockstep_digest_is_zero(&finding->wanted)) {
        return;
    }
    judgement->split = judgement->split ||
                       (!*first && !lockstep_digest_equal(&finding->wanted, &judgement->wanted));
    judgement->wanted = finding->wanted;
    *first = false;
}

void lockstep_judge(struct lockstep_judgement *judgement, const struct lockstep_book *book,
                    const struct lockstep_document_query *query, const struct lockstep_name *module)
{
    struct lockstep_finding finding;
    bool first = true;
    memset(judgement, 0, sizeof(*judgement));
    judgement->book = book;
    judgement->query = query;
    judgement->module = *module;
    judgement->decided = lockstep_book_decided(book, module);
    judgement->recorded = recorded(judgement);
    judgement->common = judgement->recorded;
    if (lockstep_digest_is_zero(&judgement->common)) {
        judgement->common = live_on_most(judgement);
    }
    for (uint32_t i = 0; i < book->view->fleet->node_count; i++) {
        if (lockstep_judge_node(judgement, i, &finding)) {
            add_finding(judgement, &finding, &first);
        } else if (is_looked_at(judgement, i)) {
            judgement->left_out++;
        }
    }
    judgement->wanted = judgement->split ? nothing : judgement->wanted;
    lockstep_judgement_text(judgement, judgement->text);
}
