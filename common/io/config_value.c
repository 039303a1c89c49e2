#include "common/io/config_yaml.h"

#include "common/base/cleanup.h"
#include "common/io/value.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum lockstep_err no_memory(struct lockstep_error *err)
{
    return LOCKSTEP_FAIL(err, NOMEM, "no memory for the configuration");
}

/* A new text: TEXT, or TEXT in the directory of the file if it is a relative path. */
enum lockstep_err lockstep_config_path(const struct lockstep_config_file *file, const char *key,
                                       const char *text, const char *fallback, char **ret_path,
                                       struct lockstep_error *err)
{
    const char *path = text == NULL ? fallback : text;
    const char *slash = strrchr(file->path, '/');
    size_t directory = slash == NULL ? 0 : (size_t)(slash - file->path) + 1;
    char *joined = NULL;
    char *here = NULL;
    if (path == NULL) {
        *ret_path = NULL;
        return LOCKSTEP_OK;
    }
    if (path[0] == '~') {
        return lockstep_config_fail(file, key, path, err, "%.80s: write the home directory in full",
                                    path);
    }
    if (path[0] == '/') {
        *ret_path = strdup(path);
        return *ret_path == NULL ? no_memory(err) : LOCKSTEP_OK;
    }
    if (file->path[0] != '/') { /* other processes are told of these paths: they are absolute */
        here = getcwd(NULL, 0);
        if (here == NULL) {
            return LOCKSTEP_FAIL_ERRNO(err, "find the working directory");
        }
    }
    if (asprintf(&joined, "%s%s%.*s%s", here == NULL ? "" : here, here == NULL ? "" : "/",
                 (int)directory, file->path, path) < 0) {
        free(here);
        return no_memory(err);
    }
    free(here);
    *ret_path = joined;
    return LOCKSTEP_OK;
}

/* True if PLACE, behind tcp://, is HOST:PORT. */
static bool is_host_port(const char *place)
{
    const char *colon = strrchr(place, ':');
    uint64_t port;
    return colon != NULL && colon != place && lockstep_count_parse(colon + 1, &port) &&
           port <= UINT16_MAX;
}

enum lockstep_err lockstep_config_url(const struct lockstep_config_file *file, const char *key,
                                      const char *text, char **ret_url, struct lockstep_error *err)
{
    bool tcp = strncmp(text, "tcp://", 6) == 0;
    bool good = strlen(text) <= LOCKSTEP_TEXT_MAX;
    for (const char *at = text; *at != '\0'; at++) {
        good = good && *at > ' ' && *at < 0x7F;
    }
    good = good &&
           (tcp ? is_host_port(text + 6) : strncmp(text, "ipc://", 6) == 0 && text[6] != '\0');
    if (!good) {
        return lockstep_config_fail(file, key, text, err,
                                    "%.80s is neither tcp://HOST:PORT nor ipc://PATH", text);
    }
    *ret_url = strdup(text);
    return *ret_url == NULL ? no_memory(err) : LOCKSTEP_OK;
}

enum lockstep_err lockstep_config_name(const struct lockstep_config_file *file, const char *key,
                                       const char *text, struct lockstep_name *ret_name,
                                       struct lockstep_error *err)
{
    if (!lockstep_name_parse(text, ret_name)) {
        return lockstep_config_fail(file, key, text, err,
                                    "%.80s is no name: a letter, then up to 62 of a-z, 0-9 and -",
                                    text);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_config_level(const struct lockstep_config_file *file, const char *text,
                                        enum lockstep_level *ret_log, struct lockstep_error *err)
{
    *ret_log = LOCKSTEP_LEVEL_DEFAULT;
    if (text == NULL || lockstep_level_parse(text, ret_log)) {
        return LOCKSTEP_OK;
    }
    return lockstep_config_fail(file, "log", text, err,
                                "%.80s is none of error, warning, info, debug", text);
}

enum lockstep_err lockstep_config_list_add(struct lockstep_config_list *list, const char *text,
                                           struct lockstep_error *err)
{
    char **items = reallocarray(list->items, list->count + 2, sizeof(*items));
    if (items == NULL) {
        return no_memory(err);
    }
    list->items = items;
    items[list->count] = strdup(text);
    if (items[list->count] == NULL) {
        return no_memory(err);
    }
    items[++list->count] = NULL;
    return LOCKSTEP_OK;
}

enum lockstep_err
lockstep_config_list_take(const struct lockstep_config_file *file, const char *key,
                          const struct lockstep_config_raw_list *raw, lockstep_config_text_fn *turn,
                          struct lockstep_config_list *ret_list, struct lockstep_error *err)
{
    *ret_list = (struct lockstep_config_list){0};
    for (unsigned i = 0; i < raw->items_count; i++) {
        LOCKSTEP_FREE char *turned = NULL;
        if (turn != NULL) {
            LOCKSTEP_TRY(turn(file, key, raw->items[i], &turned, err));
        }
        LOCKSTEP_TRY(
            lockstep_config_list_add(ret_list, turn == NULL ? raw->items[i] : turned, err));
    }
    return LOCKSTEP_OK;
}

void lockstep_config_list_deinit(struct lockstep_config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct lockstep_config_list){0};
}

const cyaml_schema_field_t lockstep_config_settings_fields[] = {
#define FIELD(key, unit, value, smallest, largest, text) \
    LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_settings, key),
    LOCKSTEP_DEFAULTS_TABLE(FIELD)
#undef FIELD
        CYAML_FIELD_END};

