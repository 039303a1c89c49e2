/* Nodes, modules, and the fleet in one screen. */
#include "coordinator/documents_internal.h"

/* ---- nodes ---------------------------------------------------------------------------------- */

/* True if an operation has yet to bring what it owes the node, or to bring it back. */
static bool is_behind(const struct lockstep_view *view, uint32_t node)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = view->fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        if (part >= 0 && lockstep_operation_ended(operation) &&
            (operation->parts[part].state == LOCKSTEP_PART_OWED ||
             operation->parts[part].state == LOCKSTEP_PART_TOUCHED)) {
            return true;
        }
    }
    return false;
}

/* Of the node that is there, whoever else wants to be it. */
static const char *presence(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node *row = &view->fleet->nodes[node];
    if (view->views[node].row.fenced) {
        return "fenced";
    }
    if (row->ready) {
        uint64_t silence = view->now_unix_ms - view->views[node].heard_unix_ms;
        bool behind = is_behind(view, node);
        return silence >= lockstep_fleet_suspect_ms(view->fleet) ? "suspect"
               : behind                                          ? "behind"
                                                                 : "ready";
    }
    if (row->connected && lockstep_time_set(row->held)) {
        return "held";
    }
    if (row->connected) {
        return "joining";
    }
    return row->member ? "absent" : "new";
}

static const char *node_state(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node_row *row = &view->views[node].row;
    if (row->gone) {
        return row->revoked ? "revoked" : "removed";
    }
    return row->waiting.since_unix_ms != 0 ? "rekey-pending" : presence(view, node);
}

/* The key that waits for the node's place, and beside it the one that is there; or null. */
static json_t *rekey(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node_row *row = &view->views[node].row;
    char key[2 * LOCKSTEP_KEY_BYTES + 1];
    char before[2 * LOCKSTEP_KEY_BYTES + 1];
    if (row->gone || row->waiting.since_unix_ms == 0) {
        return json_null();
    }
    lockstep_hex_format(row->waiting.key, sizeof(row->waiting.key), key);
    lockstep_hex_format(row->key, sizeof(row->key), before);
    return json_pack("{s:s, s:o, s:o, s:s, s:s}", "key", key, "since_unix_ms",
                     lockstep_json_time(row->waiting.since_unix_ms), "address",
                     lockstep_json_text(row->waiting.address), "key_before", before, "before",
                     presence(view, node));
}

static json_t *node_row(const struct lockstep_view *view, uint32_t node)
{
    const struct lockstep_node_view *seen = &view->views[node];
    const struct lockstep_node *row = &view->fleet->nodes[node];
    bool reported = seen->report_unix_ms != 0;
    return json_pack(
        "{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "node",
        row->name.text, "state", node_state(view, node), "member", row->member ? 1 : 0, "cordoned",
        row->cordoned ? 1 : 0, "address", lockstep_json_word(seen->address), "software",
        lockstep_json_word(seen->software), "labels", lockstep_json_labels(seen->row.labels),
        "heard_unix_ms", lockstep_json_time(seen->heard_unix_ms), "report_unix_ms",
        lockstep_json_time(seen->report_unix_ms), "modules", (int)row->live_count,
        "disk_free_bytes", reported ? lockstep_json_number(seen->disk_free_bytes) : json_null(),
        "memory_used_percent",
        reported ? lockstep_json_number(seen->memory_used_percent) : json_null(), "host_restarts",
        reported ? lockstep_json_number(seen->host_restarts) : json_null(), "host_recycles",
        reported ? lockstep_json_number(seen->host_recycles) : json_null(), "rekey",
        rekey(view, node));
}

enum lockstep_err lockstep_document_nodes(const struct lockstep_view *view,
                                          const struct lockstep_document_query *query,
                                          json_t **ret_document, struct lockstep_error *err)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        if (lockstep_query_node(query, i) &&
            lockstep_query_module(query, &view->fleet->nodes[i].name)) {
            (void)json_array_append_new(nodes, node_row(view, i));
        }
    }
    return lockstep_document_done(
        json_pack("{s:s, s:o}", "schema", "lockstep/nodes/v1", "nodes", nodes), ret_document, err);
}

/* ---- status of modules on nodes ------------------------------------------------------------- */

static json_t *tools_of(const struct lockstep_wire_module *module)
{
    json_t *tools = json_array();
    for (uint32_t i = 0; i < module->tool_count; i++) {
        const struct lockstep_wire_tool_counts *tool = &module->tools[i];
        (void)json_array_append_new(
            tools, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "tool", tool->tool, "version",
                             tool->version, "live", tool->live ? 1 : 0, "calls",
                             (json_int_t)tool->calls, "failed", (json_int_t)tool->failed,
                             "in_flight", (json_int_t)tool->in_flight));
    }
    return tools;
}

