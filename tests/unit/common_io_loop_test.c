/* The loop: timers in order, posts from threads, descriptors, signals and children. */
#include "common/io/loop.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static int set_up(void **state)
{
    struct lockstep_loop *loop = NULL;
    assert_int_equal(lockstep_loop_new(&loop, NULL), LOCKSTEP_OK);
    *state = loop;
    return 0;
}

static int tear_down(void **state)
{
    assert_null(lockstep_loop_free(*state));
    return 0;
}

/* Runs the loop until CONDITION holds; fails when patience is over. */
#define WAIT_FOR(loop, condition)                                                 \
    do {                                                                          \
        uint64_t end_ = lockstep_monotonic_us() / 1000 + PATIENCE_MS;             \
        while (!(condition)) {                                                    \
            assert_int_equal(lockstep_loop_once((loop), 200, NULL), LOCKSTEP_OK); \
            assert_true(lockstep_monotonic_us() / 1000 < end_);                   \
        }                                                                         \
    } while (0)

/* ---- timers --------------------------------------------------------------------------------- */

#define TIMERS 500

struct alarm {
    struct lockstep_loop *loop;
    struct lockstep_timer timer;
    struct lockstep_time at;
    uint64_t *last; /* of all alarms: when the one before was due */
    int *fired;
};

static void on_alarm(void *context)
{
    struct alarm *alarm = context;
    assert_true(alarm->at.ms >= *alarm->last);
    assert_true(lockstep_loop_now(alarm->loop).ms >= alarm->at.ms);
    *alarm->last = alarm->at.ms;
    (*alarm->fired)++;
}

/* Armed, moved and disarmed without order, they fire in order, once, and never too early. */
static void timers_fire_in_order(void **state)
{
    struct lockstep_loop *loop = *state;
    static struct alarm alarms[TIMERS];
    uint64_t last = 0;
    int fired = 0;
    int left = 0;
    memset(alarms, 0, sizeof(alarms));
    for (size_t i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm){.loop = loop, .last = &last, .fired = &fired};
        alarms[i].timer = (struct lockstep_timer){.due = on_alarm, .context = &alarms[i]};
        alarms[i].at = lockstep_time_after(lockstep_loop_now(loop), i * 7919 % 50);
        lockstep_timer_arm(loop, &alarms[i].timer, alarms[i].at);
    }
    for (size_t i = 0; i < TIMERS; i += 3) {
        alarms[i].at = lockstep_time_after(lockstep_loop_now(loop), i * 104729 % 60);
        lockstep_timer_arm(loop, &alarms[i].timer, alarms[i].at);
    }
    for (size_t i = 1; i < TIMERS; i += 3) {
        lockstep_timer_disarm(loop, &alarms[i].timer);
        lockstep_timer_disarm(loop, &alarms[i].timer);
    }
    for (size_t i = 0; i < TIMERS; i++) {
        left += i % 3 != 1;
    }
    WAIT_FOR(loop, fired >= left);
    assert_int_equal(lockstep_loop_once(loop, 0, NULL), LOCKSTEP_OK);
    assert_int_equal(fired, left);
}

struct again {
    struct lockstep_loop *loop;
    struct lockstep_timer timer;
    int times;
};

static void arm_again(void *context)
{
    struct again *again = context;
    again->times++;
    lockstep_timer_arm(again->loop, &again->timer, lockstep_loop_now(again->loop));
}

/* A timer that arms itself for now fires once a turn and does not hold the loop. */
static void a_restless_timer_waits_its_turn(void **state)
{
    struct again again = {.loop = *state};
    again.timer = (struct lockstep_timer){.due = arm_again, .context = &again};
    lockstep_timer_arm(again.loop, &again.timer, lockstep_loop_now(again.loop));
    for (int turn = 1; turn <= 3; turn++) {
        assert_int_equal(lockstep_loop_once(again.loop, 0, NULL), LOCKSTEP_OK);
        assert_int_equal(again.times, turn);
    }
    lockstep_timer_disarm(again.loop, &again.timer);
}

