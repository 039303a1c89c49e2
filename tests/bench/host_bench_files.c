#include "tests/bench/host_bench.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Writes TO over every FROM, which is as long. */
static void replace(char *bytes, size_t size, const char *from, const char *to)
{
    size_t length = strlen(from);
    char *at = memmem(bytes, size, from, length);
    must(at != NULL, "the module has no such name");
    while (at != NULL) {
        size_t done = (size_t)(at - bytes) + length;
        memcpy(at, to, length);
        at = memmem(bytes + done, size - done, from, length);
    }
}

void write_module(const char *path, unsigned number, unsigned version)
{
    static char bytes[512 * 1024];
    char name[16];
    char text[16];
    ssize_t size;
    int fd = open(BENCH_DIRECTORY "/set_module.so", O_RDONLY | O_CLOEXEC);
    must(fd >= 0, "set_module.so is not there");
    size = read(fd, bytes, sizeof(bytes));
    (void)close(fd);
    must(size > 0 && (size_t)size < sizeof(bytes), "set_module.so cannot be read");
    (void)snprintf(name, sizeof(name), "bench-%03u", number % 1000);
    (void)snprintf(text, sizeof(text), "%u.0.0", version % 10);
    replace(bytes, (size_t)size, "bench-000", name);
    replace(bytes, (size_t)size, "7.0.0", text);
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    must(fd >= 0 && write(fd, bytes, (size_t)size) == size && fsync(fd) == 0,
         "a module cannot be written");
    (void)close(fd);
}
