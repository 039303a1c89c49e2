/*
 * A whole fleet in one process: the cores of coordinator and agents as they run in the daemons,
 * over a network, disks, hosts and a clock that are made up and misbehave by a seed. One seed is
 * one history; the same seed is the same history.
 *
 * The network loses, repeats, delays and reorders messages and breaks links; coordinator, agents
 * and hosts are killed at any action, before and after a row is written; modules refuse, crash or
 * will not migrate. Nodes drift: what is local runs on when its pin is over, parts of the fleet go
 * their own way, a host starts without a file that was spoilt, one of them again and again; and
 * somebody reconciles, or the coordinator does so by itself. Then
 * everything heals, and the fleet must come to rest in a state that the journal explains (check.c),
 * on one version where most of it lives on one that is good (check_drift.c).
 */
#ifndef LOCKSTEP_TESTS_SIM_WORLD_H
#define LOCKSTEP_TESTS_SIM_WORLD_H

#include "agent/core/agent.h"
#include "common/base/rng.h"
#include "coordinator/core/admission.h"
#include "coordinator/core/fleet.h"
#include "tests/sim/drift.h"
#include "tests/sim/event.h"
#include "tests/sim/journal.h"

#define SIM_FRESH      4  /* modules from this one on are on no node at first */
#define SIM_OPERATIONS 96 /* of one history */
#define SIM_SUBMITTED  (SIM_OPERATIONS / 2 - 2) /* by people; each may have a compensation */
#define SIM_ROWS       256
#define SIM_CHAOS_MS   20000 /* at least, and until so much has been asked for */
#define SIM_ASKED      10
#define SIM_CHAOS_LAST 90000
#define SIM_CALM_MS    50000
#define SIM_SERVICE    0
#define SIM_SETS       8 /* that a host holds, or remembers as published */
#define SIM_DRAIN_MS   200
#define SIM_CALLS      100   /* required of new code, at most */
#define SIM_LAST_MS    25000 /* before the end nobody asks for anything any more */

/* What a version does, drawn from the seed. */
enum sim_nature {
    SIM_GOOD,
    SIM_STATEFUL,
    SIM_SHY,     /* some nodes refuse it */
    SIM_BROKEN,  /* every node refuses it */
    SIM_FRAGILE, /* the host crashes a while after it runs it */
    SIM_STUCK,   /* migration often fails */
    SIM_SICK,    /* a check fails while it runs, again and again */
};

/* An agent's journal. */
struct sim_disk {
    struct lockstep_agent_module modules[SIM_MODULES];
    uint32_t row_count;
    struct {
        struct lockstep_prepare order;
        enum lockstep_duty_row row;
    } rows[SIM_ROWS];
    uint32_t refused_count;
    struct lockstep_digest refused[SIM_ROWS];
    uint64_t epoch;
    uint64_t sequence;
    struct lockstep_id journal;
};

/* A set that a host has mapped. State that was carried over waits for PUBLISH so long, then the
 * host goes on with what it serves. */
struct sim_set {
    struct lockstep_id operation; /* zeros: no set */
    bool mapped;
    bool publishing;
    bool stateful; /* its calls are held while it is exchanged */
    bool drains;   /* whatever it is */
    uint64_t closed_until;
    uint32_t count;
    struct lockstep_item items[SIM_MODULES];
};

struct sim_host {
    bool up;
    uint32_t incarnation;
    struct lockstep_version loaded[SIM_MODULES];
    struct sim_set sets[SIM_SETS];
    uint32_t published_count;
    struct lockstep_id published[SIM_SETS];
};

struct sim_node {
    bool running;
    uint32_t incarnation;
    struct lockstep_agent core;
    struct lockstep_agent_module modules[SIM_MODULES];
    struct sim_disk disk;
    uint32_t write_count;
    struct sim_node_write writes[SIM_NODE_WRITES]; /* in their order */
    uint64_t written;                              /* when the last of them will be */
    struct sim_host host;
    bool linked;
    uint64_t cut;    /* until then the network keeps it away */
    uint64_t deaf;   /* until then nothing comes to it, and nobody is told */
    uint64_t mute;   /* until then nothing comes from it, and nobody is told */
    uint64_t slow;   /* until then what it is sent, and sends, takes long */
    uint64_t paused; /* until then it does nothing, and loses nothing */
    uint32_t flaps;  /* how often yet its link breaks soon after it stands */
    uint64_t ahead;  /* of its clock */
    bool forgot;     /* it lost its journal once */
    uint32_t session;
    uint64_t told;             /* what is sent after a QUARANTINE does not come before it */
    bool strayed[SIM_MODULES]; /* it has fallen back by itself, or another machine has its place */
};

struct sim_coordinator {
    bool running;
    uint64_t paused; /* until then it does nothing, and loses nothing */
    uint32_t incarnation;
    struct lockstep_fleet fleet;
    struct lockstep_node nodes[SIM_NODES];
    struct lockstep_module modules[SIM_MODULES];
    struct lockstep_live live[SIM_NODES][SIM_MODULES];
    struct sim_automatic automatic;
    uint32_t write_count;
    struct sim_write writes[SIM_WRITES]; /* in their order */
    uint64_t written;                    /* when the last of them will be */
    /* durable */
    uint64_t epoch;
    uint64_t sequence;
    uint64_t generations[SIM_MODULES];
    struct lockstep_id journals[SIM_NODES];
    uint32_t record_count;
    struct sim_record records[SIM_OPERATIONS];
    struct sim_desired desired[SIM_NODES][SIM_MODULES];
    uint32_t bad_count;
    struct lockstep_digest bad[SIM_ROWS]; /* quarantined */
};

