/*
 * The agent's dealings with the processes that run its modules.
 *
 * One object for all services of a node. It listens at RUN/agent.sock for hosts, starts those that
 * are its own, hands tool sockets to them, passes requests on and tells who comes and goes. It
 * decides nothing: the core does, and a driver translates.
 *
 * Everything runs on the loop's thread. Callbacks come from the loop and may call any of these
 * functions but _free. None comes from within a call, but for `done` of what is open when a host
 * dies (before `lost`), and `drained` of a drain that the next one of its module overtakes.
 *
 * A set may be brought by a second process that takes over: see hosts_swap.h.
 *
 * A service may have several processes, which serve on one socket. A request goes to each of them
 * and is answered once: yes if all said yes. Who dies is replaced while the others serve; `lost` is
 * for the last of them. Modules with state are refused there: each would have a state of its own.
 *
 * Hosts outlive the agent: _free closes connections, kills nobody. RUN/tools/SERVICE.pid tells the
 * next agent whom to wait for; it adopts them when they connect again, and has the tool sockets
 * from them. Until then they count as living: _start is a CONFLICT, and `up` or `lost` comes.
 */
#ifndef LOCKSTEP_AGENT_HOSTS_H
#define LOCKSTEP_AGENT_HOSTS_H

#include "agent/core/agent.h"
#include "agent/hosts_death.h"
#include "common/hostwire/boot.h"
#include "common/io/loop.h"

#define LOCKSTEP_HOSTS_PROCESSES_MAX 64 /* processes of all services */
#define LOCKSTEP_HOSTS_LINKS_MAX     128
#define LOCKSTEP_HOSTS_REQUESTS_MAX  128 /* that are open */
#define LOCKSTEP_HOSTS_SHORT_PATH    107 /* bytes of a socket's path */

struct lockstep_hosts;

struct lockstep_hosts_service {
    struct lockstep_name name;
    /* What starts its host, NULL-terminated; NULL: lockstep-host. A command is not given options
     * but the variables LOCKSTEP_SERVICE, LOCKSTEP_AGENT and LOCKSTEP_BOOT. */
    const char *const *command;
    uint32_t processes; /* that are to serve at once; 0 is 1 */
};

/* Answer to a tool called for looking, valid during the callback. */
struct lockstep_hosts_answer {
    uint32_t ticket;
    bool reached;    /* false: no host answered, and `text` says why */
    uint32_t result; /* enum lockstep_call_result */
    uint64_t generation;
    const char *version;
    const char *text;
    const uint8_t *bytes;
    size_t size;
    bool cut; /* there is more than fits one frame */
};

struct lockstep_hosts_config {
    const char *run_directory;  /* exists; agent.sock and tools/ come into being in it */
    const char *data_directory; /* exists; hosts/SERVICE/{boot,log} come into being in it */
    const char *host_path;      /* lockstep-host */
    const struct lockstep_hosts_service *services;
    size_t services_count; /* at most LOCKSTEP_AGENT_SERVICES; callbacks give the index */
    struct lockstep_defaults settings;
    /* A process has said hello, and what the boot file has is mapped: what the service's processes
     * agree on. Again for every further process, and when one connects anew. */
    void (*up)(void *context, uint8_t service, const struct lockstep_live *live, uint32_t count);
    /* The last process of the service is gone, or has not come up in settings.host_start. */
    void (*lost)(void *context, uint8_t service);
    /* One process of several is gone; another one is started in its place. May be NULL. */
    void (*died)(void *context, uint8_t service);
    /* Answer to _map, _migrate and _publish. */
    void (*done)(void *context, const struct lockstep_work_result *result);
    /* Answer to _smoke; BUSY: they still run, ask again. May be NULL. */
    void (*smoked)(void *context, const struct lockstep_work_result *result);
    /* Answer to _snapshot; FD (a sealed memfd, -1 when not ok) is the callee's. May be NULL. */
    void (*snapshot)(void *context, const struct lockstep_work_result *result, int fd);
    /* Answer to _call. May be NULL. */
    void (*answered)(void *context, const struct lockstep_hosts_answer *answer);
    /* Answer to _drain: no call is in flight, or the gate is open; else TEXT says why not. A drain
     * that comes to nothing leaves the gate open. May be NULL. */
    void (*drained)(void *context, uint32_t ticket, bool ok, const char *text);
    /* What gates let pass, or who is inside of those that are shut, has changed. May be NULL. */
    void (*gates)(void *context);
    void *context;
};

