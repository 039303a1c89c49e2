#include "common/hostwire/codec.h"

#include <string.h>

enum tag {
    TAG_TYPE = 1,
    TAG_ID,
    TAG_VERSION_MIN,
    TAG_VERSION_MAX,
    TAG_PID,
    TAG_SERVICE,
    TAG_OPERATION,
    TAG_CODE,
    TAG_TEXT,
    TAG_VERSION,
    TAG_GENERATION,
    TAG_DRAIN_MS,
    TAG_RESULT,
    TAG_OFFSET,
    TAG_RETIRED,
    TAG_SMOKE,
    TAG_DRAIN,
    TAG_STATEFUL,
    TAG_MORE,
    TAG_LATCHED,
    TAG_EXTRA,
    TAG_BYTES,
    TAG_FDS,
    TAG_ENTRY,
    TAG_ROLE = 60,
    TAG_REFUSE = 90,
};

/* One row a number: where it is and how large it may be. */
struct number_row {
    uint16_t tag;
    uint16_t offset;
    uint8_t size;
};

#define NUMBER(tag, field)                                            \
    {                                                                 \
        tag, offsetof(struct lockstep_hostwire_message, field),       \
            sizeof(((struct lockstep_hostwire_message *)NULL)->field) \
    }

static const struct number_row numbers[] = {
    NUMBER(TAG_ID, id),
    NUMBER(TAG_VERSION_MIN, version_min),
    NUMBER(TAG_VERSION_MAX, version_max),
    NUMBER(TAG_PID, pid),
    NUMBER(TAG_GENERATION, generation),
    NUMBER(TAG_DRAIN_MS, drain_ms),
    NUMBER(TAG_RESULT, result),
    NUMBER(TAG_OFFSET, offset),
    NUMBER(TAG_RETIRED, retired),
    NUMBER(TAG_SMOKE, smoke),
    NUMBER(TAG_DRAIN, drain),
    NUMBER(TAG_REFUSE, refuse),
    NUMBER(TAG_STATEFUL, stateful),
    NUMBER(TAG_MORE, more),
    NUMBER(TAG_LATCHED, latched),
    NUMBER(TAG_ROLE, role),
};

void lockstep_hostwire_put(struct lockstep_hostwire_writer *writer, uint16_t tag, const void *bytes,
                           size_t size)
{
    uint8_t *at = writer->bytes + writer->size;
    if (writer->full || size + LOCKSTEP_HOSTWIRE_HEADER > writer->room - writer->size) {
        writer->full = true;
        return;
    }
    at[0] = (uint8_t)tag;
    at[1] = (uint8_t)(tag >> 8);
    for (int i = 0; i < 4; i++) {
        at[2 + i] = (uint8_t)(size >> (8 * i));
    }
    if (size > 0) {
        memcpy(at + LOCKSTEP_HOSTWIRE_HEADER, bytes, size);
    }
    writer->size += LOCKSTEP_HOSTWIRE_HEADER + size;
}

void lockstep_hostwire_put_number(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                  uint64_t number)
{
    uint8_t bytes[8];
    size_t size = 0;
    while (number != 0) {
        bytes[size++] = (uint8_t)number;
        number >>= 8;
    }
    if (size > 0) {
        lockstep_hostwire_put(writer, tag, bytes, size);
    }
}

void lockstep_hostwire_put_text(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                const char *text)
{
    if (text[0] != '\0') {
        lockstep_hostwire_put(writer, tag, text, strlen(text));
    }
}

bool lockstep_hostwire_next(const uint8_t **bytes, size_t *size,
                            struct lockstep_hostwire_value *ret_value, bool *ret_broken)
{
    const uint8_t *at = *bytes;
    size_t length = 0;
    if (*size == 0) {
        return false;
    }
    *ret_broken = *size < LOCKSTEP_HOSTWIRE_HEADER;
    if (*ret_broken) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        length |= (size_t)at[2 + i] << (8 * i);
    }
    *ret_broken = length > *size - LOCKSTEP_HOSTWIRE_HEADER;
    if (*ret_broken) {
        return false;
    }
    ret_value->tag = (uint16_t)(at[0] | at[1] << 8);
    ret_value->size = length;
    ret_value->bytes = at + LOCKSTEP_HOSTWIRE_HEADER;
    *bytes += LOCKSTEP_HOSTWIRE_HEADER + length;
    *size -= LOCKSTEP_HOSTWIRE_HEADER + length;
    return true;
}

