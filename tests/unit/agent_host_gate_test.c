/* The gate under threads: sets stay whole, counts are exact, and what is shut stays out. */
#include "agent/host/gate.h"
#include "common/base/assert.h"
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define CALLERS 3
#define SWAPS   2000

static atomic_bool enough;
static atomic_int inside;
static atomic_int release_waiting;

static int nothing(struct lockstep_call *call)
{
    (void)call;
    return 0;
}

static int wait_inside(struct lockstep_call *call)
{
    (void)call;
    atomic_store(&inside, 1);
    while (atomic_load(&release_waiting) == 0) {
    }
    return 0;
}

static struct lockstep_gate gates[2];

/* Two tools, of two modules, of one generation. */
static struct lockstep_gate_table *make_table(uint64_t generation,
                                              int (*first)(struct lockstep_call *call))
{
    struct lockstep_gate_table *table = calloc(1, sizeof(*table) +
                                                      2 * sizeof(struct lockstep_gate_entry));
    assert_non_null(table);
    table->count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        table->entries[i] = (struct lockstep_gate_entry){
            .name = i == 0 ? "a.call" : "b.call",
            .call = i == 0 ? first : nothing,
            .gate = &gates[i],
            .mask = LOCKSTEP_SHUT_ANY,
            .module = i == 0 ? "a" : "b",
            .version = "1",
            .image = (uint32_t)(2 * (generation % 2)) + i,
            .generation = generation,
        };
    }
    return table;
}

struct caller {
    pthread_t thread;
    uint64_t calls;
    uint64_t mixed;
    uint64_t failed;
};

/* A call, with a nested one in it: both have to be of one generation. */
static void *call_on(void *argument)
{
    struct caller *caller = argument;
    _Atomic(uint64_t) hint = 0;
    while (!atomic_load(&enough)) {
        struct lockstep_gate_pass outer;
        struct lockstep_gate_pass nested;
        if (lockstep_gate_enter("a.call", &hint, &outer) != LOCKSTEP_CALL_OK) {
            caller->failed++;
            continue;
        }
        if (lockstep_gate_enter("b.call", NULL, &nested) == LOCKSTEP_CALL_OK) {
            caller->mixed += outer.entry->generation != nested.entry->generation ? 1 : 0;
            caller->calls++;
            lockstep_gate_leave(&nested, false);
        } else {
            caller->failed++;
        }
        lockstep_gate_leave(&outer, false);
    }
    return NULL;
}

static uint64_t count_calls(uint32_t tool)
{
    struct lockstep_gate_counts even;
    struct lockstep_gate_counts odd;
    lockstep_gate_count(tool, &even);
    lockstep_gate_count(2 + tool, &odd);
    assert_int_equal(even.in_flight + odd.in_flight, 0);
    return even.calls + odd.calls;
}

static void test_sets_stay_whole(void **state)
{
    struct caller callers[CALLERS] = {0};
    uint64_t before[2];
    uint64_t calls = 0;
    (void)state;
    assert_true(lockstep_gate_init());
    before[0] = count_calls(0);
    before[1] = count_calls(1);
    atomic_store(&enough, false);
    lockstep_gate_publish(make_table(1, nothing));
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    for (uint64_t generation = 2; generation < SWAPS; generation++) {
        lockstep_gate_publish(make_table(generation, nothing));
        (void)lockstep_gate_sweep();
        if (generation % 16 == 0) {
            lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SWAP);
            lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_SWAP);
        }
    }
    atomic_store(&enough, true);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].mixed, 0);
        assert_int_equal(callers[i].failed, 0);
        calls += callers[i].calls;
    }
    assert_int_equal(count_calls(0) - before[0], calls);
    assert_int_equal(count_calls(1) - before[1], calls);
    assert_true(lockstep_gate_sweep());
    lockstep_gate_deinit();
}

static void *call_waiting(void *argument)
{
    struct lockstep_gate_pass pass;
    (void)argument;
    if (lockstep_gate_enter("a.call", NULL, &pass) == LOCKSTEP_CALL_OK) {
        (void)pass.entry->call(NULL);
        lockstep_gate_leave(&pass, true);
    }
    return NULL;
}

