/* What reconciling a module would do: said beside its differences. */
#include "coordinator/documents_internal.h"

#include "coordinator/core/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

/* The members of the module's placement, and which nodes they are. */
struct gathered {
    struct lockstep_member *members;
    uint32_t *nodes;
    uint32_t count;
};

/* Judges all members, whoever was asked for: a majority is of all of them. Who is cordoned is none
 * of them, nor who runs the module and is not to. */
static bool gather(const struct lockstep_judgement *judgement, struct gathered *gathered)
{
    const struct lockstep_book *book = judgement->book;
    uint32_t node_count = book->view->fleet->node_count;
    struct lockstep_judgement all = *judgement;
    struct lockstep_finding finding;
    all.query = NULL;
    gathered->members = calloc(node_count + 1U, sizeof(*gathered->members));
    gathered->nodes = calloc(node_count + 1U, sizeof(*gathered->nodes));
    if (gathered->members == NULL || gathered->nodes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        const struct lockstep_artifact_row *artifact;
        if (!lockstep_judge_node(&all, i, &finding) || book->view->fleet->nodes[i].cordoned ||
            (judgement->decided && !lockstep_book_placed(book, i, &judgement->module))) {
            continue;
        }
        artifact = lockstep_book_artifact(book, &finding.found);
        gathered->nodes[gathered->count] = i;
        gathered->members[gathered->count++] = (struct lockstep_member){
            .runs = finding.found,
            .known = finding.known,
            .pinned = finding.pin_unix_ms != 0,
            .unsettled = finding.operation != NULL,
            .quarantined = artifact != NULL && artifact->quarantined};
    }
    return true;
}

/* ---- in words ------------------------------------------------------------------------------- */

static void say(const struct lockstep_judgement *judgement,
                const struct lockstep_reconcile_answer *answer, uint32_t members,
                char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    char most[LOCKSTEP_STORE_VERSION];
    char recorded[LOCKSTEP_STORE_VERSION];
    int length;
    lockstep_book_version_text(judgement->book, &answer->majority, most);
    lockstep_book_version_text(judgement->book, &judgement->recorded, recorded);
    if (answer->verdict == LOCKSTEP_RECONCILE_AMBIGUOUS) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE,
                       "no version is known to run on more than half of %u", members);
        return;
    }
    length = snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%u of %u run %s", answer->votes, members,
                      most);
    ret_text += length;
    if (answer->verdict == LOCKSTEP_RECONCILE_REPAIR) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE - (size_t)length,
                       ", and %u can be moved to it", answer->drifted);
    } else if (answer->verdict == LOCKSTEP_RECONCILE_CONFLICT) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE - (size_t)length, ", and %s is recorded",
                       recorded);
    } else if (answer->verdict == LOCKSTEP_RECONCILE_QUARANTINED) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE - (size_t)length, ", which is quarantined");
    }
}

/* The command that does it by hand, if it is short enough to be typed; else RET_NEXT stays. */
static void propose(const struct lockstep_judgement *judgement,
                    const struct lockstep_reconcile_answer *answer, const json_t *nodes,
                    char ret_next[LOCKSTEP_DOCUMENT_COMMAND])
{
    char version[LOCKSTEP_STORE_VERSION];
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    size_t index;
    json_t *node;
    int used;
    if (answer->verdict != LOCKSTEP_RECONCILE_REPAIR ||
        lockstep_book_artifact(judgement->book, &answer->target) == NULL) {
        return;
    }
    lockstep_book_version_text(judgement->book, &answer->target, version);
    used = snprintf(next, sizeof(next), "lockstep reload %s@%s --strategy sync_all",
                    judgement->module.text, version);
    json_array_foreach(nodes, index, node)
    {
        if (used >= 0 && (size_t)used < sizeof(next)) {
            used += snprintf(next + used, sizeof(next) - (size_t)used, " --node %s",
                             json_string_value(node));
        }
    }
    if (used >= 0 && (size_t)used < sizeof(next)) {
        (void)snprintf(ret_next, LOCKSTEP_DOCUMENT_COMMAND, "%s", next);
    }
}

/* ---- the document --------------------------------------------------------------------------- */

static json_t *moved(const struct lockstep_judgement *judgement, const struct gathered *gathered,
                     const struct lockstep_reconcile_answer *answer)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; answer->verdict == LOCKSTEP_RECONCILE_REPAIR && i < gathered->count; i++) {
        if (lockstep_reconcile_moves(&gathered->members[i], &answer->target)) {
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

json_t *lockstep_json_reconcile(const struct lockstep_judgement *judgement,
                                char ret_next[LOCKSTEP_DOCUMENT_COMMAND])
{
    struct gathered gathered = {.count = 0};
    struct lockstep_reconcile_answer answer;
    char text[LOCKSTEP_DOCUMENT_LINE];
    json_t *made = NULL;
    if (gather(judgement, &gathered)) {
        const struct lockstep_reconcile_request request = {.members = gathered.members,
                                                           .member_count = gathered.count,
                                                           .desired = judgement->recorded};
        json_t *nodes;
        lockstep_reconcile(&request, &answer);
        say(judgement, &answer, gathered.count, text);
        nodes = moved(judgement, &gathered, &answer);
        propose(judgement, &answer, nodes, ret_next);
        made = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "verdict",
                         lockstep_reconcile_word(answer.verdict), "text", text, "target_version",
                         version_or_null(judgement, &answer.target), "target",
                         lockstep_json_digest(&answer.target), "majority_version",
                         version_or_null(judgement, &answer.majority), "majority",
                         lockstep_json_digest(&answer.majority), "votes", (int)answer.votes,
                         "members", (int)gathered.count, "nodes", nodes);
    }
    free(gathered.members);
    free(gathered.nodes);
    return made;
}
