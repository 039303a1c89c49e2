/*
 * Handing state over: always as records, always beside what is there. The old version keeps its
 * own, so whatever fails here, going on with it loses nothing.
 */
#include "agent/host/host_internal.h"
#include "agent/host/set_way.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Belongs to a job, so that code which does not end has something left to write to. */
struct handing {
    enum lockstep_way way;
    struct lockstep_image *from; /* NULL: `records` are there already */
    struct lockstep_image *to;   /* NULL: save only */
    uint32_t schema;             /* of the records */
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    struct lockstep_bag records;
    struct lockstep_bag taken; /* what `up` gets */
    struct lockstep_bag residue;
    struct lockstep_bag kept; /* residue of an earlier `down`, for TO's schema */
    uint8_t *journal;         /* owned; NULL: none */
    size_t journal_size;
    struct lockstep_replay replay;
};

static void free_handing(void *argument)
{
    struct handing *handing = argument;
    lockstep_bag_deinit(&handing->records);
    lockstep_bag_deinit(&handing->taken);
    lockstep_bag_deinit(&handing->residue);
    lockstep_bag_deinit(&handing->kept);
    free(handing->journal);
    free(handing);
}

static struct handing *new_handing(struct lockstep_image *from, struct lockstep_image *to,
                                   const char *extra, struct lockstep_refusal *ret_refusal)
{
    struct handing *handing = calloc(1, sizeof(*handing));
    if (handing == NULL) {
        (void)lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
        return NULL;
    }
    handing->from = from;
    handing->to = to;
    lockstep_bag_init(&handing->records);
    lockstep_bag_init(&handing->taken);
    lockstep_bag_init(&handing->residue);
    lockstep_bag_init(&handing->kept);
    (void)snprintf(handing->extra, sizeof(handing->extra), "%s", extra);
    handing->records.sink.extra = handing->extra;
    handing->taken.source.extra = handing->extra;
    return handing;
}

bool lockstep_item_has_state(const struct lockstep_set_item *item)
{
    const struct lockstep_image *live = item->line->live;
    return live != NULL && live != item->image &&
           (lockstep_way_schema(live) != 0 || lockstep_way_schema(item->image) != 0);
}

/* ---- in the job ----------------------------------------------------------------------------- */

/* Takes what is no residue of STATE along the steps to schema TO; residue goes around. */
int lockstep_state_walk(const struct lockstep_image *image, uint32_t from, uint32_t to,
                        struct lockstep_bag *state, struct lockstep_job_why *why)
{
    struct lockstep_path path;
    if (from == to || !lockstep_way_path(image, from, to, &path)) {
        return 0; /* without steps `up` takes what there is */
    }
    for (size_t i = 0; i < path.count; i++) {
        struct lockstep_bag source;
        struct lockstep_bag made;
        bool well;
        lockstep_bag_init(&source);
        lockstep_bag_init(&made);
        source.source.extra = state->sink.extra;
        made.sink.extra = state->sink.extra;
        well = lockstep_bag_take(&source, state, false, false) &&
               lockstep_bag_take(&made, state, true, true);
        lockstep_bag_rewind(&source);
        well = well && path.steps[i]->run(&source.source, &made.sink, &why->sink) == 0;
        lockstep_bag_deinit(&source);
        lockstep_bag_swap(state, &made);
        lockstep_bag_deinit(&made);
        if (!well) {
            (void)lockstep_sink_print(&why->sink, " (the step from schema %u to %u)",
                                      path.steps[i]->from, path.steps[i]->to);
            return 1;
        }
    }
    return 0;
}

/* `save`, or `down` when the way leads to an older schema. */
static int write_records(struct handing *handing, struct lockstep_job_why *why)
{
    const struct lockstep_module *from = &handing->from->module;
    uint32_t mine = lockstep_way_schema(handing->from);
    int result;
    handing->schema = handing->way == LOCKSTEP_WAY_DOWN ? lockstep_way_schema(handing->to) : mine;
    if (handing->way == LOCKSTEP_WAY_DOWN && from->down != NULL) {
        result = from->down(handing->schema, &handing->records.sink);
    } else {
        result = from->save(&handing->records.sink);
    }
    if (result != 0) {
        (void)lockstep_sink_print(&why->sink, "it could not write its state in schema %u",
                                  handing->schema);
        return result;
    }
    return from->down != NULL
               ? 0
               : lockstep_state_walk(handing->from, mine, handing->schema, &handing->records, why);
}

