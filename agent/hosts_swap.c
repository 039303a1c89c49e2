/* Process swap: who succeeds whom, and what is said between the two (hosts_swap.h). */
#include "agent/hosts_swap.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct lockstep_hosts_succession *
lockstep_hosts_succession_free(struct lockstep_hosts_succession *succession)
{
    if (succession != NULL) {
        succession->set = lockstep_hostwire_free(succession->set);
        if (succession->leave_fd >= 0) {
            (void)close(succession->leave_fd);
        }
        free(succession);
    }
    return NULL;
}

static bool serves(const struct lockstep_hosts_process *process, uint8_t service)
{
    return process->service == service && process->role == LOCKSTEP_HOSTS_SERVING;
}

size_t lockstep_hosts_swap_serving(const struct lockstep_hosts *hosts, uint8_t service)
{
    size_t count = 0;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        count += serves(process, service) ? 1 : 0;
    }
    return count;
}

/* ---- when ----------------------------------------------------------------------------------- */

/* The program that a new host would run is another one than this process does. */
static bool is_outdated(const struct lockstep_hosts_process *process)
{
    char path[64];
    struct stat mine;
    struct stat now;
    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
    return process->spawned && stat(path, &mine) == 0 &&
           stat(process->hosts->host_path, &now) == 0 &&
           (mine.st_dev != now.st_dev || mine.st_ino != now.st_ino);
}

/* Why the service cannot be exchanged; NULL: it can. */
static const char *why_not(const struct lockstep_hosts *hosts, uint8_t service)
{
    if (hosts->rooms[service].command != NULL) {
        return "it is exchanged with its whole process, and this service's is not lockstep-host: "
               "start the service again with the new version as its boot file has it";
    }
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (serves(process, service) && !process->spawned) {
            return "it is exchanged with its whole process, and a process of the service was not "
                   "started by the agent: start that again";
        }
    }
    return NULL;
}

/* Where the set itself does not ask for it, it is only done where it can be. */
bool lockstep_hosts_swap_wanted(const struct lockstep_hosts *hosts,
                                const struct lockstep_hosts_set *set, uint8_t service)
{
    for (size_t i = 0; i < set->items_count; i++) {
        if (set->items[i].service == service && set->items[i].swap) {
            return true;
        }
    }
    for (const struct lockstep_hosts_process *process = hosts->processes;
         process != NULL && why_not(hosts, service) == NULL; process = process->next) {
        if (serves(process, service) &&
            (process->retired >= hosts->config.settings.retired || is_outdated(process))) {
            return true;
        }
    }
    return false;
}

bool lockstep_hosts_swap_has(struct lockstep_hosts *hosts, uint8_t service,
                             const struct lockstep_id *operation)
{
    const struct lockstep_hosts_known *known = lockstep_hosts_known_find(hosts, operation);
    return known != NULL && (known->swapped & UINT32_C(1) << service) != 0;
}

/* ---- map ------------------------------------------------------------------------------------ */

static struct lockstep_hostwire_message *copy_set(const struct lockstep_hostwire_message *from,
                                                  struct lockstep_error *err)
{
    struct lockstep_hostwire_message *set = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_PREPARE);
    const char *refused = NULL;
    if (set == NULL) {
        (void)LOCKSTEP_FAIL(err, NOMEM, "no memory for a second host");
        return NULL;
    }
    *set = *from;
    for (size_t i = 0; i < set->entries_count; i++) {
        if (set->entries[i].config_fd >= 0) {
            set->entries[i].config_fd = fcntl(from->entries[i].config_fd, F_DUPFD_CLOEXEC, 0);
            refused = set->entries[i].config_fd < 0 ? set->entries[i].module.text : refused;
        }
    }
    if (refused != NULL) {
        (void)LOCKSTEP_FAIL_ERRNO(err, "the configuration of %s cannot be kept for a second host",
                                  refused);
        return lockstep_hostwire_free(set);
    }
    return set;
}

static bool is_in_set(const struct lockstep_hostwire_message *set,
                      const struct lockstep_name *module)
{
    for (size_t i = 0; i < set->entries_count; i++) {
        if (lockstep_name_equal(&set->entries[i].module, module)) {
            return true;
        }
    }
    return false;
}

/* True if PROCESS, which is warm, runs just what SET leads to. */
static bool fits(const struct lockstep_hosts_process *process,
                 const struct lockstep_hostwire_message *set)
{
    const struct lockstep_boot *boot = process->hosts->rooms[process->service].boot;
    size_t wanted = 0;
    size_t live = 0;
    for (size_t i = 0; i < set->entries_count; i++) {
        const struct lockstep_hosts_image *image = lockstep_hosts_view_live(
            &process->view, &set->entries[i].module);
        if (image == NULL || !lockstep_digest_equal(&image->digest, &set->entries[i].digest)) {
            return false;
        }
        wanted++;
    }
    for (size_t i = 0; i < boot->count; i++) {
        const struct lockstep_boot_entry *entry = &boot->entries[i];
        const struct lockstep_hosts_image *image = lockstep_hosts_view_live(&process->view,
                                                                            &entry->module);
        if (is_in_set(set, &entry->module)) {
            continue;
        }
        if (image == NULL || !lockstep_digest_equal(&image->digest, &entry->digest)) {
            return false;
        }
        wanted++;
    }
    for (size_t i = 0; i < process->view.count; i++) {
        live += process->view.images[i].state == LOCKSTEP_HOSTWIRE_STATE_LIVE ? 1 : 0;
    }
    return live == wanted;
}

