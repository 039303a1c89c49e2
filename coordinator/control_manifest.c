/* What manifests say, for documents. */
#include "coordinator/driver_internal.h"

bool lockstep_control_manifest(const struct lockstep_coordinator *coordinator,
                               const struct lockstep_digest *digest,
                               struct lockstep_manifest *ret_manifest)
{
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    struct lockstep_artifact_buffer buffer = {.bytes = text, .size = sizeof(text) - 1};
    return lockstep_artifact_has(coordinator->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST) &&
           lockstep_artifact_read(coordinator->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST,
                                  &buffer, NULL) == LOCKSTEP_OK &&
           lockstep_manifest_parse(text, buffer.length, ret_manifest, NULL) == LOCKSTEP_OK;
}

void lockstep_control_add_driver(const struct lockstep_coordinator *coordinator,
                                 const struct lockstep_digest *digest, json_t *object)
{
    struct lockstep_manifest manifest;
    json_t *waives;
    if (lockstep_digest_is_zero(digest) ||
        !lockstep_control_manifest(coordinator, digest, &manifest)) {
        return;
    }
    waives = json_array();
    for (uint32_t i = 0; i < manifest.waives_count; i++) {
        (void)json_array_append_new(waives, json_string(manifest.waives[i].text));
    }
    (void)json_object_set_new(object, "driver", json_string(lockstep_driver_text(manifest.driver)));
    (void)json_object_set_new(object, "waives", waives);
}
