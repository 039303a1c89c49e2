/* Shutting gates and waiting until nobody is inside. */
#include "agent/host/set.h"

#include "agent/host/host_internal.h"

#include <string.h>
#include <time.h>

#define TELL_FIRST_MS 20  /* until who waits says so */
#define TELL_MS       200 /* between two such words */

#define SEALED (LOCKSTEP_SHUT_SWAP | LOCKSTEP_SHUT_SEAL)

/* Versions that calls may still be in. */
static bool reachable(const struct lockstep_image *image)
{
    return image->generation != 0 && image->state != LOCKSTEP_HOSTWIRE_STATE_RETIRED;
}

static bool requires_marked(const struct lockstep_sets *sets, const struct lockstep_image *image)
{
    for (size_t i = 0; i < LOCKSTEP_MODULE_REQUIRES; i++) {
        const char *name = image->identity.needs[i].module;
        const struct lockstep_module_line *line = name[0] == '\0' ? NULL
                                                                  : lockstep_sets_line(sets, name);
        if (line != NULL && line->waiting != 0) {
            return true;
        }
    }
    return false;
}

bool lockstep_sets_any_closed(const struct lockstep_sets *sets)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        if (sets->sets[i].used && sets->sets[i].closed) {
            return true;
        }
    }
    return sets->freeze.on;
}

void lockstep_sets_unmark(struct lockstep_sets *sets)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        line->waiting = 0;
    }
}

/* A call inside a module that requires another may be about to call it: both have to be empty, also
 * in versions that are no longer live. */
void lockstep_sets_mark(struct lockstep_sets *sets, struct lockstep_module_line *line)
{
    bool more = true;
    line->waiting = 1;
    while (more) {
        more = false;
        for (struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
            struct lockstep_module_line *theirs = lockstep_sets_line(sets, image->name.text);
            if (theirs->waiting == 0 && reachable(image) && requires_marked(sets, image)) {
                theirs->waiting = 1;
                more = true;
            }
        }
    }
}

static void shut_all(struct lockstep_sets *sets, unsigned reason)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->waiting != 0) {
            lockstep_gate_shut(&line->gate, reason);
        }
    }
}

static void open_all(struct lockstep_sets *sets, unsigned reason)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->waiting != 0) {
            lockstep_gate_open(&line->gate, reason);
        }
    }
}

/* Calls in flight in what is marked; *ret_image is one that has some. */
static uint64_t count_inside(const struct lockstep_sets *sets,
                             const struct lockstep_image **ret_image)
{
    uint64_t inside = 0;
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        struct lockstep_gate_counts counts;
        if (!reachable(image) || lockstep_sets_line(sets, image->name.text)->waiting == 0) {
            continue;
        }
        lockstep_gate_count(image->index, &counts);
        if (counts.in_flight > 0) {
            *ret_image = image;
            inside += counts.in_flight;
        }
    }
    return inside;
}

void lockstep_sets_pause(unsigned attempt)
{
    const struct timespec pause = {.tv_nsec = attempt < 20 ? 50000 : 1000000};
    (void)nanosleep(&pause, NULL);
}

/* The live version of one of what is marked whose smoke tests run; NULL if none. What is stuck is
 * not called again, and has no end to wait for. */
static const struct lockstep_image *find_smoking(const struct lockstep_sets *sets)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        if (line->waiting != 0 && line->live != NULL && !line->live->stuck &&
            lockstep_image_smoking(line->live)) {
            return line->live;
        }
    }
    return NULL;
}

/* A live smoke test is no call, so no gate stops it; but no code of a module may run while its
 * state is saved. It may call modules: so it is waited for before the gates are shut. */
static bool await_marked_smokes(const struct lockstep_sets *sets, uint64_t end_ms,
                                struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_image *image = find_smoking(sets);
    for (unsigned attempt = 0; image != NULL; image = find_smoking(sets)) {
        if (lockstep_job_now_ms() >= end_ms) {
            return lockstep_host_refuse(ret_refusal, "DRAIN",
                                        "smoke tests of %.63s %.63s still run beside its calls",
                                        image->name.text, image->version);
        }
        lockstep_sets_pause(attempt++);
    }
    return true;
}

bool lockstep_sets_shut_marked(struct lockstep_sets *sets, uint32_t drain_ms,
                               struct lockstep_refusal *ret_refusal)
{
    uint64_t end_ms = lockstep_job_now_ms() + drain_ms;
    uint64_t tell_ms = lockstep_job_now_ms() + TELL_FIRST_MS;
    const struct lockstep_image *image = NULL;
    uint64_t inside = 0;
    if (!await_marked_smokes(sets, end_ms, ret_refusal)) {
        return false;
    }
    shut_all(sets, LOCKSTEP_SHUT_SWAP);
    for (unsigned attempt = 0;; attempt++) {
        if (count_inside(sets, &image) == 0) {
            shut_all(sets, LOCKSTEP_SHUT_SEAL);
            inside = count_inside(sets, &image);
            if (inside == 0) {
                return true;
            }
            open_all(sets, LOCKSTEP_SHUT_SEAL);
        }
        if (lockstep_job_now_ms() >= end_ms) {
            break;
        }
        if (sets->waits != NULL && lockstep_job_now_ms() >= tell_ms) {
            sets->waits(sets->waits_context);
            tell_ms = lockstep_job_now_ms() + TELL_MS;
        }
        lockstep_sets_pause(attempt);
    }
    open_all(sets, SEALED);
    inside = count_inside(sets, &image);
    return lockstep_host_refuse(
        ret_refusal, "DRAIN", "%llu calls in flight, some in %.63s, after %u ms",
        (unsigned long long)inside, image == NULL ? "?" : image->name.text, drain_ms);
}

