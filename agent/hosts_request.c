/* Requests: sent to every process of a service. */
#include "agent/hosts_swap.h"

#include <string.h>

#define EVERY_SERVICE UINT32_MAX

_Static_assert(LOCKSTEP_AGENT_SERVICES <= 32, "services are bits");

/* ---- requests ------------------------------------------------------------------------------- */

static void request_late(void *context)
{
    struct lockstep_hosts_request *request = context;
    char text[LOCKSTEP_TEXT_MAX + 1];
    (void)snprintf(text, sizeof(text), "the host did not answer in %llu ms",
                   (unsigned long long)request->limit_ms);
    for (size_t i = 0; i < request->asks_count; i++) {
        if (request->asks[i].state == LOCKSTEP_HOSTS_ASK_OPEN) {
            request->asks[i].state = LOCKSTEP_HOSTS_ASK_NO;
        }
    }
    lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST, text);
    lockstep_hosts_request_finish(request);
}

struct lockstep_hosts_request *lockstep_hosts_request_begin(struct lockstep_hosts *hosts,
                                                            enum lockstep_hosts_kind kind,
                                                            uint32_t ticket, uint64_t limit_ms)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        struct lockstep_hosts_request *request = &hosts->requests[i];
        if (request->kind == LOCKSTEP_HOSTS_REQUEST_FREE) {
            *request = (struct lockstep_hosts_request){
                .kind = kind, .hosts = hosts, .ticket = ticket, .fd = -1, .limit_ms = limit_ms};
            request->timer = (struct lockstep_timer){.due = request_late, .context = request};
            lockstep_timer_arm(hosts->loop, &request->timer,
                               lockstep_time_after(lockstep_loop_now(hosts->loop), limit_ms));
            return request;
        }
    }
    return NULL;
}

/* The same for what somebody waits for; NULL: it is refused, which is its answer. */
static struct lockstep_hosts_request *begin(struct lockstep_hosts *hosts,
                                            enum lockstep_hosts_kind kind, uint32_t ticket,
                                            uint64_t limit_ms, const struct lockstep_id *operation)
{
    struct lockstep_hosts_request *request = lockstep_hosts_request_begin(hosts, kind, ticket,
                                                                          limit_ms);
    if (request == NULL) {
        lockstep_hosts_request_refuse(hosts, kind, ticket, operation);
    } else if (operation != NULL) {
        request->operation = *operation;
    }
    return request;
}

/* Sends hosts->out, which is the request, to one process. */
static void ask_process(struct lockstep_hosts_request *request,
                        struct lockstep_hosts_process *process)
{
    struct lockstep_hosts_ask *ask = &request->asks[request->asks_count++];
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    *ask = (struct lockstep_hosts_ask){.process = process, .state = LOCKSTEP_HOSTS_ASK_NO};
    if (process->stage != LOCKSTEP_HOSTS_UP) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST,
                                  "a host of the service is not connected");
        return;
    }
    ask->id = lockstep_hosts_send(process, &err);
    if (ask->id == 0) {
        lockstep_hosts_request_no(
            request, err.code == LOCKSTEP_LIMIT ? LOCKSTEP_NO_INTERNAL : LOCKSTEP_NO_NO_HOST,
            err.message);
        return;
    }
    ask->state = LOCKSTEP_HOSTS_ASK_OPEN;
}

bool lockstep_hosts_serves(const struct lockstep_hosts_process *process, uint8_t service)
{
    return process->service == service && process->stage == LOCKSTEP_HOSTS_UP &&
           process->role == LOCKSTEP_HOSTS_SERVING;
}

static bool is_starting(const struct lockstep_hosts_process *process)
{
    return process->spawned && !process->was_up;
}

