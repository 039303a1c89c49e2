/* lockstep-host: the host for modules of services that are nobody's. */
#include "agent/host/crash.h"
#include "agent/host/host_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOK_MS 200

static const char help[] =
    "lockstep-host: runs the modules of a service, and is told by lockstep-agent which\n"
    "\n"
    "usage: lockstep-host [options]\n"
    "  --service NAME      the service whose modules run here (default: default)\n"
    "  --agent SOCKET      where the agent of this machine listens\n"
    "  --boot FILE         what to load when no agent answers\n"
    "  --boot-wait MS      how long to wait for an agent before that (default: 1000)\n"
    "  --listen-fd N       an inherited listening stream socket to serve tools on; repeatable\n"
    "  --successor         map what the agent says, and serve when it says so\n"
    "  --crash-dir DIR     where to leave a page behind when it dies\n"
    "  --poison HEX        a request that is refused: it killed the last two hosts; repeatable\n"
    "  --workers N         threads that serve (default: 4)\n"
    "  --journal-bytes N   room for the calls of one module (default: 16777216)\n"
    "  --version, --help\n";

static void write_log(void *context, enum lockstep_log_level level, const char *text)
{
    static const char *const words[] = {"debug", "info", "warning", "error"};
    (void)context;
    (void)fprintf(stderr, "lockstep-host: %s: %s\n", words[level], text);
}

static bool take_number(const char *text, uint32_t *ret_number)
{
    char *end = NULL;
    unsigned long number;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number > INT32_MAX) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

struct arguments {
    struct lockstep_host_options options;
    int listeners[LOCKSTEP_LISTENERS_MAX];
    size_t listeners_count;
    enum lockstep_hostwire_role role;
    const char *crash; /* directory of the page; NULL: none */
};

static bool take_listener(struct arguments *arguments, const char *text)
{
    uint32_t fd = 0;
    if (!take_number(text, &fd) || arguments->listeners_count == LOCKSTEP_LISTENERS_MAX ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
        return false;
    }
    arguments->listeners[arguments->listeners_count++] = (int)fd;
    return true;
}

static bool take_poison(const char *text)
{
    char *end = NULL;
    unsigned long long fingerprint = strtoull(text, &end, 16);
    if (*end != '\0' || fingerprint == 0 || strlen(text) > 16) {
        return false;
    }
    lockstep_crash_poison(fingerprint);
    return true;
}

/* A host without a page serves all the same. */
static void open_crash_page(const char *directory)
{
    if (directory == NULL) {
        return;
    }
    if (lockstep_crash_open(directory)) {
#ifndef LOCKSTEP_SANITIZED /* whose report says more */
        lockstep_crash_arm();
#endif
    } else {
        write_log(NULL, LOCKSTEP_LOG_WARNING, "no crash page can be made");
    }
}

static bool take_option(struct arguments *arguments, int option, const char *value)
{
    switch (option) {
    case 's':
        arguments->options.service = value;
        return true;
    case 'a':
        arguments->options.agent_socket = value;
        return true;
    case 'b':
        arguments->options.boot_file = value;
        return true;
    case 'w':
        return take_number(value, &arguments->options.boot_wait_ms);
    case 'l':
        return take_listener(arguments, value);
    case 'x':
        arguments->role = LOCKSTEP_HOSTWIRE_ROLE_WAITS;
        return true;
    case 'n':
        return take_number(value, &arguments->options.workers);
    case 'c':
        arguments->crash = value;
        return true;
    case 'p':
        return take_poison(value);
    case 'j': {
        uint32_t bytes = 0;
        bool taken = take_number(value, &bytes);
        arguments->options.journal_bytes = bytes;
        return taken;
    }
    default:
        return false;
    }
}

/* 0: go on. Else the process ends: 1 well, 2 wrong usage. */
static int read_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
    static const struct option options[] = {
        {"service", required_argument, NULL, 's'},
        {"agent", required_argument, NULL, 'a'},
        {"boot", required_argument, NULL, 'b'},
        {"boot-wait", required_argument, NULL, 'w'},
        {"listen-fd", required_argument, NULL, 'l'},
        {"successor", no_argument, NULL, 'x'},
        {"journal-bytes", required_argument, NULL, 'j'},
        {"crash-dir", required_argument, NULL, 'c'},
        {"poison", required_argument, NULL, 'p'},
        {"workers", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            return 1;
        }
        if (option == 'v') {
            (void)puts("lockstep-host " LOCKSTEP_VERSION);
            return 1;
        }
        if (option == '?') {
            return 2;
        }
        if (!take_option(ret_arguments, option, optarg)) {
            (void)fprintf(stderr, "lockstep-host: '%s' is not possible; see --help\n", optarg);
            return 2;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "lockstep-host: '%s' is not an option; see --help\n", argv[optind]);
        return 2;
    }
    return 0;
}

/* Until a signal that ends it, or the agent's word. */
static void wait_for_end(const struct lockstep_host *host, int signals)
{
    struct pollfd poller = {.fd = signals, .events = POLLIN};
    while (!lockstep_host_is_shut_down(host) && poll(&poller, 1, LOOK_MS) <= 0) {
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.options = {.size = sizeof(arguments.options), .log = write_log}};
    struct lockstep_host *host = NULL;
    char why[256] = "";
    sigset_t ending;
    int signals;
    int end = read_arguments(argc, argv, &arguments);
    if (end != 0) {
        return end == 1 ? 0 : 2;
    }
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ending, NULL);
    open_crash_page(arguments.crash);
    signals = signalfd(-1, &ending, SFD_CLOEXEC);
    arguments.options.listeners = arguments.listeners;
    arguments.options.listeners_count = arguments.listeners_count;
    if (signals < 0 ||
        lockstep_host_start_as(arguments.role, &arguments.options, &host, why, sizeof(why)) != 0) {
        (void)fprintf(stderr, "lockstep-host: cannot start: %s\n", why);
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    wait_for_end(host, signals);
    host = lockstep_host_stop(host);
    (void)close(signals);
    return 0;
}
