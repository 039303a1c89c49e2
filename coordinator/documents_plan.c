/* What an operation would do, with the arithmetic in words. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

/* What the INDEX-th node of the roster is to run of ITEM: the digest wanted, or, going back, its
 * own.
 */
static const struct lockstep_digest *target_of(const struct lockstep_document_plan *plan,
                                               uint32_t index, uint32_t item)
{
    const struct lockstep_request *request = plan->request;
    return lockstep_kind_goes_back(request->kind)
               ? &request->targets[(size_t)plan->plan->roster[index] * request->item_count + item]
               : &request->items[item].digest;
}

/* The version that all of the roster are to run of ITEM; null if they are to run different ones. */
static json_t *version_of(const struct lockstep_book *book,
                          const struct lockstep_document_plan *plan, uint32_t item)
{
    for (uint32_t i = 1; i < plan->plan->n; i++) {
        if (!lockstep_digest_equal(target_of(plan, i, item), target_of(plan, 0, item))) {
            return json_null();
        }
    }
    return plan->plan->n == 0 ? json_null() : lockstep_book_version(book, target_of(plan, 0, item));
}

/* `digest` is what is signed: of an undo none, for each node goes back to what it recorded. */
static json_t *items_of(const struct lockstep_book *book, const struct lockstep_document_plan *plan)
{
    json_t *items = json_array();
    for (uint32_t i = 0; i < plan->request->item_count; i++) {
        const struct lockstep_wanted *wanted = &plan->request->items[i];
        bool leaves = !lockstep_digest_is_zero(&wanted->leaving);
        (void)json_array_append_new(
            items, json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "module", wanted->module.text,
                             "version", version_of(book, plan, i), "generation",
                             (json_int_t)plan->plan->generations[i], "digest",
                             lockstep_json_digest(&wanted->digest), "leaving_version",
                             leaves ? lockstep_book_version(book, &wanted->leaving) : json_null(),
                             "leaving", lockstep_json_digest(&wanted->leaving)));
    }
    return items;
}

/* What the node runs now of each module of the request. */
static json_t *from_of(const struct lockstep_book *book, const struct lockstep_request *request,
                       const struct lockstep_node *node)
{
    static const struct lockstep_digest nothing;
    json_t *from = json_array();
    for (uint32_t i = 0; i < request->item_count; i++) {
        const struct lockstep_live *live = lockstep_node_live(node, &request->items[i].module);
        (void)json_array_append_new(
            from, lockstep_book_version(book, live == NULL ? &nothing : &live->digest));
    }
    return from;
}

/* What the INDEX-th node of the roster is to run of each module. */
static json_t *to_of(const struct lockstep_book *book, const struct lockstep_document_plan *plan,
                     uint32_t index)
{
    json_t *to = json_array();
    for (uint32_t i = 0; i < plan->request->item_count; i++) {
        (void)json_array_append_new(to, lockstep_book_version(book, target_of(plan, index, i)));
    }
    return to;
}

/* Fills one list with every node of the roster, the other with the names of those away. */
static void list_parts(const struct lockstep_book *book, const struct lockstep_document_plan *plan,
                       json_t *parts, json_t *absent)
{
    for (uint32_t i = 0; i < plan->plan->n; i++) {
        uint32_t number = plan->request->selected[plan->plan->roster[i]];
        const struct lockstep_node *node = &book->view->fleet->nodes[number];
        (void)json_array_append_new(
            parts, json_pack("{s:s, s:o, s:o, s:s}", "node", node->name.text, "from",
                             from_of(book, plan->request, node), "to", to_of(book, plan, i),
                             "state", node->ready ? "reachable" : "absent"));
        if (!node->ready) {
            (void)json_array_append_new(absent, json_string(node->name.text));
        }
    }
}

static json_t *cordoned_of(const struct lockstep_book *book,
                           const struct lockstep_document_plan *plan)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < plan->plan->cordoned; i++) {
        uint32_t number = plan->request->selected[plan->plan->roster[plan->plan->n + i]];
        (void)json_array_append_new(names, lockstep_json_node(book->view, number));
    }
    return names;
}

static bool is_pinned(const struct lockstep_book *book, const struct lockstep_request *request,
                      uint32_t node)
{
    bool pinned = false;
    for (uint32_t i = 0; i < request->item_count; i++) {
        pinned = pinned || lockstep_book_pinned(
                               book, lockstep_book_desired(book, node, &request->items[i].module));
    }
    return pinned;
}

/* Who is taken along all the same. */
static json_t *pinned_of(const struct lockstep_book *book,
                         const struct lockstep_document_plan *plan)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < plan->plan->n; i++) {
        uint32_t number = plan->request->selected[plan->plan->roster[i]];
        if (is_pinned(book, plan->request, number)) {
            (void)json_array_append_new(names, lockstep_json_node(book->view, number));
        }
    }
    return names;
}

/* A reload that pins nobody ends the pins of those that it takes along. */
static void add_pinned(const struct lockstep_request *request, const json_t *pinned,
                       char text[LOCKSTEP_DOCUMENT_LINE])
{
    size_t length = strlen(text);
    size_t count = json_array_size(pinned);
    if (count > 0 && request->kind == LOCKSTEP_KIND_RELOAD && request->options.pin_ms == 0) {
        (void)snprintf(text + length, LOCKSTEP_DOCUMENT_LINE - length,
                       "; %zu pinned %s taken along, and pinned no more", count,
                       count == 1 ? "is" : "are");
    }
}

