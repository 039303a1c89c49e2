/* What is taken for a frame is within its bounds, has every descriptor that came beside it once,
 * and written and read again it is the same. The first input byte says how many came. */
#include "common/hostwire/hostwire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define NO_FD (1 << 24) /* numbers behind this one are no descriptors of any process */

static struct lockstep_hostwire_message *message;
static struct lockstep_hostwire_message *again;
static int fds[UINT8_MAX];
static uint8_t first[LOCKSTEP_HOST_FRAME_MAX];
static uint8_t second[LOCKSTEP_HOST_FRAME_MAX];

static void begin(void)
{
    message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    again = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    MUST(message != NULL && again != NULL);
    for (size_t i = 0; i < LOCKSTEP_COUNT(fds); i++) {
        fds[i] = NO_FD + (int)i;
    }
}

/* Each of COUNT descriptors has come to exactly one place. */
static void must_hold_all(size_t count)
{
    uint8_t seen[LOCKSTEP_COUNT(fds)] = {0};
    size_t found = message->fds_count;
    MUST(message->fds_count <= LOCKSTEP_HOSTWIRE_FDS_MAX);
    for (size_t i = 0; i < message->fds_count; i++) {
        MUST(seen[message->fds[i] - NO_FD]++ == 0);
    }
    for (size_t i = 0; i < message->entries_count; i++) {
        const int both[] = {message->entries[i].config_fd, message->entries[i].state_fd,
                            message->entries[i].journal_fd, message->entries[i].back_fd};
        for (size_t j = 0; j < LOCKSTEP_COUNT(both); j++) {
            found += both[j] >= 0;
            MUST(both[j] < 0 || seen[both[j] - NO_FD]++ == 0);
        }
    }
    MUST(found == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = size == 0 ? 0 : data[0];
    size_t first_size = 0;
    size_t second_size = 0;
    if (message == NULL) {
        begin();
    }
    if (size == 0 ||
        lockstep_hostwire_decode(data + 1, size - 1, fds, count, message, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(message->entries_count <= LOCKSTEP_HOSTWIRE_ENTRIES_MAX);
    must_hold_all(count);
    if (lockstep_hostwire_encode(message, first, sizeof(first), &first_size, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_hostwire_decode(first, first_size, fds, count, again, NULL) == LOCKSTEP_OK);
    MUST(lockstep_hostwire_encode(again, second, sizeof(second), &second_size, NULL) ==
         LOCKSTEP_OK);
    MUST(first_size == second_size && memcmp(first, second, first_size) == 0);
    return 0;
}
