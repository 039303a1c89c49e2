/* Modules over the fleet, and the fleet in one screen. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- modules -------------------------------------------------------------------------------- */

/* What some node reported of the module in this version (NULL: in any). */
static const struct lockstep_wire_module *reported(const struct lockstep_view *view,
                                                   const struct lockstep_name *module,
                                                   const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const struct lockstep_wire_module *row = lockstep_view_module(&view->views[i], module);
        if (row != NULL && (digest == NULL || lockstep_digest_equal(&row->digest, digest))) {
            return row;
        }
    }
    return NULL;
}

static json_t *md5_of(const struct lockstep_book *book, const struct lockstep_name *module,
                      const struct lockstep_digest *digest)
{
    const struct lockstep_artifact_row *artifact = lockstep_book_artifact(book, digest);
    const struct lockstep_wire_module *row;
    if (artifact != NULL) {
        return lockstep_json_md5(&artifact->md5);
    }
    row = reported(book->view, module, digest);
    return row == NULL ? json_null() : lockstep_json_md5(&row->md5);
}

static json_t *service_of(const struct lockstep_book *book, const struct lockstep_name *module)
{
    const struct lockstep_wire_module *row = reported(book->view, module, NULL);
    for (size_t i = 0; row == NULL && i < book->artifact_count; i++) {
        if (lockstep_name_equal(&book->artifacts[i].module, module)) {
            return json_string(book->artifacts[i].service.text);
        }
    }
    return row == NULL ? json_null() : json_string(row->service.text);
}

/* Counts one node in the row of its version; versions stand in the order in which they are met. */
static void count_version(const struct lockstep_judgement *judgement, json_t *versions,
                          const struct lockstep_digest *digest)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    size_t i;
    json_t *row;
    lockstep_digest_format(digest, text);
    json_array_foreach(versions, i, row)
    {
        json_t *nodes = json_object_get(row, "nodes");
        const char *known = json_string_value(json_object_get(row, "digest"));
        if (known != NULL && strcmp(known, text) == 0) {
            (void)json_integer_set(nodes, json_integer_value(nodes) + 1);
            return;
        }
    }
    (void)json_array_append_new(
        versions, json_pack("{s:o, s:s, s:o, s:i}", "version",
                            lockstep_book_version(judgement->book, digest), "digest", text, "md5",
                            md5_of(judgement->book, &judgement->module, digest), "nodes", 1));
}

static json_t *versions_of(const struct lockstep_judgement *judgement)
{
    json_t *versions = json_array();
    struct lockstep_finding finding;
    for (uint32_t i = 0; i < judgement->book->view->fleet->node_count; i++) {
        if (lockstep_judge_node(judgement, i, &finding) &&
            !lockstep_digest_is_zero(&finding.found)) {
            count_version(judgement, versions, &finding.found);
        }
    }
    return versions;
}

static json_t *holder_of(const struct lockstep_view *view, const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = view->fleet->operations[i];
        if (operation != NULL && lockstep_operation_holds_lock(operation) &&
            lockstep_operation_item(operation, module) >= 0) {
            return lockstep_json_short(&operation->id);
        }
    }
    return json_null();
}

static json_t *module_row(const struct lockstep_judgement *judgement)
{
    const struct lockstep_book *book = judgement->book;
    const struct lockstep_module *row = lockstep_fleet_module(book->view->fleet,
                                                              &judgement->module);
    return json_pack(
        "{s:s, s:o, s:I, s:o, s:o, s:b, s:i, s:i, s:s, s:o, s:o}", "module", judgement->module.text,
        "service", service_of(book, &judgement->module), "generation",
        (json_int_t)(row == NULL ? 0 : row->generation), "version",
        judgement->split ? json_null() : lockstep_book_version(book, &judgement->wanted), "digest",
        lockstep_json_digest(&judgement->wanted), "consistent",
        lockstep_judgement_consistent(judgement) ? 1 : 0, "total", (int)judgement->total, "same",
        (int)lockstep_judgement_same(judgement), "text", judgement->text, "versions",
        versions_of(judgement), "operation", holder_of(book->view, &judgement->module));
}

