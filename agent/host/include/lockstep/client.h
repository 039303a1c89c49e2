/*
 * lockstep/client.h: calling the tools of a host from another process.
 *
 * A client holds one connection to a tool socket and opens it again when it has ended. A call whose
 * connection dies under it is lost: whether it ran is not known. If the caller says that the call
 * is idempotent it is made once more on a new connection, and counted apart; never a third time, so
 * a call that kills hosts kills two at most. A client belongs to one thread at a time; open several
 * for several threads.
 */
#ifndef LOCKSTEP_CLIENT_H
#define LOCKSTEP_CLIENT_H

#include "lockstep/host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The caller promises that calling twice is as good as once. */
#define LOCKSTEP_CLIENT_IDEMPOTENT (UINT32_C(1) << 0)

struct lockstep_client_options {
    uint32_t size;       /* sizeof(struct lockstep_client_options) */
    uint32_t timeout_ms; /* of one call, connecting included; 0: 30000 */
};

/* What happened so far. Every call is in exactly one of ok, failed and lost. */
struct lockstep_client_counts {
    uint64_t calls;
    uint64_t ok;
    uint64_t failed;  /* answered, and not with OK */
    uint64_t lost;    /* sent, never answered */
    uint64_t retried; /* of `calls`: made a second time */
};

struct lockstep_client;

/* Makes a client of the tool socket at PATH. OPTIONS may be NULL. Does not connect yet. NULL: no
 * memory, or PATH does not fit a socket address. */
LOCKSTEP_HOST_EXPORT struct lockstep_client *
lockstep_client_new(const char *path, const struct lockstep_client_options *options);
/* Returns NULL; NULL is allowed. */
LOCKSTEP_HOST_EXPORT struct lockstep_client *lockstep_client_free(struct lockstep_client *client);

/* Calls TOOL. *ret_answer is set in every case, as by lockstep_host_call; FLAGS are
 * LOCKSTEP_CLIENT_…. LOST: the connection ended, or the time was over. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_client_call(struct lockstep_client *client, const char *tool, const void *request,
                     size_t size, uint32_t flags, struct lockstep_answer *ret_answer);

/* The live tools, one a line: name, module, version, generation, "idempotent" or "-", description,
 * separated by tabs. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_client_list(struct lockstep_client *client, struct lockstep_answer *ret_answer);

/* A page of the live tools as JSON, as lockstep_host_tools() has it; the answer's generation is the
 * revision. LOST also if the host is of a version that cannot say it: see lockstep_client_list. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_client_tools(struct lockstep_client *client, const char *after,
                      struct lockstep_answer *ret_answer);

/* Waits WAIT_MS at most until the host's tools have another revision than KNOWN (0: none is known),
 * on a connection of its own that is kept for the next time. OK: *ret_revision is that, or KNOWN if
 * the time is over. LOST: there is no connection (any more); a host that was started again has
 * another revision, so nothing that changes meanwhile is missed by asking again. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result lockstep_client_watch(struct lockstep_client *client,
                                                                     uint64_t known,
                                                                     uint32_t wait_ms,
                                                                     uint64_t *ret_revision);
/* What can be read when _watch has something to say, for a loop of one's own; -1: not connected.
 * Ask after each _watch. */
LOCKSTEP_HOST_EXPORT int lockstep_client_watch_fd(const struct lockstep_client *client);

LOCKSTEP_HOST_EXPORT void lockstep_client_counts(const struct lockstep_client *client,
                                                 struct lockstep_client_counts *ret_counts);

#ifdef __cplusplus
}
#endif

#endif
