/* Loading what the boot file names: one set, published at once. */
#include "agent/host/host_internal.h"
#include "common/base/cleanup.h"
#include "common/hostwire/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool read_boot(struct lockstep_host *host, struct lockstep_boot *ret_boot,
                      struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    LOCKSTEP_FCLOSE FILE *stream = fopen(host->boot_file, "re");
    ret_boot->count = 0;
    if (stream == NULL) {
        return errno == ENOENT || lockstep_host_refuse(ret_refusal, "STORAGE", "%s: %s",
                                                       host->boot_file, strerror(errno));
    }
    if (lockstep_boot_read(stream, ret_boot, &err) != LOCKSTEP_OK) {
        return lockstep_host_refuse(ret_refusal, "STORAGE", "%s: %s", host->boot_file, err.message);
    }
    return true;
}

/* The state beside the boot file; -1: none. */
static int open_state(const struct lockstep_host *host, const char *module)
{
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + LOCKSTEP_NAME_MAX + 16];
    const char *slash = strrchr(host->boot_file, '/');
    int length = slash == NULL ? 0 : (int)(slash - host->boot_file) + 1;
    (void)snprintf(path, sizeof(path), "%.*s%s.state", length, host->boot_file, module);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Sets have at most as many items as an operation; what requires something comes behind it, so a
 * module whose set is refused for that is tried again in the next turn. */
static bool load_one(struct lockstep_host *host, const struct lockstep_boot_entry *from,
                     struct lockstep_hostwire_message *order, bool *bare,
                     struct lockstep_refusal *ret_refusal)
{
    struct lockstep_hostwire_entry *entry = &order->entries[0];
    struct lockstep_set *set;
    lockstep_hostwire_reset(order, LOCKSTEP_HOSTWIRE_PREPARE);
    order->entries_count = 1;
    entry->module = from->module;
    entry->generation = from->generation;
    entry->digest = from->digest;
    entry->device = from->device;
    entry->inode = from->inode;
    memcpy(entry->path, from->path, sizeof(entry->path));
    if (from->config[0] != '\0') {
        entry->config_fd = open(from->config, O_RDONLY | O_CLOEXEC);
        if (entry->config_fd < 0) {
            return lockstep_host_refuse(ret_refusal, "STORAGE", "%s cannot be read", from->config);
        }
    }
    entry->state_fd = *bare ? -1 : open_state(host, from->module.text);
    set = lockstep_sets_prepare(&host->sets, order, ret_refusal);
    if (set == NULL) {
        *bare = entry->state_fd >= 0 && strcmp(ret_refusal->code, "STATE") == 0;
        return false;
    }
    if (!lockstep_sets_publish(&host->sets, set, ret_refusal)) {
        lockstep_sets_drop(&host->sets, set);
        return false;
    }
    return true;
}

bool lockstep_boot_load(struct lockstep_host *host, struct lockstep_refusal *ret_refusal)
{
    LOCKSTEP_FREE struct lockstep_boot *boot = malloc(sizeof(*boot));
    LOCKSTEP_CLEANUP(lockstep_hostwire_cleanup)
    struct lockstep_hostwire_message *order = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_PREPARE);
    bool done[LOCKSTEP_NODE_MODULES_MAX] = {false};
    size_t left;
    bool bare[LOCKSTEP_NODE_MODULES_MAX] = {false};
    bool moved = true;
    if (boot == NULL || order == NULL) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to boot");
    }
    if (!read_boot(host, boot, ret_refusal)) {
        return false;
    }
    left = boot->count;
    while (left > 0 && moved) {
        moved = false;
        for (size_t i = 0; i < boot->count; i++) {
            bool with = !bare[i];
            if (!done[i] && load_one(host, &boot->entries[i], order, &bare[i], ret_refusal)) {
                done[i] = true;
                moved = true;
                left--;
            } else if (with && bare[i]) {
                lockstep_host_log(host, LOCKSTEP_LOG_ERROR,
                                  "state lost: %s begins without what was kept: %s",
                                  boot->entries[i].module.text, ret_refusal->text);
                moved = true; /* once more, without */
            }
        }
    }
    return left == 0;
}
