/*
 * A hundred modules of 47 kB in one process, which plays the agent as well: sums and private copies
 * are the agent's own code, the rest is what a host answers. A set has at most 64 modules, so a
 * hundred are two, and each figure is the sum of both. The verdicts of the probe are taken to be
 * cached. Before and behind each measurement the window is over and what is retired is purged.
 */
#include "agent/host/include/lockstep/host.h"
#include "common/hostwire/boot.h"
#include "common/io/digest.h"
#include "tests/bench/host_bench.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSIONS   2
#define ROUNDS     11
#define PIECE      50 /* modules of a set */
#define TEN        10
#define FLOWS      3
#define FLOW_US    10e6
#define STALL_US   10 /* what is shorter is no stall */
#define STALLS_MAX 65536

static struct host_agent agent;
static struct lockstep_host *host;
static char store[2][MODULES_COUNT][96];  /* what was pushed, of each version */
static char copies[2][MODULES_COUNT][96]; /* what is mapped, by turns */
static unsigned copied;
static char copies_directory[64];

/* LOCKSTEP_BENCH_COPIES: where private copies are made; memory if nothing is said, for a disk that
 * is shared says more of who shares it. */
static void write_store(void)
{
    const char *directory = getenv("LOCKSTEP_BENCH_COPIES");
    (void)snprintf(copies_directory, sizeof(copies_directory), "%s/lockstep-bench-XXXXXX",
                   directory == NULL ? "/dev/shm" : directory);
    must(mkdtemp(copies_directory) != NULL, "no directory for copies");
    for (unsigned version = 0; version < VERSIONS; version++) {
        for (unsigned i = 0; i < MODULES_COUNT; i++) {
            (void)snprintf(store[version][i], sizeof(store[version][i]), "%s/store-%u-%u",
                           agent.directory, i, version);
            write_module(store[version][i], i, version + 1);
        }
    }
}

static void remove_files(void)
{
    for (unsigned i = 0; i < VERSIONS * MODULES_COUNT; i++) {
        (void)unlink(store[i / MODULES_COUNT][i % MODULES_COUNT]);
    }
    for (; copied > 0; copied--) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/copy-%u.so", copies_directory, copied);
        (void)unlink(path);
    }
    (void)rmdir(copies_directory);
}

/* ---- a reload ------------------------------------------------------------------------------- */

/* As the agent does it: what is copied is what is summed, into a file that nobody else has. */
static void copy_module(const char *from, const char *to, struct lockstep_digest *ret_digest)
{
    struct lockstep_hash hash;
    struct lockstep_sums sums;
    char bytes[65536];
    ssize_t size;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    must(in >= 0 && out >= 0, "a module cannot be copied");
    lockstep_hash_init_plain(&hash);
    while ((size = read(in, bytes, sizeof(bytes))) > 0) {
        lockstep_hash_update(&hash, bytes, (size_t)size);
        must(write(out, bytes, (size_t)size) == size, "a module cannot be copied");
    }
    lockstep_hash_final(&hash, &sums);
    *ret_digest = sums.digest;
    (void)close(in);
    (void)close(out);
}

static void ask(enum lockstep_hostwire_type type, enum lockstep_hostwire_type wanted)
{
    enum lockstep_hostwire_type got = host_agent_ask(&agent, type);
    must(got == wanted, agent.reply->text);
}

/* Prepares what COPIES of VERSION are, as two operations. */
static void prepare(unsigned version, struct lockstep_id operations[2])
{
    for (unsigned first = 0; first < MODULES_COUNT; first += PIECE) {
        host_agent_begin(&agent);
        operations[first / PIECE] = agent.order->operation;
        for (unsigned i = first; i < first + PIECE; i++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "bench-%03u", i);
            (void)host_agent_add(&agent, name, copies[version][i]);
        }
        ask(LOCKSTEP_HOSTWIRE_PREPARE, LOCKSTEP_HOSTWIRE_PREPARED);
    }
}

