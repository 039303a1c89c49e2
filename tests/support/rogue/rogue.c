/* The link of a coordinator that lies, and what it sends. */
#include "tests/support/rogue/rogue.h"

#include "common/base/assert.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 3000
#define PIECES_MAX  32 /* of what has no end, at once */
#define LIFE_MS     3600000

/* ---- sending -------------------------------------------------------------------------------- */

void rogue_send(struct rogue *rogue, const struct lockstep_wire *wire)
{
    static uint8_t bytes[LOCKSTEP_FRAME_MAX];
    size_t length = 0;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (rogue->link == NULL) {
        return;
    }
    if (lockstep_wire_encode(rogue->codec, wire, bytes, &length, &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "rogue: cannot write %s: %s\n",
                      lockstep_message_name(wire->message.type), err.message);
        exit(1);
    }
    (void)lockstep_link_send(rogue->link, bytes, length);
}

static void welcome(struct rogue *rogue)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_WELCOME};
    struct lockstep_welcome *body = &wire.message.u.welcome;
    body->version = LOCKSTEP_PROTOCOL_MAX;
    body->epoch = 1;
    memset(body->journal.bytes, 1, LOCKSTEP_ID_BYTES);
    body->heartbeat_ms = 100;
    body->unix_ms = lockstep_unix_ms();
    wire.u.welcome.version_min = LOCKSTEP_PROTOCOL_MIN;
    wire.u.welcome.version_max = LOCKSTEP_PROTOCOL_MAX;
    wire.u.welcome.software = "0.1.0";
    rogue_send(rogue, &wire);
    wire = (struct lockstep_wire){.message.type = LOCKSTEP_MESSAGE_READY};
    rogue_send(rogue, &wire);
}

/* ---- the artifact --------------------------------------------------------------------------- */

static struct lockstep_wire chunk_for(const struct lockstep_wire_fetch *fetch, uint64_t total)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_CHUNK};
    wire.u.chunk.request = fetch->request;
    wire.u.chunk.digest = fetch->digest;
    wire.u.chunk.part = fetch->part;
    wire.u.chunk.total = total;
    return wire;
}

static void send_whole(struct rogue *rogue, const struct lockstep_wire_fetch *fetch,
                       const void *bytes, size_t size)
{
    struct lockstep_wire wire = chunk_for(fetch, size);
    do {
        size_t piece = lockstep_wire_piece(size, (size_t)wire.u.chunk.offset, LOCKSTEP_CHUNK_MAX,
                                           &wire.u.chunk.more);
        wire.u.chunk.data = (struct lockstep_blob){(const uint8_t *)bytes + wire.u.chunk.offset,
                                                   piece};
        rogue_send(rogue, &wire);
        wire.u.chunk.offset += piece;
    } while (wire.u.chunk.more);
}

static void send_endless(struct rogue *rogue, const struct lockstep_wire_fetch *fetch)
{
    static const uint8_t piece[LOCKSTEP_CHUNK_MAX];
    struct lockstep_wire wire = chunk_for(fetch, UINT64_C(1) << 40);
    for (unsigned i = 0; i < PIECES_MAX && rogue->link != NULL; i++) {
        wire.u.chunk.data = (struct lockstep_blob){piece, sizeof(piece)};
        wire.u.chunk.more = true;
        rogue_send(rogue, &wire);
        wire.u.chunk.offset += sizeof(piece);
    }
}

/* One byte of what nobody will see the end of. */
static void drip(struct rogue *rogue)
{
    const struct lockstep_wire_fetch fetch = {.request = rogue->drip_request,
                                              .digest = rogue->order.manifest.digest,
                                              .part = LOCKSTEP_ARTIFACT_PART_BYTES};
    struct lockstep_wire wire = chunk_for(&fetch, rogue->order.size);
    if (rogue->drip_request == 0 || rogue->dripped + 1 >= rogue->order.size) {
        return;
    }
    wire.u.chunk.offset = rogue->dripped;
    wire.u.chunk.data = (struct lockstep_blob){rogue->order.bytes + rogue->dripped, 1};
    wire.u.chunk.more = true;
    rogue_send(rogue, &wire);
    rogue->dripped++;
}

