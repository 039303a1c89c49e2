/* lockstep-agent: this node's part in the fleet. */
#include "agent/driver.h"
#include "agent/resolve.h"
#include "common/io/daemon.h"
#include "common/io/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

struct flags {
    const char *join;
    bool stop_hosts;
    const char *reason;
};

static const struct lockstep_option rows[] = {
    {"join", '\0', LOCKSTEP_OPTION_TEXT, "FILE", "enrol with the join token in FILE (-: stdin)",
     NULL, LOCKSTEP_OPTION_AT(struct flags, join), 0, 0},
    {"stop-hosts", '\0', LOCKSTEP_OPTION_FLAG, NULL,
     "end the hosts too when asked to stop; else they go on serving", NULL,
     LOCKSTEP_OPTION_AT(struct flags, stop_hosts), 0, 0},
    {"reason", '\0', LOCKSTEP_OPTION_TEXT, "TEXT", "of resolve: why", NULL,
     LOCKSTEP_OPTION_AT(struct flags, reason), 0, 0},
};

static const char about[] =
    "lockstep-agent loads modules into this node's hosts, as the coordinator and the\n"
    "signatures allow.\n\n"
    "  lockstep-agent --config FILE               run\n"
    "  lockstep-agent --config FILE --join TOKEN  enrol, and go on to run\n"
    "  lockstep-agent resolve --config FILE OPERATION commit|abort --reason TEXT\n"
    "                                             decide by hand what is in doubt here; the\n"
    "                                             coordinator is gone, and the agent stopped\n";

static const char ending[] =
    "Ends with 0 when it was asked to stop, 2 for a wrong configuration, a\n"
    "token or a directory in use, 1 for anything else.\n";

/* ---- what it needs --------------------------------------------------------------------------- */

/* A program of ours: as configured, or beside this one, or in libexec. */
static enum lockstep_err find_program(const char *configured, const char *name, char *ret_path,
                                      struct lockstep_error *err)
{
    static const char *const places[] = {"", "/../libexec/lockstep"};
    char self[PATH_SIZE / 2];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    if (configured != NULL) {
        (void)snprintf(ret_path, PATH_SIZE, "%s", configured);
        return access(ret_path, X_OK) == 0 ? LOCKSTEP_OK
                                           : LOCKSTEP_FAIL_ERRNO(err, "run %s", ret_path);
    }
    if (length < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "find this program's own directory");
    }
    self[length] = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(places); i++) {
        (void)snprintf(ret_path, PATH_SIZE, "%s%s/%s", self, places[i], name);
        if (access(ret_path, X_OK) == 0) {
            return LOCKSTEP_OK;
        }
    }
    return LOCKSTEP_FAIL(err, INVALID, "%s is not beside %s; name it in the configuration", name,
                         self);
}

/* This node's key: made at the first start, in a file of its own. */
static enum lockstep_err get_key(const struct lockstep_config_agent *config,
                                 struct lockstep_key **ret_key, struct lockstep_error *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/key", config->data);
    if (access(path, F_OK) == 0) {
        return lockstep_key_read(path, ret_key, err);
    }
    LOCKSTEP_TRY(lockstep_key_new(&config->name, ret_key, err));
    return lockstep_key_write(*ret_key, path, err);
}

static enum lockstep_err read_token(const char *path, const struct lockstep_config_agent *config,
                                    struct lockstep_token *ret_token, struct lockstep_error *err)
{
    char text[LOCKSTEP_TOKEN_FILE_MAX];
    size_t length;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    enum lockstep_err result;
    if (file == NULL) {
        return LOCKSTEP_FAIL_ERRNO(err, "read the join token %s", path);
    }
    length = fread(text, 1, sizeof(text), file);
    if (file != stdin) {
        (void)fclose(file);
    }
    result = lockstep_token_parse(text, length, ret_token, err);
    sodium_memzero(text, sizeof(text));
    LOCKSTEP_TRY(result);
    if (!lockstep_name_equal(&ret_token->node, &config->name)) {
        return LOCKSTEP_FAIL(err, INVALID, "the join token is for node %s, and this is %s",
                             ret_token->node.text, config->name.text);
    }
    if (lockstep_unix_ms() >= ret_token->expires_unix_ms) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the join token has expired; make a new one with lockstep token "
                             "create --join %s",
                             config->name.text);
    }
    return LOCKSTEP_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static void on_ready(void *context)
{
    const struct lockstep_name *name = context;
    lockstep_daemon_ready(name->text);
}

