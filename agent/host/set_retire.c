/* What becomes of versions whose window is over: retired, counted, and unmapped on request. */
#include "agent/host/host_internal.h"
#include "agent/host/set.h"

#include <string.h>

static bool is_over(const struct lockstep_image *image)
{
    return image->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED || image->due;
}

uint32_t lockstep_sets_retired(const struct lockstep_sets *sets)
{
    uint32_t count = 0;
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        count += is_over(image) || (image->stuck && image->generation == 0) ? 1 : 0;
    }
    return count;
}

static bool is_in_a_set(const struct lockstep_sets *sets, const struct lockstep_image *image)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        const struct lockstep_set *set = &sets->sets[i];
        for (size_t j = 0; set->used && j < set->count; j++) {
            if (set->items[j].image == image) {
                return true;
            }
        }
    }
    return false;
}

/* The tool of IMAGE that most calls are in; NULL if there are none. */
static const char *busiest(const struct lockstep_image *image, uint64_t *ret_in_flight)
{
    struct lockstep_gate_counts counts[LOCKSTEP_MODULE_TOOLS];
    const char *tool = NULL;
    *ret_in_flight = 0;
    lockstep_gate_count_tools(image->index, image->module.tools_count, counts);
    for (size_t i = 0; i < image->module.tools_count; i++) {
        if (counts[i].in_flight > *ret_in_flight) {
            *ret_in_flight = counts[i].in_flight;
            tool = image->module.tools[i].name;
        }
    }
    return tool;
}

/* False, with the reason, if IMAGE has to stay. Only what is about the linking is HARD's to say. */
static bool may_go(const struct lockstep_sets *sets, const struct lockstep_image *image, bool hard,
                   char ret_why[LOCKSTEP_TEXT_MAX + 1])
{
    const char *why = NULL;
    uint64_t in_flight = 0;
    const char *tool = busiest(image, &in_flight);
    if (in_flight > 0) {
        (void)snprintf(ret_why, LOCKSTEP_TEXT_MAX + 1,
                       "%.63s %.63s (generation %llu): %llu calls in flight in %.63s",
                       image->name.text, image->version, (unsigned long long)image->generation,
                       (unsigned long long)in_flight, tool);
        return false;
    }
    if (image->stuck) {
        why = "some of its own code has not ended";
    } else if (is_in_a_set(sets, image)) {
        why = "an operation is about to bring it back";
    } else if (image->due || lockstep_gate_holds(image->index)) {
        why = "a thread holds the set that it is in";
    } else if (image->stays != NULL && !hard) {
        why = image->stays;
    }
    if (why != NULL) {
        (void)snprintf(ret_why, LOCKSTEP_TEXT_MAX + 1, "%.63s %.63s (generation %llu): %s",
                       image->name.text, image->version, (unsigned long long)image->generation,
                       why);
    }
    return why == NULL;
}

/* The module of most of what is retired, for whoever wants to know where to begin. */
static const struct lockstep_module_line *most_retired(const struct lockstep_sets *sets,
                                                       uint32_t *ret_count)
{
    const struct lockstep_module_line *most = NULL;
    *ret_count = 0;
    for (const struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        uint32_t count = 0;
        for (const struct lockstep_image *image = sets->images; image != NULL;
             image = image->next) {
            count += is_over(image) && strcmp(image->name.text, line->name.text) == 0 ? 1 : 0;
        }
        if (count > *ret_count) {
            *ret_count = count;
            most = line;
        }
    }
    return most;
}

/* What keeps one of the retired versions of MODULE; empty if nothing does. */
static void find_obstacle(const struct lockstep_sets *sets, const char *module,
                          char ret_why[LOCKSTEP_TEXT_MAX + 1])
{
    ret_why[0] = '\0';
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        if (is_over(image) && strcmp(image->name.text, module) == 0 &&
            !may_go(sets, image, false, ret_why)) {
            return;
        }
    }
}

static bool refuse_more(const struct lockstep_sets *sets, int limit, const char *what,
                        struct lockstep_refusal *ret_refusal)
{
    uint32_t count = 0;
    const struct lockstep_module_line *line = most_retired(sets, &count);
    const char *module = line == NULL ? "MODULE" : line->name.text;
    char why[LOCKSTEP_TEXT_MAX + 1];
    find_obstacle(sets, module, why);
    return lockstep_host_refuse(ret_refusal, "NOT_PURGED",
                                "%d %s versions are in this process (%u retired of %s); 'lockstep "
                                "module purge %s' unmaps those nobody is in%s%s",
                                limit, what, count, module, module,
                                why[0] == '\0' ? "" : "; in the way: ", why);
}

