#include "coordinator/cli/change.h"

#include "common/io/loop.h"
#include "coordinator/cli/document.h"

#include <string.h>

/* True if WORD, of a subject, can mean ITEM: its version or digest, or a word that only the
 * coordinator can resolve. */
static bool means(const char *word, const json_t *item)
{
    static const char *const resolved[] = {"", "disk", "previous", "current"};
    const char *digest = lockstep_document_text(item, "digest");
    for (size_t i = 0; i < LOCKSTEP_COUNT(resolved); i++) {
        if (strcmp(word, resolved[i]) == 0) {
            return true;
        }
    }
    return strcmp(word, lockstep_document_text(item, "version")) == 0 ||
           strncmp(word, digest, strlen(word)) == 0;
}

/* The item of MODULE, or NULL. */
static const json_t *item_of(const json_t *document, const char *module)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(document, "items"), index, item)
    {
        if (strcmp(lockstep_document_text(item, "module"), module) == 0) {
            return item;
        }
    }
    return NULL;
}

enum lockstep_err lockstep_change_same(const struct lockstep_wire_request *request,
                                       const json_t *document, struct lockstep_error *err)
{
    const char *kind = lockstep_document_text(document, "kind");
    const char *strategy = lockstep_document_text(document, "strategy");
    if (strcmp(kind, lockstep_kind_text(request->kind)) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it is of another kind: %.32s", kind);
    }
    if (request->kind == LOCKSTEP_KIND_RELOAD &&
        strcmp(strategy, lockstep_strategy_text(request->strategy)) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it has another strategy: %.32s", strategy);
    }
    if (json_array_size(json_object_get(document, "items")) != request->subject_count) {
        return LOCKSTEP_FAIL(err, INVALID, "it is about other modules");
    }
    for (uint32_t i = 0; i < request->subject_count; i++) {
        const struct lockstep_wire_subject *subject = &request->subjects[i];
        const json_t *item = item_of(document, subject->module.text);
        if (item == NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "it is not about %s", subject->module.text);
        }
        if (!lockstep_kind_goes_back(request->kind) && !means(subject->version, item)) {
            return LOCKSTEP_FAIL(err, INVALID, "it brings %s %.63s, not %.63s",
                                 subject->module.text, lockstep_document_text(item, "version"),
                                 subject->version);
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_item(const json_t *object, enum lockstep_kind kind,
                                   struct lockstep_item *ret_item, struct lockstep_error *err)
{
    const char *digest = lockstep_document_text(object, "digest");
    const char *leaving = lockstep_document_text(object, "leaving");
    *ret_item = (struct lockstep_item){
        .generation = lockstep_document_number(object, "generation")};
    if (!lockstep_name_parse(lockstep_document_text(object, "module"), &ret_item->module) ||
        ret_item->generation == 0 ||
        (*digest != '\0' && !lockstep_digest_parse(digest, &ret_item->digest))) {
        return LOCKSTEP_FAIL(err, INVALID, "one of its items is malformed");
    }
    /* Only who goes back names what is left. */
    if (kind == LOCKSTEP_KIND_UNDO && *leaving != '\0' &&
        !lockstep_digest_parse(leaving, &ret_item->leaving)) {
        return LOCKSTEP_FAIL(err, INVALID, "one of its items is malformed");
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_roster(const json_t *plan, struct lockstep_intent *intent,
                                     struct lockstep_error *err)
{
    uint64_t size = lockstep_document_number(plan, "roster_size");
    if (!lockstep_digest_parse(lockstep_document_text(plan, "roster"), &intent->roster) ||
        size == 0 || size > LOCKSTEP_NODES_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "it names no roster");
    }
    intent->roster_size = (uint32_t)size;
    return LOCKSTEP_OK;
}

static enum lockstep_err read_scope(const struct lockstep_wire_request *request,
                                    const struct lockstep_id *cluster, const json_t *plan,
                                    struct lockstep_intent *intent, struct lockstep_error *err)
{
    struct lockstep_id operation;
    if (!lockstep_id_parse(lockstep_document_text(plan, "operation"), &operation) ||
        !lockstep_id_equal(&operation, &request->operation)) {
        return LOCKSTEP_FAIL(err, INVALID, "it is for another operation");
    }
    if (!lockstep_id_parse(lockstep_document_text(plan, "cluster"), &intent->cluster) ||
        (!lockstep_id_is_zero(cluster) && !lockstep_id_equal(cluster, &intent->cluster))) {
        return LOCKSTEP_FAIL(err, INVALID, "it is for another cluster");
    }
    if (strcmp(lockstep_document_text(plan, "on_failure"),
               lockstep_on_failure_text(request->on_failure)) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it does something else on failure");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_change_intent(const struct lockstep_wire_request *request,
                                         const struct lockstep_id *cluster, const json_t *plan,
                                         struct lockstep_intent *ret_intent,
                                         struct lockstep_error *err)
{
    size_t index;
    json_t *object;
    *ret_intent = (struct lockstep_intent){
        .operation = request->operation,
        .kind = request->kind,
        .strategy = request->strategy,
        .on_failure = request->on_failure,
        .no_smoke = request->no_smoke,
        .plan_index = lockstep_document_number(plan, "index"),
        .not_after_unix_ms = lockstep_unix_ms() + LOCKSTEP_INTENT_LIFE_MS,
    };
    lockstep_intent_extra(request->extra, &ret_intent->extra);
    LOCKSTEP_TRY(lockstep_change_same(request, plan, err));
    LOCKSTEP_TRY(read_scope(request, cluster, plan, ret_intent, err));
    LOCKSTEP_TRY(read_roster(plan, ret_intent, err));
    json_array_foreach(json_object_get(plan, "items"), index, object)
    {
        struct lockstep_item item;
        LOCKSTEP_TRY(read_item(object, request->kind, &item, err));
        LOCKSTEP_TRY(lockstep_intent_add(ret_intent, &item, err));
    }
    return LOCKSTEP_OK;
}
