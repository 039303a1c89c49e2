/* Modules that an operator wants shut: agent/hosts_drain.c and who calls it. */
#ifndef LOCKSTEP_AGENT_HOSTS_DRAIN_H
#define LOCKSTEP_AGENT_HOSTS_DRAIN_H

#include "agent/hosts.h"

struct lockstep_hosts_process;

/* A module that an operator wants shut. */
struct lockstep_hosts_drain {
    bool used;
    bool waits; /* `drained` is to come */
    bool resume;
    bool refuse;
    uint8_t service;
    struct lockstep_name module;
    uint32_t ticket;
    uint64_t asked_id; /* a STATUS asked for later says what has become of it */
    uint64_t drain_ms;
    struct lockstep_time end; /* then nobody waits any more */
};

/* The process is up, or has begun to serve: it is told what is to be shut, and tells what is. */
void lockstep_hosts_drain_up(struct lockstep_hosts_process *process);
/* Looks what has become of the service's drains, by what its processes last told. */
void lockstep_hosts_drain_look(struct lockstep_hosts *hosts, uint8_t service);
void lockstep_hosts_drain_tick(void *context);

#endif
