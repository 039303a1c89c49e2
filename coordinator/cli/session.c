#include "coordinator/cli/session.h"

#include "common/base/assert.h"
#include "common/io/digest.h"
#include "common/io/link.h"
#include "coordinator/cli/document.h"

#include <signal.h>
#include <sodium.h>
#include <string.h>

#define REPLIES_MAX     1024          /* answers that one turn of the loop may bring */
#define OUTBOX_HIGH     (1024 * 1024) /* bytes that may wait while more is sent */
#define GOODBYE_MS      200           /* for what was sent last to leave */
#define WAIT_AT_ONCE_MS 60000

/* A reply that waits to be received. */
struct node {
    struct node *next;
    struct lockstep_reply reply;
};

struct lockstep_session {
    struct lockstep_loop *loop;
    struct lockstep_dialler *dialler;
    struct lockstep_link *link; /* NULL once it is down */
    struct lockstep_wire_codec *codec;
    struct lockstep_document document; /* of the present request, arriving */
    struct lockstep_timer timer;
    struct node *first;
    struct node **last;
    size_t count;
    uint64_t request;
    bool connected; /* the channel stood once */
    bool welcome;
    bool refused;
    bool over; /* no link, and none will come */
    bool timed_out;
    bool interrupted;
    struct lockstep_error broken; /* the coordinator's messages could not be understood */
    char why[LOCKSTEP_ERROR_MESSAGE_MAX];
    uint8_t bytes[LOCKSTEP_FRAME_MAX];
};

void lockstep_reply_deinit(struct lockstep_reply *reply)
{
    json_decref(reply->document);
    *reply = (struct lockstep_reply){0};
}

/* ---- what the loop tells -------------------------------------------------------------------- */

static void note(struct lockstep_session *session, const char *text)
{
    (void)snprintf(session->why, sizeof(session->why), "%s", text);
}

/* Ends the conversation because of what the other side sends. */
static void break_off(struct lockstep_session *session)
{
    if (session->link != NULL) {
        lockstep_link_close(session->link, "not understood");
    }
}

static struct node *queue(struct lockstep_session *session)
{
    struct node *node = session->count < REPLIES_MAX ? calloc(1, sizeof(*node)) : NULL;
    if (node == NULL) {
        (void)LOCKSTEP_FAIL(&session->broken, LIMIT, "more answers than can be kept");
        break_off(session);
        return NULL;
    }
    *session->last = node;
    session->last = &node->next;
    session->count++;
    return node;
}

static void take_document(struct lockstep_session *session,
                          const struct lockstep_wire_document *document)
{
    json_t *json = NULL;
    struct node *node;
    if (lockstep_document_take(&session->document, document->json.data, document->json.length,
                               &session->broken) != LOCKSTEP_OK) {
        break_off(session);
        return;
    }
    if (document->more) {
        return;
    }
    if (lockstep_document_finish(&session->document, &json, &session->broken) != LOCKSTEP_OK) {
        break_off(session);
        return;
    }
    node = queue(session);
    if (node == NULL) {
        json_decref(json);
        return;
    }
    node->reply.kind = LOCKSTEP_REPLY_DOCUMENT;
    node->reply.last = document->last;
    node->reply.document = json;
}

static void take_failure(struct lockstep_session *session,
                         const struct lockstep_wire_failure *failure)
{
    struct node *node = queue(session);
    if (node == NULL) {
        return;
    }
    node->reply.kind = LOCKSTEP_REPLY_FAILURE;
    node->reply.last = true;
    node->reply.exit = failure->exit;
    (void)snprintf(node->reply.code, sizeof(node->reply.code), "%s", failure->code);
    (void)snprintf(node->reply.text, sizeof(node->reply.text), "%s", failure->text);
    (void)snprintf(node->reply.next, sizeof(node->reply.next), "%s", failure->next);
    if (failure->json.length > 0) {
        node->reply.document = json_loadb((const char *)failure->json.data, failure->json.length,
                                          JSON_REJECT_DUPLICATES, NULL);
    }
}

static void take(struct lockstep_session *session, const struct lockstep_wire *wire)
{
    if (wire->message.type == LOCKSTEP_MESSAGE_WELCOME) {
        session->welcome = true;
    } else if (wire->message.type == LOCKSTEP_MESSAGE_REFUSED) {
        session->refused = true;
        note(session, wire->u.refused.reason);
        break_off(session);
    } else if (wire->message.type == LOCKSTEP_MESSAGE_DOCUMENT &&
               wire->u.document.request == session->request) {
        take_document(session, &wire->u.document);
    } else if (wire->message.type == LOCKSTEP_MESSAGE_FAILURE &&
               wire->u.failure.request == session->request) {
        take_failure(session, &wire->u.failure);
    }
}