static int hand_over(void *argument, struct lockstep_job_why *why)
{
    struct handing *handing = argument;
    const struct lockstep_image *to = handing->to;
    uint32_t schema;
    int result;
    if (handing->from != NULL && write_records(handing, why) != 0) {
        return 1;
    }
    if (to == NULL) {
        return 0;
    }
    if (!lockstep_bag_take(&handing->taken, &handing->records, false, false) ||
        !lockstep_bag_take(&handing->residue, &handing->records, true, true) ||
        !lockstep_bag_take(&handing->taken, &handing->kept, true, true)) {
        (void)lockstep_sink_print(&why->sink, "no room for the state");
        return 1;
    }
    handing->taken.sink.extra = handing->extra;
    schema = to->module.steps_count == 0 ? handing->schema : lockstep_way_schema(to);
    if (lockstep_state_walk(to, handing->schema, schema, &handing->taken, why) != 0) {
        return 1;
    }
    handing->taken.source.extra = handing->extra;
    lockstep_bag_rewind(&handing->taken);
    result = handing->records.missing ? 0
                                      : to->module.up(schema, &handing->taken.source, &why->sink);
    if (result == 0 && handing->journal != NULL &&
        !lockstep_keep_replay(to, handing->journal, handing->journal_size, &handing->replay)) {
        (void)lockstep_sink_print(&why->sink, "its journal is none");
        return 1;
    }
    return result;
}

/* Runs HANDING. False: refused. The job is the caller's to drop, which frees HANDING; what is to be
 * kept of it is moved out before, when it has passed. */
static bool run(struct handing *handing, uint64_t limit_ms, struct lockstep_job **ret_job,
                struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *from = handing->from;
    struct lockstep_image *to = handing->to;
    char why[LOCKSTEP_JOB_WHY];
    enum lockstep_job_end end;
    *ret_job = lockstep_job_start(hand_over, handing, free_handing);
    end = lockstep_job_wait(*ret_job, limit_ms, why);
    if (end == LOCKSTEP_JOB_STUCK) {
        /* Which of the two hangs is not known; neither may be asked again. */
        if (to != NULL) {
            to->stuck = true;
        }
        if (from != NULL) {
            from->stuck = true;
        }
    }
    return end == LOCKSTEP_JOB_PASSED ||
           lockstep_host_refuse(ret_refusal, "STATE", "handing the state over: %s", why);
}

/* ---- between versions ----------------------------------------------------------------------- */

/* What is kept is read first: it is from outside as soon as somebody else has had it. */
static bool load_kept(struct handing *handing, int base_fd,
                      const struct lockstep_call_journal *journal,
                      struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    handing->records.missing = base_fd < 0;
    if ((base_fd >= 0 && lockstep_bag_load(&handing->records, base_fd, &err) != LOCKSTEP_OK) ||
        (journal != NULL &&
         lockstep_call_journal_load(journal->fd, &handing->journal, &handing->journal_size, &err) !=
             LOCKSTEP_OK)) {
        return lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
    }
    if (handing->records.residue_schema == lockstep_way_schema(handing->to) &&
        !lockstep_bag_take(&handing->kept, &handing->records, true, true)) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    handing->schema = base_fd < 0 ? lockstep_way_schema(handing->to) : handing->records.schema;
    return lockstep_state_takes(handing->to, handing->schema, ret_refusal);
}

