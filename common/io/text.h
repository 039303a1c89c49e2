/*
 * Canonical text: what manifests, bundles and intents are written in.
 *
 * One "key: value" a line, printable ASCII, keys in strictly rising order (as strcmp has it), each
 * line ended by a newline. Nothing else: no comment, no empty line, no unknown key, no space around
 * a value. A document has exactly one text: whatever is parsed is written again and must give the
 * same bytes, so a signature over the text is a signature over the meaning.
 *
 * A schema is a table of fields; a field whose key ends in '.' is a family ("item.pay",
 * "item.auth"), the rest of the key being handed to it.
 */
#ifndef LOCKSTEP_IO_TEXT_H
#define LOCKSTEP_IO_TEXT_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/tbl/no.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why something signed was refused. NO is UNSPECIFIED when it was not. */
struct lockstep_refusal {
    enum lockstep_no no;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

/* Fills *RET_REFUSAL (which may be NULL) and returns NO. A text that grows too long loses its end.
 */
enum lockstep_no lockstep_refuse(struct lockstep_refusal *ret_refusal, enum lockstep_no no,
                                 const char *format, ...) LOCKSTEP_PRINTF(3, 4);

/* A document being written. Errors are kept until the end. */
struct lockstep_text_writer {
    char *text;
    size_t size;
    size_t length;
    char key[128]; /* of the line before */
    bool full;
    bool disordered;
};

/* Appends the line "KEY REST: value". */
void lockstep_text_put(struct lockstep_text_writer *writer, const char *key, const char *rest,
                       const char *format, ...) LOCKSTEP_PRINTF(4, 5);

struct lockstep_text_field;

/* Reads VALUE (NUL-terminated, never empty) into OBJECT; REST is what follows a family's key, else
 * "". False if it is malformed or one too many. */
typedef bool lockstep_text_read_fn(const struct lockstep_text_field *field, void *object,
                                   const char *rest, const char *value);
/* Writes the field's lines, none if it is absent. */
typedef void lockstep_text_write_fn(const struct lockstep_text_field *field, const void *object,
                                    struct lockstep_text_writer *writer);

struct lockstep_text_field {
    const char *key;
    bool required;
    const char *wants; /* for the message: "a number", "64 hexadecimal digits" */
    lockstep_text_read_fn *read;
    lockstep_text_write_fn *write;
    size_t offset; /* of the member, for the kinds below */
    size_t size;
};

/* A field that is one MEMBER of TYPE and of a kind below. */
#define LOCKSTEP_TEXT_FIELD(type, member, key, required, kind)                                 \
    {                                                                                          \
        (key), (required), LOCKSTEP_TEXT_WANTS_##kind, lockstep_text_read_##kind,              \
            lockstep_text_write_##kind, offsetof(type, member), sizeof(((type *)NULL)->member) \
    }

/* uint64_t or uint32_t; 0 is absent. */
#define LOCKSTEP_TEXT_WANTS_number "a number from 1"
lockstep_text_read_fn lockstep_text_read_number;
lockstep_text_write_fn lockstep_text_write_number;
/* A name, an id, a digest; empty or zeros are absent. */
#define LOCKSTEP_TEXT_WANTS_name "a name"
lockstep_text_read_fn lockstep_text_read_name;
lockstep_text_write_fn lockstep_text_write_name;
#define LOCKSTEP_TEXT_WANTS_id "an id of 26 characters"
lockstep_text_read_fn lockstep_text_read_id;
lockstep_text_write_fn lockstep_text_write_id;
#define LOCKSTEP_TEXT_WANTS_digest "64 hexadecimal digits, not all zero"
lockstep_text_read_fn lockstep_text_read_digest;
lockstep_text_write_fn lockstep_text_write_digest;
/* An array of char; empty is absent. A word has neither space nor comma. */
#define LOCKSTEP_TEXT_WANTS_word "one word, not too long"
lockstep_text_read_fn lockstep_text_read_word;
lockstep_text_write_fn lockstep_text_write_word;
/* No member: the format of the document, always 1. */
#define LOCKSTEP_TEXT_FORMAT(key)                                                \
    {                                                                            \
        (key), true, "1, the only format known here", lockstep_text_read_format, \
            lockstep_text_write_format, 0, 0                                     \
    }
lockstep_text_read_fn lockstep_text_read_format;
lockstep_text_write_fn lockstep_text_write_format;

/* Fields stand in the order of their keys. */
struct lockstep_text_schema {
    const char *noun;   /* "manifest" */
    size_t length_max;  /* bytes */
    size_t field_count; /* at most 32 */
    const struct lockstep_text_field *fields;
};

/* Parses LENGTH bytes of TEXT into OBJECT, which the caller has zeroed and which is half filled on
 * failure. INVALID with the line and what is wrong, LIMIT if it is too long, NOMEM. */
enum lockstep_err lockstep_text_parse(const struct lockstep_text_schema *schema, const char *text,
                                      size_t length, void *object,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes OBJECT and a NUL behind it. INVALID if a required field is absent or a list is not in
 * order, LIMIT if the text is longer than the schema allows or SIZE - 1. */
enum lockstep_err lockstep_text_format(const struct lockstep_text_schema *schema,
                                       const void *object, char *ret_text, size_t size,
                                       size_t *ret_length,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* A decimal number without sign or leading zero. */
bool lockstep_text_u64(const char *text, uint64_t *ret_number);
/* A word: 1 to SIZE - 1 printable characters, no space, comma or quote. */
bool lockstep_text_word(const char *text, char *ret_word, size_t size);
/* Copies the part of *CURSOR before SEPARATOR into RET_PART and moves *CURSOR behind the separator,
 * or to NULL after the last part. False if *CURSOR is NULL or the part is empty or too long. */
bool lockstep_text_split(const char **cursor, char separator, char *ret_part, size_t size);

/* A bounded list in order, as every list of a document is. */
struct lockstep_text_list {
    void *rows;
    uint32_t *count;
    size_t row_size;
    uint32_t count_max;
    const char *noun; /* "item" */
    /* As strcmp; 0 for what may not be there twice. */
    int (*compare)(const void *a, const void *b);
};
/* Copies ROW to its place. INVALID if an equal one is there, LIMIT if the list is full. */
enum lockstep_err lockstep_text_insert(const struct lockstep_text_list *list, const void *row,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
