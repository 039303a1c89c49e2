/* The parts of a trial, one file each. Internal to agent/probe. */
#ifndef LOCKSTEP_PROBE_TRIAL_INTERNAL_H
#define LOCKSTEP_PROBE_TRIAL_INTERNAL_H

#include "agent/probe/trial.h"

/* What the static checks need to know of subject INDEX. */
void lockstep_probe_case_init(const struct lockstep_probe_trial *trial, size_t index,
                              struct lockstep_probe_case *ret_subject);
/* Reads every file that the request names; what cannot be read is a finding. */
void lockstep_probe_trial_read(struct lockstep_probe_trial *trial);
/* Makes the static checks of every file that was read. */
void lockstep_probe_trial_static(struct lockstep_probe_trial *trial);

#endif
