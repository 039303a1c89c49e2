#include "agent/probe/static_denied.h"

#include "common/base/attr.h"

#include <string.h>

#define THREAD      "a thread would go on running in a retired version"
#define KEY         "the key's destructor would be called in a retired version"
#define TIMER       "the timer would fire in a retired version"
#define LATER       "the function would be called in a retired version"
#define SIGNAL      "signal handlers belong to the service"
#define ENDS        "it would end the service"
#define THREAD_ENDS "it would end a thread of the service"
#define FORK        "a forked service deadlocks on its own locks"
#define SPAWN       "children, and the signal at their end, belong to the service"
#define REPLACE     "it would replace the service"
#define LOADS       "what it loads is not signed"
#define USER        "who the service runs as is not a module's to say"
#define SHARED      "limits and places are those of all of the service"

static const struct lockstep_probe_denied rows[] = {
    {"pthread_create", THREAD},
    {"thrd_create", THREAD},
    {"pthread_key_create", KEY},
    {"tss_create", KEY},
    {"__cxa_thread_atexit_impl", KEY},
    {"__cxa_thread_atexit", KEY},
    {"timer_create", TIMER},
    {"setitimer", TIMER},
    {"alarm", TIMER},
    {"ualarm", TIMER},
    {"mq_notify", TIMER},
    {"on_exit", LATER},
    {"at_quick_exit", LATER},
    {"__cxa_at_quick_exit", LATER},
    {"pthread_atfork", LATER},
    {"__register_atfork", LATER},
    {"signal", SIGNAL},
    {"__sysv_signal", SIGNAL},
    {"sysv_signal", SIGNAL},
    {"bsd_signal", SIGNAL},
    {"ssignal", SIGNAL},
    {"sigset", SIGNAL},
    {"sigignore", SIGNAL},
    {"sigaction", SIGNAL},
    {"siginterrupt", SIGNAL},
    {"sigaltstack", SIGNAL},
    {"exit", ENDS},
    {"_exit", ENDS},
    {"_Exit", ENDS},
    {"quick_exit", ENDS},
    {"err", ENDS},
    {"errx", ENDS},
    {"verr", ENDS},
    {"verrx", ENDS},
    {"pthread_exit", THREAD_ENDS},
    {"thrd_exit", THREAD_ENDS},
    {"pthread_cancel", THREAD_ENDS},
    {"fork", FORK},
    {"_Fork", FORK},
    {"vfork", FORK},
    {"daemon", FORK},
    {"forkpty", FORK},
    {"clone", FORK},
    {"posix_spawn", SPAWN},
    {"posix_spawnp", SPAWN},
    {"system", SPAWN},
    {"popen", SPAWN},
    {"wordexp", SPAWN},
    {"wait", SPAWN},
    {"waitpid", SPAWN},
    {"waitid", SPAWN},
    {"wait3", SPAWN},
    {"wait4", SPAWN},
    {"execve", REPLACE},
    {"execv", REPLACE},
    {"execvp", REPLACE},
    {"execvpe", REPLACE},
    {"execl", REPLACE},
    {"execle", REPLACE},
    {"execlp", REPLACE},
    {"execveat", REPLACE},
    {"fexecve", REPLACE},
    {"dlopen", LOADS},
    {"dlmopen", LOADS},
    {"setuid", USER},
    {"seteuid", USER},
    {"setreuid", USER},
    {"setresuid", USER},
    {"setgid", USER},
    {"setegid", USER},
    {"setregid", USER},
    {"setresgid", USER},
    {"setgroups", USER},
    {"initgroups", USER},
    {"setrlimit", SHARED},
    {"setrlimit64", SHARED},
    {"prlimit", SHARED},
    {"prlimit64", SHARED},
    {"chdir", SHARED},
    {"fchdir", SHARED},
    {"chroot", SHARED},
    {"umask", SHARED},
    {"setlocale", SHARED},
};

const struct lockstep_probe_denied *lockstep_probe_denied_at(size_t index)
{
    return index < LOCKSTEP_COUNT(rows) ? &rows[index] : NULL;
}

const struct lockstep_probe_denied *lockstep_probe_denied_find(const char *name)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}
