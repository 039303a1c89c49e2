#include "common/io/manifest.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

void lockstep_manifest_comment(const struct lockstep_manifest *manifest,
                               char ret_comment[LOCKSTEP_MINISIGN_COMMENT_TEXT])
{
    int length = snprintf(ret_comment, LOCKSTEP_MINISIGN_COMMENT_TEXT, "module:%s counter:%llu",
                          manifest->module.text, (unsigned long long)manifest->counter);
    ASSERT(length > 0 && length < LOCKSTEP_MINISIGN_COMMENT_TEXT);
}

/* The trusted comment begins with what it must; more words may follow. */
static bool comment_agrees(const struct lockstep_manifest *manifest, const char *comment)
{
    char expected[LOCKSTEP_MINISIGN_COMMENT_TEXT];
    size_t length;
    lockstep_manifest_comment(manifest, expected);
    length = strlen(expected);
    return strncmp(comment, expected, length) == 0 &&
           (comment[length] == '\0' || comment[length] == ' ');
}

/* Finds the release key and verifies the signature with it. */
static enum lockstep_no verify_signature(const struct lockstep_manifest_files *files,
                                         const struct lockstep_bundle *bundle,
                                         struct lockstep_minisign_signature *ret_signature,
                                         const struct lockstep_bundle_release **ret_release,
                                         struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char id[LOCKSTEP_KEY_ID_TEXT];
    if (lockstep_minisign_parse(files->signature, files->signature_length, ret_signature, &err) !=
        LOCKSTEP_OK) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_SIGNATURE, "%s", err.message);
    }
    lockstep_key_id_format(&ret_signature->id, id);
    if (lockstep_bundle_key_revoked(bundle, &ret_signature->id)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_REVOKED, "release key %s is revoked", id);
    }
    *ret_release = lockstep_bundle_release_by_id(bundle, &ret_signature->id);
    if (*ret_release == NULL) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_SIGNATURE,
                               "it is signed by key %s, which is no release key of trust bundle "
                               "%llu",
                               id, (unsigned long long)bundle->version);
    }
    if (!lockstep_minisign_verify(ret_signature, &(*ret_release)->key, files->text,
                                  files->text_length)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_SIGNATURE,
                               "the manifest is not what release key %s signed", id);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_manifest_verify(const struct lockstep_manifest_files *files,
                                          const struct lockstep_bundle *bundle,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_minisign_signature signature;
    const struct lockstep_bundle_release *release = NULL;
    struct lockstep_manifest manifest;
    enum lockstep_no no = verify_signature(files, bundle, &signature, &release, ret_refusal);
    if (no != LOCKSTEP_NO_UNSPECIFIED) {
        return no;
    }
    if (lockstep_manifest_parse(files->text, files->text_length, &manifest, &err) != LOCKSTEP_OK) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_SIGNATURE,
                               "what is signed is no manifest: %s", err.message);
    }
    if (!comment_agrees(&manifest, signature.comment)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_SIGNATURE,
                               "the trusted comment '%.80s' does not agree with the manifest",
                               signature.comment);
    }
    if (!lockstep_bundle_release_covers(release, &manifest.module)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_WRONG_MODULE,
                               "its release key may not sign module %s", manifest.module.text);
    }
    *ret_manifest = manifest;
    return LOCKSTEP_NO_UNSPECIFIED;
}

typedef enum lockstep_no check_fn(const struct lockstep_manifest *manifest,
                                  const struct lockstep_bundle *bundle,
                                  const struct lockstep_manifest_context *context,
                                  struct lockstep_refusal *ret_refusal);

static enum lockstep_no check_name(const struct lockstep_manifest *manifest,
                                   const struct lockstep_bundle *bundle,
                                   const struct lockstep_manifest_context *context,
                                   struct lockstep_refusal *ret_refusal)
{
    (void)bundle;
    if (context->module.text[0] != '\0' &&
        !lockstep_name_equal(&context->module, &manifest->module)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_WRONG_MODULE,
                               "the manifest is for module %s, wanted is %s", manifest->module.text,
                               context->module.text);
    }
    if (context->service.text[0] != '\0' &&
        !lockstep_name_equal(&context->service, &manifest->service)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_WRONG_MODULE,
                               "the manifest is for service %s, wanted is %s",
                               manifest->service.text, context->service.text);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no check_cluster(const struct lockstep_manifest *manifest,
                                      const struct lockstep_bundle *bundle,
                                      const struct lockstep_manifest_context *context,
                                      struct lockstep_refusal *ret_refusal)
{
    (void)bundle;
    for (uint32_t i = 0; i < manifest->clusters_count; i++) {
        if (lockstep_id_equal(&manifest->clusters[i], &context->cluster)) {
            return LOCKSTEP_NO_UNSPECIFIED;
        }
    }
    if (manifest->clusters_count == 0) {
        return LOCKSTEP_NO_UNSPECIFIED;
    }
    return lockstep_refuse(ret_refusal, LOCKSTEP_NO_WRONG_CLUSTER,
                           "%s %s was not released for this cluster", manifest->module.text,
                           manifest->version);
}

