/* Requests that wait for nodes (--offline wait): kept until their nodes are there, shown meanwhile.
 */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place that SUBMIT waits in, or else one that is free, or NULL. */
static struct lockstep_waiting *find_wait(struct lockstep_coordinator *coordinator,
                                          const struct lockstep_session *session, uint64_t request)
{
    struct lockstep_waiting *empty = NULL;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        struct lockstep_waiting *wait = &coordinator->waits[i];
        if (wait->used && wait->person == session && wait->request == request) {
            return wait;
        }
        empty = empty == NULL && !wait->used ? wait : empty;
    }
    return empty;
}

static void unpark(struct lockstep_waiting *wait)
{
    (void)lockstep_operation_free(wait->draft);
    free(wait->record);
    free(wait->frame);
    memset(wait, 0, sizeof(*wait));
}

/* Whoever watched a request that will never be an operation is told so. */
static void give_up(struct lockstep_waiting *wait, const char *why)
{
    struct lockstep_coordinator *coordinator = wait->person->coordinator;
    struct lockstep_id id = wait->draft->id;
    char text[LOCKSTEP_ID_TEXT];
    struct lockstep_session *next;
    lockstep_id_format(&id, text);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "op-%.8s is not opened: %s", text, why);
    unpark(wait);
    if (lockstep_control_waiting(coordinator, &id) != NULL) {
        return; /* the same was asked for twice */
    }
    for (struct lockstep_session *session = coordinator->sessions; session != NULL;
         session = next) {
        next = session->next;
        for (size_t i = 0; i < session->watch_max; i++) {
            struct lockstep_watching *watching = &session->watches[i];
            if (watching->used && lockstep_id_equal(&watching->operation, &id)) {
                watching->used = false;
                lockstep_control_refuse(session, watching->request,
                                        LOCKSTEP_WHY(4, "refused", "lockstep op ls"),
                                        "op-%.8s was not opened: %s", text, why);
            }
        }
    }
}

/* The operation that it would be, as things are now. */
static bool draft(struct lockstep_waiting *wait, const struct lockstep_resolved *resolved)
{
    struct lockstep_operation *fresh = lockstep_operation_new(
        resolved->request.item_count, resolved->plan.n + resolved->plan.cordoned, false);
    if (fresh == NULL) {
        return false;
    }
    lockstep_fleet_draft(&wait->person->coordinator->fleet, &resolved->request, &resolved->plan,
                         fresh);
    (void)lockstep_operation_free(wait->draft);
    wait->draft = fresh;
    return true;
}

/* What is kept of a SUBMIT. False if there is no memory. */
static bool keep(struct lockstep_waiting *wait, const struct lockstep_wire_submit *submit,
                 const struct lockstep_resolved *resolved)
{
    struct lockstep_wire *wire = calloc(1, sizeof(*wire));
    bool kept;
    wait->record = calloc(1, sizeof(*wait->record));
    wait->frame = malloc(LOCKSTEP_FRAME_MAX);
    if (wire == NULL || wait->record == NULL || wait->frame == NULL) {
        free(wire);
        return false;
    }
    wire->message.type = LOCKSTEP_MESSAGE_SUBMIT;
    wire->u.submit = *submit;
    kept = lockstep_wire_encode(wait->person->coordinator->codec, wire, wait->frame, &wait->length,
                                NULL) == LOCKSTEP_OK &&
           lockstep_control_record(wait->person, submit, wait->record, NULL) == LOCKSTEP_OK &&
           draft(wait, resolved);
    free(wire);
    return kept;
}

