/* Links over real sockets on 127.0.0.1, on ports that the system picks. */
#include "common/io/link.h"
#include "common/io/log.h"
#include "tests/support/cmocka.h"
#include "tests/support/links.h"
#include "tests/support/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void both_come_up_and_talk(void **state)
{
    struct world *world = *state;
    static const uint8_t word[] = "hello";
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    assert_true(sockets_send_at_once());
    assert_memory_equal(lockstep_link_peer(world->server.link), world->client_public, 32);
    assert_int_equal(lockstep_link_hello(world->server.link)->version_max, 3);
    assert_string_equal(lockstep_link_hello(world->server.link)->software, "0.1.0");
    assert_true(lockstep_link_send(world->client.link, word, sizeof(word)));
    WAIT_FOR(world, world->client.messages == 1);
    assert_memory_equal(world->client.last, word, sizeof(word));
}

static void what_is_held_leaves_together(void **state)
{
    struct world *world = *state;
    static const uint8_t word[] = "hello";
    size_t waiting;
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    WAIT_FOR(world, lockstep_link_outbox(world->client.link) == 0);
    lockstep_link_hold(world->client.link, true);
    assert_true(lockstep_link_send(world->client.link, word, sizeof(word)));
    waiting = lockstep_link_outbox(world->client.link);
    for (int i = 0; i < 3; i++) { /* the server's word comes; the client's has not left */
        assert_true(lockstep_link_send(world->server.link, word, sizeof(word)));
        WAIT_FOR(world, world->client.messages == (size_t)i + 1);
    }
    assert_int_equal(lockstep_link_outbox(world->client.link), waiting);
    assert_int_equal(world->server.messages, 0);
    assert_true(lockstep_link_send(world->client.link, word, sizeof(word)));
    lockstep_link_hold(world->client.link, false);
    WAIT_FOR(world, world->server.messages == 2);
}

static void many_and_large_messages(void **state)
{
    struct world *world = *state;
    static uint8_t large[LOCKSTEP_FRAME_MAX];
    size_t sent = 0;
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL);
    memset(large, 'x', sizeof(large));
    while (sent < 300) { /* 17 MiB each way: more than the outbox, so it must be paced */
        while (sent < 300 && lockstep_link_outbox(world->client.link) < (1U << 20)) {
            assert_true(lockstep_link_send(world->client.link, large, sizeof(large)));
            sent++;
        }
        assert_int_equal(lockstep_loop_once(world->loop, 50, NULL), LOCKSTEP_OK);
        assert_non_null(world->client.link);
    }
    WAIT_FOR(world, world->client.messages == 300);
    assert_int_equal(world->client.bytes, 300 * sizeof(large));
}

static void a_full_outbox_closes_the_link(void **state)
{
    struct world *world = *state;
    static const uint8_t large[LOCKSTEP_FRAME_MAX];
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL);
    while (lockstep_link_send(world->client.link, large, sizeof(large))) {
    }
    WAIT_FOR(world, world->client.downs == 1);
    WAIT_FOR(world, world->client.ups == 2); /* and the dialler comes back by itself */
}

static void an_orderly_end_says_so(void **state)
{
    struct world *world = *state;
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    lockstep_link_close(world->server.link, "revoked");
    WAIT_FOR(world, world->client.downs == 1 && world->server.downs == 1);
    assert_string_equal(world->server.text, "revoked");
    assert_string_equal(world->client.text, "closed by the peer");
    WAIT_FOR(world, world->client.ups == 2);
}

static void a_stranger_is_not_let_in(void **state)
{
    struct world *world = *state;
    world->server.allow = false;
    connect_both(world);
    WAIT_FOR(world, world->server.failures >= 2);
    assert_int_equal(world->server.ups, 0);
}

