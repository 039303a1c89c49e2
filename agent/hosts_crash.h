/*
 * What hosts leave behind when they die (common/hostwire/crash_page.h): read, written down for
 * people, and said in one line. Reports are kept in hosts/SERVICE/crash, a bounded number of them.
 *
 * A request that was being answered by the thread that died, in two deaths one after the other, is
 * handed to the next host as one to refuse.
 */
#ifndef LOCKSTEP_AGENT_HOSTS_CRASH_H
#define LOCKSTEP_AGENT_HOSTS_CRASH_H

#include "agent/hosts_internal.h"

#define LOCKSTEP_CRASH_REPORTS 16 /* of a service; the oldest goes */

/* The folder, and the pages of hosts that died while no agent was there. */
enum lockstep_err lockstep_hosts_crash_init(struct lockstep_hosts *hosts, uint8_t service,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The host with this number has ended; STATUS as waitpid has it, 0 if it is not known. */
void lockstep_hosts_crash_take(struct lockstep_hosts *hosts, uint8_t service, pid_t pid,
                               int status);

#endif
