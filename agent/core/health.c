#include "agent/core/health.h"

#include "common/base/assert.h"

void lockstep_health_begin(struct lockstep_health *health, struct lockstep_time now)
{
    ASSERT(!health->looking);
    health->looking = true;
    health->begun = now;
}

bool lockstep_health_end(struct lockstep_health *health, struct lockstep_time now, bool good,
                         uint32_t failures)
{
    ASSERT(health->looking && failures > 0);
    health->looking = false;
    if (good) {
        health->row = 0;
        return false;
    }
    if (health->row == 0) {
        health->since = now;
    }
    health->row += health->row < UINT32_MAX ? 1 : 0;
    return health->row >= failures;
}

void lockstep_health_reset(struct lockstep_health *health)
{
    *health = (struct lockstep_health){0};
}
