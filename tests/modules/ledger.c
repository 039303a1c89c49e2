/*
 * A stateful module for tests, in each class of going back: a sum, how many additions made it, and
 * from schema 2 on how many tags were put. Built with
 *
 *     LEDGER_NAME     what it is called; "ledger"
 *     LEDGER_SCHEMA   1, 2 or 3: what is there
 *     LEDGER_CLASS    LOSSLESS (has `down`), JOURNALED (has `apply`), BOTH, SNAPSHOT, NONE,
 *                     STEPS (schemas are one step apart, both ways), GAP (the step 1 to 2 lacks),
 *                     LIES (`down` forgets an addition)
 *     LEDGER_SMOKE    has a smoke test that takes 300 ms, in which `save` fails
 */
#include "lockstep/module.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOSSLESS  1
#define JOURNALED 2
#define BOTH      3
#define SNAPSHOT  4
#define NONE      5
#define STEPS     6
#define GAP       7
#define LIES      8

#ifndef LEDGER_NAME
#define LEDGER_NAME "ledger"
#endif
#ifndef LEDGER_SCHEMA
#define LEDGER_SCHEMA 1
#endif
#ifndef LEDGER_CLASS
#define LEDGER_CLASS LOSSLESS
#endif
#if LEDGER_SCHEMA == 1
#define LEDGER_VERSION "1.0.0"
#elif LEDGER_SCHEMA == 2
#define LEDGER_VERSION "2.0.0"
#else
#define LEDGER_VERSION "3.0.0"
#endif

#define HAS_DOWN  (LEDGER_CLASS == LOSSLESS || LEDGER_CLASS == BOTH || LEDGER_CLASS == LIES)
#define HAS_APPLY (LEDGER_CLASS == JOURNALED || LEDGER_CLASS == BOTH)
#define HAS_STEPS (LEDGER_CLASS == STEPS || LEDGER_CLASS == GAP)

static uint64_t numbers[3]; /* sum, additions, tags */
static const char keys[] = "vnt";
static const char *config = "";
static char config_room[64];

static int load(const struct lockstep_load *with)
{
    size_t size = with->config_size < sizeof(config_room) ? with->config_size
                                                          : sizeof(config_room) - 1;
    memcpy(config_room, with->config, size);
    config_room[size] = '\0';
    config = config_room;
    return 0;
}

static uint64_t number_of(const struct lockstep_call *call)
{
    char text[32] = "1";
    if (call->request_size > 0 && call->request_size < sizeof(text)) {
        memcpy(text, call->request, call->request_size);
        text[call->request_size] = '\0';
    }
    return strtoull(text, NULL, 10);
}

/* Of two numbers, the second is how many milliseconds it takes. */
static void take_time(const struct lockstep_call *call)
{
    const uint8_t *blank = call->request_size == 0 ? NULL
                                                   : memchr(call->request, ' ', call->request_size);
    struct timespec pause = {.tv_sec = 0};
    if (blank != NULL) {
        const struct lockstep_call second = {.request = blank + 1,
                                             .request_size = call->request_size -
                                                             (size_t)(blank + 1 - call->request)};
        uint64_t ms = number_of(&second);
        pause.tv_sec = (time_t)(ms / 1000);
        pause.tv_nsec = (long)(ms % 1000) * 1000000;
        (void)nanosleep(&pause, NULL);
    }
}

static int add(struct lockstep_call *call)
{
    uint64_t sum = __atomic_add_fetch(&numbers[0], number_of(call), __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&numbers[1], 1, __ATOMIC_SEQ_CST);
    take_time(call);
    return !lockstep_sink_print(call->answer, "%llu", (unsigned long long)sum);
}

static int get(struct lockstep_call *call)
{
    return !lockstep_sink_print(call->answer, "%llu %llu %llu", (unsigned long long)numbers[0],
                                (unsigned long long)numbers[1], (unsigned long long)numbers[2]);
}

/* Doubles the sum: not the same before and after an addition. */
static int twice(struct lockstep_call *call)
{
    numbers[0] *= 2;
    return !lockstep_sink_print(call->answer, "%llu", (unsigned long long)numbers[0]);
}

__attribute__((unused)) static int tag(struct lockstep_call *call)
{
    uint64_t tags = __atomic_add_fetch(&numbers[2], 1, __ATOMIC_SEQ_CST);
    return !lockstep_sink_print(call->answer, "%llu", (unsigned long long)tags);
}

static int die(struct lockstep_call *call)
{
    (void)call;
    abort();
}

static bool put(struct lockstep_records_sink *sink, int i, uint64_t number, bool residue)
{
    const struct lockstep_record record = {&keys[i], 1, sizeof(number), &number, residue};
    return sink->put(sink, &record);
}

static volatile int smoking;

#ifdef LEDGER_SMOKE
static int smoke(struct lockstep_sink *why)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    int result;
    (void)why;
    smoking = 1;
    result = nanosleep(&pause, NULL);
    smoking = 0;
    return result;
}

static const struct lockstep_smoke smokes[] = {{"pauses", smoke, 20000}};
#endif

