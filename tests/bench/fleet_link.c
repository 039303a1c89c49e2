/* Sockets and channels of the agents of a measurement. */
#include "tests/bench/fleet_agents.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_events(void *context, uint32_t events);

static void arm(struct bench_agent *agent, uint64_t ms)
{
    struct lockstep_loop *loop = agent->fleet->loop;
    lockstep_timer_arm(loop, &agent->timer, lockstep_time_after(lockstep_loop_now(loop), ms));
}

static void watch(struct bench_agent *agent, uint32_t events)
{
    bench_must(lockstep_watch_set(agent->fleet->loop, &agent->watch, agent->fd, events, NULL) ==
                   LOCKSTEP_OK,
               "a socket cannot be watched");
}

/* As an agent does: full jitter below a bound that doubles. */
static void dial_later(struct bench_agent *agent)
{
    struct bench_fleet *fleet = agent->fleet;
    arm(agent, 1 + lockstep_rng_below(&fleet->rng, agent->backoff_ms));
    agent->backoff_ms *= 2;
    if (agent->backoff_ms > fleet->settings.reconnect_last) {
        agent->backoff_ms = fleet->settings.reconnect_last;
    }
}

static void hang_up(struct bench_agent *agent)
{
    struct bench_fleet *fleet = agent->fleet;
    if (agent->state >= BENCH_SHAKING) {
        lockstep_channel_deinit(&agent->channel);
        fleet->lost++;
    }
    fleet->ready -= agent->state == BENCH_READY ? 1 : 0;
    lockstep_watch_clear(fleet->loop, &agent->watch);
    (void)close(agent->fd);
    free(agent->late);
    agent->late = NULL;
    agent->late_size = 0;
    agent->fd = -1;
    agent->state = BENCH_AWAY;
    dial_later(agent);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void keep(struct bench_agent *agent, const uint8_t *bytes, size_t size)
{
    uint8_t *more = realloc(agent->late, agent->late_size + size);
    bench_must(more != NULL, "no memory");
    memcpy(more + agent->late_size, bytes, size);
    agent->late = more;
    agent->late_size += size;
    watch(agent, EPOLLIN | EPOLLOUT);
}

static void send_bytes(struct bench_agent *agent, const uint8_t *bytes, size_t size)
{
    ssize_t sent = agent->late_size > 0 ? 0
                                        : send(agent->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        sent = 0; /* a broken one is found when it is read */
    }
    if ((size_t)sent < size) {
        keep(agent, bytes + sent, size - (size_t)sent);
    }
}

static void send_late(struct bench_agent *agent)
{
    ssize_t sent = send(agent->fd, agent->late, agent->late_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) {
        return;
    }
    agent->late_size -= (size_t)sent;
    memmove(agent->late, agent->late + sent, agent->late_size);
    if (agent->late_size == 0) {
        free(agent->late);
        agent->late = NULL;
        watch(agent, EPOLLIN);
    }
}

static void send_handshake(struct bench_agent *agent)
{
    uint8_t bytes[LOCKSTEP_HANDSHAKE_MAX];
    size_t size = lockstep_channel_take(&agent->channel, bytes);
    if (size > 0) {
        send_bytes(agent, bytes, size);
    }
}

size_t bench_send(struct bench_agent *agent, const struct lockstep_wire *wire)
{
    static uint8_t message[LOCKSTEP_FRAME_MAX];
    static uint8_t frame[LOCKSTEP_CHANNEL_FRAME];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t size = 0;
    bench_must(lockstep_wire_encode(agent->fleet->codec, wire, message, &size, &err) == LOCKSTEP_OK,
               err.message);
    size = lockstep_channel_seal(&agent->channel, message, size, frame);
    send_bytes(agent, frame, size);
    agent->fleet->sent++;
    return size;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void hear(struct bench_agent *agent, const struct lockstep_channel_event *event)
{
    static struct lockstep_wire wire;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    agent->fleet->received++;
    bench_must(lockstep_wire_decode(agent->fleet->codec, (unsigned)LOCKSTEP_ROLE_COORDINATOR,
                                    event->bytes, event->size, &wire, &err) == LOCKSTEP_OK,
               err.message);
    bench_hear(agent, &wire, event->size + LOCKSTEP_CHANNEL_OVERHEAD);
}

/* False: the link is over. */
static bool take(struct bench_agent *agent, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        struct lockstep_channel_event event = {.type = LOCKSTEP_CHANNEL_NOTHING};
        size_t used = 0;
        if (lockstep_channel_feed(&agent->channel, bytes, size, &used, &event, NULL) !=
                LOCKSTEP_OK ||
            event.type == LOCKSTEP_CHANNEL_CLOSED) {
            return false;
        }
        if (event.type == LOCKSTEP_CHANNEL_UP) {
            agent->state = BENCH_UP;
            lockstep_timer_disarm(agent->fleet->loop, &agent->timer);
        } else if (event.type == LOCKSTEP_CHANNEL_MESSAGE) {
            hear(agent, &event);
        }
        send_handshake(agent);
        bytes += used;
        size -= used;
    }
    return true;
}

static bool receive(struct bench_agent *agent)
{
    static uint8_t bytes[64 * 1024];
    ssize_t got = recv(agent->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    return got > 0 && take(agent, bytes, (size_t)got);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static void begin_channel(struct bench_agent *agent)
{
    struct bench_fleet *fleet = agent->fleet;
    uint8_t secret[LOCKSTEP_NOISE_KEY];
    struct lockstep_channel_config config = {
        .dialler = true,
        .kind = LOCKSTEP_CHANNEL_XK,
        .own = secret,
        .remote = fleet->remote,
        .cluster = fleet->cluster,
        .hello = {.version_min = 1, .version_max = 1, .software = "bench"}};
    bench_agent_secret(agent->number, secret);
    memcpy(config.hello.journal.bytes, secret, LOCKSTEP_ID_BYTES);
    randombytes_buf(config.hello.boot.bytes, LOCKSTEP_ID_BYTES);
    bench_must(lockstep_channel_init(&agent->channel, &config, NULL) == LOCKSTEP_OK, "no channel");
    agent->state = BENCH_SHAKING;
    arm(agent, fleet->settings.handshake);
    watch(agent, EPOLLIN);
    send_handshake(agent);
}

/* Each agent has an address of its own, as on machines of their own. */
static void dial(struct bench_agent *agent)
{
    static const int on = 1;
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(0x7f010001U + agent->number)};
    struct sockaddr_in coordinator = {.sin_family = AF_INET,
                                      .sin_port = htons(agent->fleet->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    agent->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bench_must(agent->fd >= 0, "no socket: too few descriptors? (ulimit -n)");
    (void)setsockopt(agent->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bench_must(bind(agent->fd, (const struct sockaddr *)&own, sizeof(own)) == 0,
               "no address of 127.0.0.0/8 to connect from");
    agent->state = BENCH_CONNECTING;
    agent->watch = (struct lockstep_watch){.ready = on_events, .context = agent, .fd = -1};
    if (connect(agent->fd, (const struct sockaddr *)&coordinator, sizeof(coordinator)) != 0 &&
        errno != EINPROGRESS) {
        hang_up(agent);
        return;
    }
    arm(agent, agent->fleet->settings.connect);
    watch(agent, EPOLLOUT);
}

static void on_events(void *context, uint32_t events)
{
    struct bench_agent *agent = context;
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (agent->state == BENCH_CONNECTING) {
        (void)getsockopt(agent->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
        if (failure != 0) {
            hang_up(agent);
        } else {
            begin_channel(agent);
        }
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        send_late(agent);
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !receive(agent)) {
        hang_up(agent);
    }
}

static void on_time(void *context)
{
    struct bench_agent *agent = context;
    if (agent->state == BENCH_AWAY) {
        dial(agent);
    } else {
        hang_up(agent); /* it took too long */
    }
}

void bench_dial_all(struct bench_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++) {
        struct bench_agent *agent = &fleet->agents[i];
        agent->fleet = fleet;
        agent->number = i;
        agent->fd = -1;
        agent->backoff_ms = fleet->settings.reconnect_first;
        agent->timer = (struct lockstep_timer){.due = on_time, .context = agent};
        dial_later(agent);
    }
}
