/* Works of a duty that probes and hosts do. */
#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIAL_MS 10000

/* ---- trials ---------------------------------------------------------------------------------- */

void lockstep_works_end_trial(struct lockstep_trial *trial)
{
    if (!trial->used) {
        return;
    }
    for (size_t i = 0; i < trial->request->subjects_count; i++) {
        if (trial->request->subjects[i].config_fd >= 0) {
            (void)close(trial->request->subjects[i].config_fd);
        }
        if (trial->request->subjects[i].snapshot_fd >= 0) {
            (void)close(trial->request->subjects[i].snapshot_fd);
        }
    }
    (void)lockstep_probe_request_free(trial->request);
    memset(trial, 0, sizeof(*trial));
}

static struct lockstep_trial *find_trial(struct lockstep_node_agent *agent, uint32_t ticket)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->trials); i++) {
        if (agent->trials[i].used == (ticket != 0) && agent->trials[i].ticket == ticket) {
            return &agent->trials[i];
        }
    }
    return NULL;
}

/* The next stateful subject's live state, or, when there is none left, the trial itself. */
static void go_on(struct lockstep_node_agent *agent, struct lockstep_trial *trial)
{
    const struct lockstep_duty *duty = lockstep_agent_duty(agent->core, &trial->operation);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t ticket = trial->ticket;
    if (duty == NULL || duty->ticket != ticket) {
        lockstep_works_end_trial(trial);
        return;
    }
    while (trial->next < trial->request->subjects_count) {
        const struct lockstep_probe_expectation *expect =
            &trial->request->subjects[trial->next].expect;
        const struct lockstep_known *live;
        const struct lockstep_agent_module *module = lockstep_agent_module(agent->core,
                                                                           &expect->module);
        live = module == NULL ? NULL : lockstep_admit_known(agent, &module->loaded.digest);
        trial->next++;
        /* An older schema gets its state by `down` of the live version, which only a host has. */
        if (live != NULL && live->state_schema > 0 && expect->state_schema >= live->state_schema) {
            lockstep_hosts_snapshot(agent->hosts, ticket, module->service, &module->name,
                                    duty->order.drain_timeout_ms);
            return;
        }
    }
    if (lockstep_probes_start(agent->probes, ticket, trial->request, &err) != LOCKSTEP_OK) {
        lockstep_works_end_trial(trial);
        lockstep_driver_cannot(agent, ticket, LOCKSTEP_NO_INTERNAL, "%s", err.message);
    }
}

void lockstep_works_snapshot(void *context, const struct lockstep_work_result *result, int fd)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_trial *trial = find_trial(agent, result->ticket);
    if (trial == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    if (!result->ok) {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "tried without live state: %s",
                     result->text == NULL ? "" : result->text);
    }
    trial->request->subjects[trial->next - 1].snapshot_fd = result->ok ? fd : -1;
    go_on(agent, trial);
}

static void on_verdict(void *context, const struct lockstep_work_result *result,
                       const struct lockstep_probe_verdict *verdict)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_trial *trial = find_trial(agent, result->ticket);
    (void)verdict;
    if (trial != NULL) {
        lockstep_works_end_trial(trial);
    }
    lockstep_joints_worked(agent, result);
}

enum lockstep_err lockstep_works_open(struct lockstep_node_agent *agent, struct lockstep_error *err)
{
    struct lockstep_probes_config config = {
        .probe_path = agent->config.probe_path, .done = on_verdict, .context = agent};
    return lockstep_probes_new(agent->loop, &config, &agent->probes, err);
}

