/*
 * linkd: a service that shortens URLs over HTTP, and an example of one that links liblockstep.
 *
 *     POST /  with a URL as the body    201, and the short path
 *     GET /CODE                         302 to the URL
 *
 * It has its own socket, threads and data. What a request means is in the module `links`, called
 * with its own types through the gate: two functions a request, of one set of versions. When no
 * version is live (no agent, no boot file), links that are known are followed all the same.
 */
#include "deploy/examples/linkd/http.h"
#include "deploy/examples/linkd/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <lockstep/host.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WORKERS         4
#define CONNECTIONS_MAX 256   /* of a worker */
#define IDLE_MS         60000 /* a connection that says nothing for so long is ended */
#define LOOK_MS         10000

struct connection {
    int fd; /* -1: free */
    uint64_t heard_ms;
    size_t size;
    char bytes[HTTP_REQUEST_MAX + 1];
};

struct service {
    struct lockstep_host *host;
    const struct lockstep_host_function *answer;
    const struct lockstep_host_function *sign;
    struct store *store;
    struct links_store view;
    int listener;
    int stop; /* eventfd */
};

struct worker {
    struct service *service;
    pthread_t thread;
    int epoll;
    size_t count;
    struct connection connections[CONNECTIONS_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- answering ------------------------------------------------------------------------------ */

/* What linkd can do by itself. */
static void answer_alone(const struct service *service, const struct http_request *request,
                         struct links_reply *reply)
{
    reply->status = 503;
    (void)snprintf(reply->text, sizeof(reply->text), "no version of links is live\n");
    memcpy(reply->version, "none", sizeof("none"));
    if (strcmp(request->method, "GET") == 0 &&
        service->view.find(service->view.context, request->path + 1, reply->location)) {
        reply->status = 302;
    }
}

static bool call_answer(const struct service *service, const struct http_request *request,
                        struct links_reply *reply)
{
    const struct links_request asked = {request->method, request->path, request->body,
                                        &service->view};
    struct lockstep_pass pass;
    lockstep_any_fn *any;
    bool well;
    if (lockstep_host_function_enter(service->answer, &pass, &any) != LOCKSTEP_CALL_OK) {
        return false;
    }
    well = ((links_answer_fn *)any)(&asked, reply) == 0;
    lockstep_host_function_leave(&pass, !well);
    return well;
}

static void call_sign(const struct service *service, char ret_sign[64])
{
    struct lockstep_pass pass;
    lockstep_any_fn *any;
    memcpy(ret_sign, "linkd", sizeof("linkd"));
    if (lockstep_host_function_enter(service->sign, &pass, &any) == LOCKSTEP_CALL_OK) {
        ((links_sign_fn *)any)(ret_sign);
        lockstep_host_function_leave(&pass, false);
    }
}

/* Both calls see one set of versions, whatever is published between them. */
static size_t answer(const struct service *service, const struct http_request *request,
                     char ret_bytes[HTTP_ANSWER_MAX])
{
    struct links_reply reply = {0};
    char sign[64];
    bool held = lockstep_host_enter(service->host);
    if (!held || !call_answer(service, request, &reply)) {
        reply = (struct links_reply){0};
        answer_alone(service, request, &reply);
    }
    call_sign(service, sign);
    if (held) {
        lockstep_host_leave(service->host);
    }
    return http_write(&reply, sign, request->close, ret_bytes);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void end_connection(struct worker *worker, struct connection *connection)
{
    (void)close(connection->fd);
    connection->fd = -1;
    worker->count--;
}

static void take_connection(struct worker *worker)
{
    int fd = accept4(worker->service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    struct connection *connection = NULL;
    for (size_t i = 0; fd >= 0 && connection == NULL && i < CONNECTIONS_MAX; i++) {
        connection = worker->connections[i].fd < 0 ? &worker->connections[i] : NULL;
    }
    if (connection == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    event.data.ptr = connection;
    connection->fd = fd;
    connection->size = 0;
    connection->heard_ms = now_ms();
    worker->count++;
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        end_connection(worker, connection);
    }
}

/* Sends at once: who does not take an answer of 8 kB does not read. */
static bool send_answer(int fd, const char *bytes, size_t size)
{
    return size > 0 && send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Answers what has come whole. False: the connection is over. */
static bool answer_requests(const struct worker *worker, struct connection *connection)
{
    char bytes[HTTP_ANSWER_MAX];
    struct http_request request;
    enum http_state state;
    while ((state = http_read(connection->bytes, connection->size, &request)) == HTTP_WHOLE) {
        size_t size = answer(worker->service, &request, bytes);
        if (!send_answer(connection->fd, bytes, size) || request.close) {
            return false;
        }
        connection->size -= request.size;
        memmove(connection->bytes, connection->bytes + request.size, connection->size);
    }
    if (state == HTTP_BAD) {
        const struct links_reply bad = {.status = 400, .version = "none", .text = "bad request\n"};
        (void)send_answer(connection->fd, bytes, http_write(&bad, "linkd", true, bytes));
    }
    return state == HTTP_PART;
}

static void hear(struct worker *worker, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->bytes + connection->size,
                       HTTP_REQUEST_MAX - connection->size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    connection->heard_ms = now_ms();
    connection->size += got > 0 ? (size_t)got : 0;
    if (got <= 0 || !answer_requests(worker, connection)) {
        end_connection(worker, connection);
    }
}

static void end_idle(struct worker *worker)
{
    uint64_t now = now_ms();
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &worker->connections[i];
        if (connection->fd >= 0 && now - connection->heard_ms > IDLE_MS) {
            end_connection(worker, connection);
        }
    }
}

/* Without connections a worker sleeps until there is one. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        struct epoll_event events[16];
        int count = epoll_wait(worker->epoll, events, 16, worker->count == 0 ? -1 : LOOK_MS);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &worker->service->stop) {
                return NULL;
            }
            if (events[i].data.ptr == &worker->service->listener) {
                take_connection(worker);
            } else {
                hear(worker, events[i].data.ptr);
            }
        }
        end_idle(worker);
    }
}

/* ---- starting ------------------------------------------------------------------------------- */

static bool watch(const struct worker *worker, int *fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = fd};
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, *fd, &event) == 0;
}

static bool start_worker(struct worker *worker, struct service *service)
{
    worker->service = service;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        worker->connections[i].fd = -1;
    }
    return worker->epoll >= 0 && watch(worker, &service->stop, EPOLLIN) &&
           watch(worker, &service->listener, EPOLLIN | EPOLLEXCLUSIVE) &&
           pthread_create(&worker->thread, NULL, work, worker) == 0;
}

static void stop_worker(struct worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (worker->connections[i].fd >= 0) {
            end_connection(worker, &worker->connections[i]);
        }
    }
    (void)close(worker->epoll);
}

