#include "common/base/cleanup.h"
#include "common/hostwire/hostwire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

/* Room for the descriptors of one packet, aligned as cmsg wants it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(LOCKSTEP_HOSTWIRE_FDS_MAX * sizeof(int))];
};

static enum lockstep_err address_of(const char *path, struct sockaddr_un *ret_address,
                                    struct lockstep_error *err)
{
    size_t length = strlen(path);
    memset(ret_address, 0, sizeof(*ret_address));
    if (length == 0 || length >= sizeof(ret_address->sun_path)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: a socket's path has 1 to %zu bytes", path,
                             sizeof(ret_address->sun_path) - 1);
    }
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, path, length);
    return LOCKSTEP_OK;
}

static enum lockstep_err open_socket(int *ret_fd, struct lockstep_error *err)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a socket");
    }
    *ret_fd = fd;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_hostwire_listen(const char *path, int *ret_fd,
                                           struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    struct sockaddr_un address;
    LOCKSTEP_TRY(address_of(path, &address, err));
    LOCKSTEP_TRY(open_socket(&fd, err));
    (void)unlink(path);
    /* The mode of the socket's inode becomes that of the file, so nobody gets in before a chmod. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "listening at %s", path);
    }
    *ret_fd = fd;
    fd = -1;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_hostwire_accept(int listener, int *ret_fd, struct lockstep_error *err)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        *ret_fd = fd;
        return LOCKSTEP_OK;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
        return LOCKSTEP_FAIL(err, RETRY, "nobody has connected");
    }
    return LOCKSTEP_FAIL_ERRNO(err, "taking a connection");
}

enum lockstep_err lockstep_hostwire_connect(const char *path, int *ret_fd,
                                            struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    struct sockaddr_un address;
    LOCKSTEP_TRY(address_of(path, &address, err));
    LOCKSTEP_TRY(open_socket(&fd, err));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN) {
            return LOCKSTEP_FAIL(err, RETRY, "nobody listens at %s", path);
        }
        return LOCKSTEP_FAIL_ERRNO(err, "connecting to %s", path);
    }
    *ret_fd = fd;
    fd = -1;
    return LOCKSTEP_OK;
}

bool lockstep_hostwire_peer(int fd, int64_t *ret_pid, uint32_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    *ret_pid = peer.pid;
    *ret_uid = peer.uid;
    return true;
}

static enum lockstep_err wait_for(int fd, short events, int timeout_ms, struct lockstep_error *err)
{
    struct pollfd poller = {.fd = fd, .events = events};
    int ready;
    do {
        ready = poll(&poller, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "waiting for the other side");
    }
    if (ready == 0) {
        return LOCKSTEP_FAIL(err, RETRY, "the other side does not answer in time");
    }
    return LOCKSTEP_OK;
}

static size_t collect_fds(const struct lockstep_hostwire_message *message,
                          int ret_fds[LOCKSTEP_HOSTWIRE_FDS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < message->entries_count; i++) {
        for (size_t j = 0; j < LOCKSTEP_HOSTWIRE_ENTRY_FDS; j++) {
            int fd = lockstep_hostwire_entry_has(&message->entries[i], j);
            if (fd >= 0 && count < LOCKSTEP_HOSTWIRE_FDS_MAX) {
                ret_fds[count++] = fd;
            }
        }
    }
    for (size_t i = 0; i < message->fds_count && count < LOCKSTEP_HOSTWIRE_FDS_MAX; i++) {
        ret_fds[count++] = message->fds[i];
    }
    return count;
}

static void attach_fds(struct msghdr *header, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *part = &control->header;
    if (count == 0) {
        return;
    }
    memset(control, 0, sizeof(*control));
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(part), fds, count * sizeof(int));
}

enum lockstep_err lockstep_hostwire_send(int fd, const struct lockstep_hostwire_message *message,
                                         int timeout_ms, struct lockstep_error *err)
{
    LOCKSTEP_FREE uint8_t *bytes = malloc(LOCKSTEP_HOST_FRAME_MAX);
    int fds[LOCKSTEP_HOSTWIRE_FDS_MAX];
    union control control;
    struct iovec part = {.iov_base = bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (bytes == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a frame");
    }
    LOCKSTEP_TRY(
        lockstep_hostwire_encode(message, bytes, LOCKSTEP_HOST_FRAME_MAX, &part.iov_len, err));
    attach_fds(&header, &control, fds, collect_fds(message, fds));
    for (;;) {
        if (sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return LOCKSTEP_OK;
        }
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
            return LOCKSTEP_FAIL(err, CLOSED, "the other side is gone");
        }
        if (errno != EAGAIN && errno != EINTR) {
            return LOCKSTEP_FAIL_ERRNO(err, "sending a %s message",
                                       lockstep_hostwire_type_name(message->type));
        }
        LOCKSTEP_TRY(wait_for(fd, POLLOUT, timeout_ms, err));
    }
}

/* Takes the descriptors out of a received packet; false if there are more than fit. */
static bool detach_fds(struct msghdr *header, int ret_fds[LOCKSTEP_HOSTWIRE_FDS_MAX],
                       size_t *ret_count)
{
    size_t count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        size_t more;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        more = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (more > LOCKSTEP_HOSTWIRE_FDS_MAX - count) {
            more = LOCKSTEP_HOSTWIRE_FDS_MAX - count; /* cannot be: the kernel had room for these */
        }
        memcpy(ret_fds + count, CMSG_DATA(part), more * sizeof(int));
        count += more;
    }
    *ret_count = count;
    return (header->msg_flags & MSG_CTRUNC) == 0;
}

