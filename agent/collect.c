/* Collecting: what the store need not keep, and private copies that nobody knows any more. */
#include "agent/driver_internal.h"

#include "common/base/cleanup.h"
#include "common/io/log.h"

#include <stdlib.h>
#include <string.h>

struct collecting {
    const struct lockstep_node_agent *agent;
    struct lockstep_digest *newest; /* sorted */
    size_t newest_count;
};

/* Live, previous or part of an operation that is open here. */
static bool is_needed(const struct lockstep_node_agent *agent, const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < agent->core->module_count; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        if (lockstep_digest_equal(&module->current.digest, digest) ||
            lockstep_digest_equal(&module->previous.digest, digest) ||
            lockstep_digest_equal(&module->loaded.digest, digest)) {
            return true;
        }
    }
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->core->duties[i];
        for (uint32_t j = 0; duty->state != LOCKSTEP_DUTY_FREE && j < duty->order.item_count; j++) {
            if (lockstep_digest_equal(&duty->order.items[j].digest, digest) ||
                lockstep_digest_equal(&duty->order.items[j].leaving, digest)) {
                return true;
            }
        }
    }
    return false;
}

static bool keep_needed(void *context, const struct lockstep_digest *digest)
{
    const struct collecting *collecting = context;
    return is_needed(collecting->agent, digest);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_digest));
}

static bool keep_newest(void *context, const struct lockstep_digest *digest)
{
    const struct collecting *collecting = context;
    return is_needed(collecting->agent, digest) ||
           (collecting->newest_count > 0 &&
            bsearch(digest, collecting->newest, collecting->newest_count, sizeof(*digest),
                    compare_digests) != NULL);
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

/* Only for sorting: what the manifest says is not believed here, and its signature not looked at.
 */
static bool read_module(const struct lockstep_node_agent *agent,
                        const struct lockstep_digest *digest, struct lockstep_manifest *manifest)
{
    char text[LOCKSTEP_MANIFEST_MAX];
    struct lockstep_artifact_buffer buffer = {.bytes = text, .size = sizeof(text)};
    return lockstep_artifact_read(agent->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST, &buffer,
                                  NULL) == LOCKSTEP_OK &&
           lockstep_manifest_parse(text, buffer.length, manifest, NULL) == LOCKSTEP_OK;
}

static size_t choose_newest(struct dated *rows, size_t count, struct lockstep_digest *ret_newest)
{
    size_t kept = 0;
    size_t same = 0;
    if (count == 0) {
        return 0;
    }
    qsort(rows, count, sizeof(*rows), compare_dated);
    for (size_t i = 0; i < count; i++) {
        same = i > 0 && lockstep_name_equal(&rows[i - 1].module, &rows[i].module) ? same + 1 : 0;
        if (same < LOCKSTEP_STORE_VERSIONS) {
            ret_newest[kept++] = rows[i].digest;
        }
    }
    qsort(ret_newest, kept, sizeof(*ret_newest), compare_digests);
    return kept;
}

static enum lockstep_err find_newest(struct collecting *collecting, struct lockstep_error *err)
{
    const struct lockstep_node_agent *agent = collecting->agent;
    LOCKSTEP_FREE struct lockstep_artifact_entry *list = NULL;
    LOCKSTEP_FREE struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    LOCKSTEP_FREE struct dated *rows = NULL;
    size_t listed = 0;
    size_t count = 0;
    LOCKSTEP_TRY(lockstep_artifacts_list(agent->artifacts, &list, &listed, err));
    rows = calloc(listed + 1, sizeof(*rows));
    collecting->newest = calloc(listed + 1, sizeof(*collecting->newest));
    if (manifest == NULL || rows == NULL || collecting->newest == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the list of versions");
    }
    for (size_t i = 0; i < listed; i++) {
        if (read_module(agent, &list[i].digest, manifest)) {
            rows[count++] = (struct dated){manifest->module, list[i].digest, list[i].written};
        }
    }
    collecting->newest_count = choose_newest(rows, count, collecting->newest);
    return LOCKSTEP_OK;
}

/* ---- doing it -------------------------------------------------------------------------------- */

void lockstep_collect(struct lockstep_node_agent *agent)
{
    struct collecting collecting = {.agent = agent};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = find_newest(&collecting, &err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifacts_collect(agent->artifacts, keep_newest, &collecting, 0, NULL,
                                            &err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifacts_collect(agent->artifacts, keep_needed, &collecting,
                                            LOCKSTEP_STORE_MAX, NULL, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "old versions stay in the store: %s",
                     err.message);
    }
    free(collecting.newest);
    lockstep_copies_collect(agent);
    lockstep_copies_sweep(agent);
}

void lockstep_collect_bad(struct lockstep_node_agent *agent, const struct lockstep_digest *digest,
                          bool changed)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (uint32_t i = 0; i < agent->core->module_count && !changed; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        if (lockstep_digest_equal(&module->current.digest, digest) ||
            lockstep_digest_equal(&module->previous.digest, digest)) {
            return; /* a host may have to be started with it */
        }
    }
    if (lockstep_artifact_remove(agent->artifacts, digest, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "a bad version stays in the store: %s",
                     err.message);
    }
}
