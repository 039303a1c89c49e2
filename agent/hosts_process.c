/* Processes of hosts: started, watched, lost. */
#include "agent/hosts_crash.h"
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_MAX       (1024 * 1024) /* bytes of a host's log that a new start keeps */
#define ARGUMENTS_MAX (11 + 2 * LOCKSTEP_HOSTS_POISON_MAX)
#define VARIABLES     3
#define VARIABLE_ROOM (LOCKSTEP_HOSTWIRE_PATH_MAX + 32)

extern char **environ;

struct lockstep_hosts_process *lockstep_hosts_process_find(const struct lockstep_hosts *hosts,
                                                           pid_t pid)
{
    struct lockstep_hosts_process *process = hosts->processes;
    while (process != NULL && (pid == 0 || process->pid != pid)) {
        process = process->next;
    }
    return process;
}

/* What an earlier agent left behind may yet turn out to, and who succeeds a dead one is about to.
 */
static bool may_serve(const struct lockstep_hosts_process *process)
{
    return process->role == LOCKSTEP_HOSTS_SERVING ||
           (process->role == LOCKSTEP_HOSTS_SUCCESSOR &&
            (process->succession == NULL || process->succession->before == NULL));
}

bool lockstep_hosts_lives(const struct lockstep_hosts *hosts, uint8_t service)
{
    const struct lockstep_hosts_process *process = hosts->processes;
    while (process != NULL && !(process->service == service && may_serve(process))) {
        process = process->next;
    }
    return process != NULL;
}

void lockstep_hosts_process_free(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hosts_process **place = &hosts->processes;
    while (*place != process) {
        place = &(*place)->next;
    }
    *place = process->next;
    lockstep_hosts_keep_orphan(process);
    if (process->link != NULL) {
        lockstep_hosts_link_free(process->link);
    }
    lockstep_timer_disarm(hosts->loop, &process->timer);
    lockstep_child_forget(hosts->loop, &process->child);
    lockstep_hosts_view_deinit(&process->view);
    lockstep_hosts_view_deinit(&process->coming);
    lockstep_hosts_counts_deinit(&process->tools);
    lockstep_hosts_counts_deinit(&process->tools_coming);
    process->succession = lockstep_hosts_succession_free(process->succession);
    free(process);
}

void lockstep_hosts_process_gone(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    uint8_t service = process->service;
    bool served = process->role == LOCKSTEP_HOSTS_SERVING && process->spawned && process->was_up;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host gone service=%s pid=%d",
                 hosts->rooms[service].name.text, (int)process->pid);
    lockstep_hosts_swap_gone(process);
    lockstep_hosts_request_fail(process, LOCKSTEP_NO_CRASHED, "the host died", true);
    lockstep_hosts_process_free(process);
    lockstep_hosts_adopt_note(hosts, service);
    lockstep_hosts_swap_settle(hosts, service);
    lockstep_hosts_request_flush(hosts);
    if (!lockstep_hosts_lives(hosts, service) && hosts->rooms[service].told) {
        hosts->rooms[service].told = false;
        hosts->rooms[service].ending = false;
        hosts->config.lost(hosts->config.context, service);
    } else if (served && hosts->rooms[service].processes > 1) {
        lockstep_hosts_replenish(hosts, service);
        if (hosts->config.died != NULL && !hosts->rooms[service].ending) {
            hosts->config.died(hosts->config.context, service);
        }
    }
}