struct sim_world {
    struct lockstep_rng rng;
    uint64_t seed;
    uint64_t now;
    uint64_t order;
    uint64_t end; /* known when it is calm */
    bool calm;
    bool noted;
    bool trace;
    uint64_t hash; /* of everything that was noted: equal seeds, equal hashes */
    uint32_t node_count;
    uint32_t next_version;
    struct lockstep_defaults settings;
    struct sim_event *heap;
    uint32_t heap_count;
    uint32_t heap_max;
    struct sim_coordinator coordinator;
    struct sim_node nodes[SIM_NODES];
    uint32_t flapper; /* a node whose host dies and starts without a module; SIM_NODES: none */
    uint32_t submitted;
    uint64_t delivered; /* messages */
    struct sim_asked asked;
    uint32_t by_itself;  /* reconciles that nobody asked for */
    uint32_t looked_at;  /* modules that were to be reconciled since all is calm */
    uint32_t results[6]; /* operations by result */
    uint32_t verdicts[LOCKSTEP_RECONCILE_QUARANTINED + 1]; /* of asking to reconcile */
    uint32_t reconciled[6];                                /* reconciles by result */
    uint32_t rested;   /* modules that had a majority to come to, in the end */
    char failure[512]; /* empty: nothing is wrong */
};

/* Makes the world of SEED of zeros, which sim_world_end() leaves behind for the next one. Only what
 * is NOTED has a hash, and that takes time. */
void sim_world_begin(struct sim_world *world, uint64_t seed, bool noted, bool trace);
void sim_world_end(struct sim_world *world);
/* Runs its history. False: `failure` says what is wrong. */
bool sim_world_run(struct sim_world *world);

/* ---- between the files ---------------------------------------------------------------------- */

struct lockstep_time sim_now(const struct sim_world *world);
/* By NODE's clock. */
struct lockstep_time sim_node_now(const struct sim_world *world, uint32_t node);
void sim_schedule(struct sim_world *world, uint64_t delay_ms, const struct sim_event *event);
/* Notes what happens: into the hash, and to standard output when tracing. */
void sim_note(struct sim_world *world, const char *format, ...) LOCKSTEP_PRINTF(2, 3);
/* Something is wrong; the first failure stands. */
void sim_fail(struct sim_world *world, const char *format, ...) LOCKSTEP_PRINTF(2, 3);
bool sim_chance(struct sim_world *world, uint32_t percent);
uint64_t sim_between(struct sim_world *world, uint64_t least, uint64_t most);
/* Sends a message over the link of NODE, to it or from it. Frees nothing of the caller's. */
void sim_send(struct sim_world *world, uint32_t node, bool to_node,
              const struct lockstep_message *message);
void sim_break_link(struct sim_world *world, uint32_t node);

struct lockstep_digest sim_digest(uint32_t module, uint32_t version);
uint32_t sim_version(const struct lockstep_digest *digest);
/* False: a version that nobody calls. */
bool sim_is_called(const struct lockstep_digest *digest);
/* What every node begins with; zeros: nothing. */
struct lockstep_digest sim_first(uint32_t module);
enum sim_nature sim_nature(const struct sim_world *world, const struct lockstep_digest *digest);
struct lockstep_name sim_module(uint32_t index);
uint32_t sim_module_index(const struct lockstep_name *name);

void sim_disk_clear(struct sim_disk *disk);
void sim_node_init(struct sim_world *world, uint32_t node);
void sim_node_start(struct sim_world *world, uint32_t node);
void sim_node_kill(struct sim_world *world, uint32_t node);
/* It loses its journal; or another machine stands in its place: there is nothing on it but what
 * every node begins with. */
void sim_node_wipe(struct sim_world *world, uint32_t node);
void sim_node_receive(struct sim_world *world, uint32_t node,
                      const struct lockstep_message *message);
void sim_node_event(struct sim_world *world, const struct sim_event *event);
/* It is told the first COUNT of the coordinator's list. */
void sim_node_quarantine(struct sim_world *world, uint32_t node, uint32_t count);
void sim_node_tick(struct sim_world *world, uint32_t node);
void sim_node_host_up(struct sim_world *world, uint32_t node);
void sim_node_host_lost(struct sim_world *world, uint32_t node);

void sim_coordinator_start(struct sim_world *world);
void sim_coordinator_kill(struct sim_world *world);
void sim_coordinator_link(struct sim_world *world, uint32_t node);
void sim_coordinator_receive(struct sim_world *world, uint32_t node,
                             const struct lockstep_message *message);
/* Killed, and started again after a while. */
void sim_coordinator_crash(struct sim_world *world);
void sim_coordinator_event(struct sim_world *world, const struct sim_event *event);
void sim_coordinator_tick(struct sim_world *world);
void sim_coordinator_act(struct sim_world *world, struct lockstep_fleet_actions *actions);

#endif
