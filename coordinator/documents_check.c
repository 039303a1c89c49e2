/* Is the fleet as it is to be? What is not, why, and what to type next. */
#include "coordinator/documents_internal.h"

#include "common/io/value.h"
#include "common/tbl/defaults.h"

#include <stdio.h>
#include <string.h>

/* ---- one node ------------------------------------------------------------------------------- */

#define SAY(text, ...) (void)snprintf((text), sizeof(text), __VA_ARGS__)

/* What is said of one difference. */
struct saying {
    char text[LOCKSTEP_DOCUMENT_LINE];
    char next[LOCKSTEP_DOCUMENT_COMMAND];
};

/* The names that people know things by. */
struct naming {
    const char *module;
    const char *node;
    char wanted[LOCKSTEP_STORE_VERSION];
    char found[LOCKSTEP_STORE_VERSION];
    char disk[LOCKSTEP_STORE_VERSION];
    char operation[LOCKSTEP_DOCUMENT_SHORT];
};

#define AGE 64

/* When it was last heard of, for people: to the second, and to the minute where it is hours ago. */
static void format_age(const struct lockstep_judgement *judgement,
                       const struct lockstep_finding *finding, char ret_text[AGE])
{
    uint64_t now = judgement->book->view->now_unix_ms;
    uint64_t age = now > finding->seen_unix_ms ? now - finding->seen_unix_ms : 0;
    uint64_t unit = age < LOCKSTEP_SECOND ? 1
                    : age < LOCKSTEP_HOUR ? LOCKSTEP_SECOND
                                          : LOCKSTEP_MINUTE;
    char duration[LOCKSTEP_VALUE_TEXT];
    if (finding->seen_unix_ms == 0) {
        (void)snprintf(ret_text, AGE, "not heard of since the coordinator started");
        return;
    }
    lockstep_duration_format(age / unit * unit, duration);
    (void)snprintf(ret_text, AGE, "heard of %s ago", duration);
}

static void say_unsettled(const struct lockstep_finding *finding, const struct naming *named,
                          struct saying *saying)
{
    SAY(saying->next, "lockstep op show %s", named->operation);
    if (finding->drift == LOCKSTEP_DRIFT_IN_DOUBT) {
        SAY(saying->text, "%s is not settled on it", named->operation);
    } else if (lockstep_digest_is_zero(&finding->wanted)) {
        SAY(saying->text, "%s has yet to take it out", named->operation);
    } else {
        SAY(saying->text, "%s still owes it %s", named->operation, named->wanted);
    }
}

static void say_not_known(const struct lockstep_judgement *judgement,
                          const struct lockstep_finding *finding, const struct naming *named,
                          struct saying *saying)
{
    bool held = finding->held && finding->connected;
    const char *why = held                                     ? "it comes and goes, and is held"
                      : finding->drift == LOCKSTEP_DRIFT_STALE ? "its report is old"
                      : finding->connected                     ? "it is not ready"
                                                               : "it is not connected";
    char age[AGE];
    format_age(judgement, finding, age);
    SAY(saying->text, "%s; it last ran %s, %s", why, named->found, age);
    SAY(saying->next, held ? "lockstep node resume %s" : "lockstep node show %s", named->node);
}

/* A reload of this one node mends it, unless it would be refused. A version that was not pushed
 * goes by no name. */
static void say_reload(const struct lockstep_judgement *judgement,
                       const struct lockstep_finding *finding, const struct naming *named,
                       struct saying *saying)
{
    const struct lockstep_artifact_row *pushed = lockstep_book_artifact(judgement->book,
                                                                        &finding->wanted);
    bool refused = pushed != NULL && pushed->quarantined;
    const char *but = refused ? ", which is quarantined" : "";
    if (finding->unpinned_unix_ms != 0 && finding->drift == LOCKSTEP_DRIFT_OTHER_VERSION) {
        SAY(saying->text, "its pin is over: it runs %s and is to run %s%s", named->found,
            named->wanted, but);
    } else if (finding->drift == LOCKSTEP_DRIFT_MISSING) {
        SAY(saying->text, "it runs none and is to run %s%s", named->wanted, but);
    } else if (finding->drift == LOCKSTEP_DRIFT_OTHER_BYTES) {
        SAY(saying->text, "it runs %s with other bytes than those of %s@%s%s", named->found,
            named->module, named->wanted, but);
    } else {
        SAY(saying->text, "it runs %s and is to run %s%s", named->found, named->wanted, but);
    }
    if (refused) {
        SAY(saying->next, "lockstep module show %s", named->module);
        return;
    }
    SAY(saying->next, "lockstep reload %s@%s --strategy sync_all --node %s", named->module,
        pushed != NULL ? named->wanted : "current", named->node);
}

