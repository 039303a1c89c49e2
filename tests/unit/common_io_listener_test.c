/* Whom a listener lets wait, and for how long. */
#include "common/io/link.h"
#include "tests/support/cmocka.h"

#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static const uint8_t secret[LOCKSTEP_NOISE_KEY] = {1};

struct world {
    struct lockstep_loop *loop;
    struct lockstep_listener *listener;
    struct lockstep_defaults settings;
    int failures; /* connections that never came up */
    int ups;      /* on the listener's side */
    int downs;
    bool late; /* the timer of a test is due */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

static bool let_in(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
    return true;
}

static void note_up(void *context, struct lockstep_link *link)
{
    (void)link;
    ((struct world *)context)->ups++;
}

static void note_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)link;
    (void)text;
    ((struct world *)context)->downs++;
}

static void note_failed(void *context, const char *address, const char *text)
{
    struct world *world = context;
    (void)address;
    world->failures++;
    (void)snprintf(world->text, sizeof(world->text), "%s", text);
}

static void ignore_link(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
}

static void ignore_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)context;
    (void)link;
    (void)text;
}

static void ignore_failed(void *context, const char *address, const char *text)
{
    (void)context;
    (void)address;
    (void)text;
}

static void ignore_message(void *context, struct lockstep_link *link, const uint8_t *bytes,
                           size_t size)
{
    (void)context;
    (void)link;
    (void)bytes;
    (void)size;
}

