/* The supervisor: starts the subject half, watches the clock, explains how it ended. */
#include "agent/probe/trial.h"

#include "agent/probe/supervise_internal.h"
#include "agent/probe/trial_internal.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* The subject half's ends of pipes; those that we read come first, in the order of `polls`. */
enum end { END_REPORT = WATCH_REPORT, END_OUTPUT = WATCH_OUTPUT, END_GO, END_COUNT };

/* A sanitizer's address space says nothing. */
#ifdef LOCKSTEP_SANITIZED
#define MEMORY_OF(request) 0
#else
#define MEMORY_OF(request) ((request)->memory_bytes)
#endif

#define LOOK_MS 10 /* between two looks at how many threads there are */

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return now_us() / 1000;
}

/* Keeps the last bytes: what is said last tells most. */
static void keep_output(struct watch *watch, const char *bytes, size_t length)
{
    if (length > LOCKSTEP_PROBE_OUTPUT_MAX) {
        bytes += length - LOCKSTEP_PROBE_OUTPUT_MAX;
        length = LOCKSTEP_PROBE_OUTPUT_MAX;
    }
    if (watch->output_length + length > LOCKSTEP_PROBE_OUTPUT_MAX) {
        size_t drop = watch->output_length + length - LOCKSTEP_PROBE_OUTPUT_MAX;
        memmove(watch->output, watch->output + drop, watch->output_length - drop);
        watch->output_length -= drop;
    }
    memcpy(watch->output + watch->output_length, bytes, length);
    watch->output_length += length;
}

/* Reads what is there, at most a pipe full. */
static void read_some(struct watch *watch, enum watched which)
{
    char bytes[16384];
    ssize_t got = read(watch->polls[which].fd, bytes, sizeof(bytes));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        (void)close(watch->polls[which].fd);
        watch->polls[which].fd = -1;
        return;
    }
    if (which == WATCH_REPORT) {
        lockstep_probe_report_take(&watch->report, bytes, (size_t)got);
    } else {
        watch->written += (uint64_t)got;
        keep_output(watch, bytes, (size_t)got);
    }
}

/* A step that began gets its own time. */
static void follow_steps(struct watch *watch)
{
    if (watch->report.steps == watch->steps_seen) {
        return;
    }
    watch->steps_seen = watch->report.steps;
    watch->step_deadline_ms = watch->report.step.limit_ms == 0
                                  ? UINT64_MAX
                                  : now_ms() + watch->report.step.limit_ms;
}

static int time_left(const struct watch *watch)
{
    uint64_t until = watch->deadline_ms < watch->step_deadline_ms ? watch->deadline_ms
                                                                  : watch->step_deadline_ms;
    uint64_t now = now_ms();
    return now >= until ? 0 : (int)(until - now);
}

static void reap(struct watch *watch)
{
    while (waitpid(watch->child, &watch->status, 0) < 0 && errno == EINTR) {
    }
}

/* What was written before the end is still in the pipes. No process is left that could write more,
 * so this ends. */
static void drain(struct watch *watch)
{
    while (watch->polls[WATCH_REPORT].fd >= 0) {
        read_some(watch, WATCH_REPORT);
    }
    while (watch->polls[WATCH_OUTPUT].fd >= 0) {
        read_some(watch, WATCH_OUTPUT);
    }
}

/* The subject half has put up its walls: the calls that they refuse are answered here. */
static void take_calls(struct watch *watch)
{
    char taken;
    if (watch->go < 0 || watch->report.calls < 0) {
        return;
    }
    watch->polls[WATCH_CALLS].fd = lockstep_probe_calls_take(watch->polls[WATCH_CHILD].fd,
                                                             watch->report.calls);
    taken = watch->polls[WATCH_CALLS].fd >= 0 ? 1 : 0;
    (void)write(watch->go, &taken, 1);
    (void)close(watch->go);
    watch->go = -1;
}

static void answer_call(struct watch *watch)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    lockstep_probe_say_step(watch, step, sizeof(step));
    if (!lockstep_probe_calls_answer(&watch->calls, watch->polls[WATCH_CALLS].fd,
                                     watch->report.step.subject, step)) {
        (void)close(watch->polls[WATCH_CALLS].fd);
        watch->polls[WATCH_CALLS].fd = -1;
    }
}

/* The twentieth field of /proc/PID/stat; 0 if it cannot be read. */
static uint64_t count_threads(pid_t child)
{
    char path[32];
    char text[1024];
    const char *at;
    uint64_t threads = 0;
    ssize_t got;
    LOCKSTEP_CLOSE int fd = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    text[got < 0 ? 0 : got] = '\0';
    at = strrchr(text, ')'); /* the name before it may hold anything */
    if (at == NULL || sscanf(at + 1,
                             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                             "%*d %" SCNu64,
                             &threads) != 1) {
        return 0;
    }
    return threads;
}

/* True if it is to be ended now. */
static bool is_over(struct watch *watch)
{
    if (time_left(watch) == 0) {
        watch->ended = ENDED_LATE;
    } else if (watch->written > LOCKSTEP_PROBE_TRIAL_WRITTEN) {
        watch->ended = ENDED_OUTPUT;
    } else {
        watch->threads = count_threads(watch->child);
        watch->ended = watch->threads > LOCKSTEP_PROBE_TRIAL_THREADS ? ENDED_THREADS : ENDED_NOT;
    }
    return watch->ended != ENDED_NOT || watch->report.broken;
}

