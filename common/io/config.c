#include "common/io/config.h"

#include "common/io/config_exec.h"
#include "common/io/keys.h"
#include "common/io/value.h"

#include <stdlib.h>
#include <string.h>

/* The files as libcyaml gives them: every leaf a text, NULL where it is not set. */
struct raw_coordinator {
    char *data;
    struct lockstep_config_raw_list listen;
    char *log;
    char *artifact_max;
    struct lockstep_config_raw_settings *settings;
};

struct raw_place {
    char *url;
};

struct raw_service {
    char *name;
    char *processes;
    struct lockstep_config_raw_list command;
    struct lockstep_config_raw_exec *exec;
    struct lockstep_config_raw_health *health;
    unsigned health_count;
};

struct raw_agent {
    char *name;
    char *data;
    char *run;
    char *config_dir;
    char *probe;
    char *host;
    char *log;
    struct raw_place *coordinators;
    unsigned coordinators_count;
    struct raw_service *services;
    unsigned services_count;
    struct lockstep_config_raw_list module_path;
    struct lockstep_config_raw_list rollback_at_least;
    struct lockstep_config_raw_settings *settings;
};

struct raw_operator {
    char *coordinator;
    char *cluster;
    char *coordinator_key;
    char *name;
    char *channel_key;
    char *sign_key;
};

#define TEXTS(structure, member) \
    LOCKSTEP_CONFIG_LIST(structure, #member, member.items, &lockstep_config_text_schema)
#define SETTINGS(structure)                                                                  \
    CYAML_FIELD_MAPPING_PTR("settings", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, \
                            settings, lockstep_config_settings_fields)

static const cyaml_schema_field_t coordinator_fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct raw_coordinator, data),
    TEXTS(struct raw_coordinator, listen),
    LOCKSTEP_CONFIG_TEXT(struct raw_coordinator, log),
    LOCKSTEP_CONFIG_TEXT(struct raw_coordinator, artifact_max),
    SETTINGS(struct raw_coordinator),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t coordinator_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_coordinator, coordinator_fields)};

static const cyaml_schema_field_t place_fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct raw_place, url),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t place_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_place, place_fields)};

static const cyaml_schema_field_t service_fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct raw_service, name),
    LOCKSTEP_CONFIG_TEXT(struct raw_service, processes),
    TEXTS(struct raw_service, command),
    CYAML_FIELD_MAPPING_PTR("exec", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_service,
                            exec, lockstep_config_exec_fields),
    LOCKSTEP_CONFIG_LIST(struct raw_service, "health", health, &lockstep_config_health_schema),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_service, service_fields)};

static const cyaml_schema_field_t agent_fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, name),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, data),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, run),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, config_dir),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, probe),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, host),
    LOCKSTEP_CONFIG_TEXT(struct raw_agent, log),
    LOCKSTEP_CONFIG_LIST(struct raw_agent, "coordinators", coordinators, &place_schema),
    LOCKSTEP_CONFIG_LIST(struct raw_agent, "services", services, &service_schema),
    TEXTS(struct raw_agent, module_path),
    TEXTS(struct raw_agent, rollback_at_least),
    SETTINGS(struct raw_agent),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t agent_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_agent, agent_fields)};

static const cyaml_schema_field_t operator_fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, coordinator),
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, cluster),
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, coordinator_key),
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, name),
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, channel_key),
    LOCKSTEP_CONFIG_TEXT(struct raw_operator, sign_key),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t operator_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_operator, operator_fields)};

/* A path in a list of paths. */
static enum lockstep_err turn_path(const struct lockstep_config_file *file, const char *key,
                                   const char *text, char **ret_path, struct lockstep_error *err)
{
    return lockstep_config_path(file, key, text, NULL, ret_path, err);
}

