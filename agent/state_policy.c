/* The node's own word on going back: `rollback_at_least` of its configuration. */
#include "agent/state_policy.h"

#include <string.h>

static enum lockstep_rollback class_named(const char *text)
{
    for (int i = LOCKSTEP_ROLLBACK_LOSSLESS; i <= LOCKSTEP_ROLLBACK_NONE; i++) {
        if (strcmp(lockstep_rollback_text((enum lockstep_rollback)i), text) == 0) {
            return (enum lockstep_rollback)i;
        }
    }
    return LOCKSTEP_ROLLBACK_UNSPECIFIED;
}

/* "CLASS" is for all modules, "MODULE=CLASS" for one, which counts more. */
static enum lockstep_rollback least_for(const struct lockstep_config_list *rows,
                                        const struct lockstep_name *module)
{
    size_t length = strlen(module->text);
    enum lockstep_rollback least = LOCKSTEP_ROLLBACK_UNSPECIFIED;
    for (size_t i = 0; i < rows->count; i++) {
        const char *row = rows->items[i];
        if (strncmp(row, module->text, length) == 0 && row[length] == '=') {
            return class_named(row + length + 1);
        }
        least = strchr(row, '=') == NULL ? class_named(row) : least;
    }
    return least;
}

bool lockstep_state_allows(struct lockstep_node_agent *agent, const struct lockstep_item *item,
                           struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_known *known = lockstep_admit_known(agent, &item->digest);
    const struct lockstep_agent_module *module = lockstep_agent_module(agent->core, &item->module);
    const struct lockstep_known *live = module == NULL
                                            ? NULL
                                            : lockstep_admit_known(agent, &module->loaded.digest);
    enum lockstep_rollback least = least_for(&agent->config.config->rollback_at_least,
                                             &item->module);
    bool rises = known != NULL && live != NULL && live->state_schema > 0 &&
                 known->state_schema > live->state_schema;
    if (least == LOCKSTEP_ROLLBACK_UNSPECIFIED || !rises ||
        !lockstep_digest_is_zero(&item->leaving) ||
        (known->rollback != LOCKSTEP_ROLLBACK_UNSPECIFIED && known->rollback <= least)) {
        return true;
    }
    (void)lockstep_refuse(ret_refusal, LOCKSTEP_NO_STATE,
                          "going back from %s %s is %s, and this node wants at least %s "
                          "(rollback_at_least)",
                          item->module.text, known->version,
                          known->rollback == LOCKSTEP_ROLLBACK_UNSPECIFIED
                              ? "not known"
                              : lockstep_rollback_text(known->rollback),
                          lockstep_rollback_text(least));
    return false;
}
