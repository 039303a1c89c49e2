/* What the agent says in a process swap. */
#include "agent/host/control.h"

#include <string.h>

void lockstep_control_hand_over(struct lockstep_control *control)
{
    const struct lockstep_hostwire_message *request = control->request;
    struct lockstep_sets *sets = &control->host->sets;
    struct lockstep_refusal refusal = {0};
    bool well = lockstep_sets_freeze(sets, &request->operation, lockstep_control_drain_ms(control),
                                     request->drain, &refusal);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_HAND_OVER);
    for (size_t i = 0; well && i < request->entries_count; i++) {
        control->reply->entries_count = i + 1;
        well = lockstep_sets_give(sets, &request->entries[i], &control->reply->entries[i],
                                  &refusal);
    }
    lockstep_sets_name_drained(sets, control->reply);
    if (well) { /* the time to take over begins when the state is given, however long that took */
        well = lockstep_sets_freeze(sets, &request->operation, lockstep_control_drain_ms(control),
                                    request->drain, &refusal);
    }
    if (!well) {
        lockstep_sets_thaw(sets, &request->operation);
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

void lockstep_control_adopt(struct lockstep_control *control)
{
    const struct lockstep_hostwire_message *request = control->request;
    struct lockstep_refusal refusal = {0};
    if (atomic_load(&control->host->role) == LOCKSTEP_HOSTWIRE_ROLE_SERVES) {
        (void)lockstep_host_refuse(&refusal, "STATE", "this host serves: its state is in use");
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
        return;
    }
    for (size_t i = 0; i < request->entries_count; i++) {
        if (!lockstep_sets_adopt(&control->host->sets, &request->entries[i], request->extra,
                                 &refusal)) {
            lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
            return;
        }
    }
    lockstep_sets_drain_named(&control->host->sets, request);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

/* Nobody calls into what was frozen before the other host has left, so it may be thawed now. */
void lockstep_control_take_over(struct lockstep_control *control)
{
    static const struct lockstep_refusal full = {"MEMORY", "no memory to take over"};
    struct lockstep_hostwire_message *request = control->request;
    struct lockstep_host *host = control->host;
    if (request->fds_count == 0) {
        lockstep_sets_thaw(&host->sets, NULL);
        lockstep_serve_begin(host->serve);
    } else if (atomic_load(&host->role) == LOCKSTEP_HOSTWIRE_ROLE_SERVES ||
               !lockstep_serve_await(host->serve, request->fds[0])) {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &full);
        return;
    } else {
        lockstep_sets_thaw(&host->sets, NULL);
        request->fds[0] = -1;
    }
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

void lockstep_control_leave(struct lockstep_control *control)
{
    static const struct lockstep_refusal late = {
        "STATE", "the state was not handed over, or the time to take over has passed"};
    struct lockstep_hostwire_message *request = control->request;
    struct lockstep_host *host = control->host;
    if (request->fds_count == 0 || !lockstep_sets_leave(&host->sets) ||
        !lockstep_serve_leave(host->serve, request->fds[0])) {
        lockstep_sets_thaw(&host->sets, NULL);
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &late);
        return;
    }
    request->fds[0] = -1;
    atomic_store(&host->role, LOCKSTEP_HOSTWIRE_ROLE_LEFT);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}