/* Listens. CONFLICT names an agent that lives at the same run directory; INVALID, LIMIT, IO, NOMEM.
 * Strings are copied; LOOP outlives it. */
enum lockstep_err lockstep_hosts_new(struct lockstep_loop *loop,
                                     const struct lockstep_hosts_config *config,
                                     struct lockstep_hosts **ret_hosts,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Closes; hosts go on. No callback comes any more. NULL is fine. Always NULL. */
struct lockstep_hosts *lockstep_hosts_free(struct lockstep_hosts *hosts);

/* ---- processes ------------------------------------------------------------------------------ */

/* Writes the service's boot file anew. What it has is also given to hosts that come with nothing,
 * so call it at the start of the agent, and after each pointer row. The journal has it all, so the
 * file is not synced: see _settle. LIMIT, INVALID, IO, NOMEM. */
enum lockstep_err lockstep_hosts_boot(struct lockstep_hosts *hosts, uint8_t service,
                                      const struct lockstep_boot_entry *entries, size_t count,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Syncs the boot files that were written since; a machine that loses its power before has an older
 * one, or none, until its agent has started. */
enum lockstep_err lockstep_hosts_settle(struct lockstep_hosts *hosts,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
bool lockstep_hosts_is_settled(const struct lockstep_hosts *hosts);
/* Writes the boot file, then starts a host in a session of its own. If it fails nothing was
 * started, and `lost` does not come. CONFLICT if a process of the service lives. */
enum lockstep_err lockstep_hosts_start(struct lockstep_hosts *hosts, uint8_t service,
                                       const struct lockstep_boot_entry *entries, size_t count,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Kills the processes of a service; `lost` comes. */
void lockstep_hosts_end(struct lockstep_hosts *hosts, uint8_t service);
/* True if a process of the service lives, connected or not. */
bool lockstep_hosts_lives(const struct lockstep_hosts *hosts, uint8_t service);
/* Ends every host: for tests, and for an agent that is told to take them with it. `lost` comes for
 * each service that had one. */
void lockstep_hosts_shutdown_all(struct lockstep_hosts *hosts);

/* ---- requests ------------------------------------------------------------------------------- */
/* Each is answered exactly once: by the hosts, with CRASHED when one of them dies, or with NO_HOST
 * when there is none or settings.host_answer is over. BUSY: too many are open, ask again. */

struct lockstep_hosts_item {
    uint8_t service;
    struct lockstep_name module;
    uint64_t generation;
    uint64_t by; /* _retire: of what took its place; 0: whatever did */
    struct lockstep_digest digest;
    const char *path; /* of the private copy; to reload bytes that are live, name another copy;
                         "" and no digest: the module is taken out */
    uint64_t device;  /* of that file, as stat has it */
    uint64_t inode;
    int config_fd; /* -1: empty; borrowed */
    bool swap;     /* it, or what it is to replace, is exchanged with its whole process */
};

struct lockstep_hosts_set {
    struct lockstep_id operation;
    const struct lockstep_hosts_item *items;
    size_t items_count;
    const char *extra; /* handed to `up` and `down` */
    bool no_smoke;     /* leave the smoke tests out */
};

/* Maps a set without publishing it. */
void lockstep_hosts_map(struct lockstep_hosts *hosts, uint32_t ticket,
                        const struct lockstep_hosts_set *set);
/* Shuts gates, waits for calls in flight, carries state over. DRAIN_MS 0: settings.drain. If it
 * fails in one process the gates of the others are opened again. */
void lockstep_hosts_migrate(struct lockstep_hosts *hosts, uint32_t ticket,
                            const struct lockstep_id *operation, enum lockstep_drain drain,
                            uint64_t drain_ms);
/* When it is answered, _status tells what is live since. */
void lockstep_hosts_publish(struct lockstep_hosts *hosts, uint32_t ticket,
                            const struct lockstep_id *operation);
/* Asks for the smoke tests of a version that is live; the first time begins them. */
void lockstep_hosts_smoke(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                          const struct lockstep_name *module, uint64_t generation);
/* The live state of a module in canonical form, of one of the processes. */
void lockstep_hosts_snapshot(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                             const struct lockstep_name *module, uint64_t drain_ms);
/* Calls a tool of one of the processes. At most LOCKSTEP_HOSTWIRE_BYTES_MAX of INPUT. */
void lockstep_hosts_call(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                         const char *tool, const void *input, size_t size);

/* The list of tools, as if it were a call: a line each, as lockstep_client_list() has them, of one
 * process of every service that has a host. */
void lockstep_hosts_tools(struct lockstep_hosts *hosts, uint32_t ticket);
/* A page of the tools of one SERVICE as JSON, those behind AFTER: lockstep_host_tools(). */
void lockstep_hosts_registry(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                             const char *after);

/* What is to become of a module's gate. */
struct lockstep_hosts_gating {
    uint8_t service;
    const struct lockstep_name *module;
    bool resume;
    bool refuse;       /* who calls meanwhile does not wait */
    uint64_t drain_ms; /* for calls in flight to end; 0: settings.drain */
};

/* Shuts the gate of a module in every process, also in those that come later; or opens it again.
 * Answered by `drained`. */
void lockstep_hosts_drain(struct lockstep_hosts *hosts, uint32_t ticket,
                          const struct lockstep_hosts_gating *gating);

/* Has retired versions of a module unmapped, in all processes of the service; the answer has a line
 * of each (hostwire.h). WAIT_MS, an hour at most: for calls that are still in such versions. */
void lockstep_hosts_purge(struct lockstep_hosts *hosts, uint32_t ticket, uint8_t service,
                          const struct lockstep_name *module, bool hard, uint64_t wait_ms);

/* Forgets an operation: its open requests are not answered any more, hosts drop its set. */
void lockstep_hosts_drop(struct lockstep_hosts *hosts, const struct lockstep_id *operation);
/* The windows of these versions (service, module, generation) are over. */
void lockstep_hosts_retire(struct lockstep_hosts *hosts, const struct lockstep_hosts_item *items,
                           size_t count);

/* ---- looking -------------------------------------------------------------------------------- */

/* What was called of one tool of one version, over all processes of the service. */
struct lockstep_hosts_tool {
    struct lockstep_name module;
    char tool[LOCKSTEP_HOSTWIRE_TOOL_MAX + 1];
    char version[LOCKSTEP_VERSION_MAX + 1];
    bool live; /* else somebody is still in it */
    uint64_t calls;
    uint64_t failed;
    uint64_t in_flight;
};

/* Fills in the ROOM tools of a module that say most: those with calls in flight in versions that
 * are no longer live, with calls in flight, with most calls. Returns how many. */
size_t lockstep_hosts_counts(const struct lockstep_hosts *hosts, uint8_t service,
                             const struct lockstep_name *module,
                             struct lockstep_hosts_tool *ret_tools, size_t room);

/* A module that is live, as a host last told; asked every settings.heartbeat. */
struct lockstep_hosts_module {
    uint8_t service;
    struct lockstep_name module;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    struct lockstep_digest digest;
    uint32_t processes; /* that serve with it */
    uint64_t calls;     /* of all processes */
    uint64_t failed;    /* of them */
    uint64_t now;       /* of the calls: since it is live, or live again */
    uint64_t failed_now;
    uint64_t in_flight; /* of all processes and images */
    uint64_t loaded_ms; /* since 1970: when this agent first saw it live */
    uint32_t retired;   /* versions of it that are kept, in all of them */
    uint64_t behind;    /* calls in flight in versions that are not live */
    enum lockstep_gate_state gate;
    bool differs; /* processes of the service run different versions */
};

/* Fills in at most ROOM modules; how many they are. */
size_t lockstep_hosts_status(const struct lockstep_hosts *hosts,
                             struct lockstep_hosts_module *ret_modules, size_t room);
/* How many hosts were exchanged since this agent began because they had spent their budget. */
uint32_t lockstep_hosts_recycles(const struct lockstep_hosts *hosts);
/* Why a host's library has latched (it refuses reloads until it is started again), or NULL. */
const char *lockstep_hosts_latched(const struct lockstep_hosts *hosts, uint8_t service);

#endif
