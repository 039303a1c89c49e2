/* The library inside a service of its own: started without an agent, from a boot file. */
#include "agent/host/include/lockstep/client.h"
#include "common/base/cleanup.h"
#include "common/hostwire/boot.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/lockstep-library-XXXXXX";
static char boot_file[64];
static struct lockstep_host *host;

static void add(struct lockstep_boot *boot, const char *module, const char *file)
{
    struct lockstep_boot_entry *entry = &boot->entries[boot->count++];
    struct stat status;
    assert_true(lockstep_name_parse(module, &entry->module));
    (void)snprintf(entry->path, sizeof(entry->path), "%s/modules/good/%s.so", LOCKSTEP_BINARY_DIR,
                   file);
    assert_int_equal(stat(entry->path, &status), 0);
    entry->generation = 5;
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
}

static int start(void **state)
{
    struct lockstep_host_options options = {.size = sizeof(options), .boot_file = boot_file};
    LOCKSTEP_FREE struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    FILE *stream;
    char why[256];
    (void)state;
    assert_non_null(boot);
    assert_non_null(mkdtemp(directory));
    (void)snprintf(boot_file, sizeof(boot_file), "%s/boot", directory);
    stream = fopen(boot_file, "we");
    assert_non_null(stream);
    add(boot, "other", "other-1"); /* needs echo, which stands behind it */
    add(boot, "echo", "echo-1");
    assert_int_equal(lockstep_boot_write(boot, stream, NULL), LOCKSTEP_OK);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(lockstep_host_start(&options, &host, why, sizeof(why)), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host = lockstep_host_stop(host);
    (void)unlink(boot_file);
    return rmdir(directory);
}

struct call_row {
    const char *name;
    const char *tool;
    const char *request;
    enum lockstep_call_result result;
    const char *answer;
};

static const struct call_row call_rows[] = {
    {"well", "echo.say", "hello", LOCKSTEP_CALL_OK, "1.0.0 hello"},
    {"empty request", "echo.say", "", LOCKSTEP_CALL_OK, "1.0.0 "},
    {"nested", "other.pair", "x", LOCKSTEP_CALL_OK, "1.0.0|1.0.0 x"},
    {"the tool fails", "echo.fail", "", LOCKSTEP_CALL_FAILED, "it always does"},
    {"no such tool", "echo.sing", "", LOCKSTEP_CALL_NO_TOOL, "no live module has this tool"},
    {"no name", "", "", LOCKSTEP_CALL_NO_TOOL, "no live module has this tool"},
};

static void check_call(void **state)
{
    const struct call_row *row = *state;
    struct lockstep_answer answer;
    assert_int_equal(
        lockstep_host_call(host, row->tool, row->request, strlen(row->request), &answer),
        row->result);
    assert_string_equal((const char *)answer.bytes, row->answer);
    assert_int_equal(answer.size, strlen(row->answer));
    assert_int_equal(answer.generation, row->result == LOCKSTEP_CALL_NO_TOOL ? 0 : 5);
    lockstep_answer_deinit(&answer);
}

struct fixed_sink {
    struct lockstep_sink sink;
    char text[64];
    size_t size;
};

static bool keep(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    struct fixed_sink *fixed = (struct fixed_sink *)sink;
    if (size >= sizeof(fixed->text) - fixed->size) {
        return false;
    }
    memcpy(fixed->text + fixed->size, bytes, size);
    fixed->size += size;
    return true;
}

static void test_handles(void **state)
{
    const struct lockstep_host_tool *tool = lockstep_host_tool(host, "echo.say");
    const struct lockstep_host_tool *none = lockstep_host_tool(host, "not.yet");
    (void)state;
    assert_non_null(tool);
    assert_non_null(none);
    assert_ptr_equal(tool, lockstep_host_tool(host, "echo.say"));
    assert_null(lockstep_host_tool(
        host, "a.very-long-name-that-no-tool-can-have-because-it-has-more-than-63-bytes"));
    assert_true(lockstep_host_enter(host));
    for (int i = 0; i < 3; i++) {
        struct fixed_sink answer = {.sink = {keep}};
        struct lockstep_call call = {sizeof(call), (const uint8_t *)"x", 1, &answer.sink};
        assert_int_equal(lockstep_host_tool_call(tool, &call), LOCKSTEP_CALL_OK);
        assert_memory_equal(answer.text, "1.0.0 ", 6);
        assert_int_equal(lockstep_host_tool_call(none, &call), LOCKSTEP_CALL_NO_TOOL);
    }
    lockstep_host_leave(host);
}

static void test_one_a_process(void **state)
{
    struct lockstep_host_options options = {.size = sizeof(options)};
    struct lockstep_host *second = NULL;
    char why[256] = "";
    (void)state;
    assert_int_equal(lockstep_host_start(&options, &second, why, sizeof(why)), -1);
    assert_string_equal(why, "there is a host in this process already");
}

/* A caller who was compiled when there were fewer options has no more of them than it says. */
static void test_options_end_where_they_say(void **state)
{
    struct lockstep_host_options options = {.size = offsetof(struct lockstep_host_options, workers),
                                            .workers = 100000,
                                            .service = "No Service",
                                            .listeners_count = 1000};
    struct lockstep_host *alone = NULL;
    char why[256] = "";
    (void)state;
    assert_int_equal(lockstep_host_start(&options, &alone, why, sizeof(why)), 0);
    alone = lockstep_host_stop(alone);
}

/* In a process without a descriptor to spare a caller is hung up on, not left waiting; with one it
 * is served again. */
static void test_callers_without_descriptors(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(address);
    const struct timeval limit = {.tv_sec = 20};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct lockstep_host_options options = {
        .size = sizeof(options), .listeners = &listener, .listeners_count = 1};
    struct lockstep_host *starved = NULL;
    struct rlimit before;
    struct rlimit none;
    static const uint8_t list[] = {4, 0, 0, 0, 2, 0, 0, 0}; /* tool_wire.h */
    int callers[3];
    int free_fd;
    char byte = 0;
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(lockstep_host_start(&options, &starved, NULL, 0), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < LOCKSTEP_COUNT(callers); i++) {
        callers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(callers[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    }
    free_fd = dup(listener);
    (void)close(free_fd);
    none = (struct rlimit){.rlim_cur = (rlim_t)free_fd, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (size_t i = 0; i < LOCKSTEP_COUNT(callers); i++) {
        assert_int_equal(connect(callers[i], (struct sockaddr *)&address, size), 0);
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(callers); i++) {
        assert_int_equal(recv(callers[i], &byte, 1, 0), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < LOCKSTEP_COUNT(callers); i++) {
        (void)close(callers[i]);
    }
    callers[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(callers[0], (struct sockaddr *)&address, size), 0);
    assert_int_equal(setsockopt(callers[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(send(callers[0], list, sizeof(list), MSG_NOSIGNAL), sizeof(list));
    assert_int_equal(recv(callers[0], &byte, 1, 0), 1);
    (void)close(callers[0]);
    starved = lockstep_host_stop(starved);
}

/* What is not taken over stays the caller's: also the listeners in front of the bad one. */
static void test_listeners_of_a_failed_start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listeners[] = {socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), eventfd(0, EFD_CLOEXEC)};
    struct lockstep_host_options options = {
        .size = sizeof(options), .listeners = listeners, .listeners_count = 2};
    struct lockstep_host *none = NULL;
    char why[256] = "";
    (void)state;
    assert_int_equal(bind(listeners[0], (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(listeners[0], 1), 0);
    assert_int_equal(lockstep_host_start(&options, &none, why, sizeof(why)), -1);
    assert_string_equal(why, "a listener cannot be served");
    assert_int_equal(close(listeners[0]), 0);
    assert_int_equal(close(listeners[1]), 0);
}

/* A client's answer always says what became of the call. */
static void test_client_says_why(void **state)
{
    struct lockstep_client *client = lockstep_client_new("/nowhere/at-all.sock", NULL);
    struct lockstep_answer answer;
    (void)state;
    assert_non_null(client);
    assert_int_equal(lockstep_client_call(client, "echo.say", "", 0, 0, &answer),
                     LOCKSTEP_CALL_LOST);
    assert_string_equal((const char *)answer.bytes,
                        "the connection ended before there was an answer");
    lockstep_answer_deinit(&answer);
    assert_int_equal(lockstep_client_list(client, &answer), LOCKSTEP_CALL_LOST);
    assert_int_equal(answer.size, strlen((const char *)answer.bytes));
    lockstep_answer_deinit(&answer);
    client = lockstep_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_one_a_process),
        cmocka_unit_test(test_client_says_why),
    };
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(test_options_end_where_they_say),
        cmocka_unit_test(test_listeners_of_a_failed_start),
        cmocka_unit_test(test_callers_without_descriptors),
    };
    int failed;
    if (start(NULL) != 0) {
        return 1;
    }
    failed = LOCKSTEP_RUN_TABLE("agent/host library calls", call_rows, check_call);
    failed += cmocka_run_group_tests_name("agent/host library", tests, NULL, NULL);
    failed += stop(NULL) == 0 ? 0 : 1;
    return failed + cmocka_run_group_tests_name("agent/host start", alone, NULL, NULL);
}
