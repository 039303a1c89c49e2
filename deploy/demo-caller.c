/*
 * lockstep-demo-caller: calls the example modules of one node, and believes nothing it is told.
 *
 * Each thread goes on calling markdown.render and ratelimit.take, in turn, on the tool socket of a
 * node, until SIGTERM or until --calls is reached. An answer is right only if
 *
 *   - the HTML is byte for byte what the version in the answer makes of the document,
 *   - the buckets' counters are exactly what this thread has taken, over every reload and undo,
 *   - two renderings of one generation had the ratelimit of the same set between them; unless
 *     --apart says that the two modules go their own ways.
 *
 * Anything else is failed. A call without an answer is lost, or in_flight_at_kill if the host that
 * had it was killed: that it is dead is seen on the process itself, once for each connection and
 * death. The counts are printed at the end, as one line of JSON.
 */
#include "lockstep/client.h"

#include <cmark.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define DOCUMENTS_MAX 16
#define DOCUMENT_SIZE (256 * 1024)
#define THREADS_MAX   16
#define KEYS          4    /* of each thread: nobody else takes from them */
#define DEATH_MS      2000 /* until the end of a process is visible */
#define COMPLAINTS    5    /* that a thread prints */
#define VERSIONS      2

static const char *const versions[VERSIONS] = {"1.0.0", "2.0.0"};
static const int options_of[VERSIONS] = {CMARK_OPT_VALIDATE_UTF8,
                                         CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_SMART};

struct document {
    char *text;
    size_t size;
    char *html[VERSIONS];
};

/* What every thread reads and none writes. */
struct plan {
    const char *socket;
    const char *host_pid; /* file with the process id of the host, or NULL */
    const char *name;     /* of the caller: the first part of its keys */
    struct document documents[DOCUMENTS_MAX];
    size_t documents_count;
    uint64_t calls; /* of each thread; 0: until it is told to stop */
    int pause_ms;   /* after each pair of calls */
    bool apart;     /* the two modules need not be of one set */
    int stop;       /* an eventfd */
};

struct counts {
    uint64_t calls;
    uint64_t lost;
    uint64_t failed;
    uint64_t in_flight_at_kill;
};

struct key {
    char name[64];
    bool known; /* the counters are: not before the first answer, nor after a host was killed */
    uint64_t granted;
    uint64_t denied;
};

struct caller {
    pthread_t thread;
    const struct plan *plan;
    struct lockstep_client *client;
    uint64_t retried; /* that the client has counted so far */
    int host;         /* pidfd of the host, or -1 */
    struct key keys[KEYS];
    char rendered[LOCKSTEP_MODULE_TEXT]; /* version of the last rendering, and its generation */
    uint64_t generation;
    char between[LOCKSTEP_MODULE_TEXT]; /* version of ratelimit since then; empty: none */
    uint64_t complaints;
    struct counts counts;
};

/* ---- counting ------------------------------------------------------------------------------- */

/* One call was wrong. Only the first few are described. */
static void complain(struct caller *caller, const char *what, const struct lockstep_answer *answer)
{
    caller->counts.failed++;
    if (caller->complaints++ < COMPLAINTS) {
        (void)fprintf(stderr, "failed: %s (version \"%s\", generation %" PRIu64 "): %.160s\n", what,
                      answer->version, answer->generation,
                      answer->bytes == NULL ? "" : (const char *)answer->bytes);
    }
}

/* Looks for the process whose id is in the file, unless it is known. */
static void find_host(struct caller *caller)
{
    FILE *file;
    long pid = 0;
    if (caller->host >= 0 || caller->plan->host_pid == NULL) {
        return;
    }
    file = fopen(caller->plan->host_pid, "re");
    if (file != NULL) {
        char line[32] = "";
        if (fgets(line, sizeof(line), file) != NULL) {
            pid = strtol(line, NULL, 10);
        }
        (void)fclose(file);
    }
    if (pid > 0) {
        struct pollfd poller = {.events = POLLIN};
        poller.fd = pidfd_open((pid_t)pid, 0);
        caller->host = poller.fd;
        if (poller.fd >= 0 && poll(&poller, 1, 0) != 0) {
            (void)close(poller.fd); /* the file has not been told of the next one yet */
            caller->host = -1;
        }
    }
}

