/* Health checks against servers of the test's own, all in one loop. */
#include "agent/checkup.h"

#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct bench {
    struct lockstep_loop *loop;
    struct lockstep_agent *core;
    struct lockstep_agent_module modules[2];
    struct lockstep_config_health health;
    struct lockstep_config_service service;
    struct lockstep_config_agent config;
    struct lockstep_checkups *checkups;
    char run[64];
    char url[64];
    int listener;
    struct lockstep_watch listening;
    const void *answer; /* NULL: it hangs up; size 0: it says nothing */
    size_t answer_size;
    int kept;
    unsigned asked;
    unsigned found;
    char text[LOCKSTEP_TEXT_MAX + 1];
    bool named;
    bool shut; /* by an operator */
};

static void take_found(void *context, const struct lockstep_finding *finding)
{
    struct bench *bench = context;
    bench->found++;
    bench->named = finding->module != NULL;
    assert_int_equal(finding->no, LOCKSTEP_NO_HEALTH);
    assert_true(finding->since.ms <= lockstep_loop_now(bench->loop).ms);
    (void)snprintf(bench->text, sizeof(bench->text), "%s", finding->text);
}

static bool is_shut(void *context, uint8_t service, const struct lockstep_name *module)
{
    struct bench *bench = context;
    assert_int_equal(service, 0);
    assert_int_equal(module != NULL, bench->health.module.text[0] != '\0');
    return bench->shut;
}

/* Answers at once, whatever is asked, and hangs up half: what is on its way is not lost. */
static void serve(void *context, uint32_t events)
{
    struct bench *bench = context;
    int fd = accept4(bench->listener, NULL, NULL, SOCK_CLOEXEC);
    (void)events;
    assert_true(fd >= 0);
    bench->asked++;
    if (bench->kept >= 0) {
        (void)close(bench->kept);
    }
    bench->kept = fd;
    if (bench->answer_size > 0) {
        assert_int_equal(send(fd, bench->answer, bench->answer_size, MSG_NOSIGNAL),
                         bench->answer_size);
    }
    if (bench->answer_size > 0 || bench->answer == NULL) {
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
    }
}

static void listen_at(struct bench *bench, const struct sockaddr *address, socklen_t length)
{
    bench->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(bench->listener, address, length), 0);
    assert_int_equal(listen(bench->listener, 8), 0);
    bench->listening = (struct lockstep_watch){.ready = serve, .context = bench, .fd = -1};
    assert_int_equal(
        lockstep_watch_set(bench->loop, &bench->listening, bench->listener, EPOLLIN, NULL),
        LOCKSTEP_OK);
}

static void listen_for_pages(struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_at(bench, (const struct sockaddr *)&address, sizeof(address));
    assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%u/well",
                   ntohs(address.sin_port));
}

static void listen_for_tools(struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[80];
    (void)snprintf(folder, sizeof(folder), "%s/tools", bench->run);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/tools/web.sock", bench->run);
    listen_at(bench, (const struct sockaddr *)&address, sizeof(address));
}

static int set_up(void **state)
{
    static const struct lockstep_name web = {"web"};
    static const struct lockstep_name pay = {"pay"};
    struct bench *bench = calloc(1, sizeof(*bench));
    struct lockstep_defaults settings;
    struct lockstep_agent_module *module;
    assert_non_null(bench);
    assert_int_equal(lockstep_loop_new(&bench->loop, NULL), LOCKSTEP_OK);
    bench->core = calloc(1, sizeof(*bench->core));
    assert_non_null(bench->core);
    bench->listener = -1;
    bench->kept = -1;
    (void)snprintf(bench->run, sizeof(bench->run), "/tmp/checkup.XXXXXX");
    assert_non_null(mkdtemp(bench->run));
    lockstep_defaults_init(&settings);
    lockstep_agent_init(bench->core, &settings, bench->modules, 2);
    module = lockstep_agent_add_module(bench->core, &pay);
    module->service = lockstep_agent_add_service(bench->core, &web, true,
                                                 (struct lockstep_time){1});
    module->current.digest.bytes[0] = 1;
    bench->core->services[0].up = true;
    bench->health.interval_ms = 10;
    bench->health.timeout_ms = 5000;
    bench->health.failures = 2;
    (void)lockstep_name_parse("well", &bench->health.name);
    bench->service.name = web;
    bench->service.health = &bench->health;
    bench->service.health_count = 1;
    bench->config.services = &bench->service;
    bench->config.service_count = 1;
    bench->config.run = bench->run;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char path[96];
    bench->checkups = lockstep_checkups_free(bench->checkups);
    if (bench->listener >= 0) {
        lockstep_watch_clear(bench->loop, &bench->listening);
        (void)close(bench->listener);
    }
    if (bench->kept >= 0) {
        (void)close(bench->kept);
    }
    bench->loop = lockstep_loop_free(bench->loop);
    (void)snprintf(path, sizeof(path), "%s/tools/web.sock", bench->run);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/tools", bench->run);
    (void)rmdir(path);
    assert_int_equal(rmdir(bench->run), 0);
    free(bench->core);
    free(bench);
    return 0;
}

