/*
 * ADMIT: may this node run what is ordered? What an operator signed (orders.c), then for each new
 * version the manifest's signature, and the bytes against it. What is missing is fetched from the
 * coordinator, or taken from module_path; whoever it came from, the signature decides.
 */
#include "agent/state_policy.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is known of versions --------------------------------------------------------------- */

/* A name that the probe here does not know waives nothing. */
static uint64_t waives_of(const struct lockstep_manifest *manifest)
{
    uint64_t waives = 0;
    for (uint32_t i = 0; i < manifest->waives_count; i++) {
        if (!lockstep_probe_waive(manifest->waives[i].text, &waives)) {
            lockstep_log(LOCKSTEP_LEVEL_WARNING, "admit", "cannot be waived module=%s check=%s",
                         manifest->module.text, manifest->waives[i].text);
        }
    }
    return waives;
}

static void remember(struct lockstep_node_agent *agent, const struct lockstep_manifest *manifest,
                     bool summed)
{
    struct lockstep_known *known = NULL;
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->known) && known == NULL; i++) {
        if (lockstep_digest_equal(&agent->known[i].digest, &manifest->digest)) {
            known = &agent->known[i];
        }
    }
    if (known == NULL) {
        known = &agent->known[agent->known_next++ % LOCKSTEP_COUNT(agent->known)];
    }
    known->summed = summed;
    known->digest = manifest->digest;
    known->md5 = manifest->md5;
    known->size = manifest->size;
    known->floor = manifest->floor;
    known->service = manifest->service;
    known->state_schema = (uint32_t)manifest->state_schema;
    known->rollback = manifest->rollback;
    known->driver = manifest->driver;
    known->waives = waives_of(manifest);
    (void)snprintf(known->version, sizeof(known->version), "%s", manifest->version);
}

const struct lockstep_known *lockstep_admit_known(struct lockstep_node_agent *agent,
                                                  const struct lockstep_digest *digest)
{
    static size_t next; /* where to look first */
    struct lockstep_manifest *manifest;
    bool found;
    if (lockstep_digest_is_zero(digest)) {
        return NULL;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->known); i++) {
        size_t at = (next + i) % LOCKSTEP_COUNT(agent->known);
        if (lockstep_digest_equal(&agent->known[at].digest, digest)) {
            next = at + 1; /* mostly they are asked for in the same order again */
            return &agent->known[at];
        }
    }
    manifest = calloc(1, sizeof(*manifest));
    found = manifest != NULL && lockstep_manifests_read(agent, digest, manifest, NULL);
    if (found) {
        remember(agent, manifest, false);
    }
    free(manifest);
    return found ? lockstep_admit_known(agent, digest) : NULL;
}

/* ---- fetching -------------------------------------------------------------------------------- */

static bool has_all(const struct lockstep_node_agent *agent, const struct lockstep_digest *digest)
{
    return lockstep_artifact_has(agent->artifacts, digest, LOCKSTEP_ARTIFACT_SO) &&
           lockstep_artifact_has(agent->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST) &&
           lockstep_artifact_has(agent->artifacts, digest, LOCKSTEP_ARTIFACT_SIGNATURE);
}

static void end_fetch(struct lockstep_node_agent *agent)
{
    agent->fetch.write = lockstep_artifact_end(agent->fetch.write);
    agent->fetch.active = false;
}

static void ask_for(struct lockstep_node_agent *agent, enum lockstep_artifact_part part)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_FETCH};
    agent->fetch.part = part;
    agent->fetch.request = ++agent->fetches;
    wire.u.fetch.request = agent->fetch.request;
    wire.u.fetch.digest = agent->fetch.digest;
    wire.u.fetch.part = part;
    lockstep_driver_send(agent, &wire);
}

static void begin_fetch(struct lockstep_node_agent *agent, const struct lockstep_digest *digest)
{
    end_fetch(agent);
    agent->fetch.active = true;
    agent->fetch.digest = *digest;
    agent->fetch.manifest_length = 0;
    agent->fetch.signature_length = 0;
    ask_for(agent, LOCKSTEP_ARTIFACT_PART_MANIFEST);
}

static void advance_all(struct lockstep_node_agent *agent);

