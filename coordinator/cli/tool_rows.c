/* Lists of tools: how they come, and what differs between two of them. */
#include "coordinator/cli/tool.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"

#include <string.h>

/* LINE is "tool, module, version, generation, idempotent or -, text", with tabs between, and ends
 * up in pieces. NULL: it is no such line. */
static json_t *row_of_line(char *line)
{
    const char *fields[6];
    char *rest = line;
    size_t count = 0;
    while (rest != NULL && count < LOCKSTEP_COUNT(fields)) {
        fields[count] = count + 1 == LOCKSTEP_COUNT(fields) ? rest : strsep(&rest, "\t");
        count++;
    }
    return count < LOCKSTEP_COUNT(fields)
               ? NULL
               : json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "tool", fields[0], "module", fields[1],
                           "version", fields[2], "generation",
                           (json_int_t)strtoull(fields[3], NULL, 10), "idempotent",
                           strcmp(fields[4], "idempotent") == 0, "text", fields[5]);
}

/* Takes ROW over. A schema travels as text, for a module may say what it likes. */
static json_t *row_of_object(json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "schema_text"));
    bool named = json_string_value(json_object_get(row, "tool")) != NULL;
    json_t *schema = named && text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!named ||
        json_object_set_new(row, "input_schema", schema == NULL ? json_null() : schema) != 0 ||
        (text != NULL && json_object_del(row, "schema_text") != 0)) {
        json_decref(row);
        return NULL;
    }
    (void)json_object_del(row, "schema_text");
    return row;
}

bool lockstep_tool_rows(json_t *rows, const char *page, char ret_cursor[LOCKSTEP_TOOL_CURSOR])
{
    LOCKSTEP_FREE char *text = strdup(page);
    char *rest = text;
    char *line;
    bool well = text != NULL;
    ret_cursor[0] = '\0';
    while (well && (line = strsep(&rest, "\n")) != NULL) {
        json_t *object = *line == '{' ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
        const char *cursor = json_string_value(json_object_get(object, "cursor"));
        if (cursor != NULL) {
            (void)snprintf(ret_cursor, LOCKSTEP_TOOL_CURSOR, "%s", cursor);
            json_decref(object);
        } else if (object != NULL) {
            well = json_array_append_new(rows, row_of_object(object)) == 0;
        } else if (*line != '\0') {
            well = json_array_append_new(rows, row_of_line(line)) == 0;
        }
    }
    return well;
}

static const json_t *find(const json_t *rows, const char *tool)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(lockstep_document_text(row, "tool"), tool) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool is_same(const json_t *a, const json_t *b)
{
    return lockstep_document_number(a, "generation") == lockstep_document_number(b, "generation") &&
           strcmp(lockstep_document_text(a, "version"), lockstep_document_text(b, "version")) == 0;
}

static json_t *text_or_null(const json_t *row, const char *key)
{
    return row == NULL ? json_null() : json_string(lockstep_document_text(row, key));
}

/* BEFORE or NOW may be NULL, not both. */
static json_t *change_of(const json_t *before, const json_t *now)
{
    const json_t *either = now == NULL ? before : now;
    const char *what = "updated";
    if (before == NULL || now == NULL) {
        what = before == NULL ? "added" : "removed";
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I}", "schema", "lockstep/tool-change/v1",
                     "what", what, "tool", lockstep_document_text(either, "tool"), "module",
                     lockstep_document_text(either, "module"), "old_version",
                     text_or_null(before, "version"), "version", text_or_null(now, "version"),
                     "generation", (json_int_t)lockstep_document_number(either, "generation"));
}

json_t *lockstep_tool_changes(const json_t *before, const json_t *now)
{
    json_t *changes = json_array();
    const json_t *row;
    size_t i;
    int failed = changes == NULL ? -1 : 0;
    json_array_foreach(now, i, row)
    {
        const json_t *old = find(before, lockstep_document_text(row, "tool"));
        if (old == NULL || !is_same(old, row)) {
            failed |= json_array_append_new(changes, change_of(old, row));
        }
    }
    json_array_foreach(before, i, row)
    {
        if (find(now, lockstep_document_text(row, "tool")) == NULL) {
            failed |= json_array_append_new(changes, change_of(row, NULL));
        }
    }
    if (failed != 0) {
        json_decref(changes);
        changes = NULL;
    }
    return changes;
}