static void start(struct bench *bench)
{
    const struct lockstep_checkups_config config = {&bench->config, bench->core, take_found,
                                                    is_shut, bench};
    assert_int_equal(lockstep_checkups_new(bench->loop, &config, &bench->checkups, NULL),
                     LOCKSTEP_OK);
}

/* Until something is found or it was asked ASKED times; the test's own limit ends what hangs. */
static void run(struct bench *bench, unsigned asked)
{
    while (bench->found == 0 && bench->asked < asked) {
        assert_int_equal(lockstep_loop_once(bench->loop, 1000, NULL), LOCKSTEP_OK);
    }
}

#define SIZED(text) (text), sizeof(text) - 1

struct page_row {
    const char *answer;
    size_t size;
    uint32_t status;
    const char *text; /* NULL: nothing is found */
};

static void check_pages(void **state)
{
    static const struct page_row rows[] = {
        {SIZED("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 0, NULL},
        {SIZED("HTTP/1.0 204 \r\n\r\n"), 204, NULL},
        {SIZED("HTTP/1.1 503 no\r\n\r\n"), 0, "status 503, 2 times in a row"},
        {SIZED("HTTP/1.1 200 OK\r\n\r\n"), 204, "status 200, 2 times in a row"},
        {SIZED("SSH-2.0\r\n"), 0, "it does not speak HTTP/1"},
        {SIZED("HTTP/1.1 2"), 0, "it hung up before it answered"},
    };
    struct bench *bench = *state;
    listen_for_pages(bench);
    bench->health.http = bench->url;
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        bench->answer = rows[i].answer;
        bench->answer_size = rows[i].size;
        bench->health.status = rows[i].status;
        bench->asked = 0;
        bench->found = 0;
        start(bench);
        run(bench, 6);
        bench->checkups = lockstep_checkups_free(bench->checkups);
        assert_int_equal(bench->found != 0, rows[i].text != NULL);
        if (rows[i].text != NULL) {
            assert_non_null(strstr(bench->text, rows[i].text));
            assert_int_equal(bench->asked, 2);
        }
    }
}

struct tool_row {
    const char *answer;
    size_t size;
    const char *expect;
    const char *text;
};

/* result, version's size, 0, generation, version, bytes */
#define TOOL(length, result, bytes)       \
    SIZED(length "\0\0\0" result "\1\0\0" \
                 "\7\0\0\0\0\0\0\0"       \
                 "1" bytes)

static void check_tools(void **state)
{
    static const struct tool_row rows[] = {
        {TOOL("\x11", "\0", "good"), NULL, NULL},
        {TOOL("\x11", "\0", "good"), "oo", NULL},
        {TOOL("\x11", "\0", "good"), "goof", "pay.get answers 'good', without 'goof'"},
        {TOOL("\x0f", "\1", "no"), NULL, "pay.get: no, 2 times"},
        {TOOL("\x0d", "\2", ""), NULL, "pay.get: no live module has this tool"},
        {TOOL("\x11", "\0", "go\n\xff"), "x", "answers 'go ?'"},
        {SIZED("\xff\xff\xff\xff"), NULL, "the connection ended before there was an answer"},
        {SIZED("\x02\0\0\0\0\0"), NULL, "the connection ended before there was an answer"},
        {SIZED("\x11\0\0\0\0"), NULL, "it hung up before it answered"},
        {NULL, 0, NULL, "it hung up before it answered"},
    };
    struct bench *bench = *state;
    static char tool[] = "pay.get";
    static char expect[16];
    listen_for_tools(bench);
    bench->health.tool = tool;
    (void)lockstep_name_parse("pay", &bench->health.module);
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        (void)snprintf(expect, sizeof(expect), "%s", rows[i].expect == NULL ? "" : rows[i].expect);
        bench->health.expect = rows[i].expect == NULL ? NULL : expect;
        bench->answer = rows[i].answer;
        bench->answer_size = rows[i].size;
        bench->asked = 0;
        bench->found = 0;
        start(bench);
        run(bench, 6);
        bench->checkups = lockstep_checkups_free(bench->checkups);
        assert_int_equal(bench->found != 0, rows[i].text != NULL);
        if (rows[i].text != NULL) {
            assert_true(bench->named);
            assert_non_null(strstr(bench->text, rows[i].text));
        }
    }
}

