#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- failing -------------------------------------------------------------------------------- */

void lockstep_driver_fail(struct lockstep_node_agent *agent, const struct lockstep_error *why)
{
    if (agent->failed == LOCKSTEP_OK) {
        agent->failed = why->code == LOCKSTEP_OK ? LOCKSTEP_IO : why->code;
        agent->failure = *why;
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "stops: %s", why->message);
    }
    lockstep_loop_stop(agent->loop);
}

enum lockstep_err lockstep_node_agent_failure(const struct lockstep_node_agent *agent,
                                              struct lockstep_error *err)
{
    if (agent->failed != LOCKSTEP_OK && err != NULL) {
        *err = agent->failure;
    }
    return agent->failed;
}

uint64_t lockstep_driver_unix_ms(const struct lockstep_node_agent *agent)
{
    uint64_t now = lockstep_unix_ms();
    uint64_t floor = lockstep_agent_store_meta(agent->config.store)->clock_floor_unix_ms;
    return now > floor ? now : floor;
}

/* ---- what the core asks for ----------------------------------------------------------------- */

static void begin_work(struct lockstep_node_agent *agent,
                       const struct lockstep_agent_action *action)
{
    switch (action->work) {
    case LOCKSTEP_WORK_ADMIT:
        lockstep_admit_begin(agent, action->ticket, action->duty);
        break;
    case LOCKSTEP_WORK_PROBE:
        lockstep_works_probe(agent, action->ticket, action->duty);
        break;
    case LOCKSTEP_WORK_MAP:
        lockstep_works_map(agent, action->ticket, action->duty);
        break;
    case LOCKSTEP_WORK_MIGRATE:
        lockstep_works_migrate(agent, action->ticket, action->duty);
        break;
    case LOCKSTEP_WORK_PUBLISH:
        lockstep_works_publish(agent, action->ticket, action->duty);
        break;
    case LOCKSTEP_WORK_NONE:
        UNREACHABLE("the core asks for some work");
    }
}

/* Who is told of what is live, and looks, finds it. */
static void send_with_report(struct lockstep_node_agent *agent, const struct lockstep_wire *wire)
{
    struct lockstep_link *link = agent->link;
    if (link == NULL) {
        return;
    }
    lockstep_link_hold(link, true);
    lockstep_report_now(agent);
    lockstep_driver_send(agent, wire);
    lockstep_link_hold(link, false);
}

static void send_action(struct lockstep_node_agent *agent,
                        const struct lockstep_agent_action *action)
{
    struct lockstep_wire *wire = calloc(1, sizeof(*wire));
    ASSERT(wire != NULL);
    lockstep_rows_settle_epoch(agent);
    if (agent->failed != LOCKSTEP_OK) {
        free(wire);
        return;
    }
    lockstep_agent_message(agent->core, action, &wire->message);
    if (action->message == LOCKSTEP_MESSAGE_ACK) {
        LOCKSTEP_CRASH(AGENT_BEFORE_ACK);
    }
    if (action->message == LOCKSTEP_MESSAGE_ACK || action->message == LOCKSTEP_MESSAGE_STATE) {
        send_with_report(agent, wire);
    } else {
        lockstep_driver_send(agent, wire);
    }
    if (action->message == LOCKSTEP_MESSAGE_VOTE && action->yes) {
        LOCKSTEP_CRASH(AGENT_AFTER_YES);
    }
    free(wire);
}

static void act_one(struct lockstep_node_agent *agent, const struct lockstep_agent_action *action)
{
    char id[LOCKSTEP_ID_TEXT] = "";
    if (action->duty != NULL) {
        lockstep_id_format(&action->duty->order.operation, id);
    }
    switch (action->type) {
    case LOCKSTEP_AGENT_WORK:
        begin_work(agent, action);
        break;
    case LOCKSTEP_AGENT_DROP:
        lockstep_admit_drop(agent, &action->duty->order.operation);
        lockstep_works_drop(agent, &action->duty->order.operation);
        break;
    case LOCKSTEP_AGENT_PERSIST:
        UNREACHABLE("persisting ends a list; see act_list");
    case LOCKSTEP_AGENT_NOTE:
        lockstep_rows_note(agent, action->duty, action->row);
        break;
    case LOCKSTEP_AGENT_EPOCH:
        lockstep_rows_epoch(agent);
        break;
    case LOCKSTEP_AGENT_SEND:
        send_action(agent, action);
        break;
    case LOCKSTEP_AGENT_RETIRE:
        lockstep_works_retire(agent, action->duty);
        break;
    case LOCKSTEP_AGENT_START:
        lockstep_works_start(agent, action->service);
        break;
    case LOCKSTEP_AGENT_ALARM:
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent",
                     "op-%.8s is in doubt for long: the coordinator does not answer", id);
        break;
    case LOCKSTEP_AGENT_STRANGE:
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent",
                     "the coordinator contradicts itself about op-%.8s; nothing is done", id);
        break;
    case LOCKSTEP_AGENT_REPORT:
        lockstep_report_soon(agent);
        break;
    }
}