static void publish(const struct lockstep_id operations[2])
{
    for (unsigned i = 0; i < 2; i++) {
        lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_PUBLISH);
        agent.order->operation = operations[i];
        ask(LOCKSTEP_HOSTWIRE_PUBLISH, LOCKSTEP_HOSTWIRE_PUBLISHED);
    }
}

static void end_windows(const char *single)
{
    for (unsigned first = 0; first < MODULES_COUNT; first += PIECE) {
        lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_RETIRE);
        for (unsigned i = first; single == NULL && i < first + PIECE; i++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "bench-%03u", i);
            must(lockstep_name_parse(name,
                                     &agent.order->entries[agent.order->entries_count++].module),
                 "no name");
        }
        if (single != NULL) {
            agent.order->entries_count = 1;
            must(lockstep_name_parse(single, &agent.order->entries[0].module), "no name");
        }
        ask(LOCKSTEP_HOSTWIRE_RETIRE, LOCKSTEP_HOSTWIRE_OK);
    }
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_PURGE);
    agent.order->drain_ms = 20000;
    ask(LOCKSTEP_HOSTWIRE_PURGE, LOCKSTEP_HOSTWIRE_ANSWER);
    must(agent.reply->retired == 0, agent.reply->text);
}

static void forget_pages(unsigned version)
{
    for (unsigned i = 0; i < MODULES_COUNT; i++) {
        int fd = open(store[version][i], O_RDONLY | O_CLOEXEC);
        must(fd >= 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "pages stay");
        (void)close(fd);
    }
}

/* Each copy has a path that no other ever had. They stay until the end: ext4 takes its time for new
 * files where others have just been removed, a millisecond each, also by other programs. */
static void copy_all(unsigned version)
{
    struct lockstep_digest digest;
    for (unsigned i = 0; i < MODULES_COUNT; i++) {
        (void)snprintf(copies[version][i], sizeof(copies[version][i]), "%s/copy-%u.so",
                       copies_directory, ++copied);
        copy_module(store[version][i], copies[version][i], &digest);
    }
}

static double reload(unsigned version)
{
    struct lockstep_id operations[2];
    double begun = now_us();
    copy_all(version);
    prepare(version, operations);
    publish(operations);
    return (now_us() - begun) / 1e3;
}

static void measure_reloads(struct result *result, bool cold)
{
    result->count = ROUNDS;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (cold) {
            forget_pages((i + 1) % 2);
        }
        result->samples[i] = reload((i + 1) % 2);
        end_windows(NULL);
    }
}

/* ---- beside callers ------------------------------------------------------------------------- */

struct caller {
    pthread_t thread;
    _Atomic(uint64_t) calls; /* so far */
    bool first;              /* two that are leave no core to who reloads */
    uint64_t failed;
    size_t stalls;
    double us[STALLS_MAX]; /* of calls that took STALL_US and more while `looking` */
};

static struct caller callers[2];
static atomic_bool enough;
static atomic_bool looking;

static bool swallow(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    (void)sink;
    (void)bytes;
    return size == 1;
}

static void *call_on(void *argument)
{
    struct caller *caller = argument;
    const struct lockstep_host_tool *tool = lockstep_host_tool(host, "bench-042.say");
    struct lockstep_sink sink = {swallow};
    struct lockstep_call call = {sizeof(call), NULL, 0, &sink};
    double before = now_us();
    must(tool != NULL, "no handle");
    be_first(caller->first);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        double after;
        caller->failed += lockstep_host_tool_call(tool, &call) != LOCKSTEP_CALL_OK;
        atomic_store_explicit(&caller->calls, caller->calls + 1, memory_order_relaxed);
        after = now_us();
        if (after - before >= STALL_US && caller->stalls < STALLS_MAX && atomic_load(&looking)) {
            caller->us[caller->stalls++] = after - before;
        }
        before = after;
    }
    return NULL;
}

static void start_callers(unsigned count)
{
    atomic_store(&enough, false);
    for (unsigned i = 0; i < count; i++) {
        callers[i].stalls = 0;
        callers[i].first = count == 1;
        must(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]) == 0, "no thread");
    }
}

