/* The table of commands, and what is done before and after any of them. */
#include "coordinator/cli/command.h"

#include "common/io/selector.h"
#include "coordinator/cli/command_options.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <string.h>
#include <unistd.h>

#define RELOAD lockstep_options_reload, LOCKSTEP_OPTIONS_RELOAD
#define NONE   NULL, 0
#define MANY   LOCKSTEP_LIST_MAX

static const struct lockstep_command commands[] = {
    {"status", "[MODULE...]", "the fleet in one screen", lockstep_command_status, 0, MANY, NONE},
    {"plan", "SUBJECT...", "what a reload would do", lockstep_command_plan, 1, LOCKSTEP_ITEMS_MAX,
     RELOAD},
    {"reload", "SUBJECT...", "bring versions onto the fleet", lockstep_command_reload, 1,
     LOCKSTEP_ITEMS_MAX, RELOAD},
    {"op ls", "", "operations", lockstep_command_op_ls, 0, 0, lockstep_options_list,
     LOCKSTEP_OPTIONS_LIST},
    {"op show", "OP", "one operation", lockstep_command_op_show, 1, 1, NONE},
    {"op watch", "OP", "follow an operation until it has a result", lockstep_command_op_watch, 1, 1,
     NONE},
    {"op wait", "OP", "the same, saying nothing until then", lockstep_command_op_wait, 1, 1, NONE},
    {"op abort", "OP", "end an operation; what was decided goes back", lockstep_command_op_abort, 1,
     1, NONE},
    {"op resume", "--accept-loss", "go on though nodes fell silent: they are lost",
     lockstep_command_op_resume, 0, 0, lockstep_options_resume, LOCKSTEP_OPTIONS_RESUME},
    {"undo", "MODULE...", "back to the version before, fast", lockstep_command_undo, 1,
     LOCKSTEP_ITEMS_MAX, lockstep_options_undo, LOCKSTEP_OPTIONS_UNDO},
    {"reconcile", "[MODULE...]", "move drifted nodes to what the majority runs",
     lockstep_command_reconcile, 0, LOCKSTEP_ITEMS_MAX, lockstep_options_reconcile,
     LOCKSTEP_OPTIONS_RECONCILE},
    {"check", "[MODULE...]", "is the fleet consistent? 0 yes, 3 no", lockstep_command_check, 0,
     MANY, lockstep_options_check, LOCKSTEP_OPTIONS_CHECK},
    {"diff", "MODULE [A] [B]", "what differs between two versions", lockstep_command_diff, 1, 3,
     NONE},
    {"history", "MODULE", "revisions of a module", lockstep_command_history, 1, 1,
     lockstep_options_list, LOCKSTEP_OPTIONS_LIST},
    {"events", "[MODULE...]", "what happened; with -f also what happens", lockstep_command_events,
     0, MANY, lockstep_options_events, LOCKSTEP_OPTIONS_EVENTS},
    {"audit", "", "rows of the audit trail", lockstep_command_audit, 0, 0, lockstep_options_list,
     LOCKSTEP_OPTIONS_LIST},
    {"audit verify", "", "is the audit trail whole?", lockstep_command_audit_verify, 0, 0, NONE},
    {"node ls", "", "nodes", lockstep_command_node_ls, 0, 0, NONE},
    {"node show", "NODE", "one node", lockstep_command_node_show, 1, 1, NONE},
    {"node cordon", "NODE", "keep operations off a node", lockstep_command_node_cordon, 1, 1, NONE},
    {"node uncordon", "NODE", "end that, and give it what it missed",
     lockstep_command_node_uncordon, 1, 1, NONE},
    {"node drain", "NODE", "let calls end on a node, and let none begin",
     lockstep_command_node_drain, 1, 1, lockstep_options_drain, LOCKSTEP_OPTIONS_DRAIN},
    {"node resume", "NODE", "end a drain; or trust a node again that came and went",
     lockstep_command_node_resume, 1, 1, NONE},
    {"node pin", "NODE MODULE@VERSION", "keep a node on a version, whatever else is desired",
     lockstep_command_node_pin, 2, 2, lockstep_options_pin, LOCKSTEP_OPTIONS_PIN},
    {"node unpin", "NODE MODULE", "end that", lockstep_command_node_unpin, 2, 2, NONE},
    {"node ping", "NODE", "is it there, and how far away?", lockstep_command_node_ping, 1, 1, NONE},
    {"node admit", "NODE", "let the machine that waits take a node's place",
     lockstep_command_node_admit, 1, 1, lockstep_options_admit, LOCKSTEP_OPTIONS_ADMIT},
    {"node remove", "NODE", "take a node that is gone for good from the fleet",
     lockstep_command_node_remove, 1, 1, NONE},
    {"node revoke", "NODE", "cut a node off, and let its key never come back",
     lockstep_command_node_revoke, 1, 1, NONE},
    {"module ls", "", "modules", lockstep_command_module_ls, 0, 0, NONE},
    {"module show", "MODULE", "one module on every node", lockstep_command_module_show, 1, 1, NONE},
    {"module status", "[MODULE...]", "what is mapped, and what is on disk",
     lockstep_command_module_status, 0, MANY, NONE},
    {"module drain", "MODULE", "let calls of a module end, and let none begin",
     lockstep_command_module_drain, 1, 1, lockstep_options_drain, LOCKSTEP_OPTIONS_DRAIN},
    {"module resume", "MODULE", "end that", lockstep_command_module_resume, 1, 1, NONE},
    {"module purge", "MODULE", "unmap its retired versions that nobody is in",
     lockstep_command_module_purge, 1, 1, lockstep_options_purge, LOCKSTEP_OPTIONS_PURGE},
    {"artifact push", "FILE", "sign a module and bring it", lockstep_command_artifact_push, 1, 1,
     lockstep_options_push, LOCKSTEP_OPTIONS_PUSH},
    {"artifact ls", "[MODULE...]", "artifacts", lockstep_command_artifact_ls, 0, MANY, NONE},
    {"artifact show", "ARTIFACT", "one artifact", lockstep_command_artifact_show, 1, 1, NONE},
    {"artifact verify", "ARTIFACT", "check its signature here", lockstep_command_artifact_verify, 1,
     1, NONE},
    {"artifact quarantine", "ARTIFACT", "let no operation bring it",
     lockstep_command_artifact_quarantine, 1, 1, NONE},
    {"artifact unquarantine", "ARTIFACT", "lift that", lockstep_command_artifact_unquarantine, 1, 1,
     NONE},
    {"token create", "--join NODE", "a join token for a node", lockstep_command_token_create, 0, 0,
     lockstep_options_token, LOCKSTEP_OPTIONS_TOKEN},
    {"token ls", "", "join tokens", lockstep_command_token_ls, 0, 0, NONE},
    {"token revoke", "NODE|ID", "let nobody join with it", lockstep_command_token_revoke, 1, 1,
     NONE},
    {"key generate", "FILE", "an operator's key, or with --release a release key",
     lockstep_command_key_generate, 1, 1, lockstep_options_key, LOCKSTEP_OPTIONS_KEY},
    {"key show", "FILE", "the public half of a key", lockstep_command_key_show, 1, 1, NONE},
    {"tool ls", "", "tools of modules", lockstep_command_tool_ls, 0, 0, lockstep_options_tool,
     LOCKSTEP_OPTIONS_TOOL},
    {"tool call", "TOOL [INPUT|-]", "call a tool", lockstep_command_tool_call, 1, 2,
     lockstep_options_tool, LOCKSTEP_OPTIONS_TOOL},
    {"tool watch", "[TOOL|MODULE...]", "say which tools are replaced, come and go",
     lockstep_command_tool_watch, 0, MANY, lockstep_options_tool, LOCKSTEP_OPTIONS_TOOL},
};

