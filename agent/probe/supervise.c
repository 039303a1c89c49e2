/* The supervisor: starts the subject half, watches the clock, explains how it ended. */
#include "agent/probe/trial.h"

#include "agent/probe/report.h"
#include "agent/probe/trial_internal.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum watched { WATCH_REPORT, WATCH_OUTPUT, WATCH_CHILD, WATCH_COUNT };

/* A trial that runs. */
struct watch {
    pid_t child;
    struct pollfd polls[WATCH_COUNT]; /* descriptors owned, -1 when at their end */
    struct lockstep_probe_report report;
    char output[LOCKSTEP_PROBE_OUTPUT_MAX + 1]; /* the end of what was written */
    size_t output_length;
    uint64_t started_ms;
    uint64_t deadline_ms;      /* of the whole */
    uint64_t step_deadline_ms; /* of the step, UINT64_MAX: none */
    uint64_t steps_seen;
    bool timed_out;
    int status; /* of waitpid */
};

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

static void watch_child(struct watch *watch)
{
    for (;;) {
        int left = time_left(watch);
        int ready = left == 0 ? 0 : poll(watch->polls, WATCH_COUNT, left);
        if (ready == 0 || watch->report.broken) {
            watch->timed_out = ready == 0;
            (void)kill(watch->child, SIGKILL);
            break;
        }
        for (int i = WATCH_REPORT; ready > 0 && i <= WATCH_OUTPUT; i++) {
            if (watch->polls[i].fd >= 0 && watch->polls[i].revents != 0) {
                read_some(watch, (enum watched)i);
            }
        }
        follow_steps(watch);
        if (ready > 0 && watch->polls[WATCH_CHILD].revents != 0) {
            break;
        }
    }
    reap(watch);
    drain(watch);
}

/* "smoke test tables", "load" */
static void say_step(const struct watch *watch, char *ret_text, size_t size)
{
    const struct lockstep_probe_step *step = &watch->report.step;
    if (step->what[0] != '\0') {
        (void)snprintf(ret_text, size, "%s %s", lockstep_probe_stage_text(step->stage), step->what);
    } else {
        (void)snprintf(ret_text, size, "%s", lockstep_probe_stage_text(step->stage));
    }
}

static void explain_time(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    uint64_t limit = watch->report.step.limit_ms;
    say_step(watch, step, sizeof(step));
    if (limit > 0 && watch->step_deadline_ms < watch->deadline_ms) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_ANSWERS,
                                    "%s did not end within its %" PRIu64 " ms", step, limit);
        return;
    }
    lockstep_probe_verdict_find(verdict, watch->report.step.subject, LOCKSTEP_PROBE_CHECK_ANSWERS,
                                "%s did not end within the %" PRIu64 " ms of the trial", step,
                                watch->deadline_ms - watch->started_ms);
}

static void explain_signal(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    int number = WTERMSIG(watch->status);
    const char *name = sigabbrev_np(number);
    const char *why = "";
    say_step(watch, step, sizeof(step));
    if (number == SIGSYS) {
        why = ": it made a system call that is forbidden in the sandbox";
    } else if (number == SIGXCPU) {
        why = ": it used more processor time than the trial may take";
    }
    lockstep_probe_verdict_find(
        verdict, watch->report.step.subject,
        number == SIGXCPU ? LOCKSTEP_PROBE_CHECK_ANSWERS : LOCKSTEP_PROBE_CHECK_SURVIVES,
        "it was killed by SIG%s in %s%s", name == NULL ? "?" : name, step, why);
}

/* The end of the subject half, where it did not speak for itself. */
static void explain_end(const struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    char step[LOCKSTEP_PROBE_WHAT_TEXT + 32];
    say_step(watch, step, sizeof(step));
    verdict->stage = watch->report.step.stage;
    if (watch->timed_out) {
        explain_time(watch, verdict);
    } else if (watch->report.broken) {
        lockstep_probe_verdict_find(verdict, watch->report.step.subject,
                                    LOCKSTEP_PROBE_CHECK_SURVIVES,
                                    "it garbled what the probe says about it, in %s", step);
    } else if (WIFSIGNALED(watch->status)) {
        explain_signal(watch, verdict);
    } else {
        lockstep_probe_verdict_find(
            verdict, watch->report.step.subject, LOCKSTEP_PROBE_CHECK_SURVIVES,
            "it ended the process with status %d in %s", WEXITSTATUS(watch->status), step);
    }
}

/* What the subject half found replaces what was known before it began. */
static void conclude(struct watch *watch, struct lockstep_probe_verdict *verdict)
{
    if (watch->report.verdict != NULL) {
        *verdict = *watch->report.verdict;
    }
    if (!watch->report.is_final || watch->timed_out || !WIFEXITED(watch->status) ||
        WEXITSTATUS(watch->status) != 0) {
        explain_end(watch, verdict);
    }
    for (size_t i = 0; i < watch->output_length; i++) {
        char c = watch->output[i];
        verdict->output[i] = c == '\n' || (c >= ' ' && c <= '~') ? c : '?';
    }
    verdict->output[watch->output_length] = '\0';
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
                                             int report, int output)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int kept = fcntl(report, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || kept < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || dup2(kept, 3) < 0 || close_range(4, ~0U, 0) != 0) {
        _exit(1);
    }
    reset_signals();
    trial->report_fd = 3;
    lockstep_probe_trial_run(trial, parent);
}

static enum lockstep_err start(struct watch *watch, struct lockstep_probe_trial *trial,
                               struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int report = -1;
    LOCKSTEP_CLOSE int output = -1;
    int pair[2];
    pid_t parent = getpid();
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "pipe");
    }
    watch->polls[WATCH_REPORT] = (struct pollfd){.fd = pair[0], .events = POLLIN};
    report = pair[1];
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "pipe");
    }
    watch->polls[WATCH_OUTPUT] = (struct pollfd){.fd = pair[0], .events = POLLIN};
    output = pair[1];
    watch->child = fork();
    if (watch->child < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "fork");
    }
    if (watch->child == 0) {
        become_subject(trial, parent, report, output);
    }
    watch->polls[WATCH_CHILD] = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, watch->child, 0),
                                                .events = POLLIN};
    return LOCKSTEP_OK;
}

static void deinit_watch(struct watch *watch)
{
    for (int i = 0; i < WATCH_COUNT; i++) {
        if (watch->polls[i].fd >= 0) {
            (void)close(watch->polls[i].fd);
        }
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
        .polls = {{.fd = -1}, {.fd = -1}, {.fd = -1}},
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
    conclude(&watch, verdict);
    verdict->elapsed_us = now_us() - started_us;
    return LOCKSTEP_OK;
}
