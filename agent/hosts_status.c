/* What hosts say of their images, and what all of a service's say together. */
#include "agent/hosts_swap.h"

#include <stdlib.h>
#include <string.h>

void lockstep_hosts_view_deinit(struct lockstep_hosts_view *view)
{
    free(view->images);
    *view = (struct lockstep_hosts_view){0};
}

void lockstep_hosts_view_add(struct lockstep_hosts_view *view,
                             const struct lockstep_hosts_image *image)
{
    if (view->count == view->room) {
        size_t room = view->room == 0 ? 16 : view->room * 2;
        struct lockstep_hosts_image *images;
        if (room > LOCKSTEP_HOSTS_IMAGES_MAX) {
            return;
        }
        images = realloc(view->images, room * sizeof(*images));
        if (images == NULL) {
            return;
        }
        view->images = images;
        view->room = room;
    }
    view->images[view->count++] = *image;
}

const struct lockstep_hosts_image *lockstep_hosts_view_live(const struct lockstep_hosts_view *view,
                                                            const struct lockstep_name *module)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->images[i].state == LOCKSTEP_HOSTWIRE_STATE_LIVE &&
            lockstep_name_equal(&view->images[i].module, module)) {
            return &view->images[i];
        }
    }
    return NULL;
}

/* True if a gate, or who is inside of one that is shut, is not as it was. */
static bool gates_differ(const struct lockstep_hosts_view *view,
                         const struct lockstep_hosts_view *before)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct lockstep_hosts_image *image = &view->images[i];
        const struct lockstep_hosts_image *other = lockstep_hosts_view_live(before, &image->module);
        if (image->state == LOCKSTEP_HOSTWIRE_STATE_LIVE && other != NULL &&
            (image->closed != other->closed || image->drain != other->drain ||
             (image->closed && image->in_flight != other->in_flight))) {
            return true;
        }
    }
    return false;
}

static bool same_version(const struct lockstep_hosts_image *a, uint64_t generation,
                         const struct lockstep_digest *digest)
{
    return a->generation == generation && lockstep_digest_equal(&a->digest, digest);
}

/* What IMAGE had been called before it became live; FROM is the view before. */
static void copy_start(struct lockstep_hosts_image *image, const struct lockstep_hosts_view *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct lockstep_hosts_image *before = &from->images[i];
        bool live = before->state == LOCKSTEP_HOSTWIRE_STATE_LIVE;
        if (lockstep_name_equal(&before->module, &image->module) &&
            before->device == image->device && before->inode == image->inode) {
            image->calls_before = live ? before->calls_before : before->calls;
            image->failed_before = live ? before->failed_before : before->failed;
            return;
        }
    }
}

void lockstep_hosts_view_serve(struct lockstep_hosts_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        view->images[i].calls_before = view->images[i].calls;
        view->images[i].failed_before = view->images[i].failed;
    }
}

/* Since when a version is live is the agent's own knowledge. */
static void copy_ages(struct lockstep_hosts_view *to, const struct lockstep_hosts_view *from)
{
    uint64_t now_ms = lockstep_unix_ms();
    for (size_t i = 0; i < to->count; i++) {
        struct lockstep_hosts_image *image = &to->images[i];
        const struct lockstep_hosts_image *before = lockstep_hosts_view_live(from, &image->module);
        bool same = before != NULL && same_version(before, image->generation, &image->digest);
        image->loaded_ms = same ? before->loaded_ms : now_ms;
        if (image->state == LOCKSTEP_HOSTWIRE_STATE_LIVE) {
            copy_start(image, from);
        }
    }
}

bool lockstep_hosts_view_take(struct lockstep_hosts_process *process)
{
    const struct lockstep_hostwire_message *message = process->hosts->in;
    bool changed;
    for (size_t i = 0; i < message->entries_count; i++) {
        const struct lockstep_hostwire_entry *entry = &message->entries[i];
        struct lockstep_hosts_image image = {.module = entry->module,
                                             .generation = entry->generation,
                                             .digest = entry->digest,
                                             .device = entry->device,
                                             .inode = entry->inode,
                                             .state = entry->state,
                                             .schema = entry->schema,
                                             .calls = entry->calls,
                                             .failed = entry->failed,
                                             .in_flight = entry->in_flight,
                                             .closed = entry->closed,
                                             .drain = entry->drain,
                                             .refuses = entry->refuses};
        memcpy(image.version, entry->version, sizeof(image.version));
        lockstep_hosts_view_add(&process->coming, &image);
    }
    if (message->more) {
        return false;
    }
    copy_ages(&process->coming, &process->view);
    changed = gates_differ(&process->coming, &process->view);
    lockstep_hosts_view_deinit(&process->view);
    process->view = process->coming;
    process->coming = (struct lockstep_hosts_view){0};
    process->retired = message->retired;
    process->view_id = message->id > process->view_id ? message->id : process->view_id;
    lockstep_hosts_drain_look(process->hosts, process->service);
    if (changed && process->hosts->config.gates != NULL) {
        process->hosts->config.gates(process->hosts->config.context);
    }
    return true;
}

/* ---- together ------------------------------------------------------------------------------- */

struct gathering {
    struct lockstep_hosts_module *modules;
    size_t room;
    size_t count;
};

static struct lockstep_hosts_module *find_module(const struct gathering *gathering,
                                                 const struct lockstep_name *name)
{
    for (size_t i = 0; i < gathering->count; i++) {
        if (lockstep_name_equal(&gathering->modules[i].module, name)) {
            return &gathering->modules[i];
        }
    }
    return NULL;
}

