/*
 * A seeded generator for simulations, jitter and tests: xoshiro256** (Blackman and Vigna, 2018),
 * seeded with splitmix64. Not for secrets; those come from libsodium.
 */
#ifndef LOCKSTEP_BASE_RNG_H
#define LOCKSTEP_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct lockstep_rng {
    uint64_t state[4];
};

/* Equal seeds give equal sequences, on every machine. */
void lockstep_rng_init(struct lockstep_rng *rng, uint64_t seed);
uint64_t lockstep_rng_next(struct lockstep_rng *rng);
/* Uniform in [0, bound); BOUND is at least 1. */
uint64_t lockstep_rng_below(struct lockstep_rng *rng, uint64_t bound);
/* True in NUMERATOR of DENOMINATOR cases. */
bool lockstep_rng_chance(struct lockstep_rng *rng, uint64_t numerator, uint64_t denominator);

#endif