static void on_message(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    struct lockstep_session *session = context;
    struct lockstep_wire wire;
    (void)link;
    if (session->broken.code != LOCKSTEP_OK) {
        return;
    }
    if (lockstep_wire_decode(session->codec, LOCKSTEP_ROLE_COORDINATOR, bytes, size, &wire,
                             &session->broken) != LOCKSTEP_OK) {
        break_off(session);
        return;
    }
    take(session, &wire);
}

static void on_up(void *context, struct lockstep_link *link)
{
    struct lockstep_session *session = context;
    session->link = link;
    session->connected = true;
}

static void on_down(void *context, struct lockstep_link *link, const char *text)
{
    struct lockstep_session *session = context;
    (void)link;
    session->link = NULL;
    session->over = true;
    if (!session->refused) {
        note(session, text);
    }
}

static void on_failed(void *context, const char *address, const char *text)
{
    struct lockstep_session *session = context;
    if (address[0] == '\0') { /* every address was tried */
        session->over = true;
        return;
    }
    note(session, text);
}

static void on_signal(void *context, int number)
{
    struct lockstep_session *session = context;
    (void)number;
    session->interrupted = true;
}

static void on_time(void *context)
{
    struct lockstep_session *session = context;
    session->timed_out = true;
}

/* ---- opening -------------------------------------------------------------------------------- */

static enum lockstep_err dial(struct lockstep_session *session,
                              const struct lockstep_session_config *config,
                              struct lockstep_error *err)
{
    struct lockstep_defaults settings;
    struct lockstep_dialler_config dialler = {
        .urls = &config->url,
        .url_count = 1,
        .own = config->key->channel_secret,
        .remote = config->remote,
        .cluster = config->cluster,
        .kind = LOCKSTEP_CHANNEL_XK,
        .hello = {.version_min = LOCKSTEP_PROTOCOL_MIN, .version_max = LOCKSTEP_PROTOCOL_MAX},
        .settings = &settings,
        .once = true,
        .events = {.context = session,
                   .up = on_up,
                   .message = on_message,
                   .down = on_down,
                   .failed = on_failed},
    };
    lockstep_defaults_init(&settings);
    randombytes_buf(&dialler.seed, sizeof(dialler.seed));
    randombytes_buf(dialler.hello.boot.bytes, sizeof(dialler.hello.boot.bytes));
    (void)snprintf(dialler.hello.software, sizeof(dialler.hello.software), "%s", LOCKSTEP_VERSION);
    return lockstep_dialler_new(session->loop, &dialler, &session->dialler, err);
}

static enum lockstep_err prepare(struct lockstep_session *session,
                                 const struct lockstep_session_config *config,
                                 struct lockstep_error *err)
{
    static const int signals[] = {SIGINT, SIGTERM};
    session->codec = lockstep_wire_codec_new();
    if (session->codec == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for messages");
    }
    LOCKSTEP_TRY(lockstep_sodium_ready(err));
    LOCKSTEP_TRY(lockstep_loop_new(&session->loop, err));
    LOCKSTEP_TRY(lockstep_loop_signals(session->loop, signals, LOCKSTEP_COUNT(signals), on_signal,
                                       session, err));
    session->timer = (struct lockstep_timer){.due = on_time, .context = session};
    if (config->timeout_ms != 0) {
        lockstep_timer_arm(
            session->loop, &session->timer,
            lockstep_time_after(lockstep_loop_now(session->loop), config->timeout_ms));
    }
    return dial(session, config, err);
}

/* Why there was no WELCOME. */
static enum lockstep_err explain(const struct lockstep_session *session, const char *url,
                                 enum lockstep_exit *ret_exit, struct lockstep_error *err)
{
    if (session->interrupted) {
        *ret_exit = LOCKSTEP_EXIT_DETACHED;
        return LOCKSTEP_FAIL(err, CLOSED, "interrupted before the coordinator answered");
    }
    if (session->timed_out) {
        *ret_exit = LOCKSTEP_EXIT_UNREACHABLE;
        return LOCKSTEP_FAIL(err, TIMEOUT, "%.80s does not answer in the time given", url);
    }
    if (session->refused) {
        *ret_exit = LOCKSTEP_EXIT_FORBIDDEN;
        return LOCKSTEP_FAIL(err, REFUSED, "the coordinator refuses the session: %s", session->why);
    }
    *ret_exit = LOCKSTEP_EXIT_UNREACHABLE;
    if (session->connected && session->broken.code == LOCKSTEP_OK) {
        return LOCKSTEP_FAIL(err, CLOSED,
                             "the coordinator ended the session before it began; its trust bundle "
                             "may not hold this key (lockstep key show)");
    }
    return LOCKSTEP_FAIL(err, CLOSED, "the coordinator at %.80s cannot be reached: %s", url,
                         session->broken.code != LOCKSTEP_OK ? session->broken.message
                                                             : session->why);
}

static bool is_waiting(const struct lockstep_session *session)
{
    return !session->over && !session->timed_out && !session->interrupted &&
           session->broken.code == LOCKSTEP_OK;
}

