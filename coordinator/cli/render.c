#include "coordinator/cli/render.h"

#include "common/base/cleanup.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/io/value.h"
#include "coordinator/cli/document.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define CELL                 LOCKSTEP_COLUMN
#define END                  LOCKSTEP_COLUMN_END
#define TEXT(heading, key)   CELL(heading, key, TEXT, false)
#define WIDE(heading, key)   CELL(heading, key, TEXT, true)
#define NUMBER(heading, key) CELL(heading, key, NUMBER, false)
#define TIME(heading, key)   CELL(heading, key, TIME, false)
#define DIGEST(heading, key) CELL(heading, key, DIGEST, false)

static const struct lockstep_column status_fields[] = {TEXT("cluster", "cluster"),
                                                       NUMBER("epoch", "epoch"),
                                                       NUMBER("index", "index"),
                                                       CELL("read only", "read_only", BOOL, false),
                                                       TIME("time", "unix_ms"),
                                                       TEXT("reconcile", "reconcile.mode"),
                                                       TIME("  until", "reconcile.until_unix_ms"),
                                                       END};
static const struct lockstep_column nodes_fields[] = {
    NUMBER("nodes", "all"), NUMBER("  ready", "ready"), NUMBER("  absent", "absent"),
    NUMBER("  cordoned", "cordoned"), END};
static const struct lockstep_column modules_columns[] = {
    TEXT("MODULE", "module"),
    CELL("CONSISTENT", "consistent", BOOL, false),
    TEXT("VERSION", "version"),
    DIGEST("DIGEST", "digest"),
    CELL("LAST-GENERATION", "generation", NUMBER, true),
    NUMBER("SAME", "same"),
    NUMBER("OF", "total"),
    TEXT("OPERATION", "operation"),
    WIDE("SERVICE", "service"),
    TEXT("TEXT", "text"),
    END};
static const struct lockstep_column alarms_columns[] = {TEXT("ALARM", "code"),
                                                        TEXT("NODE", "node"),
                                                        TEXT("MODULE", "module"),
                                                        TEXT("OPERATION", "operation"),
                                                        TEXT("TEXT", "text"),
                                                        TEXT("NEXT", "next"),
                                                        END};
static const struct lockstep_column nodes_columns[] = {
    TEXT("NODE", "node"),
    TEXT("STATE", "state"),
    CELL("MEMBER", "member", BOOL, false),
    CELL("CORDONED", "cordoned", BOOL, false),
    NUMBER("MODULES", "modules"),
    CELL("LABELS", "labels", LABELS, false),
    TIME("HEARD", "heard_unix_ms"),
    WIDE("ADDRESS", "address"),
    WIDE("SOFTWARE", "software"),
    CELL("DISK-FREE", "disk_free_bytes", BYTES, true),
    CELL("MEMORY%", "memory_used_percent", NUMBER, true),
    CELL("RESTARTS", "host_restarts", NUMBER, true),
    CELL("RECYCLES", "host_recycles", NUMBER, true),
    CELL("KEY-WAITS", "rekey.key", DIGEST, true),
    CELL("SINCE", "rekey.since_unix_ms", TIME, true),
    WIDE("FROM", "rekey.address"),
    END};
static const struct lockstep_column node_fields[] = {
    TEXT("node", "node"),
    TEXT("state", "state"),
    CELL("member", "member", BOOL, false),
    CELL("cordoned", "cordoned", BOOL, false),
    TEXT("address", "address"),
    CELL("labels", "labels", LABELS, false),
    TEXT("software", "software"),
    TIME("heard", "heard_unix_ms"),
    TIME("reported", "report_unix_ms"),
    CELL("disk free", "disk_free_bytes", BYTES, false),
    NUMBER("memory used %", "memory_used_percent"),
    NUMBER("host restarts", "host_restarts"),
    NUMBER("recycled", "host_recycles"),
    TEXT("key waiting", "rekey.key"),
    TIME("  since", "rekey.since_unix_ms"),
    TEXT("  from", "rekey.address"),
    TEXT("key in place", "rekey.key_before"),
    TEXT("  which is", "rekey.before"),
    END};
static const struct lockstep_column open_columns[] = {CELL("OPEN", "id", ID, false),
                                                      TEXT("STATE", "state"), END};
