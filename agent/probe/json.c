#include "agent/probe/json.h"

#include "agent/probe/contract.h"

#include <limits.h>
#include <string.h>

void lockstep_cleanup_json(json_t **json)
{
    json_decref(*json);
}

static enum lockstep_err wrong(struct lockstep_error *err, const char *key, const char *wants)
{
    return LOCKSTEP_FAIL(err, INVALID, "\"%s\" must be %s", key, wants);
}

enum lockstep_err lockstep_json_text(const json_t *object, const char *key, char *ret_text,
                                     size_t size, struct lockstep_error *err)
{
    const json_t *value = json_object_get(object, key);
    size_t length;
    if (value == NULL) {
        return LOCKSTEP_OK;
    }
    if (!json_is_string(value)) {
        return wrong(err, key, "a string");
    }
    length = json_string_length(value);
    if (length >= size || strlen(json_string_value(value)) != length) {
        return LOCKSTEP_FAIL(err, INVALID, "\"%s\" is longer than %zu bytes or holds a NUL", key,
                             size - 1);
    }
    memcpy(ret_text, json_string_value(value), length + 1);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_u64(const json_t *object, const char *key, uint64_t *ret_value,
                                    struct lockstep_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return LOCKSTEP_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return wrong(err, key, "a number, 0 or larger");
    }
    *ret_value = (uint64_t)json_integer_value(value);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_fd(const json_t *object, const char *key, int *ret_fd,
                                   struct lockstep_error *err)
{
    uint64_t value = UINT64_MAX;
    LOCKSTEP_TRY(lockstep_json_u64(object, key, &value, err));
    if (value == UINT64_MAX) {
        return LOCKSTEP_OK;
    }
    if (value > INT_MAX) {
        return wrong(err, key, "a descriptor");
    }
    *ret_fd = (int)value;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_bool(const json_t *object, const char *key, bool *ret_value,
                                     struct lockstep_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return LOCKSTEP_OK;
    }
    if (!json_is_boolean(value)) {
        return wrong(err, key, "true or false");
    }
    *ret_value = json_is_true(value);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_name(const json_t *object, const char *key,
                                     struct lockstep_name *ret_name, struct lockstep_error *err)
{
    char text[LOCKSTEP_NAME_MAX + 1] = "";
    LOCKSTEP_TRY(lockstep_json_text(object, key, text, sizeof(text), err));
    if (text[0] != '\0' && !lockstep_name_parse(text, ret_name)) {
        return wrong(err, key, "a name ([a-z][a-z0-9-]*)");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_digest(const json_t *object, const char *key,
                                       struct lockstep_digest *ret_digest,
                                       struct lockstep_error *err)
{
    char text[LOCKSTEP_DIGEST_TEXT] = "";
    LOCKSTEP_TRY(lockstep_json_text(object, key, text, sizeof(text), err));
    if (text[0] != '\0' && !lockstep_digest_parse(text, ret_digest)) {
        return wrong(err, key, "64 hexadecimal digits");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_array(const json_t *object, const struct lockstep_json_list *list,
                                      size_t *ret_count, struct lockstep_error *err)
{
    const json_t *array = json_object_get(object, list->key);
    if (array == NULL) {
        return LOCKSTEP_OK;
    }
    if (!json_is_array(array) || json_array_size(array) > list->max) {
        return LOCKSTEP_FAIL(err, INVALID, "\"%s\" must be a list of at most %zu", list->key,
                             list->max);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum lockstep_err code = list->read(list->target, json_array_get(array, i), i, err);
        if (code != LOCKSTEP_OK) {
            lockstep_error_wrap(err, "%s[%zu]", list->key, i);
            return code;
        }
    }
    *ret_count = json_array_size(array);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_json_document(const char *text, size_t length, const char *schema,
                                         json_t **ret_root, struct lockstep_error *err)
{
    json_error_t cause;
    const char *said;
    json_t *root;
    if (length > LOCKSTEP_PROBE_DOCUMENT_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "longer than %d bytes", LOCKSTEP_PROBE_DOCUMENT_MAX);
    }
    root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &cause);
    if (root == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "not JSON: line %d, column %d: %s", cause.line,
                             cause.column, cause.text);
    }
    said = json_string_value(json_object_get(root, "schema"));
    if (said == NULL || strcmp(said, schema) != 0) {
        json_decref(root);
        return LOCKSTEP_FAIL(err, INVALID, "\"schema\" is not \"%s\"", schema);
    }
    *ret_root = root;
    return LOCKSTEP_OK;
}

json_t *lockstep_json_string(const char *text)
{
    json_t *string = json_string(text);
    char plain[LOCKSTEP_PROBE_PATH_MAX];
    size_t length = 0;
    if (string != NULL) {
        return string;
    }
    for (; text[length] != '\0' && length < sizeof(plain) - 1; length++) {
        plain[length] = text[length];
        if ((unsigned char)text[length] >= 0x80) {
            plain[length] = '?';
        }
    }
    plain[length] = '\0';
    return json_string(plain);
}

void lockstep_json_set_text(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0') {
        (void)json_object_set_new(object, key, lockstep_json_string(text));
    }
}

void lockstep_json_set_u64(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

void lockstep_json_set_bool(json_t *object, const char *key, bool value)
{
    (void)json_object_set_new(object, key, json_boolean(value));
}

void lockstep_json_set_digest(json_t *object, const char *key, const struct lockstep_digest *digest)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    if (!lockstep_digest_is_zero(digest)) {
        lockstep_digest_format(digest, text);
        lockstep_json_set_text(object, key, text);
    }
}
