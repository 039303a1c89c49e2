/* What reconciling a module would do: said beside its differences. */
#include "coordinator/documents_internal.h"

#include "coordinator/core/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

/* The members of the module's placement, and which nodes they are. */
struct gathered {
    struct lockstep_member *members;
    uint32_t *nodes;
    bool *taken; /* would be in the roster */
    uint32_t count;
};

static bool is_quarantined(const struct lockstep_book *book, const struct lockstep_digest *digest)
{
    const struct lockstep_artifact_row *artifact = lockstep_book_artifact(book, digest);
    return artifact != NULL && artifact->quarantined;
}

static struct lockstep_digest recorded_of(const struct lockstep_judgement *judgement, uint32_t node)
{
    const struct lockstep_book *book = judgement->book;
    const struct lockstep_desired_row *row = lockstep_book_desired(book, node, &judgement->module);
    const struct lockstep_digest *wish = row == NULL
                                             ? NULL
                                             : lockstep_desired_wish(row, book->view->now_unix_ms);
    return wish == NULL ? (struct lockstep_digest){{0}} : *wish;
}

/* Judges all members, whoever was asked for: a majority is of all of them. Who is cordoned is none
 * of them, nor who runs the module and is not to. */
static bool gather(const struct lockstep_judgement *judgement,
                   const struct lockstep_reconcile_ask *ask, struct gathered *gathered)
{
    const struct lockstep_book *book = judgement->book;
    uint32_t node_count = book->view->fleet->node_count;
    struct lockstep_judgement all = *judgement;
    struct lockstep_finding finding;
    all.query = NULL;
    gathered->members = calloc(node_count + 1U, sizeof(*gathered->members));
    gathered->nodes = calloc(node_count + 1U, sizeof(*gathered->nodes));
    gathered->taken = calloc(node_count + 1U, sizeof(*gathered->taken));
    if (gathered->members == NULL || gathered->nodes == NULL || gathered->taken == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        if (!lockstep_judge_node(&all, i, &finding) || book->view->fleet->nodes[i].cordoned ||
            (judgement->decided && !lockstep_book_placed(book, i, &judgement->module))) {
            continue;
        }
        gathered->nodes[gathered->count] = i;
        gathered->members[gathered->count++] = (struct lockstep_member){
            .runs = finding.found,
            .recorded = recorded_of(judgement, i),
            .known = finding.known,
            .pinned = finding.pin_unix_ms != 0,
            .unsettled = finding.operation != NULL,
            .quarantined = is_quarantined(book, &finding.found),
            .damped = ask->damped != NULL && ask->damped[i],
            .unasked = ask->asked != NULL && !ask->asked[i]};
    }
    return true;
}

static void ungather(struct gathered *gathered)
{
    free(gathered->members);
    free(gathered->nodes);
    free(gathered->taken);
}

/* Works it out. False if there is no memory. */
static bool reconcile(const struct lockstep_judgement *judgement,
                      const struct lockstep_reconcile_ask *ask, struct gathered *gathered,
                      struct lockstep_reconcile_answer *answer)
{
    struct lockstep_reconcile_request request = {.desired = judgement->recorded,
                                                 .to = ask->to,
                                                 .to_quarantined = ask->to_quarantined,
                                                 .by_majority = ask->by_majority,
                                                 .as_recorded = ask->as_recorded,
                                                 .max_changes = ask->max_changes,
                                                 .max_percent = ask->max_percent};
    if (!gather(judgement, ask, gathered)) {
        return false;
    }
    request.members = gathered->members;
    request.member_count = gathered->count;
    lockstep_reconcile(&request, gathered->taken, answer);
    return true;
}

/* ---- in words ------------------------------------------------------------------------------- */

/* How many of those on the majority's version there are, or that there is none. Returns the rest.
 */
static void say_majority(const struct lockstep_judgement *judgement,
                         const struct lockstep_reconcile_answer *answer, uint32_t members,
                         char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    char most[LOCKSTEP_STORE_VERSION];
    lockstep_book_version_text(judgement->book, &answer->majority, most);
    if (lockstep_digest_is_zero(&answer->majority)) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE,
                       "no version is known to run on more than half of %u", members);
    } else {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%u of %u run %s", answer->votes, members,
                       most);
    }
}

static void say_repair(const struct lockstep_reconcile_answer *answer, const char *version,
                       char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    int length = snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, ", and %u can be moved to %s",
                          answer->drifted, version);
    if (answer->moved < answer->drifted) {
        length += snprintf(ret_text + length, LOCKSTEP_DOCUMENT_LINE - (size_t)length,
                           ", %u of them at once", answer->moved);
    }
    if (answer->noted > 0) {
        (void)snprintf(ret_text + length, LOCKSTEP_DOCUMENT_LINE - (size_t)length,
                       "; %u more %s recorded to run something else", answer->noted,
                       answer->noted == 1 ? "is" : "are");
    }
}

