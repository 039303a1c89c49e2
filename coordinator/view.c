#include "coordinator/view.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more of COUNT elements of SIZE bytes, at most LOCKSTEP_NODE_MODULES_MAX. */
static bool grow(void **list, uint32_t count, uint32_t *max, size_t size)
{
    uint32_t bigger = *max == 0 ? 1 : *max * 2; /* many nodes, of few modules each */
    void *moved;
    if (count < *max) {
        return true;
    }
    if (count >= LOCKSTEP_NODE_MODULES_MAX) {
        return false;
    }
    moved = realloc(*list, bigger * size);
    if (moved == NULL) {
        return false;
    }
    *list = moved;
    *max = bigger;
    return true;
}

bool lockstep_view_add_live(struct lockstep_node_view *view, const struct lockstep_live *live)
{
    void *list = view->live;
    for (uint32_t i = 0; i < view->live_count; i++) {
        if (lockstep_name_equal(&view->live[i].module, &live->module)) {
            view->live[i] = *live;
            return true;
        }
    }
    if (!grow(&list, view->live_count, &view->live_max, sizeof(*view->live))) {
        return false;
    }
    view->live = list;
    view->live[view->live_count++] = *live;
    return true;
}

void lockstep_view_report(struct lockstep_node_view *view,
                          const struct lockstep_wire_report *report, uint64_t now_unix_ms)
{
    if (!view->report_begun) {
        view->module_count = 0;
    }
    for (uint32_t i = 0; i < report->module_count; i++) {
        void *list = view->modules;
        if (!grow(&list, view->module_count, &view->module_max, sizeof(*view->modules))) {
            break;
        }
        view->modules = list;
        view->modules[view->module_count++] = report->modules[i];
    }
    view->report_begun = report->more;
    view->report_unix_ms = now_unix_ms;
    view->disk_free_bytes = report->disk_free_bytes;
    view->memory_used_percent = report->memory_used_percent;
    view->host_restarts = report->host_restarts;
    view->host_recycles = report->host_recycles;
}

const struct lockstep_wire_module *lockstep_view_module(const struct lockstep_node_view *view,
                                                        const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < view->module_count; i++) {
        if (lockstep_name_equal(&view->modules[i].module, module)) {
            return &view->modules[i];
        }
    }
    return NULL;
}

void lockstep_node_view_deinit(struct lockstep_node_view *view)
{
    free(view->live);
    free(view->modules);
    memset(view, 0, sizeof(*view));
}

static void count_return(struct lockstep_node_view *view, struct lockstep_time now)
{
    if (view->came_back == 0 || now.ms - view->came_back_first.ms >= LOCKSTEP_VIEW_CLONE_FOR) {
        view->came_back = 0;
        view->came_back_first = now;
    }
    view->came_back++;
}

bool lockstep_view_run(struct lockstep_node_view *view, struct lockstep_time now,
                       const struct lockstep_id *run)
{
    size_t at = 0;
    while (at < LOCKSTEP_VIEW_RUNS - 1 && !lockstep_id_equal(&view->runs[at], run)) {
        at++;
    }
    if (at > 0 && lockstep_id_equal(&view->runs[at], run)) {
        count_return(view, now);
    }
    memmove(&view->runs[1], &view->runs[0], at * sizeof(view->runs[0]));
    view->runs[0] = *run;
    return view->came_back >= LOCKSTEP_VIEW_CLONE;
}