static void test_counts_who_is_inside(void **state)
{
    struct lockstep_gate_counts counts;
    struct lockstep_gate_counts before;
    struct lockstep_gate_pass pass;
    pthread_t thread;
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_gate_publish(make_table(1, wait_inside));
    lockstep_gate_count(2, &before);
    atomic_store(&inside, 0);
    atomic_store(&release_waiting, 0);
    assert_int_equal(pthread_create(&thread, NULL, call_waiting, NULL), 0);
    while (atomic_load(&inside) == 0) {
    }
    lockstep_gate_count(2, &counts);
    assert_int_equal(counts.in_flight, 1);
    lockstep_gate_publish(make_table(2, nothing));
    assert_true(lockstep_gate_holds(2));
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_OK);
    assert_int_equal(pass.entry->generation, 2);
    lockstep_gate_leave(&pass, false);
    atomic_store(&release_waiting, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    lockstep_gate_count(2, &counts);
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.failed - before.failed, 1);
    assert_false(lockstep_gate_holds(2));
    lockstep_gate_deinit();
}

static void test_shut(void **state)
{
    struct lockstep_gate_pass outer;
    struct lockstep_gate_pass pass;
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_gate_patience(10);
    lockstep_gate_publish(make_table(1, nothing));
    assert_int_equal(lockstep_gate_enter("b.call", NULL, &outer), LOCKSTEP_CALL_OK);
    lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SWAP);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_OK);
    lockstep_gate_leave(&pass, false);
    lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SEAL);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_CLOSED);
    lockstep_gate_leave(&outer, false);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_CLOSED);
    lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_SEAL | LOCKSTEP_SHUT_SWAP);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_OK);
    lockstep_gate_leave(&pass, false);
    assert_int_equal(lockstep_gate_enter("no.call", NULL, &pass), LOCKSTEP_CALL_NO_TOOL);
    lockstep_gate_patience(0);
    lockstep_gate_deinit();
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A nested call that waited would keep what it waits for from ever being empty. */
static void test_nested_do_not_wait(void **state)
{
    struct lockstep_gate_pass outer;
    struct lockstep_gate_pass pass;
    uint64_t before = now_ms();
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_gate_patience(20000);
    lockstep_gate_publish(make_table(1, nothing));
    assert_int_equal(lockstep_gate_enter("b.call", NULL, &outer), LOCKSTEP_CALL_OK);
    lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SEAL);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_CLOSED);
    assert_true(now_ms() - before < 10000);
    lockstep_gate_leave(&outer, false);
    lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_SEAL);
    lockstep_gate_patience(0);
    lockstep_gate_deinit();
}

static void hand_over_to(uint32_t image)
{
    lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SEAL);
    lockstep_gate_own(&gates[0], image);
    lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_SEAL);
}

/* Publishes a set whose first module has state. */
static void publish_stateful(uint64_t generation)
{
    struct lockstep_gate_table *table = make_table(generation, nothing);
    table->entries[0].mask = ~0U;
    table->entries[0].expected = lockstep_gate_owner(table->entries[0].image);
    hand_over_to(table->entries[0].image);
    lockstep_gate_publish(table);
}

/* A held set goes on as it was, but not into a version whose state is another's by now. */
static void test_state_has_one_owner(void **state)
{
    struct lockstep_gate_pass pass;
    (void)state;
    assert_true(lockstep_gate_init());
    publish_stateful(1);
    assert_true(lockstep_gate_hold());
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_OK);
    lockstep_gate_leave(&pass, false);
    publish_stateful(2);
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_CLOSED);
    assert_int_equal(lockstep_gate_enter("b.call", NULL, &pass), LOCKSTEP_CALL_OK);
    assert_int_equal(pass.entry->generation, 1);
    lockstep_gate_leave(&pass, false);
    lockstep_gate_release();
    assert_int_equal(lockstep_gate_enter("a.call", NULL, &pass), LOCKSTEP_CALL_OK);
    assert_int_equal(pass.entry->generation, 2);
    lockstep_gate_leave(&pass, false);
    lockstep_gate_deinit();
    atomic_store(&gates[0].word, 0);
}

