/* Whoever looks at what runs, for the core: health checks, the calls that fail, and the smoke tests
 * of what has just become live. */
#include "agent/checkup.h"
#include "agent/core/error_rate.h"
#include "agent/driver_internal.h"

#include "common/io/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SMOKING_MAX    (2 * LOCKSTEP_ITEMS_MAX)
#define SMOKE_BEGIN_MS 1  /* the set is about to be live */
#define SMOKE_LOOK_MS  50 /* between two questions whether they still run */

struct watched {
    struct lockstep_name name;
    struct lockstep_error_watch watch;
};

/* A module whose smoke tests run. */
struct smoking {
    bool used;
    bool asked; /* a question is under way */
    uint8_t service;
    struct lockstep_name module;
    uint64_t generation;
    struct lockstep_time begun; /* LOCKSTEP_TIME_NEVER: not yet */
};

struct lockstep_driver_health {
    struct lockstep_timer smoke_timer;
    struct smoking smoking[SMOKING_MAX];
    struct lockstep_checkups *checkups;
    struct lockstep_timer timer;
    size_t count;
    struct watched list[LOCKSTEP_NODE_MODULES_MAX];
    struct lockstep_hosts_module modules[LOCKSTEP_NODE_MODULES_MAX];
};

static void found(void *context, const struct lockstep_finding *finding)
{
    struct lockstep_node_agent *agent = context;
    lockstep_agent_unhealthy(agent->core, lockstep_loop_now(agent->loop), finding, agent->actions);
    lockstep_driver_act(agent);
}

static bool is_shut(void *context, uint8_t service, const struct lockstep_name *module)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_hosts_module *modules = agent->health->modules;
    size_t count = lockstep_hosts_status(agent->hosts, modules, LOCKSTEP_NODE_MODULES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (modules[i].service == service &&
            (modules[i].gate == LOCKSTEP_GATE_DRAINING ||
             modules[i].gate == LOCKSTEP_GATE_DRAINED) &&
            (module == NULL || lockstep_name_equal(&modules[i].module, module))) {
            return true;
        }
    }
    return false;
}

/* ---- calls that fail ------------------------------------------------------------------------ */

static struct lockstep_error_watch *watch_of(struct lockstep_driver_health *health,
                                             const struct lockstep_name *name)
{
    for (size_t i = 0; i < health->count; i++) {
        if (lockstep_name_equal(&health->list[i].name, name)) {
            return &health->list[i].watch;
        }
    }
    if (health->count == LOCKSTEP_NODE_MODULES_MAX) {
        return NULL;
    }
    health->list[health->count] = (struct watched){.name = *name};
    return &health->list[health->count++].watch;
}

static void judge(struct lockstep_node_agent *agent, const struct lockstep_hosts_module *module,
                  const struct lockstep_error_rate *rate)
{
    const struct lockstep_defaults *settings = &agent->config.config->settings;
    const struct lockstep_error_rate_rule rule = {
        settings->error_rate_calls, settings->error_rate_chance, settings->error_rate_permille};
    struct lockstep_time now = lockstep_loop_now(agent->loop);
    char text[LOCKSTEP_TEXT_MAX + 1];
    const struct lockstep_finding finding = {.service = module->service,
                                             .module = &module->module,
                                             .no = LOCKSTEP_NO_HEALTH,
                                             .text = text,
                                             .since = now,
                                             .begun = now};
    if (!lockstep_error_rate_is_worse(rate, &rule)) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " of %" PRIu64 " calls of %s failed, %" PRIu64 " of %" PRIu64
                   " of the version before; by chance alone with p = %.2g",
                   rate->after_failed, rate->after_calls, module->module.text, rate->before_failed,
                   rate->before_calls, lockstep_error_rate_chance(rate));
    found(agent, &finding);
}

/* What hosts told last may be of before a publish: only what is live by the journal is judged. */
static void look_at_errors(void *context)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_driver_health *health = agent->health;
    size_t count = lockstep_hosts_status(agent->hosts, health->modules, LOCKSTEP_NODE_MODULES_MAX);
    lockstep_timer_arm(agent->loop, &health->timer,
                       lockstep_time_after(lockstep_loop_now(agent->loop),
                                           agent->config.config->settings.heartbeat));
    for (size_t i = 0; i < count; i++) {
        const struct lockstep_hosts_module *module = &health->modules[i];
        const struct lockstep_agent_module *row = lockstep_agent_module(agent->core,
                                                                        &module->module);
        struct lockstep_error_watch *watch = module->differs ? NULL
                                                             : watch_of(health, &module->module);
        if (watch == NULL || row == NULL) {
            continue;
        }
        lockstep_error_watch_see(watch, &module->digest, module->now, module->failed_now);
        if (row->current.generation == module->generation &&
            lockstep_digest_equal(&row->current.digest, &module->digest)) {
            judge(agent, module, &watch->rate);
        }
    }
}

