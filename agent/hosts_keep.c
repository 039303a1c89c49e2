/*
 * What hosts keep of their modules (agent/host/keep.h), held so that it outlives them: descriptors
 * as the host gave them, handed to the next host of the service with the module. The newest base is
 * also a file, hosts/SERVICE/MODULE.state (hosts_writer.h), for the case that the agent ends as
 * well; the journal is not, so after that a module has the state of its base.
 *
 * Nothing here looks into what is kept: the host that gets it does.
 */
#include "agent/hosts_keep.h"

#include "agent/hosts_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE_DRAIN_MS 500 /* for a base that nobody asked for, as the host has it */
#define LEAF_ROOM     (LOCKSTEP_NAME_MAX + 16)

/* ---- files ---------------------------------------------------------------------------------- */

static bool path_of(const struct lockstep_hosts *hosts, uint8_t service,
                    const struct lockstep_name *module, const char *ending,
                    char ret_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1])
{
    char leaf[LEAF_ROOM];
    (void)snprintf(leaf, sizeof(leaf), "%s.%s", module->text, ending);
    return lockstep_hosts_files_path(hosts, service, leaf, ret_path, NULL) == LOCKSTEP_OK;
}

static void write_file(const struct lockstep_hosts_kept *kept)
{
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    if (path_of(kept->hosts, kept->service, &kept->module, "state", path)) {
        lockstep_hosts_writer_put(kept->hosts, path, kept->base_fd);
    }
}

/* ---- what is held --------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static void close_fds(struct lockstep_hosts_kept *kept)
{
    close_fd(&kept->base_fd);
    close_fd(&kept->journal_fd);
    close_fd(&kept->back_fd);
}

static struct lockstep_hosts_kept *find(const struct lockstep_hosts *hosts, uint8_t service,
                                        const struct lockstep_name *module,
                                        const struct lockstep_hosts_process *owner)
{
    struct lockstep_hosts_kept *kept = hosts->kept;
    while (kept != NULL && (kept->service != service || kept->owner != owner ||
                            !lockstep_name_equal(&kept->module, module))) {
        kept = kept->next;
    }
    return kept;
}

static void drop(struct lockstep_hosts_kept *kept)
{
    struct lockstep_hosts_kept **place = &kept->hosts->kept;
    while (*place != kept) {
        place = &(*place)->next;
    }
    *place = kept->next;
    close_fds(kept);
    free(kept);
}

static int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

void lockstep_hosts_keep_take(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts *hosts = process->hosts;
    struct lockstep_hostwire_entry *entry = &hosts->in->entries[0];
    struct lockstep_hosts_kept *kept;
    if (hosts->in->entries_count != 1) {
        return;
    }
    kept = find(hosts, process->service, &entry->module, process);
    if (kept == NULL) {
        kept = calloc(1, sizeof(*kept));
        if (kept == NULL) {
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "no memory to keep module=%s",
                         entry->module.text);
            return;
        }
        *kept = (struct lockstep_hosts_kept){.next = hosts->kept,
                                             .hosts = hosts,
                                             .owner = process,
                                             .service = process->service,
                                             .module = entry->module,
                                             .base_fd = -1,
                                             .journal_fd = -1,
                                             .back_fd = -1};
        hosts->kept = kept;
    }
    if (kept->whole && !entry->whole && entry->back_fd >= 0) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts",
                     "going back would lose writes from now on: the journal was full module=%s",
                     kept->module.text);
    }
    close_fds(kept);
    kept->generation = entry->generation;
    kept->stateful = entry->schema != 0;
    kept->whole = entry->whole;
    kept->finalized = entry->finalized;
    kept->base_fd = take_fd(&entry->state_fd);
    kept->journal_fd = take_fd(&entry->journal_fd);
    kept->back_fd = take_fd(&entry->back_fd);
    if (process->role == LOCKSTEP_HOSTS_SERVING) {
        write_file(kept);
    }
}

void lockstep_hosts_keep_serve(const struct lockstep_hosts_process *process)
{
    for (struct lockstep_hosts_kept *kept = process->hosts->kept; kept != NULL; kept = kept->next) {
        if (kept->owner == process) {
            write_file(kept);
        }
    }
}

bool lockstep_hosts_keep_leads_back(const struct lockstep_hosts_process *process)
{
    const struct lockstep_hosts_kept *kept = process->hosts->kept;
    while (kept != NULL && (kept->owner != process || kept->back_fd < 0)) {
        kept = kept->next;
    }
    return kept != NULL;
}

/* Another process that serves has it, too, or it was not one of those: the dead one's counts no
 * more. */