static void say_extra(const struct naming *named, struct saying *saying)
{
    SAY(saying->text, "it runs %s and is to run none", named->found);
    SAY(saying->next, "lockstep undo %s --node %s --no-quarantine", named->module, named->node);
}

static void name_all(const struct lockstep_judgement *judgement,
                     const struct lockstep_finding *finding, struct naming *named)
{
    const struct lockstep_book *book = judgement->book;
    named->module = judgement->module.text;
    lockstep_book_version_text(book, &finding->wanted, named->wanted);
    lockstep_book_version_text(book, &finding->found, named->found);
    lockstep_book_version_text(book, &finding->on_disk, named->disk);
    if (finding->operation != NULL) {
        lockstep_short_id(&finding->operation->id, named->operation);
    }
}

/* What is wrong with a node, and what to type next. */
static void explain(const struct lockstep_judgement *judgement,
                    const struct lockstep_finding *finding, const char *node, struct saying *saying)
{
    struct naming named = {.node = node};
    name_all(judgement, finding, &named);
    switch (finding->drift) {
    case LOCKSTEP_DRIFT_OWED:
    case LOCKSTEP_DRIFT_IN_DOUBT:
        say_unsettled(finding, &named, saying);
        break;
    case LOCKSTEP_DRIFT_UNKNOWN:
    case LOCKSTEP_DRIFT_STALE:
        say_not_known(judgement, finding, &named, saying);
        break;
    case LOCKSTEP_DRIFT_EXTRA:
        say_extra(&named, saying);
        break;
    case LOCKSTEP_DRIFT_DISK_DIFFERS:
        SAY(saying->text, "it runs %s, and the file in its module_path is %s", named.found,
            named.disk);
        SAY(saying->next, "lockstep module status %s --node %s", named.module, node);
        break;
    case LOCKSTEP_DRIFT_OK:
    case LOCKSTEP_DRIFT_PINNED:
    case LOCKSTEP_DRIFT_SPLIT:
    case LOCKSTEP_DRIFT_CORDONED:
        SAY(saying->text, "it runs %s; nothing is recorded and there is no majority", named.found);
        SAY(saying->next, "lockstep module show %s", named.module);
        break;
    case LOCKSTEP_DRIFT_OTHER_VERSION:
    case LOCKSTEP_DRIFT_OTHER_BYTES:
    case LOCKSTEP_DRIFT_MISSING:
    case LOCKSTEP_DRIFT_COUNT:
        say_reload(judgement, finding, &named, saying);
        break;
    }
}

static bool runs_other(enum lockstep_drift drift)
{
    return drift == LOCKSTEP_DRIFT_OTHER_VERSION || drift == LOCKSTEP_DRIFT_OTHER_BYTES ||
           drift == LOCKSTEP_DRIFT_MISSING;
}

/* REPAIR: what mends all nodes of the module that run something else, or NULL. */
static json_t *difference_of(const struct lockstep_judgement *judgement, const char *node,
                             const struct lockstep_finding *finding, const char *repair)
{
    struct saying saying;
    explain(judgement, finding, node, &saying);
    if (repair != NULL && runs_other(finding->drift)) {
        SAY(saying.next, "%s", repair);
    }
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "kind",
        lockstep_drift_word(finding->drift), "module", judgement->module.text, "node", node,
        "wanted_version", lockstep_book_version(judgement->book, &finding->wanted), "wanted",
        lockstep_json_digest(&finding->wanted), "found_version",
        lockstep_book_version(judgement->book, &finding->found), "found",
        lockstep_json_digest(&finding->found), "seen_unix_ms",
        lockstep_json_time(finding->seen_unix_ms), "text", saying.text, "next", saying.next);
}

static json_t *split_of(const struct lockstep_judgement *judgement, const char *next)
{
    return json_pack("{s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:s, s:s}", "kind",
                     lockstep_drift_word(LOCKSTEP_DRIFT_SPLIT), "module", judgement->module.text,
                     "node", "wanted_version", "wanted", "found_version", "found", "seen_unix_ms",
                     "text", "its nodes are not all to run one version", "next", next);
}

static json_t *pin_of(const struct lockstep_judgement *judgement, const char *node,
                      const struct lockstep_finding *finding)
{
    struct lockstep_desired_row row = {.module = judgement->module,
                                       .digest = finding->wanted,
                                       .pin_unix_ms = finding->pin_unix_ms,
                                       .after = finding->after};
    return lockstep_json_join(json_pack("{s:s}", "node", node),
                              lockstep_json_pin(judgement->book, node, &row));
}

/* ---- all of them ---------------------------------------------------------------------------- */

