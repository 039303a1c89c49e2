/* Links as sessions: who is there, and to whom its messages go. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOFTWARE       LOCKSTEP_VERSION
#define REFUSALS_NOTED 10 /* a minute */
#define FENCED         "two agents have this node's key; neither is let in until it is revoked"

/* ---- who is it? ----------------------------------------------------------------------------- */

static bool on_token(void *context, const uint8_t token[LOCKSTEP_CHANNEL_TOKEN_ID],
                     uint8_t ret_psk[LOCKSTEP_NOISE_KEY])
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_token_found found;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_token_find(coordinator->store, token, lockstep_unix_ms(), &found, &err) !=
            LOCKSTEP_OK ||
        (!found.good && found.over == NULL)) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator",
                     "somebody came with a join token that is unknown or burned");
        return false;
    }
    memcpy(ret_psk, found.psk, LOCKSTEP_NOISE_KEY);
    sodium_memzero(found.psk, sizeof(found.psk));
    if (!found.good) {
        return true; /* who proves its secret is told why it is over */
    }
    /* Counted before the secret is proved; five that are not proved burn the token. */
    return lockstep_store_token_tried(coordinator->store, token, &err) == LOCKSTEP_OK;
}

/* Says to an agent that it waits, and for what. */
static void say_waiting(const struct lockstep_node_row *row, char ret_reason[128])
{
    (void)snprintf(ret_reason, 128, "%.63s is in the fleet with another key; this one waits",
                   row->name.text);
}

/* What became of who came with a token, and has its secret. */
struct arrival {
    uint32_t node;
    bool waiting;     /* the node of that name has another key: this one waits */
    char reason[128]; /* why it is not let in; empty: nobody is told */
};

/* The token is used. False: its node is in the fleet with another key. */
static bool take_in(struct lockstep_coordinator *coordinator, const struct lockstep_node_row *row,
                    const uint8_t *key, struct arrival *arrival)
{
    struct lockstep_node_view *view = &coordinator->views[row->number];
    bool known = row->number < coordinator->fleet.node_count;
    arrival->node = row->number;
    arrival->waiting = memcmp(row->key, key, sizeof(row->key)) != 0;
    if (arrival->waiting) {
        view->row.waiting = row->waiting;
        say_waiting(row, arrival->reason);
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator",
                     "another machine has come as node %s, from %s: its key waits for lockstep "
                     "node admit",
                     row->name.text, row->waiting.address);
        return false;
    }
    if (!known) {
        lockstep_driver_add_node(coordinator, row);
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "node %s is enrolled%s", row->name.text,
                 known ? " again" : "");
    return true;
}

/* False: it is not let in, now or at all. */
static bool enrol(struct lockstep_coordinator *coordinator, struct lockstep_link *link,
                  struct arrival *arrival)
{
    struct lockstep_node_row row;
    struct lockstep_token_found token;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_audit audit = {
        .who = "coordinator", .what = "node.enrol", .subject = token.row.node.text};
    struct lockstep_enrolment enrolment = {.token = lockstep_link_token(link),
                                           .key = lockstep_link_peer(link),
                                           .now_unix_ms = lockstep_unix_ms(),
                                           .address = lockstep_link_address(link)};
    enum lockstep_err result = lockstep_store_token_find(coordinator->store, enrolment.token,
                                                         enrolment.now_unix_ms, &token, &err);
    if (result == LOCKSTEP_OK && token.over != NULL) {
        result = LOCKSTEP_FAIL(&err, CONFLICT, "the join token %s", token.over);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_store_enrol(coordinator->store, &enrolment, &audit, &row, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "no enrolment of %s: %s",
                     token.row.node.text, err.message);
        (void)snprintf(arrival->reason, sizeof(arrival->reason), "%.127s",
                       result == LOCKSTEP_CONFLICT ? err.message : "");
        if (token.over == NULL &&
            lockstep_store_token_proved(coordinator->store, enrolment.token, &err) != LOCKSTEP_OK) {
            lockstep_driver_miss(coordinator, &err);
        }
        return false;
    }
    return take_in(coordinator, &row, enrolment.key, arrival);
}

static struct lockstep_session *new_session(struct lockstep_coordinator *coordinator,
                                            struct lockstep_link *link, bool person)
{
    size_t watches = person ? LOCKSTEP_SESSION_WATCHES : 0;
    struct lockstep_session *session = calloc(1, sizeof(*session) +
                                                     watches * sizeof(session->watches[0]));
    if (session == NULL) {
        return NULL;
    }
    session->watch_max = watches;
    session->list = person ? &coordinator->sessions : &coordinator->agent_sessions;
    session->coordinator = coordinator;
    session->link = link;
    session->fetch.fd = -1;
    session->next = *session->list;
    if (session->next != NULL) {
        session->next->previous = session;
    }
    *session->list = session;
    lockstep_link_set_user(link, session);
    return session;
}

