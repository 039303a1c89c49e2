/*
 * lockstep-flipper: somebody on the wire between an agent and its coordinator, who knows the frames
 * but no key. One mischief a connection; then it waits for whoever got it to hang up.
 *
 *     lockstep-flipper PORT
 *
 * PORT is the coordinator's, on 127.0.0.1. It says "listening at tcp://…", a line for each kind of
 * mischief with what became of it, and "the end"; from then on it hands everything on as it is,
 * until SIGTERM. Refused means: the receiver hung up, and, of a handshake, had sent nothing more.
 * Starved: the frame had become longer than what was left to come, so it was never whole. Each
 * connection comes from an address of its own: a coordinator stops listening to one that fails
 * often.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX    65537
#define KEPT         8   /* frames of a recorded session, each way */
#define STARVED_MS   150 /* nothing more comes for a frame that is too long */
#define PATIENCE_MS  5000
#define TRIES        20
#define HEADER       18 /* length field and header of a frame */
#define SESSION_AT   6
#define SESSION_SIZE 4

enum side { AGENT, COORDINATOR };

enum mischief {
    HANDED_ON, /* nothing, for ever */
    RECORDED,  /* nothing, until enough is recorded */
    FLIPPED,
    DOUBLED,
    LEFT_OUT,
    SWAPPED,
    OLD,         /* the same frame of the recorded session */
    OLD_PATCHED, /* the same, under this session's number */
    REFLECTED,
    REPLAYED, /* all of the recorded session */
};

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t size;
};

/* One connection's part. */
struct plan {
    enum mischief mischief;
    enum side from;    /* whose frame */
    unsigned index;    /* which of them, from 0, handshake included */
    size_t bit;        /* FLIPPED */
    bool in_handshake; /* whoever gets it must say nothing any more */
};

struct end {
    int fd;
    struct frame in;
    unsigned frames; /* that it has sent */
    bool closed;
};

struct relay {
    struct end ends[2];
    struct plan plan;
    struct frame held; /* SWAPPED */
    bool done;
    enum side victim;
    unsigned said;    /* frames of the victim since */
    uint64_t done_ms; /* when the mischief was done */
};

enum verdict { REFUSED, STARVED, TAKEN, MISSED, VERDICTS };

static volatile sig_atomic_t over;
static struct frame recorded[2][KEPT];
static unsigned recorded_count[2];
static struct relay relay;
static int listener = -1;
static uint16_t target;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void prepare(int fd)
{
    const int on = 1;
    const struct linger at_once = {.l_onoff = 1}; /* thousands come and go */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* To the coordinator, from an address that nobody came from before. */
static int dial(void)
{
    static uint32_t serial;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010002U + ++serial * 3)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(target),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
        connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        prepare(fd);
        return fd;
    }
    perror("lockstep-flipper: the coordinator");
    exit(1);
}

/* The next agent's; -1 when this is to end. */
static int take(void)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    while (over == 0) {
        if (poll(&wait, 1, 100) > 0) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                prepare(fd);
                return fd;
            }
        }
    }
    return -1;
}

static uint16_t listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        perror("lockstep-flipper");
        exit(1);
    }
    return ntohs(address.sin_port);
}

static void write_all(struct end *to, const uint8_t *bytes, size_t size)
{
    while (size > 0 && !to->closed) {
        ssize_t count = send(to->fd, bytes, size, MSG_NOSIGNAL);
        if (count <= 0) {
            to->closed = true;
            return;
        }
        bytes += count;
        size -= (size_t)count;
    }
}

static void write_frame(enum side to, const struct frame *frame)
{
    write_all(&relay.ends[to], frame->bytes, frame->size);
}

/* ---- mischief ------------------------------------------------------------------------------- */

static void do_harm(enum side victim)
{
    relay.done = true;
    relay.victim = victim;
    relay.said = 0;
    relay.done_ms = now_ms();
}

