#include "common/io/manifest.h"

#include <stdio.h>
#include <string.h>

#define REQUIREMENT_TEXT (LOCKSTEP_NAME_MAX + 2 + LOCKSTEP_VERSION_MAX + 2)
#define AT_LEAST         ">="

static const char *const rollback_texts[] = {
#define ROLLBACK_TEXT(number, name, text) [number] = (text),
    LOCKSTEP_ROLLBACK_TABLE(ROLLBACK_TEXT)
#undef ROLLBACK_TEXT
};

const char *lockstep_rollback_text(enum lockstep_rollback value)
{
    return (size_t)value < LOCKSTEP_COUNT(rollback_texts) ? rollback_texts[value] : NULL;
}

static const char *const driver_texts[] = {
#define DRIVER_TEXT(number, name, text, does) [number] = (text),
    LOCKSTEP_DRIVER_TABLE(DRIVER_TEXT)
#undef DRIVER_TEXT
};

const char *lockstep_driver_text(enum lockstep_driver value)
{
    return (size_t)value < LOCKSTEP_COUNT(driver_texts) ? driver_texts[value] : NULL;
}

bool lockstep_driver_parse(const char *text, enum lockstep_driver *ret_driver)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(driver_texts); i++) {
        if (strcmp(driver_texts[i], text) == 0) {
            *ret_driver = (enum lockstep_driver)i;
            return true;
        }
    }
    return false;
}

static int compare_requirements(const void *a, const void *b)
{
    const struct lockstep_requirement *left = a;
    const struct lockstep_requirement *right = b;
    return strcmp(left->module.text, right->module.text);
}

static int compare_names(const void *a, const void *b)
{
    const struct lockstep_name *left = a;
    const struct lockstep_name *right = b;
    return strcmp(left->text, right->text);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_id));
}

enum lockstep_err lockstep_manifest_require(struct lockstep_manifest *manifest,
                                            const struct lockstep_requirement *requirement,
                                            struct lockstep_error *err)
{
    const struct lockstep_text_list list = {manifest->requires,   &manifest->requires_count,
                                            sizeof(*requirement), LOCKSTEP_ITEMS_MAX,
                                            "requirement",        compare_requirements};
    return lockstep_text_insert(&list, requirement, err);
}

enum lockstep_err lockstep_manifest_limit_to(struct lockstep_manifest *manifest,
                                             const struct lockstep_id *cluster,
                                             struct lockstep_error *err)
{
    const struct lockstep_text_list list = {manifest->clusters, &manifest->clusters_count,
                                            sizeof(*cluster),   LOCKSTEP_MANIFEST_CLUSTERS_MAX,
                                            "cluster",          compare_ids};
    return lockstep_text_insert(&list, cluster, err);
}

enum lockstep_err lockstep_manifest_waive(struct lockstep_manifest *manifest,
                                          const struct lockstep_name *check,
                                          struct lockstep_error *err)
{
    const struct lockstep_text_list list = {manifest->waives, &manifest->waives_count,
                                            sizeof(*check),   LOCKSTEP_MANIFEST_WAIVES_MAX,
                                            "waiver",         compare_names};
    return lockstep_text_insert(&list, check, err);
}

static bool read_clusters(const struct lockstep_text_field *field, void *object, const char *rest,
                          const char *value)
{
    char text[LOCKSTEP_ID_TEXT];
    (void)field;
    (void)rest;
    while (value != NULL) {
        struct lockstep_id id;
        if (!lockstep_text_split(&value, ',', text, sizeof(text)) ||
            !lockstep_id_parse(text, &id) || lockstep_id_is_zero(&id) ||
            lockstep_manifest_limit_to(object, &id, NULL) != LOCKSTEP_OK) {
            return false;
        }
    }
    return true;
}