static json_t *modules_of(const struct lockstep_book *book,
                          const struct lockstep_document_query *query)
{
    json_t *modules = json_array();
    for (size_t i = 0; i < book->module_count; i++) {
        struct lockstep_judgement judgement;
        if (lockstep_query_module(query, &book->modules[i])) {
            lockstep_judge(&judgement, book, query, &book->modules[i]);
            (void)json_array_append_new(modules, module_row(&judgement));
        }
    }
    return modules;
}

enum lockstep_err lockstep_document_modules(const struct lockstep_view *view,
                                            const struct lockstep_document_query *query,
                                            json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, query, err));
    return lockstep_document_done(json_pack("{s:s, s:o}", "schema", "lockstep/modules/v1",
                                            "modules", modules_of(&book, query)),
                                  ret_document, err);
}

static json_t *node_rows(const struct lockstep_judgement *judgement)
{
    const struct lockstep_book *book = judgement->book;
    json_t *rows = json_array();
    struct lockstep_finding finding;
    for (uint32_t i = 0; i < book->view->fleet->node_count; i++) {
        if (!lockstep_judge_node(judgement, i, &finding)) {
            continue;
        }
        (void)json_array_append_new(
            rows, json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:s}", "node",
                            lockstep_json_node(book->view, i), "version",
                            lockstep_book_version(book, &finding.found), "digest",
                            lockstep_json_digest(&finding.found), "md5",
                            md5_of(book, &judgement->module, &finding.found), "generation",
                            (json_int_t)finding.generation, "wanted_version",
                            lockstep_book_version(book, &finding.wanted), "wanted",
                            lockstep_json_digest(&finding.wanted), "pin_unix_ms",
                            lockstep_json_time(finding.pin_unix_ms), "state",
                            lockstep_drift_word(finding.drift)));
    }
    return rows;
}

enum lockstep_err lockstep_document_module(const struct lockstep_view *view, const char *module,
                                           json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    struct lockstep_document_query query = {.names = &module, .name_count = 1};
    struct lockstep_judgement judgement;
    struct lockstep_name name;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, &query, err));
    if (!lockstep_name_parse(module, &name)) {
        return LOCKSTEP_FAIL(err, INVALID, "%.63s is no name of a module", module);
    }
    lockstep_judge(&judgement, &book, NULL, &name);
    return lockstep_document_done(
        lockstep_json_join(
            json_pack("{s:s, s:o}", "schema", "lockstep/module/v1", "rows", node_rows(&judgement)),
            module_row(&judgement)),
        ret_document, err);
}

/* ---- status --------------------------------------------------------------------------------- */

static json_t *count_nodes(const struct lockstep_fleet *fleet)
{
    int all = 0;
    int ready = 0;
    int cordoned = 0;
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        all += fleet->nodes[i].member ? 1 : 0;
        ready += fleet->nodes[i].member && fleet->nodes[i].ready ? 1 : 0;
        cordoned += fleet->nodes[i].member && fleet->nodes[i].cordoned ? 1 : 0;
    }
    return json_pack("{s:i, s:i, s:i, s:i}", "all", all, "ready", ready, "absent", all - ready,
                     "cordoned", cordoned);
}

static void alarm_fenced(const struct lockstep_view *view, json_t *alarms)
{
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const char *node = view->fleet->nodes[i].name.text;
        char text[LOCKSTEP_DOCUMENT_LINE];
        char next[LOCKSTEP_DOCUMENT_COMMAND];
        if (!view->views[i].row.fenced || view->views[i].row.gone) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "two agents have the key of node %s, and are kept out",
                       node);
        (void)snprintf(next, sizeof(next), "lockstep node revoke %s -m WHY", node);
        (void)json_array_append_new(alarms, json_pack("{s:s, s:s, s:n, s:n, s:s, s:s}", "code",
                                                      "fenced", "node", node, "module", "operation",
                                                      "text", text, "next", next));
    }
}