/* Every job that waits for this version cannot go on; the others can. */
static void fail_fetch(struct lockstep_node_agent *agent, enum lockstep_no no, const char *text)
{
    struct lockstep_digest digest = agent->fetch.digest;
    end_fetch(agent);
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->jobs); i++) {
        struct lockstep_admission_job *job = &agent->jobs[i];
        const struct lockstep_duty *duty = job->used
                                               ? lockstep_agent_duty(agent->core, &job->operation)
                                               : NULL;
        bool wants = false;
        for (uint32_t j = 0; duty != NULL && j < duty->order.item_count; j++) {
            wants = wants || lockstep_digest_equal(&duty->order.items[j].digest, &digest);
        }
        if (wants) {
            job->used = false;
            lockstep_driver_cannot(agent, job->ticket, no, "%s", text);
        }
    }
    advance_all(agent);
}

/* The manifest is believed before a single byte of the artifact is asked for: it has the size. */
static void begin_bytes(struct lockstep_node_agent *agent)
{
    struct lockstep_fetch_state *fetch = &agent->fetch;
    struct lockstep_manifest_files files = {fetch->manifest, fetch->manifest_length,
                                            fetch->signature, fetch->signature_length};
    struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    ASSERT(manifest != NULL);
    if (lockstep_manifest_verify(&files, agent->bundle, manifest, &refusal) !=
        LOCKSTEP_NO_UNSPECIFIED) {
        fail_fetch(agent, refusal.no, refusal.text);
    } else if (!lockstep_digest_equal(&manifest->digest, &fetch->digest)) {
        fail_fetch(agent, LOCKSTEP_NO_BAD_DIGEST, "the manifest is another version's");
    } else if (lockstep_artifact_begin(agent->artifacts, &fetch->digest, manifest->size,
                                       &fetch->write, &err) != LOCKSTEP_OK) {
        fail_fetch(agent, LOCKSTEP_NO_STORAGE, err.message);
    } else {
        ask_for(agent, LOCKSTEP_ARTIFACT_PART_BYTES);
    }
    free(manifest);
}

static void finish_bytes(struct lockstep_node_agent *agent)
{
    struct lockstep_fetch_state *fetch = &agent->fetch;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = lockstep_artifact_put(agent->artifacts, &fetch->digest,
                                                     LOCKSTEP_ARTIFACT_MANIFEST, fetch->manifest,
                                                     fetch->manifest_length, &err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifact_put(agent->artifacts, &fetch->digest,
                                       LOCKSTEP_ARTIFACT_SIGNATURE, fetch->signature,
                                       fetch->signature_length, &err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifact_finish(fetch->write, NULL, &err);
    }
    if (result != LOCKSTEP_OK) {
        fail_fetch(agent, result == LOCKSTEP_REFUSED ? LOCKSTEP_NO_BAD_DIGEST : LOCKSTEP_NO_STORAGE,
                   err.message);
        return;
    }
    end_fetch(agent);
    advance_all(agent);
}

/* Appends a piece of a text; false if it grows too long. */
static bool append(char *text, size_t size, size_t *length, const struct lockstep_blob *data)
{
    if (data->length > size - *length) {
        return false;
    }
    if (data->length > 0) {
        memcpy(text + *length, data->data, data->length);
    }
    *length += data->length;
    return true;
}

void lockstep_admit_chunk(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_chunk *chunk)
{
    struct lockstep_fetch_state *fetch = &agent->fetch;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool fits = true;
    if (!fetch->active || chunk->request != fetch->request) {
        return; /* of a fetch that was given up */
    }
    if (chunk->missing) {
        fail_fetch(agent, LOCKSTEP_NO_NOFILE, "the coordinator does not have the artifact");
        return;
    }
    if (fetch->part == LOCKSTEP_ARTIFACT_PART_MANIFEST) {
        fits = append(fetch->manifest, LOCKSTEP_MANIFEST_MAX, &fetch->manifest_length,
                      &chunk->data);
    } else if (fetch->part == LOCKSTEP_ARTIFACT_PART_SIGNATURE) {
        fits = append(fetch->signature, LOCKSTEP_SIGNATURE_MAX, &fetch->signature_length,
                      &chunk->data);
    } else if (lockstep_artifact_append(fetch->write, chunk->data.data, chunk->data.length, &err) !=
               LOCKSTEP_OK) {
        fail_fetch(agent, err.code == LOCKSTEP_REFUSED ? LOCKSTEP_NO_BAD_SIZE : LOCKSTEP_NO_STORAGE,
                   err.message);
        return;
    }
    if (!fits) {
        fail_fetch(agent, LOCKSTEP_NO_BAD_SIZE, "the manifest or its signature is too long");
    } else if (chunk->more) {
        return;
    } else if (fetch->part == LOCKSTEP_ARTIFACT_PART_MANIFEST) {
        ask_for(agent, LOCKSTEP_ARTIFACT_PART_SIGNATURE);
    } else if (fetch->part == LOCKSTEP_ARTIFACT_PART_SIGNATURE) {
        begin_bytes(agent);
    } else {
        finish_bytes(agent);
    }
}

/* ---- module_path ----------------------------------------------------------------------------- */

static enum lockstep_err read_beside(const char *so, const char *suffix, char *text, size_t size,
                                     size_t *ret_length, struct lockstep_error *err)
{
    char path[4096];
    LOCKSTEP_CLOSE int fd = -1;
    ssize_t length;
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)(strlen(so) - 3), so, suffix);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a pipe */
    length = fd < 0 ? -1 : read(fd, text, size);
    if (length < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "read %s", path);
    }
    *ret_length = (size_t)length;
    return length > 0 ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, INVALID, "%s is empty", path);
}

