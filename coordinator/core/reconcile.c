#include "coordinator/core/reconcile.h"

#include "common/base/assert.h"

#include <string.h>

struct verdict_row {
    const char *word;
    const char *meaning;
};

static const struct verdict_row rows[] = {
#define VERDICT_ROW(name, word, meaning) {(word), (meaning)},
    LOCKSTEP_RECONCILE_TABLE(VERDICT_ROW)
#undef VERDICT_ROW
};

const char *lockstep_reconcile_word(enum lockstep_reconcile verdict)
{
    ASSERT((size_t)verdict < LOCKSTEP_COUNT(rows));
    return rows[verdict].word;
}

const char *lockstep_reconcile_meaning(enum lockstep_reconcile verdict)
{
    ASSERT((size_t)verdict < LOCKSTEP_COUNT(rows));
    return rows[verdict].meaning;
}

/* Running nothing is no version that others could be moved to. */
static const struct lockstep_digest *vote_of(const struct lockstep_member *member)
{
    bool votes = member->known && !member->pinned && !lockstep_digest_is_zero(&member->runs);
    return votes ? &member->runs : NULL;
}

static void find_majority(const struct lockstep_reconcile_request *request,
                          struct lockstep_reconcile_answer *answer)
{
    struct lockstep_majority majority = {.members = 0};
    for (uint32_t i = 0; i < request->member_count; i++) {
        lockstep_majority_nominate(&majority, vote_of(&request->members[i]));
    }
    for (uint32_t i = 0; i < request->member_count; i++) {
        lockstep_majority_count(&majority, vote_of(&request->members[i]));
    }
    answer->majority = lockstep_majority_digest(&majority);
    answer->votes = lockstep_digest_is_zero(&answer->majority) ? 0 : majority.votes;
}

static bool is_quarantined(const struct lockstep_reconcile_request *request,
                           const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < request->member_count; i++) {
        if (lockstep_digest_equal(&request->members[i].runs, digest)) {
            return request->members[i].quarantined;
        }
    }
    return false;
}

bool lockstep_reconcile_moves(const struct lockstep_member *member,
                              const struct lockstep_digest *target)
{
    return member->known && !member->pinned && !member->unsettled && !member->damped &&
           !member->unasked && !lockstep_digest_equal(&member->runs, target);
}

static bool is_recorded_otherwise(const struct lockstep_member *member,
                                  const struct lockstep_digest *target)
{
    return !lockstep_digest_is_zero(&member->recorded) &&
           !lockstep_digest_equal(&member->recorded, target);
}

/* True if MEMBER is recorded to run something else, whatever it runs: the target is written down of
 * it, and it is owed it if it is away. */
static bool is_noted(const struct lockstep_member *member, const struct lockstep_digest *target)
{
    return !member->pinned && !member->damped && !member->unasked &&
           is_recorded_otherwise(member, target);
}

static enum lockstep_reconcile find_target(const struct lockstep_reconcile_request *request,
                                           struct lockstep_reconcile_answer *answer)
{
    bool named = !lockstep_digest_is_zero(&request->to);
    if (!named && lockstep_digest_is_zero(&answer->majority)) {
        return LOCKSTEP_RECONCILE_AMBIGUOUS;
    }
    answer->target = named ? request->to : answer->majority;
    if ((named && request->to_quarantined) || is_quarantined(request, &answer->target)) {
        return LOCKSTEP_RECONCILE_QUARANTINED;
    }
    if (!named && !request->by_majority && !lockstep_digest_is_zero(&request->desired) &&
        !lockstep_digest_equal(&request->desired, &answer->majority)) {
        memset(&answer->target, 0, sizeof(answer->target));
        return LOCKSTEP_RECONCILE_CONFLICT;
    }
    return LOCKSTEP_RECONCILE_REPAIR;
}

/* How many may be moved at once. */
static uint32_t limit_of(const struct lockstep_reconcile_request *request)
{
    uint64_t share = (uint64_t)request->max_changes * request->member_count / 100;
    if (request->max_changes == 0) {
        return UINT32_MAX;
    }
    if (!request->max_percent) {
        return request->max_changes;
    }
    return share > 0 ? (uint32_t)share : 1;
}

void lockstep_reconcile(const struct lockstep_reconcile_request *request, bool *ret_taken,
                        struct lockstep_reconcile_answer *ret_answer)
{
    memset(ret_answer, 0, sizeof(*ret_answer));
    find_majority(request, ret_answer);
    ret_answer->verdict = find_target(request, ret_answer);
    for (uint32_t i = 0; i < request->member_count; i++) {
        const struct lockstep_member *member = &request->members[i];
        bool repair = ret_answer->verdict == LOCKSTEP_RECONCILE_REPAIR &&
                      !(request->as_recorded && is_recorded_otherwise(member, &ret_answer->target));
        bool moves = repair && lockstep_reconcile_moves(member, &ret_answer->target);
        bool moved = moves && ret_answer->moved < limit_of(request);
        bool noted = repair && !moves && is_noted(member, &ret_answer->target);
        ret_answer->drifted += moves ? 1 : 0;
        ret_answer->moved += moved ? 1 : 0;
        ret_answer->noted += noted ? 1 : 0;
        if (ret_taken != NULL) {
            ret_taken[i] = moved || noted;
        }
    }
    if (ret_answer->verdict == LOCKSTEP_RECONCILE_REPAIR &&
        ret_answer->drifted + ret_answer->noted == 0) {
        ret_answer->verdict = LOCKSTEP_RECONCILE_NOTHING;
    }
}
