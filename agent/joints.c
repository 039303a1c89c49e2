#include "agent/joints.h"

#include "agent/core/finding.h"
#include "agent/exec.h"
#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A duty with modules of both kinds, or of verbs only. */
struct joint {
    bool used;
    struct lockstep_id operation;
    uint32_t ticket; /* of the work under way; 0: none */
    enum lockstep_work work;
    bool hosts;    /* the verbs' part is done, the hosts' is under way */
    bool stateful; /* the hosts said that they have to migrate */
};

struct lockstep_joints {
    struct lockstep_exec *exec;
    struct joint rows[LOCKSTEP_AGENT_DUTIES];
};

/* ---- the exec driver's events ---------------------------------------------------------------- */

static uint8_t service_of(const struct lockstep_node_agent *agent, const struct lockstep_name *name)
{
    uint8_t service = lockstep_agent_service(agent->core, name);
    ASSERT(service != LOCKSTEP_SERVICE_NONE); /* it was added from the same configuration */
    return service;
}

/* What runs is what the pointer rows say: the exec driver sees to that before it says up. */
static void on_up(void *context, const struct lockstep_name *name)
{
    struct lockstep_node_agent *agent = context;
    static struct lockstep_live live[LOCKSTEP_NODE_MODULES_MAX];
    uint8_t service = service_of(agent, name);
    uint32_t count = 0;
    for (uint32_t i = 0; i < agent->core->module_count; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        if (module->service == service && !lockstep_digest_is_zero(&module->current.digest)) {
            live[count++] = (struct lockstep_live){module->name, module->current.generation,
                                                   module->current.digest};
        }
    }
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "service %s is driven by verbs and runs %u modules",
                 name->text, count);
    lockstep_agent_host_up(agent->core, lockstep_loop_now(agent->loop), service, live, count,
                           agent->actions);
    lockstep_driver_act(agent);
}

static void on_lost(void *context, const struct lockstep_name *name)
{
    struct lockstep_node_agent *agent = context;
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent",
                 "nobody knows what service %s runs: going back failed, and is tried again",
                 name->text);
    lockstep_agent_host_lost(agent->core, lockstep_loop_now(agent->loop), service_of(agent, name),
                             agent->actions);
    lockstep_driver_act(agent);
}

static void on_unhealthy(void *context, const struct lockstep_exec_item *item,
                         struct lockstep_time since, const char *text)
{
    struct lockstep_node_agent *agent = context;
    const struct lockstep_finding finding = {.service = service_of(agent, &item->service),
                                             .module = &item->module,
                                             .no = LOCKSTEP_NO_HEALTH,
                                             .text = text,
                                             .since = since,
                                             .begun = since};
    lockstep_agent_unhealthy(agent->core, lockstep_loop_now(agent->loop), &finding, agent->actions);
    lockstep_driver_act(agent);
}

static bool holds(void *context, const struct lockstep_exec_item *item)
{
    const struct lockstep_node_agent *agent = context;
    const struct lockstep_agent_module *module = lockstep_agent_module(agent->core, &item->module);
    return module != NULL && module->current.generation >= item->generation;
}

static bool is_open(void *context, const struct lockstep_id *operation)
{
    const struct lockstep_node_agent *agent = context;
    return lockstep_agent_duty(agent->core, operation) != NULL;
}

static void on_done(void *context, const struct lockstep_work_result *result)
{
    lockstep_joints_worked(context, result);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static struct joint *find(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct joint *joint = &agent->joints->rows[i];
        if (joint->used && lockstep_id_equal(&joint->operation, operation)) {
            return joint;
        }
    }
    return NULL;
}

/* There are as many rows as duties, so one of them is the operation's, free, or of an old one. */
static struct joint *get(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    struct joint *joint = find(agent, operation);
    for (size_t i = 0; joint == NULL && i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct joint *row = &agent->joints->rows[i];
        if (!row->used || lockstep_agent_duty(agent->core, &row->operation) == NULL) {
            *row = (struct joint){.used = true, .operation = *operation};
            joint = row;
        }
    }
    ASSERT(joint != NULL);
    return joint;
}