static enum lockstep_gate_state gate_of(const struct lockstep_hosts_image *image)
{
    if (image->drain != LOCKSTEP_HOSTWIRE_DRAIN_NONE) {
        return image->drain == LOCKSTEP_HOSTWIRE_DRAIN_WAITS ? LOCKSTEP_GATE_DRAINING
                                                             : LOCKSTEP_GATE_DRAINED;
    }
    return image->closed ? LOCKSTEP_GATE_SWAPPING : LOCKSTEP_GATE_OPEN;
}

static void gather_live(struct gathering *gathering, const struct lockstep_hosts_image *image,
                        uint8_t service)
{
    struct lockstep_hosts_module *module = find_module(gathering, &image->module);
    enum lockstep_gate_state gate;
    if (module == NULL) {
        if (gathering->count == gathering->room) {
            return;
        }
        module = &gathering->modules[gathering->count++];
        *module = (struct lockstep_hosts_module){.service = service,
                                                 .module = image->module,
                                                 .generation = image->generation,
                                                 .digest = image->digest};
        memcpy(module->version, image->version, sizeof(module->version));
    }
    /* Who came after an order that changed no bytes knows them by a later generation. */
    module->differs = module->differs || !lockstep_digest_equal(&image->digest, &module->digest);
    if (image->generation < module->generation) {
        module->generation = image->generation;
    }
    /* The one that lets less pass is the module's, but as long as one drains the module does. */
    gate = gate_of(image);
    if (gate == LOCKSTEP_GATE_DRAINING ||
        (module->gate != LOCKSTEP_GATE_DRAINING && gate > module->gate)) {
        module->gate = gate;
    }
    module->processes++;
    if (image->loaded_ms > module->loaded_ms) {
        module->loaded_ms = image->loaded_ms;
    }
}

static uint64_t less(uint64_t count, uint64_t before)
{
    return count > before ? count - before : 0;
}

static void gather_counts(const struct gathering *gathering,
                          const struct lockstep_hosts_image *image)
{
    struct lockstep_hosts_module *module = find_module(gathering, &image->module);
    if (module == NULL) {
        return;
    }
    module->in_flight += image->in_flight;
    if (image->state == LOCKSTEP_HOSTWIRE_STATE_LIVE) {
        module->calls += image->calls;
        module->failed += image->failed;
        module->now += less(image->calls, image->calls_before);
        module->failed_now += less(image->failed, image->failed_before);
    } else {
        module->behind += image->in_flight;
        module->retired += image->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED ? 1 : 0;
    }
}

size_t lockstep_hosts_gather(const struct lockstep_hosts *hosts, uint8_t service,
                             struct lockstep_hosts_module *ret_modules, size_t room)
{
    struct gathering gathering = {.modules = ret_modules, .room = room};
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        for (size_t i = 0; lockstep_hosts_serves(process, service) && i < process->view.count;
             i++) {
            if (process->view.images[i].state == LOCKSTEP_HOSTWIRE_STATE_LIVE) {
                gather_live(&gathering, &process->view.images[i], service);
            }
        }
    }
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        for (size_t i = 0; lockstep_hosts_serves(process, service) && i < process->view.count;
             i++) {
            gather_counts(&gathering, &process->view.images[i]);
        }
        for (size_t i = 0; lockstep_hosts_serves(process, service) && i < gathering.count; i++) {
            struct lockstep_hosts_module *module = &ret_modules[i];
            module->differs = module->differs ||
                              lockstep_hosts_view_live(&process->view, &module->module) == NULL;
        }
    }
    return gathering.count;
}

size_t lockstep_hosts_status(const struct lockstep_hosts *hosts,
                             struct lockstep_hosts_module *ret_modules, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < hosts->rooms_count; i++) {
        count += lockstep_hosts_gather(hosts, (uint8_t)i, ret_modules + count, room - count);
    }
    return count;
}

const struct lockstep_hosts_death *lockstep_hosts_died(const struct lockstep_hosts *hosts,
                                                       uint8_t service)
{
    return &hosts->rooms[service].died;
}

const char *lockstep_hosts_latched(const struct lockstep_hosts *hosts, uint8_t service)
{
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        if (process->service == service && process->role == LOCKSTEP_HOSTS_SERVING &&
            process->latched[0] != '\0') {
            return process->latched;
        }
    }
    return NULL;
}

/* A host does one thing after another: who is busy is not asked as well. */
void lockstep_hosts_poll_service(struct lockstep_hosts *hosts, uint8_t service)
{
    struct lockstep_hosts_process *next = NULL;
    for (struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = next) {
        next = process->next;
        if (process->service != service || process->stage != LOCKSTEP_HOSTS_UP ||
            process->status_id != 0 || lockstep_hosts_request_pending(process)) {
            continue;
        }
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_STATUS);
        process->status_id = lockstep_hosts_send(process, NULL);
        lockstep_hosts_counts_ask(process);
    }
}

void lockstep_hosts_poll(void *context)
{
    struct lockstep_hosts *hosts = context;
    for (uint8_t i = 0; i < hosts->rooms_count; i++) {
        lockstep_hosts_poll_service(hosts, i);
    }
    lockstep_hosts_recycle(hosts);
    lockstep_timer_arm(
        hosts->loop, &hosts->poll,
        lockstep_time_after(lockstep_loop_now(hosts->loop), hosts->config.settings.heartbeat));
}
