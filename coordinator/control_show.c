/* SHOW: one document a request. */
#include "coordinator/control_rollback.h"

#include "common/base/cleanup.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES_SHOWN_MAX (16 * 1024 * 1024) /* of an artifact, in one document */

static const char *first_name(const struct lockstep_wire_show *show)
{
    return show->name_count == 0 ? "" : show->names[0];
}

static enum lockstep_err show_node(struct lockstep_session *session,
                                   const struct lockstep_view *view, const char *name,
                                   json_t **document, struct lockstep_error *err)
{
    int64_t node = lockstep_driver_node(session->coordinator, name);
    for (uint32_t i = 0; node < 0 && i < view->fleet->node_count; i++) {
        /* The last that had the name, so that one can see what became of it. */
        uint32_t at = view->fleet->node_count - 1 - i;
        node = strcmp(view->fleet->nodes[at].name.text, name) == 0 ? (int64_t)at : -1;
    }
    return node < 0 ? LOCKSTEP_FAIL(err, INVALID,
                                    "there is no node '%.63s'; lockstep node ls shows them", name)
                    : lockstep_document_node(view, (uint32_t)node, document, err);
}

static enum lockstep_err show_artifact(struct lockstep_session *session,
                                       const struct lockstep_view *view, const char *word,
                                       json_t **document, struct lockstep_error *err)
{
    struct lockstep_artifact_row row;
    unsigned found = 0;
    LOCKSTEP_TRY(lockstep_control_named(session->coordinator, NULL, word, &row, &found, err));
    if (found != 1) {
        return LOCKSTEP_FAIL(err, INVALID,
                             found == 0 ? "there is no artifact '%.100s'; lockstep artifact ls "
                                          "shows them"
                                        : "'%.100s' names more than one artifact; write "
                                          "MODULE@VERSION or more of the digest",
                             word);
    }
    LOCKSTEP_TRY(lockstep_document_artifact(view, &row, document, err));
    lockstep_control_add_driver(session->coordinator, &row.digest, *document);
    return LOCKSTEP_OK;
}

/* The signed text and its signature, so that it can be verified elsewhere. */
static enum lockstep_err show_manifest(struct lockstep_session *session, const char *word,
                                       json_t **document, struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_artifact_row row;
    char manifest[LOCKSTEP_MANIFEST_MAX + 1];
    char signature[LOCKSTEP_SIGNATURE_MAX + 1];
    char digest[LOCKSTEP_DIGEST_TEXT];
    struct lockstep_artifact_buffer text = {.bytes = manifest, .size = sizeof(manifest) - 1};
    unsigned found = 0;
    struct lockstep_artifact_buffer proof = {.bytes = signature, .size = sizeof(signature) - 1};
    LOCKSTEP_TRY(lockstep_control_named(coordinator, NULL, word, &row, &found, err));
    if (found != 1) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no one artifact '%.100s'", word);
    }
    LOCKSTEP_TRY(lockstep_artifact_read(coordinator->artifacts, &row.digest,
                                        LOCKSTEP_ARTIFACT_MANIFEST, &text, err));
    LOCKSTEP_TRY(lockstep_artifact_read(coordinator->artifacts, &row.digest,
                                        LOCKSTEP_ARTIFACT_SIGNATURE, &proof, err));
    manifest[text.length] = '\0';
    signature[proof.length] = '\0';
    lockstep_digest_format(&row.digest, digest);
    *document = json_pack("{s:s, s:s, s:s, s:s, s:s}", "schema", "lockstep/artifact-manifest/v1",
                          "module", row.module.text, "digest", digest, "manifest", manifest,
                          "signature", signature);
    return *document == NULL ? LOCKSTEP_FAIL(err, NOMEM, "no memory for an answer") : LOCKSTEP_OK;
}

/* All of FD, base64; NULL if that is not possible. */
static char *encode(int fd, size_t size)
{
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *bytes = malloc(size);
    char *text = malloc(room);
    size_t done = 0;
    while (bytes != NULL && text != NULL && done < size) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    if (bytes == NULL || text == NULL || done < size) {
        free(bytes);
        free(text);
        return NULL;
    }
    (void)sodium_bin2base64(text, room, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    free(bytes);
    return text;
}

/* For who may bring artifacts: to look at what a new one replaces. */
static enum lockstep_err show_bytes(struct lockstep_session *session, const char *word,
                                    json_t **document, struct lockstep_error *err)
{
    struct lockstep_artifact_row row;
    LOCKSTEP_CLOSE int fd = -1;
    LOCKSTEP_FREE char *text = NULL;
    char digest[LOCKSTEP_DIGEST_TEXT];
    unsigned found = 0;
    if (!lockstep_message_allowed(LOCKSTEP_MESSAGE_ARTIFACT_PUT, session->roles)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the bytes of artifacts are for release-managers");
    }
    LOCKSTEP_TRY(lockstep_control_named(session->coordinator, NULL, word, &row, &found, err));
    if (found != 1) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no one artifact '%.100s'", word);
    }
    if (row.size > BYTES_SHOWN_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "version %s has more than %d bytes", row.version,
                             BYTES_SHOWN_MAX);
    }
    LOCKSTEP_TRY(lockstep_artifact_open(session->coordinator->artifacts, &row.digest,
                                        LOCKSTEP_ARTIFACT_SO, &fd, err));
    text = encode(fd, (size_t)row.size);
    lockstep_digest_format(&row.digest, digest);
    *document = text == NULL
                    ? NULL
                    : json_pack("{s:s, s:s, s:s, s:s}", "schema", "lockstep/artifact-bytes/v1",
                                "module", row.module.text, "digest", digest, "bytes_base64", text);
    return *document == NULL ? LOCKSTEP_FAIL(err, IO, "version %s cannot be read", row.version)
                             : LOCKSTEP_OK;
}