void lockstep_sets_open_marked(struct lockstep_sets *sets)
{
    open_all(sets, SEALED);
    lockstep_sets_unmark(sets);
}

static bool hand_all_over(struct lockstep_set *set, uint32_t drain_ms,
                          struct lockstep_refusal *ret_refusal)
{
    uint32_t limit_ms = drain_ms < 1000 ? 1000 : drain_ms;
    for (size_t i = 0; i < set->count; i++) {
        if (!lockstep_item_migrate(&set->items[i], set->extra, limit_ms, ret_refusal)) {
            return false;
        }
    }
    return true;
}

/* What is left is waited for with or without state; a smoke test that does not end makes the
 * version one that is not called again. */
static void await_smokes(const struct lockstep_set *set, uint32_t drain_ms)
{
    uint64_t end_ms = lockstep_job_now_ms() + drain_ms;
    for (size_t i = 0; i < set->count; i++) {
        struct lockstep_image *live = set->items[i].line->live;
        unsigned attempt = 0;
        while (live != NULL && lockstep_image_smoking(live)) {
            if (lockstep_job_now_ms() >= end_ms) {
                live->stuck = true;
                break;
            }
            lockstep_sets_pause(attempt++);
        }
    }
}

bool lockstep_sets_close(struct lockstep_sets *sets, struct lockstep_set *set, uint32_t drain_ms,
                         bool all, struct lockstep_refusal *ret_refusal)
{
    if (set->closed) {
        return true;
    }
    if (lockstep_sets_any_closed(sets)) {
        return lockstep_host_refuse(ret_refusal, "DRAIN", "another set is closed, wait for it");
    }
    lockstep_sets_unmark(sets);
    await_smokes(set, drain_ms);
    for (size_t i = 0; i < set->count; i++) {
        if (lockstep_item_has_state(&set->items[i]) || (all && set->items[i].line->live != NULL)) {
            lockstep_sets_mark(sets, set->items[i].line);
        }
    }
    if (!lockstep_sets_shut_marked(sets, drain_ms, ret_refusal)) {
        return false;
    }
    if (!hand_all_over(set, drain_ms, ret_refusal)) {
        lockstep_sets_open_marked(sets);
        return false;
    }
    set->closed = true;
    set->reopen_ms = lockstep_job_now_ms() + drain_ms;
    return true;
}

void lockstep_sets_reopen(struct lockstep_sets *sets, struct lockstep_set *set)
{
    if (!set->closed) {
        return;
    }
    set->closed = false;
    lockstep_sets_open_marked(sets);
}

/* Calls in flight in any version of one module. */
static uint64_t count_in_module(const struct lockstep_sets *sets, const char *module)
{
    uint64_t inside = 0;
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        if (reachable(image) && strcmp(image->name.text, module) == 0) {
            struct lockstep_gate_counts counts;
            lockstep_gate_count(image->index, &counts);
            inside += counts.in_flight;
        }
    }
    return inside;
}

/* ---- for an operator ------------------------------------------------------------------------ */

enum lockstep_hostwire_drain lockstep_sets_drain_state(const struct lockstep_module_line *line)
{
    if ((atomic_load(&line->gate.word) & LOCKSTEP_SHUT_DRAIN) == 0) {
        return LOCKSTEP_HOSTWIRE_DRAIN_NONE;
    }
    return line->drain_end_ms != 0 ? LOCKSTEP_HOSTWIRE_DRAIN_WAITS : LOCKSTEP_HOSTWIRE_DRAIN_DONE;
}

static void open_drained(struct lockstep_module_line *line)
{
    line->drain_end_ms = 0;
    lockstep_gate_open(&line->gate, LOCKSTEP_SHUT_DRAIN | LOCKSTEP_SHUT_REFUSE);
}

bool lockstep_sets_drain(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                         bool refuse, struct lockstep_refusal *ret_refusal)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    if (line == NULL || line->live == NULL) {
        return lockstep_host_refuse(ret_refusal, "NOFILE", "module %.63s is not live", module);
    }
    if (lockstep_sets_drain_state(line) != LOCKSTEP_HOSTWIRE_DRAIN_DONE) {
        line->drain_end_ms = lockstep_job_now_ms() + drain_ms;
    }
    if (!refuse) {
        lockstep_gate_open(&line->gate, LOCKSTEP_SHUT_REFUSE);
    }
    lockstep_gate_shut(&line->gate, LOCKSTEP_SHUT_DRAIN | (refuse ? LOCKSTEP_SHUT_REFUSE : 0U));
    lockstep_sets_drain_collect(sets, lockstep_job_now_ms());
    return true;
}

void lockstep_sets_drain_collect(struct lockstep_sets *sets, uint64_t now_ms)
{
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        enum lockstep_hostwire_drain drain = lockstep_sets_drain_state(line);
        uint64_t inside = drain == LOCKSTEP_HOSTWIRE_DRAIN_WAITS
                              ? count_in_module(sets, line->name.text)
                              : 0;
        if (drain != LOCKSTEP_HOSTWIRE_DRAIN_NONE && line->live == NULL) {
            open_drained(line); /* taken out: whoever brings it again wants it open */
        } else if (inside == 0) {
            line->drain_end_ms = 0;
        } else if (now_ms >= line->drain_end_ms) {
            lockstep_host_log(sets->host, LOCKSTEP_LOG_WARNING,
                              "module %.63s is not drained in time, %llu calls in flight: it is "
                              "open again",
                              line->name.text, (unsigned long long)inside);
            open_drained(line);
        }
    }
}

bool lockstep_sets_resume(struct lockstep_sets *sets, const char *module)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    if (line != NULL) {
        open_drained(line);
    }
    return line != NULL;
}
