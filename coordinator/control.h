/* What people ask, and how they are answered; part of driver_internal.h. */
#ifndef LOCKSTEP_COORDINATOR_CONTROL_H
#define LOCKSTEP_COORDINATOR_CONTROL_H

#include "coordinator/driver_internal.h"

void lockstep_control_message(struct lockstep_session *session, const struct lockstep_wire *wire);
void lockstep_control_show(struct lockstep_session *session, const struct lockstep_wire_show *show);
void lockstep_control_answers_end(struct lockstep_session *session);
/* Its outbox is empty: it is sent more. */
void lockstep_control_drained(struct lockstep_session *session);
/* A session is gone: what it waited for is no longer wanted. */
void lockstep_control_forget(struct lockstep_session *session);
void lockstep_control_answer(struct lockstep_session *session, uint64_t request, json_t *document,
                             bool last);
/* Answers with a `done` document: WHAT became of NAME, and a TEXT, which may be "". */
void lockstep_control_done(struct lockstep_session *session, uint64_t request, const char *what,
                           const char *name, const char *text);
/* What a refusal means to scripts: the command's exit code, one word, what to type next or "". */
struct lockstep_why {
    unsigned exit;
    const char *code;
    const char *next;
};
#define LOCKSTEP_WHY(exit, code, next) ((struct lockstep_why){(exit), (code), (next)})
void lockstep_control_refuse(struct lockstep_session *session, uint64_t request,
                             struct lockstep_why why, const char *format, ...)
    LOCKSTEP_PRINTF(4, 5);
/* The same from an error, with the exit code that its kind has. */
void lockstep_control_refuse_error(struct lockstep_session *session, uint64_t request,
                                   const struct lockstep_error *err);

