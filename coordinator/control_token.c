/* Join tokens: made, and ended before they are used. */
#include "coordinator/driver_internal.h"

#include "common/io/token.h"
#include "common/io/value.h"

#include <stdio.h>
#include <string.h>

/* ---- making --------------------------------------------------------------------------------- */

static enum lockstep_err join_labels(const struct lockstep_wire_token_create *create,
                                     char labels[LOCKSTEP_STORE_LABELS], struct lockstep_error *err)
{
    size_t used = 0;
    labels[0] = '\0';
    for (uint32_t i = 0; i < create->label_count; i++) {
        const char *equals = strchr(create->labels[i], '=');
        if (equals == NULL || equals == create->labels[i] ||
            strpbrk(create->labels[i], ",!()/ ") != NULL) {
            return LOCKSTEP_FAIL(err, INVALID, "'%.100s' is no label; write KEY=VALUE",
                                 create->labels[i]);
        }
        used += (size_t)snprintf(labels + used, LOCKSTEP_STORE_LABELS - used, "%s%s",
                                 i == 0 ? "" : ",", create->labels[i]);
        if (used >= LOCKSTEP_STORE_LABELS) {
            return LOCKSTEP_FAIL(err, LIMIT, "too many labels");
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err create_token(struct lockstep_session *session,
                                      const struct lockstep_wire_token_create *create,
                                      struct lockstep_token *token, struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    const struct lockstep_default *row = NULL;
    struct lockstep_audit audit = {.who = session->who,
                                   .what = "token.create",
                                   .subject = create->node.text,
                                   .detail = create->message};
    char labels[LOCKSTEP_STORE_LABELS];
    uint64_t life = create->life_ms != 0 ? create->life_ms : coordinator->config->settings.token;
    size_t length = 0;
    const char *bundle = lockstep_store_bundle(coordinator->store, &length);
    for (size_t i = 0; i < lockstep_default_count; i++) {
        if (strcmp(lockstep_default_rows[i].key, "token") == 0) {
            row = &lockstep_default_rows[i];
        }
    }
    if (row != NULL && (life < row->smallest || life > row->largest)) {
        return LOCKSTEP_FAIL(err, INVALID, "a token lives between 1 s and 24 h");
    }
    LOCKSTEP_TRY(join_labels(create, labels, err));
    LOCKSTEP_TRY(lockstep_token_draw(token, err));
    memcpy(token->coordinator, coordinator->key->open.channel, sizeof(token->coordinator));
    token->cluster = lockstep_store_cluster(coordinator->store);
    lockstep_bundle_digest(bundle, length, &token->bundle);
    token->node = create->node;
    token->expires_unix_ms = lockstep_unix_ms() + life;
    return lockstep_store_token_add(coordinator->store, token, labels, &audit, err);
}

void lockstep_control_token_create(struct lockstep_session *session,
                                   const struct lockstep_wire_token_create *create)
{
    struct lockstep_token token;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_TOKEN_TEXT];
    bool taken = lockstep_driver_node(session->coordinator, create->node.text) >= 0;
    memset(&token, 0, sizeof(token));
    if (create_token(session, create, &token, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, create->request, &err);
    } else {
        lockstep_token_format(&token, text);
        lockstep_control_answer(
            session, create->request,
            json_pack("{s:s, s:s, s:s, s:I, s:b}", "schema", "lockstep/token/v1", "node",
                      token.node.text, "token", text, "expires_unix_ms",
                      (json_int_t)token.expires_unix_ms, "taken", taken ? 1 : 0),
            true);
    }
    lockstep_token_deinit(&token);
}

/* ---- revoking ------------------------------------------------------------------------------- */

#define ID_TEXT   (2 * LOCKSTEP_TOKEN_ID_BYTES + 1)
#define ENDED_MAX 16 /* tokens that one request ends */

/* What a word names: open tokens to end, and one that is not open, to say why not. */
struct search {
    const char *word;
    bool by_id; /* else by the name of its node */
    uint64_t now_unix_ms;
    size_t found;
    struct lockstep_token_row open[ENDED_MAX];
    size_t open_count;
    struct lockstep_token_row over;
};

static void match_token(void *context, const struct lockstep_token_row *row)
{
    struct search *search = context;
    char id[ID_TEXT];
    size_t length = strlen(search->word);
    lockstep_hex_format(row->id, sizeof(row->id), id);
    if (search->by_id ? length < 6 || strncmp(id, search->word, length) != 0
                      : strcmp(row->node.text, search->word) != 0) {
        return;
    }
    search->found++;
    if (strcmp(lockstep_token_state(row, search->now_unix_ms), "open") != 0) {
        search->over = *row;
    } else if (search->open_count < ENDED_MAX) {
        search->open[search->open_count++] = *row;
    }
}

/* True if the key that was brought with the token waits for a node's place. */
static bool waits(const struct lockstep_coordinator *coordinator,
                  const struct lockstep_token_row *row)
{
    int64_t node = lockstep_driver_node(coordinator, row->node.text);
    const struct lockstep_waiting_key *key = node < 0 ? NULL
                                                      : &coordinator->views[node].row.waiting;
    return key != NULL && key->since_unix_ms != 0 &&
           memcmp(key->token, row->id, sizeof(row->id)) == 0;
}

/* Why nothing can be revoked, and what is right instead. */
static void refuse_revoke(struct lockstep_session *session, uint64_t request,
                          const struct search *search)
{
    const char *state = lockstep_token_state(&search->over, search->now_unix_ms);
    const char *node = search->over.node.text;
    char next[LOCKSTEP_CAUSE_MAX + 1];
    if (search->found != 1 && search->by_id) {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(2, "unknown", "lockstep token ls"),
                                "there is no one join token '%.60s'; give the name of its node, "
                                "its id, or 6 characters of that",
                                search->word);
    } else if (strcmp(state, "used") == 0 && waits(session->coordinator, &search->over)) {
        (void)snprintf(next, sizeof(next), "lockstep node admit %s --refuse", node);
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(4, "used", next),
                                "the join token of %s was used, and the key that it brought waits",
                                node);
    } else if (strcmp(state, "used") == 0) {
        (void)snprintf(next, sizeof(next), "lockstep node revoke %s", node);
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(4, "used", next),
                                "the join token of %s was used: the node is enrolled, and its own "
                                "key is what lets it in now",
                                node);
    } else {
        lockstep_control_refuse(session, request, LOCKSTEP_WHY(4, state, ""),
                                "the join token of %s is %s already: nobody can join with it", node,
                                state);
    }
}

