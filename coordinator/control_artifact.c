/* An artifact that a person brings: verified, then streamed into the store, then a row. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

void lockstep_control_put_end(struct lockstep_session *session)
{
    if (session->put != NULL) {
        (void)lockstep_artifact_end(session->put->writer);
        free(session->put);
        session->put = NULL;
    }
}

static enum lockstep_err check_manifest(struct lockstep_session *session,
                                        struct lockstep_putting *put, struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_manifest_files files = {put->text, put->text_length, put->signature,
                                            put->signature_length};
    struct lockstep_manifest_context context = {
        .cluster = lockstep_store_cluster(coordinator->store),
        .counter_jump = (session->roles & (unsigned)LOCKSTEP_ROLE_RELEASE_MANAGER) != 0,
        .now_unix_ms = lockstep_unix_ms()};
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    if (lockstep_manifest_verify(&files, coordinator->bundle, &put->manifest, &refusal) !=
            LOCKSTEP_NO_UNSPECIFIED ||
        lockstep_manifest_check(&put->manifest, coordinator->bundle, &context, &refusal) !=
            LOCKSTEP_NO_UNSPECIFIED) {
        return LOCKSTEP_FAIL(err, REFUSED, "%s: %s", lockstep_no_name(refusal.no), refusal.text);
    }
    if (put->manifest.size > coordinator->config->artifact_max) {
        return LOCKSTEP_FAIL(err, LIMIT, "%s is larger than this coordinator takes (artifact_max)",
                             put->manifest.module.text);
    }
    return LOCKSTEP_OK;
}

static void fill_row(const struct lockstep_putting *put, struct lockstep_artifact_row *row)
{
    const struct lockstep_manifest *manifest = &put->manifest;
    ASSERT(put != NULL);
    memset(row, 0, sizeof(*row));
    row->digest = manifest->digest;
    row->md5 = manifest->md5;
    row->module = manifest->module;
    row->service = manifest->service;
    memcpy(row->version, manifest->version, sizeof(row->version));
    row->counter = manifest->counter;
    row->size = manifest->size;
    row->state_schema = manifest->state_schema;
    row->pushed_unix_ms = lockstep_unix_ms();
}

/* Asked before the bytes come, and again before they are given their names. */
static enum lockstep_err check_row(struct lockstep_session *session, struct lockstep_error *err)
{
    struct lockstep_artifact_row row;
    bool known = false;
    fill_row(session->put, &row);
    return lockstep_store_artifact_check(session->coordinator->store, &row, &known, err);
}

static enum lockstep_err begin_put(struct lockstep_session *session,
                                   const struct lockstep_wire_artifact_put *message,
                                   struct lockstep_error *err)
{
    struct lockstep_putting *put;
    lockstep_control_put_end(session);
    put = calloc(1, sizeof(*put));
    if (put == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an artifact");
    }
    session->put = put;
    put->active = true;
    put->request = message->request;
    put->text_length = message->manifest.length;
    put->signature_length = message->signature.length;
    memcpy(put->text, message->manifest.data, message->manifest.length);
    memcpy(put->signature, message->signature.data, message->signature.length);
    LOCKSTEP_TRY(check_manifest(session, put, err));
    LOCKSTEP_TRY(check_row(session, err));
    return lockstep_artifact_begin(session->coordinator->artifacts, &put->manifest.digest,
                                   put->manifest.size, &put->writer, err);
}

static enum lockstep_err end_put(struct lockstep_session *session, json_t **document,
                                 struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_putting *put = session->put;
    struct lockstep_view view = lockstep_driver_view(coordinator);
    struct lockstep_artifact_row row;
    unsigned found = 0;
    struct lockstep_sums sums;
    char subject[LOCKSTEP_NAME_MAX + LOCKSTEP_VERSION_MAX + 3];
    struct lockstep_audit audit = {
        .who = session->who, .what = "artifact.push", .subject = subject};
    fill_row(put, &row);
    (void)snprintf(subject, sizeof(subject), "%s@%s", row.module.text, row.version);
    LOCKSTEP_TRY(check_row(session, err));
    LOCKSTEP_TRY(lockstep_artifact_put(coordinator->artifacts, &row.digest,
                                       LOCKSTEP_ARTIFACT_MANIFEST, put->text, put->text_length,
                                       err));
    LOCKSTEP_TRY(lockstep_artifact_put(coordinator->artifacts, &row.digest,
                                       LOCKSTEP_ARTIFACT_SIGNATURE, put->signature,
                                       put->signature_length, err));
    LOCKSTEP_TRY(lockstep_artifact_finish(put->writer, &sums, err));
    if (memcmp(&sums.md5, &row.md5, sizeof(row.md5)) != 0) {
        return LOCKSTEP_FAIL(err, REFUSED, "the manifest's md5 is not that of the file");
    }
    LOCKSTEP_TRY(lockstep_store_artifact_add(coordinator->store, &row, &audit, err));
    LOCKSTEP_TRY(
        lockstep_control_named(coordinator, row.module.text, row.version, &row, &found, err));
    if (found != 1) {
        return LOCKSTEP_FAIL(err, IO, "%s was added and is not there", subject);
    }
    lockstep_driver_collect_artifacts(coordinator);
    LOCKSTEP_TRY(lockstep_document_artifact(&view, &row, document, err));
    lockstep_control_add_driver(coordinator, &row.digest, *document);
    return LOCKSTEP_OK;
}

static enum lockstep_err take_piece(struct lockstep_session *session,
                                    const struct lockstep_wire_artifact_put *message,
                                    struct lockstep_error *err)
{
    struct lockstep_putting *put = session->put;
    if (put == NULL || put->request != message->request) {
        return LOCKSTEP_FAIL(err, INVALID, "a piece of an artifact that was not begun");
    }
    return lockstep_artifact_append(put->writer, message->data.data, message->data.length, err);
}

void lockstep_control_put(struct lockstep_session *session,
                          const struct lockstep_wire_artifact_put *message)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document = NULL;
    enum lockstep_err result = message->manifest.length > 0 ? begin_put(session, message, &err)
                                                            : take_piece(session, message, &err);
    if (result == LOCKSTEP_OK && message->more) {
        return;
    }
    if (result == LOCKSTEP_OK) {
        result = end_put(session, &document, &err);
    }
    lockstep_control_put_end(session);
    if (result == LOCKSTEP_OK) {
        lockstep_control_answer(session, message->request, document, true);
    } else {
        lockstep_control_refuse_error(session, message->request, &err);
    }
}
