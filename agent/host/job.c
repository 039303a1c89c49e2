#include "agent/host/job.h"

#include "agent/host/crash.h"
#include "common/base/cleanup.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

struct lockstep_job {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    lockstep_job_fn *run;
    void *argument;
    void (*free_argument)(void *argument);
    uint64_t started_ms;
    unsigned shares; /* the thread's and the waiting side's */
    bool done;
    int result;
    struct lockstep_job_why why;
};

uint64_t lockstep_job_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool keep_words(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    struct lockstep_job_why *why = (struct lockstep_job_why *)sink;
    size_t room = sizeof(why->text) - 1 - why->size;
    size_t taken = size < room ? size : room;
    if (taken > 0) {
        memcpy(why->text + why->size, bytes, taken);
    }
    why->size += taken;
    return taken == size;
}

static void give_up_share(struct lockstep_job *job)
{
    bool last;
    (void)pthread_mutex_lock(&job->mutex);
    last = --job->shares == 0;
    (void)pthread_mutex_unlock(&job->mutex);
    if (!last) {
        return;
    }
    if (job->free_argument != NULL) {
        job->free_argument(job->argument);
    }
    (void)pthread_cond_destroy(&job->ended);
    (void)pthread_mutex_destroy(&job->mutex);
    free(job);
}

static void *run_job(void *argument)
{
    struct lockstep_job *job = argument;
    int result;
    lockstep_crash_listen();
    result = job->run(job->argument, &job->why);
    (void)pthread_mutex_lock(&job->mutex);
    job->result = result;
    job->done = true;
    (void)pthread_cond_broadcast(&job->ended);
    (void)pthread_mutex_unlock(&job->mutex);
    give_up_share(job);
    return NULL;
}

/* Signals are the process's business: our threads take none. */
static bool start_thread(struct lockstep_job *job)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    bool started;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&thread, NULL, run_job, job) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) {
        (void)pthread_detach(thread);
    }
    return started;
}

struct lockstep_job *lockstep_job_start(lockstep_job_fn *run, void *argument,
                                        void (*free_argument)(void *argument))
{
    struct lockstep_job *job = calloc(1, sizeof(*job));
    pthread_condattr_t clock;
    if (job == NULL) {
        if (free_argument != NULL) {
            free_argument(argument);
        }
        return NULL;
    }
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&job->ended, &clock);
    (void)pthread_condattr_destroy(&clock);
    (void)pthread_mutex_init(&job->mutex, NULL);
    job->run = run;
    job->argument = argument;
    job->free_argument = free_argument;
    job->started_ms = lockstep_job_now_ms();
    job->shares = 2;
    job->why.sink.write = keep_words;
    if (!start_thread(job)) {
        job->shares = 1;
        give_up_share(job);
        return NULL;
    }
    return job;
}

static void copy_why(const struct lockstep_job_why *why, char ret_why[LOCKSTEP_JOB_WHY])
{
    if (why->size == 0) {
        (void)snprintf(ret_why, LOCKSTEP_JOB_WHY, "it does not say why");
        return;
    }
    for (size_t i = 0; i < why->size; i++) {
        ret_why[i] = why->text[i] < ' ' || why->text[i] > '~' ? '?' : why->text[i];
    }
    ret_why[why->size] = '\0';
}

enum lockstep_job_end lockstep_job_wait(struct lockstep_job *job, uint64_t limit_ms,
                                        char ret_why[LOCKSTEP_JOB_WHY])
{
    uint64_t end_ms;
    struct timespec end;
    enum lockstep_job_end how = LOCKSTEP_JOB_STUCK;
    int waited = 0;
    if (job == NULL) {
        (void)snprintf(ret_why, LOCKSTEP_JOB_WHY, "no thread to run it on");
        return LOCKSTEP_JOB_NO_THREAD;
    }
    end_ms = job->started_ms + limit_ms;
    end.tv_sec = (time_t)(end_ms / 1000);
    end.tv_nsec = (long)(end_ms % 1000) * 1000000;
    (void)pthread_mutex_lock(&job->mutex);
    while (!job->done && waited == 0) {
        waited = pthread_cond_timedwait(&job->ended, &job->mutex, &end);
    }
    if (job->done) {
        how = job->result == 0 ? LOCKSTEP_JOB_PASSED : LOCKSTEP_JOB_FAILED;
        copy_why(&job->why, ret_why);
    } else {
        (void)snprintf(ret_why, LOCKSTEP_JOB_WHY, "it did not end within %llu ms",
                       (unsigned long long)limit_ms);
    }
    (void)pthread_mutex_unlock(&job->mutex);
    return how;
}

struct lockstep_job *lockstep_job_drop(struct lockstep_job *job)
{
    if (job != NULL) {
        give_up_share(job);
    }
    return NULL;
}
