/* The store's life and its writers. */
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/artifacts_internal.h"
#include "common/io/crash.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct lockstep_artifact_write {
    struct lockstep_artifacts *store;
    int fd;
    struct lockstep_digest digest;
    enum lockstep_artifact_file part;
    uint64_t size;
    struct lockstep_hash hash;
    bool named; /* it has its name; nothing is to be cleared away */
    bool failed;
    char temporary[LOCKSTEP_ARTIFACT_FILE];
};

static const struct {
    const char *suffix;
    uint64_t size_max;
} parts[LOCKSTEP_ARTIFACT_FILES] = {
#define PART(name, suffix, max) [LOCKSTEP_ARTIFACT_##name] = {suffix, max},
    LOCKSTEP_ARTIFACT_FILE_TABLE(PART)
#undef PART
};

const char *lockstep_artifact_suffix(enum lockstep_artifact_file part)
{
    ASSERT(part < LOCKSTEP_ARTIFACT_FILES);
    return parts[part].suffix;
}

void lockstep_artifact_file(const struct lockstep_digest *digest, enum lockstep_artifact_file part,
                            char ret_name[LOCKSTEP_ARTIFACT_FILE])
{
    char text[LOCKSTEP_DIGEST_TEXT];
    lockstep_digest_format(digest, text);
    (void)snprintf(ret_name, LOCKSTEP_ARTIFACT_FILE, "%s%s", text, lockstep_artifact_suffix(part));
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum lockstep_err remove_leftover(void *context, const char *name,
                                         struct lockstep_error *err)
{
    const struct lockstep_artifacts *store = context;
    bool ours = strncmp(name, LOCKSTEP_ARTIFACT_TEMPORARY, strlen(LOCKSTEP_ARTIFACT_TEMPORARY)) ==
                0;
    if (ours && unlinkat(store->directory, name, 0) != 0 && errno != ENOENT) {
        return LOCKSTEP_FAIL_ERRNO(err, "removing %s/%s", store->path, name);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err open_directory(struct lockstep_artifacts *store,
                                        struct lockstep_error *err)
{
    if (mkdir(store->path, 0700) != 0 && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "making %s", store->path);
    }
    store->directory = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "opening %s", store->path);
    }
    return lockstep_artifact_names(store, remove_leftover, store, err);
}

enum lockstep_err lockstep_artifacts_open(const char *directory, struct lockstep_artifacts **ret,
                                          struct lockstep_error *err)
{
    struct lockstep_artifacts *store = calloc(1, sizeof(*store));
    enum lockstep_err result;
    if (store == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the artifacts of %s", directory);
    }
    store->directory = -1;
    store->path = strdup(directory);
    result = store->path == NULL
                 ? LOCKSTEP_FAIL(err, NOMEM, "no memory for the artifacts of %s", directory)
                 : open_directory(store, err);
    if (result != LOCKSTEP_OK) {
        store = lockstep_artifacts_close(store);
    }
    *ret = store;
    return result;
}

