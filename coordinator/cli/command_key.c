/* Keys and join tokens. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "common/io/minisign.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <inttypes.h>
#include <string.h>

/* The public half beside the key, as minisign has it: lockstepd init --release takes it. */
static bool write_public(const char *path, const char *text)
{
    char name[4096];
    FILE *file;
    (void)snprintf(name, sizeof(name), "%s.pub", path);
    file = fopen(name, "wxe");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file, "untrusted comment: minisign public key\n%s\n", text);
    return fclose(file) == 0;
}

static enum lockstep_exit generate_release(struct lockstep_run *run, const char *path)
{
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    if (lockstep_minisign_new(&key, &err) != LOCKSTEP_OK ||
        lockstep_minisign_write(key, path, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    lockstep_minisign_public_format(&key->open, text);
    if (!write_public(path, text)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s.pub cannot be written", path);
    }
    (void)fprintf(run->output.out, "%s\n", text);
    return LOCKSTEP_EXIT_DONE;
}

static void print_public(const struct lockstep_run *run, const struct lockstep_key *key)
{
    char text[LOCKSTEP_KEY_PUBLIC_TEXT];
    lockstep_key_public_format(&key->open, text);
    (void)fprintf(run->output.out, "%s\n", text);
}

enum lockstep_exit lockstep_command_key_generate(struct lockstep_run *run)
{
    LOCKSTEP_CLEANUP(lockstep_key_cleanup) struct lockstep_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_name name;
    const char *text = run->flags.name != NULL ? run->flags.name : getenv("USER");
    if (run->flags.release) {
        return generate_release(run, run->words[0]);
    }
    if (text == NULL || !lockstep_name_parse(text, &name)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "whose key? Say --name NAME, which is like ana-2");
    }
    if (lockstep_key_new(&name, &key, &err) != LOCKSTEP_OK ||
        lockstep_key_write(key, run->words[0], &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    print_public(run, key);
    return LOCKSTEP_EXIT_DONE;
}

/* An operator's key, or else a release key. */
enum lockstep_exit lockstep_command_key_show(struct lockstep_run *run)
{
    LOCKSTEP_CLEANUP(lockstep_key_cleanup) struct lockstep_key *key = NULL;
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *release = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_error release_err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    if (lockstep_key_read(run->words[0], &key, &err) == LOCKSTEP_OK) {
        print_public(run, key);
        return LOCKSTEP_EXIT_DONE;
    }
    if (err.code != LOCKSTEP_INVALID ||
        lockstep_minisign_read(run->words[0], &release, &release_err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    lockstep_minisign_public_format(&release->open, text);
    (void)fprintf(run->output.out, "%s\n", text);
    return LOCKSTEP_EXIT_DONE;
}

/* ---- tokens --------------------------------------------------------------------------------- */

/* Cuts -l a=b,c=d into labels; the count, or -1 if one is no label. */
static int read_labels(char *text, const char *ret_labels[LOCKSTEP_LABELS_MAX])
{
    int count = 0;
    char *rest = NULL;
    for (char *part = strtok_r(text, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        const char *equal = strchr(part, '=');
        if (count == LOCKSTEP_LABELS_MAX || equal == NULL || equal == part ||
            strpbrk(part, "! ()") != NULL || equal[1] == '=') {
            return -1;
        }
        ret_labels[count++] = part;
    }
    return count;
}

static enum lockstep_exit print_token(struct lockstep_run *run, const json_t *document)
{
    if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
        return LOCKSTEP_EXIT_DONE;
    }
    lockstep_print(run->output.out, "# joins %s, once, until unix time %" PRIu64 "\n%s\n",
                   lockstep_document_text(document, "node"),
                   lockstep_document_number(document, "expires_unix_ms") / 1000,
                   lockstep_document_text(document, "token"));
    if (json_is_true(json_object_get(document, "taken"))) {
        lockstep_print(run->output.err,
                       "node %s is in the fleet: it goes on, and who comes with this waits for\n"
                       "next: lockstep node admit %s\n",
                       lockstep_document_text(document, "node"),
                       lockstep_document_text(document, "node"));
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_command_token_create(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOKEN_CREATE};
    LOCKSTEP_DECREF json_t *document = NULL;
    LOCKSTEP_FREE char *text = strdup(run->flags.selector);
    const char *labels[LOCKSTEP_LABELS_MAX];
    struct lockstep_name node;
    int count = text == NULL ? -1 : read_labels(text, labels);
    enum lockstep_exit code;
    if (run->flags.join == NULL || !lockstep_name_parse(run->flags.join, &node)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "which node? Say --join NODE, which is like web-3");
    }
    if (count < 0) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "-l gives the node labels here: env=prod,zone=a, at most %d",
                                 LOCKSTEP_LABELS_MAX);
    }
    code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.token_create = (struct lockstep_wire_token_create){
        .request = lockstep_session_number(run->session),
        .node = node,
        .life_ms = run->flags.ttl.number,
        .labels = labels,
        .label_count = (uint32_t)count,
        .message = run->flags.message};
    code = lockstep_run_ask(run, &wire, &document);
    return code == LOCKSTEP_EXIT_DONE ? print_token(run, document) : code;
}

enum lockstep_exit lockstep_command_token_revoke(struct lockstep_run *run)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOKEN_REVOKE};
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.token_revoke = (struct lockstep_wire_token_revoke){
        .request = lockstep_session_number(run->session),
        .token = run->words[0],
        .message = run->flags.message};
    return lockstep_run_do(run, &wire);
}