/* ---- smoke tests ---------------------------------------------------------------------------- */

static void smoke_again(struct lockstep_node_agent *agent, uint64_t ms)
{
    lockstep_timer_arm(agent->loop, &agent->health->smoke_timer,
                       lockstep_time_after(lockstep_loop_now(agent->loop), ms));
}

/* A newer version of the module takes the place of the one before. */
static struct smoking *smoking_of(struct lockstep_driver_health *health,
                                  const struct lockstep_name *module)
{
    struct smoking *place = NULL;
    for (size_t i = 0; i < LOCKSTEP_COUNT(health->smoking); i++) {
        struct smoking *smoking = &health->smoking[i];
        if (smoking->used && lockstep_name_equal(&smoking->module, module)) {
            return smoking;
        }
        place = place == NULL && !smoking->used && !smoking->asked ? smoking : place;
    }
    return place;
}

void lockstep_driver_smoke(struct lockstep_node_agent *agent, const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; i < duty->order.item_count && !duty->order.no_smoke; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        const struct lockstep_agent_module *module = lockstep_agent_module(agent->core,
                                                                           &item->module);
        struct smoking *smoking = smoking_of(agent->health, &item->module);
        if (!lockstep_duty_changes(duty, i) || lockstep_digest_is_zero(&item->digest) ||
            module == NULL) {
            continue;
        }
        if (smoking == NULL) {
            lockstep_log(LOCKSTEP_LEVEL_WARNING, "smoke", "too many at once, left out module=%s",
                         item->module.text);
            continue;
        }
        smoking->used = true;
        smoking->service = module->service;
        smoking->module = item->module;
        smoking->generation = item->generation;
        smoking->begun = LOCKSTEP_TIME_NEVER;
        smoke_again(agent, SMOKE_BEGIN_MS);
    }
}

static void ask_smokes(void *context)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_driver_health *health = agent->health;
    for (uint32_t i = 0; i < LOCKSTEP_COUNT(health->smoking); i++) {
        struct smoking *smoking = &health->smoking[i];
        if (!smoking->used || smoking->asked) {
            continue;
        }
        smoking->asked = true;
        if (!lockstep_time_set(smoking->begun)) {
            smoking->begun = lockstep_loop_now(agent->loop);
        }
        lockstep_hosts_smoke(agent->hosts, i, smoking->service, &smoking->module,
                             smoking->generation);
    }
}

void lockstep_driver_smoked(void *context, const struct lockstep_work_result *result)
{
    struct lockstep_node_agent *agent = context;
    struct smoking *smoking = &agent->health->smoking[result->ticket];
    smoking->asked = false;
    if (!lockstep_time_set(smoking->begun) || result->no == LOCKSTEP_NO_BUSY) {
        smoke_again(agent, SMOKE_LOOK_MS); /* or it was about the version before */
        return;
    }
    smoking->used = false;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "smoke", "live module=%s generation=%" PRIu64 " %s",
                 smoking->module.text, smoking->generation, result->ok ? "ok" : result->text);
    if (!result->ok && result->no == LOCKSTEP_NO_SMOKE) {
        const struct lockstep_finding finding = {.service = smoking->service,
                                                 .module = &smoking->module,
                                                 .no = LOCKSTEP_NO_SMOKE,
                                                 .text = result->text,
                                                 .since = smoking->begun,
                                                 .begun = smoking->begun};
        found(agent, &finding);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

enum lockstep_err lockstep_driver_open_health(struct lockstep_node_agent *agent,
                                              struct lockstep_error *err)
{
    const struct lockstep_checkups_config config = {agent->config.config, agent->core, found,
                                                    is_shut, agent};
    agent->health = calloc(1, sizeof(*agent->health));
    if (agent->health == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the agent");
    }
    agent->health->timer = (struct lockstep_timer){.due = look_at_errors, .context = agent};
    agent->health->smoke_timer = (struct lockstep_timer){.due = ask_smokes, .context = agent};
    lockstep_timer_arm(agent->loop, &agent->health->timer, lockstep_loop_now(agent->loop));
    return lockstep_checkups_new(agent->loop, &config, &agent->health->checkups, err);
}

void lockstep_driver_close_health(struct lockstep_node_agent *agent)
{
    if (agent->health != NULL) {
        lockstep_timer_disarm(agent->loop, &agent->health->timer);
        lockstep_timer_disarm(agent->loop, &agent->health->smoke_timer);
        (void)lockstep_checkups_free(agent->health->checkups);
        free(agent->health);
        agent->health = NULL;
    }
}
