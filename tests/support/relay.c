/*
 * lockstep-relay: a bad network between agents and a coordinator, on one machine.
 *
 *     lockstep-relay [--seed N] [--commands FIFO] --to ADDRESS:PORT LINE...
 *
 * Each LINE is a port of 127.0.0.1 that leads to ADDRESS:PORT, so that each agent has a network of
 * its own, and comes from an address of its own (127.0.0.2 and so on). What happens to it is told
 * on standard input, or through a FIFO, a command a line:
 *
 *     LINE|* up|down|both VERB [NUMBER [NUMBER]]    up: towards the coordinator
 *
 *     delay MS [JITTER]  what comes arrives so much later, and up to JITTER more, in order
 *     rate BYTES         so many pass in a second
 *     silence            nothing passes; what comes waits
 *     stop K             K bytes more pass, then silence
 *     flip K             one bit of the K-th byte from now (0: the next) is turned over
 *     close              the stream ends in this direction and goes on in the other
 *     reset              cuts connections off at this direction's far end (up: the coordinator's);
 *                        the near end is told nothing until the line is healed
 *     deaf               new connections are taken and never answered, whatever the direction
 *     refuse             new connections are reset, whatever the direction
 *     heal               all is well again; who speaks to nobody is reset
 *     show               says what has passed
 *
 * What waits in silence comes after `heal`, as TCP would send it again. Whatever happens is said on
 * a line, "MS LINE what", commands too ("MS told: COMMAND"), so that a test can wait for it. The
 * same seed draws the same bits and the same jitter.
 */
#include "tests/support/relay.h"

#include "common/base/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLICES 20 /* in which a second's bytes leave */

const char *const relay_direction_words[] = {[UP] = "up", [DOWN] = "down", [BOTH] = "both"};
static struct sockaddr_in target = {.sin_family = AF_INET};
struct line relay_lines[LINES_MAX];
size_t relay_line_count;
struct pair *relay_pairs[PAIRS_MAX];
static struct lockstep_rng rng;
static uint64_t begun_us;
static int commands = STDIN_FILENO;
const struct fault relay_good = {.passes = -1, .flips = -1};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void relay_say(const char *format, ...)
{
    va_list values;
    (void)printf("%" PRIu64 " ", (now_us() - begun_us) / 1000);
    va_start(values, format);
    (void)vprintf(format, values);
    va_end(values);
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* ---- connections ---------------------------------------------------------------------------- */

static int close_fd(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

int relay_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1};
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    return close_fd(fd);
}

void relay_empty(struct pair *pair, enum direction direction)
{
    struct way *way = &pair->ways[direction];
    for (; way->count > 0; way->count--) {
        const struct piece *piece = &way->pieces[way->head];
        pair->line->waiting[direction] -= piece->size - piece->done;
        way->head = (way->head + 1) % PIECES_MAX;
    }
}

static struct pair *free_pair(struct pair *pair)
{
    pair->fds[UP] = relay_reset(pair->fds[UP]);
    pair->fds[DOWN] = relay_reset(pair->fds[DOWN]);
    relay_empty(pair, UP);
    relay_empty(pair, DOWN);
    pair->line->connections--;
    free(pair);
    return NULL;
}

static bool is_silent(const struct line *line, enum direction direction)
{
    return line->faults[direction].passes == 0;
}

/* Side SIDE is gone. What it had sent is overtaken by that news, if news come through. */
static void lose(struct pair *pair, enum direction side)
{
    pair->fds[side] = relay_reset(pair->fds[side]);
    relay_empty(pair, UP);
    relay_empty(pair, DOWN);
    if (is_silent(pair->line, side)) {
        pair->mute = true;
    } else {
        pair->fds[!side] = relay_reset(pair->fds[!side]);
    }
}

/* From an address of the line's own, so that what one does is not held against another. */
static int dial(const struct line *line)
{
    const int at_once = 1;
    struct sockaddr_in own = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(line - relay_lines));
    (void)bind(fd, (struct sockaddr *)&own, sizeof(own));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&target, sizeof(target)) != 0 &&
        errno != EINPROGRESS) {
        return close_fd(fd);
    }
    return fd;
}

