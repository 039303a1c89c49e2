/*
 * One node's part of the protocol. Pure: messages, results of work, durable rows and the host's
 * comings and goings go in; a list of actions comes out. The daemon and the simulation drive the
 * same code, and neither decides.
 *
 * Invariants
 *  - YES leaves only after the vow is durable; nothing is published before the pointer row is.
 *  - In doubt the old version serves, and the agent asks. It never decides alone, but for the crash
 *    loop of a version it has just begun to run.
 *  - What a module's generation has reached it never falls below: late and repeated orders are
 *    answered, not obeyed.
 *  - At most one duty is between PREPARE and LIVE on a module.
 *
 * Actions are to be done in the order of the list. One that writes a row is done when the row is
 * durable; a write that fails stops the agent, except where NOT_PERSISTED is provided for.
 */
#ifndef LOCKSTEP_AGENT_CORE_AGENT_H
#define LOCKSTEP_AGENT_CORE_AGENT_H

#include "agent/core/states.h"
#include "common/base/time.h"
#include "common/core/message.h"
#include "common/tbl/defaults.h"

#define LOCKSTEP_AGENT_DUTIES   16
#define LOCKSTEP_AGENT_ENDED    64 /* ended operations that are remembered in memory */
#define LOCKSTEP_AGENT_SERVICES 16
#define LOCKSTEP_AGENT_STARTS   16 /* starts of a host that are remembered; >= crash_loop_starts */
#define LOCKSTEP_SERVICE_NONE   UINT8_MAX

struct lockstep_version {
    uint64_t generation;
    struct lockstep_digest digest; /* zeros: to be, or to have been, without the module */
};

/* A module of this node. `loaded` is what its host said; the rest is as durable as the journal. */
struct lockstep_agent_module {
    struct lockstep_name name;
    uint8_t service;     /* index into services; NONE until an artifact has told */
    uint64_t generation; /* the highest ever applied: the floor for orders */
    struct lockstep_version current;
    bool has_previous; /* false: what ran before is not known any more */
    struct lockstep_version previous;
    struct lockstep_version loaded;
};

/* A service's host, as this node supervises it. */
struct lockstep_service {
    struct lockstep_name name;
    bool spawned; /* ours to start; else it comes by itself */
    bool up;
    char died[LOCKSTEP_TEXT_MAX + 1]; /* of what, last; the driver's words, or empty */
    bool falling;                 /* not to be started before the row that goes back is durable */
    struct lockstep_time start;   /* when to start it (again) */
    struct lockstep_time settled; /* up since then for so long: back-off begins anew */
    uint64_t backoff_ms;
    uint32_t start_count;
    struct lockstep_time starts[LOCKSTEP_AGENT_STARTS]; /* a ring */
};

/* This node's part of an operation. */
struct lockstep_duty {
    struct lockstep_prepare order;
    uint8_t state;   /* enum lockstep_duty_state */
    uint8_t work;    /* enum lockstep_work, of the ticket */
    bool superseded; /* to be closed as soon as the publish under way has ended */
    bool mapped;     /* every host that is up holds the set, or is being given it */
    bool stateful;
    bool decided; /* the decision is commit */
    bool final;   /* FINAL came before it was live */
    bool alarmed;
    uint64_t changes;           /* see lockstep_duty_changes() */
    uint32_t ticket;            /* of the work under way; zero: none */
    struct lockstep_time limit; /* of the state, before the vote */
    struct lockstep_time retry; /* of the commit */
    struct lockstep_time query; /* ask the coordinator */
    struct lockstep_time doubt; /* in doubt since */
    struct lockstep_time live;  /* live since; 0: since before the start */
    uint64_t query_ms;
    enum lockstep_no no; /* why it failed, for VOTE and ACK */
    char text[LOCKSTEP_TEXT_MAX + 1];
    /* What the host served of each item before: retired with the window. Generation 0: nothing. */
    struct lockstep_version left[LOCKSTEP_ITEMS_MAX];
};

/* An operation that is over here. */
struct lockstep_ended {
    struct lockstep_id operation;
    enum lockstep_applied applied; /* APPLIED, ABORTED or FELL_BACK */
};

