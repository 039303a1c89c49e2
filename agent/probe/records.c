#include "agent/probe/records.h"

#include "common/base/cleanup.h"

#include <string.h>

#define HEADER_BYTES 24
#define ENTRY_BYTES  12

/* Makes *ITEMS hold COUNT items of SIZE bytes, at least doubling. */
static bool grow(void **items, size_t *room, size_t count, size_t size)
{
    size_t wanted = *room == 0 ? 64 : *room;
    void *bigger;
    if (count <= *room) {
        return true;
    }
    while (wanted < count) {
        wanted *= 2;
    }
    bigger = realloc(*items, wanted * size);
    if (bigger == NULL) {
        return false;
    }
    *items = bigger;
    *room = wanted;
    return true;
}

static bool grow_bytes(struct lockstep_records *records, size_t size)
{
    void *bytes = records->bytes;
    /* One more, so that records without any bytes have an address, too. */
    bool grown = size <= records->bytes_max && grow(&bytes, &records->bytes_room, size + 1, 1);
    records->bytes = bytes;
    return grown;
}

static bool grow_entries(struct lockstep_records *records, size_t count)
{
    void *entries = records->entries;
    bool grown = grow(&entries, &records->room, count, sizeof(*records->entries));
    records->entries = entries;
    return grown;
}

/* The host's functions get the embedded struct and want the one around it. */
static struct lockstep_records *of_sink(struct lockstep_records_sink *sink)
{
    return (struct lockstep_records *)(void *)((char *)sink -
                                               offsetof(struct lockstep_records, sink));
}

static struct lockstep_records *of_source(struct lockstep_records_source *source)
{
    return (struct lockstep_records *)(void *)((char *)source -
                                               offsetof(struct lockstep_records, source));
}

static bool put(struct lockstep_records_sink *sink, const struct lockstep_record *record)
{
    struct lockstep_records *records = of_sink(sink);
    size_t size = (size_t)record->key_size + record->value_size;
    if (!grow_bytes(records, records->bytes_size + size) ||
        !grow_entries(records, records->count + 1)) {
        return false;
    }
    records->entries[records->count++] = (struct lockstep_records_entry){
        .at = records->bytes_size,
        .key_size = record->key_size,
        .value_size = record->value_size,
        .residue = record->residue,
    };
    if (record->key_size > 0) {
        memcpy(records->bytes + records->bytes_size, record->key, record->key_size);
    }
    if (record->value_size > 0) {
        memcpy(records->bytes + records->bytes_size + record->key_size, record->value,
               record->value_size);
    }
    records->bytes_size += size;
    records->source.count = records->count;
    return true;
}

static bool next(struct lockstep_records_source *source, struct lockstep_record *ret_record)
{
    struct lockstep_records *records = of_source(source);
    const struct lockstep_records_entry *entry;
    if (records->next == records->count) {
        return false;
    }
    entry = &records->entries[records->next++];
    *ret_record = (struct lockstep_record){
        .key = records->bytes + entry->at,
        .key_size = entry->key_size,
        .value = records->bytes + entry->at + entry->key_size,
        .value_size = entry->value_size,
        .residue = entry->residue,
    };
    return true;
}

void lockstep_records_init(struct lockstep_records *records, size_t bytes_max)
{
    memset(records, 0, sizeof(*records));
    records->sink = (struct lockstep_records_sink){put, ""};
    records->source = (struct lockstep_records_source){0, next, ""};
    records->bytes_max = bytes_max;
}

void lockstep_records_deinit(struct lockstep_records *records)
{
    free(records->bytes);
    free(records->entries);
    lockstep_records_init(records, records->bytes_max);
}

void lockstep_records_clear(struct lockstep_records *records)
{
    records->bytes_size = 0;
    records->count = 0;
    records->source.count = 0;
    records->next = 0;
}

