#include "common/io/digest.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct sums_row {
    const char *name;
    const char *bytes;
    const char *digest;
    const char *md5;
};

/* From b2sum -l 256 and md5sum. */
static const struct sums_row sums_rows[] = {
    {"empty", "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
     "d41d8cd98f00b204e9800998ecf8427e"},
    {"abc", "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
     "900150983cd24fb0d6963f7d28e17f72"},
};

static int make_file(const void *bytes, size_t length)
{
    int fd = memfd_create("sums", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    return fd;
}

static void check_sums(void **state)
{
    const struct sums_row *row = *state;
    struct lockstep_sums sums;
    struct lockstep_digest plain;
    struct lockstep_sums again;
    char digest[LOCKSTEP_DIGEST_TEXT];
    char md5[LOCKSTEP_MD5_TEXT];
    int fd = make_file(row->bytes, strlen(row->bytes));
    lockstep_sums_buffer(row->bytes, strlen(row->bytes), &sums);
    lockstep_digest_format(&sums.digest, digest);
    lockstep_md5_format(&sums.md5, md5);
    assert_string_equal(digest, row->digest);
    assert_string_equal(md5, row->md5);
    assert_int_equal(sums.size, strlen(row->bytes));
    assert_int_equal(lockstep_sums_fd(fd, 1000, &again, NULL), LOCKSTEP_OK);
    assert_memory_equal(&sums, &again, sizeof(sums));
    assert_int_equal(lockstep_digest_fd(fd, 1000, &plain, NULL), LOCKSTEP_OK);
    assert_true(lockstep_digest_equal(&plain, &sums.digest));
    assert_int_equal(close(fd), 0);
}

/* A file of many reads gives the sums of its bytes, wherever its offset stands. */
static void file_in_pieces(void **state)
{
    static uint8_t bytes[200001];
    struct lockstep_sums whole;
    struct lockstep_sums file;
    int fd;
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    }
    fd = make_file(bytes, sizeof(bytes));
    lockstep_sums_buffer(bytes, sizeof(bytes), &whole);
    assert_int_equal(lockstep_sums_fd(fd, sizeof(bytes), &file, NULL), LOCKSTEP_OK);
    assert_memory_equal(&whole, &file, sizeof(whole));
    assert_int_equal(lseek(fd, 0, SEEK_CUR), sizeof(bytes));
    assert_int_equal(close(fd), 0);
}

static void file_too_large(void **state)
{
    struct lockstep_sums sums;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    int fd = make_file("12345", 5);
    (void)state;
    assert_int_equal(lockstep_digest_fd(fd, 4, &sums.digest, &err), LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_sums_fd(fd, 4, &sums, &err), LOCKSTEP_LIMIT);
    assert_string_equal(err.message, "the file is larger than 4 bytes");
    assert_int_equal(close(fd), 0);
    assert_int_equal(lockstep_sums_fd(fd, 4, &sums, &err), LOCKSTEP_IO);
}

/* Wang and Yu's published pair of 2004: 128 bytes, six of which differ, one MD5. */
static const char collision[] = "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
                                "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
                                "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
                                "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70";
static const size_t differing[] = {19, 45, 59, 83, 109, 123};

#define TWIN_BYTES 160

/* Two files with one MD5 are two versions. What follows the blocks keeps the sums equal. */
static void md5_twins(void **state)
{
    uint8_t one[TWIN_BYTES] = {0};
    uint8_t other[TWIN_BYTES];
    struct lockstep_sums sums[2];
    (void)state;
    assert_true(lockstep_hex_parse(collision, one, 128));
    memcpy(one + 128, "\177ELF the same code behind both", 30);
    memcpy(other, one, sizeof(other));
    for (size_t i = 0; i < sizeof(differing) / sizeof(differing[0]); i++) {
        other[differing[i]] ^= 0x80;
    }
    lockstep_sums_buffer(one, sizeof(one), &sums[0]);
    lockstep_sums_buffer(other, sizeof(other), &sums[1]);
    assert_memory_equal(&sums[0].md5, &sums[1].md5, sizeof(sums[0].md5));
    assert_int_equal(sums[0].size, sums[1].size);
    assert_false(lockstep_digest_equal(&sums[0].digest, &sums[1].digest));
}

static void domains_differ(void **state)
{
    struct lockstep_digest a;
    struct lockstep_digest b;
    struct lockstep_digest plain;
    (void)state;
    lockstep_digest_domain("a", "bc", 2, &a);
    lockstep_digest_domain("ab", "c", 1, &b);
    lockstep_digest_buffer("abc", 3, &plain);
    assert_false(lockstep_digest_equal(&a, &b));
    assert_false(lockstep_digest_equal(&a, &plain));
    lockstep_digest_buffer("a\0bc", 4, &plain);
    assert_true(lockstep_digest_equal(&a, &plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_in_pieces),
        cmocka_unit_test(file_too_large),
        cmocka_unit_test(md5_twins),
        cmocka_unit_test(domains_differ),
    };
    return LOCKSTEP_RUN_TABLE("sums", sums_rows, check_sums) +
           cmocka_run_group_tests_name("files and twins", tests, NULL, NULL);
}
