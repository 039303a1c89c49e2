#include "agent/probe/sandbox.h"

#include "agent/probe/sandbox_internal.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOBODY 65534 /* the kernel's overflow id: it owns nothing */

/* Whoever has privileges gives them up; whoever has none keeps their own, which is the agent's. */
static bool drop_privileges(void)
{
    if (geteuid() != 0) {
        return false;
    }
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static enum lockstep_err tie_to_parent(pid_t parent, struct lockstep_error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "PR_SET_PDEATHSIG");
    }
    if (getppid() != parent) {
        return LOCKSTEP_FAIL(err, CLOSED, "the parent is gone");
    }
    return LOCKSTEP_OK;
}

static bool limit(__rlimit_resource_t resource, uint64_t value)
{
    const struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &both) == 0;
}

/* A sanitizer maps terabytes for its shadow, so there address space says nothing. */
static bool limit_memory(uint64_t bytes)
{
#ifdef LOCKSTEP_SANITIZED
    (void)bytes;
    return true;
#else
    return bytes == 0 || limit(RLIMIT_AS, bytes);
#endif
}

static bool set_limits(const struct lockstep_probe_walls *walls)
{
    bool core = limit(RLIMIT_CORE, 0);
    bool file = limit(RLIMIT_FSIZE, 0);
    bool cpu = limit(RLIMIT_CPU, walls->cpu_ms / 1000 + 1);
    bool descriptors = limit(RLIMIT_NOFILE, walls->descriptors);
    return core && file && cpu && descriptors && limit_memory(walls->memory_bytes);
}

enum lockstep_err lockstep_probe_sandbox_enter(const struct lockstep_probe_walls *walls,
                                               struct lockstep_probe_sandbox *ret_sandbox,
                                               int *ret_calls, struct lockstep_error *err)
{
    /* A write beyond the limit fails with EFBIG. */
    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    ret_sandbox->user_dropped = drop_privileges();
    /* Changing users hides /proc/self from the process itself; the loader needs /proc/self/fd. */
    if (ret_sandbox->user_dropped && prctl(PR_SET_DUMPABLE, 1) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "PR_SET_DUMPABLE");
    }
    LOCKSTEP_TRY(tie_to_parent(walls->parent, err));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "PR_SET_NO_NEW_PRIVS");
    }
    ret_sandbox->limits = set_limits(walls);
    ret_sandbox->landlock = lockstep_probe_landlock_enter();
    LOCKSTEP_TRY(lockstep_probe_seccomp_enter(ret_calls, err));
    ret_sandbox->seccomp = true;
    return LOCKSTEP_OK;
}
