/* Every check refuses something: no row of the table of checks is without a module that shows it.
 */
#include "agent/probe/static_denied.h"
#include "agent/probe/trial.h"
#include "tests/support/cmocka.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULES LOCKSTEP_BINARY_DIR "/modules/bad/"

/* What is written over a file, or said of it, before it is tried. */
enum twist {
    AS_IT_IS,
    NO_ELF,
    OTHER_CLASS,
    OTHER_MACHINE,
    OTHER_TYPE,
    NO_SEGMENTS,
    NO_END_OF_DYNAMIC,
    OTHER_SIZE,
    OTHER_DIGEST,
    OTHER_VERSION,
    STUB_ALLOWED,
    SYMBOLS_WAIVED,
};

/* FILE is a module of tests/modules, or a path. NO is what the check stands for, or another where
 * the check has several. */
struct refusal_row {
    const char *name;
    const char *file;
    const char *check;
    const char *no;
    const char *text;
    enum twist twist;
};

#define ROW(name, file, check, no, text)                \
    {                                                   \
        (name), (file), (check), (no), (text), AS_IT_IS \
    }

static const struct refusal_row refusal_rows[] = {
    ROW("a file that is not there", "/nowhere", "file-readable", "NOFILE", "No such file"),
    ROW("a folder", "/", "file-size", "BADFILE", "regular"),
    {"another size", "good", "size-expected", "BAD_SIZE", "signed were 1", OTHER_SIZE},
    {"another digest", "good", "digest-expected", "BAD_DIGEST", "not the one", OTHER_DIGEST},
    {"no ELF file", "good", "elf-header", "BADFILE", "not an ELF file", NO_ELF},
    {"32 bits", "good", "elf-class", "BADFILE", "64-bit", OTHER_CLASS},
    {"another processor", "good", "elf-machine", "BADFILE", "processor", OTHER_MACHINE},
    {"a program", "good", "elf-type", "BADFILE", "-shared", OTHER_TYPE},
    {"no segments", "good", "segments", "BADFILE", "program headers", NO_SEGMENTS},
    {"a dynamic section without end", "good", "dynamic", "BADFILE", "no end", NO_END_OF_DYNAMIC},
    ROW("writable code", "segment-wx", "segment-wx", "BADFILE", "writable and executable"),
    ROW("an executable stack", "exec-stack", "exec-stack", "BADFILE", "noexecstack"),
    ROW("an odd relocation", "relocation", "relocations", "BADFILE", "-fPIC"),
    ROW("relocations in code", "text-relocation", "text-relocations", "BADFILE", "-fPIC"),
    ROW("lazy binding", "lazy", "bind-now", "BADFILE", "-Wl,-z,now"),
    ROW("no read-only tables", "no-relro", "relro", "BADFILE", "-Wl,-z,relro"),
    ROW("static thread-local data", "static-tls", "static-tls", "BADFILE", "global-dynamic"),
    ROW("much of it", "static-tls-large", "static-tls-size", "BADFILE", "1024 bytes"),
    ROW("never to be unloaded", "no-delete", "no-delete", "STICKY", "nodelete"),
    ROW("a unique symbol", "gnu-unique", "gnu-unique", "STICKY", "-fno-gnu-unique"),
    ROW("-z interpose", "interpose", "process-wide", "BADFILE", "interpose"),
    ROW("-z initfirst", "initfirst", "process-wide", "BADFILE", "initfirst"),
    ROW("-z nodlopen", "nodlopen", "process-wide", "BADFILE", "nodlopen"),
    ROW("a library's name", "soname", "soname", "LIBRARY", "-soname"),
    ROW("a RUNPATH", "run-path", "run-path", "LIBRARY", "RUNPATH"),
    ROW("an RPATH", "rpath", "run-path", "LIBRARY", "RPATH"),
    ROW("$ORIGIN", "origin", "run-path", "LIBRARY", "RUNPATH"),
    ROW("an auxiliary object", "filter", "audit", "LIBRARY", "auxiliary"),
    ROW("a filter", "true-filter", "audit", "LIBRARY", "filter"),
    ROW("an auditor", "auditor", "audit", "LIBRARY", "auditor"),
    ROW("an auditor of its libraries", "dependency-auditor", "audit", "LIBRARY", "auditor"),
    ROW("a sanitizer", "sanitizer", "sanitizer", "ABI", "__hwasan_init"),
    ROW("a helper of its own", "missing-library", "library-allowed", "LIBRARY", "liblockstepstub"),
    {"a library that is nowhere", "missing-library", "library-present", "LIBRARY",
     "liblockstepstub", STUB_ALLOWED},
    ROW("a newer libc", "newer-libc", "symbol-version", "SYMBOL", "GLIBC_9.99"),
    ROW("what libc keeps for itself", "private-libc", "symbol-version", "SYMBOL", "GLIBC_PRIVATE"),
    ROW("a thread", "denied-symbol", "symbol-denied", "SYMBOL", "pthread_create"),
    ROW("a symbol that is nowhere", "missing-symbol", "symbol-present", "SYMBOL", "no_such"),
    ROW("libc's, and no libc", "no-libraries", "symbol-present", "SYMBOL", "__stack_chk_fail"),
    ROW("a weak symbol", "weak-symbol", "symbol-global", "SYMBOL", "lockstep_perhaps"),
    ROW("an allocator", "allocator", "allocator", "BADFILE", "realloc"),
    ROW("a function of libc", "own-libc", "own-libc", "BADFILE", "strfry"),
    ROW("an ifunc", "ifunc", "ifunc", "CTOR_NOT_ALLOWED", "IFUNC"),
    ROW("a constructor", "constructor", "constructor", "CTOR_NOT_ALLOWED", "loaded"),
    ROW("a destructor", "destructor", "constructor", "CTOR_NOT_ALLOWED", "unloaded"),
    ROW("-init", "init", "constructor", "CTOR_NOT_ALLOWED", "loaded"),
    ROW("-fini", "fini", "constructor", "CTOR_NOT_ALLOWED", "unloaded"),
    ROW("a second export", "exports", "exports", "BADFILE", "helper"),
    ROW("a processor of the future", "isa-of-the-future", "isa", "ISA", "x86-64-v8"),
    ROW("no descriptor", "no-descriptor", "descriptor", "NO_DESCRIPTOR", "LOCKSTEP_MODULE"),
    ROW("another ABI", "wrong-abi", "descriptor-abi", "ABI", "99.0"),
    ROW("no version", "bad-version", "descriptor-sound", "NO_DESCRIPTOR", "version"),
    {"another version", "good", "descriptor-expected", "WRONG_MODULE", "1.0.0", OTHER_VERSION},
    ROW("a need that is not met", "needs-absent", "requires", "DEPENDENCY", "absent"),
    ROW("too large to map", "huge", "map", "BADFILE", "failed to map"),
    ROW("other tools", "other-tools", "descriptor-mapped", "NO_DESCRIPTOR", "tools"),
    ROW("a load that fails", "load-fails", "load", "LOAD", "no licence"),
    ROW("a state that fails", "up-fails", "state", "STATE", "too old"),
    ROW("a smoke test that fails", "smoke-fails", "smoke", "SMOKE", "two and two"),
    ROW("a crash", "load-crashes", "survives", "PROBE_CRASHED", "SIGSEGV in load"),
    ROW("no end", "load-hangs", "answers", "PROBE_TIMEOUT", "load did not end"),
    ROW("a new process", "forks", "walls", "FORBIDDEN", "load made the system call clone"),
    ROW("one in a smoke test", "smoke_forks", "walls", "FORBIDDEN",
        "smoke goes wild, does nothing made"),
    ROW("another program", "starts_a_program", "walls", "FORBIDDEN", "execve of /bin/true"),
    ROW("a signal to its parent", "kills_its_parent", "walls", "FORBIDDEN", "call kill"),
    ROW("a debugger", "traces", "walls", "FORBIDDEN", "call ptrace"),
    ROW("the network", "opens_a_socket", "walls", "FORBIDDEN", "call socket of family 2"),
    ROW("a file to write", "writes_a_file", "walls", "FORBIDDEN", "of /tmp/lockstep-probe-was"),
    ROW("a file to remove", "removes_a_file", "walls", "FORBIDDEN", "unlink of /tmp/lockstep"),
    {"many threads", "starts_many_threads", "threads", "FORBIDDEN", "threads, more than 256",
     SYMBOLS_WAIVED},
    {"many threads of a smoke test", "smoke_starts_many_threads", "threads", "FORBIDDEN",
     "smoke goes wild", SYMBOLS_WAIVED},
    ROW("words without end", "writes_without_end", "output", "FORBIDDEN", "wrote more than"),
    ROW("a signal mask", "leaves_a_mask", "process-state", "FORBIDDEN",
        "load leaves something behind in the process: the signal mask"),
    ROW("one of a smoke test", "smoke_leaves_a_mask", "process-state", "FORBIDDEN",
        "smoke test goes wild leaves"),
    ROW("a locale of the thread", "leaves_a_locale", "process-state", "FORBIDDEN",
        "the thread's locale"),
    {"the locale", "leaves_the_locale", "process-state", "FORBIDDEN", "the locale", SYMBOLS_WAIVED},
    ROW("a file mode mask", "leaves_a_file_mode_mask", "process-state", "FORBIDDEN",
        "the file mode mask"),
    ROW("a folder", "leaves_a_folder", "process-state", "FORBIDDEN", "the working directory"),
    ROW("one of a smoke test", "smoke_leaves_a_folder", "process-state", "FORBIDDEN",
        "a smoke test leaves"),
    ROW("a way of rounding", "leaves_a_rounding", "process-state", "FORBIDDEN", "floating point"),
    ROW("an environment", "leaves_an_environment", "process-state", "FORBIDDEN", "the environment"),
    ROW("a timer", "leaves_a_timer", "process-state", "FORBIDDEN", "a timer"),
    {"a signal handler", "leaves_a_handler", "process-state", "FORBIDDEN", "a signal handler",
     SYMBOLS_WAIVED},
    {"a thread", "starts_a_thread", "process-state", "FORBIDDEN", "goes on running",
     SYMBOLS_WAIVED},
    {"a thread of a smoke test", "smoke_starts_a_thread", "process-state", "FORBIDDEN",
     "goes on running", SYMBOLS_WAIVED},
#ifndef LOCKSTEP_SANITIZED /* which makes address space say nothing */
    ROW("all of the memory", "eats_memory", "memory", "MEMORY", "it crashed in load with"),
    ROW("more than all", "load-allocates", "memory", "MEMORY", "not enough memory"),
#endif
};

