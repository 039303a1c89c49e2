#include "common/io/secret.h"

#include "common/base/cleanup.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory entry of PATH is on disk. */
static enum lockstep_err sync_entry(const char *path, struct lockstep_error *err)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (length >= sizeof(directory)) {
        return LOCKSTEP_FAIL(err, INVALID, "the path %.100s is too long", path);
    }
    memcpy(directory, path, length);
    directory[length] = '\0';
    if (length == 0) {
        (void)snprintf(directory, sizeof(directory), "%s", slash == NULL ? "." : "/");
    }
    return lockstep_file_sync_directory(directory, err);
}

enum lockstep_err lockstep_secret_file_write(const char *path, const void *bytes, size_t length,
                                             struct lockstep_error *err)
{
    enum lockstep_err code;
    LOCKSTEP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST) {
        return LOCKSTEP_FAIL(err, CONFLICT, "%.150s is there already and is not overwritten", path);
    }
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "creating %.150s", path);
    }
    code = lockstep_file_write_all(fd, bytes, length, path, err);
    if (code == LOCKSTEP_OK && fsync(fd) != 0) {
        code = LOCKSTEP_FAIL_ERRNO(err, "syncing %.150s", path);
    }
    if (code == LOCKSTEP_OK) {
        code = sync_entry(path, err);
    }
    if (code != LOCKSTEP_OK) {
        (void)unlink(path);
    }
    return code;
}

static enum lockstep_err check_file(int fd, const char *path, size_t size,
                                    struct lockstep_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "looking at %.150s", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return LOCKSTEP_FAIL(err, REFUSED, "%.150s is not a regular file", path);
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return LOCKSTEP_FAIL(err, REFUSED,
                             "%.80s holds a secret and is open to others (mode %03o); run: chmod "
                             "600 %.80s",
                             path, (unsigned)status.st_mode & 0777U, path);
    }
    if (status.st_size >= (off_t)size) {
        return LOCKSTEP_FAIL(err, LIMIT, "%.150s is too long for a secret file", path);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_secret_file_read(const char *path, char *ret_text, size_t size,
                                            size_t *ret_length, struct lockstep_error *err)
{
    size_t length = 0;
    /* O_NONBLOCK: a FIFO put in the file's place must not hold us. */
    LOCKSTEP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "opening %.150s", path);
    }
    LOCKSTEP_TRY(check_file(fd, path, size, err));
    while (length < size - 1) {
        ssize_t got = read(fd, ret_text + length, size - 1 - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            sodium_memzero(ret_text, size);
            return LOCKSTEP_FAIL_ERRNO(err, "reading %.150s", path);
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    ret_text[length] = '\0';
    *ret_length = length;
    return LOCKSTEP_OK;
}