bool lockstep_sets_take_index(struct lockstep_sets *sets, uint32_t *ret_index,
                              struct lockstep_refusal *ret_refusal)
{
    if (lockstep_sets_retired(sets) >= LOCKSTEP_RETIRED_MAX) {
        return refuse_more(sets, LOCKSTEP_RETIRED_MAX, "retired", ret_refusal);
    }
    if (sets->spare_count > 0) {
        *ret_index = sets->spare[--sets->spare_count];
        return true;
    }
    if (sets->images_count == LOCKSTEP_IMAGES_MAX) {
        return refuse_more(sets, LOCKSTEP_IMAGES_MAX, "mapped", ret_refusal);
    }
    *ret_index = sets->images_count++;
    return true;
}

/* What is live ends its window only with the version that it took the place of. */
void lockstep_sets_retire(struct lockstep_sets *sets, const char *module, uint64_t generation,
                          uint64_t by)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    bool ends = line != NULL && line->live != NULL && (by == 0 || line->generation == by);
    bool here = false;
    for (struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        bool meant = strcmp(image->name.text, module) == 0 &&
                     (generation == 0 || image->generation == generation);
        here = here || meant;
        if (meant && image->state == LOCKSTEP_HOSTWIRE_STATE_PREVIOUS) {
            image->due = true;
            if (ends) {
                lockstep_sets_finalize(sets, line);
            }
        }
    }
    /* It may have been another process that ran it, of which this one is the successor. */
    if (!here && ends && line->generation > generation) {
        lockstep_sets_finalize(sets, line);
    }
}

void lockstep_sets_collect(struct lockstep_sets *sets, uint64_t now_ms)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        struct lockstep_set *set = &sets->sets[i];
        if (set->used && set->closed && now_ms >= set->reopen_ms) {
            lockstep_host_log(sets->host, LOCKSTEP_LOG_WARNING,
                              "nobody said publish in time: opening the gates on the old version");
            lockstep_sets_reopen(sets, set);
        }
    }
    if (sets->freeze.on && !sets->freeze.left && now_ms >= sets->freeze.reopen_ms) {
        lockstep_host_log(sets->host, LOCKSTEP_LOG_WARNING,
                          "nobody took over in time: opening the gates");
        lockstep_sets_thaw(sets, NULL);
    }
    lockstep_sets_keep_tick(sets, now_ms);
    lockstep_sets_drain_collect(sets, now_ms);
    for (struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        if (image->due && !is_in_a_set(sets, image) && !lockstep_gate_holds(image->index) &&
            !lockstep_image_smoking(image)) {
            lockstep_image_retire(image);
        }
    }
}

/* Its number is free, and counts anew. */
static bool take_away(struct lockstep_sets *sets, struct lockstep_image **link)
{
    struct lockstep_image *image = *link;
    struct lockstep_image *next = image->next;
    uint32_t index = image->index;
    if (!lockstep_image_purge(image)) {
        return false;
    }
    lockstep_gate_forget(index);
    *link = next;
    sets->spare[sets->spare_count++] = index;
    return true;
}

/* One look at all; true if nothing has to be waited for. */
static bool purge_once(struct lockstep_sets *sets, const char *module, bool hard,
                       struct lockstep_purge *purge)
{
    struct lockstep_image **link = &sets->images;
    bool done = true;
    purge->left = 0;
    lockstep_sets_collect(sets, lockstep_job_now_ms());
    while (*link != NULL) {
        struct lockstep_image *image = *link;
        bool asked = is_over(image) && (module[0] == '\0' || strcmp(image->name.text, module) == 0);
        if (asked && may_go(sets, image, hard, purge->why)) {
            if (take_away(sets, link)) {
                purge->unmapped++;
                continue;
            }
            (void)snprintf(purge->why, sizeof(purge->why), "%.63s %.63s: %s", image->name.text,
                           image->version, image->stays);
        }
        purge->left += asked ? 1 : 0;
        done = done && !(asked && image->due);
        link = &image->next;
    }
    return done;
}

void lockstep_sets_purge(struct lockstep_sets *sets, const char *module, bool hard,
                         uint32_t wait_ms, struct lockstep_purge *ret_purge)
{
    uint64_t end_ms = lockstep_job_now_ms() + wait_ms;
    *ret_purge = (struct lockstep_purge){0};
    for (unsigned attempt = 0; !purge_once(sets, module, hard, ret_purge); attempt++) {
        if (hard || lockstep_job_now_ms() >= end_ms) {
            break;
        }
        lockstep_sets_pause(attempt);
    }
    if (ret_purge->left == 0) {
        ret_purge->why[0] = '\0';
    }
}