/* A connection died. True if the host did, too; each death excuses one call of a thread. */
static bool host_was_killed(struct caller *caller)
{
    struct pollfd poller = {.fd = caller->host, .events = POLLIN};
    if (caller->host < 0 || poll(&poller, 1, DEATH_MS) <= 0) {
        return false;
    }
    (void)close(caller->host);
    caller->host = -1;
    for (size_t i = 0; i < KEYS; i++) {
        caller->keys[i].known = false;
    }
    caller->generation = 0;
    return true;
}

static void lose(struct caller *caller, const char *tool)
{
    if (host_was_killed(caller)) {
        caller->counts.in_flight_at_kill++;
        return;
    }
    caller->counts.lost++;
    if (caller->complaints++ < COMPLAINTS) {
        (void)fprintf(stderr, "lost: a call of %s, and its host is alive\n", tool);
    }
}

/* Calls and counts; true if there is an answer to be looked at. */
static bool call(struct caller *caller, const char *tool, const void *request, size_t size,
                 uint32_t flags, struct lockstep_answer *ret_answer)
{
    struct lockstep_client_counts counts;
    enum lockstep_call_result result = lockstep_client_call(caller->client, tool, request, size,
                                                            flags, ret_answer);
    lockstep_client_counts(caller->client, &counts);
    caller->counts.calls++;
    if (counts.retried != caller->retried) {
        caller->retried = counts.retried;
        lose(caller, tool);
        if (result == LOCKSTEP_CALL_LOST) {
            lose(caller, tool);
        }
    } else if (result == LOCKSTEP_CALL_LOST) {
        lose(caller, tool);
    }
    if (result != LOCKSTEP_CALL_OK && result != LOCKSTEP_CALL_LOST) {
        char what[96];
        (void)snprintf(what, sizeof(what), "%s was refused with %d", tool, (int)result);
        complain(caller, what, ret_answer);
    }
    return result == LOCKSTEP_CALL_OK;
}

/* ---- what is right -------------------------------------------------------------------------- */

/* Which of the two versions it is; VERSIONS if neither. */
static size_t version_of(const struct lockstep_answer *answer)
{
    size_t i = 0;
    while (i < VERSIONS && strcmp(answer->version, versions[i]) != 0) {
        i++;
    }
    return i;
}

static void render(struct caller *caller, const struct document *document)
{
    struct lockstep_answer answer = {0};
    if (call(caller, "markdown.render", document->text, document->size, LOCKSTEP_CLIENT_IDEMPOTENT,
             &answer)) {
        size_t version = version_of(&answer);
        if (version == VERSIONS || strlen(document->html[version]) != answer.size ||
            memcmp(document->html[version], answer.bytes, answer.size) != 0) {
            complain(caller, "markdown.render gave HTML that its version does not make", &answer);
        } else if (!caller->plan->apart && answer.generation == caller->generation &&
                   caller->between[0] != '\0' && strcmp(caller->between, answer.version) != 0) {
            char what[160];
            (void)snprintf(what, sizeof(what), "ratelimit %s answered between", caller->between);
            complain(caller, what, &answer);
        }
        caller->generation = answer.generation;
        (void)snprintf(caller->rendered, sizeof(caller->rendered), "%s", answer.version);
        caller->between[0] = '\0';
    }
    lockstep_answer_deinit(&answer);
}

/* The number behind "NAME": in a JSON object of ours. */
static bool number_of(const char *text, const char *name, uint64_t *ret_number)
{
    char pattern[32];
    const char *at;
    char *end = NULL;
    (void)snprintf(pattern, sizeof(pattern), "\"%s\":", name);
    at = strstr(text, pattern);
    if (at == NULL) {
        return false;
    }
    errno = 0;
    *ret_number = strtoull(at + strlen(pattern), &end, 10);
    return errno == 0 && end != at + strlen(pattern);
}