enum lockstep_err lockstep_session_open(const struct lockstep_session_config *config,
                                        struct lockstep_session **ret_session,
                                        enum lockstep_exit *ret_exit, struct lockstep_error *err)
{
    struct lockstep_session *session = calloc(1, sizeof(*session));
    enum lockstep_err code;
    *ret_exit = LOCKSTEP_EXIT_INTERNAL;
    if (session == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a session");
    }
    session->last = &session->first;
    code = prepare(session, config, err);
    if (code == LOCKSTEP_INVALID) {
        *ret_exit = LOCKSTEP_EXIT_USAGE;
    }
    while (code == LOCKSTEP_OK && !session->welcome && is_waiting(session)) {
        code = lockstep_loop_once(session->loop, WAIT_AT_ONCE_MS, err);
    }
    if (code == LOCKSTEP_OK && !session->welcome) {
        code = explain(session, config->url, ret_exit, err);
    }
    if (code != LOCKSTEP_OK) {
        (void)lockstep_session_close(session);
        return code;
    }
    *ret_exit = LOCKSTEP_EXIT_DONE;
    *ret_session = session;
    return LOCKSTEP_OK;
}

static void drop_replies(struct lockstep_session *session)
{
    while (session->first != NULL) {
        struct node *node = session->first;
        session->first = node->next;
        lockstep_reply_deinit(&node->reply);
        free(node);
    }
    session->last = &session->first;
    session->count = 0;
}

struct lockstep_session *lockstep_session_close(struct lockstep_session *session)
{
    if (session == NULL) {
        return NULL;
    }
    if (session->link != NULL) {
        struct lockstep_time end = lockstep_time_after(lockstep_loop_now(session->loop),
                                                       GOODBYE_MS);
        lockstep_link_close(session->link, "done");
        while (!session->over && !lockstep_time_due(end, lockstep_loop_now(session->loop)) &&
               lockstep_loop_once(session->loop, GOODBYE_MS, NULL) == LOCKSTEP_OK) {
        }
    }
    session->dialler = lockstep_dialler_free(session->dialler);
    if (session->loop != NULL) {
        lockstep_timer_disarm(session->loop, &session->timer);
    }
    session->loop = lockstep_loop_free(session->loop);
    session->codec = lockstep_wire_codec_free(session->codec);
    lockstep_document_deinit(&session->document);
    drop_replies(session);
    free(session);
    return NULL;
}

/* ---- asking --------------------------------------------------------------------------------- */

uint64_t lockstep_session_number(struct lockstep_session *session)
{
    drop_replies(session);
    lockstep_document_deinit(&session->document);
    return ++session->request;
}

enum lockstep_err lockstep_session_send(struct lockstep_session *session,
                                        const struct lockstep_wire *wire,
                                        struct lockstep_error *err)
{
    size_t length = 0;
    LOCKSTEP_TRY(lockstep_wire_encode(session->codec, wire, session->bytes, &length, err));
    while (is_waiting(session) && session->link != NULL &&
           lockstep_link_outbox(session->link) > OUTBOX_HIGH) {
        LOCKSTEP_TRY(lockstep_loop_once(session->loop, WAIT_AT_ONCE_MS, err));
    }
    if (session->link != NULL) {
        (void)lockstep_link_send(session->link, session->bytes, length);
    }
    return LOCKSTEP_OK;
}

bool lockstep_session_answered(const struct lockstep_session *session)
{
    return session->first != NULL || !is_waiting(session);
}

/* What ended the waiting, when no answer did. */
static enum lockstep_err end_of_waiting(const struct lockstep_session *session,
                                        struct lockstep_reply *ret_reply,
                                        struct lockstep_error *err)
{
    if (session->broken.code != LOCKSTEP_OK) {
        return LOCKSTEP_FAIL(err, INVALID, "the coordinator's answer is not understood: %s",
                             session->broken.message);
    }
    ret_reply->last = true;
    ret_reply->kind = session->interrupted ? LOCKSTEP_REPLY_INTERRUPTED
                      : session->timed_out ? LOCKSTEP_REPLY_TIMED_OUT
                                           : LOCKSTEP_REPLY_LOST;
    (void)snprintf(ret_reply->text, sizeof(ret_reply->text), "%s", session->why);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_session_receive(struct lockstep_session *session,
                                           struct lockstep_reply *ret_reply,
                                           struct lockstep_error *err)
{
    struct node *node;
    *ret_reply = (struct lockstep_reply){0};
    while (session->first == NULL && is_waiting(session)) {
        LOCKSTEP_TRY(lockstep_loop_once(session->loop, WAIT_AT_ONCE_MS, err));
    }
    if (session->first == NULL) {
        return end_of_waiting(session, ret_reply, err);
    }
    node = session->first;
    session->first = node->next;
    if (session->first == NULL) {
        session->last = &session->first;
    }
    session->count--;
    *ret_reply = node->reply;
    free(node);
    return LOCKSTEP_OK;
}
