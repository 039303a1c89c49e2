/*
 * The system call filter: a list of what is forbidden, because what a C library needs of the rest
 * differs from version to version. The supervisor is told of each of them and answers with EPERM
 * (calls.h); a few that libc tries for itself fail without a word.
 */
#include "agent/probe/sandbox_internal.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define NO(name)  SCMP_SYS(name)
#define FCHMODAT2 452 /* on every architecture; this libseccomp is older than the call */

static const int refused[] = {
    NO(connect),
    NO(bind),
    NO(listen),
    NO(accept),
    NO(accept4),
    NO(sendto),
    NO(sendmsg),
    NO(sendmmsg),
    NO(recvfrom),
    NO(recvmsg),
    NO(recvmmsg),
    NO(execve),
    NO(execveat),
    NO(fork),
    NO(vfork),
    NO(pidfd_open),
    NO(pidfd_getfd),
    NO(pidfd_send_signal),
    NO(rt_sigqueueinfo),
    NO(rt_tgsigqueueinfo),
    NO(setpgid),
    NO(setsid),
    NO(setrlimit),
    NO(setuid),
    NO(setgid),
    NO(setreuid),
    NO(setregid),
    NO(setresuid),
    NO(setresgid),
    NO(setgroups),
    NO(setfsuid),
    NO(setfsgid),
    NO(capset),
    NO(creat),
    NO(truncate),
    NO(rename),
    NO(renameat),
    NO(renameat2),
    NO(unlink),
    NO(unlinkat),
    NO(mkdir),
    NO(mkdirat),
    NO(rmdir),
    NO(link),
    NO(linkat),
    NO(symlink),
    NO(symlinkat),
    NO(mknod),
    NO(mknodat),
    NO(chmod),
    NO(fchmod),
    NO(fchmodat),
    NO(chown),
    NO(fchown),
    NO(lchown),
    NO(fchownat),
    NO(utime),
    NO(utimes),
    NO(utimensat),
    NO(futimesat),
    NO(setxattr),
    NO(lsetxattr),
    NO(fsetxattr),
    NO(removexattr),
    NO(lremovexattr),
    NO(fremovexattr),
    NO(shmget),
    NO(shmat),
    NO(msgget),
    NO(semget),
    NO(mq_open),
    NO(fanotify_init),
    NO(io_uring_setup),
    NO(io_setup),
    NO(ptrace),
    NO(process_vm_readv),
    NO(process_vm_writev),
    NO(bpf),
    NO(perf_event_open),
    NO(kexec_load),
    NO(kexec_file_load),
    NO(init_module),
    NO(finit_module),
    NO(delete_module),
    NO(mount),
    NO(umount2),
    NO(pivot_root),
    NO(chroot),
    NO(setns),
    NO(unshare),
    NO(reboot),
    NO(swapon),
    NO(swapoff),
    NO(userfaultfd),
    NO(keyctl),
    NO(add_key),
    NO(request_key),
    NO(acct),
    NO(quotactl),
    NO(settimeofday),
    NO(clock_settime),
    NO(clock_adjtime),
    NO(adjtimex),
    NO(sethostname),
    NO(setdomainname),
    NO(syslog),
    NO(open_by_handle_at),
    NO(kcmp),
};

/* Libraries may try these for themselves, and do without. */
static const int quiet[] = {NO(socketpair), NO(tkill), NO(inotify_init), NO(inotify_init1)};

/* Newer forms of calls that are judged by their arguments; without them libc uses the old ones. */
static const int unknown[] = {NO(clone3), NO(openat2), FCHMODAT2};

/* False if the filter cannot take the rule; a call that this architecture has not needs none. */
static bool add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i] < 0) {
            continue;
        }
        if (seccomp_rule_add(filter, action, calls[i], 0) != 0) {
            return false;
        }
    }
    return true;
}

/* New threads may be, new processes may not; signals reach nobody else; nothing is opened to be
 * written; limits are read and not set. */
static bool add_by_argument(scmp_filter_ctx filter)
{
    const uint32_t told = SCMP_ACT_NOTIFY;
    const scmp_datum_t self = (scmp_datum_t)getpid();
    /* libc asks daemons about users and hosts through a socket of the machine. */
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), NO(socket), 1,
                            SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(kill), 1, SCMP_A0_32(SCMP_CMP_NE, self, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(tgkill), 1, SCMP_A0_32(SCMP_CMP_NE, self, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(prlimit64), 1, SCMP_A2(SCMP_CMP_NE, 0, 0)) == 0 &&
           seccomp_rule_add(filter, told, NO(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY)) == 0 &&
           seccomp_rule_add(filter, told, NO(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, O_RDWR, O_RDWR)) == 0 &&
           seccomp_rule_add(filter, told, NO(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT)) == 0;
}

/* open(2) exists on some architectures only. */
static bool add_open(scmp_filter_ctx filter)
{
    const uint32_t told = SCMP_ACT_NOTIFY;
    if (NO(open) < 0) {
        return true;
    }
    return seccomp_rule_add(filter, told, NO(open), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY)) == 0 &&
           seccomp_rule_add(filter, told, NO(open), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, O_RDWR, O_RDWR)) == 0 &&
           seccomp_rule_add(filter, told, NO(open), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT)) == 0;
}

enum lockstep_err lockstep_probe_seccomp_enter(int *ret_calls, struct lockstep_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool built;
    int failed;
    if (filter == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a system call filter");
    }
    built = add(filter, SCMP_ACT_NOTIFY, refused, LOCKSTEP_COUNT(refused)) &&
            add(filter, SCMP_ACT_ERRNO(EPERM), quiet, LOCKSTEP_COUNT(quiet)) &&
            add(filter, SCMP_ACT_ERRNO(ENOSYS), unknown, LOCKSTEP_COUNT(unknown)) &&
            add_by_argument(filter) && add_open(filter);
    failed = built ? seccomp_load(filter) : -EINVAL;
    if (failed == 0) {
        *ret_calls = fcntl(seccomp_notify_fd(filter), F_DUPFD_CLOEXEC, 0);
    }
    seccomp_release(filter);
    if (failed != 0) {
        errno = -failed;
        return LOCKSTEP_FAIL_ERRNO(err, "the system call filter does not load");
    }
    return LOCKSTEP_OK;
}
