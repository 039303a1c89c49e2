/* A library to be preloaded: the K-th allocation from now on fails.
 *
 * LOCKSTEP_FAIL_ALLOC names a file of two numbers of 8 bytes, in this machine's order: how many
 * allocations there were, and the number of the one that fails; 0: none does. Both may be written
 * while the process runs. Only programs of this project are meant, and not those that they start.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct page {
    _Atomic uint64_t count;
    _Atomic uint64_t fails;
};

/* What glibc calls its own: these can be used before anything is looked up. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static struct page *page;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LOCKSTEP_FAIL_ALLOC");
    int fd;
    struct stat about;
    if (strncmp(program_invocation_short_name, "lockstep", strlen("lockstep")) != 0) {
        return; /* env, on its way to become one */
    }
    fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size >= (off_t)sizeof(*page)) {
        void *at = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        page = at == MAP_FAILED ? NULL : at;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)unsetenv("LD_PRELOAD");
    (void)unsetenv("LOCKSTEP_FAIL_ALLOC");
}

static bool fails(void)
{
    if (page == NULL || atomic_fetch_add(&page->count, 1) + 1 != atomic_load(&page->fails)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
    return fails() ? NULL : __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __libc_realloc(ptr, size);
}
