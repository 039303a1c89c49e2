#include "common/io/selector.h"
#include "common/io/value.h"
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the book ------------------------------------------------------------------------------- */

bool lockstep_book_room(void *list, size_t count, size_t *max, size_t size)
{
    size_t bigger = *max == 0 ? 16 : *max * 2;
    void **rows = list;
    void *moved;
    if (count < *max) {
        return true;
    }
    moved = realloc(*rows, bigger * size);
    if (moved == NULL) {
        return false;
    }
    *rows = moved;
    *max = bigger;
    return true;
}

static int compare_artifacts(const void *a, const void *b)
{
    const struct lockstep_artifact_row *left = a;
    const struct lockstep_artifact_row *right = b;
    return memcmp(left->digest.bytes, right->digest.bytes, LOCKSTEP_DIGEST_BYTES);
}

static int compare_desired(const void *a, const void *b)
{
    const struct lockstep_desired_row *left = a;
    const struct lockstep_desired_row *right = b;
    if (left->node != right->node) {
        return left->node < right->node ? -1 : 1;
    }
    return strcmp(left->module.text, right->module.text);
}

static void take_artifact(void *context, const struct lockstep_artifact_row *row)
{
    struct lockstep_book *book = context;
    if (!lockstep_book_room(&book->artifacts, book->artifact_count, &book->artifact_max,
                            sizeof(*row))) {
        book->full = true;
        return;
    }
    book->artifacts[book->artifact_count++] = *row;
}

static void take_desired(void *context, const struct lockstep_desired_row *row)
{
    struct lockstep_book *book = context;
    if (!lockstep_book_room(&book->desired, book->desired_count, &book->desired_max,
                            sizeof(*row))) {
        book->full = true;
        return;
    }
    book->desired[book->desired_count++] = *row;
}

/* Keeps the names sorted, each once. */
static void take_module(struct lockstep_book *book, const struct lockstep_name *name)
{
    size_t low = 0;
    size_t high = book->module_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(book->modules[middle].text, name->text);
        if (order == 0) {
            return;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    if (!lockstep_book_room(&book->modules, book->module_count, &book->module_max, sizeof(*name))) {
        book->full = true;
        return;
    }
    memmove(&book->modules[low + 1], &book->modules[low],
            (book->module_count - low) * sizeof(*name));
    book->modules[low] = *name;
    book->module_count++;
}

static void take_placement(void *context, const struct lockstep_name *module, uint64_t generation,
                           const char *placement)
{
    struct lockstep_book *book = context;
    struct lockstep_book_placement *row;
    (void)generation;
    if (placement == NULL) {
        return;
    }
    if (!lockstep_book_room(&book->placements, book->placement_count, &book->placement_max,
                            sizeof(*row))) {
        book->full = true;
        return;
    }
    row = &book->placements[book->placement_count++];
    row->module = *module;
    (void)snprintf(row->selector, sizeof(row->selector), "%s", placement);
}

static void take_decided(void *context, const struct lockstep_name *name)
{
    struct lockstep_book *book = context;
    if (!lockstep_book_room(&book->decided, book->decided_count, &book->decided_max,
                            sizeof(*name))) {
        book->full = true;
        return;
    }
    book->decided[book->decided_count++] = *name;
}

static void take_modules(struct lockstep_book *book)
{
    const struct lockstep_fleet *fleet = book->view->fleet;
    for (uint32_t i = 0; i < fleet->module_count; i++) {
        take_module(book, &fleet->modules[i].name);
    }
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        for (uint32_t j = 0; j < fleet->nodes[i].live_count; j++) {
            take_module(book, &fleet->nodes[i].live[j].module);
        }
    }
}

static enum lockstep_err sort(struct lockstep_book *book, struct lockstep_error *err)
{
    if (book->full) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a document");
    }
    if (book->artifact_count > 0) {
        qsort(book->artifacts, book->artifact_count, sizeof(*book->artifacts), compare_artifacts);
    }
    if (book->desired_count > 0) {
        qsort(book->desired, book->desired_count, sizeof(*book->desired), compare_desired);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_book_open(struct lockstep_book *book, const struct lockstep_view *view,
                                     struct lockstep_error *err)
{
    memset(book, 0, sizeof(*book));
    book->view = view;
    LOCKSTEP_TRY(lockstep_store_artifacts(view->store, NULL, take_artifact, book, err));
    LOCKSTEP_TRY(lockstep_store_desired(view->store, take_desired, book, err));
    LOCKSTEP_TRY(lockstep_store_modules(view->store, take_placement, book, err));
    LOCKSTEP_TRY(lockstep_store_modules_decided(view->store, take_decided, book, err));
    take_modules(book);
    return sort(book, err);
}

enum lockstep_err lockstep_book_open_items(struct lockstep_book *book,
                                           const struct lockstep_view *view,
                                           const struct lockstep_operation *operation,
                                           struct lockstep_error *err)
{
    memset(book, 0, sizeof(*book));
    book->view = view;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        /* What it brings, what it leaves, and what going back leads to if it leads all to one. */
        const struct lockstep_digest *digests[] = {
            &operation->items[i].digest, &operation->items[i].leaving,
            operation->part_count == 0 ? NULL : &operation->starts[i]};
        for (size_t k = 0; k < LOCKSTEP_COUNT(digests) && digests[k] != NULL; k++) {
            LOCKSTEP_TRY(
                lockstep_store_artifact(view->store, digests[k], take_artifact, book, err));
        }
    }
    return sort(book, err);
}

