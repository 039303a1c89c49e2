/* Every message there is has a seed to fuzz from that is taken for one. LOCKSTEP_WRITE_SEEDS=1
 * writes those that are not there. */
#include "common/io/wire.h"
#include "common/tbl/messages.h"
#include "tests/support/seeds.h"
#include "tests/support/wire_fill.h"

#define TARGET     "common_io_wire"
#define EVERYBODY  0xFFU
#define TYPES      256
#define LARGE_SEED 1024

struct message_row {
    const char *name;
    unsigned type;
};

static const struct message_row rows[] = {
#define MESSAGE_ROW(number, message_name, role, text) {#message_name, (number)},
    LOCKSTEP_MESSAGE_TABLE(MESSAGE_ROW)
#undef MESSAGE_ROW
};

static struct lockstep_wire_codec *codec;
static size_t seen[TYPES];

static void look(const uint8_t *bytes, size_t size)
{
    struct lockstep_wire wire;
    if (size >= 2 &&
        lockstep_wire_decode(codec, EVERYBODY, bytes, size, &wire, NULL) == LOCKSTEP_OK) {
        seen[(unsigned)wire.message.type % TYPES]++;
    }
}

/* The largest content says most, where it is not too much. */
static void write_seed(const struct message_row *row)
{
    static uint8_t frame[LOCKSTEP_FRAME_MAX];
    struct lockstep_wire wire;
    size_t length = LARGE_SEED + 1;
    for (int largest = 1; largest >= 0 && length > LARGE_SEED; largest--) {
        lockstep_wire_fill(lockstep_wire_row_find(row->type), largest == 1, &wire);
        assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, NULL), LOCKSTEP_OK);
    }
    if (!seeds_write(TARGET, row->name, frame, length)) {
        fail_msg("tests/fuzz/seeds/" TARGET " has none; LOCKSTEP_WRITE_SEEDS=1 writes it");
    }
}

static void check_message(void **state)
{
    const struct message_row *row = *state;
    assert_true(row->type < TYPES);
    if (seen[row->type] == 0) {
        write_seed(row);
    }
}

int main(void)
{
    int failed;
    codec = lockstep_wire_codec_new();
    if (codec == NULL) {
        return 1;
    }
    (void)seeds_each(TARGET, look);
    failed = LOCKSTEP_RUN_TABLE("seeds of the wire", rows, check_message);
    codec = lockstep_wire_codec_free(codec);
    return failed;
}
