#include "agent/mcp/server_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NEWEST LOCKSTEP_MCP_2025_11_25

static const char instructions[] =
    "Tools of lockstep modules. They are replaced while they are called: list them again when you "
    "are told that the list has changed.";

/* ---- sending -------------------------------------------------------------------------------- */

static void write_line(struct lockstep_mcp *server, const json_t *value)
{
    char *line = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    (void)pthread_mutex_lock(&server->out_mutex);
    if (line == NULL) {
        (void)fprintf(stderr, "lockstep-mcp: no memory for an answer\n");
        server->failed = true;
    } else if (fprintf(server->out, "%s\n", line) < 0 || fflush(server->out) != 0) {
        server->failed = true;
    }
    (void)pthread_mutex_unlock(&server->out_mutex);
    free(line);
}

/* One answer of a batch less is open; VALUE (may be NULL) is taken over. */
static void close_one(struct lockstep_mcp *server, json_t *value, struct lockstep_mcp_batch *batch)
{
    bool whole;
    (void)pthread_mutex_lock(&server->mutex);
    if (value != NULL) {
        (void)json_array_append_new(batch->answers, value);
    }
    batch->open--;
    whole = batch->open == 0;
    (void)pthread_mutex_unlock(&server->mutex);
    if (!whole) {
        return;
    }
    if (json_array_size(batch->answers) > 0) {
        write_line(server, batch->answers);
    }
    json_decref(batch->answers);
    free(batch);
}

void lockstep_mcp_send(struct lockstep_mcp *server, json_t *value, struct lockstep_mcp_batch *batch)
{
    if (batch != NULL) {
        close_one(server, value, batch);
        return;
    }
    write_line(server, value);
    json_decref(value);
}

static void tell_changed(void *context)
{
    struct lockstep_mcp *server = context;
    bool wanted;
    (void)pthread_mutex_lock(&server->mutex);
    wanted = server->initialized;
    (void)pthread_mutex_unlock(&server->mutex);
    if (wanted) {
        lockstep_mcp_send(
            server,
            json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", "notifications/tools/list_changed"),
            NULL);
    }
}

bool lockstep_mcp_failed(struct lockstep_mcp *server)
{
    bool failed;
    (void)pthread_mutex_lock(&server->out_mutex);
    failed = server->failed;
    (void)pthread_mutex_unlock(&server->out_mutex);
    return failed;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* The revision that the client asks for, or else the newest. */
static json_t *initialize(struct lockstep_mcp *server, const struct lockstep_rpc *rpc,
                          const struct lockstep_mcp_batch *batch)
{
    const char *wanted = json_string_value(json_object_get(rpc->params, "protocolVersion"));
    enum lockstep_mcp_revision revision;
    json_t *info;
    if (server->revision != LOCKSTEP_MCP_NONE || batch != NULL) {
        return lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_INVALID_REQUEST,
                                  batch != NULL ? "initialize is not part of a batch"
                                                : "this session is initialized",
                                  NULL);
    }
    if (wanted == NULL) {
        return lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_INVALID_PARAMS,
                                  "there is no protocolVersion", NULL);
    }
    revision = lockstep_mcp_revision_parse(wanted);
    server->revision = revision == LOCKSTEP_MCP_NONE ? NEWEST : revision;
    info = json_pack("{s:s, s:s}", "name", "lockstep-mcp", "version", LOCKSTEP_VERSION);
    if (server->revision >= LOCKSTEP_MCP_2025_06_18) {
        (void)json_object_set_new(info, "title", json_string("lockstep"));
    }
    return lockstep_rpc_result(
        rpc->id, json_pack("{s:s, s:{s:{s:b}}, s:o, s:s}", "protocolVersion",
                           lockstep_mcp_revision_text(server->revision), "capabilities", "tools",
                           "listChanged", 1, "serverInfo", info, "instructions", instructions));
}

static bool is_under_way(const struct lockstep_mcp *server, const json_t *id)
{
    for (size_t i = 0; i < LOCKSTEP_MCP_CALLS_MAX; i++) {
        if (server->calls[i].state != LOCKSTEP_MCP_FREE &&
            json_equal(server->calls[i].rpc.id, id) != 0) {
            return true;
        }
    }
    return false;
}