static void process_exited(void *context, pid_t pid, int status)
{
    struct lockstep_hosts_process *process = context;
    if (process->spawned && status != 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host ended service=%s %s=%d",
                     process->hosts->rooms[process->service].name.text,
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    lockstep_hosts_crash_take(process->hosts, process->service, pid, status);
    lockstep_hosts_process_gone(process);
}

void lockstep_hosts_process_await(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    process->step = LOCKSTEP_HOSTS_STEP_NONE;
    process->status_id = 0;
    lockstep_hosts_view_deinit(&process->coming);
    if (process->role == LOCKSTEP_HOSTS_ENDING) {
        return; /* its time runs */
    }
    lockstep_timer_disarm(hosts->loop, &process->timer);
    if (process->spawned && !process->was_up) {
        lockstep_timer_arm(
            hosts->loop, &process->timer,
            lockstep_time_after(lockstep_loop_now(hosts->loop), hosts->config.settings.host_start));
    }
}

/* Only a host that we started and that never came up is ended: it cannot be serving. */
static void timer_due(void *context)
{
    struct lockstep_hosts_process *process = context;
    if (process->role == LOCKSTEP_HOSTS_ENDING && process->pid == 0) {
        lockstep_hosts_link_end(process->link); /* it cannot be named, let alone killed */
    } else if (process->role == LOCKSTEP_HOSTS_ENDING) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host does not end, killed pid=%d",
                     (int)process->pid);
        (void)kill(process->pid, SIGKILL);
    } else if (process->stage == LOCKSTEP_HOSTS_FITTING) {
        lockstep_hosts_fit_timeout(process);
    } else if (!process->was_up && process->spawned) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts",
                     "host does not come up, ended service=%s pid=%d",
                     process->hosts->rooms[process->service].name.text, (int)process->pid);
        (void)kill(process->pid, SIGKILL);
    }
}

struct lockstep_hosts_process *lockstep_hosts_process_new(struct lockstep_hosts *hosts,
                                                          uint8_t service, pid_t pid,
                                                          struct lockstep_error *err)
{
    struct lockstep_hosts_process *process = NULL;
    size_t count = 0;
    for (process = hosts->processes; process != NULL; process = process->next) {
        count++;
    }
    process = count < LOCKSTEP_HOSTS_PROCESSES_MAX ? calloc(1, sizeof(*process)) : NULL;
    if (process == NULL) {
        (void)LOCKSTEP_FAIL(err, LIMIT, "a node has at most %d hosts",
                            LOCKSTEP_HOSTS_PROCESSES_MAX);
        return NULL;
    }
    process->hosts = hosts;
    process->service = service;
    process->pid = pid;
    process->timer = (struct lockstep_timer){.due = timer_due, .context = process};
    process->child.exited = process_exited;
    process->child.context = process;
    process->child.watch.fd = -1;
    if (pid != 0 && lockstep_child_watch(hosts->loop, &process->child, pid, err) != LOCKSTEP_OK) {
        free(process);
        return NULL;
    }
    process->next = hosts->processes;
    hosts->processes = process;
    return process;
}

/* ---- start ---------------------------------------------------------------------------------- */