/* Who does not count, and what becomes of it. */
static void add_cordoned(const struct lockstep_plan *numbers, char text[LOCKSTEP_DOCUMENT_LINE])
{
    size_t length = strlen(text);
    if (numbers->cordoned > 0) {
        (void)snprintf(text + length, LOCKSTEP_DOCUMENT_LINE - length,
                       "; %u cordoned %s not counted, and owed it", numbers->cordoned,
                       numbers->cordoned == 1 ? "is" : "are");
    }
}

static void arithmetic_of(const struct lockstep_document_plan *plan,
                          char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    const struct lockstep_plan *numbers = plan->plan;
    bool back = lockstep_kind_goes_back(plan->request->kind);
    bool enough = numbers->reachable >= numbers->need;
    if (plan->reconcile != NULL) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s: %.190s",
                       plan->request->items[0].module.text, plan->reconcile);
        return;
    }
    if (back) {
        int length = snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE,
                              "undo: %u of %u %s reachable and will go back", numbers->reachable,
                              numbers->n, numbers->reachable == 1 ? "is" : "are");
        if (numbers->absent > 0) {
            (void)snprintf(ret_text + length, LOCKSTEP_DOCUMENT_LINE - (size_t)length,
                           "; %u %s absent and owed it", numbers->absent,
                           numbers->absent == 1 ? "is" : "are");
        }
        return;
    }
    (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE,
                   "%s: %u of %u must vote yes; %u %s reachable and %u %s absent, so it %s commit",
                   lockstep_strategy_text(plan->request->strategy), numbers->need, numbers->n,
                   numbers->reachable, numbers->reachable == 1 ? "is" : "are", numbers->absent,
                   numbers->absent == 1 ? "is" : "are", enough ? "can" : "cannot");
}

/* PINNED is handed over. */
static json_t *numbers_of(const struct lockstep_document_plan *plan, json_t *pinned)
{
    const struct lockstep_plan *numbers = plan->plan;
    char arithmetic[LOCKSTEP_DOCUMENT_LINE];
    arithmetic_of(plan, arithmetic);
    add_cordoned(numbers, arithmetic);
    add_pinned(plan->request, pinned, arithmetic);
    return json_pack("{s:o, s:s, s:b, s:i, s:s, s:s, s:b, s:i, s:i, s:i, s:i, s:I}", "pinned",
                     pinned, "admission", lockstep_admission_name(numbers->admission), "admitted",
                     numbers->admission == LOCKSTEP_ADMISSION_ADMITTED ? 1 : 0, "exit",
                     lockstep_admission_exit(numbers->admission), "text",
                     lockstep_admission_text(numbers->admission), "arithmetic", arithmetic, "waits",
                     plan->waits ? 1 : 0, "n", (int)numbers->n, "reachable",
                     (int)numbers->reachable, "need", (int)numbers->need, "max_fail",
                     (int)numbers->max_fail, "index", (json_int_t)plan->index);
}

/* What a person may type who is to decide what nobody else can. */
static json_t *next_of(const struct lockstep_request *request)
{
    const char *module = request->items[0].module.text;
    json_t *next = json_array();
    char line[LOCKSTEP_DOCUMENT_COMMAND];
    if (request->kind != LOCKSTEP_KIND_RECONCILE) {
        return next;
    }
    if (request->verdict == LOCKSTEP_RECONCILE_CONFLICT) {
        (void)snprintf(line, sizeof(line), "lockstep reconcile %s --rule majority", module);
        (void)json_array_append_new(next, json_string(line));
    }
    if (request->verdict == LOCKSTEP_RECONCILE_CONFLICT ||
        request->verdict == LOCKSTEP_RECONCILE_AMBIGUOUS) {
        (void)snprintf(line, sizeof(line), "lockstep reconcile %s --to VERSION", module);
        (void)json_array_append_new(next, json_string(line));
    }
    return next;
}

enum lockstep_err lockstep_document_plan(const struct lockstep_view *view,
                                         const struct lockstep_document_plan *plan,
                                         json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    const struct lockstep_request *request = plan->request;
    const struct lockstep_operation *holder = plan->plan->holder;
    struct lockstep_id cluster = lockstep_store_cluster(view->store);
    json_t *parts;
    json_t *absent;
    json_t *document;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    parts = json_array();
    absent = json_array();
    list_parts(&book, plan, parts, absent);
    document = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s?, s:s?, s:o, s:i, s:o, s:o, s:o, s:o, s:o}",
        "schema", "lockstep/plan/v1", "operation", lockstep_json_id(&request->operation), "absent",
        absent, "cordoned", cordoned_of(&book, plan), "cluster", lockstep_json_id(&cluster), "kind",
        lockstep_kind_text(request->kind), "strategy", lockstep_strategy_text(request->strategy),
        "on_failure", lockstep_on_failure_text(request->options.on_failure), "offline",
        lockstep_offline_text(request->offline), "roster",
        lockstep_json_digest(&plan->roster_digest), "roster_size", (int)plan->plan->n,
        "not_after_unix_ms", lockstep_json_time(plan->not_after_unix_ms), "items",
        items_of(&book, plan), "holder",
        holder == NULL ? json_null() : lockstep_json_short(&holder->id), "next", next_of(request),
        "parts", parts);
    return lockstep_document_done(
        lockstep_json_join(document, numbers_of(plan, pinned_of(&book, plan))), ret_document, err);
}
