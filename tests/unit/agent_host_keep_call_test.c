/* A call that is written down, and who must not wait for it. */
#include "agent/host/gate.h"
#include "agent/host/keep.h"
#include "tests/support/cmocka.h"

#include <semaphore.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 10

static struct lockstep_keep keep;
static sem_t inside;
static sem_t go;

static int wait_inside(struct lockstep_call *call)
{
    (void)call;
    (void)sem_post(&inside);
    while (sem_wait(&go) != 0) {
    }
    return 0;
}

static void *make_call(void *context)
{
    static uint8_t request[LOCKSTEP_CALL_JOURNAL_MIN / 2];
    struct lockstep_gate_entry entry = {.name = "ledger.add", .keep = &keep, .call = wait_inside};
    struct lockstep_call call = {sizeof(call), request, sizeof(request), NULL};
    (void)context;
    (void)lockstep_keep_call(&entry, &call);
    return NULL;
}

static void *look(void *ret_wants)
{
    *(bool *)ret_wants = lockstep_keep_wants_base(&keep);
    return NULL;
}

static void expect_look(bool wanted)
{
    static bool wants; /* a thread that hangs writes it later */
    struct timespec end;
    pthread_t thread;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &end), 0);
    end.tv_sec += PATIENCE_S;
    assert_int_equal(pthread_create(&thread, NULL, look, &wants), 0);
    assert_int_equal(pthread_timedjoin_np(thread, NULL, &end), 0);
    assert_int_equal(wants, wanted);
}

/* The control thread asks ten times a second: a call that hangs must not take it along. */
static void nobody_waits_for_a_call(void **state)
{
    struct lockstep_kept kept;
    pthread_t thread;
    (void)state;
    assert_true(lockstep_keep_init(&keep));
    lockstep_kept_init(&kept);
    assert_int_equal(lockstep_call_journal_new(&kept.journal, LOCKSTEP_CALL_JOURNAL_MIN, 0, NULL),
                     LOCKSTEP_OK);
    lockstep_keep_take(&keep, &kept);
    assert_int_equal(sem_init(&inside, 0, 0), 0);
    assert_int_equal(sem_init(&go, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, make_call, NULL), 0);
    while (sem_wait(&inside) != 0) {
    }
    expect_look(false);
    (void)sem_post(&go);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_look(true); /* what it asked fills half of the journal */
    lockstep_kept_init(&kept);
    assert_int_equal(lockstep_call_journal_new(&kept.journal, LOCKSTEP_CALL_JOURNAL_MIN, 1, NULL),
                     LOCKSTEP_OK);
    lockstep_keep_take(&keep, &kept);
    expect_look(false);
    lockstep_keep_deinit(&keep);
}

/* A journal that goes on from another one counts on from its records. */
static void records_are_counted_on(void **state)
{
    const struct lockstep_call call = {.size = sizeof(call)};
    struct lockstep_call_journal before;
    struct lockstep_call_journal after;
    (void)state;
    assert_int_equal(lockstep_call_journal_new(&before, LOCKSTEP_CALL_JOURNAL_MIN, 7, NULL),
                     LOCKSTEP_OK);
    assert_true(lockstep_call_journal_append(&before, 1, "ledger.add", &call, 0));
    assert_true(lockstep_call_journal_append(&before, 1, "ledger.add", &call, 0));
    assert_true(
        lockstep_keep_continue(&after, LOCKSTEP_CALL_JOURNAL_MIN, before.bytes, before.size));
    assert_int_equal(after.next, 9);
    assert_memory_equal(after.bytes, before.bytes, before.size);
    lockstep_call_journal_deinit(&before);
    lockstep_call_journal_deinit(&after);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_waits_for_a_call),
                                              cmocka_unit_test(records_are_counted_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
