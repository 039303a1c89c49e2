/*
 * lockstep-caller: calls the tools of one host without pause, and says in the end what came back.
 *
 *     lockstep-caller --socket PATH [--threads N] [--idempotent] [--tell] [--pause MS] TOOL...
 *
 * It knows the test modules: X.pair answers with the versions of two modules of one set, X.say with
 * its own version and what it was told, counter.add with a number that only rises. Whatever says
 * something else is `wrong`; two versions in one set, or two under one generation, are `mixed`.
 * "ready" is printed when every thread has had an answer from every tool, "again" when that has
 * come true once more after a SIGUSR1. With --tell each generation that a thread meets is a line:
 * "served THREAD MODULE GENERATION VERSION", with the time of day in milliseconds behind it. On
 * SIGTERM the counts are printed as JSON, on one line. Between two rounds it waits for --pause.
 */
#include "lockstep/client.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 16
#define TOOLS_MAX   8
#define TIMEOUT_MS  10000
#define LOOK_NS     10000000

struct seen {
    uint64_t generation;
    char version[LOCKSTEP_MODULE_TEXT];
};

struct counts {
    uint64_t wrong;
    uint64_t mixed;
    uint64_t changes; /* of a tool's generation */
    uint64_t adds;    /* OK answers of counter.add */
    uint64_t longest_us;
};

struct caller {
    pthread_t thread;
    struct lockstep_client *client;
    struct lockstep_client_counts sums;
    struct counts counts;
    struct seen seen[TOOLS_MAX];
    uint64_t last_sum;
    uint64_t told; /* number of the call, which X.say repeats */
    _Atomic uint64_t rounds;
    char first[160]; /* what was first not as it should be */
};

static const char *tools[TOOLS_MAX];
static size_t tool_count;
static size_t thread_count = 2;
static uint32_t flags;
static bool telling;
static int pause_ms;
static const char *path;
static struct caller callers[THREADS_MAX];
static atomic_bool stopping;

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void remember(struct caller *caller, const char *what, const char *tool,
                     const struct lockstep_answer *answer)
{
    if (caller->first[0] == '\0') {
        (void)snprintf(caller->first, sizeof(caller->first),
                       "%s: %s %s generation %" PRIu64 ": %.60s", what, tool, answer->version,
                       answer->generation,
                       answer->bytes == NULL ? "" : (const char *)answer->bytes);
    }
}

/* ---- is the answer one that a version gives? ------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* "VERSION REQUEST" */
static bool is_said(const char *text, const char *version, const char *request)
{
    size_t length = strlen(version);
    return strncmp(text, version, length) == 0 && text[length] == ' ' &&
           strcmp(text + length + 1, request) == 0;
}

static void judge(struct caller *caller, const char *tool, const char *request,
                  const struct lockstep_answer *answer)
{
    const char *text = (const char *)answer->bytes;
    size_t length = strlen(answer->version);
    bool right = true;
    if (ends_with(tool, ".pair")) {
        right = strncmp(text, answer->version, length) == 0 && text[length] == '|';
        if (right && strncmp(text + length + 1, answer->version, length) != 0) {
            caller->counts.mixed++;
            remember(caller, "mixed", tool, answer);
        }
    } else if (ends_with(tool, ".say")) {
        right = is_said(text, answer->version, request);
    } else if (strcmp(tool, "counter.add") == 0) {
        uint64_t sum = strtoull(text, NULL, 10);
        right = sum > caller->last_sum;
        caller->last_sum = sum;
        caller->counts.adds++;
    }
    if (!right) {
        caller->counts.wrong++;
        remember(caller, "wrong", tool, answer);
    }
}

