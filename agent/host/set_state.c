/*
 * Handing state over: always as records, always beside what is there. The old version keeps its
 * own, so whatever fails here, going on with it loses nothing.
 */
#include "agent/host/set.h"

#include "common/base/cleanup.h"

#include <string.h>

/* Belongs to a job, so that code which does not end has something left to write to. */
struct handing {
    struct lockstep_image *from; /* NULL: `records` are there already */
    struct lockstep_image *to;   /* NULL: save only */
    uint32_t schema;             /* of the records */
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    struct lockstep_bag records;
    struct lockstep_bag taken; /* what `up` gets */
    struct lockstep_bag residue;
    struct lockstep_bag kept; /* residue of an earlier `down`, for TO's schema */
};

static void free_handing(void *argument)
{
    struct handing *handing = argument;
    lockstep_bag_deinit(&handing->records);
    lockstep_bag_deinit(&handing->taken);
    lockstep_bag_deinit(&handing->residue);
    lockstep_bag_deinit(&handing->kept);
    free(handing);
}

static struct handing *new_handing(struct lockstep_image *from, struct lockstep_image *to,
                                   const char *extra)
{
    struct handing *handing = calloc(1, sizeof(*handing));
    if (handing != NULL) {
        handing->from = from;
        handing->to = to;
        lockstep_bag_init(&handing->records);
        lockstep_bag_init(&handing->taken);
        lockstep_bag_init(&handing->residue);
        lockstep_bag_init(&handing->kept);
        (void)snprintf(handing->extra, sizeof(handing->extra), "%s", extra);
        handing->records.sink.extra = handing->extra;
        handing->taken.source.extra = handing->extra;
    }
    return handing;
}

static uint32_t schema_of(const struct lockstep_image *image)
{
    return image == NULL ? 0 : image->identity.state_schema;
}

bool lockstep_item_has_state(const struct lockstep_set_item *item)
{
    const struct lockstep_image *live = item->line->live;
    return live != NULL && item->image != NULL && live != item->image &&
           (schema_of(live) != 0 || schema_of(item->image) != 0);
}

/* `save`, or `down` when the way leads to an older schema. */
static int write_records(struct handing *handing, struct lockstep_job_why *why)
{
    const struct lockstep_module *from = &handing->from->module;
    uint32_t mine = schema_of(handing->from);
    uint32_t wanted = handing->to == NULL ? mine : schema_of(handing->to);
    int result;
    if (wanted >= mine) {
        handing->schema = mine;
        result = from->save(&handing->records.sink);
    } else if (from->down == NULL) {
        (void)lockstep_sink_print(&why->sink, "schema %u has no way down to %u", mine, wanted);
        return 1;
    } else {
        handing->schema = wanted;
        result = from->down(wanted, &handing->records.sink);
    }
    if (result != 0) {
        (void)lockstep_sink_print(&why->sink, "it could not write its state");
    }
    return result;
}

static int hand_over(void *argument, struct lockstep_job_why *why)
{
    struct handing *handing = argument;
    if (handing->from != NULL && write_records(handing, why) != 0) {
        return 1;
    }
    if (handing->to == NULL) {
        return 0;
    }
    if (!lockstep_bag_take(&handing->taken, &handing->records, false, false) ||
        !lockstep_bag_take(&handing->residue, &handing->records, true, true) ||
        !lockstep_bag_take(&handing->taken, &handing->kept, true, true)) {
        (void)lockstep_sink_print(&why->sink, "no room for the state");
        return 1;
    }
    lockstep_bag_rewind(&handing->taken);
    return handing->to->module.up(handing->schema, &handing->taken.source, &why->sink);
}

