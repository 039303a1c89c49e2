/* What the files of agent/hosts share. */
#ifndef LOCKSTEP_AGENT_HOSTS_INTERNAL_H
#define LOCKSTEP_AGENT_HOSTS_INTERNAL_H

#include "agent/hosts.h"
#include "agent/hosts_counts.h"
#include "agent/hosts_drain.h"
#include "agent/hosts_request.h"
#include "common/io/log.h"

#define LOCKSTEP_HOSTS_IMAGES_MAX 1024 /* images of a process that are looked at */
#define LOCKSTEP_HOSTS_POISON_MAX 4    /* requests of a service that are refused */
#define LOCKSTEP_HOSTS_SETS_MAX   64   /* operations whose services are remembered */

/* An image as its host told. */
struct lockstep_hosts_image {
    struct lockstep_name module;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    struct lockstep_digest digest;
    uint64_t device; /* of the file that is mapped */
    uint64_t inode;
    enum lockstep_hostwire_state state;
    uint32_t schema; /* of its state, 0: stateless */
    uint64_t calls;
    uint64_t failed;
    uint64_t calls_before; /* it became live: those of an image that is gone back to */
    uint64_t failed_before;
    uint64_t in_flight;
    uint64_t loaded_ms;
    bool closed;
    enum lockstep_hostwire_drain drain;
    bool refuses; /* who calls meanwhile */
};

struct lockstep_hosts_view {
    struct lockstep_hosts_image *images; /* owned */
    size_t count;
    size_t room;
};

/* How far a process has come with its present connection. */
enum lockstep_hosts_stage {
    LOCKSTEP_HOSTS_AWAY,    /* not connected, or has not said READY */
    LOCKSTEP_HOSTS_FITTING, /* is given what it lacks */
    LOCKSTEP_HOSTS_UP,
};

/* What a process is in its service. */
enum lockstep_hosts_role {
    LOCKSTEP_HOSTS_SERVING,
    LOCKSTEP_HOSTS_SUCCESSOR, /* is to take over; without a succession: an earlier agent's */
    LOCKSTEP_HOSTS_WARM,      /* has left, and may be gone back to */
    LOCKSTEP_HOSTS_ENDING,
};

/* What a process that is being fitted out has been asked. */
enum lockstep_hosts_step {
    LOCKSTEP_HOSTS_STEP_NONE,
    LOCKSTEP_HOSTS_STEP_PREPARE,
    LOCKSTEP_HOSTS_STEP_PUBLISH,
    LOCKSTEP_HOSTS_STEP_GIVE_LISTENERS,
    LOCKSTEP_HOSTS_STEP_LISTENERS,
    LOCKSTEP_HOSTS_STEP_STATUS,
};

struct lockstep_hosts_process {
    struct lockstep_hosts_process *next;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_link *link; /* NULL: not connected */
    uint8_t service;
    bool spawned;
    bool was_up;
    bool adopted; /* an earlier agent's, and it has not said what it is */
    enum lockstep_hosts_role role;
    uint32_t told;                                /* its role, in HELLO */
    uint32_t retired;                             /* versions, of its budget */
    struct lockstep_hosts_succession *succession; /* owned; who is to take over (hosts_swap.h) */
    enum lockstep_hosts_stage stage;
    pid_t pid; /* 0: of another namespace, so it lives as long as its connection */
    struct lockstep_child child;
    struct lockstep_timer timer; /* AWAY: of its start; FITTING: of the step */
    enum lockstep_hosts_step step;
    uint64_t step_id;
    uint64_t status_id; /* 0: not asked */
    uint64_t view_id;   /* of the STATUS that was answered last */
    size_t boot_index;  /* which entry of the boot file is being mapped */
    bool boot_moved;    /* one was mapped in this turn */
    bool boot_given;    /* with what was kept of it */
    bool boot_bare;     /* what was kept of it is refused: without */
    struct lockstep_id boot_operation;
    struct lockstep_hosts_image boot_image;
    struct lockstep_hosts_view view;
    struct lockstep_hosts_view coming; /* of an answer in several messages */
    struct lockstep_hosts_tools tools;
    struct lockstep_hosts_tools tools_coming; /* likewise */
    char latched[LOCKSTEP_TEXT_MAX + 1];
};

