/* Artifacts: pushing, verifying, quarantine. */
#include "coordinator/cli/command.h"

#include "common/base/cleanup.h"
#include "common/io/minisign.h"
#include "coordinator/cli/abi_check.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/probe.h"
#include "coordinator/cli/render.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The bytes of an artifact and what is said of them. */
struct release {
    uint8_t *bytes; /* owned */
    size_t size;
    struct lockstep_manifest manifest;
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t text_length;
    char signature[LOCKSTEP_SIGNATURE_MAX];
    json_t *verdict; /* of the probe; owned */
};

static void drop_release(struct release **release)
{
    if (*release != NULL) {
        free((*release)->bytes);
        json_decref((*release)->verdict);
        free(*release);
    }
}

static enum lockstep_err read_file(const char *path, struct release *release,
                                   struct lockstep_error *err)
{
    struct stat about;
    LOCKSTEP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "%.100s cannot be read", path);
    }
    if (!S_ISREG(about.st_mode) || about.st_size <= 0 ||
        about.st_size > LOCKSTEP_ARTIFACT_CEILING) {
        return LOCKSTEP_FAIL(err, INVALID, "%.100s is no file of 1 to %d bytes", path,
                             LOCKSTEP_ARTIFACT_CEILING);
    }
    release->bytes = malloc((size_t)about.st_size);
    if (release->bytes == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for %.100s", path);
    }
    while (release->size < (size_t)about.st_size) {
        ssize_t got = read(fd, release->bytes + release->size,
                           (size_t)about.st_size - release->size);
        if (got <= 0) {
            return LOCKSTEP_FAIL(err, IO, "%.100s changed while it was read", path);
        }
        release->size += (size_t)got;
    }
    return LOCKSTEP_OK;
}

/* What would have refused the file if it were not waived. */
static void tell_waived(const struct lockstep_run *run, const json_t *verdict)
{
    size_t index;
    json_t *finding;
    json_array_foreach(json_object_get(verdict, "waived"), index, finding)
    {
        if (!run->output.quiet) {
            lockstep_print(run->output.err, "waived: %s: %s\n",
                           lockstep_document_text(finding, "check"),
                           lockstep_document_text(finding, "text"));
        }
    }
}

/* Any file: what it is nothing in it says, so whoever signs it does. */
static enum lockstep_exit describe_plain(struct lockstep_run *run, const struct lockstep_sums *sums,
                                         struct lockstep_manifest *manifest)
{
    const char *word = run->flags.module;
    const char *at = word == NULL ? NULL : strchr(word, '@');
    char module[LOCKSTEP_NAME_MAX + 1] = "";
    *manifest = (struct lockstep_manifest){
        .digest = sums->digest,
        .md5 = sums->md5,
        .size = sums->size,
        .driver = LOCKSTEP_DRIVER_EXEC,
        .rollback = LOCKSTEP_ROLLBACK_SNAPSHOT, /* what was put by before, whole */
        .abi = LOCKSTEP_MANIFEST_ABI_EXEC};
    if (at != NULL && (size_t)(at - word) < sizeof(module)) {
        memcpy(module, word, (size_t)(at - word));
    }
    if (!lockstep_name_parse(module, &manifest->module) ||
        !lockstep_text_word(at + 1, manifest->version, sizeof(manifest->version))) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "say what the file is: --module MODULE@VERSION");
    }
    if (run->flags.service == NULL ||
        !lockstep_name_parse(run->flags.service, &manifest->service)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "say which service it is for: --service NAME");
    }
    return LOCKSTEP_EXIT_DONE;
}

