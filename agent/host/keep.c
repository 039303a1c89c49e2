#include "agent/host/keep.h"

#include "agent/host/host_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Thread_local bool replaying;

void lockstep_kept_init(struct lockstep_kept *kept)
{
    *kept = (struct lockstep_kept){.base_fd = -1, .back_fd = -1, .journal = {.fd = -1}};
}

void lockstep_kept_deinit(struct lockstep_kept *kept)
{
    if (kept->base_fd >= 0) {
        (void)close(kept->base_fd);
    }
    if (kept->back_fd >= 0) {
        (void)close(kept->back_fd);
    }
    lockstep_call_journal_deinit(&kept->journal);
    lockstep_kept_init(kept);
}

bool lockstep_kept_copy(int fd, int *ret_fd, struct lockstep_refusal *ret_refusal)
{
    *ret_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 || *ret_fd >= 0 ||
           lockstep_host_refuse(ret_refusal, "STORAGE", "no descriptor to keep its state with: %s",
                                strerror(errno));
}

/* Recursive: a call may lead back into its own module through another one. */
bool lockstep_keep_init(struct lockstep_keep *keep)
{
    pthread_mutexattr_t attributes;
    bool well;
    lockstep_kept_init(&keep->kept);
    if (pthread_mutexattr_init(&attributes) != 0) {
        return false;
    }
    well = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0 &&
           pthread_mutex_init(&keep->lock, &attributes) == 0;
    (void)pthread_mutexattr_destroy(&attributes);
    return well;
}

void lockstep_keep_deinit(struct lockstep_keep *keep)
{
    lockstep_kept_deinit(&keep->kept);
    (void)pthread_mutex_destroy(&keep->lock);
}

/* Of the lock's owner. */
static void look_at_journal(struct lockstep_keep *keep)
{
    const struct lockstep_call_journal *journal = &keep->kept.journal;
    atomic_store_explicit(&keep->wants_base,
                          journal->bytes != NULL &&
                              (lockstep_call_journal_beyond(journal, 2) || journal->missed > 0),
                          memory_order_relaxed);
}

void lockstep_keep_take(struct lockstep_keep *keep, struct lockstep_kept *kept)
{
    (void)pthread_mutex_lock(&keep->lock);
    lockstep_kept_deinit(&keep->kept);
    keep->kept = *kept;
    look_at_journal(keep);
    keep->retry_ms = 0;
    keep->told_full = false;
    (void)pthread_mutex_unlock(&keep->lock);
    lockstep_kept_init(kept);
}

bool lockstep_keep_wants_base(const struct lockstep_keep *keep)
{
    return atomic_load_explicit(&keep->wants_base, memory_order_relaxed);
}

bool lockstep_keep_journals(const struct lockstep_image *image)
{
    return image != NULL && image->identity.state_schema != 0 && image->module.apply != NULL &&
           (image->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) == 0;
}

/* Writers get slower where a new base is overdue, so that it comes before the end. */
static void slow_down(const struct lockstep_call_journal *journal)
{
    const struct timespec pause = {.tv_nsec = 100000};
    if (journal->used > journal->size / 4 * 3 && journal->missed == 0) {
        (void)nanosleep(&pause, NULL);
    }
}

/* What was asked is looked at before the tool has the call in its hands. */
int lockstep_keep_call(const struct lockstep_gate_entry *entry, struct lockstep_call *call)
{
    const struct lockstep_call asked = *call;
    struct lockstep_keep *keep = entry->keep;
    int result;
    (void)pthread_mutex_lock(&keep->lock);
    slow_down(&keep->kept.journal);
    result = entry->call(call);
    if (keep->kept.journal.bytes != NULL) {
        (void)lockstep_call_journal_append(&keep->kept.journal, entry->generation, entry->name,
                                           &asked, result);
        look_at_journal(keep);
    }
    (void)pthread_mutex_unlock(&keep->lock);
    return result;
}

/* ---- again ---------------------------------------------------------------------------------- */

static bool swallow(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    (void)sink;
    (void)bytes;
    (void)size;
    return true;
}

bool lockstep_keep_replaying(void)
{
    return replaying;
}

static void do_again(const struct lockstep_image *image,
                     const struct lockstep_call_journal_record *record,
                     struct lockstep_replay *replay)
{
    struct lockstep_sink sink = {swallow};
    struct lockstep_call call = {sizeof(call), record->request, record->request_size, &sink};
    int result = image->module.apply == NULL ? LOCKSTEP_APPLY_UNKNOWN
                                             : image->module.apply(record->tool, &call);
    if (result == LOCKSTEP_APPLY_UNKNOWN && record->result != (uint32_t)result) {
        replay->unknown++;
        return;
    }
    replay->applied++;
    replay->differ += (uint32_t)result != record->result ? 1 : 0;
}

bool lockstep_keep_replay(const struct lockstep_image *image, const uint8_t *bytes, size_t size,
                          struct lockstep_replay *ret_replay)
{
    struct lockstep_call_journal_reader reader;
    struct lockstep_call_journal_record record;
    *ret_replay = (struct lockstep_replay){0};
    if (!lockstep_call_journal_begin(&reader, bytes, size)) {
        return false;
    }
    replaying = true;
    while (lockstep_call_journal_next(&reader, &record)) {
        do_again(image, &record, ret_replay);
    }
    replaying = false;
    ret_replay->missed = reader.missed;
    ret_replay->torn = reader.torn;
    return true;
}

bool lockstep_keep_continue(struct lockstep_call_journal *journal, size_t journal_bytes,
                            const uint8_t *bytes, size_t size)
{
    struct lockstep_call_journal_reader reader = {0};
    struct lockstep_call_journal_record record;
    bool old = bytes != NULL && lockstep_call_journal_begin(&reader, bytes, size);
    if (lockstep_call_journal_new(journal, size > journal_bytes ? size : journal_bytes, reader.next,
                                  NULL) != LOCKSTEP_OK) {
        return false;
    }
    while (old && lockstep_call_journal_next(&reader, &record)) {
        if (!lockstep_call_journal_copy(journal, &record)) {
            return true; /* it says itself that it is not whole */
        }
    }
    return true;
}
