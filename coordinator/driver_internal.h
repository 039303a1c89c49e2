/* What the files of the driver share. */
#ifndef LOCKSTEP_COORDINATOR_DRIVER_INTERNAL_H
#define LOCKSTEP_COORDINATOR_DRIVER_INTERNAL_H

#include "common/io/artifacts.h"
#include "common/io/bundle.h"
#include "common/io/link.h"
#include "common/io/manifest.h"
#include "common/io/wire.h"
#include "coordinator/automatic.h"
#include "coordinator/control_drain.h"
#include "coordinator/core/admission.h"
#include "coordinator/documents.h"
#include "coordinator/driver.h"
#include "coordinator/view.h"

#include <jansson.h>

#define LOCKSTEP_SESSION_WATCHES 32
#define LOCKSTEP_SESSION_WAITS   8 /* SUBMITs that wait for nodes */

/* An operation in memory, beside what the core knows of it. */
struct lockstep_running {
    struct lockstep_operation *operation;
    struct lockstep_operation_record *record;
    bool changed; /* watchers are to be told */
    bool late;    /* its parts in the journal are older than in memory */
    bool refused; /* there was no room for its OPEN row */
};

/* An artifact, a manifest or a signature on its way to an agent. */
struct lockstep_fetching {
    bool active;
    struct lockstep_wire_fetch what;
    int fd;
    uint64_t total;
};

/* An artifact on its way from a person. */
struct lockstep_putting {
    bool active;
    uint64_t request;
    struct lockstep_manifest manifest;
    struct lockstep_artifact_write *writer;
    size_t text_length;
    size_t signature_length;
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    char signature[LOCKSTEP_SIGNATURE_MAX + 1];
};

/* A document on its way to a person, in pieces as the outbox takes them. */
struct lockstep_answering {
    struct lockstep_answering *next;
    char *text;
    size_t length;
    size_t offset;
    uint64_t request;
    bool last;
};

struct lockstep_watching {
    bool used;
    bool stale; /* it has changed since, and is told when the outbox is empty */
    uint64_t request;
    struct lockstep_id operation;
    uint8_t state;              /* what was told last */
    struct lockstep_time again; /* votes and read-backs that come before are told together */
};

/* Events that a person reads or follows: a place in the journal, and nothing else is kept. */
struct lockstep_following {
    uint64_t request;
    uint64_t next; /* the number to read from */
    uint64_t end;  /* the last that is wanted; UINT64_MAX: it follows */
    uint32_t module_count;
    struct lockstep_name modules[];
};

/* One link that stands. */
struct lockstep_session {
    struct lockstep_coordinator *coordinator;
    struct lockstep_link *link;
    unsigned roles;
    bool agent;
    char refusal[128]; /* why it is not let in, for its node to know; else empty */
    bool waiting;      /* its key waits to be admitted */
    uint32_t node;
    bool state_begun; /* a STATE sequence is under way */
    char who[LOCKSTEP_STORE_WHO];
    struct lockstep_fetching fetch;
    struct lockstep_putting *put;
    struct lockstep_answering *answers;   /* the first is being sent */
    size_t answer_bytes;                  /* of all of them */
    struct lockstep_following *following; /* or NULL */
    struct lockstep_session **list;       /* that it is in */
    struct lockstep_session *next;
    struct lockstep_session *previous;
    size_t watch_max; /* 0 of an agent's */
    struct lockstep_watching watches[];
};

/* A tool call that a node has been asked to make for a person, or a sign of life. */
struct lockstep_calling {
    uint64_t ticket; /* the request's number towards the node; 0: free */
    uint64_t request;
    struct lockstep_session *person;
    uint32_t node;
    uint64_t asked_us; /* when a sign of life was asked for; 0: it is a tool call */
    bool purge;        /* of the module that `tool` names */
    char tool[LOCKSTEP_WORD_MAX + 1];
};

/* A SUBMIT with --offline wait: tried again whenever a node is READY. Not an operation yet, and
 * shown as if it were one. */
struct lockstep_waiting {
    bool used;
    struct lockstep_session *person;
    uint64_t request;
    struct lockstep_time until;
    size_t length;
    uint8_t *frame; /* the SUBMIT as it came */
    struct lockstep_operation *draft;
    struct lockstep_operation_record *record; /* opened when it began to wait */
};

#define LOCKSTEP_CALLS_MAX 64