void lockstep_book_deinit(struct lockstep_book *book)
{
    free(book->artifacts);
    free(book->desired);
    free(book->modules);
    free(book->placements);
    free(book->decided);
    memset(book, 0, sizeof(*book));
}

const struct lockstep_artifact_row *lockstep_book_artifact(const struct lockstep_book *book,
                                                           const struct lockstep_digest *digest)
{
    struct lockstep_artifact_row key = {.digest = *digest};
    return book->artifact_count == 0 ? NULL
                                     : bsearch(&key, book->artifacts, book->artifact_count,
                                               sizeof(key), compare_artifacts);
}

const struct lockstep_desired_row *lockstep_book_desired(const struct lockstep_book *book,
                                                         uint32_t node,
                                                         const struct lockstep_name *module)
{
    struct lockstep_desired_row key = {.node = node, .module = *module};
    return book->desired_count == 0
               ? NULL
               : bsearch(&key, book->desired, book->desired_count, sizeof(key), compare_desired);
}

bool lockstep_book_pinned(const struct lockstep_book *book, const struct lockstep_desired_row *row)
{
    return row != NULL && row->pin_unix_ms > book->view->now_unix_ms;
}

bool lockstep_book_decided(const struct lockstep_book *book, const struct lockstep_name *module)
{
    bool decided = false;
    for (size_t i = 0; i < book->placement_count && !decided; i++) {
        decided = lockstep_name_equal(&book->placements[i].module, module);
    }
    for (size_t i = 0; i < book->desired_count && !decided; i++) {
        decided = lockstep_name_equal(&book->desired[i].module, module);
    }
    for (size_t i = 0; i < book->decided_count && !decided; i++) {
        decided = lockstep_name_equal(&book->decided[i], module);
    }
    return decided;
}

bool lockstep_book_placed(const struct lockstep_book *book, uint32_t node,
                          const struct lockstep_name *module)
{
    if (lockstep_book_desired(book, node, module) != NULL) {
        return true;
    }
    for (size_t i = 0; i < book->placement_count; i++) {
        if (lockstep_name_equal(&book->placements[i].module, module)) {
            return lockstep_selector_matches(book->placements[i].selector,
                                             book->view->views[node].row.labels);
        }
    }
    return false;
}

void lockstep_book_version_text(const struct lockstep_book *book,
                                const struct lockstep_digest *digest,
                                char ret_text[LOCKSTEP_STORE_VERSION])
{
    const struct lockstep_artifact_row *row = lockstep_book_artifact(book, digest);
    char text[LOCKSTEP_DIGEST_TEXT];
    if (row != NULL) {
        memcpy(ret_text, row->version, LOCKSTEP_STORE_VERSION);
        return;
    }
    lockstep_digest_format(digest, text);
    (void)snprintf(ret_text, LOCKSTEP_STORE_VERSION, "%.8s",
                   lockstep_digest_is_zero(digest) ? "none" : text);
}

json_t *lockstep_book_version(const struct lockstep_book *book,
                              const struct lockstep_digest *digest)
{
    char text[LOCKSTEP_STORE_VERSION];
    lockstep_book_version_text(book, digest, text);
    return lockstep_json_text(text);
}

/* ---- queries -------------------------------------------------------------------------------- */

bool lockstep_query_module(const struct lockstep_document_query *query,
                           const struct lockstep_name *module)
{
    for (uint32_t i = 0; query != NULL && i < query->name_count; i++) {
        if (strcmp(query->names[i], module->text) == 0) {
            return true;
        }
    }
    return query == NULL || query->name_count == 0;
}

bool lockstep_query_node(const struct lockstep_document_query *query, uint32_t node)
{
    return query == NULL || query->selected == NULL || query->selected[node];
}

static const char *module_at(const void *words, size_t i)
{
    const struct lockstep_book *book = words;
    return i < book->module_count ? book->modules[i].text : NULL;
}

static enum lockstep_err unknown_module(const struct lockstep_book *book, const char *name,
                                        struct lockstep_error *err)
{
    const char *nearest = lockstep_spelling_nearest(name, module_at, book);
    if (nearest == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "no module is called %.63s; `lockstep module ls`", name);
    }
    return LOCKSTEP_FAIL(err, INVALID, "no module is called %.63s; did you mean %s?", name,
                         nearest);
}

enum lockstep_err lockstep_book_check_names(const struct lockstep_book *book,
                                            const struct lockstep_document_query *query,
                                            struct lockstep_error *err)
{
    for (uint32_t i = 0; query != NULL && i < query->name_count; i++) {
        bool known = false;
        for (size_t j = 0; j < book->module_count && !known; j++) {
            known = strcmp(book->modules[j].text, query->names[i]) == 0;
        }
        if (!known) {
            return unknown_module(book, query->names[i], err);
        }
    }
    return LOCKSTEP_OK;
}
