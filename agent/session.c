/* The link to the coordinator: what it says, and what this node says unasked. */
#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PUZZLED_AFTER 4 /* failures */

void lockstep_driver_send(struct lockstep_node_agent *agent, const struct lockstep_wire *wire)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t length = 0;
    if (agent->link == NULL) {
        return;
    }
    if (lockstep_wire_encode(agent->codec, wire, agent->frame, &length, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "cannot write %s: %s",
                     lockstep_message_name(wire->message.type), err.message);
        lockstep_link_close(agent->link, "a message could not be written");
        return;
    }
    (void)lockstep_link_send(agent->link, agent->frame, length);
}

/* ---- trust ---------------------------------------------------------------------------------- */

static enum lockstep_err take_first_bundle(struct lockstep_node_agent *agent,
                                           const struct lockstep_wire_bundle *message,
                                           struct lockstep_bundle *bundle,
                                           struct lockstep_error *err)
{
    const struct lockstep_token *token = agent->config.token;
    struct lockstep_bundle_offer offer = {.text = (const char *)message->text.data,
                                          .length = message->text.length};
    struct lockstep_agent_meta meta;
    struct lockstep_agent_bundle row = {.version = 1, .text = message->text};
    if (token == NULL) {
        return LOCKSTEP_FAIL(err, REFUSED, "this node has no trust bundle and no join token");
    }
    LOCKSTEP_TRY(
        lockstep_bundle_accept_first(&offer, &token->cluster, &token->bundle, bundle, err));
    row.version = bundle->version;
    memset(&meta, 0, sizeof(meta));
    meta.name = agent->config.config->name;
    meta.cluster = token->cluster;
    memcpy(meta.coordinator_key, token->coordinator, sizeof(meta.coordinator_key));
    LOCKSTEP_TRY(lockstep_agent_store_enrol(agent->config.store, &meta, &row, err));
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "enrolled as %s", meta.name.text);
    return LOCKSTEP_OK;
}

static enum lockstep_err take_next_bundle(struct lockstep_node_agent *agent,
                                          const struct lockstep_wire_bundle *message,
                                          struct lockstep_bundle *bundle,
                                          struct lockstep_error *err)
{
    struct lockstep_agent_bundle trust = lockstep_agent_store_trust(agent->config.store);
    struct lockstep_agent_bundle row = {.text = message->text};
    struct lockstep_bundle_offer offer = {.text = (const char *)message->text.data,
                                          .length = message->text.length};
    struct lockstep_digest digest;
    lockstep_bundle_digest((const char *)trust.text.data, trust.text.length, &digest);
    for (uint32_t i = 0; i < message->signature_count && i < LOCKSTEP_BUNDLE_SIGNATURES_MAX; i++) {
        memcpy(offer.signatures[offer.signature_count++], message->signatures[i].data,
               LOCKSTEP_KEY_SIGNATURE);
    }
    LOCKSTEP_TRY(lockstep_bundle_accept_next(agent->bundle, &digest, &offer, bundle, err));
    row.version = bundle->version;
    return lockstep_agent_store_bundle(agent->config.store, &row, err);
}

static void on_bundle(struct lockstep_node_agent *agent, const struct lockstep_wire_bundle *message)
{
    struct lockstep_agent_bundle trust = lockstep_agent_store_trust(agent->config.store);
    struct lockstep_bundle *bundle;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    if (trust.version != 0 && trust.text.length == message->text.length &&
        memcmp(trust.text.data, message->text.data, trust.text.length) == 0) {
        return; /* the one there is */
    }
    bundle = calloc(1, sizeof(*bundle));
    ASSERT(bundle != NULL);
    result = trust.version == 0 ? take_first_bundle(agent, message, bundle, &err)
                                : take_next_bundle(agent, message, bundle, &err);
    if (result != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "the trust bundle is refused: %s", err.message);
        lockstep_link_close(agent->link, "the trust bundle is refused");
        free(bundle);
        return;
    }
    free(agent->bundle);
    agent->bundle = bundle;
}

/* ---- quarantine ----------------------------------------------------------------------------- */

