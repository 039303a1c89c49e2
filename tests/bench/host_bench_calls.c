/* What a call costs: directly and through a pointer, and through the gate three ways: compiled into
 * the caller, out of line in the program, and in liblockstep.so, loaded late as by a plugin. */
#include "common/hostwire/boot.h"
#include "lockstep/host.h"
#include "tests/bench/host_bench.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALLS 100000 /* a sample */

static struct lockstep_call empty = {.size = sizeof(empty)};

/* The two ends of a host that was started from a boot file: ours, and the shared library's. */
struct library {
    int (*start)(const struct lockstep_host_options *options, struct lockstep_host **ret_host,
                 char *why, size_t why_size);
    struct lockstep_host *(*stop)(struct lockstep_host *host);
    const struct lockstep_host_tool *(*find)(struct lockstep_host *host, const char *tool);
    enum lockstep_call_result (*call)(const struct lockstep_host_tool *tool,
                                      struct lockstep_call *call);
    struct lockstep_host *host;
    const struct lockstep_host_tool *tool;
};

static struct library own = {lockstep_host_start,
                             lockstep_host_stop,
                             lockstep_host_tool,
                             lockstep_host_tool_call,
                             NULL,
                             NULL};
static struct library shared;

__attribute__((noinline)) static int nothing(struct lockstep_call *call)
{
    __asm__ volatile("" : : "r"(call) : "memory");
    return 0;
}

static int (*volatile pointer)(struct lockstep_call *call) = nothing;

static bool run_direct(size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= nothing(&empty);
    }
    return failed == 0;
}

static bool run_pointer(size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= pointer(&empty);
    }
    return failed == 0;
}

static bool run_outofline(size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= (int)lockstep_host_tool_call(own.tool, &empty);
    }
    return failed == 0;
}

static bool run_pic(size_t count)
{
    enum lockstep_call_result (*call)(const struct lockstep_host_tool *tool,
                                      struct lockstep_call *call) = shared.call;
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= (int)call(shared.tool, &empty);
    }
    return failed == 0;
}

/* A host that has the one module, from a boot file. */
static void start_library(struct library *library, const char *module)
{
    char path[] = "/tmp/lockstep-bench-XXXXXX";
    struct lockstep_host_options options = {.size = sizeof(options), .boot_file = path};
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    struct lockstep_boot_entry *entry = boot == NULL ? NULL : &boot->entries[0];
    struct stat status;
    int fd = mkstemp(path);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    char why[256] = "";
    must(entry != NULL && stream != NULL && stat(module, &status) == 0, "no module");
    boot->count = 1;
    must(lockstep_name_parse("bench", &entry->module), "no name");
    (void)snprintf(entry->path, sizeof(entry->path), "%s", module);
    entry->generation = 1;
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    must(lockstep_boot_write(boot, stream, NULL) == LOCKSTEP_OK && fclose(stream) == 0,
         "no boot file");
    must(library->start(&options, &library->host, why, sizeof(why)) == 0, why);
    library->tool = library->find(library->host, "bench.nothing");
    must(library->tool != NULL, "no handle");
    (void)unlink(path);
    free(boot);
}

/* A function is no object, says C; POSIX says that what dlsym gives may be copied so. */
static void find_function(void *handle, const char *name, void *ret_function)
{
    void *found = dlsym(handle, name);
    must(found != NULL, name);
    memcpy(ret_function, &found, sizeof(found));
}

static void load_shared(void)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    must(handle != NULL, "liblockstep.so is not there");
    find_function(handle, "lockstep_host_start", &shared.start);
    find_function(handle, "lockstep_host_stop", &shared.stop);
    find_function(handle, "lockstep_host_tool", &shared.find);
    find_function(handle, "lockstep_host_tool_call", &shared.call);
    start_library(&shared, BENCH_DIRECTORY "/gate_module_late.so");
}

struct runner {
    const char *name;
    pthread_barrier_t *barrier;
    bool (*run)(size_t count);
    double *samples; /* of one thread; NULL: nobody looks */
};

static void *run_samples(void *argument)
{
    const struct runner *runner = argument;
    must(runner->run(CALLS), runner->name);
    for (size_t i = 0; i < SAMPLES; i++) {
        double start;
        (void)pthread_barrier_wait(runner->barrier);
        start = now_us();
        must(runner->run(CALLS), runner->name);
        if (runner->samples != NULL) {
            runner->samples[i] = (now_us() - start) * 1e3 / CALLS;
        }
    }
    return NULL;
}

static void measure(struct result *result, bool (*run)(size_t count), unsigned threads)
{
    pthread_barrier_t barrier;
    pthread_t thread;
    struct runner first = {result->name, &barrier, run, result->samples};
    struct runner second = {result->name, &barrier, run, NULL};
    must(pthread_barrier_init(&barrier, NULL, threads) == 0, "no barrier");
    must(threads == 1 || pthread_create(&thread, NULL, run_samples, &second) == 0, "no thread");
    (void)run_samples(&first);
    must(threads == 1 || pthread_join(thread, NULL) == 0, "no thread");
    (void)pthread_barrier_destroy(&barrier);
}

static const struct {
    const char *name;
    bool (*run)(size_t count);
} kinds[CALL_KINDS] = {
    {"direct_call", run_direct},      {"pointer_call", run_pointer},
    {"gate_call_inline", inline_run}, {"gate_call_outofline", run_outofline},
    {"gate_call_pic", run_pic},
};

void measure_calls(struct result results[2 * CALL_KINDS])
{
    start_library(&own, BENCH_DIRECTORY "/gate_module.so");
    load_shared();
    must(inline_start(nothing), "no gate");
    for (size_t i = 0; i < CALL_KINDS; i++) {
        for (unsigned threads = 1; threads <= 2; threads++) {
            struct result *result = &results[2 * i + threads - 1];
            *result = (struct result){
                .name = kinds[i].name,
                .unit = "ns",
                .parameters = threads == 1 ? "\"threads\":1" : "\"threads\":2",
            };
            measure(result, kinds[i].run, threads);
        }
    }
    inline_stop();
    shared.host = shared.stop(shared.host);
    own.host = own.stop(own.host);
}
