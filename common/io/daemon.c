#include "common/io/daemon.h"

#include "common/io/log.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct lockstep_option rows[] = {
    {"config", 'c', LOCKSTEP_OPTION_TEXT, "FILE", "configuration to read", NULL,
     LOCKSTEP_OPTION_AT(struct lockstep_daemon, config), 0, 0},
    {"check", 'n', LOCKSTEP_OPTION_FLAG, NULL, "check the configuration and end", NULL,
     LOCKSTEP_OPTION_AT(struct lockstep_daemon, check), 0, 0},
    {"sample", '\0', LOCKSTEP_OPTION_FLAG, NULL, "print a configuration with every key", NULL,
     LOCKSTEP_OPTION_AT(struct lockstep_daemon, sample), 0, 0},
    {"help", 'h', LOCKSTEP_OPTION_FLAG, NULL, "this text", NULL,
     LOCKSTEP_OPTION_AT(struct lockstep_daemon, help), 0, 0},
    {"version", 'V', LOCKSTEP_OPTION_FLAG, NULL, "print the version", NULL,
     LOCKSTEP_OPTION_AT(struct lockstep_daemon, version), 0, 0},
};

/* ---- arguments ------------------------------------------------------------------------------- */

static bool answer(const struct lockstep_daemon *daemon, const struct lockstep_options *options)
{
    if (daemon->help) {
        printf("%s\n", daemon->about);
        lockstep_options_help(options, stdout);
        printf("\n%s", daemon->ending);
    } else if (daemon->version) {
        printf("%s %s\n", daemon->name, LOCKSTEP_VERSION);
    } else if (daemon->sample) {
        lockstep_config_sample(daemon->kind, stdout);
    } else {
        return false;
    }
    return true;
}

bool lockstep_daemon_start(struct lockstep_daemon *daemon, int argc, char **argv, int *ret_code)
{
    struct lockstep_option_set sets[] = {{"Options", rows, LOCKSTEP_COUNT(rows), daemon},
                                         daemon->own};
    struct lockstep_options options = {.sets = sets, .set_count = LOCKSTEP_COUNT(sets)};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    int first = argc;
    if (lockstep_options_parse(&options, argc, argv, &first, &err) != LOCKSTEP_OK) {
        *ret_code = lockstep_daemon_complain(daemon, &err);
        return false;
    }
    daemon->words = argv + first;
    daemon->word_count = argc - first;
    *ret_code = EXIT_SUCCESS;
    return !answer(daemon, &options);
}

int lockstep_daemon_complain(const struct lockstep_daemon *daemon, const struct lockstep_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", daemon->name, err->message);
    return err->code == LOCKSTEP_INVALID || err->code == LOCKSTEP_CONFLICT ||
                   err->code == LOCKSTEP_REFUSED
               ? LOCKSTEP_EXIT_USAGE
               : EXIT_FAILURE;
}

/* ---- signals --------------------------------------------------------------------------------- */

static enum lockstep_err read_level(const struct lockstep_daemon *daemon,
                                    enum lockstep_level *ret_level, struct lockstep_error *err)
{
    if (daemon->kind == LOCKSTEP_CONFIG_COORDINATOR) {
        struct lockstep_config_coordinator config;
        LOCKSTEP_TRY(lockstep_config_coordinator_load(daemon->config, &config, err));
        *ret_level = config.log;
        lockstep_config_coordinator_deinit(&config);
    } else {
        struct lockstep_config_agent config;
        LOCKSTEP_TRY(lockstep_config_agent_load(daemon->config, &config, err));
        *ret_level = config.log;
        lockstep_config_agent_deinit(&config);
    }
    return LOCKSTEP_OK;
}

static void on_signal(void *context, int signal)
{
    const struct lockstep_daemon *daemon = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_level level;
    if (signal != SIGHUP) {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "daemon", "asked to stop");
        lockstep_loop_stop(daemon->loop);
    } else if (read_level(daemon, &level, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "daemon", "the old configuration stays: %s",
                     err.message);
    } else {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "daemon",
                     "configuration read again: the log's level is now %s, the rest is taken over "
                     "at a restart",
                     lockstep_level_name(level));
        lockstep_log_set_level(level);
    }
}

enum lockstep_err lockstep_daemon_loop(struct lockstep_daemon *daemon, struct lockstep_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    LOCKSTEP_TRY(lockstep_loop_new(&daemon->loop, err));
    return lockstep_loop_signals(daemon->loop, signals, LOCKSTEP_COUNT(signals), on_signal, daemon,
                                 err);
}

/* ---- ready ----------------------------------------------------------------------------------- */

static void notify(const char *path)
{
    static const char message[] = "READY=1";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    int fd;
    if (length == 0 || length >= sizeof(address.sun_path)) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* an abstract name */
    }
    (void)sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    (void)close(fd);
}

void lockstep_daemon_ready(const char *what)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path != NULL) {
        notify(path);
    }
    printf("ready %s\n", what);
    (void)fflush(stdout);
}