/* Version 2 counts what was granted and denied; version 1 has to keep what version 2 counted. */
static bool count_is_right(struct key *key, const char *text, size_t version)
{
    bool allowed = strncmp(text, "{\"allowed\":true,", 16) == 0;
    uint64_t left;
    uint64_t granted;
    uint64_t denied;
    bool right;
    if ((!allowed && strncmp(text, "{\"allowed\":false,", 17) != 0) ||
        !number_of(text, "left", &left)) {
        return false;
    }
    if (version == 0) {
        return !number_of(text, "granted", &granted) && !number_of(text, "denied", &denied);
    }
    if (!number_of(text, "granted", &granted) || !number_of(text, "denied", &denied)) {
        return false;
    }
    key->granted += allowed ? 1 : 0;
    key->denied += allowed ? 0 : 1;
    right = !key->known || (key->granted == granted && key->denied == denied);
    key->known = true;
    key->granted = granted;
    key->denied = denied;
    return right;
}

static void take(struct caller *caller, struct key *key)
{
    struct lockstep_answer answer = {0};
    if (call(caller, "ratelimit.take", key->name, strlen(key->name), 0, &answer)) {
        size_t version = version_of(&answer);
        char what[160];
        (void)snprintf(what, sizeof(what), "ratelimit.take %s, after %" PRIu64 " and %" PRIu64,
                       key->name, key->granted, key->denied);
        if (version == VERSIONS || !count_is_right(key, (const char *)answer.bytes, version)) {
            complain(caller, what, &answer);
        }
        (void)snprintf(caller->between, sizeof(caller->between), "%s", answer.version);
    } else {
        key->known = false;
    }
    lockstep_answer_deinit(&answer);
}

/* ---- running -------------------------------------------------------------------------------- */

/* Waits out the pause; true when it is time to stop. */
static bool is_over(const struct caller *caller)
{
    struct pollfd poller = {.fd = caller->plan->stop, .events = POLLIN};
    return poll(&poller, 1, caller->plan->pause_ms) > 0 ||
           (caller->plan->calls != 0 && caller->counts.calls >= caller->plan->calls);
}

static void *run(void *context)
{
    struct caller *caller = context;
    const struct plan *plan = caller->plan;
    uint64_t turn = 0;
    do {
        find_host(caller);
        render(caller, &plan->documents[turn % plan->documents_count]);
        take(caller, &caller->keys[turn % KEYS]);
        turn++;
    } while (!is_over(caller));
    return NULL;
}

static bool start(struct caller *caller, const struct plan *plan, size_t number)
{
    caller->plan = plan;
    caller->host = -1;
    caller->client = lockstep_client_new(plan->socket, NULL);
    for (size_t i = 0; i < KEYS; i++) {
        (void)snprintf(caller->keys[i].name, sizeof(caller->keys[i].name), "%.40s.%zu.%zu",
                       plan->name, number, i);
    }
    return caller->client != NULL && pthread_create(&caller->thread, NULL, run, caller) == 0;
}

static void print_counts(const struct caller *callers, size_t count)
{
    struct counts sum = {0};
    for (size_t i = 0; i < count; i++) {
        sum.calls += callers[i].counts.calls;
        sum.lost += callers[i].counts.lost;
        sum.failed += callers[i].counts.failed;
        sum.in_flight_at_kill += callers[i].counts.in_flight_at_kill;
    }
    printf("{\"calls\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"in_flight_at_kill\":%" PRIu64 ",\"markdown\":\"%s\",\"ratelimit\":\"%s\"}\n",
           sum.calls, sum.lost, sum.failed, sum.in_flight_at_kill, callers[0].rendered,
           callers[0].between);
}

/* Reads a document and renders it as each version has to. */
static bool add_document(struct plan *plan, const char *path)
{
    struct document *document = &plan->documents[plan->documents_count];
    FILE *file = plan->documents_count < DOCUMENTS_MAX ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return false;
    }
    document->text = malloc(DOCUMENT_SIZE);
    document->size = document->text == NULL ? 0 : fread(document->text, 1, DOCUMENT_SIZE, file);
    (void)fclose(file);
    for (size_t i = 0; i < VERSIONS && document->size > 0; i++) {
        document->html[i] = cmark_markdown_to_html(document->text, document->size, options_of[i]);
    }
    plan->documents_count++;
    return document->size > 0;
}

