/* Operations and plans, for people. */
#include "coordinator/cli/render.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"

#include <inttypes.h>
#include <string.h>

static const struct lockstep_column part_columns[] = {
    LOCKSTEP_COLUMN("NODE", "node", TEXT, false), LOCKSTEP_COLUMN("STATE", "state", TEXT, false),
    LOCKSTEP_COLUMN("CODE", "code", TEXT, false), LOCKSTEP_COLUMN("CLASS", "class", TEXT, false),
    LOCKSTEP_COLUMN("TEXT", "text", TEXT, false), LOCKSTEP_COLUMN_END,
};

static const struct lockstep_column plan_columns[] = {
    LOCKSTEP_COLUMN("NODE", "node", TEXT, false),
    LOCKSTEP_COLUMN("STATE", "state", TEXT, false),
    LOCKSTEP_COLUMN("FROM", "from", LIST, false),
    LOCKSTEP_COLUMN("TO", "to", LIST, false),
    LOCKSTEP_COLUMN_END,
};

static const char *or_dash(const char *text)
{
    return *text == '\0' ? "-" : text;
}

/* Only where it is not the usual one: what its host does, and what it need not pass. */
static void print_driver(const struct lockstep_output *output, const json_t *item)
{
    const char *driver = lockstep_document_text(item, "driver");
    const json_t *waives = json_object_get(item, "waives");
    if (*driver == '\0' || strcmp(driver, "in-place") == 0) {
        return;
    }
    lockstep_print(output->out, "    driver %s", driver);
    for (size_t i = 0; i < json_array_size(waives); i++) {
        lockstep_print(output->out, "%s%s", i == 0 ? ", pinned: waives " : ",",
                       json_string_value(json_array_get(waives, i)));
    }
    lockstep_print(output->out, "\n");
}

/* Only where something would be lost, or is not known. */
static void print_rollback(const struct lockstep_output *output, const json_t *item)
{
    const char *class = lockstep_document_text(item, "rollback");
    if (*class != '\0' && strcmp(class, "lossless") != 0) {
        lockstep_print(output->out, "    rollback %s: %s\n", class,
                       lockstep_document_text(item, "rollback_says"));
    }
}

/* "auth 2.4.1 -> 2.4.2 (generation 19, 9f3c1a2e)", one line each. Going back may bring each node
 * something else, and a plan of it signs no digest. */
static void print_items(const struct lockstep_output *output, const json_t *document)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(document, "items"), index, item)
    {
        const char *leaving = lockstep_document_text(item, "leaving_version");
        const char *version = lockstep_document_text(item, "version");
        const char *digest = lockstep_document_text(item, "digest");
        if (*leaving == '\0') {
            leaving = lockstep_document_text(item, "leaving");
        }
        lockstep_print(
            output->out, "  %s %.63s%s%s (generation %" PRIu64 "%s%.8s)\n",
            lockstep_document_text(item, "module"), leaving, *leaving == '\0' ? "" : " -> ",
            *version == '\0' ? "what each node ran before" : version,
            lockstep_document_number(item, "generation"), *digest == '\0' ? "" : ", ", digest);
        print_driver(output, item);
        print_rollback(output, item);
    }
}

static void print_next(const struct lockstep_output *output, const json_t *document)
{
    size_t index;
    json_t *command;
    json_array_foreach(json_object_get(document, "next"), index, command)
    {
        const char *text = json_string_value(command);
        if (text != NULL) {
            lockstep_print(output->out, "next: %s\n", text);
        }
    }
}

static void print_cause(const struct lockstep_output *output, const json_t *operation)
{
    const json_t *cause = json_object_get(operation, "cause");
    const char *class = lockstep_document_text(cause, "class");
    const char *node = lockstep_document_text(cause, "node");
    if (!json_is_object(cause)) {
        return;
    }
    lockstep_print(output->out, "cause: %s%s%s: %s%s%s%s: %s\n", node, *node == '\0' ? "" : ", ",
                   or_dash(lockstep_document_text(cause, "phase")),
                   or_dash(lockstep_document_text(cause, "code")), *class == '\0' ? "" : " (",
                   class, *class == '\0' ? "" : ")",
                   or_dash(lockstep_document_text(cause, "text")));
}