static void record(enum side from, const struct frame *frame)
{
    if (recorded_count[from] < KEPT) {
        recorded[from][recorded_count[from]++] = *frame;
    }
    if (recorded_count[AGENT] == KEPT && recorded_count[COORDINATOR] >= 4) {
        do_harm(from);
        relay.ends[from].closed = true; /* enough */
    }
}

/* Which byte of FRAME is flipped: of a short one one that is sealed, not its length. */
static size_t byte_of(const struct frame *frame)
{
    size_t at = relay.plan.bit / 8;
    return at < frame->size ? at : HEADER + (at - HEADER) % (frame->size - HEADER);
}

/* The frame that the plan is about; it may be changed. */
static void harm(enum side from, struct frame *frame)
{
    enum side to = from == AGENT ? COORDINATOR : AGENT;
    struct frame *old = &recorded[from][relay.plan.index % KEPT];
    do_harm(to);
    switch (relay.plan.mischief) {
    case FLIPPED:
        frame->bytes[byte_of(frame)] ^= (uint8_t)(1U << relay.plan.bit % 8);
        write_frame(to, frame);
        break;
    case DOUBLED:
        write_frame(to, frame);
        write_frame(to, frame);
        break;
    case SWAPPED:
        relay.held = *frame;
        break;
    case OLD_PATCHED:
        memcpy(old->bytes + SESSION_AT, frame->bytes + SESSION_AT, SESSION_SIZE);
        write_frame(to, old);
        break;
    case OLD:
        write_frame(to, old);
        break;
    case REFLECTED:
        do_harm(from);
        write_frame(from, frame);
        break;
    case LEFT_OUT:
    case HANDED_ON:
    case RECORDED:
    case REPLAYED:
        break;
    }
}

/* What is reflected must come where one of the other side's is expected: those are kept back. */
static bool is_kept_back(enum side from, unsigned index)
{
    return relay.plan.mischief == REFLECTED && from != relay.plan.from &&
           index >= (relay.plan.from == AGENT ? 2U : 99U);
}

static void on_frame(enum side from, struct frame *frame)
{
    unsigned index = relay.ends[from].frames++;
    enum side to = from == AGENT ? COORDINATOR : AGENT;
    if (relay.plan.mischief == RECORDED) {
        record(from, frame);
    }
    if (relay.done && relay.victim == from) {
        relay.said++;
    }
    if (!relay.done && relay.plan.mischief >= FLIPPED && from == relay.plan.from &&
        index == relay.plan.index) {
        harm(from, frame);
    } else if (!is_kept_back(from, index)) {
        write_frame(to, frame);
        if (relay.held.size > 0 && from == relay.plan.from) {
            write_frame(to, &relay.held);
            relay.held.size = 0;
        }
    }
}

/* ---- relaying ------------------------------------------------------------------------------- */

static void read_some(enum side from)
{
    static struct frame frame;
    struct end *end = &relay.ends[from];
    ssize_t count = recv(end->fd, end->in.bytes + end->in.size, FRAME_MAX - end->in.size, 0);
    if (count <= 0) {
        end->closed = true;
        return;
    }
    end->in.size += (size_t)count;
    while (end->in.size >= 2 && !end->closed) {
        size_t size = ((size_t)end->in.bytes[0] << 8 | end->in.bytes[1]) + 2;
        if (end->in.size < size) {
            return;
        }
        memcpy(frame.bytes, end->in.bytes, size);
        frame.size = size;
        end->in.size -= size;
        memmove(end->in.bytes, end->in.bytes + size, end->in.size);
        on_frame(from, &frame);
    }
}

static void hang_up(void)
{
    for (unsigned i = 0; i < 2; i++) {
        if (relay.ends[i].fd >= 0) {
            (void)close(relay.ends[i].fd);
        }
    }
}

static enum verdict judge(bool starved)
{
    const struct end *victim = &relay.ends[relay.victim];
    if (!relay.done) {
        return MISSED;
    }
    if (starved) {
        return relay.plan.in_handshake && relay.said > 0 ? TAKEN : STARVED;
    }
    return victim->closed && (!relay.plan.in_handshake || relay.said == 0) ? REFUSED : TAKEN;
}

