/* lockstep-mcp: the tools of this machine's services for a client that starts us and speaks MCP. */
#include "agent/mcp/lines.h"
#include "agent/mcp/server.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_HERE "/run/lockstep/tools/default.sock"
#define TIMEOUT_MS  30000

enum { EXIT_WELL = 0, EXIT_INTERNAL = 1, EXIT_USAGE = 2 };

static const char help[] =
    "usage: lockstep-mcp [options]\n"
    "\n"
    "A Model Context Protocol server on standard input and output: lists and calls the tools that\n"
    "this machine's modules have, and says when a reload has changed them.\n"
    "Exit status: 0 the client has closed its side, 1 no memory or nobody reads, 2 wrong usage.\n"
    "\n"
    "  --socket PATH     tool socket of a service; may be repeated, 16 at most\n"
    "                    (" SOCKET_HERE ")\n"
    "  --timeout-ms N    for one call (30000)\n"
    "  --help, --version\n";

enum option_id {
    OPTION_SOCKET = 256,
    OPTION_TIMEOUT,
    OPTION_HELP,
    OPTION_VERSION,
};

struct arguments {
    const char *paths[LOCKSTEP_MCP_SOURCES_MAX];
    size_t count;
    uint32_t timeout_ms;
    bool shown; /* help or version: that is all */
};

static bool take_timeout(struct arguments *arguments, const char *text)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    arguments->timeout_ms = (uint32_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number > 0 && number <= 3600000;
}

/* What is wrong, or NULL. */
static const char *take_option(struct arguments *arguments, int option)
{
    switch (option) {
    case OPTION_SOCKET:
        if (arguments->count == LOCKSTEP_MCP_SOURCES_MAX) {
            return "--socket: at most 16";
        }
        arguments->paths[arguments->count++] = optarg;
        return NULL;
    case OPTION_TIMEOUT:
        return take_timeout(arguments, optarg) ? NULL : "--timeout-ms: 1 to 3600000";
    case OPTION_HELP:
        (void)fputs(help, stdout);
        arguments->shown = true;
        return NULL;
    case OPTION_VERSION:
        (void)puts("lockstep-mcp " LOCKSTEP_VERSION);
        arguments->shown = true;
        return NULL;
    default:
        return "see lockstep-mcp --help";
    }
}

static const char *take_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"timeout-ms", required_argument, NULL, OPTION_TIMEOUT},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    const char *mistake = NULL;
    int option;
    *ret_arguments = (struct arguments){.timeout_ms = TIMEOUT_MS};
    while (mistake == NULL && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        mistake = take_option(ret_arguments, option);
    }
    if (mistake == NULL && optind < argc) {
        mistake = "it takes no arguments but options; see lockstep-mcp --help";
    }
    if (ret_arguments->count == 0) {
        ret_arguments->paths[ret_arguments->count++] = SOCKET_HERE;
    }
    return mistake;
}

static int serve(const struct arguments *arguments)
{
    const struct lockstep_mcp_config config = {.paths = arguments->paths,
                                               .count = arguments->count,
                                               .timeout_ms = arguments->timeout_ms,
                                               .out = stdout};
    struct lockstep_lines lines = {.fd = STDIN_FILENO, .max = LOCKSTEP_MCP_LINE_MAX};
    struct lockstep_mcp *server = lockstep_mcp_new(&config);
    enum lockstep_line line = LOCKSTEP_LINE_WHOLE;
    bool failed = server == NULL;
    if (failed) {
        (void)fputs("lockstep-mcp: no memory or threads, or a --socket is too long\n", stderr);
        return EXIT_INTERNAL;
    }
    while (!failed && line != LOCKSTEP_LINE_END) {
        const char *text = NULL;
        size_t size = 0;
        line = lockstep_lines_next(&lines, &text, &size);
        if (line == LOCKSTEP_LINE_WHOLE) {
            lockstep_mcp_line(server, text, size);
        } else if (line == LOCKSTEP_LINE_TOO_LONG) {
            lockstep_mcp_line_too_long(server);
        }
        failed = lockstep_mcp_failed(server);
    }
    server = lockstep_mcp_free(server);
    lockstep_lines_deinit(&lines);
    return failed ? EXIT_INTERNAL : EXIT_WELL;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    const struct sigaction ignore = {.sa_handler = SIG_IGN}; /* a write says it as well */
    const char *mistake = take_arguments(argc, argv, &arguments);
    if (mistake != NULL) {
        (void)fprintf(stderr, "lockstep-mcp: %s\n", mistake);
        return EXIT_USAGE;
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return arguments.shown ? EXIT_WELL : serve(&arguments);
}
