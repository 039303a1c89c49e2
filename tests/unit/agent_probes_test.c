/* Trials by lockstep-probe itself, as the agent starts them. */
#include "agent/probes.h"

#include "common/io/digest.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROBE    LOCKSTEP_BINARY_DIR "/bin/lockstep-probe"
#define EXAMPLES LOCKSTEP_BINARY_DIR "/modules/"
#define BAD      LOCKSTEP_BINARY_DIR "/modules/bad/"
#define TURNS    300

struct bench {
    struct lockstep_loop *loop;
    struct lockstep_probes *probes;
    struct lockstep_probe_request *request;
    uint32_t answers;
    struct lockstep_work_result result;
    char text[LOCKSTEP_TEXT_MAX + 1];
    char version[LOCKSTEP_VERSION_MAX + 1];
};

static void take_done(void *context, const struct lockstep_work_result *result,
                      const struct lockstep_probe_verdict *verdict)
{
    struct bench *bench = context;
    bench->answers++;
    bench->result = *result;
    (void)snprintf(bench->text, sizeof(bench->text), "%s",
                   result->text == NULL ? "" : result->text);
    (void)snprintf(bench->version, sizeof(bench->version), "%s",
                   verdict == NULL ? "" : verdict->subjects[0].facts.version);
}

static void begin(struct bench *bench, const char *probe)
{
    const struct lockstep_probes_config config = {
        .probe_path = probe, .done = take_done, .context = bench};
    bench->probes = lockstep_probes_free(bench->probes);
    assert_int_equal(lockstep_probes_new(bench->loop, &config, &bench->probes, NULL), LOCKSTEP_OK);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    assert_int_equal(lockstep_loop_new(&bench->loop, NULL), LOCKSTEP_OK);
    bench->request = lockstep_probe_request_new();
    assert_non_null(bench->request);
    begin(bench, PROBE);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    bench->probes = lockstep_probes_free(bench->probes);
    bench->loop = lockstep_loop_free(bench->loop);
    bench->request = lockstep_probe_request_free(bench->request);
    free(bench);
    return 0;
}

static struct lockstep_probe_subject *subject_of(struct bench *bench, const char *file)
{
    struct lockstep_probe_subject *subject = &bench->request->subjects[0];
    lockstep_probe_subject_init(subject);
    (void)snprintf(subject->file, sizeof(subject->file), "%s", file);
    bench->request->subjects_count = 1;
    return subject;
}

static void await(struct bench *bench, uint32_t answers)
{
    for (int i = 0; i < TURNS && bench->answers < answers; i++) {
        assert_int_equal(lockstep_loop_once(bench->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(bench->answers, answers);
}

static void try_out(struct bench *bench)
{
    uint32_t answers = bench->answers;
    assert_int_equal(lockstep_probes_start(bench->probes, 5, bench->request, NULL), LOCKSTEP_OK);
    assert_int_equal(bench->answers, answers);
    await(bench, answers + 1);
    assert_int_equal(bench->result.ticket, 5);
}

struct trial_row {
    const char *name;
    const char *file;
    enum lockstep_no no;
    const char *text;
};

static const struct trial_row trial_rows[] = {
    {"an example", EXAMPLES "markdown-1.0.0.so", LOCKSTEP_NO_UNSPECIFIED, ""},
    {"another", EXAMPLES "ratelimit-2.0.0.so", LOCKSTEP_NO_UNSPECIFIED, ""},
    {"one whose smoke test fails", BAD "smoke-fails.so", LOCKSTEP_NO_SMOKE, "two and two is 5"},
    {"one that crashes", BAD "load-crashes.so", LOCKSTEP_NO_PROBE_CRASHED, ""},
    {"one for another ABI", BAD "wrong-abi.so", LOCKSTEP_NO_ABI, ""},
    {"none", "/nowhere.so", LOCKSTEP_NO_NOFILE, ""},
};

static void check_trial(void **state)
{
    const struct trial_row *row = *state;
    void *made = NULL;
    struct bench *bench;
    (void)set_up(&made);
    bench = made;
    (void)subject_of(bench, row->file);
    try_out(bench);
    assert_int_equal(bench->result.ok, row->no == LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(bench->result.no, row->no);
    assert_non_null(strstr(bench->text, row->text));
    (void)tear_down(&made);
}

static void hands_descriptors_over(void **state)
{
    struct bench *bench = *state;
    struct lockstep_probe_subject *subject = subject_of(bench, "");
    subject->file_fd = open(EXAMPLES "markdown-2.0.0.so", O_RDONLY | O_CLOEXEC);
    subject->config_fd = memfd_create("config", MFD_CLOEXEC);
    assert_true(subject->file_fd >= 0 && subject->config_fd >= 0);
    try_out(bench);
    assert_true(bench->result.ok);
    assert_string_equal(bench->version, "2.0.0");
    (void)close(subject->file_fd);
    (void)close(subject->config_fd);
}

static void remembers_what_was_well(void **state)
{
    struct bench *bench = *state;
    struct lockstep_probe_subject *subject = subject_of(bench, EXAMPLES "markdown-1.0.0.so");
    struct lockstep_sums sums;
    int fd = open(subject->file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lockstep_sums_fd(fd, LOCKSTEP_ARTIFACT_MAX, &sums, NULL), LOCKSTEP_OK);
    (void)close(fd);
    try_out(bench);
    try_out(bench);
    assert_int_equal(lockstep_probes_started(bench->probes), 2); /* whose digest nobody gave */
    subject->expect.digest = sums.digest;
    try_out(bench);
    try_out(bench);
    assert_true(bench->result.ok);
    assert_int_equal(lockstep_probes_started(bench->probes), 3);
    subject->config_fd = memfd_create("config", MFD_CLOEXEC);
    try_out(bench);
    assert_int_equal(lockstep_probes_started(bench->probes), 4);
    (void)close(subject->config_fd);
    subject->config_fd = -1;
    subject->expect.digest.bytes[0] ^= 1;
    try_out(bench);
    try_out(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_BAD_DIGEST);
    assert_int_equal(lockstep_probes_started(bench->probes), 6);
}

static void cancels(void **state)
{
    struct bench *bench = *state;
    (void)subject_of(bench, BAD "load-hangs.so");
    assert_int_equal(lockstep_probes_start(bench->probes, 1, bench->request, NULL), LOCKSTEP_OK);
    lockstep_probes_cancel(bench->probes, 1);
    lockstep_probes_cancel(bench->probes, 1);
    (void)subject_of(bench, EXAMPLES "markdown-1.0.0.so");
    try_out(bench);
    assert_int_equal(bench->answers, 1);
    (void)subject_of(bench, BAD "load-hangs.so");
    bench->request->deadline_ms = 200;
    try_out(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_PROBE_TIMEOUT);
}

static void believes_no_other_program(void **state)
{
    struct bench *bench = *state;
    (void)subject_of(bench, EXAMPLES "markdown-1.0.0.so");
    begin(bench, "/bin/true");
    try_out(bench);
    assert_int_equal(bench->result.no, LOCKSTEP_NO_INTERNAL);
    begin(bench, "/nowhere");
    assert_int_equal(lockstep_probes_start(bench->probes, 1, bench->request, NULL), LOCKSTEP_IO);
    bench->request->subjects_count = 0;
    assert_int_equal(lockstep_probes_start(bench->probes, 1, bench->request, NULL),
                     LOCKSTEP_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hands_descriptors_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remembers_what_was_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(believes_no_other_program, set_up, tear_down),
    };
    return LOCKSTEP_RUN_TABLE("trials", trial_rows, check_trial) +
           cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
