/* What is done with one node. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

/* The node that is meant; not DONE: it has been said why. */
static enum lockstep_exit find(struct lockstep_run *run, struct lockstep_name *ret_node)
{
    if (!lockstep_name_parse(run->words[0], ret_node)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%.64s is no name; one is like web-3",
                                 run->words[0]);
    }
    return lockstep_run_connect(run);
}

static enum lockstep_exit ask(struct lockstep_run *run, const struct lockstep_wire *wire)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = lockstep_run_ask(run, wire, &document);
    if (code == LOCKSTEP_EXIT_DONE && !run->output.quiet) {
        lockstep_render(&run->output, document);
    }
    return code;
}

static enum lockstep_exit set_cordon(struct lockstep_run *run, bool lift)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_NODE_CORDON};
    struct lockstep_wire_node_cordon *cordon = &wire.u.node_cordon;
    enum lockstep_exit code = find(run, &cordon->node);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    cordon->request = lockstep_session_number(run->session);
    cordon->lift = lift;
    cordon->message = run->flags.message;
    return ask(run, &wire);
}

enum lockstep_exit lockstep_command_node_cordon(struct lockstep_run *run)
{
    return set_cordon(run, false);
}

enum lockstep_exit lockstep_command_node_uncordon(struct lockstep_run *run)
{
    return set_cordon(run, true);
}
