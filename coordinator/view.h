/*
 * A node as people are shown it: what the core does not need. And everything together that
 * documents are made from.
 */
#ifndef LOCKSTEP_COORDINATOR_VIEW_H
#define LOCKSTEP_COORDINATOR_VIEW_H

#include "common/io/channel.h"
#include "common/io/wire.h"
#include "coordinator/core/fleet.h"
#include "coordinator/store.h"

#define LOCKSTEP_VIEW_RUNS 4
/* So many returns of a run within this time no restart explains, and no session that came late. */
#define LOCKSTEP_VIEW_CLONE     4
#define LOCKSTEP_VIEW_CLONE_FOR (10 * LOCKSTEP_MINUTE)

struct lockstep_node_view {
    struct lockstep_node_row row;
    struct lockstep_id runs[LOCKSTEP_VIEW_RUNS]; /* of its agent, the newest first; zeros: none */
    uint8_t came_back; /* how often a run came back after a newer one: an agent runs once */
    struct lockstep_time came_back_first;
    char software[LOCKSTEP_CHANNEL_SOFTWARE]; /* of its agent; empty: never seen */
    char address[64];
    uint64_t heard_unix_ms;     /* 0: not since the coordinator started */
    struct lockstep_live *live; /* what it last reported as live; the fleet borrows this */
    uint32_t live_count;
    uint32_t live_max;
    struct lockstep_wire_module *modules; /* its last whole REPORT */
    uint32_t module_count;
    uint32_t module_max;
    bool told;         /* it has said its whole STATE to this coordinator */
    bool report_begun; /* a REPORT sequence is under way */
    bool arriving;     /* READY, and not written yet */
    uint64_t report_unix_ms;
    uint64_t disk_free_bytes;
    uint32_t memory_used_percent;
    uint32_t host_restarts;
    uint32_t host_recycles;
};

/* A request that waits for nodes. */
struct lockstep_view_waiting {
    const struct lockstep_operation *operation; /* as it would be opened */
    const struct lockstep_operation_record *record;
};

struct lockstep_automatic;

/* What documents are made from; borrowed for a call. `views` are as many as the fleet has nodes,
 * in the same order. */
struct lockstep_view {
    const struct lockstep_fleet *fleet;
    const struct lockstep_node_view *views;
    struct lockstep_store *store;
    uint64_t now_unix_ms;
    uint64_t fresh_ms;                          /* a report older than that is stale */
    const struct lockstep_automatic *automatic; /* what is done about drift; NULL: nothing */
    const struct lockstep_view_waiting *waiting;
    size_t waiting_count;
};

/* Notes one module as live, in place of what was known of it. False if a node may not have so
 * many, or there is no memory. */
bool lockstep_view_add_live(struct lockstep_node_view *view, const struct lockstep_live *live);
/* Takes one message of a REPORT sequence. */
void lockstep_view_report(struct lockstep_node_view *view,
                          const struct lockstep_wire_report *report, uint64_t now_unix_ms);
/* What the node last reported of the module, or NULL. */
const struct lockstep_wire_module *lockstep_view_module(const struct lockstep_node_view *view,
                                                        const struct lockstep_name *module);
/* Notes that a session of this RUN of an agent stands. True if two agents must be alive under the
 * node's key: again and again a run has come back after it had been replaced. */
bool lockstep_view_run(struct lockstep_node_view *view, struct lockstep_time now,
                       const struct lockstep_id *run);
/* Frees what it holds. */
void lockstep_node_view_deinit(struct lockstep_node_view *view);

#endif