static void send_bytes(struct rogue *rogue, const struct lockstep_wire_fetch *fetch)
{
    struct rogue_order *order = &rogue->order;
    rogue->fetches++;
    switch (order->source) {
    case ROGUE_HONEST:
    case ROGUE_ENDLESS_MANIFEST:
        send_whole(rogue, fetch, order->bytes, order->size);
        break;
    case ROGUE_OTHER_BYTES:
        order->bytes[order->size - 1] ^= 1;
        send_whole(rogue, fetch, order->bytes, order->size);
        break;
    case ROGUE_SHORT:
        send_whole(rogue, fetch, order->bytes, order->size - 1);
        break;
    case ROGUE_ENDLESS:
        send_endless(rogue, fetch);
        break;
    case ROGUE_DRIPPING:
        rogue->drip_request = fetch->request;
        break;
    case ROGUE_MISSING: {
        struct lockstep_wire wire = chunk_for(fetch, 0);
        wire.u.chunk.missing = true;
        rogue_send(rogue, &wire);
        break;
    }
    }
}

static void on_fetch(struct rogue *rogue, const struct lockstep_wire_fetch *fetch)
{
    const struct rogue_order *order = &rogue->order;
    if (fetch->part == LOCKSTEP_ARTIFACT_PART_BYTES) {
        send_bytes(rogue, fetch);
    } else if (fetch->part == LOCKSTEP_ARTIFACT_PART_SIGNATURE) {
        send_whole(rogue, fetch, order->signature, strlen(order->signature));
    } else if (order->source == ROGUE_ENDLESS_MANIFEST) {
        send_endless(rogue, fetch);
    } else {
        send_whole(rogue, fetch, order->manifest_text, order->manifest_length);
    }
}

/* ---- what the agent says -------------------------------------------------------------------- */

static bool on_accept(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
    return true;
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct rogue *rogue = context;
    rogue->link = link;
    rogue->joined = false;
    welcome(rogue);
}

static void on_ack(struct rogue *rogue, const struct lockstep_ack *ack)
{
    struct lockstep_state *state = &rogue->state;
    rogue->applied = rogue->applied ||
                     (ack->applied == LOCKSTEP_APPLIED_APPLIED &&
                      lockstep_id_equal(&ack->operation, &rogue->order.prepare.operation));
    for (uint32_t i = 0; i < ack->live_count; i++) {
        for (uint32_t j = 0; j < state->live_count; j++) {
            if (lockstep_name_equal(&ack->live[i].module, &state->live[j].module)) {
                state->live[j] = ack->live[i];
            }
        }
    }
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct rogue *rogue = context;
    struct lockstep_wire wire;
    const struct lockstep_vote *vote = &wire.message.u.vote;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)link;
    if (lockstep_wire_decode(rogue->codec, (unsigned)LOCKSTEP_ROLE_AGENT, bytes, size, &wire,
                             &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "rogue: the agent sent what is none: %s\n", err.message);
        exit(1);
    }
    if (wire.message.type == LOCKSTEP_MESSAGE_STATE) {
        rogue->state = wire.message.u.state;
        rogue->joined = true;
    } else if (wire.message.type == LOCKSTEP_MESSAGE_VOTE &&
               lockstep_id_equal(&vote->operation, &rogue->order.prepare.operation)) {
        (void)snprintf(rogue->answer, sizeof(rogue->answer), "%s",
                       vote->yes ? "YES" : lockstep_no_name(vote->no));
    } else if (wire.message.type == LOCKSTEP_MESSAGE_ACK) {
        on_ack(rogue, &wire.message.u.ack);
    } else if (wire.message.type == LOCKSTEP_MESSAGE_FETCH) {
        on_fetch(rogue, &wire.u.fetch);
    } else if (wire.message.type == LOCKSTEP_MESSAGE_PONG) {
        rogue->pongs++;
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct rogue *rogue = context;
    (void)text;
    if (rogue->link == link) {
        rogue->link = NULL;
        rogue->joined = false;
    }
}

