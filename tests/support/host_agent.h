/* An agent for tests of the host: starts lockstep-host, or a host within the test, and says what it
 * has to do. */
#ifndef LOCKSTEP_TESTS_SUPPORT_HOST_AGENT_H
#define LOCKSTEP_TESTS_SUPPORT_HOST_AGENT_H

#include "agent/host/include/lockstep/client.h"
#include "agent/host/include/lockstep/host.h"
#include "common/hostwire/hostwire.h"

#include <pthread.h>
#include <sys/types.h>

struct host_agent {
    char directory[64];
    char socket[96];
    char tools[96];
    char boot[96];
    int listener; /* for the host, -1 when the agent is away */
    int served;   /* the tool socket, as the agent holds it */
    int fd;       /* to the host, -1: none */
    pid_t host;
    struct lockstep_host *embedded; /* in this process; NULL: none */
    unsigned journal_bytes; /* of the hosts that are started from here on; 0: as they want */
    bool successor;         /* likewise: they serve when they are told to */
    uint64_t generation;
    uint64_t request;
    unsigned copies;
    uint64_t operation;
    struct lockstep_hostwire_message *order; /* what is sent next */
    struct lockstep_hostwire_message *reply; /* what came last */
    struct lockstep_hostwire_message *kept;  /* the last KEEP, with its descriptors */
};

/* Makes directory and sockets. Fails the test if it cannot. */
void host_agent_init(struct host_agent *agent);
/* Ends the host and removes everything. */
void host_agent_deinit(struct host_agent *agent);
void host_agent_listen(struct host_agent *agent);
/* Starts lockstep-host, which waits BOOT_WAIT_MS for an agent. */
void host_agent_start(struct host_agent *agent, const char *boot_wait_ms);
/* Takes the host's connection and greets; the HELLO is in agent->reply. */
void host_agent_meet(struct host_agent *agent);
/* Closes the connection and the listener, as a death does. */
void host_agent_die(struct host_agent *agent);
/* All of that: a host that has met its agent. */
void host_agent_begin_host(struct host_agent *agent);
/* The same with a host in this process. */
struct lockstep_host *host_agent_begin_embedded(struct host_agent *agent);
/* An embedded host that starts, which returns when somebody has greeted it: so it has a thread of
 * its own, which _embedded() waits for. */
pthread_t host_agent_embed(struct host_agent *agent);
struct lockstep_host *host_agent_embedded(struct host_agent *agent, pthread_t thread);
/* An empty order of a new operation. */
void host_agent_begin(struct host_agent *agent);
/* Makes a private copy of the test module FILE ("echo-1") and writes its path. */
void host_agent_copy(struct host_agent *agent, const char *file, char *ret_path, size_t room);
/* Adds MODULE from PATH to the order, with the next generation. */
struct lockstep_hostwire_entry *host_agent_add(struct host_agent *agent, const char *module,
                                               const char *path);
/* Sends the order as TYPE; what comes back is in agent->reply. Returns its type. */
enum lockstep_hostwire_type host_agent_ask(struct host_agent *agent,
                                           enum lockstep_hostwire_type type);
/* Prepares and commits the order, as an agent does. */
void host_agent_commit(struct host_agent *agent);
/* The same of one module from PATH. */
void host_agent_install_from(struct host_agent *agent, const char *module, const char *path);
/* Copies, prepares and commits one module; RET_PATH may be NULL. */
void host_agent_install(struct host_agent *agent, const char *module, const char *file,
                        char *ret_path, size_t room);
/* The window of that version is over (0: of all that are not live); BY is what took its place. */
void host_agent_retire(struct host_agent *agent, const char *module, uint64_t generation,
                       uint64_t by);
/* Takes what a host that is dead has left to say. */
void host_agent_take_kept(struct host_agent *agent);
/* Kills the host and starts another, which has met its agent. */
void host_agent_restart(struct host_agent *agent);
/* A descriptor of a configuration, to be handed over with an entry. */
int host_agent_config(const char *text);

/* Calls a tool on a connection of its own, from any thread. */
enum lockstep_call_result host_agent_call(const struct host_agent *agent, const char *tool,
                                          const char *request, char *ret_text, size_t room);
/* Calls, and expects the answer WANTED. */
void host_agent_expect(const struct host_agent *agent, const char *tool, const char *request,
                       const char *wanted);
/* Drains MODULE; until when, and with what end, host_agent_drained() tells. */
void host_agent_drain(struct host_agent *agent, const char *module, uint32_t drain_ms, bool refuse);
/* Asks for STATUS until no drain waits: what the first module's has come to. */
enum lockstep_hostwire_drain host_agent_drained(struct host_agent *agent);
/* Asks for a STATUS: how many calls are in flight, the rest is in agent->reply. */
uint64_t host_agent_in_flight(struct host_agent *agent);

#endif
