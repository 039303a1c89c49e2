/* Artifacts, join tokens and the audit chain: what the journal holds, as it is. */
#include "coordinator/documents_internal.h"

#include <stdio.h>

#define AUDIT_ROWS_SHOWN 1000

/* ---- artifacts ------------------------------------------------------------------------------ */

json_t *lockstep_json_artifact(const struct lockstep_artifact_row *row)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:b, s:o, s:o}", "module",
                     row->module.text, "service", row->service.text, "version",
                     lockstep_json_text(row->version), "digest", lockstep_json_digest(&row->digest),
                     "md5", lockstep_json_md5(&row->md5), "counter", (json_int_t)row->counter,
                     "size", (json_int_t)row->size, "state_schema", (json_int_t)row->state_schema,
                     "quarantined", row->quarantined ? 1 : 0, "pushed_unix_ms",
                     lockstep_json_time(row->pushed_unix_ms), "by", lockstep_json_text(row->by));
}

json_t *lockstep_json_pin(const struct lockstep_book *book, const char *node,
                          const struct lockstep_desired_row *row)
{
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    bool known = !lockstep_digest_is_zero(&row->after);
    (void)snprintf(next, sizeof(next), "lockstep node unpin %s %s", node, row->module.text);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "module", row->module.text, "version",
                     lockstep_book_version(book, &row->digest), "digest",
                     lockstep_json_digest(&row->digest), "pin_unix_ms",
                     lockstep_json_time(row->pin_unix_ms), "after_version",
                     known ? lockstep_book_version(book, &row->after) : json_null(), "after",
                     lockstep_json_digest(&row->after), "next", next);
}

struct artifacts {
    const struct lockstep_document_query *query;
    json_t *list;
};

static void add_artifact(void *context, const struct lockstep_artifact_row *row)
{
    struct artifacts *artifacts = context;
    bool room = artifacts->query == NULL || artifacts->query->limit == 0 ||
                json_array_size(artifacts->list) < artifacts->query->limit;
    if (room && lockstep_query_module(artifacts->query, &row->module)) {
        (void)json_array_append_new(artifacts->list, lockstep_json_artifact(row));
    }
}

/* Hands over {schema, NAME: LIST}, or passes RESULT on and releases LIST. */
static enum lockstep_err list_done(enum lockstep_err result, const char *schema, const char *name,
                                   json_t *list, json_t **ret_document, struct lockstep_error *err)
{
    if (result != LOCKSTEP_OK) {
        json_decref(list);
        return result;
    }
    return lockstep_document_done(json_pack("{s:s, s:o}", "schema", schema, name, list),
                                  ret_document, err);
}

enum lockstep_err lockstep_document_artifacts(const struct lockstep_view *view,
                                              const struct lockstep_document_query *query,
                                              json_t **ret_document, struct lockstep_error *err)
{
    struct artifacts artifacts = {.query = query, .list = json_array()};
    return list_done(lockstep_store_artifacts(view->store, NULL, add_artifact, &artifacts, err),
                     "lockstep/artifacts/v1", "artifacts", artifacts.list, ret_document, err);
}

enum lockstep_err lockstep_document_artifact(const struct lockstep_view *view,
                                             const struct lockstep_artifact_row *row,
                                             json_t **ret_document, struct lockstep_error *err)
{
    json_t *live_on = json_array();
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const struct lockstep_node *node = &view->fleet->nodes[i];
        const struct lockstep_live *live = lockstep_node_live(node, &row->module);
        if (live != NULL && lockstep_digest_equal(&live->digest, &row->digest)) {
            (void)json_array_append_new(live_on, json_string(node->name.text));
        }
    }
    return lockstep_document_done(
        lockstep_json_join(
            json_pack("{s:s, s:o}", "schema", "lockstep/artifact/v1", "live_on", live_on),
            lockstep_json_artifact(row)),
        ret_document, err);
}

/* ---- tokens --------------------------------------------------------------------------------- */

struct tokens {
    uint64_t now_unix_ms;
    json_t *list;
};

static void add_token(void *context, const struct lockstep_token_row *row)
{
    struct tokens *tokens = context;
    char id[2 * LOCKSTEP_TOKEN_ID_BYTES + 1];
    lockstep_hex_format(row->id, sizeof(row->id), id);
    (void)json_array_append_new(tokens->list,
                                json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:o}", "id", id,
                                          "node", row->node.text, "state",
                                          lockstep_token_state(row, tokens->now_unix_ms), "labels",
                                          lockstep_json_labels(row->labels), "expires_unix_ms",
                                          lockstep_json_time(row->expires_unix_ms), "used_unix_ms",
                                          lockstep_json_time(row->used_unix_ms), "revoked_unix_ms",
                                          lockstep_json_time(row->revoked_unix_ms), "failures",
                                          (int)row->failures, "by", lockstep_json_text(row->by)));
}

enum lockstep_err lockstep_document_tokens(const struct lockstep_view *view, json_t **ret_document,
                                           struct lockstep_error *err)
{
    struct tokens tokens = {.now_unix_ms = view->now_unix_ms, .list = json_array()};
    return list_done(lockstep_store_tokens(view->store, add_token, &tokens, err),
                     "lockstep/tokens/v1", "tokens", tokens.list, ret_document, err);
}

/* ---- audit ---------------------------------------------------------------------------------- */

static void add_audit(void *context, const struct lockstep_audit_row *row)
{
    json_t *rows = context;
    json_t *detail = json_loads(row->detail, JSON_REJECT_DUPLICATES, NULL);
    (void)json_array_append_new(
        rows, json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "sequence",
                        (json_int_t)row->sequence, "unix_ms", lockstep_json_time(row->unix_ms),
                        "who", lockstep_json_text(row->who), "what", lockstep_json_text(row->what),
                        "subject", lockstep_json_text(row->subject), "detail",
                        detail == NULL ? lockstep_json_word(row->detail) : detail, "hash",
                        lockstep_json_digest(&row->hash)));
}

enum lockstep_err lockstep_document_audit(const struct lockstep_view *view, uint64_t from,
                                          uint32_t limit, json_t **ret_document,
                                          struct lockstep_error *err)
{
    struct lockstep_digest head;
    uint64_t bad = 0;
    uint64_t last = 0;
    uint32_t most = limit == 0 ? AUDIT_ROWS_SHOWN : limit;
    char text[LOCKSTEP_DOCUMENT_LINE];
    json_t *rows;
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_store_audit_verify(view->store, &bad, &last, &head, err));
    (void)snprintf(text, sizeof(text),
                   bad == 0 ? "rows up to %llu, every one follows from the one before"
                            : "row %llu does not follow from the one before: the journal was "
                              "changed behind the coordinator's back",
                   (unsigned long long)(bad == 0 ? last : bad));
    if (from == 0) {
        from = last > most ? last - most + 1 : 1;
    }
    rows = json_array();
    result = lockstep_store_audit_read(view->store, from, most, add_audit, rows, err);
    if (result != LOCKSTEP_OK) {
        json_decref(rows);
        return result;
    }
    return lockstep_document_done(
        json_pack("{s:s, s:o, s:b, s:o, s:I, s:o, s:s}", "schema", "lockstep/audit/v1", "rows",
                  rows, "verified", bad == 0 ? 1 : 0, "bad", lockstep_json_time(bad), "last",
                  (json_int_t)last, "head", lockstep_json_digest(&head), "text", text),
        ret_document, err);
}