static enum lockstep_err receive_packet(int fd, struct msghdr *header, size_t *ret_size,
                                        struct lockstep_error *err)
{
    ssize_t size;
    do {
        size = recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN) {
        return LOCKSTEP_FAIL(err, RETRY, "nothing has come");
    }
    if (size == 0 || (size < 0 && errno == ECONNRESET)) {
        return LOCKSTEP_FAIL(err, CLOSED, "the other side is gone");
    }
    if (size < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "receiving");
    }
    *ret_size = (size_t)size;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_packet(struct msghdr *header, size_t size,
                                     struct lockstep_hostwire_message *ret_message,
                                     struct lockstep_error *err)
{
    int fds[LOCKSTEP_HOSTWIRE_FDS_MAX];
    size_t count = 0;
    enum lockstep_err code;
    if (!detach_fds(header, fds, &count)) {
        code = LOCKSTEP_FAIL(err, INVALID, "a frame has too many descriptors");
    } else if ((header->msg_flags & MSG_TRUNC) != 0) {
        code = LOCKSTEP_FAIL(err, INVALID, "a frame has more than %d bytes",
                             LOCKSTEP_HOST_FRAME_MAX);
    } else {
        code = lockstep_hostwire_decode(header->msg_iov->iov_base, size, fds, count, ret_message,
                                        err);
    }
    for (size_t i = 0; code != LOCKSTEP_OK && i < count; i++) {
        (void)close(fds[i]);
    }
    return code;
}

enum lockstep_err lockstep_hostwire_receive(int fd, struct lockstep_hostwire_message *ret_message,
                                            int timeout_ms, struct lockstep_error *err)
{
    LOCKSTEP_FREE uint8_t *bytes = malloc(LOCKSTEP_HOST_FRAME_MAX);
    union control control;
    struct iovec part = {.iov_base = bytes, .iov_len = LOCKSTEP_HOST_FRAME_MAX};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    size_t size = 0;
    if (bytes == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a frame");
    }
    LOCKSTEP_TRY(wait_for(fd, POLLIN, timeout_ms, err));
    LOCKSTEP_TRY(receive_packet(fd, &header, &size, err));
    return take_packet(&header, size, ret_message, err);
}
