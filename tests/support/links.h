/* A listener and a dialler on one loop, and what each of them has seen. */
#ifndef LOCKSTEP_TESTS_SUPPORT_LINKS_H
#define LOCKSTEP_TESTS_SUPPORT_LINKS_H

#include "common/io/link.h"
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20000

struct side {
    struct lockstep_link *link;
    int ups;
    int downs;
    int failures;
    size_t messages;
    size_t bytes;
    bool echo;
    bool allow;
    uint8_t psk[32];
    char text[256];
    uint8_t last[LOCKSTEP_FRAME_MAX];
};

struct world {
    struct lockstep_loop *loop;
    struct lockstep_defaults settings;
    struct lockstep_id cluster;
    uint8_t server_secret[32];
    uint8_t server_public[32];
    uint8_t client_secret[32];
    uint8_t client_public[32];
    struct side server;
    struct side client;
    struct lockstep_listener *listener;
    struct lockstep_dialler *dialler;
};

static bool on_token(void *context, const uint8_t token[8], uint8_t ret_psk[32])
{
    struct side *side = context;
    if (memcmp(token, "goodone!", 8) != 0) {
        return false;
    }
    memcpy(ret_psk, side->psk, 32);
    return true;
}

static bool on_accept(void *context, struct lockstep_link *link)
{
    const struct side *side = context;
    (void)link;
    return side->allow;
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct side *side = context;
    side->link = link;
    side->ups++;
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct side *side = context;
    side->messages++;
    side->bytes += size;
    memcpy(side->last, bytes, size);
    if (side->echo) {
        (void)lockstep_link_send(link, bytes, size);
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct side *side = context;
    (void)link;
    side->link = NULL;
    side->downs++;
    (void)snprintf(side->text, sizeof(side->text), "%s", text);
}

static void on_failed(void *context, const char *address, const char *text)
{
    struct side *side = context;
    (void)address;
    side->failures++;
    (void)snprintf(side->text, sizeof(side->text), "%s", text);
}

static struct lockstep_link_events events_of(struct side *side)
{
    return (struct lockstep_link_events){.context = side,
                                         .token = on_token,
                                         .accept = on_accept,
                                         .up = on_up,
                                         .message = on_message,
                                         .down = on_down,
                                         .failed = on_failed};
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    lockstep_defaults_init(&world->settings);
    world->settings.reconnect_first = 10;
    world->settings.reconnect_last = 50;
    world->settings.handshake = 2000;
    memset(world->cluster.bytes, 7, sizeof(world->cluster.bytes));
    randombytes_buf(world->server_secret, 32);
    randombytes_buf(world->client_secret, 32);
    (void)crypto_scalarmult_base(world->server_public, world->server_secret);
    (void)crypto_scalarmult_base(world->client_public, world->client_secret);
    world->server.allow = true;
    world->server.echo = true;
    assert_int_equal(lockstep_loop_new(&world->loop, NULL), LOCKSTEP_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    (void)lockstep_dialler_free(world->dialler);
    (void)lockstep_listener_free(world->listener);
    (void)lockstep_loop_free(world->loop);
    free(world);
    return 0;
}

static void listen_at(struct world *world, const char *url)
{
    struct lockstep_listener_config config = {.url = url,
                                              .own = world->server_secret,
                                              .cluster = world->cluster,
                                              .settings = &world->settings,
                                              .events = events_of(&world->server)};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_listener_new(world->loop, &config, &world->listener, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
}

static struct lockstep_dialler_config dial_config(struct world *world, const char *const *urls)
{
    return (struct lockstep_dialler_config){
        .urls = urls,
        .url_count = 1,
        .own = world->client_secret,
        .remote = world->server_public,
        .cluster = world->cluster,
        .kind = LOCKSTEP_CHANNEL_XK,
        .hello = {.version_min = 1, .version_max = 3, .software = "0.1.0"},
        .settings = &world->settings,
        .seed = 1,
        .events = events_of(&world->client)};
}

static void dial(struct world *world, const struct lockstep_dialler_config *config)
{
    assert_int_equal(lockstep_dialler_new(world->loop, config, &world->dialler, NULL), LOCKSTEP_OK);
}

static void connect_both(struct world *world)
{
    const char *urls[1];
    struct lockstep_dialler_config config;
    listen_at(world, "tcp://127.0.0.1:0");
    urls[0] = lockstep_listener_url(world->listener);
    config = dial_config(world, urls);
    dial(world, &config);
}

/* Runs the loop until CONDITION holds; fails when patience is over. */
#define WAIT_FOR(world, condition)                                                       \
    do {                                                                                 \
        uint64_t end_ = lockstep_monotonic_us() / 1000 + PATIENCE_MS;                    \
        while (!(condition)) {                                                           \
            assert_int_equal(lockstep_loop_once((world)->loop, 200, NULL), LOCKSTEP_OK); \
            assert_true(lockstep_monotonic_us() / 1000 < end_);                          \
        }                                                                                \
    } while (0)

#endif
