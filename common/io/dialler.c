/* Keeping one link to a coordinator: dial, back off with full jitter, dial again. */
#include "common/base/assert.h"
#include "common/io/link_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lockstep_dialler {
    struct lockstep_loop *loop;
    struct lockstep_link_events events;
    struct lockstep_channel_config channel;
    struct lockstep_defaults settings;
    uint8_t own[LOCKSTEP_NOISE_KEY];
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    char (*urls)[LOCKSTEP_URL_MAX + 1];
    size_t url_count;
    size_t at;    /* the url tried now */
    size_t tries; /* a pause is made when all urls were tried */
    bool once;
    uint64_t backoff_ms;
    struct lockstep_rng rng;
    nng_stream_dialer *stream;
    nng_aio *aio;
    bool dialling;
    struct lockstep_post dialled;
    struct lockstep_timer again;
    struct lockstep_link *link;
};

static void dial(void *context);

/* The next url at once, as long as there are untried ones; then a pause (full jitter: anything up
 * to a bound that doubles). */
static void dial_later(struct lockstep_dialler *dialler)
{
    uint64_t pause = 1;
    dialler->at = (dialler->at + 1) % dialler->url_count;
    dialler->tries++;
    if (dialler->once && dialler->tries >= dialler->url_count) {
        ASSERT(dialler->events.failed != NULL);
        dialler->events.failed(dialler->events.context, "", "no coordinator answers");
        return;
    }
    if (dialler->tries % dialler->url_count == 0) {
        pause += lockstep_rng_below(&dialler->rng, dialler->backoff_ms);
        dialler->backoff_ms *= 2;
        if (dialler->backoff_ms > dialler->settings.reconnect_last) {
            dialler->backoff_ms = dialler->settings.reconnect_last;
        }
    }
    lockstep_timer_arm(dialler->loop, &dialler->again,
                       lockstep_time_after(lockstep_loop_now(dialler->loop), pause));
}

/* The dialler waits for `heard`: that its own part is done says nothing about being let in. */
static void on_opened(void *self, struct lockstep_link *link, bool ok)
{
    (void)self;
    (void)link;
    (void)ok;
}

/* Only now is the handshake good on both sides, and pauses become short again. */
static void on_heard(void *self)
{
    struct lockstep_dialler *dialler = self;
    dialler->at = dialler->url_count - 1; /* so that the first url is tried first */
    dialler->backoff_ms = dialler->settings.reconnect_first;
}

void lockstep_dialler_hold(struct lockstep_dialler *dialler)
{
    dialler->backoff_ms = dialler->settings.reconnect_last;
}

static void on_gone(void *self, struct lockstep_link *link)
{
    struct lockstep_dialler *dialler = self;
    bool was_up = link->told;
    dialler->link = NULL;
    if (dialler->once && was_up) {
        return;
    }
    if (was_up) {
        dialler->tries = dialler->url_count - 1; /* pause first: a whole fleet has lost it */
    }
    dial_later(dialler);
}

static void fail(struct lockstep_dialler *dialler, const char *text)
{
    if (dialler->events.failed != NULL) {
        dialler->events.failed(dialler->events.context, dialler->urls[dialler->at], text);
    }
    dial_later(dialler);
}

static void on_dialled(void *context)
{
    struct lockstep_dialler *dialler = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_link_config config = {
        .address = dialler->urls[dialler->at],
        .handshake_ms = dialler->settings.handshake,
        .channel = &dialler->channel,
        .events = dialler->events,
        .owner = {.self = dialler, .opened = on_opened, .heard = on_heard, .gone = on_gone},
    };
    int result = nng_aio_result(dialler->aio);
    dialler->dialling = false;
    nng_stream_dialer_free(dialler->stream);
    dialler->stream = NULL;
    if (result != 0) {
        fail(dialler,
             result == NNG_ETIMEDOUT ? "no answer in the time to connect" : nng_strerror(result));
        return;
    }
    config.stream = nng_aio_get_output(dialler->aio, 0);
    if (lockstep_link_new(dialler->loop, &config, &dialler->link, &err) != LOCKSTEP_OK) {
        dialler->link = NULL;
        fail(dialler, err.message);
    }
}

static void dial_done(void *context) /* on a thread of nng */
{
    struct lockstep_dialler *dialler = context;
    lockstep_loop_post(dialler->loop, &dialler->dialled);
}