bool lockstep_control_park(struct lockstep_session *session,
                           const struct lockstep_wire_submit *submit,
                           const struct lockstep_resolved *resolved)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    uint64_t wait_ms = submit->body.offline_wait_ms != 0
                           ? submit->body.offline_wait_ms
                           : coordinator->config->settings.healthy_deadline;
    struct lockstep_waiting *wait = find_wait(coordinator, session, submit->request);
    char id[LOCKSTEP_ID_TEXT];
    if (wait == NULL) {
        return false;
    }
    if (wait->used) {
        (void)draft(wait, resolved); /* it is being tried again: others may be away now */
        return true;
    }
    wait->person = session;
    wait->request = submit->request;
    wait->until = lockstep_time_after(lockstep_loop_now(coordinator->loop), wait_ms);
    wait->used = keep(wait, submit, resolved);
    if (!wait->used) {
        unpark(wait);
        return false;
    }
    lockstep_id_format(&submit->body.operation, id);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "op-%.8s of %s waits for nodes", id,
                 session->who);
    lockstep_driver_arm(coordinator);
    return true;
}

static void try_again(struct lockstep_waiting *wait, bool due)
{
    struct lockstep_coordinator *coordinator = wait->person->coordinator;
    struct lockstep_id id = wait->draft->id;
    struct lockstep_wire *wire = malloc(sizeof(*wire));
    ASSERT(wire != NULL);
    if (lockstep_wire_decode(coordinator->codec, LOCKSTEP_ROLES_PERSON, wait->frame, wait->length,
                             wire, NULL) != LOCKSTEP_OK ||
        lockstep_control_try(wait->person, &wire->u.submit, due)) {
        if (lockstep_fleet_operation(&coordinator->fleet, &id) == NULL) {
            give_up(wait, due ? "its nodes did not come in time" : "it was refused");
        } else {
            unpark(wait);
        }
    }
    free(wire);
}

void lockstep_control_wait_on(struct lockstep_coordinator *coordinator)
{
    struct lockstep_time now = lockstep_loop_now(coordinator->loop);
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS && coordinator->failed == LOCKSTEP_OK; i++) {
        if (coordinator->waits[i].used) {
            try_again(&coordinator->waits[i], lockstep_time_due(coordinator->waits[i].until, now));
        }
    }
}

struct lockstep_time lockstep_control_wait_end(const struct lockstep_coordinator *coordinator)
{
    struct lockstep_time first = LOCKSTEP_TIME_NEVER;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        first = lockstep_time_earlier(first, coordinator->waits[i].until); /* NEVER if unused */
    }
    return first;
}

const struct lockstep_waiting *
lockstep_control_waiting(const struct lockstep_coordinator *coordinator,
                         const struct lockstep_id *id)
{
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        const struct lockstep_waiting *wait = &coordinator->waits[i];
        if (wait->used && lockstep_id_equal(&wait->draft->id, id)) {
            return wait;
        }
    }
    return NULL;
}

bool lockstep_control_withdraw(struct lockstep_coordinator *coordinator,
                               const struct lockstep_id *id, const char *who)
{
    bool found = false;
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        struct lockstep_waiting *wait = &coordinator->waits[i];
        if (wait->used && lockstep_id_equal(&wait->draft->id, id)) {
            char why[LOCKSTEP_STORE_WHO + 32];
            (void)snprintf(why, sizeof(why), "%s has withdrawn it", who);
            lockstep_control_refuse(wait->person, wait->request,
                                    LOCKSTEP_WHY(4, "withdrawn", "lockstep op ls"),
                                    "%s; no node was contacted", why);
            give_up(wait, why);
            found = true;
        }
    }
    return found;
}

void lockstep_control_unpark(const struct lockstep_session *session, uint64_t target)
{
    struct lockstep_waiting *wait = find_wait(session->coordinator, session, target);
    if (wait != NULL && wait->used) {
        give_up(wait, "who asked for it no longer wants it");
    }
}

void lockstep_control_waits_end(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        unpark(&coordinator->waits[i]);
    }
}

void lockstep_control_forget(struct lockstep_session *session)
{
    struct lockstep_coordinator *coordinator = session->coordinator;
    /* It is told nothing any more. */
    memset(session->watches, 0, session->watch_max * sizeof(session->watches[0]));
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        if (coordinator->waits[i].used && coordinator->waits[i].person == session) {
            give_up(&coordinator->waits[i], "who asked for it has gone");
        }
    }
    lockstep_control_calls_forget(session);
    lockstep_control_put_end(session);
    lockstep_control_events_end(session, 0);
    lockstep_control_answers_end(session);
}
