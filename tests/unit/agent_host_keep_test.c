/* What outlives a version, and a host: going back and beginning again, in each class. */
#include "common/hostwire/boot.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct host_agent agent;

static int start(void **state)
{
    (void)state;
    agent.journal_bytes = 0;
    host_agent_begin_host(&agent);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

static void add(unsigned times)
{
    char text[64];
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(host_agent_call(&agent, "ledger.add", "", text, sizeof(text)),
                         LOCKSTEP_CALL_OK);
    }
}

/* Three additions under version 1, ten and a tag under version 2. */
static void live_through(const char *class, char paths[2][160])
{
    char file[64];
    (void)snprintf(file, sizeof(file), "ledger-1-%s", class);
    host_agent_install(&agent, "ledger", file, paths[0], 160);
    add(3);
    (void)snprintf(file, sizeof(file), "ledger-2-%s", class);
    host_agent_install(&agent, "ledger", file, paths[1], 160);
    add(10);
    host_agent_expect(&agent, "ledger.tag", "", "1");
}

/* Adds the ledger from PATH with what is kept of it, as an agent does for a host that begins. */
static void add_kept(const char *path)
{
    struct lockstep_hostwire_entry *entry;
    struct lockstep_hostwire_entry *kept = &agent.kept->entries[0];
    host_agent_begin(&agent);
    entry = host_agent_add(&agent, "ledger", path);
    for (size_t i = 0; agent.kept->entries_count > 0 && i < LOCKSTEP_HOSTWIRE_ENTRY_FDS; i++) {
        int fd = lockstep_hostwire_entry_has(kept, i);
        *lockstep_hostwire_entry_fd(entry, i) = fd < 0 ? -1 : dup(fd);
    }
    entry->whole = kept->whole;
    entry->finalized = kept->finalized;
}

/* Kills the host; the next one begins with what is kept. */
static void begin_again(const char *path)
{
    host_agent_restart(&agent);
    add_kept(path);
    host_agent_commit(&agent);
}

struct row {
    const char *name;  /* of the class */
    const char *back;  /* after going back; NULL: refused */
    const char *forth; /* and up again */
    const char *again; /* version 2 in a host that begins after the death of one */
    const char *sick;  /* version 1 there; NULL: refused */
};

static const struct row rows[] = {
    {"lossless", "13 13 0", "13 13 1", "3 3 0", "3 3 0"},
    {"journaled", "13 13 0", "13 13 0", "13 13 1", "13 13 0"},
    {"both", "13 13 0", "13 13 1", "13 13 1", "13 13 0"},
    {"snapshot", "3 3 0", "3 3 0", "3 3 0", "3 3 0"},
    {"none", NULL, NULL, "0 0 0", "0 0 0"},
    {"steps", "13 13 0", "13 13 1", "3 3 0", "3 3 0"},
};

static void check_back(void **state)
{
    const struct row *row = *state;
    char paths[2][160];
    live_through(row->name, paths);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "ledger", paths[0]);
    if (row->back == NULL) {
        assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE),
                         LOCKSTEP_HOSTWIRE_REFUSED);
        assert_string_equal(agent.reply->code, "STATE");
        return;
    }
    host_agent_commit(&agent);
    host_agent_expect(&agent, "ledger.get", "", row->back);
    host_agent_install_from(&agent, "ledger", paths[1]);
    host_agent_expect(&agent, "ledger.get", "", row->forth);
}

static void check_again(void **state)
{
    const struct row *row = *state;
    char paths[2][160];
    live_through(row->name, paths);
    begin_again(paths[1]);
    host_agent_expect(&agent, "ledger.get", "", row->again);
    add(1);
    begin_again(paths[0]);
    if (strcmp(row->sick, "13 13 0") == 0) {
        host_agent_expect(&agent, "ledger.get", "", "14 14 0"); /* a second life is written too */
    } else {
        host_agent_expect(&agent, "ledger.get", "", row->sick);
    }
}

static enum lockstep_hostwire_type make_base(void)
{
    host_agent_begin(&agent);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "ledger");
    return host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_BASE);
}

/* Whoever goes back by a journal hears what of it is lost. */
static void test_says_what_is_lost(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("journaled", paths);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "ledger", paths[0]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_non_null(strstr(agent.reply->text, "10 calls done again"));
    assert_non_null(strstr(agent.reply->text, "lost: 1 that it does not know"));
}

/* Nobody takes the journals of two bases for one. */
static void test_sequence_goes_on(void **state)
{
    uint64_t first = 0;
    char path[160];
    (void)state;
    host_agent_install(&agent, "ledger", "ledger-1-journaled", path, sizeof(path));
    add(3);
    assert_int_equal(make_base(), LOCKSTEP_HOSTWIRE_OK);
    assert_int_equal(pread(agent.kept->entries[0].journal_fd, &first, sizeof(first), 8),
                     sizeof(first));
    assert_int_equal(first, 3);
}

