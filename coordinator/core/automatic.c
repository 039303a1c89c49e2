#include "coordinator/core/automatic.h"

#define MOVE      1000
#define DAMPED    3000 /* above */
#define FREE      750  /* below */
#define HALF_LIFE 600000

/* FNV-1a, over the numbers of the nodes: no secret depends on it. */
static uint64_t fingerprint(const struct lockstep_look *look)
{
    uint64_t hash = 0xCBF29CE484222325ULL;
    for (uint32_t i = 0; i < look->node_count; i++) {
        hash = (hash ^ (look->nodes[i] + 1ULL)) * 0x100000001B3ULL;
    }
    return hash;
}

bool lockstep_sighting_holds(struct lockstep_sighting *sighting, struct lockstep_time now,
                             uint64_t apart, const struct lockstep_look *look)
{
    uint64_t roster = fingerprint(look);
    if (look->verdict != LOCKSTEP_RECONCILE_REPAIR) {
        *sighting = (struct lockstep_sighting){.roster = 0};
        return false;
    }
    if (!lockstep_time_set(sighting->since) || sighting->roster != roster ||
        !lockstep_digest_equal(&sighting->target, &look->target)) {
        *sighting = (struct lockstep_sighting){look->target, roster, now};
        return false;
    }
    return lockstep_time_due(lockstep_time_after(sighting->since, apart), now);
}

/* What is left of a penalty: halved for each half-life, and in a straight line between. */
static uint32_t penalty_at(const struct lockstep_damping_row *row, struct lockstep_time now)
{
    uint64_t age = now.ms > row->since.ms ? now.ms - row->since.ms : 0;
    uint64_t halves = age / HALF_LIFE;
    uint64_t left = halves < 32 ? row->penalty >> halves : 0;
    return (uint32_t)(left - left * (age % HALF_LIFE) / (2 * (uint64_t)HALF_LIFE));
}

/* The row of the pair, or NULL. */
static struct lockstep_damping_row *find(struct lockstep_damping *damping, uint32_t node,
                                         uint32_t module)
{
    for (uint32_t i = 0; i < LOCKSTEP_DAMPING_MAX; i++) {
        struct lockstep_damping_row *row = &damping->rows[i];
        if (row->penalty > 0 && row->node == node && row->module == module) {
            return row;
        }
    }
    return NULL;
}

/* The row that can best be done without. */
static struct lockstep_damping_row *find_least(struct lockstep_damping *damping,
                                               struct lockstep_time now)
{
    struct lockstep_damping_row *least = &damping->rows[0];
    for (uint32_t i = 1; i < LOCKSTEP_DAMPING_MAX; i++) {
        if (penalty_at(&damping->rows[i], now) < penalty_at(least, now)) {
            least = &damping->rows[i];
        }
    }
    return least;
}

void lockstep_damping_moved(struct lockstep_damping *damping, struct lockstep_time now,
                            uint32_t node, uint32_t module)
{
    struct lockstep_damping_row *row = find(damping, node, module);
    if (row == NULL) {
        row = find_least(damping, now);
        *row = (struct lockstep_damping_row){.node = node, .module = module};
    }
    row->penalty = penalty_at(row, now) + MOVE;
    row->since = now;
    row->damped = row->damped || row->penalty > DAMPED;
}

bool lockstep_damping_holds(struct lockstep_damping *damping, struct lockstep_time now,
                            uint32_t node, uint32_t module)
{
    struct lockstep_damping_row *row = find(damping, node, module);
    if (row != NULL && penalty_at(row, now) < FREE) {
        row->damped = false;
    }
    return row != NULL && row->damped;
}

void lockstep_damping_fade(struct lockstep_damping *damping, struct lockstep_time now)
{
    for (uint32_t i = 0; i < LOCKSTEP_DAMPING_MAX; i++) {
        struct lockstep_damping_row *row = &damping->rows[i];
        row->damped = row->damped && penalty_at(row, now) >= FREE;
    }
}
