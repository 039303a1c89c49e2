#include "common/io/config_exec.h"

#include "common/io/value.h"

const cyaml_schema_field_t lockstep_config_exec_fields[] = {
#define VERB(name, key, text)                                              \
    LOCKSTEP_CONFIG_LIST(struct lockstep_config_raw_exec, #key, key.items, \
                         &lockstep_config_text_schema),
    LOCKSTEP_VERBS_TABLE(VERB)
#undef VERB
        LOCKSTEP_CONFIG_TEXT(struct lockstep_config_raw_exec, output),
    CYAML_FIELD_END};

/* Nothing of the agent's environment reaches a verb, so a program is not looked for in a path. */
static enum lockstep_err take_verb(const struct lockstep_config_file *file, const char *key,
                                   const struct lockstep_config_raw_list *raw,
                                   struct lockstep_config_list *ret_list,
                                   struct lockstep_error *err)
{
    if (raw->items_count == 0) {
        return lockstep_config_fail(file, "exec", NULL, err,
                                    "%s is missing: a service is driven by all five verbs", key);
    }
    if (raw->items[0][0] != '/') {
        return lockstep_config_fail(file, key, raw->items[0], err,
                                    "%.80s: write the program's path in full", raw->items[0]);
    }
    return lockstep_config_list_take(file, key, raw, NULL, ret_list, err);
}

static enum lockstep_err take_output(const struct lockstep_config_file *file, const char *text,
                                     uint64_t *ret_bytes, struct lockstep_error *err)
{
    *ret_bytes = LOCKSTEP_CONFIG_OUTPUT;
    if (text != NULL && (!lockstep_size_parse(text, ret_bytes) || *ret_bytes < 1 ||
                         *ret_bytes > LOCKSTEP_CONFIG_OUTPUT_MAX)) {
        return lockstep_config_fail(file, "output", text, err, "%.80s is no size from 1 to 64KiB",
                                    text);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_config_exec_take(const struct lockstep_config_file *file,
                                            const struct lockstep_config_raw_exec *raw,
                                            struct lockstep_config_exec *ret_exec,
                                            struct lockstep_error *err)
{
    *ret_exec = (struct lockstep_config_exec){.given = raw != NULL};
    if (raw == NULL) {
        return LOCKSTEP_OK;
    }
#define TAKE(name, key, text) \
    LOCKSTEP_TRY(take_verb(file, #key, &raw->key, &ret_exec->verbs[LOCKSTEP_VERB_##name], err));
    LOCKSTEP_VERBS_TABLE(TAKE)
#undef TAKE
    return take_output(file, raw->output, &ret_exec->output_max, err);
}

void lockstep_config_exec_deinit(struct lockstep_config_exec *exec)
{
    for (size_t i = 0; i < LOCKSTEP_VERB_COUNT; i++) {
        lockstep_config_list_deinit(&exec->verbs[i]);
    }
    exec->given = false;
}