/* Of these no module can be made: they are about the machine. */
static const enum lockstep_probe_check without[] = {
    LOCKSTEP_PROBE_CHECK_SANDBOX,
#ifdef LOCKSTEP_SANITIZED
    LOCKSTEP_PROBE_CHECK_MEMORY,
#endif
};

/* A file of this process alone that says what FILE says. */
static int copy_of(const char *file, uint8_t **ret_bytes, size_t *ret_size)
{
    struct stat status;
    int from = open(file, O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("twisted", MFD_CLOEXEC);
    assert_true(from >= 0);
    assert_int_equal(fstat(from, &status), 0);
    *ret_size = (size_t)status.st_size;
    assert_int_equal(ftruncate(fd, status.st_size), 0);
    *ret_bytes = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(*ret_bytes, MAP_FAILED);
    assert_int_equal(read(from, *ret_bytes, *ret_size), *ret_size);
    (void)close(from);
    return fd;
}

static void cut_dynamic(uint8_t *bytes)
{
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof(header));
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        uint8_t *at = bytes + header.e_phoff + i * sizeof(segment);
        memcpy(&segment, at, sizeof(segment));
        if (segment.p_type == PT_DYNAMIC) {
            segment.p_memsz = 0;
            memcpy(at, &segment, sizeof(segment));
        }
    }
}