/* ---- failing -------------------------------------------------------------------------------- */

enum lockstep_exit lockstep_run_fail(struct lockstep_run *run, enum lockstep_exit code,
                                     const char *format, ...)
{
    char text[LOCKSTEP_CAUSE_MAX + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    lockstep_print(run->output.err, "lockstep: %s\n", text);
    return code;
}

/* What a FAILURE brought, as a document of its own for scripts. */
static void print_failure_json(struct lockstep_run *run, const struct lockstep_reply *reply)
{
    LOCKSTEP_DECREF json_t *document = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:O?}", "schema", "lockstep/failure/v1", "exit",
        (int)lockstep_exit_of_failure(reply->exit), "code", reply->code, "text", reply->text,
        "next", reply->next, "detail", reply->document);
    if (document != NULL) {
        lockstep_print_json(&run->output, document);
    }
}

enum lockstep_exit lockstep_run_fail_reply(struct lockstep_run *run,
                                           const struct lockstep_reply *reply)
{
    switch (reply->kind) {
    case LOCKSTEP_REPLY_FAILURE:
        break;
    case LOCKSTEP_REPLY_TIMED_OUT:
        return lockstep_run_fail(run, LOCKSTEP_EXIT_TIMED_OUT, "no answer in the time given");
    case LOCKSTEP_REPLY_INTERRUPTED:
        return lockstep_run_fail(run, LOCKSTEP_EXIT_DETACHED, "interrupted");
    case LOCKSTEP_REPLY_LOST:
        return lockstep_run_fail(run, LOCKSTEP_EXIT_UNREACHABLE,
                                 "the connection to the coordinator is lost: %s", reply->text);
    case LOCKSTEP_REPLY_DOCUMENT:
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "an answer came that fits nothing");
    }
    if (lockstep_output_is_json(&run->output)) {
        print_failure_json(run, reply);
    }
    (void)lockstep_run_fail(run, LOCKSTEP_EXIT_DONE, "%s (%s)", reply->text, reply->code);
    if (reply->document != NULL && !lockstep_output_is_json(&run->output)) {
        struct lockstep_output output = run->output;
        output.out = run->output.err;
        lockstep_render(&output, reply->document);
    }
    if (reply->next[0] != '\0') {
        lockstep_print(run->output.err, "next: %s\n", reply->next);
    }
    return lockstep_exit_of_failure(reply->exit);
}

