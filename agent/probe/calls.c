#include "agent/probe/calls.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_SHOWN 80

/* Calls whose argument says more than their name: which one is a path. */
static const struct {
    int number;
    int argument;
} paths[] = {
    {SCMP_SYS(openat), 1},   {SCMP_SYS(open), 0},     {SCMP_SYS(creat), 0},
    {SCMP_SYS(unlink), 0},   {SCMP_SYS(unlinkat), 1}, {SCMP_SYS(mkdir), 0},
    {SCMP_SYS(mkdirat), 1},  {SCMP_SYS(rename), 0},   {SCMP_SYS(renameat2), 1},
    {SCMP_SYS(truncate), 0}, {SCMP_SYS(execve), 0},   {SCMP_SYS(chmod), 0},
};

int lockstep_probe_calls_take(int child, int number)
{
    return (int)syscall(SYS_pidfd_getfd, child, number, 0);
}

/* Whatever stands at ADDRESS of PROCESS, as far as it can be printed. */
static void read_path(pid_t process, uint64_t address, char ret_path[PATH_SHOWN + 1])
{
    const struct iovec local = {.iov_base = ret_path, .iov_len = PATH_SHOWN};
    const struct iovec remote = {
        /* An address of the other process. */
        .iov_base = (void *)(uintptr_t)address, /* NOLINT */
        .iov_len = PATH_SHOWN,
    };
    ssize_t got = process_vm_readv(process, &local, 1, &remote, 1, 0);
    ret_path[got < 0 ? 0 : got] = '\0';
    for (char *c = ret_path; *c != '\0'; c++) {
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    }
}

static void say_argument(const struct seccomp_notif *call, char ret_text[PATH_SHOWN + 16])
{
    char path[PATH_SHOWN + 1];
    ret_text[0] = '\0';
    for (size_t i = 0; i < LOCKSTEP_COUNT(paths); i++) {
        if (paths[i].number >= 0 && paths[i].number == call->data.nr) {
            read_path((pid_t)call->pid, call->data.args[paths[i].argument], path);
            (void)snprintf(ret_text, PATH_SHOWN + 16, " of %s", path);
        }
    }
    if (call->data.nr == SCMP_SYS(socket)) {
        (void)snprintf(ret_text, PATH_SHOWN + 16, " of family %d", (int)call->data.args[0]);
    }
}

/* What is thrown away harms nobody. */
static bool is_harmless(const char *argument)
{
    return strcmp(argument, " of /dev/null") == 0;
}

static void remember(struct lockstep_probe_calls *calls, const struct seccomp_notif *call,
                     size_t subject, const char *step)
{
    struct lockstep_probe_try *try = &calls->tries[calls->count];
    char argument[PATH_SHOWN + 16];
    LOCKSTEP_FREE char *name = NULL;
    say_argument(call, argument);
    for (size_t i = 0; i < calls->count; i++) {
        if (calls->tries[i].number == call->data.nr) {
            return;
        }
    }
    if (calls->count == LOCKSTEP_PROBE_CALLS_MAX || is_harmless(argument)) {
        return;
    }
    name = seccomp_syscall_resolve_num_arch(call->data.arch, call->data.nr);
    try->number = call->data.nr;
    try->subject = subject;
    (void)snprintf(try->text, sizeof(try->text), "%.80s made the system call %.40s%s", step,
                   name == NULL ? "?" : name, argument);
    calls->count++;
}

static bool is_ready(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0;
}

bool lockstep_probe_calls_answer(struct lockstep_probe_calls *calls, int fd, size_t subject,
                                 const char *step)
{
    struct seccomp_notif *call = NULL;
    struct seccomp_notif_resp *answer = NULL;
    /* To receive would wait for the next call if the one that was there has gone. */
    if (!is_ready(fd) || seccomp_notify_alloc(&call, &answer) != 0) {
        return false;
    }
    if (seccomp_notify_receive(fd, call) == 0) {
        remember(calls, call, subject, step);
        answer->id = call->id;
        answer->error = -EPERM;
        (void)seccomp_notify_respond(fd, answer);
    }
    seccomp_notify_free(call, answer);
    return true;
}

void lockstep_probe_calls_conclude(const struct lockstep_probe_calls *calls,
                                   struct lockstep_probe_verdict *verdict)
{
    size_t count = verdict->findings_count;
    size_t kept = LOCKSTEP_PROBE_FINDINGS_MAX - calls->count;
    struct lockstep_probe_finding *rest;
    if (calls->count == 0) {
        return;
    }
    rest = calloc(LOCKSTEP_PROBE_FINDINGS_MAX, sizeof(*rest));
    kept = rest == NULL ? 0 : kept < count ? kept : count;
    for (size_t i = 0; i < kept; i++) {
        rest[i] = verdict->findings[i];
    }
    verdict->findings_count = 0;
    verdict->no = LOCKSTEP_NO_UNSPECIFIED;
    for (size_t i = 0; i < calls->count; i++) {
        lockstep_probe_verdict_find(verdict, calls->tries[i].subject, LOCKSTEP_PROBE_CHECK_WALLS,
                                    "%s", calls->tries[i].text);
    }
    for (size_t i = 0; i < kept; i++) {
        verdict->findings[verdict->findings_count++] = rest[i];
    }
    free(rest);
}
