/* Handlers of the duty's matrix (duty.c) and what they share. Internal to this room. */
#ifndef LOCKSTEP_AGENT_CORE_DUTY_H
#define LOCKSTEP_AGENT_CORE_DUTY_H

#include "agent/core/agent.h"
#include "agent/core/finding.h"

/* One step while it runs. */
struct lockstep_duty_step {
    struct lockstep_agent *agent;
    struct lockstep_time now;
    enum lockstep_duty_event_type event;
    const struct lockstep_work_result *result; /* of WORKED and WORK_FAILED, else NULL */
    const struct lockstep_finding *finding;    /* of UNHEALTHY, else NULL */
};

/* A handler returns the next state; only the matrix moves. */
typedef unsigned lockstep_duty_fn(struct lockstep_duty *duty, struct lockstep_duty_step *step);

lockstep_duty_fn lockstep_duty_ignore;
lockstep_duty_fn lockstep_duty_bug;
lockstep_duty_fn lockstep_duty_strange;

/* Before the vote (duty_prepare.c). */
lockstep_duty_fn lockstep_duty_admitted;
lockstep_duty_fn lockstep_duty_probed;
lockstep_duty_fn lockstep_duty_mapped;
lockstep_duty_fn lockstep_duty_refuse;
lockstep_duty_fn lockstep_duty_expire;
lockstep_duty_fn lockstep_duty_call_off;
lockstep_duty_fn lockstep_duty_host_awaited;
lockstep_duty_fn lockstep_duty_host_died_mapping;
lockstep_duty_fn lockstep_duty_vowed;
lockstep_duty_fn lockstep_duty_no_room;
lockstep_duty_fn lockstep_duty_unmapped;

/* In doubt and committing (duty_commit.c). */
lockstep_duty_fn lockstep_duty_vote_again;
lockstep_duty_fn lockstep_duty_commit;
lockstep_duty_fn lockstep_duty_final_early;
lockstep_duty_fn lockstep_duty_doubt_tick;
lockstep_duty_fn lockstep_duty_host_back;
lockstep_duty_fn lockstep_duty_remapped;
lockstep_duty_fn lockstep_duty_not_applied;
lockstep_duty_fn lockstep_duty_host_died_applying;
lockstep_duty_fn lockstep_duty_migrated;
lockstep_duty_fn lockstep_duty_pointed;
lockstep_duty_fn lockstep_duty_publish_step;
lockstep_duty_fn lockstep_duty_publish_failed;
lockstep_duty_fn lockstep_duty_superseded;
lockstep_duty_fn lockstep_duty_publish_tick;
lockstep_duty_fn lockstep_duty_host_died_publishing;
lockstep_duty_fn lockstep_duty_host_back_pointed;

/* Live and after (duty_end.c). */
lockstep_duty_fn lockstep_duty_say_applied;
lockstep_duty_fn lockstep_duty_close;
lockstep_duty_fn lockstep_duty_finish;
lockstep_duty_fn lockstep_duty_finish_live;
lockstep_duty_fn lockstep_duty_live_tick;
lockstep_duty_fn lockstep_duty_crashed;
lockstep_duty_fn lockstep_duty_unhealthy;
lockstep_duty_fn lockstep_duty_fall;
lockstep_duty_fn lockstep_duty_fallen;
lockstep_duty_fn lockstep_duty_fell_back;
/* The ordered versions serve: tells the coordinator and closes older duties on the modules. */
unsigned lockstep_duty_enter_live(struct lockstep_duty *duty, struct lockstep_duty_step *step);

/* Runs the matrix. RESULT is NULL but for WORKED and WORK_FAILED. */
void lockstep_duty_step(struct lockstep_agent *agent, struct lockstep_time now,
                        struct lockstep_duty *duty, enum lockstep_duty_event_type event,
                        const struct lockstep_work_result *result);

