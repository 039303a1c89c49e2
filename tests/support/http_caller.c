/*
 * lockstep-http-caller: asks linkd without pause, and says in the end what came back.
 *
 *     lockstep-http-caller PORT [THREADS]
 *
 * Every thread makes a link and follows it again and again over one connection. An answer that does
 * not lead where the link does has `failed`; one whose headers name two versions is `mixed`; a
 * connection that ends without an answer is `lost`. "ready" is printed when every thread has had an
 * answer; on SIGTERM the counts, as JSON, on one line.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS_MAX 16
#define ANSWER_MAX  16384
#define VERSION_MAX 32

struct caller {
    pthread_t thread;
    unsigned number;
    int fd;
    uint64_t calls;
    uint64_t lost;
    uint64_t failed;
    uint64_t mixed;
    uint64_t changes;
    char version[VERSION_MAX];
    char code[VERSION_MAX];
    char answer[ANSWER_MAX];
    bool begun; /* has had an answer, or given up */
};

static uint16_t port;
static atomic_bool stopping;
static sem_t begun;
static struct caller callers[THREADS_MAX];

static bool dial(struct caller *caller)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timeval limit = {.tv_sec = 10};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(caller->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return connect(caller->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* Receives until the answer is whole. False: it never was. */
static bool receive(struct caller *caller)
{
    size_t size = 0;
    for (;;) {
        const char *end;
        const char *length;
        ssize_t got = recv(caller->fd, caller->answer + size, ANSWER_MAX - 1 - size, 0);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        caller->answer[size] = '\0';
        end = strstr(caller->answer, "\r\n\r\n");
        length = strstr(caller->answer, "Content-Length: ");
        if (end != NULL && length != NULL &&
            size >= (size_t)(end + 4 - caller->answer) + strtoul(length + 16, NULL, 10)) {
            return true;
        }
    }
}

static bool ask(struct caller *caller, const char *request)
{
    size_t size = strlen(request);
    return send(caller->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size && receive(caller);
}

/* The word behind KEY in the answer, "" if there is none. */
static void word_behind(const struct caller *caller, const char *key, char ret_word[VERSION_MAX])
{
    const char *at = strstr(caller->answer, key);
    size_t length = at == NULL ? 0 : strcspn(at + strlen(key), "\r\n");
    ret_word[0] = '\0';
    if (length < VERSION_MAX && length > 0) {
        memcpy(ret_word, at + strlen(key), length);
        ret_word[length] = '\0';
    }
}

static void judge(struct caller *caller)
{
    char by[VERSION_MAX];
    char signed_by[VERSION_MAX];
    char target[64];
    word_behind(caller, "X-Links: ", by);
    word_behind(caller, "Server: linkd links/", signed_by);
    (void)snprintf(target, sizeof(target), "Location: http://example.org/%u\r\n", caller->number);
    if (strncmp(caller->answer, "HTTP/1.1 302 ", 13) != 0 ||
        strstr(caller->answer, target) == NULL || strcmp(by, "none") == 0) {
        caller->failed++;
    } else if (strcmp(by, signed_by) != 0) {
        caller->mixed++;
    } else if (strcmp(by, caller->version) != 0) {
        caller->changes++;
        memcpy(caller->version, by, sizeof(by));
    }
}

static bool make_link(struct caller *caller)
{
    char request[256];
    char url[64];
    int length = snprintf(url, sizeof(url), "http://example.org/%u", caller->number);
    (void)snprintf(request, sizeof(request),
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, url);
    if (!dial(caller) || !ask(caller, request)) {
        return false;
    }
    word_behind(caller, "Location: ", caller->code);
    return caller->code[0] == '/';
}

static void *call(void *argument)
{
    struct caller *caller = argument;
    char request[128];
    if (!make_link(caller)) {
        caller->failed++;
        (void)sem_post(&begun);
        return NULL;
    }
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", caller->code);
    while (!atomic_load(&stopping)) {
        caller->calls++;
        if (ask(caller, request)) {
            judge(caller);
        } else {
            caller->lost++;
            (void)close(caller->fd);
            if (!dial(caller)) {
                break;
            }
        }
        if (!caller->begun) {
            caller->begun = true;
            (void)sem_post(&begun);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 2;
    struct caller sum = {0};
    sigset_t ends;
    int number;
    port = (uint16_t)strtoul(argc > 1 ? argv[1] : "0", NULL, 10);
    (void)sem_init(&begun, 0, 0);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    count = count > THREADS_MAX ? THREADS_MAX : count;
    for (size_t i = 0; i < count; i++) {
        callers[i].number = (unsigned)i;
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        while (sem_wait(&begun) != 0) {
        }
    }
    (void)puts("ready");
    (void)fflush(stdout);
    (void)sigwait(&ends, &number);
    atomic_store(&stopping, true);
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        sum.calls += callers[i].calls;
        sum.lost += callers[i].lost;
        sum.failed += callers[i].failed;
        sum.mixed += callers[i].mixed;
        sum.changes += callers[i].changes;
    }
    (void)printf("{\"calls\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"failed\":%" PRIu64
                 ",\"mixed\":%" PRIu64 ",\"changes\":%" PRIu64 "}\n",
                 sum.calls, sum.lost, sum.failed, sum.mixed, sum.changes);
    return 0;
}