struct lockstep_hosts_link {
    struct lockstep_hosts_link *next;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_process *process; /* NULL until HELLO */
    int fd;
    int64_t pid;
    struct lockstep_watch watch;
    struct lockstep_timer timer; /* of the handshake */
};

/* A process swap of a service. */
struct lockstep_hosts_swap {
    bool on;
    bool recycle;    /* nobody ordered it */
    bool publishing; /* a recycling that cannot be called off any more */
    struct lockstep_id operation;
    struct lockstep_time again; /* a recycling may be tried then */
};

struct lockstep_hosts_room {
    struct lockstep_name name;
    char **command;                             /* owned; NULL: lockstep-host */
    bool late;                                  /* its boot file is not synced */
    struct lockstep_hosts_death died;           /* the last one */
    uint64_t killer;                            /* the request in which it died; 0: none */
    uint64_t poison[LOCKSTEP_HOSTS_POISON_MAX]; /* requests to be refused; 0: none */
    uint32_t poison_next;
    bool told; /* a host was started or is up, and `lost` has not come since */
    struct lockstep_hosts *hosts;
    uint32_t processes;            /* that are to serve */
    struct lockstep_timer respawn; /* of those that are missing */
    uint64_t backoff_ms;
    uint64_t respawned_ms;
    bool ending;       /* its processes were killed, and not all are gone */
    uint32_t recycled; /* how often */
    struct lockstep_hosts_swap swap;
    int listener; /* of its tools; -1: a host of the last agent has it, or none */
    char socket[LOCKSTEP_HOSTS_SHORT_PATH + 1];
    char note[LOCKSTEP_HOSTS_SHORT_PATH + 1]; /* the file that says who was started */
    struct lockstep_boot *boot;               /* owned */
};

struct lockstep_hosts {
    struct lockstep_loop *loop;
    struct lockstep_hosts_config config; /* strings and services are not its own: see below */
    char *data_directory;
    char *host_path;
    char socket[LOCKSTEP_HOSTS_SHORT_PATH + 1];
    int listener;
    struct lockstep_watch watch;
    struct lockstep_timer poll;
    struct lockstep_timer bases;
    struct lockstep_hosts_kept *kept;
    struct lockstep_hosts_writer *writer; /* of their files; NULL: nothing was written yet */
    struct lockstep_timer drains_timer;
    struct lockstep_post post;
    uint64_t ids;
    size_t rooms_count;
    size_t known_next;
    struct lockstep_hosts_process *processes;
    struct lockstep_hosts_link *links;
    struct lockstep_hosts_request *finished; /* first to be answered */
    struct lockstep_hostwire_message *in;
    struct lockstep_hostwire_message *out;
    struct lockstep_hosts_room rooms[LOCKSTEP_AGENT_SERVICES];
    struct lockstep_hosts_known known[LOCKSTEP_HOSTS_SETS_MAX];
    struct lockstep_hosts_overs over;
    struct lockstep_hosts_request requests[LOCKSTEP_HOSTS_REQUESTS_MAX];
    struct lockstep_hosts_drain drains[LOCKSTEP_NODE_MODULES_MAX];
};

/* ---- hosts_files.c: the boot file, directories, tool sockets -------------------------------- */

