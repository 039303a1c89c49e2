/*
 * The gate under everything at once: threads that come and go, nested calls, calls that sleep,
 * held sets, swaps back to back, gates that are shut, sealed and opened meanwhile, images whose
 * number is used again. At the end every counter adds up.
 *
 * It runs three times: with membarrier, where the kernel refuses it from the start, and where it
 * begins to refuse it halfway, as it does for a service that takes rights away from itself.
 */
#include "agent/host/gate.h"
#include "tests/support/cmocka.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MODULES  2
#define SWAPS    4000
#define SEALS    94 /* of each module */
#define STEADY   2
#define SLEEPERS 1
#define VISITORS 2
#define VISITS   25 /* calls of a thread that comes and goes */

/* Generations whose images are apart: each thread holds one, one is live and one comes. */
#define ROUNDS (STEADY + SLEEPERS + VISITORS + 2)

enum refusal { GRANTED, REFUSED, REFUSED_LATER };

struct tally {
    uint64_t calls[MODULES];
    uint64_t failed[MODULES];
    uint64_t wrong; /* anything that may not be */
};

static const char *const tools[MODULES] = {"a.call", "b.call"};
static struct lockstep_gate gates[MODULES];
static atomic_bool dead[MODULES * ROUNDS]; /* images that nobody may be in */
static atomic_int inside[MODULES];
static atomic_bool sealed[MODULES]; /* its state is being handed over */
static atomic_size_t begun;         /* callers that are under way */
static atomic_bool enough;
static struct tally all;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of `all`, and of who rests */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

/* Sleeps: until the end of the test, which wakes all, but not for longer than that. */
static void rest(long ns)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += ns;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&mutex);
    while (!atomic_load(&enough) &&
           pthread_cond_clockwait(&ended, &mutex, CLOCK_MONOTONIC, &end) == 0) {
    }
    (void)pthread_mutex_unlock(&mutex);
}

static void end_all(void)
{
    (void)pthread_mutex_lock(&mutex);
    atomic_store(&enough, true);
    (void)pthread_cond_broadcast(&ended);
    (void)pthread_mutex_unlock(&mutex);
}

static void add(struct tally *sum, const struct tally *tally)
{
    for (size_t i = 0; i < MODULES; i++) {
        sum->calls[i] += tally->calls[i];
        sum->failed[i] += tally->failed[i];
    }
    sum->wrong += tally->wrong;
}

static void hand_in(const struct tally *tally)
{
    (void)pthread_mutex_lock(&mutex);
    add(&all, tally);
    (void)pthread_mutex_unlock(&mutex);
}

static int nothing(struct lockstep_call *call)
{
    (void)call;
    return 0;
}

/* The images are those from FIRST on. */
static struct lockstep_gate_table *make_table(uint64_t generation, uint32_t first)
{
    struct lockstep_gate_table *table = calloc(1, sizeof(*table) +
                                                      MODULES * sizeof(struct lockstep_gate_entry));
    if (table == NULL) {
        return NULL;
    }
    table->count = MODULES;
    for (uint32_t i = 0; i < MODULES; i++) {
        table->entries[i] = (struct lockstep_gate_entry){
            .name = tools[i],
            .call = nothing,
            .gate = &gates[i],
            .mask = LOCKSTEP_SHUT_ANY,
            .module = "m",
            .version = "1",
            .tool = i, /* so that the sums of a tool are not those of the first */
            .image = first + i,
            .generation = generation,
        };
    }
    return table;
}

/* ---- callers -------------------------------------------------------------------------------- */

static bool is_wrong(const struct lockstep_gate_pass *pass, size_t module)
{
    return atomic_load(&dead[pass->entry->image]) || atomic_load(&sealed[module]);
}

/* What runs in a call: looks that nothing happens to its version meanwhile. */
static void stay(const struct lockstep_gate_pass *pass, size_t module, long ns, struct tally *tally)
{
    bool wrong = is_wrong(pass, module);
    atomic_fetch_add(&inside[module], 1);
    tally->wrong += pass->entry->call(NULL) != 0;
    if (ns > 0) {
        rest(ns);
    }
    atomic_fetch_sub(&inside[module], 1);
    tally->wrong += wrong || is_wrong(pass, module);
}

/* A call of the second module within one of the first. Sealed, it is turned away: it cannot wait
 * for what may wait for it. */
