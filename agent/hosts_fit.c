/*
 * Fitting a host out when it has connected: the modules of the boot file that it lacks, one after
 * the other as it would do by itself, then the tool socket, so that nobody is served before there
 * is something to serve. A host that has outlived an agent lacks nothing, and gives the socket
 * back.
 */
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static void ask_listeners(struct lockstep_hosts_process *process);

/* Sends hosts->out as the next step; a host that cannot be reached comes again by itself. */
static void go(struct lockstep_hosts_process *process, enum lockstep_hosts_step step)
{
    struct lockstep_hosts *hosts = process->hosts;
    process->step = step;
    process->step_id = lockstep_hosts_send(process, NULL);
    if (process->step_id == 0) {
        lockstep_hosts_link_end(process->link);
        return;
    }
    lockstep_timer_arm(
        hosts->loop, &process->timer,
        lockstep_time_after(lockstep_loop_now(hosts->loop), hosts->config.settings.host_answer));
}

/* ---- modules -------------------------------------------------------------------------------- */

struct lockstep_id lockstep_hosts_new_operation(struct lockstep_hosts *hosts)
{
    struct lockstep_id id = {{'b', 'o', 'o', 't'}};
    uint64_t now_ms = lockstep_unix_ms();
    uint32_t count = (uint32_t)++hosts->ids;
    memcpy(id.bytes + 4, &now_ms, sizeof(now_ms));
    memcpy(id.bytes + 12, &count, sizeof(count));
    return id;
}

/* True if a successor's set brings MODULE, or takes it out. */
static bool is_in_set(const struct lockstep_hosts_process *process,
                      const struct lockstep_name *module)
{
    const struct lockstep_hostwire_message *set = process->succession == NULL
                                                      ? NULL
                                                      : process->succession->set;
    for (size_t i = 0; set != NULL && i < set->entries_count; i++) {
        if (lockstep_name_equal(&set->entries[i].module, module)) {
            return true;
        }
    }
    return false;
}

static bool fill_prepare(struct lockstep_hosts_process *process,
                         const struct lockstep_boot_entry *from)
{
    struct lockstep_hostwire_message *out = process->hosts->out;
    struct lockstep_hostwire_entry *entry = &out->entries[0];
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_PREPARE);
    if (from->config[0] != '\0') {
        entry->config_fd = open(from->config, O_RDONLY | O_CLOEXEC);
        if (entry->config_fd < 0) {
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "cannot read the configuration file=%s",
                         from->config);
            return false;
        }
    }
    process->boot_operation = lockstep_hosts_new_operation(process->hosts);
    process->boot_image = (struct lockstep_hosts_image){.module = from->module,
                                                        .generation = from->generation,
                                                        .digest = from->digest,
                                                        .state = LOCKSTEP_HOSTWIRE_STATE_LIVE};
    out->operation = process->boot_operation;
    out->entries_count = 1;
    entry->module = from->module;
    entry->generation = from->generation;
    entry->digest = from->digest;
    entry->device = from->device;
    entry->inode = from->inode;
    memcpy(entry->path, from->path, sizeof(entry->path));
    process->boot_given = !process->boot_bare && lockstep_hosts_keep_give(process, entry);
    process->boot_bare = false;
    return true;
}

/* A successor has to have what the process before it has, and its set. */
static bool is_missed(const struct lockstep_hosts_process *process,
                      const struct lockstep_name *module)
{
    const struct lockstep_hosts_succession *succession = process->succession;
    if (lockstep_hosts_view_live(&process->view, module) != NULL || is_in_set(process, module)) {
        return false;
    }
    return succession == NULL || succession->before == NULL ||
           lockstep_hosts_view_live(&succession->before->view, module) != NULL;
}

/* False: it is of no use without. */
static bool may_lack(struct lockstep_hosts_process *process)
{
    const struct lockstep_boot *boot = process->hosts->rooms[process->service].boot;
    const struct lockstep_hosts_succession *succession = process->succession;
    bool missed = succession != NULL && succession->set != NULL && !succession->set_mapped;
    for (size_t i = 0; i < boot->count; i++) {
        if (is_missed(process, &boot->entries[i].module)) {
            missed = true;
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "host lacks module=%s generation=%llu",
                         boot->entries[i].module.text,
                         (unsigned long long)boot->entries[i].generation);
        }
    }
    if (missed && succession != NULL) {
        lockstep_hosts_swap_unfit(process, succession->no, succession->text);
        return false;
    }
    return true;
}