/* Hands RPC to the workers, who take it over; else it says why not. */
static json_t *hand_over(struct lockstep_mcp *server, struct lockstep_rpc *rpc,
                         struct lockstep_mcp_batch *batch)
{
    struct lockstep_mcp_call *call = NULL;
    bool twice;
    (void)pthread_mutex_lock(&server->mutex);
    twice = is_under_way(server, rpc->id);
    for (size_t i = 0; !twice && i < LOCKSTEP_MCP_CALLS_MAX && call == NULL; i++) {
        call = server->calls[i].state == LOCKSTEP_MCP_FREE ? &server->calls[i] : NULL;
    }
    if (call != NULL) {
        *call = (struct lockstep_mcp_call){.state = LOCKSTEP_MCP_WAITING,
                                           .order = ++server->orders,
                                           .revision = server->revision,
                                           .rpc = *rpc,
                                           .batch = batch};
        *rpc = (struct lockstep_rpc){.method = ""};
        (void)pthread_cond_broadcast(&server->changed);
    }
    (void)pthread_mutex_unlock(&server->mutex);
    if (call != NULL) {
        return NULL;
    }
    return twice ? lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_INVALID_REQUEST,
                                      "a request with this id is under way", NULL)
                 : lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_BUSY, "too many calls are under way",
                                      NULL);
}

static bool is_for_workers(const char *method)
{
    return strcmp(method, "tools/list") == 0 || strcmp(method, "tools/call") == 0;
}

/* The answer, or NULL if a worker gives it. */
static json_t *answer(struct lockstep_mcp *server, struct lockstep_rpc *rpc,
                      struct lockstep_mcp_batch *batch)
{
    if (strcmp(rpc->method, "initialize") == 0) {
        return initialize(server, rpc, batch);
    }
    if (strcmp(rpc->method, "ping") == 0) {
        return lockstep_rpc_result(rpc->id, json_object());
    }
    if (!is_for_workers(rpc->method)) {
        return lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_METHOD_NOT_FOUND, "unknown method", NULL);
    }
    if (server->revision == LOCKSTEP_MCP_NONE) {
        return lockstep_rpc_error(rpc->id, LOCKSTEP_RPC_INVALID_REQUEST, "initialize first", NULL);
    }
    return hand_over(server, rpc, batch);
}

/* ---- notifications -------------------------------------------------------------------------- */