static void check_silence(void **state)
{
    struct bench *bench = *state;
    listen_for_pages(bench);
    bench->health.http = bench->url;
    bench->health.timeout_ms = 20;
    bench->answer = "";
    start(bench);
    run(bench, UINT32_MAX);
    assert_int_equal(bench->asked, 2);
    assert_false(bench->named);
    assert_non_null(strstr(bench->text, "no answer in time, 2 times in a row"));
}

static void check_nobody_there(void **state)
{
    struct bench *bench = *state;
    static char tool[] = "pay.get";
    bench->health.tool = tool;
    start(bench);
    run(bench, UINT32_MAX);
    assert_non_null(strstr(bench->text, "nobody takes the connection"));
}

/* A host that is away is not looked at, nor one that is to run nothing. */
static void check_nothing_to_look_at(void **state)
{
    struct bench *bench = *state;
    static char tool[] = "pay.get";
    struct lockstep_time end;
    bench->health.tool = tool;
    for (int i = 0; i < 2; i++) {
        bench->core->services[0].up = i == 1;
        bench->modules[0].current.digest.bytes[0] = i == 0 ? 1 : 0;
        start(bench);
        end = lockstep_time_after(lockstep_loop_now(bench->loop), 60);
        while (lockstep_loop_now(bench->loop).ms < end.ms) {
            assert_int_equal(lockstep_loop_once(bench->loop, 10, NULL), LOCKSTEP_OK);
        }
        bench->checkups = lockstep_checkups_free(bench->checkups);
        assert_int_equal(bench->found, 0);
    }
}

static void check_commands(void **state)
{
    struct bench *bench = *state;
    static char shell[] = "/bin/sh";
    static char option[] = "-c";
    static char good[] = "exit 0";
    static char bad[] = "echo it is late; exit 3";
    static char *argv[] = {shell, option, bad};
    struct lockstep_time end;
    bench->health.command = (struct lockstep_config_list){argv, LOCKSTEP_COUNT(argv)};
    start(bench);
    run(bench, UINT32_MAX);
    assert_string_equal(bench->text,
                        "check well: /bin/sh ends with 3 (it is late ), 2 times in a row");
    bench->checkups = lockstep_checkups_free(bench->checkups);
    bench->found = 0;
    argv[2] = good;
    start(bench);
    end = lockstep_time_after(lockstep_loop_now(bench->loop), 100);
    while (lockstep_loop_now(bench->loop).ms < end.ms) {
        assert_int_equal(lockstep_loop_once(bench->loop, 10, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(bench->found, 0);
}

/* What an operator has shut is not looked at, and one look that was under way then counts for
 * nothing. */
static void check_shut(void **state)
{
    struct bench *bench = *state;
    struct lockstep_time end;
    listen_for_pages(bench);
    bench->health.http = bench->url;
    bench->health.failures = 1;
    start(bench);
    run(bench, 1);
    bench->shut = true;
    end = lockstep_time_after(lockstep_loop_now(bench->loop), 100);
    while (lockstep_loop_now(bench->loop).ms < end.ms) {
        assert_int_equal(lockstep_loop_once(bench->loop, 10, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(bench->asked, 1);
    assert_int_equal(bench->found, 0);
    bench->shut = false;
    run(bench, UINT32_MAX);
    assert_int_equal(bench->asked, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_tools, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_nobody_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_nothing_to_look_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_shut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
