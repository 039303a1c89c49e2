/*
 * Handing the state of a whole process to its successor. It travels as records, in the form that
 * the successor's versions read (`down` where those are older), with the residue that is kept for
 * yet another schema. Where the schema stays, the state at the commit and the calls since go along,
 * so that a window is still open in the successor. What is handed over stays here as it is, frozen
 * behind gates that are shut, so that going back to this process needs nothing of the other.
 */
#include "agent/host/host_internal.h"

#include <stdlib.h>
#include <string.h>

/* Belongs to a job, so that code which does not end has something left to write to. */
struct carrying {
    struct lockstep_image *from; /* gives; NULL: `to` takes */
    struct lockstep_image *to;
    uint32_t schema; /* that is wanted, or that the records have */
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    struct lockstep_bag records;
    uint8_t *journal; /* owned; of calls that the kept journal begins with, NULL: none */
    size_t journal_size;
    bool again; /* those calls are not in the records: they are to be done again */
    struct lockstep_replay replay;
};

static void free_carrying(void *argument)
{
    struct carrying *carrying = argument;
    lockstep_bag_deinit(&carrying->records);
    free(carrying->journal);
    free(carrying);
}

static struct carrying *new_carrying(const char *extra)
{
    struct carrying *carrying = calloc(1, sizeof(*carrying));
    if (carrying != NULL) {
        lockstep_bag_init(&carrying->records);
        (void)snprintf(carrying->extra, sizeof(carrying->extra), "%s", extra);
        carrying->records.sink.extra = carrying->extra;
    }
    return carrying;
}

static int give_records(struct carrying *carrying, struct lockstep_job_why *why)
{
    const struct lockstep_module *from = &carrying->from->module;
    uint32_t mine = carrying->from->identity.state_schema;
    bool down = carrying->schema < mine;
    int result = down && from->down != NULL ? from->down(carrying->schema, &carrying->records.sink)
                                            : from->save(&carrying->records.sink);
    if (result != 0) {
        (void)lockstep_sink_print(&why->sink, "it could not write its state");
        return result;
    }
    if (!down) {
        carrying->schema = mine;
    } else if (from->down == NULL) {
        return lockstep_state_walk(carrying->from, mine, carrying->schema, &carrying->records, why);
    }
    return 0;
}

static int take_records(struct carrying *carrying, struct lockstep_job_why *why)
{
    const struct lockstep_image *to = carrying->to;
    uint32_t schema = to->module.steps_count == 0 ? carrying->schema : to->identity.state_schema;
    if (lockstep_state_walk(to, carrying->schema, schema, &carrying->records, why) != 0) {
        return 1;
    }
    carrying->records.source.extra = carrying->extra;
    lockstep_bag_rewind(&carrying->records);
    if (to->module.up(schema, &carrying->records.source, &why->sink) != 0) {
        return 1;
    }
    if (carrying->again &&
        !lockstep_keep_replay(to, carrying->journal, carrying->journal_size, &carrying->replay)) {
        (void)lockstep_sink_print(&why->sink, "its journal is none");
        return 1;
    }
    return 0;
}

static int carry(void *argument, struct lockstep_job_why *why)
{
    struct carrying *carrying = argument;
    return carrying->from != NULL ? give_records(carrying, why) : take_records(carrying, why);
}

