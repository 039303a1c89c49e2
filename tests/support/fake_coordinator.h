/* A coordinator made of a listener and prepared answers, in a process of its own. */
#ifndef LOCKSTEP_TESTS_SUPPORT_FAKE_COORDINATOR_H
#define LOCKSTEP_TESTS_SUPPORT_FAKE_COORDINATOR_H

#include "common/io/link.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAKE_ANSWERS_MAX 5

/* What the coordinator answers to one kind of request, in this order; NULL ends. */
struct fake_script {
    unsigned type;
    const char *answers[FAKE_ANSWERS_MAX];
    bool open; /* nothing is marked last */
};

/* Starts one that ends with its first session, or after ten seconds. SCRIPTS end with a type of 0.
 * An answer "!EXIT TEXT" is a FAILURE, "." ends the session, everything else is a document. A
 * SUBMIT is answered so only if its intent says what plan 7 of two nodes says; an ARTIFACT_PUT if
 * its bytes are those of its manifest, whose counter is 53. */
pid_t fake_coordinator_start(const uint8_t secret[32], const char *cluster,
                             const struct fake_script *scripts, char ret_url[LOCKSTEP_URL_MAX + 1]);

#endif
