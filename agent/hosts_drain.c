/* Modules that an operator wants shut: asked of every process of the service, looked at until no
 * call is in flight, and asked again of who comes later. What this agent has not been told it
 * learns from hosts that outlived the last one: of modules that the service is to run. */
#include "agent/hosts_internal.h"

#include <string.h>

#define LOOK_MS      50     /* between two looks while one waits */
#define DRAIN_MAX_MS 600000 /* as the host has it */

static struct lockstep_hosts_drain *find(struct lockstep_hosts *hosts, uint8_t service,
                                         const struct lockstep_name *module)
{
    for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        struct lockstep_hosts_drain *drain = &hosts->drains[i];
        if (drain->used && drain->service == service &&
            lockstep_name_equal(&drain->module, module)) {
            return drain;
        }
    }
    return NULL;
}

static struct lockstep_hosts_drain *find_or_make(struct lockstep_hosts *hosts, uint8_t service,
                                                 const struct lockstep_name *module)
{
    struct lockstep_hosts_drain *drain = find(hosts, service, module);
    for (size_t i = 0; drain == NULL && i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        if (!hosts->drains[i].used) {
            drain = &hosts->drains[i];
            *drain = (struct lockstep_hosts_drain){
                .used = true, .service = service, .module = *module};
        }
    }
    return drain;
}

static bool is_to_run(const struct lockstep_hosts *hosts, uint8_t service,
                      const struct lockstep_name *module)
{
    const struct lockstep_boot *boot = hosts->rooms[service].boot;
    for (size_t i = 0; i < boot->count; i++) {
        if (lockstep_name_equal(&boot->entries[i].module, module)) {
            return true;
        }
    }
    return false;
}

static void fill(struct lockstep_hosts *hosts, enum lockstep_hostwire_type type,
                 const struct lockstep_name *module)
{
    lockstep_hostwire_reset(hosts->out, type);
    (void)snprintf(hosts->out->text, sizeof(hosts->out->text), "%s", module->text);
}

/* Sends hosts->out to the service's processes that are up. */
static void send_all(struct lockstep_hosts *hosts, uint8_t service)
{
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (lockstep_hosts_serves(process, service)) {
            (void)lockstep_hosts_send(process, NULL);
        }
    }
}

/* Tells PROCESS, or every one of the service, what it is to do. */
static void tell(const struct lockstep_hosts_drain *drain, struct lockstep_hosts *hosts,
                 struct lockstep_hosts_process *process)
{
    fill(hosts, drain->resume ? LOCKSTEP_HOSTWIRE_RESUME : LOCKSTEP_HOSTWIRE_DRAIN, &drain->module);
    hosts->out->refuse = drain->refuse;
    hosts->out->drain_ms = process == NULL ? (uint32_t)drain->drain_ms : DRAIN_MAX_MS;
    if (process != NULL) {
        (void)lockstep_hosts_send(process, NULL);
    } else {
        send_all(hosts, drain->service);
    }
}

static void look_later(struct lockstep_hosts *hosts)
{
    lockstep_timer_arm(hosts->loop, &hosts->drains_timer,
                       lockstep_time_after(lockstep_loop_now(hosts->loop), LOOK_MS));
}

/* ---- what it has come to -------------------------------------------------------------------- */

static void answer(struct lockstep_hosts *hosts, struct lockstep_hosts_drain *drain, bool ok,
                   const char *text)
{
    bool waits = drain->waits;
    drain->waits = false;
    if (!ok || drain->resume) {
        drain->used = false;
    }
    if (waits && hosts->config.drained != NULL) {
        hosts->config.drained(hosts->config.context, drain->ticket, ok, text);
    }
}

static uint64_t count_in_flight(const struct lockstep_hosts *hosts,
                                const struct lockstep_hosts_drain *drain)
{
    uint64_t in_flight = 0;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        for (size_t i = 0;
             lockstep_hosts_serves(process, drain->service) && i < process->view.count; i++) {
            const struct lockstep_hosts_image *image = &process->view.images[i];
            in_flight += lockstep_name_equal(&image->module, &drain->module) ? image->in_flight : 0;
        }
    }
    return in_flight;
}

/* One process of several has opened it again: so the others do. */
static void give_up(struct lockstep_hosts *hosts, struct lockstep_hosts_drain *drain)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    (void)snprintf(text, sizeof(text), "%s: %llu calls in flight after %llu ms; it is open again",
                   drain->module.text, (unsigned long long)count_in_flight(hosts, drain),
                   (unsigned long long)drain->drain_ms);
    fill(hosts, LOCKSTEP_HOSTWIRE_RESUME, &drain->module);
    send_all(hosts, drain->service);
    answer(hosts, drain, false, text);
}

