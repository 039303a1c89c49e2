/* artifact push --abi-check: the file against the version before, which the coordinator has. */
#include "coordinator/cli/abi_check.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/abi.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/probe.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_BYTES 4096

/* The newest version that has another digest and a lower counter; NULL if there is none. */
static const json_t *find_before(const json_t *document, const struct lockstep_manifest *manifest)
{
    char digest[LOCKSTEP_DIGEST_TEXT];
    const json_t *before = NULL;
    size_t index;
    json_t *row;
    lockstep_digest_format(&manifest->digest, digest);
    json_array_foreach(json_object_get(document, "artifacts"), index, row)
    {
        uint64_t counter = lockstep_document_number(row, "counter");
        if (strcmp(lockstep_document_text(row, "module"), manifest->module.text) == 0 &&
            strcmp(lockstep_document_text(row, "digest"), digest) != 0 &&
            counter < manifest->counter &&
            (before == NULL || counter > lockstep_document_number(before, "counter"))) {
            before = row;
        }
    }
    return before;
}

/* The bytes of DOCUMENT, owned, if they are those of DIGEST. */
static uint8_t *decode(const json_t *document, const char *digest, size_t *ret_size)
{
    const char *text = lockstep_document_text(document, "bytes_base64");
    size_t room = strlen(text);
    uint8_t *bytes = malloc(room + 1);
    struct lockstep_sums sums;
    struct lockstep_digest wanted;
    if (bytes != NULL &&
        sodium_base642bin(bytes, room, text, room, NULL, ret_size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        lockstep_digest_parse(digest, &wanted)) {
        lockstep_sums_buffer(bytes, *ret_size, &sums);
        if (lockstep_digest_equal(&sums.digest, &wanted)) {
            return bytes;
        }
    }
    free(bytes);
    return NULL;
}

static bool write_file(const char *path, const uint8_t *bytes, size_t size)
{
    LOCKSTEP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;
    while (fd >= 0 && done < size) {
        ssize_t now = write(fd, bytes + done, size - done);
        if (now <= 0) {
            return false;
        }
        done += (size_t)now;
    }
    return fd >= 0;
}

static bool has_debug(const json_t *verdict)
{
    return json_is_true(json_object_get(json_object_get(verdict, "facts"), "debug_info"));
}

/* What abidiff needs of both. It would say that files without are alike. */
static bool can_tell(const struct lockstep_abi_files *files, const char *path)
{
    LOCKSTEP_DECREF json_t *before = NULL;
    return has_debug(files->verdict) &&
           lockstep_probe_static_run(path, NULL, &before, NULL) == LOCKSTEP_OK && has_debug(before);
}

static enum lockstep_exit conclude(struct lockstep_run *run, const char *version,
                                   const struct lockstep_abi_answer *answer)
{
    static const char *const words[] = {
        [LOCKSTEP_ABI_UNKNOWN] = "unknown",
        [LOCKSTEP_ABI_SAME] = "the same",
        [LOCKSTEP_ABI_CHANGED] = "changed; whether that matters is for people to say",
        [LOCKSTEP_ABI_INCOMPATIBLE] = "incompatible",
    };
    if (answer->abi == LOCKSTEP_ABI_INCOMPATIBLE) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_REFUSED,
                                 "its types are incompatible with version %s:\n%s\nraise its state "
                                 "schema or what requires it, then push without --abi-check",
                                 version, answer->report);
    }
    if (!run->output.quiet) {
        lockstep_print(
            run->output.err, "abi: %s, against version %s\n%s%s", words[answer->abi], version,
            answer->report,
            answer->report[0] == '\0' || strchr(answer->report, '\0')[-1] == '\n' ? "" : "\n");
    }
    return LOCKSTEP_EXIT_DONE;
}

/* Both files are in FOLDER now. */
static enum lockstep_exit compare(struct lockstep_run *run, const struct lockstep_abi_files *files,
                                  const char *folder, const char *version)
{
    char before[FOLDER_BYTES + 16];
    char after[FOLDER_BYTES + 16];
    struct lockstep_abi_answer answer = {.abi = LOCKSTEP_ABI_UNKNOWN,
                                         .report = "one of the two has no debug information; build "
                                                   "both with -g"};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)snprintf(before, sizeof(before), "%s/before.so", folder);
    (void)snprintf(after, sizeof(after), "%s/after.so", folder);
    if (can_tell(files, before) &&
        lockstep_abi_compare(before, after, LOCKSTEP_ABI_LIMIT_MS, &answer, &err) != LOCKSTEP_OK) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s", err.message);
    }
    return conclude(run, version, &answer);
}

static void remove_folder(const char *folder)
{
    char path[FOLDER_BYTES + 16];
    (void)snprintf(path, sizeof(path), "%s/before.so", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/after.so", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

static bool make_folder(char ret_folder[FOLDER_BYTES])
{
    const char *place = getenv("TMPDIR");
    int length = snprintf(ret_folder, FOLDER_BYTES, "%s/lockstep-abi-XXXXXX",
                          place == NULL || *place == '\0' ? "/tmp" : place);
    return length > 0 && length < FOLDER_BYTES && mkdtemp(ret_folder) != NULL;
}

static bool write_both(const struct lockstep_abi_files *files, const uint8_t *before, size_t size,
                       const char *folder)
{
    char path[FOLDER_BYTES + 16];
    bool well;
    (void)snprintf(path, sizeof(path), "%s/before.so", folder);
    well = write_file(path, before, size);
    (void)snprintf(path, sizeof(path), "%s/after.so", folder);
    return well && write_file(path, files->bytes, files->size);
}

static enum lockstep_exit fetch(struct lockstep_run *run, const struct lockstep_abi_files *files,
                                const json_t *row)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    LOCKSTEP_FREE uint8_t *before = NULL;
    const char *digest = lockstep_document_text(row, "digest");
    char folder[FOLDER_BYTES];
    size_t size = 0;
    enum lockstep_exit code = lockstep_run_show(run, LOCKSTEP_THING_ARTIFACT_BYTES, &digest, 1,
                                                &document);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    before = decode(document, digest, &size);
    if (before == NULL) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_REFUSED,
                                 "the coordinator has other bytes than version %s's",
                                 lockstep_document_text(row, "version"));
    }
    if (!make_folder(folder)) {
        return lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "no folder can be made for abidiff");
    }
    code = write_both(files, before, size, folder)
               ? compare(run, files, folder, lockstep_document_text(row, "version"))
               : lockstep_run_fail(run, LOCKSTEP_EXIT_USAGE, "%s cannot be written", folder);
    remove_folder(folder);
    return code;
}

enum lockstep_exit lockstep_run_abi_check(struct lockstep_run *run,
                                          const struct lockstep_abi_files *files)
{
    LOCKSTEP_DECREF json_t *document = NULL;
    const char *name = files->manifest->module.text;
    const json_t *before;
    enum lockstep_exit code = lockstep_run_show(run, LOCKSTEP_THING_ARTIFACTS, &name, 1, &document);
    if (code != LOCKSTEP_EXIT_DONE) {
        return code;
    }
    before = find_before(document, files->manifest);
    if (before == NULL) {
        if (!run->output.quiet) {
            lockstep_print(run->output.err,
                           "abi: nothing to compare with, it is the first version\n");
        }
        return LOCKSTEP_EXIT_DONE;
    }
    return fetch(run, files, before);
}
