/* Connections of hosts: who may, hello, and which message is for whom. */
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include "common/base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>

#define MESSAGES_AT_ONCE 64 /* then others have their turn */

static void take_out(struct lockstep_hosts_link *link)
{
    struct lockstep_hosts_link **place = &link->hosts->links;
    while (*place != link) {
        place = &(*place)->next;
    }
    *place = link->next;
}

void lockstep_hosts_link_free(struct lockstep_hosts_link *link)
{
    take_out(link);
    if (link->process != NULL) {
        link->process->link = NULL;
        link->process->stage = LOCKSTEP_HOSTS_AWAY;
    }
    lockstep_watch_clear(link->hosts->loop, &link->watch);
    lockstep_timer_disarm(link->hosts->loop, &link->timer);
    (void)close(link->fd);
    free(link);
}

void lockstep_hosts_link_end(struct lockstep_hosts_link *link)
{
    struct lockstep_hosts_process *process = link->process;
    lockstep_hosts_link_free(link);
    if (process == NULL) {
        return;
    }
    lockstep_hosts_process_await(process);
    if (process->pid == 0 || (!process->spawned && !process->was_up)) {
        lockstep_hosts_process_gone(process);
    }
}

uint64_t lockstep_hosts_send(struct lockstep_hosts_process *process, struct lockstep_error *err)
{
    struct lockstep_hosts *hosts = process->hosts;
    if (process->link == NULL) {
        (void)LOCKSTEP_FAIL(err, CLOSED, "the host is not connected");
        return 0;
    }
    hosts->out->id = ++hosts->ids;
    if (lockstep_hostwire_send(process->link->fd, hosts->out, 0, err) != LOCKSTEP_OK) {
        return 0;
    }
    return hosts->ids;
}

/* ---- hello ---------------------------------------------------------------------------------- */

LOCKSTEP_PRINTF(2, 3)
static void refuse(struct lockstep_hosts_link *link, const char *format, ...)
{
    struct lockstep_hostwire_message *out = link->hosts->out;
    va_list args;
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_REFUSED);
    va_start(args, format);
    (void)vsnprintf(out->text, sizeof(out->text), format, args);
    va_end(args);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host refused pid=%d cause=%s", (int)link->pid,
                 out->text);
    (void)!lockstep_hostwire_send(link->fd, out, 0, NULL);
    lockstep_hosts_link_end(link);
}

static size_t find_room(const struct lockstep_hosts *hosts, const struct lockstep_name *service)
{
    size_t i = 0;
    while (i < hosts->rooms_count && !lockstep_name_equal(&hosts->rooms[i].name, service)) {
        i++;
    }
    return i;
}

/* The link's process, known or new; NULL if it was refused. */
static struct lockstep_hosts_process *match(struct lockstep_hosts_link *link)
{
    struct lockstep_hosts *hosts = link->hosts;
    const struct lockstep_hostwire_message *hello = hosts->in;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t room = find_room(hosts, &hello->service);
    struct lockstep_hosts_process *process = NULL;
    if (hello->type != LOCKSTEP_HOSTWIRE_HELLO || hello->version_min > LOCKSTEP_HOSTWIRE_VERSION ||
        hello->version_max < LOCKSTEP_HOSTWIRE_VERSION_MIN) {
        refuse(link, "this agent speaks versions %d to %d", LOCKSTEP_HOSTWIRE_VERSION_MIN,
               LOCKSTEP_HOSTWIRE_VERSION);
        return NULL;
    }
    if (room == hosts->rooms_count) {
        refuse(link, "this node has no service '%s'", hello->service.text);
        return NULL;
    }
    process = lockstep_hosts_process_find(hosts, (pid_t)link->pid);
    if (process != NULL && process->service != room) {
        refuse(link, "this process was started for service '%s'",
               hosts->rooms[process->service].name.text);
        return NULL;
    }
    if (process == NULL) {
        process = lockstep_hosts_process_new(hosts, (uint8_t)room, (pid_t)link->pid, &err);
    }
    if (process == NULL) {
        refuse(link, "%s", err.message);
    }
    return process;
}

/* Its whole list has come: welcome. */
static void welcome(struct lockstep_hosts_link *link)
{
    struct lockstep_hostwire_message *out = link->hosts->out;
    uint32_t version = link->hosts->in->version_max;
    if (version > LOCKSTEP_HOSTWIRE_VERSION) {
        version = LOCKSTEP_HOSTWIRE_VERSION;
    }
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_WELCOME);
    out->version_min = version;
    out->version_max = version;
    if (lockstep_hostwire_send(link->fd, out, 0, NULL) != LOCKSTEP_OK) {
        lockstep_hosts_link_end(link);
    }
}

static void take_hello(struct lockstep_hosts_link *link)
{
    struct lockstep_hosts_process *process = link->process;
    if (process == NULL) {
        process = match(link);
        if (process == NULL) {
            return;
        }
        lockstep_hosts_request_fail(process, LOCKSTEP_NO_NO_HOST,
                                    "the host's connection was interrupted", false);
        if (process->link != NULL) {
            lockstep_hosts_link_free(process->link);
        }
        process->link = link;
        link->process = process;
        lockstep_hosts_process_await(process);
    }
    process->told = link->hosts->in->role;
    if (lockstep_hosts_view_take(process)) {
        welcome(link);
    }
}

/* ---- messages ------------------------------------------------------------------------------- */

