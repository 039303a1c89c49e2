#include "common/io/artifacts.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool keep_none(void *context, const struct lockstep_digest *digest)
{
    (void)context;
    (void)digest;
    return false;
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

static void only_what_has_the_digest_is_kept(void **state)
{
    char path[] = "/tmp/lockstep-artifacts-XXXXXX";
    char file[160];
    char text[LOCKSTEP_DIGEST_TEXT];
    struct lockstep_artifacts *store = NULL;
    struct lockstep_digest digest;
    struct lockstep_artifact_copy copy;
    uint64_t left = 1;
    int fd;
    (void)state;
    assert_non_null(mkdtemp(path));
    lockstep_digest_buffer("good", 4, &digest);
    lockstep_digest_format(&digest, text);
    assert_int_equal(lockstep_artifacts_open(path, &store, NULL), LOCKSTEP_OK);
    assert_int_equal(put(store, &digest, "evil"), LOCKSTEP_REFUSED);
    assert_false(lockstep_artifact_has(store, &digest, LOCKSTEP_ARTIFACT_SO));
    assert_int_equal(put(store, &digest, "good"), LOCKSTEP_OK);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(lockstep_artifact_copy_out(store, &digest, fd, "copy", &copy, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(copy.size, 4);
    assert_int_equal(unlinkat(fd, "copy", 0), 0);
    (void)snprintf(file, sizeof(file), "%s/%s.so", path, text);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(truncate(file, 3), 0);
    assert_int_equal(lockstep_artifact_copy_out(store, &digest, fd, "copy", &copy, NULL),
                     LOCKSTEP_REFUSED);
    assert_int_equal(faccessat(fd, "copy", F_OK, 0), -1);
    (void)close(fd);
    assert_int_equal(lockstep_artifacts_collect(store, keep_none, NULL, 0, &left, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(left, 0);
    (void)lockstep_artifacts_close(store);
    assert_int_equal(rmdir(path), 0); /* nothing was left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_has_the_digest_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
