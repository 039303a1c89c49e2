/* One event, as a document of its own: followers print one a line. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

/* " auth markdown " as an array. */
static json_t *modules_of(const char *text)
{
    json_t *modules = json_array();
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length > 0) {
            (void)json_array_append_new(modules, json_stringn(at, length));
        }
        at += length + (at[length] == ' ' ? 1 : 0);
    }
    return modules;
}

/* The short id of the operation that an event is about, or null. */
static json_t *operation_of(const struct lockstep_event *event)
{
    struct lockstep_id id;
    if (strncmp(event->subject, "op-", 3) == 0) {
        return json_string(event->subject);
    }
    return strncmp(event->what, "operation.", strlen("operation.")) == 0 &&
                   lockstep_id_parse(event->subject, &id)
               ? lockstep_json_short(&id)
               : json_null();
}

json_t *lockstep_document_event(const struct lockstep_event *event)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                     "lockstep/event/v1", "sequence", (json_int_t)event->sequence, "unix_ms",
                     lockstep_json_time(event->unix_ms), "what", lockstep_json_text(event->what),
                     "who", lockstep_json_text(event->who), "subject",
                     lockstep_json_text(event->subject), "operation", operation_of(event),
                     "modules", modules_of(event->modules), "audit",
                     lockstep_json_time(event->audit), "text", lockstep_json_text(event->text));
}

json_t *lockstep_document_gap(uint64_t first, uint64_t last, const char *text)
{
    return json_pack("{s:s, s:n, s:n, s:s, s:s, s:s, s:n, s:[], s:n, s:s, s:I, s:I}", "schema",
                     "lockstep/event/v1", "sequence", "unix_ms", "what", "gap", "who",
                     "coordinator", "subject", "", "operation", "modules", "audit", "text", text,
                     "first", (json_int_t)first, "last", (json_int_t)last);
}