static void format_setting(const struct lockstep_default *row, uint64_t number,
                           char ret_text[LOCKSTEP_VALUE_TEXT])
{
    if (row->unit == LOCKSTEP_UNIT_MS) {
        lockstep_duration_format(number, ret_text);
    } else {
        (void)snprintf(ret_text, LOCKSTEP_VALUE_TEXT, "%llu", (unsigned long long)number);
    }
}

static enum lockstep_err take_setting(const struct lockstep_config_file *file,
                                      const struct lockstep_default *row, const char *text,
                                      uint64_t *ret_number, struct lockstep_error *err)
{
    bool duration = row->unit == LOCKSTEP_UNIT_MS;
    uint64_t number = 0;
    if (duration ? !lockstep_duration_parse(text, &number) : !lockstep_count_parse(text, &number)) {
        return lockstep_config_fail(file, row->key, text, err, "%.80s is no %s", text,
                                    duration ? "duration, like 500ms, 10s, 5m or 1h" : "number");
    }
    if (number < row->smallest || number > row->largest) {
        char low[LOCKSTEP_VALUE_TEXT];
        char high[LOCKSTEP_VALUE_TEXT];
        format_setting(row, row->smallest, low);
        format_setting(row, row->largest, high);
        return lockstep_config_fail(file, row->key, text, err, "%.80s is not between %s and %s",
                                    text, low, high);
    }
    *ret_number = number;
    return LOCKSTEP_OK;
}

/* Settings of which the first may not be larger than the second. */
static enum lockstep_err check_order(const struct lockstep_config_file *file,
                                     const struct lockstep_defaults *settings,
                                     struct lockstep_error *err)
{
    const struct {
        const char *first;
        const char *last;
        uint64_t low;
        uint64_t high;
    } rows[] = {
#define PAIR(first, last) {#first, #last, settings->first, settings->last}
        PAIR(reconnect_first, reconnect_last), PAIR(decision_resend_first, decision_resend_last),
        PAIR(catch_up_first, catch_up_last),   PAIR(suspect_percent, down_percent),
        PAIR(query_first, query_last),         PAIR(host_restart_first, host_restart_last),
        PAIR(half_open_address, half_open),
#undef PAIR
    };
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        if (rows[i].low > rows[i].high) {
            return lockstep_config_fail(file, rows[i].first, NULL, err, "it is larger than %s",
                                        rows[i].last);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_config_settings_take(const struct lockstep_config_file *file,
                                                const struct lockstep_config_raw_settings *raw,
                                                struct lockstep_defaults *ret_settings,
                                                struct lockstep_error *err)
{
    size_t i = 0;
    lockstep_defaults_init(ret_settings);
    if (raw == NULL) {
        return LOCKSTEP_OK;
    }
#define TAKE(key, unit, value, smallest, largest, text)                                        \
    if (raw->key != NULL) {                                                                    \
        LOCKSTEP_TRY(                                                                          \
            take_setting(file, &lockstep_default_rows[i], raw->key, &ret_settings->key, err)); \
    }                                                                                          \
    i++;
    LOCKSTEP_DEFAULTS_TABLE(TAKE)
#undef TAKE
    return check_order(file, ret_settings, err);
}