/* True when whoever got a frame that is too long has had the time to use it. */
static bool is_starved(void)
{
    return relay.done && relay.plan.mischief == FLIPPED && relay.plan.bit < 16 &&
           now_ms() - relay.done_ms > STARVED_MS;
}

/* The mischief's victim has hung up, or somebody before there was any. */
static bool is_settled(void)
{
    return relay.done ? relay.ends[relay.victim].closed
                      : relay.ends[AGENT].closed || relay.ends[COORDINATOR].closed;
}

/* Reads from whoever says something, for a moment. */
static void look(void)
{
    struct pollfd wait[2];
    for (unsigned i = 0; i < 2; i++) {
        wait[i] = (struct pollfd){.fd = relay.ends[i].closed ? -1 : relay.ends[i].fd,
                                  .events = POLLIN};
    }
    (void)poll(wait, 2, 50);
    for (unsigned i = 0; i < 2; i++) {
        if (wait[i].revents != 0) {
            read_some((enum side)i);
        }
    }
}

static enum verdict relay_one(int agent, int coordinator, const struct plan *plan)
{
    const int fds[2] = {agent, coordinator};
    uint64_t begun = now_ms();
    bool starved = false;
    enum verdict verdict;
    relay.plan = *plan;
    relay.done = false;
    relay.held.size = 0;
    for (unsigned i = 0; i < 2; i++) {
        relay.ends[i].fd = fds[i];
        relay.ends[i].in.size = 0;
        relay.ends[i].frames = 0;
        relay.ends[i].closed = false;
    }
    while (over == 0 && !starved && !is_settled() &&
           (plan->mischief == HANDED_ON ||
            now_ms() - (relay.done ? relay.done_ms : begun) < PATIENCE_MS)) {
        look();
        starved = is_starved();
    }
    verdict = judge(starved);
    hang_up();
    return verdict;
}

/* ---- replaying ------------------------------------------------------------------------------ */

/* Says all that SIDE said in the recorded session to a peer, who is to hang up and to have said no
 * more than in the handshake. */
static enum verdict replay(enum side side, int fd)
{
    uint64_t begun = now_ms();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct end *peer = &relay.ends[0];
    *peer = (struct end){.fd = fd};
    for (unsigned i = 0; i < recorded_count[side]; i++) {
        write_all(peer, recorded[side][i].bytes, recorded[side][i].size);
    }
    relay.ends[1] = (struct end){.fd = -1, .closed = true};
    relay.plan = (struct plan){.mischief = REPLAYED};
    relay.done = false;
    peer->closed = false;
    while (!peer->closed && now_ms() - begun < PATIENCE_MS) {
        if (poll(&wait, 1, 50) > 0) {
            read_some(AGENT);
        }
    }
    (void)close(fd);
    return peer->closed && peer->frames <= 1 ? REFUSED : TAKEN;
}

/* ---- what is done, in turn ------------------------------------------------------------------ */

static unsigned counts[VERDICTS];

static void tell(const char *name)
{
    (void)printf("%s: %u refused, %u starved, %u taken, %u missed\n", name, counts[REFUSED],
                 counts[STARVED], counts[TAKEN], counts[MISSED]);
    (void)fflush(stdout);
    memset(counts, 0, sizeof(counts));
}

static void play(const struct plan *plan)
{
    enum verdict verdict = MISSED;
    for (unsigned i = 0; i < TRIES && verdict == MISSED && over == 0; i++) {
        int agent = take();
        if (agent >= 0) {
            verdict = relay_one(agent, dial(), plan);
        }
    }
    counts[verdict]++;
    if (verdict == TAKEN) {
        (void)printf("taken: mischief %d, frame %u of side %d, bit %zu\n", (int)plan->mischief,
                     plan->index, (int)plan->from, plan->bit);
    }
}