static int save(struct lockstep_records_sink *sink)
{
    return smoking != 0 || !put(sink, 0, numbers[0], false) || !put(sink, 1, numbers[1], false) ||
           (LEDGER_SCHEMA > 1 && !put(sink, 2, numbers[2], false));
}

static int up(uint32_t from, struct lockstep_records_source *source, struct lockstep_sink *why)
{
    struct lockstep_record record;
    if (strncmp(config, "refuse-up", 9) == 0 ||
        ((HAS_STEPS || LEDGER_SCHEMA == 3) && from != LEDGER_SCHEMA)) {
        (void)lockstep_sink_print(why, "up does not take schema %u", from);
        return 1;
    }
    memset(numbers, 0, sizeof(numbers));
    while (source->next(source, &record)) {
        const char *key = record.key_size == 1 ? strchr(keys, *(const char *)record.key) : NULL;
        if (key == NULL || record.value_size != sizeof(numbers[0])) {
            (void)lockstep_sink_print(why, "a record is none of its own");
            return 1;
        }
        memcpy(&numbers[key - keys], record.value, sizeof(numbers[0]));
    }
    return 0;
}

__attribute__((unused)) static int down(uint32_t to, struct lockstep_records_sink *sink)
{
    uint64_t less = LEDGER_CLASS == LIES && numbers[1] > 0 ? 1 : 0;
    return strncmp(config, "refuse-down", 11) == 0 || to != 1 || !put(sink, 0, numbers[0], false) ||
           !put(sink, 1, numbers[1] - less, false) || !put(sink, 2, numbers[2], true);
}

/* Copies; one way schema 1 has no tags. */
__attribute__((unused)) static int step_down(struct lockstep_records_source *source,
                                             struct lockstep_records_sink *sink,
                                             struct lockstep_sink *why)
{
    struct lockstep_record record;
    (void)why;
    while (source->next(source, &record)) {
        record.residue = record.residue || *(const char *)record.key == 't';
        if (!sink->put(sink, &record)) {
            return 1;
        }
    }
    return 0;
}

__attribute__((unused)) static int step_copy(struct lockstep_records_source *source,
                                             struct lockstep_records_sink *sink,
                                             struct lockstep_sink *why)
{
    struct lockstep_record record;
    (void)why;
    while (source->next(source, &record)) {
        if (!sink->put(sink, &record)) {
            return 1;
        }
    }
    return 0;
}

#if HAS_STEPS
static const struct lockstep_step steps[] = {
    {3, 2, step_copy},
    {2, 1, step_down},
    {2, 3, step_copy},
#if LEDGER_CLASS != GAP
    {1, 2, step_copy},
#endif
};
#endif

static const struct lockstep_tool tools[] = {
    {LEDGER_NAME ".add", add, LOCKSTEP_TOOL_MUTATES, "Adds a number", NULL},
    {LEDGER_NAME ".get", get, LOCKSTEP_TOOL_IDEMPOTENT, "Says the sum, additions and tags", NULL},
    {LEDGER_NAME ".twice", twice, LOCKSTEP_TOOL_MUTATES, "Doubles the sum", NULL},
    {LEDGER_NAME ".die", die, 0, "Ends the process", NULL},
#if LEDGER_SCHEMA > 1
    {LEDGER_NAME ".tag", tag, LOCKSTEP_TOOL_MUTATES, "Puts a tag", NULL},
#endif
};

#define TOOLS_COUNT (sizeof(tools) / sizeof(tools[0]))

#if HAS_APPLY
static int apply(const char *tool, struct lockstep_call *call)
{
    return lockstep_tools_apply(tools, TOOLS_COUNT, tool, call);
}
#endif

static void finalize(void)
{
    numbers[0] += strncmp(config, "finalize", 8) == 0 ? 1000000 : 0;
}

LOCKSTEP_MODULE((
                        .module = LEDGER_NAME, .version = LEDGER_VERSION, .service = "default",
                        .state_schema = LEDGER_SCHEMA,
                        .flags = LEDGER_CLASS == NONE ? LOCKSTEP_MODULE_NO_WAY_BACK : 0,
                        .tools =
                        {
                            LEDGER_NAME ".add", LEDGER_NAME ".get", LEDGER_NAME ".twice",
                                LEDGER_NAME ".die",
#if LEDGER_SCHEMA > 1
                                LEDGER_NAME ".tag"
#endif
                        }),
                (.tools = tools, .tools_count = TOOLS_COUNT, .load = load, .save = save, .up = up,
#if HAS_DOWN && LEDGER_SCHEMA > 1
                 .down = down,
#endif
#if HAS_STEPS
                 .steps = steps, .steps_count = sizeof(steps) / sizeof(steps[0]),
#endif
#if HAS_APPLY
                 .apply = apply,
#endif
#ifdef LEDGER_SMOKE
                 .smokes = smokes, .smokes_count = 1,
#endif
#ifdef LEDGER_FINALIZE
                 .finalize = finalize
#endif
                 ));
