/* What there is, and what is to go. */
#include "common/base/cleanup.h"
#include "common/io/artifacts_internal.h"

#include "common/base/assert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

enum lockstep_err lockstep_artifact_names(const struct lockstep_artifacts *store,
                                          lockstep_artifact_name_fn *each, void *context,
                                          struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(close_directory) DIR *directory = NULL;
    int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;
    if (fd >= 0) {
        directory = fdopendir(fd);
    }
    if (directory == NULL) {
        lockstep_cleanup_close(&fd);
        return LOCKSTEP_FAIL_ERRNO(err, "listing %s", store->path);
    }
    for (;;) {
        errno = 0;
        entry = readdir(directory);
        if (entry == NULL) {
            return errno == 0 ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "listing %s", store->path);
        }
        LOCKSTEP_TRY(each(context, entry->d_name, err));
    }
}

/* ---- the list ------------------------------------------------------------------------------- */

struct listing {
    const struct lockstep_artifacts *store;
    struct lockstep_artifact_entry *list;
    size_t count;
    size_t room;
};

/* True if NAME is one that the store gives. */
static bool parse(const char *name, struct lockstep_digest *ret_digest, unsigned *ret_part)
{
    char text[LOCKSTEP_DIGEST_TEXT] = "";
    if (strlen(name) < LOCKSTEP_DIGEST_TEXT) {
        return false;
    }
    memcpy(text, name, LOCKSTEP_DIGEST_TEXT - 1);
    for (unsigned part = 0; part < LOCKSTEP_ARTIFACT_FILES; part++) {
        if (strcmp(name + LOCKSTEP_DIGEST_TEXT - 1,
                   lockstep_artifact_suffix((enum lockstep_artifact_file)part)) == 0) {
            *ret_part = part;
            return lockstep_digest_parse(text, ret_digest);
        }
    }
    return false;
}

static enum lockstep_err grow(struct listing *listing, struct lockstep_error *err)
{
    size_t room = listing->room == 0 ? 64 : 2 * listing->room;
    struct lockstep_artifact_entry *list;
    if (listing->count < listing->room) {
        return LOCKSTEP_OK;
    }
    list = reallocarray(listing->list, room, sizeof(*list));
    if (list == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the list of artifacts");
    }
    listing->list = list;
    listing->room = room;
    return LOCKSTEP_OK;
}

static enum lockstep_err note(void *context, const char *name, struct lockstep_error *err)
{
    struct listing *listing = context;
    struct lockstep_artifact_entry entry = {0};
    struct stat info;
    unsigned part;
    if (!parse(name, &entry.digest, &part) ||
        fstatat(listing->store->directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(grow(listing, err));
    ASSERT(listing->list != NULL);
    entry.size = (uint64_t)info.st_size;
    entry.written = (uint64_t)info.st_mtim.tv_sec * UINT64_C(1000000000) +
                    (uint64_t)info.st_mtim.tv_nsec;
    entry.parts = 1U << part;
    listing->list[listing->count++] = entry;
    return LOCKSTEP_OK;
}

static int by_digest(const void *a, const void *b)
{
    const struct lockstep_artifact_entry *left = a;
    const struct lockstep_artifact_entry *right = b;
    return memcmp(left->digest.bytes, right->digest.bytes, LOCKSTEP_DIGEST_BYTES);
}

static int by_age(const void *a, const void *b)
{
    const struct lockstep_artifact_entry *left = a;
    const struct lockstep_artifact_entry *right = b;
    if (left->written != right->written) {
        return left->written < right->written ? -1 : 1;
    }
    return by_digest(a, b);
}

/* One entry a digest out of one a file. */
static void merge(struct listing *listing)
{
    size_t kept = 0;
    if (listing->count == 0) {
        return;
    }
    qsort(listing->list, listing->count, sizeof(*listing->list), by_digest);
    for (size_t i = 1; i < listing->count; i++) {
        struct lockstep_artifact_entry *last = &listing->list[kept];
        const struct lockstep_artifact_entry *next = &listing->list[i];
        if (!lockstep_digest_equal(&last->digest, &next->digest)) {
            listing->list[++kept] = *next;
            continue;
        }
        last->size += next->size;
        last->parts |= next->parts;
        last->written = next->written > last->written ? next->written : last->written;
    }
    listing->count = kept + 1;
}

enum lockstep_err lockstep_artifacts_list(const struct lockstep_artifacts *store,
                                          struct lockstep_artifact_entry **ret_list,
                                          size_t *ret_count, struct lockstep_error *err)
{
    struct listing listing = {.store = store};
    enum lockstep_err result = lockstep_artifact_names(store, note, &listing, err);
    if (result != LOCKSTEP_OK) {
        free(listing.list);
        return result;
    }
    merge(&listing);
    *ret_list = listing.list;
    *ret_count = listing.count;
    return LOCKSTEP_OK;
}

/* ---- removing ------------------------------------------------------------------------------- */

/* The .so goes first: a manifest without it says nothing, the other way round it would. */
enum lockstep_err lockstep_artifact_remove(struct lockstep_artifacts *store,
                                           const struct lockstep_digest *digest,
                                           struct lockstep_error *err)
{
    char name[LOCKSTEP_ARTIFACT_FILE];
    for (unsigned part = 0; part < LOCKSTEP_ARTIFACT_FILES; part++) {
        lockstep_artifact_file(digest, (enum lockstep_artifact_file)part, name);
        if (unlinkat(store->directory, name, 0) != 0 && errno != ENOENT) {
            return LOCKSTEP_FAIL_ERRNO(err, "removing %s/%s", store->path, name);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifacts_collect(struct lockstep_artifacts *store,
                                             lockstep_artifact_keep_fn *keep, void *context,
                                             uint64_t size_max_bytes, uint64_t *ret_left,
                                             struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_artifact_entry *list = NULL;
    size_t count = 0;
    uint64_t left = 0;
    LOCKSTEP_TRY(lockstep_artifacts_list(store, &list, &count, err));
    for (size_t i = 0; i < count; i++) {
        left += list[i].size;
    }
    if (count > 0) {
        qsort(list, count, sizeof(*list), by_age);
    }
    for (size_t i = 0; i < count && left > size_max_bytes; i++) {
        if (!keep(context, &list[i].digest)) {
            LOCKSTEP_TRY(lockstep_artifact_remove(store, &list[i].digest, err));
            left -= list[i].size;
        }
    }
    if (ret_left != NULL) {
        *ret_left = left;
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_artifacts_free_space(const struct lockstep_artifacts *store,
                                                uint64_t *ret_bytes, struct lockstep_error *err)
{
    struct statvfs info;
    if (fstatvfs(store->directory, &info) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "asking how much room %s has", store->path);
    }
    *ret_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return LOCKSTEP_OK;
}
