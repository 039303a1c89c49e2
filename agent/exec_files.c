#include "agent/exec_files.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/file.h"
#include "common/io/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 16 /* descriptors that walking a tree may take */

static void directory_of(const char *root, const struct lockstep_id *operation,
                         char ret_path[LOCKSTEP_EXEC_PATH_MAX])
{
    char id[LOCKSTEP_ID_TEXT];
    int length;
    lockstep_id_format(operation, id);
    length = snprintf(ret_path, LOCKSTEP_EXEC_PATH_MAX, "%s/%s", root, id);
    ASSERT(length > 0 && length < LOCKSTEP_EXEC_PATH_MAX); /* measured when it was opened */
}

void lockstep_exec_files_set(const char *root, const struct lockstep_id *operation,
                             const struct lockstep_exec_item *item,
                             char ret_path[LOCKSTEP_EXEC_PATH_MAX])
{
    size_t used;
    directory_of(root, operation, ret_path);
    used = strlen(ret_path);
    (void)snprintf(ret_path + used, LOCKSTEP_EXEC_PATH_MAX - used, "/%s", item->service.text);
}

void lockstep_exec_files_path(const char *root, const struct lockstep_id *operation,
                              const struct lockstep_exec_item *item, const char *leaf,
                              char ret_path[LOCKSTEP_EXEC_PATH_MAX])
{
    size_t used;
    lockstep_exec_files_set(root, operation, item, ret_path);
    used = strlen(ret_path);
    (void)snprintf(ret_path + used, LOCKSTEP_EXEC_PATH_MAX - used, "/%s%s%s", item->module.text,
                   leaf[0] == '\0' ? "" : "/", leaf);
}

static enum lockstep_err make_directory(const char *path, struct lockstep_error *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL_ERRNO(err, "make the directory %s", path);
}

/* ---- records -------------------------------------------------------------------------------- */

static enum lockstep_err write_text(const char *path, const char *text, size_t length, bool sync,
                                    struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "write %s", path);
    }
    LOCKSTEP_TRY(lockstep_file_write_all(fd, text, length, path, err));
    return sync && fsync(fd) != 0 ? LOCKSTEP_FAIL_ERRNO(err, "sync %s", path) : LOCKSTEP_OK;
}

enum lockstep_err lockstep_exec_files_write(const char *root,
                                            const struct lockstep_exec_record *record, bool sync,
                                            struct lockstep_error *err)
{
    LOCKSTEP_FREE char *text = malloc(LOCKSTEP_EXEC_RECORD_MAX + 1);
    char directory[LOCKSTEP_EXEC_PATH_MAX];
    char path[LOCKSTEP_EXEC_PATH_MAX + 16];
    char fresh[LOCKSTEP_EXEC_PATH_MAX + 16];
    size_t length = 0;
    if (text == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a record");
    }
    LOCKSTEP_TRY(
        lockstep_exec_record_format(record, text, LOCKSTEP_EXEC_RECORD_MAX + 1, &length, err));
    directory_of(root, &record->operation, directory);
    (void)snprintf(path, sizeof(path), "%s/record", directory);
    (void)snprintf(fresh, sizeof(fresh), "%s/record.new", directory);
    LOCKSTEP_TRY(make_directory(directory, err));
    LOCKSTEP_TRY(write_text(fresh, text, length, sync, err));
    if (rename(fresh, path) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "rename %s", fresh);
    }
    if (sync) {
        LOCKSTEP_TRY(lockstep_file_sync_directory(directory, err));
        return lockstep_file_sync_directory(root, err);
    }
    return LOCKSTEP_OK;
}