static bool add_subject(struct lockstep_node_agent *agent, const struct lockstep_item *item,
                        struct lockstep_probe_request *request, struct lockstep_error *err)
{
    struct lockstep_probe_subject *subject = &request->subjects[request->subjects_count];
    const struct lockstep_known *known = lockstep_admit_known(agent, &item->digest);
    const struct lockstep_copy *copy = NULL;
    if (lockstep_copies_get(agent, &item->module, &item->digest, &copy, err) != LOCKSTEP_OK) {
        return false;
    }
    lockstep_probe_subject_init(subject);
    (void)snprintf(subject->file, sizeof(subject->file), "%s", copy->path);
    subject->config_fd = lockstep_copies_config(agent, &item->module);
    subject->expect.module = item->module;
    subject->expect.digest = item->digest;
    if (known != NULL) {
        subject->expect.service = known->service;
        (void)snprintf(subject->expect.version, sizeof(subject->expect.version), "%s",
                       known->version);
        subject->expect.size = known->size;
        subject->expect.state_schema_given = true;
        subject->expect.state_schema = known->state_schema;
        if (known->state_schema > 0 && known->rollback != LOCKSTEP_ROLLBACK_UNSPECIFIED) {
            (void)lockstep_probe_rollback_parse(lockstep_rollback_text(known->rollback),
                                                &subject->expect.rollback);
        }
        subject->waives = known->waives;
    }
    request->subjects_count++;
    return true;
}

/* What is live beside the set, for what its modules require. */
static void add_present(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                        struct lockstep_probe_request *request)
{
    for (uint32_t i = 0; i < agent->core->module_count; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        const struct lockstep_known *known = lockstep_admit_known(agent, &module->loaded.digest);
        bool ordered = false;
        for (uint32_t j = 0; j < duty->order.item_count; j++) {
            ordered = ordered ||
                      (lockstep_name_equal(&duty->order.items[j].module, &module->name) &&
                       lockstep_duty_changes(duty, j));
        }
        if (known != NULL && !ordered && request->present_count < LOCKSTEP_PROBE_PRESENT_MAX) {
            struct lockstep_probe_requirement *row = &request->present[request->present_count++];
            row->module = module->name;
            (void)snprintf(row->version, sizeof(row->version), "%s", known->version);
        }
    }
}

/* True if a host has a part in item INDEX of the duty: something is to be done, and not by verbs.
 */
static bool is_for_host(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                        uint32_t index)
{
    return lockstep_duty_changes(duty, index) &&
           !lockstep_joints_drives(
               agent, lockstep_agent_module(agent->core, &duty->order.items[index].module));
}

void lockstep_works_probe(struct lockstep_node_agent *agent, uint32_t ticket,
                          const struct lockstep_duty *duty)
{
    if (!lockstep_joints_begin(agent, ticket, duty, LOCKSTEP_WORK_PROBE)) {
        lockstep_works_probe_hosts(agent, ticket, duty);
    }
}

void lockstep_works_probe_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                                const struct lockstep_duty *duty)
{
    struct lockstep_trial *trial = find_trial(agent, 0);
    const struct lockstep_papers *papers = lockstep_driver_papers(agent, &duty->order.operation);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool good = true;
    if (trial == NULL) {
        lockstep_driver_cannot(agent, ticket, LOCKSTEP_NO_BUSY, "too many trials at once");
        return;
    }
    *trial = (struct lockstep_trial){true, ticket, duty->order.operation, 0,
                                     lockstep_probe_request_new()};
    ASSERT(trial->request != NULL);
    trial->request->deadline_ms = duty->order.prepare_ms < TRIAL_MS ? duty->order.prepare_ms
                                                                    : TRIAL_MS;
    trial->request->smoke = !duty->order.no_smoke;
    if (papers != NULL) {
        memcpy(trial->request->extra, papers->extra, sizeof(trial->request->extra));
    }
    for (uint32_t i = 0; good && i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        good = lockstep_digest_is_zero(&item->digest) || !is_for_host(agent, duty, i) ||
               add_subject(agent, item, trial->request, &err);
    }
    if (!good) {
        lockstep_works_end_trial(trial);
        lockstep_driver_cannot(agent, ticket, LOCKSTEP_NO_STORAGE, "%s", err.message);
        return;
    }
    if (trial->request->subjects_count == 0) { /* the host has it all */
        lockstep_works_end_trial(trial);
        lockstep_joints_worked(agent, &(struct lockstep_work_result){.ticket = ticket, .ok = true});
        return;
    }
    add_present(agent, duty, trial->request);
    go_on(agent, trial);
}

