/* Process swap: what becomes of processes when a swap is called off, a window ends, one of them
 * dies, or an agent comes back (hosts_swap.h). */
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include <signal.h>
#include <string.h>

struct lockstep_hosts_process *lockstep_hosts_successor(const struct lockstep_hosts_process *before)
{
    struct lockstep_hosts_process *process = before->hosts->processes;
    while (process != NULL &&
           (process->succession == NULL || process->succession->before != before)) {
        process = process->next;
    }
    return process;
}

/* ---- who serves ------------------------------------------------------------------------------ */

static void serve_now(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    (void)lockstep_hosts_send(process, NULL);
    process->role = LOCKSTEP_HOSTS_SERVING;
    lockstep_hosts_keep_serve(process);
    lockstep_hosts_view_serve(&process->view);
    lockstep_hosts_adopt_note(hosts, process->service);
    if (process->stage != LOCKSTEP_HOSTS_AWAY) { /* else when it is back */
        lockstep_hosts_fit_begin(process);
    }
}

/* Who was told to leave, and may have, for PROCESS, which is dead or about to end: nobody would
 * serve. One that is not connected says what it is when it comes again. */
static struct lockstep_hosts_process *left_for(const struct lockstep_hosts_process *process)
{
    const struct lockstep_hosts_succession *succession = process->succession;
    struct lockstep_hosts_process *before = succession != NULL && succession->asked != 0
                                                ? succession->before
                                                : NULL;
    return before != NULL && before->stage == LOCKSTEP_HOSTS_UP ? before : NULL;
}

/* PROCESS, a successor, serves, whoever has told it. */
static void take_over_now(struct lockstep_hosts_process *process)
{
    lockstep_hosts_swap_exchange(process);
    serve_now(process);
}

void lockstep_hosts_swap_late(struct lockstep_hosts_process *process)
{
    const struct lockstep_hostwire_message *in = process->hosts->in;
    struct lockstep_hosts_process *successor = process->succession == NULL
                                                   ? lockstep_hosts_successor(process)
                                                   : process;
    if (successor == NULL || in->id == 0 || successor->succession->asked != in->id) {
        return;
    }
    if (in->type == LOCKSTEP_HOSTWIRE_OK) {
        take_over_now(successor);
    } else {
        successor->succession->asked = 0;
    }
}

/* ---- ending --------------------------------------------------------------------------------- */

void lockstep_hosts_swap_end(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    const struct lockstep_defaults *settings = &hosts->config.settings;
    process->role = LOCKSTEP_HOSTS_ENDING;
    process->succession = lockstep_hosts_succession_free(process->succession);
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_SHUTDOWN);
    if ((process->stage == LOCKSTEP_HOSTS_AWAY || lockstep_hosts_send(process, NULL) == 0) &&
        process->pid != 0) {
        (void)kill(process->pid, SIGTERM);
    }
    process->step = LOCKSTEP_HOSTS_STEP_NONE;
    if (process->stage != LOCKSTEP_HOSTS_AWAY) {
        process->stage = LOCKSTEP_HOSTS_UP;
    }
    lockstep_timer_arm(hosts->loop, &process->timer,
                       lockstep_time_after(lockstep_loop_now(hosts->loop),
                                           settings->host_answer + settings->drain));
}

/* A successor that was started ends; one that was warm is so again, as long as its generations are
 * those of then: the end of a window names these. */
static void call_off(struct lockstep_hosts_process *process, const struct lockstep_id *operation)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hosts_process *left = left_for(process);
    lockstep_hosts_request_fail(process, LOCKSTEP_NO_CRASHED, "the process swap was called off",
                                true);
    if (!process->succession->reused || process->succession->published) {
        lockstep_hosts_swap_end(process);
    } else {
        process->succession = lockstep_hosts_succession_free(process->succession);
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_DROP);
        hosts->out->operation = *operation;
        (void)lockstep_hosts_send(process, NULL);
    }
    if (left != NULL) {
        serve_now(left);
    }
}

void lockstep_hosts_swap_drop(struct lockstep_hosts *hosts, uint8_t service,
                              const struct lockstep_id *operation)
{
    struct lockstep_hosts_swap *swap = &hosts->rooms[service].swap;
    if (!swap->on || !lockstep_id_equal(&swap->operation, operation)) {
        return;
    }
    swap->on = false;
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service == service && process->succession != NULL) {
            call_off(process, operation);
        }
        if (process->service == service && process->role == LOCKSTEP_HOSTS_SERVING) {
            lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_REOPEN);
            hosts->out->operation = *operation;
            (void)lockstep_hosts_send(process, NULL);
        }
    }
}

/* Nobody waits for what a recycling has come to, so it may end at any moment but one. */
bool lockstep_hosts_swap_yield(struct lockstep_hosts_request *request, uint8_t service)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hosts_swap *swap = &hosts->rooms[service].swap;
    struct lockstep_id operation = swap->operation;
    if (!swap->on || lockstep_id_equal(&operation, &request->operation)) {
        return true;
    }
    if (!swap->recycle || swap->publishing) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_BUSY,
                                  "the service's process is being exchanged");
        return false;
    }
    lockstep_hosts_recycle_stop(hosts, service);
    return true;
}

/* The window of a version is over when it is retired, or when what is warm for it is taken as the
 * base of something newer. */
void lockstep_hosts_swap_retire(struct lockstep_hosts *hosts,
                                const struct lockstep_hosts_item *item)
{
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        const struct lockstep_hosts_image *image;
        if (process->service != item->service || process->role != LOCKSTEP_HOSTS_WARM ||
            process->succession != NULL) {
            continue;
        }
        image = lockstep_hosts_view_live(&process->view, &item->module);
        if (image != NULL && image->generation == item->generation) {
            lockstep_hosts_swap_end(process);
        }
    }
}

