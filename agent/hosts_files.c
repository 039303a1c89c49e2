/* Files of the hosts: boot files, directories, tool sockets. */
#include "agent/hosts_crash.h"

#include "common/base/cleanup.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG   512
#define PATH_ROOM (LOCKSTEP_HOSTWIRE_PATH_MAX + 1)

static enum lockstep_err make_directory(const char *path, struct lockstep_error *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "making %s", path);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_hosts_files_path(const struct lockstep_hosts *hosts, uint8_t service,
                                            const char *leaf,
                                            char ret_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1],
                                            struct lockstep_error *err)
{
    int length = snprintf(ret_path, PATH_ROOM, "%s/hosts/%s%s%s", hosts->data_directory,
                          hosts->rooms[service].name.text, leaf[0] == '\0' ? "" : "/", leaf);
    if (length < 0 || length >= PATH_ROOM) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: the path is too long", hosts->data_directory);
    }
    return LOCKSTEP_OK;
}

/* What the last agent wrote, so that hosts which come before the journal is read get it. A file
 * that cannot be read is nothing: it is written anew before a host is started. */
static enum lockstep_err read_boot(struct lockstep_hosts *hosts, uint8_t service,
                                   struct lockstep_error *err)
{
    char path[PATH_ROOM];
    struct lockstep_error why = LOCKSTEP_ERROR_INIT;
    struct lockstep_boot *boot = hosts->rooms[service].boot;
    LOCKSTEP_FCLOSE FILE *stream = NULL;
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "boot", path, err));
    stream = fopen(path, "re");
    if (stream != NULL && lockstep_boot_read(stream, boot, &why) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "boot file ignored file=%s cause=%s", path,
                     why.message);
        boot->count = 0;
    }
    return LOCKSTEP_OK;
}

/* ---- tool sockets --------------------------------------------------------------------------- */

static void fill_address(const char *path, struct sockaddr_un *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, path, strlen(path));
}

/* Somebody holds a listener at PATH: a host that outlived the last agent. */
static bool is_held(const char *path)
{
    LOCKSTEP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    fill_address(path, &address);
    return fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
                       errno == EAGAIN || errno == EINPROGRESS);
}

enum lockstep_err lockstep_hosts_files_listen(struct lockstep_hosts *hosts, uint8_t service,
                                              struct lockstep_error *err)
{
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    LOCKSTEP_CLOSE int fd = -1;
    struct sockaddr_un address;
    if (room->listener >= 0) {
        return LOCKSTEP_OK;
    }
    fill_address(room->socket, &address);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a tool socket");
    }
    (void)unlink(room->socket);
    if (fchmod(fd, 0660) != 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(room->socket, 0660) != 0 || listen(fd, BACKLOG) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "listening at %s", room->socket);
    }
    room->listener = fd;
    fd = -1;
    return LOCKSTEP_OK;
}

static enum lockstep_err init_room(struct lockstep_hosts *hosts, uint8_t service,
                                   const char *run_directory, struct lockstep_error *err)
{
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    char path[PATH_ROOM];
    int length = snprintf(path, sizeof(path), "%s/tools/%s.sock", run_directory, room->name.text);
    if (length < 0 || (size_t)length >= sizeof(room->socket)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s/tools/%s.sock: a socket's path has at most %d bytes",
                             run_directory, room->name.text, LOCKSTEP_HOSTS_SHORT_PATH);
    }
    memcpy(room->socket, path, (size_t)length + 1);
    memcpy(room->note, path, (size_t)length + 1);
    memcpy(room->note + length - strlen("sock"), "pid", sizeof("pid"));
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "", path, err));
    LOCKSTEP_TRY(make_directory(path, err));
    LOCKSTEP_TRY(read_boot(hosts, service, err));
    LOCKSTEP_TRY(lockstep_hosts_crash_init(hosts, service, err));
    lockstep_hosts_adopt(hosts, service);
    return is_held(room->socket) ? LOCKSTEP_OK : lockstep_hosts_files_listen(hosts, service, err);
}

enum lockstep_err lockstep_hosts_files_init(struct lockstep_hosts *hosts, const char *run_directory,
                                            struct lockstep_error *err)
{
    char path[PATH_ROOM];
    int length = snprintf(path, sizeof(path), "%s/tools", run_directory);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: the path is too long", run_directory);
    }
    LOCKSTEP_TRY(make_directory(path, err));
    length = snprintf(path, sizeof(path), "%s/hosts", hosts->data_directory);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: the path is too long", hosts->data_directory);
    }
    LOCKSTEP_TRY(make_directory(path, err));
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        LOCKSTEP_TRY(init_room(hosts, (uint8_t)i, run_directory, err));
    }
    return LOCKSTEP_OK;
}

/* ---- the boot file -------------------------------------------------------------------------- */

static enum lockstep_err write_stream(const struct lockstep_boot *boot, const char *path,
                                      struct lockstep_error *err)
{
    LOCKSTEP_FCLOSE FILE *stream = fopen(path, "we");
    if (stream == NULL) {
        return LOCKSTEP_FAIL_ERRNO(err, "writing %s", path);
    }
    LOCKSTEP_TRY(lockstep_boot_write(boot, stream, err));
    return fflush(stream) == 0 ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "writing %s", path);
}

static enum lockstep_err sync_boot(struct lockstep_hosts *hosts, uint8_t service,
                                   struct lockstep_error *err)
{
    char directory[PATH_ROOM];
    char path[PATH_ROOM];
    LOCKSTEP_CLOSE int fd = -1;
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "", directory, err));
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "boot", path, err));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "syncing %s", path);
    }
    return lockstep_file_sync_directory(directory, err);
}

enum lockstep_err lockstep_hosts_settle(struct lockstep_hosts *hosts, struct lockstep_error *err)
{
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        if (hosts->rooms[i].late) {
            hosts->rooms[i].late = false; /* tried once: after a sync that failed nothing is sure */
            LOCKSTEP_TRY(sync_boot(hosts, (uint8_t)i, err));
        }
    }
    return LOCKSTEP_OK;
}

bool lockstep_hosts_is_settled(const struct lockstep_hosts *hosts)
{
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        if (hosts->rooms[i].late) {
            return false;
        }
    }
    return true;
}

enum lockstep_err lockstep_hosts_boot(struct lockstep_hosts *hosts, uint8_t service,
                                      const struct lockstep_boot_entry *entries, size_t count,
                                      struct lockstep_error *err)
{
    struct lockstep_boot *boot;
    char temporary[PATH_ROOM];
    char path[PATH_ROOM];
    if (service >= hosts->rooms_count || count > LOCKSTEP_NODE_MODULES_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "a node has at most %d modules",
                             LOCKSTEP_NODE_MODULES_MAX);
    }
    boot = hosts->rooms[service].boot;
    boot->count = count;
    if (count > 0) {
        memcpy(boot->entries, entries, count * sizeof(*entries));
    }
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "boot.new", temporary, err));
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "boot", path, err));
    LOCKSTEP_TRY(write_stream(boot, temporary, err));
    if (rename(temporary, path) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "writing %s", path);
    }
    hosts->rooms[service].late = true;
    return LOCKSTEP_OK;
}
