/*
 * Who is told that tools have changed. A notice is the revision alone, so it can be sent without
 * waiting: who has no room for it has not read for hundreds of changes, and is disconnected. What
 * has changed is found by reading the registry again; so several changes may be seen as one, and
 * none is missed.
 */
#include "agent/host/host_internal.h"
#include "agent/host/tool_wire.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 1000 /* between looks at who has gone */

void lockstep_watchers_init(struct lockstep_host *host)
{
    (void)pthread_mutex_init(&host->watchers.mutex, NULL);
    if (getrandom(&host->instance, sizeof(host->instance), GRND_NONBLOCK) !=
        (ssize_t)sizeof(host->instance)) {
        host->instance = (uint32_t)getpid() ^ (uint32_t)lockstep_job_now_ms();
    }
    host->watchers.told = lockstep_host_revision(host, NULL);
}

static bool tell(int fd, uint64_t revision)
{
    struct lockstep_answer answer = {.generation = revision};
    uint8_t head[128];
    size_t size = lockstep_tool_answer_head(LOCKSTEP_CALL_OK, &answer, head);
    return send(fd, head, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

bool lockstep_watchers_add(struct lockstep_host *host, int fd)
{
    struct lockstep_watchers *watchers = &host->watchers;
    bool added;
    (void)pthread_mutex_lock(&watchers->mutex);
    added = watchers->count < LOCKSTEP_WATCHERS_MAX && tell(fd, watchers->told);
    if (added) {
        watchers->fds[watchers->count++] = fd;
    }
    (void)pthread_mutex_unlock(&watchers->mutex);
    return added;
}

static void drop(struct lockstep_watchers *watchers, size_t i)
{
    (void)close(watchers->fds[i]);
    watchers->fds[i] = watchers->fds[--watchers->count];
}

static void tell_all(struct lockstep_watchers *watchers)
{
    const uint64_t one = 1;
    for (size_t i = watchers->count; i > 0; i--) {
        if (!tell(watchers->fds[i - 1], watchers->told)) {
            drop(watchers, i - 1);
        }
    }
    for (size_t i = 0; i < watchers->events_count; i++) {
        (void)!write(watchers->events[i], &one, sizeof(one));
    }
}

/* Nothing is to be read from them: what can be read is an end, or breaks the rule. */
static void drop_gone(struct lockstep_watchers *watchers)
{
    for (size_t i = watchers->count; i > 0; i--) {
        struct pollfd poller = {.fd = watchers->fds[i - 1], .events = POLLIN | POLLRDHUP};
        if (poll(&poller, 1, 0) > 0) {
            drop(watchers, i - 1);
        }
    }
}

/* Who wants to know more asks whoever serves the socket now. */
static void drop_all(struct lockstep_watchers *watchers)
{
    while (watchers->count > 0) {
        drop(watchers, watchers->count - 1);
    }
}

void lockstep_watchers_look(struct lockstep_host *host, uint64_t now_ms)
{
    struct lockstep_watchers *watchers = &host->watchers;
    uint64_t revision = lockstep_host_revision(host, lockstep_gate_live());
    (void)pthread_mutex_lock(&watchers->mutex);
    if (revision != watchers->told) {
        watchers->told = revision;
        tell_all(watchers);
    }
    if (now_ms - watchers->looked_ms >= LOOK_MS) {
        watchers->looked_ms = now_ms;
        drop_gone(watchers);
    }
    if (atomic_load(&host->role) == LOCKSTEP_HOSTWIRE_ROLE_LEFT) {
        drop_all(watchers);
    }
    (void)pthread_mutex_unlock(&watchers->mutex);
}

int lockstep_host_watch(struct lockstep_host *host)
{
    struct lockstep_watchers *watchers = &host->watchers;
    int event = -1;
    (void)pthread_mutex_lock(&watchers->mutex);
    if (watchers->events_count < LOCKSTEP_WATCHERS_MAX) {
        event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (event >= 0) {
        watchers->events[watchers->events_count++] = event;
    }
    (void)pthread_mutex_unlock(&watchers->mutex);
    return event;
}

void lockstep_watchers_deinit(struct lockstep_host *host)
{
    struct lockstep_watchers *watchers = &host->watchers;
    drop_all(watchers);
    for (size_t i = 0; i < watchers->events_count; i++) {
        (void)close(watchers->events[i]);
    }
    (void)pthread_mutex_destroy(&watchers->mutex);
}