char *lockstep_render_progress(const json_t *operation)
{
    char id[LOCKSTEP_OPERATION_SHORT];
    char *text = NULL;
    size_t size = 0;
    const char *before = ": ";
    const char *state;
    json_t *number;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    lockstep_operation_short(lockstep_document_text(operation, "id"), id);
    lockstep_print(out, "%s %s", id, lockstep_document_text(operation, "state"));
    json_object_foreach(json_object_get(operation, "counts"), state, number)
    {
        if (json_is_integer(number) && json_integer_value(number) > 0) {
            lockstep_print(out, "%s%s %" JSON_INTEGER_FORMAT, before, state,
                           json_integer_value(number));
            before = ", ";
        }
    }
    return fclose(out) == 0 ? text : NULL;
}

size_t lockstep_render_parts(const struct lockstep_output *output, const json_t *operation,
                             size_t rows_max)
{
    return lockstep_render_rows(output, json_object_get(operation, "parts"), part_columns,
                                rows_max);
}

static void print_title(const struct lockstep_output *output, const json_t *operation)
{
    char id[LOCKSTEP_OPERATION_SHORT];
    const char *message = lockstep_document_text(operation, "message");
    const char *result = lockstep_document_text(operation, "result");
    lockstep_operation_short(lockstep_document_text(operation, "id"), id);
    lockstep_print(output->out, "%s ", id);
    lockstep_print_word(output,
                        *result == '\0' ? lockstep_document_text(operation, "state") : result, 0);
    lockstep_print(output->out, "%s: %s, %s, %" PRIu64 " node%s, by %s%s%s\n",
                   json_is_true(json_object_get(operation, "final")) ? " (final)" : "",
                   or_dash(lockstep_document_text(operation, "kind")),
                   or_dash(lockstep_document_text(operation, "strategy")),
                   lockstep_document_number(operation, "n"),
                   lockstep_document_number(operation, "n") == 1 ? "" : "s",
                   or_dash(lockstep_document_text(operation, "who")), *message == '\0' ? "" : ": ",
                   message);
}

void lockstep_render_operation(const struct lockstep_output *output, const json_t *operation)
{
    if (output->format == LOCKSTEP_FORMAT_NAME) {
        lockstep_print(output->out, "%s\n", lockstep_document_text(operation, "id"));
        return;
    }
    if (output->format != LOCKSTEP_FORMAT_TSV) {
        print_title(output, operation);
        print_items(output, operation);
        print_cause(output, operation);
    }
    (void)lockstep_render_parts(output, operation, 0);
    if (output->format != LOCKSTEP_FORMAT_TSV) {
        print_next(output, operation);
    }
}

void lockstep_render_plan(const struct lockstep_output *output, const json_t *plan)
{
    bool admitted = json_is_true(json_object_get(plan, "admitted"));
    const char *holder = lockstep_document_text(plan, "holder");
    if (output->format == LOCKSTEP_FORMAT_NAME || output->format == LOCKSTEP_FORMAT_TSV) {
        (void)lockstep_render_rows(output, json_object_get(plan, "parts"), plan_columns, 0);
        return;
    }
    bool nothing = !admitted && json_object_get(plan, "exit") != NULL &&
                   lockstep_document_number(plan, "exit") == 0;
    lockstep_print(output->out, "%s: %s, %s\n",
                   nothing    ? "nothing to do"
                   : admitted ? "would be admitted"
                              : "would be refused",
                   or_dash(lockstep_document_text(plan, "kind")),
                   or_dash(lockstep_document_text(plan, "strategy")));
    if (!admitted) {
        lockstep_print(output->out, "because: %s%s%s\n",
                       or_dash(lockstep_document_text(plan, "text")),
                       *holder == '\0' ? "" : "; held by ", holder);
    }
    if (json_is_true(json_object_get(plan, "waits"))) {
        lockstep_print(output->out, "it would wait for the absent nodes\n");
    }
    if (json_array_size(json_object_get(plan, "parts")) > 0) {
        print_items(output, plan);
    }
    lockstep_print(output->out, "  %s\n", lockstep_document_text(plan, "arithmetic"));
    if (json_array_size(json_object_get(plan, "parts")) > 0) {
        (void)lockstep_render_rows(output, json_object_get(plan, "parts"), plan_columns, 0);
    }
    print_next(output, plan);
}