bool lockstep_hostwire_number(const struct lockstep_hostwire_value *value, uint64_t max,
                              uint64_t *ret_number)
{
    uint64_t number = 0;
    if (value->size > sizeof(number)) {
        return false;
    }
    for (size_t i = 0; i < value->size; i++) {
        number |= (uint64_t)value->bytes[i] << (8 * i);
    }
    *ret_number = number;
    return number <= max;
}

bool lockstep_hostwire_text(const struct lockstep_hostwire_value *value, char *ret_text,
                            size_t room)
{
    if (value->size >= room || memchr(value->bytes, '\0', value->size) != NULL) {
        return false;
    }
    memcpy(ret_text, value->bytes, value->size);
    ret_text[value->size] = '\0';
    return true;
}

static uint64_t load_number(const struct lockstep_hostwire_message *message,
                            const struct number_row *row)
{
    const uint8_t *at = (const uint8_t *)message + row->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (row->size == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    if (row->size == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    return *at;
}

static void store_number(struct lockstep_hostwire_message *message, const struct number_row *row,
                         uint64_t number)
{
    uint8_t *at = (uint8_t *)message + row->offset;
    uint32_t narrow = (uint32_t)number;
    if (row->size == sizeof(number)) {
        memcpy(at, &number, sizeof(number));
    } else if (row->size == sizeof(narrow)) {
        memcpy(at, &narrow, sizeof(narrow));
    } else {
        *at = (uint8_t)number;
    }
}

static uint64_t largest(const struct number_row *row)
{
    if (row->size == sizeof(uint64_t)) {
        return UINT64_MAX;
    }
    return row->size == sizeof(uint32_t) ? UINT32_MAX : 1;
}

enum lockstep_err lockstep_hostwire_encode(const struct lockstep_hostwire_message *message,
                                           uint8_t *ret_bytes, size_t room, size_t *ret_size,
                                           struct lockstep_error *err)
{
    struct lockstep_hostwire_writer writer = {.bytes = ret_bytes, .room = room};
    lockstep_hostwire_put_number(&writer, TAG_TYPE, message->type);
    for (size_t i = 0; i < LOCKSTEP_COUNT(numbers); i++) {
        lockstep_hostwire_put_number(&writer, numbers[i].tag, load_number(message, &numbers[i]));
    }
    lockstep_hostwire_put_text(&writer, TAG_SERVICE, message->service.text);
    if (!lockstep_id_is_zero(&message->operation)) {
        lockstep_hostwire_put(&writer, TAG_OPERATION, message->operation.bytes, LOCKSTEP_ID_BYTES);
    }
    lockstep_hostwire_put_text(&writer, TAG_CODE, message->code);
    lockstep_hostwire_put_text(&writer, TAG_TEXT, message->text);
    lockstep_hostwire_put_text(&writer, TAG_VERSION, message->version);
    lockstep_hostwire_put_text(&writer, TAG_EXTRA, message->extra);
    if (message->bytes_size > 0) {
        lockstep_hostwire_put(&writer, TAG_BYTES, message->bytes, message->bytes_size);
    }
    for (size_t i = 0; i < message->entries_count; i++) {
        lockstep_hostwire_put_entry(&writer, TAG_ENTRY, &message->entries[i]);
    }
    lockstep_hostwire_put_number(&writer, TAG_FDS, message->fds_count);
    if (writer.full) {
        return LOCKSTEP_FAIL(err, LIMIT, "a %s message does not fit a frame of %zu bytes",
                             lockstep_hostwire_type_name(message->type), room);
    }
    *ret_size = writer.size;
    return LOCKSTEP_OK;
}

/* Which descriptors the bytes ask for, in order. */
struct wanted {
    size_t entries_count;
    bool entries[LOCKSTEP_HOSTWIRE_ENTRIES_MAX][LOCKSTEP_HOSTWIRE_ENTRY_FDS];
    uint64_t fds;
};

static bool take_blob(const struct lockstep_hostwire_value *value, uint8_t *ret_bytes, size_t room,
                      size_t *ret_size)
{
    if (value->size > room) {
        return false;
    }
    memcpy(ret_bytes, value->bytes, value->size);
    *ret_size = value->size;
    return true;
}

static bool take_entry(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_message *message, struct wanted *wanted)
{
    size_t i = wanted->entries_count;
    if (i == LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
        return false;
    }
    wanted->entries_count++;
    return lockstep_hostwire_entry_parse(value, &message->entries[i], wanted->entries[i]);
}

static bool take_number(const struct lockstep_hostwire_value *value,
                        struct lockstep_hostwire_message *message)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(numbers); i++) {
        uint64_t number = 0;
        if (numbers[i].tag != value->tag) {
            continue;
        }
        if (!lockstep_hostwire_number(value, largest(&numbers[i]), &number)) {
            return false;
        }
        store_number(message, &numbers[i], number);
    }
    return true;
}

