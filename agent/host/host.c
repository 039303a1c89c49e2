#include "agent/host/host_internal.h"

#include "agent/host/latch.h"
#include "common/base/cleanup.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>

#define BOOT_WAIT_MS 1000
#define RECONNECT_MS 200
#define WORKERS      4

static atomic_bool taken; /* the gate is one a process */

void lockstep_host_log(struct lockstep_host *host, enum lockstep_log_level level,
                       const char *format, ...)
{
    char text[512];
    va_list args;
    if (host->log == NULL) {
        return;
    }
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    va_end(args);
    host->log(host->log_context, level, text);
}

void lockstep_host_ready(struct lockstep_host *host)
{
    (void)pthread_mutex_lock(&host->mutex);
    host->ready = true;
    (void)pthread_cond_broadcast(&host->changed);
    (void)pthread_mutex_unlock(&host->mutex);
}

bool lockstep_host_is_shut_down(const struct lockstep_host *host)
{
    return atomic_load(&host->shut_down);
}

static bool copy_path(const char *path, char ret_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1])
{
    size_t length = path == NULL ? 0 : strlen(path);
    if (length > LOCKSTEP_HOSTWIRE_PATH_MAX) {
        return false;
    }
    if (length > 0) {
        memcpy(ret_path, path, length);
    }
    ret_path[length] = '\0';
    return true;
}

/* What lies behind the size that the caller says is not looked at, and is the default. */
static bool take_options(struct lockstep_host *host, const struct lockstep_host_options *given,
                         struct lockstep_host_options *ret_options)
{
    struct lockstep_host_options options = {0};
    memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
    options.workers = options.workers == 0 ? WORKERS : options.workers;
    host->boot_wait_ms = options.boot_wait_ms == 0 ? BOOT_WAIT_MS : options.boot_wait_ms;
    host->journal_bytes = LOCKSTEP_CALL_JOURNAL_BYTES;
    if (options.journal_bytes != 0) {
        host->journal_bytes = options.journal_bytes < LOCKSTEP_CALL_JOURNAL_MIN
                                  ? LOCKSTEP_CALL_JOURNAL_MIN
                              : options.journal_bytes > LOCKSTEP_CALL_JOURNAL_MAX
                                  ? LOCKSTEP_CALL_JOURNAL_MAX
                                  : options.journal_bytes;
    }
    host->reconnect_ms = options.reconnect_ms == 0 ? RECONNECT_MS : options.reconnect_ms;
    host->log = options.log;
    host->log_context = options.log_context;
    *ret_options = options;
    return lockstep_name_parse(options.service == NULL ? "default" : options.service,
                               &host->service) &&
           copy_path(options.agent_socket, host->agent_socket) &&
           copy_path(options.boot_file, host->boot_file) &&
           options.listeners_count <= LOCKSTEP_LISTENERS_MAX &&
           options.workers <= LOCKSTEP_WORKERS_MAX;
}

static struct lockstep_host *new_host(enum lockstep_hostwire_role role)
{
    struct lockstep_host *host = calloc(1, sizeof(*host));
    if (host != NULL) {
        host->wake_fd = -1;
        atomic_store(&host->role, role);
        host->sets.host = host;
        lockstep_watchers_init(host);
        (void)pthread_mutex_init(&host->mutex, NULL);
        (void)pthread_cond_init(&host->changed, NULL);
    }
    return host;
}

/* Frees what is there, in whatever state. */
static void free_host(struct lockstep_host *host)
{
    if (host->control_started) {
        const uint64_t one = 1;
        atomic_store(&host->stopping, true);
        (void)!write(host->wake_fd, &one, sizeof(one));
        (void)pthread_join(host->control, NULL);
    }
    host->serve = lockstep_serve_free(host->serve);
    lockstep_watchers_deinit(host);
    lockstep_gate_deinit();
    lockstep_sets_deinit(&host->sets);
    lockstep_functions_deinit(host);
    while (host->tools != NULL) {
        struct lockstep_host_tool *tool = host->tools;
        host->tools = tool->next;
        free(tool);
    }
    if (host->wake_fd >= 0) {
        (void)close(host->wake_fd);
    }
    (void)pthread_cond_destroy(&host->changed);
    (void)pthread_mutex_destroy(&host->mutex);
    free(host);
}

static void tear_down(struct lockstep_host *host)
{
    if (host != NULL) {
        free_host(host);
    }
    atomic_store(&taken, false);
}

/* Signals are the process's business: our threads take none. */
static bool start_control(struct lockstep_host *host)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    host->control_started = pthread_create(&host->control, NULL, lockstep_control_run, host) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return host->control_started;
}

static void wait_until_ready(struct lockstep_host *host)
{
    (void)pthread_mutex_lock(&host->mutex);
    while (!host->ready) {
        (void)pthread_cond_wait(&host->changed, &host->mutex);
    }
    (void)pthread_mutex_unlock(&host->mutex);
}

static const char *set_up(struct lockstep_host *host, const struct lockstep_host_options *given)
{
    struct lockstep_host_options options;
    if (!take_options(host, given, &options)) {
        return "an option is too long or malformed";
    }
    if (!lockstep_gate_init()) {
        return "no thread key is left";
    }
    host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    host->serve = lockstep_serve_new(host, options.workers,
                                     atomic_load(&host->role) == LOCKSTEP_HOSTWIRE_ROLE_WAITS);
    if (host->wake_fd < 0 || host->serve == NULL || !start_control(host)) {
        return "no memory, descriptors or threads are left";
    }
    wait_until_ready(host);
    for (size_t i = 0; i < options.listeners_count; i++) {
        if (!lockstep_serve_add(host->serve, options.listeners[i])) {
            lockstep_serve_give_back(host->serve);
            return "a listener cannot be served";
        }
    }
    return NULL;
}

int lockstep_host_start(const struct lockstep_host_options *options,
                        struct lockstep_host **ret_host, char *why, size_t why_size)
{
    return lockstep_host_start_as(LOCKSTEP_HOSTWIRE_ROLE_SERVES, options, ret_host, why, why_size);
}

int lockstep_host_start_as(enum lockstep_hostwire_role role,
                           const struct lockstep_host_options *options,
                           struct lockstep_host **ret_host, char *why, size_t why_size)
{
    const char *problem = "there is a host in this process already";
    if (!atomic_exchange(&taken, true)) {
        struct lockstep_host *host = new_host(role);
        lockstep_latch_init();
        problem = host == NULL ? "no memory is left" : set_up(host, options);
        if (problem == NULL) {
            *ret_host = host;
            return 0;
        }
        tear_down(host);
    }
    if (why != NULL && why_size > 0) {
        (void)snprintf(why, why_size, "%s", problem);
    }
    return -1;
}

struct lockstep_host *lockstep_host_stop(struct lockstep_host *host)
{
    if (host != NULL) {
        tear_down(host);
    }
    return NULL;
}