static void another_coordinator_is_not_believed(void **state)
{
    struct world *world = *state;
    const char *urls[1];
    struct lockstep_dialler_config config;
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    config.remote = world->client_public;
    dial(world, &config);
    WAIT_FOR(world, world->client.failures >= 2 && world->server.failures >= 2);
    assert_int_equal(world->client.ups + world->server.ups, 0);
}

static void another_cluster_is_not_joined(void **state)
{
    struct world *world = *state;
    const char *urls[1];
    struct lockstep_dialler_config config;
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    config.cluster.bytes[3] ^= 1;
    dial(world, &config);
    WAIT_FOR(world, world->server.failures >= 1 && world->client.failures >= 1);
    assert_int_equal(world->client.ups + world->server.ups, 0);
}

static void enrolment_wants_the_token(void **state)
{
    struct world *world = *state;
    const char *urls[1];
    struct lockstep_dialler_config config;
    memset(world->server.psk, 9, 32);
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    config.kind = LOCKSTEP_CHANNEL_XKPSK3;
    memcpy(config.token, "goodone!", 8);
    memset(config.psk, 9, 32);
    dial(world, &config);
    WAIT_FOR(world, world->client.ups == 1 && world->server.ups == 1);
    assert_int_equal(lockstep_link_kind(world->server.link), LOCKSTEP_CHANNEL_XKPSK3);
    assert_memory_equal(lockstep_link_token(world->server.link), "goodone!", 8);
    world->dialler = lockstep_dialler_free(world->dialler);
    config.psk[5] ^= 1; /* a wrong secret under a known token */
    dial(world, &config);
    WAIT_FOR(world, world->server.failures >= 1);
    assert_int_equal(world->server.ups, 1);
}

/* An unknown token and a wrong secret fail alike: at message 3, and without a reason. */
static void an_unknown_token_fails_like_a_wrong_one(void **state)
{
    struct world *world = *state;
    const char *urls[1];
    struct lockstep_dialler_config config;
    char wrong[sizeof(world->server.text)];
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    config.kind = LOCKSTEP_CHANNEL_XKPSK3;
    config.psk[0] = 1;
    memcpy(config.token, "goodone!", 8);
    dial(world, &config);
    WAIT_FOR(world, world->server.failures >= 1);
    memcpy(wrong, world->server.text, sizeof(wrong));
    world->dialler = lockstep_dialler_free(world->dialler);
    memcpy(config.token, "unknown!", 8);
    world->server.failures = 0;
    dial(world, &config);
    WAIT_FOR(world, world->server.failures >= 1);
    assert_string_equal(world->server.text, wrong);
    assert_int_equal(world->server.ups, 0);
}

/* A stream that ends without CLOSE was cut, and is reported so. */
static void a_cut_is_not_an_orderly_end(void **state)
{
    struct world *world = *state;
    connect_both(world);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    world->listener = lockstep_listener_free(world->listener);
    WAIT_FOR(world, world->client.downs == 1);
    assert_non_null(strstr(world->client.text, "cut"));
    assert_int_equal(world->server.downs, 0); /* who frees a listener is told nothing */
}

static void a_local_socket_does_as_well(void **state)
{
    struct world *world = *state;
    char directory[] = "/tmp/lockstep-link-XXXXXX";
    char url[64];
    const char *urls[] = {url};
    struct lockstep_dialler_config config;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(url, sizeof(url), "ipc://%s/socket", directory);
    listen_at(world, url);
    assert_string_equal(lockstep_listener_url(world->listener), url);
    config = dial_config(world, urls);
    dial(world, &config);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    world->dialler = lockstep_dialler_free(world->dialler);
    world->listener = lockstep_listener_free(world->listener);
    (void)unlink(url + strlen("ipc://"));
    assert_int_equal(rmdir(directory), 0);
}

