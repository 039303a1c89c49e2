/* What hosts die of, as far as that is known; part of hosts.h. */
#ifndef LOCKSTEP_AGENT_HOSTS_DEATH_H
#define LOCKSTEP_AGENT_HOSTS_DEATH_H

#include "common/base/ids.h"
#include "common/base/limits.h"

struct lockstep_hosts;

struct lockstep_hosts_death {
    char text[LOCKSTEP_TEXT_MAX + 1]; /* in one line; "": nothing is known */
    struct lockstep_name module;      /* the first to be suspected; may be empty */
};

/* The last death of a process of the service. */
const struct lockstep_hosts_death *lockstep_hosts_died(const struct lockstep_hosts *hosts,
                                                       uint8_t service);

#endif
