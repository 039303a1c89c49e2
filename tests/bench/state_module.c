/* A module with as many records as its configuration says: 8 bytes of key, 32 of value. */
#include "lockstep/module.h"

#include <stdlib.h>
#include <string.h>

struct row {
    uint64_t key;
    uint8_t value[32];
};

static struct row *rows;
static size_t count;
static size_t room;

static bool add(const struct row *row)
{
    if (count == room) {
        size_t more = room == 0 ? 1024 : room * 2;
        struct row *grown = realloc(rows, more * sizeof(*rows));
        if (grown == NULL) {
            return false;
        }
        rows = grown;
        room = more;
    }
    rows[count++] = *row;
    return true;
}

static int load(const struct lockstep_load *with)
{
    unsigned long wanted = strtoul(with->config, NULL, 10);
    for (unsigned long i = 0; i < wanted; i++) {
        struct row row = {.key = i};
        memset(row.value, (int)(i % 251), sizeof(row.value));
        if (!add(&row)) {
            return 1;
        }
    }
    return 0;
}

static void retire(void)
{
    free(rows);
    rows = NULL;
    count = room = 0;
}

static int save(struct lockstep_records_sink *sink)
{
    for (size_t i = 0; i < count; i++) {
        const struct lockstep_record record = {&rows[i].key, sizeof(rows[i].key),
                                               sizeof(rows[i].value), rows[i].value, false};
        if (!sink->put(sink, &record)) {
            return 1;
        }
    }
    return 0;
}

static int up(uint32_t from, struct lockstep_records_source *source, struct lockstep_sink *why)
{
    struct lockstep_record record;
    (void)from;
    (void)why;
    count = 0;
    while (source->next(source, &record)) {
        struct row row;
        if (record.key_size != sizeof(row.key) || record.value_size != sizeof(row.value)) {
            return 1;
        }
        memcpy(&row.key, record.key, sizeof(row.key));
        memcpy(row.value, record.value, sizeof(row.value));
        if (!add(&row)) {
            return 1;
        }
    }
    return 0;
}

static int rows_of(struct lockstep_call *call)
{
    return !lockstep_sink_print(call->answer, "%zu", count);
}

static const struct lockstep_tool tools[] = {{"rows.count", rows_of, 0, "How many", NULL}};

LOCKSTEP_MODULE((.module = "rows", .version = "1.0.0", .service = "default", .state_schema = 1,
                 .tools = {"rows.count"}),
                (.tools = tools, .tools_count = 1, .load = load, .retire = retire, .save = save,
                 .up = up));
