/* Programs of an agent that died. */
#include "agent/exec_files.h"

#include "common/base/cleanup.h"
#include "common/io/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#define ENVIRONMENT_MAX (64 * 1024)
#define LOOKS_MAX       16   /* a program may start another while it is looked for */
#define DEATH_MS        1000 /* of one that was killed */

/* True if a variable of the process is LOCKSTEP_WORK, and lies below ROOT. */
static bool works_below(int pid, const char *root)
{
    static char text[ENVIRONMENT_MAX + 1];
    static const char name[] = "LOCKSTEP_WORK=";
    char path[64];
    LOCKSTEP_CLOSE int fd = -1;
    ssize_t length;
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, text, ENVIRONMENT_MAX);
    text[length < 0 ? 0 : length] = '\0';
    for (const char *at = text; length > 0 && at < text + length; at += strlen(at) + 1) {
        if (strncmp(at, name, sizeof(name) - 1) == 0) {
            const char *value = at + sizeof(name) - 1;
            return strncmp(value, root, strlen(root)) == 0 && value[strlen(root)] == '/';
        }
    }
    return false;
}

/* True if it still has the pipe that its output went into. */
static bool has_pipe(int pid)
{
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        char path[64];
        char target[64] = "";
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        if (readlink(path, target, sizeof(target) - 1) > 0 && strncmp(target, "pipe:", 5) == 0) {
            return true;
        }
    }
    return false;
}

/* Its number may be another's by now: it is looked at and killed through one descriptor. */
static bool end_if_orphan(int pid, const char *root)
{
    LOCKSTEP_CLOSE int fd = pidfd_open(pid, 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (fd < 0 || !works_below(pid, root) || !has_pipe(pid) ||
        pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0) {
        return false;
    }
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "exec", "killed process %d of the agent before", pid);
    (void)poll(&wait, 1, DEATH_MS);
    return true;
}

static bool end_all(const char *root)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    bool found = false;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char *end = NULL;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && pid > 1 && pid != getpid()) {
            found = end_if_orphan((int)pid, root) || found;
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return found;
}

void lockstep_exec_files_end_orphans(const char *root)
{
    for (unsigned look = 0; look < LOOKS_MAX && end_all(root); look++) {
        /* until nothing is found */
    }
}