/* Rows whose PERSISTED is due are written last, one after the other: each makes a new list. */
struct due_row {
    struct lockstep_duty *duty;
    enum lockstep_duty_row row;
};

static size_t act_list(struct lockstep_node_agent *agent, struct due_row *rows, size_t count)
{
    const struct lockstep_agent_actions *actions = agent->actions;
    for (uint32_t i = 0; i < actions->count && agent->failed == LOCKSTEP_OK; i++) {
        const struct lockstep_agent_action *action = &actions->list[i];
        if (action->type == LOCKSTEP_AGENT_PERSIST) {
            ASSERT(count < LOCKSTEP_AGENT_DUTIES);
            rows[count++] = (struct due_row){action->duty, action->row};
        } else {
            act_one(agent, action);
        }
    }
    return count;
}

void lockstep_driver_act(struct lockstep_node_agent *agent)
{
    struct due_row rows[LOCKSTEP_AGENT_DUTIES];
    size_t count = act_list(agent, rows, 0);
    while (count > 0 && agent->failed == LOCKSTEP_OK) {
        struct due_row row = rows[0];
        memmove(rows, rows + 1, --count * sizeof(rows[0]));
        lockstep_rows_persist(agent, row.duty, row.row);
        if (agent->failed == LOCKSTEP_OK) {
            count = act_list(agent, rows, count);
        }
    }
    lockstep_rows_settle_epoch(agent);
    lockstep_rows_settle_later(agent);
    lockstep_papers_sweep(agent);
    lockstep_timer_arm(agent->loop, &agent->tick, lockstep_agent_deadline(agent->core));
}

static void on_results(void *context)
{
    struct lockstep_node_agent *agent = context;
    while (agent->result_count > 0 && agent->failed == LOCKSTEP_OK) {
        struct lockstep_result_row row = agent->results[0];
        row.result.text = row.text;
        agent->result_count--;
        memmove(agent->results, agent->results + 1, agent->result_count * sizeof(row));
        lockstep_agent_worked(agent->core, lockstep_loop_now(agent->loop), &row.result,
                              agent->actions);
        lockstep_driver_act(agent);
    }
}

struct lockstep_duty *lockstep_driver_by_ticket(struct lockstep_node_agent *agent, uint32_t ticket)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES && ticket != 0; i++) {
        if (agent->core->duties[i].state != LOCKSTEP_DUTY_FREE &&
            agent->core->duties[i].ticket == ticket) {
            return &agent->core->duties[i];
        }
    }
    return NULL;
}

/* Leaves out what nobody waits for any more: orders may come and be called off in one go. */
static void drop_stale_results(struct lockstep_node_agent *agent)
{
    size_t kept = 0;
    for (size_t i = 0; i < agent->result_count; i++) {
        if (lockstep_driver_by_ticket(agent, agent->results[i].result.ticket) != NULL) {
            agent->results[kept++] = agent->results[i];
        }
    }
    agent->result_count = kept;
}

void lockstep_driver_worked(struct lockstep_node_agent *agent,
                            const struct lockstep_work_result *result)
{
    struct lockstep_result_row *row;
    if (agent->result_count == LOCKSTEP_RESULTS_MAX) {
        drop_stale_results(agent);
    }
    ASSERT(agent->result_count < LOCKSTEP_RESULTS_MAX); /* a duty has one work at a time */
    row = &agent->results[agent->result_count];
    row->result = *result;
    (void)snprintf(row->text, sizeof(row->text), "%s", result->text == NULL ? "" : result->text);
    agent->result_count++;
    lockstep_loop_post(agent->loop, &agent->results_post);
}

void lockstep_driver_cannot(struct lockstep_node_agent *agent, uint32_t ticket, enum lockstep_no no,
                            const char *format, ...)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    struct lockstep_work_result result = {.ticket = ticket, .no = no, .text = text};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    lockstep_driver_worked(agent, &result);
}