static void on_quarantine(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_quarantine *message)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t count = message->first ? 0 : agent->quarantine_count;
    struct lockstep_digest *list;
    if (count + message->digest_count >
        LOCKSTEP_AGENT_REFUSED_MAX - LOCKSTEP_AGENT_REFUSED_OURS_MAX) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent",
                     "the coordinator quarantines more than %d versions; lift what is old with "
                     "lockstep artifact unquarantine",
                     LOCKSTEP_AGENT_REFUSED_MAX - LOCKSTEP_AGENT_REFUSED_OURS_MAX);
        lockstep_link_close(agent->link, "more quarantined versions than a node can hold");
        return;
    }
    list = realloc(agent->quarantine, (count + message->digest_count + 1) * sizeof(*list));
    ASSERT(list != NULL);
    if (message->digest_count > 0) {
        memcpy(list + count, message->digests, message->digest_count * sizeof(*list));
    }
    agent->quarantine = list;
    agent->quarantine_count = count + message->digest_count;
    if (message->more) {
        return;
    }
    if (lockstep_agent_store_quarantine(agent->config.store, list, agent->quarantine_count, &err) !=
        LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    lockstep_agent_store_refused(agent->config.store, agent->core);
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Told at every joining, before the first heartbeat, until an answer to that shows that it was
 * heard. */
static void tell_resolution(void *context, const struct lockstep_agent_resolution *resolution)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_RESOLVED};
    wire.u.resolved.operation = resolution->operation;
    wire.u.resolved.commit = resolution->commit;
    wire.u.resolved.uid = resolution->uid;
    wire.u.resolved.reason = resolution->reason;
    wire.u.resolved.unix_ms = resolution->unix_ms;
    lockstep_driver_send(agent, &wire);
    agent->resolutions_told = true;
}

static void tell_resolutions(struct lockstep_node_agent *agent)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    agent->resolutions_told = false;
    if (lockstep_agent_store_resolutions(agent->config.store, tell_resolution, agent, &err) !=
        LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
    }
}

static void on_welcome(struct lockstep_node_agent *agent, const struct lockstep_welcome *welcome)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    agent->welcomed = true;
    agent->heartbeat_ms = welcome->heartbeat_ms != 0 ? welcome->heartbeat_ms : agent->heartbeat_ms;
    if (lockstep_agent_store_clock_floor(agent->config.store, lockstep_unix_ms(), &err) !=
        LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    lockstep_agent_welcome(agent->core, lockstep_loop_now(agent->loop), welcome, agent->actions);
    lockstep_driver_act(agent);
    lockstep_admit_link(agent, true);
    tell_resolutions(agent);
    lockstep_report_heartbeat(agent);
}

static void on_ready(struct lockstep_node_agent *agent)
{
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "ready: the coordinator counts this node");
    if (!agent->was_ready && agent->config.ready != NULL) {
        agent->config.ready(agent->config.context);
    }
    agent->was_ready = true;
    lockstep_report_soon(agent);
}

/* A new module's service is not known to the core before its artifact has told. */
static void on_order(struct lockstep_node_agent *agent, const struct lockstep_wire *wire)
{
    const struct lockstep_message *message = &wire->message;
    if (message->type == LOCKSTEP_MESSAGE_PREPARE) {
        LOCKSTEP_CRASH(AGENT_PREPARE_RECEIVED);
        lockstep_driver_keep_papers(agent, &message->u.prepare.operation, &wire->u.prepare);
    } else if (message->u.decision.outcome == LOCKSTEP_OUTCOME_COMMIT) {
        LOCKSTEP_CRASH(AGENT_COMMIT_RECEIVED);
    }
    lockstep_agent_receive(agent->core, lockstep_loop_now(agent->loop), message, agent->actions);
    lockstep_driver_act(agent);
}

static void on_checkpoint(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_checkpoint *checkpoint)
{
    const struct lockstep_agent_meta *meta = lockstep_agent_store_meta(agent->config.store);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    if (agent->resolutions_told &&
        lockstep_agent_store_resolutions_told(agent->config.store, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    agent->resolutions_told = false;
    if (meta->checkpoint_sequence == checkpoint->audit_sequence &&
        lockstep_digest_equal(&meta->checkpoint_head, &checkpoint->audit_head)) {
        return;
    }
    result = lockstep_agent_store_checkpoint(agent->config.store, checkpoint->audit_sequence,
                                             &checkpoint->audit_head, &err);
    if (result == LOCKSTEP_CONFLICT) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent",
                     "the coordinator's audit trail is not what it was: %s", err.message);
    } else if (result != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
    }
}