static struct lockstep_hosts_process *find_warm(const struct lockstep_hosts *hosts, uint8_t service,
                                                const struct lockstep_hostwire_message *set)
{
    struct lockstep_hosts_process *process = hosts->processes;
    while (process != NULL &&
           (process->service != service || process->role != LOCKSTEP_HOSTS_WARM ||
            process->succession != NULL || process->stage != LOCKSTEP_HOSTS_UP ||
            !fits(process, set))) {
        process = process->next;
    }
    return process;
}

/* What is mapped already is known by its file, whatever copy would be mapped anew. */
static void name_files(const struct lockstep_hosts_process *process,
                       struct lockstep_hostwire_message *set)
{
    for (size_t i = 0; i < set->entries_count; i++) {
        const struct lockstep_hosts_image *image = lockstep_hosts_view_live(
            &process->view, &set->entries[i].module);
        set->entries[i].device = image->device;
        set->entries[i].inode = image->inode;
    }
}

/* The process that takes over from BEFORE, which is warm or is started; NULL: not possible. */
static struct lockstep_hosts_process *make_successor(struct lockstep_hosts_process *before,
                                                     const struct lockstep_hostwire_message *from,
                                                     struct lockstep_error *err)
{
    struct lockstep_hosts *hosts = before->hosts;
    struct lockstep_hosts_succession *succession = calloc(1, sizeof(*succession));
    struct lockstep_hosts_process *process = NULL;
    if (succession == NULL) {
        (void)LOCKSTEP_FAIL(err, NOMEM, "no memory for a second host");
        return NULL;
    }
    succession->before = before;
    succession->leave_fd = -1;
    succession->set = from == NULL ? NULL : copy_set(from, err);
    if (from == NULL || succession->set != NULL) {
        process = from == NULL || lockstep_hosts_swap_serving(hosts, before->service) != 1
                      ? NULL
                      : find_warm(hosts, before->service, from);
        succession->reused = process != NULL;
        if (process != NULL) {
            name_files(process, succession->set);
        }
        if (process == NULL && lockstep_hosts_process_launch(hosts, before->service, true, &process,
                                                             err) != LOCKSTEP_OK) {
            process = NULL;
        }
    }
    if (process == NULL) {
        (void)lockstep_hosts_succession_free(succession);
        return NULL;
    }
    process->succession = succession;
    return process;
}

/* Asks a successor to hold the set, if it does not yet. */
static void ask_map(struct lockstep_hosts_request *request,
                    struct lockstep_hosts_process *successor)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_ask *ask = lockstep_hosts_swap_ask(request, successor);
    if (successor->succession->ready) {
        ask->state = LOCKSTEP_HOSTS_ASK_YES;
        request->stateful = true;
    } else if (successor->succession->reused) {
        struct lockstep_hostwire_message *out = hosts->out;
        hosts->out = successor->succession->set;
        (void)lockstep_hosts_swap_send(request, ask, successor);
        hosts->out = out;
    }
}

void lockstep_hosts_swap_map(struct lockstep_hosts_request *request, uint8_t service)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    const char *reason = why_not(hosts, service);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (reason != NULL) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_STICKY, reason);
        return;
    }
    if (!lockstep_hosts_swap_yield(request, service)) {
        return;
    }
    if (lockstep_hosts_known_busy(hosts, service, &request->operation)) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_BUSY,
                                  "another operation is prepared in the service, and this one "
                                  "exchanges its process");
        return;
    }
    room->swap.on = true;
    room->swap.recycle = request->recycle;
    room->swap.operation = request->operation;
    for (struct lockstep_hosts_process *before = hosts->processes; before != NULL;
         before = before->next) {
        struct lockstep_hosts_process *successor;
        if (!serves(before, service)) {
            continue;
        }
        successor = lockstep_hosts_successor(before);
        if (successor == NULL) {
            successor = make_successor(before, room->swap.recycle ? NULL : hosts->out, &err);
        }
        if (successor == NULL) {
            lockstep_hosts_request_no(request, LOCKSTEP_NO_INTERNAL, err.message);
            return;
        }
        ask_map(request, successor);
    }
    if (lockstep_hosts_swap_serving(hosts, service) == 0) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST,
                                  lockstep_no_text(LOCKSTEP_NO_NO_HOST));
    }
}
