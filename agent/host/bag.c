#include "agent/host/bag.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC  "lockrec1"
#define HEADER 24
#define ENTRY  12

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

static bool make_room(struct lockstep_bag *bag, size_t more)
{
    size_t wanted = bag->room == 0 ? 4096 : bag->room;
    uint8_t *bigger;
    if (more <= bag->room - bag->size) {
        return true;
    }
    if (more > LOCKSTEP_BAG_MAX - bag->size) {
        return false;
    }
    while (wanted < bag->size + more) {
        wanted *= 2;
    }
    bigger = realloc(bag->bytes, wanted);
    if (bigger == NULL) {
        return false;
    }
    bag->bytes = bigger;
    bag->room = wanted;
    return true;
}

static bool put(struct lockstep_records_sink *sink, const struct lockstep_record *record)
{
    struct lockstep_bag *bag = (void *)((char *)sink - offsetof(struct lockstep_bag, sink));
    uint8_t *at;
    if (!make_room(bag, (size_t)ENTRY + record->key_size + record->value_size)) {
        return false;
    }
    at = bag->bytes + bag->size;
    write_u32(at, record->key_size);
    write_u32(at + 4, record->value_size);
    write_u32(at + 8, record->residue ? 1 : 0);
    at += ENTRY;
    if (record->key_size > 0) {
        memcpy(at, record->key, record->key_size);
    }
    if (record->value_size > 0) {
        memcpy(at + record->key_size, record->value, record->value_size);
    }
    bag->size += (size_t)ENTRY + record->key_size + record->value_size;
    bag->count++;
    bag->source.count = bag->count;
    return true;
}

/* How long the record at BYTES is; 0 if it is not whole. */
static size_t look_at(const uint8_t *bytes, size_t size, struct lockstep_record *ret_record)
{
    uint64_t whole;
    if (size < ENTRY || read_u32(bytes + 8) > 1) {
        return 0;
    }
    ret_record->key_size = read_u32(bytes);
    ret_record->value_size = read_u32(bytes + 4);
    ret_record->residue = read_u32(bytes + 8) == 1;
    ret_record->key = bytes + ENTRY;
    whole = (uint64_t)ENTRY + ret_record->key_size + ret_record->value_size;
    if (whole > size) {
        return 0;
    }
    ret_record->value = bytes + ENTRY + ret_record->key_size;
    return (size_t)whole;
}

static bool next(struct lockstep_records_source *source, struct lockstep_record *ret_record)
{
    struct lockstep_bag *bag = (void *)((char *)source - offsetof(struct lockstep_bag, source));
    size_t whole;
    if (bag->next == bag->size) {
        return false;
    }
    whole = look_at(bag->bytes + bag->next, bag->size - bag->next, ret_record);
    bag->next += whole;
    return whole > 0;
}

void lockstep_bag_init(struct lockstep_bag *bag)
{
    memset(bag, 0, sizeof(*bag));
    bag->sink = (struct lockstep_records_sink){put, ""};
    bag->source = (struct lockstep_records_source){0, next, ""};
}

void lockstep_bag_deinit(struct lockstep_bag *bag)
{
    free(bag->bytes);
    lockstep_bag_init(bag);
}

void lockstep_bag_swap(struct lockstep_bag *a, struct lockstep_bag *b)
{
    struct lockstep_bag other = *a;
    *a = *b;
    *b = other;
    b->sink.extra = a->sink.extra;
    b->source.extra = a->source.extra;
    a->sink.extra = other.sink.extra;
    a->source.extra = other.source.extra;
}

void lockstep_bag_rewind(struct lockstep_bag *bag)
{
    bag->next = 0;
    bag->source.count = bag->count;
}

bool lockstep_bag_take(struct lockstep_bag *bag, struct lockstep_bag *from, bool residue,
                       bool as_residue)
{
    struct lockstep_record record;
    lockstep_bag_rewind(from);
    while (next(&from->source, &record)) {
        if (record.residue != residue) {
            continue;
        }
        record.residue = as_residue;
        if (!put(&bag->sink, &record)) {
            return false;
        }
    }
    return true;
}

static enum lockstep_err write_all(int fd, const uint8_t *bytes, size_t size,
                                   struct lockstep_error *err)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "writing a snapshot");
        }
        bytes += written;
        size -= (size_t)written;
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_bag_save(const struct lockstep_bag *bag, int *ret_fd,
                                    struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = memfd_create("lockstep-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    uint8_t header[HEADER] = {0};
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a snapshot");
    }
    memcpy(header, MAGIC, 8);
    write_u32(header + 8, bag->schema);
    write_u32(header + 12, bag->residue_schema);
    write_u32(header + 16, (uint32_t)bag->count);
    write_u32(header + 20, (uint32_t)(bag->count >> 32));
    LOCKSTEP_TRY(write_all(fd, header, sizeof(header), err));
    LOCKSTEP_TRY(write_all(fd, bag->bytes, bag->size, err));
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "sealing a snapshot");
    }
    *ret_fd = fd;
    fd = -1;
    return LOCKSTEP_OK;
}

static enum lockstep_err read_all(int fd, uint8_t *bytes, size_t size, off_t at,
                                  struct lockstep_error *err)
{
    while (size > 0) {
        ssize_t got = pread(fd, bytes, size, at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "reading a snapshot");
        }
        if (got == 0) {
            return LOCKSTEP_FAIL(err, INVALID, "a snapshot is cut off");
        }
        bytes += got;
        at += got;
        size -= (size_t)got;
    }
    return LOCKSTEP_OK;
}

/* Every record whole, as many as were announced, nothing behind them. */
static bool is_whole(const struct lockstep_bag *bag)
{
    struct lockstep_record record;
    size_t at = 0;
    for (uint64_t i = 0; i < bag->count; i++) {
        size_t whole = at == bag->size ? 0 : look_at(bag->bytes + at, bag->size - at, &record);
        if (whole == 0) {
            return false;
        }
        at += whole;
    }
    return at == bag->size;
}

enum lockstep_err lockstep_bag_load(struct lockstep_bag *bag, int fd, struct lockstep_error *err)
{
    uint8_t header[HEADER];
    struct stat status;
    size_t size;
    if (fstat(fd, &status) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "reading a snapshot");
    }
    if (status.st_size < HEADER) {
        return LOCKSTEP_FAIL(err, INVALID, "a snapshot is cut off");
    }
    size = (size_t)status.st_size - HEADER;
    LOCKSTEP_TRY(read_all(fd, header, sizeof(header), 0, err));
    if (memcmp(header, MAGIC, 8) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "a snapshot is none of ours");
    }
    if (!make_room(bag, size)) {
        return LOCKSTEP_FAIL(err, LIMIT, "a snapshot of %zu bytes has no room", size);
    }
    LOCKSTEP_TRY(read_all(fd, bag->bytes, size, HEADER, err));
    bag->size = size;
    bag->schema = read_u32(header + 8);
    bag->residue_schema = read_u32(header + 12);
    bag->count = read_u32(header + 16) | (uint64_t)read_u32(header + 20) << 32;
    if (!is_whole(bag)) {
        lockstep_bag_deinit(bag);
        return LOCKSTEP_FAIL(err, INVALID, "a record of a snapshot is damaged");
    }
    lockstep_bag_rewind(bag);
    return LOCKSTEP_OK;
}
