/* What a trial says of modules that are wrong, each in one way. */
#include "agent/probe/records.h"
#include "agent/probe/trial.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULES LOCKSTEP_BINARY_DIR "/modules/bad/"

/* NO is NULL for a yes; TEXT is part of what is said. */
struct trial_row {
    const char *name;
    const char *files[3];
    const char *no;
    const char *check;
    const char *text;
    enum lockstep_probe_stage stage;
};

#define STAGE(name) LOCKSTEP_PROBE_STAGE_##name

static const struct trial_row trial_rows[] = {
    {"well", {"good"}, NULL, NULL, NULL, STAGE(DONE)},
    {"no descriptor", {"no-descriptor"}, "NO_DESCRIPTOR", "descriptor", "note", STAGE(STATIC)},
    {"another ABI", {"wrong-abi"}, "ABI", "descriptor-abi", "99.0", STAGE(STATIC)},
    {"a flag that is not known",
     {"unknown-flag"},
     "ABI",
     "descriptor-abi",
     "80000000",
     STAGE(STATIC)},
    {"a version that is none",
     {"bad-version"},
     "NO_DESCRIPTOR",
     "descriptor-sound",
     "version",
     STAGE(STATIC)},
    {"other tools than it lists",
     {"other-tools"},
     "NO_DESCRIPTOR",
     "descriptor-mapped",
     "tools",
     STAGE(CONSTRUCTOR)},
    {"a schema that is no JSON",
     {"schema-no-json"},
     "NO_DESCRIPTOR",
     "descriptor-mapped",
     "good.call",
     STAGE(CONSTRUCTOR)},
    {"a schema that is none",
     {"schema-number"},
     "NO_DESCRIPTOR",
     "descriptor-mapped",
     "good.call",
     STAGE(CONSTRUCTOR)},
    {"fewer tools than it lists",
     {"fewer-tools"},
     "NO_DESCRIPTOR",
     "descriptor-mapped",
     "tools",
     STAGE(CONSTRUCTOR)},
    {"a state with a key twice", {"repeats"}, "STATE", "state", "a key twice", STAGE(STATE)},
    {"a symbol that is nowhere",
     {"missing-symbol"},
     "SYMBOL",
     "symbol-present",
     "lockstep_no_such_function",
     STAGE(STATIC)},
    {"a symbol that is denied",
     {"denied-symbol"},
     "SYMBOL",
     "symbol-denied",
     "pthread_create",
     STAGE(STATIC)},
    {"a library that is not allowed",
     {"missing-library"},
     "LIBRARY",
     "library-allowed",
     "liblockstepstub.so.1",
     STAGE(STATIC)},
    {"a constructor", {"constructor"}, "CTOR_NOT_ALLOWED", "constructor", "loaded", STAGE(STATIC)},
    {"a declared constructor that crashes",
     {"constructor-declared"},
     "PROBE_CRASHED",
     "survives",
     "SIGABRT in constructor",
     STAGE(CONSTRUCTOR)},
    {"an ifunc", {"ifunc"}, "CTOR_NOT_ALLOWED", "ifunc", "IFUNC", STAGE(STATIC)},
    {"an executable stack",
     {"exec-stack"},
     "BADFILE",
     "exec-stack",
     "executable stack",
     STAGE(STATIC)},
    {"static thread-local data", {"static-tls"}, "BADFILE", "static-tls", "static", STAGE(STATIC)},
    {"relocations in code",
     {"text-relocation"},
     "BADFILE",
     "text-relocations",
     "-fPIC",
     STAGE(STATIC)},
    {"an allocator", {"allocator"}, "BADFILE", "allocator", "realloc", STAGE(STATIC)},
    {"never to be unloaded", {"no-delete"}, "STICKY", "no-delete", "nodelete", STAGE(STATIC)},
    {"a unique symbol", {"gnu-unique"}, "STICKY", "gnu-unique", "only_one", STAGE(STATIC)},
    {"a run path", {"run-path"}, "LIBRARY", "run-path", "RUNPATH", STAGE(STATIC)},
    {"a filter", {"filter"}, "LIBRARY", "audit", "filter", STAGE(STATIC)},
    {"a load that fails", {"load-fails"}, "LOAD", "load", "no licence for", STAGE(LOAD)},
    {"a load that hangs",
     {"load-hangs"},
     "PROBE_TIMEOUT",
     "answers",
     "load did not end",
     STAGE(LOAD)},
    {"a load that crashes",
     {"load-crashes"},
     "PROBE_CRASHED",
     "survives",
     "SIGSEGV in load",
     STAGE(LOAD)},
    {"a load that ends the process",
     {"load-exits"},
     "PROBE_CRASHED",
     "survives",
     "ended the process",
     STAGE(LOAD)},
    {"a forbidden system call",
     {"load-mounts"},
     "FORBIDDEN",
     "walls",
     "load made the system call mount",
     STAGE(LOAD)},
    {"the network",
     {"load-socket"},
     "FORBIDDEN",
     "walls",
     "load made the system call socket",
     STAGE(LOAD)},
    {"a file to write",
     {"load-writes"},
     "FORBIDDEN",
     "walls",
     "openat of /tmp/lockstep-probe-was-here",
     STAGE(LOAD)},
    {"what is thrown away", {"throws_away"}, NULL, NULL, NULL, STAGE(DONE)},
    {"a file that is none of its business",
     {"reads_a_file"},
     "LOAD",
     "load",
     "/etc/passwd cannot be read: Permission denied",
     STAGE(LOAD)},
#ifndef LOCKSTEP_SANITIZED /* which makes address space say nothing */
    {"more memory than there may be",
     {"load-allocates"},
     "MEMORY",
     "memory",
     "not enough memory",
     STAGE(LOAD)},
#endif
    {"a smoke test that fails",
     {"smoke-fails"},
     "SMOKE",
     "smoke",
     "sums: two and two is 5",
     STAGE(SMOKE)},
    {"a smoke test that hangs",
     {"smoke-hangs"},
     "PROBE_TIMEOUT",
     "answers",
     "smoke sums did not end within its 200 ms",
     STAGE(SMOKE)},
    {"a smoke test that crashes",
     {"smoke-crashes"},
     "PROBE_CRASHED",
     "survives",
     "SIGABRT in smoke sums",
     STAGE(SMOKE)},
    {"a state that it does not take", {"up-fails"}, "STATE", "state", "too old", STAGE(STATE)},
    {"a need that is not met", {"needs-absent"}, "DEPENDENCY", "requires", "absent", STAGE(STATIC)},
    {"a need within the set", {"needs-other", "other"}, NULL, NULL, NULL, STAGE(DONE)},
    {"a ring", {"needs-other", "ring"}, "DEPENDENCY", "requires", "each other", STAGE(STATIC)},
    {"the same module twice", {"good", "good"}, "DUPLICATE", "requires", "twice", STAGE(STATIC)},
    {"one of two that is wrong", {"other", "smoke-fails"}, "SMOKE", "smoke", "sums", STAGE(SMOKE)},
    {"a file that is not there",
     {"no-such-file"},
     "NOFILE",
     "file-readable",
     "No such file",
     STAGE(STATIC)},
};