static unsigned mistakes;

static void take_note(const char *expression, const char *file, int line)
{
    (void)expression;
    (void)file;
    (void)line;
    mistakes++;
}

static void *hold_for_good(void *argument)
{
    (void)argument;
    return lockstep_gate_hold() ? NULL : argument;
}

static void *look_at_slot(void *argument)
{
    (void)argument;
    assert_null(lockstep_gate_held());
    return NULL;
}

static void run_thread(void *(*run)(void *argument))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A caller's mistakes are noted; they keep no set alive and stop no later call. */
static void test_mistakes(void **state)
{
    _Atomic(uint64_t) hint = 0;
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_assert_set_handler(take_note);
    lockstep_gate_publish(make_table(1, nothing));
    run_thread(hold_for_good);
    assert_int_equal(mistakes, 1);
    run_thread(look_at_slot);
    lockstep_gate_release();
    assert_int_equal(mistakes, 2);
    assert_int_equal(lockstep_gate_call("a.call", &hint, NULL), LOCKSTEP_CALL_OK);
    assert_null(lockstep_gate_held());
    lockstep_gate_publish(make_table(2, nothing));
    assert_true(lockstep_gate_sweep());
    assert_int_equal(mistakes, 2);
    lockstep_assert_set_handler(NULL);
    lockstep_gate_deinit();
}

static int refuse(struct lockstep_call *call)
{
    (void)call;
    return 1;
}

/* The fast way does as the other: also on a thread that has no slot yet, and when it fails. */
static void *call_fast(void *argument)
{
    _Atomic(uint64_t) *hint = argument;
    struct lockstep_gate_counts before;
    struct lockstep_gate_counts counts;
    lockstep_gate_count(2, &before);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lockstep_gate_call("a.call", hint, NULL), LOCKSTEP_CALL_FAILED);
    }
    lockstep_gate_shut(&gates[0], LOCKSTEP_SHUT_SWAP);
    assert_int_equal(lockstep_gate_call("a.call", hint, NULL), LOCKSTEP_CALL_CLOSED);
    assert_true(lockstep_gate_hold());
    assert_int_equal(lockstep_gate_call("a.call", hint, NULL), LOCKSTEP_CALL_FAILED);
    lockstep_gate_release();
    lockstep_gate_open(&gates[0], LOCKSTEP_SHUT_SWAP);
    lockstep_gate_count(2, &counts);
    assert_int_equal(counts.calls - before.calls, 4);
    assert_int_equal(counts.failed - before.failed, 4);
    assert_int_equal(counts.in_flight, 0);
    assert_null(lockstep_gate_held());
    return NULL;
}

static void test_fast_way(void **state)
{
    _Atomic(uint64_t) hint = 0;
    _Atomic(uint64_t) none = 0;
    pthread_t thread;
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_gate_patience(10);
    assert_int_equal(lockstep_gate_call("a.call", &hint, NULL), LOCKSTEP_CALL_NO_TOOL);
    lockstep_gate_publish(make_table(1, refuse));
    assert_int_equal(pthread_create(&thread, NULL, call_fast, &hint), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(lockstep_gate_call("no.call", &none, NULL), LOCKSTEP_CALL_NO_TOOL);
    lockstep_gate_publish(make_table(2, nothing)); /* the hint is of another table now */
    assert_int_equal(lockstep_gate_call("a.call", &hint, NULL), LOCKSTEP_CALL_OK);
    assert_true(lockstep_gate_sweep());
    lockstep_gate_patience(0);
    lockstep_gate_deinit();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_stay_whole),
        cmocka_unit_test(test_counts_who_is_inside),
        cmocka_unit_test(test_shut),
        cmocka_unit_test(test_fast_way),
        cmocka_unit_test(test_nested_do_not_wait),
        cmocka_unit_test(test_state_has_one_owner),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests_name("agent/host gate", tests, NULL, NULL);
}