static enum lockstep_err show_bundle(struct lockstep_session *session, json_t **document,
                                     struct lockstep_error *err)
{
    const struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_digest digest;
    char sum[LOCKSTEP_DIGEST_TEXT];
    size_t length = 0;
    const char *text = lockstep_store_bundle(coordinator->store, &length);
    lockstep_bundle_digest(text, length, &digest);
    lockstep_digest_format(&digest, sum);
    *document = json_pack("{s:s, s:I, s:s, s:s%}", "schema", "lockstep/bundle/v1", "version",
                          (json_int_t)coordinator->bundle->version, "digest", sum, "text", text,
                          length);
    return *document == NULL ? LOCKSTEP_FAIL(err, NOMEM, "no memory for an answer") : LOCKSTEP_OK;
}

static enum lockstep_err show_operation(struct lockstep_session *session, const char *text,
                                        json_t **document, struct lockstep_error *err)
{
    struct lockstep_id id;
    unsigned found = 0;
    const char *prefix = strncmp(text, "op-", 3) == 0 ? text + 3 : text;
    LOCKSTEP_TRY(lockstep_control_prefix(session->coordinator, prefix, &id, &found, err));
    if (found != 1 || strlen(prefix) < 6) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "there is no one operation '%.60s'; lockstep op ls shows them", text);
    }
    *document = lockstep_control_operation(session->coordinator, &id, err);
    lockstep_control_operation_rollback(session->coordinator, *document);
    return *document != NULL ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, IO, "the operation is not there");
}

static enum lockstep_err make_document(struct lockstep_session *session,
                                       const struct lockstep_wire_show *show, const bool *selected,
                                       json_t **document, struct lockstep_error *err)
{
    struct lockstep_view view = lockstep_driver_view(session->coordinator);
    struct lockstep_document_query query = {.names = show->names,
                                            .name_count = show->name_count,
                                            .selected = selected,
                                            .limit = show->limit,
                                            .reachable = show->reachable};
    switch (show->thing) {
    case LOCKSTEP_THING_STATUS:
        return lockstep_document_status(&view, &query, document, err);
    case LOCKSTEP_THING_NODES:
        return lockstep_document_nodes(&view, &query, document, err);
    case LOCKSTEP_THING_NODE:
        return show_node(session, &view, first_name(show), document, err);
    case LOCKSTEP_THING_MODULES:
        return lockstep_document_modules(&view, &query, document, err);
    case LOCKSTEP_THING_MODULE:
        return lockstep_document_module(&view, first_name(show), document, err);
    case LOCKSTEP_THING_MODULE_STATUS:
        return lockstep_document_module_status(&view, &query, document, err);
    case LOCKSTEP_THING_OPERATIONS:
        return lockstep_document_operations(&view, &query, document, err);
    case LOCKSTEP_THING_OPERATION:
        return show_operation(session, first_name(show), document, err);
    case LOCKSTEP_THING_ARTIFACTS:
        return lockstep_document_artifacts(&view, &query, document, err);
    case LOCKSTEP_THING_ARTIFACT:
        return show_artifact(session, &view, first_name(show), document, err);
    case LOCKSTEP_THING_CHECK:
        return lockstep_document_check(&view, &query, document, err);
    case LOCKSTEP_THING_DIFF:
        return lockstep_control_diff(session->coordinator, show, selected, document, err);
    case LOCKSTEP_THING_HISTORY:
        return lockstep_document_history(&view, first_name(show), show->limit, document, err);
    case LOCKSTEP_THING_TOKENS:
        return lockstep_document_tokens(&view, document, err);
    case LOCKSTEP_THING_ARTIFACT_MANIFEST:
        return show_manifest(session, first_name(show), document, err);
    case LOCKSTEP_THING_ARTIFACT_BYTES:
        return show_bytes(session, first_name(show), document, err);
    case LOCKSTEP_THING_BUNDLE:
        return show_bundle(session, document, err);
    case LOCKSTEP_THING_UNSPECIFIED:
        break;
    }
    return LOCKSTEP_FAIL(err, INVALID, "this coordinator cannot show that");
}

void lockstep_control_show(struct lockstep_session *session, const struct lockstep_wire_show *show)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *document = NULL;
    bool *selected = calloc(LOCKSTEP_NODES_MAX, sizeof(*selected));
    enum lockstep_err result = selected == NULL
                                   ? LOCKSTEP_FAIL(&err, NOMEM, "no memory for an answer")
                                   : LOCKSTEP_OK;
    if (result == LOCKSTEP_OK) {
        result = lockstep_control_select(coordinator, show->selector, show->nodes, show->node_count,
                                         selected, &err);
    }
    if (result == LOCKSTEP_OK) {
        result = make_document(session, show, selected, &document, &err);
    }
    if (result == LOCKSTEP_OK) {
        lockstep_control_answer(session, show->request, document, true);
    } else {
        lockstep_control_refuse_error(session, show->request, &err);
    }
    free(selected);
}