/* ---- posts ---------------------------------------------------------------------------------- */

#define THREADS 4
#define POSTS   20000

struct poster {
    struct lockstep_loop *loop;
    struct lockstep_post posts[64];
    pthread_t thread;
    pthread_t owner; /* the loop's thread */
    int arrived;     /* loop's thread only */
};

static void on_post(void *context)
{
    struct poster *poster = context;
    assert_true(pthread_equal(pthread_self(), poster->owner));
    poster->arrived++;
}

static void *post_much(void *context)
{
    struct poster *poster = context;
    for (size_t i = 0; i < POSTS; i++) {
        lockstep_loop_post(poster->loop, &poster->posts[i % 64]);
    }
    return NULL;
}

/* Whatever threads post arrives on the loop's thread; what is queued twice arrives once. */
static void posts_come_from_any_thread(void **state)
{
    static struct poster posters[THREADS];
    memset(posters, 0, sizeof(posters));
    for (size_t i = 0; i < THREADS; i++) {
        posters[i].loop = *state;
        posters[i].owner = pthread_self();
        for (size_t k = 0; k < 64; k++) {
            posters[i].posts[k] = (struct lockstep_post){.arrived = on_post,
                                                         .context = &posters[i]};
        }
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_much, &posters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        WAIT_FOR(posters[i].loop, posters[i].arrived >= 64);
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
    }
    assert_int_equal(lockstep_loop_once(*state, 0, NULL), LOCKSTEP_OK);
    for (size_t i = 0; i < THREADS; i++) {
        assert_true(posters[i].arrived <= POSTS);
    }
}

static void count_post(void *context)
{
    (*(int *)context)++;
}

static void a_post_can_be_taken_back(void **state)
{
    int counts[3] = {0};
    struct lockstep_post posts[3];
    for (size_t i = 0; i < 3; i++) {
        posts[i] = (struct lockstep_post){.arrived = count_post, .context = &counts[i]};
        lockstep_loop_post(*state, &posts[i]);
        lockstep_loop_post(*state, &posts[i]);
    }
    lockstep_loop_unpost(*state, &posts[2]); /* the last: the next must still find the end */
    lockstep_loop_unpost(*state, &posts[0]);
    lockstep_loop_unpost(*state, &posts[0]);
    lockstep_loop_post(*state, &posts[2]);
    assert_int_equal(lockstep_loop_once(*state, 0, NULL), LOCKSTEP_OK);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 1);
}

struct endless {
    struct lockstep_loop *loop;
    struct lockstep_post post;
    bool over;
};

static void post_again(void *context)
{
    struct endless *endless = context;
    lockstep_loop_post(endless->loop, &endless->post);
}

static void end_it(void *context)
{
    struct endless *endless = context;
    endless->over = true;
}

/* Posts that never end do not keep a timer from its turn. */
static void endless_posts_starve_nobody(void **state)
{
    struct endless endless = {.loop = *state};
    struct lockstep_timer timer = {.due = end_it, .context = &endless};
    endless.post = (struct lockstep_post){.arrived = post_again, .context = &endless};
    lockstep_loop_post(endless.loop, &endless.post);
    lockstep_timer_arm(endless.loop, &timer,
                       lockstep_time_after(lockstep_loop_now(endless.loop), 1));
    WAIT_FOR(endless.loop, endless.over);
    lockstep_loop_unpost(endless.loop, &endless.post);
}

