#include "tests/support/fake_coordinator.h"

#include "common/base/attr.h"
#include "common/io/intent.h"
#include "common/io/manifest.h"
#include "common/io/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct coordinator {
    struct lockstep_loop *loop;
    struct lockstep_listener *listener;
    struct lockstep_wire_codec *codec;
    const struct fake_script *scripts;
    bool down;
    bool intent_is_good;
    struct lockstep_manifest manifest; /* of an ARTIFACT_PUT */
    struct lockstep_hash hash;         /* of its bytes */
};

static bool on_accept(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
    return true;
}

static void reply(struct coordinator *coordinator, struct lockstep_link *link,
                  const struct lockstep_wire *wire)
{
    uint8_t bytes[LOCKSTEP_FRAME_MAX];
    size_t length = 0;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_wire_encode(coordinator->codec, wire, bytes, &length, &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "fake coordinator: %s\n", err.message);
        _exit(99);
    }
    (void)lockstep_link_send(link, bytes, length);
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_WELCOME};
    wire.message.u.welcome.version = LOCKSTEP_PROTOCOL_MAX;
    wire.message.u.welcome.epoch = 1;
    memset(wire.message.u.welcome.journal.bytes, 1, LOCKSTEP_ID_BYTES);
    wire.message.u.welcome.heartbeat_ms = 2000;
    wire.message.u.welcome.unix_ms = 1763715600000;
    wire.u.welcome.version_min = LOCKSTEP_PROTOCOL_MIN;
    wire.u.welcome.version_max = LOCKSTEP_PROTOCOL_MAX;
    wire.u.welcome.software = "0.1.0";
    reply(context, link, &wire);
}

/* In pieces of 100 bytes, so that they have to be put together. */
static void send_document(struct coordinator *coordinator, struct lockstep_link *link,
                          uint64_t request, const char *text, bool last)
{
    size_t length = strlen(text);
    size_t offset = 0;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_DOCUMENT};
    do {
        size_t piece = lockstep_wire_piece(length, offset, 100, &wire.u.document.more);
        wire.u.document.request = request;
        wire.u.document.json = (struct lockstep_blob){(const uint8_t *)text + offset, piece};
        wire.u.document.last = last && !wire.u.document.more;
        reply(coordinator, link, &wire);
        offset += piece;
    } while (wire.u.document.more);
}

/* "!EXIT CODE TEXT" is a FAILURE. */
static void send_failure(struct coordinator *coordinator, struct lockstep_link *link,
                         uint64_t request, const char *text)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_FAILURE};
    wire.u.failure.request = request;
    wire.u.failure.exit = (uint32_t)strtoul(text + 1, NULL, 10);
    wire.u.failure.code = "busy";
    wire.u.failure.text = strchr(text, ' ') + 1;
    wire.u.failure.next = "lockstep op ls";
    reply(coordinator, link, &wire);
}

static void check_submit(struct coordinator *coordinator, const struct lockstep_wire *wire)
{
    struct lockstep_intent intent;
    struct lockstep_refusal refusal = {.text = ""};
    const struct lockstep_wire_submit *submit = &wire->u.submit;
    coordinator->intent_is_good = lockstep_intent_parse((const char *)submit->intent.data,
                                                        submit->intent.length, &intent,
                                                        NULL) == LOCKSTEP_OK &&
                                  lockstep_id_equal(&intent.operation, &submit->body.operation) &&
                                  intent.plan_index == 7 && submit->index == 7 &&
                                  intent.roster_size == 2 && intent.item_count == 1 &&
                                  intent.items[0].generation == 19 &&
                                  lockstep_intent_covers_extra(&intent, submit->body.extra,
                                                               &refusal) == 0 &&
                                  submit->signature.length == LOCKSTEP_KEY_SIGNATURE;
}

