/* Frames between agent and host: what goes in comes out, and what is broken is refused. */
#include "common/base/rng.h"
#include "common/hostwire/boot.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct lockstep_hostwire_message *fill(void)
{
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_PREPARE);
    struct lockstep_hostwire_entry *entry;
    assert_non_null(message);
    message->id = UINT64_MAX;
    message->pid = 77;
    message->drain_ms = UINT32_MAX;
    message->smoke = true;
    message->latched = true;
    message->refuse = true;
    memset(message->operation.bytes, 7, sizeof(message->operation.bytes));
    (void)snprintf(message->code, sizeof(message->code), "SMOKE");
    (void)snprintf(message->text, sizeof(message->text), "because");
    assert_true(lockstep_name_parse("web", &message->service));
    (void)snprintf(message->extra, sizeof(message->extra), "more");
    message->entries_count = 2;
    for (size_t i = 0; i < 2; i++) {
        entry = &message->entries[i];
        assert_true(lockstep_name_parse(i == 0 ? "echo" : "other", &entry->module));
        (void)snprintf(entry->path, sizeof(entry->path), "/gen/%zu.so", i);
        entry->generation = i + 1;
        entry->inode = 1ULL << 40;
        (void)snprintf(entry->tool, sizeof(entry->tool), "tool.%zu", i);
        entry->state = LOCKSTEP_HOSTWIRE_STATE_LIVE;
        entry->drain = LOCKSTEP_HOSTWIRE_DRAIN_DONE;
        entry->refuses = i == 0;
        memset(entry->digest.bytes, (int)i + 1, sizeof(entry->digest.bytes));
    }
    return message;
}

static void test_there_and_back(void **state)
{
    struct lockstep_hostwire_message *in = fill();
    struct lockstep_hostwire_message *out = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    int pair[2];
    char byte = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    in->entries[1].config_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    in->entries[0].journal_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    in->entries[0].back_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    in->entries[0].whole = true;
    in->entries[0].finalized = true;
    in->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    in->fds_count = 1;
    assert_int_equal(lockstep_hostwire_send(pair[0], in, 1000, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_hostwire_receive(pair[1], out, 1000, NULL), LOCKSTEP_OK);
    assert_int_equal(out->type, LOCKSTEP_HOSTWIRE_PREPARE);
    assert_true(out->id == in->id && out->pid == 77 && out->drain_ms == UINT32_MAX);
    assert_true(out->smoke && out->latched && !out->more);
    assert_true(lockstep_id_equal(&out->operation, &in->operation));
    assert_string_equal(out->code, "SMOKE");
    assert_string_equal(out->entries[1].tool, "tool.1");
    assert_string_equal(out->text, "because");
    assert_string_equal(out->service.text, "web");
    assert_string_equal(out->extra, "more");
    assert_true(out->refuse && out->entries[0].refuses && !out->entries[1].refuses);
    assert_int_equal(out->entries_count, 2);
    assert_int_equal(out->entries[1].drain, LOCKSTEP_HOSTWIRE_DRAIN_DONE);
    assert_string_equal(out->entries[1].path, "/gen/1.so");
    assert_true(out->entries[1].inode == 1ULL << 40);
    assert_true(lockstep_digest_equal(&out->entries[1].digest, &in->entries[1].digest));
    assert_int_equal(out->entries[0].config_fd, -1);
    assert_int_equal(out->entries[0].state_fd, -1);
    assert_int_equal(read(out->entries[0].journal_fd, &byte, 1), 1);
    assert_int_equal(read(out->entries[0].back_fd, &byte, 1), 0);
    assert_true(out->entries[0].whole && !out->entries[1].whole);
    assert_true(out->entries[0].finalized && !out->entries[1].finalized);
    assert_int_equal(read(out->entries[1].config_fd, &byte, 1), 1);
    assert_int_equal(read(out->fds[0], &byte, 1), 0);
    (void)close(pair[0]);
    assert_int_equal(lockstep_hostwire_receive(pair[1], out, 1000, NULL), LOCKSTEP_CLOSED);
    (void)close(pair[1]);
    in = lockstep_hostwire_free(in);
    out = lockstep_hostwire_free(out);
}

static void test_too_long(void **state)
{
    struct lockstep_hostwire_message *message = fill();
    uint8_t bytes[64];
    size_t size = 0;
    (void)state;
    assert_int_equal(lockstep_hostwire_encode(message, bytes, sizeof(bytes), &size, NULL),
                     LOCKSTEP_LIMIT);
    message = lockstep_hostwire_free(message);
}

/* Largest set: it has to fit a frame. */
static void test_full_set_fits(void **state)
{
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_PREPARE);
    uint8_t *bytes = malloc(LOCKSTEP_HOST_FRAME_MAX);
    size_t size = 0;
    (void)state;
    assert_non_null(message);
    assert_non_null(bytes);
    message->entries_count = LOCKSTEP_HOSTWIRE_ENTRIES_MAX;
    memset(message->extra, 'x', LOCKSTEP_EXTRA_MAX);
    for (size_t i = 0; i < LOCKSTEP_HOSTWIRE_ENTRIES_MAX; i++) {
        struct lockstep_hostwire_entry *entry = &message->entries[i];
        memset(entry->module.text, 'a', LOCKSTEP_NAME_MAX);
        memset(entry->version, '1', LOCKSTEP_VERSION_MAX);
        memset(entry->path, '/', LOCKSTEP_HOSTWIRE_PATH_MAX);
        memset(&entry->digest, 1, sizeof(entry->digest));
        entry->generation = entry->device = entry->inode = UINT64_MAX;
        entry->calls = entry->failed = entry->in_flight = UINT64_MAX;
    }
    assert_int_equal(lockstep_hostwire_encode(message, bytes, LOCKSTEP_HOST_FRAME_MAX, &size, NULL),
                     LOCKSTEP_OK);
    free(bytes);
    message = lockstep_hostwire_free(message);
}