static void a_port_in_use_is_named(void **state)
{
    struct world *world = *state;
    struct lockstep_listener *second = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_listener_config config;
    listen_at(world, "tcp://127.0.0.1:0");
    config = (struct lockstep_listener_config){.url = lockstep_listener_url(world->listener),
                                               .own = world->server_secret,
                                               .settings = &world->settings,
                                               .events = events_of(&world->server)};
    assert_int_equal(lockstep_listener_new(world->loop, &config, &second, &err), LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "in use"));
    assert_non_null(strstr(err.message, lockstep_listener_url(world->listener)));
}

/* ---- strangers with raw sockets ------------------------------------------------------------- */

static int raw_connect_from(struct world *world, in_addr_t from)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(lockstep_listener_url(world->listener), ':');
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail_msg("connect: %s", strerror(errno));
    }
    return fd;
}

static int raw_connect(struct world *world)
{
    return raw_connect_from(world, INADDR_LOOPBACK);
}

/* True once the other end of FD has ended the connection. */
static bool has_ended(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static void who_says_nothing_is_dropped_in_time(void **state)
{
    struct world *world = *state;
    int fd;
    world->settings.handshake = 30;
    listen_at(world, "tcp://127.0.0.1:0");
    fd = raw_connect(world);
    WAIT_FOR(world, world->server.failures == 1);
    assert_non_null(strstr(world->server.text, "took too long"));
    WAIT_FOR(world, has_ended(fd));
    (void)close(fd);
}

/* After 20 failed handshakes an address is not even heard; another one is. */
static void an_address_that_keeps_failing_is_ignored(void **state)
{
    struct world *world = *state;
    int fd;
    world->settings.handshake = LOCKSTEP_HOUR; /* no deadline ends what is to be ignored */
    listen_at(world, "tcp://127.0.0.1:0");
    for (int i = 1; i <= 20; i++) {
        fd = raw_connect(world);
        assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
        WAIT_FOR(world, world->server.failures == i);
        (void)close(fd);
    }
    fd = raw_connect(world);
    WAIT_FOR(world, has_ended(fd));
    assert_int_equal(world->server.failures, 20);
    (void)close(fd);
    fd = raw_connect_from(world, INADDR_LOOPBACK + 1);
    assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
    WAIT_FOR(world, world->server.failures == 21);
    (void)close(fd);
}

static void garbage_is_dropped(void **state)
{
    struct world *world = *state;
    static const char unknown_kind[60] = "\x00\x39\x07";
    static const struct {
        const char *bytes;
        size_t size;
    } pieces[] = {{"GET / HTTP/1.1\r\n\r\n", 18},
                  {"\xff\xff\xff\xff\xff", 5},
                  {"\x00", 1}, /* and then an end */
                  {unknown_kind, sizeof(unknown_kind)}};
    listen_at(world, "tcp://127.0.0.1:0");
    for (size_t i = 0; i < 4; i++) {
        int fd = raw_connect(world);
        int failures = world->server.failures;
        assert_int_equal(send(fd, pieces[i].bytes, pieces[i].size, MSG_NOSIGNAL), pieces[i].size);
        if (i == 2) {
            (void)shutdown(fd, SHUT_WR);
        }
        WAIT_FOR(world, world->server.failures > failures);
        (void)close(fd);
    }
    assert_int_equal(world->server.ups, 0);
}

/* A first message replayed is answered like any first message, and leads nowhere. */
static void a_replayed_first_message_leads_nowhere(void **state)
{
    struct world *world = *state;
    uint8_t first[59];
    const char *urls[1];
    char url[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    struct lockstep_dialler_config config;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    urls[0] = url;
    config = dial_config(world, urls); /* an honest dialler, overheard */
    dial(world, &config);
    assert_int_equal(lockstep_loop_once(world->loop, 50, NULL), LOCKSTEP_OK);
    fd = accept(listener, NULL, NULL);
    for (size_t got = 0; got < sizeof(first);) {
        ssize_t count;
        assert_int_equal(lockstep_loop_once(world->loop, 20, NULL), LOCKSTEP_OK);
        count = recv(fd, first + got, sizeof(first) - got, MSG_DONTWAIT);
        got += count > 0 ? (size_t)count : 0;
    }
    (void)close(fd);
    (void)close(listener);
    world->dialler = lockstep_dialler_free(world->dialler);
    listen_at(world, "tcp://127.0.0.1:0");
    fd = raw_connect(world);
    assert_int_equal(send(fd, first, sizeof(first), MSG_NOSIGNAL), sizeof(first));
    assert_int_equal(send(fd, first, sizeof(first), MSG_NOSIGNAL), sizeof(first));
    WAIT_FOR(world, world->server.failures >= 1);
    (void)close(fd);
    assert_int_equal(world->server.ups, 0);
}

static size_t resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t kib = 0;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtoul(line + 6, NULL, 10);
        }
    }
    (void)fclose(file);
    return kib;
}