/* Runs HANDING, which it takes over. What is to be kept of it is moved out when it has passed. */
static bool run(struct handing *handing, uint64_t limit_ms, struct lockstep_bag *ret_records,
                struct lockstep_bag *ret_residue, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *from = handing->from;
    struct lockstep_image *to = handing->to;
    struct lockstep_job *job = lockstep_job_start(hand_over, handing, free_handing);
    char why[LOCKSTEP_JOB_WHY];
    enum lockstep_job_end end = lockstep_job_wait(job, limit_ms, why);
    if (end == LOCKSTEP_JOB_STUCK) {
        /* Which of the two hangs is not known; neither may be asked again. */
        if (to != NULL) {
            to->stuck = true;
        }
        if (from != NULL) {
            from->stuck = true;
        }
    }
    if (end == LOCKSTEP_JOB_PASSED && ret_records != NULL) {
        ret_records->schema = handing->schema;
        (void)lockstep_bag_take(ret_records, &handing->records, false, false);
    }
    if (end == LOCKSTEP_JOB_PASSED && ret_residue != NULL) {
        (void)lockstep_bag_take(ret_residue, &handing->residue, true, true);
    }
    job = lockstep_job_drop(job);
    return end == LOCKSTEP_JOB_PASSED ||
           lockstep_host_refuse(ret_refusal, "STATE", "handing the state over: %s", why);
}

bool lockstep_item_migrate(struct lockstep_set_item *item, const char *extra, uint64_t limit_ms,
                           struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *from = item->line->live;
    struct lockstep_image *to = item->image;
    struct handing *handing;
    lockstep_bag_deinit(&item->residue);
    item->has_residue = false;
    if (schema_of(from) == 0 || schema_of(to) == 0 || from == to) {
        return true;
    }
    if (from->stuck || to->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "handing its state over did not end before");
    }
    handing = new_handing(from, to, extra);
    if (handing == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    if (item->line->residue.schema == schema_of(to) &&
        !lockstep_bag_take(&handing->kept, &item->line->residue, true, true)) {
        free_handing(handing);
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    /* What is kept for a third schema stays, unless this way down makes a new residue. */
    item->has_residue = schema_of(to) < schema_of(from) ||
                        item->line->residue.schema == schema_of(to);
    item->residue.schema = schema_of(from);
    return run(handing, limit_ms, NULL, &item->residue, ret_refusal);
}

bool lockstep_item_begin(struct lockstep_set_item *item, const char *extra, int state_fd,
                         struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct handing *handing;
    if (schema_of(item->image) == 0 || state_fd < 0) {
        return true;
    }
    handing = new_handing(NULL, item->image, extra);
    if (handing == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    if (lockstep_bag_load(&handing->records, state_fd, &err) != LOCKSTEP_OK) {
        free_handing(handing);
        return lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
    }
    handing->schema = handing->records.schema;
    return run(handing, LOCKSTEP_LOAD_LIMIT_MS, NULL, NULL, ret_refusal);
}

static bool save(struct lockstep_module_line *line, struct lockstep_bag *ret_records, uint32_t ms,
                 struct lockstep_refusal *ret_refusal)
{
    struct handing *handing = new_handing(line->live, NULL, "");
    if (handing == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a snapshot");
    }
    return run(handing, ms, ret_records, NULL, ret_refusal);
}

bool lockstep_sets_snapshot(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                            int *ret_fd, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_bag records;
    bool well;
    if (line == NULL || schema_of(line->live) == 0 || line->live->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE", "%.63s has no state to save", module);
    }
    if (lockstep_sets_any_closed(sets)) {
        return lockstep_host_refuse(ret_refusal, "BUSY", "a set is closed and not yet published");
    }
    lockstep_bag_init(&records);
    lockstep_sets_unmark(sets);
    lockstep_sets_mark(sets, line);
    well = lockstep_sets_shut_marked(sets, drain_ms, ret_refusal) &&
           save(line, &records, drain_ms, ret_refusal);
    lockstep_sets_open_marked(sets);
    if (well && lockstep_bag_save(&records, ret_fd, &err) != LOCKSTEP_OK) {
        well = lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
    }
    lockstep_bag_deinit(&records);
    return well;
}
