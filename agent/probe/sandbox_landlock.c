/* Landlock by its system calls, as linux/landlock.h of newer kernels numbers them. */
#include "agent/probe/sandbox_internal.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ACCESS_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define ACCESS_REFER    (UINT64_C(1) << 13) /* from ABI 2 */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* from ABI 3 */

/* What the loader, libc's locale and time code, and a random seed are read from. */
static const char *const readable[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
    "/sys/devices/system/cpu",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
};

static uint64_t handled(int abi)
{
    uint64_t access = ACCESS_OF_ABI_1;
    if (abi >= 2) {
        access |= ACCESS_REFER;
    }
    if (abi >= 3) {
        access |= ACCESS_TRUNCATE;
    }
    return access;
}

/* A path that this machine does not have needs no rule. */
static void allow_reading(int rules, const char *path)
{
    LOCKSTEP_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr beneath = {.parent_fd = fd};
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return;
    }
    beneath.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
    if (S_ISDIR(status.st_mode)) {
        beneath.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    }
    (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

uint32_t lockstep_probe_landlock_enter(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr attr = {0};
    LOCKSTEP_CLOSE int rules = -1;
    if (abi < 1) {
        return 0;
    }
    attr.handled_access_fs = handled((int)abi);
    rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (rules < 0) {
        return 0;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(readable); i++) {
        allow_reading(rules, readable[i]);
    }
    return syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? (uint32_t)abi : 0;
}
