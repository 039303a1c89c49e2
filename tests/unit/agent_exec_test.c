/* The exec driver, with verbs that write down that they were run and do as a file tells them. */
#include "agent/exec.h"

#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS UINT64_C(15000)

/* One program for all verbs. Of MODULE it notes "VERB-MODULE" and then does what the file of that
 * name says, in the words of the shell; `at` is there to be changed by apply and put back. */
static const char program[] =
    "#!/bin/sh\n"
    "cd \"$2\" || exit 1\n"
    "echo \"$1-$LOCKSTEP_MODULE\" >>log\n"
    "[ ! -e \"$1-$LOCKSTEP_MODULE\" ] || . \"./$1-$LOCKSTEP_MODULE\"\n"
    "case $1 in\n"
    "snapshot) cp \"at-$LOCKSTEP_MODULE\" \"$LOCKSTEP_WORK/before\" ;;\n"
    "apply) if [ -n \"$LOCKSTEP_FILE\" ]; then cat \"$LOCKSTEP_FILE\" >\"at-$LOCKSTEP_MODULE\"\n"
    "    else echo none >\"at-$LOCKSTEP_MODULE\"; fi ;;\n"
    "revert) cp \"$LOCKSTEP_WORK/before\" \"at-$LOCKSTEP_MODULE\" ;;\n"
    "esac\n";

