/* Modules of this node: what may be ordered, and where pointers go. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

#include <string.h>

struct lockstep_agent_module *lockstep_agent_module(const struct lockstep_agent *agent,
                                                    const struct lockstep_name *name)
{
    for (uint32_t i = 0; i < agent->module_count; i++) {
        if (lockstep_name_equal(&agent->modules[i].name, name)) {
            return &agent->modules[i];
        }
    }
    return NULL;
}

struct lockstep_agent_module *lockstep_agent_add_module(struct lockstep_agent *agent,
                                                        const struct lockstep_name *name)
{
    struct lockstep_agent_module *module = lockstep_agent_module(agent, name);
    if (module == NULL && agent->module_count < agent->module_max) {
        module = &agent->modules[agent->module_count++];
        memset(module, 0, sizeof(*module));
        module->name = *name;
        module->service = LOCKSTEP_SERVICE_NONE;
    }
    return module;
}

bool lockstep_module_is_told(const struct lockstep_agent *agent,
                             const struct lockstep_agent_module *module)
{
    return module->service >= agent->service_count || agent->services[module->service].up;
}

bool lockstep_module_refused(const struct lockstep_agent *agent,
                             const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < agent->refused_count; i++) {
        if (lockstep_digest_equal(&agent->refused[i], digest)) {
            return true;
        }
    }
    return false;
}

bool lockstep_module_has(const struct lockstep_agent *agent, const struct lockstep_item *item)
{
    const struct lockstep_agent_module *module = lockstep_agent_module(agent, &item->module);
    return module == NULL ? lockstep_digest_is_zero(&item->digest)
                          : lockstep_digest_equal(&module->current.digest, &item->digest);
}

/* A host that is up says what it serves; one that is not will start with what is current. */
static bool serves(const struct lockstep_agent *agent, const struct lockstep_item *item)
{
    const struct lockstep_agent_module *module = lockstep_agent_module(agent, &item->module);
    bool up = module != NULL && module->service < agent->service_count &&
              lockstep_module_is_told(agent, module);
    return lockstep_module_has(agent, item) &&
           (!up || lockstep_digest_equal(&module->loaded.digest, &item->digest));
}

uint64_t lockstep_order_changes(const struct lockstep_agent *agent,
                                const struct lockstep_prepare *order)
{
    uint64_t changes = 0;
    for (uint32_t i = 0; i < order->item_count; i++) {
        const struct lockstep_agent_module *module = lockstep_agent_module(agent,
                                                                           &order->items[i].module);
        bool again = order->again && module != NULL &&
                     module->loaded.generation < order->items[i].generation;
        if (again || !serves(agent, &order->items[i])) {
            changes |= UINT64_C(1) << i;
        }
    }
    return changes;
}

enum lockstep_no lockstep_module_refusal(const struct lockstep_agent *agent,
                                         const struct lockstep_prepare *order,
                                         const struct lockstep_item *item)
{
    const struct lockstep_agent_module *module = lockstep_agent_module(agent, &item->module);
    if (module != NULL && item->generation <= module->generation) {
        return LOCKSTEP_NO_STALE_GENERATION;
    }
    if (lockstep_module_has(agent, item)) {
        return LOCKSTEP_NO_UNSPECIFIED;
    }
    if (lockstep_module_refused(agent, &item->digest)) {
        return LOCKSTEP_NO_QUARANTINED;
    }
    if (lockstep_kind_goes_back(order->kind)) {
        /* Going back leads to what this node recorded, and nowhere else. */
        bool leaves = module != NULL && module->has_previous &&
                      lockstep_digest_equal(&module->current.digest, &item->leaving) &&
                      lockstep_digest_equal(&module->previous.digest, &item->digest);
        return leaves ? LOCKSTEP_NO_UNSPECIFIED : LOCKSTEP_NO_NO_PREVIOUS;
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static void forget_previous(struct lockstep_agent_module *module)
{
    module->has_previous = false;
    module->previous = (struct lockstep_version){0};
}

/* The previous version is the last one with other bytes, or being without the module: bytes that
 * are loaded again are no other version, and undoing that leads to what ran before them. */
void lockstep_module_point(struct lockstep_agent_module *module,
                           const struct lockstep_prepare *order, struct lockstep_item *item)
{
    bool same = lockstep_digest_equal(&module->current.digest, &item->digest);
    if (lockstep_kind_goes_back(order->kind)) {
        forget_previous(module); /* nobody goes back on going back */
    } else if (!same) {
        module->has_previous = true;
        module->previous = module->current;
    }
    item->leaving = module->current.digest;
    module->current = (struct lockstep_version){item->generation, item->digest};
    if (item->generation > module->generation) {
        module->generation = item->generation;
    }
}

bool lockstep_module_fall(struct lockstep_agent_module *module, const struct lockstep_item *item)
{
    if (lockstep_digest_equal(&item->leaving, &item->digest)) {
        return false;
    }
    module->current = module->previous;
    forget_previous(module);
    return true;
}
