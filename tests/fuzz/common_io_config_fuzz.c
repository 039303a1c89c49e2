/* Any bytes as each of the three configuration files: taken or refused with a reason that names the
 * file, and nothing is left behind. */
#include "common/io/config.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd = -1;
static char path[64];

static void must_say(enum lockstep_err code, const struct lockstep_error *err)
{
    MUST(code == LOCKSTEP_OK || strncmp(err->message, path, strlen(path)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_config_coordinator coordinator = {0};
    struct lockstep_config_agent agent = {0};
    struct lockstep_config_operator operator= {0};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        MUST(fd >= 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    must_say(lockstep_config_coordinator_load(path, &coordinator, &err), &err);
    must_say(lockstep_config_agent_load(path, &agent, &err), &err);
    must_say(lockstep_config_operator_load(path, &operator, NULL, &err), &err);
    lockstep_config_coordinator_deinit(&coordinator);
    lockstep_config_agent_deinit(&agent);
    lockstep_config_operator_deinit(&operator);
    return 0;
}
