/* A whole agent and a coordinator that is not to be believed, in one loop and on a real channel:
 * what the node answers to a reconcile that the coordinator opened by itself. */
#include "agent/driver_internal.h"
#include "common/io/log.h"
#include "common/io/standing.h"
#include "tests/support/agent_trust.h"
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS  (24ULL * 60 * 60 * 1000)
#define WAIT_MS 10000

struct world {
    char directory[64];
    char data[128];
    char run[128];
    struct lockstep_loop *loop;
    struct lockstep_key *coordinator;
    struct lockstep_key *node;
    struct lockstep_key *ann;
    struct lockstep_key *mallory;
    struct lockstep_bundle *bundle;
    struct lockstep_listener *listener;
    struct lockstep_wire_codec *codec;
    struct lockstep_link *link;
    bool joined;  /* its STATE has come */
    bool answers; /* heartbeats */
    bool welcomes;
    uint64_t heartbeat_ms;
    bool left; /* the node has closed the link */
    uint32_t heartbeats;
    char *urls[1];
    struct lockstep_config_service service;
    struct lockstep_config_agent config;
    struct lockstep_agent_store *store;
    struct lockstep_node_agent *agent;
    uint8_t operations;
    uint64_t generation;
    bool answered; /* with a FETCH, or with a VOTE */
    struct lockstep_digest fetched;
    uint64_t fetch;
    struct lockstep_vote vote;
};

/* ---- the coordinator ------------------------------------------------------------------------- */

static void say(struct world *world, const struct lockstep_wire *wire)
{
    static uint8_t bytes[LOCKSTEP_FRAME_MAX];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t length = 0;
    if (lockstep_wire_encode(world->codec, wire, bytes, &length, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(lockstep_link_send(world->link, bytes, length));
}

static void answer_heartbeat(struct world *world)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHECKPOINT};
    if (world->answers) {
        say(world, &wire);
    }
}

static bool on_accept(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
    return true;
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct world *world = context;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_WELCOME};
    wire.message.u.welcome.version = LOCKSTEP_PROTOCOL_MAX;
    wire.message.u.welcome.epoch = 1;
    wire.message.u.welcome.journal.bytes[0] = 1;
    wire.message.u.welcome.heartbeat_ms = world->heartbeat_ms;
    wire.u.welcome.version_min = LOCKSTEP_PROTOCOL_MIN;
    wire.u.welcome.version_max = LOCKSTEP_PROTOCOL_MAX;
    wire.u.welcome.software = "0.1.0";
    world->link = link;
    if (world->welcomes) {
        say(world, &wire);
    }
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct world *world = context;
    struct lockstep_wire wire;
    (void)link;
    assert_int_equal(
        lockstep_wire_decode(world->codec, (unsigned)LOCKSTEP_ROLE_AGENT, bytes, size, &wire, NULL),
        LOCKSTEP_OK);
    if (wire.message.type == LOCKSTEP_MESSAGE_STATE) {
        world->joined = !wire.message.u.state.more;
    } else if (wire.message.type == LOCKSTEP_MESSAGE_FETCH) {
        world->fetched = wire.u.fetch.digest;
        world->fetch = wire.u.fetch.request;
        world->answered = true;
    } else if (wire.message.type == LOCKSTEP_MESSAGE_VOTE) {
        world->vote = wire.message.u.vote;
        world->answered = true;
    } else if (wire.message.type == LOCKSTEP_MESSAGE_HEARTBEAT) {
        world->heartbeats++;
        answer_heartbeat(world);
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct world *world = context;
    (void)link;
    (void)text;
    world->link = NULL;
    world->joined = false;
    world->left = true;
}