static void say(const struct lockstep_judgement *judgement,
                const struct lockstep_reconcile_answer *answer, uint32_t members,
                char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    char majority[LOCKSTEP_DOCUMENT_LINE];
    char rest[LOCKSTEP_DOCUMENT_LINE] = "";
    char target[LOCKSTEP_STORE_VERSION];
    char recorded[LOCKSTEP_STORE_VERSION];
    if (lockstep_digest_equal(&answer->target, &answer->majority)) {
        (void)snprintf(target, sizeof(target), "it");
    } else {
        lockstep_book_version_text(judgement->book, &answer->target, target);
    }
    lockstep_book_version_text(judgement->book, &judgement->recorded, recorded);
    say_majority(judgement, answer, members, majority);
    if (answer->verdict == LOCKSTEP_RECONCILE_REPAIR) {
        say_repair(answer, target, rest);
    } else if (answer->verdict == LOCKSTEP_RECONCILE_CONFLICT) {
        (void)snprintf(rest, sizeof(rest), ", and %s is recorded", recorded);
    } else if (answer->verdict == LOCKSTEP_RECONCILE_QUARANTINED) {
        bool most = lockstep_digest_equal(&answer->target, &answer->majority);
        (void)snprintf(rest, sizeof(rest),
                       most ? ", which is quarantined" : ", and %s is quarantined", target);
    }
    (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%.120s%.130s", majority, rest);
}

/* ---- the document --------------------------------------------------------------------------- */

static json_t *moved(const struct lockstep_judgement *judgement, const struct gathered *gathered,
                     const struct lockstep_reconcile_answer *answer)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < gathered->count; i++) {
        if (gathered->taken[i] &&
            lockstep_reconcile_moves(&gathered->members[i], &answer->target)) {
            (void)json_array_append_new(
                nodes, lockstep_json_node(judgement->book->view, gathered->nodes[i]));
        }
    }
    return nodes;
}

static json_t *version_or_null(const struct lockstep_judgement *judgement,
                               const struct lockstep_digest *digest)
{
    return lockstep_digest_is_zero(digest) ? json_null()
                                           : lockstep_book_version(judgement->book, digest);
}

json_t *lockstep_json_reconcile(const struct lockstep_judgement *judgement, bool *ret_repairs)
{
    const struct lockstep_reconcile_ask ask = {.module = judgement->module};
    struct gathered gathered = {.count = 0};
    struct lockstep_reconcile_answer answer;
    char text[LOCKSTEP_DOCUMENT_LINE];
    json_t *made = NULL;
    if (reconcile(judgement, &ask, &gathered, &answer)) {
        say(judgement, &answer, gathered.count, text);
        *ret_repairs = answer.verdict == LOCKSTEP_RECONCILE_REPAIR;
        made = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "verdict",
                         lockstep_reconcile_word(answer.verdict), "text", text, "target_version",
                         version_or_null(judgement, &answer.target), "target",
                         lockstep_json_digest(&answer.target), "majority_version",
                         version_or_null(judgement, &answer.majority), "majority",
                         lockstep_json_digest(&answer.majority), "votes", (int)answer.votes,
                         "members", (int)gathered.count, "nodes",
                         moved(judgement, &gathered, &answer));
    }
    ungather(&gathered);
    return made;
}

/* ---- for an operation ----------------------------------------------------------------------- */

enum lockstep_err lockstep_document_reconcile(const struct lockstep_view *view,
                                              const struct lockstep_reconcile_ask *ask,
                                              bool *ret_taken,
                                              struct lockstep_reconcile_answer *ret_answer,
                                              char ret_text[LOCKSTEP_DOCUMENT_LINE],
                                              struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    const char *name = ask->module.text;
    const struct lockstep_document_query query = {.names = &name, .name_count = 1};
    struct gathered gathered = {.count = 0};
    struct lockstep_judgement judgement;
    bool done;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, &query, err));
    lockstep_judge(&judgement, &book, NULL, &ask->module);
    done = reconcile(&judgement, ask, &gathered, ret_answer);
    if (done) {
        say(&judgement, ret_answer, gathered.count, ret_text);
    }
    for (uint32_t i = 0; done && i < gathered.count; i++) {
        ret_taken[gathered.nodes[i]] = gathered.taken[i];
    }
    ungather(&gathered);
    return done ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
}