/* 5,000 connections that say nothing: the listener goes on serving, in bounded memory. */
static void a_flood_of_half_open_connections(void **state)
{
    struct world *world = *state;
    struct rlimit limit;
    static int fds[5000];
    size_t before;
    size_t after;
    const char *urls[1];
    struct lockstep_dialler_config config;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 12000) {
        print_message("skipped: only %lu descriptors are allowed\n", (unsigned long)limit.rlim_cur);
        skip();
    }
    listen_at(world, "tcp://127.0.0.1:0");
    assert_int_equal(lockstep_loop_once(world->loop, 1, NULL), LOCKSTEP_OK);
    before = resident_kib();
    for (size_t i = 0; i < 5000; i++) {
        fds[i] = raw_connect(world);
        (void)send(fds[i], "\x00", 1, MSG_NOSIGNAL);
        /* Never so far ahead of the listener that the kernel's queue is full and connect waits. */
        WAIT_FOR(world, (size_t)world->server.failures + 2000 >= i);
    }
    WAIT_FOR(world, (size_t)world->server.failures + world->settings.half_open_address >= 5000);
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    dial(world, &config);
    WAIT_FOR(world, world->client.link != NULL && world->server.link != NULL);
    after = resident_kib();
    for (size_t i = 0; i < 5000; i++) {
        (void)close(fds[i]);
    }
#ifndef LOCKSTEP_SANITIZED /* sanitizers keep freed memory */
    assert_true(after < before + 32 * 1024);
#endif
    print_message("VmRSS grew by %zu kB\n", after > before ? after - before : 0);
}

/* More than may be half-open, all at once: nobody is dropped who has not had time to answer. */
static void a_crowd_is_let_in_a_few_at_a_time(void **state)
{
    struct world *world = *state;
    struct lockstep_dialler *crowd[64];
    const char *urls[1];
    struct lockstep_dialler_config config;
    world->settings.half_open = 8;
    world->settings.handshake = 20000; /* a busy machine is not what is tried */
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    for (size_t i = 0; i < LOCKSTEP_COUNT(crowd); i++) {
        assert_int_equal(lockstep_dialler_new(world->loop, &config, &crowd[i], NULL), LOCKSTEP_OK);
    }
    WAIT_FOR(world, world->server.ups == (int)LOCKSTEP_COUNT(crowd));
    assert_int_equal(world->server.failures, 0);
    for (size_t i = 0; i < LOCKSTEP_COUNT(crowd); i++) {
        (void)lockstep_dialler_free(crowd[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_come_up_and_talk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_held_leaves_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_and_large_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_outbox_closes_the_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_orderly_end_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stranger_is_not_let_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_coordinator_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_cluster_is_not_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(enrolment_wants_the_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_token_fails_like_a_wrong_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_is_not_an_orderly_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_local_socket_does_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_says_nothing_is_dropped_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_keeps_failing_is_ignored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(garbage_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replayed_first_message_leads_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_half_open_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_let_in_a_few_at_a_time, set_up, tear_down),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("link", tests, NULL, NULL) == 0 ? 0 : 1;
}