/* A base that is made in the window, for its journal is filling, ends what the journal can bring
 * back: going back is to the state at the commit, and loses the rest. */
static void test_full_journal_does_not_lead_back(void **state)
{
    char paths[2][160];
    (void)state;
    agent.journal_bytes = 4096;
    host_agent_restart(&agent);
    live_through("journaled", paths);
    assert_true(agent.kept->entries[0].whole);
    add(40);
    assert_int_equal(make_base(), LOCKSTEP_HOSTWIRE_OK);
    assert_false(agent.kept->entries[0].whole);
    add(1);
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "3 3 0");
}

/* A journal that was full when its host died does not lead back, though it was whole when it was
 * given. */
static void test_missed_calls_do_not_lead_back(void **state)
{
    const uint64_t missed = 1;
    char paths[2][160];
    (void)state;
    live_through("journaled", paths);
    assert_true(agent.kept->entries[0].whole);
    assert_int_equal(pwrite(agent.kept->entries[0].journal_fd, &missed, sizeof(missed), 16),
                     sizeof(missed));
    begin_again(paths[1]);
    host_agent_expect(&agent, "ledger.get", "", "13 13 1");
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "3 3 0");
}

/* A host that runs out of descriptors refuses a base, wherever that happens; what cannot be kept
 * would be taken for a module that has nothing to begin with. */
static void test_no_descriptors(void **state)
{
    struct rlimit limit;
    char paths[2][160];
    unsigned made = 0;
    unsigned refused = 0;
    (void)state;
    live_through("snapshot", paths);
    assert_int_equal(prlimit(agent.host, RLIMIT_NOFILE, NULL, &limit), 0);
    for (limit.rlim_cur = 4; limit.rlim_cur < 64; limit.rlim_cur++) {
        assert_int_equal(prlimit(agent.host, RLIMIT_NOFILE, &limit, NULL), 0);
        if (make_base() == LOCKSTEP_HOSTWIRE_OK) {
            made++;
        } else {
            refused++;
        }
        assert_true(agent.kept->entries[0].state_fd >= 0);
        assert_true(agent.kept->entries[0].back_fd >= 0);
    }
    assert_true(made > 0 && refused > 0);
}

/* Without a journal a new base is all there is, also while the window is open. */
static void test_base_in_the_window(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("snapshot", paths);
    assert_int_equal(make_base(), LOCKSTEP_HOSTWIRE_OK);
    begin_again(paths[1]);
    host_agent_expect(&agent, "ledger.get", "", "13 13 1");
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "3 3 0"); /* the way back is kept */
}

/* After the death of its host a version is not asked to go down while there is a journal. */
static void test_back_after_death(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("both", paths);
    begin_again(paths[1]);
    add(7);
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "20 20 0");
    host_agent_install_from(&agent, "ledger", paths[1]);
    host_agent_expect(&agent, "ledger.get", "", "20 20 0"); /* `down` would have kept the tag */
}

/* A `down` that fails is no reason to lose writes: the journal has them, or it is refused. */
static void test_down_fails(void **state)
{
    const char *const classes[] = {"both", "lossless"};
    char paths[2][160];
    char file[64];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(file, sizeof(file), "ledger-1-%s", classes[i]);
        host_agent_install(&agent, "ledger", file, paths[0], 160);
        (void)snprintf(file, sizeof(file), "ledger-2-%s", classes[i]);
        host_agent_copy(&agent, file, paths[1], 160);
        host_agent_begin(&agent);
        host_agent_add(&agent, "ledger", paths[1])->config_fd = host_agent_config("refuse-down");
        host_agent_commit(&agent);
        add(2);
        host_agent_begin(&agent);
        (void)host_agent_add(&agent, "ledger", paths[0]);
        if (i == 0) {
            host_agent_commit(&agent);
            host_agent_expect(&agent, "ledger.get", "", "2 2 0");
        } else {
            assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE),
                             LOCKSTEP_HOSTWIRE_PREPARED);
            assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                             LOCKSTEP_HOSTWIRE_NOT_APPLIED);
            assert_string_equal(agent.reply->code, "STATE");
            host_agent_expect(&agent, "ledger.get", "", "4 4 0");
        }
    }
}

static void test_steps(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "ledger", "ledger-1-steps", path, sizeof(path));
    add(3);
    host_agent_install(&agent, "ledger", "ledger-3-steps", NULL, 0);
    host_agent_expect(&agent, "ledger.tag", "", "1");
    host_agent_install_from(&agent, "ledger", path);
    add(1);
    host_agent_expect(&agent, "ledger.get", "", "4 4 0");
    host_agent_install(&agent, "ledger", "ledger-3-steps", NULL, 0);
    host_agent_expect(&agent, "ledger.get", "", "4 4 1");
}

