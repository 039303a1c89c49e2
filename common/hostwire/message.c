#include "common/base/cleanup.h"
#include "common/hostwire/hostwire.h"

#include <string.h>

const char *lockstep_hostwire_type_name(enum lockstep_hostwire_type type)
{
    switch (type) {
#define LOCKSTEP_HOSTWIRE_CASE(number, name) \
    case LOCKSTEP_HOSTWIRE_##name:           \
        return #name;
        LOCKSTEP_HOSTWIRE_TYPE_TABLE(LOCKSTEP_HOSTWIRE_CASE)
#undef LOCKSTEP_HOSTWIRE_CASE
    case LOCKSTEP_HOSTWIRE_UNSPECIFIED:
    default:
        return "UNSPECIFIED";
    }
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static void close_all(struct lockstep_hostwire_message *message)
{
    for (size_t i = 0; i < message->entries_count; i++) {
        for (size_t j = 0; j < LOCKSTEP_HOSTWIRE_ENTRY_FDS; j++) {
            close_one(lockstep_hostwire_entry_fd(&message->entries[i], j));
        }
    }
    for (size_t i = 0; i < message->fds_count; i++) {
        close_one(&message->fds[i]);
    }
}

/* What lies behind a path's end may stay. */
static void clear_entry(struct lockstep_hostwire_entry *entry)
{
    const size_t behind = offsetof(struct lockstep_hostwire_entry, config_fd);
    memset(entry, 0, offsetof(struct lockstep_hostwire_entry, path) + 1);
    memset((uint8_t *)entry + behind, 0, sizeof(*entry) - behind);
    for (size_t i = 0; i < LOCKSTEP_HOSTWIRE_ENTRY_FDS; i++) {
        *lockstep_hostwire_entry_fd(entry, i) = -1;
    }
}

/* So may the bytes, half of a message: behind their size nobody looks. */
static void clear(struct lockstep_hostwire_message *message, enum lockstep_hostwire_type type)
{
    memset(message, 0, offsetof(struct lockstep_hostwire_message, entries));
    message->type = type;
    message->extra[0] = '\0';
    for (size_t i = 0; i < LOCKSTEP_HOSTWIRE_ENTRIES_MAX; i++) {
        clear_entry(&message->entries[i]);
    }
    for (size_t i = 0; i < LOCKSTEP_HOSTWIRE_FDS_MAX; i++) {
        message->fds[i] = -1;
    }
}

struct lockstep_hostwire_message *lockstep_hostwire_new(enum lockstep_hostwire_type type)
{
    struct lockstep_hostwire_message *message = calloc(1, sizeof(*message));
    if (message != NULL) {
        clear(message, type);
    }
    return message;
}

struct lockstep_hostwire_message *lockstep_hostwire_free(struct lockstep_hostwire_message *message)
{
    if (message != NULL) {
        close_all(message);
        free(message);
    }
    return NULL;
}

void lockstep_hostwire_reset(struct lockstep_hostwire_message *message,
                             enum lockstep_hostwire_type type)
{
    close_all(message);
    clear(message, type);
}
