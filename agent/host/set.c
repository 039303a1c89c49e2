#include "agent/host/set.h"

#include "agent/host/crash.h"
#include "agent/host/host_internal.h"
#include "agent/host/latch.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <string.h>
#include <sys/stat.h>

struct lockstep_set *lockstep_sets_find(struct lockstep_sets *sets,
                                        const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        if (sets->sets[i].used && lockstep_id_equal(&sets->sets[i].operation, operation)) {
            return &sets->sets[i];
        }
    }
    return NULL;
}

bool lockstep_sets_published(const struct lockstep_sets *sets, const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_PUBLISHED_MAX; i++) {
        if (!lockstep_id_is_zero(operation) && lockstep_id_equal(&sets->published[i], operation)) {
            return true;
        }
    }
    return false;
}

static struct lockstep_module_line *make_line(struct lockstep_sets *sets,
                                              const struct lockstep_name *name)
{
    struct lockstep_module_line *line = lockstep_sets_line(sets, name->text);
    if (line != NULL) {
        return line;
    }
    line = calloc(1, sizeof(*line));
    if (line != NULL) {
        line->name = *name;
        lockstep_bag_init(&line->residue);
        if (!lockstep_keep_init(&line->keep)) {
            free(line);
            return NULL;
        }
        line->next = sets->lines;
        sets->lines = line;
    }
    return line;
}

static struct lockstep_image *image_of_file(const struct lockstep_sets *sets,
                                            const struct lockstep_hostwire_entry *entry)
{
    struct lockstep_image *image = sets->images;
    while (image != NULL && (image->device != entry->device || image->inode != entry->inode)) {
        image = image->next;
    }
    return image;
}

static bool is_prepared_elsewhere(const struct lockstep_sets *sets, const struct lockstep_set *set,
                                  const char *module)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        const struct lockstep_set *other = &sets->sets[i];
        for (size_t j = 0; other->used && other != set && j < other->count; j++) {
            if (strcmp(other->items[j].line->name.text, module) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool admit(const struct lockstep_sets *sets, const struct lockstep_set *set,
                  const struct lockstep_hostwire_entry *entry, struct lockstep_refusal *ret_refusal)
{
    const char *module = entry->module.text;
    const struct lockstep_module_line *line = lockstep_sets_line(sets, module);
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].line->name.text, module) == 0) {
            return lockstep_host_refuse(ret_refusal, "DUPLICATE", "%s is in the set twice", module);
        }
    }
    if (is_prepared_elsewhere(sets, set, module)) {
        return lockstep_host_refuse(ret_refusal, "BUSY", "another operation is prepared on %s",
                                    module);
    }
    if (entry->generation == 0 || (line != NULL && entry->generation <= line->generation)) {
        return lockstep_host_refuse(ret_refusal, "STALE_GENERATION",
                                    "%s has generation %llu already", module,
                                    (unsigned long long)(line == NULL ? 0 : line->generation));
    }
    return true;
}

static void unmap_item(struct lockstep_sets *sets, struct lockstep_set_item *item)
{
    struct lockstep_image **link = &sets->images;
    uint32_t index = item->image->index;
    struct lockstep_image *next = item->image->next;
    while (*link != item->image) {
        link = &(*link)->next;
    }
    if (lockstep_image_unmap(item->image)) {
        *link = next;
        sets->spare[sets->spare_count++] = index;
    }
}

/* The loader goes by names: it would give out what it has by that one, whatever the file is now. */
static bool is_name_taken(const struct lockstep_sets *sets, const char *path)
{
    const struct lockstep_image *image = sets->images;
    while (image != NULL && strcmp(image->path, path) != 0) {
        image = image->next;
    }
    return image != NULL;
}

/* Uses the image of that copy if it is mapped, else maps it, if there is to be one. */
static bool find_or_map(struct lockstep_sets *sets, struct lockstep_set_item *item,
                        const struct lockstep_hostwire_entry *entry,
                        struct lockstep_refusal *ret_refusal)
{
    struct lockstep_image *image = image_of_file(sets, entry);
    uint32_t index = 0;
    if (entry->path[0] == '\0' && lockstep_digest_is_zero(&entry->digest)) {
        return true; /* nothing to map: it is taken out */
    }
    if (image != NULL) {
        if (image->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED || image->due || image->stuck ||
            strcmp(image->name.text, entry->module.text) != 0) {
            return lockstep_host_refuse(ret_refusal, "NOFILE",
                                        "this copy of %s is retired; make another",
                                        entry->module.text);
        }
        item->image = image;
        return true;
    }
    if (is_name_taken(sets, entry->path)) {
        return lockstep_host_refuse(ret_refusal, "NOFILE",
                                    "another file was mapped from %.127s; make another copy",
                                    entry->path);
    }
    if (!lockstep_sets_take_index(sets, &index, ret_refusal)) {
        return false;
    }
    image = lockstep_image_map(sets->host, entry, index, ret_refusal);
    if (image == NULL) {
        sets->spare[sets->spare_count++] = index;
        return false;
    }
    lockstep_host_api_init(&image->api);
    image->gate = &item->line->gate;
    image->next = sets->images;
    sets->images = image;
    item->image = image;
    item->mapped = true;
    return true;
}