/* The node with this name; INVALID if there is none. And whether there is such a module. */
enum lockstep_err lockstep_control_node(const struct lockstep_coordinator *coordinator,
                                        const char *name, uint32_t *ret_node,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_control_module(const struct lockstep_coordinator *coordinator,
                                          const struct lockstep_name *module,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Which nodes are meant: RET_SELECTED has one entry a node. Without names and selector all are.
 * INVALID for a name that is none, or a selector that is none or matches nothing. */
enum lockstep_err lockstep_control_select(struct lockstep_coordinator *coordinator,
                                          const char *selector, const struct lockstep_name *nodes,
                                          uint32_t node_count, bool *ret_selected,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A call, numbered, of the node with this name, for REQUEST of SESSION. NULL: there is no such
 * node, it is away, or too many calls are under way; the request has been refused then. */
struct lockstep_calling *lockstep_control_call(struct lockstep_session *session, uint64_t request,
                                               const char *name);
void lockstep_control_ping(struct lockstep_session *session,
                           const struct lockstep_wire_node_ping *message);
void lockstep_control_pong(struct lockstep_session *agent, uint64_t request);
/* Calls of a person who has left, and calls on a node that has. */
void lockstep_control_calls_forget(const struct lockstep_session *session);
void lockstep_control_tool_call(struct lockstep_session *session,
                                const struct lockstep_wire_tool_call *message);
/* A request as the core wants it, with the memory it borrows. What is of each selected node and
 * each item stands at lockstep_resolved_at(). */
struct lockstep_resolved {
    struct lockstep_request request;
    struct lockstep_plan plan;
    struct lockstep_digest roster_digest;
    uint32_t *selected;
    uint32_t *roster;
    struct lockstep_digest *targets;
    struct lockstep_digest *desired;  /* what it is to run; zeros: nothing */
    struct lockstep_digest *wished;   /* the same, or, when its pin is over, what then */
    struct lockstep_digest *previous; /* what it ran before; zeros: nothing */
    const bool *damped; /* of RECONCILE, borrowed: who is left alone for a while; or NULL */
    char reconcile[LOCKSTEP_DOCUMENT_LINE]; /* of RECONCILE: what stands against what, in words */
    bool *has_previous;                     /* false: what it ran before is not known */
    bool *placed;
};

static inline size_t lockstep_resolved_at(const struct lockstep_resolved *resolved, uint32_t node,
                                          uint32_t item)
{
    return (size_t)node * resolved->request.item_count + item;
}

/* Fills in `desired`, `previous` and `placed` from the journal, and which of the request's items
 * have a placement. The request's nodes and modules are known. */
enum lockstep_err lockstep_control_place(struct lockstep_coordinator *coordinator,
                                         struct lockstep_resolved *resolved,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Of a RECONCILE: its verdict, and the version as its item's digest, into the request. SELECTED,
 * who may be moved, becomes who would be in the roster. */
enum lockstep_err lockstep_control_reconcile(struct lockstep_coordinator *coordinator,
                                             const struct lockstep_wire_request *body,
                                             bool *selected, struct lockstep_resolved *resolved,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Opens what was resolved and admitted. RECORD is handed over, also on failure. */
enum lockstep_err lockstep_control_open(struct lockstep_coordinator *coordinator,
                                        struct lockstep_resolved *resolved,
                                        struct lockstep_operation_record *record,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_control_reconcile_mode(struct lockstep_session *session,
                                     const struct lockstep_wire_reconcile_mode *message);

/* Turns BODY into a request, and plans it. Release with _deinit on success. */
enum lockstep_err lockstep_control_resolve(struct lockstep_coordinator *coordinator,
                                           const struct lockstep_wire_request *body,
                                           struct lockstep_resolved *resolved,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* REFUSED if the bytes of ITEM's digest are not here, because nobody brought them or they were
 * collected since: they cannot be sent to anybody. */
enum lockstep_err lockstep_control_kept(const struct lockstep_coordinator *coordinator,
                                        const struct lockstep_wanted *item,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The same of a RECONCILE that nobody asks for, with nodes that are left alone for a while: DAMPED
 * has one entry a node. Whether the version's bytes are kept the caller asks when it has use for
 * them. */
enum lockstep_err lockstep_control_resolve_damped(struct lockstep_coordinator *coordinator,
                                                  const struct lockstep_wire_request *body,
                                                  const bool *damped,
                                                  struct lockstep_resolved *resolved,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The version that SUBJECT wants of the request's item INDEX, as the nodes selected have it.
 * INVALID for one that there is not. */
enum lockstep_err lockstep_control_version(struct lockstep_coordinator *coordinator,
                                           const struct lockstep_wire_subject *subject,
                                           const struct lockstep_resolved *resolved, uint32_t index,
                                           struct lockstep_digest *ret_digest,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_resolved_deinit(struct lockstep_resolved *resolved);

/* SHOW diff: MODULE [A [B]], as the nodes SELECTED have current, previous and disk. */
enum lockstep_err lockstep_control_diff(struct lockstep_coordinator *coordinator,
                                        const struct lockstep_wire_show *show, const bool *selected,
                                        json_t **ret_document,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

void lockstep_control_plan(struct lockstep_session *session, const struct lockstep_wire_plan *plan);
void lockstep_control_submit(struct lockstep_session *session,
                             const struct lockstep_wire_submit *submit);
/* True if the request is done with: opened, or refused. GIVE_UP: it waits no longer. */
bool lockstep_control_try(struct lockstep_session *session,
                          const struct lockstep_wire_submit *submit, bool give_up);
/* What is recorded of an operation that came as SUBMIT, as if it were opened now. */
enum lockstep_err lockstep_control_record(const struct lockstep_session *session,
                                          const struct lockstep_wire_submit *submit,
                                          struct lockstep_operation_record *record,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- control_operation.c --------------------------------------------------------------------- */

/* How many operations, also such as wait, have an id that begins with PREFIX: 0, 1 or 2 (more). */
enum lockstep_err lockstep_control_prefix(struct lockstep_coordinator *coordinator,
                                          const char *prefix, struct lockstep_id *ret_id,
                                          unsigned *ret_found,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The operation that TEXT names (an id, "op-" and a prefix, a prefix): sends the refusal itself and
 * returns false if there is not exactly one. */
bool lockstep_control_find(struct lockstep_session *session, uint64_t request, const char *text,
                           struct lockstep_id *ret_id);
/* Its document; NULL and *err set if that cannot be made. */
json_t *lockstep_control_operation(struct lockstep_coordinator *coordinator,
                                   const struct lockstep_id *id, struct lockstep_error *err);
void lockstep_control_watch(struct lockstep_session *session,
                            const struct lockstep_wire_watch *watch);
void lockstep_control_abort(struct lockstep_session *session,
                            const struct lockstep_wire_abort *abort);
/* Answers RESUME. */
void lockstep_control_resume(struct lockstep_session *session,
                             const struct lockstep_wire_resume *resume);
/* Tells every watcher of what has changed. */
void lockstep_control_tell(struct lockstep_coordinator *coordinator);
/* SESSION has read what it was sent: it is told what has changed meanwhile. */
void lockstep_control_tell_late(struct lockstep_session *session);

/* ---- control_wait.c -------------------------------------------------------------------------- */

/* Keeps a SUBMIT until its nodes are there; false if there is no room. */
bool lockstep_control_park(struct lockstep_session *session,
                           const struct lockstep_wire_submit *submit,
                           const struct lockstep_resolved *resolved);
/* The request with this operation's id that waits, or NULL. */
const struct lockstep_waiting *
lockstep_control_waiting(const struct lockstep_coordinator *coordinator,
                         const struct lockstep_id *id);
/* WHO ends the waiting; false if nothing with this id waits. */
bool lockstep_control_withdraw(struct lockstep_coordinator *coordinator,
                               const struct lockstep_id *id, const char *who);
/* The coordinator ends: nobody is told. */
void lockstep_control_waits_end(struct lockstep_coordinator *coordinator);
/* Tries SUBMITs that wait for nodes; ends those whose time is over. */
void lockstep_control_wait_on(struct lockstep_coordinator *coordinator);
struct lockstep_time lockstep_control_wait_end(const struct lockstep_coordinator *coordinator);
/* Request TARGET of SESSION is no longer wanted. */
void lockstep_control_unpark(const struct lockstep_session *session, uint64_t target);

/* ---- control_event.c ------------------------------------------------------------------------- */

void lockstep_control_events(struct lockstep_session *session,
                             const struct lockstep_wire_events *events);
/* Sends on to SESSION what it follows, as its outbox takes it. */
void lockstep_control_events_on(struct lockstep_session *session);
/* SESSION's request TARGET (0: any) is no longer wanted. */
void lockstep_control_events_end(struct lockstep_session *session, uint64_t target);
/* Something was noted or written: a hook of the store; CONTEXT is the coordinator. */
void lockstep_control_events_came(void *context);
/* A timer's callback: writes what is noted, tells who follows. */
void lockstep_control_events_due(void *context);
/* The coordinator ends: what is noted is written. */
void lockstep_control_events_stop(struct lockstep_coordinator *coordinator);

/* ---- control_token.c ------------------------------------------------------------------------- */

void lockstep_control_token_create(struct lockstep_session *session,
                                   const struct lockstep_wire_token_create *create);
/* Ends the open tokens of a node, or the one with an id. */
void lockstep_control_token_revoke(struct lockstep_session *session,
                                   const struct lockstep_wire_token_revoke *revoke);

/* ---- the rest -------------------------------------------------------------------------------- */

void lockstep_control_pin(struct lockstep_session *session,
                          const struct lockstep_wire_node_pin *message);
void lockstep_control_cordon(struct lockstep_session *session,
                             const struct lockstep_wire_node_cordon *message);
void lockstep_control_remove(struct lockstep_session *session,
                             const struct lockstep_wire_node_remove *message);
/* From now on nothing is heard of the agent that NODE has, and nothing said to it. */
void lockstep_control_cut(struct lockstep_coordinator *coordinator, uint32_t node, const char *why);
/* The key that waits for a node's place is admitted, or refused. */
void lockstep_control_admit(struct lockstep_session *session,
                            const struct lockstep_wire_node_admit *message);
void lockstep_control_put(struct lockstep_session *session,
                          const struct lockstep_wire_artifact_put *message);
void lockstep_control_put_end(struct lockstep_session *session);
void lockstep_control_tool_result(struct lockstep_session *agent,
                                  const struct lockstep_wire_tool_result *result);
/* The artifact that WORD (a version, a digest prefix) names of MODULE; without one, WORD is
 * MODULE@VERSION, MODULE@DIGESTPREFIX or a digest prefix. 0, 1 or 2 found. */
enum lockstep_err lockstep_control_named(struct lockstep_coordinator *coordinator,
                                         const char *module, const char *word,
                                         struct lockstep_artifact_row *ret_row, unsigned *ret_found,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The manifest of DIGEST; false if it was collected, or was never brought here. */
bool lockstep_control_manifest(const struct lockstep_coordinator *coordinator,
                               const struct lockstep_digest *digest,
                               struct lockstep_manifest *ret_manifest);
/* Adds to OBJECT how the version DIGEST comes to be live ("driver") and what it need not pass
 * ("waives"), as far as its manifest is here. */
void lockstep_control_add_driver(const struct lockstep_coordinator *coordinator,
                                 const struct lockstep_digest *digest, json_t *object);

#endif
