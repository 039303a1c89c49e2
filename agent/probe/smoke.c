/* Smoke tests: several at once, each on a thread of its own and within its time, as in the host. */
#include "agent/probe/run.h"

#include "agent/host/job.h"
#include "common/base/cleanup.h"

#define SMOKES_MAX       256
#define SMOKES_AT_ONCE   4
#define SMOKE_DEFAULT_MS 1000
#define SMOKE_LONGEST_MS (60 * 1000)

/* One that is under way. The job's. */
struct smoking {
    const struct lockstep_smoke *smoke;
    const char *changed; /* of the thread */
};

static uint64_t limit_of(const struct lockstep_smoke *smoke)
{
    if (smoke->timeout_ms == 0) {
        return SMOKE_DEFAULT_MS;
    }
    return smoke->timeout_ms < SMOKE_LONGEST_MS ? smoke->timeout_ms : SMOKE_LONGEST_MS;
}

static const char *name_of(const struct lockstep_smoke *smoke)
{
    return smoke->name == NULL ? "(no name)" : smoke->name;
}

static int run_smoke(void *argument, struct lockstep_job_why *why)
{
    struct smoking *smoking = argument;
    struct lockstep_thread_surroundings before;
    struct lockstep_thread_surroundings now;
    sigset_t none;
    int result;
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL); /* a crash is to be heard of */
    lockstep_thread_surroundings_take(&before);
    result = smoking->smoke->run(&why->sink);
    lockstep_thread_surroundings_take(&now);
    smoking->changed = lockstep_thread_surroundings_compare(&before, &now);
    return result;
}

/* "sums, tables": whose the crash is if there is one. */
static void begin(const struct lockstep_probe_running *running, const struct lockstep_smoke *smokes,
                  size_t count)
{
    char names[LOCKSTEP_PROBE_WHAT_TEXT] = "";
    size_t length = 0;
    for (size_t i = 0; i < count && length < sizeof(names); i++) {
        int more = snprintf(names + length, sizeof(names) - length, "%s%s", i == 0 ? "" : ", ",
                            name_of(&smokes[i]));
        length += more < 0 ? 0 : (size_t)more;
    }
    lockstep_probe_begin(running, LOCKSTEP_PROBE_STAGE_SMOKE, names, 0);
}

/* False if it did not end. */
static bool end(const struct lockstep_probe_running *running, const struct smoking *smoking,
                struct lockstep_job *job)
{
    char why[LOCKSTEP_JOB_WHY];
    const char *name = name_of(smoking->smoke);
    uint64_t limit = limit_of(smoking->smoke);
    enum lockstep_job_end ended = lockstep_job_wait(job, limit, why);
    if (ended == LOCKSTEP_JOB_STUCK) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_ANSWERS,
                            "smoke %.63s did not end within its %llu ms", name,
                            (unsigned long long)limit);
        return false;
    }
    if (ended != LOCKSTEP_JOB_PASSED) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_SMOKE, "smoke test %.63s: %s", name, why);
    } else if (smoking->changed != NULL) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_PROCESS_STATE,
                            "smoke test %.63s leaves something behind in the process: %s", name,
                            smoking->changed);
    } else {
        running->trial->verdict->subjects[running->index].smoke_passed++;
    }
    return true;
}

/* False if one did not end. A job that is stuck keeps what it uses, so that is never freed. */
static bool run_some(const struct lockstep_probe_running *running,
                     const struct lockstep_smoke *smokes, size_t count)
{
    struct lockstep_job *jobs[SMOKES_AT_ONCE] = {NULL};
    struct smoking *all = calloc(count, sizeof(*all));
    bool ended = true;
    if (all == NULL) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_MEMORY, "no memory for smoke tests");
        return true;
    }
    begin(running, smokes, count);
    for (size_t i = 0; i < count; i++) {
        all[i].smoke = &smokes[i];
        jobs[i] = lockstep_job_start(run_smoke, &all[i], NULL);
    }
    for (size_t i = 0; i < count; i++) {
        ended = end(running, &all[i], jobs[i]) && ended;
        jobs[i] = lockstep_job_drop(jobs[i]);
    }
    if (ended) {
        free(all);
    }
    return ended;
}

static bool make_sense(const struct lockstep_module *module)
{
    bool sense = module->smokes_count <= SMOKES_MAX &&
                 (module->smokes_count == 0 || module->smokes != NULL);
    for (uint32_t i = 0; sense && i < module->smokes_count; i++) {
        sense = module->smokes[i].run != NULL;
    }
    return sense;
}

bool lockstep_probe_smoke(const struct lockstep_probe_running *running,
                          struct lockstep_surroundings *before)
{
    struct lockstep_probe_outcome *outcome = &running->trial->verdict->subjects[running->index];
    const struct lockstep_module *module = &running->module;
    bool ended = true;
    outcome->smoke_count = module->smokes_count;
    if (!make_sense(module)) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_SMOKE,
                            "its list of %u smoke tests makes no sense", module->smokes_count);
        return true;
    }
    for (size_t first = 0; first < module->smokes_count && ended; first += SMOKES_AT_ONCE) {
        size_t count = module->smokes_count - first;
        ended = run_some(running, &module->smokes[first],
                         count < SMOKES_AT_ONCE ? count : SMOKES_AT_ONCE);
    }
    if (ended && module->smokes_count > 0) {
        lockstep_probe_compare(running, before, "a smoke test");
    }
    return ended;
}
