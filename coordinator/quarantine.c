/* Versions that nobody may run: who is told, and what going back leaves behind. */
#include "coordinator/driver_internal.h"

#include <stdlib.h>
#include <string.h>

struct digests {
    struct lockstep_digest *list;
    size_t count;
    size_t max;
};

static void collect_digest(void *context, const struct lockstep_digest *digest, const char *why)
{
    struct digests *digests = context;
    (void)why;
    if (digests->count == digests->max) {
        size_t max = digests->max == 0 ? 64 : digests->max * 2;
        struct lockstep_digest *list = realloc(digests->list, max * sizeof(*list));
        if (list == NULL) {
            return;
        }
        digests->list = list;
        digests->max = max;
    }
    digests->list[digests->count++] = *digest;
}

static void send_digests(struct lockstep_session *session, const struct digests *digests)
{
    size_t offset = 0;
    bool more = false;
    do {
        struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_QUARANTINE};
        size_t piece = lockstep_wire_piece(digests->count, offset, LOCKSTEP_DIGESTS_MAX, &more);
        wire.u.quarantine.digests = digests->count == 0 ? NULL : digests->list + offset;
        wire.u.quarantine.digest_count = (uint32_t)piece;
        wire.u.quarantine.first = offset == 0;
        wire.u.quarantine.more = more;
        lockstep_driver_send(session, &wire);
        offset += piece;
    } while (more);
}

void lockstep_driver_send_quarantine(struct lockstep_coordinator *coordinator,
                                     struct lockstep_session *session)
{
    struct digests digests = {NULL, 0, 0};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_quarantined(coordinator->store, collect_digest, &digests, &err) !=
        LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
    } else if (session != NULL) {
        send_digests(session, &digests);
    } else {
        for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
            if (coordinator->agents[i] != NULL) {
                send_digests(coordinator->agents[i], &digests);
            }
        }
    }
    free(digests.list);
}

bool lockstep_driver_quarantined(struct lockstep_coordinator *coordinator,
                                 const struct lockstep_digest *digest)
{
    struct digests digests = {NULL, 0, 0};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool found = false;
    if (lockstep_store_quarantined(coordinator->store, collect_digest, &digests, &err) !=
        LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
    }
    for (size_t i = 0; i < digests.count; i++) {
        found = found || lockstep_digest_equal(&digests.list[i], digest);
    }
    free(digests.list);
    return found;
}

/* Going back quarantines what it leaves, if the cause lies with the version or an operator says so
 * (core: options.no_quarantine). It is done when going back is decided. */
void lockstep_driver_quarantine_left(struct lockstep_coordinator *coordinator,
                                     const struct lockstep_operation *operation)
{
    struct lockstep_audit audit = {.who = "coordinator", .what = "version.quarantine"};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char digest[LOCKSTEP_DIGEST_TEXT];
    if (!lockstep_operation_goes_back(operation) || operation->options.no_quarantine) {
        return;
    }
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        if (lockstep_digest_is_zero(&item->leaving) ||
            lockstep_driver_quarantined(coordinator, &item->leaving)) {
            continue;
        }
        lockstep_digest_format(&item->leaving, digest);
        audit.subject = digest;
        if (lockstep_store_quarantine(coordinator->store, &item->leaving,
                                      operation->kind == LOCKSTEP_KIND_UNDO ? "undone"
                                                                            : "rolled back",
                                      &audit, &err) != LOCKSTEP_OK) {
            lockstep_driver_fail(coordinator, &err);
            return;
        }
    }
    lockstep_driver_send_quarantine(coordinator, NULL);
}
