/* Accepting links: caps on who is not authenticated yet, and on who keeps failing. */
#include "common/base/assert.h"
#include "common/io/link_internal.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG         4096
#define FAILURES_MAX    20 /* failed handshakes of one address … */
#define FAILURES_WINDOW (10 * LOCKSTEP_SECOND)
#define IGNORED_FOR     (60 * LOCKSTEP_SECOND)
#define OFFENDERS       256
#define PAUSE_MS        50 /* before accepting again when the system is out of something */
#define CROWDED_MS      5  /* the same when there are enough that are not authenticated yet */
#define CROWDED_PART    2  /* of the time for a handshake, in which nobody makes room for others */

/* An address whose handshakes fail. */
struct offender {
    uint8_t address[16];
    uint32_t failures;
    struct lockstep_time since;
    struct lockstep_time ignored_until;
};

struct lockstep_listener {
    struct lockstep_loop *loop;
    struct lockstep_link_events events;
    struct lockstep_channel_config channel;
    struct lockstep_defaults settings;
    uint8_t own[LOCKSTEP_NOISE_KEY];
    nng_stream_listener *stream;
    nng_aio *aio;
    bool accepting;
    struct lockstep_post accepted;
    struct lockstep_timer pause;
    struct lockstep_link *half_open; /* oldest first */
    struct lockstep_link *half_open_last;
    uint32_t half_open_count;
    struct lockstep_link *open;
    struct offender offenders[OFFENDERS];
    char url[LOCKSTEP_URL_MAX + 1];
};

/* ---- addresses ------------------------------------------------------------------------------ */

/* Sixteen bytes that stand for the peer's host, and a text with its port. */
static void peer_address(nng_stream *stream, uint8_t ret_host[16], char *ret_text, size_t size)
{
    nng_sockaddr address;
    memset(ret_host, 0, 16);
    (void)snprintf(ret_text, size, "local");
    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) != 0) {
        return;
    }
    if (address.s_family == NNG_AF_INET) {
        const uint8_t *a = (const uint8_t *)&address.s_in.sa_addr;
        memcpy(ret_host + 12, a, 4);
        (void)snprintf(ret_text, size, "%u.%u.%u.%u:%u", a[0], a[1], a[2], a[3],
                       ntohs(address.s_in.sa_port));
    } else if (address.s_family == NNG_AF_INET6) {
        const uint8_t *a = address.s_in6.sa_addr;
        size_t used = 0;
        memcpy(ret_host, a, 8); /* a /64 is one host's to hand out */
        for (unsigned i = 0; i < 16 && used + 8 < size; i += 2) {
            used += (size_t)snprintf(ret_text + used, size - used, "%s%x", i == 0 ? "[" : ":",
                                     a[i] << 8 | a[i + 1]);
        }
        (void)snprintf(ret_text + used, size - used, "]:%u", ntohs(address.s_in6.sa_port));
    }
}

static struct offender *find_offender(struct lockstep_listener *listener, const uint8_t host[16])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < 16; i++) {
        hash = (hash ^ host[i]) * UINT64_C(0x100000001b3);
    }
    return &listener->offenders[hash % OFFENDERS]; /* two of one slot share it: the newer wins */
}

static bool is_ignored(struct lockstep_listener *listener, const uint8_t host[16])
{
    const struct offender *offender = find_offender(listener, host);
    return memcmp(offender->address, host, 16) == 0 &&
           lockstep_loop_now(listener->loop).ms < offender->ignored_until.ms;
}

static void note_failure(struct lockstep_listener *listener, const uint8_t host[16])
{
    static const uint8_t local[16];
    struct offender *offender = find_offender(listener, host);
    struct lockstep_time now = lockstep_loop_now(listener->loop);
    if (memcmp(host, local, sizeof(local)) == 0) {
        return; /* ipc: one user of this machine must not shut out the others */
    }
    if (memcmp(offender->address, host, 16) != 0 || now.ms - offender->since.ms > FAILURES_WINDOW) {
        memset(offender, 0, sizeof(*offender));
        memcpy(offender->address, host, 16);
        offender->since = now;
    }
    if (++offender->failures >= FAILURES_MAX) {
        offender->ignored_until = lockstep_time_after(now, IGNORED_FOR);
        offender->failures = 0;
    }
}

/* ---- the two lists -------------------------------------------------------------------------- */