/* What a retirement or a drain waits for: calls in versions that are not live; or null. */
static json_t *waits_for(const struct lockstep_wire_module *module)
{
    for (uint32_t i = 0; i < module->tool_count; i++) {
        const struct lockstep_wire_tool_counts *tool = &module->tools[i];
        bool drains = module->gate != LOCKSTEP_GATE_OPEN && tool->in_flight > 0;
        if ((!tool->live || drains) && tool->in_flight > 0) {
            return json_sprintf("%llu in %s of %s", (unsigned long long)tool->in_flight, tool->tool,
                                tool->version);
        }
    }
    return json_null();
}

static json_t *status_row(const struct lockstep_view *view, uint32_t node,
                          const struct lockstep_wire_module *module)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:I, s:i, s:o, s:o, s:i, s:o, "
        "s:s, s:I, s:I, s:i, s:o, s:o, s:s?}",
        "node", view->fleet->nodes[node].name.text, "module", module->module.text, "service",
        module->service.text, "state", lockstep_disk_text(module->disk), "version",
        lockstep_json_text(module->version), "digest", lockstep_json_digest(&module->digest), "md5",
        lockstep_json_md5(&module->md5), "generation", (json_int_t)module->generation,
        "disk_digest", lockstep_json_digest(&module->disk_digest), "previous",
        lockstep_json_digest(&module->previous), "in_flight", (json_int_t)module->in_flight,
        "calls", (json_int_t)module->calls, "hosts", (int)module->hosts, "config_digest",
        lockstep_json_digest(&module->config_digest), "loaded_unix_ms",
        lockstep_json_time(module->loaded_unix_ms), "state_schema", (int)module->state_schema,
        "report_unix_ms", lockstep_json_time(view->views[node].report_unix_ms), "gate",
        lockstep_gate_text(module->gate), "failed", (json_int_t)module->failed, "behind",
        (json_int_t)module->behind, "retired", (int)module->retired, "tools", tools_of(module),
        "waits_for", waits_for(module), "driver",
        lockstep_driver_text((enum lockstep_driver)module->driver));
}

static void list_status(const struct lockstep_view *view,
                        const struct lockstep_document_query *query, uint32_t node, json_t *rows)
{
    for (uint32_t i = 0; i < view->views[node].module_count; i++) {
        const struct lockstep_wire_module *module = &view->views[node].modules[i];
        if (lockstep_query_module(query, &module->module)) {
            (void)json_array_append_new(rows, status_row(view, node, module));
        }
    }
}

enum lockstep_err lockstep_document_module_status(const struct lockstep_view *view,
                                                  const struct lockstep_document_query *query,
                                                  json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    json_t *rows;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, query, err));
    rows = json_array();
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        if (lockstep_query_node(query, i)) {
            list_status(view, query, i, rows);
        }
    }
    return lockstep_document_done(
        json_pack("{s:s, s:o}", "schema", "lockstep/module-status/v1", "rows", rows), ret_document,
        err);
}

static json_t *operations_on(const struct lockstep_view *view, uint32_t node)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = view->fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        if (part >= 0) {
            (void)json_array_append_new(
                list, json_pack("{s:o, s:o, s:s}", "id", lockstep_json_id(&operation->id), "short",
                                lockstep_json_short(&operation->id), "state",
                                lockstep_part_word(operation->parts[part].state)));
        }
    }
    return list;
}

static json_t *pins_on(const struct lockstep_book *book, uint32_t node)
{
    json_t *pins = json_array();
    for (size_t i = 0; i < book->desired_count; i++) {
        const struct lockstep_desired_row *row = &book->desired[i];
        if (row->node == node && lockstep_book_pinned(book, row)) {
            (void)json_array_append_new(
                pins, lockstep_json_pin(book, book->view->fleet->nodes[node].name.text, row));
        }
    }
    return pins;
}

enum lockstep_err lockstep_document_node(const struct lockstep_view *view, uint32_t node,
                                         json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    json_t *status;
    if (node >= view->fleet->node_count) {
        return LOCKSTEP_FAIL(err, INVALID, "no node has this number; `lockstep node ls`");
    }
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    status = json_array();
    list_status(view, NULL, node, status);
    return lockstep_document_done(
        lockstep_json_join(json_pack("{s:s, s:o, s:o, s:o}", "schema", "lockstep/node/v1", "status",
                                     status, "pins", pins_on(&book, node), "operations",
                                     operations_on(view, node)),
                           node_row(view, node)),
        ret_document, err);
}