/* ---- dying ---------------------------------------------------------------------------------- */

/* The other one was told to leave, and nobody knows whether it had: so SUCCESSOR is told by us. */
static void promote(struct lockstep_hosts_process *successor)
{
    struct lockstep_hosts *hosts = successor->hosts;
    struct lockstep_hosts_ask *ask = lockstep_hosts_ask_of(successor);
    uint64_t id = 0;
    successor->succession->before = NULL;
    if (ask != NULL) {
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
        id = lockstep_hosts_send(successor, NULL);
        successor->succession->asked = id;
        ask->process = successor;
        ask->id = id;
    }
    if (id == 0) { /* nobody waits for it, or it is away */
        lockstep_hosts_request_fail(successor, LOCKSTEP_NO_CRASHED, "the host died", true);
        take_over_now(successor);
    }
}

void lockstep_hosts_swap_gone(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hosts_process *successor = lockstep_hosts_successor(process);
    struct lockstep_hosts_swap *swap = &hosts->rooms[process->service].swap;
    if (successor != NULL && successor->succession->asked != 0) {
        promote(successor);
        return;
    }
    if (successor != NULL) {
        lockstep_hosts_request_fail(successor, LOCKSTEP_NO_CRASHED, "the host died", true);
        successor->succession->before = NULL;
    }
    if (successor != NULL || process->succession != NULL) {
        struct lockstep_id operation = swap->operation;
        struct lockstep_hosts_process *left = left_for(process);
        process->succession = lockstep_hosts_succession_free(process->succession);
        lockstep_hosts_swap_drop(hosts, process->service, &operation);
        if (left != NULL) {
            serve_now(left);
        }
    }
}

/* ---- an agent comes back -------------------------------------------------------------------- */

static bool same_versions(const struct lockstep_hosts_process *a,
                          const struct lockstep_hosts_process *b)
{
    for (size_t i = 0; i < a->view.count; i++) {
        const struct lockstep_hosts_image *mine = &a->view.images[i];
        const struct lockstep_hosts_image *theirs = lockstep_hosts_view_live(&b->view,
                                                                             &mine->module);
        if (mine->state == LOCKSTEP_HOSTWIRE_STATE_LIVE &&
            (theirs == NULL || !lockstep_digest_equal(&mine->digest, &theirs->digest))) {
            return false;
        }
    }
    return true;
}

/* An agent was recycling, and did not come to the end. */
static void end_useless(struct lockstep_hosts *hosts, const struct lockstep_hosts_process *serving)
{
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        bool orphan = process->role == LOCKSTEP_HOSTS_SUCCESSOR && process->succession == NULL;
        bool warm = process->role == LOCKSTEP_HOSTS_WARM && process->succession == NULL &&
                    process->stage == LOCKSTEP_HOSTS_UP;
        if (process->service == serving->service &&
            (orphan || (warm && same_versions(process, serving)))) {
            lockstep_hosts_swap_end(process);
        }
    }
}

void lockstep_hosts_swap_settle(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_process *serving = NULL;
    struct lockstep_hosts_process *orphan = NULL;
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service != service || process->role == LOCKSTEP_HOSTS_ENDING) {
            continue;
        }
        if (process->stage == LOCKSTEP_HOSTS_AWAY && process->adopted) {
            return; /* it has not said yet what it is */
        }
        if (process->role == LOCKSTEP_HOSTS_SERVING) {
            serving = process;
        } else if (process->role == LOCKSTEP_HOSTS_SUCCESSOR && process->succession == NULL) {
            orphan = process;
        }
    }
    if (serving != NULL) {
        end_useless(hosts, serving);
    } else if (orphan != NULL) {
        serve_now(orphan);
    }
}

bool lockstep_hosts_swap_welcome(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hosts_process *successor = lockstep_hosts_successor(process);
    bool fit = false;
    process->adopted = false;
    if (process->role == LOCKSTEP_HOSTS_ENDING) {
        process->stage = LOCKSTEP_HOSTS_UP;
        lockstep_hosts_swap_end(process);
        return false;
    }
    if (process->succession != NULL && process->told == LOCKSTEP_HOSTWIRE_ROLE_SERVES) {
        lockstep_hosts_swap_exchange(process);
    }
    if (process->succession != NULL && !process->succession->reused) {
        return true;
    }
    if (process->told == LOCKSTEP_HOSTWIRE_ROLE_LEFT && successor != NULL) {
        take_over_now(successor); /* it was told by the other one, too */
    }
    if (process->told == LOCKSTEP_HOSTWIRE_ROLE_SERVES) {
        process->role = LOCKSTEP_HOSTS_SERVING;
        fit = true;
        if (successor != NULL) {
            successor->succession->asked = 0; /* it has not heard of it */
        }
    } else {
        process->role = process->told == LOCKSTEP_HOSTWIRE_ROLE_LEFT ? LOCKSTEP_HOSTS_WARM
                                                                     : LOCKSTEP_HOSTS_SUCCESSOR;
        process->stage = LOCKSTEP_HOSTS_UP;
        process->was_up = true;
        lockstep_timer_disarm(hosts->loop, &process->timer);
        lockstep_hosts_retire_late(process);
    }
    lockstep_hosts_swap_settle(hosts, process->service);
    return fit && process->role == LOCKSTEP_HOSTS_SERVING;
}
