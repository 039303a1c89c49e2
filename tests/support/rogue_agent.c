/*
 * lockstep-rogue-agent: an agent with a valid key that says what it should not (T3).
 *
 *     lockstep-rogue-agent FOLDER NODE URL everything
 *     lockstep-rogue-agent FOLDER NODE URL others OPERATION
 *     lockstep-rogue-agent FOLDER NODE URL flood MESSAGES
 *
 * It has the key of NODE of the fleet in FOLDER (fleet.sh), whose own agent must not run.
 * Everything: each message that people and coordinators may send, each in a session of its own; a
 * line says what came back, and whether the link was cut. Others: it speaks of OPERATION, in which
 * it has no part, and answers requests that were made to other nodes. Flood: so many messages, as
 * fast as they go. After "the end" it stays connected until SIGTERM.
 */
#include "common/base/assert.h"
#include "common/io/bundle.h"
#include "common/io/keys.h"
#include "common/io/link.h"
#include "common/io/wire.h"
#include "tests/support/wire_fill.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 3000
#define TICKETS     64 /* requests of the coordinator that are answered, whoever was asked */

struct peer {
    struct lockstep_loop *loop;
    struct lockstep_wire_codec *codec;
    struct lockstep_key *own;
    struct lockstep_key *coordinator;
    struct lockstep_bundle *bundle;
    struct lockstep_dialler *dialler;
    struct lockstep_link *link;
    struct lockstep_hello hello;
    const char *url;
    bool welcomed;
    unsigned outcomes[LOCKSTEP_OUTCOME_FINAL + 1];
};

static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

/* ---- the link ------------------------------------------------------------------------------- */

static void on_up(void *context, struct lockstep_link *link)
{
    struct peer *peer = context;
    peer->link = link;
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct peer *peer = context;
    struct lockstep_wire wire;
    (void)link;
    if (lockstep_wire_decode(peer->codec, (unsigned)LOCKSTEP_ROLE_COORDINATOR, bytes, size, &wire,
                             NULL) != LOCKSTEP_OK) {
        return;
    }
    if (wire.message.type == LOCKSTEP_MESSAGE_WELCOME) {
        peer->welcomed = true;
    } else if (wire.message.type == LOCKSTEP_MESSAGE_OUTCOME) {
        peer->outcomes[wire.message.u.decision.outcome]++;
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct peer *peer = context;
    (void)link;
    (void)text;
    peer->link = NULL;
}

static void turn(struct peer *peer)
{
    if (lockstep_loop_once(peer->loop, 50, NULL) != LOCKSTEP_OK) {
        exit(1);
    }
}

static bool wait_for(struct peer *peer, const bool *flag)
{
    uint64_t begun = lockstep_monotonic_us() / 1000;
    while (!*flag && lockstep_monotonic_us() / 1000 - begun < PATIENCE_MS) {
        turn(peer);
    }
    return *flag;
}

static bool wait_cut(struct peer *peer)
{
    uint64_t begun = lockstep_monotonic_us() / 1000;
    while (peer->link != NULL && lockstep_monotonic_us() / 1000 - begun < PATIENCE_MS) {
        turn(peer);
    }
    return peer->link == NULL;
}

static void say(struct peer *peer, const struct lockstep_wire *wire)
{
    static uint8_t bytes[LOCKSTEP_FRAME_MAX];
    size_t length = 0;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_wire_encode(peer->codec, wire, bytes, &length, &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "lockstep-rogue-agent: %s\n", err.message);
        exit(1);
    }
    if (peer->link != NULL) {
        (void)lockstep_link_send(peer->link, bytes, length);
    }
}

static void say_state(struct peer *peer)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_STATE};
    wire.message.u.state.journal = peer->hello.journal;
    wire.message.u.state.epoch = 1;
    say(peer, &wire);
}