/* A session that is told why it may not be, and ends. */
static bool accept_to_refuse(struct lockstep_coordinator *coordinator, struct lockstep_link *link,
                             const char *who, const char *reason, bool waiting)
{
    struct lockstep_session *session = new_session(coordinator, link, false);
    if (session != NULL) {
        session->roles = (unsigned)LOCKSTEP_ROLE_AGENT;
        session->waiting = waiting;
        (void)snprintf(session->refusal, sizeof(session->refusal), "%s", reason);
        (void)snprintf(session->who, sizeof(session->who), "%s", who);
    }
    return session != NULL;
}

/* Somebody with a key that waits for a node's place, or that was a node's before another's. */
static bool refuse_rekey(struct lockstep_coordinator *coordinator, struct lockstep_link *link)
{
    const uint8_t *key = lockstep_link_peer(link);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_dead_key dead = LOCKSTEP_DEAD_KEY_NONE;
    char reason[128];
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_node_row *row = &coordinator->views[i].row;
        if (row->waiting.since_unix_ms != 0 &&
            memcmp(row->waiting.key, key, sizeof(row->waiting.key)) == 0) {
            say_waiting(row, reason);
            return accept_to_refuse(coordinator, link, row->name.text, reason, true);
        }
    }
    if (lockstep_store_key_dead(coordinator->store, key, &dead, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "%s", err.message);
    }
    return dead != LOCKSTEP_DEAD_KEY_NONE &&
           accept_to_refuse(
               coordinator, link, "a dead key",
               dead == LOCKSTEP_DEAD_KEY_REPLACED
                   ? "another machine has this node's place; its key does not come back"
                   : "this key was refused; join with a new one: an empty data "
                     "directory and another token",
               false);
}

/* Somebody with the key of a node that has left the fleet. */
static bool refuse_gone(struct lockstep_coordinator *coordinator, struct lockstep_link *link)
{
    const uint8_t *key = lockstep_link_peer(link);
    const struct lockstep_node_row *gone = NULL;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_node_row *row = &coordinator->views[i].row;
        if (row->gone && memcmp(row->key, key, sizeof(row->key)) == 0) {
            gone = row;
        }
    }
    if (gone == NULL) {
        return refuse_rekey(coordinator, link);
    }
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "node %s was %s, and is not let in",
                 gone->name.text, gone->revoked ? "revoked" : "removed");
    return accept_to_refuse(coordinator, link, gone->name.text,
                            gone->revoked
                                ? "this node's key is revoked; it can only join with a new key"
                                : "this node was removed from the fleet; a new token lets it join",
                            false);
}

static bool on_accept(void *context, struct lockstep_link *link)
{
    struct lockstep_coordinator *coordinator = context;
    const struct lockstep_bundle_operator *operator= NULL;
    struct lockstep_session *session;
    struct arrival arrival = {.node = 0};
    bool agent = lockstep_link_kind(link) == LOCKSTEP_CHANNEL_XKPSK3
                     ? enrol(coordinator, link, &arrival)
                     : lockstep_driver_find_key(coordinator, lockstep_link_peer(link),
                                                &arrival.node);
    uint32_t node = arrival.node;
    if (arrival.reason[0] != '\0') {
        return accept_to_refuse(coordinator, link, "a join token", arrival.reason, arrival.waiting);
    }
    if (!agent) {
        operator= lockstep_bundle_operator_by_channel(coordinator->bundle,
                                                      lockstep_link_peer(link));
    }
    session = agent || operator!= NULL ? new_session(coordinator, link, !agent) : NULL;
    if (session == NULL) {
        return refuse_gone(coordinator, link);
    }
    session->agent = agent;
    session->node = node;
    if (agent && coordinator->views[node].row.fenced) {
        session->agent = false;
        (void)snprintf(session->refusal, sizeof(session->refusal), "%s", FENCED);
    }
    session->roles = agent ? (unsigned)LOCKSTEP_ROLE_AGENT : operator->roles;
    (void)snprintf(session->who, sizeof(session->who), "%s",
                   agent ? coordinator->nodes[node].name.text : operator->key.name.text);
    return true;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static void refuse(struct lockstep_session *session, const char *reason)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_REFUSED};
    wire.u.refused.version_min = LOCKSTEP_PROTOCOL_MIN;
    wire.u.refused.version_max = LOCKSTEP_PROTOCOL_MAX;
    wire.u.refused.reason = reason;
    wire.u.refused.waiting = session->waiting;
    lockstep_driver_send(session, &wire);
    lockstep_link_close(session->link, reason);
}

