/* The command line of lockstep-agent: parsed and judged, and nothing done. */
int lockstep_agent_main(int argc, char **argv);
#define main lockstep_agent_main
#include "agent/main.c"
#undef main
#include "tests/fuzz/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstep-agent"};
    struct arguments_line line;
    struct flags flags = {0};
    struct lockstep_daemon daemon = {.name = "lockstep-agent",
                                     .about = about,
                                     .ending = ending,
                                     .kind = LOCKSTEP_CONFIG_AGENT,
                                     .own = {"Options", rows, LOCKSTEP_COUNT(rows), &flags}};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_resolve resolve = {0};
    bool resolving = false;
    int code = -1;
    arguments_be_quiet();
    arguments_take(&line, first, LOCKSTEP_COUNT(first), data, size);
    if (!lockstep_daemon_start(&daemon, line.argc, line.argv, &code)) {
        MUST(code == EXIT_SUCCESS || code == LOCKSTEP_EXIT_USAGE);
    } else if (check_words(&daemon, &flags, &resolve, &resolving, &err) == LOCKSTEP_OK) {
        MUST(resolving || (resolve.operation == NULL && resolve.reason == NULL));
        MUST(!resolving || flags.join == NULL);
    } else {
        MUST(err.message[0] != '\0');
    }
    arguments_drop(&line);
    return 0;
}
