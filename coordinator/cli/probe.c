#include "coordinator/cli/probe.h"

#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define PROBE       "lockstep-probe"
#define OUTPUT_MAX  (1024 * 1024) /* bytes of a verdict */
#define PROBE_PATHS 4096
#define PROBE_USAGE 2 /* exit status */

extern char **environ;

/* $LOCKSTEP_PROBE, the one beside this program, or the word that PATH is searched for. */
static void find_probe(char ret_path[PROBE_PATHS])
{
    const char *set = getenv("LOCKSTEP_PROBE");
    ssize_t length = readlink("/proc/self/exe", ret_path, PROBE_PATHS - sizeof(PROBE) - 1);
    char *slash;
    if (set != NULL && *set != '\0') {
        (void)snprintf(ret_path, PROBE_PATHS, "%s", set);
        return;
    }
    ret_path[length < 0 ? 0 : length] = '\0';
    slash = strrchr(ret_path, '/');
    if (slash != NULL) {
        memcpy(slash + 1, PROBE, sizeof(PROBE));
        if (access(ret_path, X_OK) == 0) {
            return;
        }
    }
    memcpy(ret_path, PROBE, sizeof(PROBE));
}

static enum lockstep_err spawn(const char *file, const char *waive, int out, pid_t *ret_pid,
                               struct lockstep_error *err)
{
    char path[PROBE_PATHS];
    char program[] = PROBE;
    char mode[] = "--static";
    char option[] = "--waive";
    char end[] = "--";
    LOCKSTEP_FREE char *copy = strdup(file);
    LOCKSTEP_FREE char *checks = strdup(waive == NULL ? "" : waive);
    char *plain[] = {program, mode, end, copy, NULL};
    char *waiving[] = {program, mode, option, checks, end, copy, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int result;
    find_probe(path);
    (void)sigemptyset(&none);
    if (copy == NULL || checks == NULL || posix_spawn_file_actions_init(&actions) != 0) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory to start the probe");
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return LOCKSTEP_FAIL(err, NOMEM, "no memory to start the probe");
    }
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    result = posix_spawnp(ret_pid, path, &actions, &attributes, waive == NULL ? plain : waiving,
                          environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (result != 0) {
        return LOCKSTEP_FAIL(err, IO, "%.100s cannot be started: %s", path, strerror(result));
    }
    return LOCKSTEP_OK;
}

/* Reads all of FD into DOCUMENT, at most OUTPUT_MAX bytes. */
static enum lockstep_err read_output(int fd, struct lockstep_document *document,
                                     struct lockstep_error *err)
{
    char bytes[4096];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "what the probe says cannot be read");
        }
        if (got == 0) {
            return LOCKSTEP_OK;
        }
        if (document->length + (size_t)got > OUTPUT_MAX) {
            return LOCKSTEP_FAIL(err, LIMIT, "the probe says more than %d bytes", OUTPUT_MAX);
        }
        LOCKSTEP_TRY(lockstep_document_take(document, bytes, (size_t)got, err));
    }
}

enum lockstep_err lockstep_probe_static_run(const char *file, const char *waive,
                                            json_t **ret_verdict, struct lockstep_error *err)
{
    struct lockstep_document document = {0};
    int ends[2];
    pid_t pid = 0;
    int status = 0;
    enum lockstep_err code;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "no pipe for the probe");
    }
    code = spawn(file, waive, ends[1], &pid, err);
    (void)close(ends[1]);
    if (code == LOCKSTEP_OK) {
        code = read_output(ends[0], &document, err);
    }
    (void)close(ends[0]); /* a probe that goes on writing ends by SIGPIPE */
    while (pid != 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (code == LOCKSTEP_OK && WIFEXITED(status) && WEXITSTATUS(status) == PROBE_USAGE) {
        code = LOCKSTEP_FAIL(err, INVALID, "lockstep-probe does not take what --waive says");
    }
    if (code == LOCKSTEP_OK &&
        (lockstep_document_finish(&document, ret_verdict, NULL) != LOCKSTEP_OK ||
         !lockstep_document_is(*ret_verdict, "probe"))) {
        code = LOCKSTEP_FAIL(err, INVALID, "lockstep-probe said nothing that is understood");
    }
    lockstep_document_deinit(&document);
    return code;
}

/* ---- the manifest --------------------------------------------------------------------------- */

static enum lockstep_err copy_text(const json_t *facts, const char *key, char *ret_text,
                                   size_t size, struct lockstep_error *err)
{
    const char *text = lockstep_document_text(facts, key);
    if (*text == '\0' || strlen(text) >= size) {
        return LOCKSTEP_FAIL(err, INVALID, "the module's \"%s\" is missing or too long", key);
    }
    memcpy(ret_text, text, strlen(text) + 1);
    return LOCKSTEP_OK;
}