void lockstep_records_rewind(struct lockstep_records *records)
{
    records->next = 0;
    records->source.count = records->count;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Takes the record at BYTES; 0 if it is not whole, else how many bytes it has. */
static size_t take_entry(const uint8_t *bytes, size_t size, struct lockstep_record *ret_record)
{
    uint64_t whole;
    if (size < ENTRY_BYTES || read_u32(bytes + 8) > 1) {
        return 0;
    }
    ret_record->key_size = read_u32(bytes);
    ret_record->value_size = read_u32(bytes + 4);
    ret_record->residue = read_u32(bytes + 8) == 1;
    ret_record->key = bytes + ENTRY_BYTES;
    whole = (uint64_t)ENTRY_BYTES + ret_record->key_size + ret_record->value_size;
    if (whole > size) {
        return 0;
    }
    ret_record->value = bytes + ENTRY_BYTES + ret_record->key_size;
    return (size_t)whole;
}

enum lockstep_err lockstep_records_parse(struct lockstep_records *records, const uint8_t *bytes,
                                         size_t size, uint32_t *ret_schema,
                                         struct lockstep_error *err)
{
    size_t at = HEADER_BYTES;
    uint64_t count;
    if (size < HEADER_BYTES || memcmp(bytes, LOCKSTEP_RECORDS_MAGIC, 8) != 0 ||
        read_u32(bytes + 12) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it does not begin as a state in canonical form does");
    }
    count = read_u32(bytes + 16) | (uint64_t)read_u32(bytes + 20) << 32;
    for (uint64_t i = 0; i < count; i++) {
        struct lockstep_record record;
        size_t whole = take_entry(bytes + at, size - at, &record);
        if (whole == 0) {
            return LOCKSTEP_FAIL(err, INVALID, "record %llu of the state is damaged",
                                 (unsigned long long)i);
        }
        if (!put(&records->sink, &record)) {
            return LOCKSTEP_FAIL(err, LIMIT, "the state has no room");
        }
        at += whole;
    }
    if (at != size) {
        return LOCKSTEP_FAIL(err, INVALID, "something stands behind the last record of the state");
    }
    *ret_schema = read_u32(bytes + 8);
    return LOCKSTEP_OK;
}

uint8_t *lockstep_records_print(const struct lockstep_records *records, uint32_t schema,
                                size_t *ret_size)
{
    size_t size = HEADER_BYTES + records->count * ENTRY_BYTES + records->bytes_size;
    uint8_t *bytes = calloc(1, size);
    size_t at = HEADER_BYTES;
    if (bytes == NULL) {
        return NULL;
    }
    memcpy(bytes, LOCKSTEP_RECORDS_MAGIC, 8);
    write_u32(bytes + 8, schema);
    write_u32(bytes + 16, (uint32_t)records->count);
    write_u32(bytes + 20, (uint32_t)((uint64_t)records->count >> 32));
    for (size_t i = 0; i < records->count; i++) {
        const struct lockstep_records_entry *entry = &records->entries[i];
        size_t length = (size_t)entry->key_size + entry->value_size;
        write_u32(bytes + at, entry->key_size);
        write_u32(bytes + at + 4, entry->value_size);
        write_u32(bytes + at + 8, entry->residue ? 1 : 0);
        if (length > 0) {
            memcpy(bytes + at + ENTRY_BYTES, records->bytes + entry->at, length);
        }
        at += ENTRY_BYTES + length;
    }
    *ret_size = size;
    return bytes;
}

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t both = a_size < b_size ? a_size : b_size;
    int order = both == 0 ? 0 : memcmp(a, b, both);
    if (order != 0) {
        return order;
    }
    return a_size < b_size ? -1 : a_size > b_size;
}

/* State before residue, then by key, then by value. */
static int compare_entries(const struct lockstep_records_entry *a, const uint8_t *a_bytes,
                           const struct lockstep_records_entry *b, const uint8_t *b_bytes)
{
    int order;
    if (a->residue != b->residue) {
        return a->residue ? 1 : -1;
    }
    order = compare_bytes(a_bytes + a->at, a->key_size, b_bytes + b->at, b->key_size);
    if (order != 0) {
        return order;
    }
    return compare_bytes(a_bytes + a->at + a->key_size, a->value_size,
                         b_bytes + b->at + b->key_size, b->value_size);
}

static int compare_for_sort(const void *a, const void *b, void *bytes)
{
    return compare_entries(a, bytes, b, bytes);
}

static void sort(struct lockstep_records *records)
{
    if (records->count > 1) {
        qsort_r(records->entries, records->count, sizeof(*records->entries), compare_for_sort,
                records->bytes);
    }
}

static size_t count_state(const struct lockstep_records *records)
{
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++) {
        count += records->entries[i].residue ? 0 : 1;
    }
    return count;
}

bool lockstep_records_equal(struct lockstep_records *a, struct lockstep_records *b)
{
    size_t count = count_state(a);
    if (count != count_state(b)) {
        return false;
    }
    sort(a);
    sort(b);
    for (size_t i = 0; i < count; i++) {
        if (compare_entries(&a->entries[i], a->bytes, &b->entries[i], b->bytes) != 0) {
            return false;
        }
    }
    return true;
}

bool lockstep_records_repeat(struct lockstep_records *records)
{
    size_t count = count_state(records);
    sort(records);
    for (size_t i = 1; i < count; i++) {
        const struct lockstep_records_entry *a = &records->entries[i - 1];
        const struct lockstep_records_entry *b = &records->entries[i];
        if (compare_bytes(records->bytes + a->at, a->key_size, records->bytes + b->at,
                          b->key_size) == 0) {
            return true;
        }
    }
    return false;
}
