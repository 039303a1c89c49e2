/*
 * Reload after reload of a mixed set in one process, under two callers that never rest: `echo` and
 * `other`, which calls it, have no state, `counter` has. Both directions alternate, so state goes
 * up and down. No call may fail or be of two sets, no addition may be lost, what callers made and
 * what the gate counted must be the same number, and memory must not grow once the budget of
 * retired versions has been reached: then they are purged, as an operator would.
 *
 *   host_soak_test            LOCKSTEP_SOAK_RELOADS: how many (1000; tests/run --long does 10000)
 *
 * Its last line but the verdict is JSON: what it did, how fast calls were before and meanwhile.
 */
#include "agent/host/include/lockstep/host.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CALLERS 2
#define MODULES 3
#define TREND   5 /* fillings of the budget before memory has to be flat */

static const char *const names[MODULES] = {"echo", "other", "counter"};
static struct host_agent agent;
static struct lockstep_host *host;
static atomic_bool enough;

struct caller {
    pthread_t thread;
    _Alignas(128) _Atomic(uint64_t) calls; /* of each of the two kinds */
    uint64_t failed;
    uint64_t mixed;
};

static struct caller callers[CALLERS];

struct memory {
    uint64_t kib;
    uint64_t maps;
};

struct soak {
    uint64_t reloads;
    uint64_t purges;
    uint64_t counted[MODULES]; /* of versions that were purged */
    struct memory first;       /* when the budget was spent for the TREND-th time */
    struct memory last;
    unsigned copies_gone;
};

static int start(void **state)
{
    (void)state;
    host = host_agent_begin_embedded(&agent);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

/* ---- callers -------------------------------------------------------------------------------- */

/* "2.0.0|2.0.0 x": the version of `other` and that of the `echo` it called. */
static bool is_mixed(const struct lockstep_answer *answer)
{
    const char *text = (const char *)answer->bytes;
    const char *bar = strchr(text, '|');
    size_t length = bar == NULL ? 0 : (size_t)(bar - text);
    return bar == NULL || strncmp(text, bar + 1, length) != 0 || bar[1 + length] != ' ';
}

static void *call_on(void *argument)
{
    struct caller *caller = argument;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        struct lockstep_answer answer;
        if (lockstep_host_call(host, "other.pair", "x", 1, &answer) == LOCKSTEP_CALL_OK) {
            caller->mixed += is_mixed(&answer);
        } else {
            caller->failed++;
        }
        lockstep_answer_deinit(&answer);
        caller->failed += lockstep_host_call(host, "counter.add", "", 0, &answer) !=
                          LOCKSTEP_CALL_OK;
        lockstep_answer_deinit(&answer);
        atomic_store_explicit(&caller->calls, caller->calls + 1, memory_order_relaxed);
    }
    return NULL;
}

static uint64_t calls_so_far(void)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < CALLERS; i++) {
        calls += atomic_load_explicit(&callers[i].calls, memory_order_relaxed);
    }
    return calls;
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Calls a second while nothing is reloaded. */
static double rate_alone(void)
{
    uint64_t before = calls_so_far();
    double begun = now_s();
    while (now_s() - begun < 0.5) {
        host_agent_in_flight(&agent); /* it is asked meanwhile, as by an agent */
    }
    return (double)(calls_so_far() - before) / (now_s() - begun);
}

/* ---- who reloads ---------------------------------------------------------------------------- */

static struct memory look_at_memory(void)
{
    struct memory memory = {0};
    FILE *statm = fopen("/proc/self/statm", "re");
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long pages = 0;
    assert_non_null(statm);
    assert_non_null(maps);
    assert_int_equal(fscanf(statm, "%*u %lu", &pages), 1);
    for (int c = getc(maps); c != EOF; c = getc(maps)) {
        memory.maps += c == '\n' ? 1 : 0;
    }
    (void)fclose(statm);
    (void)fclose(maps);
    memory.kib = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    return memory;
}

static void add_count(const struct lockstep_hostwire_entry *entry, uint64_t counted[MODULES])
{
    for (size_t i = 0; i < MODULES; i++) {
        counted[i] += strcmp(entry->module.text, names[i]) == 0 ? entry->calls : 0;
    }
}

/* Adds the calls of all versions, or of those that are retired. True if one is yet to be retired.
 */
static bool add_counts(bool retired_only, uint64_t counted[MODULES])
{
    enum lockstep_err received = LOCKSTEP_OK;
    bool due = false;
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_STATUS);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_STATUS), LOCKSTEP_HOSTWIRE_STATUS);
    do {
        assert_int_equal(received, LOCKSTEP_OK);
        for (size_t i = 0; i < agent.reply->entries_count; i++) {
            const struct lockstep_hostwire_entry *entry = &agent.reply->entries[i];
            due = due || entry->state == LOCKSTEP_HOSTWIRE_STATE_PREVIOUS;
            if (!retired_only || entry->state == LOCKSTEP_HOSTWIRE_STATE_RETIRED) {
                add_count(entry, counted);
            }
        }
        received = agent.reply->more ? lockstep_hostwire_receive(agent.fd, agent.reply, 20000, NULL)
                                     : LOCKSTEP_CLOSED;
    } while (received != LOCKSTEP_CLOSED);
    return due;
}

