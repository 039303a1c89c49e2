/*
 * lockstep/host.h: a service whose modules are reloaded by the fleet.
 *
 * A process starts the library once. From then on a thread of the library talks to this machine's
 * lockstep-agent, which says what to map and when to switch; the service only calls tools. A set of
 * modules becomes live at one instant; a call finishes in the set in which it began, nested calls
 * included. If there is no agent, the library loads what the boot file names and stays silent.
 *
 * The library installs no signal handler, does not fork and does not exit. An assertion of its own
 * that fails latches it: calls go on, later reloads are refused. It deliberately does not unload
 * code: versions that are over are kept, unreadable, within a budget.
 */
#ifndef LOCKSTEP_HOST_H
#define LOCKSTEP_HOST_H

#include "lockstep/function.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LOCKSTEP_HOST_EXPORT __attribute__((visibility("default")))

/* What became of a call. The numbers are fixed: they travel on tool sockets. */
enum lockstep_call_result {
    LOCKSTEP_CALL_OK = 0,
    LOCKSTEP_CALL_FAILED = 1,    /* the tool says no; its answer says why */
    LOCKSTEP_CALL_NO_TOOL = 2,   /* no live module has a tool of this name */
    LOCKSTEP_CALL_CLOSED = 3,    /* the module is closed and did not open in time */
    LOCKSTEP_CALL_NO_MEMORY = 4, /* or the answer is larger than LOCKSTEP_ANSWER_MAX */
    LOCKSTEP_CALL_INVALID = 5,   /* the request cannot be understood */
    LOCKSTEP_CALL_LOST = 6,      /* the connection ended before there was an answer */
};

#define LOCKSTEP_ANSWER_MAX (1024 * 1024) /* bytes */

/* What a tool answered, and who answered. */
struct lockstep_answer {
    uint8_t *bytes; /* owned; one NUL behind them; NULL only where there is no memory */
    size_t size;
    uint64_t generation;                /* of the module's version */
    char version[LOCKSTEP_MODULE_TEXT]; /* empty if no tool was reached */
};

/* How a host is set up. Zero means the default; strings are borrowed for the call of _start. */
struct lockstep_host_options {
    uint32_t size;            /* sizeof(struct lockstep_host_options) */
    uint32_t workers;         /* threads that serve listeners; 4 */
    const char *service;      /* "default" */
    const char *agent_socket; /* NULL: no agent, the boot file only */
    const char *boot_file;    /* NULL: none */
    uint32_t boot_wait_ms;    /* how long to wait for an agent before booting by file; 1000 */
    uint32_t reconnect_ms;    /* pause between attempts to reach the agent; 200 */
    const int *listeners;     /* stream sockets to serve tools on; taken over on success */
    size_t listeners_count;   /* 16 at most */
    void (*log)(void *context, enum lockstep_log_level level, const char *text);
    void *log_context;
    uint64_t journal_bytes; /* shared memory for the journal of one module; 16 MiB */
};

struct lockstep_host;
struct lockstep_host_tool;
struct lockstep_host_function;

/* What a thread holds while it is in a function of a module. Opaque. */
struct lockstep_pass {
    const void *parts[4];
};

/* Starts the library. 0 and *ret_host; else -1, and WHY (WHY_SIZE bytes, may be NULL) says why.
 * There is one host in a process at a time. Returns once the boot file is loaded, or the agent is
 * reached, or there is neither; with nothing loaded it is a host all the same. */
LOCKSTEP_HOST_EXPORT int lockstep_host_start(const struct lockstep_host_options *options,
                                             struct lockstep_host **ret_host, char *why,
                                             size_t why_size);

/* Ends the library's threads and calls `retire` of what is live. No call may be under way or
 * follow; modules stay mapped. Returns NULL; NULL is allowed. */
LOCKSTEP_HOST_EXPORT struct lockstep_host *lockstep_host_stop(struct lockstep_host *host);

