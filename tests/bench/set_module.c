/* One of a hundred: bytes of its name and version are written over (host_bench_files.c). As large
 * as the modules of anchors were, 47 kB, and its functions call into libc. */
#include "lockstep/module.h"

#include <string.h>

static const char ballast[32768] = {1};

static int say(struct lockstep_call *call)
{
    return call->answer == NULL || !call->answer->write(call->answer, ballast, 1);
}

static int smoke(struct lockstep_sink *why)
{
    (void)why;
    return strlen(ballast) == 0;
}

static const struct lockstep_tool tools[] = {
    {"bench-000.say", say, LOCKSTEP_TOOL_IDEMPOTENT, "Says a byte", NULL}};
static const struct lockstep_smoke smokes[] = {{"says", smoke, 1000}};

LOCKSTEP_MODULE((.module = "bench-000", .version = "7.0.0", .service = "default",
                 .tools = {"bench-000.say"}),
                (.tools = tools, .tools_count = 1, .smokes = smokes, .smokes_count = 1));
