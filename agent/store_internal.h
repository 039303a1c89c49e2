/* What the files of the agent's store share. */
#ifndef LOCKSTEP_AGENT_STORE_INTERNAL_H
#define LOCKSTEP_AGENT_STORE_INTERNAL_H

#include "agent/store.h"

struct lockstep_agent_store {
    struct lockstep_journal *journal;
    bool late; /* a transaction is open: what it has is durable with the next row, or settled */
    bool lost; /* what was to be durable later could not be written: nothing is written after it */
    struct lockstep_agent_meta meta;
    uint64_t bundle_version;
    size_t text_length;
    size_t signatures_length;
    uint32_t refused_count;
    struct lockstep_digest refused[LOCKSTEP_AGENT_REFUSED_MAX];
    uint8_t text[LOCKSTEP_BUNDLE_MAX];
    uint8_t signatures[LOCKSTEP_BUNDLE_MAX];
    uint8_t intent[LOCKSTEP_INTENT_MAX];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    uint8_t standing[LOCKSTEP_STANDING_MAX];
    uint8_t standing_signature[LOCKSTEP_KEY_SIGNATURE];
    char extra[LOCKSTEP_EXTRA_MAX + 1];
};

/* Why a digest is refused. Numbers are in journals. */
enum lockstep_agent_why { LOCKSTEP_AGENT_WHY_COORDINATOR = 1, LOCKSTEP_AGENT_WHY_CRASHES = 2 };

/* A transaction: one of its own, so that it leaves no trace when it fails; or the one that is open
 * since something was left for later, which ends with this one. */
enum lockstep_err lockstep_agent_store_begin(struct lockstep_agent_store *store,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_agent_store_join(struct lockstep_agent_store *store,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends what _join began, if SO_FAR is not OK; else leaves it open. Returns what is wrong. */
enum lockstep_err lockstep_agent_store_leave(struct lockstep_agent_store *store,
                                             enum lockstep_err so_far,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Commits if SO_FAR is OK, else undoes. Returns what is wrong. */
enum lockstep_err lockstep_agent_store_end(struct lockstep_agent_store *store,
                                           enum lockstep_err so_far,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads the refused digests again. */
enum lockstep_err lockstep_agent_store_read_refused(struct lockstep_agent_store *store,
                                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes a module's row, whole. */
enum lockstep_err lockstep_agent_store_put_module(struct lockstep_agent_store *store,
                                                  const struct lockstep_agent_module_row *row,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The module in columns 0 to 9 of a query (see store_module.c); CORRUPT if it cannot be one. */
#define LOCKSTEP_AGENT_MODULE_COLUMNS                                                         \
    "name, service, generation, current_generation, current, previous_generation, previous, " \
    "floor, version, has_previous"
enum lockstep_err lockstep_agent_store_take_module(const struct lockstep_query_rows *rows,
                                                   struct lockstep_agent_module_row *ret_row,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
