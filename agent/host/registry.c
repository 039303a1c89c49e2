/* The tools that are live, as JSON: for whoever wants more than names. */
#include "agent/host/host_internal.h"
#include "common/base/cleanup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTION_MAX 1024
#define REPLACEMENT     "\\ufffd"

/* How many bytes the character at TEXT has, of at most SIZE; 0: it is none of UTF-8. */
static size_t character(const unsigned char *text, size_t size)
{
    static const struct {
        unsigned char mask;
        unsigned char lead;
        uint32_t least;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t length = 1; length <= LOCKSTEP_COUNT(forms) && length <= size; length++) {
        uint32_t code = text[0] & (unsigned)~forms[length - 1].mask;
        bool well = (text[0] & forms[length - 1].mask) == forms[length - 1].lead;
        for (size_t i = 1; i < length; i++) {
            well = well && (text[i] & 0xc0) == 0x80;
            code = code << 6 | (text[i] & 0x3fU);
        }
        if (well) {
            bool half = code >= 0xd800 && code <= 0xdfff;
            return code >= forms[length - 1].least && code <= 0x10ffff && !half ? length : 0;
        }
    }
    return 0;
}

/* Writes the first SIZE bytes of TEXT as a JSON string: modules say what they like. */
static void put_text(FILE *out, const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t i = 0;
    (void)fputc('"', out);
    while (i < size) {
        size_t length = character(bytes + i, size - i);
        if (length == 0) {
            (void)fputs(REPLACEMENT, out);
        } else if (bytes[i] == '"' || bytes[i] == '\\') {
            (void)fprintf(out, "\\%c", bytes[i]);
        } else if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            (void)fprintf(out, "\\u%04x", bytes[i]);
        } else {
            (void)fwrite(bytes + i, 1, length, out);
        }
        i += length == 0 ? 1 : length;
    }
    (void)fputc('"', out);
}

static void put_member(FILE *out, const char *key, const char *text)
{
    (void)fprintf(out, "\"%s\":", key);
    put_text(out, text, strnlen(text, DESCRIPTION_MAX));
    (void)fputc(',', out);
}

static void put_entry(FILE *out, const struct lockstep_gate_entry *entry, bool with_schema)
{
    size_t schema = entry->schema == NULL || !with_schema
                        ? 0
                        : strnlen(entry->schema, LOCKSTEP_TOOL_SCHEMA_MAX + 1);
    (void)fputc('{', out);
    put_member(out, "tool", entry->name);
    put_member(out, "module", entry->module);
    put_member(out, "version", entry->version);
    (void)fprintf(out, "\"generation\":%" PRIu64 ",\"idempotent\":%s,", entry->generation,
                  (entry->flags & LOCKSTEP_TOOL_IDEMPOTENT) != 0 ? "true" : "false");
    put_member(out, "text", entry->description);
    (void)fputs("\"schema_text\":", out);
    if (schema == 0 || schema > LOCKSTEP_TOOL_SCHEMA_MAX) {
        (void)fputs("null}\n", out);
    } else {
        put_text(out, entry->schema, schema);
        (void)fputs("}\n", out);
    }
}

/* Writes the entries behind AFTER until ROOM is used up; where to go on then, or NULL. */
static const char *put_page(FILE *out, const struct lockstep_gate_table *table, const char *after,
                            size_t room)
{
    const char *last = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct lockstep_gate_entry *entry = &table->entries[i];
        long begin = ftell(out);
        if (entry->function != NULL || strcmp(entry->name, after) <= 0) {
            continue;
        }
        put_entry(out, entry, true);
        if ((size_t)ftell(out) > room) {
            (void)fseek(out, begin, SEEK_SET);
            if (last != NULL) {
                return last;
            }
            put_entry(out, entry, false); /* what fills a page alone has to do without */
        }
        last = entry->name;
    }
    return NULL;
}

uint64_t lockstep_host_revision(const struct lockstep_host *host,
                                const struct lockstep_gate_table *table)
{
    return (uint64_t)host->instance << 32 | (table == NULL ? 0 : table->id);
}

enum lockstep_call_result lockstep_host_registry(const struct lockstep_host *host,
                                                 const char *after, size_t room,
                                                 struct lockstep_answer *ret_answer)
{
    const struct lockstep_gate_table *table;
    char *bytes = NULL;
    size_t size = 0;
    bool failed;
    FILE *out = open_memstream(&bytes, &size);
    *ret_answer = (struct lockstep_answer){0};
    if (out == NULL || !lockstep_gate_hold()) {
        if (out != NULL) {
            (void)fclose(out);
        }
        free(bytes);
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    table = lockstep_gate_held();
    ret_answer->generation = lockstep_host_revision(host, table);
    if (table != NULL) {
        const char *last = put_page(out, table, after, room);
        (void)snprintf(ret_answer->version, sizeof(ret_answer->version), "%s",
                       last == NULL ? "" : last);
    }
    lockstep_gate_release();
    failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(bytes);
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    ret_answer->bytes = (uint8_t *)bytes;
    ret_answer->size = size;
    return LOCKSTEP_CALL_OK;
}

enum lockstep_call_result lockstep_host_tools(struct lockstep_host *host, const char *after,
                                              struct lockstep_answer *ret_answer)
{
    return lockstep_host_registry(host, after, LOCKSTEP_REGISTRY_PAGE, ret_answer);
}