static void alarm_rekey(const struct lockstep_view *view, json_t *alarms)
{
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const struct lockstep_node_row *row = &view->views[i].row;
        char text[LOCKSTEP_DOCUMENT_LINE];
        char next[LOCKSTEP_DOCUMENT_COMMAND];
        if (row->waiting.since_unix_ms == 0 || row->gone) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "another machine has come as node %s, and waits",
                       row->name.text);
        (void)snprintf(next, sizeof(next), "lockstep node show %s", row->name.text);
        (void)json_array_append_new(
            alarms, json_pack("{s:s, s:s, s:n, s:n, s:s, s:s}", "code", "rekey-pending", "node",
                              row->name.text, "module", "operation", "text", text, "next", next));
    }
}

static void alarm_absent(const struct lockstep_view *view, json_t *alarms)
{
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const struct lockstep_node *node = &view->fleet->nodes[i];
        char text[LOCKSTEP_DOCUMENT_LINE];
        char next[LOCKSTEP_DOCUMENT_COMMAND];
        bool held;
        if (!node->member || node->ready || node->cordoned || view->views[i].row.fenced) {
            continue;
        }
        held = node->connected && lockstep_time_set(node->held);
        (void)snprintf(text, sizeof(text),
                       held ? "node %s came and went too often, and is held until it stays"
                            : "node %s is not connected",
                       node->name.text);
        (void)snprintf(next, sizeof(next),
                       held ? "lockstep node resume %s" : "lockstep node show %s", node->name.text);
        (void)json_array_append_new(alarms,
                                    json_pack("{s:s, s:s, s:n, s:n, s:s, s:s}", "code",
                                              held ? "held" : "absent", "node", node->name.text,
                                              "module", "operation", "text", text, "next", next));
    }
}

/* The first module of a node that an operator has shut; NULL: none. */
static const char *first_drained(const struct lockstep_node_view *view, uint32_t *ret_count)
{
    const char *first = NULL;
    *ret_count = 0;
    for (uint32_t i = 0; i < view->module_count; i++) {
        enum lockstep_gate_state gate = view->modules[i].gate;
        if (gate == LOCKSTEP_GATE_DRAINING || gate == LOCKSTEP_GATE_DRAINED) {
            first = first == NULL ? view->modules[i].module.text : first;
            (*ret_count)++;
        }
    }
    return first;
}

/* What is shut and forgotten keeps its callers waiting: one row a node. */
static void alarm_drained(const struct lockstep_view *view, json_t *alarms)
{
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const char *node = view->fleet->nodes[i].name.text;
        uint32_t count = 0;
        const char *first = first_drained(&view->views[i], &count);
        char text[LOCKSTEP_DOCUMENT_LINE];
        char next[LOCKSTEP_DOCUMENT_COMMAND];
        if (first == NULL || !view->fleet->nodes[i].ready) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "%s%s drained on %s: who calls does not get through",
                       first, count == 1 ? " is" : " and others are", node);
        (void)snprintf(next, sizeof(next), "lockstep node resume %s", node);
        (void)json_array_append_new(alarms, json_pack("{s:s, s:s, s:s, s:n, s:s, s:s}", "code",
                                                      "drained", "node", node, "module", first,
                                                      "operation", "text", text, "next", next));
    }
}

static void describe_part(const char *id, const struct lockstep_operation *operation, bool owed,
                          const char *node, char ret_text[LOCKSTEP_DOCUMENT_LINE])
{
    if (!owed) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s lost %s: it may be on either version",
                       id, node);
    } else if (lockstep_operation_goes_back(operation)) {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s has yet to bring %s back", id, node);
    } else {
        (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_LINE, "%s owes %s its version", id, node);
    }
}

/* Nodes that an operation still owes its version, or that went silent under it. Who only waits for
 * its turn in one that goes node by node is no reason to be alarmed. */
