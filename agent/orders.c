/*
 * May this order be believed? The coordinator is not: an operator has signed this very operation,
 * or a standing order under which the coordinator may open it, and with that the intent that once
 * named the versions. Whatever a node is told of a standing order it believes, it keeps in its
 * journal when that order was issued, and believes none that is older from then on.
 */
#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/log.h"
#include "common/io/standing.h"

#include <stdlib.h>

static struct lockstep_intent_offer intent_of(const struct lockstep_papers *papers)
{
    return (struct lockstep_intent_offer){.text = papers->intent,
                                          .length = papers->intent_length,
                                          .signature = papers->signature,
                                          .signature_length = sizeof(papers->signature),
                                          .signer = papers->signer.text};
}

static struct lockstep_intent_offer standing_of(const struct lockstep_papers *papers)
{
    return (struct lockstep_intent_offer){.text = papers->standing,
                                          .length = papers->standing_length,
                                          .signature = papers->standing_signature,
                                          .signature_length = sizeof(papers->standing_signature),
                                          .signer = papers->standing_signer.text};
}

/* True of the newest standing order that this node was ever shown, also again. That it is believed
 * is durable before anything is done under it. */
static bool keep_newest(struct lockstep_node_agent *agent, const struct lockstep_standing *standing,
                        struct lockstep_refusal *refusal)
{
    struct lockstep_agent_store *store = agent->config.store;
    uint64_t newest = lockstep_agent_store_meta(store)->standing_issued_unix_ms;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char words[LOCKSTEP_STANDING_WORDS];
    lockstep_standing_words(standing, words);
    if (standing->issued_unix_ms < newest) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_INTENT,
                              "%s: this node has seen one that was issued later, and believes no "
                              "older one",
                              words);
        return false;
    }
    if (standing->issued_unix_ms == newest) {
        return true;
    }
    if (lockstep_agent_store_standing(store, standing->issued_unix_ms, &err) != LOCKSTEP_OK) {
        (void)lockstep_refuse(refusal, LOCKSTEP_NO_STORAGE, "%s", err.message);
        return false;
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent",
                 "%s: the coordinator may reconcile this node by itself", words);
    return true;
}

/* The intent is another operation's; it is only asked what it named. */
static bool judge_naming(const struct lockstep_node_agent *agent,
                         const struct lockstep_papers *papers,
                         const struct lockstep_standing *standing, struct lockstep_intent *intent,
                         struct lockstep_refusal *refusal)
{
    const struct lockstep_intent_offer offer = intent_of(papers);
    struct lockstep_refusal why = {.no = LOCKSTEP_NO_UNSPECIFIED};
    char words[LOCKSTEP_STANDING_WORDS];
    if (lockstep_intent_authentic(&offer, agent->bundle, intent, &why) == LOCKSTEP_NO_UNSPECIFIED) {
        return true;
    }
    lockstep_standing_words(standing, words);
    (void)lockstep_refuse(refusal, why.no, "%s: %s", words, why.text);
    return false;
}

static bool judge_standing(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                           const struct lockstep_papers *papers, struct lockstep_intent *intent,
                           struct lockstep_refusal *refusal)
{
    const struct lockstep_intent_offer offer = standing_of(papers);
    struct lockstep_standing standing;
    return lockstep_standing_verify(&offer, agent->bundle, lockstep_driver_unix_ms(agent),
                                    &standing, refusal) == LOCKSTEP_NO_UNSPECIFIED &&
           keep_newest(agent, &standing, refusal) &&
           judge_naming(agent, papers, &standing, intent, refusal) &&
           lockstep_standing_covers(&standing, intent, &duty->order, papers->extra, refusal) ==
               LOCKSTEP_NO_UNSPECIFIED;
}

/* A local order is for the node that it names and for no other: what is tried out there stays
 * there. Of any other roster this node knows only the digest, and it may be owed what was cordoned
 * off it. */
static bool is_for_this_node(const struct lockstep_node_agent *agent,
                             const struct lockstep_intent *intent, struct lockstep_refusal *refusal)
{
    const struct lockstep_name *name = &lockstep_agent_store_meta(agent->config.store)->name;
    struct lockstep_digest alone;
    if (intent->strategy != LOCKSTEP_STRATEGY_LOCAL ||
        (intent->roster_size == 1 && lockstep_roster_digest(name, 1, &alone, NULL) == LOCKSTEP_OK &&
         lockstep_digest_equal(&alone, &intent->roster))) {
        return true;
    }
    (void)lockstep_refuse(refusal, LOCKSTEP_NO_INTENT,
                          "the intent is local to one node, which is not %s", name->text);
    return false;
}

static bool judge_intent(const struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                         const struct lockstep_papers *papers, struct lockstep_intent *intent,
                         struct lockstep_refusal *refusal)
{
    const struct lockstep_intent_offer offer = intent_of(papers);
    return lockstep_intent_verify(&offer, agent->bundle, lockstep_driver_unix_ms(agent), intent,
                                  refusal) == LOCKSTEP_NO_UNSPECIFIED &&
           is_for_this_node(agent, intent, refusal) &&
           lockstep_intent_covers(intent, &duty->order, refusal) == LOCKSTEP_NO_UNSPECIFIED &&
           lockstep_intent_covers_extra(intent, papers->extra, refusal) == LOCKSTEP_NO_UNSPECIFIED;
}

bool lockstep_orders_judge(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                           struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_papers *papers = lockstep_driver_papers(agent, &duty->order.operation);
    LOCKSTEP_FREE struct lockstep_intent *intent = calloc(1, sizeof(*intent));
    ASSERT(intent != NULL);
    if (papers == NULL || agent->bundle == NULL) {
        (void)lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                              "there is no intent, or no trust bundle");
        return false;
    }
    return papers->standing_length > 0 ? judge_standing(agent, duty, papers, intent, ret_refusal)
                                       : judge_intent(agent, duty, papers, intent, ret_refusal);
}
