/* lockstep-agent: this node's part in the fleet. */
#include "agent/driver.h"
#include "common/io/log.h"
#include "common/io/options.h"
#include "common/io/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define PATH_SIZE  4096

struct flags {
    const char *config;
    const char *join;
    bool check;
    bool help;
    bool version;
    bool sample;
    bool stop_hosts;
};

static const struct lockstep_option rows[] = {
    {"config", 'c', LOCKSTEP_OPTION_TEXT, "FILE", "configuration to read", NULL,
     LOCKSTEP_OPTION_AT(struct flags, config), 0, 0},
    {"join", '\0', LOCKSTEP_OPTION_TEXT, "FILE", "enrol with the join token in FILE (-: stdin)",
     NULL, LOCKSTEP_OPTION_AT(struct flags, join), 0, 0},
    {"stop-hosts", '\0', LOCKSTEP_OPTION_FLAG, NULL,
     "end the hosts too when asked to stop; else they go on serving", NULL,
     LOCKSTEP_OPTION_AT(struct flags, stop_hosts), 0, 0},
    {"check", 'n', LOCKSTEP_OPTION_FLAG, NULL, "check the configuration and end", NULL,
     LOCKSTEP_OPTION_AT(struct flags, check), 0, 0},
    {"sample", '\0', LOCKSTEP_OPTION_FLAG, NULL, "print a configuration with every key", NULL,
     LOCKSTEP_OPTION_AT(struct flags, sample), 0, 0},
    {"help", 'h', LOCKSTEP_OPTION_FLAG, NULL, "this text", NULL,
     LOCKSTEP_OPTION_AT(struct flags, help), 0, 0},
    {"version", 'V', LOCKSTEP_OPTION_FLAG, NULL, "print the version", NULL,
     LOCKSTEP_OPTION_AT(struct flags, version), 0, 0},
};

static void print_help(const struct lockstep_options *options, FILE *out)
{
    (void)fprintf(out, "lockstep-agent loads modules into this node's hosts, as the coordinator "
                       "and the\nsignatures allow.\n\n"
                       "  lockstep-agent --config FILE               run\n"
                       "  lockstep-agent --config FILE --join TOKEN  enrol, and go on to run\n\n");
    lockstep_options_help(options, out);
    (void)fprintf(out, "\nEnds with 0 when it was asked to stop, 2 for a wrong configuration, a\n"
                       "token or a directory in use, 1 for anything else.\n");
}

static int complain(const struct lockstep_error *err)
{
    (void)fprintf(stderr, "lockstep-agent: %s\n", err->message);
    return err->code == LOCKSTEP_INVALID || err->code == LOCKSTEP_CONFLICT ||
                   err->code == LOCKSTEP_REFUSED
               ? EXIT_USAGE
               : EXIT_FAILURE;
}

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

struct daemon {
    struct lockstep_loop *loop;
    const char *path;
    const char *name;
};

static void reload(const struct daemon *daemon)
{
    struct lockstep_config_agent config;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_config_agent_load(daemon->path, &config, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "the old configuration stays: %s", err.message);
        return;
    }
    lockstep_log_set_level(config.log);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent",
                 "configuration read again: the log's level is taken over, the rest at a restart");
    lockstep_config_agent_deinit(&config);
}

static void on_signal(void *context, int signal)
{
    const struct daemon *daemon = context;
    if (signal == SIGHUP) {
        reload(daemon);
        return;
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "asked to stop");
    lockstep_loop_stop(daemon->loop);
}

static void on_ready(void *context)
{
    const struct daemon *daemon = context;
    lockstep_ready(daemon->name);
}

static enum lockstep_err run(const struct flags *flags, struct lockstep_node_agent_config *config,
                             struct daemon *daemon, struct lockstep_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct lockstep_node_agent *agent = NULL;
    enum lockstep_err result = lockstep_loop_signals(daemon->loop, signals, LOCKSTEP_COUNT(signals),
                                                     on_signal, daemon, err);
    config->ready = on_ready;
    config->context = daemon;
    if (result == LOCKSTEP_OK) {
        result = lockstep_node_agent_new(daemon->loop, config, &agent, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_loop_run(daemon->loop, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_node_agent_failure(agent, err);
    }
    if (agent != NULL && flags->stop_hosts) {
        lockstep_node_agent_stop_hosts(agent);
    }
    (void)lockstep_node_agent_free(agent);
    return result;
}

static enum lockstep_err serve(const struct flags *flags,
                               const struct lockstep_config_agent *config,
                               struct lockstep_error *err)
{
    struct daemon daemon = {.path = flags->config, .name = config->name.text};
    struct lockstep_node_agent_config driver = {.config = config};
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
    LOCKSTEP_TRY(lockstep_loop_new(&daemon.loop, err));
    result = lockstep_agent_store_open(config->data, &driver.store, err);
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
        result = run(flags, &driver, &daemon, err);
    }
    lockstep_token_deinit(&token);
    (void)lockstep_key_free(key);
    (void)lockstep_agent_store_close(driver.store);
    (void)lockstep_loop_free(daemon.loop);
    return result;
}

int main(int argc, char **argv)
{
    struct flags flags = {.config = "/etc/lockstep/agent.yaml"};
    struct lockstep_option_set set = {"Options", rows, LOCKSTEP_COUNT(rows), &flags};
    struct lockstep_options options = {.sets = &set, .set_count = 1};
    struct lockstep_config_agent config;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    int first = 0;
    if (lockstep_options_parse(&options, argc, argv, &first, &err) != LOCKSTEP_OK) {
        return complain(&err);
    }
    if (flags.help) {
        print_help(&options, stdout);
        return EXIT_SUCCESS;
    }
    if (flags.version) {
        printf("lockstep-agent %s\n", LOCKSTEP_VERSION);
        return EXIT_SUCCESS;
    }
    if (flags.sample) {
        lockstep_config_sample(LOCKSTEP_CONFIG_AGENT, stdout);
        return EXIT_SUCCESS;
    }
    if (first < argc) {
        (void)fprintf(stderr, "lockstep-agent: '%s' is not expected here; see --help\n",
                      argv[first]);
        return EXIT_USAGE;
    }
    if (lockstep_config_agent_load(flags.config, &config, &err) != LOCKSTEP_OK) {
        (void)complain(&err);
        return EXIT_USAGE;
    }
    lockstep_log_set_level(config.log);
    if (flags.check) {
        printf("%s is in order\n", flags.config);
        result = LOCKSTEP_OK;
    } else {
        result = serve(&flags, &config, &err);
    }
    lockstep_config_agent_deinit(&config);
    return result == LOCKSTEP_OK ? EXIT_SUCCESS : complain(&err);
}
