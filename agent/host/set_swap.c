/*
 * Handing the state of a whole process to its successor. It travels as records, in the form that
 * the successor's versions read (`down` where those are older), with the residue that is kept for
 * yet another schema. What is handed over stays here as it is, frozen behind gates that are shut,
 * so that going back to this process needs nothing of the other.
 */
#include "agent/host/set.h"

#include "common/base/cleanup.h"

#include <string.h>

/* Belongs to a job, so that code which does not end has something left to write to. */
struct carrying {
    struct lockstep_image *from; /* gives; NULL: `image` takes */
    struct lockstep_image *to;
    uint32_t schema; /* that is wanted, or that the records have */
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    struct lockstep_bag records;
};

static void free_carrying(void *argument)
{
    struct carrying *carrying = argument;
    lockstep_bag_deinit(&carrying->records);
    free(carrying);
}

static struct carrying *new_carrying(const char *extra)
{
    struct carrying *carrying = calloc(1, sizeof(*carrying));
    if (carrying != NULL) {
        lockstep_bag_init(&carrying->records);
        (void)snprintf(carrying->extra, sizeof(carrying->extra), "%s", extra);
        carrying->records.sink.extra = carrying->extra;
        carrying->records.source.extra = carrying->extra;
    }
    return carrying;
}

static int carry(void *argument, struct lockstep_job_why *why)
{
    struct carrying *carrying = argument;
    int result;
    if (carrying->from == NULL) {
        lockstep_bag_rewind(&carrying->records);
        return carrying->to->module.up(carrying->schema, &carrying->records.source, &why->sink);
    }
    if (carrying->schema >= carrying->from->identity.state_schema) {
        carrying->schema = carrying->from->identity.state_schema;
        result = carrying->from->module.save(&carrying->records.sink);
    } else if (carrying->from->module.down == NULL) {
        (void)lockstep_sink_print(&why->sink, "schema %u has no way down to %u",
                                  carrying->from->identity.state_schema, carrying->schema);
        return 1;
    } else {
        result = carrying->from->module.down(carrying->schema, &carrying->records.sink);
    }
    if (result != 0) {
        (void)lockstep_sink_print(&why->sink, "it could not write its state");
    }
    return result;
}

/* Runs CARRYING, which it takes over. RET_RECORDS gets what was written. */
static bool run(struct carrying *carrying, struct lockstep_bag *ret_records,
                struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *image = carrying->from != NULL ? carrying->from : carrying->to;
    struct lockstep_job *job = lockstep_job_start(carry, carrying, free_carrying);
    char why[LOCKSTEP_JOB_WHY];
    enum lockstep_job_end end = lockstep_job_wait(job, LOCKSTEP_LOAD_LIMIT_MS, why);
    bool well = end == LOCKSTEP_JOB_PASSED;
    if (end == LOCKSTEP_JOB_STUCK) {
        image->stuck = true;
    }
    if (well && ret_records != NULL) {
        ret_records->schema = carrying->schema;
        well = lockstep_bag_take(ret_records, &carrying->records, false, false) &&
               lockstep_bag_take(ret_records, &carrying->records, true, true);
    }
    job = lockstep_job_drop(job);
    return well ||
           lockstep_host_refuse(ret_refusal, "STATE", "the state of %s: %s", image->name.text, why);
}

/* ---- giving --------------------------------------------------------------------------------- */

bool lockstep_sets_freeze(struct lockstep_sets *sets, const struct lockstep_id *operation,
                          uint32_t drain_ms, bool all, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_sets_freeze *freeze = &sets->freeze;
    if (freeze->on && lockstep_id_equal(&freeze->operation, operation)) {
        freeze->reopen_ms = lockstep_job_now_ms() + drain_ms;
        return true;
    }
    if (lockstep_sets_any_closed(sets)) {
        return lockstep_host_refuse(ret_refusal, "DRAIN", "another set is closed, wait for it");
    }
    lockstep_sets_unmark(sets);
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->live != NULL && (all || line->live->identity.state_schema != 0)) {
            lockstep_sets_mark(sets, line);
        }
    }
    if (!lockstep_sets_shut_marked(sets, drain_ms, ret_refusal)) {
        return false;
    }
    *freeze = (struct lockstep_sets_freeze){
        .on = true, .operation = *operation, .reopen_ms = lockstep_job_now_ms() + drain_ms};
    return true;
}

void lockstep_sets_thaw(struct lockstep_sets *sets, const struct lockstep_id *operation)
{
    struct lockstep_sets_freeze *freeze = &sets->freeze;
    if (!freeze->on || (operation != NULL &&
                        (freeze->left || !lockstep_id_equal(&freeze->operation, operation)))) {
        return;
    }
    *freeze = (struct lockstep_sets_freeze){0};
    lockstep_sets_open_marked(sets);
}

bool lockstep_sets_leave(struct lockstep_sets *sets)
{
    sets->freeze.left = sets->freeze.on;
    return sets->freeze.on;
}

