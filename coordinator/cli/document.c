#include "coordinator/cli/document.h"

#include "common/base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lockstep_document_cleanup(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

static enum lockstep_err make_room(struct lockstep_document *document, size_t length,
                                   struct lockstep_error *err)
{
    size_t room = document->room == 0 ? 4096 : document->room;
    char *bytes;
    if (length > LOCKSTEP_DOCUMENT_MAX - document->length) {
        return LOCKSTEP_FAIL(err, LIMIT, "the answer is longer than %d bytes; ask for less",
                             LOCKSTEP_DOCUMENT_MAX);
    }
    while (room < document->length + length) {
        room *= 2;
    }
    if (room == document->room) {
        return LOCKSTEP_OK;
    }
    bytes = realloc(document->bytes, room);
    if (bytes == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an answer of %zu bytes", room);
    }
    document->bytes = bytes;
    document->room = room;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_document_take(struct lockstep_document *document, const void *bytes,
                                         size_t length, struct lockstep_error *err)
{
    LOCKSTEP_TRY(make_room(document, length, err));
    if (length > 0) {
        memcpy(document->bytes + document->length, bytes, length);
    }
    document->length += length;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_document_finish(struct lockstep_document *document, json_t **ret_json,
                                           struct lockstep_error *err)
{
    json_error_t where;
    LOCKSTEP_DECREF json_t *json = NULL;
    if (document->bytes != NULL) {
        json = json_loadb(document->bytes, document->length, JSON_REJECT_DUPLICATES, &where);
    }
    lockstep_document_deinit(document);
    if (json == NULL || lockstep_document_text(json, "schema")[0] == '\0') {
        return LOCKSTEP_FAIL(err, INVALID, "the coordinator's answer is no document");
    }
    *ret_json = json;
    json = NULL;
    return LOCKSTEP_OK;
}

void lockstep_document_deinit(struct lockstep_document *document)
{
    free(document->bytes);
    *document = (struct lockstep_document){0};
}

bool lockstep_document_is(const json_t *document, const char *thing)
{
    char schema[64];
    (void)snprintf(schema, sizeof(schema), "lockstep/%s/v1", thing);
    return strcmp(lockstep_document_text(document, "schema"), schema) == 0;
}

const char *lockstep_document_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

uint64_t lockstep_document_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number < 0 ? 0 : (uint64_t)number;
}