/* The same for what was found out about what it runs. */
void lockstep_duty_find(struct lockstep_agent *agent, struct lockstep_time now,
                        struct lockstep_duty *duty, const struct lockstep_finding *finding);

/* Appends an action about DUTY and returns it. */
struct lockstep_agent_action *lockstep_duty_act(struct lockstep_agent *agent,
                                                struct lockstep_duty *duty,
                                                enum lockstep_agent_action_type type);
/* Each returns STATE (or FREE), for `return`. */
unsigned lockstep_duty_work(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                            enum lockstep_work work, enum lockstep_duty_state state);
unsigned lockstep_duty_write(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                             enum lockstep_duty_row row, enum lockstep_duty_state state);
unsigned lockstep_duty_say_no(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                              enum lockstep_no no, const char *text);
/* Begins the first work of a new duty. */
unsigned lockstep_duty_begin(struct lockstep_duty *duty, struct lockstep_duty_step *step);
void lockstep_duty_note(struct lockstep_duty *duty, enum lockstep_no no, const char *text);

/* Messages; nothing is sent while there is no link: STATE tells it when there is one again. */
void lockstep_agent_send_vote(struct lockstep_agent *agent, const struct lockstep_id *operation,
                              enum lockstep_no no, const char *text);
void lockstep_agent_send_ack(struct lockstep_agent *agent, const struct lockstep_id *operation,
                             enum lockstep_applied applied, enum lockstep_no no, const char *text);
/* What is live and what is held open, in pieces: the read-back of everything. */
void lockstep_agent_send_state(struct lockstep_agent *agent);
/* STATE that waits for hosts: sent when all have said hello, or the time for it is over. */
void lockstep_agent_send_state_if_due(struct lockstep_agent *agent, struct lockstep_time now);
/* After STATE, which says what is mapped and not how it fares: what has failed since it was live.
 */
void lockstep_agent_send_failures(struct lockstep_agent *agent);
void lockstep_agent_send_query(struct lockstep_agent *agent, const struct lockstep_id *operation);

/* True if the hosts of every module of the duty are up (a module without a service needs none). */
bool lockstep_duty_hosts_up(const struct lockstep_agent *agent, const struct lockstep_duty *duty);
/* True if MODULE's host is there, or it needs none: what is loaded of it is known. */
bool lockstep_module_is_told(const struct lockstep_agent *agent,
                             const struct lockstep_agent_module *module);
/* True if a module of the duty belongs to SERVICE. */
bool lockstep_duty_uses(const struct lockstep_agent *agent, const struct lockstep_duty *duty,
                        uint8_t service);
/* True if both order something of one module. */
bool lockstep_duties_share(const struct lockstep_duty *a, const struct lockstep_duty *b);
/* True if every module of the duty is loaded as ordered. */
bool lockstep_duty_is_loaded(const struct lockstep_agent *agent, const struct lockstep_duty *duty);
/* Remembers that OPERATION is over. */
void lockstep_agent_remember(struct lockstep_agent *agent, const struct lockstep_id *operation,
                             enum lockstep_applied applied);
/* Asks for the host of SERVICE to be started, now. */
void lockstep_service_start(struct lockstep_agent *agent, struct lockstep_time now,
                            uint8_t service);

/* May ITEM of ORDER be taken, as far as the module is concerned? UNSPECIFIED: yes. */
enum lockstep_no lockstep_module_refusal(const struct lockstep_agent *agent,
                                         const struct lockstep_prepare *order,
                                         const struct lockstep_item *item);
/* True if ITEM wants what is current. */
bool lockstep_module_has(const struct lockstep_agent *agent, const struct lockstep_item *item);
/* True if nobody may run DIGEST here, as far as this node knows. */
bool lockstep_module_refused(const struct lockstep_agent *agent,
                             const struct lockstep_digest *digest);
/* What `changes` of a duty with this order is, as the hosts are now. */
uint64_t lockstep_order_changes(const struct lockstep_agent *agent,
                                const struct lockstep_prepare *order);

#endif
