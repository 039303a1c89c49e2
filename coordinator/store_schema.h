/* The coordinator's journal, version by version: step i goes from version i to i + 1. Steps are
 * never edited once released; a change is a new step. */
#ifndef LOCKSTEP_COORDINATOR_STORE_SCHEMA_H
#define LOCKSTEP_COORDINATOR_STORE_SCHEMA_H

#include <stddef.h>

extern const char *const lockstep_store_migrations[];
extern const size_t lockstep_store_migration_count;

#endif
