/* What was called, and what keeps versions that are over. */
#include "agent/host/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is left is no failure: the agent says what keeps it. */
void lockstep_control_purge(struct lockstep_control *control)
{
    struct lockstep_purge purge;
    lockstep_sets_purge(&control->host->sets, control->request->text, control->request->drain,
                        lockstep_control_drain_ms(control), &purge);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_ANSWER);
    control->reply->retired = purge.left;
    memcpy(control->reply->text, purge.why, sizeof(purge.why));
    control->reply->bytes_size = (size_t)snprintf(
        (char *)control->reply->bytes, sizeof(control->reply->bytes),
        "%" PRIu32 " %" PRIu32 " %s\n", purge.unmapped, purge.left, purge.why);
}

void lockstep_control_counts(struct lockstep_control *control)
{
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_COUNTS);
}

/* Sends a full reply on; there is room for another entry afterwards. */
static bool make_room(struct lockstep_control *control)
{
    struct lockstep_hostwire_message *reply = control->reply;
    bool sent;
    if (reply->entries_count < LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
        return true;
    }
    reply->more = true;
    sent = lockstep_control_send(control);
    reply->more = false;
    reply->entries_count = 0;
    return sent;
}

/* The tools of one version: all while it is live, else those that somebody is in. */
static bool add_counts(struct lockstep_control *control, const struct lockstep_image *image)
{
    struct lockstep_gate_counts counts[LOCKSTEP_MODULE_TOOLS];
    lockstep_gate_count_tools(image->index, image->module.tools_count, counts);
    for (size_t i = 0; i < image->module.tools_count; i++) {
        struct lockstep_hostwire_entry *entry;
        if (image->state != LOCKSTEP_HOSTWIRE_STATE_LIVE && counts[i].in_flight == 0) {
            continue;
        }
        if (!make_room(control)) {
            return false;
        }
        entry = &control->reply->entries[control->reply->entries_count++];
        entry->module = image->name;
        memcpy(entry->version, image->version, sizeof(entry->version));
        entry->generation = image->generation;
        entry->state = image->state;
        entry->calls = counts[i].calls;
        entry->failed = counts[i].failed;
        entry->in_flight = counts[i].in_flight;
        (void)snprintf(entry->tool, sizeof(entry->tool), "%s", image->module.tools[i].name);
    }
    return true;
}

bool lockstep_control_send_counts(struct lockstep_control *control)
{
    const struct lockstep_sets *sets = &control->host->sets;
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        if (image->generation != 0 && image->handle != NULL && !add_counts(control, image)) {
            return false;
        }
    }
    return lockstep_control_send(control);
}
