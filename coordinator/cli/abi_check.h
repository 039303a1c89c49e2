/* artifact push --abi-check. Internal to coordinator/cli. */
#ifndef LOCKSTEP_COORDINATOR_CLI_ABI_CHECK_H
#define LOCKSTEP_COORDINATOR_CLI_ABI_CHECK_H

#include "coordinator/cli/command.h"

#include "common/io/manifest.h"

#include <jansson.h>

/* What is to be pushed. */
struct lockstep_abi_files {
    const struct lockstep_manifest *manifest; /* with its counter */
    const json_t *verdict;                    /* of the probe */
    const uint8_t *bytes;
    size_t size;
};

/* Compares it with the version before, if the coordinator has one, and says what came of it. Not
 * DONE: it is incompatible (REFUSED), or could not be looked at; it has been said why. */
enum lockstep_exit lockstep_run_abi_check(struct lockstep_run *run,
                                          const struct lockstep_abi_files *files);

#endif