static void take(struct line *line)
{
    static unsigned numbers;
    const int at_once = 1;
    int fd = accept4(line->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    size_t i = 0;
    if (fd < 0) {
        return;
    }
    while (i < PAIRS_MAX && relay_pairs[i] != NULL) {
        i++;
    }
    numbers++;
    if (line->mode == MODE_REFUSE || i == PAIRS_MAX ||
        (relay_pairs[i] = calloc(1, sizeof(*relay_pairs[i]))) == NULL) {
        relay_say("%s #%u refused", line->name, numbers);
        (void)relay_reset(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    line->connections++;
    relay_pairs[i]->line = line;
    relay_pairs[i]->number = numbers;
    relay_pairs[i]->mute = line->mode == MODE_DEAF;
    relay_pairs[i]->fds[UP] = fd;
    relay_pairs[i]->fds[DOWN] = relay_pairs[i]->mute ? -1 : dial(line);
    if (!relay_pairs[i]->mute && relay_pairs[i]->fds[DOWN] < 0) {
        relay_pairs[i]->fds[UP] = relay_reset(fd);
    }
    relay_say("%s #%u %s", line->name, numbers,
              relay_pairs[i]->mute ? "taken, for nobody" : "begins");
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void flip(struct pair *pair, enum direction direction, struct piece *piece)
{
    int64_t *left = &pair->line->faults[direction].flips;
    if (*left >= 0 && *left < (int64_t)piece->size) {
        unsigned bit = (unsigned)lockstep_rng_below(&rng, 8);
        piece->bytes[*left] ^= (uint8_t)(1U << bit);
        relay_say("%s #%u %s: bit %u turned over", pair->line->name, pair->number,
                  relay_direction_words[direction], bit);
        *left = -1;
    } else if (*left >= 0) {
        *left -= (int64_t)piece->size;
    }
}

static void queue(struct pair *pair, enum direction direction, size_t size)
{
    struct way *way = &pair->ways[direction];
    struct piece *piece = &way->pieces[(way->head + way->count) % PIECES_MAX];
    const struct fault *fault = &pair->line->faults[direction];
    uint64_t due_us = now_us() + fault->delay_us;
    due_us += fault->jitter_us == 0 ? 0 : lockstep_rng_below(&rng, fault->jitter_us);
    piece->size = size;
    piece->done = 0;
    piece->due_us = due_us > way->last_us ? due_us : way->last_us;
    way->last_us = piece->due_us;
    way->count++;
    pair->line->waiting[direction] += size;
    flip(pair, direction, piece);
}

static bool wants_bytes(const struct pair *pair, enum direction side)
{
    return pair->fds[side] >= 0 && !pair->ways[side].ended && pair->ways[side].count < PIECES_MAX;
}

static void receive(struct pair *pair, enum direction side)
{
    struct way *way = &pair->ways[side];
    struct piece *piece = &way->pieces[(way->head + way->count) % PIECES_MAX];
    ssize_t got = recv(pair->fds[side], piece->bytes, PIECE_MAX, 0);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            relay_say("%s #%u: the %s is gone", pair->line->name, pair->number,
                      side == UP ? "agent" : "coordinator");
            lose(pair, side);
        }
    } else if (pair->fds[!side] < 0) {
        if (got == 0 || !pair->mute) { /* the other end does not know of this connection */
            pair->fds[side] = relay_reset(pair->fds[side]);
        }
    } else if (got == 0) {
        way->ended = true;
    } else {
        queue(pair, side, (size_t)got);
    }
}

/* When the first piece may leave, 0 if none may. */
static uint64_t leaves_us(const struct pair *pair, enum direction direction)
{
    const struct way *way = &pair->ways[direction];
    uint64_t due_us = way->count == 0 ? 0 : way->pieces[way->head].due_us;
    if (way->count == 0 || pair->fds[!direction] < 0 || is_silent(pair->line, direction)) {
        return 0;
    }
    return due_us > way->next_us ? due_us : way->next_us;
}

/* How much of a piece passes at once. */
static size_t share(const struct fault *fault, size_t size)
{
    if (fault->rate > 0 && size > fault->rate / SLICES + 1) {
        size = (size_t)fault->rate / SLICES + 1;
    }
    return fault->passes >= 0 && (int64_t)size > fault->passes ? (size_t)fault->passes : size;
}

static void account(struct pair *pair, enum direction direction, size_t size)
{
    struct fault *fault = &pair->line->faults[direction];
    pair->line->passed[direction] += size;
    pair->line->waiting[direction] -= size;
    if (fault->rate > 0) {
        pair->ways[direction].next_us = now_us() + (uint64_t)size * 1000000 / fault->rate;
    }
    if (fault->passes > 0) {
        fault->passes -= (int64_t)size;
        if (fault->passes == 0) {
            relay_say("%s #%u %s: stops", pair->line->name, pair->number,
                      relay_direction_words[direction]);
        }
    }
}

static void deliver(struct pair *pair, enum direction direction)
{
    struct way *way = &pair->ways[direction];
    struct piece *piece = &way->pieces[way->head];
    size_t size = share(&pair->line->faults[direction], piece->size - piece->done);
    ssize_t sent = send(pair->fds[!direction], piece->bytes + piece->done, size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            lose(pair, !direction);
        }
        return;
    }
    account(pair, direction, (size_t)sent);
    piece->done += (size_t)sent;
    if (piece->done == piece->size) {
        way->head = (way->head + 1) % PIECES_MAX;
        way->count--;
    }
}

/* Tells the far end that a stream has ended, when all of it is there. */
static void end(struct pair *pair, enum direction direction)
{
    struct way *way = &pair->ways[direction];
    if (way->ended && !way->shut && way->count == 0 && pair->fds[!direction] >= 0 &&
        !is_silent(pair->line, direction)) {
        (void)shutdown(pair->fds[!direction], SHUT_WR);
        way->shut = true;
    }
    if (pair->ways[UP].shut && pair->ways[DOWN].shut) {
        pair->fds[UP] = close_fd(pair->fds[UP]);
        pair->fds[DOWN] = close_fd(pair->fds[DOWN]);
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

struct wait {
    struct pollfd fds[1 + LINES_MAX + BOTH * PAIRS_MAX];
    uint64_t until_us; /* 0: no matter how long */
};

static void add(struct wait *wait, size_t at, int fd, short events)
{
    wait->fds[at] = (struct pollfd){.fd = fd, .events = events};
}

/* A side of which nothing is wanted is left out: poll would tell of its end again and again. */
static void add_pair(struct wait *wait, size_t at, const struct pair *pair, uint64_t now)
{
    for (int side = UP; side < BOTH; side++) {
        uint64_t leaves = leaves_us(pair, !side);
        short events = wants_bytes(pair, (enum direction)side) ? POLLIN : 0;
        if (leaves > now && (wait->until_us == 0 || leaves < wait->until_us)) {
            wait->until_us = leaves;
        }
        events = (short)(events | (leaves > 0 && leaves <= now ? POLLOUT : 0));
        add(wait, at + (size_t)side, events == 0 ? -1 : pair->fds[side], events);
    }
}

static void prepare(struct wait *wait)
{
    uint64_t now = now_us();
    wait->until_us = 0;
    add(wait, 0, commands, POLLIN);
    for (size_t i = 0; i < LINES_MAX; i++) {
        add(wait, 1 + i, i < relay_line_count ? relay_lines[i].fd : -1, POLLIN);
    }
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        size_t at = 1 + LINES_MAX + BOTH * i;
        add(wait, at, -1, 0);
        add(wait, at + 1, -1, 0);
        if (relay_pairs[i] != NULL) {
            add_pair(wait, at, relay_pairs[i], now);
        }
    }
}

static void serve_pair(size_t index, const struct pollfd fds[BOTH])
{
    struct pair *pair = relay_pairs[index];
    for (int side = UP; side < BOTH; side++) {
        if (fds[side].revents != 0 && wants_bytes(pair, (enum direction)side)) {
            receive(pair, (enum direction)side);
        }
    }
    for (int way = UP; way < BOTH; way++) {
        uint64_t leaves = leaves_us(pair, (enum direction)way);
        if (leaves > 0 && leaves <= now_us()) {
            deliver(pair, (enum direction)way);
        }
        end(pair, (enum direction)way);
    }
    if (pair->fds[UP] < 0 && pair->fds[DOWN] < 0) {
        relay_say("%s #%u ends", pair->line->name, pair->number);
        relay_pairs[index] = free_pair(pair);
    }
}

static _Noreturn void run(void)
{
    static struct wait wait;
    for (;;) {
        uint64_t now;
        prepare(&wait);
        now = now_us();
        (void)poll(wait.fds, sizeof(wait.fds) / sizeof(wait.fds[0]),
                   wait.until_us == 0     ? -1
                   : wait.until_us <= now ? 0
                                          : (int)((wait.until_us - now) / 1000 + 1));
        if (wait.fds[0].revents != 0 && !relay_listen(commands)) {
            commands = -1;
        }
        for (size_t i = 0; i < relay_line_count; i++) {
            if (wait.fds[1 + i].revents != 0) {
                take(&relay_lines[i]);
            }
        }
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (relay_pairs[i] != NULL) {
                serve_pair(i, &wait.fds[1 + LINES_MAX + BOTH * i]);
            }
        }
    }
}

/* ---- the beginning -------------------------------------------------------------------------- */

static bool open_line(const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    struct line *line = &relay_lines[relay_line_count];
    if (relay_line_count == LINES_MAX || strlen(name) >= sizeof(line->name)) {
        return false;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(line->name, name, strlen(name) + 1);
    line->faults[UP] = relay_good;
    line->faults[DOWN] = relay_good;
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line->fd < 0 || bind(line->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(line->fd, SOMAXCONN) != 0 ||
        getsockname(line->fd, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    relay_line_count++;
    relay_say("%s listens at 127.0.0.1:%u", name, ntohs(address.sin_port));
    return true;
}

static bool read_target(const char *text)
{
    char address[INET_ADDRSTRLEN];
    size_t length = strcspn(text, ":");
    uint64_t port;
    if (length >= sizeof(address) || text[length] != ':' ||
        !relay_number(text + length + 1, &port) || port > UINT16_MAX) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    target.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, address, &target.sin_addr) == 1;
}

static bool read_arguments(int argc, char **argv)
{
    static const struct option rows[] = {{"seed", required_argument, NULL, 's'},
                                         {"commands", required_argument, NULL, 'c'},
                                         {"to", required_argument, NULL, 't'},
                                         {0}};
    uint64_t seed = 1;
    int letter;
    while ((letter = getopt_long(argc, argv, "s:c:t:", rows, NULL)) != -1) {
        if (letter == 'c') { /* for reading and writing: so it does not end with who writes */
            commands = open(optarg, O_RDWR | O_CLOEXEC);
        }
        if (letter == '?' || commands < 0 || (letter == 's' && !relay_number(optarg, &seed)) ||
            (letter == 't' && !read_target(optarg))) {
            return false;
        }
    }
    lockstep_rng_init(&rng, seed);
    return target.sin_port != 0 && optind < argc;
}

int main(int argc, char **argv)
{
    begun_us = now_us();
    if (!read_arguments(argc, argv)) {
        (void)fprintf(stderr, "usage: lockstep-relay [--seed N] [--commands FIFO] "
                              "--to ADDRESS:PORT LINE...\n");
        return 2;
    }
    for (; optind < argc; optind++) {
        if (!open_line(argv[optind])) {
            (void)fprintf(stderr, "lockstep-relay: no line %s: %s\n", argv[optind],
                          strerror(errno));
            return 1;
        }
    }
    relay_say("ready");
    run();
}