static void turn(struct rogue *rogue, uint64_t max_ms)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_loop_once(rogue->loop, max_ms, &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "rogue: %s\n", err.message);
        exit(1);
    }
}

static uint64_t later(uint64_t ms)
{
    return lockstep_monotonic_us() / 1000 + ms;
}

static bool is_past(uint64_t ms)
{
    return lockstep_monotonic_us() / 1000 >= ms;
}

bool rogue_wait_agent(struct rogue *rogue)
{
    uint64_t end = later(PATIENCE_MS);
    while (!(rogue->link != NULL && rogue->joined) && !is_past(end)) {
        turn(rogue, 100);
    }
    return rogue->link != NULL && rogue->joined;
}

bool rogue_is_heard(struct rogue *rogue)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PING, .u.ping.request = 1};
    unsigned before = rogue->pongs;
    const struct lockstep_link *link = rogue->link;
    uint64_t end = later(PATIENCE_MS);
    rogue_send(rogue, &wire);
    while (rogue->link != NULL && rogue->link == link && rogue->pongs == before && !is_past(end)) {
        turn(rogue, 100);
    }
    return rogue->link == link && rogue->pongs > before;
}

/* ---- orders --------------------------------------------------------------------------------- */

void rogue_good_order(struct rogue *rogue, struct rogue_order *order)
{
    const struct lockstep_state *state = &rogue->state;
    const struct lockstep_name node = {"n1"};
    struct lockstep_intent *intent = &order->intent;
    struct lockstep_item item = {.module = rogue->echo.module};
    struct lockstep_sums sums;
    memset(order, 0, sizeof(*order));
    order->size = rogue->module_size + ++rogue->orders; /* loads as well, and is another version */
    order->bytes = calloc(1, order->size);
    ASSERT(order->bytes != NULL);
    memcpy(order->bytes, rogue->module, rogue->module_size);
    lockstep_sums_buffer(order->bytes, order->size, &sums);
    order->manifest = rogue->echo;
    order->manifest.digest = sums.digest;
    order->manifest.md5 = sums.md5;
    order->manifest.size = sums.size;
    item.digest = sums.digest;
    for (uint32_t i = 0; i < state->live_count; i++) {
        if (lockstep_name_equal(&state->live[i].module, &item.module)) {
            item.generation = state->live[i].generation + 2;
        }
    }
    intent->cluster = rogue->bundle->cluster;
    randombytes_buf(intent->operation.bytes, LOCKSTEP_ID_BYTES);
    intent->kind = LOCKSTEP_KIND_RELOAD;
    intent->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    intent->on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    intent->roster_size = 1;
    ASSERT(lockstep_roster_digest(&node, 1, &intent->roster, NULL) == LOCKSTEP_OK);
    intent->not_after_unix_ms = lockstep_unix_ms() + LIFE_MS;
    intent->item_count = 1;
    intent->items[0] = item;
    order->prepare = (struct lockstep_prepare){.operation = intent->operation,
                                               .epoch = state->epoch,
                                               .kind = intent->kind,
                                               .strategy = intent->strategy,
                                               .drain = LOCKSTEP_DRAIN_AUTO,
                                               .drain_timeout_ms = 1000,
                                               .prepare_ms = 5000,
                                               .roster_size = 1,
                                               .roster = intent->roster,
                                               .item_count = 1};
    order->prepare.items[0] = item;
    order->signer = rogue->operator_key;
    order->signer_name = rogue->operator_key->open.name.text;
    order->release = rogue->release;
    order->extra = "";
    order->patience_ms = PATIENCE_MS;
}