static struct joint *find_ticket(struct lockstep_node_agent *agent, uint32_t ticket)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct joint *joint = &agent->joints->rows[i];
        if (joint->used && ticket != 0 && joint->ticket == ticket) {
            return joint;
        }
    }
    return NULL;
}

/* ---- parts ----------------------------------------------------------------------------------- */

bool lockstep_joints_drives(const struct lockstep_node_agent *agent,
                            const struct lockstep_agent_module *module)
{
    return module != NULL && module->service < agent->core->service_count &&
           lockstep_exec_drives(agent->joints->exec, &agent->core->services[module->service].name);
}

bool lockstep_joints_fits(const struct lockstep_node_agent *agent,
                          const struct lockstep_agent_module *module,
                          const struct lockstep_known *known, struct lockstep_refusal *refusal)
{
    bool verbs = lockstep_joints_drives(agent, module);
    if (verbs == (known->driver == LOCKSTEP_DRIVER_EXEC)) {
        return true;
    }
    (void)lockstep_refuse(refusal, LOCKSTEP_NO_NO_HOST,
                          verbs ? "service '%s' of this node is driven by verbs, and this version "
                                  "is not signed for that (driver: exec)"
                                : "this version is brought by verbs (driver: exec), and service "
                                  "'%s' of this node has none",
                          known->service.text);
    return false;
}

/* The items of the duty that verbs bring; how many. */
static size_t collect(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                      struct lockstep_exec_item *ret_items)
{
    size_t count = 0;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        const struct lockstep_agent_module *module = lockstep_agent_module(agent->core,
                                                                           &item->module);
        struct lockstep_exec_item *row = &ret_items[count];
        const struct lockstep_known *known;
        if (!lockstep_duty_changes(duty, i) || !lockstep_joints_drives(agent, module)) {
            continue;
        }
        memset(row, 0, sizeof(*row));
        row->module = item->module;
        row->service = agent->core->services[module->service].name;
        row->generation = item->generation;
        row->digest = item->digest;
        row->previous = module->current.digest;
        known = lockstep_admit_known(agent, &item->digest);
        if (known != NULL) {
            memcpy(row->version, known->version, sizeof(row->version));
        }
        count++;
    }
    return count;
}

bool lockstep_joints_begin(struct lockstep_node_agent *agent, uint32_t ticket,
                           const struct lockstep_duty *duty, enum lockstep_work work)
{
    static struct lockstep_exec_item items[LOCKSTEP_ITEMS_MAX];
    const struct lockstep_exec_set set = {.operation = duty->order.operation,
                                          .items = items,
                                          .items_count = collect(agent, duty, items)};
    struct joint *joint;
    if (set.items_count == 0) {
        return false;
    }
    joint = get(agent, &duty->order.operation);
    joint->ticket = ticket;
    joint->work = work;
    joint->hosts = false;
    switch (work) {
    case LOCKSTEP_WORK_PROBE:
        lockstep_exec_validate(agent->joints->exec, ticket, &set);
        break;
    case LOCKSTEP_WORK_MAP:
        lockstep_exec_prepare(agent->joints->exec, ticket, &set);
        break;
    case LOCKSTEP_WORK_MIGRATE:
        lockstep_exec_apply(agent->joints->exec, ticket, &duty->order.operation);
        break;
    case LOCKSTEP_WORK_NONE:
    case LOCKSTEP_WORK_ADMIT:
    case LOCKSTEP_WORK_PUBLISH:
        UNREACHABLE("the verbs have no part in it");
    }
    return true;
}

