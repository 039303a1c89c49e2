#include "common/io/text.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A document being parsed: a copy whose lines end in NUL. */
struct reader {
    const struct lockstep_text_schema *schema;
    void *object;
    unsigned line; /* from 1 */
    uint32_t seen; /* fields, a bit each */
    const char *previous;
};

enum lockstep_no lockstep_refuse(struct lockstep_refusal *ret_refusal, enum lockstep_no no,
                                 const char *format, ...)
{
    va_list arguments;
    if (ret_refusal != NULL) {
        ret_refusal->no = no;
        va_start(arguments, format);
        (void)vsnprintf(ret_refusal->text, sizeof(ret_refusal->text), format, arguments);
        va_end(arguments);
    }
    return no;
}

/* Copies LENGTH bytes behind what is written, if they fit. */
static void append(struct lockstep_text_writer *writer, const char *bytes, size_t length)
{
    if (writer->full || length >= writer->size - writer->length) {
        writer->full = true;
        return;
    }
    memcpy(writer->text + writer->length, bytes, length);
    writer->length += length;
}

/* Notes KEY REST as the last key, and whether it comes after the one before. */
static void keep_order(struct lockstep_text_writer *writer, const char *key, const char *rest)
{
    char now[sizeof(writer->key)];
    int length = snprintf(now, sizeof(now), "%s%s", key, rest);
    ASSERT(length > 0 && (size_t)length < sizeof(now));
    if (strcmp(writer->key, now) >= 0) {
        writer->disordered = true;
    }
    memcpy(writer->key, now, sizeof(now));
}

void lockstep_text_put(struct lockstep_text_writer *writer, const char *key, const char *rest,
                       const char *format, ...)
{
    va_list arguments;
    int length;
    keep_order(writer, key, rest);
    append(writer, writer->key, strlen(writer->key));
    append(writer, ": ", 2);
    if (writer->full) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(writer->text + writer->length, writer->size - writer->length, format,
                       arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= writer->size - writer->length) {
        writer->full = true;
        return;
    }
    writer->length += (size_t)length;
    append(writer, "\n", 1);
}

enum lockstep_err lockstep_text_format(const struct lockstep_text_schema *schema,
                                       const void *object, char *ret_text, size_t size,
                                       size_t *ret_length, struct lockstep_error *err)
{
    struct lockstep_text_writer writer = {
        .text = ret_text,
        .size = size <= schema->length_max ? size : schema->length_max + 1,
    };
    ASSERT(size > 0);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct lockstep_text_field *field = &schema->fields[i];
        size_t before = writer.length;
        field->write(field, object, &writer);
        if (field->required && writer.length == before && !writer.full) {
            return LOCKSTEP_FAIL(err, INVALID, "the %s has no '%s'", schema->noun, field->key);
        }
    }
    if (writer.full) {
        return LOCKSTEP_FAIL(err, LIMIT, "the %s is longer than %zu bytes", schema->noun,
                             writer.size - 1);
    }
    if (writer.disordered) {
        return LOCKSTEP_FAIL(err, INVALID, "the %s names something twice, or out of order",
                             schema->noun);
    }
    ret_text[writer.length] = '\0';
    *ret_length = writer.length;
    return LOCKSTEP_OK;
}

/* The field that KEY belongs to and, for a family, what follows the family's name. NULL if none. */
static const struct lockstep_text_field *find_field(const struct lockstep_text_schema *schema,
                                                    const char *key, const char **ret_rest)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct lockstep_text_field *field = &schema->fields[i];
        size_t length = strlen(field->key);
        bool family = field->key[length - 1] == '.';
        if (family ? strncmp(key, field->key, length) == 0 && key[length] != '\0'
                   : strcmp(key, field->key) == 0) {
            *ret_rest = key + length;
            return field;
        }
    }
    return NULL;
}

static enum lockstep_err take_field(struct reader *reader, const char *key, const char *value,
                                    struct lockstep_error *err)
{
    const char *noun = reader->schema->noun;
    const char *rest = NULL;
    const struct lockstep_text_field *field = find_field(reader->schema, key, &rest);
    if (field == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "%s line %u: unknown key '%.40s'", noun, reader->line,
                             key);
    }
    if (strcmp(reader->previous, key) >= 0) {
        return LOCKSTEP_FAIL(err, INVALID, "%s line %u: '%.40s' is repeated or not in order", noun,
                             reader->line, key);
    }
    reader->seen |= 1U << (unsigned)(field - reader->schema->fields);
    if (!field->read(field, reader->object, rest, value)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s line %u: '%.40s' must be %s", noun, reader->line,
                             key, field->wants);
    }
    reader->previous = key;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_line(struct reader *reader, char *line, struct lockstep_error *err)
{
    const char *noun = reader->schema->noun;
    char *colon = strchr(line, ':');
    reader->line++;
    if (colon == NULL || colon == line || colon[1] != ' ' || colon[2] == '\0') {
        return LOCKSTEP_FAIL(err, INVALID, "%s line %u is not 'key: value'", noun, reader->line);
    }
    *colon = '\0';
    if (colon[2] == ' ' || colon[strlen(colon + 1)] == ' ') {
        return LOCKSTEP_FAIL(err, INVALID, "%s line %u: space around the value", noun,
                             reader->line);
    }
    return take_field(reader, line, colon + 2, err);
}