/* Runs CARRYING. False: refused. The job is the caller's to drop, which frees CARRYING. */
static bool run(struct carrying *carrying, struct lockstep_job **ret_job,
                struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *image = carrying->from != NULL ? carrying->from : carrying->to;
    char why[LOCKSTEP_JOB_WHY];
    enum lockstep_job_end end;
    *ret_job = lockstep_job_start(carry, carrying, free_carrying);
    end = lockstep_job_wait(*ret_job, LOCKSTEP_LOAD_LIMIT_MS, why);
    if (end == LOCKSTEP_JOB_STUCK) {
        image->stuck = true;
    }
    return end == LOCKSTEP_JOB_PASSED ||
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

/* False: this version does not go back with its state. */
static bool may_go_down(const struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    if ((image->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "%.63s %s cannot go back with its state: its class is none",
                                    image->name.text, image->version);
    }
    return !image->finalized ||
           lockstep_host_refuse(ret_refusal, "STATE",
                                "%.63s %s cannot go back: its window is over and it has been "
                                "finalized",
                                image->name.text, image->version);
}

/* Where there is no way down: the state at the commit, and all calls since. */
static bool give_kept(const struct lockstep_module_line *line,
                      const struct lockstep_hostwire_entry *wanted,
                      struct lockstep_hostwire_entry *ret_entry,
                      struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_kept *kept = &line->keep.kept;
    bool whole = lockstep_kept_is_whole(kept);
    if (!lockstep_kept_copy(kept->back_fd, &ret_entry->state_fd, ret_refusal) ||
        (whole && !lockstep_kept_copy(kept->journal.fd, &ret_entry->journal_fd, ret_refusal))) {
        return false;
    }
    if (!whole) {
        lockstep_host_log(line->live->host, LOCKSTEP_LOG_WARNING,
                          "%s goes back to the state at its commit; what was written since is lost",
                          line->name.text);
    }
    return kept->back_fd >= 0 || wanted->closed ||
           lockstep_host_refuse(ret_refusal, "STATE",
                                "%.63s %s has no way down from schema %u to %u, and the state at "
                                "its commit is not kept any more",
                                line->name.text, line->live->version,
                                line->live->identity.state_schema, wanted->schema);
}

static bool save_bag(const struct lockstep_bag *bag, int *ret_fd,
                     struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    return lockstep_bag_save(bag, ret_fd, &err) == LOCKSTEP_OK ||
           lockstep_host_refuse(ret_refusal, "STATE", "%s", err.message);
}

static bool give_now(struct lockstep_module_line *line, uint32_t schema, int *ret_fd,
                     struct lockstep_refusal *ret_refusal)
{
    struct carrying *carrying = new_carrying("");
    struct lockstep_job *job = NULL;
    bool well;
    if (carrying == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over");
    }
    carrying->from = line->live;
    carrying->schema = schema;
    well = run(carrying, &job, ret_refusal);
    if (well) {
        carrying->records.schema = carrying->schema;
        well = save_bag(&carrying->records, ret_fd, ret_refusal);
    }
    job = lockstep_job_drop(job);
    return well;
}

/* The window goes on in the other process: what leads back for as long as it is open. */
static bool give_way_back(const struct lockstep_kept *kept,
                          struct lockstep_hostwire_entry *ret_entry,
                          struct lockstep_refusal *ret_refusal)
{
    ret_entry->whole = lockstep_kept_is_whole(kept);
    return lockstep_kept_copy(kept->back_fd, &ret_entry->back_fd, ret_refusal) &&
           lockstep_kept_copy(ret_entry->whole ? kept->journal.fd : -1, &ret_entry->journal_fd,
                              ret_refusal);
}

bool lockstep_sets_give(struct lockstep_sets *sets, const struct lockstep_hostwire_entry *wanted,
                        struct lockstep_hostwire_entry *ret_entry,
                        struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, wanted->module.text);
    const struct lockstep_image *image = line == NULL ? NULL : line->live;
    if (image == NULL || image->identity.state_schema == 0 || image->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE", "%.63s has no state to hand over",
                                    wanted->module.text);
    }
    ret_entry->module = line->name;
    ret_entry->schema = image->identity.state_schema;
    ret_entry->finalized = image->finalized && wanted->generation == line->generation;
    if (wanted->schema < ret_entry->schema && !may_go_down(image, ret_refusal)) {
        return false;
    }
    if (wanted->schema < ret_entry->schema && !lockstep_state_goes_down(image, wanted->schema)) {
        return give_kept(line, wanted, ret_entry, ret_refusal);
    }
    return give_now(line, wanted->schema, &ret_entry->state_fd, ret_refusal) &&
           (wanted->schema != ret_entry->schema ||
            give_way_back(&line->keep.kept, ret_entry, ret_refusal)) &&
           (line->residue.count == 0 ||
            save_bag(&line->residue, &ret_entry->config_fd, ret_refusal));
}

/* ---- what an operator has shut -------------------------------------------------------------- */

