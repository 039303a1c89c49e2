/* The control thread: boots, and does what the agent says. */
#include "agent/host/control.h"

#include "agent/host/crash.h"
#include "agent/host/latch.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#define SEND_MS    5000
#define WELCOME_MS 5000
#define TICK_MS    100
#define LONELY_MS  30000 /* a successor whose agent is gone for so long ends */

static bool stopping(const struct lockstep_control *control)
{
    return atomic_load(&control->host->stopping) || atomic_load(&control->host->shut_down);
}

bool lockstep_control_send(struct lockstep_control *control)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_hostwire_send(control->fd, control->reply, SEND_MS, &err) == LOCKSTEP_OK) {
        return true;
    }
    lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "answering the agent: %s", err.message);
    return false;
}

/* Waits until the agent says something, the host stops or MS are over. True: the agent. */
static bool wait_for_agent(struct lockstep_control *control, int ms)
{
    struct pollfd pollers[] = {{.fd = control->host->wake_fd, .events = POLLIN},
                               {.fd = control->fd, .events = POLLIN}};
    int ready = poll(pollers, LOCKSTEP_COUNT(pollers), ms);
    return ready > 0 && pollers[1].revents != 0;
}

/* Another agent process than the last one: what that had prepared without a promise in its journal
 * nobody knows any more, and what it had promised is prepared again. */
static void know_agent(struct lockstep_control *control)
{
    int64_t pid = 0;
    uint32_t uid = 0;
    if (!control->host->sets.freeze.left) {
        lockstep_sets_thaw(&control->host->sets, NULL); /* what would take over is asked anew */
    }
    if (lockstep_hostwire_peer(control->fd, &pid, &uid) && pid == control->agent) {
        return;
    }
    lockstep_sets_drop_open(&control->host->sets);
    control->agent = pid;
}

/* Descriptors are duplicated: the message closes what it holds. False: the connection is over. */
static bool send_keep(struct lockstep_control *control, struct lockstep_module_line *line)
{
    struct lockstep_hostwire_entry *entry = &control->reply->entries[0];
    const struct lockstep_kept *kept = &line->keep.kept;
    const int fds[] = {-1, kept->base_fd, kept->journal.bytes == NULL ? -1 : kept->journal.fd,
                       kept->back_fd};
    line->keep.told = true;
    lockstep_hostwire_reset(control->reply, LOCKSTEP_HOSTWIRE_KEEP);
    control->reply->entries_count = 1;
    entry->module = line->name;
    entry->generation = line->generation;
    entry->schema = line->live == NULL ? 0 : line->live->identity.state_schema;
    entry->whole = kept->whole;
    entry->finalized = line->live != NULL && line->live->finalized;
    for (size_t i = 0; i < LOCKSTEP_COUNT(fds); i++) {
        int *fd = lockstep_hostwire_entry_fd(entry, i);
        *fd = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
    }
    return lockstep_control_send(control);
}

static void keep_changed(void *context, struct lockstep_module_line *line)
{
    struct lockstep_control *control = context;
    const struct lockstep_kept *kept = &line->keep.kept;
    bool stateful = line->live != NULL && line->live->identity.state_schema != 0;
    bool some = kept->base_fd >= 0 || kept->back_fd >= 0 || kept->journal.bytes != NULL;
    if (control->fd >= 0 && (some || line->keep.told || stateful)) {
        (void)send_keep(control, line); /* what is lost here is told again with the next agent */
    }
}

/* Also of those of which nothing is kept: what the agent has of an earlier host is none of theirs.
 */
static bool send_keeps(struct lockstep_control *control)
{
    struct lockstep_module_line *line = control->host->sets.lines;
    while (line != NULL && (line->live == NULL || line->live->identity.state_schema == 0 ||
                            send_keep(control, line))) {
        line = line->next;
    }
    return line == NULL;
}

static bool greet(struct lockstep_control *control)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_hostwire_message *hello = control->reply;
    lockstep_hostwire_reset(hello, LOCKSTEP_HOSTWIRE_HELLO);
    hello->version_min = LOCKSTEP_HOSTWIRE_VERSION_MIN;
    hello->version_max = LOCKSTEP_HOSTWIRE_VERSION;
    hello->pid = (uint64_t)getpid();
    hello->service = control->host->service;
    hello->role = atomic_load(&control->host->role);
    memcpy(hello->version, LOCKSTEP_VERSION, sizeof(LOCKSTEP_VERSION));
    if (!lockstep_control_send_images(control, true)) {
        return false;
    }
    if (!wait_for_agent(control, WELCOME_MS) ||
        lockstep_hostwire_receive(control->fd, control->request, 0, &err) != LOCKSTEP_OK) {
        lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "the agent does not answer: %s",
                          err.message);
        return false;
    }
    if (control->request->type != LOCKSTEP_HOSTWIRE_WELCOME ||
        control->request->version_max != LOCKSTEP_HOSTWIRE_VERSION) {
        lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "the agent refuses this host: %s",
                          control->request->text);
        return false;
    }
    know_agent(control);
    lockstep_hostwire_reset(control->reply, LOCKSTEP_HOSTWIRE_READY);
    return lockstep_control_send(control) && send_keeps(control);
}

static void disconnect(struct lockstep_control *control)
{
    if (control->fd >= 0) {
        (void)close(control->fd);
    }
    control->fd = -1;
}