enum lockstep_agent_action_type {
    LOCKSTEP_AGENT_WORK,    /* begin `work` for `duty` under `ticket`; report WORKED or not */
    LOCKSTEP_AGENT_DROP,    /* stop all work for `duty`; the host forgets the set */
    LOCKSTEP_AGENT_PERSIST, /* write `row` of `duty`, then call lockstep_agent_persisted() */
    LOCKSTEP_AGENT_NOTE,    /* write `row` of `duty` when convenient */
    LOCKSTEP_AGENT_EPOCH,   /* write epoch, decision_sequence and coordinator, now */
    LOCKSTEP_AGENT_SEND,    /* send lockstep_agent_message() */
    LOCKSTEP_AGENT_RETIRE,  /* the host retires what `duty` left */
    LOCKSTEP_AGENT_START,   /* start the host of `service` with every module's current version */
    LOCKSTEP_AGENT_ALARM,   /* `duty` has been in doubt for too long */
    LOCKSTEP_AGENT_STRANGE, /* the coordinator contradicts itself about `duty`: log it */
    LOCKSTEP_AGENT_REPORT,  /* what is loaded has changed */
};

struct lockstep_agent_action {
    enum lockstep_agent_action_type type;
    struct lockstep_duty *duty; /* valid until the next call */
    enum lockstep_work work;
    uint32_t ticket;
    enum lockstep_duty_row row;
    uint8_t service;
    struct lockstep_id operation; /* of SEND */
    enum lockstep_message_type message;
    enum lockstep_applied applied; /* of ACK */
    bool yes;                      /* of VOTE */
    enum lockstep_no no;
    uint32_t offset; /* of STATE: the piece */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

#define LOCKSTEP_AGENT_ACTIONS_MAX 128

struct lockstep_agent_actions {
    uint32_t count;
    struct lockstep_agent_action list[LOCKSTEP_AGENT_ACTIONS_MAX];
};

struct lockstep_agent {
    struct lockstep_defaults settings;
    struct lockstep_id journal;     /* incarnation of this agent's journal */
    struct lockstep_id coordinator; /* incarnation of the coordinator's */
    uint64_t epoch;                 /* highest seen */
    uint64_t decision_sequence;     /* highest seen */
    bool linked;
    bool state_due; /* STATE waits until the hosts have said what they run */
    struct lockstep_time state_limit;
    uint32_t tickets;
    struct lockstep_agent_module *modules; /* the driver's memory, `module_max` of them */
    uint32_t module_count;
    uint32_t module_max;
    const struct lockstep_digest *refused; /* quarantined versions; the driver's memory */
    uint32_t refused_count;
    uint32_t service_count;
    struct lockstep_service services[LOCKSTEP_AGENT_SERVICES];
    struct lockstep_duty duties[LOCKSTEP_AGENT_DUTIES];
    uint32_t ended_count; /* ever; the ring holds the last */
    struct lockstep_ended ended[LOCKSTEP_AGENT_ENDED];
    struct lockstep_agent_actions *out; /* during a call */
};

/* Begins with no duties, no modules and no services. MODULES stays the driver's. */
void lockstep_agent_init(struct lockstep_agent *agent, const struct lockstep_defaults *settings,
                         struct lockstep_agent_module *modules, uint32_t module_max);

/* Adds a service; its index, or NONE if there is no room. SPAWNED ones are started at the next
 * tick. */
uint8_t lockstep_agent_add_service(struct lockstep_agent *agent, const struct lockstep_name *name,
                                   bool spawned, struct lockstep_time now);
/* The index of the service with this name, or NONE. */
uint8_t lockstep_agent_service(const struct lockstep_agent *agent,
                               const struct lockstep_name *name);

/* Adds a module as the journal has it; NULL if there is no room. */
struct lockstep_agent_module *lockstep_agent_add_module(struct lockstep_agent *agent,
                                                        const struct lockstep_name *name);
/* The module with this name, or NULL. */
struct lockstep_agent_module *lockstep_agent_module(const struct lockstep_agent *agent,
                                                    const struct lockstep_name *name);
/* What is reported of MODULE, with a generation that changed no bytes and no host has heard of. */
struct lockstep_live lockstep_agent_live(const struct lockstep_agent *agent,
                                         const struct lockstep_agent_module *module);

/* What becomes of MODULE when the COMMITTED row of ORDER is written; what was current is noted in
 * ITEM's `leaving`, which belongs to the row. The journal and the core's memory both follow this.
 */
void lockstep_module_point(struct lockstep_agent_module *module,
                           const struct lockstep_prepare *order, struct lockstep_item *item);
/* The same for the FELL row. False: ITEM's order had changed no bytes of MODULE, so it stays. */
bool lockstep_module_fall(struct lockstep_agent_module *module, const struct lockstep_item *item);

/* True if item INDEX of the order is to be probed, mapped and published. The others change no byte
 * of what their host serves, or starts with: nothing is done for them but to point. */
bool lockstep_duty_changes(const struct lockstep_duty *duty, uint32_t index);

/* Takes up an operation found in the journal: PREPARED, COMMITTED or APPLIED. Modules and services
 * have been added. False if there are more than any agent could have left behind. */
bool lockstep_agent_restore(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_prepare *order, enum lockstep_duty_row row);
/* Remembers an operation that is over, oldest first. */
void lockstep_agent_restore_ended(struct lockstep_agent *agent, const struct lockstep_id *operation,
                                  enum lockstep_duty_row row);

/* The coordinator has welcomed us: STATE goes out as soon as the hosts have said what they run, for
 * a node is READY only when it runs what it should (at most host_start later). It also tells a
 * coordinator whose journal was restored from a backup that this node knows more than it. */
void lockstep_agent_welcome(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_welcome *welcome,
                            struct lockstep_agent_actions *ret_actions);
void lockstep_agent_link_down(struct lockstep_agent *agent);

/* PREPARE, DECISION, OUTCOME or FINAL. */
void lockstep_agent_receive(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_message *message,
                            struct lockstep_agent_actions *ret_actions);

/* A piece of work is done, or cannot be. A ticket that is no longer wanted is ignored. */
struct lockstep_work_result {
    uint32_t ticket;
    bool ok;
    bool stateful, unmapped; /* of MAP: COMMIT must migrate; when not ok: no host holds the set */
    enum lockstep_no no;     /* when not ok */
    const char *text;        /* may be NULL; borrowed */
};
void lockstep_agent_worked(struct lockstep_agent *agent, struct lockstep_time now,
                           const struct lockstep_work_result *result,
                           struct lockstep_agent_actions *ret_actions);
/* The row that PERSIST asked for is durable, or (only a vow) could not be written. */
void lockstep_agent_persisted(struct lockstep_agent *agent, struct lockstep_time now,
                              const struct lockstep_id *operation, bool ok,
                              struct lockstep_agent_actions *ret_actions);
/* A host has said hello: what it has mapped and serving, its whole list. */
void lockstep_agent_host_up(struct lockstep_agent *agent, struct lockstep_time now, uint8_t service,
                            const struct lockstep_live *live, uint32_t live_count,
                            struct lockstep_agent_actions *ret_actions);
/* The last host of a service has died, or ended before it said hello. _died: one of several. */
void lockstep_agent_host_lost(struct lockstep_agent *agent, struct lockstep_time now,
                              uint8_t service, struct lockstep_agent_actions *ret_actions);
void lockstep_agent_host_died(struct lockstep_agent *agent, struct lockstep_time now,
                              uint8_t service, struct lockstep_agent_actions *ret_actions);
/* The last start came to nothing before a host ran (a full disk, say): no crash; tried again. */
void lockstep_agent_not_started(struct lockstep_agent *agent, struct lockstep_time now,
                                uint8_t service);
void lockstep_agent_tick(struct lockstep_agent *agent, struct lockstep_time now,
                         struct lockstep_agent_actions *ret_actions);
/* When to call lockstep_agent_tick() next, at the latest; NEVER if nothing waits. */
struct lockstep_time lockstep_agent_deadline(const struct lockstep_agent *agent);

/* Fills in the message of a SEND action; when it is done, not later. */
void lockstep_agent_message(const struct lockstep_agent *agent,
                            const struct lockstep_agent_action *action,
                            struct lockstep_message *ret_message);

/* The duty of this operation, or NULL. */
struct lockstep_duty *lockstep_agent_duty(struct lockstep_agent *agent,
                                          const struct lockstep_id *operation);
/* The cell's action, for the test that walks the matrix and for PROTOCOL.md; NULL for a hole. */
const char *lockstep_duty_cell(unsigned state, unsigned event);

#endif
