/* SHOW diff: which two versions are meant, and their manifests. */
#include "coordinator/driver_internal.h"

#include <stdlib.h>
#include <string.h>

/* What one of the two words names. */
struct found {
    struct lockstep_artifact_row row;
    struct lockstep_manifest manifest;
};

static const char *word_of(const struct lockstep_wire_show *show, uint32_t index)
{
    static const char *const otherwise[] = {"previous", "current"};
    return show->name_count > index + 1 ? show->names[index + 1] : otherwise[index];
}

/* The nodes that were selected, and what is recorded of MODULE on them. */
static enum lockstep_err gather(struct lockstep_coordinator *coordinator, const bool *selected,
                                const struct lockstep_name *module,
                                struct lockstep_resolved *resolved, struct lockstep_error *err)
{
    struct lockstep_request *request = &resolved->request;
    resolved->selected = calloc(coordinator->fleet.node_count + 1U, sizeof(*resolved->selected));
    if (resolved->selected == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an answer");
    }
    request->item_count = 1;
    request->items[0].module = *module;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (selected[i]) {
            resolved->selected[request->selected_count++] = i;
        }
    }
    request->selected = resolved->selected;
    return lockstep_control_place(coordinator, resolved, err);
}

struct search {
    const struct lockstep_digest *digest;
    struct lockstep_artifact_row *row;
    bool found;
};

static void take_row(void *context, const struct lockstep_artifact_row *row)
{
    struct search *search = context;
    if (lockstep_digest_equal(&row->digest, search->digest)) {
        *search->row = *row;
        search->found = true;
    }
}

static enum lockstep_err find_side(struct lockstep_coordinator *coordinator,
                                   const struct lockstep_resolved *resolved, const char *word,
                                   struct found *found, struct lockstep_document_side *side,
                                   struct lockstep_error *err)
{
    struct lockstep_wire_subject subject = {.module = resolved->request.items[0].module};
    struct search search = {.digest = &side->digest, .row = &found->row};
    if (strlen(word) > LOCKSTEP_WORD_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "'%.32s...' is too long for a version", word);
    }
    (void)snprintf(subject.version, sizeof(subject.version), "%s", word);
    LOCKSTEP_TRY(lockstep_control_version(coordinator, &subject, resolved, 0, &side->digest, err));
    LOCKSTEP_TRY(
        lockstep_store_artifacts(coordinator->store, subject.module.text, take_row, &search, err));
    side->word = word;
    side->row = search.found ? &found->row : NULL;
    side->manifest = lockstep_control_manifest(coordinator, &side->digest, &found->manifest)
                         ? &found->manifest
                         : NULL;
    return LOCKSTEP_OK;
}

static enum lockstep_err make_diff(struct lockstep_coordinator *coordinator,
                                   const struct lockstep_wire_show *show,
                                   const struct lockstep_resolved *resolved, struct found found[2],
                                   json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_view view = lockstep_driver_view(coordinator);
    struct lockstep_document_side sides[2];
    memset(sides, 0, sizeof(sides));
    for (uint32_t i = 0; i < 2; i++) {
        LOCKSTEP_TRY(find_side(coordinator, resolved, word_of(show, i), &found[i], &sides[i], err));
    }
    return lockstep_document_diff(&view, &resolved->request.items[0].module, sides, ret_document,
                                  err);
}

enum lockstep_err lockstep_control_diff(struct lockstep_coordinator *coordinator,
                                        const struct lockstep_wire_show *show, const bool *selected,
                                        json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_resolved *resolved = calloc(1, sizeof(*resolved));
    struct found *found = calloc(2, sizeof(*found));
    struct lockstep_name module;
    enum lockstep_err result;
    const char *name = show->name_count == 0 ? "" : show->names[0];
    if (resolved == NULL || found == NULL) {
        result = LOCKSTEP_FAIL(err, NOMEM, "no memory for an answer");
    } else if (!lockstep_name_parse(name, &module)) {
        result = LOCKSTEP_FAIL(err, INVALID, "'%.63s' is no module", name);
    } else {
        result = gather(coordinator, selected, &module, resolved, err);
        if (result == LOCKSTEP_OK) {
            result = make_diff(coordinator, show, resolved, found, ret_document, err);
        }
    }
    if (resolved != NULL) {
        lockstep_resolved_deinit(resolved);
    }
    free(resolved);
    free(found);
    return result;
}