/* True if this was the last piece and all of it is what the manifest names. */
static bool take_piece(struct coordinator *coordinator, const struct lockstep_wire *wire,
                       bool *ret_good)
{
    const struct lockstep_wire_artifact_put *put = &wire->u.artifact_put;
    struct lockstep_sums sums;
    struct lockstep_hash hash;
    if (put->manifest.length > 0) {
        struct lockstep_minisign_signature signature;
        lockstep_hash_init(&coordinator->hash);
        *ret_good = lockstep_manifest_parse((const char *)put->manifest.data, put->manifest.length,
                                            &coordinator->manifest, NULL) == LOCKSTEP_OK &&
                    lockstep_minisign_parse((const char *)put->signature.data,
                                            put->signature.length, &signature, NULL) == LOCKSTEP_OK;
        return !*ret_good;
    }
    *ret_good = put->offset == coordinator->hash.size;
    lockstep_hash_update(&coordinator->hash, put->data.data, put->data.length);
    hash = coordinator->hash;
    lockstep_hash_final(&hash, &sums);
    if (!put->more) {
        *ret_good = lockstep_digest_equal(&sums.digest, &coordinator->manifest.digest) &&
                    coordinator->manifest.counter == 53;
    }
    return !put->more || !*ret_good;
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct coordinator *coordinator = context;
    struct lockstep_wire wire;
    uint64_t request;
    if (lockstep_wire_decode(coordinator->codec, LOCKSTEP_ROLES_PERSON, bytes, size, &wire, NULL) !=
        LOCKSTEP_OK) {
        _exit(98);
    }
    request = wire.u.show.request; /* the first member of every request */
    if (wire.message.type == LOCKSTEP_MESSAGE_SUBMIT) {
        check_submit(coordinator, &wire);
        if (!coordinator->intent_is_good) {
            send_failure(coordinator, link, request, "!8 the intent is not good");
            return;
        }
    }
    if (wire.message.type == LOCKSTEP_MESSAGE_ARTIFACT_PUT) {
        bool good = false;
        if (!take_piece(coordinator, &wire, &good)) {
            return;
        }
        if (!good) {
            send_failure(coordinator, link, request, "!4 not what the manifest names");
            return;
        }
    }
    for (const struct fake_script *script = coordinator->scripts; script->type != 0; script++) {
        for (size_t i = 0; script->type == (unsigned)wire.message.type && i < FAKE_ANSWERS_MAX &&
                           script->answers[i] != NULL;
             i++) {
            bool last = !script->open && script->answers[i + 1] == NULL;
            if (script->answers[i][0] == '!') {
                send_failure(coordinator, link, request, script->answers[i]);
            } else if (script->answers[i][0] == '.') {
                lockstep_link_close(link, "so told");
            } else {
                send_document(coordinator, link, request, script->answers[i], last);
            }
        }
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct coordinator *coordinator = context;
    (void)link;
    (void)text;
    coordinator->down = true;
}

LOCKSTEP_NORETURN static void serve(const uint8_t *secret, const char *cluster,
                                    const struct fake_script *scripts, int ready)
{
    struct coordinator coordinator = {.scripts = scripts};
    struct lockstep_defaults settings;
    struct lockstep_listener_config config = {.url = "tcp://127.0.0.1:0",
                                              .own = secret,
                                              .settings = &settings,
                                              .events = {.context = &coordinator,
                                                         .accept = on_accept,
                                                         .up = on_up,
                                                         .message = on_message,
                                                         .down = on_down}};
    const char *url;
    lockstep_defaults_init(&settings);
    (void)lockstep_id_parse(cluster, &config.cluster);
    (void)alarm(10);
    coordinator.codec = lockstep_wire_codec_new();
    if (lockstep_loop_new(&coordinator.loop, NULL) != LOCKSTEP_OK ||
        lockstep_listener_new(coordinator.loop, &config, &coordinator.listener, NULL) !=
            LOCKSTEP_OK) {
        _exit(97);
    }
    url = lockstep_listener_url(coordinator.listener);
    if (write(ready, url, strlen(url) + 1) < 0) {
        _exit(96);
    }
    while (!coordinator.down && lockstep_loop_once(coordinator.loop, 1000, NULL) == LOCKSTEP_OK) {
    }
    _exit(0);
}

/* The coordinator lives in a child, because the command runs its own loop and blocks in it. */
pid_t fake_coordinator_start(const uint8_t secret[32], const char *cluster,
                             const struct fake_script *scripts, char ret_url[LOCKSTEP_URL_MAX + 1])
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        serve(secret, cluster, scripts, ends[1]);
    }
    (void)close(ends[1]);
    if (read(ends[0], ret_url, LOCKSTEP_URL_MAX) <= 0) {
        ret_url[0] = '\0';
    }
    (void)close(ends[0]);
    return pid;
}