static void begin_hosts(struct lockstep_node_agent *agent, struct joint *joint,
                        const struct lockstep_duty *duty)
{
    const struct lockstep_work_result done = {.ticket = joint->ticket, .ok = true};
    joint->hosts = true;
    if (joint->work == LOCKSTEP_WORK_PROBE) {
        lockstep_works_probe_hosts(agent, joint->ticket, duty);
    } else if (joint->work == LOCKSTEP_WORK_MAP) {
        lockstep_works_map_hosts(agent, joint->ticket, duty);
    } else if (joint->stateful) {
        lockstep_works_migrate_hosts(agent, joint->ticket, duty);
    } else {
        lockstep_joints_worked(agent, &done);
    }
}

/* Both parts are done, or one cannot be. Verbs always have to be run before the pointer row, so a
 * set that they have a part in is stateful. */
static void end(struct lockstep_node_agent *agent, struct joint *joint,
                const struct lockstep_work_result *result)
{
    struct lockstep_work_result both = *result;
    bool undo = joint->hosts && !result->ok && joint->work == LOCKSTEP_WORK_MIGRATE;
    if (joint->hosts && joint->work == LOCKSTEP_WORK_MAP) {
        joint->stateful = result->stateful;
    }
    both.stateful = true;
    joint->ticket = 0;
    if (undo) {
        joint->ticket = result->ticket; /* comes back, as a result of the verbs */
        joint->hosts = false;
        lockstep_exec_undo(agent->joints->exec, &both, &joint->operation);
    } else {
        lockstep_driver_worked(agent, &both);
    }
}

void lockstep_joints_worked(struct lockstep_node_agent *agent,
                            const struct lockstep_work_result *result)
{
    struct joint *joint = find_ticket(agent, result->ticket);
    const struct lockstep_duty *duty = lockstep_driver_by_ticket(agent, result->ticket);
    if (joint == NULL) {
        lockstep_driver_worked(agent, result);
    } else if (result->ok && !joint->hosts && duty != NULL) {
        begin_hosts(agent, joint, duty);
    } else {
        end(agent, joint, result);
    }
}

void lockstep_joints_point(struct lockstep_node_agent *agent, const struct lockstep_duty *duty)
{
    bool held = true;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        const struct lockstep_agent_module *module = lockstep_agent_module(agent->core,
                                                                           &item->module);
        held = held && (module == NULL || module->current.generation >= item->generation);
    }
    (held ? lockstep_exec_keep : lockstep_exec_fall)(agent->joints->exec, &duty->order.operation);
}

void lockstep_joints_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    struct joint *joint = find(agent, operation);
    if (joint != NULL) {
        joint->used = false;
    }
    lockstep_exec_drop(agent->joints->exec, operation);
}

void lockstep_joints_retire(struct lockstep_node_agent *agent, const struct lockstep_id *operation)
{
    lockstep_exec_retire(agent->joints->exec, operation);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum lockstep_err lockstep_joints_open(struct lockstep_node_agent *agent,
                                       struct lockstep_error *err)
{
    const struct lockstep_config_agent *config = agent->config.config;
    const struct lockstep_exec_config exec = {.data_directory = config->data,
                                              .artifacts = agent->artifacts,
                                              .services = config->services,
                                              .services_count = config->service_count,
                                              .settings = config->settings,
                                              .done = on_done,
                                              .holds = holds,
                                              .open = is_open,
                                              .up = on_up,
                                              .lost = on_lost,
                                              .unhealthy = on_unhealthy,
                                              .context = agent};
    agent->joints = calloc(1, sizeof(*agent->joints));
    if (agent->joints == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the agent");
    }
    LOCKSTEP_TRY(lockstep_exec_new(agent->loop, &exec, &agent->joints->exec, err));
    lockstep_exec_begin(agent->joints->exec);
    return LOCKSTEP_OK;
}

void lockstep_joints_free(struct lockstep_node_agent *agent)
{
    if (agent->joints != NULL) {
        agent->joints->exec = lockstep_exec_free(agent->joints->exec);
        free(agent->joints);
        agent->joints = NULL;
    }
}
