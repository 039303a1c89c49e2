/* Desired against mapped. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

const char *lockstep_verdict_word(enum lockstep_verdict verdict)
{
    static const char *const words[] = {
#define VERDICT_WORD(name, word) [LOCKSTEP_VERDICT_##name] = (word),
        LOCKSTEP_VERDICT_TABLE(VERDICT_WORD)
#undef VERDICT_WORD
    };
    return words[verdict];
}

/* ---- one node ------------------------------------------------------------------------------- */

static const struct lockstep_digest nothing;

static const struct lockstep_digest *live_on(const struct lockstep_node *node,
                                             const struct lockstep_name *module)
{
    const struct lockstep_live *live = lockstep_node_live(node, module);
    return live == NULL ? &nothing : &live->digest;
}

/* Who runs a module without being placed on it is looked at too: that is worth knowing. */
static bool in_placement(const struct lockstep_judgement *judgement, uint32_t node)
{
    const struct lockstep_view *view = judgement->book->view;
    if (!view->fleet->nodes[node].member || view->views[node].row.revoked ||
        !lockstep_query_node(judgement->query, node)) {
        return false;
    }
    return lockstep_book_placed(judgement->book, node, &judgement->module) ||
           !lockstep_digest_is_zero(live_on(&view->fleet->nodes[node], &judgement->module));
}

static bool is_pinned(const struct lockstep_view *view, const struct lockstep_desired_row *row)
{
    return row != NULL && row->pin_unix_ms > view->now_unix_ms;
}

/* The part of NODE, or -1. In a roster of the whole fleet it stands where its number says, and then
 * looking at every node of 10,000 is no search each. */
static int64_t part_of(const struct lockstep_operation *operation, uint32_t node)
{
    bool there = node < operation->part_count && operation->parts[node].node == node;
    return there ? (int64_t)node : lockstep_operation_part(operation, node);
}

/* True if the part of NODE says that what it runs is not settled; then *RET_VERDICT says how. */
static bool is_unsettled(const struct lockstep_operation *operation, uint32_t node, bool ready,
                         enum lockstep_verdict *ret_verdict)
{
    int64_t part = part_of(operation, node);
    switch (part < 0 ? LOCKSTEP_PART_UNSPECIFIED : operation->parts[part].state) {
    case LOCKSTEP_PART_OWED:
        *ret_verdict = LOCKSTEP_VERDICT_OWED;
        return true;
    case LOCKSTEP_PART_LOST:
        *ret_verdict = LOCKSTEP_VERDICT_IN_DOUBT;
        return true;
    case LOCKSTEP_PART_CONTACTED:
    case LOCKSTEP_PART_PREPARED:
        *ret_verdict = LOCKSTEP_VERDICT_IN_DOUBT;
        return !ready && !lockstep_operation_ended(operation);
    case LOCKSTEP_PART_TOUCHED:
    case LOCKSTEP_PART_LIVE:
    case LOCKSTEP_PART_HEALTHY:
        *ret_verdict = LOCKSTEP_VERDICT_IN_DOUBT;
        return lockstep_operation_holds_lock(operation);
    default:
        return false;
    }
}

static const struct lockstep_operation *unsettled_by(const struct lockstep_judgement *judgement,
                                                     uint32_t node,
                                                     enum lockstep_verdict *ret_verdict)
{
    const struct lockstep_fleet *fleet = judgement->book->view->fleet;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && lockstep_operation_item(operation, &judgement->module) >= 0 &&
            is_unsettled(operation, node, fleet->nodes[node].ready, ret_verdict)) {
            return operation;
        }
    }
    return NULL;
}

static bool is_stale(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node_view *seen = &view->views[node];
    uint64_t at = seen->report_unix_ms == 0 ? seen->heard_unix_ms : seen->report_unix_ms;
    return at + view->fresh_ms < view->now_unix_ms;
}

/* Of a node that is to go back to nothing no version is recorded: the operation says that it is
 * wanted to run none, and not what others run. */
static void want_what_is_owed(const struct lockstep_judgement *judgement, uint32_t node,
                              enum lockstep_verdict unsettled, struct lockstep_finding *finding)
{
    const struct lockstep_operation *operation = finding->operation;
    if (operation != NULL && unsettled == LOCKSTEP_VERDICT_OWED) {
        finding->wanted = *lockstep_operation_target(
            operation, (uint32_t)part_of(operation, node),
            (uint32_t)lockstep_operation_item(operation, &judgement->module));
    }
}