/* What is not under way is nobody's mistake: the answer may have been on its way. */
static void cancel(struct lockstep_mcp *server, const struct lockstep_rpc *rpc)
{
    const json_t *id = json_object_get(rpc->params, "requestId");
    (void)pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; id != NULL && i < LOCKSTEP_MCP_CALLS_MAX; i++) {
        struct lockstep_mcp_call *call = &server->calls[i];
        if (call->state != LOCKSTEP_MCP_FREE && json_equal(call->rpc.id, id) != 0) {
            call->cancelled = true;
        }
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

static void hear(struct lockstep_mcp *server, const struct lockstep_rpc *rpc)
{
    if (strcmp(rpc->method, "notifications/cancelled") == 0) {
        cancel(server, rpc);
    } else if (strcmp(rpc->method, "notifications/initialized") == 0 &&
               server->revision != LOCKSTEP_MCP_NONE) {
        (void)pthread_mutex_lock(&server->mutex);
        server->initialized = true;
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

/* ---- messages ------------------------------------------------------------------------------- */

/* VALUE is taken over. */
static void take_message(struct lockstep_mcp *server, json_t *value,
                         struct lockstep_mcp_batch *batch)
{
    struct lockstep_rpc rpc;
    json_t *said = NULL;
    bool answered = true;
    lockstep_rpc_take(value, &rpc);
    if (batch != NULL) {
        (void)pthread_mutex_lock(&server->mutex);
        batch->open++;
        (void)pthread_mutex_unlock(&server->mutex);
    }
    if (rpc.kind == LOCKSTEP_RPC_BAD) {
        said = lockstep_rpc_error(rpc.id, LOCKSTEP_RPC_INVALID_REQUEST, rpc.why, NULL);
    } else if (rpc.kind == LOCKSTEP_RPC_REQUEST) {
        said = answer(server, &rpc, batch);
        answered = said != NULL;
    } else if (rpc.kind == LOCKSTEP_RPC_NOTIFICATION) {
        hear(server, &rpc);
    }
    if (said != NULL || (batch != NULL && answered)) {
        lockstep_mcp_send(server, said, batch);
    }
    lockstep_rpc_deinit(&rpc);
}

static void refuse(struct lockstep_mcp *server, int code, const char *text)
{
    lockstep_mcp_send(server, lockstep_rpc_error(NULL, code, text, NULL), NULL);
}

/* VALUE, an array, is taken over. */
static void take_batch(struct lockstep_mcp *server, json_t *value)
{
    struct lockstep_mcp_batch *batch;
    size_t count = json_array_size(value);
    if (server->revision >= LOCKSTEP_MCP_2025_06_18 || count == 0 ||
        count > LOCKSTEP_MCP_BATCH_MAX) {
        json_decref(value);
        refuse(server, LOCKSTEP_RPC_INVALID_REQUEST,
               count == 0 || count > LOCKSTEP_MCP_BATCH_MAX
                   ? "a batch has 1 to 64 messages"
                   : "this revision of the protocol has no batches");
        return;
    }
    batch = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        json_decref(value);
        refuse(server, LOCKSTEP_RPC_INTERNAL, "no memory for a batch");
        return;
    }
    batch->answers = json_array();
    batch->open = 1;
    for (size_t i = 0; i < count; i++) { /* whoever gets it is the only one to have it */
        json_t *message = json_incref(json_array_get(value, 0));
        (void)json_array_remove(value, 0);
        take_message(server, message, batch);
    }
    json_decref(value);
    close_one(server, NULL, batch);
}

static bool is_blank(const char *line, size_t size)
{
    size_t i = 0;
    while (i < size && memchr(" \t\r\n", line[i], 4) != NULL) {
        i++;
    }
    return i == size;
}

void lockstep_mcp_line(struct lockstep_mcp *server, const char *line, size_t size)
{
    json_t *value;
    if (is_blank(line, size)) {
        return; /* an empty line says nothing */
    }
    value = lockstep_rpc_load(line, size);
    if (value == NULL) {
        refuse(server, LOCKSTEP_RPC_PARSE_ERROR, "this is no JSON");
    } else if (json_is_array(value)) {
        take_batch(server, value);
    } else {
        take_message(server, value, NULL);
    }
}

void lockstep_mcp_line_too_long(struct lockstep_mcp *server)
{
    refuse(server, LOCKSTEP_RPC_INVALID_REQUEST, "the line is too long");
}

/* ---- making --------------------------------------------------------------------------------- */

/* Signals are the main thread's. */
static bool start_workers(struct lockstep_mcp *server)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (server->workers_count < LOCKSTEP_MCP_WORKERS &&
           pthread_create(&server->workers[server->workers_count], NULL, lockstep_mcp_work,
                          server) == 0) {
        server->workers_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return server->workers_count > 0;
}

struct lockstep_mcp *lockstep_mcp_new(const struct lockstep_mcp_config *config)
{
    struct lockstep_mcp *server = calloc(1, sizeof(*server));
    struct lockstep_mcp_sources_config sources = {.paths = config->paths,
                                                  .count = config->count,
                                                  .timeout_ms = config->timeout_ms,
                                                  .changed = tell_changed,
                                                  .context = server};
    if (server == NULL) {
        return NULL;
    }
    json_object_seed(0); /* before there are threads */
    server->out = config->out;
    (void)pthread_mutex_init(&server->mutex, NULL);
    (void)pthread_mutex_init(&server->out_mutex, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    server->sources = lockstep_mcp_sources_new(&sources);
    return server->sources != NULL && start_workers(server) ? server : lockstep_mcp_free(server);
}

struct lockstep_mcp *lockstep_mcp_free(struct lockstep_mcp *server)
{
    if (server == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->mutex);
    for (size_t i = 0; i < server->workers_count; i++) {
        (void)pthread_join(server->workers[i], NULL);
    }
    server->sources = lockstep_mcp_sources_free(server->sources);
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->mutex);
    (void)pthread_mutex_destroy(&server->out_mutex);
    free(server);
    return NULL;
}