static struct handing *begin_handing(const struct lockstep_set_item *item, enum lockstep_way way,
                                     const char *extra, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = item->line;
    bool kept = way == LOCKSTEP_WAY_JOURNAL || way == LOCKSTEP_WAY_BACK;
    struct handing *handing = new_handing(kept ? NULL : line->live, item->image, extra,
                                          ret_refusal);
    if (handing == NULL) {
        return NULL;
    }
    handing->way = way;
    if (kept &&
        !load_kept(handing, line->keep.kept.back_fd,
                   way == LOCKSTEP_WAY_JOURNAL ? &line->keep.kept.journal : NULL, ret_refusal)) {
        free_handing(handing);
        return NULL;
    }
    if (line->residue.schema == lockstep_way_schema(item->image) &&
        !lockstep_bag_take(&handing->kept, &line->residue, true, true)) {
        free_handing(handing);
        (void)lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
        return NULL;
    }
    return handing;
}

/* A base has the residue, too: either what was just made, or what was there for another schema. */
static bool add_residue(const struct lockstep_module_line *line, enum lockstep_way way,
                        struct lockstep_bag *records)
{
    struct lockstep_bag copy;
    if (way == LOCKSTEP_WAY_DOWN || line->residue.count == 0) {
        records->residue_schema = way == LOCKSTEP_WAY_DOWN ? lockstep_way_schema(line->live) : 0;
        return true;
    }
    records->residue_schema = line->residue.schema;
    copy = line->residue; /* to walk over it; the bytes stay the line's */
    return lockstep_bag_take(records, &copy, true, true);
}

/* What the new version will be kept by. */
static bool fill_kept(struct lockstep_set_item *item, struct handing *handing,
                      struct lockstep_refusal *ret_refusal)
{
    struct lockstep_kept *kept = &item->kept;
    const struct lockstep_kept *before = &item->line->keep.kept;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t journal_bytes = item->image->host->journal_bytes;
    if ((item->image->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return true;
    }
    if (handing->way == LOCKSTEP_WAY_SAVE || handing->way == LOCKSTEP_WAY_DOWN) {
        if (!add_residue(item->line, handing->way, &handing->records) ||
            lockstep_bag_save(&handing->records, &kept->base_fd, &err) != LOCKSTEP_OK) {
            return lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
        }
    } else if (!lockstep_kept_copy(before->back_fd, &kept->base_fd, ret_refusal)) {
        return false;
    }
    if (handing->way == LOCKSTEP_WAY_SAVE &&
        lockstep_way_schema(item->line->live) < lockstep_way_schema(item->image)) {
        kept->whole = true;
        if (!lockstep_kept_copy(kept->base_fd, &kept->back_fd, ret_refusal)) {
            return false;
        }
    }
    if (lockstep_keep_journals(item->image) &&
        !lockstep_keep_continue(&kept->journal, journal_bytes, handing->journal,
                                handing->journal_size)) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a journal");
    }
    return true;
}

/* What is lost the agent is told as well. */
static void tell_way(struct lockstep_set_item *item, const struct handing *handing)
{
    const struct lockstep_replay *replay = &handing->replay;
    bool lost = handing->way == LOCKSTEP_WAY_BACK || replay->unknown + replay->missed > 0;
    int length = snprintf(item->said, sizeof(item->said), "%s %.31s has its state by %s",
                          item->line->name.text, item->image->version,
                          lockstep_way_text(handing->way));
    if (handing->journal != NULL && length > 0 && (size_t)length < sizeof(item->said)) {
        (void)snprintf(item->said + length, sizeof(item->said) - (size_t)length,
                       ": %llu calls done again, %llu of them came out differently; lost: %llu "
                       "that it does not know, %llu not in the journal; %d begun, never answered",
                       (unsigned long long)replay->applied, (unsigned long long)replay->differ,
                       (unsigned long long)replay->unknown, (unsigned long long)replay->missed,
                       replay->torn ? 1 : 0);
    }
    lockstep_host_log(item->image->host, lost ? LOCKSTEP_LOG_WARNING : LOCKSTEP_LOG_INFO, "%s",
                      item->said);
    if (!lost) {
        item->said[0] = '\0';
    }
}

/* The residue that the line has from now on; what was kept brings its own. */
static bool take_residue(struct lockstep_set_item *item, struct handing *handing)
{
    if (handing->way >= LOCKSTEP_WAY_JOURNAL) {
        item->residue.schema = handing->records.residue_schema;
        item->has_residue = item->residue.schema != lockstep_way_schema(item->image);
        if (!item->has_residue) {
            return true; /* it went into `up` */
        }
    }
    return lockstep_bag_take(&item->residue, &handing->residue, true, true);
}