static enum lockstep_verdict compare(const struct lockstep_judgement *judgement, uint32_t node,
                                     struct lockstep_finding *finding)
{
    const struct lockstep_view *view = judgement->book->view;
    enum lockstep_verdict unsettled = LOCKSTEP_VERDICT_OK;
    bool same;
    finding->operation = unsettled_by(judgement, node, &unsettled);
    want_what_is_owed(judgement, node, unsettled, finding);
    same = lockstep_digest_equal(&finding->wanted, &finding->found);
    if (finding->operation != NULL &&
        (unsettled == LOCKSTEP_VERDICT_IN_DOUBT || !same || !view->fleet->nodes[node].ready)) {
        return unsettled;
    }
    finding->operation = NULL;
    if (!view->fleet->nodes[node].ready) {
        return LOCKSTEP_VERDICT_ABSENT;
    }
    if (is_stale(view, node)) {
        return LOCKSTEP_VERDICT_STALE;
    }
    if (lockstep_digest_is_zero(&finding->wanted) &&
        lockstep_book_desired(judgement->book, node, &judgement->module) == NULL) {
        return LOCKSTEP_VERDICT_SPLIT;
    }
    return same ? LOCKSTEP_VERDICT_OK : LOCKSTEP_VERDICT_DRIFT;
}

bool lockstep_judge_node(const struct lockstep_judgement *judgement, uint32_t node,
                         struct lockstep_finding *ret_finding)
{
    const struct lockstep_view *view = judgement->book->view;
    const struct lockstep_desired_row *row = lockstep_book_desired(judgement->book, node,
                                                                   &judgement->module);
    const struct lockstep_live *live = lockstep_node_live(&view->fleet->nodes[node],
                                                          &judgement->module);
    if (!in_placement(judgement, node)) {
        return false;
    }
    *ret_finding = (struct lockstep_finding){
        .wanted = row == NULL ? judgement->majority : row->digest,
        .found = live == NULL ? nothing : live->digest,
        .generation = live == NULL ? 0 : live->generation,
        .pin_unix_ms = is_pinned(view, row) ? row->pin_unix_ms : 0,
    };
    ret_finding->verdict = compare(judgement, node, ret_finding);
    return true;
}

/* ---- one module ----------------------------------------------------------------------------- */

/* The digest that more than half of the placement run, or zeros. */
static void find_majority(struct lockstep_judgement *judgement)
{
    const struct lockstep_fleet *fleet = judgement->book->view->fleet;
    struct lockstep_digest candidate = nothing;
    uint32_t lead = 0;
    uint32_t votes = 0;
    uint32_t placed = 0;
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        const struct lockstep_digest *live = live_on(&fleet->nodes[i], &judgement->module);
        if (!in_placement(judgement, i)) {
            continue;
        }
        candidate = lead == 0 ? *live : candidate;
        lead = lockstep_digest_equal(live, &candidate) ? lead + 1 : lead - 1;
    }
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        if (in_placement(judgement, i)) {
            placed++;
            votes += lockstep_digest_equal(live_on(&fleet->nodes[i], &judgement->module),
                                           &candidate)
                         ? 1
                         : 0;
        }
    }
    judgement->majority = votes > placed / 2 ? candidate : nothing;
}

bool lockstep_judgement_consistent(const struct lockstep_judgement *judgement)
{
    return judgement->same == judgement->total && !judgement->split;
}

void lockstep_judgement_text(const struct lockstep_judgement *sums,
                             char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    const char *word = "consistent so far";
    if (sums->split || sums->drifted > 0) {
        word = "not consistent";
    } else if (sums->same == sums->total) {
        word = "consistent";
    }
    (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s: %u of %u%s", word, sums->same,
                   sums->total, sums->split ? ", and no one version is desired" : "");
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
    find_majority(judgement);
    for (uint32_t i = 0; i < book->view->fleet->node_count; i++) {
        if (!lockstep_judge_node(judgement, i, &finding)) {
            continue;
        }
        judgement->total++;
        judgement->same += finding.verdict == LOCKSTEP_VERDICT_OK ? 1 : 0;
        judgement->drifted += finding.verdict == LOCKSTEP_VERDICT_DRIFT ? 1 : 0;
        judgement->split = judgement->split || finding.verdict == LOCKSTEP_VERDICT_SPLIT;
        if (finding.pin_unix_ms == 0) {
            judgement->split = judgement->split ||
                               (!first &&
                                !lockstep_digest_equal(&finding.wanted, &judgement->wanted));
            judgement->wanted = finding.wanted;
            first = false;
        }
    }
    judgement->wanted = judgement->split ? nothing : judgement->wanted;
    lockstep_judgement_text(judgement, judgement->text);
}

/* ---- the document --------------------------------------------------------------------------- */

