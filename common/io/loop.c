#include "common/io/loop.h"

#include "common/base/assert.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define POSTS_A_TURN  1024

struct lockstep_loop {
    int epoll;
    int wake; /* eventfd */
    bool stopped;
    struct lockstep_time now;
    struct lockstep_watch wake_watch;
    struct lockstep_watch signal_watch;
    void (*on_signal)(void *context, int signal);
    void *signal_context;
    struct lockstep_timer **heap; /* heap[1] is the earliest */
    uint32_t timer_count;
    uint32_t timer_max;
    struct epoll_event events[EVENTS_A_TURN]; /* of this turn */
    int event_count;
    pthread_t runner;     /* looks itself whether something was posted */
    pthread_mutex_t lock; /* guards the two below */
    struct lockstep_post *first;
    struct lockstep_post *last;
};

/* ---- clocks --------------------------------------------------------------------------------- */

uint64_t lockstep_monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t lockstep_unix_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct lockstep_time read_clock(void)
{
    return (struct lockstep_time){lockstep_monotonic_us() / 1000 + 1}; /* never NEVER */
}

struct lockstep_time lockstep_loop_now(const struct lockstep_loop *loop)
{
    return loop->now;
}

/* ---- timers: a binary heap ------------------------------------------------------------------ */

static void place(struct lockstep_loop *loop, uint32_t at, struct lockstep_timer *timer)
{
    loop->heap[at] = timer;
    timer->place = at;
}

static void sift_up(struct lockstep_loop *loop, uint32_t at)
{
    struct lockstep_timer *timer = loop->heap[at];
    while (at > 1 && loop->heap[at / 2]->at.ms > timer->at.ms) {
        place(loop, at, loop->heap[at / 2]);
        at /= 2;
    }
    place(loop, at, timer);
}

static void sift_down(struct lockstep_loop *loop, uint32_t at)
{
    struct lockstep_timer *timer = loop->heap[at];
    for (;;) {
        uint32_t child = at * 2;
        if (child > loop->timer_count) {
            break;
        }
        if (child < loop->timer_count && loop->heap[child + 1]->at.ms < loop->heap[child]->at.ms) {
            child++;
        }
        if (loop->heap[child]->at.ms >= timer->at.ms) {
            break;
        }
        place(loop, at, loop->heap[child]);
        at = child;
    }
    place(loop, at, timer);
}

void lockstep_timer_disarm(struct lockstep_loop *loop, struct lockstep_timer *timer)
{
    uint32_t at = timer->place;
    struct lockstep_timer *moved;
    if (at == 0) {
        return;
    }
    timer->place = 0;
    moved = loop->heap[loop->timer_count--];
    if (moved != timer) {
        place(loop, at, moved);
        sift_up(loop, at);
        sift_down(loop, moved->place);
    }
}

void lockstep_timer_arm(struct lockstep_loop *loop, struct lockstep_timer *timer,
                        struct lockstep_time at)
{
    lockstep_timer_disarm(loop, timer);
    if (!lockstep_time_set(at)) {
        return;
    }
    if (loop->timer_count + 1 >= loop->timer_max) {
        uint32_t max = loop->timer_max == 0 ? 64 : loop->timer_max * 2;
        struct lockstep_timer **heap = realloc(loop->heap, max * sizeof(struct lockstep_timer *));
        ASSERT(heap != NULL); /* a daemon that has lost its deadlines must not go on */
        loop->heap = heap;
        loop->timer_max = max;
    }
    timer->at = at;
    place(loop, ++loop->timer_count, timer);
    sift_up(loop, loop->timer_count);
}

static void run_timers(struct lockstep_loop *loop)
{
    uint32_t most =
        loop->timer_count; /* a timer that arms itself for now waits for the next turn */
    while (most-- > 0 && loop->timer_count > 0 && lockstep_time_due(loop->heap[1]->at, loop->now)) {
        struct lockstep_timer *timer = loop->heap[1];
        lockstep_timer_disarm(loop, timer);
        timer->due(timer->context);
    }
}

/* ---- descriptors ---------------------------------------------------------------------------- */

enum lockstep_err lockstep_watch_set(struct lockstep_loop *loop, struct lockstep_watch *watch,
                                     int fd, uint32_t events, struct lockstep_error *err)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) != 0 &&
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "watch descriptor %d", fd);
    }
    watch->fd = fd;
    return LOCKSTEP_OK;
}

