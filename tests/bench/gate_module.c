/* A module for measurements: its tool does nothing. */
#include "lockstep/module.h"

static int nothing(struct lockstep_call *call)
{
    (void)call;
    return 0;
}

static const struct lockstep_tool tools[] = {
    {"bench.nothing", nothing, LOCKSTEP_TOOL_IDEMPOTENT, "Does nothing", NULL}};

LOCKSTEP_MODULE((.module = "bench", .version = "1.0.0", .service = "default",
                 .tools = {"bench.nothing"}),
                (.tools = tools, .tools_count = 1));