static enum lockstep_no check_revoked(const struct lockstep_manifest *manifest,
                                      const struct lockstep_bundle *bundle,
                                      const struct lockstep_manifest_context *context,
                                      struct lockstep_refusal *ret_refusal)
{
    (void)context;
    if (lockstep_bundle_digest_revoked(bundle, &manifest->digest)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_REVOKED, "%s %s is revoked",
                               manifest->module.text, manifest->version);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no check_counter(const struct lockstep_manifest *manifest,
                                      const struct lockstep_bundle *bundle,
                                      const struct lockstep_manifest_context *context,
                                      struct lockstep_refusal *ret_refusal)
{
    (void)bundle;
    if (manifest->counter < context->counter_floor) {
        return lockstep_refuse(
            ret_refusal, LOCKSTEP_NO_COUNTER, "counter %llu is below the floor, %llu",
            (unsigned long long)manifest->counter, (unsigned long long)context->counter_floor);
    }
    if (context->counter_highest != 0 && !context->counter_jump &&
        manifest->counter > context->counter_highest &&
        manifest->counter - context->counter_highest > LOCKSTEP_MANIFEST_COUNTER_JUMP) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_COUNTER,
                               "counter %llu is more than %d above the highest seen, %llu",
                               (unsigned long long)manifest->counter,
                               LOCKSTEP_MANIFEST_COUNTER_JUMP,
                               (unsigned long long)context->counter_highest);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no check_time(const struct lockstep_manifest *manifest,
                                   const struct lockstep_bundle *bundle,
                                   const struct lockstep_manifest_context *context,
                                   struct lockstep_refusal *ret_refusal)
{
    uint64_t now_unix_ms = context->now_unix_ms;
    if (now_unix_ms == 0) {
        return LOCKSTEP_NO_UNSPECIFIED;
    }
    if (lockstep_bundle_expired(bundle, now_unix_ms)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_EXPIRED,
                               "trust bundle %llu has expired; a security-admin must sign the next",
                               (unsigned long long)bundle->version);
    }
    if (manifest->expires_unix_ms != 0 && now_unix_ms >= manifest->expires_unix_ms) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_EXPIRED,
                               "the manifest of %s %s has expired", manifest->module.text,
                               manifest->version);
    }
    if (now_unix_ms < manifest->not_before_unix_ms) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_EXPIRED,
                               "the manifest of %s %s is not valid yet", manifest->module.text,
                               manifest->version);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no check_size(const struct lockstep_manifest *manifest,
                                   const struct lockstep_bundle *bundle,
                                   const struct lockstep_manifest_context *context,
                                   struct lockstep_refusal *ret_refusal)
{
    (void)bundle;
    if (context->size_max_bytes != 0 && manifest->size > context->size_max_bytes) {
        return lockstep_refuse(
            ret_refusal, LOCKSTEP_NO_BAD_SIZE, "the artifact has %llu bytes, allowed are %llu",
            (unsigned long long)manifest->size, (unsigned long long)context->size_max_bytes);
    }
    if (context->artifact != NULL && context->artifact->size != manifest->size) {
        return lockstep_refuse(
            ret_refusal, LOCKSTEP_NO_BAD_SIZE, "the file has %llu bytes, signed are %llu",
            (unsigned long long)context->artifact->size, (unsigned long long)manifest->size);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no check_digest(const struct lockstep_manifest *manifest,
                                     const struct lockstep_bundle *bundle,
                                     const struct lockstep_manifest_context *context,
                                     struct lockstep_refusal *ret_refusal)
{
    (void)bundle;
    if (!lockstep_digest_is_zero(&context->digest) &&
        !lockstep_digest_equal(&context->digest, &manifest->digest)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_DIGEST,
                               "the manifest names another digest than the one ordered");
    }
    if (context->artifact != NULL &&
        !lockstep_digest_equal(&context->artifact->digest, &manifest->digest)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_BAD_DIGEST,
                               "the file's bytes do not have the digest that was signed");
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_manifest_check(const struct lockstep_manifest *manifest,
                                         const struct lockstep_bundle *bundle,
                                         const struct lockstep_manifest_context *context,
                                         struct lockstep_refusal *ret_refusal)
{
    static check_fn *const checks[] = {check_name, check_cluster, check_revoked, check_counter,
                                       check_time, check_size,    check_digest};
    for (size_t i = 0; i < LOCKSTEP_COUNT(checks); i++) {
        enum lockstep_no no = checks[i](manifest, bundle, context, ret_refusal);
        if (no != LOCKSTEP_NO_UNSPECIFIED) {
            return no;
        }
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}
