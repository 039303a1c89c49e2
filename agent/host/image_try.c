/* `load` and the smoke tests: the code of a version that nobody can call yet. */
#include "agent/host/image.h"

#include "common/base/cleanup.h"

#define SMOKE_DEFAULT_MS 1000
#define SMOKE_LONGEST_MS 60000
#define SMOKES_AT_ONCE   4
#define SMOKES_MAX       256

struct loading {
    struct lockstep_image *image;
    char *config; /* owned */
    size_t size;
};

static void free_loading(void *argument)
{
    struct loading *loading = argument;
    free(loading->config);
    free(loading);
}

static int run_load(void *argument, struct lockstep_job_why *why)
{
    const struct loading *loading = argument;
    const struct lockstep_load load = {
        .size = sizeof(load),
        .host = &loading->image->api,
        .config = loading->config == NULL ? "" : loading->config,
        .config_size = loading->size,
        .why = &why->sink,
    };
    return loading->image->module.load(&load);
}

bool lockstep_image_load(struct lockstep_image *image, char *config, size_t size,
                         struct lockstep_refusal *ret_refusal)
{
    struct loading *loading = calloc(1, sizeof(*loading));
    struct lockstep_job *job;
    enum lockstep_job_end end;
    char why[LOCKSTEP_JOB_WHY];
    if (loading == NULL) {
        free(config);
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory to load it");
    }
    *loading = (struct loading){image, config, size};
    if (image->module.load == NULL) {
        free_loading(loading);
        image->loaded = true;
        return true;
    }
    job = lockstep_job_start(run_load, loading, free_loading);
    end = lockstep_job_wait(job, LOCKSTEP_LOAD_LIMIT_MS, why);
    job = lockstep_job_drop(job);
    image->loaded = end == LOCKSTEP_JOB_PASSED;
    image->stuck = end == LOCKSTEP_JOB_STUCK;
    return image->loaded || lockstep_host_refuse(ret_refusal, "LOAD", "its load: %s", why);
}

static int run_smoke(void *argument, struct lockstep_job_why *why)
{
    const struct lockstep_smoke *smoke = argument;
    return smoke->run(&why->sink);
}

static uint64_t limit_of(const struct lockstep_smoke *smoke)
{
    if (smoke->timeout_ms == 0) {
        return SMOKE_DEFAULT_MS;
    }
    return smoke->timeout_ms < SMOKE_LONGEST_MS ? smoke->timeout_ms : SMOKE_LONGEST_MS;
}

static bool end_smoke(const struct lockstep_smoke *smoke, struct lockstep_job *job, bool *stuck,
                      struct lockstep_refusal *ret_refusal)
{
    char why[LOCKSTEP_JOB_WHY];
    enum lockstep_job_end end = lockstep_job_wait(job, limit_of(smoke), why);
    job = lockstep_job_drop(job);
    *stuck = *stuck || end == LOCKSTEP_JOB_STUCK;
    if (end == LOCKSTEP_JOB_PASSED) {
        return true;
    }
    return lockstep_host_refuse(ret_refusal, "SMOKE", "smoke test %.63s: %.180s",
                                smoke->name == NULL ? "(no name)" : smoke->name, why);
}

bool lockstep_smokes_run(const struct lockstep_smoke *smokes, uint32_t count, bool *ret_stuck,
                         struct lockstep_refusal *ret_refusal)
{
    bool well = true;
    *ret_stuck = false;
    if (count > SMOKES_MAX) {
        return lockstep_host_refuse(ret_refusal, "SMOKE", "it has more than %d smoke tests",
                                    SMOKES_MAX);
    }
    for (size_t first = 0; first < count && well; first += SMOKES_AT_ONCE) {
        struct lockstep_job *jobs[SMOKES_AT_ONCE] = {NULL};
        size_t some = count - first < SMOKES_AT_ONCE ? count - first : SMOKES_AT_ONCE;
        for (size_t i = 0; i < some; i++) {
            union {
                const void *in;
                void *out;
            } smoke = {.in = &smokes[first + i]};
            if (smokes[first + i].run != NULL) {
                jobs[i] = lockstep_job_start(run_smoke, smoke.out, NULL);
            }
        }
        for (size_t i = 0; i < some; i++) {
            well = end_smoke(&smokes[first + i], jobs[i], ret_stuck, ret_refusal) && well;
        }
    }
    return well;
}

bool lockstep_image_smoke(struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    bool stuck = false;
    bool well = lockstep_smokes_run(image->module.smokes, image->module.smokes_count, &stuck,
                                    ret_refusal);
    image->stuck = image->stuck || stuck;
    return well;
}