static void call_nested(uint64_t generation, _Atomic(uint64_t) *hint, struct tally *tally)
{
    struct lockstep_gate_pass pass;
    enum lockstep_call_result result = lockstep_gate_enter(tools[1], hint, &pass);
    if (result == LOCKSTEP_CALL_OK) {
        tally->wrong += pass.entry->generation != generation;
        stay(&pass, 1, 0, tally);
        tally->calls[1]++;
        lockstep_gate_leave(&pass, false);
    } else {
        tally->wrong += result != LOCKSTEP_CALL_CLOSED;
    }
}

static void call_once(unsigned turn, long ns, struct tally *tally)
{
    static _Atomic(uint64_t) hints[MODULES];
    struct lockstep_gate_pass pass;
    bool failed = turn % 5 == 0;
    bool held = turn % 7 == 0 && lockstep_gate_hold();
    enum lockstep_call_result result = lockstep_gate_enter(tools[0], &hints[0], &pass);
    if (result == LOCKSTEP_CALL_OK) {
        stay(&pass, 0, ns, tally);
        if (turn % 3 == 0) {
            call_nested(pass.entry->generation, &hints[1], tally);
        }
        tally->calls[0]++;
        tally->failed[0] += failed;
        lockstep_gate_leave(&pass, failed);
    } else {
        tally->wrong += !held || result != LOCKSTEP_CALL_CLOSED;
    }
    if (held) {
        lockstep_gate_release();
    }
}

static void *call_on(void *argument)
{
    const long *ns = argument;
    struct tally tally = {0};
    atomic_fetch_add(&begun, 1);
    for (unsigned turn = 0; !atomic_load(&enough); turn++) {
        call_once(turn, *ns, &tally);
    }
    hand_in(&tally);
    return NULL;
}

static void *visit(void *argument)
{
    struct tally tally = {0};
    (void)argument;
    for (unsigned turn = 0; turn < VISITS; turn++) {
        call_once(turn, 0, &tally);
    }
    hand_in(&tally);
    return NULL;
}

/* Threads that come and go: slots change hands. */
static void *send_visitors(void *argument)
{
    struct tally tally = {0};
    (void)argument;
    while (!atomic_load(&enough)) {
        pthread_t visitors[VISITORS];
        bool came[VISITORS];
        for (size_t i = 0; i < VISITORS; i++) {
            came[i] = pthread_create(&visitors[i], NULL, visit, NULL) == 0;
            tally.wrong += !came[i];
        }
        for (size_t i = 0; i < VISITORS; i++) {
            tally.wrong += came[i] && pthread_join(visitors[i], NULL) != 0;
        }
    }
    hand_in(&tally);
    return NULL;
}

/* ---- who swaps ------------------------------------------------------------------------------ */

static uint64_t in_flight(uint32_t module)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct lockstep_gate_counts counts;
        lockstep_gate_count(i * MODULES + module, &counts);
        sum += counts.in_flight;
    }
    return sum;
}

/* As a hand-over does it: nobody new, then nobody at all, then nobody is inside. */
static void begin_seal(size_t module)
{
    lockstep_gate_shut(&gates[module], LOCKSTEP_SHUT_SWAP);
    lockstep_gate_shut(&gates[module], LOCKSTEP_SHUT_SEAL);
}

static void end_seal(size_t module, struct tally *tally)
{
    tally->wrong += atomic_load(&inside[module]) != 0;
    atomic_store(&sealed[module], true);
    rest(20000);
    tally->wrong += atomic_load(&inside[module]) != 0;
    atomic_store(&sealed[module], false);
    lockstep_gate_open(&gates[module], LOCKSTEP_SHUT_SWAP | LOCKSTEP_SHUT_SEAL);
}

/* Seals the modules again and again. Nobody waits here for who is inside: callers that have no
 * processor would be waited for hundreds of times, and meanwhile there is more to swap. False:
 * enough. */
static bool seal_on(uint64_t generation, struct tally *tally)
{
    static bool shut[MODULES];
    static unsigned times[MODULES];
    bool goes_on = false;
    for (size_t i = 0; i < MODULES; i++) {
        if (!shut[i] && times[i] < SEALS && generation % 8 == 4 * i) {
            begin_seal(i);
            shut[i] = true;
        }
        if (shut[i] && in_flight((uint32_t)i) == 0) {
            end_seal(i, tally);
            shut[i] = false;
            times[i]++;
        }
        goes_on = goes_on || times[i] < SEALS;
    }
    return goes_on;
}

/* Takes what IMAGE counted, and lets it count anew. */
static void bury(uint32_t image, struct tally *counted)
{
    struct lockstep_gate_counts counts[LOCKSTEP_MODULE_TOOLS];
    lockstep_gate_count_tools(image, LOCKSTEP_MODULE_TOOLS, counts);
    for (size_t i = 0; i < MODULES; i++) {
        counted->calls[i] += counts[i].calls;
        counted->failed[i] += counts[i].failed;
        counted->wrong += counts[i].in_flight != 0;
    }
    lockstep_gate_forget(image);
}

