/*
 * Drift and alarms, as events: what `check` and `status` would say is looked at now and then, and
 * what is new or over is noted.
 *
 * Drift is noted when two looks in a row see it: a report may be on its way. A look takes no more
 * than a hundredth of the time, however large the fleet is.
 */
#include "coordinator/driver_internal.h"

#include "coordinator/core/drift.h"
#include "coordinator/store_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICED_MAX 1024 /* kept apart; with more, what is left out is noted when there is room */
#define TIME_SHARE  100

/* Keys to {what, subject, modules, text}: what is noted, and what the last look saw. */
struct lockstep_noticed {
    json_t *known;
    json_t *seen;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* Sees one thing: an alarm, a difference. */
static void see(json_t *seen, const char *kind, const char *code, const json_t *thing)
{
    char key[256];
    char modules[LOCKSTEP_NAME_MAX + 3] = "";
    char text[LOCKSTEP_EVENT_TEXT_MAX + 1];
    const char *module = text_of(thing, "module");
    const char *node = text_of(thing, "node");
    const char *operation = text_of(thing, "operation");
    (void)snprintf(key, sizeof(key), "%s %s %s %s %s", kind, code, node, module, operation);
    (void)snprintf(text, sizeof(text), "%s: %s", code, text_of(thing, "text"));
    if (*module != '\0') {
        (void)snprintf(modules, sizeof(modules), " %s ", module);
    }
    if (json_object_size(seen) < NOTICED_MAX) {
        (void)json_object_set_new(seen, key,
                                  json_pack("{s:s, s:s, s:s, s:s}", "what", kind, "subject",
                                            *node != '\0' ? node : operation, "modules", modules,
                                            "text", text));
    }
}

/* True for what `check` calls a difference and not merely unknown. */
static bool differs(const char *kind)
{
    for (unsigned i = 0; i < LOCKSTEP_DRIFT_COUNT; i++) {
        if (strcmp(lockstep_drift_word((enum lockstep_drift)i), kind) == 0) {
            return lockstep_drift_weight((enum lockstep_drift)i) == LOCKSTEP_DRIFT_DIFFERS;
        }
    }
    return false;
}

static void see_all(const struct lockstep_view *view, json_t *seen)
{
    const struct lockstep_document_query query = {.limit = 0};
    json_t *alarms = lockstep_document_alarms(view);
    json_t *check = NULL;
    const json_t *thing;
    size_t i;
    json_array_foreach(alarms, i, thing)
    {
        if (strcmp(text_of(thing, "code"), "absent") != 0) { /* an event of its own */
            see(seen, "alarm", text_of(thing, "code"), thing);
        }
    }
    json_decref(alarms);
    if (lockstep_document_check(view, &query, &check, NULL) != LOCKSTEP_OK) {
        return;
    }
    json_array_foreach(json_object_get(check, "differences"), i, thing)
    {
        if (differs(text_of(thing, "kind"))) {
            see(seen, "drift", text_of(thing, "kind"), thing);
        }
    }
    json_decref(check);
}

static void note(struct lockstep_coordinator *coordinator, const json_t *thing, bool over)
{
    const char *kind = text_of(thing, "what");
    char what[32];
    const struct lockstep_event event = {.what = what,
                                         .subject = text_of(thing, "subject"),
                                         .modules = text_of(thing, "modules"),
                                         .text = text_of(thing, "text")};
    (void)snprintf(what, sizeof(what), "%s.%s", kind,
                   over                         ? "over"
                   : strcmp(kind, "drift") == 0 ? "seen"
                                                : "raised");
    lockstep_store_event(coordinator->store, &event);
}

/* Notes what SEEN has that was not known, and what is known and is over. */
static void compare(struct lockstep_coordinator *coordinator, json_t *seen)
{
    struct lockstep_noticed *noticed = coordinator->noticed;
    json_t *known = json_object();
    const char *key;
    json_t *thing;
    json_object_foreach(seen, key, thing)
    {
        bool was = json_object_get(noticed->known, key) != NULL;
        bool drift = strcmp(text_of(thing, "what"), "drift") == 0;
        if (was || !drift || json_object_get(noticed->seen, key) != NULL) {
            (void)json_object_set(known, key, thing);
            if (!was) {
                note(coordinator, thing, false);
            }
        }
    }
    json_object_foreach(noticed->known, key, thing)
    {
        if (json_object_get(seen, key) == NULL) {
            note(coordinator, thing, true);
        }
    }
    json_decref(noticed->known);
    json_decref(noticed->seen);
    noticed->known = known;
    noticed->seen = seen;
}

void lockstep_notice(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_view view = lockstep_driver_view(coordinator);
    uint64_t begun = lockstep_monotonic_us();
    uint64_t pause = view.fresh_ms;
    json_t *seen = json_object();
    see_all(&view, seen);
    compare(coordinator, seen);
    begun = (lockstep_monotonic_us() - begun) * TIME_SHARE / 1000;
    lockstep_timer_arm(
        coordinator->loop, &coordinator->notice,
        lockstep_time_after(lockstep_loop_now(coordinator->loop), begun > pause ? begun : pause));
}

enum lockstep_err lockstep_notice_begin(struct lockstep_coordinator *coordinator,
                                        struct lockstep_error *err)
{
    struct lockstep_noticed *noticed = calloc(1, sizeof(*noticed));
    if (noticed == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for what is noticed");
    }
    noticed->known = json_object();
    noticed->seen = json_object();
    coordinator->noticed = noticed;
    lockstep_timer_arm(coordinator->loop, &coordinator->notice,
                       lockstep_time_after(lockstep_loop_now(coordinator->loop),
                                           lockstep_fleet_heartbeat(&coordinator->fleet) * 3));
    return LOCKSTEP_OK;
}

void lockstep_notice_end(struct lockstep_coordinator *coordinator)
{
    lockstep_timer_disarm(coordinator->loop, &coordinator->notice);
    if (coordinator->noticed != NULL) {
        json_decref(coordinator->noticed->known);
        json_decref(coordinator->noticed->seen);
        free(coordinator->noticed);
        coordinator->noticed = NULL;
    }
}
