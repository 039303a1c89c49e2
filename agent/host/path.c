#include "agent/host/path.h"

/* Which step reached each place, in the order in which they were reached. Place 0 is where it
 * began. */
struct search {
    const struct lockstep_step *by[LOCKSTEP_MODULE_STEPS + 1];
    uint32_t schema[LOCKSTEP_MODULE_STEPS + 1];
    size_t before[LOCKSTEP_MODULE_STEPS + 1];
    size_t count;
};

bool lockstep_path_valid(const struct lockstep_step *steps, uint32_t count)
{
    if (count > LOCKSTEP_MODULE_STEPS || (count > 0 && steps == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (steps[i].run == NULL || steps[i].from == 0 || steps[i].to == 0 ||
            steps[i].from == steps[i].to) {
            return false;
        }
    }
    return true;
}

static bool reached(const struct search *search, uint32_t schema)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->schema[i] == schema) {
            return true;
        }
    }
    return false;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a < b ? b - a : a - b;
}

/* Writes the steps that lead to PLACE. */
static void trace(const struct search *search, size_t place, struct lockstep_path *ret_path)
{
    size_t count = 0;
    for (size_t i = place; i != 0; i = search->before[i]) {
        count++;
    }
    ret_path->count = count;
    for (size_t i = place; i != 0; i = search->before[i]) {
        ret_path->steps[--count] = search->by[i];
    }
}

void lockstep_path_find(const struct lockstep_step *steps, uint32_t count, uint32_t from,
                        uint32_t to, struct lockstep_path *ret_path)
{
    struct search search = {.schema = {from}, .count = 1};
    ret_path->found = false;
    ret_path->stops_at = from;
    ret_path->count = 0;
    for (size_t place = 0; place < search.count; place++) {
        if (search.schema[place] == to) {
            ret_path->found = true;
            trace(&search, place, ret_path);
            return;
        }
        if (distance(search.schema[place], to) < distance(ret_path->stops_at, to)) {
            ret_path->stops_at = search.schema[place];
        }
        for (uint32_t i = 0; i < count; i++) {
            if (steps[i].from == search.schema[place] && !reached(&search, steps[i].to)) {
                search.by[search.count] = &steps[i];
                search.schema[search.count] = steps[i].to;
                search.before[search.count] = place;
                search.count++;
            }
        }
    }
}
