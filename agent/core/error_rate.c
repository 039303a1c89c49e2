#include "agent/core/error_rate.h"

/* Larger counts are scaled down with their shares kept: by then there is no doubt left, and the sum
 * below stays short. */
#define SAMPLE_MAX 4000

static void shrink(uint64_t *calls, uint64_t *failed)
{
    if (*failed > *calls) {
        *failed = *calls; /* counts that are read one after the other */
    }
    if (*calls > SAMPLE_MAX) {
        /* Rounded down, which speaks for the new version: see lockstep_error_rate_chance(). */
        *failed = (uint64_t)((double)*failed / (double)*calls * SAMPLE_MAX);
        *calls = SAMPLE_MAX;
    }
}

/*
 * The probability of k failures among the new version's n calls, when K of all N calls failed, is
 * hypergeometric. From one k to the next it changes by the factor
 *
 *     (K - k) (n - k) / ((k + 1) (N - K - n + k + 1))
 *
 * so the weights of all possible k follow from that of any one of them, and the share of those from
 * the observed k on is what is asked for. Weights are scaled as they grow: nothing overflows.
 */
double lockstep_error_rate_chance(const struct lockstep_error_rate *rate)
{
    uint64_t m = rate->before_calls;
    uint64_t before = rate->before_failed;
    uint64_t n = rate->after_calls;
    uint64_t seen = rate->after_failed;
    uint64_t all_failed;
    uint64_t least;
    uint64_t most;
    double weight = 1;
    double total = 0;
    double tail = 0;
    shrink(&m, &before);
    shrink(&n, &seen);
    all_failed = before + seen;
    least = all_failed > m ? all_failed - m : 0;
    most = all_failed < n ? all_failed : n;
    for (uint64_t k = least; k <= most; k++) {
        total += weight;
        tail += k >= seen ? weight : 0;
        weight *= (double)(all_failed - k) * (double)(n - k);
        weight /= (double)(k + 1) * (double)(m + k + 1 - all_failed);
        if (total > 1e200) {
            total /= 1e200;
            tail /= 1e200;
            weight /= 1e200;
        }
    }
    return tail / total;
}

bool lockstep_error_rate_is_worse(const struct lockstep_error_rate *rate,
                                  const struct lockstep_error_rate_rule *rule)
{
    double before;
    double after;
    if (rate->after_calls == 0 || rate->after_calls < rule->calls ||
        rate->before_calls < rule->calls) {
        return false; /* the version before is not known well enough, or the new one */
    }
    before = (double)rate->before_failed / (double)rate->before_calls;
    after = (double)rate->after_failed / (double)rate->after_calls;
    return (after - before) * 1000 >= (double)rule->permille &&
           lockstep_error_rate_chance(rate) * (double)rule->chance <= 1;
}

void lockstep_error_watch_see(struct lockstep_error_watch *watch,
                              const struct lockstep_digest *digest, uint64_t calls, uint64_t failed)
{
    struct lockstep_error_rate *rate = &watch->rate;
    if (!lockstep_digest_equal(&watch->digest, digest)) {
        *watch = (struct lockstep_error_watch){
            .digest = *digest,
            .rate = {.before_calls = rate->after_calls, .before_failed = rate->after_failed}};
    }
    if (calls >= watch->calls && failed >= watch->failed) {
        rate->after_calls += calls - watch->calls;
        rate->after_failed += failed - watch->failed;
    }
    watch->calls = calls;
    watch->failed = failed;
}
