/* The command line of lockstepd: parsed and judged, and nothing done. */
int lockstepd_main(int argc, char **argv);
#define main lockstepd_main
#include "coordinator/main.c"
#undef main
#include "tests/fuzz/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstepd"};
    struct arguments_line line;
    struct flags flags = {0};
    struct lockstep_daemon daemon = {.name = "lockstepd",
                                     .about = about,
                                     .ending = ending,
                                     .kind = LOCKSTEP_CONFIG_COORDINATOR,
                                     .own = {"Options", rows, LOCKSTEP_COUNT(rows), &flags}};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum command command = SERVE;
    int code = -1;
    arguments_be_quiet();
    arguments_take(&line, first, LOCKSTEP_COUNT(first), data, size);
    if (!lockstep_daemon_start(&daemon, line.argc, line.argv, &code)) {
        MUST(code == EXIT_SUCCESS || code == LOCKSTEP_EXIT_USAGE);
    } else if (check_words(&daemon, &flags, &command, &err) == LOCKSTEP_OK) {
        MUST(daemon.word_count == (int)command && flags.admins.count <= LOCKSTEP_LIST_MAX);
        MUST(command == INIT || flags.new_admin == NULL);
    } else {
        MUST(err.message[0] != '\0');
    }
    arguments_drop(&line);
    return 0;
}
