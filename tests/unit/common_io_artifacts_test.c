#include "common/io/artifacts.h"
#include "tests/support/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char path[64];
    struct lockstep_artifacts *store;
    struct lockstep_digest good; /* of "good" */
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->path, sizeof(place->path), "/tmp/lockstep-artifacts-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    lockstep_digest_buffer("good", 4, &place->good);
    assert_int_equal(lockstep_artifacts_open(place->path, &place->store, NULL), LOCKSTEP_OK);
    *state = place;
    return 0;
}

static bool keep_none(void *context, const struct lockstep_digest *digest)
{
    (void)context;
    (void)digest;
    return false;
}

/* What the store does not own or know is left behind, and the folder not empty. */
static int tear_down(void **state)
{
    struct place *place = *state;
    uint64_t left = 1;
    assert_int_equal(lockstep_artifacts_collect(place->store, keep_none, NULL, 0, &left, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(left, 0);
    (void)lockstep_artifacts_close(place->store);
    assert_int_equal(rmdir(place->path), 0);
    free(place);
    return 0;
}

static enum lockstep_err put(struct lockstep_artifacts *store, const struct lockstep_digest *digest,
                             const char *bytes)
{
    struct lockstep_artifact_write *write = NULL;
    enum lockstep_err result = lockstep_artifact_begin(store, digest, 4, &write, NULL);
    assert_int_equal(result, LOCKSTEP_OK);
    result = lockstep_artifact_append(write, bytes, 4, NULL);
    assert_int_equal(result, LOCKSTEP_OK);
    result = lockstep_artifact_finish(write, NULL, NULL);
    (void)lockstep_artifact_end(write);
    return result;
}

/* The path of a part of "good". */
static const char *file_of(const struct place *place, const char *suffix)
{
    static char file[192];
    char text[LOCKSTEP_DIGEST_TEXT];
    lockstep_digest_format(&place->good, text);
    (void)snprintf(file, sizeof(file), "%s/%s%s", place->path, text, suffix);
    return file;
}

static size_t count_files(const struct place *place)
{
    DIR *directory = opendir(place->path);
    size_t count = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count - 2; /* . and .. */
}

static void only_what_has_the_digest_is_kept(void **state)
{
    const struct place *place = *state;
    struct lockstep_artifact_copy copy;
    bool same = false;
    int fd;
    assert_int_equal(put(place->store, &place->good, "evil"), LOCKSTEP_REFUSED);
    assert_false(lockstep_artifact_has(place->store, &place->good, LOCKSTEP_ARTIFACT_SO));
    assert_int_equal(count_files(place), 0);
    assert_int_equal(put(place->store, &place->good, "good"), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_verify(place->store, &place->good, &same, NULL, NULL),
                     LOCKSTEP_OK);
    assert_true(same);
    fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(
        lockstep_artifact_copy_out(place->store, &place->good, fd, "copy", &copy, NULL),
        LOCKSTEP_OK);
    assert_int_equal(copy.size, 4);
    assert_int_equal(
        lockstep_artifact_copy_out(place->store, &place->good, fd, "copy", &copy, NULL),
        LOCKSTEP_CONFLICT);
    assert_int_equal(unlinkat(fd, "copy", 0), 0);
    assert_int_equal(chmod(file_of(place, ".so"), 0600), 0);
    assert_int_equal(truncate(file_of(place, ".so"), 3), 0);
    assert_int_equal(lockstep_artifact_verify(place->store, &place->good, &same, NULL, NULL),
                     LOCKSTEP_OK);
    assert_false(same);
    assert_int_equal(
        lockstep_artifact_copy_out(place->store, &place->good, fd, "copy", &copy, NULL),
        LOCKSTEP_REFUSED);
    assert_int_equal(faccessat(fd, "copy", F_OK, 0), -1);
    (void)close(fd);
}

struct size_row {
    const char *name;
    uint64_t size;
    enum lockstep_err code;
};

static const struct size_row size_rows[] = {
    {"nothing", 0, LOCKSTEP_LIMIT},
    {"one byte", 1, LOCKSTEP_OK},
    {"the ceiling", LOCKSTEP_ARTIFACT_CEILING, LOCKSTEP_OK},
    {"beyond the ceiling", LOCKSTEP_ARTIFACT_CEILING + 1ULL, LOCKSTEP_LIMIT},
};

static void check_size(void **state)
{
    const struct size_row *row = *state;
    void *place = NULL;
    struct lockstep_artifact_write *write = NULL;
    assert_int_equal(set_up(&place), 0);
    assert_int_equal(lockstep_artifact_begin(((struct place *)place)->store,
                                             &((struct place *)place)->good, row->size, &write,
                                             NULL),
                     row->code);
    (void)lockstep_artifact_end(write);
    assert_int_equal(tear_down(&place), 0);
}

static void as_many_bytes_as_were_announced(void **state)
{
    const struct place *place = *state;
    struct lockstep_artifact_write *write = NULL;
    assert_int_equal(lockstep_artifact_begin(place->store, &place->good, 4, &write, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, "goo", 3, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, "d!", 2, NULL), LOCKSTEP_REFUSED);
    write = lockstep_artifact_end(write);
    assert_int_equal(lockstep_artifact_begin(place->store, &place->good, 5, &write, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, "good", 4, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_finish(write, NULL, NULL), LOCKSTEP_REFUSED);
    (void)lockstep_artifact_end(write);
    assert_int_equal(count_files(place), 0);
}

/* A text has its own limit, may be written again, and is read whole or not at all. */
static void a_text_is_read_whole(void **state)
{
    const struct place *place = *state;
    static char text[LOCKSTEP_MANIFEST_MAX + 1];
    char room[8];
    struct lockstep_artifact_buffer buffer = {.bytes = room, .size = sizeof(room)};
    memset(text, 'x', sizeof(text));
    assert_int_equal(lockstep_artifact_put(place->store, &place->good, LOCKSTEP_ARTIFACT_MANIFEST,
                                           text, sizeof(text), NULL),
                     LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_artifact_put(place->store, &place->good, LOCKSTEP_ARTIFACT_MANIFEST,
                                           text, sizeof(room) + 1, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_read(place->store, &place->good, LOCKSTEP_ARTIFACT_MANIFEST,
                                            &buffer, NULL),
                     LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_artifact_put(place->store, &place->good, LOCKSTEP_ARTIFACT_MANIFEST,
                                           text, sizeof(room), NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_read(place->store, &place->good, LOCKSTEP_ARTIFACT_MANIFEST,
                                            &buffer, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(buffer.length, sizeof(room));
    assert_int_equal(lockstep_artifact_read(place->store, &place->good, LOCKSTEP_ARTIFACT_SIGNATURE,
                                            &buffer, NULL),
                     LOCKSTEP_CONFLICT);
}

static void what_is_there_cannot_be_written(void **state)
{
    const struct place *place = *state;
    struct stat info;
    assert_int_equal(put(place->store, &place->good, "good"), LOCKSTEP_OK);
    assert_int_equal(stat(file_of(place, ".so"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0444);
}

/* A folder, a link or a pipe of that name is no artifact. */
static void only_a_file_is_an_artifact(void **state)
{
    const struct place *place = *state;
    assert_int_equal(mkdir(file_of(place, ".so"), 0700), 0);
    assert_false(lockstep_artifact_has(place->store, &place->good, LOCKSTEP_ARTIFACT_SO));
    assert_int_equal(rmdir(file_of(place, ".so")), 0);
    assert_int_equal(symlink("/etc/hostname", file_of(place, ".so")), 0);
    assert_false(lockstep_artifact_has(place->store, &place->good, LOCKSTEP_ARTIFACT_SO));
    assert_int_equal(unlink(file_of(place, ".so")), 0);
}

/* Opening clears away what a writer that was killed left, and nothing of anybody else's. */
static void leftovers_are_cleared_away(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"new-0123456789abcdef", "notes"};
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", place->path, names[i]);
        (void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    assert_int_equal(count_files(place), 2);
    place->store = lockstep_artifacts_close(place->store);
    assert_int_equal(lockstep_artifacts_open(place->path, &place->store, NULL), LOCKSTEP_OK);
    assert_int_equal(count_files(place), 1);
    assert_int_equal(unlink(path), 0);
}

static bool keep_one(void *context, const struct lockstep_digest *digest)
{
    return lockstep_digest_equal(context, digest);
}

/* The oldest goes first, what is wanted stays, and nothing goes without need. */
static void collecting_makes_room(void **state)
{
    struct place *place = *state;
    static const char *const texts[] = {"good", "old.", "new."};
    const time_t ages[] = {100, 200, 300};
    struct lockstep_digest digests[3];
    uint64_t left = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct timespec times[] = {{.tv_sec = ages[i]}, {.tv_sec = ages[i]}};
        lockstep_digest_buffer(texts[i], 4, &digests[i]);
        assert_int_equal(put(place->store, &digests[i], texts[i]), LOCKSTEP_OK);
        place->good = digests[i];
        assert_int_equal(utimensat(AT_FDCWD, file_of(place, ".so"), times, 0), 0);
    }
    assert_int_equal(
        lockstep_artifacts_collect(place->store, keep_one, &digests[0], 12, &left, NULL),
        LOCKSTEP_OK);
    assert_int_equal(left, 12);
    assert_int_equal(
        lockstep_artifacts_collect(place->store, keep_one, &digests[0], 11, &left, NULL),
        LOCKSTEP_OK);
    assert_int_equal(left, 8);
    assert_true(lockstep_artifact_has(place->store, &digests[0], LOCKSTEP_ARTIFACT_SO));
    assert_false(lockstep_artifact_has(place->store, &digests[1], LOCKSTEP_ARTIFACT_SO));
    assert_true(lockstep_artifact_has(place->store, &digests[2], LOCKSTEP_ARTIFACT_SO));
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(only_what_has_the_digest_is_kept),
        IN_A_PLACE(as_many_bytes_as_were_announced),
        IN_A_PLACE(a_text_is_read_whole),
        IN_A_PLACE(what_is_there_cannot_be_written),
        IN_A_PLACE(only_a_file_is_an_artifact),
        IN_A_PLACE(leftovers_are_cleared_away),
        IN_A_PLACE(collecting_makes_room),
    };
    return LOCKSTEP_RUN_TABLE("sizes", size_rows, check_size) +
           cmocka_run_group_tests_name("artifacts", tests, NULL, NULL);
}
