#include "common/hostwire/codec.h"

#include <string.h>

enum tag {
    TAG_MODULE = 1,
    TAG_VERSION,
    TAG_GENERATION,
    TAG_DIGEST,
    TAG_DEVICE,
    TAG_INODE,
    TAG_PATH,
    TAG_CONFIG,
    TAG_BEGIN,
    TAG_STATE,
    TAG_SCHEMA,
    TAG_CALLS,
    TAG_FAILED,
    TAG_IN_FLIGHT,
    TAG_CLOSED,
    TAG_TOOL = 40,
    TAG_JOURNAL = 50,
    TAG_BACK,
    TAG_WHOLE,
    TAG_BY,
    TAG_FINALIZED,
    TAG_DRAIN = 90,
    TAG_REFUSES,
};

void lockstep_hostwire_put_entry(struct lockstep_hostwire_writer *writer, uint16_t tag,
                                 const struct lockstep_hostwire_entry *entry)
{
    uint8_t bytes[2048];
    struct lockstep_hostwire_writer inner = {.bytes = bytes, .room = sizeof(bytes)};
    lockstep_hostwire_put_text(&inner, TAG_MODULE, entry->module.text);
    lockstep_hostwire_put_text(&inner, TAG_VERSION, entry->version);
    lockstep_hostwire_put_number(&inner, TAG_GENERATION, entry->generation);
    if (!lockstep_digest_is_zero(&entry->digest)) {
        lockstep_hostwire_put(&inner, TAG_DIGEST, entry->digest.bytes, LOCKSTEP_DIGEST_BYTES);
    }
    lockstep_hostwire_put_number(&inner, TAG_DEVICE, entry->device);
    lockstep_hostwire_put_number(&inner, TAG_INODE, entry->inode);
    lockstep_hostwire_put_text(&inner, TAG_PATH, entry->path);
    lockstep_hostwire_put_number(&inner, TAG_CONFIG, entry->config_fd >= 0);
    lockstep_hostwire_put_number(&inner, TAG_BEGIN, entry->state_fd >= 0);
    lockstep_hostwire_put_number(&inner, TAG_STATE, entry->state);
    lockstep_hostwire_put_number(&inner, TAG_SCHEMA, entry->schema);
    lockstep_hostwire_put_number(&inner, TAG_CALLS, entry->calls);
    lockstep_hostwire_put_number(&inner, TAG_FAILED, entry->failed);
    lockstep_hostwire_put_number(&inner, TAG_IN_FLIGHT, entry->in_flight);
    lockstep_hostwire_put_number(&inner, TAG_CLOSED, entry->closed);
    lockstep_hostwire_put_text(&inner, TAG_TOOL, entry->tool);
    lockstep_hostwire_put_number(&inner, TAG_JOURNAL, entry->journal_fd >= 0);
    lockstep_hostwire_put_number(&inner, TAG_BACK, entry->back_fd >= 0);
    lockstep_hostwire_put_number(&inner, TAG_WHOLE, entry->whole);
    lockstep_hostwire_put_number(&inner, TAG_BY, entry->by);
    lockstep_hostwire_put_number(&inner, TAG_FINALIZED, entry->finalized);
    lockstep_hostwire_put_number(&inner, TAG_DRAIN, entry->drain);
    lockstep_hostwire_put_number(&inner, TAG_REFUSES, entry->refuses);
    writer->full = writer->full || inner.full;
    lockstep_hostwire_put(writer, tag, bytes, inner.size);
}

static bool take_name(const struct lockstep_hostwire_value *value, struct lockstep_name *ret_name)
{
    char text[LOCKSTEP_NAME_MAX + 1];
    return lockstep_hostwire_text(value, text, sizeof(text)) && lockstep_name_parse(text, ret_name);
}

static bool take_digest(const struct lockstep_hostwire_value *value,
                        struct lockstep_digest *ret_digest)
{
    if (value->size != LOCKSTEP_DIGEST_BYTES) {
        return false;
    }
    memcpy(ret_digest->bytes, value->bytes, LOCKSTEP_DIGEST_BYTES);
    return true;
}