static void twist_bytes(uint8_t *bytes, enum twist twist)
{
    switch (twist) {
    case NO_ELF:
        bytes[0] = 'h';
        return;
    case OTHER_CLASS:
        bytes[EI_DATA] = ELFDATA2MSB;
        return;
    case OTHER_MACHINE:
        bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_S390;
        return;
    case OTHER_TYPE:
        bytes[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
        return;
    case NO_SEGMENTS:
        bytes[offsetof(Elf64_Ehdr, e_phnum)] = 0;
        return;
    case NO_END_OF_DYNAMIC:
        cut_dynamic(bytes);
        return;
    case AS_IT_IS:
    case OTHER_SIZE:
    case OTHER_DIGEST:
    case OTHER_VERSION:
    case STUB_ALLOWED:
    case SYMBOLS_WAIVED:
        return;
    }
}

static void twist_request(struct lockstep_probe_request *request, enum twist twist)
{
    struct lockstep_probe_expectation *expect = &request->subjects[0].expect;
    expect->size = twist == OTHER_SIZE ? 1 : 0;
    expect->digest.bytes[0] = twist == OTHER_DIGEST ? 1 : 0;
    if (twist == OTHER_VERSION) {
        (void)snprintf(expect->version, sizeof(expect->version), "2.0.0");
    }
    if (twist == SYMBOLS_WAIVED) {
        assert_true(lockstep_probe_waive("symbol-denied", &request->subjects[0].waives));
    }
    if (twist == STUB_ALLOWED) {
        request->libraries_count = 1;
        (void)snprintf(request->libraries[0], sizeof(request->libraries[0]),
                       "liblockstepstub.so.1");
    }
}

static struct lockstep_probe_verdict *try(struct lockstep_probe_request *request)
{
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    assert_non_null(verdict);
    assert_int_equal(lockstep_probe_try(request, verdict, NULL), LOCKSTEP_OK);
    return verdict;
}

static struct lockstep_probe_request *request_of(const struct refusal_row *row)
{
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    struct lockstep_probe_subject *subject = &request->subjects[0];
    lockstep_probe_subject_init(subject);
    request->subjects_count = 1;
    request->deadline_ms = strcmp(row->check, "answers") == 0 ? 1000 : 30000;
    (void)snprintf(subject->file, sizeof(subject->file),
                   row->file[0] == '/' ? "%s" : MODULES "%s.so", row->file);
    return request;
}

/* The finding with this check's name: NULL if there is none. */
static const struct lockstep_probe_finding *find(const struct lockstep_probe_finding *list,
                                                 size_t count, const char *check)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lockstep_probe_check_name(list[i].check), check) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static void check_refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct lockstep_probe_request *request = request_of(row);
    struct lockstep_probe_verdict *verdict;
    const struct lockstep_probe_finding *finding;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (row->twist != AS_IT_IS) {
        request->subjects[0].file_fd = copy_of(request->subjects[0].file, &bytes, &size);
        request->subjects[0].file[0] = '\0';
        twist_bytes(bytes, row->twist);
        twist_request(request, row->twist);
    }
    verdict = try(request);
    finding = find(verdict->findings, verdict->findings_count, row->check);
    if (finding == NULL) {
        fail_msg("not refused for %s, but: %s", row->check, verdict->findings[0].text);
        return;
    }
    assert_string_equal(lockstep_no_name(finding->no), row->no);
    assert_non_null(strstr(finding->text, row->text));
    assert_false(verdict->ok);
    if (bytes != NULL) {
        (void)munmap(bytes, size);
        (void)close(request->subjects[0].file_fd);
    }
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_request_free(request);
}

