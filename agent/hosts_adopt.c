/*
 * Hosts of the last agent. Which process was started for a service stands beside its tool socket,
 * so that the next agent waits for that host to connect and does not start another one. A process
 * is known by its number and by when it began, as numbers are used again.
 */
#include "agent/hosts_internal.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define FIELDS_BEFORE_START 20 /* of /proc/PID/stat, between the name and the time of the start */

static bool start_of(pid_t pid, uint64_t *ret_start)
{
    char path[64];
    char text[1024];
    const char *place;
    LOCKSTEP_CLOSE int fd = -1;
    ssize_t got;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (got <= 0) {
        return false;
    }
    text[got] = '\0';
    place = strrchr(text, ')');
    for (int i = 0; i < FIELDS_BEFORE_START && place != NULL; i++) {
        place = strchr(place + 1, ' ');
    }
    if (place == NULL) {
        return false;
    }
    *ret_start = strtoull(place + 1, NULL, 10);
    return true;
}

void lockstep_hosts_adopt_note(const struct lockstep_hosts *hosts, uint8_t service, pid_t pid)
{
    const char *path = hosts->rooms[service].note;
    uint64_t start = 0;
    LOCKSTEP_FCLOSE FILE *stream = fopen(path, "we");
    if (stream == NULL || !start_of(pid, &start) ||
        fprintf(stream, "%d %" PRIu64 "\n", (int)pid, start) < 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "cannot write file=%s cause=%s", path,
                     strerror(errno));
    }
}

/* The process that the note names; 0 if there is none any more. */
static pid_t read_note(const char *path)
{
    char text[64] = "";
    char *end = text;
    uint64_t start = 0;
    uint64_t noted;
    long pid;
    LOCKSTEP_FCLOSE FILE *stream = fopen(path, "re");
    if (stream == NULL || fgets(text, sizeof(text), stream) == NULL) {
        return 0;
    }
    pid = strtol(text, &end, 10);
    noted = strtoull(end, NULL, 10);
    if (pid <= 1 || pid > INT32_MAX || !start_of((pid_t)pid, &start) || start != noted) {
        return 0;
    }
    return (pid_t)pid;
}

void lockstep_hosts_adopt(struct lockstep_hosts *hosts, uint8_t service)
{
    pid_t pid = read_note(hosts->rooms[service].note);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_hosts_process *process;
    if (pid == 0) {
        return;
    }
    process = lockstep_hosts_process_new(hosts, service, pid, &err);
    if (process == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host not adopted service=%s pid=%d cause=%s",
                     hosts->rooms[service].name.text, (int)pid, err.message);
        return;
    }
    /* It serves: whatever it does now, it is not ended for being late. */
    process->spawned = true;
    process->was_up = true;
    hosts->rooms[service].told = true;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host of the last agent awaited service=%s pid=%d",
                 hosts->rooms[service].name.text, (int)pid);
}