/* A session, up to READY or nearly. */
static void connect_as_agent(struct peer *peer)
{
    static struct lockstep_defaults settings;
    struct lockstep_dialler_config config = {
        .urls = &peer->url,
        .url_count = 1,
        .own = peer->own->channel_secret,
        .remote = peer->coordinator->open.channel,
        .cluster = peer->bundle->cluster,
        .kind = LOCKSTEP_CHANNEL_XK,
        .hello = peer->hello,
        .settings = &settings,
        .seed = 1,
        .events = {.context = peer, .up = on_up, .message = on_message, .down = on_down}};
    lockstep_defaults_init(&settings);
    settings.reconnect_first = 10000; /* one session each */
    peer->dialler = lockstep_dialler_free(peer->dialler);
    peer->link = NULL;
    peer->welcomed = false;
    if (lockstep_dialler_new(peer->loop, &config, &peer->dialler, NULL) != LOCKSTEP_OK ||
        !wait_for(peer, &peer->welcomed)) {
        (void)fprintf(stderr, "lockstep-rogue-agent: no session\n");
        exit(1);
    }
    say_state(peer);
}

/* ---- what it says --------------------------------------------------------------------------- */

static void say_everything(struct peer *peer)
{
    for (unsigned type = 1; type < 256; type++) {
        const struct lockstep_wire_row *row = lockstep_wire_row_find(type);
        struct lockstep_wire wire;
        if (row == NULL || lockstep_message_allowed(type, (unsigned)LOCKSTEP_ROLE_AGENT)) {
            continue;
        }
        connect_as_agent(peer);
        lockstep_wire_fill(row, false, &wire);
        say(peer, &wire);
        (void)printf("%s: %s\n", lockstep_message_name(type), wait_cut(peer) ? "cut" : "not cut");
    }
    connect_as_agent(peer);
}

static void vote(struct peer *peer, const struct lockstep_id *operation, bool yes)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_VOTE};
    struct lockstep_vote *body = &wire.message.u.vote;
    body->operation = *operation;
    body->epoch = 1;
    body->yes = yes;
    body->no = yes ? LOCKSTEP_NO_UNSPECIFIED : LOCKSTEP_NO_BAD_SIGNATURE;
    say(peer, &wire);
}

static void ack(struct peer *peer, const struct lockstep_id *operation,
                enum lockstep_applied applied)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_ACK};
    struct lockstep_ack *body = &wire.message.u.ack;
    body->operation = *operation;
    body->epoch = 1;
    body->applied = applied;
    body->no = applied == LOCKSTEP_APPLIED_FAILED ? LOCKSTEP_NO_CRASHED : LOCKSTEP_NO_UNSPECIFIED;
    say(peer, &wire);
}

/* Answers to what others were asked. */
static void answer_for_others(struct peer *peer)
{
    for (uint64_t ticket = 1; ticket <= TICKETS; ticket++) {
        struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_RESULT};
        wire.u.tool_result.request = ticket;
        wire.u.tool_result.ok = true;
        wire.u.tool_result.output = (struct lockstep_blob){(const uint8_t *)"forged", 6};
        wire.u.tool_result.text = "";
        say(peer, &wire);
        wire = (struct lockstep_wire){.message.type = LOCKSTEP_MESSAGE_DRAINED};
        wire.u.drained.request = ticket;
        wire.u.drained.ok = true;
        wire.u.drained.text = "";
        say(peer, &wire);
        wire = (struct lockstep_wire){.message.type = LOCKSTEP_MESSAGE_PONG};
        wire.u.ping.request = ticket;
        say(peer, &wire);
    }
}