static void test_gap(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "ledger", "ledger-1-gap", NULL, 0);
    host_agent_copy(&agent, "ledger-3-gap", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "ledger", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "STATE");
    assert_string_equal(agent.reply->text,
                        "no step of ledger 3.0.0 leads on from schema 1 towards 3");
}

static void retire(uint64_t generation)
{
    host_agent_retire(&agent, "ledger", generation, generation + 1);
}

/* Version 2, whose window has ended. */
static void live_to_the_end(char path[160])
{
    uint64_t first;
    host_agent_install(&agent, "ledger", "ledger-1-lossless", NULL, 0);
    first = agent.generation;
    host_agent_copy(&agent, "ledger-2-final", path, 160);
    host_agent_begin(&agent);
    host_agent_add(&agent, "ledger", path)->config_fd = host_agent_config("finalize");
    host_agent_commit(&agent);
    assert_true(agent.kept->entries[0].back_fd >= 0);
    retire(first);
    retire(first);
}

static void expect_final(void)
{
    char path[160];
    host_agent_copy(&agent, "ledger-1-lossless", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "ledger", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "STATE");
    assert_non_null(strstr(agent.reply->text, "finalized"));
}

/* The end of the window is told once, and from then on nothing leads back. */
static void test_finalize(void **state)
{
    char path[160];
    (void)state;
    live_to_the_end(path);
    host_agent_expect(&agent, "ledger.get", "", "1000000 0 0");
    assert_int_equal(agent.kept->entries[0].back_fd, -1);
    expect_final();
}

/* Nor in a host that begins after the death of one. */
static void test_finalized_for_good(void **state)
{
    char path[160];
    (void)state;
    live_to_the_end(path);
    begin_again(path);
    assert_true(agent.kept->entries[0].finalized);
    expect_final();
}

/* The end of a window says nothing of the next one's, which the same module is in. */
static void test_an_older_window_ends(void **state)
{
    char paths[2][160];
    uint64_t first;
    (void)state;
    host_agent_install(&agent, "ledger", "ledger-1-snapshot", NULL, 0);
    first = agent.generation;
    live_through("snapshot", paths);
    retire(first);
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "3 3 0");
}

/* A snapshot's class goes back to what was kept only as long as that is there. */
static void test_snapshot_after_window(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("snapshot", paths);
    retire(agent.generation - 1);
    host_agent_copy(&agent, "ledger-1-snapshot", paths[0], 160);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "ledger", paths[0]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "STATE");
}

static atomic_uint answered;
static atomic_bool over;

static void *write_on(void *argument)
{
    struct lockstep_client *client = lockstep_client_new(agent.tools, NULL);
    (void)argument;
    assert_non_null(client);
    while (!atomic_load(&over)) {
        struct lockstep_answer answer;
        if (lockstep_client_call(client, "ledger.add", "", 0, 0, &answer) == LOCKSTEP_CALL_OK) {
            atomic_fetch_add(&answered, 1);
        } else {
            atomic_store(&over, true);
        }
        lockstep_answer_deinit(&answer);
    }
    client = lockstep_client_free(client);
    return NULL;
}

#define WRITERS 4

/* Writers under way when the host is killed: what was answered is there, and at most one call a
 * writer that was not. A journal of JOURNAL bytes is begun anew again and again meanwhile. */
static void write_and_kill(unsigned journal)
{
    pthread_t threads[WRITERS];
    char path[160];
    char text[64];
    unsigned long sum;
    agent.journal_bytes = journal;
    host_agent_restart(&agent);
    agent.journal_bytes = 0;
    host_agent_install(&agent, "ledger", "ledger-2-journaled", path, sizeof(path));
    atomic_store(&answered, 0);
    atomic_store(&over, false);
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_on, NULL), 0);
    }
    while (atomic_load(&answered) < 3000) {
        (void)host_agent_in_flight(&agent); /* takes what is kept meanwhile */
    }
    (void)kill(agent.host, SIGKILL);
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    host_agent_take_kept(&agent);
    begin_again(path);
    assert_int_equal(host_agent_call(&agent, "ledger.get", "", text, sizeof(text)),
                     LOCKSTEP_CALL_OK);
    sum = strtoul(text, NULL, 10);
    assert_in_range(sum, atomic_load(&answered), atomic_load(&answered) + WRITERS);
}

static void test_killed_while_writing(void **state)
{
    (void)state;
    write_and_kill(0);
}

static void test_killed_with_a_small_journal(void **state)
{
    (void)state;
    write_and_kill(16384);
}