static void be_late(void *context)
{
    ((struct world *)context)->late = true;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    lockstep_defaults_init(&world->settings);
    assert_int_equal(lockstep_loop_new(&world->loop, NULL), LOCKSTEP_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    (void)lockstep_listener_free(world->listener);
    (void)lockstep_loop_free(world->loop);
    free(world);
    return 0;
}

static void listen_at(struct world *world, const char *url)
{
    const struct lockstep_listener_config config = {.url = url,
                                                    .own = secret,
                                                    .settings = &world->settings,
                                                    .events = {.context = world,
                                                               .accept = let_in,
                                                               .up = note_up,
                                                               .message = ignore_message,
                                                               .down = note_down,
                                                               .failed = note_failed}};
    assert_int_equal(lockstep_listener_new(world->loop, &config, &world->listener, NULL),
                     LOCKSTEP_OK);
}

static struct lockstep_dialler *dial(struct world *world, enum lockstep_channel_kind kind)
{
    const char *urls[] = {lockstep_listener_url(world->listener)};
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_dialler *dialler = NULL;
    struct lockstep_dialler_config config = {
        .urls = urls,
        .url_count = 1,
        .own = secret,
        .remote = remote,
        .kind = kind,
        .hello = {.version_min = 1, .version_max = 1, .software = "1"},
        .settings = &world->settings,
        .events = {.up = ignore_link,
                   .message = ignore_message,
                   .down = ignore_down,
                   .failed = ignore_failed}};
    (void)crypto_scalarmult_base(remote, secret);
    assert_int_equal(lockstep_dialler_new(world->loop, &config, &dialler, NULL), LOCKSTEP_OK);
    return dialler;
}

/* A connection of 127.0.0.HOST that says nothing. */
static int come_from(const struct world *world, uint32_t host)
{
    const char *colon = strrchr(lockstep_listener_url(world->listener), ':');
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xFFU) | host);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((in_port_t)strtoul(colon + 1, NULL, 10));
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool has_ended(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

#define WAIT_FOR(world, condition)                                                       \
    do {                                                                                 \
        uint64_t end_ = lockstep_monotonic_us() / 1000 + PATIENCE_MS;                    \
        while (!(condition)) {                                                           \
            assert_int_equal(lockstep_loop_once((world)->loop, 100, NULL), LOCKSTEP_OK); \
            assert_true(lockstep_monotonic_us() / 1000 < end_);                          \
        }                                                                                \
    } while (0)

/* So many of one address may wait, and one more drops the oldest of them; another address's wait
 * on. */
static void an_address_makes_room_for_itself(void **state)
{
    struct world *world = *state;
    int fds[4];
    world->settings.half_open_address = 2;
    listen_at(world, "tcp://127.0.0.1:0");
    fds[0] = come_from(world, 2);
    fds[1] = come_from(world, 1);
    fds[2] = come_from(world, 1);
    fds[3] = come_from(world, 1);
    WAIT_FOR(world, world->failures == 1 && has_ended(fds[1]));
    assert_string_equal(world->text, "too many half-open connections from this address");
    assert_false(has_ended(fds[0]) || has_ended(fds[2]) || has_ended(fds[3]));
    for (size_t i = 0; i < 4; i++) {
        (void)close(fds[i]);
    }
}

static void all_make_room_for_one_more(void **state)
{
    struct world *world = *state;
    int fds[4];
    world->settings.half_open = 3;
    listen_at(world, "tcp://127.0.0.1:0");
    for (uint32_t i = 0; i < 3; i++) {
        fds[i] = come_from(world, i + 1);
    }
    fds[3] = come_from(world, 4);
    WAIT_FOR(world, world->failures == 1 && has_ended(fds[0]));
    assert_string_equal(world->text, "too many half-open connections");
    assert_false(has_ended(fds[1]) || has_ended(fds[2]) || has_ended(fds[3]));
    for (size_t i = 0; i < 4; i++) {
        (void)close(fds[i]);
    }
}

/* One user of this machine must not shut out the others. */
static void nobody_is_ignored_on_this_machine(void **state)
{
    struct world *world = *state;
    char directory[] = "/tmp/lockstep-listener-XXXXXX";
    char url[64];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct lockstep_dialler *dialler;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(url, sizeof(url), "ipc://%s/socket", directory);
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/socket", directory);
    listen_at(world, url);
    for (int i = 1; i <= 25; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        assert_int_equal(send(fd, "garbage", 7, MSG_NOSIGNAL), 7);
        WAIT_FOR(world, world->failures == i);
        (void)close(fd);
    }
    dialler = dial(world, LOCKSTEP_CHANNEL_XK);
    WAIT_FOR(world, world->ups == 1);
    (void)lockstep_dialler_free(dialler);
    world->listener = lockstep_listener_free(world->listener);
    (void)unlink(to.sun_path);
    assert_int_equal(rmdir(directory), 0);
}

/* The time to authenticate is over for who has authenticated. */
static void who_is_up_stays_up(void **state)
{
    struct world *world = *state;
    struct lockstep_timer timer = {.due = be_late, .context = world};
    struct lockstep_dialler *dialler;
    world->settings.handshake = 300;
    listen_at(world, "tcp://127.0.0.1:0");
    dialler = dial(world, LOCKSTEP_CHANNEL_XK);
    WAIT_FOR(world, world->ups == 1);
    lockstep_timer_arm(world->loop, &timer,
                       lockstep_time_after(lockstep_loop_now(world->loop), 400));
    WAIT_FOR(world, world->late);
    assert_int_equal(world->ups, 1);
    assert_int_equal(world->downs, 0);
    (void)lockstep_dialler_free(dialler);
}

/* Nobody knows this listener's tokens, for it has none; least of all one with a secret of zeros. */
static void a_secret_of_zeros_opens_nothing(void **state)
{
    struct world *world = *state;
    struct lockstep_dialler *dialler;
    listen_at(world, "tcp://127.0.0.1:0");
    dialler = dial(world, LOCKSTEP_CHANNEL_XKPSK3);
    WAIT_FOR(world, world->failures + world->ups > 0);
    assert_int_equal(world->ups, 0);
    (void)lockstep_dialler_free(dialler);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_makes_room_for_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_make_room_for_one_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_ignored_on_this_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_up_stays_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_secret_of_zeros_opens_nothing, set_up, tear_down),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