/* What a host is started with; strings are borrowed. */
struct start {
    char boot[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char log[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char crash[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char poison[LOCKSTEP_HOSTS_POISON_MAX][17];
    union {
        const char *in[ARGUMENTS_MAX];
        char *out[ARGUMENTS_MAX];
    } arguments;
    char variables[VARIABLES][VARIABLE_ROOM];
    char **environment; /* owned; the strings are not */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

static bool fill_environment(struct start *start, const struct lockstep_hosts *hosts,
                             uint8_t service)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    start->environment = calloc(count + VARIABLES + 1, sizeof(char *));
    if (start->environment == NULL) {
        return false;
    }
    (void)snprintf(start->variables[0], VARIABLE_ROOM, "LOCKSTEP_SERVICE=%s",
                   hosts->rooms[service].name.text);
    (void)snprintf(start->variables[1], VARIABLE_ROOM, "LOCKSTEP_AGENT=%s", hosts->socket);
    (void)snprintf(start->variables[2], VARIABLE_ROOM, "LOCKSTEP_BOOT=%s", start->boot);
    for (size_t i = 0; i < VARIABLES; i++) {
        start->environment[i] = start->variables[i];
    }
    memcpy(start->environment + VARIABLES, environ, count * sizeof(char *));
    return true;
}

/* The host gets nothing of the agent's but its log: no descriptors, no blocked signals, and a
 * session of its own, so that it outlives the agent and its terminal. */
static int spawn(const struct lockstep_hosts *hosts, uint8_t service, struct start *start,
                 pid_t *ret_pid)
{
    char **command = hosts->rooms[service].command;
    sigset_t none;
    int failed;
    (void)sigemptyset(&none);
    failed = posix_spawnattr_setflags(&start->attributes,
                                      POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(&start->attributes, &none);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_addopen(&start->actions, STDIN_FILENO,
                                                            "/dev/null", O_RDONLY, 0);
    failed = failed != 0
                 ? failed
                 : posix_spawn_file_actions_addopen(&start->actions, STDOUT_FILENO, start->log,
                                                    O_WRONLY | O_APPEND | O_CREAT, 0640);
    failed = failed != 0
                 ? failed
                 : posix_spawn_file_actions_adddup2(&start->actions, STDOUT_FILENO, STDERR_FILENO);
    failed = failed != 0
                 ? failed
                 : posix_spawn_file_actions_addclosefrom_np(&start->actions, STDERR_FILENO + 1);
    if (failed != 0) {
        return failed;
    }
    if (command != NULL) {
        return posix_spawnp(ret_pid, command[0], &start->actions, &start->attributes, command,
                            start->environment);
    }
    return posix_spawn(ret_pid, hosts->host_path, &start->actions, &start->attributes,
                       start->arguments.out, start->environment);
}

static void cut_log(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && info.st_size > LOG_MAX) {
        (void)!truncate(path, 0);
    }
}

static int prepare_and_spawn(const struct lockstep_hosts *hosts, uint8_t service,
                             struct start *start, pid_t *ret_pid)
{
    int failed;
    if (posix_spawn_file_actions_init(&start->actions) != 0) {
        return ENOMEM;
    }
    failed = posix_spawnattr_init(&start->attributes);
    if (failed == 0) {
        failed = fill_environment(start, hosts, service) ? spawn(hosts, service, start, ret_pid)
                                                         : ENOMEM;
        (void)posix_spawnattr_destroy(&start->attributes);
        free(start->environment);
    }
    (void)posix_spawn_file_actions_destroy(&start->actions);
    return failed;
}

/* Requests that the host is to refuse, from argument AT on. */
static void name_poison(struct start *start, const struct lockstep_hosts_room *room, size_t at)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_POISON_MAX; i++) {
        if (room->poison[i] != 0) {
            (void)snprintf(start->poison[i], sizeof(start->poison[i]), "%016llx",
                           (unsigned long long)room->poison[i]);
            start->arguments.in[at++] = "--poison";
            start->arguments.in[at++] = start->poison[i];
        }
    }
}

enum lockstep_err lockstep_hosts_process_launch(struct lockstep_hosts *hosts, uint8_t service,
                                                bool successor,
                                                struct lockstep_hosts_process **ret_process,
                                                struct lockstep_error *err)
{
    struct start start = {0};
    struct lockstep_hosts_process *process;
    pid_t pid = 0;
    int failed;
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "boot", start.boot, err));
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "log", start.log, err));
    start.arguments.in[0] = hosts->host_path;
    start.arguments.in[1] = "--service";
    start.arguments.in[2] = hosts->rooms[service].name.text;
    start.arguments.in[3] = "--agent";
    start.arguments.in[4] = hosts->socket;
    start.arguments.in[5] = "--boot";
    start.arguments.in[6] = start.boot;
    LOCKSTEP_TRY(lockstep_hosts_files_path(hosts, service, "crash", start.crash, err));
    start.arguments.in[7] = "--crash-dir";
    start.arguments.in[8] = start.crash;
    name_poison(&start, &hosts->rooms[service], successor ? 10 : 9);
    start.arguments.in[9] = successor ? "--successor" : start.arguments.in[9];
    cut_log(start.log);
    failed = prepare_and_spawn(hosts, service, &start, &pid);
    if (failed != 0) {
        errno = failed;
        return LOCKSTEP_FAIL_ERRNO(err, "starting the host of %s", hosts->rooms[service].name.text);
    }
    process = lockstep_hosts_process_new(hosts, service, pid, err);
    if (process == NULL) {
        (void)kill(pid, SIGKILL);
        return LOCKSTEP_IO;
    }
    process->spawned = true;
    process->role = successor ? LOCKSTEP_HOSTS_SUCCESSOR : LOCKSTEP_HOSTS_SERVING;
    lockstep_hosts_adopt_note(hosts, service);
    lockstep_hosts_process_await(process);
    *ret_process = process;
    return LOCKSTEP_OK;
}