/* Listens on this machine alone; *PORT 0 becomes the system's choice. */
static int listen_at(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof(address);
    const int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, SOMAXCONN) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static void log_line(void *context, enum lockstep_log_level level, const char *text)
{
    (void)context;
    if (level >= LOCKSTEP_LOG_INFO) {
        (void)fprintf(stderr, "linkd: %s\n", text);
    }
}

/* The agent that starts a service says by these variables where it is. */
static bool start_host(struct service *service)
{
    const struct lockstep_host_options options = {.size = sizeof(options),
                                                  .workers = 1,
                                                  .service = "links",
                                                  .agent_socket = getenv("LOCKSTEP_AGENT"),
                                                  .boot_file = getenv("LOCKSTEP_BOOT"),
                                                  .log = log_line};
    char why[256];
    if (lockstep_host_start(&options, &service->host, why, sizeof(why)) != 0) {
        (void)fprintf(stderr, "linkd: %s\n", why);
        return false;
    }
    service->answer = lockstep_host_function(service->host, "links.answer", links_answer_signature);
    service->sign = lockstep_host_function(service->host, "links.sign", links_sign_signature);
    return service->answer != NULL && service->sign != NULL;
}

/* Says to systemd, if that has started it, that it is ready (sd_notify(3)). */
static void notify_ready(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd;
    if (path == NULL || strlen(path) >= sizeof(address.sun_path)) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@') {
        address.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
        (void)close(fd);
    }
}

/* Until SIGINT or SIGTERM, which all threads have blocked. */
static bool serve(struct service *service, uint16_t port, const sigset_t *ends)
{
    struct worker *workers = calloc(WORKERS, sizeof(*workers));
    const uint64_t one = 1;
    size_t started = 0;
    int signal_number;
    while (workers != NULL && started < WORKERS && start_worker(&workers[started], service)) {
        started++;
    }
    if (started == WORKERS) {
        (void)printf("ready http://127.0.0.1:%u\n", (unsigned)port);
        (void)fflush(stdout);
        notify_ready();
        (void)sigwait(ends, &signal_number);
    }
    (void)!write(service->stop, &one, sizeof(one));
    for (size_t i = 0; i < started; i++) {
        stop_worker(&workers[i]);
    }
    free(workers);
    return started == WORKERS;
}

static bool take_port(int argc, char **argv, uint16_t *ret_port)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    int option;
    *ret_port = 8023;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char *end = NULL;
        unsigned long number = option == 'p' ? strtoul(optarg, &end, 10) : UINT16_MAX + 1UL;
        if (number > UINT16_MAX || *end != '\0') {
            return false;
        }
        *ret_port = (uint16_t)number;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct service service = {.listener = -1, .stop = -1};
    uint16_t port;
    sigset_t ends;
    bool well;
    if (!take_port(argc, argv, &port)) {
        (void)fputs("usage: linkd [--port N]   (8023; 0: any)\n", stderr);
        return 2;
    }
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    service.store = store_new();
    service.listener = listen_at(&port);
    service.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service.store == NULL || service.listener < 0 || service.stop < 0) {
        (void)fprintf(stderr, "linkd: port %u: %s\n", (unsigned)port, strerror(errno));
        return 1;
    }
    service.view = store_view(service.store);
    well = start_host(&service) && serve(&service, port, &ends);
    service.host = lockstep_host_stop(service.host);
    service.store = store_free(service.store);
    return well ? 0 : 1;
}