static bool save_bag(const struct lockstep_bag *bag, int *ret_fd,
                     struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    return lockstep_bag_save(bag, ret_fd, &err) == LOCKSTEP_OK ||
           lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
}

/* True if there is no way down, and whoever is to get the state has an older one of its own. */
static bool may_stay(const struct lockstep_image *image,
                     const struct lockstep_hostwire_entry *wanted)
{
    return wanted->closed && wanted->schema < image->identity.state_schema &&
           image->module.down == NULL;
}

bool lockstep_sets_give(struct lockstep_sets *sets, const struct lockstep_hostwire_entry *wanted,
                        struct lockstep_hostwire_entry *ret_entry,
                        struct lockstep_refusal *ret_refusal)
{
    const char *module = wanted->module.text;
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    struct lockstep_bag records;
    struct carrying *carrying;
    bool well;
    if (line == NULL || line->live == NULL || line->live->identity.state_schema == 0 ||
        line->live->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE", "%.63s has no state to hand over",
                                    module);
    }
    ret_entry->module = line->name;
    ret_entry->schema = line->live->identity.state_schema;
    if (may_stay(line->live, wanted)) {
        return true;
    }
    carrying = new_carrying("");
    if (carrying == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    carrying->from = line->live;
    carrying->schema = wanted->schema;
    lockstep_bag_init(&records);
    well = run(carrying, &records, ret_refusal) &&
           save_bag(&records, &ret_entry->state_fd, ret_refusal) &&
           (line->residue.count == 0 ||
            save_bag(&line->residue, &ret_entry->config_fd, ret_refusal));
    lockstep_bag_deinit(&records);
    return well;
}

/* ---- adopting ------------------------------------------------------------------------------- */

static bool load_bag(struct lockstep_bag *bag, int fd, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    return fd < 0 || lockstep_bag_load(bag, fd, &err) == LOCKSTEP_OK ||
           lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
}

/* What the line keeps when its version has taken the RECORDS of a version with schema WRITER, and
 * of KEPT what is its own: as lockstep_item_migrate() leaves it. */
static bool keep_residue(struct lockstep_module_line *line, struct lockstep_bag *records,
                         struct lockstep_bag *kept, uint32_t writer)
{
    uint32_t mine = line->live->identity.state_schema;
    struct lockstep_bag *from = mine < writer ? records : kept;
    lockstep_bag_deinit(&line->residue);
    lockstep_bag_init(&line->residue);
    if (mine >= writer && kept->schema == mine) {
        return true; /* it went into `up` */
    }
    line->residue.schema = mine < writer ? writer : kept->schema;
    return lockstep_bag_take(&line->residue, from, true, true);
}

/* What `up` gets. */
static struct carrying *fill(struct lockstep_module_line *line, struct lockstep_bag bags[2],
                             const char *extra)
{
    struct carrying *carrying = new_carrying(extra);
    if (carrying == NULL) {
        return NULL;
    }
    carrying->to = line->live;
    carrying->schema = bags[0].schema;
    if (lockstep_bag_take(&carrying->records, &bags[0], false, false) &&
        (bags[1].schema != line->live->identity.state_schema ||
         lockstep_bag_take(&carrying->records, &bags[1], true, true))) {
        return carrying;
    }
    free_carrying(carrying);
    return NULL;
}

static bool adopt(struct lockstep_module_line *line, const struct lockstep_hostwire_entry *entry,
                  struct lockstep_bag bags[2], const char *extra,
                  struct lockstep_refusal *ret_refusal)
{
    struct carrying *carrying;
    if (!load_bag(&bags[0], entry->state_fd, ret_refusal) ||
        !load_bag(&bags[1], entry->config_fd, ret_refusal)) {
        return false;
    }
    carrying = fill(line, bags, extra);
    if (carrying == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    return run(carrying, NULL, ret_refusal) &&
           (keep_residue(line, &bags[0], &bags[1], entry->schema) ||
            lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over"));
}

bool lockstep_sets_adopt(struct lockstep_sets *sets, const struct lockstep_hostwire_entry *entry,
                         const char *extra, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, entry->module.text);
    struct lockstep_bag bags[2]; /* the records, and the residue for another schema */
    bool well;
    if (line == NULL || line->live == NULL || line->live->identity.state_schema == 0) {
        return true; /* its version has none: what there was ends */
    }
    if (entry->state_fd < 0) {
        return true; /* it goes on with what it has */
    }
    if (line->live->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "handing its state over did not end before");
    }
    lockstep_bag_init(&bags[0]);
    lockstep_bag_init(&bags[1]);
    well = adopt(line, entry, bags, extra, ret_refusal) &&
           lockstep_sets_keep_base(sets, line, entry->state_fd, ret_refusal);
    lockstep_bag_deinit(&bags[0]);
    lockstep_bag_deinit(&bags[1]);
    return well;
}
