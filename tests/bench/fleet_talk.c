/* What the agents of a measurement say, and what is counted of it. */
#include "tests/bench/fleet_agents.h"

#include <string.h>

#define PULSE_MS     2
#define REPORT_EVERY 2 /* heartbeats, as an agent */

enum { PREPARES, VOTES, COMMITS, ACKS };

static void count(struct bench_agent *agent, unsigned what, size_t size)
{
    struct bench_operation *operation = &agent->fleet->operation;
    operation->messages[what]++;
    operation->bytes[what] += size;
}

/* ---- coming --------------------------------------------------------------------------------- */

static void say_state(struct bench_agent *agent, const struct lockstep_welcome *welcome)
{
    static struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_STATE};
    struct lockstep_state *state = &wire.message.u.state;
    uint8_t secret[LOCKSTEP_NOISE_KEY];
    bench_agent_secret(agent->number, secret);
    memcpy(state->journal.bytes, secret, LOCKSTEP_ID_BYTES);
    state->epoch = welcome->epoch;
    state->decision_sequence = welcome->decision_sequence;
    state->live_count = agent->live.generation == 0 ? 0 : 1;
    state->live[0] = agent->live;
    agent->fleet->heartbeat_ms = welcome->heartbeat_ms;
    (void)bench_send(agent, &wire);
}

static void get_ready(struct bench_agent *agent)
{
    agent->backoff_ms = agent->fleet->settings.reconnect_first;
    if (agent->state != BENCH_READY) {
        agent->state = BENCH_READY;
        agent->fleet->ready++;
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

static void vote(struct bench_agent *agent, const struct lockstep_prepare *prepare, size_t size)
{
    static struct lockstep_wire wire = {
        .message = {.type = LOCKSTEP_MESSAGE_VOTE, .u.vote.yes = true}};
    struct bench_operation *operation = &agent->fleet->operation;
    if (!lockstep_id_equal(&operation->id, &prepare->operation)) {
        double begin = operation->cpu_begin;
        memset(operation, 0, sizeof(*operation));
        operation->id = prepare->operation;
        operation->cpu_begin = begin;
        operation->cpu_prepare = bench_cpu_ms(agent->fleet);
    }
    bench_must(prepare->item_count == 1, "an operation of more than one module");
    agent->promised = prepare->items[0];
    count(agent, PREPARES, size);
    wire.message.u.vote.operation = prepare->operation;
    wire.message.u.vote.epoch = prepare->epoch;
    count(agent, VOTES, bench_send(agent, &wire));
}

static void apply(struct bench_agent *agent, const struct lockstep_decision *decision, size_t size)
{
    static struct lockstep_wire wire = {
        .message = {.type = LOCKSTEP_MESSAGE_ACK,
                    .u.ack = {.applied = LOCKSTEP_APPLIED_APPLIED, .live_count = 1}}};
    struct bench_operation *operation = &agent->fleet->operation;
    bench_must(decision->outcome == LOCKSTEP_OUTCOME_COMMIT, "an operation was not committed");
    if (operation->messages[COMMITS] == 0) {
        operation->cpu_commit = bench_cpu_ms(agent->fleet);
    }
    count(agent, COMMITS, size);
    if (agent->live.generation != agent->promised.generation) {
        agent->commits++;
    }
    agent->live = (struct lockstep_live){.module = agent->promised.module,
                                         .generation = agent->promised.generation,
                                         .digest = agent->promised.digest};
    wire.message.u.ack.operation = decision->operation;
    wire.message.u.ack.epoch = decision->epoch;
    wire.message.u.ack.live[0] = agent->live;
    count(agent, ACKS, bench_send(agent, &wire));
}

void bench_hear(struct bench_agent *agent, const struct lockstep_wire *wire, size_t size)
{
    switch ((unsigned)wire->message.type) {
    case LOCKSTEP_MESSAGE_WELCOME:
        say_state(agent, &wire->message.u.welcome);
        break;
    case LOCKSTEP_MESSAGE_READY:
        get_ready(agent);
        break;
    case LOCKSTEP_MESSAGE_PREPARE:
        vote(agent, &wire->message.u.prepare, size);
        break;
    case LOCKSTEP_MESSAGE_DECISION:
        apply(agent, &wire->message.u.decision, size);
        break;
    case LOCKSTEP_MESSAGE_REFUSED:
        bench_must(false, wire->u.refused.reason);
        break;
    default:
        break;
    }
}

/* ---- at rest -------------------------------------------------------------------------------- */

/* The two versions take turns, and the first is 1.0.0. */
static void report(struct bench_agent *agent)
{
    static struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_REPORT};
    struct lockstep_wire_module module = {.module = agent->live.module,
                                          .service = {"default"},
                                          .generation = agent->live.generation,
                                          .digest = agent->live.digest,
                                          .gate = LOCKSTEP_GATE_OPEN,
                                          .disk = LOCKSTEP_DISK_LOADED,
                                          .hosts = 1};
    (void)snprintf(module.version, sizeof(module.version), "%u.0.0",
                   agent->commits % 2 == 1 ? 1U : 2U);
    wire.u.report.modules = &module;
    wire.u.report.module_count = agent->live.generation == 0 ? 0 : 1;
    wire.u.report.died = "";
    (void)bench_send(agent, &wire);
}

static void beat(struct bench_agent *agent)
{
    static struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_HEARTBEAT};
    if (agent->state != BENCH_READY) {
        return;
    }
    wire.message.u.heartbeat.sequence = ++agent->beats;
    (void)bench_send(agent, &wire);
    if (agent->beats % REPORT_EVERY == 0) {
        report(agent);
    }
}

static void on_pulse(void *context)
{
    struct bench_fleet *fleet = context;
    uint64_t passed = lockstep_monotonic_us() - fleet->beats_from_us;
    uint64_t due = passed * fleet->count / (fleet->heartbeat_ms * 1000);
    while (fleet->beats < due) {
        beat(&fleet->agents[fleet->beats++ % fleet->count]);
    }
    lockstep_timer_arm(fleet->loop, &fleet->pulse,
                       lockstep_time_after(lockstep_loop_now(fleet->loop), PULSE_MS));
}

void bench_begin_beating(struct bench_fleet *fleet)
{
    fleet->beats_from_us = lockstep_monotonic_us();
    fleet->pulse = (struct lockstep_timer){.due = on_pulse, .context = fleet};
    on_pulse(fleet);
}
