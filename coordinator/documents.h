/*
 * The JSON documents that people are answered with: "schema": "lockstep/<thing>/v1", described in
 * proto/PROTOCOL.md, "Documents". The command, a script and a dashboard see the same. They only
 * grow.
 *
 * Every function reads the fleet and the journal and changes nothing. What it returns is the
 * caller's (json_decref). INVALID: the name is unknown, with the nearest one there is.
 */
#ifndef LOCKSTEP_COORDINATOR_DOCUMENTS_H
#define LOCKSTEP_COORDINATOR_DOCUMENTS_H

#include "common/io/manifest.h"
#include "coordinator/core/admission.h"
#include "coordinator/store_event.h"
#include "coordinator/view.h"

#include <jansson.h>

#define LOCKSTEP_DOCUMENT_LINE 256 /* bytes of a sentence */

/* Which part of a thing: names of modules or nodes (COUNT zero: all). */
struct lockstep_document_query {
    const char *const *names;
    uint32_t name_count;
    const bool *selected; /* per node, as selectors chose; NULL: every one */
    uint32_t limit;       /* rows; zero: the thing's own */
    bool reachable;       /* who is away is left out of a judgement, and counted */
};

enum lockstep_err lockstep_document_status(const struct lockstep_view *view,
                                           const struct lockstep_document_query *query,
                                           json_t **ret_document,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_nodes(const struct lockstep_view *view,
                                          const struct lockstep_document_query *query,
                                          json_t **ret_document,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_node(const struct lockstep_view *view, uint32_t node,
                                         json_t **ret_document,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_modules(const struct lockstep_view *view,
                                            const struct lockstep_document_query *query,
                                            json_t **ret_document,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_module(const struct lockstep_view *view, const char *module,
                                           json_t **ret_document,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_module_status(const struct lockstep_view *view,
                                                  const struct lockstep_document_query *query,
                                                  json_t **ret_document,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_operations(const struct lockstep_view *view,
                                               const struct lockstep_document_query *query,
                                               json_t **ret_document,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* An operation as it is in memory, or as it was loaded. */
enum lockstep_err lockstep_document_operation(const struct lockstep_view *view,
                                              const struct lockstep_operation *operation,
                                              const struct lockstep_operation_record *record,
                                              json_t **ret_document,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What PLAN answers; `roster_digest` and `waits` (--offline wait would be parked) are the
 * driver's. */
struct lockstep_document_plan {
    const struct lockstep_request *request;
    const struct lockstep_plan *plan;
    struct lockstep_digest roster_digest;
    uint64_t index;
    uint64_t not_after_unix_ms;
    bool waits;
    const char *reconcile; /* of RECONCILE: what stands against what, in words; else NULL */
};
enum lockstep_err lockstep_document_plan(const struct lockstep_view *view,
                                         const struct lockstep_document_plan *plan,
                                         json_t **ret_document,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_artifacts(const struct lockstep_view *view,
                                              const struct lockstep_document_query *query,
                                              json_t **ret_document,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_artifact(const struct lockstep_view *view,
                                             const struct lockstep_artifact_row *row,
                                             json_t **ret_document,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Its "exit" is 0 or 3. */
enum lockstep_err lockstep_document_check(const struct lockstep_view *view,
                                          const struct lockstep_document_query *query,
                                          json_t **ret_document,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What an operator wants of reconciling one module. Borrowed for the call. */
struct lockstep_reconcile_ask {
    struct lockstep_name module;
    struct lockstep_digest to; /* zeros: the majority decides */
    bool to_quarantined;
    bool by_majority;
    bool as_recorded;     /* who is recorded to run something else is left alone */
    uint32_t max_changes; /* zero: all that can be */
    bool max_percent;
    const bool *asked;  /* per node: who may be moved; NULL: everybody */
    const bool *damped; /* per node: who is left alone for a while; NULL: nobody */
};
/* What would be done about it. RET_TAKEN, per node: who would be in the roster. RET_TEXT says it in
 * words. INVALID if there is no such module. */
enum lockstep_err lockstep_document_reconcile(const struct lockstep_view *view,
                                              const struct lockstep_reconcile_ask *ask,
                                              bool *ret_taken,
                                              struct lockstep_reconcile_answer *ret_answer,
                                              char ret_text[LOCKSTEP_DOCUMENT_LINE],
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* One of two versions that are compared. All is borrowed for the call. */
struct lockstep_document_side {
    const char *word; /* as it was asked for */
    struct lockstep_digest digest;
    const struct lockstep_artifact_row *row;  /* NULL: it was never pushed */
    const struct lockstep_manifest *manifest; /* NULL: it is not here (any more) */
};
/* Its "equal" says whether they are the same bytes. */
enum lockstep_err lockstep_document_diff(const struct lockstep_view *view,
                                         const struct lockstep_name *module,
                                         const struct lockstep_document_side sides[2],
                                         json_t **ret_document,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_document_history(const struct lockstep_view *view, const char *module,
                                            uint32_t limit, json_t **ret_document,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What a status calls alarms: an array. */
json_t *lockstep_document_alarms(const struct lockstep_view *view);
json_t *lockstep_document_event(const struct lockstep_event *event);
/* In place of events FIRST to LAST, which cannot be had. */
json_t *lockstep_document_gap(uint64_t first, uint64_t last, const char *text);
enum lockstep_err lockstep_document_tokens(const struct lockstep_view *view, json_t **ret_document,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* At most LIMIT rows (0: a thousand) of the audit chain, FROM … or (0) the newest, with the
 * coordinator's own verdict on the whole of it. */
enum lockstep_err lockstep_document_audit(const struct lockstep_view *view, uint64_t from,
                                          uint32_t limit, json_t **ret_document,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
