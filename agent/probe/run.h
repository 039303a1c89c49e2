/* The steps of a trial that run module code. Internal to agent/probe. */
#ifndef LOCKSTEP_PROBE_RUN_H
#define LOCKSTEP_PROBE_RUN_H

#include "agent/host/include/lockstep/module.h"
#include "agent/probe/report.h"
#include "agent/probe/surroundings.h"
#include "agent/probe/trial.h"

/* One module of the set as it runs. */
struct lockstep_probe_running {
    struct lockstep_probe_trial *trial;
    size_t index;
    int image_fd;                  /* a memfd with the bytes that were checked */
    bool mapped;                   /* `module` holds something */
    bool loaded;                   /* and its load was well */
    struct lockstep_module module; /* a copy as long as ours; what the module has not is zero */
};

/* A text that a module says, cut where it gets too long. */
struct lockstep_probe_words {
    struct lockstep_sink sink;
    char text[LOCKSTEP_TEXT_MAX + 1];
    size_t length;
};

/* Says that STAGE begins; WHAT may be NULL. */
void lockstep_probe_begin(const struct lockstep_probe_running *running,
                          enum lockstep_probe_stage stage, const char *what, uint64_t limit_ms);
/* Adds a finding about this module. */
void lockstep_probe_note(const struct lockstep_probe_running *running,
                         enum lockstep_probe_check check, const char *format, ...)
    LOCKSTEP_PRINTF(3, 4);
void lockstep_probe_words_init(struct lockstep_probe_words *words);
/* What was said, with nothing but printable characters; "it does not say why" if nothing was. */
const char *lockstep_probe_words_text(struct lockstep_probe_words *words);

/* Maps the module and compares its descriptor with what the file said. False: a finding. */
bool lockstep_probe_map(struct lockstep_probe_running *running);
/* Calls `load`. False: a finding. */
bool lockstep_probe_load(struct lockstep_probe_running *running);
/* Takes the snapshot up and down again and sets the outcome's rollback class. */
void lockstep_probe_prove(const struct lockstep_probe_running *running);
/* Runs the smoke tests, several at once, each within its limit. False if one did not end: then
 * nothing else of the module may be called. *BEFORE as below. */
bool lockstep_probe_smoke(const struct lockstep_probe_running *running,
                          struct lockstep_surroundings *before);
/* Adds a finding if the process is not as it was *BEFORE the call WHAT, and takes it as it is. */
void lockstep_probe_compare(const struct lockstep_probe_running *running,
                            struct lockstep_surroundings *before, const char *what);
/* Calls `retire`. */
void lockstep_probe_retire(const struct lockstep_probe_running *running);

#endif
