/* Reading from the store, and copies for hosts. */
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/artifacts_internal.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_BYTES ((size_t)64 * 1024)

bool lockstep_artifact_has(const struct lockstep_artifacts *store,
                           const struct lockstep_digest *digest, enum lockstep_artifact_file part)
{
    char name[LOCKSTEP_ARTIFACT_FILE];
    struct stat info;
    lockstep_artifact_file(digest, part, name);
    return fstatat(store->directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(info.st_mode);
}

enum lockstep_err lockstep_artifact_open(const struct lockstep_artifacts *store,
                                         const struct lockstep_digest *digest,
                                         enum lockstep_artifact_file part, int *ret_fd,
                                         struct lockstep_error *err)
{
    char name[LOCKSTEP_ARTIFACT_FILE];
    lockstep_artifact_file(digest, part, name);
    /* NONBLOCK: a pipe in its place must not hold us up. It changes nothing for a file. */
    *ret_fd = openat(store->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*ret_fd < 0 && errno == ENOENT) {
        return LOCKSTEP_FAIL(err, CONFLICT, "%s has no %.8s%s", store->path, name,
                             lockstep_artifact_suffix(part));
    }
    if (*ret_fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "opening %s/%s", store->path, name);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_some(int fd, void *bytes, size_t size, size_t *ret_got,
                                   struct lockstep_error *err)
{
    ssize_t got;
    do {
        got = read(fd, bytes, size);
    } while (got < 0 && errno == EINTR);
    *ret_got = got < 0 ? 0 : (size_t)got;
    return got < 0 ? LOCKSTEP_FAIL_ERRNO(err, "reading an artifact") : LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifact_read(const struct lockstep_artifacts *store,
                                         const struct lockstep_digest *digest,
                                         enum lockstep_artifact_file part,
                                         struct lockstep_artifact_buffer *buffer,
                                         struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    uint8_t *bytes = buffer->bytes;
    size_t got = 0;
    uint8_t beyond;
    buffer->length = 0;
    LOCKSTEP_TRY(lockstep_artifact_open(store, digest, part, &fd, err));
    do {
        buffer->length += got;
        LOCKSTEP_TRY(
            read_some(fd, bytes + buffer->length, buffer->size - buffer->length, &got, err));
    } while (got > 0);
    LOCKSTEP_TRY(read_some(fd, &beyond, 1, &got, err));
    if (got > 0) {
        return LOCKSTEP_FAIL(err, LIMIT, "a %s file in %s is larger than %zu bytes",
                             lockstep_artifact_suffix(part), store->path, buffer->size);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifact_verify(const struct lockstep_artifacts *store,
                                           const struct lockstep_digest *digest, bool *ret_same,
                                           struct lockstep_sums *ret_sums,
                                           struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    struct lockstep_digest found;
    LOCKSTEP_TRY(lockstep_artifact_open(store, digest, LOCKSTEP_ARTIFACT_SO, &fd, err));
    if (ret_sums == NULL) {
        LOCKSTEP_TRY(lockstep_digest_fd(fd, LOCKSTEP_ARTIFACT_CEILING, &found, err));
    } else {
        LOCKSTEP_TRY(lockstep_sums_fd(fd, LOCKSTEP_ARTIFACT_CEILING, ret_sums, err));
        found = ret_sums->digest;
    }
    *ret_same = lockstep_digest_equal(&found, digest);
    return LOCKSTEP_OK;
}

void lockstep_artifact_copy_name(uint64_t sequence, const struct lockstep_name *module,
                                 const struct lockstep_digest *digest,
                                 char ret_name[LOCKSTEP_ARTIFACT_COPY_NAME])
{
    char text[LOCKSTEP_DIGEST_TEXT];
    lockstep_digest_format(digest, text);
    (void)snprintf(ret_name, LOCKSTEP_ARTIFACT_COPY_NAME, "%llu-%s-%.8s.so",
                   (unsigned long long)sequence, module->text, text);
}

/* Hashes what it writes: what is checked is what the host will map. */
static enum lockstep_err copy(int from, int to, const char *where, struct lockstep_sums *ret_sums,
                              struct lockstep_error *err)
{
    uint8_t bytes[COPY_BYTES];
    struct lockstep_hash hash;
    size_t got;
    lockstep_hash_init_plain(&hash);
    for (;;) {
        LOCKSTEP_TRY(read_some(from, bytes, sizeof(bytes), &got, err));
        if (got == 0) {
            break;
        }
        if (got > LOCKSTEP_ARTIFACT_CEILING - hash.size) {
            return LOCKSTEP_FAIL(err, REFUSED, "an artifact has grown beyond all bounds");
        }
        LOCKSTEP_TRY(lockstep_file_write_all(to, bytes, got, where, err));
        lockstep_hash_update(&hash, bytes, got);
    }
    lockstep_hash_final(&hash, ret_sums);
    return LOCKSTEP_OK;
}

static enum lockstep_err fill(int from, int to, const struct lockstep_digest *digest,
                              const char *name, struct lockstep_artifact_copy *ret_copy,
                              struct lockstep_error *err)
{
    struct lockstep_sums sums;
    struct stat info;
    LOCKSTEP_TRY(copy(from, to, name, &sums, err));
    if (!lockstep_digest_equal(&sums.digest, digest)) {
        return LOCKSTEP_FAIL(err, REFUSED,
                             "the artifact for %s was changed in the store since it was written; "
                             "find out by whom, then remove it and have it fetched again",
                             name);
    }
    if (fchmod(to, 0444) != 0 || fstat(to, &info) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "finishing %s", name);
    }
    *ret_copy = (struct lockstep_artifact_copy){(uint64_t)info.st_dev, (uint64_t)info.st_ino,
                                                (uint64_t)info.st_size};
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifact_copy_out(const struct lockstep_artifacts *store,
                                             const struct lockstep_digest *digest, int directory_fd,
                                             const char *name,
                                             struct lockstep_artifact_copy *ret_copy,
                                             struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int from = -1;
    LOCKSTEP_CLOSE int to = -1;
    enum lockstep_err result;
    ASSERT(strchr(name, '/') == NULL);
    LOCKSTEP_TRY(lockstep_artifact_open(store, digest, LOCKSTEP_ARTIFACT_SO, &from, err));
    to = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0 && errno == EEXIST) {
        return LOCKSTEP_FAIL(err, CONFLICT, "%s is there already", name);
    }
    if (to < 0 && (errno == ENOSPC || errno == EDQUOT)) {
        return LOCKSTEP_FAIL(err, LIMIT, "no room left for %s (%s)", name, strerror(errno));
    }
    if (to < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making %s", name);
    }
    result = fill(from, to, digest, name, ret_copy, err);
    if (result != LOCKSTEP_OK) {
        (void)unlinkat(directory_fd, name, 0);
    }
    return result;
}
