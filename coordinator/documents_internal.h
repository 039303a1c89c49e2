/*
 * What the files that make documents share: the journal's rows that every document wants, read once
 * and sorted (the book), JSON of small things, and the judgement whether a module is as it is to
 * be.
 */
#ifndef LOCKSTEP_COORDINATOR_DOCUMENTS_INTERNAL_H
#define LOCKSTEP_COORDINATOR_DOCUMENTS_INTERNAL_H

#include "common/base/cleanup.h"
#include "coordinator/core/drift.h"
#include "coordinator/documents.h"

#define LOCKSTEP_DOCUMENT_SHORT   12  /* "op-" and eight characters, with the NUL */
#define LOCKSTEP_DOCUMENT_COMMAND 192 /* bytes of a command proposed */

struct lockstep_book_placement {
    struct lockstep_name module;
    char selector[LOCKSTEP_SELECTOR_MAX + 1];
};

/* Artifacts by digest, desired rows by node and module, and every module's name, sorted. */
struct lockstep_book {
    const struct lockstep_view *view;
    struct lockstep_artifact_row *artifacts;
    size_t artifact_count;
    size_t artifact_max;
    struct lockstep_desired_row *desired;
    size_t desired_count;
    size_t desired_max;
    struct lockstep_name *modules;
    size_t module_count;
    size_t module_max;
    struct lockstep_book_placement *placements;
    size_t placement_count;
    size_t placement_max;
    struct lockstep_name *decided; /* modules of which an operation was committed */
    size_t decided_count;
    size_t decided_max;
    bool full; /* there was no memory */
};

#define LOCKSTEP_BOOK LOCKSTEP_CLEANUP(lockstep_book_deinit)