/* Tries WAY; what fails leaves no trace in the item. */
static bool go(struct lockstep_set_item *item, enum lockstep_way way, const char *extra,
               uint64_t limit_ms, struct lockstep_refusal *ret_refusal)
{
    struct handing *handing = begin_handing(item, way, extra, ret_refusal);
    struct lockstep_job *job = NULL;
    bool well = false;
    if (handing == NULL) {
        return false;
    }
    if (run(handing, limit_ms, &job, ret_refusal)) {
        handing->records.schema = handing->schema;
        well = (take_residue(item, handing) ||
                lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over")) &&
               fill_kept(item, handing, ret_refusal);
        tell_way(item, handing);
    }
    job = lockstep_job_drop(job);
    if (!well) {
        lockstep_kept_deinit(&item->kept);
        lockstep_bag_deinit(&item->residue);
    }
    return well;
}

/* Where nothing is handed over, calls are written down from here on all the same. */
static bool begin_journal(struct lockstep_set_item *item, struct lockstep_refusal *ret_refusal)
{
    if (item->image == NULL || item->image == item->line->live ||
        !lockstep_keep_journals(item->image) || item->kept.journal.bytes != NULL) {
        return true;
    }
    return lockstep_keep_continue(&item->kept.journal, item->image->host->journal_bytes, NULL, 0) ||
           lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a journal");
}

bool lockstep_item_migrate(struct lockstep_set_item *item, const char *extra, uint64_t limit_ms,
                           struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *from = item->line->live;
    struct lockstep_image *to = item->image;
    enum lockstep_way way = LOCKSTEP_WAY_NONE;
    lockstep_bag_deinit(&item->residue);
    item->has_residue = false;
    if (item->line->live != NULL) {
        lockstep_kept_deinit(&item->kept);
    }
    if (!lockstep_way_choose(item, &way, ret_refusal)) {
        return false;
    }
    if (way == LOCKSTEP_WAY_NONE) {
        return begin_journal(item, ret_refusal);
    }
    if (from->stuck || to->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "handing its state over did not end before");
    }
    /* What is kept for a third schema stays, unless this way down makes a new residue. */
    item->has_residue = way == LOCKSTEP_WAY_DOWN ||
                        item->line->residue.schema == lockstep_way_schema(to);
    item->residue.schema = lockstep_way_schema(from);
    if (go(item, way, extra, limit_ms, ret_refusal)) {
        return true;
    }
    return way == LOCKSTEP_WAY_DOWN && !to->stuck &&
           lockstep_way_journaled(&item->line->keep.kept, to) &&
           go(item, LOCKSTEP_WAY_JOURNAL, extra, limit_ms, ret_refusal);
}

/* ---- from outside --------------------------------------------------------------------------- */