static void write_manifest(struct rogue_order *order)
{
    char comment[LOCKSTEP_MINISIGN_COMMENT_TEXT];
    lockstep_manifest_comment(&order->manifest, comment);
    ASSERT(lockstep_manifest_encode(&order->manifest, order->manifest_text,
                                    sizeof(order->manifest_text), &order->manifest_length,
                                    NULL) == LOCKSTEP_OK);
    ASSERT(lockstep_minisign_sign(order->release, order->manifest_text, order->manifest_length,
                                  comment, order->signature, NULL) == LOCKSTEP_OK);
    if (order->flip_manifest) {
        order->manifest_text[order->manifest_length - 2] ^= 1;
    }
    if (order->flip_signature) {
        char *digit = strchr(order->signature, '\n') + 20; /* within the signature's line */
        *digit = *digit == 'A' ? 'B' : 'A';
    }
}

/* Signs the order and sends it; what it points to is kept until it has gone. */
static void send_prepare(struct rogue *rogue, struct rogue_order *order)
{
    static char text[LOCKSTEP_INTENT_MAX + 1];
    static char standing[LOCKSTEP_STANDING_MAX + 1];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    uint8_t standing_signature[LOCKSTEP_KEY_SIGNATURE];
    size_t length = 0;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PREPARE};
    struct lockstep_wire_prepare *papers = &wire.u.prepare;
    ASSERT(lockstep_intent_encode(&order->intent, text, sizeof(text), &length, NULL) ==
           LOCKSTEP_OK);
    lockstep_intent_sign(text, length, order->signer, signature);
    if (order->flip_intent) {
        text[length - 2] ^= 1;
    }
    if (order->no_intent) {
        memset(signature, 0, sizeof(signature));
    }
    wire.message.u.prepare = order->prepare;
    papers->intent = (struct lockstep_blob){(const uint8_t *)text, length};
    papers->signature = (struct lockstep_blob){signature, sizeof(signature)};
    ASSERT(lockstep_name_parse(order->signer_name, &papers->signer));
    papers->extra = order->extra;
    if (order->standing_signer != NULL) {
        ASSERT(lockstep_standing_encode(&order->standing, standing, sizeof(standing), &length,
                                        NULL) == LOCKSTEP_OK);
        lockstep_standing_sign(standing, length, order->standing_signer, standing_signature);
        papers->standing = (struct lockstep_blob){(const uint8_t *)standing, length};
        papers->standing_signature = (struct lockstep_blob){standing_signature,
                                                            sizeof(standing_signature)};
        papers->standing_signer = papers->signer;
    }
    rogue_send(rogue, &wire);
}

void rogue_give(struct rogue *rogue, struct rogue_order *order)
{
    const struct lockstep_link *link = rogue->link;
    uint64_t end = later(order->patience_ms);
    write_manifest(order);
    free(rogue->order.bytes);
    rogue->order = *order;
    order->bytes = NULL;
    rogue->answer[0] = '\0';
    rogue->fetches = 0;
    rogue->applied = false;
    rogue->dripped = 0;
    rogue->drip_request = 0;
    send_prepare(rogue, &rogue->order);
    while (rogue->link != NULL && rogue->link == link && rogue->answer[0] == '\0' &&
           !is_past(end)) {
        turn(rogue, rogue->drip_request != 0 ? 10 : 100);
        drip(rogue);
    }
    if (rogue->answer[0] == '\0') {
        (void)snprintf(rogue->answer, sizeof(rogue->answer), "%s",
                       rogue->link == link ? "silence" : "cut");
    }
}

void rogue_decide(struct rogue *rogue, enum lockstep_outcome outcome)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_DECISION};
    wire.message.u.decision = (struct lockstep_decision){
        .operation = rogue->order.prepare.operation,
        .epoch = rogue->state.epoch,
        .sequence = rogue->state.decision_sequence,
        .outcome = outcome};
    rogue_send(rogue, &wire);
    (void)rogue_is_heard(rogue);
}

bool rogue_wait_applied(struct rogue *rogue)
{
    uint64_t end = later(PATIENCE_MS);
    while (rogue->link != NULL && !rogue->applied && !is_past(end)) {
        turn(rogue, 100);
    }
    return rogue->applied;
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool read_file(const char *folder, const char *name, void *ret_bytes, size_t room,
                      size_t *ret_size)
{
    char path[4096];
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "rogue: cannot read %s\n", path);
        return false;
    }
    *ret_size = fread(ret_bytes, 1, room, file);
    (void)fclose(file);
    return *ret_size < room;
}

