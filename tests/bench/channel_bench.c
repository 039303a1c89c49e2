/*
 * What the channel costs: handshakes a second and sealed round trips, once as mere bytes between
 * two channels in memory and once over real links on 127.0.0.1, both ends on one loop; and memory
 * of the listening process for a link that is up and quiet, the other ends being another process.
 */
#include "common/io/link.h"
#include "tests/bench/result.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL 256
#define QUIET 1000 /* links whose memory is counted */

static const uint8_t secrets[2][LOCKSTEP_NOISE_KEY] = {{1}, {2}};
static const struct lockstep_hello hello = {
    .version_min = 1, .version_max = 1, .software = "bench"};
static uint8_t message[LOCKSTEP_FRAME_MAX];

/* ---- bytes in memory ------------------------------------------------------------------------ */

struct pair {
    struct lockstep_channel dialler;
    struct lockstep_channel listener;
};

static void feed(struct lockstep_channel *to, const uint8_t *bytes, size_t size)
{
    struct lockstep_channel_event event;
    size_t used = 0;
    must(lockstep_channel_feed(to, bytes, size, &used, &event, NULL) == LOCKSTEP_OK && used == size,
         "a frame was refused");
    if (event.type == LOCKSTEP_CHANNEL_PEER) {
        lockstep_channel_accept(to);
    }
}

static void hand_over(struct lockstep_channel *from, struct lockstep_channel *to)
{
    uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
    size_t size = lockstep_channel_take(from, frame);
    feed(to, frame, size);
}

static void begin_up(struct pair *pair)
{
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_channel_config config = {.own = secrets[0]};
    must(crypto_scalarmult_base(remote, secrets[0]) == 0 &&
             lockstep_channel_init(&pair->listener, &config, NULL) == LOCKSTEP_OK,
         "no channel");
    config.dialler = true;
    config.kind = LOCKSTEP_CHANNEL_XK;
    config.own = secrets[1];
    config.remote = remote;
    config.hello = hello;
    must(lockstep_channel_init(&pair->dialler, &config, NULL) == LOCKSTEP_OK, "no channel");
    hand_over(&pair->dialler, &pair->listener);
    hand_over(&pair->listener, &pair->dialler);
    hand_over(&pair->dialler, &pair->listener);
    must(lockstep_channel_is_up(&pair->listener), "the handshake failed");
}

static void end(struct pair *pair)
{
    lockstep_channel_deinit(&pair->dialler);
    lockstep_channel_deinit(&pair->listener);
}

static void measure_handshakes(struct result *result)
{
    enum { BATCH = 20 };
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t begun = lockstep_monotonic_us();
        for (size_t k = 0; k < BATCH; k++) {
            struct pair pair;
            begin_up(&pair);
            end(&pair);
        }
        result->samples[i] = BATCH * 1e6 / (double)(lockstep_monotonic_us() - begun + 1);
    }
}

_Static_assert(LOCKSTEP_FRAME_MAX == 61440, "round-trip-60k says so");
static void measure_seals(struct result *result, size_t size, size_t batch)
{
    static uint8_t frame[LOCKSTEP_CHANNEL_FRAME];
    struct pair pair;
    begin_up(&pair);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t begun = lockstep_monotonic_us();
        for (size_t k = 0; k < batch; k++) {
            feed(&pair.listener, frame, lockstep_channel_seal(&pair.dialler, message, size, frame));
            feed(&pair.dialler, frame, lockstep_channel_seal(&pair.listener, message, size, frame));
        }
        result->samples[i] = (double)(lockstep_monotonic_us() - begun) / (double)batch;
    }
    end(&pair);
}

/* ---- links ---------------------------------------------------------------------------------- */

struct ends {
    struct lockstep_loop *loop;
    struct lockstep_link *dialled;
    bool accepted;
    bool answered;
};

static bool let_in(void *context, struct lockstep_link *link)
{
    (void)context;
    (void)link;
    return true;
}