static void write_clusters(const struct lockstep_text_field *field, const void *object,
                           struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    char text[LOCKSTEP_MANIFEST_CLUSTERS_MAX * LOCKSTEP_ID_TEXT + 1];
    size_t length = 0;
    for (uint32_t i = 0; i < manifest->clusters_count; i++) {
        if (i > 0) {
            text[length++] = ',';
        }
        lockstep_id_format(&manifest->clusters[i], text + length);
        length += LOCKSTEP_ID_TEXT - 1;
    }
    if (length > 0) {
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

static bool read_md5(const struct lockstep_text_field *field, void *object, const char *rest,
                     const char *value)
{
    struct lockstep_manifest *manifest = object;
    (void)field;
    (void)rest;
    return lockstep_md5_parse(value, &manifest->md5);
}

static void write_md5(const struct lockstep_text_field *field, const void *object,
                      struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    char text[LOCKSTEP_MD5_TEXT];
    lockstep_md5_format(&manifest->md5, text);
    lockstep_text_put(writer, field->key, "", "%s", text);
}

/* "core>=7" */
static bool read_requirement(char *text, struct lockstep_requirement *ret_requirement)
{
    char *operation = strstr(text, AT_LEAST);
    if (operation == NULL) {
        return false;
    }
    *operation = '\0';
    return lockstep_name_parse(text, &ret_requirement->module) &&
           lockstep_text_word(operation + strlen(AT_LEAST), ret_requirement->version,
                              sizeof(ret_requirement->version));
}

static bool read_requires(const struct lockstep_text_field *field, void *object, const char *rest,
                          const char *value)
{
    char text[REQUIREMENT_TEXT];
    (void)field;
    (void)rest;
    while (value != NULL) {
        struct lockstep_requirement requirement = {.version = ""};
        if (!lockstep_text_split(&value, ',', text, sizeof(text)) ||
            !read_requirement(text, &requirement) ||
            lockstep_manifest_require(object, &requirement, NULL) != LOCKSTEP_OK) {
            return false;
        }
    }
    return true;
}

static void write_requires(const struct lockstep_text_field *field, const void *object,
                           struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    char text[LOCKSTEP_ITEMS_MAX * REQUIREMENT_TEXT];
    size_t length = 0;
    for (uint32_t i = 0; i < manifest->requires_count; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%s%s",
                                   i > 0 ? "," : "", manifest->requires[i].module.text, AT_LEAST,
                                   manifest->requires[i].version);
    }
    if (length > 0) {
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

static bool read_rollback(const struct lockstep_text_field *field, void *object, const char *rest,
                          const char *value)
{
    struct lockstep_manifest *manifest = object;
    (void)field;
    (void)rest;
    for (unsigned i = 1; i < LOCKSTEP_COUNT(rollback_texts); i++) {
        if (strcmp(rollback_texts[i], value) == 0) {
            manifest->rollback = (enum lockstep_rollback)i;
        }
    }
    return manifest->rollback != LOCKSTEP_ROLLBACK_UNSPECIFIED;
}

static void write_rollback(const struct lockstep_text_field *field, const void *object,
                           struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    const char *text = lockstep_rollback_text(manifest->rollback);
    if (text != NULL) {
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

/* In place is said by saying nothing, so a document has one text. */
static bool read_driver(const struct lockstep_text_field *field, void *object, const char *rest,
                        const char *value)
{
    struct lockstep_manifest *manifest = object;
    (void)field;
    (void)rest;
    return lockstep_driver_parse(value, &manifest->driver) &&
           manifest->driver != LOCKSTEP_DRIVER_IN_PLACE;
}

static void write_driver(const struct lockstep_text_field *field, const void *object,
                         struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    if (manifest->driver != LOCKSTEP_DRIVER_IN_PLACE) {
        lockstep_text_put(writer, field->key, "", "%s", lockstep_driver_text(manifest->driver));
    }
}

static bool read_waives(const struct lockstep_text_field *field, void *object, const char *rest,
                        const char *value)
{
    char text[LOCKSTEP_NAME_MAX + 1];
    (void)field;
    (void)rest;
    while (value != NULL) {
        struct lockstep_name check;
        if (!lockstep_text_split(&value, ',', text, sizeof(text)) ||
            !lockstep_name_parse(text, &check) ||
            lockstep_manifest_waive(object, &check, NULL) != LOCKSTEP_OK) {
            return false;
        }
    }
    return true;
}

static void write_waives(const struct lockstep_text_field *field, const void *object,
                         struct lockstep_text_writer *writer)
{
    const struct lockstep_manifest *manifest = object;
    char text[LOCKSTEP_MANIFEST_WAIVES_MAX * (LOCKSTEP_NAME_MAX + 1) + 1];
    size_t length = 0;
    for (uint32_t i = 0; i < manifest->waives_count; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? "," : "",
                                   manifest->waives[i].text);
    }
    if (length > 0) {
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

static bool read_source(const struct lockstep_text_field *field, void *object, const char *rest,
                        const char *value)
{
    struct lockstep_manifest *manifest = object;
    size_t length = strlen(value);
    (void)field;
    (void)rest;
    if (length >= sizeof(manifest->source)) {
        return false;
    }
    memcpy(manifest->source, value, length + 1);
    return true;
}

#define FIELD(member, key, required, kind) \
    LOCKSTEP_TEXT_FIELD(struct lockstep_manifest, member, key, required, kind)

static const struct lockstep_text_field fields[] = {
    FIELD(abi, "abi", true, word),
    FIELD(digest, "blake2b256", true, digest),
    {"clusters", false, "different cluster ids in order, commas between", read_clusters,
     write_clusters, 0, 0},
    FIELD(counter, "counter", true, number),
    {"driver", false, "swap or exec, or absent for in place", read_driver, write_driver, 0, 0},
    FIELD(expires_unix_ms, "expires-unix-ms", false, number),
    FIELD(floor, "floor", false, number),
    LOCKSTEP_TEXT_FORMAT("lockstep-manifest"),
    {"md5", true, "32 hexadecimal digits", read_md5, write_md5, 0, 0},
    FIELD(module, "module", true, name),
    FIELD(not_before_unix_ms, "not-before-unix-ms", false, number),
    {"requires", false, "different modules in order as NAME>=VERSION, commas between",
     read_requires, write_requires, 0, 0},
    {"rollback", false, "lossless, journaled, snapshot or none", read_rollback, write_rollback, 0,
     0},
    FIELD(service, "service", true, name),
    FIELD(size, "size", true, number),
    {"source", false, "a text, not too long", read_source, lockstep_text_write_word,
     offsetof(struct lockstep_manifest, source), 0},
    FIELD(state_schema, "state-schema", false, number),
    FIELD(version, "version", true, word),
    {"waives", false, "different names of checks in order, commas between", read_waives,
     write_waives, 0, 0},
};

static const struct lockstep_text_schema schema = {
    .noun = "manifest",
    .length_max = LOCKSTEP_MANIFEST_MAX,
    .field_count = LOCKSTEP_COUNT(fields),
    .fields = fields,
};

/* What holds between fields. */
static enum lockstep_err check_whole(const struct lockstep_manifest *manifest,
                                     struct lockstep_error *err)
{
    if (manifest->size > LOCKSTEP_ARTIFACT_CEILING) {
        return LOCKSTEP_FAIL(err, INVALID, "the manifest's size is more than %d bytes",
                             LOCKSTEP_ARTIFACT_CEILING);
    }
    if (manifest->floor > manifest->counter) {
        return LOCKSTEP_FAIL(err, INVALID, "the manifest's floor is above its own counter");
    }
    if (manifest->expires_unix_ms != 0 &&
        manifest->expires_unix_ms <= manifest->not_before_unix_ms) {
        return LOCKSTEP_FAIL(err, INVALID, "the manifest expires before it becomes valid");
    }
    if (manifest->waives_count > 0 && manifest->driver == LOCKSTEP_DRIVER_IN_PLACE) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the manifest waives a check, and so needs a driver that is not in "
                             "place: 'driver: swap'");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_manifest_encode(const struct lockstep_manifest *manifest, char *ret_text,
                                           size_t size, size_t *ret_length,
                                           struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_whole(manifest, err));
    return lockstep_text_format(&schema, manifest, ret_text, size, ret_length, err);
}

enum lockstep_err lockstep_manifest_parse(const char *text, size_t length,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_error *err)
{
    struct lockstep_manifest manifest = {.counter = 0};
    LOCKSTEP_TRY(lockstep_text_parse(&schema, text, length, &manifest, err));
    LOCKSTEP_TRY(check_whole(&manifest, err));
    *ret_manifest = manifest;
    return LOCKSTEP_OK;
}