static bool read_manifest(const char *folder, const char *name, struct lockstep_manifest *manifest)
{
    char text[LOCKSTEP_MANIFEST_MAX];
    size_t length = 0;
    return read_file(folder, name, text, sizeof(text), &length) &&
           lockstep_manifest_parse(text, length, manifest, NULL) == LOCKSTEP_OK;
}

static bool read_key(const char *folder, const char *name, struct lockstep_key **ret_key)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return lockstep_key_read(path, ret_key, NULL) == LOCKSTEP_OK;
}

/* Keys, bundle and the module, as the fleet has them. */
static bool read_folder(struct rogue *rogue, const char *folder)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/release.key", folder);
    rogue->module = malloc(LOCKSTEP_ARTIFACT_MAX);
    rogue->bundle = calloc(1, sizeof(*rogue->bundle));
    return rogue->module != NULL && rogue->bundle != NULL &&
           read_key(folder, "coordinator/key", &rogue->coordinator) &&
           read_key(folder, "operator.key", &rogue->operator_key) &&
           lockstep_key_new(&rogue->operator_key->open.name, &rogue->stranger, NULL) ==
               LOCKSTEP_OK &&
           lockstep_minisign_read(path, &rogue->release, NULL) == LOCKSTEP_OK &&
           lockstep_minisign_new(&rogue->other_release, NULL) == LOCKSTEP_OK &&
           read_file(folder, "bundle", rogue->bundle_text, sizeof(rogue->bundle_text),
                     &rogue->bundle_length) &&
           lockstep_bundle_parse(rogue->bundle_text, rogue->bundle_length, rogue->bundle, NULL) ==
               LOCKSTEP_OK &&
           read_manifest(folder, "echo.manifest", &rogue->echo) &&
           read_manifest(folder, "counter.manifest", &rogue->counter) &&
           read_file(folder, "echo.so", rogue->module, LOCKSTEP_ARTIFACT_MAX, &rogue->module_size);
}

bool rogue_begin(struct rogue *rogue, const char *url, const char *folder)
{
    struct lockstep_defaults settings;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_listener_config config = {.url = url,
                                              .settings = &settings,
                                              .events = {.context = rogue,
                                                         .accept = on_accept,
                                                         .up = on_up,
                                                         .message = on_message,
                                                         .down = on_down}};
    lockstep_defaults_init(&settings);
    rogue->codec = lockstep_wire_codec_new();
    if (rogue->codec == NULL || lockstep_sodium_ready(&err) != LOCKSTEP_OK ||
        !read_folder(rogue, folder)) {
        (void)fprintf(stderr, "rogue: %s does not have all that it takes\n", folder);
        return false;
    }
    config.own = rogue->coordinator->channel_secret;
    config.cluster = rogue->bundle->cluster;
    if (lockstep_loop_new(&rogue->loop, &err) != LOCKSTEP_OK ||
        lockstep_listener_new(rogue->loop, &config, &rogue->listener, &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "rogue: %s\n", err.message);
        return false;
    }
    return true;
}

void rogue_end(struct rogue *rogue)
{
    rogue->listener = lockstep_listener_free(rogue->listener);
    rogue->loop = lockstep_loop_free(rogue->loop);
    rogue->codec = lockstep_wire_codec_free(rogue->codec);
    rogue->coordinator = lockstep_key_free(rogue->coordinator);
    rogue->operator_key = lockstep_key_free(rogue->operator_key);
    rogue->stranger = lockstep_key_free(rogue->stranger);
    rogue->release = lockstep_minisign_free(rogue->release);
    rogue->other_release = lockstep_minisign_free(rogue->other_release);
    free(rogue->order.bytes);
    free(rogue->bundle);
    free(rogue->module);
}
