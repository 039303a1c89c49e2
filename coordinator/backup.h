/*
 * `lockstepd backup`: what a coordinator knows, in one file, taken while it serves or while it does
 * not. The file is a tar archive of what belongs into a data directory: the journal (with the trust
 * bundle), manifests and signatures of artifacts, and, if asked for, the key. The artifacts' bytes
 * are not in it: they may be gigabytes, and can be pushed again as they were signed.
 */
#ifndef LOCKSTEP_COORDINATOR_BACKUP_H
#define LOCKSTEP_COORDINATOR_BACKUP_H

#include "common/io/config.h"

/* Writes TARGET (0600), whole and synced or not at all, and says on standard output what it holds.
 * CONFLICT if TARGET is there, INVALID if there is no cluster, LIMIT if the disk is full, IO. */
enum lockstep_err lockstep_coordinator_backup(const struct lockstep_config_coordinator *config,
                                              const char *target, bool with_key,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
