/* Private copies: what hosts map. The store itself is never mapped. */
#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lockstep_copy *find(struct lockstep_node_agent *agent,
                                  const struct lockstep_name *module,
                                  const struct lockstep_digest *digest)
{
    for (size_t i = 0; i < LOCKSTEP_COPIES_MAX; i++) {
        if (agent->copies[i].path[0] != '\0' &&
            lockstep_name_equal(&agent->copies[i].module, module) &&
            lockstep_digest_equal(&agent->copies[i].digest, digest)) {
            return &agent->copies[i];
        }
    }
    return NULL;
}

static struct lockstep_copy *find_free(struct lockstep_node_agent *agent)
{
    for (size_t i = 0; i < LOCKSTEP_COPIES_MAX; i++) {
        if (agent->copies[i].path[0] == '\0') {
            return &agent->copies[i];
        }
    }
    return NULL;
}

/* True if the file is still the one that was copied. */
static bool is_there(const struct lockstep_copy *copy)
{
    struct stat info;
    return stat(copy->path, &info) == 0 && (uint64_t)info.st_dev == copy->device &&
           (uint64_t)info.st_ino == copy->inode;
}

/* Copies are not synced: what was lost with a machine's power may still have its name and size. */
static bool is_whole(const struct lockstep_copy *copy)
{
    struct lockstep_digest digest;
    int fd = open(copy->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool whole = fd >= 0 &&
                 lockstep_digest_fd(fd, LOCKSTEP_ARTIFACT_CEILING, &digest, NULL) == LOCKSTEP_OK &&
                 lockstep_digest_equal(&digest, &copy->digest);
    if (fd >= 0) {
        (void)close(fd);
    }
    return whole;
}

/* The service's boot file; empty if there is none. */
static void read_boot(const struct lockstep_node_agent *agent, const char *service,
                      struct lockstep_boot *ret_boot)
{
    char path[4096];
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/hosts/%s/boot", agent->config.config->data, service);
    file = fopen(path, "re");
    if (file == NULL || lockstep_boot_read(file, ret_boot, NULL) != LOCKSTEP_OK) {
        ret_boot->count = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* What a host that outlived its agent has mapped is in its boot file. */
static void adopt(struct lockstep_node_agent *agent, const char *service)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    ASSERT(boot != NULL);
    read_boot(agent, service, boot);
    for (size_t i = 0; i < boot->count; i++) {
        const struct lockstep_boot_entry *entry = &boot->entries[i];
        struct lockstep_copy *row = find_free(agent);
        struct lockstep_copy copy = {.module = entry->module,
                                     .digest = entry->digest,
                                     .device = entry->device,
                                     .inode = entry->inode};
        (void)snprintf(copy.path, sizeof(copy.path), "%s", entry->path);
        if (row != NULL && is_there(&copy) && is_whole(&copy)) {
            *row = copy;
        }
    }
    free(boot);
}

/* Numbers go on where the last agent left off, or later, so that no name comes twice: a host may
 * still have what was removed. */
static void learn_numbers(struct lockstep_node_agent *agent)
{
    DIR *directory = opendir(agent->gen_path);
    const struct dirent *entry;
    agent->copies_made = lockstep_driver_unix_ms(agent);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        uint64_t number = strtoull(entry->d_name, NULL, 10);
        agent->copies_made = number > agent->copies_made ? number : agent->copies_made;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

enum lockstep_err lockstep_copies_open(struct lockstep_node_agent *agent,
                                       struct lockstep_error *err)
{
    const struct lockstep_config_agent *config = agent->config.config;
    int length = snprintf(agent->gen_path, sizeof(agent->gen_path), "%s/gen", config->data);
    if (length < 0 || (size_t)length + LOCKSTEP_ARTIFACT_COPY_NAME >= sizeof(agent->gen_path)) {
        return LOCKSTEP_FAIL(err, INVALID, "the data directory's name is too long");
    }
    if (mkdir(agent->gen_path, 0700) != 0 && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "make the directory %s", agent->gen_path);
    }
    agent->gen_fd = open(agent->gen_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (agent->gen_fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "open the directory %s", agent->gen_path);
    }
    learn_numbers(agent);
    for (size_t i = 0; i < config->service_count; i++) {
        adopt(agent, config->services[i].name.text);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_copies_get(struct lockstep_node_agent *agent,
                                      const struct lockstep_name *module,
                                      const struct lockstep_digest *digest,
                                      const struct lockstep_copy **ret_copy,
                                      struct lockstep_error *err)
{
    struct lockstep_copy *copy = find(agent, module, digest);
    struct lockstep_artifact_copy info;
    char name[LOCKSTEP_ARTIFACT_COPY_NAME];
    int length;
    ASSERT(agent->copies != NULL);
    if (copy != NULL && is_there(copy)) {
        *ret_copy = copy;
        return LOCKSTEP_OK;
    }
    if (copy == NULL) {
        lockstep_copies_collect(agent);
        copy = find_free(agent);
        if (copy == NULL) {
            return LOCKSTEP_FAIL(err, LIMIT, "too many private copies");
        }
    }
    lockstep_artifact_copy_name(++agent->copies_made, module, digest, name);
    LOCKSTEP_TRY(
        lockstep_artifact_copy_out(agent->artifacts, digest, agent->gen_fd, name, &info, err));
    *copy = (struct lockstep_copy){
        .module = *module, .digest = *digest, .device = info.device, .inode = info.inode};
    length = snprintf(copy->path, sizeof(copy->path), "%s/%s", agent->gen_path, name);
    ASSERT(length > 0 && (size_t)length < sizeof(copy->path)); /* measured when it was opened */
    *ret_copy = copy;
    return LOCKSTEP_OK;
}

void lockstep_copies_forget(struct lockstep_node_agent *agent, const struct lockstep_name *module,
                            const struct lockstep_digest *digest)
{
    struct lockstep_copy *copy = find(agent, module, digest);
    if (copy != NULL) {
        copy->path[0] = '\0'; /* a boot file may still name the file: see _sweep */
    }
}

static bool is_needed(const struct lockstep_node_agent *agent, const struct lockstep_copy *copy)
{
    const struct lockstep_agent_module *module = lockstep_agent_module(agent->core, &copy->module);
    if (module != NULL && (lockstep_digest_equal(&module->current.digest, &copy->digest) ||
                           lockstep_digest_equal(&module->previous.digest, &copy->digest) ||
                           lockstep_digest_equal(&module->loaded.digest, &copy->digest))) {
        return true;
    }
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->core->duties[i];
        for (uint32_t j = 0; duty->state != LOCKSTEP_DUTY_FREE && j < duty->order.item_count; j++) {
            if (lockstep_digest_equal(&duty->order.items[j].digest, &copy->digest)) {
                return true;
            }
        }
    }
    return false;
}

void lockstep_copies_collect(struct lockstep_node_agent *agent)
{
    ASSERT(agent->copies != NULL);
    for (size_t i = 0; i < LOCKSTEP_COPIES_MAX; i++) {
        struct lockstep_copy *copy = &agent->copies[i];
        if (copy->path[0] != '\0' && !is_needed(agent, copy)) {
            (void)unlink(copy->path); /* what is mapped stays mapped */
            copy->path[0] = '\0';
        }
    }
}

/* True if PATH ends with "/NAME". */
static bool is_called(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && strcmp(slash + 1, name) == 0;
}

static bool is_known(const struct lockstep_node_agent *agent, const struct lockstep_boot *boots,
                     const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COPIES_MAX; i++) {
        if (is_called(agent->copies[i].path, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < agent->config.config->service_count; i++) {
        for (size_t j = 0; j < boots[i].count; j++) {
            if (is_called(boots[i].entries[j].path, name)) {
                return true;
            }
        }
    }
    return false;
}

void lockstep_copies_sweep(struct lockstep_node_agent *agent)
{
    const struct lockstep_config_agent *config = agent->config.config;
    struct lockstep_boot *boots = calloc(config->service_count + 1, sizeof(*boots));
    DIR *directory = boots == NULL ? NULL : opendir(agent->gen_path);
    const struct dirent *entry;
    for (size_t i = 0; directory != NULL && i < config->service_count; i++) {
        read_boot(agent, config->services[i].name.text, &boots[i]);
    }
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.' && !is_known(agent, boots, entry->d_name)) {
            (void)unlinkat(agent->gen_fd, entry->d_name, 0);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    free(boots);
}

int lockstep_copies_config(const struct lockstep_node_agent *agent,
                           const struct lockstep_name *module)
{
    char path[4096];
    if (agent->config.config->config_dir == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/%s.conf", agent->config.config->config_dir,
                   module->text);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* True if a version cannot be had from the store: it is missing, or its bytes are not its own any
 * more, and then it makes room for what the coordinator has. */
static bool is_spoilt(struct lockstep_node_agent *agent, const struct lockstep_agent_module *module,
                      enum lockstep_err result, const char *why)
{
    if (result != LOCKSTEP_REFUSED && result != LOCKSTEP_CONFLICT) {
        return false;
    }
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent",
                 "%s is not loaded: %s; lockstep reload %s@current fetches it anew",
                 module->name.text, why, module->name.text);
    if (result == LOCKSTEP_REFUSED) {
        lockstep_collect_bad(agent, &module->current.digest, true);
    }
    return true;
}

enum lockstep_err lockstep_copies_boot(struct lockstep_node_agent *agent, uint8_t service,
                                       struct lockstep_boot *ret_boot, struct lockstep_error *err)
{
    ret_boot->count = 0;
    for (uint32_t i = 0; i < agent->core->module_count; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        struct lockstep_boot_entry *entry = &ret_boot->entries[ret_boot->count];
        const struct lockstep_copy *copy = NULL;
        enum lockstep_err result;
        if (module->service != service || lockstep_digest_is_zero(&module->current.digest)) {
            continue;
        }
        result = lockstep_copies_get(agent, &module->name, &module->current.digest, &copy, err);
        if (is_spoilt(agent, module, result, err->message)) {
            continue;
        }
        LOCKSTEP_TRY(result);
        ASSERT(copy != NULL);
        memset(entry, 0, sizeof(*entry));
        entry->module = module->name;
        entry->generation = module->current.generation;
        entry->digest = module->current.digest;
        entry->device = copy->device;
        entry->inode = copy->inode;
        (void)snprintf(entry->path, sizeof(entry->path), "%s", copy->path);
        (void)snprintf(entry->config, sizeof(entry->config), "%s/%s.conf",
                       agent->config.config->config_dir, module->name.text);
        if (access(entry->config, R_OK) != 0) {
            entry->config[0] = '\0';
        }
        ret_boot->count++;
    }
    return LOCKSTEP_OK;
}
