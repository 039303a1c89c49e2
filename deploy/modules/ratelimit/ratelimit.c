/*
 * ratelimit: token buckets by key, as a lockstep module with a state.
 *
 *     ratelimit.take  "KEY" or "KEY N": takes N tokens (1) if they are there
 *     ratelimit.peek  "KEY": how many are there
 *
 * Both answer with JSON. The node's configuration is lines of "rate N" (tokens a second, 10) and
 * "burst N" (20). Version 2 counts for each key how many tokens were granted and how many calls
 * denied. The two versions are one source, told apart by RATELIMIT_SCHEMA:
 *
 *     lockstep-cc -o ratelimit-1.0.0.so ratelimit.c buckets.c
 *     lockstep-cc -DRATELIMIT_SCHEMA=2 -o ratelimit-2.0.0.so ratelimit.c buckets.c
 *
 * State. A record is a key and two numbers (schema 1: tokens, updated_ms) or four (schema 2: and
 * granted, denied). Going down, what schema 1 cannot hold becomes residue; coming up again, it is
 * there. So whatever was taken or counted under either version survives any way back and forth.
 */
#include <lockstep/module.h>

#include "buckets.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifndef RATELIMIT_SCHEMA
#define RATELIMIT_SCHEMA 1
#endif
#if RATELIMIT_SCHEMA == 2
#define VERSION "2.0.0"
#else
#define VERSION "1.0.0"
#endif

#define RATE_DEFAULT  10
#define BURST_DEFAULT 20
#define NUMBER_MAX    1000000000U /* of a rate, a burst, a count */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buckets all = {.rate = RATE_DEFAULT, .burst = BURST_DEFAULT};
static const struct lockstep_host_api *host;

/* Reads a number of at most SIZE digits; false if it is none or too large. */
static bool read_number(const char *text, size_t size, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || number > NUMBER_MAX) {
            return false;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_number = number;
    return size > 0 && number <= NUMBER_MAX;
}

/* What a request says: "KEY" or "KEY N". */
struct request {
    const char *key;
    size_t key_size;
    uint64_t count;
};

static bool read_request(const struct lockstep_call *call, struct request *ret_request)
{
    const char *text = (const char *)call->request;
    size_t size = call->request_size;
    const char *space = size == 0 ? NULL : memchr(text, ' ', size);
    ret_request->key = text;
    ret_request->key_size = space == NULL ? size : (size_t)(space - text);
    ret_request->count = 1;
    if (ret_request->key_size == 0 || ret_request->key_size > BUCKET_KEY_MAX ||
        memchr(text, '\0', ret_request->key_size) != NULL) {
        return false;
    }
    return space == NULL ||
           read_number(space + 1, size - ret_request->key_size - 1, &ret_request->count);
}

static int refuse(const struct lockstep_call *call)
{
    (void)lockstep_sink_print(call->answer,
                              "say KEY or KEY N: a key of 1 to %d bytes, a number up to %u",
                              BUCKET_KEY_MAX, NUMBER_MAX);
    return 1;
}

/* BUCKET NULL: the key was never seen. */
static bool answer(const struct lockstep_call *call, const char *verdict,
                   const struct bucket *bucket, uint64_t now_ms)
{
    uint64_t left = bucket == NULL ? all.burst : bucket_tokens(&all, bucket, now_ms) / TOKEN;
#if RATELIMIT_SCHEMA == 2
    return lockstep_sink_print(
        call->answer, "{%s\"left\":%" PRIu64 ",\"granted\":%" PRIu64 ",\"denied\":%" PRIu64 "}\n",
        verdict, left, bucket == NULL ? 0 : bucket->granted, bucket == NULL ? 0 : bucket->denied);
#else
    return lockstep_sink_print(call->answer, "{%s\"left\":%" PRIu64 "}\n", verdict, left);
#endif
}

