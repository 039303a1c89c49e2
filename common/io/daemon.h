/*
 * What lockstepd and lockstep-agent do alike: the options that both take and the answers that need
 * no service, the exit code of an error, the signals, and saying that they are ready.
 *
 *     struct lockstep_daemon daemon = {.name = "lockstepd", ..., .config = "/etc/..."};
 *     if (!lockstep_daemon_start(&daemon, argc, argv, &code)) {
 *         return code;
 *     }
 *
 * SIGTERM and SIGINT end the loop; SIGHUP reads the configuration again, and of it takes over the
 * log's level. What a daemon serves is not known here.
 */
#ifndef LOCKSTEP_IO_DAEMON_H
#define LOCKSTEP_IO_DAEMON_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/config.h"
#include "common/io/loop.h"
#include "common/io/options.h"

#include <stdbool.h>

#define LOCKSTEP_EXIT_USAGE 2

struct lockstep_daemon {
    /* What it is, from the caller. */
    const char *name;   /* of the program: "lockstepd" */
    const char *about;  /* --help, above the options */
    const char *ending; /* --help, below the options: the exit codes */
    enum lockstep_config_kind kind;
    struct lockstep_option_set own; /* options that only this daemon has */
    const char *config;             /* path of the configuration if no option names another */

    /* What it was asked for. */
    bool check;
    bool help;
    bool version;
    bool sample;
    char **words; /* behind the options */
    int word_count;

    struct lockstep_loop *loop; /* of lockstep_daemon_loop; the caller frees it */
};

/* Parses the arguments. False if that is all there is to do, --help, --version and --sample being
 * answered and a wrong option complained of: *RET_CODE is what to exit with. */
bool lockstep_daemon_start(struct lockstep_daemon *daemon, int argc, char **argv, int *ret_code);

/* Says ERR on standard error. Returns the exit code: LOCKSTEP_EXIT_USAGE for what the one who
 * started the daemon can put right, EXIT_FAILURE for the rest. */
int lockstep_daemon_complain(const struct lockstep_daemon *daemon,
                             const struct lockstep_error *err);

/* Makes the loop and has it listen to the signals. Before any thread is made. */
enum lockstep_err lockstep_daemon_loop(struct lockstep_daemon *daemon,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Says so to the service manager, where NOTIFY_SOCKET names one (sd_notify(3), the protocol), and
 * as the line "ready WHAT" on standard output. */
void lockstep_daemon_ready(const char *what);

#endif
