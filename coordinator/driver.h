/*
 * lockstepd: the driver around the fleet's core. It turns links, messages and time into the core's
 * events and does what the core asks for, in order; it decides nothing about an operation.
 *
 * Everything runs on the loop's thread. A write to the journal that fails ends the process: the
 * next one reads what is really there. Only the OPEN row may be refused, when the disk is full.
 */
#ifndef LOCKSTEP_COORDINATOR_DRIVER_H
#define LOCKSTEP_COORDINATOR_DRIVER_H

#include "common/io/config.h"
#include "common/io/keys.h"
#include "common/io/loop.h"
#include "coordinator/store.h"

struct lockstep_coordinator;

/* Takes the journal up, listens, and serves from then on. CONFIG, KEY and STORE are borrowed for
 * its life. */
enum lockstep_err lockstep_coordinator_new(struct lockstep_loop *loop,
                                           const struct lockstep_config_coordinator *config,
                                           const struct lockstep_key *key,
                                           struct lockstep_store *store,
                                           struct lockstep_coordinator **ret_coordinator,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Closes every link. NULL is fine. Always NULL. */
struct lockstep_coordinator *lockstep_coordinator_free(struct lockstep_coordinator *coordinator);
/* Where it listens, as bound: the first address. */
const char *lockstep_coordinator_url(const struct lockstep_coordinator *coordinator);
/* Why the loop was stopped, or OK: then it was asked to stop. */
enum lockstep_err lockstep_coordinator_failure(const struct lockstep_coordinator *coordinator,
                                               struct lockstep_error *err);

#endif
