/* Commands that ask for a document and print it. */
#include "coordinator/cli/command.h"

#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

/* The words, as what a SHOW names. */
static enum lockstep_exit show(struct lockstep_run *run, enum lockstep_thing thing)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    bool waiting;
    enum lockstep_exit code = lockstep_run_show(run, thing, (const char *const *)run->words,
                                                run->word_count, &document);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    code = lockstep_exit_of(document, run->flags.detailed_exitcode, &waiting);
    if (!run->output.quiet || code != LOCKSTEP_EXIT_DONE) {
        lockstep_render(&run->output, document);
    }
    /* An operation that is shown was not asked to succeed. */
    return thing == LOCKSTEP_THING_OPERATION ? LOCKSTEP_EXIT_DONE : code;
}

#define SHOWS(name, thing)                                               \
    enum lockstep_exit lockstep_command_##name(struct lockstep_run *run) \
    {                                                                    \
        return show(run, LOCKSTEP_THING_##thing);                        \
    }

SHOWS(status, STATUS)
SHOWS(check, CHECK)
SHOWS(diff, DIFF)
SHOWS(history, HISTORY)
SHOWS(node_ls, NODES)
SHOWS(node_show, NODE)
SHOWS(module_ls, MODULES)
SHOWS(module_show, MODULE)
SHOWS(module_status, MODULE_STATUS)
SHOWS(token_ls, TOKENS)
SHOWS(op_ls, OPERATIONS)
SHOWS(op_show, OPERATION)
SHOWS(artifact_ls, ARTIFACTS)
SHOWS(artifact_show, ARTIFACT)
