/* What was called, of each tool and version. */
#include "agent/hosts_internal.h"

#include <stdlib.h>
#include <string.h>

#define TOOLS_MAX 8192 /* of one process */

void lockstep_hosts_counts_deinit(struct lockstep_hosts_tools *tools)
{
    free(tools->items);
    *tools = (struct lockstep_hosts_tools){0};
}

void lockstep_hosts_counts_ask(struct lockstep_hosts_process *process)
{
    lockstep_hosts_counts_deinit(&process->tools_coming);
    lockstep_hostwire_reset(process->hosts->out, LOCKSTEP_HOSTWIRE_COUNTS);
    (void)lockstep_hosts_send(process, NULL);
}

static void add(struct lockstep_hosts_tools *tools, const struct lockstep_hostwire_entry *entry)
{
    struct lockstep_hosts_tool *tool;
    if (tools->count == tools->room) {
        size_t room = tools->room == 0 ? 16 : tools->room * 2;
        struct lockstep_hosts_tool *items = room > TOOLS_MAX
                                                ? NULL
                                                : realloc(tools->items, room * sizeof(*items));
        if (items == NULL) {
            return;
        }
        tools->items = items;
        tools->room = room;
    }
    tool = &tools->items[tools->count++];
    *tool = (struct lockstep_hosts_tool){.module = entry->module,
                                         .live = entry->state == LOCKSTEP_HOSTWIRE_STATE_LIVE,
                                         .calls = entry->calls,
                                         .failed = entry->failed,
                                         .in_flight = entry->in_flight};
    memcpy(tool->tool, entry->tool, sizeof(tool->tool));
    memcpy(tool->version, entry->version, sizeof(tool->version));
}

void lockstep_hosts_counts_take(struct lockstep_hosts_process *process)
{
    const struct lockstep_hostwire_message *message = process->hosts->in;
    for (size_t i = 0; i < message->entries_count; i++) {
        if (message->entries[i].tool[0] != '\0') {
            add(&process->tools_coming, &message->entries[i]);
        }
    }
    if (!message->more) {
        lockstep_hosts_counts_deinit(&process->tools);
        process->tools = process->tools_coming;
        process->tools_coming = (struct lockstep_hosts_tools){0};
    }
}

/* ---- together ------------------------------------------------------------------------------- */

static bool says_more(const struct lockstep_hosts_tool *a, const struct lockstep_hosts_tool *b)
{
    bool a_holds = !a->live && a->in_flight > 0;
    bool b_holds = !b->live && b->in_flight > 0;
    if (a_holds != b_holds) {
        return a_holds;
    }
    return a->in_flight != b->in_flight ? a->in_flight > b->in_flight : a->calls > b->calls;
}

static bool same_tool(const struct lockstep_hosts_tool *a, const struct lockstep_hosts_tool *b)
{
    return a->live == b->live && strcmp(a->tool, b->tool) == 0 &&
           strcmp(a->version, b->version) == 0;
}

/* All processes' counts of one tool. */
static struct lockstep_hosts_tool sum_of(const struct lockstep_hosts *hosts, uint8_t service,
                                         const struct lockstep_hosts_tool *tool)
{
    struct lockstep_hosts_tool sum = *tool;
    sum.calls = sum.failed = sum.in_flight = 0;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        for (size_t i = 0; process->service == service && i < process->tools.count; i++) {
            const struct lockstep_hosts_tool *other = &process->tools.items[i];
            if (same_tool(tool, other)) {
                sum.calls += other->calls;
                sum.failed += other->failed;
                sum.in_flight += other->in_flight;
            }
        }
    }
    return sum;
}

/* Puts TOOL where it belongs among the COUNT that say most; what says least falls out. */
static size_t insert(struct lockstep_hosts_tool *tools, size_t count, size_t room,
                     const struct lockstep_hosts_tool *tool)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (same_tool(&tools[i], tool)) {
            return count; /* of another process, and counted */
        }
    }
    while (at < count && !says_more(tool, &tools[at])) {
        at++;
    }
    if (at == room) {
        return count;
    }
    count += count < room ? 1 : 0;
    memmove(&tools[at + 1], &tools[at], (count - at - 1) * sizeof(*tools));
    tools[at] = *tool;
    return count;
}

size_t lockstep_hosts_counts(const struct lockstep_hosts *hosts, uint8_t service,
                             const struct lockstep_name *module,
                             struct lockstep_hosts_tool *ret_tools, size_t room)
{
    size_t count = 0;
    for (const struct lockstep_hosts_process *process = hosts->processes; process != NULL;
         process = process->next) {
        for (size_t i = 0; process->service == service && i < process->tools.count; i++) {
            const struct lockstep_hosts_tool *tool = &process->tools.items[i];
            if (lockstep_name_equal(&tool->module, module)) {
                const struct lockstep_hosts_tool sum = sum_of(hosts, service, tool);
                count = insert(ret_tools, count, room, &sum);
            }
        }
    }
    return count;
}