static void take_ready(struct lockstep_hosts_link *link)
{
    lockstep_timer_disarm(link->hosts->loop, &link->timer);
    if (lockstep_hosts_swap_welcome(link->process)) {
        lockstep_hosts_fit_begin(link->process);
    }
}

static void take_health(struct lockstep_hosts_process *process)
{
    const struct lockstep_hostwire_message *in = process->hosts->in;
    if (in->latched) {
        (void)snprintf(process->latched, sizeof(process->latched), "%s",
                       in->text[0] == '\0' ? "it does not say why" : in->text);
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "host refuses reloads service=%s cause=%s",
                     process->hosts->rooms[process->service].name.text, process->latched);
    }
}

static void take_message(struct lockstep_hosts_link *link)
{
    struct lockstep_hosts_process *process = link->process;
    const struct lockstep_hostwire_message *in = link->hosts->in;
    if (process == NULL || in->type == LOCKSTEP_HOSTWIRE_HELLO) {
        take_hello(link);
    } else if (process->stage == LOCKSTEP_HOSTS_AWAY) {
        if (in->type == LOCKSTEP_HOSTWIRE_READY) {
            take_ready(link);
        } else {
            refuse(link, "READY is expected, not %s", lockstep_hostwire_type_name(in->type));
        }
    } else if (in->type == LOCKSTEP_HOSTWIRE_HEALTH) {
        take_health(process);
    } else if (in->type == LOCKSTEP_HOSTWIRE_KEEP) {
        lockstep_hosts_keep_take(process);
    } else if (in->type == LOCKSTEP_HOSTWIRE_COUNTS) {
        lockstep_hosts_counts_take(process);
    } else if (process->step != LOCKSTEP_HOSTS_STEP_NONE && in->id == process->step_id) {
        lockstep_hosts_fit_answer(process);
    } else if (in->type == LOCKSTEP_HOSTWIRE_STATUS && in->id == 0) {
        (void)lockstep_hosts_view_take(process); /* while it waits for calls in flight */
    } else if (process->status_id != 0 && in->id == process->status_id) {
        process->status_id = lockstep_hosts_view_take(process) ? 0 : process->status_id;
        lockstep_hosts_request_answer(process);
    } else {
        lockstep_hosts_request_answer(process);
    }
}

static bool is_linked(const struct lockstep_hosts *hosts, const struct lockstep_hosts_link *link)
{
    const struct lockstep_hosts_link *other = hosts->links;
    while (other != NULL && other != link) {
        other = other->next;
    }
    return other != NULL;
}

static void link_ready(void *context, uint32_t events)
{
    struct lockstep_hosts_link *link = context;
    struct lockstep_hosts *hosts = link->hosts;
    (void)events;
    for (int i = 0; i < MESSAGES_AT_ONCE && is_linked(hosts, link); i++) {
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        enum lockstep_err code;
        lockstep_hostwire_reset(hosts->in, LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        code = lockstep_hostwire_receive(link->fd, hosts->in, 0, &err);
        if (code == LOCKSTEP_RETRY) {
            return;
        }
        if (code == LOCKSTEP_OK) {
            take_message(link);
            continue;
        }
        if (code != LOCKSTEP_CLOSED) {
            lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "connection ended pid=%d cause=%s",
                         (int)link->pid, err.message);
        }
        lockstep_hosts_link_end(link);
    }
}

static void link_late(void *context)
{
    struct lockstep_hosts_link *link = context;
    lockstep_hosts_link_end(link);
}

/* ---- accept --------------------------------------------------------------------------------- */

static bool may_come(const struct lockstep_hosts *hosts, int fd, int64_t *ret_pid)
{
    uint32_t uid = 0;
    size_t count = 0;
    for (const struct lockstep_hosts_link *link = hosts->links; link != NULL; link = link->next) {
        count++;
    }
    if (!lockstep_hostwire_peer(fd, ret_pid, &uid) || (uid != geteuid() && uid != 0)) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "stranger refused uid=%u", uid);
        return false;
    }
    return count < LOCKSTEP_HOSTS_LINKS_MAX;
}

static void add_link(struct lockstep_hosts *hosts, int fd)
{
    int64_t pid = 0;
    struct lockstep_hosts_link *link = may_come(hosts, fd, &pid) ? calloc(1, sizeof(*link)) : NULL;
    if (link == NULL) {
        (void)close(fd);
        return;
    }
    link->hosts = hosts;
    link->fd = fd;
    link->pid = pid;
    link->watch = (struct lockstep_watch){.ready = link_ready, .context = link, .fd = -1};
    link->timer = (struct lockstep_timer){.due = link_late, .context = link};
    link->next = hosts->links;
    hosts->links = link;
    if (lockstep_watch_set(hosts->loop, &link->watch, fd, EPOLLIN, NULL) != LOCKSTEP_OK) {
        lockstep_hosts_link_free(link);
        return;
    }
    lockstep_timer_arm(
        hosts->loop, &link->timer,
        lockstep_time_after(lockstep_loop_now(hosts->loop), hosts->config.settings.handshake));
}

void lockstep_hosts_link_accept(void *context, uint32_t events)
{
    struct lockstep_hosts *hosts = context;
    int fd = -1;
    (void)events;
    while (lockstep_hostwire_accept(hosts->listener, &fd, NULL) == LOCKSTEP_OK) {
        add_link(hosts, fd);
    }
}