static bool take_names(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_message *message)
{
    char text[LOCKSTEP_NAME_MAX + 1];
    switch (value->tag) {
    case TAG_SERVICE:
        return lockstep_hostwire_text(value, text, sizeof(text)) &&
               lockstep_name_parse(text, &message->service);
    case TAG_CODE:
        return lockstep_hostwire_text(value, message->code, sizeof(message->code));
    case TAG_TEXT:
        return lockstep_hostwire_text(value, message->text, sizeof(message->text));
    case TAG_VERSION:
        return lockstep_hostwire_text(value, message->version, sizeof(message->version));
    default:
        return take_number(value, message);
    }
}

static bool take_value(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_message *message, struct wanted *wanted)
{
    uint64_t number = 0;
    size_t size = 0;
    switch (value->tag) {
    case TAG_TYPE:
        if (!lockstep_hostwire_number(value, LOCKSTEP_HOSTWIRE_TYPE_MAX, &number)) {
            return false;
        }
        message->type = (enum lockstep_hostwire_type)number;
        return true;
    case TAG_OPERATION:
        return take_blob(value, message->operation.bytes, LOCKSTEP_ID_BYTES, &size) &&
               size == LOCKSTEP_ID_BYTES;
    case TAG_EXTRA:
        return lockstep_hostwire_text(value, message->extra, sizeof(message->extra));
    case TAG_BYTES:
        return take_blob(value, message->bytes, sizeof(message->bytes), &message->bytes_size);
    case TAG_ENTRY:
        return take_entry(value, message, wanted);
    case TAG_FDS:
        return lockstep_hostwire_number(value, LOCKSTEP_HOSTWIRE_FDS_MAX, &wanted->fds);
    default:
        return take_names(value, message);
    }
}

/* Hands the descriptors out. False if there are more or fewer than the bytes say. */
static bool take_fds(const struct wanted *wanted, const int *fds, size_t fds_count,
                     struct lockstep_hostwire_message *message)
{
    size_t needed = (size_t)wanted->fds;
    size_t next = 0;
    for (size_t i = 0; i < wanted->entries_count; i++) {
        for (size_t j = 0; j < LOCKSTEP_HOSTWIRE_ENTRY_FDS; j++) {
            needed += (size_t)wanted->entries[i][j];
        }
    }
    if (needed != fds_count) {
        return false;
    }
    for (size_t i = 0; i < wanted->entries_count; i++) {
        for (size_t j = 0; j < LOCKSTEP_HOSTWIRE_ENTRY_FDS; j++) {
            int *fd = lockstep_hostwire_entry_fd(&message->entries[i], j);
            *fd = wanted->entries[i][j] ? fds[next++] : -1;
        }
    }
    for (size_t i = 0; i < wanted->fds; i++) {
        message->fds[i] = fds[next++];
    }
    message->entries_count = wanted->entries_count;
    message->fds_count = (size_t)wanted->fds;
    return true;
}

enum lockstep_err lockstep_hostwire_decode(const uint8_t *bytes, size_t size, const int *fds,
                                           size_t fds_count,
                                           struct lockstep_hostwire_message *ret_message,
                                           struct lockstep_error *err)
{
    struct wanted wanted = {0};
    struct lockstep_hostwire_value value;
    bool broken = false;
    lockstep_hostwire_reset(ret_message, LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    while (lockstep_hostwire_next(&bytes, &size, &value, &broken)) {
        if (!take_value(&value, ret_message, &wanted)) {
            return LOCKSTEP_FAIL(err, INVALID, "value %u of a frame is malformed", value.tag);
        }
    }
    if (broken) {
        return LOCKSTEP_FAIL(err, INVALID, "a frame is cut off");
    }
    if (ret_message->type == LOCKSTEP_HOSTWIRE_UNSPECIFIED) {
        return LOCKSTEP_FAIL(err, INVALID, "a frame does not say what it is");
    }
    if (!take_fds(&wanted, fds, fds_count, ret_message)) {
        return LOCKSTEP_FAIL(err, INVALID, "a %s message came with %zu descriptors",
                             lockstep_hostwire_type_name(ret_message->type), fds_count);
    }
    return LOCKSTEP_OK;
}