/* CLOSED: there is none. */
static enum lockstep_err read_record(const char *root, const struct lockstep_id *operation,
                                     struct lockstep_exec_record *ret_record,
                                     struct lockstep_error *err)
{
    LOCKSTEP_FREE char *text = malloc(LOCKSTEP_EXEC_RECORD_MAX + 1);
    char directory[LOCKSTEP_EXEC_PATH_MAX];
    char path[LOCKSTEP_EXEC_PATH_MAX + 16];
    LOCKSTEP_CLOSE int fd = -1;
    ssize_t length;
    directory_of(root, operation, directory);
    (void)snprintf(path, sizeof(path), "%s/record", directory);
    fd = text == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return LOCKSTEP_FAIL(err, CLOSED, "there is no %s", path);
    }
    length = fd < 0 ? -1 : read(fd, text, LOCKSTEP_EXEC_RECORD_MAX + 1);
    if (length < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "read %s", path);
    }
    LOCKSTEP_TRY(lockstep_exec_record_parse(text, (size_t)length, ret_record, err));
    return lockstep_id_equal(&ret_record->operation, operation)
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, CORRUPT, "%s is of another operation", path);
}

enum lockstep_err lockstep_exec_files_read(const char *root,
                                           void (*found)(void *context,
                                                         const struct lockstep_exec_record *record),
                                           void *context, struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_exec_record *record = calloc(1, sizeof(*record));
    DIR *directory = NULL;
    const struct dirent *entry;
    LOCKSTEP_TRY(make_directory(root, err));
    directory = record == NULL ? NULL : opendir(root);
    if (directory == NULL) {
        return LOCKSTEP_FAIL_ERRNO(err, "read the directory %s", root);
    }
    while ((entry = readdir(directory)) != NULL) {
        struct lockstep_error why = LOCKSTEP_ERROR_INIT;
        struct lockstep_id operation;
        enum lockstep_err code;
        if (!lockstep_id_parse(entry->d_name, &operation)) {
            continue;
        }
        code = read_record(root, &operation, record, &why);
        if (code == LOCKSTEP_OK) {
            found(context, record);
        } else if (code == LOCKSTEP_CLOSED) { /* nothing is applied before there is one */
            lockstep_exec_files_remove(root, &operation);
        } else {
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "exec",
                         "%s/%s is left as it is, and its service as it may be: %s", root,
                         entry->d_name, why.message);
        }
    }
    (void)closedir(directory);
    return LOCKSTEP_OK;
}

/* ---- a set's files -------------------------------------------------------------------------- */

static enum lockstep_err copy(const struct lockstep_artifacts *artifacts,
                              const struct lockstep_digest *digest, const char *directory,
                              const char *name, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct lockstep_artifact_copy info;
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "open the directory %s", directory);
    }
    (void)unlinkat(fd, name, 0); /* of an earlier try */
    return lockstep_digest_is_zero(digest)
               ? LOCKSTEP_OK
               : lockstep_artifact_copy_out(artifacts, digest, fd, name, &info, err);
}

enum lockstep_err lockstep_exec_files_lay_out(const char *root,
                                              const struct lockstep_artifacts *artifacts,
                                              const struct lockstep_id *operation,
                                              const struct lockstep_exec_item *item,
                                              struct lockstep_error *err)
{
    char path[LOCKSTEP_EXEC_PATH_MAX];
    enum lockstep_err code;
    directory_of(root, operation, path);
    LOCKSTEP_TRY(make_directory(path, err));
    lockstep_exec_files_set(root, operation, item, path);
    LOCKSTEP_TRY(make_directory(path, err));
    lockstep_exec_files_path(root, operation, item, "", path);
    LOCKSTEP_TRY(make_directory(path, err));
    LOCKSTEP_TRY(copy(artifacts, &item->digest, path, "file", err));
    code = copy(artifacts, &item->previous, path, "previous", err);
    if (code != LOCKSTEP_OK && code != LOCKSTEP_CONFLICT) {
        return code;
    }
    lockstep_exec_files_path(root, operation, item, "verbs", path);
    return make_directory(path, err);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    if (remove(path) != 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "exec", "%s cannot be removed: %s", path,
                     strerror(errno));
    }
    return 0;
}

void lockstep_exec_files_remove(const char *root, const struct lockstep_id *operation)
{
    char path[LOCKSTEP_EXEC_PATH_MAX];
    char record[LOCKSTEP_EXEC_PATH_MAX + 16];
    directory_of(root, operation, path);
    /* First, so that what is left by a crash in the middle is not taken for a set. */
    (void)snprintf(record, sizeof(record), "%s/record", path);
    (void)unlink(record);
    (void)nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
