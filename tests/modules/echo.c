/* A stateless module for tests: says which version it is, and waits when it is asked to. */
#include "lockstep/module.h"

#include <string.h>
#include <time.h>

#ifndef ECHO_VERSION
#define ECHO_VERSION "1.0.0"
#endif
#ifndef ECHO_NAME
#define ECHO_NAME "echo"
#endif
#ifndef ECHO_REQUIRED
#define ECHO_REQUIRED "echo"
#endif

static const struct lockstep_host_api *host;

/* Refuses when the last line of its configuration says so. */
static int load(const struct lockstep_load *with)
{
    const char *last = strrchr(with->config, '\n');
    host = with->host;
    return strcmp(last == NULL ? with->config : last + 1, "refuse") == 0 &&
           lockstep_sink_print(with->why, "told to");
}

/* The version, a blank and the request. */
static int say(struct lockstep_call *call)
{
#ifdef ECHO_DIES
    if (call->request_size == 3 && memcmp(call->request, "die", 3) == 0) {
        volatile int *volatile nowhere = NULL;
        return *nowhere;
    }
#endif
    return !call->answer->write(call->answer, ECHO_VERSION " ", sizeof(ECHO_VERSION)) ||
           !call->answer->write(call->answer, call->request, call->request_size);
}

/* Takes as many milliseconds as it is told, or 300. */
static int wait(struct lockstep_call *call)
{
    struct timespec pause = {.tv_sec = 0};
    long ms = 0;
    for (size_t i = 0; i < call->request_size && i < 5; i++) {
        ms = call->request[i] >= '0' && call->request[i] <= '9' ? ms * 10 + (call->request[i] - '0')
                                                                : 0;
    }
    ms = ms == 0 ? 300 : ms;
    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    (void)nanosleep(&pause, NULL);
    return say(call);
}

/* Its own version and what the module "echo" says, in one call: both of one set. */
static int pair(struct lockstep_call *call)
{
    if (!call->answer->write(call->answer, ECHO_VERSION "|", sizeof(ECHO_VERSION))) {
        return 1;
    }
    return host == NULL || host->call == NULL ? 0 : host->call(host, "echo.say", call);
}

static int fails(struct lockstep_call *call)
{
    (void)lockstep_sink_print(call->answer, "it always does");
    return 1;
}

static int smoke(struct lockstep_sink *why)
{
#if defined(ECHO_SMOKE_LIVE) /* 1: fails, 2: too late, 3: late; but not while nobody calls it yet \
                              */
    static int runs;
    const struct timespec pause = {.tv_sec = 3};
    if (host == NULL || host->call == NULL || runs++ == 0) {
        return 0;
    }
    (void)lockstep_sink_print(why, "not while it is live");
    return ECHO_SMOKE_LIVE == 1 ? 1 : nanosleep(&pause, NULL);
#elif defined(ECHO_SMOKE_HANGS)
    const struct timespec pause = {.tv_sec = 3};
    (void)why;
    return nanosleep(&pause, NULL);
#elif defined(ECHO_SMOKE_FAILS)
    (void)lockstep_sink_print(why, "smoke was asked for");
    return 1;
#else
    (void)why;
    return 0;
#endif
}

#ifdef ECHO_RETIRE_HANGS
static void retire(void)
{
    const struct timespec pause = {.tv_sec = 60};
    (void)nanosleep(&pause, NULL);
}
#define RETIRE retire
#else
#define RETIRE NULL
#endif

static const struct lockstep_tool tools[] = {
    {ECHO_NAME ".say", say, LOCKSTEP_TOOL_IDEMPOTENT, "Says what it is told",
     "{\"type\":\"string\",\"description\":\"what it says\"}"},
    {ECHO_NAME ".wait", wait, 0, "Says it late", NULL},
    {ECHO_NAME ".pair", pair, 0, "Says it with echo", NULL},
    {ECHO_NAME ".fail", fails, 0, "Fails", NULL},
};
#if defined(ECHO_SMOKE_HANGS) || (defined(ECHO_SMOKE_LIVE) && ECHO_SMOKE_LIVE == 2)
#define SMOKE_MS 100
#else
#define SMOKE_MS 20000
#endif
static const struct lockstep_smoke smokes[] = {{"says", smoke, SMOKE_MS}};

LOCKSTEP_MODULE((.module = ECHO_NAME, .version = ECHO_VERSION, .service = "default",
#ifdef ECHO_REQUIRES
                 .needs = {{ECHO_REQUIRED, ECHO_REQUIRES}},
#endif
                 .tools = {ECHO_NAME ".say", ECHO_NAME ".wait", ECHO_NAME ".pair",
                           ECHO_NAME ".fail"}),
                (.tools = tools, .tools_count = 4, .smokes = smokes, .smokes_count = 1,
                 .load = load, .retire = RETIRE));
