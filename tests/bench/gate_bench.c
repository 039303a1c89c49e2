/*
 * What a call through the gate costs in a service that links liblockstep, beside a call through a
 * pointer: with a handle, within a held set, and by name. The tool does nothing.
 */
#include "common/hostwire/boot.h"
#include "lockstep/host.h"
#include "tests/bench/result.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CALLS 200000 /* a sample */

static struct lockstep_host *host;
static const struct lockstep_host_tool *tool;
static struct lockstep_call empty = {.size = sizeof(empty)};

static int nothing(struct lockstep_call *call)
{
    (void)call;
    return 0;
}

static int (*volatile pointer)(struct lockstep_call *call) = nothing;

static double now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A function that measures the expression CALL, with nothing around it. */
#define MEASURE(name, call)                                  \
    static void name(struct result *result)                  \
    {                                                        \
        for (size_t i = 0; i < SAMPLES; i++) {               \
            double start = now_ns();                         \
            int failed = 0;                                  \
            for (size_t j = 0; j < CALLS; j++) {             \
                failed |= (int)(call);                       \
            }                                                \
            result->samples[i] = (now_ns() - start) / CALLS; \
            must(failed == 0, "a call failed");              \
        }                                                    \
    }

static int call_by_name(void)
{
    struct lockstep_answer answer;
    int failed = (int)lockstep_host_call(host, "bench.nothing", "", 0, &answer);
    lockstep_answer_deinit(&answer);
    return failed;
}

MEASURE(by_pointer, pointer(&empty))
MEASURE(by_handle, lockstep_host_tool_call(tool, &empty))
MEASURE(by_name, call_by_name())

/* A host that has the one module, from a boot file. */
static void start(void)
{
    char path[] = "/tmp/lockstep-bench-XXXXXX";
    struct lockstep_host_options options = {.size = sizeof(options), .boot_file = path};
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    struct lockstep_boot_entry *entry = boot == NULL ? NULL : &boot->entries[0];
    struct stat status;
    int fd = mkstemp(path);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    char why[256] = "";
    must(entry != NULL && stream != NULL && stat(GATE_MODULE, &status) == 0, "no module");
    boot->count = 1;
    must(lockstep_name_parse("bench", &entry->module), "no name");
    (void)snprintf(entry->path, sizeof(entry->path), "%s", GATE_MODULE);
    entry->generation = 1;
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    must(lockstep_boot_write(boot, stream, NULL) == LOCKSTEP_OK, "no boot file");
    must(fclose(stream) == 0, "no boot file");
    must(lockstep_host_start(&options, &host, why, sizeof(why)) == 0, why);
    tool = lockstep_host_tool(host, "bench.nothing");
    must(tool != NULL, "no handle");
    (void)unlink(path);
    free(boot);
}

int main(int argc, char **argv)
{
    static struct result results[] = {
        {.name = "by-pointer", .unit = "ns"},
        {.name = "by-handle", .unit = "ns"},
        {.name = "by-handle-held", .unit = "ns"},
        {.name = "by-name", .unit = "ns"},
    };
    must(argc == 1 || (argc == 2 && strcmp(argv[1], "--json") == 0), "the only option is --json");
    start();
    by_pointer(&results[0]);
    by_handle(&results[1]);
    must(lockstep_host_enter(host), "no memory");
    by_handle(&results[2]);
    lockstep_host_leave(host);
    by_name(&results[3]);
    print_results("gate", results, sizeof(results) / sizeof(results[0]), argc == 2);
    host = lockstep_host_stop(host);
    return 0;
}