struct lockstep_coordinator {
    struct lockstep_loop *loop;
    const struct lockstep_config_coordinator *config;
    const struct lockstep_key *key;
    struct lockstep_store *store;
    struct lockstep_artifacts *artifacts;
    struct lockstep_bundle *bundle;
    struct lockstep_wire_codec *codec;
    struct lockstep_listener **listeners;
    size_t listener_count;
    struct lockstep_timer tick;
    struct lockstep_timer parts;       /* when what is late is written and sent */
    bool finals_late;                  /* links hold a FINAL */
    struct lockstep_timer arriving;    /* when these are written as READY, and told so */
    struct lockstep_arrival *arrivals; /* LOCKSTEP_NODES_MAX of them */
    size_t arrival_count;
    size_t over_count;
    struct lockstep_operation *over[LOCKSTEP_FLEET_OPERATIONS]; /* to be written down as over */
    struct lockstep_timer collecting;
    struct lockstep_timer events; /* when what is noted is written, and told */
    struct lockstep_timer notice; /* when drift and alarms are looked at */
    struct lockstep_noticed *noticed;
    struct lockstep_timer automatic_timer; /* when drift is looked at to be mended */
    struct lockstep_automatic *automatic;
    struct lockstep_fleet fleet;
    struct lockstep_node *nodes;      /* LOCKSTEP_NODES_MAX of them */
    struct lockstep_node_view *views; /* the same */
    struct lockstep_session **agents; /* the session of each node, or NULL */
    uint32_t *keys;                   /* where to look for the node of a key; see find_node.c */
    struct lockstep_module *modules;
    struct lockstep_running running[LOCKSTEP_FLEET_OPERATIONS];
    struct lockstep_operation *written[LOCKSTEP_FLEET_OPERATIONS * 2]; /* PERSISTED is due */
    size_t written_count;
    struct lockstep_fleet_actions *actions;  /* of the call under way */
    struct lockstep_session *sessions;       /* of people; there are few */
    struct lockstep_session *agent_sessions; /* a fleet of them, and nobody looks through it */
    struct lockstep_waiting waits[LOCKSTEP_SESSION_WAITS];
    struct lockstep_view_waiting shown[LOCKSTEP_SESSION_WAITS]; /* of a view */
    struct lockstep_calling calls[LOCKSTEP_CALLS_MAX];
    struct lockstep_draining drainings[LOCKSTEP_DRAININGS_MAX];
    uint64_t call_tickets;
    struct lockstep_time refusals_since;  /* messages that their senders may not send */
    uint32_t refusals_noted;              /* since then, in the trail */
    uint64_t refusals_unnoted;            /* since the last of those */
    struct lockstep_restoring *restoring; /* restored.h; NULL: a journal like any other */
    enum lockstep_err failed;
    struct lockstep_error failure;
    struct lockstep_error refusal; /* of the operation that was refused */
    uint8_t frame[LOCKSTEP_FRAME_MAX];
};

/* ---- collect.c: what need not be kept -------------------------------------------------------- */

/* Removes bytes of old versions that nobody runs or may go back to. */
void lockstep_driver_collect_artifacts(struct lockstep_coordinator *coordinator);
/* That, and forgets old operations; now, and again every day. */
void lockstep_driver_collect(void *context);

/* ---- driver.c ------------------------------------------------------------------------------- */

/* Does what coordinator->actions asks for, and everything that follows from it. */
void lockstep_driver_act(struct lockstep_coordinator *coordinator);
/* Only what it asks for: no row is reported yet. */
void lockstep_driver_act_first(struct lockstep_coordinator *coordinator);
/* Sets the clock for whatever is due first. */
void lockstep_driver_arm(struct lockstep_coordinator *coordinator);
/* What cannot be survived: stops the loop. */
void lockstep_driver_fail(struct lockstep_coordinator *coordinator,
                          const struct lockstep_error *why);
/* A write that nothing depends on has failed: a full disk is only said, the rest stops the loop. */
void lockstep_driver_miss(struct lockstep_coordinator *coordinator,
                          const struct lockstep_error *why);
/* Forgets an operation whose OPEN row could not be written. */
void lockstep_driver_drop(struct lockstep_coordinator *coordinator,
                          struct lockstep_running *running);
struct lockstep_running *lockstep_driver_running(struct lockstep_coordinator *coordinator,
                                                 const struct lockstep_operation *operation);
/* Encodes and sends; what cannot be sent closes the session. */
void lockstep_driver_send(struct lockstep_session *session, const struct lockstep_wire *wire);
void lockstep_driver_send_to(struct lockstep_coordinator *coordinator, uint32_t node,
                             const struct lockstep_wire *wire);
/* The quarantine list, whole, to SESSION; or to every agent if it is NULL. */
void lockstep_driver_send_quarantine(struct lockstep_coordinator *coordinator,
                                     struct lockstep_session *session);
/* What going back leaves is quarantined, if the cause lies with the version or an operator says so.
 * Called when going back is decided. */
void lockstep_driver_quarantine_left(struct lockstep_coordinator *coordinator,
                                     const struct lockstep_operation *operation);
/* Fills an empty fleet from the journal. */
enum lockstep_err lockstep_driver_load(struct lockstep_coordinator *coordinator,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* True if the version is quarantined. */
bool lockstep_driver_quarantined(struct lockstep_coordinator *coordinator,
                                 const struct lockstep_digest *digest);
/* The view that documents are made from. */
struct lockstep_view lockstep_driver_view(struct lockstep_coordinator *coordinator);

/* ---- notice.c: drift and alarms, as events --------------------------------------------------- */

enum lockstep_err lockstep_notice_begin(struct lockstep_coordinator *coordinator,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Looks at what has changed since the last look; a timer's callback. */
void lockstep_notice(void *context);
void lockstep_notice_end(struct lockstep_coordinator *coordinator);

/* ---- session.c ------------------------------------------------------------------------------ */

struct lockstep_link_events lockstep_session_events(struct lockstep_coordinator *coordinator);
void lockstep_session_free_all(struct lockstep_coordinator *coordinator);

/* ---- agents.c ------------------------------------------------------------------------------- */

void lockstep_agents_message(struct lockstep_session *session, const struct lockstep_wire *wire);
/* Sends on what the agent fetches, as far as the outbox lets it. */
void lockstep_agents_fetch_on(struct lockstep_session *session);
void lockstep_agents_fetch_end(struct lockstep_session *session);

#include "coordinator/control.h"
#include "coordinator/driver_node.h"
#include "coordinator/driver_write.h"

#endif