static void add_file(struct lockstep_probe_request *request, const char *file)
{
    struct lockstep_probe_subject *subject = &request->subjects[request->subjects_count++];
    lockstep_probe_subject_init(subject);
    (void)snprintf(subject->file, sizeof(subject->file), MODULES "%s.so", file);
}

static struct lockstep_probe_request *request_of(const char *const *files, size_t max)
{
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    assert_non_null(request);
    request->deadline_ms = 30000;
    for (size_t i = 0; i < max && files[i] != NULL; i++) {
        add_file(request, files[i]);
    }
    return request;
}

static struct lockstep_probe_verdict *try(struct lockstep_probe_request *request)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    assert_non_null(verdict);
    assert_int_equal(lockstep_probe_try(request, verdict, &err), LOCKSTEP_OK);
    return verdict;
}

static void check_trial(void **state)
{
    const struct trial_row *row = *state;
    struct lockstep_probe_request *request = request_of(row->files, LOCKSTEP_COUNT(row->files));
    struct lockstep_probe_verdict *verdict;
    if (row->no != NULL && strcmp(row->no, "PROBE_TIMEOUT") == 0) {
        request->deadline_ms = 1000;
    }
    verdict = try(request);
    if (row->no == NULL) {
        assert_string_equal(verdict->findings[0].text, "");
        assert_true(verdict->ok);
    } else {
        assert_false(verdict->ok);
        assert_string_equal(lockstep_no_name(verdict->no), row->no);
        assert_string_equal(lockstep_probe_check_name(verdict->findings[0].check), row->check);
        assert_non_null(strstr(verdict->findings[0].text, row->text));
    }
    assert_string_equal(lockstep_probe_stage_text(verdict->stage),
                        lockstep_probe_stage_text(row->stage));
    assert_true(verdict->trial);
    assert_true(verdict->elapsed_us > 0);
    assert_true(strlen(verdict->libc_build_id) >= 40);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

/* A snapshot of schema SCHEMA with one record, as a descriptor. */
static int make_snapshot(uint32_t schema, uint64_t number)
{
    struct lockstep_records records;
    const struct lockstep_record record = {
        .key = "n", .key_size = 1, .value = &number, .value_size = sizeof(number)};
    size_t size = 0;
    uint8_t *bytes;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    lockstep_records_init(&records, 4096);
    assert_true(records.sink.put(&records.sink, &record));
    bytes = lockstep_records_print(&records, schema, &size);
    assert_non_null(bytes);
    assert_int_equal(write(fd, bytes, size), size);
    free(bytes);
    lockstep_records_deinit(&records);
    return fd;
}

struct proof_row {
    const char *name;
    const char *file;
    uint32_t schema; /* 0: there is no snapshot */
    uint64_t number;
    enum lockstep_probe_rollback rollback;
};

static const struct proof_row proof_rows[] = {
    {"back and forth without loss", "state", 1, 7, LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"the same schema", "down-loses", 2, 7, LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"a bit is lost on the way up", "up-loses", 1, 7, LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT},
    {"a bit is lost on the way down", "down-loses", 1, 7, LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT},
    {"the bit was not set", "down-loses", 1, 6, LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"not the same when it comes up again", "counts-ups", 1, 7, LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT},
    {"no snapshot proves nothing", "state", 0, 0, LOCKSTEP_PROBE_ROLLBACK_UNKNOWN},
    {"stateless", "good", 1, 7, LOCKSTEP_PROBE_ROLLBACK_STATELESS},
};

static void check_proof(void **state)
{
    const struct proof_row *row = *state;
    struct lockstep_probe_request *request = request_of(&row->file, 1);
    struct lockstep_probe_verdict *verdict;
    if (row->schema != 0) {
        request->subjects[0].snapshot_fd = make_snapshot(row->schema, row->number);
    }
    verdict = try(request);
    assert_true(verdict->ok);
    assert_string_equal(lockstep_probe_rollback_text(verdict->subjects[0].rollback),
                        lockstep_probe_rollback_text(row->rollback));
    if (row->schema != 0) {
        (void)close(request->subjects[0].snapshot_fd);
    }
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

struct offer_row {
    const char *name;
    const char *file; /* of the good ones */
    enum lockstep_probe_rollback offer;
};

static const struct offer_row offer_rows[] = {
    {"down", "ledger-2-lossless", LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"steps", "ledger-2-steps", LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"down and apply", "ledger-2-both", LOCKSTEP_PROBE_ROLLBACK_LOSSLESS},
    {"apply", "ledger-2-journaled", LOCKSTEP_PROBE_ROLLBACK_JOURNALED},
    {"neither", "ledger-2-snapshot", LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT},
    {"it says so", "ledger-2-none", LOCKSTEP_PROBE_ROLLBACK_NONE},
    {"no state", "echo-1", LOCKSTEP_PROBE_ROLLBACK_STATELESS},
};

/* What the file offers is known without running it. */
static void check_offer(void **state)
{
    const struct offer_row *row = *state;
    struct lockstep_probe_request *request = request_of(&row->file, 1);
    struct lockstep_probe_verdict *verdict;
    (void)snprintf(request->subjects[0].file, sizeof(request->subjects[0].file),
                   "%s/modules/good/%s.so", LOCKSTEP_BINARY_DIR, row->file);
    request->look_only = true;
    verdict = try(request);
    assert_true(verdict->ok);
    assert_string_equal(lockstep_probe_rollback_text(verdict->subjects[0].facts.rollback),
                        lockstep_probe_rollback_text(row->offer));
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

struct claim_row {
    const char *name;
    const char *file;
    enum lockstep_probe_rollback claim;
    bool ok;
};

static const struct claim_row claim_rows[] = {
    {"as it says", "state", LOCKSTEP_PROBE_ROLLBACK_LOSSLESS, true},
    {"it says less", "state", LOCKSTEP_PROBE_ROLLBACK_NONE, true},
    {"it says nothing", "down-loses", LOCKSTEP_PROBE_ROLLBACK_UNKNOWN, true},
    {"the way down loses something", "down-loses", LOCKSTEP_PROBE_ROLLBACK_LOSSLESS, false},
    {"there is nothing to do it again with", "down-loses", LOCKSTEP_PROBE_ROLLBACK_JOURNALED,
     false},
    {"a snapshot is always there", "down-loses", LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT, true},
};

static void check_claim(void **state)
{
    const struct claim_row *row = *state;
    struct lockstep_probe_request *request = request_of(&row->file, 1);
    struct lockstep_probe_verdict *verdict;
    request->subjects[0].snapshot_fd = make_snapshot(1, 7);
    request->subjects[0].expect.rollback = row->claim;
    verdict = try(request);
    assert_int_equal(verdict->ok, row->ok);
    if (!row->ok) {
        assert_int_equal(verdict->no, LOCKSTEP_NO_STATE);
        assert_non_null(strstr(verdict->findings[0].text, "with the state that is here"));
    }
    (void)close(request->subjects[0].snapshot_fd);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

/* The operator's text goes to `up` and to `down`: this module does neither without it. */
static void hands_the_extra_text_over(void **state)
{
    const char *const file = "needs-extra";
    struct lockstep_probe_request *request = request_of(&file, 1);
    struct lockstep_probe_verdict *verdict;
    (void)state;
    request->subjects[0].snapshot_fd = make_snapshot(1, 7);
    verdict = try(request);
    assert_int_equal(verdict->no, LOCKSTEP_NO_STATE);
    assert_non_null(strstr(verdict->findings[0].text, "it was told ''"));
    (void)lockstep_probe_verdict_free(verdict);
    (void)snprintf(request->extra, sizeof(request->extra), "go on");
    verdict = try(request);
    assert_true(verdict->ok);
    assert_int_equal(verdict->subjects[0].rollback, LOCKSTEP_PROBE_ROLLBACK_LOSSLESS);
    (void)close(request->subjects[0].snapshot_fd);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

static void keeps_the_last_words(void **state)
{
    const char *const file = "load-says";
    struct lockstep_probe_request *request = request_of(&file, 1);
    struct lockstep_probe_verdict *verdict = try(request);
    (void)state;
    assert_string_equal(verdict->output, "the last words of a module\n");
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

static void builds_its_walls(void **state)
{
    const char *const file = "good";
    struct lockstep_probe_request *request = request_of(&file, 1);
    struct lockstep_probe_verdict *verdict = try(request);
    (void)state;
    assert_true(verdict->sandbox.seccomp);
    assert_true(verdict->sandbox.limits);
    assert_int_equal(verdict->sandbox.user_dropped, geteuid() == 0);
    assert_int_equal(verdict->subjects[0].smoke_count, 1);
    assert_int_equal(verdict->subjects[0].smoke_passed, 1);
    assert_int_equal(access("/tmp/lockstep-probe-was-here", F_OK), -1);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

static void leaves_smoke_tests_out_when_told(void **state)
{
    const char *const file = "smoke-fails";
    struct lockstep_probe_request *request = request_of(&file, 1);
    struct lockstep_probe_verdict *verdict;
    (void)state;
    request->smoke = false;
    verdict = try(request);
    assert_true(verdict->ok);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

/* What the agent knows of a manifest is held against the file, and its file comes as a descriptor.
 */
static void holds_the_file_against_the_manifest(void **state)
{
    const char *const file = "good";
    struct lockstep_probe_request *request = request_of(&file, 1);
    struct lockstep_probe_subject *subject = &request->subjects[0];
    struct lockstep_probe_verdict *verdict;
    (void)state;
    subject->file_fd = open(subject->file, O_RDONLY | O_CLOEXEC);
    subject->file[0] = '\0';
    assert_true(lockstep_name_parse("good", &subject->expect.module));
    (void)snprintf(subject->expect.version, sizeof(subject->expect.version), "1.0.0");
    verdict = try(request);
    assert_true(verdict->ok);
    (void)lockstep_probe_verdict_free(verdict);
    assert_true(lockstep_name_parse("markdown", &subject->expect.module));
    verdict = try(request);
    assert_int_equal(verdict->no, LOCKSTEP_NO_WRONG_MODULE);
    (void)lockstep_probe_verdict_free(verdict);
    (void)close(subject->file_fd);
    (void)lockstep_probe_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_the_extra_text_over),
        cmocka_unit_test(keeps_the_last_words),
        cmocka_unit_test(builds_its_walls),
        cmocka_unit_test(leaves_smoke_tests_out_when_told),
        cmocka_unit_test(holds_the_file_against_the_manifest),
    };
    return LOCKSTEP_RUN_TABLE("trials", trial_rows, check_trial) +
           LOCKSTEP_RUN_TABLE("proofs", proof_rows, check_proof) +
           LOCKSTEP_RUN_TABLE("offers", offer_rows, check_offer) +
           LOCKSTEP_RUN_TABLE("claims", claim_rows, check_claim) +
           cmocka_run_group_tests_name("more of trials", tests, NULL, NULL);
}