static bool is_elsewhere(const struct lockstep_hosts_kept *kept)
{
    const struct lockstep_hosts_kept *other = kept->hosts->kept;
    if (kept->owner->role != LOCKSTEP_HOSTS_SERVING) {
        return true;
    }
    while (other != NULL &&
           (other->owner == NULL || other->owner == kept->owner ||
            other->owner->role != LOCKSTEP_HOSTS_SERVING || other->service != kept->service ||
            other->generation < kept->generation ||
            !lockstep_name_equal(&other->module, &kept->module))) {
        other = other->next;
    }
    return other != NULL;
}

void lockstep_hosts_keep_orphan(struct lockstep_hosts_process *process)
{
    struct lockstep_hosts_kept *next = NULL;
    for (struct lockstep_hosts_kept *kept = process->hosts->kept; kept != NULL; kept = next) {
        struct lockstep_hosts_kept *older;
        next = kept->next;
        if (kept->owner != process) {
            continue;
        }
        if (is_elsewhere(kept)) {
            drop(kept);
            continue;
        }
        older = find(kept->hosts, kept->service, &kept->module, NULL);
        kept->owner = NULL;
        if (older != NULL) {
            next = next == older ? older->next : next;
            drop(older);
        }
    }
}

static int duplicate(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

bool lockstep_hosts_keep_give(struct lockstep_hosts_process *process,
                              struct lockstep_hostwire_entry *ret_entry)
{
    struct lockstep_hosts *hosts = process->hosts;
    const struct lockstep_hosts_kept *kept = find(hosts, process->service, &ret_entry->module,
                                                  NULL);
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    if (process->role != LOCKSTEP_HOSTS_SERVING) {
        return false; /* a successor is given the state by who serves */
    }
    if (kept != NULL) {
        ret_entry->state_fd = duplicate(kept->base_fd);
        ret_entry->journal_fd = duplicate(kept->journal_fd);
        ret_entry->back_fd = duplicate(kept->back_fd);
        ret_entry->whole = kept->whole;
        ret_entry->finalized = kept->finalized && kept->generation == ret_entry->generation;
    } else if (path_of(hosts, process->service, &ret_entry->module, "state", path)) {
        lockstep_hosts_writer_await(hosts, path);
        ret_entry->state_fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return ret_entry->state_fd >= 0 || ret_entry->journal_fd >= 0;
}

void lockstep_hosts_keep_given(struct lockstep_hosts_process *process,
                               const struct lockstep_name *module)
{
    struct lockstep_hosts_kept *kept = find(process->hosts, process->service, module, NULL);
    if (kept != NULL) {
        drop(kept);
    }
}

void lockstep_hosts_keep_refused(struct lockstep_hosts_process *process,
                                 const struct lockstep_name *module, const char *why)
{
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char aside[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts",
                 "state lost module=%s: it begins without what was kept, which is put aside in "
                 "%s.state.refused cause=%s",
                 module->text, module->text, why);
    lockstep_hosts_keep_given(process, module);
    if (path_of(process->hosts, process->service, module, "state", path) &&
        path_of(process->hosts, process->service, module, "state.refused", aside)) {
        lockstep_hosts_writer_await(process->hosts, path);
        (void)rename(path, aside);
    }
}

void lockstep_hosts_keep_deinit(struct lockstep_hosts *hosts)
{
    while (hosts->kept != NULL) {
        drop(hosts->kept);
    }
    hosts->writer = lockstep_hosts_writer_free(hosts->writer);
}

/* ---- bases ---------------------------------------------------------------------------------- */

/* Nobody waits for the answers: the next time comes by itself. */
void lockstep_hosts_keep_base(void *context)
{
    struct lockstep_hosts *hosts = context;
    uint64_t every_ms = hosts->config.settings.state_base;
    for (struct lockstep_hosts_kept *kept = hosts->kept; kept != NULL; kept = kept->next) {
        if (kept->owner == NULL || !lockstep_hosts_serves(kept->owner, kept->service) ||
            !kept->stateful) {
            continue;
        }
        lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_BASE);
        memcpy(hosts->out->text, kept->module.text, sizeof(kept->module.text));
        hosts->out->drain_ms = BASE_DRAIN_MS;
        (void)lockstep_hosts_send(kept->owner, NULL);
    }
    if (every_ms > 0) {
        lockstep_timer_arm(hosts->loop, &hosts->bases,
                           lockstep_time_after(lockstep_loop_now(hosts->loop), every_ms));
    }
}
