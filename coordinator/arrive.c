/* Nodes that are READY: written together, for a fleet comes all at once, and each sync takes time.
 */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

static void note_node(struct lockstep_coordinator *coordinator, uint32_t node, const char *what,
                      const char *text)
{
    const struct lockstep_event event = {
        .what = what, .subject = coordinator->nodes[node].name.text, .modules = "", .text = text};
    lockstep_store_event(coordinator->store, &event);
}

void lockstep_driver_note_absent(struct lockstep_coordinator *coordinator, uint32_t node,
                                 const char *text)
{
    if (coordinator->nodes[node].ready) {
        note_node(coordinator, node, "node.absent", text);
    }
}

void lockstep_driver_arrived(struct lockstep_coordinator *coordinator, uint32_t node)
{
    struct lockstep_node_view *view = &coordinator->views[node];
    if (view->arriving) {
        return;
    }
    view->arriving = true;
    ASSERT(coordinator->arrival_count < LOCKSTEP_NODES_MAX);
    coordinator->arrivals[coordinator->arrival_count++].node = node;
    lockstep_timer_arm(coordinator->loop, &coordinator->arriving,
                       lockstep_loop_now(coordinator->loop));
}

/* With what is known of them now. Who has left the fleet meanwhile is no member. */
static enum lockstep_err write_arrivals(struct lockstep_coordinator *coordinator,
                                        struct lockstep_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < coordinator->arrival_count; i++) {
        struct lockstep_arrival *arrival = &coordinator->arrivals[count];
        const struct lockstep_node *row;
        arrival->node = coordinator->arrivals[i].node;
        row = &coordinator->nodes[arrival->node];
        arrival->journal = row->journal;
        arrival->live = row->live;
        arrival->live_count = row->live_count;
        coordinator->views[arrival->node].arriving = false;
        count += row->gone ? 0 : 1;
    }
    coordinator->arrival_count = count;
    return lockstep_store_arrived(coordinator->store, coordinator->arrivals, count, err);
}

static void make_ready(struct lockstep_coordinator *coordinator, uint32_t node, bool written)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_READY};
    const struct lockstep_node *row = &coordinator->nodes[node];
    struct lockstep_node_row *known = &coordinator->views[node].row;
    if (!written && !known->member) {
        if (coordinator->agents[node] != NULL) {
            lockstep_link_close(coordinator->agents[node]->link, "no room to note a new member");
        }
        return; /* one that a restart would forget must not be counted */
    }
    if (row->ready) { /* else its link is gone again */
        note_node(coordinator, node, known->member ? "node.back" : "node.ready", "");
        lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator", "node %s is ready", row->name.text);
        lockstep_driver_send_to(coordinator, node, &wire);
    }
    known->member = true;
    known->journal = row->journal;
}

void lockstep_driver_welcome_arrived(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool written;
    size_t count;
    lockstep_timer_disarm(coordinator->loop, &coordinator->arriving);
    if (coordinator->arrival_count == 0 || coordinator->failed != LOCKSTEP_OK) {
        return;
    }
    written = write_arrivals(coordinator, &err) == LOCKSTEP_OK;
    if (!written) {
        lockstep_driver_miss(coordinator, &err);
    }
    count = coordinator->arrival_count;
    coordinator->arrival_count = 0;
    for (size_t i = 0; i < count; i++) {
        make_ready(coordinator, coordinator->arrivals[i].node, written);
    }
}

void lockstep_driver_ready_first(struct lockstep_coordinator *coordinator, uint32_t node)
{
    if (coordinator->views[node].arriving) {
        lockstep_driver_welcome_arrived(coordinator);
    }
}
