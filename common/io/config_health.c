/* Health checks of a service in agent.yaml. */
#include "common/io/config_yaml.h"

#include "common/io/http_url.h"
#include "common/io/value.h"

#include <stdlib.h>
#include <string.h>

static const cyaml_schema_field_t fields[] = {
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, name),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, module),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, tool),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, request),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, expect),
    LOCKSTEP_CONFIG_LIST(struct lockstep_config_raw_health, "command", command.items,
                         &lockstep_config_text_schema),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, http),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, status),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, interval),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, timeout),
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_health, failures),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t lockstep_config_health_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct lockstep_config_raw_health, fields)};

static enum lockstep_err take_text(const char *text, char **ret_text, struct lockstep_error *err)
{
    *ret_text = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret_text == NULL
               ? LOCKSTEP_FAIL(err, NOMEM, "no memory for the configuration")
               : LOCKSTEP_OK;
}

static enum lockstep_err take_duration(const struct lockstep_config_file *file, const char *key,
                                       const char *text, uint64_t *ms, struct lockstep_error *err)
{
    if (text != NULL && (!lockstep_duration_parse(text, ms) || *ms < 10 || *ms > LOCKSTEP_HOUR)) {
        return lockstep_config_fail(file, key, text, err,
                                    "%.80s is no duration between 10ms and 1h", text);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err take_count(const struct lockstep_config_file *file, const char *key,
                                    const char *text, uint64_t least, uint64_t most,
                                    uint32_t *count)
{
    uint64_t number = 0;
    (void)file;
    (void)key;
    if (text == NULL) {
        return LOCKSTEP_OK;
    }
    if (!lockstep_count_parse(text, &number) || number < least || number > most) {
        return LOCKSTEP_INVALID;
    }
    *count = (uint32_t)number;
    return LOCKSTEP_OK;
}

static enum lockstep_err take_numbers(const struct lockstep_config_file *file,
                                      const struct lockstep_config_raw_health *raw,
                                      struct lockstep_config_health *check,
                                      struct lockstep_error *err)
{
    check->interval_ms = LOCKSTEP_CONFIG_HEALTH_INTERVAL;
    check->timeout_ms = LOCKSTEP_CONFIG_HEALTH_TIMEOUT;
    check->failures = LOCKSTEP_CONFIG_HEALTH_FAILURES;
    LOCKSTEP_TRY(take_duration(file, "interval", raw->interval, &check->interval_ms, err));
    LOCKSTEP_TRY(take_duration(file, "timeout", raw->timeout, &check->timeout_ms, err));
    if (take_count(file, "failures", raw->failures, 1, 1000, &check->failures) != LOCKSTEP_OK) {
        return lockstep_config_fail(file, "failures", raw->failures, err,
                                    "%.80s is no number between 1 and 1000", raw->failures);
    }
    if (take_count(file, "status", raw->status, 100, 599, &check->status) != LOCKSTEP_OK) {
        return lockstep_config_fail(file, "status", raw->status, err,
                                    "%.80s is no status between 100 and 599", raw->status);
    }
    return LOCKSTEP_OK;
}

/* Exactly one thing is looked at, and what belongs to another is not set. */
static enum lockstep_err check_kind(const struct lockstep_config_file *file,
                                    const struct lockstep_config_raw_health *raw,
                                    struct lockstep_error *err)
{
    struct lockstep_http_url url;
    int kinds = (raw->tool != NULL ? 1 : 0) + (raw->command.items_count > 0 ? 1 : 0) +
                (raw->http != NULL ? 1 : 0);
    if (kinds != 1) {
        return lockstep_config_fail(file, "health", raw->name, err,
                                    "%.80s needs one of tool, command and http", raw->name);
    }
    if (raw->tool == NULL && (raw->request != NULL || raw->expect != NULL)) {
        return lockstep_config_fail(file, "health", raw->name, err,
                                    "%.80s: request and expect belong to a tool", raw->name);
    }
    if (raw->http == NULL && raw->status != NULL) {
        return lockstep_config_fail(file, "status", raw->status, err, "it belongs to http");
    }
    if (raw->tool != NULL && strlen(raw->tool) > LOCKSTEP_NAME_MAX) {
        return lockstep_config_fail(file, "tool", raw->tool, err, "%.80s is no tool", raw->tool);
    }
    if (raw->command.items_count > 0 && raw->command.items[0][0] != '/') {
        return lockstep_config_fail(file, "command", raw->command.items[0], err,
                                    "%.80s: name the program by its whole path",
                                    raw->command.items[0]);
    }
    if (raw->http != NULL && !lockstep_http_url_parse(raw->http, &url)) {
        return lockstep_config_fail(file, "http", raw->http, err,
                                    "%.80s is no page of this machine, like "
                                    "http://127.0.0.1:8080/health",
                                    raw->http);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err take_check(const struct lockstep_config_file *file,
                                    const struct lockstep_config_raw_health *raw,
                                    struct lockstep_config_health *check,
                                    struct lockstep_error *err)
{
    if (raw->name == NULL) {
        return lockstep_config_fail(file, "health", NULL, err, "a check has no name");
    }
    LOCKSTEP_TRY(lockstep_config_name(file, "name", raw->name, &check->name, err));
    if (raw->module != NULL) {
        LOCKSTEP_TRY(lockstep_config_name(file, "module", raw->module, &check->module, err));
    }
    LOCKSTEP_TRY(check_kind(file, raw, err));
    LOCKSTEP_TRY(take_text(raw->tool, &check->tool, err));
    LOCKSTEP_TRY(take_text(raw->request, &check->request, err));
    LOCKSTEP_TRY(take_text(raw->expect, &check->expect, err));
    LOCKSTEP_TRY(take_text(raw->http, &check->http, err));
    LOCKSTEP_TRY(
        lockstep_config_list_take(file, "command", &raw->command, NULL, &check->command, err));
    return take_numbers(file, raw, check, err);
}

enum lockstep_err lockstep_config_health_take(const struct lockstep_config_file *file,
                                              const struct lockstep_config_raw_health *raw,
                                              size_t count, struct lockstep_config_service *service,
                                              struct lockstep_error *err)
{
    if (count == 0) {
        return LOCKSTEP_OK;
    }
    if (count > LOCKSTEP_CONFIG_HEALTH_MAX) {
        return lockstep_config_fail(file, "health", NULL, err, "%s has more than %d checks",
                                    service->name.text, LOCKSTEP_CONFIG_HEALTH_MAX);
    }
    service->health = calloc(count, sizeof(*service->health));
    if (service->health == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the configuration");
    }
    for (size_t i = 0; i < count; i++) {
        service->health_count++; /* at once: what is taken is released on failure too */
        LOCKSTEP_TRY(take_check(file, &raw[i], &service->health[i], err));
        for (size_t j = 0; j < i; j++) {
            if (lockstep_name_equal(&service->health[j].name, &service->health[i].name)) {
                return lockstep_config_fail(file, "health", raw[i].name, err, "%s is named twice",
                                            raw[i].name);
            }
        }
    }
    return LOCKSTEP_OK;
}

void lockstep_config_health_deinit(struct lockstep_config_service *service)
{
    for (size_t i = 0; i < service->health_count; i++) {
        free(service->health[i].tool);
        free(service->health[i].request);
        free(service->health[i].expect);
        free(service->health[i].http);
        lockstep_config_list_deinit(&service->health[i].command);
    }
    free(service->health);
    service->health = NULL;
    service->health_count = 0;
}
