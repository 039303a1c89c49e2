/* One program with bounds: what it gets, what is kept of what it says, how it is ended. */
#include "agent/exec_run.h"

#include "tests/support/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define LONG_MS 10000

struct bench {
    struct lockstep_loop *loop;
    struct lockstep_exec_run run;
    unsigned answers;
    enum lockstep_exec_end end;
    int number;
    uint64_t printed;
    size_t length;
    char output[LOCKSTEP_EXEC_OUTPUT_MAX + 1];
};

static void take_done(void *context, const struct lockstep_exec_result *result)
{
    struct bench *bench = context;
    bench->answers++;
    bench->end = result->end;
    bench->number = result->number;
    bench->printed = result->printed;
    bench->length = result->length;
    assert_true(result->length <= LOCKSTEP_EXEC_OUTPUT_MAX);
    memcpy(bench->output, result->output, result->length + 1);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    assert_int_equal(lockstep_loop_new(&bench->loop, NULL), LOCKSTEP_OK);
    lockstep_exec_run_init(&bench->run, bench->loop, take_done, bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    lockstep_exec_run_stop(&bench->run);
    bench->loop = lockstep_loop_free(bench->loop);
    free(bench);
    return 0;
}

struct run_row {
    const char *name;
    const char *script; /* of /bin/sh */
    uint64_t limit_ms;  /* 0: long */
    size_t output_max;  /* 0: much */
    enum lockstep_exec_end end;
    int number;
    const char *output; /* NULL: not looked at */
};

static void start_with(struct bench *bench, const struct run_row *row, uint64_t kill_ms)
{
    const char *argv[] = {"/bin/sh", "-c", row->script, NULL};
    const char *environment[] = {"PATH=/usr/bin:/bin", "LANG=C", "MARK=here", NULL};
    const struct lockstep_exec_command command = {
        .argv = argv,
        .environment = environment,
        .limit_ms = row->limit_ms == 0 ? 20000 : row->limit_ms,
        .kill_ms = kill_ms,
        .output_max = row->output_max == 0 ? LOCKSTEP_EXEC_OUTPUT_MAX : row->output_max};
    lockstep_exec_run_start(&bench->run, &command);
    assert_true(lockstep_exec_run_is_busy(&bench->run));
    assert_int_equal(bench->answers, 0);
}

static void start(struct bench *bench, const struct run_row *row)
{
    start_with(bench, row, 100);
}

static void await(struct bench *bench)
{
    uint64_t end = lockstep_monotonic_us() + LONG_MS * 1000;
    while (bench->answers == 0 && lockstep_monotonic_us() < end) {
        assert_int_equal(lockstep_loop_once(bench->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(bench->answers, 1);
    assert_false(lockstep_exec_run_is_busy(&bench->run));
}

/* Until the program has said something. The loop is not turned, so its time does not end before. */
static void await_output(const struct bench *bench)
{
    struct pollfd wait = {.fd = bench->run.output, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, LONG_MS), 1);
}

static const struct run_row run_rows[] = {
    {"a good end", "echo well", 0, 0, LOCKSTEP_EXEC_EXITED, 0, "well\n"},
    {"a bad end", "echo bad >&2; exit 75", 0, 0, LOCKSTEP_EXEC_EXITED, 75, "bad\n"},
    {"both streams, in order", "echo a; echo b >&2; echo c", 0, 0, LOCKSTEP_EXEC_EXITED, 0,
     "a\nb\nc\n"},
    {"a signal", "kill -SEGV $$", 0, 0, LOCKSTEP_EXEC_SIGNALLED, SIGSEGV, NULL},
    {"the last of much output", "seq 1 100000", 0, 12, LOCKSTEP_EXEC_EXITED, 0, "9999\n100000\n"},
    {"output without end", "exec yes", 300, 8, LOCKSTEP_EXEC_LATE, 0, NULL},
    {"its environment is given", "env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)=' | sort", 0, 0,
     LOCKSTEP_EXEC_EXITED, 0, "LANG=C\nMARK=here\nPATH=/usr/bin:/bin\n"},
    {"its directory is /", "pwd", 0, 0, LOCKSTEP_EXEC_EXITED, 0, "/\n"},
    {"nothing is to be read", "cat; readlink /proc/self/fd/0", 0, 0, LOCKSTEP_EXEC_EXITED, 0,
     "/dev/null\n"},
    {"it is late", "sleep 100", 200, 0, LOCKSTEP_EXEC_LATE, 0, ""},
    {"late and deaf", "trap '' TERM; while :; do sleep 1; done", 200, 0, LOCKSTEP_EXEC_LATE, 0,
     NULL},
    {"a child keeps the output", "sleep 100 & echo gone", 0, 0, LOCKSTEP_EXEC_EXITED, 0, "gone\n"},
    {"signals are not ignored", "kill -PIPE $$", 0, 0, LOCKSTEP_EXEC_SIGNALLED, SIGPIPE, NULL},
};

static void check_run(void **state)
{
    const struct run_row *row = *state;
    void *made = NULL;
    struct bench *bench;
    const struct sigaction ignore = {.sa_handler = SIG_IGN}; /* as a daemon has it */
    struct sigaction before;
    assert_int_equal(sigaction(SIGPIPE, &ignore, &before), 0);
    (void)set_up(&made);
    bench = made;
    start(bench, row);
    await(bench);
    assert_int_equal(bench->end, row->end);
    assert_int_equal(bench->number, row->number);
    if (row->output != NULL) {
        assert_string_equal(bench->output, row->output);
    }
    assert_true(row->output_max == 0 || bench->length <= row->output_max);
    assert_true(bench->printed >= bench->length);
    (void)tear_down(&made);
    (void)sigaction(SIGPIPE, &before, NULL);
}

static void sees_no_descriptor_of_ours(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {.script = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"};
    int leak = open("/dev/null", O_RDONLY); /* somebody forgot O_CLOEXEC */
    int high = fcntl(leak, F_DUPFD, 200);
    assert_true(leak > 2 && high >= 200);
    start(bench, &row);
    await(bench);
    assert_non_null(strstr(bench->output, "0\n1\n2\n"));
    assert_null(strstr(bench->output, "200"));
    (void)close(leak);
    (void)close(high);
}

/* Its grandchild, deaf to SIGTERM, says who it is. */
static pid_t read_pid(const struct bench *bench)
{
    pid_t pid = (pid_t)strtol(bench->output, NULL, 10);
    assert_true(pid > 1);
    return pid;
}

/* Nobody's child any more, so nobody here can wait for it; its descriptor says when it has ended.
 */
static bool is_dead(pid_t pid, int within_ms)
{
    struct pollfd wait = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    bool dead = wait.fd < 0 || poll(&wait, 1, within_ms) == 1;
    if (wait.fd >= 0) {
        (void)close(wait.fd);
    }
    return dead;
}

#define DEAF "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & "
/* Starts what says its number in the background, and goes on when it has. */
#define AWAITED(program) "{ " program "} | { read pid; echo $pid; }"

static void ends_grandchildren_when_late(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {.script = DEAF "wait", .limit_ms = 300};
    start(bench, &row);
    await_output(bench);
    await(bench);
    assert_int_equal(bench->end, LOCKSTEP_EXEC_LATE);
    assert_true(is_dead(read_pid(bench), LONG_MS));
}

/* It is killed long after that, if it does not end by itself. */
static void may_tidy_up_when_late(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {.script = "exec 2>/dev/null; trap 'echo tidy; exit 0' TERM; "
                                          "echo ready; while :; do sleep 0.05; done",
                                .limit_ms = 200};
    start_with(bench, &row, LONG_MS);
    await_output(bench);
    await(bench);
    assert_int_equal(bench->end, LOCKSTEP_EXEC_LATE);
    assert_string_equal(bench->output, "ready\ntidy\n");
}

static void ends_what_was_left_behind(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {.script = AWAITED(DEAF)};
    start(bench, &row);
    await(bench);
    assert_int_equal(bench->end, LOCKSTEP_EXEC_EXITED);
    assert_true(is_dead(read_pid(bench), LONG_MS));
}

static void a_daemon_in_a_session_of_its_own_lives_on(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {
        .script = AWAITED("setsid sh -c 'echo $$; exec sleep 100 >/dev/null 2>&1' & ")};
    pid_t pid;
    start(bench, &row);
    await(bench);
    pid = read_pid(bench);
    assert_false(is_dead(pid, 0));
    (void)kill(pid, SIGKILL);
}

static void stops_without_an_answer(void **state)
{
    struct bench *bench = *state;
    const struct run_row row = {.script = "sleep 100"};
    start(bench, &row);
    lockstep_exec_run_stop(&bench->run);
    assert_false(lockstep_exec_run_is_busy(&bench->run));
    assert_int_equal(lockstep_loop_once(bench->loop, 10, NULL), LOCKSTEP_OK);
    assert_int_equal(bench->answers, 0);
}

static void a_missing_program_is_a_result(void **state)
{
    struct bench *bench = *state;
    const char *argv[] = {"/nowhere/at/all", NULL};
    const char *environment[] = {NULL};
    const struct lockstep_exec_command command = {.argv = argv,
                                                  .environment = environment,
                                                  .limit_ms = 1000,
                                                  .kill_ms = 100,
                                                  .output_max = 100};
    lockstep_exec_run_start(&bench->run, &command);
    assert_int_equal(bench->answers, 0);
    await(bench);
    assert_int_equal(bench->end, LOCKSTEP_EXEC_NOT_STARTED);
    assert_int_equal(bench->number, ENOENT);
    assert_string_equal(bench->output, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(sees_no_descriptor_of_ours),
        TEST(ends_grandchildren_when_late),
        TEST(may_tidy_up_when_late),
        TEST(ends_what_was_left_behind),
        TEST(a_daemon_in_a_session_of_its_own_lives_on),
        TEST(stops_without_an_answer),
        TEST(a_missing_program_is_a_result),
#undef TEST
    };
    return LOCKSTEP_RUN_TABLE("a run", run_rows, check_run) +
           cmocka_run_group_tests_name("programs with bounds", tests, NULL, NULL);
}