/* Sends hosts->out to all processes of a service, or to the first that is up. */
static void ask_service(struct lockstep_hosts_request *request, uint8_t service, bool one)
{
    struct lockstep_hosts *hosts = request->hosts;
    size_t before = request->asks_count;
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service != service || process->role != LOCKSTEP_HOSTS_SERVING ||
            (one && process->stage != LOCKSTEP_HOSTS_UP)) {
            continue;
        }
        if (is_starting(process) && request->hosts->rooms[service].processes > 1) {
            continue; /* it is fitted out with what is live then, and told of when it is up */
        }
        ask_process(request, process);
        if (one) {
            return;
        }
    }
    if (request->asks_count == before) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST,
                                  lockstep_no_text(LOCKSTEP_NO_NO_HOST));
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

struct lockstep_hosts_known *lockstep_hosts_known_find(struct lockstep_hosts *hosts,
                                                       const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_SETS_MAX; i++) {
        if (hosts->known[i].services != 0 &&
            lockstep_id_equal(&hosts->known[i].operation, operation)) {
            return &hosts->known[i];
        }
    }
    return NULL;
}

bool lockstep_hosts_known_busy(const struct lockstep_hosts *hosts, uint8_t service,
                               const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_SETS_MAX; i++) {
        const struct lockstep_hosts_known *known = &hosts->known[i];
        if ((known->services & ~known->published & UINT32_C(1) << service) != 0 &&
            !lockstep_id_equal(&known->operation, operation)) {
            return true;
        }
    }
    return false;
}

static void remember(struct lockstep_hosts *hosts, const struct lockstep_id *operation,
                     uint32_t services, uint32_t swapped)
{
    struct lockstep_hosts_known *known = lockstep_hosts_known_find(hosts, operation);
    if (known == NULL) {
        known = &hosts->known[hosts->known_next++ % LOCKSTEP_HOSTS_SETS_MAX];
    }
    *known = (struct lockstep_hosts_known){
        .operation = *operation, .services = services, .swapped = swapped};
}

/* The part of a set that is for one service, in hosts->out; descriptors are borrowed. */
static void fill_map(struct lockstep_hosts *hosts, const struct lockstep_hosts_set *set,
                     uint8_t service)
{
    struct lockstep_hostwire_message *out = hosts->out;
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_PREPARE);
    out->operation = set->operation;
    out->smoke = !set->no_smoke;
    (void)snprintf(out->extra, sizeof(out->extra), "%s", set->extra);
    for (size_t i = 0; i < set->items_count; i++) {
        const struct lockstep_hosts_item *item = &set->items[i];
        struct lockstep_hostwire_entry *entry = &out->entries[out->entries_count];
        if (item->service != service || out->entries_count == LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
            continue;
        }
        out->entries_count++;
        entry->module = item->module;
        entry->generation = item->generation;
        entry->digest = item->digest;
        entry->device = item->device;
        entry->inode = item->inode;
        entry->config_fd = item->config_fd;
        (void)snprintf(entry->path, sizeof(entry->path), "%s", item->path);
    }
}

static void give_back_fds(struct lockstep_hostwire_message *out)
{
    for (size_t i = 0; i < out->entries_count; i++) {
        out->entries[i].config_fd = -1;
    }
}

static const char *map_mistake(const struct lockstep_hosts *hosts,
                               const struct lockstep_hosts_set *set)
{
    if (set->items_count == 0 || set->items_count > LOCKSTEP_ITEMS_MAX) {
        return "a set has 1 to 64 modules";
    }
    if (strlen(set->extra) > LOCKSTEP_EXTRA_MAX) {
        return "what is handed to up and down is too long";
    }
    for (size_t i = 0; i < set->items_count; i++) {
        if (set->items[i].service >= hosts->rooms_count) {
            return "the module's service is not one of this node";
        }
        if (strlen(set->items[i].path) > LOCKSTEP_HOSTWIRE_PATH_MAX) {
            return "the path of the private copy is too long";
        }
    }
    return NULL;
}

