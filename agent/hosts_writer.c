#include "agent/hosts_writer.h"

#include "common/base/cleanup.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((off_t)64 * 1024 * 1024) /* bytes of a base that is also a file */

struct job {
    struct job *next;
    bool wanted;
    int fd; /* owned; -1: none, and if it is wanted it could not be had */
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
};

struct lockstep_hosts_writer {
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    struct job *first;
    struct job *doing; /* the thread's */
    bool ending;
};

/* ---- one file ------------------------------------------------------------------------------- */

static bool copy_file(int from, int to)
{
    struct stat status;
    off_t at = 0;
    if (fstat(from, &status) != 0 || status.st_size > FILE_MAX) {
        return false;
    }
    while (at < status.st_size) {
        ssize_t sent = sendfile(to, from, &at, (size_t)(status.st_size - at));
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
    }
    return fsync(to) == 0;
}

static bool sync_directory_of(const char *path)
{
    char directory[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char *slash;
    (void)snprintf(directory, sizeof(directory), "%s", path);
    slash = strrchr(directory, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return lockstep_file_sync_directory(directory, NULL) == LOCKSTEP_OK;
}

static void do_job(const struct job *job)
{
    char temporary[LOCKSTEP_HOSTWIRE_PATH_MAX + sizeof(".new")];
    bool well = false;
    (void)snprintf(temporary, sizeof(temporary), "%s.new", job->path);
    if (job->fd >= 0) {
        LOCKSTEP_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        well = fd >= 0 && copy_file(job->fd, fd) && rename(temporary, job->path) == 0 &&
               sync_directory_of(job->path);
    }
    if (!well) {
        (void)unlink(temporary);
        (void)unlink(job->path);
        (void)sync_directory_of(job->path);
    }
    if (!well && job->wanted) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "base not written path=%s", job->path);
    }
}

static void free_job(struct job *job)
{
    if (job->fd >= 0) {
        (void)close(job->fd);
    }
    free(job);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void *run(void *context)
{
    struct lockstep_hosts_writer *writer = context;
    (void)pthread_mutex_lock(&writer->mutex);
    while (writer->first != NULL || !writer->ending) {
        if (writer->first == NULL) {
            (void)pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        writer->doing = writer->first;
        writer->first = writer->doing->next;
        (void)pthread_mutex_unlock(&writer->mutex);
        do_job(writer->doing);
        (void)pthread_mutex_lock(&writer->mutex);
        free_job(writer->doing);
        writer->doing = NULL;
        (void)pthread_cond_broadcast(&writer->changed);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

/* Signals are the loop's. */
static bool start(struct lockstep_hosts_writer *writer)
{
    sigset_t all;
    sigset_t before;
    bool started;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&writer->thread, NULL, run, writer) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static struct lockstep_hosts_writer *writer_of(struct lockstep_hosts *hosts)
{
    struct lockstep_hosts_writer *writer = hosts->writer;
    if (writer != NULL) {
        return writer;
    }
    writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)pthread_cond_init(&writer->changed, NULL);
    if (!start(writer)) {
        (void)pthread_cond_destroy(&writer->changed);
        (void)pthread_mutex_destroy(&writer->mutex);
        free(writer);
        return NULL;
    }
    hosts->writer = writer;
    return writer;
}

struct lockstep_hosts_writer *lockstep_hosts_writer_free(struct lockstep_hosts_writer *writer)
{
    if (writer != NULL) {
        (void)pthread_mutex_lock(&writer->mutex);
        writer->ending = true;
        (void)pthread_cond_broadcast(&writer->changed);
        (void)pthread_mutex_unlock(&writer->mutex);
        (void)pthread_join(writer->thread, NULL);
        (void)pthread_cond_destroy(&writer->changed);
        (void)pthread_mutex_destroy(&writer->mutex);
        free(writer);
    }
    return NULL;
}

/* ---- orders --------------------------------------------------------------------------------- */

/* The place of the order for PATH that has not begun, or that behind the last. */
static struct job **place_of(struct lockstep_hosts_writer *writer, const char *path)
{
    struct job **place = &writer->first;
    while (*place != NULL && strcmp((*place)->path, path) != 0) {
        place = &(*place)->next;
    }
    return place;
}

static void queue(struct lockstep_hosts_writer *writer, struct job *job)
{
    struct job **place;
    (void)pthread_mutex_lock(&writer->mutex);
    place = place_of(writer, job->path);
    if (*place != NULL) {
        struct job *older = *place;
        job->next = older->next;
        free_job(older);
    }
    *place = job;
    (void)pthread_cond_broadcast(&writer->changed);
    (void)pthread_mutex_unlock(&writer->mutex);
}

void lockstep_hosts_writer_put(struct lockstep_hosts *hosts, const char *path, int fd)
{
    struct lockstep_hosts_writer *writer = writer_of(hosts);
    struct job *job = writer == NULL ? NULL : malloc(sizeof(*job));
    struct job now = {.wanted = fd >= 0, .fd = fd};
    (void)snprintf(now.path, sizeof(now.path), "%s", path);
    if (job == NULL) {
        lockstep_hosts_writer_await(hosts, path);
        do_job(&now);
        return;
    }
    *job = now;
    job->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    queue(writer, job);
}

void lockstep_hosts_writer_await(struct lockstep_hosts *hosts, const char *path)
{
    struct lockstep_hosts_writer *writer = hosts->writer;
    if (writer == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&writer->mutex);
    while (*place_of(writer, path) != NULL ||
           (writer->doing != NULL && strcmp(writer->doing->path, path) == 0)) {
        (void)pthread_cond_wait(&writer->changed, &writer->mutex);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
}
