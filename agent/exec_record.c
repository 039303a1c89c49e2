/* The record of a set, as canonical text. */
#include "agent/exec_files.h"

#include "common/io/text.h"

#include <stdio.h>
#include <string.h>

#define NONE "-"

static const char *stage_text(enum lockstep_exec_stage stage)
{
    switch (stage) {
#define CASE(name, text)             \
    case LOCKSTEP_EXEC_STAGE_##name: \
        return text;
        LOCKSTEP_EXEC_STAGES_TABLE(CASE)
#undef CASE
    case LOCKSTEP_EXEC_STAGE_UNSPECIFIED:
        break;
    }
    return NULL;
}

static bool read_stage(const struct lockstep_text_field *field, void *object, const char *rest,
                       const char *value)
{
    struct lockstep_exec_record *record = object;
    (void)field;
    (void)rest;
    for (unsigned i = LOCKSTEP_EXEC_STAGE_PREPARED; i <= LOCKSTEP_EXEC_STAGE_KEPT; i++) {
        if (strcmp(value, stage_text((enum lockstep_exec_stage)i)) == 0) {
            record->stage = (enum lockstep_exec_stage)i;
            return true;
        }
    }
    return false;
}

static void write_stage(const struct lockstep_text_field *field, const void *object,
                        struct lockstep_text_writer *writer)
{
    const struct lockstep_exec_record *record = object;
    const char *text = stage_text(record->stage);
    if (text != NULL) {
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

static bool read_digest(const char *text, struct lockstep_digest *ret_digest)
{
    memset(ret_digest, 0, sizeof(*ret_digest));
    return strcmp(text, NONE) == 0 ||
           (lockstep_digest_parse(text, ret_digest) && !lockstep_digest_is_zero(ret_digest));
}

static void write_digest(const struct lockstep_digest *digest, char ret_text[LOCKSTEP_DIGEST_TEXT])
{
    if (lockstep_digest_is_zero(digest)) {
        (void)snprintf(ret_text, LOCKSTEP_DIGEST_TEXT, NONE);
    } else {
        lockstep_digest_format(digest, ret_text);
    }
}

/* Items keep their order: they are numbered. */
static bool read_item(const struct lockstep_text_field *field, void *object, const char *rest,
                      const char *value)
{
    struct lockstep_exec_record *record = object;
    struct lockstep_exec_item *item = &record->items[record->item_count];
    char wanted[16];
    char name[LOCKSTEP_NAME_MAX + 1];
    char number[24];
    char digest[LOCKSTEP_DIGEST_TEXT];
    (void)field;
    if (record->item_count == LOCKSTEP_ITEMS_MAX) {
        return false;
    }
    (void)snprintf(wanted, sizeof(wanted), "%02u", record->item_count);
    if (strcmp(rest, wanted) != 0 || !lockstep_text_split(&value, ' ', name, sizeof(name)) ||
        !lockstep_name_parse(name, &item->module) ||
        !lockstep_text_split(&value, ' ', name, sizeof(name)) ||
        !lockstep_name_parse(name, &item->service) ||
        !lockstep_text_split(&value, ' ', number, sizeof(number)) ||
        !lockstep_text_u64(number, &item->generation) ||
        !lockstep_text_split(&value, ' ', item->version, sizeof(item->version)) ||
        !lockstep_text_split(&value, ' ', digest, sizeof(digest)) ||
        !read_digest(digest, &item->digest) || value == NULL ||
        !read_digest(value, &item->previous)) {
        return false;
    }
    if (strcmp(item->version, NONE) == 0) {
        item->version[0] = '\0';
    }
    record->item_count++;
    return true;
}

static void write_items(const struct lockstep_text_field *field, const void *object,
                        struct lockstep_text_writer *writer)
{
    const struct lockstep_exec_record *record = object;
    for (uint32_t i = 0; i < record->item_count; i++) {
        const struct lockstep_exec_item *item = &record->items[i];
        char number[16];
        char digest[LOCKSTEP_DIGEST_TEXT];
        char previous[LOCKSTEP_DIGEST_TEXT];
        (void)snprintf(number, sizeof(number), "%02u", i);
        write_digest(&item->digest, digest);
        write_digest(&item->previous, previous);
        lockstep_text_put(writer, field->key, number, "%s %s %llu %s %s %s", item->module.text,
                          item->service.text, (unsigned long long)item->generation,
                          item->version[0] == '\0' ? NONE : item->version, digest, previous);
    }
}

static const struct lockstep_text_field fields[] = {
    {"item.", true, "MODULE SERVICE GENERATION VERSION DIGEST PREVIOUS, numbered from 00",
     read_item, write_items, 0, 0},
    LOCKSTEP_TEXT_FORMAT("lockstep-exec"),
    LOCKSTEP_TEXT_FIELD(struct lockstep_exec_record, operation, "operation", true, id),
    {"stage", true, "prepared, applying or kept", read_stage, write_stage, 0, 0},
};

static const struct lockstep_text_schema schema = {
    .noun = "record",
    .length_max = LOCKSTEP_EXEC_RECORD_MAX,
    .field_count = LOCKSTEP_COUNT(fields),
    .fields = fields,
};

enum lockstep_err lockstep_exec_record_format(const struct lockstep_exec_record *record,
                                              char *ret_text, size_t size, size_t *ret_length,
                                              struct lockstep_error *err)
{
    return lockstep_text_format(&schema, record, ret_text, size, ret_length, err);
}

enum lockstep_err lockstep_exec_record_parse(const char *text, size_t length,
                                             struct lockstep_exec_record *ret_record,
                                             struct lockstep_error *err)
{
    memset(ret_record, 0, sizeof(*ret_record));
    return lockstep_text_parse(&schema, text, length, ret_record, err);
}