static void note_accepted(void *context, struct lockstep_link *link)
{
    (void)link;
    ((struct ends *)context)->accepted = true;
}

static void note_dialled(void *context, struct lockstep_link *link)
{
    ((struct ends *)context)->dialled = link;
}

static void send_back(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    (void)context;
    must(lockstep_link_send(link, bytes, size), "the outbox is full");
}

static void note_answer(void *context, struct lockstep_link *link, const uint8_t *bytes,
                        size_t size)
{
    (void)link;
    (void)bytes;
    (void)size;
    ((struct ends *)context)->answered = true;
}

static void note_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)context;
    (void)link;
    must(false, text);
}

static void ignore_down(void *context, struct lockstep_link *link, const char *text)
{
    (void)context;
    (void)link;
    (void)text;
}

static void turn_until(struct ends *ends, const bool *condition)
{
    while (!*condition) {
        must(lockstep_loop_once(ends->loop, 1000, NULL) == LOCKSTEP_OK, "the loop failed");
    }
}

static struct lockstep_listener *begin_listening(struct ends *ends,
                                                 const struct lockstep_defaults *settings)
{
    struct lockstep_listener *listener = NULL;
    struct lockstep_listener_config config = {.url = "tcp://127.0.0.1:0",
                                              .own = secrets[0],
                                              .settings = settings,
                                              .events = {.context = ends,
                                                         .accept = let_in,
                                                         .up = note_accepted,
                                                         .message = send_back,
                                                         .down = ignore_down}};
    must(lockstep_listener_new(ends->loop, &config, &listener, NULL) == LOCKSTEP_OK,
         "no listener on 127.0.0.1");
    return listener;
}

static struct lockstep_dialler *begin_dialling(struct ends *ends, const char *url,
                                               const struct lockstep_defaults *settings)
{
    const char *urls[] = {url};
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_dialler *dialler = NULL;
    struct lockstep_dialler_config config = {
        .urls = urls,
        .url_count = 1,
        .own = secrets[1],
        .remote = remote,
        .kind = LOCKSTEP_CHANNEL_XK,
        .hello = hello,
        .settings = settings,
        .events = {.context = ends, .up = note_dialled, .message = note_answer, .down = note_down}};
    (void)crypto_scalarmult_base(remote, secrets[0]);
    must(lockstep_dialler_new(ends->loop, &config, &dialler, NULL) == LOCKSTEP_OK, "no dialler");
    return dialler;
}

/* Connecting and authenticating, one after the other; then round trips on the last link. */
static void measure_links(struct result *connects, struct result *trips)
{
    struct ends ends = {.loop = NULL};
    struct lockstep_defaults settings;
    struct lockstep_listener *listener;
    struct lockstep_dialler *dialler = NULL;
    lockstep_defaults_init(&settings);
    must(lockstep_loop_new(&ends.loop, NULL) == LOCKSTEP_OK, "no loop");
    listener = begin_listening(&ends, &settings);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t begun = lockstep_monotonic_us();
        dialler = lockstep_dialler_free(dialler);
        ends.accepted = false;
        dialler = begin_dialling(&ends, lockstep_listener_url(listener), &settings);
        turn_until(&ends, &ends.accepted);
        connects->samples[i] = (double)(lockstep_monotonic_us() - begun);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t begun = lockstep_monotonic_us();
        ends.answered = false;
        must(lockstep_link_send(ends.dialled, message, SMALL), "the outbox is full");
        turn_until(&ends, &ends.answered);
        trips->samples[i] = (double)(lockstep_monotonic_us() - begun);
    }
    (void)lockstep_dialler_free(dialler);
    (void)lockstep_listener_free(listener);
    (void)lockstep_loop_free(ends.loop);
}

/* ---- memory --------------------------------------------------------------------------------- */

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    must(file != NULL && fscanf(file, "%*u %lu", &pages) == 1, "no /proc/self/statm");
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* As many as there may be at once, for they all come from one address. */
static void allow_all(struct lockstep_defaults *settings)
{
    lockstep_defaults_init(settings);
    settings->half_open = 65536;
    settings->half_open_address = 65536;
    settings->handshake = LOCKSTEP_MINUTE;
}

