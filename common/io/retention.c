#include "common/io/retention.h"

#include "common/base/cleanup.h"
#include "common/io/manifest.h"

#include <stdlib.h>
#include <string.h>

/* Digests, sorted before they are looked for. */
struct digests {
    struct lockstep_digest *list; /* owned */
    size_t count;
    size_t room;
};

struct lockstep_retention {
    struct digests needed;
    struct digests newest;
    bool failed; /* not all that is needed is known */
};

static bool add(struct digests *digests, const struct lockstep_digest *digest)
{
    if (digests->count == digests->room) {
        size_t room = digests->room == 0 ? 64 : digests->room * 2;
        struct lockstep_digest *list = realloc(digests->list, room * sizeof(*list));
        if (list == NULL) {
            return false;
        }
        digests->list = list;
        digests->room = room;
    }
    digests->list[digests->count++] = *digest;
    return true;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_digest));
}

static void sort(struct digests *digests)
{
    if (digests->count > 0) {
        qsort(digests->list, digests->count, sizeof(*digests->list), compare_digests);
    }
}

static bool has(const struct digests *digests, const struct lockstep_digest *digest)
{
    return digests->count > 0 &&
           bsearch(digest, digests->list, digests->count, sizeof(*digest), compare_digests) != NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct lockstep_retention *lockstep_retention_new(void)
{
    return calloc(1, sizeof(struct lockstep_retention));
}

struct lockstep_retention *lockstep_retention_free(struct lockstep_retention *retention)
{
    if (retention != NULL) {
        free(retention->needed.list);
        free(retention->newest.list);
        free(retention);
    }
    return NULL;
}

void lockstep_retention_need(struct lockstep_retention *retention,
                             const struct lockstep_digest *digest)
{
    if (retention != NULL && !lockstep_digest_is_zero(digest) && !add(&retention->needed, digest)) {
        retention->failed = true;
    }
}

/* ---- which are the newest -------------------------------------------------------------------- */

struct dated {
    struct lockstep_name module;
    struct lockstep_digest digest;
    uint64_t written;
};

/* By module, the newest first. */
static int compare_dated(const void *a, const void *b)
{
    const struct dated *left = a;
    const struct dated *right = b;
    int order = strcmp(left->module.text, right->module.text);
    if (order != 0 || left->written == right->written) {
        return order;
    }
    return left->written > right->written ? -1 : 1;
}

static bool read_module(const struct lockstep_artifacts *artifacts,
                        const struct lockstep_digest *digest, struct lockstep_manifest *manifest)
{
    char text[LOCKSTEP_MANIFEST_MAX];
    struct lockstep_artifact_buffer buffer = {.bytes = text, .size = sizeof(text)};
    return lockstep_artifact_read(artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST, &buffer, NULL) ==
               LOCKSTEP_OK &&
           lockstep_manifest_parse(text, buffer.length, manifest, NULL) == LOCKSTEP_OK;
}

static bool choose_newest(struct dated *rows, size_t count, uint32_t most, struct digests *newest)
{
    uint32_t same = 0;
    if (count > 0) {
        qsort(rows, count, sizeof(*rows), compare_dated);
    }
    for (size_t i = 0; i < count; i++) {
        same = i > 0 && lockstep_name_equal(&rows[i - 1].module, &rows[i].module) ? same + 1 : 0;
        if (same < most && !add(newest, &rows[i].digest)) {
            return false;
        }
    }
    sort(newest);
    return true;
}

static enum lockstep_err find_newest(const struct lockstep_artifacts *artifacts, uint32_t most,
                                     struct digests *newest, struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_artifact_entry *list = NULL;
    LOCKSTEP_FREE struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    LOCKSTEP_FREE struct dated *rows = NULL;
    size_t listed = 0;
    size_t count = 0;
    LOCKSTEP_TRY(lockstep_artifacts_list(artifacts, &list, &listed, err));
    rows = calloc(listed + 1, sizeof(*rows));
    for (size_t i = 0; manifest != NULL && rows != NULL && i < listed; i++) {
        if (read_module(artifacts, &list[i].digest, manifest)) {
            rows[count++] = (struct dated){manifest->module, list[i].digest, list[i].written};
        }
    }
    return manifest != NULL && rows != NULL && choose_newest(rows, count, most, newest)
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, NOMEM, "no memory for the list of versions");
}

/* ---- collecting ------------------------------------------------------------------------------ */

static bool is_needed(void *context, const struct lockstep_digest *digest)
{
    const struct lockstep_retention *retention = context;
    return has(&retention->needed, digest);
}

static bool is_needed_or_new(void *context, const struct lockstep_digest *digest)
{
    const struct lockstep_retention *retention = context;
    return has(&retention->needed, digest) || has(&retention->newest, digest);
}

enum lockstep_err lockstep_retention_collect(struct lockstep_retention *retention,
                                             struct lockstep_artifacts *artifacts,
                                             const struct lockstep_retention_limits *limits,
                                             struct lockstep_error *err)
{
    if (retention == NULL || retention->failed) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for what is needed");
    }
    sort(&retention->needed);
    LOCKSTEP_TRY(find_newest(artifacts, limits->newest, &retention->newest, err));
    LOCKSTEP_TRY(lockstep_artifacts_collect(artifacts, is_needed_or_new, retention, 0, NULL, err));
    return limits->max_bytes == 0 ? LOCKSTEP_OK
                                  : lockstep_artifacts_collect(artifacts, is_needed, retention,
                                                               limits->max_bytes, NULL, err);
}