static void add_half_open(struct lockstep_listener *listener, struct lockstep_link *link)
{
    link->previous = listener->half_open_last;
    link->next = NULL;
    if (link->previous != NULL) {
        link->previous->next = link;
    } else {
        listener->half_open = link;
    }
    listener->half_open_last = link;
    listener->half_open_count++;
}

static void take_half_open(struct lockstep_listener *listener, struct lockstep_link *link)
{
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        listener->half_open = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    } else {
        listener->half_open_last = link->previous;
    }
    link->next = NULL;
    link->previous = NULL;
    listener->half_open_count--;
}

static void add_open(struct lockstep_listener *listener, struct lockstep_link *link)
{
    link->next = listener->open;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    listener->open = link;
}

static void on_gone(void *self, struct lockstep_link *link)
{
    struct lockstep_listener *listener = self;
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else if (listener->open == link) {
        listener->open = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
}

/* An authenticated link moves over; a failed one does too, until nng has let go of it. */
static void on_opened(void *self, struct lockstep_link *link, bool ok)
{
    struct lockstep_listener *listener = self;
    uint8_t host[16];
    char text[LOCKSTEP_URL_MAX + 1];
    take_half_open(listener, link);
    add_open(listener, link);
    if (!ok && link->failed) { /* dropped by a cap or cut off is no failure of its own */
        peer_address(link->stream, host, text, sizeof(text));
        note_failure(listener, host);
    }
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* Drops the oldest where a cap is reached: who is slow makes room for who is not. */
static void keep_caps(struct lockstep_listener *listener, const char *text)
{
    size_t host_length = strcspn(text, "]"); /* an IPv6 text ends its host there */
    uint32_t same = 0;
    struct lockstep_link *oldest = NULL;
    const char *colon = strrchr(text, ':');
    if (text[host_length] == '\0' && colon != NULL) {
        host_length = (size_t)(colon - text);
    }
    for (struct lockstep_link *at = listener->half_open; at != NULL; at = at->next) {
        if (strncmp(at->address, text, host_length) == 0 &&
            strchr(":]", at->address[host_length]) != NULL) {
            same++;
            oldest = oldest == NULL ? at : oldest;
        }
    }
    if (same >= listener->settings.half_open_address) {
        lockstep_link_kill(oldest, "too many half-open connections from this address");
    } else if (listener->half_open_count >= listener->settings.half_open) {
        lockstep_link_kill(listener->half_open, "too many half-open connections");
    }
}

static void take_stream(struct lockstep_listener *listener, nng_stream *stream)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_link_config config = {
        .stream = stream,
        .handshake_ms = listener->settings.handshake,
        .channel = &listener->channel,
        .events = listener->events,
        .owner = {.self = listener, .opened = on_opened, .gone = on_gone},
    };
    struct lockstep_link *link = NULL;
    uint8_t host[16];
    char text[LOCKSTEP_URL_MAX + 1];
    peer_address(stream, host, text, sizeof(text));
    if (is_ignored(listener, host)) {
        nng_stream_free(stream);
        return;
    }
    keep_caps(listener, text);
    config.address = text;
    if (lockstep_link_new(listener->loop, &config, &link, &err) == LOCKSTEP_OK) {
        add_half_open(listener, link);
    } else if (listener->events.failed != NULL) {
        listener->events.failed(listener->events.context, text, err.message);
    }
}

static void accept_later(struct lockstep_listener *listener, uint64_t ms)
{
    lockstep_timer_arm(listener->loop, &listener->pause,
                       lockstep_time_after(lockstep_loop_now(listener->loop), ms));
}

/* True when as many as may be are half-open, and none has had time to answer yet: they are only
 * slow because they are many, and each that is dropped comes again. The next wait in the backlog.
 */
static bool is_crowded(const struct lockstep_listener *listener)
{
    uint64_t age;
    if (listener->half_open_count < listener->settings.half_open) {
        return false;
    }
    age = lockstep_loop_now(listener->loop).ms + listener->settings.handshake -
          listener->half_open->deadline.at.ms;
    return age < listener->settings.handshake / CROWDED_PART;
}

static void start_accepting(void *context)
{
    struct lockstep_listener *listener = context;
    if (is_crowded(listener)) {
        accept_later(listener, CROWDED_MS);
        return;
    }
    listener->accepting = true;
    nng_stream_listener_accept(listener->stream, listener->aio);
}

static void on_accepted(void *context)
{
    struct lockstep_listener *listener = context;
    int result = nng_aio_result(listener->aio);
    listener->accepting = false;
    if (result == 0) {
        take_stream(listener, nng_aio_get_output(listener->aio, 0));
        start_accepting(listener);
    } else if (result != NNG_ECLOSED) {
        /* At the descriptor limit accept fails at once, again and again. */
        accept_later(listener, PAUSE_MS);
    }
}

static void accept_done(void *context) /* on a thread of nng */
{
    struct lockstep_listener *listener = context;
    lockstep_loop_post(listener->loop, &listener->accepted);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* nng asks for a backlog of 128, which a fleet that reconnects overruns. Our own listening socket
 * is found by its port and asked again. */
static void widen_backlog(int port)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof(address);
        int fd = (int)strtol(entry->d_name, NULL, 10);
        int listening = 0;
        socklen_t int_size = sizeof(listening);
        in_port_t bound = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_size) != 0 ||
            listening == 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
            continue;
        }
        if (address.ss_family == AF_INET) {
            bound = ((const struct sockaddr_in *)&address)->sin_port;
        } else if (address.ss_family == AF_INET6) {
            bound = ((const struct sockaddr_in6 *)&address)->sin6_port;
        }
        if (ntohs(bound) == port) {
            (void)listen(fd, BACKLOG);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

/* The url as it is bound. */
static void note_url(struct lockstep_listener *listener, const char *url)
{
    int port = 0;
    const char *colon = strrchr(url, ':');
    (void)snprintf(listener->url, sizeof(listener->url), "%s", url);
    if (nng_stream_listener_get_int(listener->stream, NNG_OPT_TCP_BOUND_PORT, &port) == 0 &&
        colon != NULL) {
        (void)snprintf(listener->url, sizeof(listener->url), "%.*s:%d", (int)(colon - url), url,
                       port);
        widen_backlog(port);
    }
}

enum lockstep_err lockstep_listener_new(struct lockstep_loop *loop,
                                        const struct lockstep_listener_config *config,
                                        struct lockstep_listener **ret_listener,
                                        struct lockstep_error *err)
{
    struct lockstep_listener *listener;
    int result;
    if (strlen(config->url) > LOCKSTEP_URL_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the address is too long");
    }
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a listener");
    }
    listener->loop = loop;
    listener->events = config->events;
    listener->settings = *config->settings;
    memcpy(listener->own, config->own, sizeof(listener->own));
    listener->channel = (struct lockstep_channel_config){.own = listener->own,
                                                         .cluster = config->cluster};
    listener->accepted = (struct lockstep_post){.arrived = on_accepted, .context = listener};
    listener->pause = (struct lockstep_timer){.due = start_accepting, .context = listener};
    result = nng_stream_listener_alloc(&listener->stream, config->url);
    if (result == 0) {
        /* Small frames go at once. ipc:// has no such option, and no need of it. */
        (void)nng_stream_listener_set_bool(listener->stream, NNG_OPT_TCP_NODELAY, true);
        result = nng_stream_listener_listen(listener->stream);
    }
    if (result == 0) {
        result = nng_aio_alloc(&listener->aio, accept_done, listener);
    }
    if (result != 0) {
        (void)lockstep_listener_free(listener);
        return lockstep_link_fail(result, config->url, err);
    }
    note_url(listener, config->url);
    start_accepting(listener);
    *ret_listener = listener;
    return LOCKSTEP_OK;
}

