/*
 * lockstep-agent: the driver around a node's core. Messages, hosts, probes and time become the
 * core's events; what the core asks for is done in order. It decides nothing about an operation.
 *
 * Trust is checked here, before the core may vote: the operator's intent, the release's signature
 * over the manifest, digest, size and counter of the bytes (admit.c). Module code never enters this
 * process: probes try it, hosts run it.
 */
#ifndef LOCKSTEP_AGENT_DRIVER_H
#define LOCKSTEP_AGENT_DRIVER_H

#include "agent/store.h"
#include "common/io/config.h"
#include "common/io/keys.h"
#include "common/io/loop.h"
#include "common/io/token.h"

struct lockstep_node_agent;

struct lockstep_node_agent_config {
    const struct lockstep_config_agent *config;
    const struct lockstep_key *key;
    struct lockstep_agent_store *store;
    const struct lockstep_token *token; /* to enrol with; NULL: enrolled already */
    const char *host_path;              /* lockstep-host */
    const char *probe_path;             /* lockstep-probe */
    /* READY has come for the first time. */
    void (*ready)(void *context);
    void *context;
};

/* Starts hosts and dials; CONFIG's pointers are borrowed for its life. */
enum lockstep_err lockstep_node_agent_new(struct lockstep_loop *loop,
                                          const struct lockstep_node_agent_config *config,
                                          struct lockstep_node_agent **ret_agent,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Closes the link; hosts go on. NULL is fine. Always NULL. */
struct lockstep_node_agent *lockstep_node_agent_free(struct lockstep_node_agent *agent);
/* Ends the hosts as well. */
void lockstep_node_agent_stop_hosts(struct lockstep_node_agent *agent);
/* Why the loop was stopped, or OK: then it was asked to stop. */
enum lockstep_err lockstep_node_agent_failure(const struct lockstep_node_agent *agent,
                                              struct lockstep_error *err);

#endif