static json_t *cordoned_of(const struct lockstep_judgement *judgement, const char *node,
                           const struct lockstep_finding *finding)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "module", judgement->module.text, "node", node,
                     "wanted_version", lockstep_book_version(judgement->book, &finding->wanted),
                     "found_version", lockstep_book_version(judgement->book, &finding->found));
}

/* REPAIR is what makes the module one version again; NULL: nothing that is known. */
static void list_nodes(const struct lockstep_judgement *judgement, const char *repair,
                       json_t *differences, json_t *pinned, json_t *cordoned)
{
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    const struct lockstep_fleet *fleet = judgement->book->view->fleet;
    struct lockstep_finding finding;
    SAY(next, "lockstep module show %s", judgement->module.text);
    if (judgement->split) {
        (void)json_array_append_new(differences,
                                    split_of(judgement, repair == NULL ? next : repair));
    }
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        const char *node = fleet->nodes[i].name.text;
        if (!lockstep_judge_node(judgement, i, &finding)) {
            continue;
        }
        if (finding.pin_unix_ms != 0) {
            (void)json_array_append_new(pinned, pin_of(judgement, node, &finding));
        }
        if (finding.drift == LOCKSTEP_DRIFT_CORDONED) {
            (void)json_array_append_new(cordoned, cordoned_of(judgement, node, &finding));
        } else if (lockstep_drift_weight(finding.drift) != LOCKSTEP_DRIFT_SAME &&
                   finding.drift != LOCKSTEP_DRIFT_SPLIT) {
            (void)json_array_append_new(differences,
                                        difference_of(judgement, node, &finding, repair));
        }
    }
}

/* How many nodes are of which class; those of none are not named. */
static json_t *classes_of(const struct lockstep_judgement *judgement)
{
    json_t *classes = json_object();
    for (size_t i = 0; i < LOCKSTEP_DRIFT_COUNT; i++) {
        if (judgement->in[i] > 0) {
            (void)json_object_set_new(classes, lockstep_drift_word((enum lockstep_drift)i),
                                      json_integer(judgement->in[i]));
        }
    }
    return classes;
}

/* RECONCILE is handed over. */
static json_t *module_of(const struct lockstep_judgement *judgement, json_t *reconcile)
{
    return json_pack(
        "{s:s, s:b, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:s}", "module", judgement->module.text,
        "consistent", lockstep_judgement_consistent(judgement) ? 1 : 0, "version",
        judgement->split ? json_null() : lockstep_book_version(judgement->book, &judgement->wanted),
        "digest", lockstep_json_digest(&judgement->wanted), "total", (int)judgement->total, "same",
        (int)lockstep_judgement_same(judgement), "left_out", (int)judgement->left_out, "classes",
        classes_of(judgement), "reconcile", reconcile, "text", judgement->text);
}

static void add_up(struct lockstep_judgement *sums, const struct lockstep_judgement *judgement)
{
    sums->total += judgement->total;
    sums->left_out += judgement->left_out;
    sums->split = sums->split || judgement->split;
    for (size_t i = 0; i < LOCKSTEP_DRIFT_COUNT; i++) {
        sums->in[i] += judgement->in[i];
    }
}

enum lockstep_err lockstep_document_check(const struct lockstep_view *view,
                                          const struct lockstep_document_query *query,
                                          json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    struct lockstep_judgement sums = {0};
    json_t *modules;
    json_t *differences;
    json_t *pinned;
    json_t *cordoned;
    bool consistent;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, query, err));
    modules = json_array();
    differences = json_array();
    pinned = json_array();
    cordoned = json_array();
    for (size_t i = 0; i < book.module_count; i++) {
        struct lockstep_judgement judgement;
        char repair[LOCKSTEP_DOCUMENT_COMMAND];
        bool repairs = false;
        if (lockstep_query_module(query, &book.modules[i])) {
            lockstep_judge(&judgement, &book, query, &book.modules[i]);
            add_up(&sums, &judgement);
            SAY(repair, "lockstep reconcile %s", book.modules[i].text);
            (void)json_array_append_new(
                modules, module_of(&judgement, lockstep_json_reconcile(&judgement, &repairs)));
            list_nodes(&judgement, repairs ? repair : NULL, differences, pinned, cordoned);
        }
    }
    lockstep_judgement_text(&sums, sums.text);
    consistent = lockstep_judgement_consistent(&sums);
    return lockstep_document_done(
        json_pack("{s:s, s:b, s:i, s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "schema",
                  "lockstep/check/v1", "consistent", consistent ? 1 : 0, "exit", consistent ? 0 : 3,
                  "text", sums.text, "total", (int)sums.total, "same",
                  (int)lockstep_judgement_same(&sums), "left_out", (int)sums.left_out, "classes",
                  classes_of(&sums), "modules", modules, "differences", differences, "pinned",
                  pinned, "cordoned", cordoned),
        ret_document, err);
}