static const struct lockstep_column status_columns[] = {
    TEXT("MODULE", "module"),
    TEXT("NODE", "node"),
    TEXT("VERSION", "version"),
    TEXT("STATE", "state"),
    CELL("MD5", "md5", TEXT, false),
    DIGEST("DIGEST", "digest"),
    NUMBER("GENERATION", "generation"),
    NUMBER("IN-FLIGHT", "in_flight"),
    NUMBER("CALLS", "calls"),
    TEXT("GATE", "gate"),
    TEXT("WAITS-FOR", "waits_for"),
    CELL("FAILED", "failed", NUMBER, true),
    CELL("BEHIND", "behind", NUMBER, true),
    CELL("RETIRED", "retired", NUMBER, true),
    CELL("HOSTS", "hosts", NUMBER, true),
    WIDE("SERVICE", "service"),
    CELL("DRIVER", "driver", TEXT, true),
    CELL("PREVIOUS", "previous", DIGEST, true),
    CELL("ON-DISK", "disk_digest", DIGEST, true),
    CELL("CONFIG", "config_digest", DIGEST, true),
    CELL("SCHEMA", "state_schema", NUMBER, true),
    CELL("LOADED", "loaded_unix_ms", TIME, true),
    END};
static const struct lockstep_column module_fields[] = {
    TEXT("module", "module"),
    TEXT("service", "service"),
    CELL("consistent", "consistent", BOOL, false),
    TEXT("version", "version"),
    TEXT("digest", "digest"),
    NUMBER("last generation", "generation"),
    NUMBER("same", "same"),
    NUMBER("of", "total"),
    TEXT("text", "text"),
    TEXT("operation", "operation"),
    END};
static const struct lockstep_column module_columns[] = {TEXT("NODE", "node"),
                                                        TEXT("STATE", "state"),
                                                        TEXT("VERSION", "version"),
                                                        DIGEST("DIGEST", "digest"),
                                                        NUMBER("GENERATION", "generation"),
                                                        TEXT("WANTED", "wanted_version"),
                                                        TIME("PINNED", "pin_unix_ms"),
                                                        WIDE("MD5", "md5"),
                                                        END};
static const struct lockstep_column operations_columns[] = {CELL("OPERATION", "id", ID, false),
                                                            TEXT("KIND", "kind"),
                                                            TEXT("STRATEGY", "strategy"),
                                                            TEXT("STATE", "state"),
                                                            TEXT("RESULT", "result"),
                                                            CELL("FINAL", "final", BOOL, false),
                                                            CELL("MODULES", "modules", LIST, false),
                                                            TEXT("WHO", "who"),
                                                            TIME("OPENED", "opened_unix_ms"),
                                                            END};
static const struct lockstep_column artifacts_columns[] = {
    CELL("ARTIFACT", "module", ARTIFACT, false),
    NUMBER("COUNTER", "counter"),
    DIGEST("DIGEST", "digest"),
    CELL("SIZE", "size", BYTES, false),
    CELL("QUARANTINED", "quarantined", BOOL, false),
    TEXT("BY", "by"),
    TIME("PUSHED", "pushed_unix_ms"),
    WIDE("MD5", "md5"),
    END};
static const struct lockstep_column artifact_fields[] = {
    TEXT("module", "module"),
    TEXT("version", "version"),
    TEXT("service", "service"),
    NUMBER("counter", "counter"),
    TEXT("digest", "digest"),
    TEXT("md5", "md5"),
    CELL("size", "size", BYTES, false),
    NUMBER("state schema", "state_schema"),
    TEXT("driver", "driver"),
    CELL("waives", "waives", LIST, false),
    TEXT("pushed by", "by"),
    TIME("pushed", "pushed_unix_ms"),
    CELL("quarantined", "quarantined", BOOL, false),
    CELL("live on", "live_on", LIST, false),
    END};
static const struct lockstep_column check_columns[] = {
    TEXT("MODULE", "module"),
    CELL("CONSISTENT", "consistent", BOOL, false),
    TEXT("VERSION", "version"),
    DIGEST("DIGEST", "digest"),
    NUMBER("SAME", "same"),
    NUMBER("OF", "total"),
    TEXT("TEXT", "text"),
    WIDE("RECONCILE", "reconcile.text"),
    END};
static const struct lockstep_column differences_columns[] = {
    TEXT("DIFFERENCE", "kind"),     TEXT("MODULE", "module"),
    TEXT("NODE", "node"),           TEXT("WANTED", "wanted_version"),
    TEXT("FOUND", "found_version"), TEXT("TEXT", "text"),
    TEXT("NEXT", "next"),           END};