static enum lockstep_err copy_bytes(int fd, struct lockstep_artifact_write *write,
                                    struct lockstep_error *err)
{
    static uint8_t bytes[64 * 1024];
    ssize_t count;
    while ((count = read(fd, bytes, sizeof(bytes))) > 0) {
        LOCKSTEP_TRY(lockstep_artifact_append(write, bytes, (size_t)count, err));
    }
    return count == 0 ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "read a module's file");
}

/* What lies beside the file must be signed before it may take a place in the store, where it would
 * keep the coordinator's from coming. */
static enum lockstep_err check_beside(const struct lockstep_node_agent *agent,
                                      const struct lockstep_manifest_files *files,
                                      const struct lockstep_digest *digest,
                                      struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    ASSERT(manifest != NULL);
    if (lockstep_manifest_verify(files, agent->bundle, manifest, &refusal) !=
        LOCKSTEP_NO_UNSPECIFIED) {
        return LOCKSTEP_FAIL(err, REFUSED, "%s", refusal.text);
    }
    return lockstep_digest_equal(&manifest->digest, digest)
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, REFUSED, "its manifest is another version's");
}

/* Takes a signed file of module_path into the store; nothing of it is believed for where it lay. */
static enum lockstep_err import(struct lockstep_node_agent *agent, const char *path,
                                const struct lockstep_digest *digest, struct lockstep_error *err)
{
    static char manifest[LOCKSTEP_MANIFEST_MAX];
    char signature[LOCKSTEP_SIGNATURE_MAX];
    struct lockstep_manifest_files files;
    struct lockstep_artifact_write *write = NULL;
    size_t manifest_length = 0;
    size_t signature_length = 0;
    off_t size;
    enum lockstep_err result;
    int fd;
    LOCKSTEP_TRY(read_beside(path, ".manifest", manifest, sizeof(manifest), &manifest_length, err));
    LOCKSTEP_TRY(
        read_beside(path, ".minisig", signature, sizeof(signature), &signature_length, err));
    files = (struct lockstep_manifest_files){manifest, manifest_length, signature,
                                             signature_length};
    LOCKSTEP_TRY(check_beside(agent, &files, digest, err));
    LOCKSTEP_TRY(lockstep_artifact_put(agent->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST,
                                       manifest, manifest_length, err));
    LOCKSTEP_TRY(lockstep_artifact_put(agent->artifacts, digest, LOCKSTEP_ARTIFACT_SIGNATURE,
                                       signature, signature_length, err));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "read %s", path);
    }
    size = lseek(fd, 0, SEEK_END);
    (void)lseek(fd, 0, SEEK_SET);
    result = lockstep_artifact_begin(agent->artifacts, digest, size > 0 ? (uint64_t)size : 0,
                                     &write, err);
    if (result == LOCKSTEP_OK) {
        result = copy_bytes(fd, write, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifact_finish(write, NULL, err);
    }
    (void)lockstep_artifact_end(write);
    (void)close(fd);
    return result;
}

