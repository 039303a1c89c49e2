/* lockstepd: decides and records. */
#include "common/io/daemon.h"
#include "common/io/log.h"
#include "coordinator/backup.h"
#include "coordinator/driver.h"
#include "coordinator/init.h"
#include "coordinator/store_recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PATH_SIZE 4096

/* ---- arguments ------------------------------------------------------------------------------- */

struct flags {
    struct lockstep_option_list admins;
    const char *new_admin;
    struct lockstep_option_list releases;
    bool with_key;
    bool from_agents;
};

enum command {
    SERVE,
    INIT,
    BACKUP,
    RECOVER,
};

static const struct lockstep_option rows[] = {
    {"admin", '\0', LOCKSTEP_OPTION_LIST, "PUBKEY", "an administrator's public line; repeatable",
     NULL, LOCKSTEP_OPTION_AT(struct flags, admins), 0, 0},
    {"new-admin", '\0', LOCKSTEP_OPTION_TEXT, "FILE",
     "make an administrator: its configuration, and its key beside it", NULL,
     LOCKSTEP_OPTION_AT(struct flags, new_admin), 0, 0},
    {"release", '\0', LOCKSTEP_OPTION_LIST, "PUBKEY",
     "public half of a release key (minisign), or its file; repeatable", NULL,
     LOCKSTEP_OPTION_AT(struct flags, releases), 0, 0},
    {"with-key", '\0', LOCKSTEP_OPTION_FLAG, NULL, "of backup: the coordinator's key, too", NULL,
     LOCKSTEP_OPTION_AT(struct flags, with_key), 0, 0},
    {"from-agents", '\0', LOCKSTEP_OPTION_FLAG, NULL, "of recover: ask every node what it knows",
     NULL, LOCKSTEP_OPTION_AT(struct flags, from_agents), 0, 0},
};

static const char about[] =
    "lockstepd decides and records which versions a fleet runs.\n\n"
    "  lockstepd --config FILE        serve\n"
    "  lockstepd init --config FILE   make a cluster: its id, the coordinator's key,\n"
    "                                 the trust bundle\n"
    "  lockstepd backup --config FILE TARGET\n"
    "                                 copy what it knows to the new file TARGET, while it\n"
    "                                 serves or not\n"
    "  lockstepd recover --from-agents --config FILE\n"
    "                                 bring a restored journal up to what all nodes know\n";

static const char ending[] =
    "Ends with 0 when it was asked to stop, 2 for a wrong configuration, a\n"
    "port or a data directory in use, 1 for anything else.\n";

static enum lockstep_err check_command(const struct lockstep_daemon *daemon, enum command *ret,
                                       struct lockstep_error *err)
{
    static const char *const names[] = {
        [SERVE] = "", [INIT] = "init", [BACKUP] = "backup", [RECOVER] = "recover"};
    *ret = SERVE;
    for (unsigned i = INIT; daemon->word_count > 0 && i < LOCKSTEP_COUNT(names); i++) {
        *ret = strcmp(daemon->words[0], names[i]) == 0 ? (enum command)i : *ret;
    }
    if (daemon->word_count > 0 && *ret == SERVE) {
        return LOCKSTEP_FAIL(
            err, INVALID, "'%.80s' is no command; there is init, backup, recover, or none at all",
            daemon->words[0]);
    }
    return LOCKSTEP_OK;
}

/* A command's options stand with it only. */
static enum lockstep_err check_words(const struct lockstep_daemon *daemon,
                                     const struct flags *flags, enum command *ret_command,
                                     struct lockstep_error *err)
{
    int wanted;
    LOCKSTEP_TRY(check_command(daemon, ret_command, err));
    wanted = *ret_command == SERVE ? 0 : *ret_command == BACKUP ? 2 : 1;
    if (daemon->word_count < wanted) {
        return LOCKSTEP_FAIL(err, INVALID, "backup wants TARGET, a file that is not there yet");
    }
    if (daemon->word_count > wanted) {
        return LOCKSTEP_FAIL(err, INVALID, "'%.80s' is one word too many", daemon->words[wanted]);
    }
    if (*ret_command != INIT &&
        (flags->admins.count > 0 || flags->new_admin != NULL || flags->releases.count > 0)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "--admin, --new-admin and --release are for lockstepd init");
    }
    if ((*ret_command == RECOVER) != flags->from_agents) {
        return LOCKSTEP_FAIL(err, INVALID, "recover and --from-agents go together");
    }
    return *ret_command == BACKUP || !flags->with_key
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, INVALID, "--with-key is for lockstepd backup");
}

