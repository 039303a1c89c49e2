/* Which nodes: by name and by selector. */
#include "coordinator/driver_internal.h"

#include "common/io/selector.h"
#include "common/io/value.h"

static enum lockstep_err apply_selector(const struct lockstep_coordinator *coordinator,
                                        const char *selector, bool *selected,
                                        struct lockstep_error *err)
{
    uint32_t left = 0;
    LOCKSTEP_TRY(lockstep_selector_check(selector, err));
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        selected[i] = selected[i] &&
                      lockstep_selector_matches(selector, coordinator->views[i].row.labels);
        left += selected[i] ? 1 : 0;
    }
    return left > 0
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, INVALID, "the selector '%.100s' matches no node", selector);
}

static const char *node_at(const void *words, size_t i)
{
    const struct lockstep_coordinator *coordinator = words;
    return i < coordinator->fleet.node_count ? coordinator->nodes[i].name.text : NULL;
}

/* INVALID, with the nearest name that there is. */
static enum lockstep_err unknown_node(const struct lockstep_coordinator *coordinator,
                                      const char *name, struct lockstep_error *err)
{
    const char *nearest = lockstep_spelling_nearest(name, node_at, coordinator);
    return nearest == NULL
               ? LOCKSTEP_FAIL(err, INVALID, "there is no node '%s'; lockstep node ls shows them",
                               name)
               : LOCKSTEP_FAIL(err, INVALID, "there is no node '%s'; did you mean %s?", name,
                               nearest);
}

static const char *module_at(const void *words, size_t i)
{
    const struct lockstep_fleet *fleet = words;
    return i < fleet->module_count ? fleet->modules[i].name.text : NULL;
}

enum lockstep_err lockstep_control_module(const struct lockstep_coordinator *coordinator,
                                          const struct lockstep_name *module,
                                          struct lockstep_error *err)
{
    const struct lockstep_fleet *fleet = &coordinator->fleet;
    const char *name = module->text;
    const char *nearest;
    if (lockstep_fleet_module(fleet, module) != NULL) {
        return LOCKSTEP_OK;
    }
    nearest = lockstep_spelling_nearest(name, module_at, fleet);
    return nearest == NULL
               ? LOCKSTEP_FAIL(err, INVALID, "no module is called %s; lockstep module ls", name)
               : LOCKSTEP_FAIL(err, INVALID, "no module is called %s; did you mean %s?", name,
                               nearest);
}

enum lockstep_err lockstep_control_node(const struct lockstep_coordinator *coordinator,
                                        const char *name, uint32_t *ret_node,
                                        struct lockstep_error *err)
{
    int64_t node = lockstep_driver_node(coordinator, name);
    if (node < 0) {
        return unknown_node(coordinator, name, err);
    }
    *ret_node = (uint32_t)node;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_control_select(struct lockstep_coordinator *coordinator,
                                          const char *selector, const struct lockstep_name *nodes,
                                          uint32_t node_count, bool *ret_selected,
                                          struct lockstep_error *err)
{
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        ret_selected[i] = node_count == 0 && !coordinator->views[i].row.gone;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        uint32_t node = 0;
        LOCKSTEP_TRY(lockstep_control_node(coordinator, nodes[i].text, &node, err));
        ret_selected[node] = true;
    }
    return selector[0] == '\0' ? LOCKSTEP_OK
                               : apply_selector(coordinator, selector, ret_selected, err);
}
