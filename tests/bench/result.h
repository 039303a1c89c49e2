/* What a measurement found, and how it is printed: for people, or as one line of the schema
 * lockstep/bench/v1. */
#ifndef LOCKSTEP_TESTS_BENCH_RESULT_H
#define LOCKSTEP_TESTS_BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLES 101

struct result {
    const char *name;
    const char *unit;
    const char *parameters; /* members of JSON, "\"bytes\":256"; NULL: none */
    size_t count;           /* of samples; 0: SAMPLES */
    double samples[SAMPLES];
};

/* The measurement itself must work, or its numbers mean nothing. */
static inline void must(bool fine, const char *what)
{
    if (!fine) {
        (void)fprintf(stderr, "bench: %s\n", what);
        exit(1);
    }
}

static inline size_t samples_of(const struct result *result)
{
    return result->count == 0 ? SAMPLES : result->count;
}

static inline int compare_samples(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static inline void print_result(const struct result *result, bool json, bool further)
{
    size_t count = samples_of(result);
    double median = result->samples[count / 2];
    double min = result->samples[0];
    double high = result->samples[count * 99 / 100];
    if (json) {
        (void)printf("%s{\"name\":\"%s\",\"median\":%.2f,\"min\":%.2f,\"p99\":%.2f,"
                     "\"unit\":\"%s\",\"samples\":%zu%s%s}",
                     further ? "," : "", result->name, median, min, high, result->unit, count,
                     result->parameters == NULL ? "" : ",",
                     result->parameters == NULL ? "" : result->parameters);
    } else {
        (void)printf("%-32s median %10.2f  min %10.2f  p99 %10.2f  %s\n", result->name, median, min,
                     high, result->unit);
    }
}

static inline void print_results(const char *bench, struct result *results, size_t count, bool json)
{
    if (json) {
        (void)printf("{\"schema\":\"lockstep/bench/v1\",\"bench\":\"%s\",\"results\":[", bench);
    }
    for (size_t i = 0; i < count; i++) {
        double *samples = results[i].samples;
        qsort(samples, samples_of(&results[i]), sizeof(samples[0]), compare_samples);
        print_result(&results[i], json, i > 0);
    }
    if (json) {
        (void)printf("]}\n");
    }
}

#endif