/* ---- serving -------------------------------------------------------------------------------- */

static enum lockstep_err run(struct lockstep_loop *loop,
                             const struct lockstep_config_coordinator *config,
                             const struct lockstep_key *key, struct lockstep_store *store,
                             struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = NULL;
    enum lockstep_err result = lockstep_coordinator_new(loop, config, key, store, &coordinator,
                                                        err);
    if (result == LOCKSTEP_OK) {
        lockstep_daemon_ready(lockstep_coordinator_url(coordinator));
        result = lockstep_loop_run(loop, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_coordinator_failure(coordinator, err);
    }
    if (result == LOCKSTEP_OK && lockstep_store_recovering(store) &&
        lockstep_store_restored(store)) {
        result = LOCKSTEP_FAIL(err, REFUSED,
                               "not every member was heard, so nothing was changed; one that does "
                               "not come back is taken out with lockstep node remove, while "
                               "lockstepd serves");
    }
    (void)lockstep_coordinator_free(coordinator);
    return result;
}

/* Each agent is one file; 1,024, the usual limit, is for programs that use select(), as we do not.
 */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum lockstep_err serve(struct lockstep_daemon *daemon,
                               const struct lockstep_config_coordinator *config, bool recover,
                               struct lockstep_error *err)
{
    struct lockstep_store *store = NULL;
    struct lockstep_key *key = NULL;
    char path[PATH_SIZE];
    enum lockstep_err result = lockstep_daemon_loop(daemon, err);
    allow_many_files();
    (void)snprintf(path, sizeof(path), "%s/key", config->data);
    if (result == LOCKSTEP_OK) {
        result = lockstep_store_open(config->data, &store, err);
    }
    if (result == LOCKSTEP_OK && recover) {
        lockstep_store_recover_begin(store);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_key_read(path, &key, err);
    }
    if (result == LOCKSTEP_OK) {
        result = run(daemon->loop, config, key, store, err);
    }
    (void)lockstep_key_free(key);
    (void)lockstep_store_close(store);
    (void)lockstep_loop_free(daemon->loop);
    return result;
}

static enum lockstep_err make_cluster(const struct lockstep_config_coordinator *config,
                                      const struct flags *flags, struct lockstep_error *err)
{
    const struct lockstep_init init = {flags->admins.items, flags->admins.count, flags->new_admin,
                                       flags->releases.items, flags->releases.count};
    LOCKSTEP_TRY(lockstep_coordinator_init(config, &init, err));
    printf("the cluster is made in %s\n", config->data);
    return LOCKSTEP_OK;
}

int main(int argc, char **argv)
{
    struct flags flags = {0};
    struct lockstep_daemon daemon = {
        .name = "lockstepd",
        .about = about,
        .ending = ending,
        .kind = LOCKSTEP_CONFIG_COORDINATOR,
        .own = {"Options of init, backup and recover", rows, LOCKSTEP_COUNT(rows), &flags},
        .config = "/etc/lockstep/lockstepd.yaml",
    };
    struct lockstep_config_coordinator config;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = LOCKSTEP_OK;
    enum command command = SERVE;
    int code;
    if (!lockstep_daemon_start(&daemon, argc, argv, &code)) {
        return code;
    }
    if (check_words(&daemon, &flags, &command, &err) != LOCKSTEP_OK ||
        lockstep_config_coordinator_load(daemon.config, &config, &err) != LOCKSTEP_OK) {
        (void)lockstep_daemon_complain(&daemon, &err);
        return LOCKSTEP_EXIT_USAGE;
    }
    lockstep_log_set_level(config.log);
    if (daemon.check) {
        printf("%s is in order\n", daemon.config);
    } else if (command == INIT) {
        result = make_cluster(&config, &flags, &err);
    } else if (command == BACKUP) {
        result = lockstep_coordinator_backup(&config, daemon.words[1], flags.with_key, &err);
    } else {
        result = serve(&daemon, &config, command == RECOVER, &err);
    }
    lockstep_config_coordinator_deinit(&config);
    return result == LOCKSTEP_OK ? EXIT_SUCCESS : lockstep_daemon_complain(&daemon, &err);
}
