/* What a host told of its tools. Private to agent/hosts*.c. */
#ifndef LOCKSTEP_AGENT_HOSTS_COUNTS_H
#define LOCKSTEP_AGENT_HOSTS_COUNTS_H

#include "agent/hosts.h"

struct lockstep_hosts_process;

/* Tools, as their host told. */
struct lockstep_hosts_tools {
    struct lockstep_hosts_tool *items; /* owned */
    size_t count;
    size_t room;
};

/* Asks for COUNTS, behind whatever the host is doing. */
void lockstep_hosts_counts_ask(struct lockstep_hosts_process *process);
/* Adds what hosts->in tells. */
void lockstep_hosts_counts_take(struct lockstep_hosts_process *process);
void lockstep_hosts_counts_deinit(struct lockstep_hosts_tools *tools);

#endif