void lockstep_watch_clear(struct lockstep_loop *loop, struct lockstep_watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch) {
            loop->events[i].data.ptr = NULL; /* it may have had an event in this very turn */
        }
    }
}

/* ---- posts ---------------------------------------------------------------------------------- */

static void wake_up(struct lockstep_loop *loop)
{
    static const uint64_t one = 1;
    ssize_t written = write(loop->wake, &one, sizeof(one));
    (void)written; /* EAGAIN: it is awake already */
}

void lockstep_loop_post(struct lockstep_loop *loop, struct lockstep_post *post)
{
    bool first = false;
    bool own = pthread_equal(pthread_self(), loop->runner) != 0;
    (void)pthread_mutex_lock(&loop->lock);
    if (!post->queued) {
        post->queued = true;
        post->next = NULL;
        first = loop->first == NULL;
        if (first) {
            loop->first = post;
        } else {
            loop->last->next = post;
        }
        loop->last = post;
    }
    (void)pthread_mutex_unlock(&loop->lock);
    if (first && !own) {
        wake_up(loop);
    }
}

void lockstep_loop_unpost(struct lockstep_loop *loop, struct lockstep_post *post)
{
    struct lockstep_post *before = NULL;
    (void)pthread_mutex_lock(&loop->lock);
    for (struct lockstep_post *at = loop->first; at != NULL; before = at, at = at->next) {
        if (at != post) {
            continue;
        }
        if (before == NULL) {
            loop->first = at->next;
        } else {
            before->next = at->next;
        }
        if (loop->last == at) {
            loop->last = before;
        }
        post->queued = false;
        break;
    }
    (void)pthread_mutex_unlock(&loop->lock);
}

/* The first post, taken off the queue, or NULL. */
static struct lockstep_post *take_post(struct lockstep_loop *loop)
{
    struct lockstep_post *post;
    (void)pthread_mutex_lock(&loop->lock);
    post = loop->first;
    if (post != NULL) {
        loop->first = post->next;
        post->queued = false;
    }
    (void)pthread_mutex_unlock(&loop->lock);
    return post;
}

static void woken(void *context, uint32_t events)
{
    struct lockstep_loop *loop = context;
    uint64_t count;
    (void)events;
    if (read(loop->wake, &count, sizeof(count)) < 0) {
        ASSERT(errno == EAGAIN);
    }
}

static bool has_posts(struct lockstep_loop *loop)
{
    bool some;
    (void)pthread_mutex_lock(&loop->lock);
    some = loop->first != NULL;
    (void)pthread_mutex_unlock(&loop->lock);
    return some;
}

/* Runs what was posted, but so much only in one turn: peers that always have something to say must
 * not keep timers, descriptors and signals from their turn. */
static void run_posts(struct lockstep_loop *loop)
{
    for (unsigned i = 0; i < POSTS_A_TURN; i++) {
        struct lockstep_post *post = take_post(loop);
        if (post == NULL) {
            return;
        }
        post->arrived(post->context);
    }
}

/* ---- signals and children ------------------------------------------------------------------- */

static void read_signals(void *context, uint32_t events)
{
    struct lockstep_loop *loop = context;
    struct signalfd_siginfo info;
    (void)events;
    while (read(loop->signal_watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        loop->on_signal(loop->signal_context, (int)info.ssi_signo);
        if (loop->signal_watch.fd < 0) {
            return;
        }
    }
}

enum lockstep_err lockstep_loop_signals(struct lockstep_loop *loop, const int *signals,
                                        size_t count, void (*callback)(void *context, int signal),
                                        void *context, struct lockstep_error *err)
{
    sigset_t set;
    int fd;
    ASSERT(loop->signal_watch.fd < 0);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < count; i++) {
        (void)sigaddset(&set, signals[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "signalfd");
    }
    loop->on_signal = callback;
    loop->signal_context = context;
    loop->signal_watch.ready = read_signals;
    loop->signal_watch.context = loop;
    return lockstep_watch_set(loop, &loop->signal_watch, fd, EPOLLIN, err);
}

static void child_ready(void *context, uint32_t events)
{
    struct lockstep_child *child = context;
    pid_t pid = child->pid;
    int status = 0;
    (void)events;
    if (waitpid(pid, &status, WNOHANG) == 0) {
        return;
    }
    lockstep_child_forget(child->loop, child);
    child->exited(child->context, pid, status);
}

enum lockstep_err lockstep_child_watch(struct lockstep_loop *loop, struct lockstep_child *child,
                                       pid_t pid, struct lockstep_error *err)
{
    int fd = pidfd_open(pid, 0); /* close-on-exec by itself */
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "watch process %d", (int)pid);
    }
    child->loop = loop;
    child->pid = pid;
    child->watch = (struct lockstep_watch){.ready = child_ready, .context = child, .fd = -1};
    if (lockstep_watch_set(loop, &child->watch, fd, EPOLLIN, err) != LOCKSTEP_OK) {
        child->pid = 0;
        (void)close(fd);
        return LOCKSTEP_IO;
    }
    return LOCKSTEP_OK;
}

