/* Smoke tests of a version that is live: on threads of their own, while the agent asks and asks. */
#include "agent/host/image.h"

#include "common/base/cleanup.h"

struct lockstep_live_smoke {
    uint64_t generation;
    struct lockstep_job *job; /* NULL: it has ended */
    struct smoking *smoking;  /* the job's; good while there is one */
    bool well;
    char text[LOCKSTEP_JOB_WHY];
};

/* What the job works with: a module stays mapped as long as it may run. */
struct smoking {
    const struct lockstep_smoke *smokes;
    uint32_t count;
    bool stuck; /* good when the job has ended */
};

static int run_all(void *argument, struct lockstep_job_why *why)
{
    struct smoking *smoking = argument;
    struct lockstep_refusal refusal = {0};
    if (lockstep_smokes_run(smoking->smokes, smoking->count, &smoking->stuck, &refusal)) {
        return 0;
    }
    (void)lockstep_sink_print(&why->sink, "%s", refusal.text);
    return 1;
}

static bool begin(struct lockstep_image *image)
{
    struct lockstep_live_smoke *smoke = calloc(1, sizeof(*smoke));
    struct smoking *smoking = calloc(1, sizeof(*smoking));
    if (smoke == NULL || smoking == NULL) {
        free(smoke);
        free(smoking);
        return false;
    }
    *smoking = (struct smoking){image->module.smokes, image->module.smokes_count, false};
    smoke->generation = image->generation;
    smoke->smoking = smoking;
    smoke->job = lockstep_job_start(run_all, smoking, free);
    if (smoke->job == NULL) {
        free(smoke);
        return false;
    }
    image->smoke = smoke;
    return true;
}

bool lockstep_image_smoking(struct lockstep_image *image)
{
    struct lockstep_live_smoke *smoke = image->smoke;
    enum lockstep_job_end end;
    if (smoke == NULL || smoke->job == NULL) {
        return false;
    }
    end = lockstep_job_wait(smoke->job, 0, smoke->text);
    if (end == LOCKSTEP_JOB_STUCK) {
        return true;
    }
    smoke->well = end == LOCKSTEP_JOB_PASSED;
    image->stuck = image->stuck || smoke->smoking->stuck;
    smoke->smoking = NULL;
    smoke->job = lockstep_job_drop(smoke->job);
    return false;
}

bool lockstep_image_smoke_live(struct lockstep_image *image, struct lockstep_refusal *ret_refusal)
{
    if (image->smoke != NULL && image->smoke->generation != image->generation &&
        !lockstep_image_smoking(image)) {
        lockstep_image_smoke_drop(image);
    }
    if (image->module.smokes_count == 0) {
        return true;
    }
    if (image->smoke == NULL && !begin(image)) {
        return lockstep_host_refuse(ret_refusal, "MEMORY", "no memory for smoke tests");
    }
    if (lockstep_image_smoking(image)) {
        return lockstep_host_refuse(ret_refusal, "BUSY", "smoke tests still run");
    }
    return image->smoke->well ||
           lockstep_host_refuse(ret_refusal, "SMOKE", "live: %s", image->smoke->text);
}

void lockstep_image_smoke_drop(struct lockstep_image *image)
{
    if (image->smoke != NULL) {
        image->stuck = image->stuck || lockstep_image_smoking(image);
        image->smoke->job = lockstep_job_drop(image->smoke->job);
        free(image->smoke);
        image->smoke = NULL;
    }
}
