/* Every type of message between agent and host has a seed to fuzz from. LOCKSTEP_WRITE_SEEDS=1
 * writes those that are not there. */
#include "common/hostwire/hostwire.h"
#include "tests/support/seeds.h"

#define TARGET "common_hostwire_frame"

struct type_row {
    const char *name;
    enum lockstep_hostwire_type type;
};

static const struct type_row rows[] = {
#define TYPE_ROW(number, type_name) {#type_name, LOCKSTEP_HOSTWIRE_##type_name},
    LOCKSTEP_HOSTWIRE_TYPE_TABLE(TYPE_ROW)
#undef TYPE_ROW
};

static size_t seen[LOCKSTEP_HOSTWIRE_TYPE_MAX + 1];

/* The first byte is how many descriptors came beside the frame. */
static void look(const uint8_t *bytes, size_t size)
{
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(
        LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    int fds[UINT8_MAX];
    assert_non_null(message);
    memset(fds, 0xFF, sizeof(fds)); /* none is open */
    if (size > 0 && lockstep_hostwire_decode(bytes + 1, size - 1, fds, bytes[0], message, NULL) ==
                        LOCKSTEP_OK) {
        seen[message->type]++;
    }
    message = lockstep_hostwire_free(message);
}

/* What a message of any type may have; how many descriptors are in RET_COUNT. */
static struct lockstep_hostwire_message *fill(enum lockstep_hostwire_type type, uint8_t *ret_count)
{
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(type);
    struct lockstep_hostwire_entry *entry;
    bool set = type == LOCKSTEP_HOSTWIRE_KEEP || type == LOCKSTEP_HOSTWIRE_ADOPT ||
               type == LOCKSTEP_HOSTWIRE_HAND_OVER;
    assert_non_null(message);
    message->id = 7;
    message->version_min = message->version_max = 1;
    message->generation = 3;
    message->drain_ms = 5000;
    message->drain = message->more = true;
    memset(message->operation.bytes, 5, sizeof(message->operation.bytes));
    assert_true(lockstep_name_parse("web", &message->service));
    (void)snprintf(message->text, sizeof(message->text), "echo");
    message->bytes_size = 4;
    memcpy(message->bytes, "text", 4);
    message->entries_count = 1;
    entry = &message->entries[0];
    assert_true(lockstep_name_parse("echo", &entry->module));
    (void)snprintf(entry->version, sizeof(entry->version), "1.0.0");
    (void)snprintf(entry->path, sizeof(entry->path), "/run/echo.so");
    (void)snprintf(entry->tool, sizeof(entry->tool), "echo.say");
    entry->generation = 3;
    entry->schema = 2;
    entry->state = LOCKSTEP_HOSTWIRE_STATE_LIVE;
    entry->drain = LOCKSTEP_HOSTWIRE_DRAIN_WAITS;
    entry->calls = 1000;
    entry->state_fd = entry->journal_fd = entry->config_fd = set ? 0 : -1;
    message->fds_count = set ? 0 : 1;
    *ret_count = set ? 3 : 1;
    return message;
}

static void check_type(void **state)
{
    static uint8_t bytes[1 + LOCKSTEP_HOST_FRAME_MAX];
    const struct type_row *row = *state;
    struct lockstep_hostwire_message *message = fill(row->type, &bytes[0]);
    enum lockstep_err code;
    size_t size = 0;
    code = lockstep_hostwire_encode(message, bytes + 1, sizeof(bytes) - 1, &size, NULL);
    message->fds_count = 0; /* they are nobody's, as are the entry's */
    message->entries_count = 0;
    message = lockstep_hostwire_free(message);
    assert_int_equal(code, LOCKSTEP_OK);
    if (seen[row->type] == 0 && !seeds_write(TARGET, row->name, bytes, size + 1)) {
        fail_msg("tests/fuzz/seeds/" TARGET " has none; LOCKSTEP_WRITE_SEEDS=1 writes it");
    }
}

int main(void)
{
    (void)seeds_each(TARGET, look);
    return LOCKSTEP_RUN_TABLE("seeds of hostwire", rows, check_type);
}