static void welcome(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_hello *hello = lockstep_link_hello(session->link);
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_WELCOME};
    struct lockstep_welcome *body = &wire.message.u.welcome;
    body->version = hello->version_max < LOCKSTEP_PROTOCOL_MAX ? hello->version_max
                                                               : LOCKSTEP_PROTOCOL_MAX;
    body->epoch = coordinator->fleet.epoch;
    body->decision_sequence = coordinator->fleet.sequence;
    body->journal = lockstep_store_incarnation(coordinator->store);
    body->heartbeat_ms = lockstep_fleet_heartbeat(&coordinator->fleet);
    body->unix_ms = lockstep_unix_ms();
    wire.u.welcome.version_min = LOCKSTEP_PROTOCOL_MIN;
    wire.u.welcome.version_max = LOCKSTEP_PROTOCOL_MAX;
    wire.u.welcome.software = SOFTWARE;
    lockstep_driver_send(session, &wire);
}

static void send_bundle(struct lockstep_session *session)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_BUNDLE};
    size_t length = 0;
    const char *text = lockstep_store_bundle(session->coordinator->store, &length);
    wire.u.bundle.text = (struct lockstep_blob){(const uint8_t *)text, length};
    lockstep_driver_send(session, &wire);
}

/* Two agents take turns under one key: which of them is the node's nobody can tell from here. The
 * older link is closed by now, whoever had it. */
static void fence(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_node_view *view = &coordinator->views[session->node];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char detail[256];
    struct lockstep_audit audit = {
        .who = "coordinator", .what = "node.fence", .subject = session->who, .detail = detail};
    (void)snprintf(detail, sizeof(detail), "two agents have its key: they came from %s and %s",
                   view->address, lockstep_link_address(session->link));
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "coordinator", "node %s is fenced: %s", session->who,
                 detail);
    if (lockstep_store_node_fence(coordinator->store, session->node, &audit, &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
    view->row.fenced = true;
    coordinator->agents[session->node] = NULL;
    session->agent = false;
    refuse(session, FENCED);
}

static void agent_up(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_node_view *view = &coordinator->views[session->node];
    struct lockstep_session *older = coordinator->agents[session->node];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (older != NULL) {
        struct lockstep_audit audit = {
            .who = "coordinator", .what = "session.duplicate", .subject = session->who};
        if (lockstep_store_audit(coordinator->store, &audit, &err) != LOCKSTEP_OK) {
            lockstep_driver_miss(coordinator, &err);
        }
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator",
                     "node %s has come twice: the older session is closed", session->who);
        lockstep_control_calls_forget(older); /* their answers would come on the older link */
        older->agent = false;                 /* its end is not the node's */
        lockstep_link_close(older->link, "a newer session of this node");
        lockstep_fleet_link_down(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                                 session->node);
    }
    if (lockstep_view_run(view, lockstep_loop_now(coordinator->loop),
                          &lockstep_link_hello(session->link)->boot)) {
        fence(session);
        return;
    }
    coordinator->agents[session->node] = session;
    view->report_begun = false; /* what the older link had begun to say is lost */
    (void)snprintf(view->software, sizeof(view->software), "%s",
                   lockstep_link_hello(session->link)->software);
    (void)snprintf(view->address, sizeof(view->address), "%s",
                   lockstep_link_address(session->link));
    send_bundle(session);
    lockstep_driver_send_quarantine(coordinator, session);
    lockstep_fleet_link_up(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                           session->node);
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct lockstep_session *session = lockstep_link_user(link);
    const struct lockstep_hello *hello = lockstep_link_hello(link);
    (void)context;
    if (hello->version_min > LOCKSTEP_PROTOCOL_MAX || hello->version_max < LOCKSTEP_PROTOCOL_MIN) {
        session->agent = false;
        refuse(session, "no common version of the protocol");
        return;
    }
    if (session->refusal[0] != '\0') {
        if (session->waiting && lockstep_link_kind(link) == LOCKSTEP_CHANNEL_XKPSK3) {
            send_bundle(session); /* what its token binds, so that it can come without the token */
        }
        refuse(session, session->refusal);
        return;
    }
    welcome(session);
    if (session->agent) {
        agent_up(session);
    }
}