void lockstep_child_forget(struct lockstep_loop *loop, struct lockstep_child *child)
{
    int fd = child->watch.fd;
    if (child->pid == 0) {
        return;
    }
    child->pid = 0;
    lockstep_watch_clear(loop, &child->watch);
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

enum lockstep_err lockstep_loop_new(struct lockstep_loop **ret_loop, struct lockstep_error *err)
{
    struct lockstep_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the event loop");
    }
    (void)pthread_mutex_init(&loop->lock, NULL);
    loop->signal_watch.fd = -1;
    loop->wake_watch.fd = -1;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll < 0 || loop->wake < 0) {
        enum lockstep_err code = LOCKSTEP_FAIL_ERRNO(err, "make the event loop");
        (void)lockstep_loop_free(loop);
        return code;
    }
    loop->wake_watch.ready = woken;
    loop->wake_watch.context = loop;
    loop->now = read_clock();
    loop->runner = pthread_self();
    if (lockstep_watch_set(loop, &loop->wake_watch, loop->wake, EPOLLIN, err) != LOCKSTEP_OK) {
        (void)lockstep_loop_free(loop);
        return LOCKSTEP_IO;
    }
    *ret_loop = loop;
    return LOCKSTEP_OK;
}

struct lockstep_loop *lockstep_loop_free(struct lockstep_loop *loop)
{
    if (loop == NULL) {
        return NULL;
    }
    if (loop->signal_watch.fd >= 0) {
        (void)close(loop->signal_watch.fd);
    }
    if (loop->wake >= 0) {
        (void)close(loop->wake);
    }
    if (loop->epoll >= 0) {
        (void)close(loop->epoll);
    }
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    free(loop);
    return NULL;
}

static int wait_ms(const struct lockstep_loop *loop, uint64_t max_ms)
{
    uint64_t until = max_ms;
    if (loop->timer_count > 0) {
        uint64_t at = loop->heap[1]->at.ms;
        uint64_t now = read_clock().ms;
        uint64_t left = at > now ? at - now : 0;
        until = left < until ? left : until;
    }
    return until > 3600000 ? 3600000 : (int)until;
}

enum lockstep_err lockstep_loop_once(struct lockstep_loop *loop, uint64_t max_ms,
                                     struct lockstep_error *err)
{
    int count;
    ASSERT(pthread_equal(pthread_self(), loop->runner));
    count = epoll_wait(loop->epoll, loop->events, EVENTS_A_TURN,
                       has_posts(loop) ? 0 : wait_ms(loop, max_ms));
    if (count < 0 && errno != EINTR) {
        return LOCKSTEP_FAIL_ERRNO(err, "wait for events");
    }
    loop->now = read_clock();
    loop->event_count = count < 0 ? 0 : count;
    for (int i = 0; i < loop->event_count; i++) {
        struct lockstep_watch *watch = loop->events[i].data.ptr;
        if (watch != NULL) {
            watch->ready(watch->context, loop->events[i].events);
        }
    }
    loop->event_count = 0;
    run_posts(loop);
    run_timers(loop);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_loop_run(struct lockstep_loop *loop, struct lockstep_error *err)
{
    loop->stopped = false;
    while (!loop->stopped) {
        LOCKSTEP_TRY(lockstep_loop_once(loop, UINT64_MAX, err));
    }
    return LOCKSTEP_OK;
}

void lockstep_loop_stop(struct lockstep_loop *loop)
{
    loop->stopped = true;
}