enum lockstep_err lockstep_book_open(struct lockstep_book *book, const struct lockstep_view *view,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Only the artifacts that OPERATION is about: it is shown again with each vote, and neither the
 * fleet nor the history may be read for that. */
enum lockstep_err lockstep_book_open_items(struct lockstep_book *book,
                                           const struct lockstep_view *view,
                                           const struct lockstep_operation *operation,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_book_deinit(struct lockstep_book *book);
/* Room for one more of COUNT rows of SIZE bytes, or false. */
bool lockstep_book_room(void *list, size_t count, size_t *max, size_t size);
/* NULL if it was never pushed. */
const struct lockstep_artifact_row *lockstep_book_artifact(const struct lockstep_book *book,
                                                           const struct lockstep_digest *digest);
/* NULL if nothing is recorded. */
const struct lockstep_desired_row *lockstep_book_desired(const struct lockstep_book *book,
                                                         uint32_t node,
                                                         const struct lockstep_name *module);
/* True if something is recorded of the module, or was once: then who is not placed on it is to run
 * none of it. Otherwise it came here without an operation, and what most run is what is wanted. */
bool lockstep_book_decided(const struct lockstep_book *book, const struct lockstep_name *module);
/* True if NODE is to run the module: it is recorded of the node, or the module is placed on it. */
bool lockstep_book_placed(const struct lockstep_book *book, uint32_t node,
                          const struct lockstep_name *module);
/* What people call this digest. */
json_t *lockstep_book_version(const struct lockstep_book *book,
                              const struct lockstep_digest *digest);
void lockstep_book_version_text(const struct lockstep_book *book,
                                const struct lockstep_digest *digest,
                                char ret_text[LOCKSTEP_STORE_VERSION]);
/* True if the query wants this module, this node. */
bool lockstep_query_module(const struct lockstep_document_query *query,
                           const struct lockstep_name *module);
bool lockstep_query_node(const struct lockstep_document_query *query, uint32_t node);
/* INVALID if the query names a module that there is not. */
enum lockstep_err lockstep_book_check_names(const struct lockstep_book *book,
                                            const struct lockstep_document_query *query,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- small things --------------------------------------------------------------------------- */

json_t *lockstep_json_number(uint64_t number);
/* Zero is null. */
json_t *lockstep_json_time(uint64_t unix_ms);
/* Zeros are null. */
json_t *lockstep_json_digest(const struct lockstep_digest *digest);
json_t *lockstep_json_md5(const struct lockstep_md5 *md5);
json_t *lockstep_json_id(const struct lockstep_id *id);
/* Text that a node or a person wrote, and which may have been cut within a character. */
json_t *lockstep_json_text(const char *text);
/* The same; empty is null. */
json_t *lockstep_json_word(const char *text);
/* "env=prod,zone=a" as an object. */
json_t *lockstep_json_labels(const char *labels);
void lockstep_short_id(const struct lockstep_id *id, char ret_text[LOCKSTEP_DOCUMENT_SHORT]);
json_t *lockstep_json_short(const struct lockstep_id *id);
/* The node's name; null for a number that the fleet does not have. */
json_t *lockstep_json_node(const struct lockstep_view *view, uint32_t node);
/* Hands DOCUMENT over; NOMEM if it is NULL. */
enum lockstep_err lockstep_document_done(json_t *document, json_t **ret_document,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Moves the members of FROM, which is released, into INTO. NULL, with both released, on failure. */
json_t *lockstep_json_join(json_t *into, json_t *from);

/* The pin of ROW on the node that is called NODE. */
json_t *lockstep_json_pin(const struct lockstep_book *book, const char *node,
                          const struct lockstep_desired_row *row);
/* True if ROW, which may be NULL, has a pin that is in force. */
bool lockstep_book_pinned(const struct lockstep_book *book, const struct lockstep_desired_row *row);

json_t *lockstep_json_artifact(const struct lockstep_artifact_row *row);

/* ---- operations ----------------------------------------------------------------------------- */

/* The word shown to people. ROW is for one that was loaded and has no state. */
const char *lockstep_document_word(const struct lockstep_operation *operation,
                                   enum lockstep_row row);
/* Null while there is none. */
json_t *lockstep_document_result(const struct lockstep_operation *operation);
/* Who opened it: an operator, or the coordinator by itself. */
json_t *lockstep_json_who(const struct lockstep_operation_record *record);
json_t *lockstep_json_times(const struct lockstep_operation_record *record);
/* What stands at the head of every document of an operation: id … final. */
json_t *lockstep_json_operation_head(const struct lockstep_operation *operation,
                                     enum lockstep_row row);
/* The row of a list. */
json_t *lockstep_json_operation_row(const struct lockstep_operation *operation,
                                    const struct lockstep_operation_record *record,
                                    enum lockstep_row row);
/* An operation is given to EACH with what the journal knows of it, live ones as they are in memory.
 */
typedef void lockstep_operation_each_fn(void *context, const struct lockstep_operation *operation,
                                        const struct lockstep_operation_record *record,
                                        enum lockstep_row row);
enum lockstep_err lockstep_document_load(const struct lockstep_view *view,
                                         const struct lockstep_id *id,
                                         lockstep_operation_each_fn *each, void *context,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- is it as it is to be? ------------------------------------------------------------------ */

/* A module over the nodes that a query selects. */
struct lockstep_judgement {
    const struct lockstep_book *book;
    const struct lockstep_document_query *query;
    struct lockstep_name module;
    struct lockstep_digest recorded; /* of every node that is not pinned; zeros: no one digest */
    struct lockstep_digest common;   /* the same, or else what is live on more than half */
    bool decided;                    /* something is recorded, or was */
    struct lockstep_digest wanted; /* of every node that is to run it, pins aside; zeros if split */
    uint32_t total;
    uint32_t left_out; /* who is away, if the query asks for that */
    uint32_t in[LOCKSTEP_DRIFT_COUNT];
    bool split;
    char text[LOCKSTEP_DOCUMENT_LINE];
};

/* One node of it. */
struct lockstep_finding {
    enum lockstep_drift drift;
    struct lockstep_digest wanted;
    struct lockstep_digest found;
    struct lockstep_digest on_disk; /* of DISK_DIFFERS */
    uint64_t generation;
    uint64_t pin_unix_ms;         /* a pin in force, until then; 0: none */
    struct lockstep_digest after; /* of a pin: what then; zeros: not recorded */
    uint64_t unpinned_unix_ms;    /* when a pin ended that was; 0: none was */
    uint64_t seen_unix_ms;        /* its last report or heartbeat; 0: never */
    bool connected;
    bool held;                                  /* it comes and goes */
    bool known;                                 /* it is ready, and its report fresh */
    const struct lockstep_operation *operation; /* of OWED and IN_DOUBT */
};

void lockstep_judge(struct lockstep_judgement *judgement, const struct lockstep_book *book,
                    const struct lockstep_document_query *query,
                    const struct lockstep_name *module);
/* False if NODE is not to run the module and does not, or is not selected, or is left out. */
bool lockstep_judge_node(const struct lockstep_judgement *judgement, uint32_t node,
                         struct lockstep_finding *ret_finding);
/* How many nodes are as they are to be. */
uint32_t lockstep_judgement_same(const struct lockstep_judgement *judgement);
bool lockstep_judgement_consistent(const struct lockstep_judgement *judgement);
/* What reconciling the module would do; RET_REPAIRS: it would move nodes. */
json_t *lockstep_json_reconcile(const struct lockstep_judgement *judgement, bool *ret_repairs);
/* Who does what about drift without being asked, until when. */
json_t *lockstep_json_mode(const struct lockstep_view *view);
/* An order whose time is over, and nodes that are left alone. */
void lockstep_alarm_automatic(const struct lockstep_view *view, json_t *alarms);
/* "consistent so far: 46 of 48". */
void lockstep_judgement_text(const struct lockstep_judgement *sums,
                             char ret_text[LOCKSTEP_DOCUMENT_LINE]);

#endif