static enum lockstep_err check_bytes(const struct lockstep_text_schema *schema, const char *text,
                                     size_t length, struct lockstep_error *err)
{
    if (length > schema->length_max) {
        return LOCKSTEP_FAIL(err, LIMIT, "the %s is longer than %zu bytes", schema->noun,
                             schema->length_max);
    }
    if (length == 0 || text[length - 1] != '\n') {
        return LOCKSTEP_FAIL(err, INVALID, "the %s is %s", schema->noun,
                             length == 0 ? "empty" : "cut: its last line does not end");
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~')) {
            return LOCKSTEP_FAIL(err, INVALID, "the %s has a byte that is not printable, at %zu",
                                 schema->noun, i);
        }
    }
    return LOCKSTEP_OK;
}

/* Every required field was seen. */
static enum lockstep_err check_complete(const struct reader *reader, struct lockstep_error *err)
{
    for (size_t i = 0; i < reader->schema->field_count; i++) {
        if (reader->schema->fields[i].required && (reader->seen & (1U << i)) == 0) {
            return LOCKSTEP_FAIL(err, INVALID, "the %s has no '%s'", reader->schema->noun,
                                 reader->schema->fields[i].key);
        }
    }
    return LOCKSTEP_OK;
}

/* Writing OBJECT again gives the same bytes. SCRATCH holds LENGTH + 1. */
static enum lockstep_err check_canonical(const struct reader *reader, const char *text,
                                         size_t length, char *scratch, struct lockstep_error *err)
{
    size_t again = 0;
    if (lockstep_text_format(reader->schema, reader->object, scratch, length + 1, &again, NULL) !=
            LOCKSTEP_OK ||
        again != length || memcmp(scratch, text, length) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the %s is not written in its canonical form",
                             reader->schema->noun);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_text_parse(const struct lockstep_text_schema *schema, const char *text,
                                      size_t length, void *object, struct lockstep_error *err)
{
    struct reader reader = {.schema = schema, .object = object, .previous = ""};
    LOCKSTEP_FREE char *copy = NULL;
    char *line;
    ASSERT(schema->field_count <= 32);
    LOCKSTEP_TRY(check_bytes(schema, text, length, err));
    copy = malloc(length + 1);
    if (copy == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a %s", schema->noun);
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    for (line = copy; line < copy + length;) {
        char *end = strchr(line, '\n');
        *end = '\0';
        LOCKSTEP_TRY(take_line(&reader, line, err));
        line = end + 1;
    }
    LOCKSTEP_TRY(check_complete(&reader, err));
    return check_canonical(&reader, text, length, copy, err);
}

static void *member(const struct lockstep_text_field *field, void *object)
{
    return (uint8_t *)object + field->offset;
}

static const void *const_member(const struct lockstep_text_field *field, const void *object)
{
    return (const uint8_t *)object + field->offset;
}

bool lockstep_text_read_number(const struct lockstep_text_field *field, void *object,
                               const char *rest, const char *value)
{
    uint64_t number = 0;
    uint32_t small;
    (void)rest;
    if (!lockstep_text_u64(value, &number) || number == 0) {
        return false;
    }
    if (field->size == sizeof(number)) {
        memcpy(member(field, object), &number, sizeof(number));
        return true;
    }
    small = (uint32_t)number;
    memcpy(member(field, object), &small, sizeof(small));
    return small == number;
}

void lockstep_text_write_number(const struct lockstep_text_field *field, const void *object,
                                struct lockstep_text_writer *writer)
{
    uint64_t number = 0;
    uint32_t small = 0;
    if (field->size == sizeof(number)) {
        memcpy(&number, const_member(field, object), sizeof(number));
    } else {
        memcpy(&small, const_member(field, object), sizeof(small));
        number = small;
    }
    if (number != 0) {
        lockstep_text_put(writer, field->key, "", "%llu", (unsigned long long)number);
    }
}

bool lockstep_text_read_name(const struct lockstep_text_field *field, void *object,
                             const char *rest, const char *value)
{
    (void)rest;
    return lockstep_name_parse(value, member(field, object));
}

void lockstep_text_write_name(const struct lockstep_text_field *field, const void *object,
                              struct lockstep_text_writer *writer)
{
    const struct lockstep_name *name = const_member(field, object);
    if (lockstep_name_valid(name->text, strnlen(name->text, sizeof(name->text)))) {
        lockstep_text_put(writer, field->key, "", "%s", name->text);
    }
}

bool lockstep_text_read_id(const struct lockstep_text_field *field, void *object, const char *rest,
                           const char *value)
{
    (void)rest;
    return lockstep_id_parse(value, member(field, object)) &&
           !lockstep_id_is_zero(const_member(field, object));
}

void lockstep_text_write_id(const struct lockstep_text_field *field, const void *object,
                            struct lockstep_text_writer *writer)
{
    char text[LOCKSTEP_ID_TEXT];
    if (!lockstep_id_is_zero(const_member(field, object))) {
        lockstep_id_format(const_member(field, object), text);
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

bool lockstep_text_read_digest(const struct lockstep_text_field *field, void *object,
                               const char *rest, const char *value)
{
    (void)rest;
    return lockstep_digest_parse(value, member(field, object)) &&
           !lockstep_digest_is_zero(const_member(field, object));
}

void lockstep_text_write_digest(const struct lockstep_text_field *field, const void *object,
                                struct lockstep_text_writer *writer)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    if (!lockstep_digest_is_zero(const_member(field, object))) {
        lockstep_digest_format(const_member(field, object), text);
        lockstep_text_put(writer, field->key, "", "%s", text);
    }
}

bool lockstep_text_read_word(const struct lockstep_text_field *field, void *object,
                             const char *rest, const char *value)
{
    (void)rest;
    return lockstep_text_word(value, member(field, object), field->size);
}

void lockstep_text_write_word(const struct lockstep_text_field *field, const void *object,
                              struct lockstep_text_writer *writer)
{
    const char *word = const_member(field, object);
    if (word[0] != '\0') {
        lockstep_text_put(writer, field->key, "", "%s", word);
    }
}

bool lockstep_text_read_format(const struct lockstep_text_field *field, void *object,
                               const char *rest, const char *value)
{
    (void)field;
    (void)object;
    (void)rest;
    return strcmp(value, "1") == 0;
}

void lockstep_text_write_format(const struct lockstep_text_field *field, const void *object,
                                struct lockstep_text_writer *writer)
{
    (void)object;
    lockstep_text_put(writer, field->key, "", "1");
}

bool lockstep_text_u64(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number)) {
            return false;
        }
    }
    *ret_number = number;
    return true;
}