/* Nobody is in them any more, so what they counted is final. */
static void purge(struct soak *soak)
{
    uint64_t counted[MODULES];
    soak->purges++;
    soak->last = look_at_memory();
    if (soak->purges == TREND) {
        soak->first = soak->last;
    }
    do { /* what somebody is still in would be counted by nobody */
        memset(counted, 0, sizeof(counted));
    } while (add_counts(true, counted));
    for (size_t i = 0; i < MODULES; i++) {
        soak->counted[i] += counted[i];
    }
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_PURGE);
    agent.order->drain_ms = 20000;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PURGE), LOCKSTEP_HOSTWIRE_ANSWER);
    assert_string_equal(agent.reply->text, "");
    assert_int_equal(agent.reply->retired, 0);
    while (soak->copies_gone + MODULES < agent.copies) {
        char path[160];
        (void)snprintf(path, sizeof(path), "%s/%u.so", agent.directory, ++soak->copies_gone);
        (void)unlink(path);
    }
}

static void fill_order(char paths[MODULES][160], uint64_t generation)
{
    host_agent_begin(&agent);
    agent.order->drain_ms = 20000;
    agent.generation = generation;
    for (size_t i = 0; i < MODULES; i++) {
        (void)host_agent_add(&agent, names[i], paths[i]);
    }
}

static void commit(void)
{
    if (agent.reply->stateful) {
        agent.order->drain_ms = 20000;
        assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                         LOCKSTEP_HOSTWIRE_MIGRATED);
    }
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_RETIRE);
    agent.order->entries_count = MODULES;
    for (size_t i = 0; i < MODULES; i++) {
        assert_true(lockstep_name_parse(names[i], &agent.order->entries[i].module));
    }
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_RETIRE), LOCKSTEP_HOSTWIRE_OK);
}

static void reload(struct soak *soak, int version)
{
    char paths[MODULES][160];
    uint64_t generation = agent.generation;
    for (size_t i = 0; i < MODULES; i++) {
        char file[32];
        (void)snprintf(file, sizeof(file), "%s-%d", names[i], version);
        host_agent_copy(&agent, file, paths[i], sizeof(paths[i]));
    }
    fill_order(paths, generation);
    if (host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE) == LOCKSTEP_HOSTWIRE_REFUSED) {
        assert_string_equal(agent.reply->code, "NOT_PURGED");
        purge(soak);
        fill_order(paths, generation);
        assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE),
                         LOCKSTEP_HOSTWIRE_PREPARED);
    }
    assert_int_equal(agent.reply->type, LOCKSTEP_HOSTWIRE_PREPARED);
    commit();
    soak->reloads++;
}

static void tell(const struct soak *soak, uint64_t calls, double before, double meanwhile)
{
    print_message(
        "{\"schema\":\"lockstep/soak/v1\",\"reloads\":%llu,\"calls\":%llu,\"purges\":%llu,"
        "\"lost\":0,\"failed\":0,\"mixed\":0,\"calls_per_s_before\":%.0f,"
        "\"calls_per_s_meanwhile\":%.0f,\"rss_kib\":[%llu,%llu],\"maps\":[%llu,%llu]}\n",
        (unsigned long long)soak->reloads, (unsigned long long)calls,
        (unsigned long long)soak->purges, before, meanwhile, (unsigned long long)soak->first.kib,
        (unsigned long long)soak->last.kib, (unsigned long long)soak->first.maps,
        (unsigned long long)soak->last.maps);
}

/* Each of the callers' rounds is a call of `other`, one of `echo` in it, and one of `counter`. */
static void check_counts(struct soak *soak, uint64_t rounds)
{
    struct lockstep_answer answer;
    uint64_t sum = 0;
    assert_int_equal(lockstep_host_call(host, "counter.get", "", 0, &answer), LOCKSTEP_CALL_OK);
    sum = strtoull((const char *)answer.bytes, NULL, 10);
    lockstep_answer_deinit(&answer);
    assert_int_equal(sum, rounds);
    (void)add_counts(false, soak->counted);
    assert_int_equal(soak->counted[0], rounds);
    assert_int_equal(soak->counted[1], rounds);
    assert_int_equal(soak->counted[2], rounds + 1);
}

static void check_memory(const struct soak *soak)
{
    if (soak->purges > TREND) {
        assert_true(soak->last.kib <= soak->first.kib + 2048);
        assert_true(soak->last.maps <= soak->first.maps + 32);
    }
}

static void test_soak(void **state)
{
    const char *wanted = getenv("LOCKSTEP_SOAK_RELOADS");
    uint64_t reloads = wanted == NULL ? 1000 : strtoull(wanted, NULL, 10);
    struct soak soak = {0};
    uint64_t before = 0;
    double rate = 0;
    double begun = 0;
    (void)state;
    reload(&soak, 1);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    rate = rate_alone();
    before = calls_so_far();
    begun = now_s();
    while (soak.reloads <= reloads) {
        reload(&soak, 1 + (int)(soak.reloads % 2));
    }
    begun = now_s() - begun;
    before = calls_so_far() - before;
    atomic_store(&enough, true);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].failed, 0);
        assert_int_equal(callers[i].mixed, 0);
    }
    check_counts(&soak, calls_so_far());
    check_memory(&soak);
    tell(&soak, 3 * calls_so_far(), 3 * rate, 3 * (double)before / begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_soak, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("host soak", tests, NULL, NULL);
}