static void stop_callers(unsigned count)
{
    atomic_store(&enough, true);
    for (unsigned i = 0; i < count; i++) {
        must(pthread_join(callers[i].thread, NULL) == 0 && callers[i].failed == 0, "a call failed");
    }
}

/* Both directions under two callers: the swap is the publish alone, going back names copies that
 * are still mapped. */
static void measure_swaps(struct result *swap, struct result *back)
{
    swap->count = back->count = ROUNDS;
    start_callers(2);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct lockstep_id operations[2];
        double begun;
        copy_all(1);
        prepare(1, operations);
        begun = now_us();
        publish(operations);
        swap->samples[i] = (now_us() - begun) / 1e3;
        begun = now_us();
        prepare(0, operations);
        publish(operations);
        back->samples[i] = (now_us() - begun) / 1e3;
        end_windows(NULL);
    }
    stop_callers(2);
}

static uint64_t calls_so_far(void)
{
    return atomic_load(&callers[0].calls) + atomic_load(&callers[1].calls);
}

static void sleep_until(double us)
{
    const struct timespec until = {
        .tv_sec = (time_t)(us / 1e6),
        .tv_nsec = (long)((us - 1e6 * (double)(time_t)(us / 1e6)) * 1e3)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

/* One operation on the first ten modules, from file to published. */
static void reload_ten(unsigned version)
{
    struct lockstep_digest digest;
    host_agent_begin(&agent);
    for (unsigned i = 0; i < TEN; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "bench-%03u", i);
        (void)snprintf(copies[version][i], sizeof(copies[version][i]), "%s/copy-%u.so",
                       copies_directory, ++copied);
        copy_module(store[version][i], copies[version][i], &digest);
        (void)host_agent_add(&agent, name, copies[version][i]);
    }
    ask(LOCKSTEP_HOSTWIRE_PREPARE, LOCKSTEP_HOSTWIRE_PREPARED);
    ask(LOCKSTEP_HOSTWIRE_PUBLISH, LOCKSTEP_HOSTWIRE_PUBLISHED);
}

/* What two callers lose, in percent of the calls that they made in the FLOW_US before, over as long
 * with one reload of ten modules in the middle. Below zero: they made more. */
static void measure_flow(struct result *result)
{
    result->count = FLOWS;
    start_callers(2);
    for (unsigned i = 0; i < FLOWS; i++) {
        double begun = now_us();
        uint64_t first = calls_so_far();
        uint64_t second;
        uint64_t third;
        sleep_until(begun + FLOW_US);
        second = calls_so_far();
        sleep_until(begun + 1.5 * FLOW_US);
        reload_ten((i + 1) % 2);
        sleep_until(begun + 2 * FLOW_US);
        third = calls_so_far();
        result->samples[i] = 100 - 100 * (double)(third - second) / (double)(second - first);
        end_windows(NULL);
    }
    stop_callers(2);
}

static int compare(const void *a, const void *b)
{
    return compare_samples(a, b);
}

/* A sample is the 99th percentile of one caller's stalls during one prepare, and 0 if it had none.
 */
static void measure_stalls(struct result *result)
{
    result->count = ROUNDS;
    start_callers(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct lockstep_id operations[2];
        size_t first = callers[0].stalls;
        size_t count;
        atomic_store(&looking, true);
        copy_all(1);
        prepare(1, operations);
        atomic_store(&looking, false);
        count = callers[0].stalls - first;
        qsort(&callers[0].us[first], count, sizeof(callers[0].us[0]), compare);
        result->samples[i] = count == 0 ? 0 : callers[0].us[first + count * 99 / 100];
        publish(operations);
        end_windows(NULL);
        prepare(0, operations); /* no copy of version 0 is mapped any more: it is mapped anew */
        publish(operations);
        end_windows(NULL);
    }
    stop_callers(1);
}

void measure_sets(const struct set_results *results)
{
    host = host_agent_begin_embedded(&agent);
    write_store();
    copy_all(0);
    (void)reload(0);
    end_windows(NULL);
    measure_reloads(results->warm, false);
    measure_reloads(results->cold, true);
    (void)reload(0);
    end_windows(NULL);
    measure_swaps(results->swap, results->back);
    measure_stalls(results->stall);
    measure_flow(results->flow);
    remove_files();
    host_agent_deinit(&agent);
}

/* ---- state ---------------------------------------------------------------------------------- */

/* From the moment at which the gate is shut until it is open, as the agent sees it. What it writes
 * into its journal between the two is not in here. */
void measure_migration(struct result *result, unsigned records)
{
    char path[128];
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", records);
    host = host_agent_begin_embedded(&agent);
    result->count = records > 100000 ? 5 : ROUNDS;
    for (unsigned i = 0; i <= result->count; i++) {
        struct lockstep_digest digest;
        double begun;
        (void)snprintf(path, sizeof(path), "%s/rows-%u.so", agent.directory, i);
        copy_module(BENCH_DIRECTORY "/state_module.so", path, &digest);
        host_agent_begin(&agent);
        host_agent_add(&agent, "rows", path)->config_fd = i == 0 ? host_agent_config(text) : -1;
        ask(LOCKSTEP_HOSTWIRE_PREPARE, LOCKSTEP_HOSTWIRE_PREPARED);
        agent.order->drain_ms = 20000;
        begun = now_us();
        if (agent.reply->stateful) {
            ask(LOCKSTEP_HOSTWIRE_CLOSE, LOCKSTEP_HOSTWIRE_MIGRATED);
        }
        ask(LOCKSTEP_HOSTWIRE_PUBLISH, LOCKSTEP_HOSTWIRE_PUBLISHED);
        if (i > 0) {
            result->samples[i - 1] = (now_us() - begun) / 1e3;
        }
        end_windows("rows");
    }
    for (unsigned i = 0; i <= result->count; i++) {
        (void)snprintf(path, sizeof(path), "%s/rows-%u.so", agent.directory, i);
        (void)unlink(path);
    }
    host_agent_deinit(&agent);
}

/* ---- crash ---------------------------------------------------------------------------------- */

static void write_boot(void)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    FILE *stream = fopen(agent.boot, "we");
    must(boot != NULL && stream != NULL, "no boot file");
    for (unsigned i = 0; i < MODULES_COUNT; i++) {
        struct lockstep_boot_entry *entry = &boot->entries[boot->count++];
        struct stat status;
        char name[16];
        (void)snprintf(name, sizeof(name), "bench-%03u", i);
        must(lockstep_name_parse(name, &entry->module) && stat(copies[0][i], &status) == 0,
             "no module");
        (void)snprintf(entry->path, sizeof(entry->path), "%s", copies[0][i]);
        entry->generation = 1;
        entry->device = status.st_dev;
        entry->inode = status.st_ino;
    }
    must(lockstep_boot_write(boot, stream, NULL) == LOCKSTEP_OK && fclose(stream) == 0,
         "no boot file");
    free(boot);
}

/* From the kill until a hundred modules serve again: the listener stays, so a call that is made
 * meanwhile waits and is answered. */
void measure_restart(struct result *result)
{
    char text[16];
    host_agent_init(&agent);
    write_store();
    copy_all(0);
    write_boot();
    host_agent_start(&agent, "1");
    must(host_agent_call(&agent, "bench-099.say", "", text, sizeof(text)) == LOCKSTEP_CALL_OK,
         "no answer");
    result->count = ROUNDS;
    for (unsigned i = 0; i < ROUNDS; i++) {
        double begun = now_us();
        (void)kill(agent.host, SIGKILL);
        must(waitpid(agent.host, NULL, 0) == agent.host, "the host is not ours");
        host_agent_start(&agent, "1");
        must(host_agent_call(&agent, "bench-099.say", "", text, sizeof(text)) == LOCKSTEP_CALL_OK,
             "no answer");
        result->samples[i] = (now_us() - begun) / 1e3;
    }
    remove_files();
    host_agent_deinit(&agent);
}