static struct lockstep_hostwire_entry *entry_of(struct lockstep_hostwire_message *message,
                                                const struct lockstep_name *module)
{
    size_t i = 0;
    while (i < message->entries_count &&
           !lockstep_name_equal(&message->entries[i].module, module)) {
        i++;
    }
    if (i == LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
        return NULL;
    }
    message->entries_count = i == message->entries_count ? i + 1 : message->entries_count;
    return &message->entries[i];
}

void lockstep_sets_name_drained(const struct lockstep_sets *sets,
                                struct lockstep_hostwire_message *message)
{
    for (const struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        enum lockstep_hostwire_drain drain = lockstep_sets_drain_state(line);
        struct lockstep_hostwire_entry *entry = drain == LOCKSTEP_HOSTWIRE_DRAIN_NONE
                                                    ? NULL
                                                    : entry_of(message, &line->name);
        if (entry != NULL) {
            entry->module = line->name;
            entry->drain = drain;
            entry->refuses = (atomic_load(&line->gate.word) & LOCKSTEP_SHUT_REFUSE) != 0;
        }
    }
}

static const struct lockstep_hostwire_entry *
find_drained(const struct lockstep_hostwire_message *message, const struct lockstep_name *module)
{
    for (size_t i = 0; i < message->entries_count; i++) {
        if (message->entries[i].drain != LOCKSTEP_HOSTWIRE_DRAIN_NONE &&
            lockstep_name_equal(&message->entries[i].module, module)) {
            return &message->entries[i];
        }
    }
    return NULL;
}

/* Calls that are still in flight are in the other process. */
void lockstep_sets_drain_named(struct lockstep_sets *sets,
                               const struct lockstep_hostwire_message *message)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        const struct lockstep_hostwire_entry *entry = find_drained(message, &line->name);
        unsigned refuse = entry != NULL && entry->refuses ? LOCKSTEP_SHUT_REFUSE : 0U;
        line->drain_end_ms = 0;
        lockstep_gate_open(&line->gate, entry == NULL ? LOCKSTEP_SHUT_DRAIN | LOCKSTEP_SHUT_REFUSE
                                                      : LOCKSTEP_SHUT_REFUSE);
        if (entry != NULL) {
            lockstep_gate_shut(&line->gate, LOCKSTEP_SHUT_DRAIN | refuse);
        }
    }
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

/* What `up` gets, and what is done again after it. */
static struct carrying *fill(struct lockstep_module_line *line,
                             const struct lockstep_hostwire_entry *entry,
                             struct lockstep_bag bags[2], const char *extra)
{
    struct carrying *carrying = new_carrying(extra);
    bool well = carrying != NULL;
    if (well) {
        carrying->to = line->live;
        carrying->schema = bags[0].schema;
        well = lockstep_bag_take(&carrying->records, &bags[0], false, false) &&
               (bags[1].schema != line->live->identity.state_schema ||
                lockstep_bag_take(&carrying->records, &bags[1], true, true));
    }
    if (well && entry->journal_fd >= 0 && line->live->module.apply != NULL) {
        well = lockstep_call_journal_load(entry->journal_fd, &carrying->journal,
                                          &carrying->journal_size, NULL) == LOCKSTEP_OK;
        carrying->again = well && entry->back_fd < 0;
    }
    if (!well && carrying != NULL) {
        free_carrying(carrying);
        carrying = NULL;
    }
    return carrying;
}