static const char help[] =
    "lockstep-demo-caller: calls markdown and ratelimit on a node and checks every answer\n"
    "\n"
    "usage: lockstep-demo-caller --socket PATH [options] DOCUMENT...\n"
    "  --socket PATH     tool socket of the node\n"
    "  --host-pid FILE   process id of its host: to tell a lost call from a killed host\n"
    "  --name NAME       of this caller, for its keys (default: its process id)\n"
    "  --threads N       that call at once (default: 2)\n"
    "  --calls N         of each thread (default: until SIGTERM)\n"
    "  --pause MS        after each pair of calls (default: 1)\n"
    "  --apart           the two modules need not be of one set\n";

static uint64_t read_number(const char *text, uint64_t largest)
{
    char *end = NULL;
    unsigned long long number;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number > largest) {
        (void)fprintf(stderr, "lockstep-demo-caller: '%s' is no number up to %" PRIu64 "\n", text,
                      largest);
        exit(2);
    }
    return number;
}

static size_t read_arguments(int argc, char **argv, struct plan *plan)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"host-pid", required_argument, NULL, 'p'},
        {"name", required_argument, NULL, 'n'},
        {"threads", required_argument, NULL, 't'},
        {"calls", required_argument, NULL, 'c'},
        {"pause", required_argument, NULL, 'w'},
        {"apart", no_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    size_t threads = 2;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            plan->socket = optarg;
            break;
        case 'p':
            plan->host_pid = optarg;
            break;
        case 'n':
            plan->name = optarg;
            break;
        case 't':
            threads = (size_t)read_number(optarg, THREADS_MAX);
            break;
        case 'c':
            plan->calls = read_number(optarg, UINT32_MAX);
            break;
        case 'w':
            plan->pause_ms = (int)read_number(optarg, 10000);
            break;
        case 'a':
            plan->apart = true;
            break;
        case 'h':
            (void)fputs(help, stdout);
            exit(0);
        default:
            exit(2);
        }
    }
    for (int i = optind; i < argc; i++) {
        if (!add_document(plan, argv[i])) {
            (void)fprintf(stderr, "lockstep-demo-caller: cannot read %s, or there are too many\n",
                          argv[i]);
            exit(2);
        }
    }
    if (plan->socket == NULL || plan->documents_count == 0 || threads == 0) {
        (void)fprintf(stderr, "lockstep-demo-caller: say --socket PATH and a DOCUMENT\n");
        exit(2);
    }
    return threads;
}

/* Passes SIGTERM on to the threads, as an event that stays. */
static void *wait_for_signal(void *context)
{
    const struct plan *plan = context;
    sigset_t ending;
    int signal = 0;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)sigwait(&ending, &signal);
    (void)eventfd_write(plan->stop, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct plan plan = {.pause_ms = 1};
    static struct caller callers[THREADS_MAX];
    static char name[32];
    size_t threads;
    pthread_t waiter;
    sigset_t ending;
    (void)snprintf(name, sizeof(name), "%ld", (long)getpid());
    plan.name = name;
    threads = read_arguments(argc, argv, &plan);
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ending, NULL);
    plan.stop = eventfd(0, EFD_CLOEXEC);
    if (plan.stop < 0 || pthread_create(&waiter, NULL, wait_for_signal, &plan) != 0) {
        (void)fprintf(stderr, "lockstep-demo-caller: cannot start\n");
        return 1;
    }
    for (size_t i = 0; i < threads; i++) {
        if (!start(&callers[i], &plan, i)) {
            (void)fprintf(stderr, "lockstep-demo-caller: cannot call %s\n", plan.socket);
            return 1;
        }
    }
    puts("ready");
    (void)fflush(stdout);
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(callers[i].thread, NULL);
    }
    print_counts(callers, threads);
    return 0;
}