/* What has left is of a time before the one that is to begin. */
static void end_warm(struct lockstep_hosts *hosts, uint8_t service)
{
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service == service && process->role == LOCKSTEP_HOSTS_WARM) {
            lockstep_hosts_swap_end(process);
        }
    }
}

static uint32_t count_serving(const struct lockstep_hosts *hosts, uint8_t service)
{
    uint32_t count = 0;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        count += process->service == service && may_serve(process) ? 1 : 0;
    }
    return count;
}

/* Of what cannot be started now some more is missing then. */
static void launch_missing(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    struct lockstep_hosts_process *process = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (uint32_t i = count_serving(hosts, service); i < room->processes; i++) {
        if (lockstep_hosts_process_launch(hosts, service, false, &process, &err) != LOCKSTEP_OK) {
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "host not started service=%s cause=%s",
                         room->name.text, err.message);
            lockstep_hosts_replenish(hosts, service);
            return;
        }
    }
}

/* While the service is exchanged as a whole nobody joins it: its set is not in the boot file. */
void lockstep_hosts_respawn(void *context)
{
    struct lockstep_hosts_room *room = context;
    struct lockstep_hosts *hosts = room->hosts;
    uint8_t service = (uint8_t)(room - hosts->rooms);
    if (room->ending || !lockstep_hosts_lives(hosts, service)) {
        return; /* the core starts all of it */
    }
    if (room->swap.on) {
        lockstep_hosts_replenish(hosts, service);
        return;
    }
    room->respawned_ms = lockstep_loop_now(hosts->loop).ms;
    launch_missing(hosts, service);
}

void lockstep_hosts_replenish(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_room *room = &hosts->rooms[service];
    const struct lockstep_defaults *settings = &hosts->config.settings;
    struct lockstep_time now = lockstep_loop_now(hosts->loop);
    if (room->ending || count_serving(hosts, service) >= room->processes) {
        return;
    }
    if (room->backoff_ms == 0 || now.ms > room->respawned_ms + settings->crash_loop_window) {
        room->backoff_ms = settings->host_restart_first;
    }
    lockstep_timer_arm(hosts->loop, &room->respawn, lockstep_time_after(now, room->backoff_ms));
    room->backoff_ms = room->backoff_ms * 2 < settings->host_restart_last
                           ? room->backoff_ms * 2
                           : settings->host_restart_last;
}

void lockstep_hosts_end(struct lockstep_hosts *hosts, uint8_t service)
{
    hosts->rooms[service].ending = true;
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service == service && process->pid != 0) {
            (void)kill(process->pid, SIGKILL);
        }
    }
}

enum lockstep_err lockstep_hosts_start(struct lockstep_hosts *hosts, uint8_t service,
                                       const struct lockstep_boot_entry *entries, size_t count,
                                       struct lockstep_error *err)
{
    struct lockstep_hosts_process *process = NULL;
    LOCKSTEP_TRY(lockstep_hosts_boot(hosts, service, entries, count, err));
    if (lockstep_hosts_lives(hosts, service)) {
        return LOCKSTEP_FAIL(err, CONFLICT, "a host of service %s lives",
                             hosts->rooms[service].name.text);
    }
    LOCKSTEP_TRY(lockstep_hosts_files_listen(hosts, service, err));
    end_warm(hosts, service);
    LOCKSTEP_TRY(lockstep_hosts_process_launch(hosts, service, false, &process, err));
    hosts->rooms[service].told = true;
    hosts->rooms[service].backoff_ms = 0;
    launch_missing(hosts, service);
    return LOCKSTEP_OK;
}