static void read_ready(struct watch *watch)
{
    for (int i = WATCH_REPORT; i <= WATCH_OUTPUT; i++) {
        if (watch->polls[i].fd >= 0 && watch->polls[i].revents != 0) {
            read_some(watch, (enum watched)i);
        }
    }
    follow_steps(watch);
    take_calls(watch);
    if (watch->polls[WATCH_CALLS].fd >= 0 && watch->polls[WATCH_CALLS].revents != 0) {
        answer_call(watch);
    }
}

static void watch_child(struct watch *watch)
{
    for (;;) {
        int left = time_left(watch);
        int ready;
        if (is_over(watch)) {
            (void)kill(watch->child, SIGKILL);
            break;
        }
        watch->polls[WATCH_CALLS].revents = 0;
        ready = poll(watch->polls, WATCH_COUNT, left < LOOK_MS ? left : LOOK_MS);
        if (ready > 0) {
            read_ready(watch);
        }
        if (ready > 0 && watch->polls[WATCH_CHILD].revents != 0) {
            break;
        }
    }
    reap(watch);
    drain(watch);
}

/* A crash must be a crash, whatever the caller has installed or blocked. */
static void reset_signals(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &plain, NULL);
    }
}

/* In the child: standard streams first, so that module code finds nothing else open. */
LOCKSTEP_NORETURN static void become_subject(struct lockstep_probe_trial *trial, pid_t parent,
                                             const int ends[END_COUNT])
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int report = fcntl(ends[END_REPORT], F_DUPFD_CLOEXEC, 10);
    int go = fcntl(ends[END_GO], F_DUPFD_CLOEXEC, 10);
    int output = ends[END_OUTPUT];
    if (null < 0 || report < 0 || go < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || dup2(report, 3) < 0 ||
        dup2(go, 4) < 0 || close_range(5, ~0U, 0) != 0) {
        _exit(1);
    }
    reset_signals();
    trial->report_fd = 3;
    trial->go_fd = 4;
    lockstep_probe_trial_run(trial, parent);
}

/* The subject half's ends of the pipes between the halves. */
static enum lockstep_err open_pipes(struct watch *watch, int ret_ends[END_COUNT],
                                    struct lockstep_error *err)
{
    for (int i = 0; i < END_COUNT; i++) {
        bool back = i == END_GO; /* the only one in which we write */
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "pipe");
        }
        ret_ends[i] = back ? pair[0] : pair[1];
        if (back) {
            watch->go = pair[1];
        } else {
            watch->polls[i] = (struct pollfd){.fd = pair[0], .events = POLLIN};
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err start(struct watch *watch, struct lockstep_probe_trial *trial,
                               struct lockstep_error *err)
{
    int ends[END_COUNT] = {-1, -1, -1};
    pid_t parent = getpid();
    enum lockstep_err code = open_pipes(watch, ends, err);
    if (code == LOCKSTEP_OK) {
        watch->child = fork();
        if (watch->child == 0) {
            become_subject(trial, parent, ends);
        }
        if (watch->child < 0) {
            code = LOCKSTEP_FAIL_ERRNO(err, "fork");
        }
    }
    for (int i = 0; i < END_COUNT; i++) {
        if (ends[i] >= 0) {
            (void)close(ends[i]);
        }
    }
    if (code == LOCKSTEP_OK) {
        watch->polls[WATCH_CHILD] = (struct pollfd){
            .fd = (int)syscall(SYS_pidfd_open, watch->child, 0), .events = POLLIN};
    }
    return code;
}

static void deinit_watch(struct watch *watch)
{
    for (int i = 0; i < WATCH_COUNT; i++) {
        if (watch->polls[i].fd >= 0) {
            (void)close(watch->polls[i].fd);
        }
    }
    if (watch->go >= 0) {
        (void)close(watch->go);
    }
    lockstep_probe_report_deinit(&watch->report);
}

static void drop_trial(struct lockstep_probe_trial **trial)
{
    if (*trial != NULL) {
        lockstep_probe_trial_deinit(*trial);
        free(*trial);
    }
}

enum lockstep_err lockstep_probe_try(const struct lockstep_probe_request *request,
                                     struct lockstep_probe_verdict *verdict,
                                     struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(drop_trial) struct lockstep_probe_trial *trial = calloc(1, sizeof(*trial));
    LOCKSTEP_CLEANUP(deinit_watch)
    struct watch watch = {
        .polls = {{.fd = -1}, {.fd = -1}, {.fd = -1, .events = POLLIN}, {.fd = -1}},
        .report = {.calls = -1},
        .go = -1,
        .memory_bytes = MEMORY_OF(request),
        .deadline_ms = now_ms() + request->deadline_ms,
        .started_ms = now_ms(),
        .step_deadline_ms = UINT64_MAX,
    };
    uint64_t started_us = now_us();
    if (trial == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a trial");
    }
    trial->request = request;
    trial->verdict = verdict;
    verdict->trial = !request->look_only;
    lockstep_probe_stamp(verdict);
    lockstep_probe_trial_read(trial);
    LOCKSTEP_TRY(start(&watch, trial, err));
    watch_child(&watch);
    lockstep_probe_conclude(&watch, verdict);
    verdict->elapsed_us = now_us() - started_us;
    return LOCKSTEP_OK;
}
