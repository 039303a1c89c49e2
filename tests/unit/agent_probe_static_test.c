/* Static checks on files that are damaged, and on policies. */
#include "agent/probe/trial.h"
#include "tests/support/cmocka.h"

#include "common/base/rng.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULES LOCKSTEP_BINARY_DIR "/modules/bad/"

static uint8_t *good;
static size_t good_size;

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *ret_size = (size_t)status.st_size;
    bytes = malloc(*ret_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *ret_size), *ret_size);
    (void)close(fd);
    return bytes;
}

static struct lockstep_probe_policy policy(void)
{
    return (struct lockstep_probe_policy){.file_bytes = LOCKSTEP_ARTIFACT_MAX,
                                          .isa_level = lockstep_probe_isa_here()};
}

/* The verdict on SIZE bytes in a buffer of exactly that size, so that a sanitizer sees overreads.
 */
static struct lockstep_probe_verdict *look(const uint8_t *bytes, size_t size,
                                           const struct lockstep_probe_policy *with)
{
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    struct lockstep_probe_case subject = {.policy = with, .verdict = verdict};
    uint8_t *exact = malloc(size);
    assert_non_null(verdict);
    assert_non_null(exact);
    verdict->subjects_count = 1;
    memcpy(exact, bytes, size);
    lockstep_probe_static(&subject, exact, size);
    free(exact);
    return verdict;
}

/* Offset, value and width of a change to good.so; SIZE: cut there. */
struct damage_row {
    const char *name;
    size_t offset;
    uint64_t value;
    size_t width;
    size_t size;
    const char *no;
    const char *check;
};

static const struct damage_row damage_rows[] = {
    {"whole", 0, 0x7f, 1, 0, NULL, NULL},
    {"text", 0, 'h', 1, 0, "BADFILE", "elf-header"},
    {"cut within the header", 0, 0x7f, 1, 40, "BADFILE", "elf-header"},
    {"cut behind the header", 0, 0x7f, 1, 64, "BADFILE", "segments"},
    {"cut in the middle", 0, 0x7f, 1, 4500, "BADFILE", "segments"},
    {"32 bits", EI_CLASS, ELFCLASS32, 1, 0, "BADFILE", NULL},
    {"other byte order", EI_DATA, ELFDATA2MSB, 1, 0, "BADFILE", NULL},
    {"wrong machine", offsetof(Elf64_Ehdr, e_machine), EM_S390, 2, 0, "BADFILE", "elf-machine"},
    {"a program", offsetof(Elf64_Ehdr, e_type), ET_EXEC, 2, 0, "BADFILE", "elf-type"},
    {"an object file", offsetof(Elf64_Ehdr, e_type), ET_REL, 2, 0, "BADFILE", "elf-type"},
    {"no program headers", offsetof(Elf64_Ehdr, e_phnum), 0, 2, 0, "BADFILE", "segments"},
    {"too many program headers", offsetof(Elf64_Ehdr, e_phnum), 0xfff0, 2, 0, "BADFILE",
     "segments"},
    {"program headers outside", offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 7, 8, 0, "BADFILE",
     "segments"},
    {"a segment outside", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), UINT64_MAX, 8, 0,
     "BADFILE", "segments"},
    {"segments that overlap", sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz), 0x100000, 8, 0,
     "BADFILE", "segments"},
    {"writable code", sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_flags),
     PF_R | PF_W | PF_X, 4, 0, "BADFILE", "segment-wx"},
};

static void check_damage(void **state)
{
    const struct damage_row *row = *state;
    const struct lockstep_probe_policy with = policy();
    uint8_t *bytes = malloc(good_size);
    struct lockstep_probe_verdict *verdict;
    memcpy(bytes, good, good_size);
    memcpy(bytes + row->offset, &row->value, row->width);
    verdict = look(bytes, row->size == 0 ? good_size : row->size, &with);
    if (row->no == NULL) {
        assert_string_equal(verdict->findings[0].text, "");
        assert_true(verdict->ok);
        assert_string_equal(verdict->subjects[0].facts.module.text, "good");
        assert_string_equal(verdict->subjects[0].facts.version, "1.0.0");
        assert_string_equal(verdict->subjects[0].facts.tools[0], "good.call");
        assert_int_equal(verdict->subjects[0].facts.size, good_size);
        assert_int_equal(strlen(verdict->subjects[0].facts.build_id), 40);
    } else {
        assert_false(verdict->ok);
        assert_string_equal(lockstep_no_name(verdict->no), row->no);
    }
    if (row->check != NULL) {
        assert_string_equal(lockstep_probe_check_name(verdict->findings[0].check), row->check);
    }
    (void)lockstep_probe_verdict_free(verdict);
    free(bytes);
}

