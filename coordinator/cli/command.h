/*
 * One run of the command: what was typed, where it goes, and the one table of commands from which
 * the parser, --help and the spelling of mistakes are made.
 *
 * A command's function returns the exit code and has said on `output.err` why it is not zero.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_COMMAND_H
#define LOCKSTEP_COORDINATOR_CLI_COMMAND_H

#include "common/io/config.h"
#include "common/io/keys.h"
#include "common/io/options.h"
#include "coordinator/cli/exit.h"
#include "coordinator/cli/output.h"
#include "coordinator/cli/session.h"

/* Options of every command, and those of single ones. What is not given is NULL, false or zero. */
struct lockstep_flags {
    const char *config;
    const char *coordinator;
    const char *selector;
    struct lockstep_option_list nodes;
    const char *output;
    const char *message;
    bool dry_run;
    bool detach;
    struct lockstep_option_number timeout;
    const char *request_id;
    bool yes;
    bool quiet;
    bool verbose;
    const char *color;
    bool detailed_exitcode;
    bool help;
    bool version;
    /* reload, plan, undo */
    const char *strategy;
    struct lockstep_option_share quorum;
    const char *offline;
    struct lockstep_option_share max_fail;
    struct lockstep_option_number soak;
    const char *drain;
    struct lockstep_option_number drain_timeout;
    struct lockstep_option_number commit_deadline;
    struct lockstep_option_number rollback_window;
    struct lockstep_option_number deadline;
    const char *on_failure;
    const char *require_rollback;
    struct lockstep_option_number require_calls;
    bool queue;
    struct lockstep_option_number check_index;
    struct lockstep_option_number pin;
    bool install;
    bool again;
    bool force;
    bool no_smoke;
    const char *extra;
    const char *to;
    const char *rule;
    struct lockstep_option_share max_changes;
    const char *mode;
    bool no_quarantine;
    /* the rest */
    bool accept_loss;
    const char *sign;
    struct lockstep_option_number counter;
    const char *source;
    bool abi_check;
    const char *waive; /* names of checks, commas between */
    const char *driver;
    const char *module;
    const char *service;
    const char *join;
    struct lockstep_option_number ttl;
    const char *name;
    bool release;
    const char *socket;
    struct lockstep_option_number limit;
    bool follow;
    struct lockstep_option_number since;
    struct lockstep_option_number from;
    bool reachable;
    struct lockstep_option_number life;
    bool refuse;
    bool hard;
    const char *key;
};

struct lockstep_run {
    struct lockstep_flags flags;
    struct lockstep_output output;
    struct lockstep_config_operator config; /* read by lockstep_run_connect */
    struct lockstep_key *key;               /* of the channel; owned */
    struct lockstep_session *session;       /* NULL until connected */
    char **words;                           /* behind the command */
    size_t word_count;
};

typedef enum lockstep_exit lockstep_command_fn(struct lockstep_run *run);

struct lockstep_command {
    const char *name;  /* "op ls" */
    const char *words; /* as --help shows them */
    const char *help;
    lockstep_command_fn *run;
    size_t words_min;
    size_t words_max;
    const struct lockstep_option *rows; /* of its own; may be NULL */
    size_t row_count;
};

/* The whole command: parses, runs, returns the exit code. OUT and ERR may be any streams. */
int lockstep_command_main(int argc, char **argv, FILE *out, FILE *err);

/* Reads the configuration and dials. Not DONE: it has been said why. */
enum lockstep_exit lockstep_run_connect(struct lockstep_run *run);

/* Dials again, the configuration read; says nothing. */
enum lockstep_exit lockstep_run_dial(struct lockstep_run *run, struct lockstep_error *err);

/* "lockstep: MESSAGE" on `output.err`; returns CODE. */
enum lockstep_exit lockstep_run_fail(struct lockstep_run *run, enum lockstep_exit code,
                                     const char *format, ...) LOCKSTEP_PRINTF(3, 4);
/* Says what a reply that is no document means, and returns its code. */
enum lockstep_exit lockstep_run_fail_reply(struct lockstep_run *run,
                                           const struct lockstep_reply *reply);