/* ---- hosts ----------------------------------------------------------------------------------- */

/* True if that version is exchanged with its whole process. */
static bool is_swapped(struct lockstep_node_agent *agent, const struct lockstep_digest *digest)
{
    const struct lockstep_known *known = lockstep_digest_is_zero(digest)
                                             ? NULL
                                             : lockstep_admit_known(agent, digest);
    return known != NULL && known->driver == LOCKSTEP_DRIVER_SWAP;
}

/* What the host is to do with ITEM; one without a version is taken out. */
static bool add_item(struct lockstep_node_agent *agent, const struct lockstep_item *item,
                     struct lockstep_hosts_item *row, struct lockstep_error *err)
{
    const struct lockstep_agent_module *module = lockstep_agent_module(agent->core, &item->module);
    const struct lockstep_copy *copy = NULL;
    *row = (struct lockstep_hosts_item){.service = module->service,
                                        .module = item->module,
                                        .generation = item->generation,
                                        .digest = item->digest,
                                        .path = "",
                                        .config_fd = -1,
                                        .swap = is_swapped(agent, &item->digest) ||
                                                is_swapped(agent, &module->loaded.digest)};
    if (lockstep_digest_is_zero(&item->digest)) {
        return true;
    }
    if (lockstep_copies_get(agent, &item->module, &item->digest, &copy, err) != LOCKSTEP_OK) {
        return false;
    }
    row->path = copy->path;
    row->device = copy->device;
    row->inode = copy->inode;
    row->config_fd = lockstep_copies_config(agent, &item->module);
    return true;
}

void lockstep_works_map(struct lockstep_node_agent *agent, uint32_t ticket,
                        const struct lockstep_duty *duty)
{
    if (!lockstep_joints_begin(agent, ticket, duty, LOCKSTEP_WORK_MAP)) {
        lockstep_works_map_hosts(agent, ticket, duty);
    }
}

void lockstep_works_map_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                              const struct lockstep_duty *duty)
{
    struct lockstep_hosts_item items[LOCKSTEP_ITEMS_MAX];
    const struct lockstep_papers *papers = lockstep_driver_papers(agent, &duty->order.operation);
    struct lockstep_hosts_set set = {.operation = duty->order.operation,
                                     .items = items,
                                     .extra = papers == NULL ? "" : papers->extra,
                                     .no_smoke = duty->order.no_smoke};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool good = true;
    for (uint32_t i = 0; good && i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        if (!is_for_host(agent, duty, i)) {
            continue;
        }
        good = add_item(agent, item, &items[set.items_count], &err);
        set.items_count += good ? 1 : 0;
    }
    if (!good) {
        lockstep_driver_cannot(agent, ticket, LOCKSTEP_NO_STORAGE, "%s", err.message);
    } else if (set.items_count == 0) {
        lockstep_joints_worked(agent, &(struct lockstep_work_result){.ticket = ticket, .ok = true});
    } else {
        lockstep_hosts_map(agent->hosts, ticket, &set);
    }
    for (size_t i = 0; i < set.items_count; i++) {
        if (items[i].config_fd >= 0) {
            (void)close(items[i].config_fd);
        }
    }
}

void lockstep_works_migrate(struct lockstep_node_agent *agent, uint32_t ticket,
                            const struct lockstep_duty *duty)
{
    if (!lockstep_joints_begin(agent, ticket, duty, LOCKSTEP_WORK_MIGRATE)) {
        lockstep_works_migrate_hosts(agent, ticket, duty);
    }
}

/* What verbs brought is live already. */
void lockstep_works_publish(struct lockstep_node_agent *agent, uint32_t ticket,
                            const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        if (is_for_host(agent, duty, i)) {
            lockstep_hosts_publish(agent->hosts, ticket, &duty->order.operation);
            return;
        }
    }
    lockstep_driver_worked(agent, &(struct lockstep_work_result){.ticket = ticket, .ok = true});
}

