/* Options of the command, as rows: the global ones and each command's own (common/io/options.h). */
#ifndef LOCKSTEP_COORDINATOR_CLI_COMMAND_OPTIONS_H
#define LOCKSTEP_COORDINATOR_CLI_COMMAND_OPTIONS_H

#include "coordinator/cli/command.h"

#define LOCKSTEP_OPTIONS_GLOBAL    17
#define LOCKSTEP_OPTIONS_RELOAD    22
#define LOCKSTEP_OPTIONS_UNDO      11
#define LOCKSTEP_OPTIONS_RECONCILE 14
#define LOCKSTEP_OPTIONS_RESUME    1
#define LOCKSTEP_OPTIONS_LIST      1
#define LOCKSTEP_OPTIONS_CHECK     1
#define LOCKSTEP_OPTIONS_EVENTS    4
#define LOCKSTEP_OPTIONS_PIN       2
#define LOCKSTEP_OPTIONS_ADMIT     2
#define LOCKSTEP_OPTIONS_DRAIN     2
#define LOCKSTEP_OPTIONS_PUSH      8
#define LOCKSTEP_OPTIONS_TOKEN     2
#define LOCKSTEP_OPTIONS_KEY       2
#define LOCKSTEP_OPTIONS_TOOL      1
#define LOCKSTEP_OPTIONS_PURGE     2

extern const struct lockstep_option lockstep_options_global[LOCKSTEP_OPTIONS_GLOBAL];
extern const struct lockstep_option lockstep_options_reload[LOCKSTEP_OPTIONS_RELOAD];
extern const struct lockstep_option lockstep_options_undo[LOCKSTEP_OPTIONS_UNDO];
extern const struct lockstep_option lockstep_options_reconcile[LOCKSTEP_OPTIONS_RECONCILE];
extern const struct lockstep_option lockstep_options_resume[LOCKSTEP_OPTIONS_RESUME];
extern const struct lockstep_option lockstep_options_list[LOCKSTEP_OPTIONS_LIST];
extern const struct lockstep_option lockstep_options_check[LOCKSTEP_OPTIONS_CHECK];
extern const struct lockstep_option lockstep_options_events[LOCKSTEP_OPTIONS_EVENTS];
extern const struct lockstep_option lockstep_options_pin[LOCKSTEP_OPTIONS_PIN];
extern const struct lockstep_option lockstep_options_admit[LOCKSTEP_OPTIONS_ADMIT];
extern const struct lockstep_option lockstep_options_drain[LOCKSTEP_OPTIONS_DRAIN];
extern const struct lockstep_option lockstep_options_push[LOCKSTEP_OPTIONS_PUSH];
extern const struct lockstep_option lockstep_options_token[LOCKSTEP_OPTIONS_TOKEN];
extern const struct lockstep_option lockstep_options_key[LOCKSTEP_OPTIONS_KEY];
extern const struct lockstep_option lockstep_options_tool[LOCKSTEP_OPTIONS_TOOL];
extern const struct lockstep_option lockstep_options_purge[LOCKSTEP_OPTIONS_PURGE];

#endif
