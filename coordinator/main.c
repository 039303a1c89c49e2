/* lockstepd: decides and records. */
#include "common/base/cleanup.h"
#include "common/io/log.h"
#include "common/io/options.h"
#include "common/io/ready.h"
#include "coordinator/driver.h"
#include "coordinator/init.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

struct flags {
    const char *config;
    bool check;
    bool help;
    bool version;
    bool sample;
    struct lockstep_option_list admins;
    const char *new_admin;
    struct lockstep_option_list releases;
};

static const struct lockstep_option rows[] = {
    {"config", 'c', LOCKSTEP_OPTION_TEXT, "FILE", "configuration to read", NULL,
     LOCKSTEP_OPTION_AT(struct flags, config), 0, 0},
    {"check", 'n', LOCKSTEP_OPTION_FLAG, NULL, "check the configuration and end", NULL,
     LOCKSTEP_OPTION_AT(struct flags, check), 0, 0},
    {"sample", '\0', LOCKSTEP_OPTION_FLAG, NULL, "print a configuration with every key", NULL,
     LOCKSTEP_OPTION_AT(struct flags, sample), 0, 0},
    {"help", 'h', LOCKSTEP_OPTION_FLAG, NULL, "this text", NULL,
     LOCKSTEP_OPTION_AT(struct flags, help), 0, 0},
    {"version", 'V', LOCKSTEP_OPTION_FLAG, NULL, "print the version", NULL,
     LOCKSTEP_OPTION_AT(struct flags, version), 0, 0},
};

static const struct lockstep_option init_rows[] = {
    {"admin", '\0', LOCKSTEP_OPTION_LIST, "PUBKEY", "an administrator's public line; repeatable",
     NULL, LOCKSTEP_OPTION_AT(struct flags, admins), 0, 0},
    {"new-admin", '\0', LOCKSTEP_OPTION_TEXT, "FILE",
     "make an administrator: its configuration, and its key beside it", NULL,
     LOCKSTEP_OPTION_AT(struct flags, new_admin), 0, 0},
    {"release", '\0', LOCKSTEP_OPTION_LIST, "PUBKEY",
     "public half of a release key (minisign), or its file; repeatable", NULL,
     LOCKSTEP_OPTION_AT(struct flags, releases), 0, 0},
};

static void print_help(const struct lockstep_options *options, FILE *out)
{
    (void)fprintf(
        out, "lockstepd decides and records which versions a fleet runs.\n\n"
             "  lockstepd --config FILE        serve\n"
             "  lockstepd init --config FILE   make a cluster: its id, the coordinator's key,\n"
             "                                 the trust bundle\n\n");
    lockstep_options_help(options, out);
    (void)fprintf(out, "\nEnds with 0 when it was asked to stop, 2 for a wrong configuration, a\n"
                       "port or a data directory in use, 1 for anything else.\n");
}

static int complain(const struct lockstep_error *err)
{
    (void)fprintf(stderr, "lockstepd: %s\n", err->message);
    return err->code == LOCKSTEP_INVALID || err->code == LOCKSTEP_CONFLICT ||
                   err->code == LOCKSTEP_REFUSED
               ? EXIT_USAGE
               : EXIT_FAILURE;
}

/* ---- serving -------------------------------------------------------------------------------- */

struct daemon {
    struct lockstep_loop *loop;
    const char *path;
};

static void reload(const struct daemon *daemon)
{
    struct lockstep_config_coordinator config;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_config_coordinator_load(daemon->path, &config, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "lockstepd", "the old configuration stays: %s",
                     err.message);
        return;
    }
    lockstep_log_set_level(config.log);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "lockstepd",
                 "configuration read again: the log's level is taken over, the rest at a restart");
    lockstep_config_coordinator_deinit(&config);
}

static void on_signal(void *context, int signal)
{
    const struct daemon *daemon = context;
    if (signal == SIGHUP) {
        reload(daemon);
        return;
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "lockstepd", "asked to stop");
    lockstep_loop_stop(daemon->loop);
}

