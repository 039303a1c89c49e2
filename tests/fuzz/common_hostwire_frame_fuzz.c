/* What is taken for a frame is within its bounds, and written and read again it is the same. */
#include "common/hostwire/hostwire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct lockstep_hostwire_message *message;
static struct lockstep_hostwire_message *again;
static uint8_t first[LOCKSTEP_HOST_FRAME_MAX];
static uint8_t second[LOCKSTEP_HOST_FRAME_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first_size = 0;
    size_t second_size = 0;
    if (message == NULL) {
        message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        again = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        MUST(message != NULL && again != NULL);
    }
    if (lockstep_hostwire_decode(data, size, NULL, 0, message, NULL) != LOCKSTEP_OK ||
        lockstep_hostwire_encode(message, first, sizeof(first), &first_size, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(message->entries_count <= LOCKSTEP_HOSTWIRE_ENTRIES_MAX);
    MUST(lockstep_hostwire_decode(first, first_size, NULL, 0, again, NULL) == LOCKSTEP_OK);
    MUST(lockstep_hostwire_encode(again, second, sizeof(second), &second_size, NULL) ==
         LOCKSTEP_OK);
    MUST(first_size == second_size && memcmp(first, second, first_size) == 0);
    return 0;
}
