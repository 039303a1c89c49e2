/* A state in a file, from another process: what is taken is written again as the same bytes, and
 * every record of it lies within them. */
#include "agent/host/bag.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void must_be_the_same(int fd, const uint8_t *data, size_t size)
{
    uint8_t *again = malloc(size);
    struct stat status;
    MUST(again != NULL && fstat(fd, &status) == 0 && status.st_size == (off_t)size);
    MUST(pread(fd, again, size, 0) == (ssize_t)size && memcmp(again, data, size) == 0);
    free(again);
}

/* All of it, one after the other, into another bag. */
static void take_both(struct lockstep_bag *bag)
{
    struct lockstep_bag parts;
    uint64_t count = 0;
    lockstep_bag_init(&parts);
    for (int residue = 0; residue < 2; residue++) {
        lockstep_bag_rewind(bag);
        MUST(lockstep_bag_take(&parts, bag, residue == 1, residue == 1));
        MUST(parts.count >= count);
        count = parts.count;
    }
    MUST(parts.count == bag->count && parts.size == bag->size);
    lockstep_bag_deinit(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    struct lockstep_bag bag;
    int fd = -1;
    if (file < 0) {
        file = memfd_create("state", MFD_CLOEXEC);
        MUST(file >= 0);
    }
    MUST(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    lockstep_bag_init(&bag);
    if (lockstep_bag_load(&bag, file, NULL) == LOCKSTEP_OK) {
        take_both(&bag);
        MUST(lockstep_bag_save(&bag, &fd, NULL) == LOCKSTEP_OK);
        must_be_the_same(fd, data, size);
        (void)close(fd);
    }
    lockstep_bag_deinit(&bag);
    return 0;
}