/* Begins with BASE_FD, and with the journal if that belongs to it. */
static bool begin_with(struct lockstep_set_item *item, const char *extra, int base_fd,
                       const struct lockstep_hostwire_entry *entry, bool journal,
                       struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_call_journal theirs = {.fd = entry->journal_fd};
    struct handing *handing = new_handing(NULL, item->image, extra, ret_refusal);
    struct lockstep_job *job = NULL;
    bool well = false;
    if (handing == NULL) {
        return false;
    }
    handing->way = LOCKSTEP_WAY_GIVEN;
    if (!load_kept(handing, base_fd, journal ? &theirs : NULL, ret_refusal)) {
        free_handing(handing);
        return false;
    }
    if (run(handing, LOCKSTEP_LOAD_LIMIT_MS, &job, ret_refusal)) {
        item->kept.whole = entry->whole && journal && handing->replay.missed == 0;
        well = lockstep_kept_copy(base_fd, &item->kept.base_fd, ret_refusal) &&
               ((take_residue(item, handing) &&
                 (!lockstep_keep_journals(item->image) ||
                  lockstep_keep_continue(&item->kept.journal, item->image->host->journal_bytes,
                                         handing->journal, handing->journal_size))) ||
                lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a journal"));
        tell_way(item, handing);
    }
    job = lockstep_job_drop(job);
    return well;
}

bool lockstep_item_begin(struct lockstep_set_item *item, const char *extra,
                         const struct lockstep_hostwire_entry *entry,
                         struct lockstep_refusal *ret_refusal)
{
    bool given = entry->state_fd >= 0 || entry->journal_fd >= 0;
    item->image->finalized = entry->finalized;
    if (lockstep_way_schema(item->image) == 0 ||
        (item->image->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return true;
    }
    if (!given) {
        return begin_journal(item, ret_refusal);
    }
    if (begin_with(item, extra, entry->state_fd, entry, entry->journal_fd >= 0, ret_refusal)) {
        item->restarted = entry->journal_fd >= 0;
        return lockstep_kept_copy(entry->back_fd, &item->kept.back_fd, ret_refusal);
    }
    lockstep_kept_deinit(&item->kept);
    return entry->back_fd >= 0 && begin_with(item, extra, entry->back_fd, entry,
                                             entry->whole && entry->journal_fd >= 0, ret_refusal);
}

/* ---- snapshots ------------------------------------------------------------------------------ */

static bool save(struct lockstep_module_line *line, int *ret_fd, uint32_t ms, bool base,
                 struct lockstep_refusal *ret_refusal)
{
    struct handing *handing = new_handing(line->live, NULL, "", ret_refusal);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_job *job = NULL;
    bool well;
    if (handing == NULL) {
        return false;
    }
    handing->way = LOCKSTEP_WAY_SAVE;
    well = run(handing, ms, &job, ret_refusal);
    if (well) {
        handing->records.schema = handing->schema;
        well = ((!base || add_residue(line, handing->way, &handing->records)) &&
                lockstep_bag_save(&handing->records, ret_fd, &err) == LOCKSTEP_OK) ||
               lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
    }
    job = lockstep_job_drop(job);
    return well;
}

/* Shuts the gates of MODULE, saves and does THEN while they are shut. */
static bool save_shut(struct lockstep_sets *sets, struct lockstep_module_line *line,
                      uint32_t drain_ms, int *ret_fd, bool base,
                      struct lockstep_refusal *ret_refusal)
{
    bool well;
    if (lockstep_sets_any_closed(sets)) {
        return lockstep_host_refuse(ret_refusal, "BUSY", "a set is closed and not yet published");
    }
    lockstep_sets_unmark(sets);
    lockstep_sets_mark(sets, line);
    if (!lockstep_sets_shut_marked(sets, drain_ms, ret_refusal)) {
        return false;
    }
    well = save(line, ret_fd, drain_ms, base, ret_refusal) &&
           (!base || lockstep_sets_keep_base(sets, line, *ret_fd, ret_refusal));
    lockstep_sets_open_marked(sets);
    return well;
}

static struct lockstep_module_line *line_with_state(const struct lockstep_sets *sets,
                                                    const char *module,
                                                    struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    if (line == NULL || lockstep_way_schema(line->live) == 0 || line->live->stuck) {
        (void)lockstep_host_refuse(ret_refusal, "STATE", "%.63s has no state to save", module);
        return NULL;
    }
    return line;
}

bool lockstep_sets_snapshot(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                            int *ret_fd, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = line_with_state(sets, module, ret_refusal);
    return line != NULL && save_shut(sets, line, drain_ms, ret_fd, false, ret_refusal);
}

bool lockstep_sets_base(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                        struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = line_with_state(sets, module, ret_refusal);
    int fd = -1;
    bool well;
    if (line == NULL || (line->live->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return line != NULL; /* nothing is kept of class none */
    }
    if (line->keep.kept.whole && line->keep.kept.journal.bytes != NULL && !line->keep.ending &&
        !lockstep_keep_wants_base(&line->keep)) {
        return true; /* the journal has it all, and leads back as well */
    }
    well = save_shut(sets, line, drain_ms, &fd, true, ret_refusal);
    if (fd >= 0) {
        (void)close(fd);
    }
    return well;
}
