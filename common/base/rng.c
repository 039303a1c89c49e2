#include "common/base/rng.h"

#include "common/base/assert.h"

static uint64_t rotate_left(uint64_t value, unsigned count)
{
    return (value << count) | (value >> (64 - count));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

void lockstep_rng_init(struct lockstep_rng *rng, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        rng->state[i] = splitmix64(&seed);
    }
}

uint64_t lockstep_rng_next(struct lockstep_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t lockstep_rng_below(struct lockstep_rng *rng, uint64_t bound)
{
    uint64_t limit;
    uint64_t value;
    ASSERT(bound > 0);
    /* Values past the last whole multiple of BOUND would favour small results. */
    limit = UINT64_MAX - UINT64_MAX % bound;
    do {
        value = lockstep_rng_next(rng);
    } while (value >= limit);
    return value % bound;
}

bool lockstep_rng_chance(struct lockstep_rng *rng, uint64_t numerator, uint64_t denominator)
{
    return lockstep_rng_below(rng, denominator) < numerator;
}