static void wait_for(struct world *world, const bool *what)
{
    const uint64_t deadline = lockstep_unix_ms() + WAIT_MS;
    while (!*what && lockstep_unix_ms() < deadline) {
        assert_int_equal(lockstep_loop_once(world->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_true(*what);
    assert_int_equal(lockstep_node_agent_failure(world->agent, NULL), LOCKSTEP_OK);
}

/* ---- the node -------------------------------------------------------------------------------- */

static void begin_agent(struct world *world)
{
    struct lockstep_node_agent_config config = {.config = &world->config,
                                                .key = world->node,
                                                .host_path = "/nonexistent/lockstep-host",
                                                .probe_path = "/nonexistent/lockstep-probe"};
    assert_int_equal(lockstep_agent_store_open(world->data, &world->store, NULL), LOCKSTEP_OK);
    config.store = world->store;
    if (!lockstep_agent_store_meta(world->store)->enrolled) {
        static char text[LOCKSTEP_BUNDLE_MAX + 1];
        struct lockstep_agent_meta meta = {.name = world->config.name,
                                           .cluster = world->bundle->cluster};
        struct lockstep_agent_bundle row = {.version = world->bundle->version};
        memcpy(meta.coordinator_key, world->coordinator->open.channel, LOCKSTEP_KEY_BYTES);
        assert_int_equal(
            lockstep_bundle_encode(world->bundle, text, sizeof(text), &row.text.length, NULL),
            LOCKSTEP_OK);
        row.text.data = (const uint8_t *)text;
        assert_int_equal(lockstep_agent_store_enrol(world->store, &meta, &row, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(lockstep_node_agent_new(world->loop, &config, &world->agent, NULL),
                     LOCKSTEP_OK);
}

static void start_agent(struct world *world)
{
    begin_agent(world);
    wait_for(world, &world->joined);
}

static void stop_agent(struct world *world)
{
    world->agent = lockstep_node_agent_free(world->agent);
    world->store = lockstep_agent_store_close(world->store);
    world->joined = false;
}

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_bundle_operator row = {.roles = (unsigned)LOCKSTEP_ROLE_OPERATOR |
                                                    (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN};
    struct lockstep_listener_config listen = {.url = "tcp://127.0.0.1:0",
                                              .settings = &world->config.settings,
                                              .events = {.context = world,
                                                         .accept = on_accept,
                                                         .up = on_up,
                                                         .message = on_message,
                                                         .down = on_down}};
    assert_non_null(world);
    assert_true(sodium_init() >= 0);
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/session.XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->data, sizeof(world->data), "%s/data", world->directory);
    (void)snprintf(world->run, sizeof(world->run), "%s/run", world->directory);
    world->coordinator = new_key("coordinator");
    world->node = new_key("n1");
    world->ann = new_key("ann");
    world->mallory = new_key("mallory");
    world->bundle = calloc(1, sizeof(*world->bundle));
    assert_non_null(world->bundle);
    world->bundle->cluster.bytes[0] = 7;
    world->bundle->version = 1;
    world->bundle->admin_threshold = 1;
    world->bundle->release_threshold = 1;
    row.key = world->ann->open;
    assert_int_equal(lockstep_bundle_add_operator(world->bundle, &row, NULL), LOCKSTEP_OK);
    lockstep_defaults_init(&world->config.settings);
    world->heartbeat_ms = world->config.settings.heartbeat;
    world->welcomes = true;
    world->answers = true;
    world->codec = lockstep_wire_codec_new();
    assert_non_null(world->codec);
    assert_int_equal(lockstep_loop_new(&world->loop, NULL), LOCKSTEP_OK);
    listen.own = world->coordinator->channel_secret;
    listen.cluster = world->bundle->cluster;
    assert_int_equal(lockstep_listener_new(world->loop, &listen, &world->listener, NULL),
                     LOCKSTEP_OK);
    world->urls[0] = strdup(lockstep_listener_url(world->listener));
    world->service.name = name_of("default");
    world->config.name = name_of("n1");
    world->config.data = world->data;
    world->config.run = world->run;
    world->config.coordinators = (struct lockstep_config_list){world->urls, 1};
    world->config.services = &world->service;
    world->config.service_count = 1;
    start_agent(world);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    stop_agent(world);
    (void)lockstep_listener_free(world->listener);
    (void)lockstep_loop_free(world->loop);
    (void)lockstep_wire_codec_free(world->codec);
    (void)lockstep_key_free(world->coordinator);
    (void)lockstep_key_free(world->node);
    (void)lockstep_key_free(world->ann);
    (void)lockstep_key_free(world->mallory);
    remove_directory(world->directory);
    free(world->urls[0]);
    free(world->bundle);
    free(world);
    return 0;
}

/* ---- what it is ordered ---------------------------------------------------------------------- */

static struct lockstep_digest version(uint8_t number)
{
    struct lockstep_digest digest;
    memset(digest.bytes, number, sizeof(digest.bytes));
    return digest;
}

/* For every module, issued an hour ago. */
static struct lockstep_standing make_standing(const struct world *world)
{
    const uint64_t now = lockstep_unix_ms();
    struct lockstep_standing made = {.cluster = world->bundle->cluster,
                                     .max_changes_percent = 25,
                                     .issued_unix_ms = now - DAY_MS / 24,
                                     .not_after_unix_ms = now + DAY_MS};
    made.order.bytes[0] = 1;
    return made;
}

/* Version 3 of greet, which ann ordered once, gets the next generation in the next operation. */
static void order(struct world *world, const struct lockstep_standing *standing,
                  const struct lockstep_key *signer)
{
    static char papers[2][LOCKSTEP_INTENT_MAX + 1];
    uint8_t signatures[2][LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PREPARE};
    struct lockstep_prepare *prepare = &wire.message.u.prepare;
    struct lockstep_intent *intent = calloc(1, sizeof(*intent));
    size_t length = 0;
    assert_non_null(intent);
    intent->cluster = world->bundle->cluster;
    intent->operation.bytes[0] = 200;
    intent->kind = LOCKSTEP_KIND_RELOAD;
    intent->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    intent->on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    intent->roster = version(1);
    intent->roster_size = 5;
    intent->not_after_unix_ms = 1; /* long ago */
    intent->item_count = 1;
    intent->items[0] = (struct lockstep_item){
        .module = name_of("greet"), .generation = 1, .digest = version(3)};
    assert_int_equal(lockstep_intent_encode(intent, papers[0], sizeof(papers[0]), &length, NULL),
                     LOCKSTEP_OK);
    lockstep_intent_sign(papers[0], length, world->ann, signatures[0]);
    wire.u.prepare.intent = (struct lockstep_blob){(const uint8_t *)papers[0], length};
    wire.u.prepare.signature = (struct lockstep_blob){signatures[0], sizeof(signatures[0])};
    wire.u.prepare.signer = name_of("ann");
    wire.u.prepare.extra = "";
    assert_int_equal(
        lockstep_standing_encode(standing, papers[1], sizeof(papers[1]), &length, NULL),
        LOCKSTEP_OK);
    lockstep_standing_sign(papers[1], length, signer, signatures[1]);
    wire.u.prepare.standing = (struct lockstep_blob){(const uint8_t *)papers[1], length};
    wire.u.prepare.standing_signature = (struct lockstep_blob){signatures[1],
                                                               sizeof(signatures[1])};
    wire.u.prepare.standing_signer = name_of("ann");
    prepare->operation.bytes[0] = ++world->operations;
    prepare->epoch = 1;
    prepare->kind = LOCKSTEP_KIND_RECONCILE;
    prepare->strategy = LOCKSTEP_STRATEGY_ROLLING;
    prepare->drain = LOCKSTEP_DRAIN_AUTO;
    prepare->prepare_ms = 5000;
    prepare->roster_size = 1;
    prepare->roster = version(2);
    prepare->item_count = 1;
    prepare->items[0] = intent->items[0];
    prepare->items[0].generation = ++world->generation;
    free(intent);
    world->answered = false;
    world->fetch = 0;
    world->vote = (struct lockstep_vote){.no = LOCKSTEP_NO_UNSPECIFIED};
    say(world, &wire);
    wait_for(world, &world->answered);
}

/* It asks for the version: whoever ordered it was believed. Then it is told that there is none. */
static void believes(struct world *world, const struct lockstep_standing *standing)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHUNK};
    order(world, standing, world->ann);
    if (world->fetch == 0) {
        fail_msg("%s: %s", lockstep_no_name(world->vote.no), world->vote.text);
    }
    assert_memory_equal(world->fetched.bytes, version(3).bytes, LOCKSTEP_DIGEST_BYTES);
    wire.u.chunk.request = world->fetch;
    wire.u.chunk.digest = world->fetched;
    wire.u.chunk.part = LOCKSTEP_ARTIFACT_PART_MANIFEST;
    wire.u.chunk.missing = true;
    world->answered = false;
    say(world, &wire);
    wait_for(world, &world->answered);
    assert_int_equal(world->vote.no, LOCKSTEP_NO_NOFILE);
}

static void refuses(struct world *world, const struct lockstep_standing *standing,
                    const struct lockstep_key *signer, enum lockstep_no no, const char *text)
{
    order(world, standing, signer);
    assert_int_equal(world->fetch, 0);
    assert_int_equal(world->vote.operation.bytes[0], world->operations);
    assert_false(world->vote.yes);
    if (world->vote.no != no || strstr(world->vote.text, text) == NULL) {
        fail_msg("%s: %s", lockstep_no_name(world->vote.no), world->vote.text);
    }
}

/* ---- what it answers ------------------------------------------------------------------------- */

static void only_what_an_operator_permitted(void **state)
{
    struct world *world = *state;
    const struct lockstep_standing good = make_standing(world);
    struct lockstep_standing over = good;
    struct lockstep_standing other = good;
    char words[LOCKSTEP_STANDING_WORDS];
    over.not_after_unix_ms = lockstep_unix_ms() - 1;
    other.cluster.bytes[0] ^= 1;
    refuses(world, &good, world->mallory, LOCKSTEP_NO_INTENT, "is not what ann signed");
    lockstep_standing_words(&over, words);
    refuses(world, &over, world->ann, LOCKSTEP_NO_EXPIRED, words);
    lockstep_standing_words(&other, words);
    refuses(world, &other, world->ann, LOCKSTEP_NO_WRONG_CLUSTER, words);
    believes(world, &good);
    believes(world, &good);
}

static void an_order_that_was_narrowed_stays_narrowed(void **state)
{
    struct world *world = *state;
    const struct lockstep_standing wide = make_standing(world);
    struct lockstep_standing narrow = wide;
    narrow.order.bytes[0] = 2;
    narrow.issued_unix_ms++;
    narrow.modules[0] = name_of("pay");
    narrow.module_count = 1;
    believes(world, &wide);
    refuses(world, &narrow, world->ann, LOCKSTEP_NO_INTENT, "it is not for module greet");
    refuses(world, &wide, world->ann, LOCKSTEP_NO_INTENT, "issued later");
    stop_agent(world);
    start_agent(world);
    refuses(world, &wide, world->ann, LOCKSTEP_NO_INTENT, "issued later");
}

/* The node was told that the version is quarantined, and votes by itself. */
static void nothing_leads_to_a_quarantined_version(void **state)
{
    struct world *world = *state;
    const struct lockstep_standing good = make_standing(world);
    const struct lockstep_digest bad = version(3);
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_QUARANTINE};
    believes(world, &good);
    wire.u.quarantine.digests = &bad;
    wire.u.quarantine.digest_count = 1;
    wire.u.quarantine.first = true;
    say(world, &wire);
    refuses(world, &good, world->ann, LOCKSTEP_NO_QUARANTINED, "");
    stop_agent(world);
    start_agent(world);
    refuses(world, &good, world->ann, LOCKSTEP_NO_QUARANTINED, "");
}

/* ---- a coordinator that is not heard ---- */

/* The node is started anew, with heartbeats that do not take long. */
static void hurry(struct world *world)
{
    stop_agent(world);
    while (world->link != NULL) {
        assert_int_equal(lockstep_loop_once(world->loop, 100, NULL), LOCKSTEP_OK);
    }
    world->heartbeat_ms = 20;
    world->config.settings.heartbeat = 20;
    world->config.settings.down_percent = 300;
}

static void who_answers_heartbeats_is_stayed_with(void **state)
{
    struct world *world = *state;
    hurry(world);
    world->config.settings.down_percent = 2500; /* half a second, on a machine with much to do */
    start_agent(world);
    world->left = false;
    world->heartbeats = 0;
    while (world->heartbeats < 60) {
        assert_int_equal(lockstep_loop_once(world->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_false(world->left);
}

static void who_does_not_is_left_and_asked_again(void **state)
{
    struct world *world = *state;
    hurry(world);
    start_agent(world);
    world->left = false;
    world->answers = false;
    world->heartbeats = 0;
    wait_for(world, &world->left);
    assert_in_range(world->heartbeats, 3, 5); /* one may still be answered */
    world->answers = true;
    wait_for(world, &world->joined);
}

static void who_never_says_welcome_is_left(void **state)
{
    struct world *world = *state;
    hurry(world);
    world->welcomes = false;
    begin_agent(world);
    while (world->link == NULL) {
        assert_int_equal(lockstep_loop_once(world->loop, 100, NULL), LOCKSTEP_OK);
    }
    world->left = false;
    wait_for(world, &world->left);
    world->welcomes = true;
    wait_for(world, &world->joined);
}

#define WORLD(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WORLD(only_what_an_operator_permitted),
        WORLD(an_order_that_was_narrowed_stays_narrowed),
        WORLD(nothing_leads_to_a_quarantined_version),
        WORLD(who_answers_heartbeats_is_stayed_with),
        WORLD(who_does_not_is_left_and_asked_again),
        WORLD(who_never_says_welcome_is_left),
    };
    lockstep_log_set_level(LOCKSTEP_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
