/*
 * The system calls that the sandbox refuses, as its supervisor sees them: each with its name.
 *
 * The subject half has put them before us and waits; we write down what it tried and say EPERM, so
 * that an honest module can go on and say so itself. It is a NO all the same. Internal to
 * agent/probe.
 */
#ifndef LOCKSTEP_PROBE_CALLS_H
#define LOCKSTEP_PROBE_CALLS_H

#include "agent/probe/contract.h"
#include "common/base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOCKSTEP_PROBE_CALLS_MAX 4 /* different ones that are remembered */

struct lockstep_probe_try {
    int number;
    size_t subject;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

struct lockstep_probe_calls {
    size_t count;
    struct lockstep_probe_try tries[LOCKSTEP_PROBE_CALLS_MAX];
};

/* The end of process CHILD's descriptor NUMBER, -1 if it is not to be had. */
int lockstep_probe_calls_take(int child, int number);
/* Answers one call that waits at FD. STEP says what the module is doing, SUBJECT which it is. False
 * if there is nobody left who calls. */
bool lockstep_probe_calls_answer(struct lockstep_probe_calls *calls, int fd, size_t subject,
                                 const char *step);
/* What was tried goes before whatever else was found: it is the cause. */
void lockstep_probe_calls_conclude(const struct lockstep_probe_calls *calls,
                                   struct lockstep_probe_verdict *verdict);

#endif