static bool map_all(struct lockstep_sets *sets, struct lockstep_set *set,
                    const struct lockstep_hostwire_message *order,
                    struct lockstep_refusal *ret_refusal)
{
    for (size_t i = 0; i < order->entries_count; i++) {
        const struct lockstep_hostwire_entry *entry = &order->entries[i];
        struct lockstep_set_item *item = &set->items[set->count];
        if (!admit(sets, set, entry, ret_refusal)) {
            return false;
        }
        memset(item, 0, sizeof(*item));
        lockstep_bag_init(&item->residue);
        lockstep_kept_init(&item->kept);
        item->generation = entry->generation;
        item->line = make_line(sets, &entry->module);
        if (item->line == NULL) {
            return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for another module");
        }
        if (!find_or_map(sets, item, entry, ret_refusal)) {
            return false;
        }
        set->count++;
    }
    return true;
}

/* A module's configuration as text; NULL with *ret_size 0 if it has none. */
static bool read_config(int fd, char **ret_config, size_t *ret_size,
                        struct lockstep_refusal *ret_refusal)
{
    LOCKSTEP_FREE char *config = calloc(1, LOCKSTEP_MODULE_CONFIG_MAX + 2);
    size_t size = 0;
    ssize_t got = 1;
    if (config == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for a configuration");
    }
    while (fd >= 0 && got > 0 && size <= LOCKSTEP_MODULE_CONFIG_MAX) {
        got = pread(fd, config + size, LOCKSTEP_MODULE_CONFIG_MAX + 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0 || size > LOCKSTEP_MODULE_CONFIG_MAX) {
        return lockstep_host_refuse(ret_refusal, "STORAGE",
                                    "its configuration cannot be read, or is %s",
                                    "longer than 64 KiB");
    }
    *ret_config = config;
    *ret_size = size;
    config = NULL;
    return true;
}

static const struct lockstep_hostwire_entry *entry_of(const struct lockstep_hostwire_message *order,
                                                      const struct lockstep_set_item *item)
{
    for (size_t i = 0; i < order->entries_count; i++) {
        if (lockstep_name_equal(&order->entries[i].module, &item->line->name)) {
            return &order->entries[i];
        }
    }
    return NULL;
}

static bool load_item(struct lockstep_set_item *item, const struct lockstep_hostwire_message *order,
                      struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_hostwire_entry *entry = entry_of(order, item);
    char *config = NULL;
    size_t size = 0;
    ASSERT(entry != NULL);
    if (item->mapped) {
        if (!read_config(entry->config_fd, &config, &size, ret_refusal) ||
            !lockstep_image_load(item->image, config, size, ret_refusal)) {
            return false;
        }
        if (item->line->live == NULL &&
            !lockstep_item_begin(item, order->extra, entry, ret_refusal)) {
            return false;
        }
    }
    if (!lockstep_item_has_way(item, ret_refusal)) {
        return false;
    }
    return item->image == NULL || !order->smoke || lockstep_image_smoke(item->image, ret_refusal);
}

static bool fits(const struct lockstep_sets *sets, const struct lockstep_set *set,
                 struct lockstep_refusal *ret_refusal)
{
    struct lockstep_gate_table *table;
    if (!lockstep_sets_complete(sets, set, ret_refusal)) {
        return false;
    }
    table = lockstep_sets_table(sets, set, ret_refusal);
    free(table);
    return table != NULL;
}

/* Alone, and together with each set that is prepared: whichever is published first, no publish may
 * find a reason to fail. What modules ask of each other is between two of them, so pairs do. */
static bool fits_all(const struct lockstep_sets *sets, struct lockstep_set *set,
                     struct lockstep_refusal *ret_refusal)
{
    bool well = fits(sets, set, ret_refusal);
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX && well; i++) {
        if (sets->sets[i].used && &sets->sets[i] != set) {
            set->also = &sets->sets[i];
            well = fits(sets, set, ret_refusal);
        }
    }
    set->also = NULL;
    return well;
}

static bool prepare_items(struct lockstep_sets *sets, struct lockstep_set *set,
                          const struct lockstep_hostwire_message *order,
                          struct lockstep_refusal *ret_refusal)
{
    if (!map_all(sets, set, order, ret_refusal) ||
        !lockstep_functions_fit(sets->host, set, ret_refusal) ||
        !fits_all(sets, set, ret_refusal)) {
        return false;
    }
    lockstep_set_sort(set);
    for (size_t i = 0; i < set->count; i++) {
        const struct lockstep_set_item *item = &set->items[i];
        if (!load_item(&set->items[i], order, ret_refusal)) {
            return false;
        }
        set->stateful = set->stateful || lockstep_item_has_state(item);
    }
    return true;
}

