/* The subject half: shut in, look, then run the set step by step. */
#include "agent/probe/trial.h"

#include "agent/probe/last_words.h"
#include "agent/probe/requires.h"
#include "agent/probe/run.h"
#include "agent/probe/sandbox.h"
#include "agent/probe/trial_internal.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 256
/* From linux/memfd.h of newer kernels: the file may be mapped, not started. */
#define MEMFD_NOEXEC_SEAL 0x0008U

/* What is hashed, checked and mapped is the same bytes: a file of this process alone. */
static int make_image(const struct lockstep_probe_artifact *artifact)
{
    size_t at = 0;
    int fd = memfd_create("lockstep-module", MFD_CLOEXEC | MEMFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("lockstep-module", MFD_CLOEXEC);
    }
    while (fd >= 0 && at < artifact->size) {
        ssize_t done = write(fd, artifact->bytes + at, artifact->size - at);
        if (done <= 0 && errno != EINTR) {
            return -1;
        }
        at += done > 0 ? (size_t)done : 0;
    }
    return fd;
}

/* The images are made outside of the sandbox, in which no file can be written. */
static bool prepare(struct lockstep_probe_trial *trial, struct lockstep_probe_running *set)
{
    for (size_t i = 0; i < trial->request->subjects_count; i++) {
        set[i].trial = trial;
        set[i].index = i;
        set[i].image_fd = -1;
        if (trial->material[i].artifact.bytes == NULL) {
            continue;
        }
        set[i].image_fd = make_image(&trial->material[i].artifact);
        if (set[i].image_fd < 0) {
            lockstep_probe_note(&set[i], LOCKSTEP_PROBE_CHECK_SANDBOX,
                                "no memory file can be made for it: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

/* The supervisor takes a copy of the descriptor, and says whether it could. Ours goes, so that
 * nothing in here can answer for it. */
static void hand_calls_over(struct lockstep_probe_trial *trial, int calls)
{
    char taken = 0;
    lockstep_probe_report_calls(trial->report_fd, calls);
    trial->verdict->sandbox.watched = read(trial->go_fd, &taken, 1) == 1 && taken == 1;
    (void)close(trial->go_fd);
    (void)close(calls);
}

static bool shut_in(struct lockstep_probe_trial *trial, pid_t parent)
{
    const struct lockstep_probe_walls walls = {
        .parent = parent,
        .memory_bytes = trial->request->memory_bytes,
        .cpu_ms = trial->request->deadline_ms,
        .descriptors = DESCRIPTORS_MAX,
    };
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    int calls = -1;
    if (lockstep_probe_sandbox_enter(&walls, &trial->verdict->sandbox, &calls, &err) !=
        LOCKSTEP_OK) {
        lockstep_probe_verdict_find(trial->verdict, 0, LOCKSTEP_PROBE_CHECK_SANDBOX, "%s",
                                    err.message);
        return false;
    }
    hand_calls_over(trial, calls);
    return true;
}

static void *do_nothing(void *argument)
{
    return argument;
}

/* A runtime that has threads of its own, as sanitizers do, starts them with the first thread there
 * is: they are none that a module leaves behind. */
static void start_runtime(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0) {
        (void)pthread_join(thread, NULL);
    }
}

/* Those that others need come first, and the whole set is loaded before a test runs. */
static void run_set(struct lockstep_probe_trial *trial, struct lockstep_probe_running *set,
                    const size_t *order)
{
    size_t count = trial->request->subjects_count;
    struct lockstep_surroundings before;
    start_runtime();
    lockstep_surroundings_take(&before);
    for (size_t i = 0; i < count; i++) {
        struct lockstep_probe_running *running = &set[order[i]];
        if (!lockstep_probe_map(running) || !lockstep_probe_load(running)) {
            return;
        }
        lockstep_probe_compare(running, &before, "load");
        lockstep_probe_prove(running);
        lockstep_probe_compare(running, &before, "save, up or down");
        if (!trial->verdict->ok) {
            return;
        }
    }
    for (size_t i = 0; i < count && trial->request->smoke; i++) {
        if (!lockstep_probe_smoke(&set[order[i]], &before)) {
            return; /* some of its code still runs */
        }
    }
    for (size_t i = count; i-- > 0;) {
        lockstep_probe_retire(&set[order[i]]);
    }
}

static void try_set(struct lockstep_probe_trial *trial, pid_t parent)
{
    static struct lockstep_probe_running set[LOCKSTEP_ITEMS_MAX];
    size_t order[LOCKSTEP_ITEMS_MAX];
    if (!prepare(trial, set) || !shut_in(trial, parent)) {
        return;
    }
    lockstep_last_words_install(trial->report_fd);
    lockstep_probe_begin(&set[0], LOCKSTEP_PROBE_STAGE_STATIC, NULL, 0);
    lockstep_probe_trial_static(trial);
    if (trial->verdict->ok && !trial->request->look_only) {
        lockstep_probe_order(trial->request, trial->verdict, order);
    }
    lockstep_probe_report_verdict(trial->report_fd, trial->verdict, false);
    if (trial->verdict->ok && !trial->request->look_only) {
        run_set(trial, set, order);
    }
    if (trial->verdict->ok) {
        trial->verdict->stage = LOCKSTEP_PROBE_STAGE_DONE;
    }
}

void lockstep_probe_trial_run(struct lockstep_probe_trial *trial, pid_t parent)
{
    try_set(trial, parent);
    (void)fflush(NULL);
    lockstep_probe_report_verdict(trial->report_fd, trial->verdict, true);
    _exit(0); /* what modules and libraries left to be done at exit is not ours to run */
}
