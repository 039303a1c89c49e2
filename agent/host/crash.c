#include "agent/host/crash.h"

#include "common/base/cleanup.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct lockstep_crash_page *lockstep_crash_page;
const int lockstep_crash_signals[LOCKSTEP_CRASH_SIGNALS] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE,
                                                            SIGABRT, SIGSYS, SIGTRAP};
_Thread_local uint64_t lockstep_crash_request;
_Thread_local const char *lockstep_crash_tool;
#define STACK_BYTES (64 * 1024)

static _Atomic(uint64_t) poison[LOCKSTEP_POISON_MAX];
static uint64_t poison_end_ms;

bool lockstep_crash_open(const char *directory)
{
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    int length = snprintf(path, sizeof(path), "%s/" LOCKSTEP_CRASH_PREFIX "%d", directory,
                          (int)getpid());
    LOCKSTEP_CLOSE int fd = -1;
    void *page;
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return false;
    }
    (void)unlink(path); /* of a process that had this number before */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(*lockstep_crash_page)) != 0) {
        return false;
    }
    page = mmap(NULL, sizeof(*lockstep_crash_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return false;
    }
    lockstep_crash_page = page;
    lockstep_crash_page->magic = LOCKSTEP_CRASH_MAGIC;
    return true;
}

/* The library's threads take no signals; but one that is blocked when its own thread causes it ends
 * the process unheard. */
void lockstep_crash_listen(void)
{
    sigset_t fatal;
    if (lockstep_crash_page == NULL) {
        return;
    }
    (void)sigemptyset(&fatal);
    for (size_t i = 0; i < LOCKSTEP_COUNT(lockstep_crash_signals); i++) {
        (void)sigaddset(&fatal, lockstep_crash_signals[i]);
    }
    (void)pthread_sigmask(SIG_UNBLOCK, &fatal, NULL);
}

void lockstep_crash_thread(void)
{
    stack_t stack = {.ss_size = STACK_BYTES};
    if (lockstep_crash_page == NULL) {
        return;
    }
    lockstep_crash_listen();
    stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack.ss_sp != MAP_FAILED && sigaltstack(&stack, NULL) != 0) {
        (void)munmap(stack.ss_sp, STACK_BYTES);
    }
}

/* ---- versions ------------------------------------------------------------------------------- */

/* The build-id note among the notes of one segment. */
static void find_build_id(const uint8_t *notes, size_t size, struct lockstep_crash_image *image)
{
    size_t at = 0;
    while (size - at > sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        size_t name;
        size_t bytes;
        memcpy(&note, notes + at, sizeof(note));
        name = (note.n_namesz + 3U) & ~(size_t)3;
        bytes = (note.n_descsz + 3U) & ~(size_t)3;
        at += sizeof(note);
        if (name > size - at || bytes > size - at - name) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && name == 4 && memcmp(notes + at, "GNU", 4) == 0) {
            image->build_id_size = note.n_descsz < LOCKSTEP_CRASH_BUILD_ID
                                       ? note.n_descsz
                                       : LOCKSTEP_CRASH_BUILD_ID;
            memcpy(image->build_id, notes + at + name, image->build_id_size);
            return;
        }
        at += name + bytes;
    }
}

/* What the loader has mapped begins with the header of the file. */
static void read_header(const uint8_t *base, struct lockstep_crash_image *image)
{
    Elf64_Ehdr header;
    memcpy(&header, base, sizeof(header));
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, base + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type == PT_NOTE) {
            find_build_id(base + segment.p_vaddr, segment.p_memsz, image);
        }
    }
}

void lockstep_crash_mapped(const struct lockstep_image *image)
{
    struct lockstep_crash_image row = {0};
    Dl_info info;
    if (lockstep_crash_page == NULL || image->text == NULL ||
        image->index >= LOCKSTEP_CRASH_IMAGES || dladdr(image->text, &info) == 0) {
        return;
    }
    row.base = (uint64_t)(uintptr_t)info.dli_fbase;
    row.text = (uint64_t)(uintptr_t)image->text;
    row.size = image->text_size;
    memcpy(row.module, image->name.text, sizeof(row.module));
    memcpy(row.version, image->version, sizeof(row.version));
    read_header(info.dli_fbase, &row);
    lockstep_crash_page->images[image->index] = row;
}

void lockstep_crash_unmapped(const struct lockstep_image *image)
{
    if (lockstep_crash_page != NULL && image->index < LOCKSTEP_CRASH_IMAGES) {
        lockstep_crash_page->images[image->index] = (struct lockstep_crash_image){0};
    }
}

/* ---- requests ------------------------------------------------------------------------------- */

bool lockstep_crash_enter(const char *tool, const void *bytes, size_t size)
{
    uint64_t fingerprint;
    if (lockstep_crash_page == NULL) {
        return true;
    }
    fingerprint = lockstep_crash_fingerprint(tool, bytes, size);
    for (size_t i = 0; i < LOCKSTEP_POISON_MAX; i++) {
        if (atomic_load_explicit(&poison[i], memory_order_relaxed) == fingerprint) {
            return lockstep_job_now_ms() >= poison_end_ms;
        }
    }
    lockstep_crash_request = fingerprint;
    lockstep_crash_tool = tool;
    return true;
}

void lockstep_crash_leave(void)
{
    lockstep_crash_request = 0;
    lockstep_crash_tool = NULL;
}

void lockstep_crash_poison(uint64_t fingerprint)
{
    poison_end_ms = lockstep_job_now_ms() + LOCKSTEP_POISON_MS;
    for (size_t i = 0; i < LOCKSTEP_POISON_MAX; i++) {
        if (atomic_load(&poison[i]) == 0) {
            atomic_store(&poison[i], fingerprint);
            return;
        }
    }
}

void lockstep_crash_pardon(void)
{
    for (size_t i = 0; i < LOCKSTEP_POISON_MAX; i++) {
        atomic_store(&poison[i], 0);
    }
}