struct lockstep_artifacts *lockstep_artifacts_close(struct lockstep_artifacts *store)
{
    if (store != NULL) {
        lockstep_cleanup_close(&store->directory);
        free(store->path);
        free(store);
    }
    return NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum lockstep_err make_temporary(struct lockstep_artifact_write *write,
                                        struct lockstep_error *err)
{
    uint8_t drawn[8];
    char text[2 * sizeof(drawn) + 1];
    randombytes_buf(drawn, sizeof(drawn));
    lockstep_hex_format(drawn, sizeof(drawn), text);
    (void)snprintf(write->temporary, sizeof(write->temporary), "%s%s", LOCKSTEP_ARTIFACT_TEMPORARY,
                   text);
    write->fd = openat(write->store->directory, write->temporary,
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (write->fd < 0 && (errno == ENOSPC || errno == EDQUOT)) {
        return LOCKSTEP_FAIL(err, LIMIT, "no room left in %s (%s); make room there",
                             write->store->path, strerror(errno));
    }
    if (write->fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a file in %s", write->store->path);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err begin(struct lockstep_artifacts *store,
                               const struct lockstep_digest *digest,
                               enum lockstep_artifact_file part, uint64_t size,
                               struct lockstep_artifact_write **ret_write,
                               struct lockstep_error *err)
{
    struct lockstep_artifact_write *write;
    enum lockstep_err result;
    *ret_write = NULL;
    if (size == 0 || size > parts[part].size_max) {
        return LOCKSTEP_FAIL(err, LIMIT, "a %s file of %llu bytes: 1 to %llu are allowed",
                             parts[part].suffix, (unsigned long long)size,
                             (unsigned long long)parts[part].size_max);
    }
    write = calloc(1, sizeof(*write));
    if (write == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory to write an artifact");
    }
    write->store = store;
    write->digest = *digest;
    write->part = part;
    write->size = size;
    lockstep_hash_init(&write->hash);
    result = make_temporary(write, err);
    if (result != LOCKSTEP_OK) {
        free(write);
        return result;
    }
    *ret_write = write;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifact_begin(struct lockstep_artifacts *store,
                                          const struct lockstep_digest *digest, uint64_t size,
                                          struct lockstep_artifact_write **ret_write,
                                          struct lockstep_error *err)
{
    return begin(store, digest, LOCKSTEP_ARTIFACT_SO, size, ret_write, err);
}

enum lockstep_err lockstep_artifact_append(struct lockstep_artifact_write *write, const void *bytes,
                                           size_t length, struct lockstep_error *err)
{
    enum lockstep_err result;
    ASSERT(write != NULL && !write->failed && !write->named);
    if (length > write->size - write->hash.size) {
        write->failed = true;
        return LOCKSTEP_FAIL(err, REFUSED, "more than the %llu bytes that were announced",
                             (unsigned long long)write->size);
    }
    result = lockstep_file_write_all(write->fd, bytes, length, write->store->path, err);
    write->failed = result != LOCKSTEP_OK;
    if (!write->failed) {
        lockstep_hash_update(&write->hash, bytes, length);
    }
    return result;
}

static enum lockstep_err check(const struct lockstep_artifact_write *write,
                               const struct lockstep_sums *sums, struct lockstep_error *err)
{
    char wanted[LOCKSTEP_DIGEST_TEXT];
    char found[LOCKSTEP_DIGEST_TEXT];
    if (sums->size != write->size) {
        return LOCKSTEP_FAIL(err, REFUSED, "%llu bytes came, %llu were announced",
                             (unsigned long long)sums->size, (unsigned long long)write->size);
    }
    if (write->part == LOCKSTEP_ARTIFACT_SO &&
        !lockstep_digest_equal(&sums->digest, &write->digest)) {
        lockstep_digest_format(&write->digest, wanted);
        lockstep_digest_format(&sums->digest, found);
        return LOCKSTEP_FAIL(err, REFUSED, "the bytes have the digest %.8s, not %.8s", found,
                             wanted);
    }
    return LOCKSTEP_OK;
}

/* A sync that failed is not tried again: the file is dropped and its bytes are asked for anew. */
static enum lockstep_err settle(struct lockstep_artifact_write *write, struct lockstep_error *err)
{
    char name[LOCKSTEP_ARTIFACT_FILE];
    const char *path = write->store->path;
    int directory = write->store->directory;
    lockstep_artifact_file(&write->digest, write->part, name);
    LOCKSTEP_CRASH(ARTIFACT_AFTER_WRITE);
    if (fchmod(write->fd, 0444) != 0 || fsync(write->fd) != 0) {
        bool full = errno == ENOSPC || errno == EDQUOT;
        return full ? LOCKSTEP_FAIL(err, LIMIT, "no room left in %s; make room there", path)
                    : LOCKSTEP_FAIL_ERRNO(err, "syncing %s/%s", path, name);
    }
    LOCKSTEP_CRASH(ARTIFACT_AFTER_SYNC);
    if (renameat(directory, write->temporary, directory, name) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "naming %s/%s", path, name);
    }
    write->named = true;
    LOCKSTEP_CRASH(ARTIFACT_AFTER_RENAME);
    if (fsync(directory) != 0) {
        (void)lockstep_error_errno(err, __FILE__, __LINE__, "syncing %s", path);
        (void)unlinkat(directory, name, 0);
        return LOCKSTEP_IO;
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifact_finish(struct lockstep_artifact_write *write,
                                           struct lockstep_sums *ret_sums,
                                           struct lockstep_error *err)
{
    struct lockstep_sums sums;
    ASSERT(!write->failed && !write->named);
    write->failed = true; /* whatever happens, nothing may be appended */
    lockstep_hash_final(&write->hash, &sums);
    LOCKSTEP_TRY(check(write, &sums, err));
    LOCKSTEP_TRY(settle(write, err));
    if (ret_sums != NULL) {
        *ret_sums = sums;
    }
    return LOCKSTEP_OK;
}

struct lockstep_artifact_write *lockstep_artifact_end(struct lockstep_artifact_write *write)
{
    if (write != NULL) {
        if (!write->named) {
            (void)unlinkat(write->store->directory, write->temporary, 0);
        }
        lockstep_cleanup_close(&write->fd);
        free(write);
    }
    return NULL;
}

enum lockstep_err lockstep_artifact_put(struct lockstep_artifacts *store,
                                        const struct lockstep_digest *digest,
                                        enum lockstep_artifact_file part, const void *bytes,
                                        size_t length, struct lockstep_error *err)
{
    struct lockstep_artifact_write *write = NULL;
    enum lockstep_err result;
    ASSERT(part != LOCKSTEP_ARTIFACT_SO);
    LOCKSTEP_TRY(begin(store, digest, part, length, &write, err));
    result = lockstep_artifact_append(write, bytes, length, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_artifact_finish(write, NULL, err);
    }
    (void)lockstep_artifact_end(write);
    return result;
}