/* More than run in one turn: the rest need no further post, and no timer, to come about. */
static void many_posts_all_arrive(void **state)
{
    enum { MANY = 3000 };
    static struct lockstep_post posts[MANY];
    struct lockstep_loop *loop = *state;
    int count = 0;
    for (size_t i = 0; i < MANY; i++) {
        posts[i] = (struct lockstep_post){.arrived = count_post, .context = &count};
        lockstep_loop_post(loop, &posts[i]);
    }
    for (unsigned turns = 0; turns < 10 && count < MANY; turns++) {
        assert_int_equal(lockstep_loop_once(loop, 0, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(count, MANY);
}

/* ---- descriptors, signals, children --------------------------------------------------------- */

struct reader {
    struct lockstep_loop *loop;
    struct lockstep_watch watch;
    struct reader *other;
    int calls;
};

/* Both are ready in the same turn; the first to run removes the other, which must not run then. */
static void clear_other(void *context, uint32_t events)
{
    struct reader *reader = context;
    assert_true((events & EPOLLIN) != 0);
    reader->calls++;
    lockstep_watch_clear(reader->loop, &reader->other->watch);
}

static void a_watch_removed_in_its_turn_is_silent(void **state)
{
    struct reader readers[2];
    int pipes[2][2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
        assert_int_equal(write(pipes[i][1], "x", 1), 1);
        readers[i] = (struct reader){.loop = *state, .other = &readers[1 - i]};
        readers[i].watch = (struct lockstep_watch){
            .ready = clear_other, .context = &readers[i], .fd = -1};
        assert_int_equal(lockstep_watch_set(*state, &readers[i].watch, pipes[i][0], EPOLLIN, NULL),
                         LOCKSTEP_OK);
    }
    assert_int_equal(lockstep_loop_once(*state, 1000, NULL), LOCKSTEP_OK);
    assert_int_equal(readers[0].calls + readers[1].calls, 1);
    for (size_t i = 0; i < 2; i++) {
        lockstep_watch_clear(*state, &readers[i].watch);
        (void)close(pipes[i][0]);
        (void)close(pipes[i][1]);
    }
}

static void on_signal(void *context, int number)
{
    struct lockstep_loop *loop = context;
    assert_int_equal(number, SIGUSR1);
    lockstep_loop_stop(loop);
}

static void a_signal_is_an_event(void **state)
{
    const int numbers[] = {SIGUSR1, SIGUSR2};
    assert_int_equal(lockstep_loop_signals(*state, numbers, 2, on_signal, *state, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(lockstep_loop_run(*state, NULL), LOCKSTEP_OK);
}

struct exited {
    pid_t pid;
    int status;
};

static void on_exited(void *context, pid_t pid, int status)
{
    *(struct exited *)context = (struct exited){pid, status};
}

static pid_t start_child(int code, int number)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (number != 0) {
            (void)raise(number);
        }
        _exit(code);
    }
    return pid;
}

static const struct child_row {
    const char *name;
    int code;
    int number;
} child_rows[] = {{"exits with 0", 0, 0}, {"exits with 7", 7, 0}, {"is killed", 0, SIGKILL}};

static void check_child(void **state)
{
    const struct child_row *row = *state;
    struct exited exited = {0, 0};
    struct lockstep_child child = {.exited = on_exited, .context = &exited};
    struct lockstep_loop *loop = NULL;
    pid_t pid = start_child(row->code, row->number);
    assert_int_equal(lockstep_loop_new(&loop, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_child_watch(loop, &child, pid, NULL), LOCKSTEP_OK);
    WAIT_FOR(loop, exited.pid != 0);
    assert_int_equal(exited.pid, pid);
    if (row->number != 0) {
        assert_true(WIFSIGNALED(exited.status) && WTERMSIG(exited.status) == row->number);
    } else {
        assert_true(WIFEXITED(exited.status) && WEXITSTATUS(exited.status) == row->code);
    }
    assert_int_equal(waitpid(pid, NULL, 0), -1); /* reaped already */
    (void)lockstep_loop_free(loop);
}

static void a_process_that_is_gone_cannot_be_watched(void **state)
{
    struct lockstep_child child = {.exited = on_exited};
    pid_t pid = start_child(0, 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(lockstep_child_watch(*state, &child, pid, NULL), LOCKSTEP_IO);
    lockstep_child_forget(*state, &child);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restless_timer_waits_its_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_come_from_any_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_post_can_be_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(endless_posts_starve_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_posts_all_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_watch_removed_in_its_turn_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_is_an_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_is_gone_cannot_be_watched, set_up,
                                        tear_down),
    };
    return LOCKSTEP_RUN_TABLE("children", child_rows, check_child) +
           cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