static enum lockstep_err end_tokens(struct lockstep_session *session,
                                    const struct lockstep_wire_token_revoke *revoke,
                                    const struct search *search, struct lockstep_error *err)
{
    for (size_t i = 0; i < search->open_count; i++) {
        const struct lockstep_token_row *row = &search->open[i];
        struct lockstep_audit audit = {.who = session->who,
                                       .what = "token.revoke",
                                       .subject = row->node.text,
                                       .detail = revoke->message};
        bool ended = false;
        LOCKSTEP_TRY(lockstep_store_token_revoke(session->coordinator->store, row->id,
                                                 search->now_unix_ms, &audit, &ended, err));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err find_tokens(struct lockstep_session *session, struct search *search,
                                     struct lockstep_error *err)
{
    struct lockstep_store *store = session->coordinator->store;
    LOCKSTEP_TRY(lockstep_store_tokens(store, match_token, search, err));
    search->by_id = search->found == 0;
    return search->by_id ? lockstep_store_tokens(store, match_token, search, err) : LOCKSTEP_OK;
}

void lockstep_control_token_revoke(struct lockstep_session *session,
                                   const struct lockstep_wire_token_revoke *revoke)
{
    struct search search = {.word = revoke->token, .now_unix_ms = lockstep_unix_ms()};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = find_tokens(session, &search, &err);
    char text[64];
    if (result == LOCKSTEP_OK && (search.open_count == 0 || (search.by_id && search.found > 1))) {
        refuse_revoke(session, revoke->request, &search);
        return;
    }
    if (result == LOCKSTEP_OK) {
        result = end_tokens(session, revoke, &search, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, revoke->request, &err);
        return;
    }
    (void)snprintf(text, sizeof(text), search.open_count == 1 ? "one token" : "%zu tokens",
                   search.open_count);
    lockstep_control_done(session, revoke->request, "revoked", search.open[0].node.text, text);
}
