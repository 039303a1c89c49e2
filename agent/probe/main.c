/* lockstep-probe: argv in, one line of JSON out. */
#include "agent/probe/trial.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2 };

enum mode { MODE_NONE, MODE_STATIC, MODE_TRIAL, MODE_LIST };

struct arguments {
    enum mode mode;
    int request_fd; /* -1: the request is made of the arguments */
    const char *config;
    const char *snapshot;
    uint64_t waives;
    struct lockstep_probe_request *request;
};

static const char help[] =
    "usage: lockstep-probe --static FILE\n"
    "       lockstep-probe --trial [options] FILE...\n"
    "       lockstep-probe --trial --request FD\n"
    "       lockstep-probe --list\n"
    "\n"
    "Tries lockstep modules out and prints one line of JSON (lockstep/probe/v1).\n"
    "Exit status: 0 all is well, 1 refused, 2 wrong usage.\n"
    "\n"
    "  --static               check the file, running none of its code\n"
    "  --trial                map, load, migrate and smoke-test the modules in a sandbox, as a "
    "set\n"
    "  --list                 print the table of checks\n"
    "  --request FD           read what is to be tried from FD (lockstep/probe-request/v1)\n"
    "  --config FILE          configuration of the (only) module\n"
    "  --snapshot FILE        state of the (only) module, in canonical form\n"
    "  --extra TEXT           what the modules' up and down get\n"
    "  --present NAME@VERSION a module that is live beside these; may be repeated\n"
    "  --allow-library NAME   a library that modules may need; may be repeated\n"
    "  --waive CHECK[,CHECK]  checks that the (only) module's manifest waives\n"
    "  --deadline-ms N        for the whole trial (10000)\n"
    "  --no-smoke             leave the smoke tests out\n"
    "  --help, --version\n";

