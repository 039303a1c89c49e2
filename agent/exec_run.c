#include "agent/exec_run.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define PIECE 4096

/* ---- the end -------------------------------------------------------------------------------- */

static void kill_group(const struct lockstep_exec_run *run, int signal)
{
    if (run->pid > 0) {
        (void)kill(-run->pid, signal);
    }
}

static void close_output(struct lockstep_exec_run *run)
{
    lockstep_watch_clear(run->loop, &run->watch);
    if (run->output >= 0) {
        (void)close(run->output);
        run->output = -1;
    }
}

/* Everything but the text, which the result points to. */
static void release(struct lockstep_exec_run *run)
{
    close_output(run);
    lockstep_timer_disarm(run->loop, &run->timer);
    lockstep_loop_unpost(run->loop, &run->post);
    lockstep_child_forget(run->loop, &run->child);
    run->pid = 0;
    run->busy = false;
}

static void finish(struct lockstep_exec_run *run, enum lockstep_exec_end end, int number)
{
    LOCKSTEP_FREE char *text = run->text;
    struct lockstep_exec_result result = {
        .end = end, .number = number, .output = "", .printed = run->printed};
    release(run);
    run->text = NULL;
    if (text != NULL) {
        size_t surplus = run->length > run->output_max ? run->length - run->output_max : 0;
        text[run->length] = '\0';
        result.output = text + surplus;
        result.length = run->length - surplus;
    }
    run->done(run->context, &result); /* may start the next one */
}

/* ---- output --------------------------------------------------------------------------------- */

/* False at its end, or if there is nothing to be read now. */
static bool read_piece(struct lockstep_exec_run *run)
{
    char piece[PIECE];
    ssize_t got = read(run->output, piece, sizeof(piece));
    const char *from = piece;
    size_t count = got > 0 ? (size_t)got : 0;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_output(run);
    }
    run->printed += count;
    if (count > run->output_max) {
        from += count - run->output_max;
        count = run->output_max;
    }
    if (run->length + count > 2 * run->output_max) {
        size_t kept = run->output_max;
        memmove(run->text, run->text + run->length - kept, kept);
        run->length = kept;
    }
    memcpy(run->text + run->length, from, count);
    run->length += count;
    return got > 0;
}

static void readable(void *context, uint32_t events)
{
    (void)events;
    (void)read_piece(context);
}

/* What is in the pipe when the program has ended. More than a pipe holds is not its own. */
static void drain(struct lockstep_exec_run *run)
{
    for (size_t taken = 0; run->output >= 0 && taken < LOCKSTEP_EXEC_OUTPUT_MAX; taken += PIECE) {
        if (!read_piece(run)) {
            return;
        }
    }
}

/* ---- the program ---------------------------------------------------------------------------- */

static void exited(void *context, pid_t pid, int status)
{
    struct lockstep_exec_run *run = context;
    (void)kill(-pid, SIGKILL); /* what it left in its group */
    drain(run);
    if (run->late) {
        finish(run, LOCKSTEP_EXEC_LATE, 0);
    } else if (WIFSIGNALED(status)) {
        finish(run, LOCKSTEP_EXEC_SIGNALLED, WTERMSIG(status));
    } else {
        finish(run, LOCKSTEP_EXEC_EXITED, WEXITSTATUS(status));
    }
}

static void due(void *context)
{
    struct lockstep_exec_run *run = context;
    kill_group(run, run->late ? SIGKILL : SIGTERM);
    if (!run->late) {
        run->late = true;
        lockstep_timer_arm(run->loop, &run->timer,
                           lockstep_time_after(lockstep_loop_now(run->loop), run->kill_ms));
    }
}

static void not_started(void *context)
{
    struct lockstep_exec_run *run = context;
    finish(run, LOCKSTEP_EXEC_NOT_STARTED, run->failed);
}

static int set_streams(posix_spawn_file_actions_t *actions, int output)
{
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return failed != 0 ? failed : posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    int failed;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETSIGDEF);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    return failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
}

/* posix_spawn wants what it does not change without const. */
static int spawn(const struct lockstep_exec_command *command, int output, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    union {
        const char *const *seen;
        char *const *wanted;
    } argv = {command->argv}, environment = {command->environment};
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_streams(&actions, output);
        failed = failed != 0 ? failed : set_attributes(&attributes);
        failed = failed != 0 ? failed
                             : posix_spawn(ret_pid, command->argv[0], &actions, &attributes,
                                           argv.wanted, environment.wanted);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* errno, or 0: it runs and is watched. */
static int begin(struct lockstep_exec_run *run, const struct lockstep_exec_command *command)
{
    int pair[2];
    int failed;
    run->text = malloc(2 * command->output_max + 1);
    if (run->text == NULL) {
        return ENOMEM;
    }
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return errno;
    }
    run->output = pair[0];
    failed = fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 ? errno : spawn(command, pair[1], &run->pid);
    (void)close(pair[1]);
    if (failed != 0) {
        run->pid = 0;
        return failed;
    }
    if (lockstep_child_watch(run->loop, &run->child, run->pid, NULL) != LOCKSTEP_OK ||
        lockstep_watch_set(run->loop, &run->watch, run->output, EPOLLIN, NULL) != LOCKSTEP_OK) {
        kill_group(run, SIGKILL);
        lockstep_child_forget(run->loop, &run->child);
        (void)waitpid(run->pid, NULL, 0); /* killed, so it takes no time */
        run->pid = 0;
        return EMFILE;
    }
    return 0;
}

void lockstep_exec_run_init(struct lockstep_exec_run *run, struct lockstep_loop *loop,
                            void (*done)(void *context, const struct lockstep_exec_result *result),
                            void *context)
{
    *run = (struct lockstep_exec_run){.done = done, .context = context, .loop = loop, .output = -1};
    run->child = (struct lockstep_child){.exited = exited, .context = run};
    run->child.watch.fd = -1;
    run->watch = (struct lockstep_watch){.ready = readable, .context = run, .fd = -1};
    run->timer = (struct lockstep_timer){.due = due, .context = run};
    run->post = (struct lockstep_post){.arrived = not_started, .context = run};
}

void lockstep_exec_run_start(struct lockstep_exec_run *run,
                             const struct lockstep_exec_command *command)
{
    ASSERT(!run->busy && command->argv[0] != NULL && command->argv[0][0] == '/');
    ASSERT(command->output_max > 0 && command->output_max <= LOCKSTEP_EXEC_OUTPUT_MAX);
    run->busy = true;
    run->late = false;
    run->length = 0;
    run->printed = 0;
    run->output_max = command->output_max;
    run->kill_ms = command->kill_ms;
    run->failed = begin(run, command);
    if (run->failed != 0) {
        lockstep_loop_post(run->loop, &run->post);
        return;
    }
    lockstep_timer_arm(run->loop, &run->timer,
                       lockstep_time_after(lockstep_loop_now(run->loop), command->limit_ms));
}

bool lockstep_exec_run_is_busy(const struct lockstep_exec_run *run)
{
    return run->busy;
}

void lockstep_exec_run_stop(struct lockstep_exec_run *run)
{
    pid_t pid = run->pid;
    kill_group(run, SIGKILL);
    release(run);
    if (pid > 0) {
        (void)waitpid(pid, NULL, 0);
    }
    free(run->text);
    run->text = NULL;
}
