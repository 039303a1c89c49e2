/*
 * Events, read and followed. Who follows is a place in the journal and nothing else: what comes is
 * read from there when its outbox has room, so a slow reader costs no memory. When it is so slow
 * that the journal has dropped what it was to read, it is told which events those were.
 */
#include "coordinator/driver_internal.h"

#include "coordinator/store_event.h"

#include <stdlib.h>
#include <string.h>

#define LATE_MS   50   /* what happens together is written and told together */
#define ROWS_READ 1000 /* rows looked at for one answer */

static struct lockstep_event_query query_of(const struct lockstep_following *following)
{
    return (struct lockstep_event_query){.modules = following->modules,
                                         .module_count = following->module_count};
}

static void add_event(void *context, const struct lockstep_event *event)
{
    (void)json_array_append_new(context, lockstep_document_event(event));
}

/* The next answer: what there is from the follower's place on. Its place is then behind that. */
static enum lockstep_err read_on(struct lockstep_coordinator *coordinator,
                                 struct lockstep_following *following, json_t *events,
                                 struct lockstep_error *err)
{
    struct lockstep_event_query query = query_of(following);
    uint64_t last = lockstep_store_events_last(coordinator->store);
    uint64_t end = following->end < last ? following->end : last;
    uint64_t first = following->next;
    struct lockstep_event_page page = {.next = first, .each = add_event, .context = events};
    if (first > last + 1) { /* it was told of events by a journal that is not this one any more */
        (void)json_array_append_new(
            events, lockstep_document_gap(last + 1, first - 1,
                                          "the journal does not hold them (any more): it is "
                                          "another one, or was restored"));
        following->next = last + 1;
        return LOCKSTEP_OK;
    }
    page.count = (uint32_t)(end + 1 - first < ROWS_READ ? end + 1 - first : ROWS_READ);
    LOCKSTEP_TRY(lockstep_store_events_read(coordinator->store, &query, &page, err));
    following->next = page.next;
    if (page.missed > 0) {
        (void)json_array_insert_new(events, 0,
                                    lockstep_document_gap(first, first + page.missed - 1,
                                                          "these events are not kept any more"));
    }
    return LOCKSTEP_OK;
}

/* One answer more; false if there is nothing (more) to say now. */
static bool answer_once(struct lockstep_session *session)
{
    struct lockstep_following *following = session->following;
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *events = json_array();
    uint64_t request = following->request;
    bool last;
    if (read_on(coordinator, following, events, &err) != LOCKSTEP_OK) {
        json_decref(events);
        lockstep_control_events_end(session, 0);
        lockstep_control_refuse_error(session, request, &err);
        return false;
    }
    last = following->next > following->end;
    if (json_array_size(events) == 0 && !last) { /* nothing, or nothing of these modules */
        json_decref(events);
        return following->next <= lockstep_store_events_last(coordinator->store);
    }
    lockstep_control_answer(session, request,
                            json_pack("{s:s, s:o, s:I}", "schema", "lockstep/events/v1", "events",
                                      events, "next", (json_int_t)following->next),
                            last);
    if (last) {
        lockstep_control_events_end(session, 0);
    }
    return !last;
}

void lockstep_control_events_on(struct lockstep_session *session)
{
    /* An answer that its outbox does not take waits, and keeps the next from being read. */
    while (session->following != NULL && session->answers == NULL && answer_once(session)) {
    }
}

void lockstep_control_events(struct lockstep_session *session,
                             const struct lockstep_wire_events *events)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    struct lockstep_event_query query = {.from = events->from,
                                         .limit = events->limit,
                                         .modules = events->modules,
                                         .module_count = events->module_count};
    size_t names = events->module_count * sizeof(events->modules[0]);
    struct lockstep_following *following;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint64_t now = lockstep_unix_ms();
    if (session->following != NULL) {
        lockstep_control_refuse(session, events->request, LOCKSTEP_WHY(4, "limit", ""),
                                "this session reads events already");
        return;
    }
    following = calloc(1, sizeof(*following) + names);
    if (following == NULL) {
        lockstep_control_refuse(session, events->request, LOCKSTEP_WHY(1, "internal", ""),
                                "no memory for who follows");
        return;
    }
    if (events->since_ms != 0) {
        query.since_unix_ms = events->since_ms < now ? now - events->since_ms : 1;
    }
    following->request = events->request;
    following->module_count = events->module_count;
    if (names > 0) {
        memcpy(following->modules, events->modules, names);
    }
    if (lockstep_store_events_begin(coordinator->store, &query, &following->next, &err) !=
        LOCKSTEP_OK) {
        free(following);
        lockstep_control_refuse_error(session, events->request, &err);
        return;
    }
    following->end = events->follow ? UINT64_MAX : lockstep_store_events_last(coordinator->store);
    session->following = following;
    lockstep_control_events_on(session);
}

void lockstep_control_events_end(struct lockstep_session *session, uint64_t target)
{
    if (session->following != NULL && (target == 0 || session->following->request == target)) {
        free(session->following);
        session->following = NULL;
    }
}

/* ---- what is noted, written and told --------------------------------------------------------- */

void lockstep_control_events_came(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    if (coordinator->events.place == 0) {
        lockstep_timer_arm(coordinator->loop, &coordinator->events,
                           lockstep_time_after(lockstep_loop_now(coordinator->loop), LATE_MS));
    }
}

static void write_noted(struct lockstep_coordinator *coordinator)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (coordinator->failed == LOCKSTEP_OK && lockstep_store_events_wait(coordinator->store) &&
        lockstep_store_events_flush(coordinator->store, &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
}

void lockstep_control_events_due(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_session *next;
    write_noted(coordinator);
    for (struct lockstep_session *session = coordinator->sessions; session != NULL;
         session = next) {
        next = session->next;
        lockstep_control_events_on(session);
    }
}

void lockstep_control_events_stop(struct lockstep_coordinator *coordinator)
{
    write_noted(coordinator);
    lockstep_store_events_hook(coordinator->store, NULL, NULL);
    lockstep_timer_disarm(coordinator->loop, &coordinator->events);
}
