/* Process swap: what is said between the two processes, step by step (hosts_swap.h). */
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include "common/base/cleanup.h"
#include "common/io/crash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* All descriptors of each, in one message. */
#define STATES_MAX (LOCKSTEP_HOSTWIRE_FDS_MAX / LOCKSTEP_HOSTWIRE_ENTRY_FDS)

_Static_assert(STATES_MAX == 32, "a refusal says so");

static bool succeeds(const struct lockstep_hosts_process *process, uint8_t service)
{
    return process->service == service && process->succession != NULL;
}

/* The successors that OPERATION has are gone, so the hosts hold nothing of it. */
static void refuse_gone(struct lockstep_hosts_request *request)
{
    request->unmapped = true;
    lockstep_hosts_request_no(request, LOCKSTEP_NO_CRASHED, "the host that was to take over died");
}

/* Until it is known who serves, nothing further is asked. */
static bool is_undecided(struct lockstep_hosts_request *request, uint8_t service)
{
    const struct lockstep_hosts_process *process = request->hosts->processes;
    while (process != NULL && !(succeeds(process, service) && process->succession->asked != 0)) {
        process = process->next;
    }
    if (process != NULL) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST,
                                  "the host that is to leave has not said that it has");
    }
    return process != NULL;
}

/* ---- asking --------------------------------------------------------------------------------- */

struct lockstep_hosts_ask *lockstep_hosts_swap_ask(struct lockstep_hosts_request *request,
                                                   struct lockstep_hosts_process *successor)
{
    struct lockstep_hosts_ask *ask = &request->asks[request->asks_count++];
    *ask = (struct lockstep_hosts_ask){
        .process = successor, .successor = successor, .state = LOCKSTEP_HOSTS_ASK_OPEN};
    return ask;
}

void lockstep_hosts_swap_refuse(struct lockstep_hosts_request *request,
                                struct lockstep_hosts_ask *ask, enum lockstep_no no,
                                const char *text)
{
    ask->state = LOCKSTEP_HOSTS_ASK_NO;
    lockstep_hosts_request_no(request, no, text);
}

bool lockstep_hosts_swap_send(struct lockstep_hosts_request *request,
                              struct lockstep_hosts_ask *ask,
                              struct lockstep_hosts_process *process)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    ask->process = process;
    ask->id = process->stage == LOCKSTEP_HOSTS_UP ? lockstep_hosts_send(process, &err) : 0;
    if (ask->id == 0) {
        lockstep_hosts_swap_refuse(
            request, ask, LOCKSTEP_NO_NO_HOST,
            err.code == LOCKSTEP_OK ? "a host of the service is not connected" : err.message);
    }
    return ask->id != 0;
}

/* The open ask of REQUEST's kind for SUCCESSOR. */
static struct lockstep_hosts_ask *find_ask(struct lockstep_hosts_process *successor,
                                           enum lockstep_hosts_kind kind,
                                           struct lockstep_hosts_request **ret_request)
{
    struct lockstep_hosts *hosts = successor->hosts;
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        struct lockstep_hosts_request *request = &hosts->requests[i];
        for (size_t j = 0; request->kind == kind && !request->finished && j < request->asks_count;
             j++) {
            if (request->asks[j].successor == successor &&
                request->asks[j].state == LOCKSTEP_HOSTS_ASK_OPEN) {
                *ret_request = request;
                return &request->asks[j];
            }
        }
    }
    return NULL;
}

struct lockstep_hosts_ask *lockstep_hosts_ask_of(struct lockstep_hosts_process *successor)
{
    struct lockstep_hosts_request *request = NULL;
    return find_ask(successor, LOCKSTEP_HOSTS_REQUEST_PUBLISH, &request);
}

static bool has_state(const struct lockstep_hosts_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->images[i].schema != 0) {
            return true;
        }
    }
    return false;
}

void lockstep_hosts_swap_fitted(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts_request *request = NULL;
    struct lockstep_hosts_ask *ask = find_ask(process, LOCKSTEP_HOSTS_REQUEST_MAP, &request);
    process->stage = LOCKSTEP_HOSTS_UP;
    process->was_up = true;
    process->succession->ready = true;
    lockstep_timer_disarm(process->hosts->loop, &process->timer);
    if (ask != NULL && process->hosts->rooms[process->service].processes > 1 &&
        has_state(&process->view)) {
        lockstep_hosts_swap_refuse(request, ask, LOCKSTEP_NO_STATE,
                                   "a module has state, and each of the service's processes would "
                                   "have its own: give it one (agent.yaml, services: processes)");
        lockstep_hosts_request_settle(request);
    } else if (ask != NULL) {
        ask->state = LOCKSTEP_HOSTS_ASK_YES;
        request->stateful = true; /* all state goes to the other process */
        lockstep_hosts_request_settle(request);
    }
}

void lockstep_hosts_swap_unfit(struct lockstep_hosts_process *process, enum lockstep_no no,
                               const char *text)
{
    lockstep_hosts_request_fail(process, no, text, true);
    lockstep_hosts_swap_end(process);
}

/* ---- migrate -------------------------------------------------------------------------------- */