/* ---- asking --------------------------------------------------------------------------------- */

enum lockstep_exit lockstep_run_ask(struct lockstep_run *run, const struct lockstep_wire *wire,
                                    json_t **ret_document)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_reply reply = {0};
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    if (lockstep_session_send(run->session, wire, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, lockstep_exit_of_error(err.code), "%s", err.message);
    }
    if (lockstep_session_receive(run->session, &reply, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "%s", err.message);
    }
    if (reply.kind == LOCKSTEP_REPLY_DOCUMENT) {
        *ret_document = json_incref(reply.document);
    } else {
        code = lockstep_run_fail_reply(run, &reply);
    }
    lockstep_reply_deinit(&reply);
    return code;
}

enum lockstep_exit lockstep_run_nodes(struct lockstep_run *run,
                                      struct lockstep_name ret_names[LOCKSTEP_LIST_MAX])
{
    for (uint32_t i = 0; i < run->flags.nodes.count; i++) {
        const char *text = run->flags.nodes.items[i];
        if (!lockstep_name_parse(text, &ret_names[i])) {
            return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                     "--node: %.64s is no name; one is like web-3", text);
        }
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_run_show(struct lockstep_run *run, enum lockstep_thing thing,
                                     const char *const *names, size_t count, json_t **ret_document)
{
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_SHOW};
    enum lockstep_exit code = lockstep_run_nodes(run, nodes);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_run_connect(run);
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.show = (struct lockstep_wire_show){
        .request = lockstep_session_number(run->session),
        .thing = thing,
        .names = names,
        .name_count = (uint32_t)count,
        .nodes = nodes,
        .node_count = run->flags.nodes.count,
        .selector = run->flags.selector,
        .limit = (uint32_t)run->flags.limit.number,
        .reachable = run->flags.reachable,
    };
    return lockstep_run_ask(run, &wire, ret_document);
}