static const struct lockstep_column diff_fields[] = {TEXT("module", "module"),
                                                     TEXT("a", "a.version"),
                                                     NUMBER("  on nodes", "a.nodes"),
                                                     TEXT("b", "b.version"),
                                                     NUMBER("  on nodes", "b.nodes"),
                                                     TEXT("text", "text"),
                                                     END};
static const struct lockstep_column diff_columns[] = {TEXT("FACT", "fact"), TEXT("A", "a"),
                                                      TEXT("B", "b"),
                                                      CELL("DIFFERS", "differs", BOOL, false), END};
static const struct lockstep_column pins_columns[] = {
    TEXT("PINNED", "module"),     TEXT("NODE", "node"),
    TEXT("VERSION", "version"),   DIGEST("DIGEST", "digest"),
    TIME("UNTIL", "pin_unix_ms"), TEXT("AFTERWARDS", "after_version"),
    TEXT("NEXT", "next"),         END};
static const struct lockstep_column node_pins_columns[] = {TEXT("PINNED", "module"),
                                                           TEXT("VERSION", "version"),
                                                           DIGEST("DIGEST", "digest"),
                                                           TIME("UNTIL", "pin_unix_ms"),
                                                           TEXT("AFTERWARDS", "after_version"),
                                                           TEXT("NEXT", "next"),
                                                           END};
static const struct lockstep_column history_columns[] = {
    CELL("OPERATION", "id", ID, false),
    TEXT("KIND", "kind"),
    TEXT("STRATEGY", "strategy"),
    TEXT("STATE", "state"),
    NUMBER("GENERATION", "generation"),
    CELL("FROM", "old", LIST, false),
    CELL("TO", "new", LIST, false),
    TEXT("WHO", "who"),
    TIME("OPENED", "times.opened_unix_ms"),
    CELL("MS", "durations.total_ms", NUMBER, true),
    TEXT("MESSAGE", "message"),
    END};
static const struct lockstep_column tokens_columns[] = {TEXT("TOKEN", "id"),
                                                        TEXT("NODE", "node"),
                                                        TEXT("STATE", "state"),
                                                        CELL("LABELS", "labels", LABELS, false),
                                                        TIME("EXPIRES", "expires_unix_ms"),
                                                        TIME("USED", "used_unix_ms"),
                                                        NUMBER("FAILURES", "failures"),
                                                        TEXT("BY", "by"),
                                                        END};
static const struct lockstep_column tools_columns[] = {
    TEXT("TOOL", "tool"),
    TEXT("MODULE", "module"),
    TEXT("VERSION", "version"),
    CELL("GENERATION", "generation", NUMBER, true),
    CELL("IDEMPOTENT", "idempotent", BOOL, false),
    TEXT("TEXT", "text"),
    CELL("INPUT", "input_schema", JSON, true),
    END};
static const struct lockstep_column audit_columns[] = {NUMBER("SEQUENCE", "sequence"),
                                                       TIME("TIME", "unix_ms"),
                                                       TEXT("WHO", "who"),
                                                       TEXT("WHAT", "what"),
                                                       TEXT("SUBJECT", "subject"),
                                                       CELL("HASH", "hash", DIGEST, true),
                                                       END};
static const struct lockstep_column drain_fields[] = {TEXT("module", "module"),
                                                      TEXT("note", "text"), END};
static const struct lockstep_column drain_columns[] = {
    TEXT("NODE", "node"), CELL("OK", "ok", BOOL, false), TEXT("TEXT", "text"), END};
static const struct lockstep_column done_fields[] = {TEXT("done", "what"), TEXT("name", "name"),
                                                     TEXT("note", "text"), END};

enum section_kind {
    FIELDS, /* of the document, or of its member KEY */
    ROWS,   /* of the array KEY: what the document is about */
    EXTRA,  /* rows shown to people only, and only if there are any */
};

