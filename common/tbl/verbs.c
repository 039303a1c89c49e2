#include "common/tbl/verbs.h"

#include "common/base/assert.h"

const char *lockstep_verb_name(enum lockstep_verb verb)
{
    static const char *const names[LOCKSTEP_VERB_COUNT] = {
#define NAME(name, key, text) #key,
        LOCKSTEP_VERBS_TABLE(NAME)
#undef NAME
    };
    ASSERT(verb < LOCKSTEP_VERB_COUNT);
    return names[verb];
}