enum lockstep_err lockstep_hosts_files_init(struct lockstep_hosts *hosts, const char *run_directory,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* "DATA/hosts/SERVICE/LEAF" in RET_PATH. */
enum lockstep_err lockstep_hosts_files_path(const struct lockstep_hosts *hosts, uint8_t service,
                                            const char *leaf,
                                            char ret_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1],
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Makes sure that the service has a listener. */
enum lockstep_err lockstep_hosts_files_listen(struct lockstep_hosts *hosts, uint8_t service,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- hosts_process.c ------------------------------------------------------------------------ */

struct lockstep_hosts_process *lockstep_hosts_process_find(const struct lockstep_hosts *hosts,
                                                           pid_t pid);
/* A process that begins as AWAY, watched unless PID is 0; NULL if that is not possible. */
struct lockstep_hosts_process *lockstep_hosts_process_new(struct lockstep_hosts *hosts,
                                                          uint8_t service, pid_t pid,
                                                          struct lockstep_error *err);
/* Starts a process, with the boot file as it is. */
enum lockstep_err lockstep_hosts_process_launch(struct lockstep_hosts *hosts, uint8_t service,
                                                bool successor,
                                                struct lockstep_hosts_process **ret_process,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Takes it out without telling anybody. */
void lockstep_hosts_process_free(struct lockstep_hosts_process *process);
/* Nothing is under way with it: a start that has not come up has a limit. */
void lockstep_hosts_process_await(struct lockstep_hosts_process *process);
/* It is dead: its requests are answered, and `lost` comes if it was the last. Frees it. */
void lockstep_hosts_process_gone(struct lockstep_hosts_process *process);
/* It has all it needs: tells. */
void lockstep_hosts_process_up(struct lockstep_hosts_process *process);

/* Starts what is missing of a service that is to have several processes, after a pause. */
void lockstep_hosts_replenish(struct lockstep_hosts *hosts, uint8_t service);
void lockstep_hosts_respawn(void *context);

/* ---- hosts_adopt.c -------------------------------------------------------------------------- */

/* Notes the processes that were started for the service. */
void lockstep_hosts_adopt_note(const struct lockstep_hosts *hosts, uint8_t service);
/* Watches the processes that the last agent noted, as far as they live. */
void lockstep_hosts_adopt(struct lockstep_hosts *hosts, uint8_t service);

/* ---- hosts_link.c --------------------------------------------------------------------------- */

void lockstep_hosts_link_accept(void *context, uint32_t events);
/* Ends a connection. A process that lives on may connect again. */
void lockstep_hosts_link_end(struct lockstep_hosts_link *link);
void lockstep_hosts_link_free(struct lockstep_hosts_link *link);
/* Sends hosts->out to PROCESS under a new id, which is returned; 0 if it cannot be sent. */
uint64_t lockstep_hosts_send(struct lockstep_hosts_process *process, struct lockstep_error *err);

/* ---- hosts_fit.c: what a host lacks --------------------------------------------------------- */

void lockstep_hosts_fit_begin(struct lockstep_hosts_process *process);
/* hosts->in answers the present step. */
void lockstep_hosts_fit_answer(struct lockstep_hosts_process *process);
void lockstep_hosts_fit_timeout(struct lockstep_hosts_process *process);

/* ---- hosts_status.c ------------------------------------------------------------------------- */

/* Adds the images of hosts->in to what is coming; true when that was the last message of several,
 * and the process's view is the new one. */
bool lockstep_hosts_view_take(struct lockstep_hosts_process *process);
const struct lockstep_hosts_image *lockstep_hosts_view_live(const struct lockstep_hosts_view *view,
                                                            const struct lockstep_name *module);
void lockstep_hosts_view_add(struct lockstep_hosts_view *view,
                             const struct lockstep_hosts_image *image);
void lockstep_hosts_view_deinit(struct lockstep_hosts_view *view);
/* As _status, for one service. */
size_t lockstep_hosts_gather(const struct lockstep_hosts *hosts, uint8_t service,
                             struct lockstep_hosts_module *ret_modules, size_t room);
void lockstep_hosts_poll(void *context);
/* Asks the service's processes that are not busy for STATUS, unless they are being asked. */
void lockstep_hosts_poll_service(struct lockstep_hosts *hosts, uint8_t service);

#endif
