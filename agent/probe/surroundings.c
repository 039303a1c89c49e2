#include "agent/probe/surroundings.h"

#include <fenv.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define THREAD_ENDS_MS 100 /* a thread that is over may still be in the list for a moment */

extern char **environ;

void lockstep_thread_surroundings_take(struct lockstep_thread_surroundings *ret_now)
{
    memset(ret_now, 0, sizeof(*ret_now));
    ret_now->locale = uselocale((locale_t)0);
    (void)sigemptyset(&ret_now->mask);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &ret_now->mask);
    ret_now->rounding = fegetround();
    ret_now->exceptions = fegetexcept();
}

const char *lockstep_thread_surroundings_compare(const struct lockstep_thread_surroundings *before,
                                                 const struct lockstep_thread_surroundings *now)
{
    if (before->locale != now->locale) {
        return "the thread's locale";
    }
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&before->mask, number) != sigismember(&now->mask, number)) {
            return "the signal mask";
        }
    }
    if (before->rounding != now->rounding || before->exceptions != now->exceptions) {
        return "the mode of floating point";
    }
    return NULL;
}

static uint64_t sum_environment(void)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        for (const char *c = *entry; *c != '\0'; c++) {
            sum = (sum ^ (uint8_t)*c) * UINT64_C(1099511628211);
        }
        sum = (sum ^ '\n') * UINT64_C(1099511628211);
    }
    return sum;
}

static uint64_t count_threads(void)
{
    struct stat status;
    return stat("/proc/self/task", &status) == 0 ? (uint64_t)status.st_nlink - 2 : 0;
}

void lockstep_surroundings_take(struct lockstep_surroundings *ret_now)
{
    const char *locale = setlocale(LC_ALL, NULL);
    memset(ret_now, 0, sizeof(*ret_now));
    lockstep_thread_surroundings_take(&ret_now->thread);
    (void)snprintf(ret_now->locale, sizeof(ret_now->locale), "%s", locale == NULL ? "" : locale);
    if (getcwd(ret_now->folder, sizeof(ret_now->folder)) == NULL) {
        ret_now->folder[0] = '\0';
    }
    ret_now->mask = umask(0);
    (void)umask(ret_now->mask);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        (void)sigaction(number, NULL, &action);
        ret_now->handlers[number] = (uintptr_t)action.sa_handler;
    }
    for (int i = 0; i < 3; i++) {
        const __itimer_which_t which = (__itimer_which_t)i;
        (void)getitimer(which, &ret_now->timers[i]);
    }
    ret_now->environment = sum_environment();
    ret_now->threads = count_threads();
}

static bool same_timers(const struct lockstep_surroundings *before,
                        const struct lockstep_surroundings *now)
{
    for (int i = 0; i < 3; i++) {
        const struct itimerval *a = &before->timers[i];
        const struct itimerval *b = &now->timers[i];
        bool runs = a->it_value.tv_sec != 0 || a->it_value.tv_usec != 0;
        if (runs != (b->it_value.tv_sec != 0 || b->it_value.tv_usec != 0)) {
            return false;
        }
    }
    return true;
}

static bool has_more_threads(const struct lockstep_surroundings *before,
                             const struct lockstep_surroundings *now)
{
    uint64_t threads = now->threads;
    for (int i = 0; i < THREAD_ENDS_MS && threads > before->threads; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        threads = count_threads();
    }
    return threads > before->threads;
}

const char *lockstep_surroundings_compare(const struct lockstep_surroundings *before,
                                          const struct lockstep_surroundings *now)
{
    const char *thread = lockstep_thread_surroundings_compare(&before->thread, &now->thread);
    if (thread != NULL) {
        return thread;
    }
    if (strcmp(before->locale, now->locale) != 0) {
        return "the locale";
    }
    if (strcmp(before->folder, now->folder) != 0) {
        return "the working directory";
    }
    if (before->mask != now->mask) {
        return "the file mode mask";
    }
    if (memcmp(before->handlers, now->handlers, sizeof(before->handlers)) != 0) {
        return "a signal handler";
    }
    if (!same_timers(before, now)) {
        return "a timer";
    }
    if (before->environment != now->environment) {
        return "the environment";
    }
    return has_more_threads(before, now) ? "a thread that goes on running" : NULL;
}
