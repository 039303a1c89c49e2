/* What the coordinator does about drift without being asked. */
#include "coordinator/automatic.h"
#include "coordinator/documents_internal.h"

#include <stdio.h>

static json_t *modules_of(const struct lockstep_standing *standing)
{
    json_t *modules = json_array();
    for (uint32_t i = 0; i < standing->module_count; i++) {
        (void)json_array_append_new(modules, json_string(standing->modules[i].text));
    }
    return modules;
}

/* Of mode auto: the order that is in force. */
static json_t *order_of(const struct lockstep_standing *standing)
{
    return json_pack("{s:o, s:o, s:i, s:o}", "order", lockstep_json_id(&standing->order),
                     "until_unix_ms", lockstep_json_time(standing->not_after_unix_ms),
                     "max_changes_percent", (int)standing->max_changes_percent, "modules",
                     modules_of(standing));
}

json_t *lockstep_json_mode(const struct lockstep_view *view)
{
    static const struct lockstep_reconcile_row nobodys = {.mode = LOCKSTEP_MODE_OBSERVE};
    const struct lockstep_automatic *automatic = view->automatic;
    const struct lockstep_reconcile_row *row = automatic == NULL ? &nobodys : &automatic->row;
    json_t *mode = json_pack("{s:s, s:o, s:o}", "mode", lockstep_mode_text(row->mode),
                             "since_unix_ms", lockstep_json_time(row->since_unix_ms), "who",
                             lockstep_json_word(row->signer));
    return row->mode == LOCKSTEP_MODE_AUTO
               ? lockstep_json_join(mode, order_of(&automatic->standing))
               : mode;
}

static void alarm_order(const struct lockstep_automatic *automatic, json_t *alarms)
{
    char words[LOCKSTEP_STANDING_WORDS];
    char text[LOCKSTEP_DOCUMENT_LINE];
    lockstep_standing_words(&automatic->standing, words);
    (void)snprintf(text, sizeof(text), "nothing is reconciled without being asked: the %s, is over",
                   words);
    (void)json_array_append_new(
        alarms, json_pack("{s:s, s:n, s:n, s:n, s:s, s:s}", "code", "order-over", "node", "module",
                          "operation", "text", text, "next", "lockstep reconcile --mode auto"));
}

static void alarm_damped(const struct lockstep_view *view, const struct lockstep_damping_row *row,
                         json_t *alarms)
{
    const char *module = view->fleet->modules[row->module].name.text;
    char text[LOCKSTEP_DOCUMENT_LINE];
    char next[LOCKSTEP_DOCUMENT_COMMAND];
    (void)snprintf(text, sizeof(text),
                   "%s had to be moved again and again: its %s is left alone for a while",
                   view->fleet->nodes[row->node].name.text, module);
    (void)snprintf(next, sizeof(next), "lockstep events %s", module);
    (void)json_array_append_new(alarms,
                                json_pack("{s:s, s:o, s:s, s:n, s:s, s:s}", "code", "damped",
                                          "node", lockstep_json_node(view, row->node), "module",
                                          module, "operation", "text", text, "next", next));
}

void lockstep_alarm_automatic(const struct lockstep_view *view, json_t *alarms)
{
    const struct lockstep_automatic *automatic = view->automatic;
    if (automatic == NULL || automatic->row.mode != LOCKSTEP_MODE_AUTO) {
        return;
    }
    if (view->now_unix_ms > automatic->standing.not_after_unix_ms) {
        alarm_order(automatic, alarms);
    }
    for (uint32_t i = 0; i < LOCKSTEP_DAMPING_MAX; i++) {
        const struct lockstep_damping_row *row = &automatic->damping.rows[i];
        if (row->damped && row->node < view->fleet->node_count &&
            row->module < view->fleet->module_count) {
            alarm_damped(view, row, alarms);
        }
    }
}
