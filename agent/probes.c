#include "agent/probes.h"

#include "common/base/cleanup.h"
#include "common/io/digest.h"
#include "common/io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PIECE     (64 * 1024)
#define KEY_LABEL "lockstep/probes/key"

extern char **environ;

/* A trial under way. Free while its context is NULL. */
struct trial {
    struct lockstep_probes *probes;
    uint32_t ticket;
    pid_t pid; /* of the probe and of its process group; 0: there is none (any more) */
    int status;
    bool late;
    bool decided; /* the result is below already */
    bool memorable;
    struct lockstep_digest key;
    int output; /* -1: read to its end */
    char *text; /* owned */
    size_t length;
    enum lockstep_no no; /* when decided */
    const char *why;     /* a literal */
    struct lockstep_child child;
    struct lockstep_watch watch;
    struct lockstep_timer timer;
    struct lockstep_post post;
};

struct lockstep_probes {
    struct lockstep_loop *loop;
    struct lockstep_probes_config config;
    char *path;
    uint64_t started;
    uint64_t yes_count; /* ever; the ring holds the last */
    struct trial trials[LOCKSTEP_PROBES_MAX];
    struct lockstep_digest yes[LOCKSTEP_PROBES_REMEMBERED];
};

/* ---- what is remembered --------------------------------------------------------------------- */

static bool hash_config(crypto_generichash_state *hash, int fd)
{
    struct lockstep_sums sums;
    const uint8_t given = fd >= 0 ? 1 : 0;
    (void)crypto_generichash_update(hash, &given, sizeof(given));
    if (fd < 0) {
        return true;
    }
    if (lockstep_sums_fd(fd, LOCKSTEP_MODULE_CONFIG_MAX, &sums, NULL) != LOCKSTEP_OK) {
        return false;
    }
    (void)crypto_generichash_update(hash, sums.digest.bytes, sizeof(sums.digest.bytes));
    return true;
}

/* As much of a request as there is of it: it has room for many modules, and mostly one. */
static struct lockstep_probe_request *copy(const struct lockstep_probe_request *request)
{
    struct lockstep_probe_request *made = malloc(sizeof(*made));
    if (made != NULL) {
        memcpy(made, request,
               offsetof(struct lockstep_probe_request, subjects) +
                   request->subjects_count * sizeof(request->subjects[0]));
    }
    return made;
}

/* What a request is about, with what stands in for descriptors and paths: the digests. */
static char *print_bare(const struct lockstep_probe_request *request)
{
    struct lockstep_probe_request *bare = copy(request);
    char *text;
    if (bare == NULL) {
        return NULL;
    }
    bare->deadline_ms = 1;
    for (size_t i = 0; i < bare->subjects_count; i++) {
        bare->subjects[i].file_fd = -1;
        bare->subjects[i].config_fd = -1;
        bare->subjects[i].snapshot_fd = -1;
        memset(bare->subjects[i].file, 0, sizeof(bare->subjects[i].file));
        bare->subjects[i].file[0] = '/';
    }
    text = lockstep_probe_request_print(bare);
    free(bare);
    return text;
}

/* False if an answer to this request is not to be remembered. */
static bool make_key(const struct lockstep_probes *probes,
                     const struct lockstep_probe_request *request, struct lockstep_digest *ret_key)
{
    crypto_generichash_state hash;
    struct stat info;
    LOCKSTEP_FREE char *text = NULL;
    if (stat(probes->path, &info) != 0) {
        return false;
    }
    (void)crypto_generichash_init(&hash, NULL, 0, sizeof(ret_key->bytes));
    (void)crypto_generichash_update(&hash, (const uint8_t *)KEY_LABEL, sizeof(KEY_LABEL));
    (void)crypto_generichash_update(&hash, (const uint8_t *)&info.st_mtim, sizeof(info.st_mtim));
    (void)crypto_generichash_update(&hash, (const uint8_t *)&info.st_ino, sizeof(info.st_ino));
    for (size_t i = 0; i < request->subjects_count; i++) {
        const struct lockstep_probe_subject *subject = &request->subjects[i];
        if (subject->snapshot_fd >= 0 || lockstep_digest_is_zero(&subject->expect.digest) ||
            !hash_config(&hash, subject->config_fd)) {
            return false;
        }
    }
    text = print_bare(request);
    if (text == NULL) {
        return false;
    }
    (void)crypto_generichash_update(&hash, (const uint8_t *)text, strlen(text));
    (void)crypto_generichash_final(&hash, ret_key->bytes, sizeof(ret_key->bytes));
    return true;
}