/* Names the modules whose state goes from one to the other, in hosts->out. */
static bool fill_hand_over(const struct lockstep_hosts_process *successor)
{
    const struct lockstep_hosts_process *before = successor->succession->before;
    struct lockstep_hostwire_message *out = successor->hosts->out;
    for (size_t i = 0; i < successor->view.count; i++) {
        const struct lockstep_hosts_image *to = &successor->view.images[i];
        const struct lockstep_hosts_image *from = lockstep_hosts_view_live(&before->view,
                                                                           &to->module);
        if (to->state != LOCKSTEP_HOSTWIRE_STATE_LIVE || to->schema == 0 || from == NULL ||
            from->schema == 0) {
            continue;
        }
        if (out->entries_count == STATES_MAX) {
            return false;
        }
        out->entries[out->entries_count].module = to->module;
        out->entries[out->entries_count].generation = to->generation;
        out->entries[out->entries_count].schema = to->schema;
        out->entries[out->entries_count].closed = successor->succession->reused;
        out->entries_count++;
    }
    return true;
}

void lockstep_hosts_swap_migrate(struct lockstep_hosts_request *request, uint8_t service)
{
    struct lockstep_hosts *hosts = request->hosts;
    uint32_t drain_ms = hosts->out->drain_ms;
    bool drain = hosts->out->drain;
    size_t count = 0;
    if (is_undecided(request, service)) {
        return;
    }
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        struct lockstep_hosts_ask *ask;
        if (!succeeds(process, service) || !process->succession->ready) {
            continue;
        }
        count++;
        ask = lockstep_hosts_swap_ask(request, process);
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_HAND_OVER);
        hosts->out->operation = request->operation;
        hosts->out->drain_ms = drain_ms;
        hosts->out->drain = drain;
        if (fill_hand_over(process)) {
            (void)lockstep_hosts_swap_send(request, ask, process->succession->before);
        } else {
            lockstep_hosts_swap_refuse(request, ask, LOCKSTEP_NO_STATE,
                                       "more than 32 modules have state");
        }
    }
    if (count == 0 || count != lockstep_hosts_swap_serving(hosts, service)) {
        refuse_gone(request);
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_CLOSE); /* for the next service */
    hosts->out->operation = request->operation;
    hosts->out->drain_ms = drain_ms;
    hosts->out->drain = drain;
}

/* hosts->in is the state. */
static void pass_on(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hostwire_message *in = hosts->in;
    struct lockstep_hostwire_message *out = hosts->out;
    const struct lockstep_hostwire_message *set = ask->successor->succession->set;
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_ADOPT);
    out->operation = request->operation;
    if (set != NULL) {
        memcpy(out->extra, set->extra, sizeof(out->extra));
    }
    for (size_t i = 0; i < in->entries_count; i++) {
        out->entries[i].module = in->entries[i].module;
        out->entries[i].schema = in->entries[i].schema;
        out->entries[i].drain = in->entries[i].drain;
        out->entries[i].refuses = in->entries[i].refuses;
        out->entries[i].state_fd = in->entries[i].state_fd;
        out->entries[i].config_fd = in->entries[i].config_fd;
        out->entries[i].journal_fd = in->entries[i].journal_fd;
        out->entries[i].back_fd = in->entries[i].back_fd;
        out->entries[i].whole = in->entries[i].whole;
        out->entries[i].finalized = in->entries[i].finalized;
        in->entries[i].state_fd = -1;
        in->entries[i].journal_fd = -1;
        in->entries[i].config_fd = -1;
        in->entries[i].back_fd = -1;
    }
    out->entries_count = in->entries_count;
    (void)lockstep_hosts_swap_send(request, ask, ask->successor);
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_ADOPT);
}

/* ---- publish -------------------------------------------------------------------------------- */

static void take_over(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_succession *succession = ask->successor->succession;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        lockstep_hosts_swap_refuse(request, ask, LOCKSTEP_NO_INTERNAL,
                                   "no descriptors for a process swap");
        return;
    }
    if (succession->leave_fd >= 0) {
        (void)close(succession->leave_fd);
    }
    succession->leave_fd = pair[0];
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    hosts->out->operation = request->operation;
    hosts->out->fds[0] = pair[1];
    hosts->out->fds_count = 1;
    (void)lockstep_hosts_swap_send(request, ask, ask->successor);
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
}

static void leave(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_succession *succession = ask->successor->succession;
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_LEAVE);
    hosts->out->operation = request->operation;
    hosts->out->fds[0] = succession->leave_fd;
    hosts->out->fds_count = 1;
    succession->leave_fd = -1;
    LOCKSTEP_CRASH(AGENT_BEFORE_LEAVE);
    succession->asked = lockstep_hosts_swap_send(request, ask, succession->before) ? ask->id : 0;
    LOCKSTEP_CRASH(AGENT_AFTER_LEAVE);
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_LEAVE);
}