enum lockstep_exit lockstep_run_do(struct lockstep_run *run, const struct lockstep_wire *wire)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = lockstep_run_ask(run, wire, &document);
    if (code == LOCKSTEP_EXIT_DONE && !run->output.quiet) {
        lockstep_render(&run->output, document);
    }
    return code;
}

/* ---- connecting ----------------------------------------------------------------------------- */

static enum lockstep_exit read_config(struct lockstep_run *run)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *path = run->flags.config != NULL ? run->flags.config : getenv("LOCKSTEP_CONFIG");
    const char *home = getenv("HOME");
    char text[4096];
    bool missing = false;
    (void)snprintf(text, sizeof(text), "%s/.config/lockstep/config.yaml", home == NULL ? "" : home);
    path = path == NULL || *path == '\0' ? text : path;
    if (lockstep_config_operator_load(path, &run->config, &missing, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (missing) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "there is no configuration %s; name one with -c FILE", path);
    }
    if (!run->config.coordinator_key_given || run->config.channel_key == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "%s: coordinator_key and channel_key are needed to connect", path);
    }
    if (run->config.coordinator == NULL && run->flags.coordinator == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "%s names no coordinator; add one, or say --coordinator URL",
                                 path);
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_run_dial(struct lockstep_run *run, struct lockstep_error *err)
{
    const struct lockstep_session_config session = {
        .url = run->flags.coordinator != NULL ? run->flags.coordinator : run->config.coordinator,
        .cluster = run->config.cluster,
        .remote = run->config.coordinator_key,
        .key = run->key,
        .timeout_ms = run->flags.timeout.number,
    };
    enum lockstep_exit code = LOCKSTEP_EXIT_DONE;
    if (lockstep_session_open(&session, &run->session, &code, err) != LOCKSTEP_OK) {
        run->session = NULL;
    }
    return code;
}

enum lockstep_exit lockstep_run_connect(struct lockstep_run *run)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code;
    if (run->session != NULL) {
        return LOCKSTEP_EXIT_DONE;
    }
    code = read_config(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (lockstep_key_read(run->config.channel_key, &run->key, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "channel_key: %s", err.message);
    }
    code = lockstep_run_dial(run, &err);
    return code == LOCKSTEP_EXIT_DONE ? code : lockstep_run_fail(run, code, "%s", err.message);
}

enum lockstep_exit lockstep_run_sign_key(struct lockstep_run *run, struct lockstep_key **ret_key)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *path = run->config.sign_key == NULL ? run->config.channel_key
                                                    : run->config.sign_key;
    return lockstep_key_read(path, ret_key, &err) == LOCKSTEP_OK
               ? LOCKSTEP_EXIT_DONE
               : lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "sign_key: %s", err.message);
}

/* ---- parsing -------------------------------------------------------------------------------- */

static const char *name_at(const void *words, size_t i)
{
    (void)words;
    return i < LOCKSTEP_COUNT(commands) ? commands[i].name : NULL;
}

/* True for "op ls" of the group "op". */
static bool is_of(const struct lockstep_command *command, const char *group)
{
    size_t length = strlen(group);
    return strncmp(command->name, group, length) == 0 && command->name[length] == ' ';
}

/* All of them, or those of a group. */
static void print_commands(const char *group, FILE *out)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(commands); i++) {
        char text[64];
        if (group == NULL || is_of(&commands[i], group)) {
            (void)snprintf(text, sizeof(text), "%s %s", commands[i].name, commands[i].words);
            (void)fprintf(out, "  %-36s  %s\n", text, commands[i].help);
        }
    }
}

