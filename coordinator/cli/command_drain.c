/* module drain, module resume, node drain, node resume: what an operator shuts, and opens again. */
#include "coordinator/cli/command.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

/* Shows what became of it on each node, and ends as that does. */
static enum lockstep_exit finish(struct lockstep_run *run, const struct lockstep_wire *wire)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = lockstep_run_ask(run, wire, &document);
    const char *module;
    bool waiting = false;
    if (code == LOCKSTEP_EXIT_TIMED_OUT || code == LOCKSTEP_EXIT_DETACHED) {
        lockstep_print(run->output.err, "what was begun on nodes goes on there\n"
                                        "next: lockstep module status\n");
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (!run->output.quiet) {
        lockstep_render(&run->output, document);
    }
    code = lockstep_exit_of(document, false, &waiting);
    if (code != LOCKSTEP_EXIT_DONE) {
        module = lockstep_document_text(document, "module");
        lockstep_print(run->output.err, "lockstep: %s\nnext: lockstep module status%s%s\n",
                       lockstep_document_text(document, "text"), module[0] == '\0' ? "" : " ",
                       module);
    }
    return code;
}

static enum lockstep_exit set_module(struct lockstep_run *run, bool resume)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_MODULE_DRAIN};
    struct lockstep_wire_module_drain *drain = &wire.u.module_drain;
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    struct lockstep_name module;
    enum lockstep_exit code;
    if (!lockstep_name_parse(run->words[0], &module)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no module", run->words[0]);
    }
    code = lockstep_run_nodes(run, nodes);
    code = code == LOCKSTEP_EXIT_DONE ? lockstep_run_connect(run) : code;
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    *drain = (struct lockstep_wire_module_drain){.request = lockstep_session_number(run->session),
                                                 .module = module.text,
                                                 .node_count = run->flags.nodes.count,
                                                 .nodes = nodes,
                                                 .selector = run->flags.selector,
                                                 .resume = resume,
                                                 .refuse = run->flags.refuse,
                                                 .drain_ms = run->flags.drain_timeout.number,
                                                 .message = run->flags.message};
    return finish(run, &wire);
}

enum lockstep_exit lockstep_command_module_drain(struct lockstep_run *run)
{
    return set_module(run, false);
}

enum lockstep_exit lockstep_command_module_resume(struct lockstep_run *run)
{
    return set_module(run, true);
}

static enum lockstep_exit find_node(struct lockstep_run *run, struct lockstep_name *ret_node)
{
    if (!lockstep_name_parse(run->words[0], ret_node)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no name; one is like web-3",
                                 run->words[0]);
    }
    return lockstep_run_connect(run);
}

enum lockstep_exit lockstep_command_node_drain(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_MODULE_DRAIN};
    struct lockstep_name node;
    enum lockstep_exit code = find_node(run, &node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.module_drain = (struct lockstep_wire_module_drain){
        .request = lockstep_session_number(run->session),
        .module = "",
        .node_count = 1,
        .nodes = &node,
        .selector = "",
        .refuse = run->flags.refuse,
        .drain_ms = run->flags.drain_timeout.number,
        .message = run->flags.message};
    return finish(run, &wire);
}

enum lockstep_exit lockstep_command_node_resume(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_RESUME};
    struct lockstep_name node;
    enum lockstep_exit code = find_node(run, &node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.resume = (struct lockstep_wire_resume){.request = lockstep_session_number(run->session),
                                                  .node = node.text,
                                                  .message = run->flags.message};
    return finish(run, &wire);
}