static bool reach_agent(struct lockstep_control *control)
{
    if (control->host->agent_socket[0] == '\0' ||
        lockstep_hostwire_connect(control->host->agent_socket, &control->fd, NULL) != LOCKSTEP_OK) {
        return false;
    }
    if (!greet(control)) {
        disconnect(control);
        return false;
    }
    lockstep_host_log(control->host, LOCKSTEP_LOG_INFO, "the agent is reached");
    return true;
}

/* Only its agent knows what a successor was started for. */
static void look_for_end(struct lockstep_control *control)
{
    uint64_t now_ms = lockstep_job_now_ms();
    if (control->fd >= 0 || atomic_load(&control->host->role) != LOCKSTEP_HOSTWIRE_ROLE_WAITS) {
        control->alone_ms = now_ms;
    } else if (now_ms >= control->alone_ms + LONELY_MS) {
        lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "no agent needs this successor");
        atomic_store(&control->host->shut_down, true);
    }
}

static void pause_for(struct lockstep_control *control, uint32_t ms)
{
    (void)wait_for_agent(control, (int)ms);
    lockstep_sets_collect(&control->host->sets, lockstep_job_now_ms());
    lockstep_watchers_look(control->host, lockstep_job_now_ms());
}

static void tell_health(struct lockstep_control *control)
{
    if (!lockstep_latched() || control->host->health_told) {
        return;
    }
    lockstep_hostwire_reset(control->reply, LOCKSTEP_HOSTWIRE_HEALTH);
    control->reply->latched = true;
    (void)snprintf(control->reply->text, sizeof(control->reply->text), "%s", lockstep_latch_text());
    control->host->health_told = lockstep_control_send(control);
}

/* A STATUS that nobody asked for: who waits for calls in flight answers nothing else. */
static void tell_waiting(void *context)
{
    struct lockstep_control *control = context;
    if (control->fd >= 0) {
        lockstep_hostwire_reset(control->reply, LOCKSTEP_HOSTWIRE_STATUS);
        control->reply->retired = lockstep_sets_retired(&control->host->sets);
        (void)lockstep_control_send_images(control, false);
    }
}

/* Serves one connection until it ends. */
static void serve_agent(struct lockstep_control *control)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    while (!stopping(control)) {
        enum lockstep_err code = LOCKSTEP_RETRY;
        if (wait_for_agent(control, TICK_MS)) {
            code = lockstep_hostwire_receive(control->fd, control->request, 0, &err);
        }
        if (code != LOCKSTEP_OK && code != LOCKSTEP_RETRY) {
            lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "the agent: %s", err.message);
            return;
        }
        if (code == LOCKSTEP_OK && !lockstep_control_answer(control)) {
            return;
        }
        tell_health(control);
        lockstep_sets_collect(&control->host->sets, lockstep_job_now_ms());
        lockstep_watchers_look(control->host, lockstep_job_now_ms());
    }
}

/* What is kept of modules is as new as can be when the host ends in peace. */
static void base_at_the_end(struct lockstep_control *control)
{
    if (stopping(control)) {
        lockstep_sets_base_all(&control->host->sets);
    }
}

/* Until there is an agent, or it is time to go without. */
static void boot(struct lockstep_control *control)
{
    struct lockstep_host *host = control->host;
    struct lockstep_refusal refusal = {0};
    uint64_t end_ms = lockstep_job_now_ms() + host->boot_wait_ms;
    bool reached = reach_agent(control);
    while (!reached && host->agent_socket[0] != '\0' && !stopping(control) &&
           lockstep_job_now_ms() < end_ms) {
        pause_for(control, 20);
        reached = reach_agent(control);
    }
    if (!reached && host->boot_file[0] != '\0' &&
        atomic_load(&host->role) == LOCKSTEP_HOSTWIRE_ROLE_SERVES &&
        !lockstep_boot_load(host, &refusal)) {
        lockstep_host_log(host, LOCKSTEP_LOG_ERROR, "booting without the agent: %s: %s",
                          refusal.code, refusal.text);
    }
    lockstep_watchers_look(host, lockstep_job_now_ms());
}

void *lockstep_control_run(void *argument)
{
    struct lockstep_host *host = argument;
    struct lockstep_control control = {.host = host, .fd = -1};
    lockstep_crash_thread();
    control.request = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    control.reply = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    host->sets.keep_changed = keep_changed;
    host->sets.keep_context = &control;
    if (control.request != NULL && control.reply != NULL) {
        host->sets.waits_context = &control;
        host->sets.waits = tell_waiting;
        boot(&control);
        lockstep_host_ready(host);
        control.alone_ms = lockstep_job_now_ms();
        while (!stopping(&control)) {
            look_for_end(&control);
            if (control.fd >= 0) {
                serve_agent(&control);
                base_at_the_end(&control);
                disconnect(&control);
            } else if (!reach_agent(&control)) {
                pause_for(&control, host->reconnect_ms);
            }
        }
    }
    host->sets.waits = NULL;
    lockstep_host_ready(host);
    host->sets.keep_changed = NULL;
    disconnect(&control);
    control.request = lockstep_hostwire_free(control.request);
    control.reply = lockstep_hostwire_free(control.reply);
    return NULL;
}
