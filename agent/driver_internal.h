/* What the files of the agent's driver share. */
#ifndef LOCKSTEP_AGENT_DRIVER_INTERNAL_H
#define LOCKSTEP_AGENT_DRIVER_INTERNAL_H

#include "agent/asked.h"
#include "agent/driver.h"
#include "agent/hosts.h"
#include "agent/probes.h"
#include "common/io/artifacts.h"
#include "common/io/bundle.h"
#include "common/io/intent.h"
#include "common/io/link.h"
#include "common/io/manifest.h"
#include "common/io/wire.h"

#define LOCKSTEP_COPIES_MAX 512

/* What came with an order and is not the core's: kept until the duty is over. */
struct lockstep_papers {
    bool used;
    struct lockstep_id operation;
    size_t intent_length;
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_name signer;
    char intent[LOCKSTEP_INTENT_MAX + 1];
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    size_t standing_length; /* 0: there is no standing order, the intent is for this operation */
    uint8_t standing_signature[LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_name standing_signer;
    char standing[LOCKSTEP_STANDING_MAX + 1];
};

/* A private copy of an artifact, for hosts to map. */
struct lockstep_copy {
    struct lockstep_name module;
    struct lockstep_digest digest;
    uint64_t device;
    uint64_t inode;
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
};

/* A manifest that has been verified, as far as it is needed again. */
struct lockstep_known {
    struct lockstep_digest digest;
    struct lockstep_md5 md5;
    bool summed; /* the bytes have that sum, and not only by the manifest's word */
    struct lockstep_name service;
    enum lockstep_driver driver;
    uint64_t size;
    uint64_t floor; /* lowest counter that may still run once this one has */
    uint32_t state_schema;
    enum lockstep_rollback rollback; /* what its publisher says */
    uint64_t waives;                 /* checks of a probe, a bit each */
    char version[LOCKSTEP_VERSION_MAX + 1];
};

/* ADMIT for one duty. One artifact a turn of the loop: to hash and copy a big one takes a while,
 * and heartbeats have to go out in between. */
struct lockstep_admission_job {
    bool used;
    bool judged; /* the intent is good */
    uint32_t ticket;
    uint32_t next; /* the item that is looked at next; those before it are good */
    struct lockstep_id operation;
};

struct lockstep_fetch_state {
    bool active;
    uint32_t ticket; /* of the ADMIT it is for */
    uint64_t request;
    struct lockstep_digest digest;
    enum lockstep_artifact_part part;
    uint64_t received;
    size_t manifest_length;
    size_t signature_length;
    char manifest[LOCKSTEP_MANIFEST_MAX + 1];
    char signature[LOCKSTEP_SIGNATURE_MAX + 1];
    struct lockstep_artifact_write *write;
};

/* A result that waits for the core: it never comes within the call that asked for the work. */
struct lockstep_result_row {
    struct lockstep_work_result result;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

#define LOCKSTEP_RESULTS_MAX 64

/* PROBE for one duty: snapshots of live state first, then the trial. */
struct lockstep_trial {
    bool used;
    uint32_t ticket;
    struct lockstep_id operation;
    uint32_t next; /* the subject whose snapshot is next */
    struct lockstep_probe_request *request;
};

struct lockstep_node_agent {
    struct lockstep_loop *loop;
    struct lockstep_node_agent_config config;
    struct lockstep_agent *core;
    struct lockstep_agent_module *modules;
    struct lockstep_agent_actions *actions;
    struct lockstep_artifacts *artifacts;
    struct lockstep_hosts *hosts;
    struct lockstep_joints *joints; /* joints.c has it */
    struct lockstep_probes *probes;
    struct lockstep_driver_health *health; /* driver_health.c has it */
    struct lockstep_bundle *bundle;        /* NULL until there is one */
    struct lockstep_wire_codec *codec;
    struct lockstep_dialler *dialler;
    struct lockstep_link *link; /* NULL: no session */
    bool welcomed;
    bool resolutions_told; /* in this session, and no heartbeat was answered since */
    bool was_ready;
    bool enrolling;
    uint32_t failures; /* connections in a row that came to nothing */
    struct lockstep_timer tick;
    struct lockstep_timer heartbeat;
    struct lockstep_timer report;
    struct lockstep_timer collecting;
    struct lockstep_timer settle; /* armed while the journal has something that is late */
    bool epoch_unsettled;         /* nothing may be said before it is durable */
    struct lockstep_post results_post;
    size_t result_count;
    struct lockstep_result_row results[LOCKSTEP_RESULTS_MAX];
    struct lockstep_post redial;
    struct lockstep_post failed_starts; /* hosts that could not be started */
    uint32_t failed_services;           /* bits */
    uint64_t heartbeat_ms;
    uint64_t heartbeats;
    uint32_t unheard; /* heartbeats since anything came from the coordinator */
    uint64_t fetches;
    uint64_t copies_made;
    uint32_t host_restarts;
    struct lockstep_hosts_death died; /* the last of them; its text begins with the service */
    int gen_fd;                       /* directory of private copies */
    char gen_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    struct lockstep_copy *copies; /* rows stay where they are; an empty path is a free row */
    size_t known_next;
    struct lockstep_known known[LOCKSTEP_NODE_MODULES_MAX];
    struct lockstep_manifests *manifests; /* manifests.c has it */
    struct lockstep_papers *papers;       /* LOCKSTEP_AGENT_DUTIES of them */
    struct lockstep_admission_job jobs[LOCKSTEP_AGENT_DUTIES];
    struct lockstep_post jobs_post;
    struct lockstep_fetch_state fetch;
    struct lockstep_trial trials[LOCKSTEP_AGENT_DUTIES];
    struct lockstep_digest *quarantine; /* being received */
    size_t quarantine_count;
    struct {
        uint32_t ticket;
        uint64_t request;
        uint8_t service; /* of a page of tools, + 1; 0: it is something else */
    } calls[16];
    uint32_t call_tickets;
    struct lockstep_draining drainings[8];
    enum lockstep_err failed;
    struct lockstep_error failure;
    uint8_t frame[LOCKSTEP_FRAME_MAX];
};

/* ---- driver.c ------------------------------------------------------------------------------- */

void lockstep_driver_fail(struct lockstep_node_agent *agent, const struct lockstep_error *why);
/* Does what agent->actions asks for, and everything that follows from it. */
void lockstep_driver_act(struct lockstep_node_agent *agent);
/* Reports a piece of work to the core, soon. */
void lockstep_driver_worked(struct lockstep_node_agent *agent,
                            const struct lockstep_work_result *result);
void lockstep_driver_cannot(struct lockstep_node_agent *agent, uint32_t ticket, enum lockstep_no no,
                            const char *format, ...) LOCKSTEP_PRINTF(4, 5);
void lockstep_driver_send(struct lockstep_node_agent *agent, const struct lockstep_wire *wire);
/* Later than this machine has ever seen, whatever its clock says now. */
uint64_t lockstep_driver_unix_ms(const struct lockstep_node_agent *agent);

/* The duty whose work has this ticket, or NULL. */
struct lockstep_duty *lockstep_driver_by_ticket(struct lockstep_node_agent *agent, uint32_t ticket);

/* ---- driver_hosts.c: comings, goings and answers of hosts ------------------------------------ */

void lockstep_driver_add_services(struct lockstep_node_agent *agent, struct lockstep_time now);
enum lockstep_err lockstep_driver_open_hosts(struct lockstep_node_agent *agent,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_driver_failed_starts(void *context);

/* ---- session.c: what the coordinator says ---------------------------------------------------- */

enum lockstep_err lockstep_session_dial(struct lockstep_node_agent *agent,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_session_redial(void *context);

/* ---- report.c: what this node says unasked --------------------------------------------------- */

/* A heartbeat, again and again; with every other one a report is due. A link over which nothing
 * comes any more is closed: the coordinator's end may be gone, or what it says may not come
 * through. */
void lockstep_report_heartbeat(void *context);
/* A report in a moment, so that several changes make one; _now sends it if one is due. */
void lockstep_report_soon(struct lockstep_node_agent *agent);
void lockstep_report_now(struct lockstep_node_agent *agent);
void lockstep_report_send(void *context);

/* ---- admit.c: trust -------------------------------------------------------------------------- */

void lockstep_admit_begin(struct lockstep_node_agent *agent, uint32_t ticket,
                          const struct lockstep_duty *duty);
void lockstep_admit_continue(void *context);
void lockstep_admit_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation);
void lockstep_admit_chunk(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_chunk *chunk);
/* The link is gone or is back: fetching begins anew. */
void lockstep_admit_link(struct lockstep_node_agent *agent, bool up);
/* What is known of a version by its verified manifest; NULL if nothing is. */
const struct lockstep_known *lockstep_admit_known(struct lockstep_node_agent *agent,
                                                  const struct lockstep_digest *digest);

/* ---- disk.c: module_path --------------------------------------------------------------------- */

/* The module's file in module_path: its digest, and where it is. False: there is none. */
bool lockstep_disk_find(const struct lockstep_node_agent *agent, const struct lockstep_name *module,
                        struct lockstep_digest *ret_digest, char *ret_path, size_t size);
/* Fills in how the file compares with what is mapped. */
void lockstep_disk_compare(const struct lockstep_node_agent *agent,
                           const struct lockstep_agent_module *module,
                           struct lockstep_wire_module *row);

/* ---- works.c: probes and hosts --------------------------------------------------------------- */

void lockstep_works_probe(struct lockstep_node_agent *agent, uint32_t ticket,
                          const struct lockstep_duty *duty);
void lockstep_works_drop(struct lockstep_node_agent *agent, const struct lockstep_id *operation);
void lockstep_works_retire(struct lockstep_node_agent *agent, const struct lockstep_duty *duty);
void lockstep_works_start(struct lockstep_node_agent *agent, uint8_t service);
/* The boot files of the duty's services, after its row. */
void lockstep_works_boot(struct lockstep_node_agent *agent, const struct lockstep_duty *duty);
void lockstep_works_snapshot(void *context, const struct lockstep_work_result *result, int fd);
void lockstep_works_end_trial(struct lockstep_trial *trial);
enum lockstep_err lockstep_works_open(struct lockstep_node_agent *agent,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#include "agent/copies.h"
#include "agent/driver_health.h"
#include "agent/joints.h"
#include "agent/manifests.h"
#include "agent/papers.h"
#include "agent/rows.h"

#endif
