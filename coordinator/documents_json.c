/* JSON of small things. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

json_t *lockstep_json_number(uint64_t number)
{
    return json_integer((json_int_t)number);
}

json_t *lockstep_json_time(uint64_t unix_ms)
{
    return unix_ms == 0 ? json_null() : lockstep_json_number(unix_ms);
}

json_t *lockstep_json_digest(const struct lockstep_digest *digest)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    lockstep_digest_format(digest, text);
    return lockstep_digest_is_zero(digest) ? json_null() : json_string(text);
}

json_t *lockstep_json_md5(const struct lockstep_md5 *md5)
{
    char text[LOCKSTEP_MD5_TEXT];
    lockstep_md5_format(md5, text);
    return json_string(text);
}

json_t *lockstep_json_id(const struct lockstep_id *id)
{
    char text[LOCKSTEP_ID_TEXT];
    lockstep_id_format(id, text);
    return lockstep_id_is_zero(id) ? json_null() : json_string(text);
}

json_t *lockstep_json_text(const char *text)
{
    json_t *json = json_string(text);
    char plain[LOCKSTEP_STORE_LABELS];
    if (json != NULL) {
        return json;
    }
    (void)snprintf(plain, sizeof(plain), "%s", text);
    for (char *at = plain; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    return json_string(plain);
}

json_t *lockstep_json_word(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : lockstep_json_text(text);
}

json_t *lockstep_json_labels(const char *labels)
{
    json_t *json = json_object();
    const char *at = labels;
    while (json != NULL && *at != '\0') {
        size_t length = strcspn(at, ",");
        char label[2 * LOCKSTEP_WORD_MAX + 2];
        char *value;
        (void)snprintf(label, sizeof(label), "%.*s", (int)length, at);
        value = strchr(label, '=');
        if (value != NULL) {
            *value++ = '\0';
        }
        if (json_object_set_new(json, label, lockstep_json_text(value == NULL ? "" : value)) != 0) {
            json_decref(json);
            return NULL;
        }
        at += length;
        at += *at == ',' ? 1 : 0;
    }
    return json;
}

void lockstep_short_id(const struct lockstep_id *id, char ret_text[LOCKSTEP_DOCUMENT_SHORT])
{
    char text[LOCKSTEP_ID_TEXT];
    lockstep_id_format(id, text);
    (void)snprintf(ret_text, LOCKSTEP_DOCUMENT_SHORT, "op-%.8s", text);
}

json_t *lockstep_json_short(const struct lockstep_id *id)
{
    char text[LOCKSTEP_DOCUMENT_SHORT];
    lockstep_short_id(id, text);
    return json_string(text);
}

json_t *lockstep_json_node(const struct lockstep_view *view, uint32_t node)
{
    return node < view->fleet->node_count ? json_string(view->fleet->nodes[node].name.text)
                                          : json_null();
}

enum lockstep_err lockstep_document_done(json_t *document, json_t **ret_document,
                                         struct lockstep_error *err)
{
    if (document == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a document");
    }
    *ret_document = document;
    return LOCKSTEP_OK;
}

json_t *lockstep_json_join(json_t *into, json_t *from)
{
    int failed = json_object_update(into, from);
    json_decref(from);
    if (failed != 0) {
        json_decref(into);
        return NULL;
    }
    return into;
}
