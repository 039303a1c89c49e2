/*
 * The store's events: what happened, in one order, for whoever follows the fleet; part of store.h.
 *
 * Audited acts are events by themselves: a row here names the audit row and is written with it.
 * What is not audited (a node comes or goes, drift, alarms) is noted in memory first and written
 * with the next change, or by _flush, so that a thousand nodes that come back cost one sync. A
 * coordinator that is killed loses what was noted and not written.
 *
 * Sequence numbers rise by one and are never used again. Only the newest rows are kept.
 */
#ifndef LOCKSTEP_COORDINATOR_STORE_EVENT_H
#define LOCKSTEP_COORDINATOR_STORE_EVENT_H

#include "coordinator/store.h"

#define LOCKSTEP_EVENT_WAITING  1024 /* noted and not written yet, at most */
#define LOCKSTEP_EVENT_TEXT_MAX 255

struct lockstep_event {
    uint64_t sequence;
    uint64_t unix_ms;
    uint64_t audit; /* the audit row that says the same; 0: it is not audited */
    const char *who;
    const char *what;    /* "operation.COMMIT", "node.absent", … */
    const char *subject; /* an operation's id, a node's name, what an audit row names; or "" */
    const char *modules; /* " auth markdown ", or "" */
    const char *text;
};

/* Notes an event: `what`, `subject`, `modules` and `text` of EVENT, at this time. Where there is no
 * room the oldest that waits is dropped, and counted. */
void lockstep_store_event(struct lockstep_store *store, const struct lockstep_event *event);
/* True if something is noted that is not written. */
bool lockstep_store_events_wait(const struct lockstep_store *store);
/* Writes what is noted. LIMIT if the disk is full: it is kept. */
enum lockstep_err lockstep_store_events_flush(struct lockstep_store *store,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* How many rows are kept, from the next write on. */
void lockstep_store_events_keep(struct lockstep_store *store, uint64_t rows);
/* CALL is called after events were noted or written; not from within a query. */
void lockstep_store_events_hook(struct lockstep_store *store, void (*call)(void *context),
                                void *context);
/* The newest row's number; 0: there is none. */
uint64_t lockstep_store_events_last(const struct lockstep_store *store);

/* Which events: FROM that number or that time on, whichever is later; the newest LIMIT (0: all) of
 * those that are of one of the modules (none named: any). */
struct lockstep_event_query {
    uint64_t from;
    uint64_t since_unix_ms;
    uint32_t limit;
    const struct lockstep_name *modules;
    uint32_t module_count;
};
/* The number to read from; one behind the last if there is nothing. */
enum lockstep_err lockstep_store_events_begin(struct lockstep_store *store,
                                              const struct lockstep_event_query *query,
                                              uint64_t *ret_from,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef void lockstep_event_fn(void *context, const struct lockstep_event *event);
/* What is read of it at once. */
struct lockstep_event_page {
    uint64_t next;           /* the number to read from; afterwards, to go on from */
    uint64_t missed;         /* afterwards: how many rows from there on are not kept any more */
    uint32_t count;          /* rows, at most */
    lockstep_event_fn *each; /* is given those of the query's modules, borrowed for the call */
    void *context;
};
enum lockstep_err lockstep_store_events_read(struct lockstep_store *store,
                                             const struct lockstep_event_query *query,
                                             struct lockstep_event_page *page,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