static enum lockstep_err copy_requires(const json_t *facts, struct lockstep_manifest *manifest,
                                       struct lockstep_error *err)
{
    size_t index;
    json_t *object;
    json_array_foreach(json_object_get(facts, "requires"), index, object)
    {
        struct lockstep_requirement row;
        if (!lockstep_name_parse(lockstep_document_text(object, "module"), &row.module)) {
            return LOCKSTEP_FAIL(err, INVALID, "the module requires something without a name");
        }
        LOCKSTEP_TRY(copy_text(object, "version", row.version, sizeof(row.version), err));
        LOCKSTEP_TRY(lockstep_manifest_require(manifest, &row, err));
    }
    return LOCKSTEP_OK;
}

/* The class that its functions offer; a node that can show otherwise says no. */
static enum lockstep_rollback rollback_of(const struct lockstep_manifest *manifest,
                                          const json_t *facts)
{
    const char *offer = lockstep_document_text(facts, "rollback");
    if (manifest->state_schema == 0) {
        return LOCKSTEP_ROLLBACK_LOSSLESS;
    }
    for (int i = LOCKSTEP_ROLLBACK_LOSSLESS; i <= LOCKSTEP_ROLLBACK_NONE; i++) {
        if (strcmp(lockstep_rollback_text((enum lockstep_rollback)i), offer) == 0) {
            return (enum lockstep_rollback)i;
        }
    }
    return LOCKSTEP_ROLLBACK_UNSPECIFIED;
}

static enum lockstep_err refuse(const json_t *verdict, struct lockstep_error *err)
{
    size_t index;
    json_t *finding;
    enum lockstep_err code = LOCKSTEP_FAIL(err, REFUSED, "the probe refuses it");
    char text[LOCKSTEP_ERROR_MESSAGE_MAX];
    json_array_foreach(json_object_get(verdict, "findings"), index, finding)
    {
        (void)snprintf(text, sizeof(text), "%s", err->message);
        code = LOCKSTEP_FAIL(err, REFUSED, "%.150s%s %s (%s): %.100s", text, index == 0 ? ":" : ";",
                             lockstep_document_text(finding, "no"),
                             lockstep_document_text(finding, "check"),
                             lockstep_document_text(finding, "text"));
    }
    return code;
}

enum lockstep_err lockstep_probe_waivers(const char *waive, struct lockstep_manifest *manifest,
                                         struct lockstep_error *err)
{
    LOCKSTEP_FREE char *names = strdup(waive);
    char *rest = names;
    if (names == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the names of checks");
    }
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        struct lockstep_name check;
        if (!lockstep_name_parse(name, &check)) {
            return LOCKSTEP_FAIL(err, INVALID, "'%.60s' is no check", name);
        }
        LOCKSTEP_TRY(lockstep_manifest_waive(manifest, &check, err));
    }
    if (manifest->driver == LOCKSTEP_DRIVER_IN_PLACE) {
        manifest->driver = LOCKSTEP_DRIVER_SWAP;
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_probe_manifest(const json_t *verdict, const struct lockstep_sums *sums,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_error *err)
{
    const json_t *facts = json_object_get(verdict, "facts");
    struct lockstep_manifest *manifest = ret_manifest;
    struct lockstep_digest digest;
    *manifest = (struct lockstep_manifest){
        .digest = sums->digest, .md5 = sums->md5, .size = sums->size};
    if (!json_is_true(json_object_get(verdict, "ok"))) {
        return refuse(verdict, err);
    }
    if (!lockstep_digest_parse(lockstep_document_text(facts, "digest"), &digest) ||
        !lockstep_digest_equal(&digest, &sums->digest)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the file changed while it was looked at");
    }
    if (!lockstep_name_parse(lockstep_document_text(facts, "module"), &manifest->module) ||
        !lockstep_name_parse(lockstep_document_text(facts, "service"), &manifest->service)) {
        return LOCKSTEP_FAIL(err, INVALID, "the module or its service has no name");
    }
    manifest->state_schema = lockstep_document_number(facts, "state_schema");
    manifest->rollback = rollback_of(manifest, facts);
    LOCKSTEP_TRY(copy_text(facts, "version", manifest->version, sizeof(manifest->version), err));
    LOCKSTEP_TRY(copy_text(facts, "abi", manifest->abi, sizeof(manifest->abi), err));
    return copy_requires(facts, manifest, err);
}