static void tell_served(const struct caller *caller, const char *tool,
                        const struct lockstep_answer *answer)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)printf("served %td %.*s %" PRIu64 " %s %" PRIu64 "\n", caller - callers,
                 (int)strcspn(tool, "."), tool, answer->generation, answer->version,
                 (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
    (void)fflush(stdout);
}

/* One generation of a module is one version, and none comes back. */
static void follow(struct caller *caller, size_t tool, const struct lockstep_answer *answer)
{
    struct seen *seen = &caller->seen[tool];
    if (seen->generation == answer->generation) {
        if (strcmp(seen->version, answer->version) != 0) {
            caller->counts.mixed++;
            remember(caller, "two versions under one generation", tools[tool], answer);
        }
        return;
    }
    if (answer->generation < seen->generation) {
        caller->counts.wrong++;
        remember(caller, "an older generation came back", tools[tool], answer);
    }
    caller->counts.changes += seen->generation == 0 ? 0 : 1;
    seen->generation = answer->generation;
    if (telling) {
        tell_served(caller, tools[tool], answer);
    }
    (void)snprintf(seen->version, sizeof(seen->version), "%s", answer->version);
}

/* ---- calling -------------------------------------------------------------------------------- */

static bool call_one(struct caller *caller, size_t tool)
{
    struct lockstep_answer answer = {0};
    char request[32];
    uint64_t begun = now_us();
    uint64_t taken;
    enum lockstep_call_result result;
    (void)snprintf(request, sizeof(request), "%" PRIu64, caller->told++);
    result = lockstep_client_call(caller->client, tools[tool], request, strlen(request), flags,
                                  &answer);
    taken = now_us() - begun;
    if (taken > caller->counts.longest_us) {
        caller->counts.longest_us = taken;
    }
    if (result == LOCKSTEP_CALL_OK) {
        judge(caller, tools[tool], request, &answer);
        follow(caller, tool, &answer);
    } else {
        remember(caller, result == LOCKSTEP_CALL_LOST ? "lost" : "failed", tools[tool], &answer);
    }
    lockstep_answer_deinit(&answer);
    return result == LOCKSTEP_CALL_OK;
}

static void *call_all(void *context)
{
    struct caller *caller = context;
    while (!atomic_load(&stopping)) {
        size_t good = 0;
        for (size_t i = 0; i < tool_count; i++) {
            good += call_one(caller, i) ? 1 : 0;
        }
        if (good == tool_count) {
            atomic_fetch_add(&caller->rounds, 1);
        } else {
            (void)sched_yield();
        }
        if (pause_ms > 0) {
            (void)poll(NULL, 0, pause_ms);
        }
    }
    lockstep_client_counts(caller->client, &caller->sums);
    caller->client = lockstep_client_free(caller->client);
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* True when every thread has gone round since ROUNDS was noted. */
static bool all_round(const uint64_t rounds[THREADS_MAX])
{
    for (size_t i = 0; i < thread_count; i++) {
        /* The round under way when it was noted does not count. */
        if (atomic_load(&callers[i].rounds) < rounds[i]) {
            return false;
        }
    }
    return true;
}

static void say(const char *word)
{
    (void)printf("%s\n", word);
    (void)fflush(stdout);
}

/* Until SIGTERM. */
static void attend(const sigset_t *signals)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    uint64_t rounds[THREADS_MAX];
    const char *word = "ready";
    for (size_t i = 0; i < thread_count; i++) {
        rounds[i] = 1;
    }
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &look);
        if (signal == SIGTERM || signal == SIGINT) {
            return;
        }
        if (signal == SIGUSR1) {
            word = "again";
            for (size_t i = 0; i < thread_count; i++) {
                rounds[i] = atomic_load(&callers[i].rounds) + 2;
            }
        }
        if (word != NULL && all_round(rounds)) {
            say(word);
            word = NULL;
        }
    }
}

static void print_sums(void)
{
    struct lockstep_client_counts sums = {0};
    struct counts counts = {0};
    const char *first = "";
    for (size_t i = 0; i < thread_count; i++) {
        const struct caller *caller = &callers[i];
        sums.calls += caller->sums.calls;
        sums.ok += caller->sums.ok;
        sums.failed += caller->sums.failed;
        sums.lost += caller->sums.lost;
        sums.retried += caller->sums.retried;
        counts.wrong += caller->counts.wrong;
        counts.mixed += caller->counts.mixed;
        counts.changes += caller->counts.changes;
        counts.adds += caller->counts.adds;
        if (caller->counts.longest_us > counts.longest_us) {
            counts.longest_us = caller->counts.longest_us;
        }
        first = first[0] == '\0' ? caller->first : first;
    }
    (void)printf("{\"calls\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"failed\":%" PRIu64 ",\"retried\":%" PRIu64 ",\"wrong\":%" PRIu64
                 ",\"mixed\":%" PRIu64 ",\"changes\":%" PRIu64 ",\"adds\":%" PRIu64
                 ",\"longest_us\":%" PRIu64 ",\"first\":\"",
                 sums.calls, sums.ok, sums.lost, sums.failed, sums.retried, counts.wrong,
                 counts.mixed, counts.changes, counts.adds, counts.longest_us);
    for (; *first != '\0'; first++) {
        (void)putchar(*first < ' ' || *first > '~' || *first == '"' || *first == '\\' ? '?'
                                                                                      : *first);
    }
    say("\"}");
}

static bool read_arguments(int argc, char **argv)
{
    static const struct option rows[] = {
        {"socket", required_argument, NULL, 's'}, {"threads", required_argument, NULL, 't'},
        {"idempotent", no_argument, NULL, 'i'},   {"tell", no_argument, NULL, 'l'},
        {"pause", required_argument, NULL, 'p'},  {0}};
    int letter;
    while ((letter = getopt_long(argc, argv, "s:t:ilp:", rows, NULL)) != -1) {
        switch (letter) {
        case 's':
            path = optarg;
            break;
        case 't':
            thread_count = (size_t)strtoul(optarg, NULL, 10);
            break;
        case 'i':
            flags = LOCKSTEP_CLIENT_IDEMPOTENT;
            break;
        case 'l':
            telling = true;
            break;
        case 'p':
            pause_ms = (int)strtol(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    while (optind < argc && tool_count < TOOLS_MAX) {
        tools[tool_count++] = argv[optind++];
    }
    return path != NULL && tool_count > 0 && optind == argc && thread_count > 0 &&
           thread_count <= THREADS_MAX;
}

int main(int argc, char **argv)
{
    const struct lockstep_client_options options = {.size = sizeof(options),
                                                    .timeout_ms = TIMEOUT_MS};
    sigset_t signals;
    if (!read_arguments(argc, argv)) {
        (void)fprintf(stderr, "usage: lockstep-caller --socket PATH [--threads N] [--idempotent] "
                              "[--tell] [--pause MS] TOOL...\n");
        return 2;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    for (size_t i = 0; i < thread_count; i++) {
        callers[i].client = lockstep_client_new(path, &options);
        if (callers[i].client == NULL ||
            pthread_create(&callers[i].thread, NULL, call_all, &callers[i]) != 0) {
            (void)fprintf(stderr, "lockstep-caller: cannot call %s\n", path);
            return 1;
        }
    }
    attend(&signals);
    atomic_store(&stopping, true);
    for (size_t i = 0; i < thread_count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
    }
    print_sums();
    return 0;
}
