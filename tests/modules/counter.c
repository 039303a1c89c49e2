/*
 * A stateful module for tests: numbers by key. Schema 2 also knows how often it was added to; going
 * down it gives that back as residue, so nothing is lost on the way there and back. A number in the
 * operator's extra text is added on the way up, and taken off on the way down.
 */
#include "lockstep/module.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef COUNTER_SCHEMA
#define COUNTER_SCHEMA 1
#endif
#if COUNTER_SCHEMA == 1
#define COUNTER_VERSION "1.0.0"
#else
#define COUNTER_VERSION "2.0.0"
#endif

#ifdef COUNTER_NO_UP
#define COUNTER_UP NULL
#else
#define COUNTER_UP up
#endif

static uint64_t value; /* both schemas */
static uint64_t times; /* schema 2 */
static volatile int up_refuses;
static volatile int up_hangs; /* for 3 s */

static int load(const struct lockstep_load *with)
{
    up_refuses = strncmp(with->config, "refuse-up", 9) == 0;
    up_hangs = strncmp(with->config, "hang-up", 7) == 0;
    return 0;
}

/* Adds one and answers with the sum. */
static int add(struct lockstep_call *call)
{
    uint64_t sum = __atomic_add_fetch(&value, 1, __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&times, 1, __ATOMIC_SEQ_CST);
    return !lockstep_sink_print(call->answer, "%llu", (unsigned long long)sum);
}

static int get(struct lockstep_call *call)
{
    return !lockstep_sink_print(call->answer, "%llu %llu",
                                (unsigned long long)__atomic_load_n(&value, __ATOMIC_SEQ_CST),
                                (unsigned long long)__atomic_load_n(&times, __ATOMIC_SEQ_CST));
}

/* Takes 300 ms, or two seconds if it is told anything. */
static int wait(struct lockstep_call *call)
{
    const struct timespec pause = {.tv_sec = call->request_size > 0 ? 2 : 0,
                                   .tv_nsec = call->request_size > 0 ? 0 : 300000000};
    (void)nanosleep(&pause, NULL);
    return add(call);
}

static bool put(struct lockstep_records_sink *sink, const char *key, const uint64_t *number,
                bool residue)
{
    const struct lockstep_record record = {key, 1, sizeof(*number), number, residue};
    return sink->put(sink, &record);
}

static int save(struct lockstep_records_sink *sink)
{
    return !put(sink, "v", &value, false) || (COUNTER_SCHEMA > 1 && !put(sink, "t", &times, false));
}

__attribute__((unused)) static int up(uint32_t from, struct lockstep_records_source *source,
                                      struct lockstep_sink *why)
{
    struct lockstep_record record;
    const struct timespec pause = {.tv_sec = 3};
    (void)from;
    if (up_hangs != 0) {
        (void)nanosleep(&pause, NULL);
    }
    if (up_refuses != 0) {
        (void)lockstep_sink_print(why, "told to");
        return 1;
    }
    value = 0;
    times = 0;
    while (source->next(source, &record)) {
        if (record.key_size != 1 || record.value_size != sizeof(value)) {
            return 1;
        }
        memcpy(*(const char *)record.key == 'v' ? &value : &times, record.value, sizeof(value));
    }
    value += strtoull(source->extra, NULL, 10);
    return 0;
}

static int down(uint32_t to, struct lockstep_records_sink *sink)
{
    const uint64_t less = value - strtoull(sink->extra, NULL, 10);
    return to != 1 || !put(sink, "v", &less, false) || !put(sink, "t", &times, true);
}

static const struct lockstep_tool tools[] = {
    {"counter.add", add, 0, "Adds one", NULL},
    {"counter.get", get, LOCKSTEP_TOOL_IDEMPOTENT, "Says the sum", NULL},
    {"counter.wait", wait, 0, "Adds one late", NULL},
};

LOCKSTEP_MODULE((.module = "counter", .version = COUNTER_VERSION, .service = "default",
                 .state_schema = COUNTER_SCHEMA,
                 .tools = {"counter.add", "counter.get", "counter.wait"}),
                (.tools = tools, .tools_count = 3, .load = load, .save = save, .up = COUNTER_UP,
                 .down = down));