static const struct section {
    const char *thing;
    enum section_kind kind;
    const char *key;
    const struct lockstep_column *columns;
} sections[] = {
    {"status", FIELDS, NULL, status_fields},
    {"status", FIELDS, "nodes", nodes_fields},
    {"status", ROWS, "modules", modules_columns},
    {"status", EXTRA, "operations", operations_columns},
    {"status", EXTRA, "alarms", alarms_columns},
    {"nodes", ROWS, "nodes", nodes_columns},
    {"node", FIELDS, NULL, node_fields},
    {"node", ROWS, "status", status_columns},
    {"node", EXTRA, "pins", node_pins_columns},
    {"node", EXTRA, "operations", open_columns},
    {"modules", ROWS, "modules", modules_columns},
    {"module", FIELDS, NULL, module_fields},
    {"module", ROWS, "rows", module_columns},
    {"module-status", ROWS, "rows", status_columns},
    {"operations", ROWS, "operations", operations_columns},
    {"artifacts", ROWS, "artifacts", artifacts_columns},
    {"artifact", FIELDS, NULL, artifact_fields},
    {"check", ROWS, "modules", check_columns},
    {"check", EXTRA, "differences", differences_columns},
    {"check", EXTRA, "pinned", pins_columns},
    {"diff", FIELDS, NULL, diff_fields},
    {"diff", ROWS, "rows", diff_columns},
    {"history", ROWS, "operations", history_columns},
    {"tokens", ROWS, "tokens", tokens_columns},
    {"tools", ROWS, "tools", tools_columns},
    {"audit", ROWS, "rows", audit_columns},
    {"drain", FIELDS, NULL, drain_fields},
    {"drain", ROWS, "nodes", drain_columns},
    {"done", FIELDS, NULL, done_fields},
};

/* ---- cells ---------------------------------------------------------------------------------- */

static char *format_time(uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    char text[32];
    if (unix_ms == 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        return strdup("");
    }
    return strdup(text);
}

static char *format_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double shown = (double)bytes;
    size_t unit = 0;
    char text[LOCKSTEP_VALUE_TEXT];
    for (; shown >= 1024 && unit + 1 < LOCKSTEP_COUNT(units); unit++) {
        shown /= 1024;
    }
    (void)snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", shown, units[unit]);
    return strdup(text);
}

void lockstep_operation_short(const char *id, char ret_text[LOCKSTEP_OPERATION_SHORT])
{
    (void)snprintf(ret_text, LOCKSTEP_OPERATION_SHORT, "%s%.8s", *id == '\0' ? "" : "op-", id);
}

/* "a=1,b" of an object, "a,b" of an array. */
static char *join(const json_t *member)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *key;
    json_t *value;
    size_t index;
    const char *comma = "";
    if (out == NULL) {
        return NULL;
    }
    if (json_is_object(member)) {
        json_object_foreach((json_t *)(uintptr_t)member, key, value)
        {
            const char *word = json_string_value(value);
            (void)fprintf(out, "%s%s%s%s", comma, key, word == NULL || !*word ? "" : "=",
                          word == NULL ? "" : word);
            comma = ",";
        }
    }
    json_array_foreach(member, index, value)
    {
        const char *word = json_string_value(value);
        (void)fprintf(out, "%s%s", comma, word == NULL ? "-" : word);
        comma = ",";
    }
    return fclose(out) == 0 ? text : NULL;
}

static char *format_number(const json_t *member)
{
    char text[LOCKSTEP_VALUE_TEXT];
    if (!json_is_integer(member)) {
        return strdup("");
    }
    (void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(member));
    return strdup(text);
}

/* The last part of KEY, with *OBJECT the member that holds it. */
static const char *step_into(const json_t **object, const char *key)
{
    const char *dot = strchr(key, '.');
    if (dot == NULL) {
        return key;
    }
    *object = json_object_getn(*object, key, (size_t)(dot - key));
    return dot + 1;
}

char *lockstep_render_cell(const json_t *object, const struct lockstep_column *column, bool wide)
{
    const char *key = step_into(&object, column->key);
    const json_t *member = json_object_get(object, key);
    const char *text = lockstep_document_text(object, key);
    char id[LOCKSTEP_OPERATION_SHORT];
    char *name = NULL;
    switch (column->cell) {
    case LOCKSTEP_CELL_TEXT:
        break;
    case LOCKSTEP_CELL_NUMBER:
        return format_number(member);
    case LOCKSTEP_CELL_BYTES:
        return wide ? format_number(member) : format_bytes(lockstep_document_number(object, key));
    case LOCKSTEP_CELL_BOOL:
        return strdup(json_is_true(member) ? "yes" : json_is_false(member) ? "no" : "");
    case LOCKSTEP_CELL_TIME:
        return format_time(lockstep_document_number(object, key));
    case LOCKSTEP_CELL_DIGEST:
        return wide ? strdup(text) : strndup(text, LOCKSTEP_SHORT_TEXT - 1);
    case LOCKSTEP_CELL_ID:
        lockstep_operation_short(text, id);
        return strdup(wide ? text : id);
    case LOCKSTEP_CELL_LABELS:
    case LOCKSTEP_CELL_LIST:
        return join(member);
    case LOCKSTEP_CELL_JSON:
        return member == NULL || json_is_null(member)
                   ? strdup("")
                   : json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);
    case LOCKSTEP_CELL_ARTIFACT:
        return asprintf(&name, "%s@%s", text, lockstep_document_text(object, "version")) < 0 ? NULL
                                                                                             : name;
    }
    return strdup(text);
}

