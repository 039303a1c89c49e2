/* Private to config*.c: the block `exec` of a service. */
#ifndef LOCKSTEP_IO_CONFIG_EXEC_H
#define LOCKSTEP_IO_CONFIG_EXEC_H

#include "common/io/config_yaml.h"

/* The block as libcyaml has it: a list of words a verb. */
struct lockstep_config_raw_exec {
#define LOCKSTEP_CONFIG_RAW_VERB(name, key, text) struct lockstep_config_raw_list key;
    LOCKSTEP_VERBS_TABLE(LOCKSTEP_CONFIG_RAW_VERB)
#undef LOCKSTEP_CONFIG_RAW_VERB
    char *output;
};
extern const cyaml_schema_field_t lockstep_config_exec_fields[];

/* Takes RAW, NULL if the service has no such block. Deinit *RET_EXEC whatever is returned. */
enum lockstep_err lockstep_config_exec_take(const struct lockstep_config_file *file,
                                            const struct lockstep_config_raw_exec *raw,
                                            struct lockstep_config_exec *ret_exec,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_config_exec_deinit(struct lockstep_config_exec *exec);

#endif