/* Calls TOOL with SIZE bytes of REQUEST. *ret_answer is set in every case; when the result is not
 * OK its bytes say why. Release it with lockstep_answer_deinit. Waits while the module is closed
 * for the hand-over of its state. From any thread, also from inside a call. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_host_call(struct lockstep_host *host, const char *tool, const void *request, size_t size,
                   struct lockstep_answer *ret_answer);

/* Twice is as good as once; and before the first use, if zeroed. */
LOCKSTEP_HOST_EXPORT void lockstep_answer_deinit(struct lockstep_answer *answer);

/* A handle for the fast way: the name is looked up once, the call costs a few nanoseconds. It is
 * valid until _stop, whatever versions come and go, also before there is a module with the tool.
 * NULL if the name is too long, there are too many names, or no memory. */
LOCKSTEP_HOST_EXPORT const struct lockstep_host_tool *lockstep_host_tool(struct lockstep_host *host,
                                                                         const char *tool);

/* Calls the tool of a handle, with the caller's own sink: nothing is allocated on the way. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_host_tool_call(const struct lockstep_host_tool *tool, struct lockstep_call *call);

/* Says that this service calls the function NAME ("module.verb") with the type that SIGNATURE (of
 * LOCKSTEP_FUNCTION_TYPE) names; valid until _stop, as the handle of a tool is. From here on a
 * version of that module whose function has another type, or that has none, is refused before it is
 * live (ABI). NULL: a name or type is too long, there are too many, no memory, or this service has
 * bound the name with another type. */
LOCKSTEP_HOST_EXPORT const struct lockstep_host_function *
lockstep_host_function(struct lockstep_host *host, const char *name, const char *signature);

/* Enters a function: *ret_call, cast to its type, is to be called until the matching _leave, which
 * comes soon and on the same thread:
 *
 *     if (lockstep_host_function_enter(handle, &pass, &any) == LOCKSTEP_CALL_OK) {
 *         failed = ((links_answer_fn *)any)(request, reply) != 0;
 *         lockstep_host_function_leave(&pass, failed);
 *     }
 *
 * NO_TOOL: no live version has it, so the service does without. CLOSED, NO_MEMORY: as for tools. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_host_function_enter(const struct lockstep_host_function *function,
                             struct lockstep_pass *ret_pass, lockstep_any_fn **ret_call);
/* FAILED is counted with the version. */
LOCKSTEP_HOST_EXPORT void lockstep_host_function_leave(const struct lockstep_pass *pass,
                                                       bool failed);

/* Holds the present set of versions for this thread: until the matching _leave every call of this
 * thread runs in it. They nest. Keep it short: versions of a set that is held are not retired. A
 * call into a module whose state has been handed to a later version meanwhile is answered CLOSED,
 * since what it changed would be lost. False: no memory. */
LOCKSTEP_HOST_EXPORT bool lockstep_host_enter(struct lockstep_host *host);
LOCKSTEP_HOST_EXPORT void lockstep_host_leave(struct lockstep_host *host);

/* The live tools, one JSON object a line, sorted by name:
 *     {"tool": …, "module": …, "version": …, "generation": N, "idempotent": true|false,
 *      "text": DESCRIPTION, "schema_text": JSON schema of the request as a string, or null}
 * AFTER: those behind this name; "" for the first. If there are more than fit, the answer's version
 * is the name to go on behind, else empty. Its generation is the revision: another one after each
 * publish, so pages of different revisions do not belong together. */
LOCKSTEP_HOST_EXPORT enum lockstep_call_result
lockstep_host_tools(struct lockstep_host *host, const char *after,
                    struct lockstep_answer *ret_answer);

/* An eventfd that can be read once at the start and after each publish; compare two readings of
 * lockstep_host_tools to know what has changed. It is the library's and closed by _stop. -1: there
 * are 64 already, or no descriptors are left. */
LOCKSTEP_HOST_EXPORT int lockstep_host_watch(struct lockstep_host *host);

#ifdef __cplusplus
}
#endif

#endif
