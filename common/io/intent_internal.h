/* What intents and standing orders share: both are an operator's signed text. */
#ifndef LOCKSTEP_IO_INTENT_INTERNAL_H
#define LOCKSTEP_IO_INTENT_INTERNAL_H

#include "common/io/intent.h"

struct lockstep_intent_sort {
    const char *domain; /* of the signature */
    const char *noun;   /* in words */
};

/* UNSPECIFIED if OFFER's text is what its signer signed as SORT, and the signer is one of BUNDLE
 * with the role operator; else INTENT. */
enum lockstep_no lockstep_intent_check_signer(const struct lockstep_intent_offer *offer,
                                              const struct lockstep_intent_sort *sort,
                                              const struct lockstep_bundle *bundle,
                                              struct lockstep_refusal *ret_refusal);
/* EXPIRED if BUNDLE is no longer good at NOW_UNIX_MS. */
enum lockstep_no lockstep_intent_check_bundle(const struct lockstep_bundle *bundle,
                                              uint64_t now_unix_ms,
                                              struct lockstep_refusal *ret_refusal);
/* The intent's item for MODULE, or NULL. */
const struct lockstep_item *lockstep_intent_item(const struct lockstep_intent *intent,
                                                 const struct lockstep_name *module);

#endif