static void import_if_there(struct lockstep_node_agent *agent, const struct lockstep_item *item)
{
    struct lockstep_digest digest;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[4096];
    if (lockstep_disk_find(agent, &item->module, &digest, path, sizeof(path)) &&
        lockstep_digest_equal(&digest, &item->digest) &&
        import(agent, path, &digest, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "%s is not taken over: %s", path,
                     err.message);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The sums of the bytes in the store; *RET_SAME: they are those of DIGEST. What MD5 sum bytes have
 * needs to be found out once. */
static bool verify_bytes(struct lockstep_node_agent *agent, const struct lockstep_digest *digest,
                         bool *ret_same, struct lockstep_sums *ret_sums, struct lockstep_error *err)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->known); i++) {
        const struct lockstep_known *known = &agent->known[i];
        if (known->summed && lockstep_digest_equal(&known->digest, digest)) {
            *ret_sums = (struct lockstep_sums){*digest, known->md5, known->size};
            return lockstep_artifact_verify(agent->artifacts, digest, ret_same, NULL, err) ==
                   LOCKSTEP_OK;
        }
    }
    return lockstep_artifact_verify(agent->artifacts, digest, ret_same, ret_sums, err) ==
           LOCKSTEP_OK;
}

static bool judge_artifact(struct lockstep_node_agent *agent, const struct lockstep_item *item,
                           struct lockstep_refusal *refusal)
{
    const struct lockstep_agent_meta *meta = lockstep_agent_store_meta(agent->config.store);
    struct lockstep_agent_module_row row;
    struct lockstep_manifest_context context = {.cluster = meta->cluster,
                                                .module = item->module,
                                                .digest = item->digest,
                                                .counter_jump = true,
                                                .now_unix_ms = lockstep_driver_unix_ms(agent)};
    struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_sums sums;
    bool found = false;
    bool same = false;
    bool good;
    ASSERT(manifest != NULL);
    good = lockstep_manifests_read(agent, &item->digest, manifest, refusal);
    if (good && !verify_bytes(agent, &item->digest, &same, &sums, &err)) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_STORAGE, "%s", err.message);
        good = false;
    } else if (good && !same) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_BAD_DIGEST,
                              "the file in the store was changed; it is fetched anew when this is "
                              "ordered again");
        good = false;
    }
    if (!good && (refusal->no == LOCKSTEP_NO_BAD_SIGNATURE || refusal->no == LOCKSTEP_NO_REVOKED ||
                  refusal->no == LOCKSTEP_NO_BAD_DIGEST)) {
        lockstep_collect_bad(agent, &item->digest, refusal->no == LOCKSTEP_NO_BAD_DIGEST);
    }
    if (good && lockstep_agent_store_module(agent->config.store, &item->module, &found, &row,
                                            &err) != LOCKSTEP_OK) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_STORAGE, "%s", err.message);
        good = false;
    }
    if (good) {
        context.counter_floor = found ? row.counter_floor : 0;
        context.artifact = &sums;
        good = lockstep_manifest_check(manifest, agent->bundle, &context, refusal) ==
               LOCKSTEP_NO_UNSPECIFIED;
    }
    if (good) {
        remember(agent, manifest, true);
    }
    free(manifest);
    return good;
}

/* The module's service must be one of this node's. */
static bool place(struct lockstep_node_agent *agent, const struct lockstep_item *item, bool again,
                  struct lockstep_refusal *refusal)
{
    const struct lockstep_known *known = lockstep_admit_known(agent, &item->digest);
    struct lockstep_agent_module *module = lockstep_agent_module(agent->core, &item->module);
    uint8_t service = known == NULL ? LOCKSTEP_SERVICE_NONE
                                    : lockstep_agent_service(agent->core, &known->service);
    const struct lockstep_copy *copy = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (module == NULL || known == NULL || service == LOCKSTEP_SERVICE_NONE) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_NO_HOST, "this node has no service '%s'",
                              known == NULL ? "" : known->service.text);
        return false;
    }
    if (module->service != service && !lockstep_digest_is_zero(&module->current.digest)) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_NO_HOST,
                              "it is live in another service of this node, and '%s' is not it",
                              known->service.text);
        return false;
    }
    if (module->service != service) {
        module->service = service;
        const struct lockstep_agent_description description = {.module = &item->module,
                                                               .service = &known->service};
        if (lockstep_agent_store_describe(agent->config.store, &description, 1, &err) !=
            LOCKSTEP_OK) {
            (void)lockstep_refuse(refusal, LOCKSTEP_NO_STORAGE, "%s", err.message);
            return false;
        }
    }
    if (!lockstep_joints_fits(agent, module, known, refusal)) {
        return false;
    }
    if (lockstep_joints_drives(agent, module)) {
        return true; /* its files are laid out with the set's */
    }
    /* A host uses an image again by its file; new statics want a new file, and what was taken out
     * of it begins anew. */
    if (again || lockstep_digest_is_zero(&module->current.digest)) {
        lockstep_copies_forget(agent, &item->module, &item->digest);
    }
    if (lockstep_copies_get(agent, &item->module, &item->digest, &copy, &err) != LOCKSTEP_OK) {
        (void)lockstep_refuse(
            refusal, err.code == LOCKSTEP_REFUSED ? LOCKSTEP_NO_BAD_DIGEST : LOCKSTEP_NO_STORAGE,
            "%s", err.message);
        return false;
    }
    return true;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void end_job(struct lockstep_node_agent *agent, struct lockstep_admission_job *job,
                    const struct lockstep_refusal *refusal)
{
    job->used = false;
    if (refusal->no == LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_driver_worked(agent,
                               &(struct lockstep_work_result){.ticket = job->ticket, .ok = true});
    } else {
        lockstep_driver_cannot(agent, job->ticket, refusal->no, "%s", refusal->text);
    }
}