/* ---- sections ------------------------------------------------------------------------------- */

#define COLUMNS_MAX 24

static bool is_for_scripts(const struct lockstep_output *output)
{
    return output->format == LOCKSTEP_FORMAT_TSV || output->format == LOCKSTEP_FORMAT_NAME;
}

size_t lockstep_render_rows(const struct lockstep_output *output, const json_t *rows,
                            const struct lockstep_column *columns, size_t rows_max)
{
    bool wide = output->format == LOCKSTEP_FORMAT_WIDE || is_for_scripts(output);
    const char *headings[COLUMNS_MAX];
    struct lockstep_table table = {.headings = headings};
    size_t index;
    json_t *row;
    size_t lines;
    for (const struct lockstep_column *column = columns; column->key != NULL; column++) {
        if (wide || !column->wide) {
            headings[table.columns++] = column->heading;
        }
    }
    json_array_foreach(rows, index, row)
    {
        for (const struct lockstep_column *column = columns; column->key != NULL; column++) {
            if (wide || !column->wide) {
                LOCKSTEP_FREE char *cell = lockstep_render_cell(row, column, wide);
                lockstep_table_add(&table, cell);
            }
        }
    }
    lines = lockstep_table_print(&table, output, rows_max);
    lockstep_table_deinit(&table);
    return lines;
}

static void render_fields(const struct lockstep_output *output, const json_t *object,
                          const struct lockstep_column *columns)
{
    int width = 0;
    for (const struct lockstep_column *column = columns; column->key != NULL; column++) {
        int length = (int)strlen(column->heading);
        width = length > width ? length : width;
    }
    for (const struct lockstep_column *column = columns; column->key != NULL; column++) {
        LOCKSTEP_FREE char *cell = lockstep_render_cell(object, column,
                                                        output->format == LOCKSTEP_FORMAT_WIDE);
        if (cell == NULL || *cell == '\0') {
            continue;
        }
        (void)fprintf(output->out, "%s:%*s ", column->heading, width - (int)strlen(column->heading),
                      "");
        lockstep_print_word(output, cell, 0);
        (void)fputc('\n', output->out);
    }
}

static void render_section(const struct lockstep_output *output, const json_t *document,
                           const struct section *section)
{
    const json_t *member = section->key == NULL ? document
                                                : json_object_get(document, section->key);
    if (section->kind == ROWS) {
        (void)lockstep_render_rows(output, member, section->columns, 0);
    } else if (is_for_scripts(output)) {
        return;
    } else if (section->kind == FIELDS) {
        render_fields(output, member, section->columns);
    } else if (json_array_size(member) > 0) {
        (void)fputc('\n', output->out);
        (void)lockstep_render_rows(output, member, section->columns, 0);
    }
}

/* What a document of fields alone is called: for -o name and tsv. */
static void render_names(const struct lockstep_output *output, const json_t *document)
{
    const char *name = lockstep_document_text(document, "module");
    const char *version = lockstep_document_text(document, "version");
    if (name[0] == '\0') {
        name = lockstep_document_text(document, "name");
    }
    lockstep_print(output->out, "%s%s%s\n", name, version[0] == '\0' ? "" : "@", version);
}

void lockstep_render(const struct lockstep_output *output, const json_t *document)
{
    bool rows = false;
    bool known = false;
    if (lockstep_output_is_json(output)) {
        lockstep_print_json(output, document);
        return;
    }
    if (lockstep_document_is(document, "operation")) {
        lockstep_render_operation(output, document);
        return;
    }
    if (lockstep_document_is(document, "plan")) {
        lockstep_render_plan(output, document);
        return;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(sections); i++) {
        if (lockstep_document_is(document, sections[i].thing)) {
            if (known && sections[i].kind == ROWS && !is_for_scripts(output)) {
                (void)fputc('\n', output->out);
            }
            render_section(output, document, &sections[i]);
            rows = rows || sections[i].kind == ROWS;
            known = true;
        }
    }
    if (!known) {
        lockstep_print_json(output, document);
    } else if (!rows && is_for_scripts(output)) {
        render_names(output, document);
    }
}
