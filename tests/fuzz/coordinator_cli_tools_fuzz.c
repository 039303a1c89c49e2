/* Lists of tools come from hosts, and what stands in them from modules: two pages, parted by a form
 * feed, as lists, and what differs between them. */
#include "coordinator/cli/tool.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* The rows of a page, or NULL. */
static json_t *take_page(const uint8_t *data, size_t size)
{
    char cursor[LOCKSTEP_TOOL_CURSOR];
    json_t *rows = json_array();
    char *page = malloc(size + 1);
    MUST(rows != NULL && page != NULL);
    memcpy(page, data, size);
    page[size] = '\0';
    if (!lockstep_tool_rows(rows, page, cursor)) {
        json_decref(rows);
        rows = NULL;
    }
    MUST(memchr(cursor, '\0', sizeof(cursor)) != NULL);
    free(page);
    return rows;
}

static void must_be_rows(const json_t *rows)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        MUST(json_string_value(json_object_get(row, "tool")) != NULL);
        MUST(json_object_get(row, "schema_text") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *part = size == 0 ? NULL : memchr(data, '\f', size);
    size_t first = part == NULL ? size : (size_t)(part - data);
    json_t *before = take_page(data, first);
    json_t *now = part == NULL ? json_array() : take_page(part + 1, size - first - 1);
    if (before != NULL && now != NULL) {
        json_t *changes = lockstep_tool_changes(before, now);
        MUST(changes == NULL ||
             json_array_size(changes) <= json_array_size(before) + json_array_size(now));
        json_decref(changes);
        changes = lockstep_tool_changes(before, before);
        MUST(changes != NULL);
        must_be_rows(before);
        must_be_rows(now);
        json_decref(changes);
    }
    json_decref(before);
    json_decref(now);
    return 0;
}