const char *lockstep_listener_url(const struct lockstep_listener *listener)
{
    return listener->url;
}

static void destroy_all(struct lockstep_link *link)
{
    while (link != NULL) {
        struct lockstep_link *next = link->next;
        lockstep_link_destroy(link);
        link = next;
    }
}

struct lockstep_listener *lockstep_listener_free(struct lockstep_listener *listener)
{
    if (listener == NULL) {
        return NULL;
    }
    if (listener->stream != NULL) {
        nng_stream_listener_close(listener->stream);
    }
    if (listener->aio != NULL) {
        nng_aio_stop(listener->aio);
        if (listener->accepting && nng_aio_result(listener->aio) == 0 &&
            nng_aio_get_output(listener->aio, 0) != NULL) {
            nng_stream_free(nng_aio_get_output(listener->aio, 0)); /* accepted and never seen */
        }
        nng_aio_free(listener->aio);
    }
    lockstep_loop_unpost(listener->loop, &listener->accepted);
    lockstep_timer_disarm(listener->loop, &listener->pause);
    destroy_all(listener->half_open);
    destroy_all(listener->open);
    if (listener->stream != NULL) {
        nng_stream_listener_free(listener->stream);
    }
    sodium_memzero(listener->own, sizeof(listener->own));
    free(listener);
    return NULL;
}