/* Dials what is told through FD, QUIET times, and says nothing more until it is killed. */
static _Noreturn void dial_quietly(int fd)
{
    struct ends ends = {.loop = NULL};
    struct lockstep_defaults settings;
    char url[LOCKSTEP_URL_MAX + 1] = "";
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    allow_all(&settings);
    must(read(fd, url, sizeof(url) - 1) > 0, "no address to dial");
    must(lockstep_loop_new(&ends.loop, NULL) == LOCKSTEP_OK, "no loop");
    for (size_t i = 0; i < QUIET; i++) {
        (void)begin_dialling(&ends, url, &settings);
    }
    must(lockstep_loop_run(ends.loop, NULL) == LOCKSTEP_OK, "the loop failed");
    exit(1);
}

static void count_accepted(void *context, struct lockstep_link *link)
{
    (void)link;
    (*(size_t *)context)++;
}

/* Counts in COUNTED how many links have come up. */
static struct lockstep_listener *begin_counting(struct lockstep_loop *loop, size_t *counted)
{
    struct lockstep_defaults settings;
    struct lockstep_listener *listener = NULL;
    struct lockstep_listener_config config = {.url = "tcp://127.0.0.1:0",
                                              .own = secrets[0],
                                              .settings = &settings,
                                              .events = {.context = counted,
                                                         .accept = let_in,
                                                         .up = count_accepted,
                                                         .message = send_back,
                                                         .down = ignore_down}};
    allow_all(&settings);
    must(lockstep_listener_new(loop, &config, &listener, NULL) == LOCKSTEP_OK,
         "no listener on 127.0.0.1");
    return listener;
}

/* To be called first: it forks, and nng has threads. */
static void measure_memory(struct result *result)
{
    struct lockstep_loop *loop = NULL;
    struct lockstep_listener *listener;
    struct rlimit limit;
    const char *url;
    size_t up = 0;
    double before;
    int pipes[2];
    pid_t child;
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > QUIET + 100, "too few files");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0 && pipe(pipes) == 0, "too few files");
    child = fork();
    must(child >= 0, "no process");
    if (child == 0) {
        dial_quietly(pipes[0]);
    }
    must(lockstep_loop_new(&loop, NULL) == LOCKSTEP_OK, "no loop");
    listener = begin_counting(loop, &up);
    before = resident_bytes();
    url = lockstep_listener_url(listener);
    must(write(pipes[1], url, strlen(url)) == (ssize_t)strlen(url), "nobody to tell the address");
    while (up < QUIET) {
        must(lockstep_loop_once(loop, 1000, NULL) == LOCKSTEP_OK, "the loop failed");
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        result->samples[i] = (resident_bytes() - before) / QUIET;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    (void)lockstep_listener_free(listener);
    (void)lockstep_loop_free(loop);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

/* ---- the report ----------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static struct result results[] = {
        {.name = "handshakes", .unit = "1/s"},
        {.name = "round-trip-256", .unit = "us", .parameters = "\"bytes\":256"},
        {.name = "round-trip-60k", .unit = "us", .parameters = "\"bytes\":61440"},
        {.name = "link-connect", .unit = "us"},
        {.name = "link-round-trip-256", .unit = "us", .parameters = "\"bytes\":256"},
        {.name = "memory-of-a-link", .unit = "bytes"},
    };
    must(argc == 1 || (argc == 2 && strcmp(argv[1], "--json") == 0), "the only option is --json");
    must(sodium_init() >= 0, "no randomness");
    measure_memory(&results[5]);
    measure_handshakes(&results[0]);
    measure_seals(&results[1], SMALL, 500);
    measure_seals(&results[2], LOCKSTEP_FRAME_MAX, 5);
    measure_links(&results[3], &results[4]);
    print_results("channel", results, LOCKSTEP_COUNT(results), argc == 2);
    return 0;
}
