#include "common/io/daemon.h"

#include "common/io/log.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/lockstep-daemon-XXXXXX";

static char *path_of(const char *name)
{
    char *path;
    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- what is printed ------------------------------------------------------------------------- */

struct catch
{
    int target;
    int saved;
    FILE *file;
};

static void catch_begin(struct catch *catch, FILE *stream)
{
    assert_int_equal(fflush(stream), 0);
    catch->target = fileno(stream);
    catch->saved = fcntl(catch->target, F_DUPFD_CLOEXEC, 3);
    catch->file = tmpfile();
    assert_non_null(catch->file);
    assert_true(dup2(fileno(catch->file), catch->target) >= 0);
}

static void catch_end(struct catch *catch, char *text, size_t size)
{
    size_t length;
    assert_int_equal(fflush(NULL), 0);
    assert_true(dup2(catch->saved, catch->target) >= 0);
    (void)close(catch->saved);
    rewind(catch->file);
    length = fread(text, 1, size - 1, catch->file);
    text[length] = '\0';
    (void)fclose(catch->file);
}

/* ---- arguments ------------------------------------------------------------------------------- */

struct flags {
    bool own;
};

static const struct lockstep_option own_rows[] = {
    {"own", '\0', LOCKSTEP_OPTION_FLAG, NULL, "an option of this daemon", NULL,
     LOCKSTEP_OPTION_AT(struct flags, own), 0, 0},
};

static struct lockstep_daemon describe(struct flags *flags)
{
    return (struct lockstep_daemon){.name = "testd",
                                    .about = "testd is for a test.\n",
                                    .ending = "It ends.\n",
                                    .kind = LOCKSTEP_CONFIG_COORDINATOR,
                                    .own = {"Options of testd", own_rows, 1, flags},
                                    .config = "/etc/testd.yaml"};
}

struct start_row {
    const char *name;
    const char *arguments[4];
    int code;         /* -1: it goes on */
    const char *says; /* somewhere in the output; NULL: there is none */
};

static const struct start_row start_rows[] = {
    {"none", {NULL}, -1, NULL},
    {"its own option", {"--own"}, -1, NULL},
    {"--check is left to the daemon", {"-n"}, -1, NULL},
    {"--help", {"--help"}, 0, "testd is for a test."},
    {"-h shows its own options too", {"-h"}, 0, "--own "},
    {"--help ends with the exit codes", {"--help"}, 0, "\n\nIt ends.\n"},
    {"--version", {"--version"}, 0, "testd " LOCKSTEP_VERSION "\n"},
    {"-V", {"-V"}, 0, "testd " LOCKSTEP_VERSION "\n"},
    {"--sample", {"--sample"}, 0, "#listen"},
    {"help before version", {"-V", "-h"}, 0, "testd is for a test."},
    {"help behind a word", {"init", "-h"}, 0, "testd is for a test."},
    {"unknown option", {"--chek"}, LOCKSTEP_EXIT_USAGE, "testd: "},
    {"unknown option, with what was meant", {"--chek"}, LOCKSTEP_EXIT_USAGE, "--check"},
    {"no file", {"--config"}, LOCKSTEP_EXIT_USAGE, "--config"},
};

static void check_start(void **state)
{
    const struct start_row *row = *state;
    struct flags flags = {0};
    struct lockstep_daemon daemon = describe(&flags);
    char *argv[6] = {NULL};
    char text[8192];
    struct catch catch;
    int argc = 1;
    int code = -1;
    bool goes_on;
    argv[0] = strdup("testd");
    for (; argc < 5 && row->arguments[argc - 1] != NULL; argc++) {
        argv[argc] = strdup(row->arguments[argc - 1]);
    }
    catch_begin(&catch, row->code == LOCKSTEP_EXIT_USAGE ? stderr : stdout);
    goes_on = lockstep_daemon_start(&daemon, argc, argv, &code);
    catch_end(&catch, text, sizeof(text));
    assert_int_equal(goes_on, row->code < 0);
    assert_int_equal(goes_on ? -1 : code, row->code);
    if (row->says == NULL) {
        assert_string_equal(text, "");
    } else {
        assert_non_null(strstr(text, row->says));
    }
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

static void the_words_stand_behind_the_options(void **state)
{
    char name[] = "testd";
    char word[] = "init";
    char option[] = "--config";
    char file[] = "x.yaml";
    char own[] = "--own";
    char *argv[] = {name, word, option, file, own, NULL};
    struct flags flags = {0};
    struct lockstep_daemon daemon = describe(&flags);
    int code;
    (void)state;
    assert_true(lockstep_daemon_start(&daemon, 5, argv, &code));
    assert_int_equal(daemon.word_count, 1);
    assert_string_equal(daemon.words[0], "init");
    assert_string_equal(daemon.config, "x.yaml");
    assert_true(flags.own);
}

struct code_row {
    const char *name;
    enum lockstep_err err;
    int code;
};

static const struct code_row code_rows[] = {
    {"malformed", LOCKSTEP_INVALID, LOCKSTEP_EXIT_USAGE},
    {"in use", LOCKSTEP_CONFLICT, LOCKSTEP_EXIT_USAGE},
    {"not allowed", LOCKSTEP_REFUSED, LOCKSTEP_EXIT_USAGE},
    {"the machine", LOCKSTEP_IO, EXIT_FAILURE},
    {"damage", LOCKSTEP_CORRUPT, EXIT_FAILURE},
    {"memory", LOCKSTEP_NOMEM, EXIT_FAILURE},
};

static void check_code(void **state)
{
    const struct code_row *row = *state;
    struct flags flags = {0};
    const struct lockstep_daemon daemon = describe(&flags);
    struct lockstep_error err = {.code = row->err, .message = "it is so"};
    char text[128];
    struct catch catch;
    int code;
    catch_begin(&catch, stderr);
    code = lockstep_daemon_complain(&daemon, &err);
    catch_end(&catch, text, sizeof(text));
    assert_int_equal(code, row->code);
    assert_string_equal(text, "testd: it is so\n");
}

/* ---- signals --------------------------------------------------------------------------------- */

static void read_again(const struct lockstep_daemon *daemon, const char *configuration)
{
    write_text(daemon->config, configuration);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(lockstep_loop_once(daemon->loop, 10000, NULL), LOCKSTEP_OK);
}

static void a_hangup_takes_the_level_over_and_a_term_ends(void **state)
{
    struct flags flags = {0};
    struct lockstep_daemon daemon = describe(&flags);
    char *config = path_of("testd.yaml");
    struct catch catch;
    char text[4096];
    (void)state;
    daemon.config = config;
    catch_begin(&catch, stderr);
    assert_int_equal(lockstep_daemon_loop(&daemon, NULL), LOCKSTEP_OK);
    lockstep_log(LOCKSTEP_LEVEL_DEBUG, "test", "not seen before");
    read_again(&daemon, "log: debug\n");
    lockstep_log(LOCKSTEP_LEVEL_DEBUG, "test", "seen from now on");
    read_again(&daemon, "log: loud\n");
    lockstep_log(LOCKSTEP_LEVEL_DEBUG, "test", "and still seen");
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(lockstep_loop_run(daemon.loop, NULL), LOCKSTEP_OK);
    daemon.loop = lockstep_loop_free(daemon.loop);
    catch_end(&catch, text, sizeof(text));
    lockstep_log_set_level(LOCKSTEP_LEVEL_DEFAULT);
    assert_null(strstr(text, "not seen before"));
    assert_non_null(strstr(text, "log's level is now debug"));
    assert_non_null(strstr(text, "seen from now on"));
    assert_non_null(strstr(text, "the old configuration stays: "));
    assert_non_null(strstr(text, "and still seen"));
    assert_non_null(strstr(text, "asked to stop"));
    free(config);
}

/* ---- ready ----------------------------------------------------------------------------------- */

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static void say_ready(char *text, size_t size)
{
    struct catch catch;
    catch_begin(&catch, stdout);
    lockstep_daemon_ready("n1");
    catch_end(&catch, text, size);
}

static void ready_is_told_to_the_service_manager(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *path = path_of("notify");
    char text[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ssize_t length;
    (void)state;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    say_ready(text, sizeof(text));
    assert_string_equal(text, "ready n1\n");
    length = recv(fd, text, sizeof(text), 0);
    assert_int_equal(length, (ssize_t)strlen("READY=1"));
    assert_memory_equal(text, "READY=1", (size_t)length);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    (void)close(fd);
    free(path);
}

static void a_socket_that_is_none_costs_nothing(void **state)
{
    char longer[256];
    const char *const names[] = {"", "/nowhere/notify", longer};
    int before = count_descriptors();
    char text[64];
    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        say_ready(text, sizeof(text));
        assert_string_equal(text, "ready n1\n");
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(count_descriptors(), before);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"testd.yaml", "notify"};
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        char *path = path_of(names[i]);
        (void)unlink(path);
        free(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_stand_behind_the_options),
        cmocka_unit_test(a_hangup_takes_the_level_over_and_a_term_ends),
        cmocka_unit_test(ready_is_told_to_the_service_manager),
        cmocka_unit_test(a_socket_that_is_none_costs_nothing),
    };
    int failed = LOCKSTEP_RUN_TABLE("start", start_rows, check_start);
    failed += LOCKSTEP_RUN_TABLE("codes", code_rows, check_code);
    return failed + cmocka_run_group_tests(tests, make_directory, remove_directory);
}
