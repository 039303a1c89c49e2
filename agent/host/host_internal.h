/* A host, as the files of agent/host see it. */
#ifndef LOCKSTEP_HOST_HOST_INTERNAL_H
#define LOCKSTEP_HOST_HOST_INTERNAL_H

#include "agent/host/set.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOCKSTEP_LISTENERS_MAX 16
#define LOCKSTEP_WORKERS_MAX   64
#define LOCKSTEP_HANDLES_MAX   4096
#define LOCKSTEP_WATCHERS_MAX  64
#define LOCKSTEP_REGISTRY_PAGE (512 * 1024) /* bytes of a page on a tool socket */

struct lockstep_serve;

/* A name that was looked up, and where it was found last. */
struct lockstep_host_tool {
    struct lockstep_host *host;
    struct lockstep_host_tool *next;
    _Atomic(uint64_t) hint;
    char name[LOCKSTEP_MODULE_TEXT];
};

/* Who waits for the tools to change. */
struct lockstep_watchers {
    pthread_mutex_t mutex; /* of what follows */
    uint64_t told;         /* the revision that they know of */
    uint64_t looked_ms;    /* when it was last looked who has gone */
    size_t count;
    int fds[LOCKSTEP_WATCHERS_MAX];
    int events[LOCKSTEP_WATCHERS_MAX]; /* eventfds of this process's own */
    size_t events_count;
};

struct lockstep_host {
    struct lockstep_sets sets; /* the control thread's */
    struct lockstep_name service;
    char agent_socket[LOCKSTEP_HOSTWIRE_PATH_MAX + 1]; /* empty: none */
    char boot_file[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];    /* empty: none */
    uint32_t boot_wait_ms;
    uint32_t reconnect_ms;
    size_t journal_bytes; /* of one module's */
    void (*log)(void *context, enum lockstep_log_level level, const char *text);
    void *log_context;
    struct lockstep_serve *serve;

    pthread_t control;
    bool control_started;
    int wake_fd;           /* eventfd: the control thread looks at `stopping` */
    atomic_bool stopping;  /* lockstep_host_stop was called */
    atomic_bool shut_down; /* the agent said SHUTDOWN */
    bool health_told;
    _Atomic(uint32_t) role; /* enum lockstep_hostwire_role */
    uint32_t instance;      /* tells this run of the host from others */
    struct lockstep_watchers watchers;

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    bool ready; /* the boot file is loaded, or the agent reached, or there is neither */
    struct lockstep_host_tool *tools;
    uint32_t tools_count;
    struct lockstep_host_function *functions;
    uint32_t functions_count;
};

void lockstep_host_log(struct lockstep_host *host, enum lockstep_log_level level,
                       const char *format, ...) LOCKSTEP_PRINTF(3, 4);
/* Says that _start may return. */
void lockstep_host_ready(struct lockstep_host *host);
/* True once the process should end: lockstep-host asks. */
bool lockstep_host_is_shut_down(const struct lockstep_host *host);

/* What the module at API may call: its own tools and those of modules it requires. */
void lockstep_host_api_init(struct lockstep_host_api *api);

/* The control thread of the host that ARGUMENT is: boots, talks to the agent. */
void *lockstep_control_run(void *argument);

/* Loads and publishes what the boot file names. */
bool lockstep_boot_load(struct lockstep_host *host, struct lockstep_refusal *ret_refusal);

/* As lockstep_host_start(), in another role: who WAITS boots nothing and serves nobody before it is
 * told to TAKE_OVER. */
int lockstep_host_start_as(enum lockstep_hostwire_role role,
                           const struct lockstep_host_options *options,
                           struct lockstep_host **ret_host, char *why, size_t why_size);

/* The threads that serve tool sockets; HELD: nobody yet. NULL: no memory or threads. */
struct lockstep_serve *lockstep_serve_new(struct lockstep_host *host, uint32_t workers, bool held);
struct lockstep_serve *lockstep_serve_free(struct lockstep_serve *serve);
/* Serves one more listening stream socket, which is taken over on success. */
bool lockstep_serve_add(struct lockstep_serve *serve, int listener);
/* Serves none of the listeners any more; they are the caller's again. */
void lockstep_serve_give_back(struct lockstep_serve *serve);
/* Writes the listeners to RET_FDS (borrowed) and returns how many. */
size_t lockstep_serve_listeners(struct lockstep_serve *serve, int ret_fds[LOCKSTEP_LISTENERS_MAX]);

/* Serves nobody any more: closes the listeners, says so to PEER (taken over on success), and hands
 * connections to it, each when the request under way is answered. False: no memory, nothing done.
 */
bool lockstep_serve_leave(struct lockstep_serve *serve, int peer);
/* Begins to serve when FROM (taken over on success) says so, and takes the connections that come
 * from there. */
bool lockstep_serve_await(struct lockstep_serve *serve, int from);
/* Begins to serve now. */
void lockstep_serve_begin(struct lockstep_serve *serve);

/* The live tools, a line each (lockstep/client.h). Not OK: no memory. */
enum lockstep_call_result lockstep_host_list(struct lockstep_answer *ret_answer);

/* A page of lockstep_host_tools() of at most ROOM bytes, or of one tool. Not OK: no memory. */
enum lockstep_call_result lockstep_host_registry(const struct lockstep_host *host,
                                                 const char *after, size_t room,
                                                 struct lockstep_answer *ret_answer);
/* The number of what TABLE (may be NULL) has. */
uint64_t lockstep_host_revision(const struct lockstep_host *host,
                                const struct lockstep_gate_table *table);

/* The versions of SET have the functions that this service has bound, with their types. */
bool lockstep_functions_fit(struct lockstep_host *host, const struct lockstep_set *set,
                            struct lockstep_refusal *ret_refusal);
void lockstep_functions_deinit(struct lockstep_host *host);

void lockstep_watchers_init(struct lockstep_host *host);
/* Takes over FD, a connection that waits for changes. False: there are too many, or it is gone. */
bool lockstep_watchers_add(struct lockstep_host *host, int fd);
/* Tells what has changed and forgets who has gone: the control thread, after all it does. */
void lockstep_watchers_look(struct lockstep_host *host, uint64_t now_ms);
void lockstep_watchers_deinit(struct lockstep_host *host);

#endif
