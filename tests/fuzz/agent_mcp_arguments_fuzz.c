/* The command line of lockstep-mcp: parsed, and nothing served. */
int lockstep_mcp_main(int argc, char **argv);
#define main lockstep_mcp_main
#include "agent/mcp/main.c"
#undef main
#include "tests/fuzz/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstep-mcp"};
    struct arguments_line line;
    struct arguments arguments;
    const char *mistake;
    arguments_be_quiet();
    arguments_take(&line, first, 1, data, size);
    optind = 0; /* glibc: begin anew */
    mistake = take_arguments(line.argc, line.argv, &arguments);
    MUST(arguments.count >= 1 && arguments.count <= LOCKSTEP_MCP_SOURCES_MAX);
    MUST(mistake != NULL || (arguments.timeout_ms > 0 && arguments.timeout_ms <= 3600000));
    arguments_drop(&line);
    return 0;
}