static enum lockstep_exit describe_module(struct lockstep_run *run, const char *path,
                                          const struct lockstep_sums *sums, struct release *release)
{
    struct lockstep_manifest *manifest = &release->manifest;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (run->flags.module != NULL || run->flags.service != NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "a module says itself what it is; --module and --service go with "
                                 "--driver exec");
    }
    if (lockstep_probe_static_run(path, run->flags.waive, &release->verdict, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    if (lockstep_probe_manifest(release->verdict, sums, manifest, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_REFUSED, "%s: %s", path, err.message);
    }
    if (run->flags.driver != NULL && !lockstep_driver_parse(run->flags.driver, &manifest->driver)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "there is no driver %s",
                                 run->flags.driver);
    }
    if (run->flags.waive != NULL &&
        lockstep_probe_waivers(run->flags.waive, manifest, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    tell_waived(run, release->verdict);
    return LOCKSTEP_EXIT_DONE;
}

static bool is_driver(const struct lockstep_run *run, enum lockstep_driver driver)
{
    return run->flags.driver != NULL &&
           strcmp(run->flags.driver, lockstep_driver_text(driver)) == 0;
}

static enum lockstep_exit look(struct lockstep_run *run, const char *path,
                               const struct lockstep_name *module, struct release *release)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool plain = is_driver(run, LOCKSTEP_DRIVER_EXEC);
    struct lockstep_sums sums;
    enum lockstep_exit code;
    if (plain && (run->flags.abi_check || run->flags.waive != NULL)) {
        return lockstep_run_fail(
            run, LOCKSTEP_EXIT_USAGE,
            "--abi-check and --waive are about modules, not about --driver exec");
    }
    if (run->flags.waive != NULL && is_driver(run, LOCKSTEP_DRIVER_IN_PLACE)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "what waives a check is pinned: --waive goes with --driver swap");
    }
    if (read_file(path, release, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    lockstep_sums_buffer(release->bytes, release->size, &sums);
    code = plain ? describe_plain(run, &sums, &release->manifest)
                 : describe_module(run, path, &sums, release);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (module != NULL && !lockstep_name_equal(module, &release->manifest.module)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s holds the module %s, not %s", path,
                                 release->manifest.module.text, module->text);
    }
    return LOCKSTEP_EXIT_DONE;
}

/* One more than the highest counter that the coordinator knows of the module; of bytes that it has
 * already, the one they were signed with. */
static enum lockstep_exit count(struct lockstep_run *run, struct lockstep_manifest *manifest)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_SHOW};
    LOCKSTEP_DECREF json_t *document = NULL;
    const char *name = manifest->module.text;
    char digest[LOCKSTEP_DIGEST_TEXT];
    size_t index;
    json_t *row;
    enum lockstep_exit code;
    manifest->counter = run->flags.counter.number;
    if (run->flags.counter.given) {
        return LOCKSTEP_EXIT_DONE;
    }
    wire.u.show = (struct lockstep_wire_show){.request = lockstep_session_number(run->session),
                                              .thing = LOCKSTEP_THING_ARTIFACTS,
                                              .names = &name,
                                              .name_count = 1,
                                              .selector = ""};
    code = lockstep_run_ask(run, &wire, &document);
    lockstep_digest_format(&manifest->digest, digest);
    json_array_foreach(json_object_get(document, "artifacts"), index, row)
    {
        uint64_t counter = lockstep_document_number(row, "counter");
        if (strcmp(lockstep_document_text(row, "digest"), digest) == 0) {
            manifest->counter = counter;
            return code;
        }
        if (strcmp(lockstep_document_text(row, "module"), name) == 0 &&
            counter > manifest->counter) {
            manifest->counter = counter;
        }
    }
    manifest->counter++;
    return code;
}