/* ---- coming and going ----------------------------------------------------------------------- */

/* What one of several that has just come up cannot be let in with; NULL: nothing. */
static const char *why_stay_out(const struct lockstep_hosts_process *process)
{
    const struct lockstep_hosts_room *room = &process->hosts->rooms[process->service];
    for (size_t i = 0; i < process->view.count; i++) {
        if (process->view.images[i].schema != 0) {
            return "a module has state, and each process would have its own: give the service one "
                   "process";
        }
    }
    for (size_t i = 0; i < room->boot->count; i++) {
        const struct lockstep_boot_entry *entry = &room->boot->entries[i];
        const struct lockstep_hosts_image *image = lockstep_hosts_view_live(&process->view,
                                                                            &entry->module);
        if (image != NULL && !lockstep_digest_equal(&image->digest, &entry->digest)) {
            return "something else was committed while it started";
        }
    }
    return NULL;
}

/* Who joins others has to be as they are. False: it goes. */
static bool may_join(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    const char *reason = process->spawned && !process->was_up &&
                                 count_serving(hosts, process->service) > 1
                             ? why_stay_out(process)
                             : NULL;
    if (reason == NULL) {
        return true;
    }
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host not let in service=%s pid=%d cause=%s",
                 hosts->rooms[process->service].name.text, (int)process->pid, reason);
    lockstep_hosts_swap_end(process);
    lockstep_hosts_replenish(hosts, process->service);
    return false;
}

static void tell_up(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    uint8_t service = process->service;
    LOCKSTEP_FREE struct lockstep_hosts_module *modules = calloc(LOCKSTEP_NODE_MODULES_MAX,
                                                                 sizeof(*modules));
    LOCKSTEP_FREE struct lockstep_live *live = calloc(LOCKSTEP_NODE_MODULES_MAX, sizeof(*live));
    size_t count;
    if (modules == NULL || live == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "no memory to look at a host");
        lockstep_hosts_link_end(process->link);
        return;
    }
    count = lockstep_hosts_gather(hosts, service, modules, LOCKSTEP_NODE_MODULES_MAX);
    for (size_t i = 0; i < count; i++) {
        live[i].module = modules[i].module;
        if (!modules[i].differs) {
            live[i].generation = modules[i].generation;
            live[i].digest = modules[i].digest;
        }
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host up service=%s pid=%d modules=%zu",
                 hosts->rooms[service].name.text, (int)process->pid, count);
    lockstep_hosts_drain_up(process);
    hosts->config.up(hosts->config.context, service, live, (uint32_t)count);
}

void lockstep_hosts_process_up(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    if (process->succession != NULL) {
        lockstep_hosts_swap_fitted(process);
        return;
    }
    if (!may_join(process)) {
        return;
    }
    process->stage = LOCKSTEP_HOSTS_UP;
    process->was_up = true;
    lockstep_timer_disarm(hosts->loop, &process->timer);
    lockstep_hosts_retire_late(process);
    hosts->rooms[process->service].told = true;
    if (hosts->rooms[process->service].processes > 1) {
        lockstep_hosts_replenish(hosts, process->service);
    }
    tell_up(process);
}

void lockstep_hosts_shutdown_all(struct lockstep_hosts *hosts)
{
    struct lockstep_hosts_process *next = NULL;
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        hosts->rooms[i].ending = true; /* nobody is replaced */
    }
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = next) {
        next = process->next;
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_SHUTDOWN);
        if (process->link != NULL && process->stage != LOCKSTEP_HOSTS_AWAY) {
            (void)lockstep_hosts_send(process, NULL);
        } else if (process->spawned && process->pid != 0) {
            (void)kill(process->pid, SIGTERM);
        }
    }
}