static bool is_remembered(const struct lockstep_probes *probes, const struct lockstep_digest *key)
{
    uint64_t count = probes->yes_count < LOCKSTEP_PROBES_REMEMBERED ? probes->yes_count
                                                                    : LOCKSTEP_PROBES_REMEMBERED;
    for (uint64_t i = 0; i < count; i++) {
        if (lockstep_digest_equal(&probes->yes[i], key)) {
            return true;
        }
    }
    return false;
}

/* ---- the end of a trial --------------------------------------------------------------------- */

static void kill_probe(const struct trial *trial)
{
    if (trial->pid > 0) {
        (void)kill(-trial->pid, SIGKILL);
    }
}

/* Killed and not waited for, a child is reaped here; it takes no time. */
static void end_trial(struct trial *trial)
{
    struct lockstep_loop *loop = trial->probes->loop;
    lockstep_watch_clear(loop, &trial->watch);
    lockstep_timer_disarm(loop, &trial->timer);
    lockstep_loop_unpost(loop, &trial->post);
    lockstep_child_forget(loop, &trial->child);
    if (trial->pid > 0) {
        kill_probe(trial);
        (void)waitpid(trial->pid, NULL, 0);
    }
    if (trial->output >= 0) {
        (void)close(trial->output);
    }
    free(trial->text);
    *trial = (struct trial){.output = -1};
}

static void decide(struct trial *trial, enum lockstep_no no, const char *why)
{
    if (!trial->decided) {
        trial->decided = true;
        trial->no = no;
        trial->why = why;
    }
}

/* Judges what the probe printed; NULL if that is no verdict. */
static struct lockstep_probe_verdict *judge(struct trial *trial)
{
    struct lockstep_probe_verdict *verdict = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (trial->late) {
        decide(trial, LOCKSTEP_NO_PROBE_TIMEOUT, lockstep_no_text(LOCKSTEP_NO_PROBE_TIMEOUT));
    } else if (WIFSIGNALED(trial->status)) {
        decide(trial, LOCKSTEP_NO_PROBE_CRASHED, lockstep_no_text(LOCKSTEP_NO_PROBE_CRASHED));
    }
    if (trial->decided) {
        return NULL;
    }
    if (trial->text == NULL ||
        lockstep_probe_verdict_parse(trial->text, trial->length, &verdict, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "probes", "no verdict status=%d cause=%s",
                     WEXITSTATUS(trial->status), err.message);
        decide(trial, LOCKSTEP_NO_INTERNAL, "the probe printed no verdict");
        return NULL;
    }
    if (verdict->ok != (WEXITSTATUS(trial->status) == 0)) {
        decide(trial, LOCKSTEP_NO_INTERNAL, "the probe's verdict and its exit status differ");
        return lockstep_probe_verdict_free(verdict);
    }
    return verdict;
}

static void finish(struct trial *trial)
{
    struct lockstep_probes *probes = trial->probes;
    struct lockstep_probe_verdict *verdict = judge(trial);
    struct lockstep_work_result result = {.ticket = trial->ticket};
    if (trial->decided) {
        result.ok = trial->no == LOCKSTEP_NO_UNSPECIFIED;
        result.no = trial->no;
        result.text = trial->why;
    } else if (verdict != NULL) {
        result.ok = verdict->ok;
        result.no = verdict->ok ? LOCKSTEP_NO_UNSPECIFIED : verdict->no;
        result.text = verdict->findings_count > 0 ? verdict->findings[0].text : NULL;
    }
    if (verdict != NULL && verdict->ok && trial->memorable) {
        probes->yes[probes->yes_count++ % LOCKSTEP_PROBES_REMEMBERED] = trial->key;
    }
    end_trial(trial);
    probes->config.done(probes->config.context, &result, verdict);
    (void)lockstep_probe_verdict_free(verdict);
}

static void arrived(void *context)
{
    finish(context);
}

/* All is there: the exit status and the end of the output. */
static void finish_if_done(struct trial *trial)
{
    if (trial->pid == 0 && trial->output < 0) {
        finish(trial);
    }
}

static void exited(void *context, pid_t pid, int status)
{
    struct trial *trial = context;
    /* What it has left behind in its group must not hold the output open. */
    (void)kill(-pid, SIGKILL);
    trial->pid = 0;
    trial->status = status;
    finish_if_done(trial);
}

static void close_output(struct trial *trial)
{
    lockstep_watch_clear(trial->probes->loop, &trial->watch);
    (void)close(trial->output);
    trial->output = -1;
    finish_if_done(trial);
}

