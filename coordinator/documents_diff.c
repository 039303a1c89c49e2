/* What differs between two versions of a module, as their signed manifests say. */
#include "coordinator/documents_internal.h"

#include "common/io/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Rows under way, and how many of them differ. */
struct diff {
    const struct lockstep_document_side *sides;
    json_t *rows;
    unsigned differ;
};

/* Adds a row of two values, which are released. Null is what is not known, and then it is not known
 * whether they differ. */
static void add_row(struct diff *diff, const char *fact, json_t *a, json_t *b)
{
    bool known = !json_is_null(a) && !json_is_null(b);
    bool differs = known && json_equal(a, b) == 0;
    diff->differ += differs ? 1 : 0;
    (void)json_array_append_new(diff->rows,
                                json_pack("{s:s, s:o, s:o, s:o}", "fact", fact, "a", a, "b", b,
                                          "differs", known ? json_boolean(differs) : json_null()));
}

typedef json_t *value_fn(const struct lockstep_document_side *side);

static void add_value(struct diff *diff, const char *fact, value_fn *value)
{
    add_row(diff, fact, value(&diff->sides[0]), value(&diff->sides[1]));
}

static json_t *number(uint64_t value)
{
    char text[LOCKSTEP_VALUE_TEXT];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return json_string(text);
}

/* ---- one fact each -------------------------------------------------------------------------- */

static json_t *digest_of(const struct lockstep_document_side *side)
{
    return lockstep_json_digest(&side->digest);
}

#define OF_ROW(name, value)                                             \
    static json_t *name##_of(const struct lockstep_document_side *side) \
    {                                                                   \
        return side->row == NULL ? json_null() : (value);               \
    }
#define OF_MANIFEST(name, value)                                        \
    static json_t *name##_of(const struct lockstep_document_side *side) \
    {                                                                   \
        return side->manifest == NULL ? json_null() : (value);          \
    }

OF_ROW(version, lockstep_json_text(side->row->version))
OF_ROW(counter, number(side->row->counter))
OF_ROW(md5, lockstep_json_md5(&side->row->md5))
OF_ROW(size, number(side->row->size))
OF_ROW(service, json_string(side->row->service.text))
OF_ROW(state_schema, number(side->row->state_schema))
OF_ROW(quarantined, json_string(side->row->quarantined ? "yes" : "no"))
OF_MANIFEST(abi, lockstep_json_text(side->manifest->abi))
OF_MANIFEST(rollback, lockstep_json_text(side->manifest->rollback == LOCKSTEP_ROLLBACK_UNSPECIFIED
                                             ? ""
                                             : lockstep_rollback_text(side->manifest->rollback)))
OF_MANIFEST(driver, lockstep_json_text(lockstep_driver_text(side->manifest->driver)))
OF_MANIFEST(floor, number(side->manifest->floor))
OF_MANIFEST(source, lockstep_json_text(side->manifest->source))
OF_MANIFEST(not_before, number(side->manifest->not_before_unix_ms))
OF_MANIFEST(expires, number(side->manifest->expires_unix_ms))

/* ---- lists ---------------------------------------------------------------------------------- */

/* The version of MODULE that SIDE requires; "" if none. */
static json_t *required_by(const struct lockstep_document_side *side,
                           const struct lockstep_name *module)
{
    for (uint32_t i = 0; side->manifest != NULL && i < side->manifest->requires_count; i++) {
        if (lockstep_name_equal(&side->manifest->requires[i].module, module)) {
            return lockstep_json_text(side->manifest->requires[i].version);
        }
    }
    return side->manifest == NULL ? json_null() : json_string("");
}

static bool requires(const struct lockstep_document_side *side, const struct lockstep_name *module)
{
    bool found = false;
    for (uint32_t i = 0; side->manifest != NULL && i < side->manifest->requires_count; i++) {
        found = found || lockstep_name_equal(&side->manifest->requires[i].module, module);
    }
    return found;
}

/* A row for each module that either requires. */
static void add_requirements(struct diff *diff)
{
    for (int at = 0; at < 2; at++) {
        const struct lockstep_manifest *manifest = diff->sides[at].manifest;
        for (uint32_t i = 0; manifest != NULL && i < manifest->requires_count; i++) {
            const struct lockstep_name *module = &manifest->requires[i].module;
            char fact[LOCKSTEP_NAME_MAX + sizeof("requires ")];
            if (at == 1 && requires(&diff->sides[0], module)) {
                continue;
            }
            (void)snprintf(fact, sizeof(fact), "requires %s", module->text);
            add_row(diff, fact, required_by(&diff->sides[0], module),
                    required_by(&diff->sides[1], module));
        }
    }
}