/* A base has the residue, too: that of the RECORDS, or what came beside them. */
static bool save_base(const struct lockstep_module_line *line,
                      const struct lockstep_hostwire_entry *entry, struct lockstep_bag bags[2],
                      int *ret_fd, struct lockstep_refusal *ret_refusal)
{
    bool down = line->live->identity.state_schema < entry->schema;
    if (bags[0].residue_schema != 0 || (down ? line->residue.count : bags[1].count) == 0) {
        return lockstep_kept_copy(entry->state_fd, ret_fd, ret_refusal);
    }
    bags[0].residue_schema = down ? entry->schema : bags[1].schema;
    return (down || lockstep_bag_take(&bags[0], &bags[1], true, true) ||
            lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to keep its state")) &&
           save_bag(&bags[0], ret_fd, ret_refusal);
}

/* What leads back is what the other process had: with a journal since the commit that is whole, the
 * base stays that commit's state. */
static bool keep_descriptors(const struct lockstep_module_line *line,
                             const struct lockstep_hostwire_entry *entry,
                             struct lockstep_bag bags[2], struct lockstep_kept *kept,
                             struct lockstep_refusal *ret_refusal)
{
    uint32_t mine = line->live->identity.state_schema;
    if (entry->back_fd < 0 || entry->schema != mine) {
        kept->whole = entry->schema < mine;
        return save_base(line, entry, bags, &kept->base_fd, ret_refusal) &&
               lockstep_kept_copy(kept->whole ? kept->base_fd : -1, &kept->back_fd, ret_refusal);
    }
    kept->whole = entry->whole && entry->journal_fd >= 0 && kept->journal.bytes != NULL &&
                  kept->journal.missed == 0;
    return (kept->whole ? lockstep_kept_copy(entry->back_fd, &kept->base_fd, ret_refusal)
                        : save_base(line, entry, bags, &kept->base_fd, ret_refusal)) &&
           lockstep_kept_copy(entry->back_fd, &kept->back_fd, ret_refusal);
}

/* What outlives this process begins with what it was given. */
static bool begin_keep(struct lockstep_sets *sets, struct lockstep_module_line *line,
                       const struct lockstep_hostwire_entry *entry, struct lockstep_bag bags[2],
                       const struct carrying *carrying, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_kept kept;
    lockstep_kept_init(&kept);
    if ((line->live->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return true;
    }
    if (lockstep_keep_journals(line->live) &&
        !lockstep_keep_continue(&kept.journal, sets->host->journal_bytes, carrying->journal,
                                carrying->journal_size)) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a journal");
    }
    if (!keep_descriptors(line, entry, bags, &kept, ret_refusal)) {
        lockstep_kept_deinit(&kept);
        return false;
    }
    lockstep_keep_take(&line->keep, &kept);
    if (sets->keep_changed != NULL) {
        sets->keep_changed(sets->keep_context, line);
    }
    return true;
}

static void tell_kept(const struct lockstep_module_line *line, const struct carrying *carrying)
{
    const struct lockstep_replay *replay = &carrying->replay;
    bool lost = carrying->journal == NULL || replay->unknown + replay->missed > 0;
    lockstep_host_log(line->live->host, lost ? LOCKSTEP_LOG_WARNING : LOCKSTEP_LOG_INFO,
                      "%s %s has the state at the commit; %llu calls done again, lost: %s",
                      line->name.text, line->live->version, (unsigned long long)replay->applied,
                      carrying->journal == NULL ? "what was written since"
                      : lost                    ? "some"
                                                : "none");
}

static bool adopt(struct lockstep_sets *sets, struct lockstep_module_line *line,
                  const struct lockstep_hostwire_entry *entry, struct lockstep_bag bags[2],
                  const char *extra, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_job *job = NULL;
    struct carrying *carrying;
    bool well;
    if (!load_bag(&bags[0], entry->state_fd, ret_refusal) ||
        !load_bag(&bags[1], entry->config_fd, ret_refusal) ||
        !lockstep_state_takes(line->live, bags[0].schema, ret_refusal)) {
        return false;
    }
    carrying = fill(line, entry, bags, extra);
    if (carrying == NULL) {
        return lockstep_host_refuse(ret_refusal, "STATE", "no memory for the state, or no journal");
    }
    well = run(carrying, &job, ret_refusal) &&
           (keep_residue(line, &bags[0], &bags[1], entry->schema) ||
            lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to hand state over")) &&
           begin_keep(sets, line, entry, bags, carrying, ret_refusal);
    if (well && entry->journal_fd >= 0 && entry->back_fd < 0) {
        tell_kept(line, carrying);
    }
    job = lockstep_job_drop(job);
    return well;
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
    line->live->finalized = line->live->finalized || entry->finalized;
    if (entry->state_fd < 0) {
        return true; /* it goes on with what it has */
    }
    if (line->live->stuck) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "handing its state over did not end before");
    }
    lockstep_bag_init(&bags[0]);
    lockstep_bag_init(&bags[1]);
    well = adopt(sets, line, entry, bags, extra, ret_refusal);
    lockstep_bag_deinit(&bags[0]);
    lockstep_bag_deinit(&bags[1]);
    return well;
}