struct lockstep_set *lockstep_sets_prepare(struct lockstep_sets *sets,
                                           const struct lockstep_hostwire_message *order,
                                           struct lockstep_refusal *ret_refusal)
{
    struct lockstep_set *set = lockstep_sets_find(sets, &order->operation);
    if (set != NULL) {
        return set;
    }
    if (lockstep_latched()) {
        (void)lockstep_host_refuse(ret_refusal, "INTERNAL", "the host library has latched: %s",
                                   lockstep_latch_text());
        return NULL;
    }
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX && set == NULL; i++) {
        set = sets->sets[i].used ? NULL : &sets->sets[i];
    }
    if (set == NULL) {
        (void)lockstep_host_refuse(ret_refusal, "BUSY", "%d operations are prepared",
                                   LOCKSTEP_SETS_MAX);
        return NULL;
    }
    *set = (struct lockstep_set){.operation = order->operation, .used = true};
    memcpy(set->extra, order->extra, sizeof(set->extra));
    if (!prepare_items(sets, set, order, ret_refusal)) {
        lockstep_sets_drop(sets, set);
        return NULL;
    }
    return set;
}

void lockstep_sets_drop(struct lockstep_sets *sets, struct lockstep_set *set)
{
    lockstep_sets_reopen(sets, set);
    while (set->count > 0) {
        struct lockstep_set_item *item = &set->items[--set->count];
        lockstep_bag_deinit(&item->residue);
        lockstep_kept_deinit(&item->kept);
        if (item->mapped) {
            unmap_item(sets, item);
        }
    }
    set->used = false;
}

void lockstep_sets_drop_open(struct lockstep_sets *sets)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        if (sets->sets[i].used && !sets->sets[i].closed) {
            lockstep_sets_drop(sets, &sets->sets[i]);
        }
    }
}

static void make_live(struct lockstep_set_item *item)
{
    struct lockstep_module_line *line = item->line;
    struct lockstep_image *before = line->live;
    if (before != NULL && before != item->image) {
        before->state = LOCKSTEP_HOSTWIRE_STATE_PREVIOUS;
    }
    if (before != item->image) {
        lockstep_keep_take(&line->keep, &item->kept);
        line->restarted = item->restarted;
    }
    line->live = item->image;
    line->generation = item->generation;
    if (item->image == NULL) {
        lockstep_bag_deinit(&line->residue); /* what comes next begins anew */
        return;
    }
    item->image->state = LOCKSTEP_HOSTWIRE_STATE_LIVE;
    item->image->generation = item->generation;
    if (item->has_residue) {
        lockstep_bag_swap(&line->residue, &item->residue);
    }
    lockstep_bag_deinit(&item->residue);
}

/* Gates of stateful modules belong to the version whose state counts; of one that is taken out, to
 * none, also for whoever still holds a set that has it. */
static void own_gates(struct lockstep_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct lockstep_set_item *item = &set->items[i];
        const struct lockstep_image *image = item->image != NULL ? item->image : item->line->live;
        if (image != NULL && image->identity.state_schema != 0) {
            lockstep_gate_shut(&item->line->gate, LOCKSTEP_SHUT_SEAL);
            lockstep_gate_own(&item->line->gate,
                              item->image == NULL ? LOCKSTEP_IMAGES_MAX : image->index);
        }
    }
}

bool lockstep_sets_publish(struct lockstep_sets *sets, struct lockstep_set *set,
                           struct lockstep_refusal *ret_refusal)
{
    struct lockstep_gate_table *table;
    if (set->stateful && !set->closed) {
        return lockstep_host_refuse(ret_refusal, "STATE", "its state has not been handed over");
    }
    table = lockstep_sets_complete(sets, set, ret_refusal)
                ? lockstep_sets_table(sets, set, ret_refusal)
                : NULL;
    if (table == NULL) {
        lockstep_sets_reopen(sets, set);
        return false;
    }
    own_gates(set);
    lockstep_gate_publish(table);
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].line->live != NULL) {
            lockstep_crash_pardon(); /* another version may bear what killed this one */
        }
        make_live(&set->items[i]);
        if (sets->keep_changed != NULL) {
            sets->keep_changed(sets->keep_context, set->items[i].line);
        }
        lockstep_gate_open(&set->items[i].line->gate, LOCKSTEP_SHUT_SEAL);
    }
    lockstep_sets_reopen(sets, set);
    set->used = false;
    sets->published[sets->published_next] = set->operation;
    sets->published_next = (sets->published_next + 1) % LOCKSTEP_PUBLISHED_MAX;
    return true;
}

void lockstep_sets_deinit(struct lockstep_sets *sets)
{
    for (size_t i = 0; i < LOCKSTEP_SETS_MAX; i++) {
        if (sets->sets[i].used) {
            lockstep_sets_drop(sets, &sets->sets[i]);
        }
    }
    while (sets->images != NULL) {
        struct lockstep_image *image = sets->images;
        sets->images = image->next;
        lockstep_image_smoke_drop(image);
        lockstep_image_end(image);
        lockstep_image_thaw(image);
        if (!image->stuck) {
            free(image);
        }
    }
    while (sets->lines != NULL) {
        struct lockstep_module_line *line = sets->lines;
        sets->lines = line->next;
        lockstep_bag_deinit(&line->residue);
        lockstep_keep_deinit(&line->keep);
        free(line);
    }
}
