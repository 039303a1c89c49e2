#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include "common/base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>

static enum lockstep_err no_memory(struct lockstep_error *err)
{
    return LOCKSTEP_FAIL(err, NOMEM, "no memory for hosts");
}

/* The strings and their list in one piece of memory. */
static char **copy_command(const char *const *command)
{
    size_t count = 0;
    size_t size = 0;
    char **copy;
    char *text;
    while (command[count] != NULL) {
        size += strlen(command[count++]) + 1;
    }
    size += (count + 1) * sizeof(char *);
    copy = malloc(size);
    if (copy == NULL) {
        return NULL;
    }
    text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(command[i]) + 1;
        copy[i] = memcpy(text, command[i], length);
        text += length;
    }
    copy[count] = NULL;
    return copy;
}

static enum lockstep_err copy_service(struct lockstep_hosts_room *room,
                                      const struct lockstep_hosts_service *service,
                                      struct lockstep_error *err)
{
    room->name = service->name;
    room->processes = service->processes == 0 ? 1 : service->processes;
    room->boot = calloc(1, sizeof(*room->boot));
    if (service->command != NULL && service->command[0] == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "the command of service %s is empty",
                             service->name.text);
    }
    if (service->command != NULL) {
        room->command = copy_command(service->command);
    }
    if (room->boot == NULL || (service->command != NULL && room->command == NULL)) {
        return no_memory(err);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err copy_config(struct lockstep_hosts *hosts,
                                     const struct lockstep_hosts_config *config,
                                     struct lockstep_error *err)
{
    int length;
    hosts->config = *config;
    hosts->data_directory = strdup(config->data_directory);
    hosts->host_path = strdup(config->host_path);
    hosts->in = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    hosts->out = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    if (hosts->data_directory == NULL || hosts->host_path == NULL || hosts->in == NULL ||
        hosts->out == NULL) {
        return no_memory(err);
    }
    length = snprintf(hosts->socket, sizeof(hosts->socket), "%s/agent.sock", config->run_directory);
    if (length < 0 || (size_t)length >= sizeof(hosts->socket)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s/agent.sock: a socket's path has at most %d bytes",
                             config->run_directory, LOCKSTEP_HOSTS_SHORT_PATH);
    }
    if (config->services_count > LOCKSTEP_AGENT_SERVICES) {
        return LOCKSTEP_FAIL(err, LIMIT, "a node has at most %d services", LOCKSTEP_AGENT_SERVICES);
    }
    hosts->rooms_count = config->services_count;
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        LOCKSTEP_TRY(copy_service(&hosts->rooms[i], &config->services[i], err));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err refuse_living(const char *path, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    struct lockstep_error why = LOCKSTEP_ERROR_INIT;
    enum lockstep_err code = lockstep_hostwire_connect(path, &fd, &why);
    int64_t pid = 0;
    uint32_t uid = 0;
    if (code == LOCKSTEP_RETRY) {
        return LOCKSTEP_OK;
    }
    if (code != LOCKSTEP_OK) {
        return LOCKSTEP_FAIL(err, IO, "%s", why.message);
    }
    (void)lockstep_hostwire_peer(fd, &pid, &uid);
    return LOCKSTEP_FAIL(err, CONFLICT, "an agent listens at %s already: process %d", path,
                         (int)pid);
}

static enum lockstep_err begin(struct lockstep_hosts *hosts,
                               const struct lockstep_hosts_config *config,
                               struct lockstep_error *err)
{
    LOCKSTEP_TRY(copy_config(hosts, config, err));
    LOCKSTEP_TRY(refuse_living(hosts->socket, err));
    LOCKSTEP_TRY(lockstep_hosts_files_init(hosts, config->run_directory, err));
    LOCKSTEP_TRY(lockstep_hostwire_listen(hosts->socket, &hosts->listener, err));
    LOCKSTEP_TRY(lockstep_watch_set(hosts->loop, &hosts->watch, hosts->listener, EPOLLIN, err));
    lockstep_timer_arm(
        hosts->loop, &hosts->poll,
        lockstep_time_after(lockstep_loop_now(hosts->loop), config->settings.heartbeat));
    if (config->settings.state_base > 0) {
        lockstep_timer_arm(
            hosts->loop, &hosts->bases,
            lockstep_time_after(lockstep_loop_now(hosts->loop), config->settings.state_base));
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_hosts_new(struct lockstep_loop *loop,
                                     const struct lockstep_hosts_config *config,
                                     struct lockstep_hosts **ret_hosts, struct lockstep_error *err)
{
    struct lockstep_hosts *hosts = calloc(1, sizeof(*hosts));
    enum lockstep_err code;
    if (hosts == NULL) {
        return no_memory(err);
    }
    hosts->loop = loop;
    hosts->listener = -1;
    hosts->watch = (struct lockstep_watch){
        .ready = lockstep_hosts_link_accept, .context = hosts, .fd = -1};
    hosts->poll = (struct lockstep_timer){.due = lockstep_hosts_poll, .context = hosts};
    hosts->bases = (struct lockstep_timer){.due = lockstep_hosts_keep_base, .context = hosts};
    hosts->drains_timer = (struct lockstep_timer){.due = lockstep_hosts_drain_tick,
                                                  .context = hosts};
    hosts->post = (struct lockstep_post){.arrived = lockstep_hosts_request_flush, .context = hosts};
    for (size_t i = 0; i < LOCKSTEP_AGENT_SERVICES; i++) {
        hosts->rooms[i].listener = -1;
        hosts->rooms[i].hosts = hosts;
        hosts->rooms[i].respawn = (struct lockstep_timer){.due = lockstep_hosts_respawn,
                                                          .context = &hosts->rooms[i]};
    }
    code = begin(hosts, config, err);
    if (code != LOCKSTEP_OK) {
        (void)lockstep_hosts_free(hosts);
        return code;
    }
    *ret_hosts = hosts;
    return LOCKSTEP_OK;
}

/* Sockets stay where they are: the tool sockets are served on, and that of the agent is known to be
 * dead because nobody listens. */
struct lockstep_hosts *lockstep_hosts_free(struct lockstep_hosts *hosts)
{
    if (hosts == NULL) {
        return NULL;
    }
    while (hosts->finished != NULL) {
        struct lockstep_hosts_request *request = hosts->finished;
        hosts->finished = request->next;
        lockstep_hosts_request_release(request);
    }
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        if (hosts->requests[i].kind != LOCKSTEP_HOSTS_REQUEST_FREE) {
            lockstep_hosts_request_release(&hosts->requests[i]);
        }
    }
    while (hosts->processes != NULL) {
        lockstep_hosts_process_free(hosts->processes);
    }
    while (hosts->links != NULL) {
        lockstep_hosts_link_free(hosts->links);
    }
    lockstep_watch_clear(hosts->loop, &hosts->watch);
    lockstep_timer_disarm(hosts->loop, &hosts->poll);
    lockstep_timer_disarm(hosts->loop, &hosts->bases);
    lockstep_hosts_keep_deinit(hosts);
    lockstep_timer_disarm(hosts->loop, &hosts->drains_timer);
    lockstep_loop_unpost(hosts->loop, &hosts->post);
    if (hosts->listener >= 0) {
        (void)close(hosts->listener);
    }
    for (size_t i = 0; i < LOCKSTEP_AGENT_SERVICES; i++) {
        if (hosts->rooms[i].listener >= 0) {
            (void)close(hosts->rooms[i].listener);
        }
        lockstep_timer_disarm(hosts->loop, &hosts->rooms[i].respawn);
        free(hosts->rooms[i].command);
        free(hosts->rooms[i].boot);
    }
    hosts->in = lockstep_hostwire_free(hosts->in);
    hosts->out = lockstep_hostwire_free(hosts->out);
    free(hosts->data_directory);
    free(hosts->host_path);
    free(hosts);
    return NULL;
}
