/* Requests to the processes of services, and which operations these are about. Internal to
 * agent/hosts. */
#ifndef LOCKSTEP_AGENT_HOSTS_REQUEST_H
#define LOCKSTEP_AGENT_HOSTS_REQUEST_H

#include "agent/hosts.h"

struct lockstep_hosts_process;

enum lockstep_hosts_kind {
    LOCKSTEP_HOSTS_REQUEST_FREE = 0,
    LOCKSTEP_HOSTS_REQUEST_MAP,
    LOCKSTEP_HOSTS_REQUEST_MIGRATE,
    LOCKSTEP_HOSTS_REQUEST_PUBLISH,
    LOCKSTEP_HOSTS_REQUEST_SNAPSHOT,
    LOCKSTEP_HOSTS_REQUEST_CALL,
    LOCKSTEP_HOSTS_REQUEST_SMOKE,
    LOCKSTEP_HOSTS_REQUEST_DRAIN, /* that is refused: others are not requests (hosts_drain.h) */
};

enum lockstep_hosts_ask_state {
    LOCKSTEP_HOSTS_ASK_OPEN,
    LOCKSTEP_HOSTS_ASK_YES,
    LOCKSTEP_HOSTS_ASK_NO,
};

/* A request's part for one process. */
struct lockstep_hosts_ask {
    struct lockstep_hosts_process *process;   /* NULL once it is gone */
    struct lockstep_hosts_process *successor; /* of a process swap, else NULL */
    uint64_t id;
    bool published; /* and is looked at: ID is that of STATUS */
    enum lockstep_hosts_ask_state state;
};

struct lockstep_hosts_request {
    enum lockstep_hosts_kind kind;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_request *next; /* in the order of the answers, when finished */
    uint32_t ticket;
    struct lockstep_id operation;
    struct lockstep_timer timer;
    uint64_t limit_ms;
    bool finished;
    bool ok;
    bool stateful;
    bool unmapped; /* the hosts hold nothing of the operation any more */
    bool recycle;  /* nobody asked */
    bool refused;  /* there was no place for it: it is on the heap */
    enum lockstep_no no;
    char text[LOCKSTEP_TEXT_MAX + 1];
    int fd;                                  /* SNAPSHOT */
    struct lockstep_hostwire_message *reply; /* CALL; owned */
    size_t asks_count;
    struct lockstep_hosts_ask asks[LOCKSTEP_HOSTS_PROCESSES_MAX];
};

/* Which services an operation is about. */
struct lockstep_hosts_known {
    struct lockstep_id operation;
    uint32_t services;  /* bits */
    uint32_t swapped;   /* of them: by a process swap */
    uint32_t published; /* of them: nothing is under way any more */
};

/* A version whose window is over, for processes that were away when it ended. */
struct lockstep_hosts_over {
    bool used;
    uint8_t service;
    struct lockstep_name module;
    uint64_t generation;
    uint64_t by; /* as in struct lockstep_hosts_item */
};

#define LOCKSTEP_HOSTS_OVER_MAX 64

struct lockstep_hosts_overs {
    size_t next;
    struct lockstep_hosts_over list[LOCKSTEP_HOSTS_OVER_MAX];
};

/* ---- hosts_request.c ------------------------------------------------------------------------ */

/* A new request; NULL: there are too many. */
struct lockstep_hosts_request *lockstep_hosts_request_begin(struct lockstep_hosts *hosts,
                                                            enum lockstep_hosts_kind kind,
                                                            uint32_t ticket, uint64_t limit_ms);
/* True if PROCESS is one of SERVICE that serves, and can be asked. */
bool lockstep_hosts_serves(const struct lockstep_hosts_process *process, uint8_t service);
/* What is known of an operation, or NULL. */
struct lockstep_hosts_known *lockstep_hosts_known_find(struct lockstep_hosts *hosts,
                                                       const struct lockstep_id *operation);
/* True if another operation than this one is mapped in the service and not published. */
bool lockstep_hosts_known_busy(const struct lockstep_hosts *hosts, uint8_t service,
                               const struct lockstep_id *operation);
/* The requests of an operation are not answered any more. */
void lockstep_hosts_request_forget(struct lockstep_hosts *hosts,
                                   const struct lockstep_id *operation);

/* PROCESS is back: tells it what it has missed of retired versions. */
void lockstep_hosts_retire_late(struct lockstep_hosts_process *process);

/* ---- hosts_answer.c ------------------------------------------------------------------------- */

/* hosts->in may answer a request. */
void lockstep_hosts_request_answer(struct lockstep_hosts_process *process);
/* What PROCESS was asked and has not answered is a NO. FORGET: it is about to be freed. */
void lockstep_hosts_request_fail(struct lockstep_hosts_process *process, enum lockstep_no no,
                                 const char *text, bool forget);
bool lockstep_hosts_request_pending(const struct lockstep_hosts_process *process);
/* The first NO is the request's. */
void lockstep_hosts_request_no(struct lockstep_hosts_request *request, enum lockstep_no no,
                               const char *text);
/* There is no place for what was asked: BUSY, behind those that are to be called back. OPERATION:
 * what it is about, or NULL. */
void lockstep_hosts_request_refuse(struct lockstep_hosts *hosts, enum lockstep_hosts_kind kind,
                                   uint32_t ticket, const struct lockstep_id *operation);
/* Puts it behind those that are to be called back. */
void lockstep_hosts_request_finish(struct lockstep_hosts_request *request);
/* The same, if every process has answered. */
void lockstep_hosts_request_settle(struct lockstep_hosts_request *request);
/* Calls back for what is finished. */
void lockstep_hosts_request_flush(void *context);
void lockstep_hosts_request_release(struct lockstep_hosts_request *request);

#endif