static void on_tick(void *context)
{
    struct lockstep_node_agent *agent = context;
    lockstep_agent_tick(agent->core, lockstep_loop_now(agent->loop), agent->actions);
    lockstep_driver_act(agent);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum lockstep_err make_directory(const char *path, mode_t mode, struct lockstep_error *err)
{
    return mkdir(path, mode) == 0 || errno == EEXIST
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL_ERRNO(err, "make the directory %s", path);
}

static enum lockstep_err load_bundle(struct lockstep_node_agent *agent, struct lockstep_error *err)
{
    struct lockstep_agent_bundle trust = lockstep_agent_store_trust(agent->config.store);
    if (trust.version == 0) {
        return LOCKSTEP_OK;
    }
    agent->bundle = calloc(1, sizeof(*agent->bundle));
    if (agent->bundle == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the trust bundle");
    }
    return lockstep_bundle_parse((const char *)trust.text.data, trust.text.length, agent->bundle,
                                 err);
}

/* A journal is one node's; what it was enrolled as it stays. */
static enum lockstep_err check_name(const struct lockstep_node_agent *agent,
                                    struct lockstep_error *err)
{
    const struct lockstep_agent_meta *meta = lockstep_agent_store_meta(agent->config.store);
    const struct lockstep_config_agent *config = agent->config.config;
    if (meta->enrolled && !lockstep_name_equal(&meta->name, &config->name)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "%s is the data directory of node %s, and the configuration says %s; "
                             "name it %s again, or enrol %s with a data directory of its own",
                             config->data, meta->name.text, config->name.text, meta->name.text,
                             config->name.text);
    }
    return LOCKSTEP_OK;
}

/* As if it were the coordinator's word. What is carried out already is in doubt no more. */
static void carry_out(void *context, const struct lockstep_agent_resolution *resolution)
{
    struct lockstep_node_agent *agent = context;
    const struct lockstep_duty *duty = lockstep_agent_duty(agent->core, &resolution->operation);
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_DECISION};
    char id[LOCKSTEP_ID_TEXT];
    if (duty == NULL || duty->state != LOCKSTEP_DUTY_PREPARED) {
        return;
    }
    lockstep_id_format(&resolution->operation, id);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "op-%.8s is decided by hand: %s (uid %u): %s", id,
                 resolution->commit ? "commit" : "abort", resolution->uid, resolution->reason);
    message.u.decision.operation = resolution->operation;
    message.u.decision.epoch = agent->core->epoch;
    message.u.decision.sequence = agent->core->decision_sequence;
    message.u.decision.outcome = resolution->commit ? LOCKSTEP_OUTCOME_COMMIT
                                                    : LOCKSTEP_OUTCOME_ABORT;
    lockstep_agent_receive(agent->core, lockstep_loop_now(agent->loop), &message, agent->actions);
    lockstep_driver_act(agent);
}

struct resolutions {
    struct lockstep_agent_resolution list[LOCKSTEP_AGENT_DUTIES];
    size_t count;
};

static void collect_resolution(void *context, const struct lockstep_agent_resolution *resolution)
{
    struct resolutions *all = context;
    if (all->count < LOCKSTEP_COUNT(all->list)) {
        all->list[all->count++] = *resolution;
    }
}

/* Read first: carrying one out writes. */
static enum lockstep_err carry_out_resolutions(struct lockstep_node_agent *agent,
                                               struct lockstep_error *err)
{
    struct resolutions *all = calloc(1, sizeof(*all));
    enum lockstep_err result;
    if (all == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the agent");
    }
    result = lockstep_agent_store_resolutions(agent->config.store, collect_resolution, all, err);
    for (size_t i = 0; result == LOCKSTEP_OK && i < all->count; i++) {
        carry_out(agent, &all->list[i]);
    }
    free(all);
    return result;
}

