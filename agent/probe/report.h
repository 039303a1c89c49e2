/*
 * What the half that tries modules out tells the half that watches it: lines in a pipe.
 *
 *     S <stage> <subject> <limit_ms> <what>      a step begins; it may take that long (0: no limit)
 *     L <descriptor>                             calls that are refused wait there (calls.h)
 *     M <bytes>                                  it is about to crash, with so much address space
 *     V <verdict>                                what is known so far
 *     F <verdict>                                the same, and nothing will follow
 *
 * The writer runs module code in its address space, so the reader bounds and validates everything.
 */
#ifndef LOCKSTEP_PROBE_REPORT_H
#define LOCKSTEP_PROBE_REPORT_H

#include "agent/probe/contract.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_PROBE_WHAT_TEXT 96 /* with the NUL */

/* Where a trial is. */
struct lockstep_probe_step {
    enum lockstep_probe_stage stage;
    size_t subject;
    uint64_t limit_ms; /* 0: no limit of its own */
    char what[LOCKSTEP_PROBE_WHAT_TEXT];
};

/* Writes to FD. Lost when the reader is gone, which ends the writer anyway. */
void lockstep_probe_report_step(int fd, const struct lockstep_probe_step *step);
void lockstep_probe_report_calls(int fd, int calls);
void lockstep_probe_report_verdict(int fd, const struct lockstep_probe_verdict *verdict,
                                   bool is_final);

/* What has been read so far. Initialise with .calls = -1, the rest zero; release with
 * lockstep_probe_report_deinit. */
struct lockstep_probe_report {
    char *bytes; /* owned: the line that is not yet whole */
    size_t length;
    size_t room;
    uint64_t steps; /* how many began */
    struct lockstep_probe_step step;
    struct lockstep_probe_verdict *verdict; /* owned: the latest, NULL if none */
    int calls;                              /* the other process's descriptor, -1: not said */
    uint64_t crash_bytes;                   /* 0: not said */
    bool is_final;
    bool broken; /* a line could not be understood */
};

/* Takes LENGTH bytes that were read from the pipe. */
void lockstep_probe_report_take(struct lockstep_probe_report *report, const char *bytes,
                                size_t length);
void lockstep_probe_report_deinit(struct lockstep_probe_report *report);

#endif