void lockstep_hosts_map(struct lockstep_hosts *hosts, uint32_t ticket,
                        const struct lockstep_hosts_set *set)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_MAP, ticket,
                                                   hosts->config.settings.host_answer,
                                                   &set->operation);
    const char *mistake = map_mistake(hosts, set);
    uint32_t services = 0;
    uint32_t swapped = 0;
    if (request == NULL) {
        return;
    }
    if (mistake != NULL) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_INTERNAL, mistake);
        lockstep_hosts_request_finish(request);
        return;
    }
    for (size_t i = 0; i < set->items_count; i++) {
        uint8_t service = set->items[i].service;
        if ((services & (UINT32_C(1) << service)) == 0) {
            services |= UINT32_C(1) << service;
            fill_map(hosts, set, service);
            if (lockstep_hosts_swap_wanted(hosts, set, service) ||
                lockstep_hosts_swap_has(hosts, service, &set->operation)) {
                swapped |= UINT32_C(1) << service;
                lockstep_hosts_swap_map(request, service);
            } else if (lockstep_hosts_swap_yield(request, service)) {
                ask_service(request, service, false);
            }
            give_back_fds(hosts->out);
        }
    }
    remember(hosts, &set->operation, services, swapped);
    lockstep_hosts_request_settle(request);
}

/* Sends hosts->out to all processes of the services that the operation is about. */
static void ask_operation(struct lockstep_hosts_request *request,
                          const struct lockstep_id *operation)
{
    const struct lockstep_hosts_known *known = lockstep_hosts_known_find(request->hosts, operation);
    if (known == NULL) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_INTERNAL,
                                  "the hosts have not mapped this operation");
    }
    for (size_t i = 0; known != NULL && i < request->hosts->rooms_count; i++) {
        if ((known->services & (UINT32_C(1) << i)) == 0) {
            continue;
        }
        if (!lockstep_hosts_swap_has(request->hosts, (uint8_t)i, operation)) {
            ask_service(request, (uint8_t)i, false);
        } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_MIGRATE) {
            lockstep_hosts_swap_migrate(request, (uint8_t)i);
        } else {
            lockstep_hosts_swap_publish(request, (uint8_t)i);
        }
    }
    lockstep_hosts_request_settle(request);
}

static uint32_t drain_of(const struct lockstep_hosts *hosts, uint64_t drain_ms)
{
    uint64_t ms = drain_ms == 0 ? hosts->config.settings.drain : drain_ms;
    return ms < LOCKSTEP_HOUR ? (uint32_t)ms : (uint32_t)LOCKSTEP_HOUR;
}

void lockstep_hosts_migrate(struct lockstep_hosts *hosts, uint32_t ticket,
                            const struct lockstep_id *operation, enum lockstep_drain drain,
                            uint64_t drain_ms)
{
    uint32_t ms = drain_of(hosts, drain_ms);
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_MIGRATE, ticket,
                                                   hosts->config.settings.host_answer + ms,
                                                   operation);
    if (request == NULL) {
        return;
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_CLOSE);
    hosts->out->operation = *operation;
    hosts->out->drain = drain == LOCKSTEP_DRAIN_ALWAYS;
    hosts->out->drain_ms = ms;
    ask_operation(request, operation);
}

void lockstep_hosts_publish(struct lockstep_hosts *hosts, uint32_t ticket,
                            const struct lockstep_id *operation)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_PUBLISH, ticket,
                                                   hosts->config.settings.host_answer, operation);
    if (request == NULL) {
        return;
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_PUBLISH);
    hosts->out->operation = *operation;
    ask_operation(request, operation);
}

void lockstep_hosts_smoke(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                          const struct lockstep_name *module, uint64_t generation)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_SMOKE, ticket,
                                                   hosts->config.settings.host_answer, NULL);
    if (request != NULL) {
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_SMOKE);
        memcpy(hosts->out->text, module->text, sizeof(module->text));
        hosts->out->generation = generation;
        ask_service(request, service, false);
        lockstep_hosts_request_settle(request);
    }
}

void lockstep_hosts_snapshot(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                             const struct lockstep_name *module, uint64_t drain_ms)
{
    uint32_t ms = drain_of(hosts, drain_ms);
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_SNAPSHOT, ticket,
                                                   hosts->config.settings.host_answer + ms, NULL);
    if (request != NULL) {
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_SNAPSHOT);
        memcpy(hosts->out->text, module->text, sizeof(module->text));
        hosts->out->drain_ms = ms;
        ask_service(request, service, true);
        lockstep_hosts_request_settle(request);
    }
}

