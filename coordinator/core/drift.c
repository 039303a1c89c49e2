#include "coordinator/core/drift.h"

#include "common/base/assert.h"

struct drift_row {
    const char *word;
    const char *meaning;
    enum lockstep_drift_weight weight;
};

static const struct drift_row rows[] = {
#define DRIFT_ROW(name, weight, word, meaning) {(word), (meaning), LOCKSTEP_DRIFT_##weight},
    LOCKSTEP_DRIFT_TABLE(DRIFT_ROW)
#undef DRIFT_ROW
};

enum lockstep_drift_weight lockstep_drift_weight(enum lockstep_drift drift)
{
    ASSERT((size_t)drift < LOCKSTEP_COUNT(rows));
    return rows[drift].weight;
}

const char *lockstep_drift_word(enum lockstep_drift drift)
{
    ASSERT((size_t)drift < LOCKSTEP_COUNT(rows));
    return rows[drift].word;
}

const char *lockstep_drift_meaning(enum lockstep_drift drift)
{
    ASSERT((size_t)drift < LOCKSTEP_COUNT(rows));
    return rows[drift].meaning;
}

/* What it runs, if that is known for certain. */
static enum lockstep_drift compare(const struct lockstep_sight *sight)
{
    if (sight->undecided) {
        return LOCKSTEP_DRIFT_SPLIT;
    }
    if (!lockstep_digest_equal(&sight->wanted, &sight->found)) {
        if (lockstep_digest_is_zero(&sight->wanted)) {
            return LOCKSTEP_DRIFT_EXTRA;
        }
        if (lockstep_digest_is_zero(&sight->found)) {
            return LOCKSTEP_DRIFT_MISSING;
        }
        return sight->same_version ? LOCKSTEP_DRIFT_OTHER_BYTES : LOCKSTEP_DRIFT_OTHER_VERSION;
    }
    if (sight->pinned) {
        return LOCKSTEP_DRIFT_PINNED;
    }
    return sight->disk_differs ? LOCKSTEP_DRIFT_DISK_DIFFERS : LOCKSTEP_DRIFT_OK;
}

static enum lockstep_drift judge(const struct lockstep_sight *sight)
{
    bool same = lockstep_digest_equal(&sight->wanted, &sight->found);
    if (sight->unsettled == LOCKSTEP_DRIFT_IN_BETWEEN) {
        return LOCKSTEP_DRIFT_IN_DOUBT;
    }
    if (sight->unsettled == LOCKSTEP_DRIFT_IS_OWED && (!same || !sight->ready)) {
        return LOCKSTEP_DRIFT_OWED;
    }
    if (!sight->ready) {
        return LOCKSTEP_DRIFT_UNKNOWN;
    }
    return sight->fresh ? compare(sight) : LOCKSTEP_DRIFT_STALE;
}

/* A cordon excuses what a node misses, and not what an operation has left it in. */
enum lockstep_drift lockstep_drift_judge(const struct lockstep_sight *sight)
{
    enum lockstep_drift drift = judge(sight);
    bool excused = sight->cordoned && drift != LOCKSTEP_DRIFT_IN_DOUBT &&
                   lockstep_drift_weight(drift) != LOCKSTEP_DRIFT_SAME;
    return excused ? LOCKSTEP_DRIFT_CORDONED : drift;
}

/* ---- the majority --------------------------------------------------------------------------- */

/* Boyer and Moore's vote: who has more than half of all votes is the last one left. */
void lockstep_majority_nominate(struct lockstep_majority *majority,
                                const struct lockstep_digest *vote)
{
    if (vote == NULL) {
        return;
    }
    if (majority->lead == 0) {
        majority->candidate = *vote;
    }
    if (lockstep_digest_equal(vote, &majority->candidate)) {
        majority->lead++;
    } else {
        majority->lead--;
    }
}

void lockstep_majority_count(struct lockstep_majority *majority, const struct lockstep_digest *vote)
{
    majority->members++;
    majority->votes += vote != NULL && lockstep_digest_equal(vote, &majority->candidate) ? 1 : 0;
}

struct lockstep_digest lockstep_majority_digest(const struct lockstep_majority *majority)
{
    static const struct lockstep_digest nothing;
    return majority->votes > majority->members / 2 ? majority->candidate : nothing;
}