static void alarm_parts(const struct lockstep_view *view,
                        const struct lockstep_operation *operation, json_t *alarms)
{
    char id[LOCKSTEP_DOCUMENT_SHORT];
    char text[LOCKSTEP_DOCUMENT_LINE];
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    lockstep_short_id(&operation->id, id);
    (void)snprintf(next, sizeof(next), "lockstep op show %s", id);
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool owed = part->state == LOCKSTEP_PART_OWED;
        bool turn = owed && part->up && lockstep_operation_rolls(operation) &&
                    lockstep_operation_holds_lock(operation);
        if (turn || (!owed && part->state != LOCKSTEP_PART_LOST) ||
            part->node >= view->fleet->node_count) {
            continue;
        }
        describe_part(id, operation, owed, view->fleet->nodes[part->node].name.text, text);
        (void)json_array_append_new(
            alarms, json_pack("{s:s, s:o, s:n, s:s, s:s, s:s}", "code", owed ? "owed" : "lost",
                              "node", lockstep_json_node(view, part->node), "module", "operation",
                              id, "text", text, "next", next));
    }
}

json_t *lockstep_document_alarms(const struct lockstep_view *view)
{
    json_t *alarms = json_array();
    if (view->fleet->read_only) {
        (void)json_array_append_new(alarms,
                                    json_pack("{s:s, s:n, s:n, s:n, s:s, s:s}", "code", "read-only",
                                              "node", "module", "operation", "text",
                                              lockstep_admission_text(LOCKSTEP_ADMISSION_READ_ONLY),
                                              "next", "man lockstepd, RESTORING"));
    }
    if (lockstep_time_set(view->fleet->isolated)) {
        (void)json_array_append_new(alarms,
                                    json_pack("{s:s, s:n, s:n, s:n, s:s, s:s}", "code", "isolated",
                                              "node", "module", "operation", "text",
                                              lockstep_admission_text(LOCKSTEP_ADMISSION_ISOLATED),
                                              "next", "lockstep op resume --accept-loss"));
    }
    alarm_fenced(view, alarms);
    alarm_rekey(view, alarms);
    alarm_absent(view, alarms);
    alarm_drained(view, alarms);
    lockstep_alarm_automatic(view, alarms);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (view->fleet->operations[i] != NULL) {
            alarm_parts(view, view->fleet->operations[i], alarms);
        }
    }
    return alarms;
}

static void add_operation(void *context, const struct lockstep_operation *operation,
                          const struct lockstep_operation_record *record, enum lockstep_row row)
{
    (void)json_array_append_new(context, lockstep_json_operation_row(operation, record, row));
}

static enum lockstep_err list_operations(const struct lockstep_view *view, json_t *list,
                                         struct lockstep_error *err)
{
    for (size_t i = 0; i < view->waiting_count; i++) {
        add_operation(list, view->waiting[i].operation, view->waiting[i].record, LOCKSTEP_ROW_NONE);
    }
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (view->fleet->operations[i] != NULL) {
            LOCKSTEP_TRY(lockstep_document_load(view, &view->fleet->operations[i]->id,
                                                add_operation, list, err));
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_document_status(const struct lockstep_view *view,
                                           const struct lockstep_document_query *query,
                                           json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    struct lockstep_id cluster = lockstep_store_cluster(view->store);
    json_t *operations;
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, query, err));
    operations = json_array();
    result = list_operations(view, operations, err);
    if (result != LOCKSTEP_OK) {
        json_decref(operations);
        return result;
    }
    return lockstep_document_done(
        json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:I, s:o, s:o, s:o, s:o}", "schema",
                  "lockstep/status/v1", "reconcile", lockstep_json_mode(view), "cluster",
                  lockstep_json_id(&cluster), "epoch",
                  (json_int_t)lockstep_store_epoch(view->store), "index",
                  (json_int_t)lockstep_store_index(view->store), "read_only",
                  view->fleet->read_only ? 1 : 0, "unix_ms", (json_int_t)view->now_unix_ms, "nodes",
                  count_nodes(view->fleet), "modules", modules_of(&book, query), "operations",
                  operations, "alarms", lockstep_document_alarms(view)),
        ret_document, err);
}