static enum lockstep_err run(struct lockstep_loop *loop, bool stop_hosts,
                             const struct lockstep_node_agent_config *config,
                             struct lockstep_error *err)
{
    struct lockstep_node_agent *agent = NULL;
    enum lockstep_err result = lockstep_node_agent_new(loop, config, &agent, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_loop_run(loop, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_node_agent_failure(agent, err);
    }
    if (agent != NULL && stop_hosts) {
        lockstep_node_agent_stop_hosts(agent);
    }
    (void)lockstep_node_agent_free(agent);
    return result;
}

static enum lockstep_err serve(struct lockstep_daemon *daemon, const struct flags *flags,
                               const struct lockstep_config_agent *config,
                               struct lockstep_error *err)
{
    struct lockstep_name name = config->name;
    struct lockstep_node_agent_config driver = {
        .config = config, .ready = on_ready, .context = &name};
    struct lockstep_token token;
    struct lockstep_key *key = NULL;
    char host[PATH_SIZE];
    char probe[PATH_SIZE];
    enum lockstep_err result;
    memset(&token, 0, sizeof(token));
    LOCKSTEP_TRY(find_program(config->host, "lockstep-host", host, err));
    LOCKSTEP_TRY(find_program(config->probe, "lockstep-probe", probe, err));
    driver.host_path = host;
    driver.probe_path = probe;
    result = lockstep_daemon_loop(daemon, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_agent_store_open(config->data, &driver.store, err);
    }
    if (result == LOCKSTEP_OK) {
        result = get_key(config, &key, err);
        driver.key = key;
    }
    if (result == LOCKSTEP_OK && flags->join != NULL &&
        lockstep_agent_store_meta(driver.store)->enrolled) {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "agent",
                     "enrolled already: the join token is not looked at; to join another cluster, "
                     "start with an empty data directory");
    } else if (result == LOCKSTEP_OK && flags->join != NULL) {
        result = read_token(flags->join, config, &token, err);
        driver.token = &token;
    }
    if (result == LOCKSTEP_OK) {
        result = run(daemon->loop, flags->stop_hosts, &driver, err);
    }
    lockstep_token_deinit(&token);
    (void)lockstep_key_free(key);
    (void)lockstep_agent_store_close(driver.store);
    (void)lockstep_loop_free(daemon->loop);
    return result;
}

/* The one command is resolve, and --reason stands with it only. */
static enum lockstep_err check_words(const struct lockstep_daemon *daemon,
                                     const struct flags *flags, struct lockstep_resolve *resolve,
                                     bool *ret_resolve, struct lockstep_error *err)
{
    int most;
    *ret_resolve = daemon->word_count > 0 && strcmp(daemon->words[0], "resolve") == 0;
    most = *ret_resolve ? 3 : 0;
    if (daemon->word_count > most) {
        return LOCKSTEP_FAIL(err, INVALID, "'%.80s' is not expected here; see --help",
                             daemon->words[most]);
    }
    if (!*ret_resolve && flags->reason != NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "--reason is for lockstep-agent resolve");
    }
    if (*ret_resolve && (flags->join != NULL || flags->stop_hosts)) {
        return LOCKSTEP_FAIL(err, INVALID, "--join and --stop-hosts are not for resolve");
    }
    *resolve = (struct lockstep_resolve){
        .operation = daemon->word_count > 1 ? daemon->words[1] : NULL,
        .outcome = daemon->word_count > 2 ? daemon->words[2] : NULL,
        .reason = flags->reason};
    return LOCKSTEP_OK;
}

int main(int argc, char **argv)
{
    struct flags flags = {0};
    struct lockstep_daemon daemon = {
        .name = "lockstep-agent",
        .about = about,
        .ending = ending,
        .kind = LOCKSTEP_CONFIG_AGENT,
        .own = {"Options of the agent", rows, LOCKSTEP_COUNT(rows), &flags},
        .config = "/etc/lockstep/agent.yaml",
    };
    struct lockstep_config_agent config;
    struct lockstep_resolve resolve;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = LOCKSTEP_OK;
    bool resolving = false;
    int code;
    if (!lockstep_daemon_start(&daemon, argc, argv, &code)) {
        return code;
    }
    if (check_words(&daemon, &flags, &resolve, &resolving, &err) != LOCKSTEP_OK ||
        lockstep_config_agent_load(daemon.config, &config, &err) != LOCKSTEP_OK) {
        (void)lockstep_daemon_complain(&daemon, &err);
        return LOCKSTEP_EXIT_USAGE;
    }
    lockstep_log_set_level(config.log);
    if (daemon.check) {
        printf("%s is in order\n", daemon.config);
    } else if (resolving) {
        result = lockstep_agent_resolve(&config, &resolve, &err);
    } else {
        result = serve(&daemon, &flags, &config, &err);
    }
    lockstep_config_agent_deinit(&config);
    return result == LOCKSTEP_OK ? EXIT_SUCCESS : lockstep_daemon_complain(&daemon, &err);
}