static void end_session(struct lockstep_session *session)
{
    lockstep_agents_fetch_end(session);
    lockstep_control_forget(session);
    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        *session->list = session->next;
    }
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
    free(session);
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_session *session = lockstep_link_user(link);
    if (session->agent && coordinator->agents[session->node] == session) {
        coordinator->agents[session->node] = NULL;
        lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "node %s is away: %s", session->who, text);
        lockstep_driver_note_absent(coordinator, session->node, text);
        lockstep_fleet_link_down(&coordinator->fleet, lockstep_loop_now(coordinator->loop),
                                 session->node);
    }
    end_session(session);
}

static void on_failed(void *context, const char *address, const char *text)
{
    (void)context;
    lockstep_log(LOCKSTEP_LEVEL_DEBUG, "coordinator", "no session with %s: %s", address, text);
}

/* A journal that nothing can be written to any more is not served from, whoever found out. */
static void check_journal(struct lockstep_coordinator *coordinator)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (coordinator->failed == LOCKSTEP_OK && lockstep_store_broken(coordinator->store)) {
        (void)LOCKSTEP_FAIL(&err, CORRUPT,
                            "the journal is broken, or another coordinator has taken it over");
        lockstep_driver_fail(coordinator, &err);
    }
}

/* Who says what is not theirs to say is in the trail, though not as often as they like to say it.
 */
static void note_refusal(const struct lockstep_session *session, const char *text)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_time now = lockstep_loop_now(coordinator->loop);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char detail[LOCKSTEP_TEXT_MAX + 1];
    struct lockstep_audit audit = {
        .who = session->who, .what = "message.refused", .subject = "", .detail = detail};
    if (coordinator->refusals_noted == 0 ||
        now.ms - coordinator->refusals_since.ms >= LOCKSTEP_MINUTE) {
        coordinator->refusals_since = now;
        coordinator->refusals_noted = 0;
    }
    if (coordinator->refusals_noted == REFUSALS_NOTED) {
        coordinator->refusals_unnoted++;
        return;
    }
    (void)snprintf(detail, sizeof(detail), "%.180s; not noted before it: %llu", text,
                   (unsigned long long)coordinator->refusals_unnoted);
    coordinator->refusals_noted++;
    coordinator->refusals_unnoted = 0;
    if (lockstep_store_audit(coordinator->store, &audit, &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_session *session = lockstep_link_user(link);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire *wire;
    if (coordinator->failed != LOCKSTEP_OK) {
        return;
    }
    wire = malloc(sizeof(*wire));
    ASSERT(wire != NULL);
    if (lockstep_wire_decode(coordinator->codec, session->roles, bytes, size, wire, &err) !=
        LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "%s sent what is refused: %s",
                     session->who, err.message);
        if (err.code == LOCKSTEP_REFUSED) {
            note_refusal(session, err.message);
        }
        lockstep_control_refuse(
            session, 0,
            LOCKSTEP_WHY(err.code == LOCKSTEP_REFUSED ? 8 : 2,
                         err.code == LOCKSTEP_REFUSED ? "not-permitted" : "malformed", ""),
            "%s", err.message);
        lockstep_link_close(link, "a message was refused");
    } else if (session->roles == (unsigned)LOCKSTEP_ROLE_AGENT) {
        if (session->agent) { /* a replaced session is not heard any more */
            lockstep_agents_message(session, wire);
        }
    } else {
        lockstep_control_message(session, wire);
    }
    free(wire);
    check_journal(coordinator);
}

static void on_drained(void *context, struct lockstep_link *link)
{
    (void)context;
    lockstep_agents_fetch_on(lockstep_link_user(link));
    lockstep_control_drained(lockstep_link_user(link));
}

struct lockstep_link_events lockstep_session_events(struct lockstep_coordinator *coordinator)
{
    return (struct lockstep_link_events){.context = coordinator,
                                         .token = on_token,
                                         .accept = on_accept,
                                         .up = on_up,
                                         .message = on_message,
                                         .drained = on_drained,
                                         .down = on_down,
                                         .failed = on_failed};
}

void lockstep_session_free_all(struct lockstep_coordinator *coordinator)
{
    memset(coordinator->calls, 0, sizeof(coordinator->calls)); /* the links to tell are gone */
    lockstep_control_waits_end(coordinator);
    while (coordinator->sessions != NULL) {
        end_session(coordinator->sessions);
    }
    while (coordinator->agent_sessions != NULL) {
        end_session(coordinator->agent_sessions);
    }
}