/* Sends and receives one document, the caller's. Not DONE: it has been said why. WIRE has the
 * number of lockstep_session_number. */
enum lockstep_exit lockstep_run_ask(struct lockstep_run *run, const struct lockstep_wire *wire,
                                    json_t **ret_document);
/* The same, and shows the answer unless it is to be quiet. */
enum lockstep_exit lockstep_run_do(struct lockstep_run *run, const struct lockstep_wire *wire);
/* The --node names, checked. */
enum lockstep_exit lockstep_run_nodes(struct lockstep_run *run,
                                      struct lockstep_name ret_names[LOCKSTEP_LIST_MAX]);
/* The key that the operator signs with, into *RET_KEY. */
enum lockstep_exit lockstep_run_sign_key(struct lockstep_run *run, struct lockstep_key **ret_key);
/* Connects, asks for THING of NAMES, and returns the document. */
enum lockstep_exit lockstep_run_show(struct lockstep_run *run, enum lockstep_thing thing,
                                     const char *const *names, size_t count, json_t **ret_document);

lockstep_command_fn lockstep_command_status;
lockstep_command_fn lockstep_command_check;
lockstep_command_fn lockstep_command_diff;
lockstep_command_fn lockstep_command_history;
lockstep_command_fn lockstep_command_node_ls;
lockstep_command_fn lockstep_command_node_show;
lockstep_command_fn lockstep_command_node_cordon;
lockstep_command_fn lockstep_command_node_uncordon;
lockstep_command_fn lockstep_command_node_pin;
lockstep_command_fn lockstep_command_node_unpin;
lockstep_command_fn lockstep_command_node_ping;
lockstep_command_fn lockstep_command_module_purge;
lockstep_command_fn lockstep_command_node_drain;
lockstep_command_fn lockstep_command_module_drain;
lockstep_command_fn lockstep_command_module_resume;
lockstep_command_fn lockstep_command_node_admit;
lockstep_command_fn lockstep_command_node_remove;
lockstep_command_fn lockstep_command_node_revoke;
lockstep_command_fn lockstep_command_module_ls;
lockstep_command_fn lockstep_command_module_show;
lockstep_command_fn lockstep_command_module_status;
lockstep_command_fn lockstep_command_token_ls;
lockstep_command_fn lockstep_command_token_create;
lockstep_command_fn lockstep_command_token_revoke;
lockstep_command_fn lockstep_command_audit;
lockstep_command_fn lockstep_command_events;
lockstep_command_fn lockstep_command_audit_verify;
lockstep_command_fn lockstep_command_plan;
lockstep_command_fn lockstep_command_reload;
lockstep_command_fn lockstep_command_undo;
lockstep_command_fn lockstep_command_reconcile;
lockstep_command_fn lockstep_command_op_ls;
lockstep_command_fn lockstep_command_op_show;
lockstep_command_fn lockstep_command_op_watch;
lockstep_command_fn lockstep_command_op_wait;
lockstep_command_fn lockstep_command_op_abort;
lockstep_command_fn lockstep_command_op_resume;
lockstep_command_fn lockstep_command_node_resume;
lockstep_command_fn lockstep_command_artifact_push;
lockstep_command_fn lockstep_command_artifact_ls;
lockstep_command_fn lockstep_command_artifact_show;
lockstep_command_fn lockstep_command_artifact_verify;
lockstep_command_fn lockstep_command_artifact_quarantine;
lockstep_command_fn lockstep_command_artifact_unquarantine;
lockstep_command_fn lockstep_command_key_generate;
lockstep_command_fn lockstep_command_key_show;
lockstep_command_fn lockstep_command_tool_ls;
lockstep_command_fn lockstep_command_tool_call;
lockstep_command_fn lockstep_command_tool_watch;

/* Pushes FILE, which must be of MODULE if that is not NULL; connected already. *RET_DOCUMENT is the
 * artifact's, the caller's. */
enum lockstep_exit lockstep_run_push(struct lockstep_run *run, const char *file,
                                     const struct lockstep_name *module, json_t **ret_document);
/* Watches OPERATION (an id or prefix) until it has a result and returns its exit code. */
enum lockstep_exit lockstep_run_watch(struct lockstep_run *run, const char *operation);

#endif
