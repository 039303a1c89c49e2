/* The audit trail and the signatures of artifacts: what can be checked on this side, is. */
#include "coordinator/cli/command.h"

#include "common/io/manifest.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"

#include <inttypes.h>
#include <string.h>

static enum lockstep_exit ask_audit(struct lockstep_run *run, uint32_t limit, json_t **ret_document)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_AUDIT};
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.audit = (struct lockstep_wire_audit){.request = lockstep_session_number(run->session),
                                                .limit = limit};
    return lockstep_run_ask(run, &wire, ret_document);
}

enum lockstep_exit lockstep_command_audit(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = ask_audit(run, (uint32_t)run->flags.limit.number, &document);
    if (code == LOCKSTEP_EXIT_DONE) {
        lockstep_render(&run->output, document);
    }
    return code;
}

/* The coordinator hashes its rows as they lie in its journal, which the document does not carry
 * byte for byte: its verdict is shown as its own. */
enum lockstep_exit lockstep_command_audit_verify(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    const char *text;
    bool waiting;
    enum lockstep_exit code = ask_audit(run, 1, &document);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    code = lockstep_exit_of(document, run->flags.detailed_exitcode, &waiting);
    if (lockstep_output_is_json(&run->output)) {
        lockstep_print_json(&run->output, document);
        return code;
    }
    text = lockstep_document_text(document, "text");
    if (!run->output.quiet || code != LOCKSTEP_EXIT_DONE) {
        lockstep_print(run->output.out,
                       "the coordinator says that its audit trail is %s: %" PRIu64
                       " rows, head %.16s%s%s\n",
                       code == LOCKSTEP_EXIT_DONE ? "whole" : "BROKEN",
                       lockstep_document_number(document, "last"),
                       lockstep_document_text(document, "head"), *text == '\0' ? "" : "; ", text);
    }
    return code;
}

/* ---- artifact verify ------------------------------------------------------------------------ */

static enum lockstep_exit judge(struct lockstep_run *run, const json_t *artifact,
                                const json_t *bundle_document)
{
    LOCKSTEP_FREE struct lockstep_bundle *bundle = calloc(1, sizeof(*bundle));
    LOCKSTEP_FREE struct lockstep_manifest *manifest = calloc(1, sizeof(*manifest));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    const char *text = lockstep_document_text(artifact, "manifest");
    const char *signature = lockstep_document_text(artifact, "signature");
    const char *bundle_text = lockstep_document_text(bundle_document, "text");
    struct lockstep_manifest_files files = {text, strlen(text), signature, strlen(signature)};
    if (bundle == NULL || manifest == NULL ||
        lockstep_bundle_parse(bundle_text, strlen(bundle_text), bundle, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "the trust bundle: %s", err.message);
    }
    if (lockstep_manifest_verify(&files, bundle, manifest, &refusal) != LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_print(run->output.out, "NOT verified: %s: %s\n", lockstep_no_name(refusal.no),
                       refusal.text);
        return LOCKSTEP_EXIT_DIFFERENT;
    }
    if (!run->output.quiet) {
        lockstep_print(run->output.out,
                       "verified here: %s@%s, counter %" PRIu64
                       ", signed by a release key of the coordinator's trust bundle\n",
                       manifest->module.text, manifest->version, manifest->counter);
    }
    return LOCKSTEP_EXIT_DONE;
}

enum lockstep_exit lockstep_command_artifact_verify(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *artifact = NULL;
    LOCKSTEP_DECREF json_t *bundle = NULL;
    const char *name = run->words[0];
    enum lockstep_exit code = lockstep_run_show(run, LOCKSTEP_THING_ARTIFACT_MANIFEST, &name, 1,
                                                &artifact);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_run_show(run, LOCKSTEP_THING_BUNDLE, NULL, 0, &bundle);
    }
    return code == LOCKSTEP_EXIT_DONE ? judge(run, artifact, bundle) : code;
}
