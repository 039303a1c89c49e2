/*
 * lockstep/client.h: calling the tools of a host from another process.
 *
 * A client holds one connection to a tool socket and opens it again when it has ended. A call whose
 * connection dies under it is lost: whether it ran is not known. If the caller says that the call
 * is idempotent it is made once more on a new connection, and counted apart. A client belongs to
 * one thread at a time; open several for several threads.
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

LOCKSTEP_HOST_EXPORT void lockstep_client_counts(const struct lockstep_client *client,
                                                 struct lockstep_client_counts *ret_counts);

#ifdef __cplusplus
}
#endif

#endif