static void readable(void *context, uint32_t events)
{
    struct trial *trial = context;
    char *text = realloc(trial->text, trial->length + PIECE);
    ssize_t got = -1;
    (void)events;
    if (text == NULL) {
        decide(trial, LOCKSTEP_NO_MEMORY, "no memory for the verdict");
    } else {
        trial->text = text;
        got = read(trial->output, text + trial->length, PIECE);
    }
    if (got < 0 && text != NULL && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got > 0) {
        trial->length += (size_t)got;
    }
    if (trial->length > LOCKSTEP_PROBE_DOCUMENT_MAX) {
        decide(trial, LOCKSTEP_NO_INTERNAL, "the probe's verdict is too long");
        got = -1;
    }
    if (got <= 0) {
        if (got < 0) {
            kill_probe(trial);
        }
        close_output(trial);
    }
}

static void late(void *context)
{
    struct trial *trial = context;
    trial->late = true;
    kill_probe(trial);
    if (trial->output >= 0) {
        close_output(trial);
    }
}

/* ---- start ---------------------------------------------------------------------------------- */

/* The request as the probe is to see it. Descriptors get numbers above all of ours, so that none is
 * overwritten before it is copied. */
struct handover {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int next; /* number for the next descriptor */
    int failed;
};

static void raise_next(struct handover *handover, int fd)
{
    if (fd >= handover->next) {
        handover->next = fd + 1;
    }
}

static int hand_over(struct handover *handover, int fd)
{
    int number = handover->next;
    if (fd < 0 || handover->failed != 0) {
        return -1;
    }
    handover->next++;
    handover->failed = posix_spawn_file_actions_adddup2(&handover->actions, fd, number);
    return number;
}

static char *print_for_probe(const struct lockstep_probe_request *request,
                             struct handover *handover)
{
    struct lockstep_probe_request *seen = copy(request);
    char *text;
    if (seen == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < seen->subjects_count; i++) {
        struct lockstep_probe_subject *subject = &seen->subjects[i];
        subject->file_fd = subject->file[0] == '\0' ? hand_over(handover, subject->file_fd) : -1;
        subject->config_fd = hand_over(handover, subject->config_fd);
        subject->snapshot_fd = hand_over(handover, subject->snapshot_fd);
    }
    text = lockstep_probe_request_print(seen);
    free(seen);
    return text;
}

