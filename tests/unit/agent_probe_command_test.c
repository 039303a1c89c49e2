/* lockstep-probe as people and the agent start it: arguments, exit status, one line of JSON. */
#include "agent/probe/contract.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM    LOCKSTEP_BINARY_DIR "/bin/lockstep-probe"
#define BAD        LOCKSTEP_BINARY_DIR "/modules/bad/"
#define OUTPUT_MAX 65536
#define ARGV_MAX   10
#define REQUEST_FD 17

extern char **environ;

/* Runs the program with ARGUMENTS; INPUT_FD, if not -1, becomes REQUEST_FD. Standard output is in
 * ret_output, what is said to people is thrown away. The exit status. */
static int run(const char *const *arguments, int input_fd, char ret_output[OUTPUT_MAX])
{
    posix_spawn_file_actions_t actions;
    union {
        const char *in[ARGV_MAX + 2];
        char *out[ARGV_MAX + 2];
    } argv = {.in = {PROGRAM}};
    size_t length = 0;
    ssize_t got;
    pid_t child;
    int status;
    int pair[2];
    for (size_t i = 0; i < ARGV_MAX && arguments[i] != NULL; i++) {
        argv.in[i + 1] = arguments[i];
    }
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0), 0);
    if (input_fd >= 0) {
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, input_fd, REQUEST_FD), 0);
    }
    assert_int_equal(posix_spawn(&child, PROGRAM, &actions, NULL, argv.out, environ), 0);
    (void)close(pair[1]);
    while ((got = read(pair[0], ret_output + length, OUTPUT_MAX - 1 - length)) > 0) {
        length += (size_t)got;
    }
    ret_output[length] = '\0';
    (void)close(pair[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct command_row {
    const char *name;
    const char *arguments[ARGV_MAX];
    int status;
    const char *output; /* part of it */
};

static const struct command_row command_rows[] = {
    {"nothing", {NULL}, 2, ""},
    {"help", {"--help"}, 0, "usage: lockstep-probe --static FILE"},
    {"version", {"--version"}, 0, "lockstep-probe "},
    {"list", {"--list"}, 0, "constructor          static  CTOR_NOT_ALLOWED"},
    {"an unknown option", {"--frobnicate"}, 2, ""},
    {"two modes", {"--static", "--trial", BAD "good.so"}, 2, ""},
    {"no file", {"--static"}, 2, ""},
    {"two files to look at", {"--static", BAD "good.so", BAD "other.so"}, 2, ""},
    {"a deadline that is none", {"--trial", "--deadline-ms", "soon", BAD "good.so"}, 2, ""},
    {"a request to look at", {"--static", "--request", "0"}, 2, ""},
    {"a descriptor that is not open", {"--trial", "--request", "99"}, 2, ""},
    {"present without a version", {"--trial", "--present", "auth", BAD "good.so"}, 2, ""},
    {"look at what is well", {"--static", BAD "good.so"}, 0, "\"ok\":true,\"mode\":\"static\""},
    {"look at what is not", {"--static", BAD "wrong-abi.so"}, 1, "\"no\":\"ABI\""},
    {"look at what is not there", {"--static", "/nowhere"}, 1, "\"no\":\"NOFILE\""},
    {"try what is well", {"--trial", BAD "good.so"}, 0, "\"seccomp\":true"},
    {"try what is not", {"--trial", BAD "smoke-fails.so"}, 1, "two and two is 5"},
    {"without smoke", {"--trial", "--no-smoke", BAD "smoke-fails.so"}, 0, "\"ok\":true"},
    {"a waiver of nothing", {"--static", "--waive", "frobnicate", BAD "good.so"}, 2, ""},
    {"a waiver of what must be", {"--static", "--waive", "exec-stack", BAD "good.so"}, 2, ""},
    {"a waiver for two files",
     {"--trial", "--waive", "ifunc", BAD "good.so", BAD "other.so"},
     2,
     ""},
    {"a waiver",
     {"--static", "--waive", "ifunc,symbol-denied", BAD "denied-symbol.so"},
     0,
     "\"waived\":[{\"check\":\"symbol-denied\""},
    {"with what is present",
     {"--trial", "--present", "absent@1.0.1", BAD "needs-absent.so"},
     0,
     "\"requires\":[{\"module\":\"absent\",\"version\":\"1.0.0\"}]"},
    {"with too old a one",
     {"--trial", "--present", "absent@0.9", BAD "needs-absent.so"},
     1,
     "\"no\":\"DEPENDENCY\""},
    {"with a configuration",
     {"--trial", "--config", LOCKSTEP_SOURCE_DIR "/.gitignore", BAD "load-fails.so"},
     1,
     "no licence for "},
};

static void check_command(void **state)
{
    const struct command_row *row = *state;
    char output[OUTPUT_MAX];
    assert_int_equal(run(row->arguments, -1, output), row->status);
    assert_non_null(strstr(output, row->output));
    if (output[0] == '{') {
        struct lockstep_probe_verdict *verdict = NULL;
        assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
        assert_int_equal(lockstep_probe_verdict_parse(output, strlen(output), &verdict, NULL),
                         LOCKSTEP_OK);
        (void)lockstep_probe_verdict_free(verdict);
    }
}

/* As the agent does it. */
static void takes_a_request(void **state)
{
    static const char *const arguments[] = {"--trial", "--request", "17", NULL};
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    struct lockstep_probe_verdict *verdict = NULL;
    char output[OUTPUT_MAX];
    int fd = memfd_create("request", MFD_CLOEXEC);
    char *text;
    (void)state;
    lockstep_probe_subject_init(&request->subjects[0]);
    lockstep_probe_subject_init(&request->subjects[1]);
    (void)snprintf(request->subjects[0].file, sizeof(request->subjects[0].file), "%s",
                   BAD "needs-other.so");
    (void)snprintf(request->subjects[1].file, sizeof(request->subjects[1].file), "%s",
                   BAD "other.so");
    request->subjects_count = 2;
    text = lockstep_probe_request_print(request);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(run(arguments, fd, output), 0);
    assert_int_equal(lockstep_probe_verdict_parse(output, strlen(output), &verdict, NULL),
                     LOCKSTEP_OK);
    assert_true(verdict->ok);
    assert_int_equal(verdict->subjects_count, 2);
    assert_string_equal(verdict->subjects[1].facts.module.text, "other");
    free(text);
    (void)close(fd);
    (void)lockstep_probe_request_free(request);
    (void)lockstep_probe_verdict_free(verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_a_request)};
    return LOCKSTEP_RUN_TABLE("commands", command_rows, check_command) +
           cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