void lockstep_hosts_call(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                         const char *tool, const void *input, size_t size)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_CALL, ticket,
                                                   hosts->config.settings.host_answer, NULL);
    struct lockstep_hostwire_message *out = hosts->out;
    if (request == NULL) {
        return;
    }
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_CALL);
    if (size > sizeof(out->bytes) || strlen(tool) >= sizeof(out->text)) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_INTERNAL,
                                  "the tool's name or its input is too long");
        lockstep_hosts_request_finish(request);
        return;
    }
    (void)snprintf(out->text, sizeof(out->text), "%s", tool);
    out->bytes_size = size;
    if (size > 0) {
        memcpy(out->bytes, input, size);
    }
    ask_service(request, service, true);
    lockstep_hosts_request_settle(request);
}

void lockstep_hosts_purge(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                          const struct lockstep_name *module, bool hard, uint64_t wait_ms)
{
    uint32_t ms = drain_of(hosts, wait_ms);
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_CALL, ticket,
                                                   hosts->config.settings.host_answer + ms, NULL);
    if (request != NULL) {
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_PURGE);
        memcpy(hosts->out->text, module->text, sizeof(module->text));
        hosts->out->drain = hard;
        hosts->out->drain_ms = ms;
        ask_service(request, service, false);
        lockstep_hosts_request_settle(request);
    }
}

void lockstep_hosts_tools(struct lockstep_hosts *hosts, uint32_t ticket)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_CALL, ticket,
                                                   hosts->config.settings.host_answer, NULL);
    if (request == NULL) {
        return;
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_TOOLS);
    for (uint8_t i = 0; i < hosts->config.services_count; i++) {
        if (lockstep_hosts_lives(hosts, i)) {
            ask_service(request, i, true);
        }
    }
    if (request->asks_count == 0) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_NO_HOST,
                                  lockstep_no_text(LOCKSTEP_NO_NO_HOST));
    }
    lockstep_hosts_request_settle(request);
}

void lockstep_hosts_registry(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                             const char *after)
{
    struct lockstep_hosts_request *request = begin(hosts, LOCKSTEP_HOSTS_REQUEST_CALL, ticket,
                                                   hosts->config.settings.host_answer, NULL);
    struct lockstep_hostwire_message *out = hosts->out;
    if (request == NULL) {
        return;
    }
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_TOOLS);
    (void)snprintf(out->text, sizeof(out->text), "%s", after);
    out->bytes_size = strlen(LOCKSTEP_HOSTWIRE_TOOLS_JSON);
    memcpy(out->bytes, LOCKSTEP_HOSTWIRE_TOOLS_JSON, out->bytes_size);
    ask_service(request, service, true);
    lockstep_hosts_request_settle(request);
}

/* ---- without an answer ---------------------------------------------------------------------- */

/* Sends hosts->out to the connected processes of the services. */
static void tell(struct lockstep_hosts *hosts, uint32_t services)
{
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if ((services & (UINT32_C(1) << process->service)) != 0 &&
            lockstep_hosts_serves(process, process->service)) {
            (void)lockstep_hosts_send(process, NULL);
        }
    }
}

static bool forgettable(const struct lockstep_hosts_request *request,
                        const struct lockstep_id *operation)
{
    return request->kind != LOCKSTEP_HOSTS_REQUEST_FREE &&
           request->kind <= LOCKSTEP_HOSTS_REQUEST_PUBLISH &&
           lockstep_id_equal(&request->operation, operation);
}

void lockstep_hosts_request_forget(struct lockstep_hosts *hosts,
                                   const struct lockstep_id *operation)
{
    struct lockstep_hosts_request **place = &hosts->finished;
    while (*place != NULL) {
        struct lockstep_hosts_request *request = *place;
        if (forgettable(request, operation)) {
            *place = request->next;
            lockstep_hosts_request_release(request);
        } else {
            place = &request->next;
        }
    }
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        if (forgettable(&hosts->requests[i], operation)) {
            lockstep_hosts_request_release(&hosts->requests[i]);
        }
    }
}