static void judge(struct lockstep_hosts *hosts, struct lockstep_hosts_drain *drain)
{
    size_t processes = 0;
    bool waits = false;
    bool open = false;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        const struct lockstep_hosts_image *image;
        if (!lockstep_hosts_serves(process, drain->service)) {
            continue;
        }
        processes++;
        image = lockstep_hosts_view_live(&process->view, &drain->module);
        if (process->view_id <= drain->asked_id) {
            waits = true;
        } else if (image == NULL || image->drain == LOCKSTEP_HOSTWIRE_DRAIN_NONE) {
            open = true;
        } else {
            waits = waits || drain->resume || image->drain == LOCKSTEP_HOSTWIRE_DRAIN_WAITS;
        }
    }
    if (open && !drain->resume) {
        give_up(hosts, drain);
    } else if (processes == 0 && drain->waits) {
        answer(hosts, drain, false, lockstep_no_text(LOCKSTEP_NO_NO_HOST));
    } else if (processes > 0 && !waits) {
        answer(hosts, drain, true, "");
    } else if (drain->waits && lockstep_time_due(drain->end, lockstep_loop_now(hosts->loop))) {
        answer(hosts, drain, false, "the host does not say what has become of it");
    }
}

void lockstep_hosts_drain_look(struct lockstep_hosts *hosts, uint8_t service)
{
    for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        if (hosts->drains[i].used && hosts->drains[i].service == service) {
            judge(hosts, &hosts->drains[i]);
        }
    }
}

void lockstep_hosts_drain_tick(void *context)
{
    struct lockstep_hosts *hosts = context;
    uint32_t services = 0; /* bits */
    for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        if (hosts->drains[i].used && hosts->drains[i].waits) {
            services |= UINT32_C(1) << hosts->drains[i].service;
        }
    }
    for (uint8_t i = 0; i < hosts->rooms_count; i++) {
        if ((services & (UINT32_C(1) << i)) != 0) {
            lockstep_hosts_poll_service(hosts, i);
            lockstep_hosts_drain_look(hosts, i);
        }
    }
    if (services != 0) {
        look_later(hosts);
    }
}

void lockstep_hosts_drain_up(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    for (size_t i = 0; i < process->view.count; i++) {
        const struct lockstep_hosts_image *image = &process->view.images[i];
        struct lockstep_hosts_drain *drain = NULL;
        if (image->state == LOCKSTEP_HOSTWIRE_STATE_LIVE &&
            image->drain != LOCKSTEP_HOSTWIRE_DRAIN_NONE &&
            is_to_run(hosts, process->service, &image->module)) {
            drain = find_or_make(hosts, process->service, &image->module);
        }
        if (drain != NULL) {
            drain->refuse = drain->refuse || image->refuses;
        }
    }
    for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        struct lockstep_hosts_drain *drain = &hosts->drains[i];
        if (drain->used && drain->service == process->service) {
            drain->asked_id = hosts->ids;
            tell(drain, hosts, process);
        }
    }
}

/* ---- asked ---------------------------------------------------------------------------------- */

void lockstep_hosts_drain(struct lockstep_hosts *hosts, uint32_t ticket,
                          const struct lockstep_hosts_gating *gating)
{
    struct lockstep_hosts_drain *drain = find_or_make(hosts, gating->service, gating->module);
    uint64_t ms = gating->drain_ms == 0 ? hosts->config.settings.drain : gating->drain_ms;
    if (drain == NULL) {
        lockstep_hosts_request_refuse(hosts, LOCKSTEP_HOSTS_REQUEST_DRAIN, ticket, NULL);
        return;
    }
    answer(hosts, drain, false, "something else was asked for meanwhile");
    ms = ms > DRAIN_MAX_MS ? DRAIN_MAX_MS : ms;
    *drain = (struct lockstep_hosts_drain){
        .used = true,
        .waits = true,
        .resume = gating->resume,
        .refuse = gating->refuse,
        .service = gating->service,
        .module = *gating->module,
        .ticket = ticket,
        .asked_id = hosts->ids,
        .drain_ms = ms,
        .end = lockstep_time_after(lockstep_loop_now(hosts->loop),
                                   (gating->resume ? 0 : ms) + hosts->config.settings.host_answer)};
    tell(drain, hosts, NULL);
    look_later(hosts);
}
