/* What an agent does for a hundred modules each time it tells what it runs: the MD5 sum of what is
 * mapped, and how the file on the disk compares, by stat. */
#include "agent/driver_internal.h"
#include "tests/bench/host_bench.h"

#include <string.h>
#include <unistd.h>

static struct lockstep_node_agent *new_agent(char **path, struct lockstep_config_agent *config)
{
    struct lockstep_node_agent *agent = calloc(1, sizeof(*agent));
    must(agent != NULL, "no memory");
    agent->config.config = config;
    config->module_path.items = path;
    config->module_path.count = 1;
    return agent;
}

static void fill_modules(struct lockstep_node_agent *agent, const char *directory,
                         struct lockstep_agent_module modules[MODULES_COUNT])
{
    for (unsigned i = 0; i < MODULES_COUNT; i++) {
        char path[96];
        char name[16];
        (void)snprintf(name, sizeof(name), "bench-%03u", i);
        must(lockstep_name_parse(name, &modules[i].name), "no name");
        (void)snprintf(path, sizeof(path), "%s/%s.so", directory, name);
        write_module(path, i, 1);
        memset(modules[i].loaded.digest.bytes, (int)i + 1, LOCKSTEP_DIGEST_BYTES);
        agent->known[i].digest = modules[i].loaded.digest;
        agent->known[i].md5.bytes[0] = (uint8_t)i;
    }
}

static void remove_modules(const char *directory)
{
    for (unsigned i = 0; i < MODULES_COUNT; i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/bench-%03u.so", directory, i);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

void measure_md5(struct result *mapped, struct result *stat)
{
    char directory[] = "/tmp/lockstep-bench-XXXXXX";
    char *path = directory;
    struct lockstep_config_agent *config = calloc(1, sizeof(*config));
    static struct lockstep_agent_module modules[MODULES_COUNT];
    struct lockstep_node_agent *agent;
    struct lockstep_wire_module row = {.module = {""}};
    must(config != NULL && mkdtemp(directory) != NULL, "no directory");
    agent = new_agent(&path, config);
    fill_modules(agent, directory, modules);
    for (size_t i = 0; i < SAMPLES; i++) {
        unsigned sum = 0;
        double begun = now_us();
        for (unsigned j = 0; j < MODULES_COUNT; j++) {
            sum += lockstep_admit_known(agent, &modules[j].loaded.digest)->md5.bytes[0];
        }
        mapped->samples[i] = now_us() - begun;
        must(sum == MODULES_COUNT * (MODULES_COUNT - 1) / 2, "wrong sums");
        for (unsigned turn = 0; turn < 2; turn++) { /* the first finds files that it has not seen */
            begun = now_us();
            for (unsigned j = 0; j < MODULES_COUNT; j++) {
                lockstep_disk_compare(agent, &modules[j], &row);
            }
            stat->samples[i] = now_us() - begun;
            must(row.disk == LOCKSTEP_DISK_MODIFIED, "the disk is not looked at");
        }
    }
    remove_modules(directory);
    free(agent);
    free(config);
}
