/*
 * Modules that try what no module may do, and say nothing about it: compiled once for each function
 * below, named by WILD (what `load` does) or WILD_SMOKE (what a smoke test does). They go through
 * syscall(2) where a look at their imports would already refuse them.
 */
#include "lockstep/module.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

UNUSED static int nothing(struct lockstep_sink *why)
{
    (void)why;
    return 0;
}

/* ---- out of the sandbox --------------------------------------------------------------------- */

UNUSED static int forks(struct lockstep_sink *why)
{
    (void)why;
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
        (void)syscall(SYS_exit_group, 0);
    }
    return 0;
}

UNUSED static int starts_a_program(struct lockstep_sink *why)
{
    static const char *const words[] = {"true", NULL};
    (void)why;
    (void)syscall(SYS_execve, "/bin/true", words, NULL);
    return 0;
}

UNUSED static int kills_its_parent(struct lockstep_sink *why)
{
    (void)why;
    (void)kill(getppid(), SIGKILL);
    return 0;
}

UNUSED static int traces(struct lockstep_sink *why)
{
    (void)why;
    (void)syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0);
    return 0;
}

UNUSED static int opens_a_socket(struct lockstep_sink *why)
{
    (void)why;
    (void)socket(AF_INET, SOCK_STREAM, 0);
    return 0;
}

UNUSED static int writes_a_file(struct lockstep_sink *why)
{
    (void)why;
    (void)open("/tmp/lockstep-probe-was-here", O_WRONLY | O_CREAT, 0600);
    return 0;
}

UNUSED static int removes_a_file(struct lockstep_sink *why)
{
    (void)why;
    (void)unlink("/tmp/lockstep-probe-was-here");
    return 0;
}

/* Harmless, and tried by honest code: no reason for a no. */
UNUSED static int throws_away(struct lockstep_sink *why)
{
    int fd = open("/dev/null", O_WRONLY);
    (void)why;
    (void)socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 ? close(fd) : 0;
}

/* Anybody may read this file, but nobody in here. */
UNUSED static int reads_a_file(struct lockstep_sink *why)
{
    if (open("/etc/passwd", O_RDONLY) < 0) {
        (void)lockstep_sink_print(why, "/etc/passwd cannot be read: %s", strerror(errno));
        return 1;
    }
    return 0;
}

/* ---- without end ---------------------------------------------------------------------------- */

UNUSED static void *sleep_long(void *context)
{
    (void)pause();
    return context;
}

UNUSED static int starts_many_threads(struct lockstep_sink *why)
{
    pthread_attr_t small;
    pthread_t thread;
    (void)why;
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 65536);
    while (pthread_create(&thread, &small, sleep_long, NULL) == 0) {
    }
    return pause();
}

UNUSED static int starts_a_thread(struct lockstep_sink *why)
{
    pthread_t thread;
    (void)why;
    return pthread_create(&thread, NULL, sleep_long, NULL);
}

UNUSED static int writes_without_end(struct lockstep_sink *why)
{
    static const char line[] = "and so on and on\n";
    (void)why;
    while (write(STDOUT_FILENO, line, sizeof(line) - 1) > 0) {
    }
    return 0;
}

UNUSED static int eats_memory(struct lockstep_sink *why)
{
    (void)why;
    for (;;) {
        volatile char *piece = malloc((size_t)1 << 20);
        *piece = 1;
    }
}

/* ---- left behind ---------------------------------------------------------------------------- */

UNUSED static int leaves_a_mask(struct lockstep_sink *why)
{
    sigset_t set;
    (void)why;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    return pthread_sigmask(SIG_BLOCK, &set, NULL);
}

UNUSED static int leaves_a_locale(struct lockstep_sink *why)
{
    (void)why;
    (void)uselocale(newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0));
    return 0;
}

UNUSED static int leaves_the_locale(struct lockstep_sink *why)
{
    (void)why;
    (void)setlocale(LC_ALL, "C.UTF-8");
    return 0;
}

UNUSED static int leaves_a_file_mode_mask(struct lockstep_sink *why)
{
    (void)why;
    (void)syscall(SYS_umask, 0123);
    return 0;
}

UNUSED static int leaves_a_folder(struct lockstep_sink *why)
{
    (void)why;
    (void)syscall(SYS_chdir, "/");
    return (int)syscall(SYS_chdir, "/usr/lib");
}

UNUSED static int leaves_a_rounding(struct lockstep_sink *why)
{
    (void)why;
    return fesetround(FE_TOWARDZERO);
}

UNUSED static int leaves_an_environment(struct lockstep_sink *why)
{
    (void)why;
    return setenv("LOCKSTEP_WAS_HERE", "1", 1);
}

UNUSED static int leaves_a_timer(struct lockstep_sink *why)
{
    const struct itimerval hour = {.it_value = {.tv_sec = 3600}};
    (void)why;
    return (int)syscall(SYS_setitimer, ITIMER_REAL, &hour, NULL);
}

UNUSED static int leaves_a_handler(struct lockstep_sink *why)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)why;
    return sigaction(SIGUSR2, &ignore, NULL);
}

#ifndef WILD
#define WILD nothing
#endif
#ifndef WILD_SMOKE
#define WILD_SMOKE nothing
#endif

static int load(const struct lockstep_load *with)
{
    return WILD(with->why);
}

static int smoke(struct lockstep_sink *why)
{
    return WILD_SMOKE(why);
}

static int rest(struct lockstep_sink *why)
{
    (void)why;
    return 0;
}

static const struct lockstep_smoke smokes[] = {{"goes wild", smoke, 20000},
                                               {"does nothing", rest, 20000}};

LOCKSTEP_MODULE((.module = "wild", .service = "default", .version = "1.0.0"),
                (.smokes = smokes, .smokes_count = 2, .load = load));