static enum lockstep_exit sign(struct lockstep_run *run, struct release *release)
{
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char comment[LOCKSTEP_MINISIGN_COMMENT_TEXT];
    if (run->flags.sign == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE,
                                 "an artifact is signed: say --sign KEY; lockstep key generate "
                                 "--release FILE makes one");
    }
    if (run->flags.source != NULL) {
        (void)snprintf(release->manifest.source, sizeof(release->manifest.source), "%s",
                       run->flags.source);
    }
    if (lockstep_minisign_read(run->flags.sign, &key, &err) != LOCKSTEP_OK ||
        lockstep_manifest_encode(&release->manifest, release->text, sizeof(release->text),
                                 &release->text_length, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    lockstep_manifest_comment(&release->manifest, comment);
    if (lockstep_minisign_sign(key, release->text, release->text_length, comment,
                               release->signature, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    return LOCKSTEP_EXIT_DONE;
}

static void show_progress(const struct lockstep_run *run, size_t sent, size_t size)
{
    if (run->output.live && !run->output.quiet) {
        (void)fprintf(run->output.err, "\r%3zu %%%s", sent * 100 / size,
                      sent == size ? "\r\033[K" : "");
        (void)fflush(run->output.err);
    }
}

/* Sends everything but the last message, which is left in *RET_WIRE for the question. */
static enum lockstep_err send_pieces(struct lockstep_run *run, const struct release *release,
                                     struct lockstep_wire *ret_wire, struct lockstep_error *err)
{
    struct lockstep_wire_artifact_put *put = &ret_wire->u.artifact_put;
    size_t sent = 0;
    put->request = lockstep_session_number(run->session);
    put->manifest = (struct lockstep_blob){(const uint8_t *)release->text, release->text_length};
    put->signature = (struct lockstep_blob){(const uint8_t *)release->signature,
                                            strlen(release->signature)};
    put->more = true;
    while (put->more && !lockstep_session_answered(run->session)) {
        size_t piece;
        LOCKSTEP_TRY(lockstep_session_send(run->session, ret_wire, err));
        piece = lockstep_wire_piece(release->size, sent, LOCKSTEP_CHUNK_MAX, &put->more);
        put->manifest = (struct lockstep_blob){NULL, 0};
        put->signature = (struct lockstep_blob){NULL, 0};
        put->offset = sent;
        put->data = (struct lockstep_blob){release->bytes + sent, piece};
        sent += piece;
        show_progress(run, sent, release->size);
    }
    return LOCKSTEP_OK;
}

enum lockstep_exit lockstep_run_push(struct lockstep_run *run, const char *file,
                                     const struct lockstep_name *module, json_t **ret_document)
{
    LOCKSTEP_CLEANUP(drop_release) struct release *release = calloc(1, sizeof(*release));
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_ARTIFACT_PUT};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_exit code;
    if (release == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_INTERNAL, "no memory for an artifact");
    }
    code = look(run, file, module, release);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = count(run, &release->manifest);
    }
    if (code == LOCKSTEP_EXIT_DONE && run->flags.abi_check) {
        const struct lockstep_abi_files files = {&release->manifest, release->verdict,
                                                 release->bytes, release->size};
        code = lockstep_run_abi_check(run, &files);
    }
    if (code == LOCKSTEP_EXIT_DONE) {
        code = sign(run, release);
    }
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    if (send_pieces(run, release, &wire, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    return lockstep_run_ask(run, &wire, ret_document);
}

enum lockstep_exit lockstep_command_artifact_push(struct lockstep_run *run)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code == LOCKSTEP_EXIT_DONE) {
        code = lockstep_run_push(run, run->words[0], NULL, &document);
    }
    if (code == LOCKSTEP_EXIT_DONE && !run->output.quiet) {
        lockstep_render(&run->output, document);
    }
    return code;
}

/* ---- quarantine ----------------------------------------------------------------------------- */

static enum lockstep_exit set_quarantine(struct lockstep_run *run, bool lift)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_QUARANTINE_SET};
    enum lockstep_exit code = lockstep_run_connect(run);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    wire.u.quarantine_set = (struct lockstep_wire_quarantine_set){
        .request = lockstep_session_number(run->session),
        .artifact = run->words[0],
        .message = run->flags.message,
        .lift = lift};
    return lockstep_run_do(run, &wire);
}

enum lockstep_exit lockstep_command_artifact_quarantine(struct lockstep_run *run)
{
    return set_quarantine(run, false);
}

enum lockstep_exit lockstep_command_artifact_unquarantine(struct lockstep_run *run)
{
    return set_quarantine(run, true);
}
