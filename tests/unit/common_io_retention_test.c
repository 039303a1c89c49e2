/* Which versions stay when a store is collected. */
#include "common/io/retention.h"

#include "common/io/manifest.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSIONS 6 /* of each of two modules; the oldest first */
#define SIZE     100

struct place {
    char directory[64];
    struct lockstep_artifacts *artifacts;
    struct lockstep_digest digests[2 * VERSIONS];
};

/* Gives a file of the store the time at which its version was written. */
static void date(const struct place *place, const struct lockstep_digest *digest,
                 const char *suffix, unsigned moment)
{
    const struct timespec time = {.tv_sec = 1000000, .tv_nsec = 1000000 * (long)moment};
    const struct timespec times[2] = {time, time};
    char hex[LOCKSTEP_DIGEST_TEXT];
    char path[256];
    lockstep_digest_format(digest, hex);
    (void)snprintf(path, sizeof(path), "%s/%s%s", place->directory, hex, suffix);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void add(struct place *place, unsigned number)
{
    static const char *const modules[] = {"echo", "counter"};
    struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    struct lockstep_digest *digest = &place->digests[number];
    struct lockstep_artifact_write *write = NULL;
    char bytes[SIZE];
    char text[LOCKSTEP_MANIFEST_MAX];
    size_t length = 0;
    assert_non_null(manifest);
    memset(bytes, (int)number + 1, sizeof(bytes));
    lockstep_digest_buffer(bytes, sizeof(bytes), digest);
    assert_true(lockstep_name_parse(modules[number / VERSIONS], &manifest->module));
    assert_true(lockstep_name_parse("default", &manifest->service));
    manifest->digest = *digest;
    manifest->size = SIZE;
    manifest->counter = 1;
    manifest->rollback = LOCKSTEP_ROLLBACK_NONE;
    (void)snprintf(manifest->version, sizeof(manifest->version), "1.%u", number);
    (void)snprintf(manifest->abi, sizeof(manifest->abi), "1");
    assert_int_equal(lockstep_manifest_encode(manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_put(place->artifacts, digest, LOCKSTEP_ARTIFACT_MANIFEST,
                                           text, length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_begin(place->artifacts, digest, SIZE, &write, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, bytes, SIZE, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_finish(write, NULL, NULL), LOCKSTEP_OK);
    (void)lockstep_artifact_end(write);
    date(place, digest, ".so", number % VERSIONS);
    date(place, digest, ".manifest", number % VERSIONS);
    free(manifest);
}

static int begin(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->directory, sizeof(place->directory), "/tmp/lockstep-retention-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    assert_int_equal(lockstep_artifacts_open(place->directory, &place->artifacts, NULL),
                     LOCKSTEP_OK);
    for (unsigned i = 0; i < 2 * VERSIONS; i++) {
        add(place, i);
    }
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int end(void **state)
{
    struct place *place = *state;
    (void)lockstep_artifacts_close(place->artifacts);
    assert_int_equal(nftw(place->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(place);
    return 0;
}

struct row {
    const char *name;
    uint32_t newest;
    uint32_t room;      /* for so many versions; 0: for all */
    const char *needed; /* numbers as letters: 'a' is echo's oldest, 'g' counter's */
    const char *left;
};

static const struct row rows[] = {
    {"the newest of each module", 2, 0, "", "efkl"},
    {"more than there are", 99, 0, "", "abcdefghijkl"},
    {"none", 0, 0, "", ""},
    {"what is needed", 0, 0, "aj", "aj"},
    {"what is needed, and the newest", 1, 0, "aj", "afjl"},
    {"needed twice, and new", 1, 0, "ff", "fl"},
    {"the oldest go where there is too much", 3, 4, "", "efkl"},
    {"what is needed stays, whatever its size", 3, 1, "abc", "abc"},
};

static uint64_t size_of_all(const struct place *place)
{
    struct lockstep_artifact_entry *list = NULL;
    size_t count = 0;
    uint64_t size = 0;
    assert_int_equal(lockstep_artifacts_list(place->artifacts, &list, &count, NULL), LOCKSTEP_OK);
    for (size_t i = 0; i < count; i++) {
        size += list[i].size;
    }
    free(list);
    return size;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    void *inner = NULL;
    struct place *place;
    struct lockstep_retention *retention = lockstep_retention_new();
    struct lockstep_retention_limits limits = {.newest = row->newest};
    const struct lockstep_digest zeros = {{0}};
    char left[2 * VERSIONS + 1] = "";
    size_t count = 0;
    assert_int_equal(begin(&inner), 0);
    place = inner;
    if (row->room != 0) {
        limits.max_bytes = size_of_all(place) * row->room / (2 * VERSIONS) + SIZE / 2;
    }
    lockstep_retention_need(retention, &zeros);
    for (const char *at = row->needed; *at != '\0'; at++) {
        lockstep_retention_need(retention, &place->digests[*at - 'a']);
    }
    assert_int_equal(lockstep_retention_collect(retention, place->artifacts, &limits, NULL),
                     LOCKSTEP_OK);
    for (unsigned i = 0; i < 2 * VERSIONS; i++) {
        if (lockstep_artifact_has(place->artifacts, &place->digests[i], LOCKSTEP_ARTIFACT_SO)) {
            left[count++] = (char)('a' + i);
        }
    }
    assert_string_equal(left, row->left);
    retention = lockstep_retention_free(retention);
    assert_int_equal(end(&inner), 0);
}

static void without_memory_nothing_goes(void **state)
{
    const struct place *place = *state;
    const struct lockstep_retention_limits limits = {0, 0};
    lockstep_retention_need(NULL, &place->digests[0]);
    assert_int_equal(lockstep_retention_collect(NULL, place->artifacts, &limits, NULL),
                     LOCKSTEP_NOMEM);
    assert_true(lockstep_artifact_has(place->artifacts, &place->digests[0], LOCKSTEP_ARTIFACT_SO));
    assert_null(lockstep_retention_free(NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_memory_nothing_goes, begin, end),
    };
    int failed = LOCKSTEP_RUN_TABLE("retention", rows, check_row);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