/* True if the artifact is in the store whole; else it is taken from module_path, or fetched. */
static bool is_at_hand(struct lockstep_node_agent *agent, const struct lockstep_item *item)
{
    if (!has_all(agent, &item->digest)) {
        import_if_there(agent, item);
    }
    if (has_all(agent, &item->digest)) {
        return true;
    }
    if (!agent->fetch.active && agent->welcomed) {
        begin_fetch(agent, &item->digest);
    }
    return false;
}

/* Goes on with a job: waits for a fetch, or judges one artifact, or reports. */
static void advance(struct lockstep_node_agent *agent, struct lockstep_admission_job *job)
{
    const struct lockstep_duty *duty = lockstep_agent_duty(agent->core, &job->operation);
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    const struct lockstep_item *item;
    if (duty == NULL || duty->ticket != job->ticket) {
        job->used = false;
        return;
    }
    job->judged = job->judged || lockstep_orders_judge(agent, duty, &refusal);
    while (job->judged && job->next < duty->order.item_count &&
           (!lockstep_duty_changes(duty, job->next) ||
            lockstep_digest_is_zero(&duty->order.items[job->next].digest))) {
        job->next++;
    }
    if (!job->judged || job->next == duty->order.item_count) {
        end_job(agent, job, &refusal);
        return;
    }
    item = &duty->order.items[job->next];
    if (!is_at_hand(agent, item)) {
        return;
    }
    if (!judge_artifact(agent, item, &refusal) || !lockstep_state_allows(agent, item, &refusal) ||
        !place(agent, item, duty->order.again, &refusal)) {
        end_job(agent, job, &refusal);
        return;
    }
    job->next++;
    lockstep_loop_post(agent->loop, &agent->jobs_post);
}

static void advance_all(struct lockstep_node_agent *agent)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->jobs); i++) {
        if (agent->jobs[i].used) {
            advance(agent, &agent->jobs[i]);
        }
    }
}

void lockstep_admit_continue(void *context)
{
    advance_all(context);
}

void lockstep_admit_begin(struct lockstep_node_agent *agent, uint32_t ticket,
                          const struct lockstep_duty *duty)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->jobs); i++) {
        struct lockstep_admission_job *job = &agent->jobs[i];
        if (!job->used) {
            *job = (struct lockstep_admission_job){
                .used = true, .ticket = ticket, .operation = duty->order.operation};
            advance(agent, job);
            return;
        }
    }
    lockstep_driver_cannot(agent, ticket, LOCKSTEP_NO_BUSY, "too many admissions at once");
}

/* True if a job waits for this version. */
static bool is_wanted(struct lockstep_node_agent *agent, const struct lockstep_digest *digest)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->jobs); i++) {
        const struct lockstep_duty *duty = agent->jobs[i].used
                                               ? lockstep_agent_duty(agent->core,
                                                                     &agent->jobs[i].operation)
                                               : NULL;
        for (uint32_t j = 0; duty != NULL && j < duty->order.item_count; j++) {
            if (lockstep_digest_equal(&duty->order.items[j].digest, digest)) {
                return true;
            }
        }
    }
    return false;
}

void lockstep_admit_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->jobs); i++) {
        if (agent->jobs[i].used && lockstep_id_equal(&agent->jobs[i].operation, operation)) {
            agent->jobs[i].used = false;
        }
    }
    if (agent->fetch.active && !is_wanted(agent, &agent->fetch.digest)) {
        end_fetch(agent); /* another job may fetch now */
        advance_all(agent);
    }
}

void lockstep_admit_link(struct lockstep_node_agent *agent, bool up)
{
    end_fetch(agent);
    if (up) {
        advance_all(agent);
    }
}
