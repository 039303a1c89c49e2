/* What is to outlive a host: see hosts_keep.c. Between the files of agent/hosts. */
#ifndef LOCKSTEP_AGENT_HOSTS_KEEP_H
#define LOCKSTEP_AGENT_HOSTS_KEEP_H

#include "agent/hosts_internal.h"

/* What a host keeps of a module, held here. */
struct lockstep_hosts_kept {
    struct lockstep_hosts_kept *next;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_process *owner; /* NULL: it is gone */
    uint8_t service;
    struct lockstep_name module;
    uint64_t generation;
    bool stateful;
    bool whole;
    bool finalized; /* the version of that generation */
    int base_fd;    /* owned, as are the next two; -1: none */
    int journal_fd;
    int back_fd;
};

/* hosts->in is a KEEP of PROCESS. */
void lockstep_hosts_keep_take(struct lockstep_hosts_process *process);
/* PROCESS serves from now on: what it keeps is what counts. */
void lockstep_hosts_keep_serve(const struct lockstep_hosts_process *process);
/* True if PROCESS keeps the state at a commit whose window is open: another process would not. */
bool lockstep_hosts_keep_leads_back(const struct lockstep_hosts_process *process);
/* PROCESS is about to be freed: what it kept is for the next one. */
void lockstep_hosts_keep_orphan(struct lockstep_hosts_process *process);
/* Puts what was kept of the entry's module into it. False: nothing was. */
bool lockstep_hosts_keep_give(struct lockstep_hosts_process *process,
                              struct lockstep_hostwire_entry *ret_entry);
/* PROCESS has the module, and keeps it from here on. */
void lockstep_hosts_keep_given(struct lockstep_hosts_process *process,
                               const struct lockstep_name *module);
/* PROCESS cannot begin with what was kept: that is put aside, and said. */
void lockstep_hosts_keep_refused(struct lockstep_hosts_process *process,
                                 const struct lockstep_name *module, const char *why);
/* Asks for new bases, and again after settings.state_base. */
void lockstep_hosts_keep_base(void *context);
void lockstep_hosts_keep_deinit(struct lockstep_hosts *hosts);

#endif
