/* What a set makes of the whole: its order, what it requires, and the table that callers see. */
#include "agent/host/set.h"

#include "common/base/version.h"

#include <stdlib.h>
#include <string.h>

struct lockstep_module_line *lockstep_sets_line(const struct lockstep_sets *sets, const char *name)
{
    struct lockstep_module_line *line = sets->lines;
    while (line != NULL && strcmp(line->name.text, name) != 0) {
        line = line->next;
    }
    return line;
}

static const struct lockstep_set_item *item_of(const struct lockstep_set *set, const char *module)
{
    for (; set != NULL; set = set->also) {
        for (size_t i = 0; i < set->count; i++) {
            if (strcmp(set->items[i].line->name.text, module) == 0) {
                return &set->items[i];
            }
        }
    }
    return NULL;
}

struct lockstep_image *lockstep_sets_image(const struct lockstep_sets *sets,
                                           const struct lockstep_set *set, const char *module)
{
    const struct lockstep_set_item *item = item_of(set, module);
    const struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    if (item != NULL) {
        return item->image;
    }
    return line == NULL ? NULL : line->live;
}

static bool has_needs(const struct lockstep_sets *sets, const struct lockstep_set *set,
                      const struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_module_need *needs = image->identity.needs;
    for (size_t i = 0; i < LOCKSTEP_MODULE_REQUIRES && needs[i].module[0] != '\0'; i++) {
        const struct lockstep_image *found = lockstep_sets_image(sets, set, needs[i].module);
        if (found == NULL) {
            return lockstep_host_refuse(ret_refusal, "DEPENDENCY",
                                        "%s requires %s, which is not there", image->name.text,
                                        needs[i].module);
        }
        if (!lockstep_version_at_least(found->version, needs[i].version)) {
            return lockstep_host_refuse(ret_refusal, "DEPENDENCY", "%s requires %s %s, not %s",
                                        image->name.text, needs[i].module, needs[i].version,
                                        found->version);
        }
    }
    return true;
}

bool lockstep_sets_complete(const struct lockstep_sets *sets, const struct lockstep_set *set,
                            struct lockstep_refusal *ret_refusal)
{
    for (const struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        const struct lockstep_image *image = lockstep_sets_image(sets, set, line->name.text);
        if (image != NULL && !has_needs(sets, set, image, ret_refusal)) {
            return false;
        }
    }
    return true;
}

/* True if item I requires none of the items from FIRST on. */
static bool is_free(const struct lockstep_set *set, size_t first, size_t i)
{
    for (size_t j = first; j < set->count; j++) {
        if (j != i && set->items[i].image != NULL &&
            lockstep_image_needs(set->items[i].image, set->items[j].line->name.text)) {
            return false;
        }
    }
    return true;
}

static void swap_items(struct lockstep_set *set, size_t a, size_t b)
{
    struct lockstep_set_item item = set->items[a];
    set->items[a] = set->items[b];
    set->items[b] = item;
}

void lockstep_set_sort(struct lockstep_set *set)
{
    for (size_t first = 0; first < set->count; first++) {
        size_t i = first;
        while (i < set->count && !is_free(set, first, i)) {
            i++;
        }
        if (i < set->count) {
            swap_items(set, first, i);
        }
    }
}

/* What is not a tool is called by the service alone. */
static int refuse_call(struct lockstep_call *call)
{
    static const char text[] = "this is a function of the service's, and no tool";
    (void)call->answer->write(call->answer, text, sizeof(text) - 1);
    return -1;
}

/* Functions are counted behind the tools. */
static void fill_functions(struct lockstep_gate_table *table, struct lockstep_module_line *line,
                           const struct lockstep_image *image, uint64_t generation)
{
    bool stateful = image->identity.state_schema != 0;
    for (uint32_t i = 0; i < image->module.functions_count; i++) {
        const struct lockstep_function *function = &image->module.functions[i];
        table->entries[table->count++] = (struct lockstep_gate_entry){
            .name = function->name,
            .call = refuse_call,
            .function = function->function,
            .signature = function->signature,
            .gate = &line->gate,
            .mask = stateful ? ~0U : LOCKSTEP_SHUT_ANY,
            .expected = stateful ? lockstep_gate_owner(image->index) : 0,
            .module = line->name.text,
            .version = image->version,
            .description = "",
            .tool = image->module.tools_count + i,
            .image = image->index,
            .generation = generation,
        };
    }
}

static void fill_entries(struct lockstep_gate_table *table, struct lockstep_module_line *line,
                         const struct lockstep_image *image, uint64_t generation)
{
    bool stateful = image->identity.state_schema != 0;
    bool journals = lockstep_keep_journals(image);
    for (uint32_t i = 0; i < image->module.tools_count; i++) {
        const struct lockstep_tool *tool = &image->module.tools[i];
        table->entries[table->count++] = (struct lockstep_gate_entry){
            .name = tool->name,
            .call = tool->call,
            .keep = journals && (tool->flags & LOCKSTEP_TOOL_MUTATES) != 0 ? &line->keep : NULL,
            .gate = &line->gate,
            .mask = stateful ? ~0U : LOCKSTEP_SHUT_ANY,
            .expected = stateful ? lockstep_gate_owner(image->index) : 0,
            .module = line->name.text,
            .version = image->version,
            .description = tool->description == NULL ? "" : tool->description,
            .schema = tool->schema,
            .flags = tool->flags,
            .tool = i,
            .image = image->index,
            .generation = generation,
        };
    }
}

static int by_name(const void *a, const void *b)
{
    const struct lockstep_gate_entry *left = a;
    const struct lockstep_gate_entry *right = b;
    return strcmp(left->name, right->name);
}

static bool has_twins(const struct lockstep_gate_table *table, struct lockstep_refusal *ret_refusal)
{
    for (size_t i = 1; i < table->count; i++) {
        if (strcmp(table->entries[i - 1].name, table->entries[i].name) == 0) {
            (void)lockstep_host_refuse(ret_refusal, "DUPLICATE", "tool %s is in %s and in %s",
                                       table->entries[i].name, table->entries[i - 1].module,
                                       table->entries[i].module);
            return true;
        }
    }
    return false;
}

static uint64_t generation_of(const struct lockstep_set *set,
                              const struct lockstep_module_line *line)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (set->items[i].line == line) {
            return set->items[i].generation;
        }
    }
    return line->generation;
}

struct lockstep_gate_table *lockstep_sets_table(const struct lockstep_sets *sets,
                                                const struct lockstep_set *set,
                                                struct lockstep_refusal *ret_refusal)
{
    struct lockstep_gate_table *table;
    size_t count = 0;
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        const struct lockstep_image *image = lockstep_sets_image(sets, set, line->name.text);
        count += image == NULL ? 0 : image->module.tools_count + image->module.functions_count;
    }
    table = calloc(1, sizeof(*table) + count * sizeof(table->entries[0]));
    if (table == NULL) {
        (void)lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a table of %zu tools",
                                   count);
        return NULL;
    }
    for (struct lockstep_module_line *line = sets->lines; line != NULL; line = line->next) {
        const struct lockstep_image *image = lockstep_sets_image(sets, set, line->name.text);
        if (image != NULL) {
            fill_entries(table, line, image, generation_of(set, line));
            fill_functions(table, line, image, generation_of(set, line));
        }
    }
    qsort(table->entries, table->count, sizeof(table->entries[0]), by_name);
    if (has_twins(table, ret_refusal)) {
        free(table);
        return NULL;
    }
    return table;
}
