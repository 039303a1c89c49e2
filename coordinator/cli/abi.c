#include "coordinator/cli/abi.h"

#include "common/base/cleanup.h"
#include "common/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ABIDIFF      "abidiff"
#define PATH_BYTES   4096
#define MEMORY_BYTES (4ULL << 30)

/* Bits of its exit status, as its manual has them. */
enum { ABIDIFF_ERROR = 1, ABIDIFF_USAGE = 2, ABIDIFF_CHANGE = 4, ABIDIFF_INCOMPATIBLE = 8 };

/* A child that runs. */
struct running {
    pid_t pid;
    int output;
    uint64_t end_ms;
    size_t length;
    bool late;
};

static uint64_t now_ms(void)
{
    return lockstep_monotonic_us() / 1000;
}

/* The first abidiff of PATH; false if there is none. */
static bool find_abidiff(char ret_path[PATH_BYTES])
{
    const char *path = getenv("PATH");
    LOCKSTEP_FREE char *folders = strdup(path == NULL ? "/usr/bin:/bin" : path);
    char *rest = folders;
    for (char *folder; folders != NULL && (folder = strsep(&rest, ":")) != NULL;) {
        int length = snprintf(ret_path, PATH_BYTES, "%s/" ABIDIFF, *folder == '\0' ? "." : folder);
        if (length > 0 && length < PATH_BYTES && access(ret_path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void limit(__rlimit_resource_t resource, uint64_t value)
{
    const struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    if (setrlimit(resource, &both) != 0) {
        _exit(ABIDIFF_ERROR);
    }
}

/* In the child of a program that has threads: nothing here may allocate or lock. */
LOCKSTEP_NORETURN static void become_abidiff(const char *path, char *const *argv, int output,
                                             uint64_t limit_ms)
{
    static char language[] = "LC_ALL=C";
    char *environment[] = {language, NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CPU, limit_ms / 1000 + 1);
#ifndef LOCKSTEP_SANITIZED /* which says nothing of programs that are started */
    limit(RLIMIT_AS, MEMORY_BYTES);
#endif
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0) {
        _exit(ABIDIFF_ERROR);
    }
    (void)execve(path, argv, environment);
    _exit(ABIDIFF_ERROR);
}

static enum lockstep_err start(const char *before, const char *after, uint64_t limit_ms,
                               struct running *running, struct lockstep_error *err)
{
    char path[PATH_BYTES];
    char program[] = ABIDIFF;
    char types[] = "--non-reachable-types"; /* a module shows one symbol, its types are within */
    LOCKSTEP_FREE char *first = strdup(before);
    LOCKSTEP_FREE char *second = strdup(after);
    char *argv[] = {program, types, first, second, NULL};
    int ends[2];
    if (!find_abidiff(path)) {
        return LOCKSTEP_FAIL(err, IO,
                             "--abi-check needs abidiff, which is not in PATH: install the package "
                             "abigail-tools, or push without --abi-check");
    }
    if (first == NULL || second == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory to start abidiff");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "no pipe for abidiff");
    }
    running->pid = fork();
    if (running->pid == 0) {
        become_abidiff(path, argv, ends[1], limit_ms);
    }
    (void)close(ends[1]);
    running->output = ends[0];
    running->end_ms = now_ms() + limit_ms;
    return running->pid < 0 ? LOCKSTEP_FAIL_ERRNO(err, "abidiff cannot be started") : LOCKSTEP_OK;
}

/* Reads to the end, keeping the beginning. False when the time is over. */
static bool read_report(struct running *running, char report[LOCKSTEP_ABI_REPORT_TEXT])
{
    for (;;) {
        char bytes[4096];
        uint64_t now = now_ms();
        struct pollfd ready = {.fd = running->output, .events = POLLIN};
        size_t room = LOCKSTEP_ABI_REPORT_TEXT - 1 - running->length;
        ssize_t got;
        if (now >= running->end_ms || poll(&ready, 1, (int)(running->end_ms - now)) == 0) {
            return false;
        }
        got = read(running->output, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return true;
        }
        for (size_t i = 0; i < (size_t)got && i < room; i++) {
            bool plain = bytes[i] == '\n' || (bytes[i] >= ' ' && bytes[i] <= '~');
            report[running->length++] = plain ? bytes[i] : '?';
        }
    }
}

/* Ends it, and whatever it has started; its exit status. */
static int reap(const struct running *running)
{
    siginfo_t end;
    int status = 0;
    if (running->late) {
        (void)kill(running->pid, SIGKILL);
    }
    while (waitid(P_PID, (id_t)running->pid, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    (void)kill(-running->pid, SIGKILL); /* its group is its own as long as it is not reaped */
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static void judge(int status, const struct running *running, struct lockstep_abi_answer *answer)
{
    int bits = WIFEXITED(status) ? WEXITSTATUS(status) : ABIDIFF_ERROR;
    answer->abi = LOCKSTEP_ABI_UNKNOWN;
    if (running->late) {
        (void)snprintf(answer->report, sizeof(answer->report), "abidiff did not end in time");
    } else if (!WIFEXITED(status)) {
        (void)snprintf(answer->report, sizeof(answer->report), "abidiff died of signal %d",
                       WTERMSIG(status));
    } else if ((bits & (ABIDIFF_ERROR | ABIDIFF_USAGE)) != 0 && answer->report[0] == '\0') {
        (void)snprintf(answer->report, sizeof(answer->report), "abidiff ended with %d", bits);
    } else if ((bits & (ABIDIFF_ERROR | ABIDIFF_USAGE)) == 0) {
        answer->abi = (bits & ABIDIFF_INCOMPATIBLE) != 0 ? LOCKSTEP_ABI_INCOMPATIBLE
                      : (bits & ABIDIFF_CHANGE) != 0     ? LOCKSTEP_ABI_CHANGED
                      : bits == 0                        ? LOCKSTEP_ABI_SAME
                                                         : LOCKSTEP_ABI_UNKNOWN;
    }
}

enum lockstep_err lockstep_abi_compare(const char *before, const char *after, uint64_t limit_ms,
                                       struct lockstep_abi_answer *ret_answer,
                                       struct lockstep_error *err)
{
    struct running running = {.output = -1};
    enum lockstep_err code = start(before, after, limit_ms, &running, err);
    if (code == LOCKSTEP_OK) {
        running.late = !read_report(&running, ret_answer->report);
        ret_answer->report[running.length] = '\0';
        judge(reap(&running), &running, ret_answer);
    }
    if (running.output >= 0) {
        (void)close(running.output);
    }
    return code;
}