static bool take_path(const struct lockstep_hostwire_value *value,
                      struct lockstep_hostwire_entry *entry)
{
    return lockstep_hostwire_text(value, entry->path, sizeof(entry->path)) && entry->path[0] == '/';
}

static bool take_flag(const struct lockstep_hostwire_value *value, bool *ret_flag)
{
    uint64_t number = 0;
    bool taken = lockstep_hostwire_number(value, 1, &number);
    *ret_flag = number == 1;
    return taken;
}

static bool take_state(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_entry *entry)
{
    uint64_t number = 0;
    bool taken = lockstep_hostwire_number(value, LOCKSTEP_HOSTWIRE_STATE_RETIRED, &number);
    entry->state = (enum lockstep_hostwire_state)number;
    return taken;
}

static bool take_drain(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_entry *entry)
{
    uint64_t number = 0;
    bool taken = lockstep_hostwire_number(value, LOCKSTEP_HOSTWIRE_DRAIN_DONE, &number);
    entry->drain = (enum lockstep_hostwire_drain)number;
    return taken;
}

static bool take_schema(const struct lockstep_hostwire_value *value,
                        struct lockstep_hostwire_entry *entry)
{
    uint64_t number = 0;
    bool taken = lockstep_hostwire_number(value, UINT32_MAX, &number);
    entry->schema = (uint32_t)number;
    return taken;
}

static bool take_value(const struct lockstep_hostwire_value *value,
                       struct lockstep_hostwire_entry *entry, bool *ret_wanted)
{
    switch (value->tag) {
    case TAG_MODULE:
        return take_name(value, &entry->module);
    case TAG_VERSION:
        return lockstep_hostwire_text(value, entry->version, sizeof(entry->version));
    case TAG_GENERATION:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->generation);
    case TAG_DIGEST:
        return take_digest(value, &entry->digest);
    case TAG_DEVICE:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->device);
    case TAG_INODE:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->inode);
    case TAG_PATH:
        return take_path(value, entry);
    case TAG_CONFIG:
        return take_flag(value, &ret_wanted[0]);
    case TAG_BEGIN:
        return take_flag(value, &ret_wanted[1]);
    case TAG_STATE:
        return take_state(value, entry);
    case TAG_SCHEMA:
        return take_schema(value, entry);
    case TAG_CALLS:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->calls);
    case TAG_FAILED:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->failed);
    case TAG_IN_FLIGHT:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->in_flight);
    case TAG_CLOSED:
        return take_flag(value, &entry->closed);
    case TAG_TOOL:
        return lockstep_hostwire_text(value, entry->tool, sizeof(entry->tool));
    case TAG_JOURNAL:
        return take_flag(value, &ret_wanted[2]);
    case TAG_BACK:
        return take_flag(value, &ret_wanted[3]);
    case TAG_WHOLE:
        return take_flag(value, &entry->whole);
    case TAG_BY:
        return lockstep_hostwire_number(value, UINT64_MAX, &entry->by);
    case TAG_FINALIZED:
        return take_flag(value, &entry->finalized);
    case TAG_DRAIN:
        return take_drain(value, entry);
    case TAG_REFUSES:
        return take_flag(value, &entry->refuses);
    default:
        return true;
    }
}

bool lockstep_hostwire_entry_parse(const struct lockstep_hostwire_value *value,
                                   struct lockstep_hostwire_entry *ret_entry,
                                   bool ret_wanted[LOCKSTEP_HOSTWIRE_ENTRY_FDS])
{
    const uint8_t *bytes = value->bytes;
    size_t size = value->size;
    struct lockstep_hostwire_value inner;
    bool broken = false;
    while (lockstep_hostwire_next(&bytes, &size, &inner, &broken)) {
        if (!take_value(&inner, ret_entry, ret_wanted)) {
            return false;
        }
    }
    return !broken && ret_entry->module.text[0] != '\0';
}
