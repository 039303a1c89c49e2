/*
 * Private to config*.c: a YAML file read with a libcyaml schema in which every leaf is a text, and
 * the turning of texts into values, with errors that name file, line and key.
 *
 * libcyaml says what is wrong by printing it. What it prints is caught and said again in one line.
 * Values are turned by ourselves because its own are lax (every word is a truth value there).
 */
#ifndef LOCKSTEP_IO_CONFIG_YAML_H
#define LOCKSTEP_IO_CONFIG_YAML_H

#include "common/io/config.h"

#include <cyaml/cyaml.h>

#define LOCKSTEP_CONFIG_TEXT_MAX 1024 /* bytes of one text in a configuration file */

/* Defaults that a person may want to know: the sample prints them. */
#define LOCKSTEP_CONFIG_COORDINATOR_DATA "/var/lib/lockstep/coordinator"
#define LOCKSTEP_CONFIG_AGENT_DATA       "/var/lib/lockstep/agent"
#define LOCKSTEP_CONFIG_AGENT_RUN        "/run/lockstep"
#define LOCKSTEP_CONFIG_MODULES          "modules"
#define LOCKSTEP_CONFIG_SERVICE          "default"

/* A configuration file while it is being read. */
struct lockstep_config_file {
    const char *path; /* borrowed */
    char *text;       /* its bytes and a NUL */
    size_t length;
    const cyaml_schema_value_t *schema;
    void *raw; /* what libcyaml made of it, or NULL if nothing is set in it */
};

/* Reads PATH and parses it with SCHEMA (a mapping by pointer). *RET_MISSING (may be NULL, then it
 * is an error) says that there is no such file. Close it whatever is returned. */
enum lockstep_err lockstep_config_file_open(const char *path, const cyaml_schema_value_t *schema,
                                            struct lockstep_config_file *ret_file,
                                            bool *ret_missing,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_file_close(struct lockstep_config_file *file);

/* Fails with "FILE:LINE: KEY: …". The line is that of VALUE, looked for from the first use of KEY
 * on, or that of KEY if VALUE is NULL or not to be found. */
enum lockstep_err lockstep_config_fail(const struct lockstep_config_file *file, const char *key,
                                       const char *value, struct lockstep_error *err,
                                       const char *format, ...) LOCKSTEP_PRINTF(5, 6);

/* Each turns TEXT, the value of KEY, or takes FALLBACK where TEXT is NULL. Texts returned are new.
 */
enum lockstep_err lockstep_config_path(const struct lockstep_config_file *file, const char *key,
                                       const char *text, const char *fallback, char **ret_path,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_config_url(const struct lockstep_config_file *file, const char *key,
                                      const char *text, char **ret_url,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_config_name(const struct lockstep_config_file *file, const char *key,
                                       const char *text, struct lockstep_name *ret_name,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_config_level(const struct lockstep_config_file *file, const char *text,
                                        enum lockstep_level *ret_log,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* A list as libcyaml has it. */
struct lockstep_config_raw_list {
    char **items;
    unsigned items_count;
};

typedef enum lockstep_err lockstep_config_text_fn(const struct lockstep_config_file *file,
                                                  const char *key, const char *text,
                                                  char **ret_text, struct lockstep_error *err);
/* Turns every element with TURN (NULL: takes it as it is). Deinit *RET_LIST whatever is returned.
 */
enum lockstep_err lockstep_config_list_take(const struct lockstep_config_file *file,
                                            const char *key,
                                            const struct lockstep_config_raw_list *raw,
                                            lockstep_config_text_fn *turn,
                                            struct lockstep_config_list *ret_list,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Appends a copy of TEXT. */
enum lockstep_err lockstep_config_list_add(struct lockstep_config_list *list, const char *text,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_list_deinit(struct lockstep_config_list *list);

/* Texts of `settings`, one a row of common/tbl/defaults.h; NULL where it is not set. */
struct lockstep_config_raw_settings {
#define LOCKSTEP_CONFIG_RAW(key, unit, value, smallest, largest, text) char *key;
    LOCKSTEP_DEFAULTS_TABLE(LOCKSTEP_CONFIG_RAW)
#undef LOCKSTEP_CONFIG_RAW
};
extern const cyaml_schema_field_t lockstep_config_settings_fields[];

/* Defaults, then what RAW (may be NULL) sets, in range and in order. */
enum lockstep_err lockstep_config_settings_take(const struct lockstep_config_file *file,
                                                const struct lockstep_config_raw_settings *raw,
                                                struct lockstep_defaults *ret_settings,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A health check as libcyaml has it. */
struct lockstep_config_raw_health {
    char *name;
    char *module;
    char *tool;
    char *request;
    char *expect;
    struct lockstep_config_raw_list command;
    char *http;
    char *status;
    char *interval;
    char *timeout;
    char *failures;
};
extern const cyaml_schema_value_t lockstep_config_health_schema;
/* Takes the checks of SERVICE; deinit whatever is returned. */
enum lockstep_err lockstep_config_health_take(const struct lockstep_config_file *file,
                                              const struct lockstep_config_raw_health *raw,
                                              size_t count, struct lockstep_config_service *service,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_health_deinit(struct lockstep_config_service *service);

/* A key that holds a text. */
#define LOCKSTEP_CONFIG_TEXT(structure, member)                                                  \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, \
                           1, LOCKSTEP_CONFIG_TEXT_MAX)
/* A key that holds a list; `member` is a pointer beside `member_count`. */
#define LOCKSTEP_CONFIG_LIST(structure, name, member, entry)                                       \
    CYAML_FIELD_SEQUENCE(name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, entry, \
                         0, LOCKSTEP_CONFIG_LIST_MAX)

extern const cyaml_schema_value_t lockstep_config_text_schema;

#endif