void lockstep_works_migrate_hosts(struct lockstep_node_agent *agent, uint32_t ticket,
                                  const struct lockstep_duty *duty)
{
    lockstep_hosts_migrate(agent->hosts, ticket, &duty->order.operation, duty->order.drain,
                           duty->order.drain_timeout_ms);
}

void lockstep_works_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->trials); i++) {
        struct lockstep_trial *trial = &agent->trials[i];
        if (trial->used && lockstep_id_equal(&trial->operation, operation)) {
            lockstep_probes_cancel(agent->probes, trial->ticket);
            lockstep_works_end_trial(trial);
        }
    }
    lockstep_joints_drop(agent, operation);
    lockstep_hosts_drop(agent->hosts, operation);
}

void lockstep_works_retire(struct lockstep_node_agent *agent, const struct lockstep_duty *duty)
{
    struct lockstep_hosts_item items[LOCKSTEP_ITEMS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_version *left = &duty->left[i];
        const struct lockstep_agent_module *module = lockstep_agent_module(
            agent->core, &duty->order.items[i].module);
        if (left->generation != 0 && left->generation != module->current.generation &&
            !lockstep_joints_drives(agent, module)) {
            items[count++] = (struct lockstep_hosts_item){.service = module->service,
                                                          .module = module->name,
                                                          .generation = left->generation,
                                                          .by = duty->order.items[i].generation,
                                                          .config_fd = -1};
            /* A host does not map a retired file again: the next time it will be a new one. What
             * was loaded again from its own bytes has one already. */
            if (!lockstep_digest_equal(&left->digest, &module->current.digest)) {
                lockstep_copies_forget(agent, &module->name, &left->digest);
            }
        }
    }
    lockstep_joints_retire(agent, &duty->order.operation);
    if (count > 0) {
        lockstep_hosts_retire(agent->hosts, items, count);
    }
}

/* ---- starting -------------------------------------------------------------------------------- */

void lockstep_works_start(struct lockstep_node_agent *agent, uint8_t service)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    ASSERT(boot != NULL);
    if (lockstep_hosts_lives(agent->hosts, service)) {
        /* One of several has died once too often: all go, and what is started then goes back. */
        lockstep_hosts_end(agent->hosts, service);
    } else if (lockstep_copies_boot(agent, service, boot, &err) != LOCKSTEP_OK ||
               lockstep_hosts_start(agent->hosts, service, boot->entries, boot->count, &err) !=
                   LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "host of %s cannot be started: %s",
                     agent->core->services[service].name.text, err.message);
        if (!lockstep_hosts_lives(agent->hosts, service)) {
            agent->failed_services |= 1U << service;
            lockstep_loop_post(agent->loop, &agent->failed_starts);
        }
    }
    free(boot);
}

void lockstep_works_boot(struct lockstep_node_agent *agent, const struct lockstep_duty *duty)
{
    static struct lockstep_boot room; /* too large to be made and cleared in every operation */
    struct lockstep_boot *boot = &room;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t done = 0;
    lockstep_joints_point(agent, duty);
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_agent_module *module = lockstep_agent_module(
            agent->core, &duty->order.items[i].module);
        if (module == NULL || module->service == LOCKSTEP_SERVICE_NONE ||
            lockstep_joints_drives(agent, module) || (done & 1U << module->service) != 0) {
            continue;
        }
        done |= 1U << module->service;
        if (lockstep_copies_boot(agent, module->service, boot, &err) != LOCKSTEP_OK ||
            lockstep_hosts_boot(agent->hosts, module->service, boot->entries, boot->count, &err) !=
                LOCKSTEP_OK) {
            lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "the boot file of %s cannot be written: %s",
                         agent->core->services[module->service].name.text, err.message);
        }
    }
}