/* The calls are done again in the order in which they were done. */
static void test_order(void **state)
{
    char path[160];
    char before[64];
    char text[64];
    (void)state;
    host_agent_install(&agent, "ledger", "ledger-2-journaled", path, sizeof(path));
    for (int i = 0; i < 20; i++) {
        (void)host_agent_call(&agent, "ledger.add", "3", text, sizeof(text));
        (void)host_agent_call(&agent, "ledger.twice", "", text, sizeof(text));
    }
    assert_int_equal(host_agent_call(&agent, "ledger.get", "", before, sizeof(before)),
                     LOCKSTEP_CALL_OK);
    begin_again(path);
    host_agent_expect(&agent, "ledger.get", "", before);
}

/* What an older schema cannot hold outlives the host, too. */
static void test_residue_after_death(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("lossless", paths);
    host_agent_install_from(&agent, "ledger", paths[0]);
    host_agent_expect(&agent, "ledger.get", "", "13 13 0");
    for (int i = 0; i < 2; i++) { /* and what began with it has it as well */
        begin_again(paths[0]);
    }
    host_agent_install_from(&agent, "ledger", paths[1]);
    host_agent_expect(&agent, "ledger.get", "", "13 13 1");
    begin_again(paths[1]);
    host_agent_expect(&agent, "ledger.get", "", "13 13 1");
}

static void copy_base(const char *path)
{
    char bytes[4096];
    ssize_t size = pread(agent.kept->entries[0].state_fd, bytes, sizeof(bytes), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && size > 0);
    assert_int_equal(write(fd, bytes, (size_t)size), size);
    (void)close(fd);
}

static void write_boot(const char *module)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    struct lockstep_boot_entry *entry;
    struct stat status;
    FILE *stream = fopen(agent.boot, "we");
    assert_true(boot != NULL && stream != NULL);
    entry = &boot->entries[boot->count++];
    assert_true(lockstep_name_parse("ledger", &entry->module));
    assert_int_equal(stat(module, &status), 0);
    (void)snprintf(entry->path, sizeof(entry->path), "%s", module);
    entry->generation = 9;
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    assert_int_equal(lockstep_boot_write(boot, stream, NULL), LOCKSTEP_OK);
    assert_int_equal(fclose(stream), 0);
    free(boot);
}

/* Without an agent a host begins with the base beside its boot file. */
static void test_boots_with_its_state(void **state)
{
    char paths[2][160];
    char base[160];
    (void)state;
    live_through("lossless", paths);
    host_agent_die(&agent);
    (void)kill(agent.host, SIGKILL);
    assert_int_equal(waitpid(agent.host, NULL, 0), agent.host);
    (void)snprintf(base, sizeof(base), "%s/ledger.state", agent.directory);
    copy_base(base);
    write_boot(paths[1]);
    host_agent_start(&agent, "1");
    host_agent_expect(&agent, "ledger.get", "", "3 3 0");
    (void)unlink(base);
}

/* What is kept is from outside once it comes back. */
static void test_damaged_base(void **state)
{
    char paths[2][160];
    (void)state;
    live_through("snapshot", paths);
    host_agent_restart(&agent);
    add_kept(paths[1]);
    (void)close(agent.order->entries[0].state_fd);
    agent.order->entries[0].state_fd = host_agent_config("lockrec1 and nothing more than that");
    (void)close(agent.order->entries[0].back_fd);
    agent.order->entries[0].back_fd = -1;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "STATE");
}

int main(void)
{
    struct CMUnitTest tests[2 * LOCKSTEP_COUNT(rows) + 20];
    size_t count = 0;
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        void *row = (void *)(uintptr_t)&rows[i];
        tests[count++] = (struct CMUnitTest){rows[i].name, check_back, start, stop, row};
        tests[count++] = (struct CMUnitTest){rows[i].name, check_again, start, stop, row};
    }
#define TEST(name) tests[count++] = (struct CMUnitTest){#name, test_##name, start, stop, NULL}
    TEST(back_after_death);
    TEST(down_fails);
    TEST(steps);
    TEST(gap);
    TEST(finalize);
    TEST(finalized_for_good);
    TEST(snapshot_after_window);
    TEST(an_older_window_ends);
    TEST(killed_while_writing);
    TEST(killed_with_a_small_journal);
    TEST(order);
    TEST(residue_after_death);
    TEST(boots_with_its_state);
    TEST(damaged_base);
    TEST(base_in_the_window);
    TEST(full_journal_does_not_lead_back);
    TEST(no_descriptors);
    TEST(says_what_is_lost);
    TEST(sequence_goes_on);
    TEST(missed_calls_do_not_lead_back);
    return _cmocka_run_group_tests("keep", tests, count, NULL, NULL);
}
