/* The command line of lockstep-host: parsed, and nothing started. */
int lockstep_host_main(int argc, char **argv);
#define main lockstep_host_main
#include "agent/host/main.c"
#undef main
#include "tests/fuzz/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstep-host"};
    struct arguments_line line;
    struct arguments arguments = {.options = {.size = sizeof(arguments.options)}};
    int code;
    arguments_be_quiet();
    arguments_take(&line, first, LOCKSTEP_COUNT(first), data, size);
    optind = 0; /* glibc: begin anew */
    code = read_arguments(line.argc, line.argv, &arguments);
    MUST(code >= 0 && code <= 2);
    MUST(arguments.listeners_count <= LOCKSTEP_LISTENERS_MAX);
    MUST(arguments.options.workers <= INT32_MAX && arguments.options.boot_wait_ms <= INT32_MAX);
    arguments_drop(&line);
    return 0;
}
