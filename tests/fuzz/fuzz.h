/* What every fuzz target has: the entry that libFuzzer calls, and a check that stops it. */
#ifndef LOCKSTEP_TESTS_FUZZ_FUZZ_H
#define LOCKSTEP_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise is a crash, which libFuzzer reports with its input. */
#define MUST(condition) ((condition) ? (void)0 : abort())

#endif
