/* What is kept of modules, as time goes on: new bases, and the end of a window. */
#include "agent/host/host_internal.h"

#include <unistd.h>

#define BASE_DRAIN_MS 500  /* for a base that nobody asked for */
#define BASE_RETRY_MS 1000 /* after one that could not be made */
#define FINALIZE_MS   10000

static void changed(struct lockstep_sets *sets, struct lockstep_module_line *line)
{
    if (sets->keep_changed != NULL) {
        sets->keep_changed(sets->keep_context, line);
    }
}

/* The sequence goes on, so that nobody takes the journals of two bases for one. */
bool lockstep_sets_keep_base(struct lockstep_sets *sets, struct lockstep_module_line *line,
                             int base_fd, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_kept *before = &line->keep.kept;
    struct lockstep_kept kept;
    lockstep_kept_init(&kept);
    if ((line->live->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return true; /* nothing is kept of class none */
    }
    if (lockstep_keep_journals(line->live) &&
        lockstep_call_journal_new(&kept.journal, sets->host->journal_bytes, before->journal.next,
                                  NULL) != LOCKSTEP_OK) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a journal");
    }
    if (!lockstep_kept_copy(base_fd, &kept.base_fd, ret_refusal) ||
        !lockstep_kept_copy(before->back_fd, &kept.back_fd, ret_refusal)) {
        lockstep_kept_deinit(&kept);
        return false;
    }
    if (before->back_fd >= 0 && before->whole && before->journal.bytes != NULL &&
        line->live->module.down == NULL) {
        lockstep_host_log(sets->host, LOCKSTEP_LOG_WARNING,
                          "%s: its journal was full; going back would lose what was written since "
                          "its commit",
                          line->name.text);
    }
    lockstep_keep_take(&line->keep, &kept);
    changed(sets, line);
    return true;
}

/* A journal that is full lets calls through unwritten: that is said at once, and again when it is
 * over. */
static void make_base(struct lockstep_sets *sets, struct lockstep_module_line *line,
                      uint64_t now_ms)
{
    struct lockstep_refusal refusal = {0};
    if (line->keep.kept.journal.missed > 0 && !line->keep.told_full) {
        line->keep.told_full = true;
        lockstep_host_log(sets->host, LOCKSTEP_LOG_ERROR,
                          "%s: its journal is full; calls are not written down until there is a "
                          "new base",
                          line->name.text);
    }
    if (!lockstep_sets_base(sets, line->name.text, BASE_DRAIN_MS, &refusal)) {
        line->keep.retry_ms = now_ms + BASE_RETRY_MS;
        lockstep_host_log(sets->host, LOCKSTEP_LOG_WARNING, "%s: no new base: %s", line->name.text,
                          refusal.text);
    }
}

void lockstep_sets_keep_tick(struct lockstep_sets *sets, uint64_t now_ms)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->live != NULL && now_ms >= line->keep.retry_ms &&
            !lockstep_sets_any_closed(sets) && lockstep_keep_wants_base(&line->keep)) {
            make_base(sets, line, now_ms);
        }
    }
}

void lockstep_sets_base_all(struct lockstep_sets *sets)
{
    struct lockstep_refusal refusal = {0};
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->live != NULL && line->live->identity.state_schema != 0) {
            line->keep.ending = true;
            (void)lockstep_sets_base(sets, line->name.text, BASE_DRAIN_MS, &refusal);
        }
    }
}

static int run_finalize(void *argument, struct lockstep_job_why *why)
{
    const struct lockstep_image *image = argument;
    (void)why;
    image->module.finalize();
    return 0;
}

void lockstep_sets_finalize(struct lockstep_sets *sets, struct lockstep_module_line *line)
{
    struct lockstep_image *image = line->live;
    struct lockstep_job *job;
    char why[LOCKSTEP_JOB_WHY];
    bool tells = image != NULL && !image->finalized && !image->stuck &&
                 image->module.finalize != NULL;
    line->restarted = false;
    if (line->keep.kept.back_fd >= 0) { /* no call looks at it, so none is waited for */
        (void)close(line->keep.kept.back_fd);
    }
    line->keep.kept.back_fd = -1;
    line->keep.kept.whole = false;
    if (tells) {
        image->finalized = true;
    }
    changed(sets, line); /* before it is: if this process dies meanwhile, nothing leads back */
    if (!tells) {
        return;
    }
    job = lockstep_job_start(run_finalize, image, NULL);
    if (lockstep_job_wait(job, FINALIZE_MS, why) == LOCKSTEP_JOB_STUCK) {
        image->stuck = true;
    }
    job = lockstep_job_drop(job);
}
