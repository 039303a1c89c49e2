/*
 * Hosts of the last agent. Which processes were started for a service, and as what, stands beside
 * its tool socket, so that the next agent waits for them to connect and does not start another one.
 * A process is known by its number and by when it began, as numbers are used again; what it is it
 * says itself, for that may have changed since.
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

/* What stands in a note behind the numbers; an enum lockstep_hosts_role is an index. */
static const char *const roles[] = {"serves", "waits", "left", "ends"};

static bool write_line(FILE *stream, const struct lockstep_hosts_process *process)
{
    uint64_t start = 0;
    return !start_of(process->pid, &start) ||
           fprintf(stream, "%d %" PRIu64 " %s\n", (int)process->pid, start, roles[process->role]) >
               0;
}

void lockstep_hosts_adopt_note(const struct lockstep_hosts *hosts, uint8_t service)
{
    const char *path = hosts->rooms[service].note;
    char fresh[LOCKSTEP_HOSTS_SHORT_PATH + 8];
    bool well = false;
    {
        LOCKSTEP_FCLOSE FILE *stream = NULL;
        (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
        stream = fopen(fresh, "we");
        well = stream != NULL;
        for (const struct lockstep_hosts_process *process = hosts->processes;
             well && process != NULL; process = process->next) {
            well = process->service != service || !process->spawned || write_line(stream, process);
        }
        well = well && fflush(stream) == 0;
    }
    if (!well || rename(fresh, path) != 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "cannot write file=%s cause=%s", path,
                     strerror(errno));
    }
}

/* The process that a line names; 0 if there is none any more. */
static pid_t read_line(const char *text, enum lockstep_hosts_role *ret_role)
{
    char *end = NULL;
    uint64_t start = 0;
    uint64_t noted;
    long pid = strtol(text, &end, 10);
    noted = strtoull(end, &end, 10);
    if (pid <= 1 || pid > INT32_MAX || !start_of((pid_t)pid, &start) || start != noted) {
        return 0;
    }
    *ret_role = LOCKSTEP_HOSTS_SERVING;
    for (size_t i = 0; i < LOCKSTEP_COUNT(roles); i++) {
        if (*end == ' ' && strncmp(end + 1, roles[i], strlen(roles[i])) == 0) {
            *ret_role = (enum lockstep_hosts_role)i;
        }
    }
    return (pid_t)pid;
}

static void adopt_one(struct lockstep_hosts *hosts, uint8_t service, pid_t pid,
                      enum lockstep_hosts_role role)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_hosts_process *process = lockstep_hosts_process_new(hosts, service, pid, &err);
    if (process == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host not adopted service=%s pid=%d cause=%s",
                     hosts->rooms[service].name.text, (int)pid, err.message);
        return;
    }
    /* It may serve: whatever it does now, it is not ended for being late. */
    process->spawned = true;
    process->was_up = true;
    process->adopted = true;
    process->role = role;
    hosts->rooms[service].told = true;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts",
                 "host of the last agent awaited service=%s pid=%d role=%s",
                 hosts->rooms[service].name.text, (int)pid, roles[role]);
}

void lockstep_hosts_adopt(struct lockstep_hosts *hosts, uint8_t service)
{
    char text[128];
    enum lockstep_hosts_role role = LOCKSTEP_HOSTS_SERVING;
    LOCKSTEP_FCLOSE FILE *stream = fopen(hosts->rooms[service].note, "re");
    while (stream != NULL && fgets(text, sizeof(text), stream) != NULL) {
        pid_t pid = read_line(text, &role);
        if (pid != 0) {
            adopt_one(hosts, service, pid, role);
        }
    }
}