/* A node of this name is in the fleet: a person decides whether this one takes its place. */
static void wait_for_admit(struct lockstep_node_agent *agent, const char *reason)
{
    char key[2 * LOCKSTEP_KEY_BYTES + 1];
    lockstep_hex_format(agent->config.key->open.channel, LOCKSTEP_KEY_BYTES, key);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent",
                 "this node waits: %s; its key is %.16s, and lockstep node admit %s lets it in. It "
                 "goes on trying",
                 reason, key, agent->config.config->name.text);
    lockstep_dialler_hold(agent->dialler);
}

/* A node whose token is good no more will not be let in however often it comes. */
static void on_refused(struct lockstep_node_agent *agent,
                       const struct lockstep_wire_refused *refused)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool version = refused->version_min > LOCKSTEP_PROTOCOL_MAX ||
                   refused->version_max < LOCKSTEP_PROTOCOL_MIN;
    if (refused->waiting && lockstep_agent_store_meta(agent->config.store)->enrolled) {
        wait_for_admit(agent, refused->reason);
        return;
    }
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "refused: %s (it speaks versions %u to %u)",
                 refused->reason, refused->version_min, refused->version_max);
    lockstep_dialler_hold(agent->dialler);
    if (agent->enrolling && !version) {
        (void)LOCKSTEP_FAIL(&err, INVALID,
                            "the coordinator does not enrol this node: %.100s; make another one "
                            "with lockstep token create --join %s",
                            refused->reason, agent->config.config->name.text);
        lockstep_driver_fail(agent, &err);
    }
}

static void answer_ping(struct lockstep_node_agent *agent, uint64_t request)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PONG, .u.ping.request = request};
    lockstep_driver_send(agent, &wire);
}

static void dispatch(struct lockstep_node_agent *agent, const struct lockstep_wire *wire)
{
    switch ((unsigned)wire->message.type) {
    case LOCKSTEP_MESSAGE_WELCOME:
        on_welcome(agent, &wire->message.u.welcome);
        break;
    case LOCKSTEP_MESSAGE_REFUSED:
        on_refused(agent, &wire->u.refused);
        break;
    case LOCKSTEP_MESSAGE_READY:
        on_ready(agent);
        break;
    case LOCKSTEP_MESSAGE_PREPARE:
    case LOCKSTEP_MESSAGE_DECISION:
    case LOCKSTEP_MESSAGE_OUTCOME:
    case LOCKSTEP_MESSAGE_FINAL:
        on_order(agent, wire);
        break;
    case LOCKSTEP_MESSAGE_CHUNK:
        lockstep_admit_chunk(agent, &wire->u.chunk);
        break;
    case LOCKSTEP_MESSAGE_CHECKPOINT:
        on_checkpoint(agent, &wire->u.checkpoint);
        break;
    case LOCKSTEP_MESSAGE_QUARANTINE:
        on_quarantine(agent, &wire->u.quarantine);
        break;
    case LOCKSTEP_MESSAGE_BUNDLE:
        on_bundle(agent, &wire->u.bundle);
        break;
    case LOCKSTEP_MESSAGE_PING:
        answer_ping(agent, wire->u.ping.request);
        break;
    case LOCKSTEP_MESSAGE_DRAIN:
        lockstep_drains_run(agent, &wire->u.drain);
        break;
    case LOCKSTEP_MESSAGE_PURGE:
        lockstep_tools_purge(agent, &wire->u.purge);
        break;
    case LOCKSTEP_MESSAGE_TOOL_RUN:
        lockstep_tools_run(agent, &wire->u.tool_run);
        break;
    default:
        lockstep_link_close(agent->link, "a message that is not for agents");
        break;
    }
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire *wire;
    agent->unheard = 0;
    if (agent->failed != LOCKSTEP_OK) {
        return;
    }
    wire = malloc(sizeof(*wire));
    ASSERT(wire != NULL);
    if (lockstep_wire_decode(agent->codec, (unsigned)LOCKSTEP_ROLE_COORDINATOR, bytes, size, wire,
                             &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "the coordinator sent what is refused: %s",
                     err.message);
        lockstep_link_close(link, "a message was refused");
    } else {
        dispatch(agent, wire);
    }
    free(wire);
}

/* ---- the link ------------------------------------------------------------------------------- */

