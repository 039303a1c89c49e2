/*
 * What the same messages cost over plain sockets: one process that sends a first message to each of
 * N connections, waits for all answers, sends a second one to each and waits again; another process
 * that answers. An epoll loop each, and nothing else: nothing is sealed, parsed or written down.
 */
#include "tests/bench/fleet_agents.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS 512

struct floor {
    uint32_t count;
    const size_t *sizes; /* of the two messages and the two answers, in turn */
    int epoll;
    int *fds;
    size_t *got; /* bytes of the message that is coming */
};

static uint8_t bytes[LOCKSTEP_CHANNEL_FRAME];

static void begin(struct floor *floor)
{
    floor->epoll = epoll_create1(EPOLL_CLOEXEC);
    floor->fds = calloc(floor->count, sizeof(*floor->fds));
    floor->got = calloc(floor->count, sizeof(*floor->got));
    bench_must(floor->epoll >= 0 && floor->fds != NULL && floor->got != NULL, "no memory");
}

static void add(struct floor *floor, uint32_t index, int fd)
{
    static const int on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bench_must(epoll_ctl(floor->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    floor->fds[index] = fd;
}

static void send_all(int fd, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t sent = send(fd, bytes, size - done, MSG_NOSIGNAL);
        bench_must(sent > 0, "a plain socket does not take what is sent");
        done += (size_t)sent;
    }
}

/* True when a message of SIZE has come whole. False with *RET_OVER: the other end is gone. */
static bool has_come(struct floor *floor, uint32_t index, size_t size, bool *ret_over)
{
    ssize_t got = recv(floor->fds[index], bytes, size - floor->got[index], MSG_DONTWAIT);
    *ret_over = got == 0 || (got < 0 && errno != EAGAIN);
    floor->got[index] += got > 0 ? (size_t)got : 0;
    if (floor->got[index] < size) {
        return false;
    }
    floor->got[index] = 0;
    return true;
}

/* ---- the two ends --------------------------------------------------------------------------- */

/* SIZE to each, and an answer from each. */
static void ask_all(struct floor *floor, size_t size, size_t answer)
{
    struct epoll_event events[EVENTS];
    uint32_t left = floor->count;
    bool over = false;
    for (uint32_t i = 0; i < floor->count; i++) {
        send_all(floor->fds[i], size);
    }
    while (left > 0) {
        int count = epoll_wait(floor->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            left -= has_come(floor, events[i].data.u32, answer, &over) ? 1 : 0;
            bench_must(!over, "a plain connection was lost");
        }
    }
}

static void answer_until_over(struct floor *floor)
{
    struct epoll_event events[EVENTS];
    uint8_t *turns = calloc(floor->count, 1);
    bool over = false;
    bench_must(turns != NULL, "no memory");
    while (!over) {
        int count = epoll_wait(floor->epoll, events, EVENTS, -1);
        for (int i = 0; i < count && !over; i++) {
            uint32_t index = events[i].data.u32;
            size_t turn = turns[index];
            if (has_come(floor, index, floor->sizes[turn * 2], &over)) {
                send_all(floor->fds[index], floor->sizes[turn * 2 + 1]);
                turns[index] = turn == 0 ? 1 : 0;
            }
        }
    }
    free(turns);
}

static _Noreturn void be_agents(struct floor *floor, const struct sockaddr_in *address)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    begin(floor);
    for (uint32_t i = 0; i < floor->count; i++) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f020001U + i)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bench_must(fd >= 0 && bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0 &&
                       connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0,
                   "no plain connection");
        add(floor, i, fd);
    }
    answer_until_over(floor);
    _exit(0);
}

static double own_cpu_ms(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

int bench_floor(uint32_t count, unsigned rounds, const size_t sizes[4])
{
    struct floor floor = {.count = count, .sizes = sizes};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t child;
    bench_must(listener >= 0 &&
                   bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                   listen(listener, 4096) == 0 &&
                   getsockname(listener, (struct sockaddr *)&address, &length) == 0,
               "no plain listener");
    child = fork();
    bench_must(child >= 0, "no process");
    if (child == 0) {
        be_agents(&floor, &address);
    }
    begin(&floor);
    for (uint32_t i = 0; i < count; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        bench_must(fd >= 0, "no plain connection");
        add(&floor, i, fd);
    }
    for (unsigned round = 0; round < rounds + 1; round++) {
        uint64_t begun = lockstep_monotonic_us();
        double cpu = own_cpu_ms();
        ask_all(&floor, sizes[0], sizes[1]);
        ask_all(&floor, sizes[2], sizes[3]);
        if (round > 0) { /* the first one warms up */
            (void)printf("epoll %.3f ms\n", (double)(lockstep_monotonic_us() - begun) / 1000);
            (void)printf("epoll_cpu %.3f ms\n", own_cpu_ms() - cpu);
        }
    }
    (void)fflush(stdout);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return 0;
}