/* The set of a successor is mapped as one, like any set. */
static void go_set(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hostwire_message *out = hosts->out;
    process->boot_operation = process->succession->set->operation;
    hosts->out = process->succession->set;
    go(process, LOCKSTEP_HOSTS_STEP_PREPARE);
    hosts->out = out;
}

/* True if a module is being mapped. */
static bool try_next(struct lockstep_hosts_process *process)
{
    const struct lockstep_boot *boot = process->hosts->rooms[process->service].boot;
    const struct lockstep_hosts_succession *succession = process->succession;
    for (; process->boot_index < boot->count; process->boot_index++) {
        const struct lockstep_boot_entry *entry = &boot->entries[process->boot_index];
        if (lockstep_hosts_view_live(&process->view, &entry->module) == NULL &&
            !is_in_set(process, &entry->module) && fill_prepare(process, entry)) {
            go(process, LOCKSTEP_HOSTS_STEP_PREPARE);
            return true;
        }
    }
    if (process->boot_index == boot->count && succession != NULL && succession->set != NULL &&
        !succession->set_mapped) {
        go_set(process);
        return true;
    }
    return false;
}

/* What is required stands anywhere in the file: those refused are tried again as long as a turn
 * brings something. */
static void next_module(struct lockstep_hosts_process *process)
{
    while (!try_next(process)) {
        if (!process->boot_moved) {
            if (may_lack(process)) {
                ask_listeners(process);
            }
            return;
        }
        process->boot_moved = false;
        process->boot_index = 0;
    }
}

/* True if what is being mapped is a successor's set. */
static bool is_set(const struct lockstep_hosts_process *process)
{
    return process->succession != NULL && process->succession->set != NULL &&
           lockstep_id_equal(&process->boot_operation, &process->succession->set->operation);
}

static void module_refused(struct lockstep_hosts_process *process)
{
    const struct lockstep_hostwire_message *in = process->hosts->in;
    struct lockstep_hosts_succession *succession = process->succession;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host does not load module=%s no=%s cause=%s",
                 is_set(process) ? "(set)" : process->boot_image.module.text, in->code, in->text);
    if (succession != NULL) {
        succession->no = lockstep_no_parse(in->code);
        memcpy(succession->text, in->text, sizeof(succession->text));
    }
    process->boot_index++;
    next_module(process);
}

static void prepare_answered(struct lockstep_hosts_process *process)
{
    struct lockstep_hostwire_message *out = process->hosts->out;
    if (process->hosts->in->type == LOCKSTEP_HOSTWIRE_REFUSED && process->boot_given &&
        strcmp(process->hosts->in->code, "STATE") == 0) {
        lockstep_hosts_keep_refused(process, &process->boot_image.module, process->hosts->in->text);
        process->boot_bare = true; /* once more */
        next_module(process);
        return;
    }
    if (process->hosts->in->type != LOCKSTEP_HOSTWIRE_PREPARED) {
        module_refused(process);
        return;
    }
    if (process->hosts->in->text[0] != '\0') {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "writes lost: %s", process->hosts->in->text);
    }
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_PUBLISH);
    out->operation = process->boot_operation;
    go(process, LOCKSTEP_HOSTS_STEP_PUBLISH);
}

static void publish_answered(struct lockstep_hosts_process *process)
{
    struct lockstep_hostwire_message *out = process->hosts->out;
    if (process->hosts->in->type != LOCKSTEP_HOSTWIRE_PUBLISHED) {
        lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_DROP);
        out->operation = process->boot_operation;
        (void)lockstep_hosts_send(process, NULL);
        module_refused(process);
        return;
    }
    if (is_set(process)) {
        process->succession->set_mapped = true;
    } else {
        lockstep_hosts_keep_given(process, &process->boot_image.module);
        process->boot_image.loaded_ms = lockstep_unix_ms();
        lockstep_hosts_view_add(&process->view, &process->boot_image);
    }
    process->boot_moved = true;
    process->boot_index++;
    next_module(process);
}