static void dial(void *context)
{
    struct lockstep_dialler *dialler = context;
    int result = nng_stream_dialer_alloc(&dialler->stream, dialler->urls[dialler->at]);
    if (result != 0) {
        dialler->stream = NULL;
        fail(dialler, nng_strerror(result));
        return;
    }
    (void)nng_stream_dialer_set_bool(dialler->stream, NNG_OPT_TCP_NODELAY, true);
    dialler->dialling = true;
    nng_aio_set_timeout(dialler->aio, (nng_duration)dialler->settings.connect);
    nng_stream_dialer_dial(dialler->stream, dialler->aio);
}

static enum lockstep_err copy_urls(struct lockstep_dialler *dialler,
                                   const struct lockstep_dialler_config *config,
                                   struct lockstep_error *err)
{
    if (config->url_count == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no coordinator's address");
    }
    dialler->urls = calloc(config->url_count, sizeof(*dialler->urls));
    if (dialler->urls == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for addresses");
    }
    dialler->url_count = config->url_count;
    for (size_t i = 0; i < config->url_count; i++) {
        nng_url *parsed = NULL;
        if (strlen(config->urls[i]) > LOCKSTEP_URL_MAX ||
            nng_url_parse(&parsed, config->urls[i]) != 0) {
            return LOCKSTEP_FAIL(err, INVALID, "%.60s is no address; write tcp://ADDRESS:PORT",
                                 config->urls[i]);
        }
        nng_url_free(parsed);
        (void)snprintf(dialler->urls[i], sizeof(dialler->urls[i]), "%s", config->urls[i]);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_dialler_new(struct lockstep_loop *loop,
                                       const struct lockstep_dialler_config *config,
                                       struct lockstep_dialler **ret_dialler,
                                       struct lockstep_error *err)
{
    struct lockstep_dialler *dialler = calloc(1, sizeof(*dialler));
    enum lockstep_err result;
    ASSERT(!config->once || config->events.failed != NULL);
    if (dialler == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a connection");
    }
    dialler->loop = loop;
    dialler->events = config->events;
    dialler->settings = *config->settings;
    dialler->once = config->once;
    dialler->backoff_ms = config->settings->reconnect_first;
    lockstep_rng_init(&dialler->rng, config->seed);
    memcpy(dialler->own, config->own, sizeof(dialler->own));
    memcpy(dialler->remote, config->remote, sizeof(dialler->remote));
    dialler->channel = (struct lockstep_channel_config){
        .dialler = true,
        .kind = config->kind,
        .own = dialler->own,
        .remote = dialler->remote,
        .cluster = config->cluster,
        .hello = config->hello,
    };
    memcpy(dialler->channel.token, config->token, sizeof(config->token));
    memcpy(dialler->channel.psk, config->psk, sizeof(config->psk));
    dialler->dialled = (struct lockstep_post){.arrived = on_dialled, .context = dialler};
    dialler->again = (struct lockstep_timer){.due = dial, .context = dialler};
    result = copy_urls(dialler, config, err);
    if (result == LOCKSTEP_OK && nng_aio_alloc(&dialler->aio, dial_done, dialler) != 0) {
        result = LOCKSTEP_FAIL(err, NOMEM, "no memory for a connection");
    }
    if (result != LOCKSTEP_OK) {
        (void)lockstep_dialler_free(dialler);
        return result;
    }
    lockstep_timer_arm(loop, &dialler->again, lockstep_time_after(lockstep_loop_now(loop), 0));
    *ret_dialler = dialler;
    return LOCKSTEP_OK;
}

struct lockstep_dialler *lockstep_dialler_free(struct lockstep_dialler *dialler)
{
    if (dialler == NULL) {
        return NULL;
    }
    if (dialler->aio != NULL) {
        nng_aio_stop(dialler->aio);
        if (dialler->dialling && nng_aio_result(dialler->aio) == 0 &&
            nng_aio_get_output(dialler->aio, 0) != NULL) {
            nng_stream_free(nng_aio_get_output(dialler->aio, 0));
        }
        nng_aio_free(dialler->aio);
    }
    if (dialler->stream != NULL) {
        nng_stream_dialer_free(dialler->stream);
    }
    lockstep_loop_unpost(dialler->loop, &dialler->dialled);
    lockstep_timer_disarm(dialler->loop, &dialler->again);
    if (dialler->link != NULL) {
        lockstep_link_destroy(dialler->link);
    }
    free(dialler->urls);
    sodium_memzero(dialler->own, sizeof(dialler->own));
    sodium_memzero(&dialler->channel, sizeof(dialler->channel));
    free(dialler);
    return NULL;
}
