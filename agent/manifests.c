#include "agent/driver_internal.h"

#include <sodium.h>
#include <stdlib.h>

/* Manifests as they were verified, the newest. */
struct lockstep_manifests {
    size_t count;
    size_t next;
    struct {
        struct lockstep_digest sum;
        struct lockstep_manifest manifest;
    } list[8];
};

/* What a verdict depends on: the files' bytes, and whose signatures are believed. */
static void sum_up(const struct lockstep_manifest_files *files,
                   const struct lockstep_bundle *bundle, struct lockstep_digest *ret_sum)
{
    const uint64_t numbers[] = {bundle->version, files->text_length, files->signature_length};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(ret_sum->bytes));
    (void)crypto_generichash_update(&state, (const uint8_t *)numbers, sizeof(numbers));
    (void)crypto_generichash_update(&state, (const uint8_t *)files->text, files->text_length);
    (void)crypto_generichash_update(&state, (const uint8_t *)files->signature,
                                    files->signature_length);
    (void)crypto_generichash_final(&state, ret_sum->bytes, sizeof(ret_sum->bytes));
}

static void remember(struct lockstep_node_agent *agent, const struct lockstep_digest *sum,
                     const struct lockstep_manifest *manifest)
{
    struct lockstep_manifests *seen = agent->manifests;
    if (seen == NULL) {
        seen = agent->manifests = calloc(1, sizeof(*seen));
    }
    if (seen != NULL) {
        seen->list[seen->next].sum = *sum;
        seen->list[seen->next].manifest = *manifest;
        seen->next = (seen->next + 1) % LOCKSTEP_COUNT(seen->list);
        seen->count += seen->count < LOCKSTEP_COUNT(seen->list) ? 1 : 0;
    }
}

static bool verify(struct lockstep_node_agent *agent, const struct lockstep_manifest_files *files,
                   struct lockstep_manifest *ret_manifest, struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_manifests *seen = agent->manifests;
    struct lockstep_digest sum;
    sum_up(files, agent->bundle, &sum);
    for (size_t i = 0; seen != NULL && i < seen->count; i++) {
        if (lockstep_digest_equal(&seen->list[i].sum, &sum)) {
            *ret_manifest = seen->list[i].manifest;
            return true;
        }
    }
    if (lockstep_manifest_verify(files, agent->bundle, ret_manifest, ret_refusal) !=
        LOCKSTEP_NO_UNSPECIFIED) {
        return false;
    }
    remember(agent, &sum, ret_manifest);
    return true;
}

bool lockstep_manifests_read(struct lockstep_node_agent *agent,
                             const struct lockstep_digest *digest,
                             struct lockstep_manifest *ret_manifest,
                             struct lockstep_refusal *ret_refusal)
{
    char text[LOCKSTEP_MANIFEST_MAX];
    char signature[LOCKSTEP_SIGNATURE_MAX];
    struct lockstep_artifact_buffer texts = {.bytes = text, .size = sizeof(text)};
    struct lockstep_artifact_buffer proof = {.bytes = signature, .size = sizeof(signature)};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_manifest_files files;
    if (lockstep_artifact_read(agent->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST, &texts,
                               &err) != LOCKSTEP_OK ||
        lockstep_artifact_read(agent->artifacts, digest, LOCKSTEP_ARTIFACT_SIGNATURE, &proof,
                               &err) != LOCKSTEP_OK) {
        (void)lockstep_refuse(ret_refusal, LOCKSTEP_NO_NOFILE, "%s", err.message);
        return false;
    }
    files = (struct lockstep_manifest_files){text, texts.length, signature, proof.length};
    return agent->bundle != NULL && verify(agent, &files, ret_manifest, ret_refusal);
}

void lockstep_manifests_free(struct lockstep_node_agent *agent)
{
    free(agent->manifests);
    agent->manifests = NULL;
}