static void say_of_others(struct peer *peer, const char *text)
{
    struct lockstep_id operation;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_QUERY};
    if (!lockstep_id_parse(text, &operation)) {
        (void)fprintf(stderr, "lockstep-rogue-agent: %s is no operation\n", text);
        exit(2);
    }
    connect_as_agent(peer);
    vote(peer, &operation, true);
    vote(peer, &operation, false);
    ack(peer, &operation, LOCKSTEP_APPLIED_APPLIED);
    ack(peer, &operation, LOCKSTEP_APPLIED_FAILED);
    ack(peer, &operation, LOCKSTEP_APPLIED_ABORTED);
    answer_for_others(peer);
    wire.message.u.query.operation = operation;
    wire.message.u.query.epoch = 1;
    say(peer, &wire);
    for (unsigned i = 0; i < 20 && peer->outcomes[LOCKSTEP_OUTCOME_PENDING] == 0; i++) {
        turn(peer);
    }
    (void)printf(
        "told of its outcome: %s\n",
        peer->outcomes[LOCKSTEP_OUTCOME_PENDING] == 0 ? "nothing"
        : peer->outcomes[LOCKSTEP_OUTCOME_COMMIT] + peer->outcomes[LOCKSTEP_OUTCOME_ABORT] > 0
            ? "decided"
            : "pending");
}

/* Of what may be said at any time, and costs the coordinator something. */
static void flood(struct peer *peer, unsigned long messages)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_HEARTBEAT};
    connect_as_agent(peer);
    (void)puts("flooding");
    (void)fflush(stdout);
    for (unsigned long i = 0; i < messages && over == 0 && peer->link != NULL; i++) {
        while (peer->link != NULL && lockstep_link_outbox(peer->link) > 65536) {
            turn(peer);
        }
        wire.message.u.heartbeat.sequence = i + 1;
        say(peer, &wire);
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool read_bundle(struct peer *peer, const char *folder)
{
    static char text[LOCKSTEP_BUNDLE_MAX + 1];
    char path[4096];
    size_t length;
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/bundle", folder);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    length = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    peer->bundle = calloc(1, sizeof(*peer->bundle));
    return peer->bundle != NULL &&
           lockstep_bundle_parse(text, length, peer->bundle, NULL) == LOCKSTEP_OK;
}

static bool begin(struct peer *peer, char **argv)
{
    char path[4096];
    if (lockstep_sodium_ready(NULL) != LOCKSTEP_OK || !read_bundle(peer, argv[1])) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/%s/data/key", argv[1], argv[2]);
    if (lockstep_key_read(path, &peer->own, NULL) != LOCKSTEP_OK) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/coordinator/key", argv[1]);
    peer->url = argv[3];
    peer->hello = (struct lockstep_hello){.version_min = LOCKSTEP_PROTOCOL_MIN,
                                          .version_max = LOCKSTEP_PROTOCOL_MAX,
                                          .software = "0.1.0"};
    randombytes_buf(peer->hello.boot.bytes, LOCKSTEP_ID_BYTES);
    randombytes_buf(peer->hello.journal.bytes, LOCKSTEP_ID_BYTES);
    peer->codec = lockstep_wire_codec_new();
    return peer->codec != NULL &&
           lockstep_key_read(path, &peer->coordinator, NULL) == LOCKSTEP_OK &&
           lockstep_loop_new(&peer->loop, NULL) == LOCKSTEP_OK;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = end};
    static struct peer peer;
    (void)sigaction(SIGTERM, &action, NULL);
    if (argc < 5 || !begin(&peer, argv)) {
        (void)fprintf(stderr, "usage: lockstep-rogue-agent FOLDER NODE URL everything|others|flood "
                              "[OPERATION|MESSAGES]\n");
        return 2;
    }
    if (strcmp(argv[4], "everything") == 0) {
        say_everything(&peer);
    } else if (strcmp(argv[4], "others") == 0 && argc == 6) {
        say_of_others(&peer, argv[5]);
    } else if (argc == 6) {
        flood(&peer, strtoul(argv[5], NULL, 10));
    }
    (void)puts("the end");
    (void)fflush(stdout);
    while (over == 0 && lockstep_loop_once(peer.loop, 100, NULL) == LOCKSTEP_OK) {
    }
    return 0;
}