struct bad_row {
    const char *name;
    size_t size;
    uint8_t bytes[40];
};

/* Values are tag (2), length (4), bytes; tag 1 is the type, 6 the service, 24 an entry. */
static const struct bad_row bad_rows[] = {
    {"empty", 0, {0}},
    {"cut off in a header", 3, {1, 0, 1}},
    {"longer than the frame", 7, {1, 0, 255, 255, 255, 255, 1}},
    {"no type", 7, {2, 0, 1, 0, 0, 0, 9}},
    {"type out of range", 7, {1, 0, 1, 0, 0, 0, 99}},
    {"number too wide", 22, {1, 0, 1, 0, 0, 0, 4, 2, 0, 9, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"flag that is two", 14, {1, 0, 1, 0, 0, 0, 4, 16, 0, 1, 0, 0, 0, 2}},
    {"name with a slash", 16, {1, 0, 1, 0, 0, 0, 4, 6, 0, 3, 0, 0, 0, 'a', '/', 'b'}},
    {"text with a NUL", 16, {1, 0, 1, 0, 0, 0, 4, 9, 0, 3, 0, 0, 0, 'a', 0, 'b'}},
    {"extra with a NUL", 16, {1, 0, 1, 0, 0, 0, 4, 21, 0, 3, 0, 0, 0, 'a', 0, 'b'}},
    {"entry without a module", 13, {1, 0, 1, 0, 0, 0, 4, 24, 0, 0, 0, 0, 0}},
    {"entry with a relative path", 27, {1, 0, 1, 0, 0, 0,   8, 24, 0, 14, 0, 0, 0,  1,
                                        0, 1, 0, 0, 0, 'a', 7, 0,  1, 0,  0, 0, 'x'}},
    {"descriptor that did not come", 14, {1, 0, 1, 0, 0, 0, 6, 23, 0, 1, 0, 0, 0, 1}},
};

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(
        LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    assert_non_null(message);
    assert_int_equal(lockstep_hostwire_decode(row->bytes, row->size, NULL, 0, message, NULL),
                     LOCKSTEP_INVALID);
    message = lockstep_hostwire_free(message);
}

static void add_value(uint8_t *bytes, size_t *size, uint8_t tag, const void *value, size_t length)
{
    const uint8_t head[] = {tag, 0, (uint8_t)length, (uint8_t)(length >> 8), 0, 0};
    memcpy(bytes + *size, head, sizeof(head));
    memcpy(bytes + *size + sizeof(head), value, length);
    *size += sizeof(head) + length;
}

/* As many entries, and as long a text, as there may be; and one more. */
static void test_bounds(void **state)
{
    static const uint8_t entry[] = {1, 0, 1, 0, 0, 0, 'a'};
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(
        LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    const uint8_t type = LOCKSTEP_HOSTWIRE_STATUS;
    uint8_t bytes[2048];
    char text[LOCKSTEP_TEXT_MAX + 1];
    size_t size = 0;
    (void)state;
    memset(text, 'x', sizeof(text));
    add_value(bytes, &size, 1, &type, 1);
    for (size_t i = 0; i < LOCKSTEP_HOSTWIRE_ENTRIES_MAX; i++) {
        add_value(bytes, &size, 24, entry, sizeof(entry));
    }
    assert_int_equal(lockstep_hostwire_decode(bytes, size, NULL, 0, message, NULL), LOCKSTEP_OK);
    assert_int_equal(message->entries_count, LOCKSTEP_HOSTWIRE_ENTRIES_MAX);
    add_value(bytes, &size, 24, entry, sizeof(entry));
    assert_int_equal(lockstep_hostwire_decode(bytes, size, NULL, 0, message, NULL),
                     LOCKSTEP_INVALID);
    size = 7; /* the type alone */
    add_value(bytes, &size, 9, text, LOCKSTEP_TEXT_MAX);
    assert_int_equal(lockstep_hostwire_decode(bytes, size, NULL, 0, message, NULL), LOCKSTEP_OK);
    assert_int_equal(strlen(message->text), LOCKSTEP_TEXT_MAX);
    size = 7;
    add_value(bytes, &size, 9, text, LOCKSTEP_TEXT_MAX + 1);
    assert_int_equal(lockstep_hostwire_decode(bytes, size, NULL, 0, message, NULL),
                     LOCKSTEP_INVALID);
    message = lockstep_hostwire_free(message);
}

/* What comes beside a frame that is refused is closed, and a frame may be no longer than a frame.
 */
static void test_refused_packets(void **state)
{
    static uint8_t bytes[LOCKSTEP_HOST_FRAME_MAX + 1] = {1, 0, 1, 0, 0, 0, LOCKSTEP_HOSTWIRE_OK};
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(
        LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec part = {.iov_base = bytes, .iov_len = 7};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    int pair[2];
    int pipes[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    memcpy(CMSG_DATA(&control.header), &pipes[1], sizeof(int));
    assert_int_equal(sendmsg(pair[0], &packet, 0), 7); /* an OK that no descriptor belongs to */
    (void)close(pipes[1]);
    assert_int_equal(lockstep_hostwire_receive(pair[1], message, 1000, NULL), LOCKSTEP_INVALID);
    assert_int_equal(read(pipes[0], bytes + 8, 1), 0); /* nobody holds the other end any more */
    (void)close(pipes[0]);
    for (size_t over = 0; over < 2; over++) {
        const size_t length = LOCKSTEP_HOST_FRAME_MAX - 13; /* what fits is a whole message */
        bytes[7] = 99; /* a tag that nobody knows is passed over */
        bytes[9] = (uint8_t)length;
        bytes[10] = (uint8_t)(length >> 8);
        assert_int_equal(send(pair[0], bytes, LOCKSTEP_HOST_FRAME_MAX + over, 0),
                         LOCKSTEP_HOST_FRAME_MAX + over);
        assert_int_equal(lockstep_hostwire_receive(pair[1], message, 1000, NULL),
                         over == 0 ? LOCKSTEP_OK : LOCKSTEP_INVALID);
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
    message = lockstep_hostwire_free(message);
}

/* Frames with flipped bytes are refused or understood, and never do harm. */
static void test_flipped(void **state)
{
    struct lockstep_hostwire_message *in = fill();
    struct lockstep_hostwire_message *out = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    uint8_t whole[1024];
    size_t size = 0;
    struct lockstep_rng rng;
    (void)state;
    lockstep_rng_init(&rng, 1);
    assert_int_equal(lockstep_hostwire_encode(in, whole, sizeof(whole), &size, NULL), LOCKSTEP_OK);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[1024];
        size_t cut = (size_t)lockstep_rng_below(&rng, size + 1);
        memcpy(bytes, whole, size);
        for (int j = 0; j < 3; j++) {
            bytes[lockstep_rng_below(&rng, size)] = (uint8_t)lockstep_rng_next(&rng);
        }
        (void)!lockstep_hostwire_decode(bytes, i % 2 == 0 ? size : cut, NULL, 0, out, NULL);
        assert_true(out->entries_count <= LOCKSTEP_HOSTWIRE_ENTRIES_MAX);
    }
    in = lockstep_hostwire_free(in);
    out = lockstep_hostwire_free(out);
}

#define DIGEST_TEXT "0101010101010101010101010101010101010101010101010101010101010101"

struct boot_row {
    const char *name;
    const char *text;
    bool valid;
};

static const struct boot_row boot_rows[] = {
    {"nothing but the first line", "lockstep-boot 1\n", true},
    {"one module", "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /p/a b.so\n", true},
    {"with configuration",
     "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /a\nconfig a /etc/a.conf\n", true},
    {"empty", "", false},
    {"another kind of file", "hello\n", false},
    {"a later format", "lockstep-boot 2\n", false},
    {"cut off", "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /p/a", false},
    {"the same module twice",
     "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /a\nmodule a 1 " DIGEST_TEXT " 2 3 /b\n",
     false},
    {"number that is none", "lockstep-boot 1\nmodule a x " DIGEST_TEXT " 2 3 /a\n", false},
    {"number too large", "lockstep-boot 1\nmodule a 99999999999999999999 " DIGEST_TEXT " 2 3 /a\n",
     false},
    {"relative path", "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 a.so\n", false},
    {"path with a carriage return", "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /a\r\n",
     false},
    {"configuration of nobody", "lockstep-boot 1\nconfig a /a\n", false},
    {"configuration twice",
     "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 /a\nconfig a /a\nconfig a /b\n", false},
    {"unknown word", "lockstep-boot 1\nmodul a\n", false},
};

static void check_boot(void **state)
{
    const struct boot_row *row = *state;
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    FILE *stream = tmpfile();
    assert_non_null(boot);
    assert_non_null(stream);
    assert_true(fputs(row->text, stream) >= 0);
    rewind(stream);
    assert_int_equal(lockstep_boot_read(stream, boot, NULL) == LOCKSTEP_OK, row->valid);
    if (row->valid) {
        char text[512] = "";
        rewind(stream);
        assert_int_equal(ftruncate(fileno(stream), 0), 0);
        assert_int_equal(lockstep_boot_write(boot, stream, NULL), LOCKSTEP_OK);
        rewind(stream);
        assert_int_equal(fread(text, 1, sizeof(text) - 1, stream), strlen(row->text));
        assert_string_equal(text, row->text);
    }
    (void)fclose(stream);
    free(boot);
}

/* As many modules, and as long a path, as there may be; and one more. */
static void test_boot_bounds(void **state)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 2];
    (void)state;
    assert_non_null(boot);
    memset(path, '/', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    for (size_t over = 0; over < 2; over++) {
        FILE *stream = tmpfile();
        assert_non_null(stream);
        (void)fprintf(stream, "lockstep-boot 1\n");
        for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX + over; i++) {
            (void)fprintf(stream, "module m%zu 1 " DIGEST_TEXT " 2 3 /a\n", i);
        }
        rewind(stream);
        assert_int_equal(lockstep_boot_read(stream, boot, NULL),
                         over == 0 ? LOCKSTEP_OK : LOCKSTEP_INVALID);
        (void)fclose(stream);
        stream = tmpfile();
        assert_non_null(stream);
        (void)fprintf(stream, "lockstep-boot 1\nmodule a 1 " DIGEST_TEXT " 2 3 %s\n",
                      path + 1 - over);
        rewind(stream);
        assert_int_equal(lockstep_boot_read(stream, boot, NULL),
                         over == 0 ? LOCKSTEP_OK : LOCKSTEP_INVALID);
        (void)fclose(stream);
    }
    free(boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),  cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_full_set_fits),   cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_refused_packets), cmocka_unit_test(test_boot_bounds),
        cmocka_unit_test(test_flipped),
    };
    int failed = cmocka_run_group_tests_name("common/hostwire", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("common/hostwire bad", bad_rows, check_bad);
    failed += LOCKSTEP_RUN_TABLE("common/hostwire boot", boot_rows, check_boot);
    return failed;
}