static enum lockstep_exit help_all(struct lockstep_run *run, FILE *out)
{
    struct lockstep_option_set set = {"Options of every command", lockstep_options_global,
                                      LOCKSTEP_OPTIONS_GLOBAL, &run->flags};
    struct lockstep_options options = {&set, 1, false};
    (void)fprintf(out, "usage: lockstep [options] COMMAND ...\n\nCommands:\n");
    print_commands(NULL, out);
    (void)fputs("\nSUBJECT is MODULE@VERSION, MODULE@DIGESTPREFIX, MODULE@./file.so, MODULE@disk,\n"
                "MODULE@previous or MODULE@current. lockstep COMMAND --help says more.\n\n",
                out);
    lockstep_options_help(&options, out);
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit help_one(struct lockstep_run *run, const struct lockstep_command *command)
{
    struct lockstep_option_set sets[] = {
        {"Options", command->rows, command->row_count, &run->flags},
        {"Options of every command", lockstep_options_global, LOCKSTEP_OPTIONS_GLOBAL,
         &run->flags}};
    struct lockstep_options options = {command->row_count == 0 ? sets + 1 : sets,
                                       command->row_count == 0 ? 1 : 2, false};
    (void)fprintf(run->output.out, "usage: lockstep %s %s%s[options]\n%s\n\n", command->name,
                  command->words, command->words[0] == '\0' ? "" : " ", command->help);
    lockstep_options_help(&options, run->output.out);
    return LOCKSTEP_EXIT_DONE;
}

/* `op` or `op --help`: what it can be followed by. False: WORD is no such group, or NEXT may be
 * what follows it. */
static bool help_group(struct lockstep_run *run, const char *word, const char *next,
                       enum lockstep_exit *ret_code)
{
    bool asked = next != NULL && (strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0);
    FILE *out = asked ? run->output.out : run->output.err;
    bool group = false;
    for (size_t i = 0; i < LOCKSTEP_COUNT(commands); i++) {
        if (strcmp(commands[i].name, word) == 0) {
            return false;
        }
        group = group || is_of(&commands[i], word);
    }
    if (!group || (next != NULL && !asked)) {
        return false;
    }
    (void)fprintf(out, "usage: lockstep %s COMMAND ...\n\nCommands:\n", word);
    print_commands(word, out);
    *ret_code = asked ? LOCKSTEP_EXIT_DONE : LOCKSTEP_EXIT_USAGE;
    return true;
}

/* The command that begins at argv[*at], which then is its last word; NULL: it has been said why. */
static const struct lockstep_command *find_command(struct lockstep_run *run, int argc, char **argv,
                                                   int *at)
{
    char two[128];
    const struct lockstep_command *found = NULL;
    const char *nearest;
    (void)snprintf(two, sizeof(two), "%s%s%s", argv[*at], *at + 1 < argc ? " " : "",
                   *at + 1 < argc ? argv[*at + 1] : "");
    for (size_t i = 0; i < LOCKSTEP_COUNT(commands); i++) {
        if (strcmp(commands[i].name, two) == 0) {
            *at += 1;
            return &commands[i];
        }
        if (strcmp(commands[i].name, argv[*at]) == 0) {
            found = &commands[i];
        }
    }
    if (found != NULL) {
        return found;
    }
    nearest = lockstep_spelling_nearest(two, name_at, NULL);
    if (nearest == NULL) {
        nearest = lockstep_spelling_nearest(argv[*at], name_at, NULL);
    }
    if (nearest == NULL) {
        (void)lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                "there is no command %.100s; lockstep --help shows them", two);
    } else {
        (void)lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                "there is no command %.100s; did you mean %s?", two, nearest);
    }
    return NULL;
}