/* What is wrong with a node, and what to type next. */
static void explain(const struct lockstep_judgement *judgement,
                    const struct lockstep_finding *finding, const char *node, char *ret_text,
                    char *ret_next)
{
    char wanted[LOCKSTEP_STORE_VERSION];
    char found[LOCKSTEP_STORE_VERSION];
    char id[LOCKSTEP_DOCUMENT_SHORT] = "";
    const char *module = judgement->module.text;
    lockstep_book_version_text(judgement->book, &finding->wanted, wanted);
    lockstep_book_version_text(judgement->book, &finding->found, found);
    (void)snprintf(ret_next, LOCKSTEP_DOCUMENT_COMMAND, "lockstep node show %s", node);
    if (finding->operation != NULL) {
        lockstep_short_id(&finding->operation->id, id);
        (void)snprintf(ret_next, LOCKSTEP_DOCUMENT_COMMAND, "lockstep op show %s", id);
    }
    switch (finding->verdict) {
    case LOCKSTEP_VERDICT_DRIFT:
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "it runs %s and is to run %s", found,
                       wanted);
        (void)snprintf(ret_next, LOCKSTEP_DOCUMENT_COMMAND,
                       "lockstep reload %s@current --strategy sync_all --node %s", module, node);
        break;
    case LOCKSTEP_VERDICT_OWED:
        if (lockstep_digest_is_zero(&finding->wanted)) {
            (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s has yet to take it out", id);
        } else {
            (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s still owes it %s", id, wanted);
        }
        break;
    case LOCKSTEP_VERDICT_IN_DOUBT:
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s is not settled on it", id);
        break;
    case LOCKSTEP_VERDICT_ABSENT:
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "it is not connected; it last ran %s",
                       found);
        break;
    case LOCKSTEP_VERDICT_STALE:
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "its report is old; it then ran %s",
                       found);
        break;
    case LOCKSTEP_VERDICT_SPLIT:
    case LOCKSTEP_VERDICT_OK:
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE,
                       "it runs %s; nothing is recorded and there is no majority", found);
        break;
    }
}

static json_t *difference_of(const struct lockstep_judgement *judgement, const char *node,
                             const struct lockstep_finding *finding)
{
    char text[LOCKSTEP_DOCUMENT_LINE];
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    explain(judgement, finding, node, text, next);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "kind",
                     lockstep_verdict_word(finding->verdict), "module", judgement->module.text,
                     "node", node, "wanted_version",
                     lockstep_book_version(judgement->book, &finding->wanted), "wanted",
                     lockstep_json_digest(&finding->wanted), "found_version",
                     lockstep_book_version(judgement->book, &finding->found), "found",
                     lockstep_json_digest(&finding->found), "text", text, "next", next);
}

static json_t *split_of(const struct lockstep_judgement *judgement)
{
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    (void)snprintf(next, sizeof(next), "lockstep module show %s", judgement->module.text);
    return json_pack("{s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:s, s:s}", "kind", "split", "module",
                     judgement->module.text, "node", "wanted_version", "wanted", "found_version",
                     "found", "text", "its nodes are not all to run one version", "next", next);
}

static void list_differences(const struct lockstep_judgement *judgement, json_t *differences)
{
    const struct lockstep_fleet *fleet = judgement->book->view->fleet;
    struct lockstep_finding finding;
    if (judgement->split) {
        (void)json_array_append_new(differences, split_of(judgement));
    }
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        if (lockstep_judge_node(judgement, i, &finding) && finding.verdict != LOCKSTEP_VERDICT_OK &&
            finding.verdict != LOCKSTEP_VERDICT_SPLIT) {
            (void)json_array_append_new(
                differences, difference_of(judgement, fleet->nodes[i].name.text, &finding));
        }
    }
}

static json_t *module_of(const struct lockstep_judgement *judgement)
{
    return json_pack("{s:s, s:b, s:o, s:o, s:i, s:i, s:s}", "module", judgement->module.text,
                     "consistent", lockstep_judgement_consistent(judgement) ? 1 : 0, "version",
                     judgement->split ? json_null()
                                      : lockstep_book_version(judgement->book, &judgement->wanted),
                     "digest", lockstep_json_digest(&judgement->wanted), "total",
                     (int)judgement->total, "same", (int)judgement->same, "text", judgement->text);
}

enum lockstep_err lockstep_document_check(const struct lockstep_view *view,
                                          const struct lockstep_document_query *query,
                                          json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    struct lockstep_judgement sums = {0};
    json_t *modules;
    json_t *differences;
    bool consistent;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, query, err));
    modules = json_array();
    differences = json_array();
    for (size_t i = 0; i < book.module_count; i++) {
        struct lockstep_judgement judgement;
        if (!lockstep_query_module(query, &book.modules[i])) {
            continue;
        }
        lockstep_judge(&judgement, &book, query, &book.modules[i]);
        sums.total += judgement.total;
        sums.same += judgement.same;
        sums.drifted += judgement.drifted;
        sums.split = sums.split || judgement.split;
        (void)json_array_append_new(modules, module_of(&judgement));
        list_differences(&judgement, differences);
    }
    lockstep_judgement_text(&sums, sums.text);
    consistent = lockstep_judgement_consistent(&sums);
    return lockstep_document_done(json_pack("{s:s, s:b, s:i, s:s, s:i, s:i, s:o, s:o}", "schema",
                                            "lockstep/check/v1", "consistent", consistent ? 1 : 0,
                                            "exit", consistent ? 0 : 3, "text", sums.text, "total",
                                            (int)sums.total, "same", (int)sums.same, "modules",
                                            modules, "differences", differences),
                                  ret_document, err);
}