/* One module imports one function, whose name is written over for each that is denied. */
static void refuses_every_function_that_is_denied(void **state)
{
    static const char place[] = "lockstep_a_name_as_long_as_any_that_is_denied";
    const struct refusal_row import = ROW("import", "import", "symbol-denied", "SYMBOL", "");
    struct lockstep_probe_request *request = request_of(&import);
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *name;
    (void)state;
    request->subjects[0].file_fd = copy_of(request->subjects[0].file, &bytes, &size);
    request->subjects[0].file[0] = '\0';
    request->look_only = true;
    name = memmem(bytes, size, place, sizeof(place));
    assert_non_null(name);
    for (size_t i = 0; lockstep_probe_denied_at(i) != NULL; i++) {
        const struct lockstep_probe_denied *row = lockstep_probe_denied_at(i);
        struct lockstep_probe_verdict *verdict;
        assert_true(strlen(row->name) < sizeof(place));
        memcpy(name, row->name, strlen(row->name) + 1);
        verdict = try(request);
        assert_string_equal(lockstep_probe_check_name(verdict->findings[0].check), "symbol-denied");
        assert_non_null(strstr(verdict->findings[0].text, row->name));
        assert_non_null(strstr(verdict->findings[0].text, row->why));
        (void)lockstep_probe_verdict_free(verdict);
    }
    (void)munmap(bytes, size);
    (void)close(request->subjects[0].file_fd);
    (void)lockstep_probe_request_free(request);
}