/* Version 1 leaves the counters alone, and they stay zero. */
static void count(struct bucket *bucket, uint64_t tokens, bool granted)
{
#if RATELIMIT_SCHEMA == 2
    bucket->granted += granted ? tokens : 0;
    bucket->denied += granted ? 0 : 1;
#else
    (void)bucket;
    (void)tokens;
    (void)granted;
#endif
}

static int take(struct lockstep_call *call)
{
    struct request request;
    struct bucket *bucket;
    uint64_t now_ms = host->now_ms(host);
    bool written = false;
    if (!read_request(call, &request)) {
        return refuse(call);
    }
    (void)pthread_mutex_lock(&lock);
    bucket = buckets_get(&all, request.key, request.key_size, now_ms);
    if (bucket != NULL) {
        bool granted = bucket_take(&all, bucket, request.count, now_ms);
        count(bucket, request.count, granted);
        written = answer(call, granted ? "\"allowed\":true," : "\"allowed\":false,", bucket,
                         now_ms);
    } else {
        (void)lockstep_sink_print(call->answer, "all %u buckets are in use", BUCKETS_MAX);
    }
    (void)pthread_mutex_unlock(&lock);
    return written ? 0 : 1;
}

static int peek(struct lockstep_call *call)
{
    struct request request;
    uint64_t now_ms = host->now_ms(host);
    bool written;
    if (!read_request(call, &request)) {
        return refuse(call);
    }
    (void)pthread_mutex_lock(&lock);
    written = answer(call, "", buckets_find(&all, request.key, request.key_size), now_ms);
    (void)pthread_mutex_unlock(&lock);
    return written ? 0 : 1;
}

/* One line of the configuration. */
static bool configure(const char *line, size_t size)
{
    uint64_t number = 0;
    if (size == 0 || line[0] == '#') {
        return true;
    }
    if (size > 5 && memcmp(line, "rate ", 5) == 0 && read_number(line + 5, size - 5, &number)) {
        all.rate = number;
        return true;
    }
    if (size > 6 && memcmp(line, "burst ", 6) == 0 && read_number(line + 6, size - 6, &number) &&
        number > 0) {
        all.burst = number;
        return true;
    }
    return false;
}