/* "" is any cluster. */
static json_t *clusters_of(const struct lockstep_document_side *side)
{
    char text[LOCKSTEP_MANIFEST_CLUSTERS_MAX * LOCKSTEP_ID_TEXT + 1] = "";
    size_t used = 0;
    if (side->manifest == NULL) {
        return json_null();
    }
    for (uint32_t i = 0; i < side->manifest->clusters_count; i++) {
        char id[LOCKSTEP_ID_TEXT];
        lockstep_id_format(&side->manifest->clusters[i], id);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i == 0 ? "" : ",", id);
    }
    return json_string(text);
}

static json_t *waives_of(const struct lockstep_document_side *side)
{
    char text[LOCKSTEP_MANIFEST_WAIVES_MAX * (LOCKSTEP_NAME_MAX + 1) + 1] = "";
    size_t used = 0;
    if (side->manifest == NULL) {
        return json_null();
    }
    for (uint32_t i = 0; i < side->manifest->waives_count; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i == 0 ? "" : ",",
                                 side->manifest->waives[i].text);
    }
    return json_string(text);
}

/* ---- the document --------------------------------------------------------------------------- */

static void add_facts(struct diff *diff)
{
    add_value(diff, "version", version_of);
    add_value(diff, "counter", counter_of);
    add_value(diff, "digest", digest_of);
    add_value(diff, "md5", md5_of);
    add_value(diff, "size", size_of);
    add_value(diff, "service", service_of);
    add_value(diff, "abi", abi_of);
    add_value(diff, "state schema", state_schema_of);
    add_value(diff, "rollback", rollback_of);
    add_value(diff, "driver", driver_of);
    add_value(diff, "waives", waives_of);
    add_value(diff, "floor", floor_of);
    add_requirements(diff);
    add_value(diff, "clusters", clusters_of);
    add_value(diff, "not before", not_before_of);
    add_value(diff, "expires", expires_of);
    add_value(diff, "source", source_of);
    add_value(diff, "quarantined", quarantined_of);
}

/* How many nodes run it. */
static int live_on(const struct lockstep_view *view, const struct lockstep_name *module,
                   const struct lockstep_digest *digest)
{
    int count = 0;
    for (uint32_t i = 0; i < view->fleet->node_count; i++) {
        const struct lockstep_live *live = lockstep_node_live(&view->fleet->nodes[i], module);
        count += live != NULL && lockstep_digest_equal(&live->digest, digest) ? 1 : 0;
    }
    return count;
}

static json_t *side_of(const struct lockstep_view *view, const struct lockstep_name *module,
                       const struct lockstep_document_side *side)
{
    char digest[LOCKSTEP_DIGEST_TEXT];
    lockstep_digest_format(&side->digest, digest);
    digest[8] = '\0';
    return json_pack("{s:s, s:o, s:o, s:b, s:i}", "word", side->word, "version",
                     lockstep_json_text(side->row == NULL ? digest : side->row->version), "digest",
                     lockstep_json_digest(&side->digest), "manifest",
                     side->manifest != NULL ? 1 : 0, "nodes", live_on(view, module, &side->digest));
}

enum lockstep_err lockstep_document_diff(const struct lockstep_view *view,
                                         const struct lockstep_name *module,
                                         const struct lockstep_document_side sides[2],
                                         json_t **ret_document, struct lockstep_error *err)
{
    struct diff diff = {.sides = sides, .rows = json_array()};
    char text[LOCKSTEP_DOCUMENT_LINE];
    bool equal = lockstep_digest_equal(&sides[0].digest, &sides[1].digest);
    bool whole = sides[0].manifest != NULL && sides[1].manifest != NULL;
    add_facts(&diff);
    if (equal) {
        (void)snprintf(text, sizeof(text), "they are the same bytes");
    } else {
        (void)snprintf(text, sizeof(text), "%u of %zu facts differ%s", diff.differ,
                       json_array_size(diff.rows),
                       whole ? "" : "; a manifest is no longer here, so not all of them are known");
    }
    return lockstep_document_done(json_pack("{s:s, s:s, s:o, s:o, s:b, s:s, s:o}", "schema",
                                            "lockstep/diff/v1", "module", module->text, "a",
                                            side_of(view, module, &sides[0]), "b",
                                            side_of(view, module, &sides[1]), "equal",
                                            equal ? 1 : 0, "text", text, "rows", diff.rows),
                                  ret_document, err);
}
