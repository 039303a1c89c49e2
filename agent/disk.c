/* A module's file in module_path, against what is mapped: the source documents' module status. */
#include "agent/driver_internal.h"

#include "common/io/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sums of files seen before, by what stat says of them: hashing again is only for what changed. */
struct seen {
    struct lockstep_name module;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
    struct lockstep_digest digest;
};

static struct seen seen_files[LOCKSTEP_NODE_MODULES_MAX];
static size_t seen_next;

static bool same_file(const struct seen *seen, const struct stat *info)
{
    return seen->device == info->st_dev && seen->inode == info->st_ino &&
           seen->size == info->st_size && seen->modified.tv_sec == info->st_mtim.tv_sec &&
           seen->modified.tv_nsec == info->st_mtim.tv_nsec &&
           seen->changed.tv_sec == info->st_ctim.tv_sec &&
           seen->changed.tv_nsec == info->st_ctim.tv_nsec;
}

/* What is known of a module's file, wherever it is; NULL: nothing. */
static struct seen *find_seen(const struct lockstep_name *module)
{
    static size_t next; /* modules are mostly asked for in the same order again */
    for (size_t i = 0; i < LOCKSTEP_NODE_MODULES_MAX; i++) {
        struct seen *slot = &seen_files[next];
        next = (next + 1) % LOCKSTEP_NODE_MODULES_MAX;
        if (lockstep_name_equal(&slot->module, module)) {
            return slot;
        }
    }
    return NULL;
}

static bool hash_file(const char *path, const struct lockstep_name *module, struct seen *slot,
                      struct lockstep_digest *ret_digest)
{
    struct lockstep_sums sums;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool well = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                lockstep_sums_fd(fd, LOCKSTEP_ARTIFACT_CEILING, &sums, NULL) == LOCKSTEP_OK;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!well) {
        return false;
    }
    slot = slot != NULL ? slot : &seen_files[seen_next++ % LOCKSTEP_NODE_MODULES_MAX];
    *slot = (struct seen){*module,      info.st_dev,  info.st_ino, info.st_size,
                          info.st_mtim, info.st_ctim, sums.digest};
    *ret_digest = sums.digest;
    return true;
}

bool lockstep_disk_find(const struct lockstep_node_agent *agent, const struct lockstep_name *module,
                        struct lockstep_digest *ret_digest, char *ret_path, size_t size)
{
    const struct lockstep_config_list *path = &agent->config.config->module_path;
    struct seen *seen = find_seen(module);
    for (size_t i = 0; i < path->count; i++) {
        struct stat info;
        (void)snprintf(ret_path, size, "%s/%s.so", path->items[i], module->text);
        if (stat(ret_path, &info) != 0) {
            continue;
        }
        if (seen != NULL && same_file(seen, &info)) {
            *ret_digest = seen->digest;
            return true;
        }
        if (hash_file(ret_path, module, seen, ret_digest)) {
            return true;
        }
    }
    return false;
}

void lockstep_disk_compare(const struct lockstep_node_agent *agent,
                           const struct lockstep_agent_module *module,
                           struct lockstep_wire_module *row)
{
    char path[4096];
    bool loaded = !lockstep_digest_is_zero(&module->loaded.digest);
    if (agent->config.config->module_path.count == 0) {
        return; /* the store is the disk */
    }
    if (!lockstep_disk_find(agent, &module->name, &row->disk_digest, path, sizeof(path))) {
        row->disk = loaded ? LOCKSTEP_DISK_REMOVED : LOCKSTEP_DISK_NOT_LOADED;
    } else if (loaded) {
        row->disk = lockstep_digest_equal(&row->disk_digest, &module->loaded.digest)
                        ? LOCKSTEP_DISK_LOADED
                        : LOCKSTEP_DISK_MODIFIED;
    }
}