static void on_up(void *context, struct lockstep_link *link)
{
    struct lockstep_node_agent *agent = context;
    agent->link = link;
    agent->welcomed = false;
    agent->failures = 0;
    agent->unheard = 0;
    lockstep_timer_arm(agent->loop, &agent->heartbeat,
                       lockstep_time_after(lockstep_loop_now(agent->loop), agent->heartbeat_ms));
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "connected to %s", lockstep_link_address(link));
}

/* The enrolment's channel was made with the token; from now on the key alone opens it. */
static void dial_enrolled(struct lockstep_node_agent *agent)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    agent->enrolling = false;
    agent->dialler = lockstep_dialler_free(agent->dialler);
    if (lockstep_session_dial(agent, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
    }
}

void lockstep_session_redial(void *context)
{
    struct lockstep_node_agent *agent = context;
    if (agent->enrolling && lockstep_agent_store_meta(agent->config.store)->enrolled) {
        dial_enrolled(agent);
    }
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct lockstep_node_agent *agent = context;
    (void)link;
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "the coordinator is away: %s", text);
    agent->link = NULL;
    agent->welcomed = false;
    lockstep_timer_disarm(agent->loop, &agent->heartbeat);
    lockstep_agent_link_down(agent->core);
    lockstep_admit_link(agent, false);
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->calls); i++) {
        agent->calls[i].ticket = 0; /* answers are not for the next session */
    }
    lockstep_loop_post(agent->loop, &agent->redial);
}

static void on_failed(void *context, const char *address, const char *text)
{
    struct lockstep_node_agent *agent = context;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "no session with %s: %s", address, text);
    agent->failures++;
    if (agent->enrolling && lockstep_unix_ms() >= agent->config.token->expires_unix_ms) {
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        (void)LOCKSTEP_FAIL(&err, INVALID,
                            "the join token has expired before this node was enrolled; make a new "
                            "one with lockstep token create --join %s",
                            agent->config.config->name.text);
        lockstep_driver_fail(agent, &err);
    } else if (agent->enrolling) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent",
                     "not enrolled yet; if this goes on, the token may be used, expired or for "
                     "another node");
    } else if (agent->failures >= PUZZLED_AFTER && (agent->failures & (agent->failures - 1)) == 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent",
                     "no session after %u tries; is the coordinator there, with the key that this "
                     "node was enrolled with? One with another key cuts the connection",
                     agent->failures);
    }
}

enum lockstep_err lockstep_session_dial(struct lockstep_node_agent *agent,
                                        struct lockstep_error *err)
{
    const struct lockstep_config_agent *config = agent->config.config;
    const struct lockstep_agent_meta *meta = lockstep_agent_store_meta(agent->config.store);
    const struct lockstep_token *token = agent->config.token;
    struct lockstep_dialler_config dial = {
        .urls = (const char *const *)config->coordinators.items,
        .url_count = config->coordinators.count,
        .own = agent->config.key->channel_secret,
        .remote = meta->coordinator_key,
        .cluster = meta->cluster,
        .kind = LOCKSTEP_CHANNEL_XK,
        .hello = {.version_min = LOCKSTEP_PROTOCOL_MIN, .version_max = LOCKSTEP_PROTOCOL_MAX},
        .settings = &config->settings,
        .events = {.context = agent,
                   .up = on_up,
                   .message = on_message,
                   .down = on_down,
                   .failed = on_failed},
    };
    enum lockstep_err result;
    (void)snprintf(dial.hello.software, sizeof(dial.hello.software), "%s", LOCKSTEP_VERSION);
    dial.hello.journal = agent->core->journal;
    randombytes_buf(dial.hello.boot.bytes, sizeof(dial.hello.boot.bytes));
    randombytes_buf(&dial.seed, sizeof(dial.seed));
    if (!meta->enrolled) {
        if (token == NULL) {
            return LOCKSTEP_FAIL(err, INVALID,
                                 "this node is not enrolled; make a token with lockstep token "
                                 "create --join %s and start with --join FILE",
                                 config->name.text);
        }
        agent->enrolling = true;
        dial.kind = LOCKSTEP_CHANNEL_XKPSK3;
        dial.remote = token->coordinator;
        dial.cluster = token->cluster;
        memcpy(dial.token, token->id, sizeof(dial.token));
        lockstep_token_psk(token, dial.psk);
    }
    result = lockstep_dialler_new(agent->loop, &dial, &agent->dialler, err);
    sodium_memzero(dial.psk, sizeof(dial.psk));
    return result;
}
