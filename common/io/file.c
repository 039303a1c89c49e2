#include "common/io/file.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

enum lockstep_err lockstep_file_write_all(int fd, const void *bytes, size_t length,
                                          const char *where, struct lockstep_error *err)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t wrote = write(fd, at, length);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
            return LOCKSTEP_FAIL(err, LIMIT, "no room left in %.150s (%s); make room there", where,
                                 strerror(errno));
        }
        if (wrote < 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "writing to %.150s", where);
        }
        at += wrote;
        length -= (size_t)wrote;
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_file_sync_directory(const char *path, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? LOCKSTEP_OK
                                     : LOCKSTEP_FAIL_ERRNO(err, "syncing %.150s", path);
}