/* Each bit of each byte of the three messages. */
static void play_handshake(void)
{
    static const struct {
        const char *name;
        enum side from;
        unsigned index;
        size_t size;
    } messages[] = {{"message 1", AGENT, 0, 59},
                    {"message 2", COORDINATOR, 0, 51},
                    {"message 3", AGENT, 1, 195}};
    for (size_t i = 0; i < 3; i++) {
        struct plan plan = {.mischief = FLIPPED,
                            .from = messages[i].from,
                            .index = messages[i].index,
                            .in_handshake = true};
        for (plan.bit = 0; plan.bit < 8 * messages[i].size && over == 0; plan.bit++) {
            play(&plan);
        }
        tell(messages[i].name);
    }
}

/* Fifty frames each way: every byte of the header, then some of what is sealed. */
static void play_frames(void)
{
    static const char *const names[] = {"frames of the agent", "frames of the coordinator"};
    for (unsigned from = 0; from < 2; from++) {
        for (unsigned i = 0; i < 50 && over == 0; i++) {
            struct plan plan = {.mischief = FLIPPED,
                                .from = (enum side)from,
                                .index = (from == AGENT ? 2 : 1) + i % 3,
                                .bit = 8 * (i < HEADER ? i : HEADER + i * 13U) + i % 8};
            play(&plan);
        }
        tell(names[from]);
    }
}

static void play_sessions(void)
{
    static const struct {
        const char *name;
        struct plan plan;
    } rows[] = {
        {"an agent's frame twice", {.mischief = DOUBLED, .from = AGENT, .index = 3}},
        {"a coordinator's frame twice", {.mischief = DOUBLED, .from = COORDINATOR, .index = 1}},
        {"an agent's frame left out", {.mischief = LEFT_OUT, .from = AGENT, .index = 2}},
        {"a coordinator's frame left out", {.mischief = LEFT_OUT, .from = COORDINATOR, .index = 2}},
        {"two of an agent swapped", {.mischief = SWAPPED, .from = AGENT, .index = 2}},
        {"two of a coordinator swapped", {.mischief = SWAPPED, .from = COORDINATOR, .index = 2}},
        {"an agent's frame of an older session", {.mischief = OLD, .from = AGENT, .index = 3}},
        {"a coordinator's of an older session", {.mischief = OLD, .from = COORDINATOR, .index = 2}},
        {"an agent's, with the session's number",
         {.mischief = OLD_PATCHED, .from = AGENT, .index = 3}},
        {"a coordinator's, with the session's number",
         {.mischief = OLD_PATCHED, .from = COORDINATOR, .index = 2}},
        {"a coordinator's own frame reflected",
         {.mischief = REFLECTED, .from = COORDINATOR, .index = 1}},
        {"an agent's own frame reflected", {.mischief = REFLECTED, .from = AGENT, .index = 3}},
        {"an agent's own first message reflected",
         {.mischief = REFLECTED, .from = AGENT, .index = 0}}};
    play(&(struct plan){.mischief = RECORDED});
    memset(counts, 0, sizeof(counts));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        play(&rows[i].plan);
        tell(rows[i].name);
    }
    counts[replay(AGENT, dial())]++;
    tell("a whole session of the agent replayed");
    counts[replay(COORDINATOR, take())]++;
    tell("a whole session of the coordinator replayed");
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = end};
    (void)sigaction(SIGTERM, &action, NULL);
    if (argc != 2) {
        (void)fprintf(stderr, "usage: lockstep-flipper PORT\n");
        return 2;
    }
    target = (uint16_t)strtoul(argv[1], NULL, 10);
    (void)printf("listening at tcp://127.0.0.1:%u\n", listen_anywhere());
    (void)fflush(stdout);
    play_handshake();
    play_frames();
    play_sessions();
    (void)puts("the end");
    (void)fflush(stdout);
    while (over == 0) {
        int agent = take();
        if (agent >= 0) {
            (void)relay_one(agent, dial(), &(struct plan){.mischief = HANDED_ON});
        }
    }
    return 0;
}