static enum lockstep_err start(struct lockstep_node_agent *agent, struct lockstep_error *err)
{
    const struct lockstep_config_agent *config = agent->config.config;
    struct lockstep_time now = lockstep_loop_now(agent->loop);
    char path[4096];
    agent->core = calloc(1, sizeof(*agent->core));
    agent->modules = calloc(LOCKSTEP_NODE_MODULES_MAX, sizeof(*agent->modules));
    agent->actions = calloc(1, sizeof(*agent->actions));
    agent->papers = calloc(LOCKSTEP_AGENT_DUTIES, sizeof(*agent->papers));
    agent->copies = calloc(LOCKSTEP_COPIES_MAX, sizeof(*agent->copies));
    agent->codec = lockstep_wire_codec_new();
    if (agent->core == NULL || agent->modules == NULL || agent->actions == NULL ||
        agent->papers == NULL || agent->copies == NULL || agent->codec == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the agent");
    }
    LOCKSTEP_TRY(check_name(agent, err));
    LOCKSTEP_TRY(make_directory(config->run, 0700, err));
    (void)snprintf(path, sizeof(path), "%s/store", config->data);
    LOCKSTEP_TRY(lockstep_artifacts_open(path, &agent->artifacts, err));
    LOCKSTEP_TRY(load_bundle(agent, err));
    lockstep_agent_init(agent->core, &config->settings, agent->modules, LOCKSTEP_NODE_MODULES_MAX);
    lockstep_driver_add_services(agent, now);
    LOCKSTEP_TRY(lockstep_agent_store_load(agent->config.store, agent->core, now, err));
    lockstep_papers_restore(agent);
    LOCKSTEP_TRY(lockstep_copies_open(agent, err));
    lockstep_collect(agent);
    LOCKSTEP_TRY(lockstep_works_open(agent, err));
    LOCKSTEP_TRY(lockstep_driver_open_hosts(agent, err));
    LOCKSTEP_TRY(lockstep_driver_open_health(agent, err));
    LOCKSTEP_TRY(lockstep_joints_open(agent, err));
    LOCKSTEP_TRY(carry_out_resolutions(agent, err));
    LOCKSTEP_TRY(lockstep_session_dial(agent, err));
    lockstep_timer_arm(agent->loop, &agent->tick, lockstep_agent_deadline(agent->core));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_node_agent_new(struct lockstep_loop *loop,
                                          const struct lockstep_node_agent_config *config,
                                          struct lockstep_node_agent **ret_agent,
                                          struct lockstep_error *err)
{
    struct lockstep_node_agent *agent = calloc(1, sizeof(*agent));
    enum lockstep_err result;
    if (agent == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the agent");
    }
    agent->loop = loop;
    agent->config = *config;
    agent->gen_fd = -1;
    agent->heartbeat_ms = config->config->settings.heartbeat;
    agent->tick = (struct lockstep_timer){.due = on_tick, .context = agent};
    agent->heartbeat = (struct lockstep_timer){.due = lockstep_report_heartbeat, .context = agent};
    agent->report = (struct lockstep_timer){.due = lockstep_report_send, .context = agent};
    agent->collecting = (struct lockstep_timer){.due = lockstep_rows_collect, .context = agent};
    agent->settle = (struct lockstep_timer){.due = lockstep_rows_settle, .context = agent};
    agent->results_post = (struct lockstep_post){.arrived = on_results, .context = agent};
    agent->jobs_post = (struct lockstep_post){.arrived = lockstep_admit_continue, .context = agent};
    agent->redial = (struct lockstep_post){.arrived = lockstep_session_redial, .context = agent};
    agent->failed_starts = (struct lockstep_post){.arrived = lockstep_driver_failed_starts,
                                                  .context = agent};
    result = start(agent, err);
    if (result != LOCKSTEP_OK) {
        (void)lockstep_node_agent_free(agent);
        return result;
    }
    *ret_agent = agent;
    return LOCKSTEP_OK;
}

void lockstep_node_agent_stop_hosts(struct lockstep_node_agent *agent)
{
    lockstep_hosts_shutdown_all(agent->hosts);
}

struct lockstep_node_agent *lockstep_node_agent_free(struct lockstep_node_agent *agent)
{
    if (agent == NULL) {
        return NULL;
    }
    (void)lockstep_dialler_free(agent->dialler);
    if (agent->hosts != NULL) {
        lockstep_rows_settle(agent);
    }
    lockstep_driver_close_health(agent);
    lockstep_joints_free(agent);
    (void)lockstep_probes_free(agent->probes);
    (void)lockstep_hosts_free(agent->hosts);
    lockstep_loop_unpost(agent->loop, &agent->failed_starts);
    lockstep_loop_unpost(agent->loop, &agent->redial);
    lockstep_loop_unpost(agent->loop, &agent->jobs_post);
    lockstep_loop_unpost(agent->loop, &agent->results_post);
    lockstep_timer_disarm(agent->loop, &agent->tick);
    lockstep_timer_disarm(agent->loop, &agent->heartbeat);
    lockstep_timer_disarm(agent->loop, &agent->report);
    lockstep_timer_disarm(agent->loop, &agent->settle);
    lockstep_timer_disarm(agent->loop, &agent->collecting);
    (void)lockstep_artifact_end(agent->fetch.write);
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        lockstep_works_end_trial(&agent->trials[i]);
    }
    (void)lockstep_artifacts_close(agent->artifacts);
    (void)lockstep_wire_codec_free(agent->codec);
    if (agent->gen_fd >= 0) {
        (void)close(agent->gen_fd);
    }
    free(agent->quarantine);
    free(agent->bundle);
    free(agent->core);
    free(agent->modules);
    free(agent->actions);
    free(agent->papers);
    free(agent->copies);
    lockstep_manifests_free(agent);
    free(agent);
    return NULL;
}
