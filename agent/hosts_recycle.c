/*
 * Recycling: a host that has spent its budget of retired versions is exchanged for a fresh one with
 * the same versions, when no operation is under way in the service. It is a process swap that
 * nobody ordered: the steps are requests as the core's are, and what comes of one begins the next.
 */
#include "agent/hosts_keep.h"
#include "agent/hosts_swap.h"

#include <string.h>

#define AGAIN_MS (10 * LOCKSTEP_SECOND) /* after it has come to nothing */

/* What is live is what a fresh host would map, or it is not the moment. */
static bool is_as_noted(const struct lockstep_hosts_process *process)
{
    const struct lockstep_boot *boot = process->hosts->rooms[process->service].boot;
    size_t live = 0;
    for (size_t i = 0; i < process->view.count; i++) {
        live += process->view.images[i].state == LOCKSTEP_HOSTWIRE_STATE_LIVE ? 1 : 0;
    }
    for (size_t i = 0; i < boot->count; i++) {
        const struct lockstep_hosts_image *image = lockstep_hosts_view_live(
            &process->view, &boot->entries[i].module);
        if (image == NULL || !lockstep_digest_equal(&image->digest, &boot->entries[i].digest)) {
            return false;
        }
    }
    return live == boot->count;
}

static bool is_spent(const struct lockstep_hosts *hosts, uint8_t service)
{
    bool spent = false;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service != service || process->role != LOCKSTEP_HOSTS_SERVING) {
            continue;
        }
        if (!process->spawned || process->stage != LOCKSTEP_HOSTS_UP || !is_as_noted(process) ||
            lockstep_hosts_keep_leads_back(process)) {
            return false;
        }
        spent = spent || process->retired >= hosts->config.settings.retired;
    }
    return spent;
}

static void begin(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_swap *swap = &hosts->rooms[service].swap;
    struct lockstep_hosts_request *request = lockstep_hosts_request_begin(
        hosts, LOCKSTEP_HOSTS_REQUEST_MAP, 0, hosts->config.settings.host_answer);
    if (request == NULL) {
        return;
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host is recycled service=%s",
                 hosts->rooms[service].name.text);
    request->recycle = true;
    request->operation = lockstep_hosts_new_operation(hosts);
    swap->recycle = true;
    swap->publishing = false;
    lockstep_hosts_swap_map(request, service);
    lockstep_hosts_request_settle(request);
}

uint32_t lockstep_hosts_recycles(const struct lockstep_hosts *hosts)
{
    uint32_t count = 0;
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        count += hosts->rooms[i].recycled;
    }
    return count;
}

void lockstep_hosts_recycle(struct lockstep_hosts *hosts)
{
    struct lockstep_time now = lockstep_loop_now(hosts->loop);
    for (uint8_t i = 0; i < hosts->rooms_count; i++) {
        struct lockstep_hosts_room *room = &hosts->rooms[i];
        const struct lockstep_id none = {{0}};
        if (!room->swap.on && room->command == NULL && now.ms >= room->swap.again.ms &&
            is_spent(hosts, i) && !lockstep_hosts_known_busy(hosts, i, &none)) {
            begin(hosts, i);
        }
    }
}

/* The service that REQUEST recycles; rooms_count if that was called off. */
static uint8_t service_of(const struct lockstep_hosts_request *request)
{
    const struct lockstep_hosts *hosts = request->hosts;
    uint8_t i = 0;
    while (i < hosts->rooms_count &&
           !(hosts->rooms[i].swap.recycle &&
             lockstep_id_equal(&hosts->rooms[i].swap.operation, &request->operation))) {
        i++;
    }
    return i;
}

static void go_on(struct lockstep_hosts *hosts, uint8_t service, enum lockstep_hosts_kind kind)
{
    struct lockstep_hosts_swap *swap = &hosts->rooms[service].swap;
    uint64_t drain_ms = hosts->config.settings.drain;
    struct lockstep_hosts_request *request = lockstep_hosts_request_begin(
        hosts, kind, 0, hosts->config.settings.host_answer + drain_ms);
    if (request == NULL) {
        lockstep_hosts_recycle_stop(hosts, service);
        return;
    }
    request->recycle = true;
    request->operation = swap->operation;
    if (kind == LOCKSTEP_HOSTS_REQUEST_MIGRATE) {
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_CLOSE);
        hosts->out->drain_ms = (uint32_t)drain_ms;
        lockstep_hosts_swap_migrate(request, service);
    } else {
        swap->publishing = true;
        lockstep_hosts_swap_publish(request, service);
    }
    lockstep_hosts_request_settle(request);
}

void lockstep_hosts_recycle_stop(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_swap *swap = &hosts->rooms[service].swap;
    struct lockstep_id operation = swap->operation;
    lockstep_hosts_request_forget(hosts, &operation);
    lockstep_hosts_swap_drop(hosts, service, &operation);
    swap->recycle = false;
    swap->again = lockstep_time_after(lockstep_loop_now(hosts->loop), AGAIN_MS);
}

void lockstep_hosts_recycle_on(const struct lockstep_hosts_request *request)
{
    struct lockstep_hosts *hosts = request->hosts;
    uint8_t service = service_of(request);
    if (service == hosts->rooms_count) {
        return;
    }
    if (!request->ok) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "host not recycled service=%s no=%s cause=%s",
                     hosts->rooms[service].name.text, lockstep_no_name(request->no), request->text);
        lockstep_hosts_recycle_stop(hosts, service);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_MAP) {
        go_on(hosts, service, LOCKSTEP_HOSTS_REQUEST_MIGRATE);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_MIGRATE) {
        go_on(hosts, service, LOCKSTEP_HOSTS_REQUEST_PUBLISH);
    } else {
        hosts->rooms[service].swap.recycle = false;
        hosts->rooms[service].recycled++;
        lockstep_log(LOCKSTEP_LEVEL_INFO, "hosts", "host recycled service=%s",
                     hosts->rooms[service].name.text);
    }
}
