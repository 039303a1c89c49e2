/* What check says of the fleet in coordinator_world.h, and pins in it. */
#ifndef LOCKSTEP_TESTS_SUPPORT_COORDINATOR_CHECK_H
#define LOCKSTEP_TESTS_SUPPORT_COORDINATOR_CHECK_H

#include "tests/support/coordinator_pay.h"

#include <inttypes.h>

/* Checks and returns the document, whose text is TEXT and whose first difference is KIND. */
static inline json_t *checked(const struct lockstep_document_query *query, const char *text,
                              const char *kind)
{
    json_t *made = NULL;
    json_t *first;
    assert_int_equal(lockstep_document_check(&world.view, query, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")), text);
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(kind == NULL ? "" : kind,
                        first == NULL ? "" : json_string_value(json_object_get(first, "kind")));
    return made;
}

/* n1 is pinned to 2.4.1, which it runs, until UNTIL; then it is to run what begins with AFTER. */
static inline void pin_n1(uint64_t until, const char *after)
{
    char sql[512];
    char digest[LOCKSTEP_DIGEST_TEXT];
    char then[LOCKSTEP_DIGEST_TEXT];
    struct lockstep_digest pinned = digest_of("e07ad911");
    struct lockstep_digest wanted = digest_of(after);
    lockstep_digest_format(&pinned, digest);
    lockstep_digest_format(&wanted, then);
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE desired SET digest = x'%s', after = x'%s', pin = %" PRIu64
                   " WHERE node = 0",
                   digest, then, until);
    meddle(sql);
    world.live[0].digest = pinned;
}

#endif