struct bench {
    char directory[64];
    struct lockstep_loop *loop;
    struct lockstep_artifacts *artifacts;
    struct lockstep_exec *exec;
    struct lockstep_config_service service;
    struct lockstep_exec_item items[2];
    struct lockstep_exec_set set;
    bool held; /* by the journal */
    bool closed;
    unsigned answers;
    unsigned ups;
    unsigned losses;
    unsigned findings;
    struct lockstep_work_result result;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

/* ---- what the driver says -------------------------------------------------------------------- */

static void take_done(void *context, const struct lockstep_work_result *result)
{
    struct bench *bench = context;
    bench->answers++;
    bench->result = *result;
    (void)snprintf(bench->text, sizeof(bench->text), "%s",
                   result->text == NULL ? "" : result->text);
}

static bool take_holds(void *context, const struct lockstep_exec_item *item)
{
    return item->generation > 0 && ((const struct bench *)context)->held;
}

static bool take_open(void *context, const struct lockstep_id *operation)
{
    (void)operation;
    return !((const struct bench *)context)->closed;
}

static void take_up(void *context, const struct lockstep_name *service)
{
    (void)service;
    ((struct bench *)context)->ups++;
}

static void take_lost(void *context, const struct lockstep_name *service)
{
    (void)service;
    ((struct bench *)context)->losses++;
}

static void take_unhealthy(void *context, const struct lockstep_exec_item *item,
                           struct lockstep_time since, const char *text)
{
    struct bench *bench = context;
    assert_true(item->generation > 0 && lockstep_time_set(since));
    (void)snprintf(bench->text, sizeof(bench->text), "%s", text);
    bench->findings++;
}

/* ---- a bench --------------------------------------------------------------------------------- */

static void write_file(const struct bench *bench, const char *name, const char *text)
{
    char path[256];
    int fd;
    (void)snprintf(path, sizeof(path), "%s/%s", bench->directory, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static const char *read_file(const struct bench *bench, const char *name)
{
    static char text[4096];
    char path[256];
    ssize_t length;
    int fd;
    (void)snprintf(path, sizeof(path), "%s/%s", bench->directory, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    text[length] = '\0';
    for (char *at = strchr(text, '\n'); at != NULL; at = strchr(at, '\n')) {
        *at = ' ';
    }
    (void)close(fd);
    return text;
}

/* The digest of an artifact of this text, which is then in the store. */
static struct lockstep_digest store(struct bench *bench, const char *text)
{
    struct lockstep_artifact_write *write = NULL;
    struct lockstep_sums sums;
    lockstep_sums_buffer((const uint8_t *)text, strlen(text), &sums);
    assert_int_equal(
        lockstep_artifact_begin(bench->artifacts, &sums.digest, strlen(text), &write, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, text, strlen(text), NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_finish(write, NULL, NULL), LOCKSTEP_OK);
    (void)lockstep_artifact_end(write);
    return sums.digest;
}

static void start_driver(struct bench *bench)
{
    struct lockstep_exec_config config = {.data_directory = bench->directory,
                                          .artifacts = bench->artifacts,
                                          .services = &bench->service,
                                          .services_count = 1,
                                          .done = take_done,
                                          .holds = take_holds,
                                          .open = take_open,
                                          .up = take_up,
                                          .lost = take_lost,
                                          .unhealthy = take_unhealthy,
                                          .context = bench};
    lockstep_defaults_init(&config.settings);
    config.settings.host_restart_first = 20;
    config.settings.host_restart_last = 40;
    config.settings.exec_health_interval = 20;
    config.settings.exec_kill = 100;
    assert_int_equal(lockstep_exec_new(bench->loop, &config, &bench->exec, NULL), LOCKSTEP_OK);
    lockstep_exec_begin(bench->exec);
    assert_int_equal(bench->ups + bench->losses, 0);
}

static void set_item(struct bench *bench, size_t index, const char *module, const char *text)
{
    struct lockstep_exec_item *item = &bench->items[index];
    char name[32];
    assert_true(lockstep_name_parse(module, &item->module));
    assert_true(lockstep_name_parse("web", &item->service));
    item->version[0] = '2';
    item->generation = 7;
    item->digest = store(bench, text);
    item->previous = store(bench, "old");
    (void)snprintf(name, sizeof(name), "at-%s", module);
    write_file(bench, name, "old");
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char path[256];
    assert_non_null(bench);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/exec-test.XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(path, sizeof(path), "%s/store", bench->directory);
    assert_int_equal(lockstep_artifacts_open(path, &bench->artifacts, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_loop_new(&bench->loop, NULL), LOCKSTEP_OK);
    write_file(bench, "verb", program);
    write_file(bench, "log", "");
    assert_true(lockstep_name_parse("web", &bench->service.name));
    bench->service.exec.given = true;
    bench->service.exec.output_max = 1024;
    for (unsigned i = 0; i < LOCKSTEP_VERB_COUNT; i++) {
        struct lockstep_config_list *words = &bench->service.exec.verbs[i];
        words->count = 3;
        words->items = calloc(3, sizeof(*words->items));
        assert_non_null(words->items);
        assert_true(asprintf(&words->items[0], "%s/verb", bench->directory) > 0);
        words->items[1] = strdup(lockstep_verb_name((enum lockstep_verb)i));
        words->items[2] = strdup(bench->directory);
    }
    set_item(bench, 0, "a", "new a");
    set_item(bench, 1, "b", "new b");
    bench->set = (struct lockstep_exec_set){
        .operation = {.bytes = {1}}, .items = bench->items, .items_count = 2};
    start_driver(bench);
    *state = bench;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    bench->exec = lockstep_exec_free(bench->exec);
    bench->artifacts = lockstep_artifacts_close(bench->artifacts);
    bench->loop = lockstep_loop_free(bench->loop);
    for (unsigned i = 0; i < LOCKSTEP_VERB_COUNT; i++) {
        for (unsigned j = 0; j < 3; j++) {
            free(bench->service.exec.verbs[i].items[j]);
        }
        free(bench->service.exec.verbs[i].items);
    }
    (void)nftw(bench->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(bench);
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void await_count(struct bench *bench, const unsigned *count, unsigned wanted)
{
    uint64_t end = lockstep_monotonic_us() + LONG_MS * 1000;
    while (*count < wanted && lockstep_monotonic_us() < end) {
        assert_int_equal(lockstep_loop_once(bench->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_true(*count >= wanted);
}

static void await_answer(struct bench *bench)
{
    unsigned before = bench->answers;
    await_count(bench, &bench->answers, before + 1);
    assert_int_equal(bench->result.ticket, 9);
}

/* Until the file has this text in it. */
static void await_at(struct bench *bench, const char *name, const char *text)
{
    uint64_t end = lockstep_monotonic_us() + LONG_MS * 1000;
    while (strstr(read_file(bench, name), text) == NULL && lockstep_monotonic_us() < end) {
        assert_int_equal(lockstep_loop_once(bench->loop, 10, NULL), LOCKSTEP_OK);
    }
    assert_non_null(strstr(read_file(bench, name), text));
}

static bool has_files(const struct bench *bench)
{
    char path[256];
    char id[LOCKSTEP_ID_TEXT];
    lockstep_id_format(&bench->set.operation, id);
    (void)snprintf(path, sizeof(path), "%s/exec/%s", bench->directory, id);
    return access(path, F_OK) == 0;
}

static void await_no_files(struct bench *bench)
{
    while (has_files(bench)) {
        assert_int_equal(lockstep_loop_once(bench->loop, 100, NULL), LOCKSTEP_OK);
    }
}

static void prepare(struct bench *bench)
{
    lockstep_exec_prepare(bench->exec, 9, &bench->set);
    await_answer(bench);
    assert_true(bench->result.ok && bench->result.stateful);
}

static void apply(struct bench *bench)
{
    prepare(bench);
    write_file(bench, "log", "");
    lockstep_exec_apply(bench->exec, 9, &bench->set.operation);
    await_answer(bench);
}

static void restart(struct bench *bench)
{
    bench->exec = lockstep_exec_free(bench->exec);
    bench->ups = 0;
    start_driver(bench);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void goes_through_all(void **state)
{
    struct bench *bench = *state;
    await_count(bench, &bench->ups, 1);
    lockstep_exec_validate(bench->exec, 9, &bench->set);
    await_answer(bench);
    assert_true(bench->result.ok);
    apply(bench);
    assert_true(bench->result.ok);
    assert_string_equal(read_file(bench, "log"), "apply-a apply-b health-a health-b ");
    assert_string_equal(read_file(bench, "at-a"), "new a");
    assert_string_equal(read_file(bench, "at-b"), "new b");
    lockstep_exec_keep(bench->exec, &bench->set.operation);
    write_file(bench, "log", "");
    await_at(bench, "log", "health-b");
    lockstep_exec_drop(bench->exec, &bench->set.operation); /* it is too late for that */
    assert_true(has_files(bench));
    lockstep_exec_retire(bench->exec, &bench->set.operation);
    assert_false(has_files(bench));
    assert_string_equal(read_file(bench, "at-a"), "new a");
    assert_int_equal(bench->findings + bench->losses, 0);
}

struct failure_row {
    const char *name;
    const char *file; /* VERB-MODULE */
    const char *does;
    enum lockstep_no no;
    const char *text; /* in the cause */
    const char *log;  /* of the apply */
};

static const struct failure_row failure_rows[] = {
    {"apply of the first", "apply-a", "echo cannot >&2; exit 3\n", LOCKSTEP_NO_APPLY,
     "apply of a ended with 3: cannot", "apply-a revert-a "},
    {"apply of the second", "apply-b", "exit 1\n", LOCKSTEP_NO_APPLY, "apply of b ended with 1",
     "apply-a apply-b revert-b revert-a "},
    {"apply that was killed", "apply-b", "kill -KILL $$\n", LOCKSTEP_NO_APPLY,
     "apply of b was killed by signal 9", "apply-a apply-b revert-b revert-a "},
    {"apply, not now", "apply-a", "exit 75\n", LOCKSTEP_NO_BUSY, "apply of a ended with 75",
     "apply-a revert-a "},
    {"health of the first", "health-a", "echo sick; exit 1\n", LOCKSTEP_NO_HEALTH,
     "health of a ended with 1: sick", "apply-a apply-b health-a revert-b revert-a "},
};

static void check_failure(void **state)
{
    const struct failure_row *row = *state;
    void *made = NULL;
    struct bench *bench;
    (void)set_up(&made);
    bench = made;
    write_file(bench, row->file, row->does);
    apply(bench);
    assert_false(bench->result.ok);
    assert_int_equal(bench->result.no, row->no);
    assert_string_equal(bench->text, row->text);
    assert_string_equal(read_file(bench, "log"), row->log);
    assert_string_equal(read_file(bench, "at-a"), "old");
    assert_string_equal(read_file(bench, "at-b"), "old");
    write_file(bench, row->file, "true\n"); /* and it can be tried again */
    lockstep_exec_apply(bench->exec, 9, &bench->set.operation);
    await_answer(bench);
    assert_true(bench->result.ok);
    assert_int_equal(bench->losses, 0);
    (void)tear_down(&made);
}

static void says_no_before_anything_is_changed(void **state)
{
    struct bench *bench = *state;
    write_file(bench, "validate-b", "echo 'line 1'; echo 'line 2'; exit 1\n");
    lockstep_exec_validate(bench->exec, 9, &bench->set);
    await_answer(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_VALIDATE);
    assert_string_equal(bench->text, "validate of b ended with 1: line 1 line 2");
    write_file(bench, "snapshot-a", "exit 1\n");
    lockstep_exec_prepare(bench->exec, 9, &bench->set);
    await_answer(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_STATE);
    assert_string_equal(read_file(bench, "log"), "validate-a validate-b snapshot-a ");
    lockstep_exec_drop(bench->exec, &bench->set.operation);
    assert_false(has_files(bench));
}

static void takes_a_module_out(void **state)
{
    struct bench *bench = *state;
    memset(&bench->items[0].digest, 0, sizeof(bench->items[0].digest));
    bench->items[0].version[0] = '\0';
    lockstep_exec_validate(bench->exec, 9, &bench->set);
    await_answer(bench);
    assert_string_equal(read_file(bench, "log"), "validate-b ");
    apply(bench);
    assert_true(bench->result.ok);
    assert_string_equal(read_file(bench, "at-a"), "none ");
}

static void hands_over_what_it_promises(void **state)
{
    struct bench *bench = *state;
    write_file(
        bench, "apply-a",
        "env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)=' | sed 's/=.*//' | sort | tr '\\n' ' ' >env\n"
        "cat \"$LOCKSTEP_SET/b/file\" \"$LOCKSTEP_PREVIOUS_FILE\" >files\n"
        "stat -c %a \"$LOCKSTEP_FILE\" >>files\n"
        "echo $LOCKSTEP_VERSION $LOCKSTEP_GENERATION $LOCKSTEP_SERVICE >>files\n");
    apply(bench);
    assert_string_equal(read_file(bench, "env"),
                        "LANG LOCKSTEP_DIGEST LOCKSTEP_FILE LOCKSTEP_GENERATION "
                        "LOCKSTEP_MODULE LOCKSTEP_OPERATION LOCKSTEP_PREVIOUS_FILE "
                        "LOCKSTEP_SERVICE LOCKSTEP_SET LOCKSTEP_VERSION LOCKSTEP_WORK PATH ");
    assert_string_equal(read_file(bench, "files"), "new bold444 2 7 web ");
}

static void asks_health_again_that_wants_time(void **state)
{
    struct bench *bench = *state;
    write_file(bench, "health-a", "[ \"$(grep -c health-a log)\" -ge 3 ] || exit 75\n");
    apply(bench);
    assert_true(bench->result.ok);
    assert_string_equal(read_file(bench, "log"),
                        "apply-a apply-b health-a health-a health-a health-b ");
}

static void is_lost_until_it_is_reverted(void **state)
{
    struct bench *bench = *state;
    await_count(bench, &bench->ups, 1);
    write_file(bench, "apply-b", "echo half >at-b; exit 1\n");
    write_file(bench, "revert-b", "exit 4\n");
    apply(bench);
    assert_string_equal(bench->text, "apply of b ended with 1; and revert of b ended with 4");
    await_count(bench, &bench->losses, 1);
    assert_string_equal(read_file(bench, "at-a"), "old"); /* what could be reverted was */
    assert_int_equal(bench->ups, 1);
    write_file(bench, "revert-b", "true\n");
    await_count(bench, &bench->ups, 2);
    assert_string_equal(read_file(bench, "at-b"), "old");
    assert_int_equal(bench->losses, 1);
}

static void drops_in_the_middle(void **state)
{
    struct bench *bench = *state;
    unsigned answers;
    write_file(bench, "apply-b", "echo half >at-b; exec sleep 100\n");
    prepare(bench);
    answers = bench->answers;
    lockstep_exec_apply(bench->exec, 9, &bench->set.operation);
    await_at(bench, "at-b", "half ");
    lockstep_exec_drop(bench->exec, &bench->set.operation);
    await_at(bench, "at-b", "old");
    await_at(bench, "at-a", "old");
    await_no_files(bench);
    assert_int_equal(bench->answers, answers);
}

static void undoes_for_others(void **state)
{
    struct bench *bench = *state;
    struct lockstep_work_result why = {
        .ticket = 9, .no = LOCKSTEP_NO_DRAIN, .text = "they drained"};
    apply(bench);
    lockstep_exec_undo(bench->exec, &why, &bench->set.operation);
    await_answer(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_DRAIN);
    assert_string_equal(bench->text, "they drained");
    assert_string_equal(read_file(bench, "at-b"), "old");
}

/* The host beside it crashed in the middle: it is prepared once more, and what was put by stays. */
static void puts_nothing_by_twice(void **state)
{
    struct bench *bench = *state;
    apply(bench);
    write_file(bench, "log", "");
    bench->answers = 0;
    lockstep_exec_prepare(bench->exec, 9, &bench->set);
    await_count(bench, &bench->answers, 1);
    assert_true(bench->result.ok && bench->result.stateful);
    assert_string_equal(read_file(bench, "log"), "");
    lockstep_exec_drop(bench->exec, &bench->set.operation);
    await_at(bench, "at-a", "old");
}

static void tells_what_is_sick_in_the_window(void **state)
{
    struct bench *bench = *state;
    apply(bench);
    lockstep_exec_keep(bench->exec, &bench->set.operation);
    write_file(bench, "health-b", "exit 1\n");
    await_count(bench, &bench->findings, 2);
    assert_string_equal(bench->text, "health of b ended with 1");
    bench->closed = true; /* nobody retired it, and nobody wants it any more */
    await_no_files(bench);
}

static void falls_back(void **state)
{
    struct bench *bench = *state;
    await_count(bench, &bench->ups, 1);
    apply(bench);
    lockstep_exec_keep(bench->exec, &bench->set.operation);
    lockstep_exec_fall(bench->exec, &bench->set.operation);
    await_count(bench, &bench->losses, 1);
    await_count(bench, &bench->ups, 2);
    assert_string_equal(read_file(bench, "at-a"), "old");
    assert_false(has_files(bench));
}

/* ---- an agent that died ---------------------------------------------------------------------- */

struct death_row {
    const char *name;
    bool applied;
    bool held; /* the pointer row is in the journal */
    const char *at;
    bool files; /* are still wanted */
};

static const struct death_row death_rows[] = {
    {"before it applied", false, false, "old", false},
    {"before its pointer row", true, false, "old", false},
    {"behind its pointer row", true, true, "new a", true},
};

static void check_death(void **state)
{
    const struct death_row *row = *state;
    void *made = NULL;
    struct bench *bench;
    (void)set_up(&made);
    bench = made;
    (row->applied ? apply : prepare)(bench);
    bench->held = row->held;
    restart(bench);
    await_count(bench, &bench->ups, 1);
    assert_string_equal(read_file(bench, "at-a"), row->at);
    assert_int_equal(has_files(bench), row->files);
    assert_int_equal(bench->losses, 0);
    (void)tear_down(&made);
}

/* In a process of its own, which is killed while apply runs. */
static void die_applying(struct bench *bench)
{
    prepare(bench);
    lockstep_exec_apply(bench->exec, 9, &bench->set.operation);
    await_at(bench, "at-a", "half ");
    (void)raise(SIGKILL);
}

static void ends_what_a_dead_agent_had_running(void **state)
{
    struct bench *bench = *state;
    pid_t agent;
    int status = 0;
    write_file(bench, "apply-a",
               "echo half >at-a; while :; do echo half >at-a; sleep 0.01; done\n");
    bench->exec = lockstep_exec_free(bench->exec);
    agent = fork();
    if (agent == 0) {
        (void)lockstep_loop_free(bench->loop);
        if (lockstep_loop_new(&bench->loop, NULL) == LOCKSTEP_OK) {
            start_driver(bench);
            die_applying(bench);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(agent, &status, 0), agent);
    assert_true(WIFSIGNALED(status));
    restart(bench);
    await_count(bench, &bench->ups, 1);
    assert_string_equal(read_file(bench, "at-a"), "old");
    assert_string_equal(read_file(bench, "at-b"), "old");
    assert_false(has_files(bench));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(goes_through_all),
        TEST(says_no_before_anything_is_changed),
        TEST(takes_a_module_out),
        TEST(hands_over_what_it_promises),
        TEST(asks_health_again_that_wants_time),
        TEST(is_lost_until_it_is_reverted),
        TEST(drops_in_the_middle),
        TEST(undoes_for_others),
        TEST(puts_nothing_by_twice),
        TEST(tells_what_is_sick_in_the_window),
        TEST(falls_back),
        TEST(ends_what_a_dead_agent_had_running),
#undef TEST
    };
    return LOCKSTEP_RUN_TABLE("failures", failure_rows, check_failure) +
           LOCKSTEP_RUN_TABLE("deaths", death_rows, check_death) +
           cmocka_run_group_tests_name("exec driver", tests, NULL, NULL);
}