/* The listener, for a process that gave its own away when it left. */
static bool give_listener(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    int fd = hosts->rooms[process->service].listener;
    bool given;
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_LISTENERS);
    hosts->out->fds[0] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    hosts->out->fds_count = hosts->out->fds[0] < 0 ? 0 : 1;
    given = hosts->out->fds_count == 1 && lockstep_hosts_send(process, NULL) != 0;
    process->succession->listens = given;
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_LISTENERS);
    return given;
}

static void begin_publish(struct lockstep_hosts_request *request,
                          struct lockstep_hosts_process *successor)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_ask *ask = lockstep_hosts_swap_ask(request, successor);
    if (!successor->succession->reused) {
        take_over(request, ask);
        return;
    }
    if (!successor->succession->listens && !give_listener(successor)) {
        lockstep_hosts_swap_refuse(request, ask, LOCKSTEP_NO_NO_HOST,
                                   "the host that is to take over does not listen");
        return;
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_PUBLISH);
    hosts->out->operation = request->operation;
    successor->succession->published = lockstep_hosts_swap_send(request, ask, successor);
}

void lockstep_hosts_swap_publish(struct lockstep_hosts_request *request, uint8_t service)
{
    struct lockstep_hosts *hosts = request->hosts;
    size_t count = 0;
    if (is_undecided(request, service)) {
        return;
    }
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (succeeds(process, service) && process->succession->ready) {
            count++;
            begin_publish(request, process);
        }
    }
    if (count == 0 || count != lockstep_hosts_swap_serving(hosts, service)) {
        refuse_gone(request);
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_PUBLISH); /* for the next service */
    hosts->out->operation = request->operation;
}

/* It has begun to serve: the other one is warm, or of no more use. */
void lockstep_hosts_swap_exchange(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hosts_room *room = &hosts->rooms[process->service];
    struct lockstep_hosts_process *before = process->succession->before;
    bool more = false;
    process->role = LOCKSTEP_HOSTS_SERVING;
    lockstep_hosts_keep_serve(process);
    lockstep_hosts_view_serve(&process->view);
    process->succession = lockstep_hosts_succession_free(process->succession);
    if (before != NULL) {
        before->role = LOCKSTEP_HOSTS_WARM;
    }
    for (size_t i = 0; i < process->view.count; i++) {
        process->view.images[i].drain = LOCKSTEP_HOSTWIRE_DRAIN_NONE; /* of before it left */
    }
    lockstep_hosts_drain_up(process);
    for (const struct lockstep_hosts_process *other = hosts->processes; other != NULL;
         other = other->next) {
        more = more || succeeds(other, process->service);
    }
    if (before != NULL && room->swap.recycle) {
        lockstep_hosts_swap_end(before);
    }
    if (!more) {
        struct lockstep_hosts_known *known = lockstep_hosts_known_find(hosts,
                                                                       &room->swap.operation);
        if (known != NULL) {
            known->published |= UINT32_C(1) << process->service;
        }
        room->swap.on = false;
    }
    lockstep_hosts_adopt_note(hosts, process->service);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host exchanged service=%s pid=%d before=%d",
                 room->name.text, (int)process->pid, before == NULL ? 0 : (int)before->pid);
}

/* What is live is looked at before the answer. */
static void look(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    struct lockstep_hosts_process *process = ask->successor;
    ask->successor = NULL;
    lockstep_hosts_swap_exchange(process);
    lockstep_hostwire_reset(request->hosts->out, LOCKSTEP_HOSTWIRE_STATUS);
    if (lockstep_hosts_swap_send(request, ask, process)) {
        lockstep_hosts_view_deinit(&process->coming);
        process->status_id = ask->id;
        ask->published = true;
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

static void take_map(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    ask->state = LOCKSTEP_HOSTS_ASK_YES;
    ask->successor->succession->ready = true;
    request->stateful = true;
}

/* Which step it was is known by who answers, and with what. */
static void take_publish(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    const struct lockstep_hosts_succession *succession = ask->successor->succession;
    if (request->hosts->in->type == LOCKSTEP_HOSTWIRE_PUBLISHED) {
        take_over(request, ask);
    } else if (ask->process == ask->successor && succession->asked == 0) {
        leave(request, ask);
    } else {
        look(request, ask);
    }
}

void lockstep_hosts_swap_answer(struct lockstep_hosts_request *request,
                                struct lockstep_hosts_ask *ask)
{
    const struct lockstep_hostwire_message *in = request->hosts->in;
    if (ask->successor->succession == NULL) {
        lockstep_hosts_swap_refuse(request, ask, LOCKSTEP_NO_CRASHED,
                                   "the process swap was called off");
    } else if (in->type == LOCKSTEP_HOSTWIRE_REFUSED || in->type == LOCKSTEP_HOSTWIRE_NOT_APPLIED) {
        ask->successor->succession->asked = 0;
        lockstep_hosts_swap_refuse(request, ask, lockstep_no_parse(in->code), in->text);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_MAP) {
        take_map(request, ask);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_PUBLISH) {
        take_publish(request, ask);
    } else if (in->type == LOCKSTEP_HOSTWIRE_HAND_OVER) {
        pass_on(request, ask);
    } else {
        ask->state = LOCKSTEP_HOSTS_ASK_YES;
    }
    lockstep_hosts_request_settle(request);
}
