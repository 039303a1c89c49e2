/* Unmapping what is retired, node by node. */
#include "coordinator/cli/command.h"

#include "coordinator/cli/document.h"

#include <inttypes.h>
#include <string.h>

static void print_processes(struct lockstep_run *run, const json_t *document)
{
    const char *node = lockstep_document_text(document, "node");
    const char *module = lockstep_document_text(document, "module");
    const json_t *process;
    size_t i;
    json_array_foreach(json_object_get(document, "processes"), i, process)
    {
        const char *text = lockstep_document_text(process, "text");
        uint64_t unmapped = lockstep_document_number(process, "unmapped");
        uint64_t left = lockstep_document_number(process, "left");
        if (run->output.format == LOCKSTEP_FORMAT_NAME) {
            lockstep_print(run->output.out, "%s\n", node);
        } else if (run->output.format == LOCKSTEP_FORMAT_TSV) {
            char counts[2][24];
            const char *const cells[] = {node, module, counts[0], counts[1], text};
            (void)snprintf(counts[0], sizeof(counts[0]), "%" PRIu64, unmapped);
            (void)snprintf(counts[1], sizeof(counts[1]), "%" PRIu64, left);
            lockstep_print_cells(run->output.out, cells, LOCKSTEP_COUNT(cells));
        } else {
            lockstep_print(run->output.out, "%s: %s: %" PRIu64 " unmapped, %" PRIu64 " left%s%s\n",
                           node, module, unmapped, left, text[0] == '\0' ? "" : ": ", text);
        }
    }
}

/* True if retired versions are left in a process of the node. */
static bool is_left(const json_t *document)
{
    const json_t *process;
    size_t i;
    json_array_foreach(json_object_get(document, "processes"), i, process)
    {
        if (lockstep_document_number(process, "left") > 0) {
            return true;
        }
    }
    return false;
}

/* On one node; *LEFT is set if something is left there. */
static enum lockstep_exit purge(struct lockstep_run *run, const struct lockstep_name *node,
                                const struct lockstep_name *module, bool *left)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_MODULE_PURGE};
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code;
    wire.u.module_purge = (struct lockstep_wire_module_purge){
        .request = lockstep_session_number(run->session),
        .node = *node,
        .module = *module,
        .hard = run->flags.hard,
        .wait_ms = run->flags.drain_timeout.number,
        .message = run->flags.message == NULL ? "" : run->flags.message,
    };
    code = lockstep_run_ask(run, &wire, &document);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (json_is_false(json_object_get(document, "ok"))) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_FAILED, "%s: %s", node->text,
                                 lockstep_document_text(document, "text"));
    }
    if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
    } else if (!run->output.quiet) {
        print_processes(run, document);
    }
    *left = *left || is_left(document);
    return LOCKSTEP_EXIT_DONE;
}

/* Where nodes are not named: all that run the module. */
static enum lockstep_exit purge_everywhere(struct lockstep_run *run,
                                           const struct lockstep_name *module, bool *left)
{
    const char *words[] = {module->text};
    LOCKSTEP_DECREF json_t *status = NULL;
    enum lockstep_exit worst = lockstep_run_show(run, LOCKSTEP_THING_MODULE_STATUS, words, 1,
                                                 &status);
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(status, "rows"), i, row)
    {
        struct lockstep_name node;
        if (lockstep_name_parse(lockstep_document_text(row, "node"), &node)) {
            enum lockstep_exit code = purge(run, &node, module, left);
            worst = worst == LOCKSTEP_EXIT_DONE ? code : worst;
        }
    }
    return worst;
}

enum lockstep_exit lockstep_command_module_purge(struct lockstep_run *run)
{
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    struct lockstep_name module;
    enum lockstep_exit worst = LOCKSTEP_EXIT_DONE;
    bool left = false;
    if (!lockstep_name_parse(run->words[0], &module)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no module; purge takes MODULE",
                                 run->words[0]);
    }
    worst = lockstep_run_nodes(run, nodes);
    if (worst == LOCKSTEP_EXIT_DONE && run->flags.nodes.count == 0) {
        worst = purge_everywhere(run, &module, &left);
    } else if (worst == LOCKSTEP_EXIT_DONE) {
        worst = lockstep_run_connect(run);
        for (size_t i = 0; worst == LOCKSTEP_EXIT_DONE && i < run->flags.nodes.count; i++) {
            worst = purge(run, &nodes[i], &module, &left);
        }
    }
    if (worst == LOCKSTEP_EXIT_DONE && left && run->flags.detailed_exitcode) {
        return LOCKSTEP_EXIT_DIFFERENT;
    }
    return worst;
}