/* ---- tool sockets --------------------------------------------------------------------------- */

static void ask_status(struct lockstep_hosts_process *process)
{
    lockstep_hosts_view_deinit(&process->coming);
    lockstep_hostwire_reset(process->hosts->out, LOCKSTEP_HOSTWIRE_STATUS);
    go(process, LOCKSTEP_HOSTS_STEP_STATUS);
}

static void ask_listeners(struct lockstep_hosts_process *process)
{
    lockstep_hostwire_reset(process->hosts->out, LOCKSTEP_HOSTWIRE_GIVE_LISTENERS);
    go(process, LOCKSTEP_HOSTS_STEP_GIVE_LISTENERS);
}

static bool same_socket(int a, int b)
{
    uint64_t cookies[2] = {0, 0};
    socklen_t size = sizeof(cookies[0]);
    return getsockopt(a, SOL_SOCKET, SO_COOKIE, &cookies[0], &size) == 0 &&
           getsockopt(b, SOL_SOCKET, SO_COOKIE, &cookies[1], &size) == 0 &&
           cookies[0] == cookies[1];
}

static bool is_at(int fd, const char *path)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
           address.sun_family == AF_UNIX &&
           strncmp(address.sun_path, path, sizeof(address.sun_path)) == 0;
}

/* True if the host serves the service's socket already; what it had of the last agent is ours. */
static bool serves_already(struct lockstep_hosts_process *process)
{
    struct lockstep_hostwire_message *in = process->hosts->in;
    struct lockstep_hosts_room *room = &process->hosts->rooms[process->service];
    for (size_t i = 0; i < in->fds_count; i++) {
        if (room->listener < 0 && is_at(in->fds[i], room->socket)) {
            room->listener = in->fds[i];
            in->fds[i] = -1;
            return true;
        }
        if (room->listener >= 0 && same_socket(room->listener, in->fds[i])) {
            return true;
        }
    }
    return false;
}

static void listeners_given(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hostwire_message *out = hosts->out;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (serves_already(process)) {
        ask_status(process);
        return;
    }
    if (lockstep_hosts_files_listen(hosts, process->service, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "no tool socket service=%s cause=%s",
                     hosts->rooms[process->service].name.text, err.message);
        ask_status(process);
        return;
    }
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_LISTENERS);
    out->fds[0] = fcntl(hosts->rooms[process->service].listener, F_DUPFD_CLOEXEC, 0);
    out->fds_count = out->fds[0] < 0 ? 0 : 1;
    go(process, LOCKSTEP_HOSTS_STEP_LISTENERS);
}

/* ---- the sequence --------------------------------------------------------------------------- */

void lockstep_hosts_fit_begin(struct lockstep_hosts_process *process)
{
    process->stage = LOCKSTEP_HOSTS_FITTING;
    process->boot_index = 0;
    process->boot_moved = false;
    next_module(process);
}

static void status_answered(struct lockstep_hosts_process *process)
{
    if (lockstep_hosts_view_take(process)) {
        process->step = LOCKSTEP_HOSTS_STEP_NONE;
        lockstep_hosts_process_up(process);
    }
}

void lockstep_hosts_fit_answer(struct lockstep_hosts_process *process)
{
    switch (process->step) {
    case LOCKSTEP_HOSTS_STEP_PREPARE:
        prepare_answered(process);
        break;
    case LOCKSTEP_HOSTS_STEP_PUBLISH:
        publish_answered(process);
        break;
    case LOCKSTEP_HOSTS_STEP_GIVE_LISTENERS:
        listeners_given(process);
        break;
    case LOCKSTEP_HOSTS_STEP_LISTENERS:
        ask_status(process);
        break;
    case LOCKSTEP_HOSTS_STEP_STATUS:
        status_answered(process);
        break;
    case LOCKSTEP_HOSTS_STEP_NONE:
        break;
    }
}

/* It does one thing after another, so one that hangs will not do the next: it comes again, or not.
 */
void lockstep_hosts_fit_timeout(struct lockstep_hosts_process *process)
{
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host does not answer service=%s pid=%d",
                 process->hosts->rooms[process->service].name.text, (int)process->pid);
    lockstep_hosts_link_end(process->link);
}