bool lockstep_text_word(const char *text, char *ret_word, size_t size)
{
    size_t length = strlen(text);
    if (length == 0 || length >= size) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~' || strchr(",\"'\\", text[i]) != NULL) {
            return false;
        }
    }
    memcpy(ret_word, text, length + 1);
    return true;
}

bool lockstep_text_split(const char **cursor, char separator, char *ret_part, size_t size)
{
    const char *begin = *cursor;
    const char *end;
    size_t length;
    if (begin == NULL) {
        return false;
    }
    end = strchr(begin, separator);
    length = end == NULL ? strlen(begin) : (size_t)(end - begin);
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(ret_part, begin, length);
    ret_part[length] = '\0';
    *cursor = end == NULL ? NULL : end + 1;
    return true;
}

enum lockstep_err lockstep_text_insert(const struct lockstep_text_list *list, const void *row,
                                       struct lockstep_error *err)
{
    uint8_t *rows = list->rows;
    uint32_t at = *list->count;
    if (at >= list->count_max) {
        return LOCKSTEP_FAIL(err, LIMIT, "there is room for %u %ss", list->count_max, list->noun);
    }
    while (at > 0) {
        int order = list->compare(rows + (size_t)(at - 1) * list->row_size, row);
        if (order == 0) {
            return LOCKSTEP_FAIL(err, INVALID, "the %s is there already", list->noun);
        }
        if (order < 0) {
            break;
        }
        at--;
    }
    memmove(rows + (size_t)(at + 1) * list->row_size, rows + (size_t)at * list->row_size,
            (size_t)(*list->count - at) * list->row_size);
    memcpy(rows + (size_t)at * list->row_size, row, list->row_size);
    *list->count += 1;
    return LOCKSTEP_OK;
}