enum option_id {
    OPTION_STATIC = 256,
    OPTION_TRIAL,
    OPTION_LIST,
    OPTION_REQUEST,
    OPTION_CONFIG,
    OPTION_SNAPSHOT,
    OPTION_EXTRA,
    OPTION_PRESENT,
    OPTION_LIBRARY,
    OPTION_WAIVE,
    OPTION_DEADLINE,
    OPTION_NO_SMOKE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"static", no_argument, NULL, OPTION_STATIC},
    {"trial", no_argument, NULL, OPTION_TRIAL},
    {"list", no_argument, NULL, OPTION_LIST},
    {"request", required_argument, NULL, OPTION_REQUEST},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"snapshot", required_argument, NULL, OPTION_SNAPSHOT},
    {"extra", required_argument, NULL, OPTION_EXTRA},
    {"present", required_argument, NULL, OPTION_PRESENT},
    {"allow-library", required_argument, NULL, OPTION_LIBRARY},
    {"waive", required_argument, NULL, OPTION_WAIVE},
    {"deadline-ms", required_argument, NULL, OPTION_DEADLINE},
    {"no-smoke", no_argument, NULL, OPTION_NO_SMOKE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

LOCKSTEP_PRINTF(1, 2) static int usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("lockstep-probe: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("; see lockstep-probe --help\n", stderr);
    va_end(args);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end = NULL;
    unsigned long long number;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* "NAME@VERSION" */
static bool add_present(struct lockstep_probe_request *request, const char *text)
{
    struct lockstep_probe_requirement *present = &request->present[request->present_count];
    char name[LOCKSTEP_NAME_MAX + 1];
    const char *at = strchr(text, '@');
    if (at == NULL || (size_t)(at - text) >= sizeof(name) ||
        strlen(at + 1) > LOCKSTEP_VERSION_MAX ||
        request->present_count == LOCKSTEP_PROBE_PRESENT_MAX) {
        return false;
    }
    memcpy(name, text, (size_t)(at - text));
    name[at - text] = '\0';
    memcpy(present->version, at + 1, strlen(at + 1) + 1);
    request->present_count++;
    return lockstep_name_parse(name, &present->module);
}

static bool add_library(struct lockstep_probe_request *request, const char *name)
{
    if (request->libraries_count == LOCKSTEP_PROBE_LIBRARIES_MAX ||
        strlen(name) > LOCKSTEP_NAME_MAX || strchr(name, '/') != NULL) {
        return false;
    }
    memcpy(request->libraries[request->libraries_count++], name, strlen(name) + 1);
    return true;
}

static bool set_extra(struct lockstep_probe_request *request, const char *text)
{
    size_t length = strlen(text);
    if (length > LOCKSTEP_EXTRA_MAX) {
        return false;
    }
    memcpy(request->extra, text, length + 1);
    return true;
}

static bool refuse_waiver(const char *name)
{
    (void)fprintf(stderr,
                  "lockstep-probe: '%.60s' is no check that can be waived; these can:", name);
    for (unsigned i = 0; i < LOCKSTEP_PROBE_CHECK_COUNT; i++) {
        enum lockstep_probe_check check = (enum lockstep_probe_check)i;
        if (lockstep_probe_check_waivable(check)) {
            (void)fprintf(stderr, " %s", lockstep_probe_check_name(check));
        }
    }
    (void)fputc('\n', stderr);
    return false;
}

/* "CHECK,CHECK" */
static bool set_waives(struct arguments *arguments, const char *text)
{
    LOCKSTEP_FREE char *names = strdup(text);
    char *rest = names;
    for (char *name; names != NULL && (name = strsep(&rest, ",")) != NULL;) {
        if (!lockstep_probe_waive(name, &arguments->waives)) {
            return refuse_waiver(name);
        }
    }
    return names != NULL;
}

static bool set_number(struct arguments *arguments, int option, const char *text)
{
    uint64_t number = 0;
    if (option == OPTION_DEADLINE) {
        return parse_number(text, INT_MAX, &arguments->request->deadline_ms) &&
               arguments->request->deadline_ms > 0;
    }
    if (!parse_number(text, INT_MAX, &number)) {
        return false;
    }
    arguments->request_fd = (int)number;
    return true;
}

static bool set_mode(struct arguments *arguments, enum mode mode)
{
    bool first = arguments->mode == MODE_NONE;
    arguments->mode = mode;
    return first;
}

/* False if OPTION's argument makes no sense. */
static bool take_option(struct arguments *arguments, int option)
{
    switch (option) {
    case OPTION_STATIC:
        return set_mode(arguments, MODE_STATIC);
    case OPTION_TRIAL:
        return set_mode(arguments, MODE_TRIAL);
    case OPTION_LIST:
        return set_mode(arguments, MODE_LIST);
    case OPTION_CONFIG:
        arguments->config = optarg;
        return true;
    case OPTION_SNAPSHOT:
        arguments->snapshot = optarg;
        return true;
    case OPTION_EXTRA:
        return set_extra(arguments->request, optarg);
    case OPTION_PRESENT:
        return add_present(arguments->request, optarg);
    case OPTION_LIBRARY:
        return add_library(arguments->request, optarg);
    case OPTION_WAIVE:
        return set_waives(arguments, optarg);
    case OPTION_NO_SMOKE:
        arguments->request->smoke = false;
        return true;
    default:
        return set_number(arguments, option, optarg);
    }
}

static int print_list(void)
{
    for (unsigned i = 0; i < LOCKSTEP_PROBE_CHECK_COUNT; i++) {
        enum lockstep_probe_check check = (enum lockstep_probe_check)i;
        (void)printf("%-20s %-7s %-17s %-9s %s\n", lockstep_probe_check_name(check),
                     lockstep_probe_check_static(check) ? "static" : "trial",
                     lockstep_no_name(lockstep_probe_check_no(check)),
                     lockstep_probe_check_waivable(check) ? "waivable" : "-",
                     lockstep_probe_check_holds(check));
    }
    return EXIT_YES;
}

/* Reads all of FD, which may be a pipe. */
static char *read_request(int fd, size_t *ret_length)
{
    size_t length = 0;
    LOCKSTEP_FREE char *text = malloc(LOCKSTEP_PROBE_DOCUMENT_MAX + 1);
    char *result;
    while (text != NULL && length <= LOCKSTEP_PROBE_DOCUMENT_MAX) {
        ssize_t got = read(fd, text + length, LOCKSTEP_PROBE_DOCUMENT_MAX + 1 - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return NULL;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    *ret_length = length;
    result = text;
    text = NULL;
    return result;
}

static int replace_request(struct arguments *arguments)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_probe_request *request = NULL;
    size_t length = 0;
    LOCKSTEP_FREE char *text = read_request(arguments->request_fd, &length);
    if (text == NULL) {
        return usage("the request cannot be read from descriptor %d", arguments->request_fd);
    }
    if (lockstep_probe_request_parse(text, length, &request, &err) != LOCKSTEP_OK) {
        return usage("the request: %s", err.message);
    }
    (void)lockstep_probe_request_free(arguments->request);
    arguments->request = request;
    return EXIT_YES;
}

static bool open_side_file(const char *path, int *ret_fd)
{
    if (path == NULL) {
        return true;
    }
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd >= 0;
}

/* The request that the words of the command line make. */
static int take_files(struct arguments *arguments, char **files, int count)
{
    struct lockstep_probe_request *request = arguments->request;
    if (count < 1 || count > LOCKSTEP_ITEMS_MAX) {
        return usage("name a file (at most %d)", LOCKSTEP_ITEMS_MAX);
    }
    if (count > 1 && (arguments->mode == MODE_STATIC || arguments->config != NULL ||
                      arguments->snapshot != NULL || arguments->waives != 0)) {
        return usage("--static, --config, --snapshot and --waive take one file");
    }
    for (int i = 0; i < count; i++) {
        struct lockstep_probe_subject *subject = &request->subjects[i];
        lockstep_probe_subject_init(subject);
        if (strlen(files[i]) >= sizeof(subject->file)) {
            return usage("a path is too long");
        }
        memcpy(subject->file, files[i], strlen(files[i]) + 1);
    }
    request->subjects_count = (size_t)count;
    request->subjects[0].waives = arguments->waives;
    if (!open_side_file(arguments->config, &request->subjects[0].config_fd) ||
        !open_side_file(arguments->snapshot, &request->subjects[0].snapshot_fd)) {
        return usage("--config or --snapshot cannot be opened: %s", strerror(errno));
    }
    return EXIT_YES;
}

static int print_verdict(const struct lockstep_probe_verdict *verdict)
{
    LOCKSTEP_FREE char *text = lockstep_probe_verdict_print(verdict);
    if (text == NULL || puts(text) < 0 || fflush(stdout) != 0) {
        (void)fputs("lockstep-probe: the verdict cannot be written\n", stderr);
        return EXIT_NO;
    }
    return verdict->ok ? EXIT_YES : EXIT_NO;
}

static void drop_verdict(struct lockstep_probe_verdict **verdict)
{
    *verdict = lockstep_probe_verdict_free(*verdict);
}

/* A probe without its agent is of no use to anybody, so it goes, too. */
static int judge(const struct arguments *arguments)
{
    LOCKSTEP_CLEANUP(drop_verdict)
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (verdict == NULL) {
        (void)fputs("lockstep-probe: no memory\n", stderr);
        return EXIT_NO;
    }
    if (arguments->request_fd >= 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (lockstep_probe_try(arguments->request, verdict, &err) != LOCKSTEP_OK) {
        lockstep_probe_verdict_find(verdict, 0, LOCKSTEP_PROBE_CHECK_SANDBOX, "%s", err.message);
    }
    return print_verdict(verdict);
}

static int run(struct arguments *arguments, int argc, char **argv)
{
    int status;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == OPTION_HELP) {
            return fputs(help, stdout) < 0 ? EXIT_NO : EXIT_YES;
        }
        if (option == OPTION_VERSION) {
            return puts("lockstep-probe " LOCKSTEP_VERSION) < 0 ? EXIT_NO : EXIT_YES;
        }
        if (option == '?') {
            return EXIT_USAGE;
        }
        if (!take_option(arguments, option)) {
            return usage("%s: not understood, or one too many", argv[optind - 1]);
        }
    }
    if (arguments->mode == MODE_LIST) {
        return print_list();
    }
    if (arguments->mode == MODE_NONE) {
        return usage("say --static, --trial or --list");
    }
    if (arguments->request_fd >= 0 && arguments->mode != MODE_TRIAL) {
        return usage("--request goes with --trial");
    }
    arguments->request->look_only = arguments->mode == MODE_STATIC;
    status = arguments->request_fd >= 0 ? replace_request(arguments)
                                        : take_files(arguments, argv + optind, argc - optind);
    return status == EXIT_YES ? judge(arguments) : status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.request_fd = -1, .request = lockstep_probe_request_new()};
    int status;
    if (arguments.request == NULL) {
        (void)fputs("lockstep-probe: no memory\n", stderr);
        return EXIT_NO;
    }
    status = run(&arguments, argc, argv);
    (void)lockstep_probe_request_free(arguments.request);
    return status;
}