static enum lockstep_err run(const struct lockstep_config_coordinator *config,
                             const struct lockstep_key *key, struct lockstep_store *store,
                             struct daemon *daemon, struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = NULL;
    enum lockstep_err result = lockstep_coordinator_new(daemon->loop, config, key, store,
                                                        &coordinator, err);
    if (result == LOCKSTEP_OK) {
        lockstep_ready(lockstep_coordinator_url(coordinator));
        result = lockstep_loop_run(daemon->loop, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_coordinator_failure(coordinator, err);
    }
    (void)lockstep_coordinator_free(coordinator);
    return result;
}

static enum lockstep_err serve(const struct lockstep_config_coordinator *config, const char *path,
                               struct lockstep_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct daemon daemon = {.path = path};
    struct lockstep_store *store = NULL;
    struct lockstep_key *key = NULL;
    char key_path[4096];
    enum lockstep_err result;
    (void)snprintf(key_path, sizeof(key_path), "%s/key", config->data);
    LOCKSTEP_TRY(lockstep_loop_new(&daemon.loop, err));
    result = lockstep_loop_signals(daemon.loop, signals, LOCKSTEP_COUNT(signals), on_signal,
                                   &daemon, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_store_open(config->data, &store, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_key_read(key_path, &key, err);
    }
    if (result == LOCKSTEP_OK) {
        result = run(config, key, store, &daemon, err);
    }
    (void)lockstep_key_free(key);
    (void)lockstep_store_close(store);
    (void)lockstep_loop_free(daemon.loop);
    return result;
}

static int act(const struct flags *flags, bool init, struct lockstep_error *err)
{
    struct lockstep_config_coordinator config;
    enum lockstep_err result;
    if (lockstep_config_coordinator_load(flags->config, &config, err) != LOCKSTEP_OK) {
        (void)complain(err);
        return EXIT_USAGE;
    }
    lockstep_log_set_level(config.log);
    if (init) {
        struct lockstep_init what = {flags->admins.items, flags->admins.count, flags->new_admin,
                                     flags->releases.items, flags->releases.count};
        result = lockstep_coordinator_init(&config, &what, err);
        if (result == LOCKSTEP_OK) {
            printf("the cluster is made in %s\n", config.data);
        }
    } else if (flags->check) {
        printf("%s is in order\n", flags->config);
        result = LOCKSTEP_OK;
    } else {
        result = serve(&config, flags->config, err);
    }
    lockstep_config_coordinator_deinit(&config);
    return result == LOCKSTEP_OK ? EXIT_SUCCESS : complain(err);
}

int main(int argc, char **argv)
{
    struct flags flags = {.config = "/etc/lockstep/lockstepd.yaml"};
    bool init = argc > 1 && strcmp(argv[1], "init") == 0;
    struct lockstep_option_set sets[] = {
        {"Options", rows, LOCKSTEP_COUNT(rows), &flags},
        {"Options of init", init_rows, LOCKSTEP_COUNT(init_rows), &flags}};
    struct lockstep_options options = {.sets = sets, .set_count = 2};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    int first = 0;
    int offset = init ? 1 : 0;
    options.set_count = init || (argc > 1 && strcmp(argv[1], "--help") == 0) ? 2 : 1;
    if (lockstep_options_parse(&options, argc - offset, argv + offset, &first, &err) !=
        LOCKSTEP_OK) {
        return complain(&err);
    }
    if (flags.help) {
        print_help(&options, stdout);
        return EXIT_SUCCESS;
    }
    if (flags.version) {
        printf("lockstepd %s\n", LOCKSTEP_VERSION);
        return EXIT_SUCCESS;
    }
    if (flags.sample) {
        lockstep_config_sample(LOCKSTEP_CONFIG_COORDINATOR, stdout);
        return EXIT_SUCCESS;
    }
    if (first + offset < argc) {
        (void)fprintf(stderr, "lockstepd: '%s' is no command; there is init, or none at all\n",
                      argv[first + offset]);
        return EXIT_USAGE;
    }
    return act(&flags, init, &err);
}
