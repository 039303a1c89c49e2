/* Which processes are taken for verbs of an agent that died, and are ended. */
#include "agent/exec_files.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT "/tmp/lockstep-orphans-test/exec"

enum output {
    PIPE,
    NOWHERE,
};

static const struct orphan_row {
    const char *name;
    const char *variable; /* of its environment, behind another one */
    enum output out;
    enum output err;
    bool ends;
} orphan_rows[] = {
    {"a verb", "LOCKSTEP_WORK=" ROOT "/1/a", PIPE, PIPE, true},
    {"only its output is the agent's", "LOCKSTEP_WORK=" ROOT "/1/a", PIPE, NOWHERE, true},
    {"only its errors are the agent's", "LOCKSTEP_WORK=" ROOT "/1/a", NOWHERE, PIPE, true},
    {"a daemon that a verb started", "LOCKSTEP_WORK=" ROOT "/1/a", NOWHERE, NOWHERE, false},
    {"of another agent", "LOCKSTEP_WORK=/elsewhere/exec/1/a", PIPE, PIPE, false},
    {"of one whose name begins alike", "LOCKSTEP_WORK=" ROOT "-2/1/a", PIPE, PIPE, false},
    {"no verb at all", "LOCKSTEP_WORKS=" ROOT "/1/a", PIPE, PIPE, false},
};

static void set_output(int fd, enum output output)
{
    int pair[2];
    int target = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (output == PIPE && pipe2(pair, O_CLOEXEC) == 0) {
        target = pair[1];
    }
    (void)dup2(target, fd);
}

/* Comes back when it is the other program. */
static pid_t start(const struct orphan_row *row)
{
    char *environment[] = {(char[]){"PATH=/bin"}, strdup(row->variable), NULL};
    int begun[2];
    char byte;
    pid_t pid;
    assert_non_null(environment[1]);
    assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        set_output(STDOUT_FILENO, row->out);
        set_output(STDERR_FILENO, row->err);
        (void)execle("/bin/sleep", "sleep", "100", NULL, environment);
        _exit(1);
    }
    (void)close(begun[1]);
    assert_int_equal(read(begun[0], &byte, 1), 0);
    (void)close(begun[0]);
    free(environment[1]);
    return pid;
}

static void check_orphan(void **state)
{
    const struct orphan_row *row = *state;
    pid_t pid = start(row);
    int status = 0;
    pid_t ended;
    assert_true(pid > 0);
    lockstep_exec_files_end_orphans(ROOT);
    ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0) {
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    assert_int_equal(ended, row->ends ? pid : 0);
    assert_true(ended == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("orphans", orphan_rows, check_orphan);
}
