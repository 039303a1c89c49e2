/*
 * Configuration files: YAML read with a schema into plain structs, checked, with defaults filled
 * in.
 *
 * A file is taken whole or not at all. What is wrong is said with file, line and key, and for an
 * unknown key the nearest one there is; a file that ends in the middle is refused like any other.
 * Relative paths are relative to the directory of the file. Nothing is opened besides the file:
 * that directories exist and keys are 0600 is checked by those who use them. Aliases are not
 * allowed.
 */
#ifndef LOCKSTEP_IO_CONFIG_H
#define LOCKSTEP_IO_CONFIG_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/io/log.h"
#include "common/tbl/defaults.h"
#include "common/tbl/verbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LOCKSTEP_CONFIG_FILE_MAX   (256 * 1024) /* bytes of a configuration file */
#define LOCKSTEP_CONFIG_LIST_MAX   256          /* elements of any list in one */
#define LOCKSTEP_CONFIG_LISTEN     "tcp://127.0.0.1:7701"
#define LOCKSTEP_CONFIG_OUTPUT     (16 * 1024) /* bytes kept of what a verb prints */
#define LOCKSTEP_CONFIG_OUTPUT_MAX (64 * 1024)

/* Of a health check. */
#define LOCKSTEP_CONFIG_HEALTH_MAX      16 /* of one service */
#define LOCKSTEP_CONFIG_HEALTH_INTERVAL 2000
#define LOCKSTEP_CONFIG_HEALTH_TIMEOUT  1000
#define LOCKSTEP_CONFIG_HEALTH_FAILURES 2

/* Texts owned by the configuration, and a NULL behind the last: it may be an argv. */
struct lockstep_config_list {
    char **items;
    size_t count;
};

/* lockstepd.yaml */
struct lockstep_config_coordinator {
    char *data;                         /* directory; /var/lib/lockstep/coordinator */
    struct lockstep_config_list listen; /* URLs: tcp:// or ipc://; LOCKSTEP_CONFIG_LISTEN */
    enum lockstep_level log;
    uint64_t artifact_max; /* bytes */
    struct lockstep_defaults settings;
};

/* What drives a service that is no host of modules (agent/exec.h). */
struct lockstep_config_exec {
    bool given;
    uint64_t output_max;                                    /* bytes kept of what a verb prints */
    struct lockstep_config_list verbs[LOCKSTEP_VERB_COUNT]; /* argv, the program's path in full */
};

/* What is looked at again and again to see whether a service is well: exactly one of a tool, a
 * command and a page. */
struct lockstep_config_health {
    struct lockstep_name name;
    struct lockstep_name module; /* that is blamed; empty: whatever the service runs */
    char *tool;                  /* MODULE.TOOL, or NULL */
    char *request;               /* of the tool; NULL: empty */
    char *expect;                /* a text that the tool's answer has in it; NULL: any answer */
    struct lockstep_config_list command; /* argv, the program by its path; it exits 0 */
    char *http;                          /* http://ADDRESS[:PORT]/PATH on this machine, or NULL */
    uint32_t status;                     /* of the page; 0: 200 to 299 */
    uint64_t interval_ms;
    uint64_t timeout_ms;
    uint32_t failures; /* in a row */
};

/* A process that modules live in, or something else that is driven by programs. */
struct lockstep_config_service {
    struct lockstep_name name;
    uint32_t processes;                    /* at once; 1 to LOCKSTEP_SERVICE_PROCESSES_MAX */
    struct lockstep_config_list command;   /* argv; empty: the stock host */
    struct lockstep_config_exec exec;      /* given: then there is no command */
    struct lockstep_config_health *health; /* may be none */
    size_t health_count;
};

/* agent.yaml */
struct lockstep_config_agent {
    struct lockstep_name name; /* of the node; required */
    char *data;                /* directory; /var/lib/lockstep/agent */
    char *run;                 /* directory of sockets; /run/lockstep */
    char *config_dir;          /* MODULE.conf files; modules/ beside the file */
    char *probe;               /* NULL: beside the agent's own program, or in libexec */
    char *host;                /* the same */
    struct lockstep_config_list coordinators; /* URLs; at least one */
    struct lockstep_config_list module_path;  /* directories, may be empty */
    /* "CLASS" for all modules, "MODULE=CLASS" for one: how well it must be able to go back */
    struct lockstep_config_list rollback_at_least;
    struct lockstep_config_service *services; /* at least one; "default" if none is named */
    size_t service_count;
    enum lockstep_level log;
    struct lockstep_defaults settings;
};

/* config.yaml of an operator. What is not set is NULL, empty or zeros. */
struct lockstep_config_operator {
    char *coordinator; /* URL */
    struct lockstep_id cluster;
    uint8_t coordinator_key[32]; /* X25519 public key, 64 hexadecimal digits in the file */
    bool coordinator_key_given;
    struct lockstep_name name;
    char *channel_key; /* file */
    char *sign_key;    /* file */
};

/* Reads PATH. INVALID with file, line, key and cause; IO if it cannot be read, LIMIT, NOMEM.
 * Release with _deinit, which may run twice. On failure there is nothing to release. */
enum lockstep_err lockstep_config_coordinator_load(const char *path,
                                                   struct lockstep_config_coordinator *ret_config,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_coordinator_deinit(struct lockstep_config_coordinator *config);

enum lockstep_err lockstep_config_agent_load(const char *path,
                                             struct lockstep_config_agent *ret_config,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_agent_deinit(struct lockstep_config_agent *config);

/* The same. That there is no such file is no failure: *RET_MISSING is true and nothing is set. */
enum lockstep_err lockstep_config_operator_load(const char *path,
                                                struct lockstep_config_operator *ret_config,
                                                bool *ret_missing,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_operator_deinit(struct lockstep_config_operator *config);

enum lockstep_config_kind {
    LOCKSTEP_CONFIG_COORDINATOR,
    LOCKSTEP_CONFIG_AGENT,
    LOCKSTEP_CONFIG_OPERATOR,
};

/* Prints a file with every key, its default and what it means, all of it commented out. */
void lockstep_config_sample(enum lockstep_config_kind kind, FILE *out);

#endif
