/*
 * Process swap: a service is exchanged as a whole.
 *
 * A second host process (the successor) of each process that serves maps every module of the
 * service, the new versions of the set among them, and waits. To migrate, the process that serves
 * freezes and gives its state, which the successor adopts; to publish, it leaves and the successor
 * serves from that instant, with the same listeners and the same established connections, which
 * pass between the two without the agent. What has left stays warm, with its modules and its state,
 * until a version that it ran is retired: a set that leads back to just what it runs makes it the
 * successor. To the core all this is MAP, MIGRATE and PUBLISH.
 *
 * It is done for a set with an item that says so, when the host has spent its budget of retired
 * versions, and when the host program is another one than the process runs. Without a set it is how
 * a host that has spent its budget is recycled, at a moment when no operation is under way on the
 * service: versions and generations stay.
 *
 * Invariants
 *  - At most one process of a pair serves. Which one is decided by LEAVE, which no agent that dies
 *    can split: the other one hears of it from the process that leaves.
 *  - Who was told to leave and has not said whether it has is asked nothing further: its answer,
 * its role when it connects again, or its death says who serves, however late.
 *  - While a service is being exchanged, no other set is mapped in it, and the other way round.
 *  - An agent that starts ends every successor that does not serve, unless the process that it was
 *    to succeed has left: then it serves.
 *
 * It deliberately knows nothing of who may order what: the core asks, and a refusal is a NO.
 */
#ifndef LOCKSTEP_AGENT_HOSTS_SWAP_H
#define LOCKSTEP_AGENT_HOSTS_SWAP_H

#include "agent/hosts_internal.h"

/* What a process that is to take over needs to know. */
struct lockstep_hosts_succession {
    struct lockstep_hosts_process *before; /* who serves */
    struct lockstep_hostwire_message *set; /* owned; PREPARE of the new versions, NULL: none */
    bool set_mapped;
    bool ready;     /* all is mapped */
    bool reused;    /* it was warm: what it runs is only known by new generations */
    bool listens;   /* it has been given the listeners again */
    bool published; /* it was told to: it may have its new generations */
    uint64_t asked; /* LEAVE, or what tells it that it serves: not refused; 0: none */
    int leave_fd;
    enum lockstep_no no; /* the first thing that it refused to map in this turn */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

struct lockstep_hosts_succession *
lockstep_hosts_succession_free(struct lockstep_hosts_succession *succession);

/* True if the part of SET that is for SERVICE is to be brought by a process swap. */
bool lockstep_hosts_swap_wanted(const struct lockstep_hosts *hosts,
                                const struct lockstep_hosts_set *set, uint8_t service);
/* The service's part of MAP; hosts->out is the PREPARE. */
void lockstep_hosts_swap_map(struct lockstep_hosts_request *request, uint8_t service);
/* Makes way for a set that is mapped in place. False: it has to wait, the request is answered. */
bool lockstep_hosts_swap_yield(struct lockstep_hosts_request *request, uint8_t service);
/* True if OPERATION was mapped by a process swap: then these two are its MIGRATE and PUBLISH. */
bool lockstep_hosts_swap_has(struct lockstep_hosts *hosts, uint8_t service,
                             const struct lockstep_id *operation);
void lockstep_hosts_swap_migrate(struct lockstep_hosts_request *request, uint8_t service);
void lockstep_hosts_swap_publish(struct lockstep_hosts_request *request, uint8_t service);
/* hosts->in answers ASK, which is part of a swap. */
void lockstep_hosts_swap_answer(struct lockstep_hosts_request *request,
                                struct lockstep_hosts_ask *ask);
/* hosts->in is of PROCESS, and no answer that a request waits for: it may say who serves. */
void lockstep_hosts_swap_late(struct lockstep_hosts_process *process);
/* Forgets the swap of OPERATION, if there is one: successors end; what is warm stays so, unless its
 * new generations are published in it, for nobody asks those to end. */
void lockstep_hosts_swap_drop(struct lockstep_hosts *hosts, uint8_t service,
                              const struct lockstep_id *operation);
/* These versions' windows are over: who is warm for one of them ends. */
void lockstep_hosts_swap_retire(struct lockstep_hosts *hosts,
                                const struct lockstep_hosts_item *item);

/* ---- steps, between the files --------------------------------------------------------------- */

/* How many processes of the service serve. */
size_t lockstep_hosts_swap_serving(const struct lockstep_hosts *hosts, uint8_t service);
/* A further part of REQUEST, which is about SUCCESSOR and open. */
struct lockstep_hosts_ask *lockstep_hosts_swap_ask(struct lockstep_hosts_request *request,
                                                   struct lockstep_hosts_process *successor);
void lockstep_hosts_swap_refuse(struct lockstep_hosts_request *request,
                                struct lockstep_hosts_ask *ask, enum lockstep_no no,
                                const char *text);
/* Sends hosts->out to PROCESS as what ASK waits for. */
bool lockstep_hosts_swap_send(struct lockstep_hosts_request *request,
                              struct lockstep_hosts_ask *ask,
                              struct lockstep_hosts_process *process);

/* ---- what happens to processes -------------------------------------------------------------- */

/* A successor has all it needs; or it refused something that it needs. */
void lockstep_hosts_swap_fitted(struct lockstep_hosts_process *process);
void lockstep_hosts_swap_unfit(struct lockstep_hosts_process *process, enum lockstep_no no,
                               const char *text);
/* Who is to succeed BEFORE, or NULL. */
struct lockstep_hosts_process *
lockstep_hosts_successor(const struct lockstep_hosts_process *before);
/* The open part of a PUBLISH that SUCCESSOR is in, or NULL. */
struct lockstep_hosts_ask *lockstep_hosts_ask_of(struct lockstep_hosts_process *successor);
/* PROCESS, a successor, serves: who did before is warm. */
void lockstep_hosts_swap_exchange(struct lockstep_hosts_process *process);
/* PROCESS is dead and about to be freed: what it was part of goes on without it, or ends. */
void lockstep_hosts_swap_gone(struct lockstep_hosts_process *process);
/* It is of no more use: told to end, and killed when it does not. */
void lockstep_hosts_swap_end(struct lockstep_hosts_process *process);
/* READY has come. True if it is to be fitted out. */
bool lockstep_hosts_swap_welcome(struct lockstep_hosts_process *process);
/* Ends what an agent before left behind, once all its processes of the service have said what they
 * are. */
void lockstep_hosts_swap_settle(struct lockstep_hosts *hosts, uint8_t service);

/* Recycles the hosts that have spent their budget. */
void lockstep_hosts_recycle(struct lockstep_hosts *hosts);
/* Calls a recycling off. */
void lockstep_hosts_recycle_stop(struct lockstep_hosts *hosts, uint8_t service);
/* The next step of a recycling, whose last was REQUEST. */
void lockstep_hosts_recycle_on(const struct lockstep_hosts_request *request);

/* An id that no operation and no earlier agent has used. */
struct lockstep_id lockstep_hosts_new_operation(struct lockstep_hosts *hosts);
/* What was called so far of what VIEW has was before its process served. */
void lockstep_hosts_view_serve(struct lockstep_hosts_view *view);

#endif
