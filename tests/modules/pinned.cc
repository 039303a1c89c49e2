// A module in C++ that leaves things behind in its process: a unique symbol, which a second version
// of it would share, and a thread's own object. Such a module is exchanged with its whole process.
#include "lockstep/module.h"

#ifndef PINNED_VERSION
#define PINNED_VERSION "1.0.0"
#endif

// One a process, whichever version was there first.
template <typename T> struct __attribute__((visibility("default"))) Once {
    static const char *first;
};
template <typename T> const char *Once<T>::first = PINNED_VERSION;

static thread_local unsigned long calls;

extern "C" {

// Its own version, and that of the shared object: the same in one process.
static int pair(struct lockstep_call *call)
{
    calls++;
    return !lockstep_sink_print(call->answer, "%s|%s %.*s", PINNED_VERSION, Once<int>::first,
                                (int)call->request_size, (const char *)call->request);
}

static const struct lockstep_tool tools[] = {
    {"pinned.pair", pair, LOCKSTEP_TOOL_IDEMPOTENT, "Says which version it shares", nullptr},
};

extern __attribute__((visibility("default"))) const struct lockstep_module lockstep_module;

LOCKSTEP_MODULE((.module = "pinned", .service = "default", .version = PINNED_VERSION,
                 .tools = {"pinned.pair"}),
                (.tools = tools, .tools_count = 1));
}