void lockstep_hosts_drop(struct lockstep_hosts *hosts, const struct lockstep_id *operation)
{
    struct lockstep_hosts_known *known = lockstep_hosts_known_find(hosts, operation);
    lockstep_hosts_request_forget(hosts, operation);
    for (uint8_t i = 0; i < hosts->rooms_count; i++) {
        lockstep_hosts_swap_drop(hosts, i, operation);
    }
    lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_DROP);
    hosts->out->operation = *operation;
    tell(hosts, known == NULL ? EVERY_SERVICE : known->services);
    if (known != NULL) {
        *known = (struct lockstep_hosts_known){0};
    }
}

/* True if PROCESS has that version, or runs what came after it in another process. What it runs
 * may be newer still, and its own window open: that is not over with this one. */
static bool concerns(const struct lockstep_hosts_process *process,
                     const struct lockstep_hosts_item *item)
{
    for (size_t i = 0; i < process->view.count; i++) {
        const struct lockstep_hosts_image *image = &process->view.images[i];
        bool next = image->state == LOCKSTEP_HOSTWIRE_STATE_LIVE &&
                    (item->by == 0 || image->generation == item->by);
        if (lockstep_name_equal(&image->module, &item->module) &&
            (next || image->generation == item->generation)) {
            return true;
        }
    }
    return false;
}

static void tell_retire(struct lockstep_hosts_process *process,
                        const struct lockstep_hosts_item *items, size_t count)
{
    struct lockstep_hostwire_message *out = process->hosts->out;
    lockstep_hostwire_reset(out, LOCKSTEP_HOSTWIRE_RETIRE);
    for (size_t i = 0; i < count; i++) {
        if (items[i].service == process->service && concerns(process, &items[i]) &&
            out->entries_count < LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
            struct lockstep_hostwire_entry *entry = &out->entries[out->entries_count++];
            entry->module = items[i].module;
            entry->generation = items[i].generation;
            entry->by = items[i].by;
        }
    }
    if (out->entries_count > 0) {
        (void)lockstep_hosts_send(process, NULL);
    }
}

static bool is_any_away(const struct lockstep_hosts *hosts, uint8_t service)
{
    const struct lockstep_hosts_process *process = hosts->processes;
    while (process != NULL &&
           (process->service != service || process->stage == LOCKSTEP_HOSTS_UP)) {
        process = process->next;
    }
    return process != NULL;
}

/* The oldest goes where there are too many: a version more stays mapped then. */
static void note_over(struct lockstep_hosts *hosts, const struct lockstep_hosts_item *item)
{
    hosts->over.list[hosts->over.next++ % LOCKSTEP_HOSTS_OVER_MAX] = (struct lockstep_hosts_over){
        .used = true,
        .service = item->service,
        .module = item->module,
        .generation = item->generation,
        .by = item->by};
}

void lockstep_hosts_retire_late(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    bool away = is_any_away(hosts, process->service);
    for (size_t i = 0; i < LOCKSTEP_HOSTS_OVER_MAX; i++) {
        struct lockstep_hosts_over *over = &hosts->over.list[i];
        const struct lockstep_hosts_item item = {.service = over->service,
                                                 .module = over->module,
                                                 .generation = over->generation,
                                                 .by = over->by,
                                                 .config_fd = -1};
        if (!over->used || over->service != process->service) {
            continue;
        }
        lockstep_hosts_swap_retire(hosts, &item);
        if (process->role == LOCKSTEP_HOSTS_SERVING) {
            tell_retire(process, &item, 1);
        }
        over->used = away;
    }
}

void lockstep_hosts_retire(struct lockstep_hosts *hosts, const struct lockstep_hosts_item *items,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lockstep_hosts_swap_retire(hosts, &items[i]);
        if (is_any_away(hosts, items[i].service)) {
            note_over(hosts, &items[i]);
        }
    }
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (lockstep_hosts_serves(process, process->service)) {
            tell_retire(process, items, count);
        }
    }
}