static enum lockstep_err take_size(const struct lockstep_config_file *file, const char *text,
                                   uint64_t *ret_bytes, struct lockstep_error *err)
{
    *ret_bytes = LOCKSTEP_ARTIFACT_MAX;
    if (text == NULL) {
        return LOCKSTEP_OK;
    }
    if (!lockstep_size_parse(text, ret_bytes)) {
        return lockstep_config_fail(file, "artifact_max", text, err,
                                    "%.80s is no size, like 65536, 64MiB or 1GiB", text);
    }
    if (*ret_bytes < 1 || *ret_bytes > LOCKSTEP_ARTIFACT_CEILING) {
        return lockstep_config_fail(file, "artifact_max", text, err,
                                    "%.80s is not between 1 and 1GiB", text);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err fill_coordinator(const struct lockstep_config_file *file,
                                          const struct raw_coordinator *raw,
                                          struct lockstep_config_coordinator *config,
                                          struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_config_path(file, "data", raw->data, LOCKSTEP_CONFIG_COORDINATOR_DATA,
                                      &config->data, err));
    LOCKSTEP_TRY(lockstep_config_list_take(file, "listen", &raw->listen, lockstep_config_url,
                                           &config->listen, err));
    if (config->listen.count == 0) {
        LOCKSTEP_TRY(lockstep_config_list_add(&config->listen, LOCKSTEP_CONFIG_LISTEN, err));
    }
    LOCKSTEP_TRY(lockstep_config_level(file, raw->log, &config->log, err));
    LOCKSTEP_TRY(take_size(file, raw->artifact_max, &config->artifact_max, err));
    return lockstep_config_settings_take(file, raw->settings, &config->settings, err);
}

enum lockstep_err lockstep_config_coordinator_load(const char *path,
                                                   struct lockstep_config_coordinator *ret_config,
                                                   struct lockstep_error *err)
{
    static const struct raw_coordinator nothing;
    struct lockstep_config_file file;
    struct lockstep_config_coordinator config = {0};
    enum lockstep_err code = lockstep_config_file_open(path, &coordinator_schema, &file, NULL, err);
    if (code == LOCKSTEP_OK) {
        code = fill_coordinator(&file, file.raw == NULL ? &nothing : file.raw, &config, err);
    }
    lockstep_config_file_close(&file);
    if (code != LOCKSTEP_OK) {
        lockstep_config_coordinator_deinit(&config);
        return code;
    }
    *ret_config = config;
    return LOCKSTEP_OK;
}

void lockstep_config_coordinator_deinit(struct lockstep_config_coordinator *config)
{
    free(config->data);
    lockstep_config_list_deinit(&config->listen);
    config->data = NULL;
}

static enum lockstep_err take_coordinators(const struct lockstep_config_file *file,
                                           const struct raw_agent *raw,
                                           struct lockstep_config_list *list,
                                           struct lockstep_error *err)
{
    for (unsigned i = 0; i < raw->coordinators_count; i++) {
        char *url = NULL;
        enum lockstep_err code;
        if (raw->coordinators[i].url == NULL) {
            return lockstep_config_fail(file, "coordinators", NULL, err, "number %u has no url",
                                        i + 1);
        }
        LOCKSTEP_TRY(lockstep_config_url(file, "url", raw->coordinators[i].url, &url, err));
        code = lockstep_config_list_add(list, url, err);
        free(url);
        LOCKSTEP_TRY(code);
    }
    if (list->count == 0) {
        return lockstep_config_fail(file, "coordinators", NULL, err,
                                    "none is given; name at least one, like \"- url: %s\"",
                                    LOCKSTEP_CONFIG_LISTEN);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err take_processes(const struct lockstep_config_file *file, const char *text,
                                        uint32_t *ret_count, struct lockstep_error *err)
{
    char *end = NULL;
    unsigned long count = text == NULL ? 1 : strtoul(text, &end, 10);
    if (count < 1 || count > LOCKSTEP_SERVICE_PROCESSES_MAX ||
        (text != NULL && (*end != '\0' || text[0] < '0' || text[0] > '9'))) {
        return lockstep_config_fail(file, "processes", text, err, "%.80s is no number from 1 to %d",
                                    text, LOCKSTEP_SERVICE_PROCESSES_MAX);
    }
    *ret_count = (uint32_t)count;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_service(const struct lockstep_config_file *file,
                                      const struct raw_service *raw,
                                      struct lockstep_config_agent *config,
                                      struct lockstep_error *err)
{
    struct lockstep_config_service *service = &config->services[config->service_count];
    /* Counted at once, so that what is taken is released on failure too. */
    config->service_count++;
    if (raw->name == NULL) {
        return lockstep_config_fail(file, "services", NULL, err, "number %zu has no name",
                                    config->service_count);
    }
    LOCKSTEP_TRY(lockstep_config_name(file, "name", raw->name, &service->name, err));
    for (size_t i = 0; i + 1 < config->service_count; i++) {
        if (lockstep_name_equal(&config->services[i].name, &service->name)) {
            return lockstep_config_fail(file, "services", NULL, err, "%s is named twice",
                                        raw->name);
        }
    }
    if (raw->exec != NULL && raw->command.items_count > 0) {
        return lockstep_config_fail(file, "exec", NULL, err,
                                    "%s has a command, too: a service is either a host or driven "
                                    "by verbs",
                                    raw->name);
    }
    LOCKSTEP_TRY(take_processes(file, raw->processes, &service->processes, err));
    LOCKSTEP_TRY(lockstep_config_exec_take(file, raw->exec, &service->exec, err));
    LOCKSTEP_TRY(
        lockstep_config_list_take(file, "command", &raw->command, NULL, &service->command, err));
    return lockstep_config_health_take(file, raw->health, raw->health_count, service, err);
}

static enum lockstep_err take_services(const struct lockstep_config_file *file,
                                       const struct raw_agent *raw,
                                       struct lockstep_config_agent *config,
                                       struct lockstep_error *err)
{
    static char fallback[] = LOCKSTEP_CONFIG_SERVICE;
    const struct raw_service stock = {.name = fallback};
    const struct raw_service *services = raw->services_count == 0 ? &stock : raw->services;
    size_t count = raw->services_count == 0 ? 1 : raw->services_count;
    config->services = calloc(count, sizeof(*config->services));
    if (config->services == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the configuration");
    }
    for (size_t i = 0; i < count; i++) {
        LOCKSTEP_TRY(take_service(file, &services[i], config, err));
    }
    return LOCKSTEP_OK;
}

/* A class, or a module and its class. */
static enum lockstep_err turn_rollback(const struct lockstep_config_file *file, const char *key,
                                       const char *text, char **ret_text,
                                       struct lockstep_error *err)
{
    static const char *const classes[] = {"lossless", "journaled", "snapshot", "none"};
    const char *class = strchr(text, '=');
    struct lockstep_name module;
    char name[LOCKSTEP_NAME_MAX + 1];
    bool known = class == NULL;
    if (class != NULL && (size_t)(class - text) < sizeof(name)) {
        memcpy(name, text, (size_t)(class - text));
        name[class - text] = '\0';
        known = lockstep_name_parse(name, &module);
    }
    class = class == NULL ? text : class + 1;
    for (size_t i = 0; known && i < LOCKSTEP_COUNT(classes); i++) {
        if (strcmp(classes[i], class) == 0) {
            *ret_text = strdup(text);
            return *ret_text != NULL ? LOCKSTEP_OK
                                     : LOCKSTEP_FAIL(err, NOMEM, "no memory for a configuration");
        }
    }
    return lockstep_config_fail(file, key, NULL, err,
                                "'%.80s' is neither CLASS nor MODULE=CLASS; a class is lossless, "
                                "journaled, snapshot or none",
                                text);
}

static enum lockstep_err fill_agent_paths(const struct lockstep_config_file *file,
                                          const struct raw_agent *raw,
                                          struct lockstep_config_agent *config,
                                          struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_config_path(file, "data", raw->data, LOCKSTEP_CONFIG_AGENT_DATA,
                                      &config->data, err));
    LOCKSTEP_TRY(
        lockstep_config_path(file, "run", raw->run, LOCKSTEP_CONFIG_AGENT_RUN, &config->run, err));
    LOCKSTEP_TRY(lockstep_config_path(file, "config_dir", raw->config_dir, LOCKSTEP_CONFIG_MODULES,
                                      &config->config_dir, err));
    LOCKSTEP_TRY(lockstep_config_path(file, "probe", raw->probe, NULL, &config->probe, err));
    LOCKSTEP_TRY(lockstep_config_path(file, "host", raw->host, NULL, &config->host, err));
    return lockstep_config_list_take(file, "module_path", &raw->module_path, turn_path,
                                     &config->module_path, err);
}

static enum lockstep_err fill_agent(const struct lockstep_config_file *file,
                                    const struct raw_agent *raw,
                                    struct lockstep_config_agent *config,
                                    struct lockstep_error *err)
{
    if (raw->name == NULL) {
        return lockstep_config_fail(file, "name", NULL, err,
                                    "it is missing: the name of this node");
    }
    LOCKSTEP_TRY(lockstep_config_name(file, "name", raw->name, &config->name, err));
    LOCKSTEP_TRY(fill_agent_paths(file, raw, config, err));
    LOCKSTEP_TRY(take_coordinators(file, raw, &config->coordinators, err));
    LOCKSTEP_TRY(take_services(file, raw, config, err));
    LOCKSTEP_TRY(lockstep_config_list_take(file, "rollback_at_least", &raw->rollback_at_least,
                                           turn_rollback, &config->rollback_at_least, err));
    LOCKSTEP_TRY(lockstep_config_level(file, raw->log, &config->log, err));
    return lockstep_config_settings_take(file, raw->settings, &config->settings, err);
}

enum lockstep_err lockstep_config_agent_load(const char *path,
                                             struct lockstep_config_agent *ret_config,
                                             struct lockstep_error *err)
{
    static const struct raw_agent nothing;
    struct lockstep_config_file file;
    struct lockstep_config_agent config = {0};
    enum lockstep_err code = lockstep_config_file_open(path, &agent_schema, &file, NULL, err);
    if (code == LOCKSTEP_OK) {
        code = fill_agent(&file, file.raw == NULL ? &nothing : file.raw, &config, err);
    }
    lockstep_config_file_close(&file);
    if (code != LOCKSTEP_OK) {
        lockstep_config_agent_deinit(&config);
        return code;
    }
    *ret_config = config;
    return LOCKSTEP_OK;
}

void lockstep_config_agent_deinit(struct lockstep_config_agent *config)
{
    for (size_t i = 0; i < config->service_count; i++) {
        lockstep_config_list_deinit(&config->services[i].command);
        lockstep_config_exec_deinit(&config->services[i].exec);
        lockstep_config_health_deinit(&config->services[i]);
    }
    lockstep_config_list_deinit(&config->coordinators);
    lockstep_config_list_deinit(&config->module_path);
    lockstep_config_list_deinit(&config->rollback_at_least);
    free(config->services);
    free(config->data);
    free(config->run);
    free(config->config_dir);
    free(config->probe);
    free(config->host);
    *config = (struct lockstep_config_agent){0};
}

/* A public key as keys are printed ("lockstep-key NAME …"), or 64 hexadecimal digits. */
static enum lockstep_err take_key(const struct lockstep_config_file *file, const char *text,
                                  struct lockstep_config_operator *config,
                                  struct lockstep_error *err)
{
    struct lockstep_key_public key;
    if (lockstep_hex_parse(text, config->coordinator_key, sizeof(config->coordinator_key))) {
        config->coordinator_key_given = true;
        return LOCKSTEP_OK;
    }
    if (lockstep_key_public_parse(text, &key, NULL) != LOCKSTEP_OK) {
        return lockstep_config_fail(file, "coordinator_key", text, err,
                                    "it is no public key, as `lockstep key show` prints it");
    }
    memcpy(config->coordinator_key, key.channel, sizeof(config->coordinator_key));
    config->coordinator_key_given = true;
    return LOCKSTEP_OK;
}

static enum lockstep_err fill_operator(const struct lockstep_config_file *file,
                                       const struct raw_operator *raw,
                                       struct lockstep_config_operator *config,
                                       struct lockstep_error *err)
{
    if (raw->coordinator != NULL) {
        LOCKSTEP_TRY(
            lockstep_config_url(file, "coordinator", raw->coordinator, &config->coordinator, err));
    }
    if (raw->cluster != NULL && !lockstep_id_parse(raw->cluster, &config->cluster)) {
        return lockstep_config_fail(file, "cluster", raw->cluster, err,
                                    "%.80s is no id: 26 characters of a-z and 2-7", raw->cluster);
    }
    if (raw->coordinator_key != NULL) {
        LOCKSTEP_TRY(take_key(file, raw->coordinator_key, config, err));
    }
    if (raw->name != NULL) {
        LOCKSTEP_TRY(lockstep_config_name(file, "name", raw->name, &config->name, err));
    }
    LOCKSTEP_TRY(lockstep_config_path(file, "channel_key", raw->channel_key, NULL,
                                      &config->channel_key, err));
    return lockstep_config_path(file, "sign_key", raw->sign_key, NULL, &config->sign_key, err);
}

enum lockstep_err lockstep_config_operator_load(const char *path,
                                                struct lockstep_config_operator *ret_config,
                                                bool *ret_missing, struct lockstep_error *err)
{
    static const struct raw_operator nothing;
    struct lockstep_config_file file;
    struct lockstep_config_operator config = {0};
    enum lockstep_err code = lockstep_config_file_open(path, &operator_schema, &file, ret_missing,
                                                       err);
    if (code == LOCKSTEP_OK) {
        code = fill_operator(&file, file.raw == NULL ? &nothing : file.raw, &config, err);
    }
    lockstep_config_file_close(&file);
    if (code != LOCKSTEP_OK) {
        lockstep_config_operator_deinit(&config);
        return code;
    }
    *ret_config = config;
    return LOCKSTEP_OK;
}

void lockstep_config_operator_deinit(struct lockstep_config_operator *config)
{
    free(config->coordinator);
    free(config->channel_key);
    free(config->sign_key);
    *config = (struct lockstep_config_operator){0};
}
