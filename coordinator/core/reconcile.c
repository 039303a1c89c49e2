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
    return member->known && !member->pinned && !member->unsettled &&
           !lockstep_digest_equal(&member->runs, target);
}

static enum lockstep_reconcile judge(const struct lockstep_reconcile_request *request,
                                     struct lockstep_reconcile_answer *answer)
{
    if (lockstep_digest_is_zero(&answer->majority)) {
        return LOCKSTEP_RECONCILE_AMBIGUOUS;
    }
    answer->target = answer->majority;
    if (is_quarantined(request, &answer->target)) {
        return LOCKSTEP_RECONCILE_QUARANTINED;
    }
    if (!lockstep_digest_is_zero(&request->desired) &&
        !lockstep_digest_equal(&request->desired, &answer->majority)) {
        memset(&answer->target, 0, sizeof(answer->target));
        return LOCKSTEP_RECONCILE_CONFLICT;
    }
    for (uint32_t i = 0; i < request->member_count; i++) {
        answer->drifted += lockstep_reconcile_moves(&request->members[i], &answer->target) ? 1 : 0;
    }
    return answer->drifted > 0 ? LOCKSTEP_RECONCILE_REPAIR : LOCKSTEP_RECONCILE_NOTHING;
}

void lockstep_reconcile(const struct lockstep_reconcile_request *request,
                        struct lockstep_reconcile_answer *ret_answer)
{
    memset(ret_answer, 0, sizeof(*ret_answer));
    find_majority(request, ret_answer);
    ret_answer->verdict = judge(request, ret_answer);
}
