/* When a dialler dials again. */
#include "common/io/link.h"
#include "tests/support/cmocka.h"

#include <sodium.h>

static const uint8_t secret[LOCKSTEP_NOISE_KEY] = {1};

struct count {
    bool greets; /* the coordinator sends a message, and then ends the link */
    int tries;   /* links that came up and went, and those that never did */
};

static bool on_accept(void *context, struct lockstep_link *link)
{
    const struct count *count = context;
    (void)link;
    return count->greets;
}

static void greet_and_close(void *context, struct lockstep_link *link)
{
    (void)context;
    assert_true(lockstep_link_send(link, (const uint8_t *)"welcome", 7));
    lockstep_link_close(link, "enough");
}

static void ignore_link(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
}

static void ignore_message(void *context, struct lockstep_link *link, const uint8_t *bytes,
                           size_t size)
{
    (void)context;
    (void)link;
    (void)bytes;
    (void)size;
}

static void ignore_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)context;
    (void)link;
    (void)text;
}

static void count_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)link;
    (void)text;
    ((struct count *)context)->tries++;
}

static void count_failed(void *context, const char *address, const char *text)
{
    (void)address;
    (void)text;
    ((struct count *)context)->tries++;
}

/* Dials until it was tried WANTED times or MOST_MS are over; how often it was tried. */
static int dial_for(struct count *count, int wanted, uint64_t most_ms)
{
    struct lockstep_loop *loop = NULL;
    struct lockstep_listener *listener = NULL;
    struct lockstep_dialler *dialler = NULL;
    struct lockstep_defaults settings;
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    const char *urls[1];
    uint64_t end = lockstep_monotonic_us() / 1000 + most_ms;
    struct lockstep_listener_config listens = {
        .url = "tcp://127.0.0.1:0", .own = secret, .settings = &settings};
    struct lockstep_dialler_config dials = {
        .urls = urls, .url_count = 1, .own = secret, .remote = remote, .settings = &settings};
    lockstep_defaults_init(&settings);
    settings.reconnect_first = 1;
    settings.reconnect_last = LOCKSTEP_HOUR;
    (void)crypto_scalarmult_base(remote, secret);
    assert_int_equal(lockstep_loop_new(&loop, NULL), LOCKSTEP_OK);
    listens.events = (struct lockstep_link_events){.context = count,
                                                   .accept = on_accept,
                                                   .up = greet_and_close,
                                                   .message = ignore_message,
                                                   .down = ignore_down};
    assert_int_equal(lockstep_listener_new(loop, &listens, &listener, NULL), LOCKSTEP_OK);
    urls[0] = lockstep_listener_url(listener);
    dials.kind = LOCKSTEP_CHANNEL_XK;
    dials.hello = (struct lockstep_hello){.version_min = 1, .version_max = 1, .software = "1"};
    dials.events = (struct lockstep_link_events){.context = count,
                                                 .up = ignore_link,
                                                 .message = ignore_message,
                                                 .down = count_down,
                                                 .failed = count_failed};
    assert_int_equal(lockstep_dialler_new(loop, &dials, &dialler, NULL), LOCKSTEP_OK);
    while (count->tries < wanted && lockstep_monotonic_us() / 1000 < end) {
        assert_int_equal(lockstep_loop_once(loop, 50, NULL), LOCKSTEP_OK);
    }
    (void)lockstep_dialler_free(dialler);
    (void)lockstep_listener_free(listener);
    (void)lockstep_loop_free(loop);
    return count->tries;
}

/* Pauses double while the coordinator lets nobody in, though the dialler's own part of each
 * handshake succeeds: 40 tries would take years. */
static void who_is_refused_waits_longer_and_longer(void **state)
{
    struct count twice = {.greets = false};
    struct count often = {.greets = false};
    (void)state;
    assert_true(dial_for(&twice, 2, 20000) >= 2);
    assert_true(dial_for(&often, 40, 500) < 40);
}

/* And stay short when each link was good. */
static void who_was_let_in_comes_back_soon(void **state)
{
    struct count count = {.greets = true};
    (void)state;
    assert_true(dial_for(&count, 40, 20000) >= 40);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_refused_waits_longer_and_longer),
        cmocka_unit_test(who_was_let_in_comes_back_soon),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("dialler", tests, NULL, NULL);
}