static void settle_output(struct lockstep_run *run)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fileno(run->output.out)) == 1;
    bool able = terminal && term != NULL && strcmp(term, "dumb") != 0;
    run->output.format = lockstep_format_parse(run->flags.output);
    run->output.quiet = run->flags.quiet;
    run->output.live = able;
    run->output.colour = strcmp(run->flags.color, "always") == 0 ||
                         (strcmp(run->flags.color, "auto") == 0 && able &&
                          (no_color == NULL || *no_color == '\0'));
}

static enum lockstep_exit run_command(struct lockstep_run *run,
                                      const struct lockstep_command *command)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (run->word_count < command->words_min) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "%s wants %s; lockstep %s --help says more", command->name,
                                 command->words, command->name);
    }
    if (run->word_count > command->words_max) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "%s: \"%.64s\" is one word too many; lockstep %s --help says more",
                                 command->name, run->words[command->words_max], command->name);
    }
    if (run->flags.dry_run && command->rows != lockstep_options_reload &&
        command->rows != lockstep_options_undo && command->rows != lockstep_options_reconcile) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "--dry-run: %s cannot show what it would do; nothing was done",
                                 command->name);
    }
    if (run->flags.selector[0] != '\0' &&
        lockstep_selector_check(run->flags.selector, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    return command->run(run);
}

static enum lockstep_exit parse_and_run(struct lockstep_run *run, int argc, char **argv)
{
    struct lockstep_option_set sets[] = {
        {"", lockstep_options_global, LOCKSTEP_OPTIONS_GLOBAL, &run->flags},
        {"", NULL, 0, &run->flags}};
    struct lockstep_options options = {sets, 1, true};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const struct lockstep_command *command;
    enum lockstep_exit code;
    int at = 0;
    int first = 0;
    if (lockstep_options_parse(&options, argc, argv, &at, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (run->flags.version) {
        (void)fputs("lockstep " LOCKSTEP_VERSION "\n", run->output.out);
        return LOCKSTEP_EXIT_DONE;
    }
    if (at < argc && strcmp(argv[at], "help") == 0) {
        run->flags.help = true;
        at++;
    }
    if (run->flags.help && at >= argc) {
        return help_all(run, run->output.out);
    }
    if (at >= argc) {
        (void)help_all(run, run->output.err);
        return LOCKSTEP_EXIT_USAGE;
    }
    if (help_group(run, argv[at],
                   at + 1 < argc     ? argv[at + 1]
                   : run->flags.help ? "--help"
                                     : NULL,
                   &code)) {
        return code;
    }
    command = find_command(run, argc, argv, &at);
    if (command == NULL) {
        return LOCKSTEP_EXIT_USAGE;
    }
    sets[1].rows = command->rows;
    sets[1].count = command->row_count;
    options = (struct lockstep_options){sets, 2, false};
    if (lockstep_options_parse(&options, argc - at, argv + at, &first, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (run->flags.help) {
        return help_one(run, command);
    }
    run->words = argv + at + first;
    run->word_count = (size_t)(argc - at - first);
    settle_output(run);
    return run_command(run, command);
}

int lockstep_command_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct lockstep_run *run = calloc(1, sizeof(*run));
    enum lockstep_exit code;
    if (run == NULL) {
        (void)fputs("lockstep: no memory\n", err);
        return LOCKSTEP_EXIT_INTERNAL;
    }
    run->output.out = out;
    run->output.err = err;
    run->flags.selector = "";
    run->flags.message = "";
    run->flags.extra = "";
    run->flags.output = "table";
    run->flags.color = "auto";
    code = parse_and_run(run, argc, argv);
    run->session = lockstep_session_close(run->session);
    run->key = lockstep_key_free(run->key);
    lockstep_config_operator_deinit(&run->config);
    free(run);
    if (fflush(out) != 0 && code == LOCKSTEP_EXIT_DONE) {
        code = LOCKSTEP_EXIT_INTERNAL;
    }
    return (int)code;
}