static int load(const struct lockstep_load *load)
{
    const char *line = load->config;
    host = load->host;
    for (int number = 1; *line != '\0'; number++) {
        size_t size = strcspn(line, "\n");
        if (!configure(line, size)) {
            (void)lockstep_sink_print(load->why,
                                      "line %d: say \"rate N\" or \"burst N\", not \"%.*s\"",
                                      number, size > 60 ? 60 : (int)size, line);
            return 1;
        }
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    return 0;
}

static void retire(void)
{
    buckets_deinit(&all);
}

/* Numbers of a record, little-endian, 8 bytes each. */
static void put_u64(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* Puts COUNT numbers under the bucket's key. */
static bool put_numbers(struct lockstep_records_sink *sink, const struct bucket *bucket,
                        const uint64_t *numbers, size_t count, bool residue)
{
    uint8_t value[4 * 8];
    const struct lockstep_record record = {
        .key = bucket->key,
        .key_size = (uint32_t)strlen(bucket->key),
        .value = value,
        .value_size = (uint32_t)(8 * count),
        .residue = residue,
    };
    for (size_t i = 0; i < count; i++) {
        put_u64(value + 8 * i, numbers[i]);
    }
    return sink->put(sink, &record);
}

/* Schema 1 has two numbers; what it lacks is residue, unless there is nothing to keep. */
static bool put_bucket(struct lockstep_records_sink *sink, const struct bucket *bucket,
                       uint32_t schema)
{
    const uint64_t numbers[] = {bucket->tokens, bucket->updated_ms, bucket->granted,
                                bucket->denied};
    if (schema == 2) {
        return put_numbers(sink, bucket, numbers, 4, false);
    }
    return put_numbers(sink, bucket, numbers, 2, false) &&
           ((bucket->granted == 0 && bucket->denied == 0) ||
            put_numbers(sink, bucket, numbers + 2, 2, true));
}

static int write_all(struct lockstep_records_sink *sink, uint32_t schema)
{
    for (size_t i = 0; i < all.capacity; i++) {
        if (all.slots[i].key[0] != '\0' && !put_bucket(sink, &all.slots[i], schema)) {
            return 1;
        }
    }
    return 0;
}

static int save(struct lockstep_records_sink *sink)
{
    return write_all(sink, RATELIMIT_SCHEMA);
}

#if RATELIMIT_SCHEMA == 2
#define DOWN down
static int down(uint32_t to, struct lockstep_records_sink *sink)
{
    return to == 1 ? write_all(sink, 1) : 1;
}
#else
#define DOWN NULL /* there is nothing older to go down to */
#endif

/* Residue and state of a key come in either order, so each fills in its own numbers. */
static bool take_record(struct buckets *into, const struct lockstep_record *record, uint32_t from)
{
    const uint8_t *value = record->value;
    size_t numbers = record->residue || from == 1 ? 2 : 4;
    struct bucket *bucket;
    if (record->value_size != 8 * numbers) {
        return false;
    }
    bucket = buckets_get(into, record->key, record->key_size, 0);
    if (bucket == NULL) {
        return false;
    }
    if (!record->residue) {
        bucket->tokens = get_u64(value);
        bucket->updated_ms = get_u64(value + 8);
    }
    if (record->residue || numbers == 4) {
        bucket->granted = get_u64(value + 8 * numbers - 16);
        bucket->denied = get_u64(value + 8 * numbers - 8);
    }
    return true;
}

/* The new state is built beside the old one, which stays if this fails. */
static int up(uint32_t from, struct lockstep_records_source *source, struct lockstep_sink *why)
{
    struct buckets fresh;
    struct lockstep_record record;
    if (from == 0 || from > RATELIMIT_SCHEMA) {
        (void)lockstep_sink_print(why, "state of schema %" PRIu32 " is newer than this module's",
                                  from);
        return 1;
    }
    buckets_init(&fresh, all.rate, all.burst);
    while (source->next(source, &record)) {
        if (!take_record(&fresh, &record, from)) {
            (void)lockstep_sink_print(why, "a record is damaged, or there are more than %u keys",
                                      BUCKETS_MAX);
            buckets_deinit(&fresh);
            return 1;
        }
    }
    buckets_deinit(&all);
    all = fresh;
    return 0;
}

/* On a table and a clock of its own, so that no caller's tokens are touched. */
static int smoke_refill(struct lockstep_sink *why)
{
    struct buckets mine;
    struct bucket *bucket;
    bool right;
    buckets_init(&mine, 10, 2);
    bucket = buckets_get(&mine, "smoke", 5, 1000);
    right = bucket != NULL && bucket_take(&mine, bucket, 2, 1000) &&
            !bucket_take(&mine, bucket, 1, 1099) && bucket_take(&mine, bucket, 1, 1100) &&
            bucket_tokens(&mine, bucket, 60000) == 2 * TOKEN;
    buckets_deinit(&mine);
    if (!right) {
        (void)lockstep_sink_print(why, "a bucket of 2 that gains 10 a second does not");
    }
    return right ? 0 : 1;
}

static const struct lockstep_tool tools[] = {
    {"ratelimit.take", take, 0, "Takes tokens from the bucket of a key",
     "{\"type\":\"string\",\"description\":\"KEY or KEY N\"}"},
    {"ratelimit.peek", peek, LOCKSTEP_TOOL_IDEMPOTENT, "Says how many tokens a key has",
     "{\"type\":\"string\",\"description\":\"KEY\"}"},
};

static const struct lockstep_smoke smokes[] = {{"refill", smoke_refill, 0}};

LOCKSTEP_MODULE((.module = "ratelimit", .service = "default", .version = VERSION,
                 .state_schema = RATELIMIT_SCHEMA, .tools = {"ratelimit.take", "ratelimit.peek"}),
                (.tools = tools, .tools_count = 2, .smokes = smokes, .smokes_count = 1,
                 .load = load, .retire = retire, .save = save, .up = up, .down = DOWN));