/* Whatever the bytes are, they are judged and nothing is read outside of them. */
static void survives_every_cut(void **state)
{
    const struct lockstep_probe_policy with = policy();
    (void)state;
    for (size_t size = 1; size < good_size; size += size < 9000 ? 17 : 211) {
        (void)lockstep_probe_verdict_free(look(good, size, &with));
    }
}

static void survives_flipped_bits(void **state)
{
    const struct lockstep_probe_policy with = policy();
    struct lockstep_rng rng;
    uint8_t *bytes = malloc(good_size);
    (void)state;
    lockstep_rng_init(&rng, 20260);
    for (int i = 0; i < 3000; i++) {
        memcpy(bytes, good, good_size);
        for (int k = 0; k < 8; k++) {
            bytes[lockstep_rng_below(&rng, good_size)] ^= (uint8_t)(1U
                                                                    << lockstep_rng_below(&rng, 8));
        }
        (void)lockstep_probe_verdict_free(look(bytes, good_size, &with));
    }
    free(bytes);
}

static void knows_the_processor(void **state)
{
    size_t size = 0;
    uint8_t *bytes = read_file(MODULES "isa.so", &size);
    struct lockstep_probe_policy with = policy();
    struct lockstep_probe_verdict *verdict;
    (void)state;
    with.isa_level = 3;
    verdict = look(bytes, size, &with);
    assert_int_equal(verdict->no, LOCKSTEP_NO_ISA);
    assert_non_null(strstr(verdict->findings[0].text, "x86-64-v4"));
    (void)lockstep_probe_verdict_free(verdict);
    with.isa_level = 4;
    verdict = look(bytes, size, &with);
    assert_true(verdict->ok);
    (void)lockstep_probe_verdict_free(verdict);
    free(bytes);
}

static enum lockstep_no no_of_file(const char *path, uint64_t file_bytes, const char *library)
{
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    enum lockstep_no no;
    lockstep_probe_subject_init(&request->subjects[0]);
    (void)snprintf(request->subjects[0].file, sizeof(request->subjects[0].file), "%s", path);
    request->subjects_count = 1;
    request->file_bytes = file_bytes;
    if (library != NULL) {
        request->libraries_count = 1;
        (void)snprintf(request->libraries[0], sizeof(request->libraries[0]), "%s", library);
    }
    request->look_only = true;
    assert_int_equal(lockstep_probe_try(request, verdict, NULL), LOCKSTEP_OK);
    assert_false(verdict->trial);
    no = verdict->no;
    if (library != NULL) {
        assert_int_equal(verdict->findings[0].check, LOCKSTEP_PROBE_CHECK_LIBRARY_PRESENT);
    }
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
    return no;
}

static void judges_files(void **state)
{
    (void)state;
    assert_int_equal(no_of_file("/nowhere", 100, NULL), LOCKSTEP_NO_NOFILE);
    assert_int_equal(no_of_file("/", 100, NULL), LOCKSTEP_NO_BADFILE);
    assert_int_equal(no_of_file("/dev/null", 100, NULL), LOCKSTEP_NO_BADFILE);
    assert_int_equal(no_of_file(MODULES "good.so", 100, NULL), LOCKSTEP_NO_BADFILE);
    assert_int_equal(no_of_file(MODULES "good.so", good_size, NULL), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(no_of_file(LOCKSTEP_SOURCE_DIR "/LICENSE", LOCKSTEP_ARTIFACT_MAX, NULL),
                     LOCKSTEP_NO_BADFILE);
    assert_int_equal(
        no_of_file(MODULES "missing-library.so", LOCKSTEP_ARTIFACT_MAX, "liblockstepstub.so.1"),
        LOCKSTEP_NO_LIBRARY);
}

static int read_good(void **state)
{
    (void)state;
    good = read_file(MODULES "good.so", &good_size);
    return 0;
}

static int drop_good(void **state)
{
    (void)state;
    free(good);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(survives_flipped_bits),
        cmocka_unit_test(knows_the_processor),
        cmocka_unit_test(judges_files),
    };
    int failed = read_good(NULL);
    failed += LOCKSTEP_RUN_TABLE("damage", damage_rows, check_damage);
    failed += cmocka_run_group_tests_name("static", tests, NULL, NULL);
    return failed + drop_good(NULL);
}