static bool is_without(enum lockstep_probe_check check)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(without); i++) {
        if (without[i] == check) {
            return true;
        }
    }
    return false;
}

static void has_a_module_for_every_check(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOCKSTEP_PROBE_CHECK_COUNT; i++) {
        const char *name = lockstep_probe_check_name((enum lockstep_probe_check)i);
        bool found = is_without((enum lockstep_probe_check)i);
        for (size_t row = 0; row < LOCKSTEP_COUNT(refusal_rows); row++) {
            found = found || strcmp(refusal_rows[row].check, name) == 0;
        }
        if (!found) {
            fail_msg("the check %s has no module in tests/modules that it refuses", name);
        }
    }
}

/* Whatever may be waived is reported and refused no longer; the rest stays a no. */
static void check_waiver(void **state)
{
    const struct refusal_row *row = *state;
    enum lockstep_probe_check check;
    struct lockstep_probe_request *request = request_of(row);
    struct lockstep_probe_verdict *verdict;
    assert_true(lockstep_probe_check_parse(row->check, &check));
    assert_int_equal(lockstep_probe_waive(row->check, &request->subjects[0].waives),
                     lockstep_probe_check_waivable(check));
    request->subjects[0].waives = UINT64_C(1) << check; /* as if it could be */
    request->look_only = true;
    if (row->twist == AS_IT_IS && lockstep_probe_check_static(check)) {
        verdict = try(request);
        assert_int_equal(find(verdict->waived, verdict->waived_count, row->check) != NULL,
                         lockstep_probe_check_waivable(check));
        assert_int_equal(find(verdict->findings, verdict->findings_count, row->check) == NULL,
                         lockstep_probe_check_waivable(check));
        (void)lockstep_probe_verdict_free(verdict);
    }
    (void)lockstep_probe_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_module_for_every_check),
        cmocka_unit_test(refuses_every_function_that_is_denied),
    };
    return LOCKSTEP_RUN_TABLE("refusals", refusal_rows, check_refusal) +
           LOCKSTEP_RUN_TABLE("waivers", refusal_rows, check_waiver) +
           cmocka_run_group_tests_name("more of refusals", tests, NULL, NULL);
}