/* Lets nobody into images any more that nobody can reach. */
static void retire(uint32_t live, struct tally *counted)
{
    for (uint32_t image = 0; image < ROUNDS * MODULES; image++) {
        if (image / MODULES != live / MODULES && !atomic_load(&dead[image]) &&
            !lockstep_gate_holds(image)) {
            atomic_store(&dead[image], true);
            bury(image, counted);
        }
    }
}

/* The first of numbers that are free; they are there whatever the threads hold. */
static uint32_t revive(struct tally *counted)
{
    uint32_t first = 0;
    while (first < (ROUNDS - 1) * MODULES &&
           !(atomic_load(&dead[first]) && atomic_load(&dead[first + 1]))) {
        first += MODULES;
    }
    for (uint32_t i = 0; i < MODULES; i++) {
        counted->wrong += !atomic_load(&dead[first + i]);
        atomic_store(&dead[first + i], false);
    }
    return first;
}

static bool refuse_membarrier(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void swap_on(enum refusal refusal, struct tally *counted)
{
    bool seals = true;
    for (uint64_t generation = 2; generation < SWAPS || seals; generation++) {
        uint32_t first = revive(counted);
        struct lockstep_gate_table *table = make_table(generation, first);
        if (refusal == REFUSED_LATER && generation == SWAPS / 2) {
            counted->wrong += lockstep_gate_is_fenced() || !refuse_membarrier();
        }
        counted->wrong += table == NULL;
        lockstep_gate_publish(table);
        retire(first, counted);
        seals = seal_on(generation, counted);
        if (generation % 11 == 0) {
            lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_DRAIN);
            lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_DRAIN);
        }
        if (generation % 8 == 0) {
            rest(20000); /* so that calls end in the middle of all this */
        }
    }
}

/* True if all went well. */
static bool stress(enum refusal refusal)
{
    static long no_ns = 0;
    static long some_ns = 700000;
    pthread_t threads[STEADY + SLEEPERS + 1];
    struct tally counted = {0};
    size_t started = 0;
    bool well = (refusal != REFUSED || refuse_membarrier()) && lockstep_gate_init() &&
                lockstep_gate_is_fenced() == (refusal == REFUSED);
    for (size_t i = 0; i < ROUNDS * MODULES; i++) {
        atomic_store(&dead[i], i >= MODULES);
    }
    lockstep_gate_publish(make_table(1, 0));
    for (size_t i = 0; i < STEADY + SLEEPERS; i++) {
        started += pthread_create(&threads[started], NULL, call_on,
                                  i < STEADY ? &no_ns : &some_ns) == 0;
    }
    started += pthread_create(&threads[started], NULL, send_visitors, NULL) == 0;
    well = well && started == STEADY + SLEEPERS + 1;
    while (well && atomic_load(&begun) < STEADY + SLEEPERS) {
        rest(20000);
    }
    swap_on(refusal, &counted);
    end_all();
    for (size_t i = 0; i < started; i++) {
        well = pthread_join(threads[i], NULL) == 0 && well;
    }
    for (uint32_t i = 0; i < ROUNDS * MODULES; i++) {
        bury(i, &counted);
    }
    for (size_t i = 0; i < MODULES; i++) {
        well = well && counted.calls[i] == all.calls[i] && counted.failed[i] == all.failed[i] &&
               all.calls[i] > 0;
        print_message("%s: %llu calls, counted %llu\n", tools[i], (unsigned long long)all.calls[i],
                      (unsigned long long)counted.calls[i]);
    }
    well = well && counted.wrong == 0 && all.wrong == 0 && lockstep_gate_sweep() &&
           lockstep_gate_is_fenced() == (refusal != GRANTED);
    lockstep_gate_deinit();
    return well;
}

/* In a process of its own: a filter is for good, and a gate knows what its process was granted. */
static void check_stress(void **state)
{
    const struct {
        const char *name;
        enum refusal refusal;
    } *row = *state;
    int status = -1;
    pid_t child;
    (void)fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool well = stress(row->refusal);
        (void)fflush(NULL);
        _exit(well ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct {
        const char *name;
        enum refusal refusal;
    } rows[] = {
        {"with membarrier", GRANTED},
        {"without membarrier", REFUSED},
        {"membarrier is refused later", REFUSED_LATER},
    };
    return LOCKSTEP_RUN_TABLE("agent/host gate stress", rows, check_stress);
}