/* Into the request's file, which then stands at its beginning. */
static bool write_request(int fd, const char *text)
{
    size_t length = strlen(text);
    return write(fd, text, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    int failed;
    (void)sigemptyset(&none);
    failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    return failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
}

static int set_streams(posix_spawn_file_actions_t *actions, int output)
{
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    return failed != 0
               ? failed
               : posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

/* FILE becomes the request, OUTPUT the probe's standard output. */
static int run(const struct lockstep_probes *probes, const struct lockstep_probe_request *request,
               struct handover *handover, int file, int output, pid_t *ret_pid)
{
    char number[16];
    char trial[] = "--trial";
    char option[] = "--request";
    char *arguments[] = {probes->path, trial, option, number, NULL};
    int seen_file = hand_over(handover, file);
    LOCKSTEP_FREE char *text = print_for_probe(request, handover);
    int failed = handover->failed;
    if (text == NULL || !write_request(file, text)) {
        return ENOMEM;
    }
    (void)snprintf(number, sizeof(number), "%d", seen_file);
    failed = failed != 0 ? failed : set_streams(&handover->actions, output);
    failed = failed != 0 ? failed : set_attributes(&handover->attributes);
    return failed != 0 ? failed
                       : posix_spawn(ret_pid, probes->path, &handover->actions,
                                     &handover->attributes, arguments, environ);
}

static int prepare_and_run(const struct lockstep_probes *probes,
                           const struct lockstep_probe_request *request, int output, pid_t *ret_pid)
{
    struct handover handover = {.next = output + 1};
    LOCKSTEP_CLOSE int file = memfd_create("lockstep-probe-request", MFD_CLOEXEC);
    int failed = file < 0 ? errno : posix_spawn_file_actions_init(&handover.actions);
    if (failed != 0) {
        return failed;
    }
    raise_next(&handover, file);
    for (size_t i = 0; i < request->subjects_count; i++) {
        raise_next(&handover, request->subjects[i].file_fd);
        raise_next(&handover, request->subjects[i].config_fd);
        raise_next(&handover, request->subjects[i].snapshot_fd);
    }
    failed = posix_spawnattr_init(&handover.attributes);
    if (failed == 0) {
        failed = run(probes, request, &handover, file, output, ret_pid);
        (void)posix_spawnattr_destroy(&handover.attributes);
    }
    (void)posix_spawn_file_actions_destroy(&handover.actions);
    return failed;
}

static enum lockstep_err begin(struct trial *trial, const struct lockstep_probe_request *request,
                               struct lockstep_error *err)
{
    struct lockstep_probes *probes = trial->probes;
    int pair[2];
    int failed;
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a pipe");
    }
    trial->output = pair[0];
    (void)fcntl(pair[1], F_SETFL, 0);
    failed = prepare_and_run(probes, request, pair[1], &trial->pid);
    (void)close(pair[1]);
    if (failed != 0) {
        trial->pid = 0;
        errno = failed;
        return LOCKSTEP_FAIL_ERRNO(err, "starting %s", probes->path);
    }
    probes->started++;
    LOCKSTEP_TRY(lockstep_child_watch(probes->loop, &trial->child, trial->pid, err));
    LOCKSTEP_TRY(lockstep_watch_set(probes->loop, &trial->watch, trial->output, EPOLLIN, err));
    lockstep_timer_arm(probes->loop, &trial->timer,
                       lockstep_time_after(lockstep_loop_now(probes->loop),
                                           request->deadline_ms + LOCKSTEP_PROBES_GRACE_MS));
    return LOCKSTEP_OK;
}

static struct trial *new_trial(struct lockstep_probes *probes, uint32_t ticket)
{
    for (size_t i = 0; i < LOCKSTEP_PROBES_MAX; i++) {
        struct trial *trial = &probes->trials[i];
        if (trial->probes == NULL) {
            *trial = (struct trial){.probes = probes, .ticket = ticket, .output = -1};
            trial->child = (struct lockstep_child){.exited = exited, .context = trial};
            trial->child.watch.fd = -1;
            trial->watch = (struct lockstep_watch){.ready = readable, .context = trial, .fd = -1};
            trial->timer = (struct lockstep_timer){.due = late, .context = trial};
            trial->post = (struct lockstep_post){.arrived = arrived, .context = trial};
            return trial;
        }
    }
    return NULL;
}

enum lockstep_err lockstep_probes_start(struct lockstep_probes *probes, uint32_t ticket,
                                        const struct lockstep_probe_request *request,
                                        struct lockstep_error *err)
{
    struct trial *trial;
    enum lockstep_err code;
    if (request->subjects_count == 0 || request->subjects_count > LOCKSTEP_ITEMS_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "a trial has 1 to %d modules", LOCKSTEP_ITEMS_MAX);
    }
    trial = new_trial(probes, ticket);
    if (trial == NULL) {
        return LOCKSTEP_FAIL(err, LIMIT, "%d trials are under way", LOCKSTEP_PROBES_MAX);
    }
    trial->memorable = make_key(probes, request, &trial->key);
    if (trial->memorable && is_remembered(probes, &trial->key)) {
        decide(trial, LOCKSTEP_NO_UNSPECIFIED, NULL);
        lockstep_loop_post(probes->loop, &trial->post);
        return LOCKSTEP_OK;
    }
    code = begin(trial, request, err);
    if (code != LOCKSTEP_OK) {
        end_trial(trial);
    }
    return code;
}

void lockstep_probes_cancel(struct lockstep_probes *probes, uint32_t ticket)
{
    for (size_t i = 0; i < LOCKSTEP_PROBES_MAX; i++) {
        if (probes->trials[i].probes != NULL && probes->trials[i].ticket == ticket) {
            end_trial(&probes->trials[i]);
        }
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

enum lockstep_err lockstep_probes_new(struct lockstep_loop *loop,
                                      const struct lockstep_probes_config *config,
                                      struct lockstep_probes **ret_probes,
                                      struct lockstep_error *err)
{
    struct lockstep_probes *probes = calloc(1, sizeof(*probes));
    char *path = strdup(config->probe_path);
    if (probes == NULL || path == NULL) {
        free(probes);
        free(path);
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for probes");
    }
    probes->loop = loop;
    probes->config = *config;
    probes->config.probe_path = path;
    probes->path = path;
    *ret_probes = probes;
    return LOCKSTEP_OK;
}

struct lockstep_probes *lockstep_probes_free(struct lockstep_probes *probes)
{
    if (probes == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < LOCKSTEP_PROBES_MAX; i++) {
        if (probes->trials[i].probes != NULL) {
            end_trial(&probes->trials[i]);
        }
    }
    free(probes->path);
    free(probes);
    return NULL;
}

uint64_t lockstep_probes_started(const struct lockstep_probes *probes)
{
    return probes->started;
}
