/* Stories of an agent's core: one module `pay` of service `default`, versions v1 …. */
#include "agent/core/finding.h"
#include "tests/story/story.h"

#include <string.h>

static struct lockstep_agent agent;
static struct lockstep_agent_module modules[4];
static struct lockstep_time now = {1000};
static uint32_t ticket;
static struct lockstep_id waiting;    /* the operation whose row was asked for */
static struct lockstep_prepare asked; /* and its order, as it was then */
static const struct lockstep_name pay = {"pay"};

static const char *work_text(enum lockstep_work work)
{
    static const char *const texts[] = {"nothing", "admit", "probe", "map", "migrate", "publish"};
    return texts[work];
}

static void say_send(const struct lockstep_agent_action *action)
{
    struct lockstep_message message;
    lockstep_agent_message(&agent, action, &message);
    switch ((unsigned)message.type) {
    case LOCKSTEP_MESSAGE_STATE:
        story_say("send STATE runs %s, %u open", story_digest_text(&message.u.state.live[0].digest),
                  message.u.state.open_count);
        break;
    case LOCKSTEP_MESSAGE_VOTE:
        story_say("send %s %s %s", story_operation_text(&message.u.vote.operation),
                  message.u.vote.yes ? "YES" : "NO",
                  message.u.vote.yes ? "" : lockstep_no_name(message.u.vote.no));
        break;
    case LOCKSTEP_MESSAGE_ACK:
        story_say("send %s %s %s", story_operation_text(&message.u.ack.operation),
                  lockstep_applied_text(message.u.ack.applied),
                  message.u.ack.no == LOCKSTEP_NO_UNSPECIFIED
                      ? (message.u.ack.live_count > 0
                             ? story_digest_text(&message.u.ack.live[0].digest)
                             : "")
                      : lockstep_no_name(message.u.ack.no));
        break;
    default:
        story_say("send %s QUERY", story_operation_text(&message.u.query.operation));
        break;
    }
}

static void act(const struct lockstep_agent_actions *actions)
{
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct lockstep_agent_action *action = &actions->list[i];
        const char *operation = action->duty == NULL
                                    ? ""
                                    : story_operation_text(&action->duty->order.operation);
        switch (action->type) {
        case LOCKSTEP_AGENT_WORK:
            ticket = action->ticket;
            story_say("%s %s", work_text(action->work), operation);
            break;
        case LOCKSTEP_AGENT_DROP:
            story_say("drop %s", operation);
            break;
        case LOCKSTEP_AGENT_PERSIST:
            waiting = action->duty->order.operation;
            asked = action->duty->order;
            story_say("write %s %s", operation, lockstep_duty_row_name(action->row));
            break;
        case LOCKSTEP_AGENT_NOTE:
            story_say("note %s %s", operation, lockstep_duty_row_name(action->row));
            break;
        case LOCKSTEP_AGENT_EPOCH:
            story_say("write epoch %llu%s", (unsigned long long)agent.epoch,
                      agent.decision_sequence > 0 ? ", and the decision's number" : "");
            break;
        case LOCKSTEP_AGENT_SEND:
            say_send(action);
            break;
        case LOCKSTEP_AGENT_RETIRE:
            story_say("retire what %s replaced", operation);
            break;
        case LOCKSTEP_AGENT_START:
            story_say("start the host with %s", story_digest_text(&modules[0].current.digest));
            break;
        case LOCKSTEP_AGENT_ALARM:
            story_say("alarm: %s is in doubt", operation);
            break;
        case LOCKSTEP_AGENT_STRANGE:
            story_say("strange: %s", operation);
            break;
        case LOCKSTEP_AGENT_REPORT:
            break;
        }
    }
}

static void begin(const struct story_command *command)
{
    static const struct lockstep_name service = {"default"};
    struct lockstep_defaults settings;
    struct lockstep_agent_module *module;
    const char *before = story_value(command, "before", NULL);
    lockstep_defaults_init(&settings);
    lockstep_agent_init(&agent, &settings, modules, LOCKSTEP_COUNT(modules));
    module = lockstep_agent_add_module(&agent, &pay);
    module->service = lockstep_agent_add_service(&agent, &service, true, now);
    module->current.digest = story_digest(story_value(command, "runs", "v1"));
    module->has_previous = before != NULL;
    module->previous.digest = story_digest(before == NULL ? "none" : before);
    module->generation = story_number(story_value(command, "generation", "0"));
    module->current.generation = module->generation;
}

/* What a journal keeps of the agent beside its duties. */
static void begin_again(void)
{
    static const struct lockstep_name service = {"default"};
    struct lockstep_agent before = agent;
    struct lockstep_agent_module module = modules[0];
    lockstep_agent_init(&agent, &before.settings, modules, LOCKSTEP_COUNT(modules));
    agent.epoch = before.epoch;
    agent.decision_sequence = before.decision_sequence;
    agent.refused = before.refused;
    agent.refused_count = before.refused_count;
    module.loaded = (struct lockstep_version){0};
    module.service = lockstep_agent_add_service(&agent, &service, false, now);
    *lockstep_agent_add_module(&agent, &pay) = module;
}

/* The agent is killed, and started again with the duty of its journal's row; NONE: it has none. */
static void restart(const struct story_command *command)
{
    const struct lockstep_duty *duty = lockstep_agent_duty(&agent, &waiting);
    const char *name = story_value(command, "row", "PREPARED");
    struct lockstep_prepare order = duty != NULL ? duty->order : asked;
    if (order.item_count == 0 && strcmp(name, "NONE") != 0) {
        story_wrong("no row was written for what the agent starts with", command->words[0]);
    }
    begin_again();
    for (enum lockstep_duty_row row = LOCKSTEP_DUTY_ROW_PREPARED; row <= LOCKSTEP_DUTY_ROW_APPLIED;
         row++) {
        if (strcmp(lockstep_duty_row_name(row), name) == 0) {
            (void)lockstep_agent_restore(&agent, now, &order, row);
        }
    }
}

static void host_up(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    const struct lockstep_version *current = &modules[0].current;
    const char *version = story_value(command, "runs", story_digest_text(&current->digest));
    const char *generation = story_value(command, "generation", NULL);
    struct lockstep_live live = {
        pay, generation == NULL ? current->generation : story_number(generation),
        story_digest(version)};
    lockstep_agent_host_up(&agent, now, 0, &live, 1, actions);
}

static void prepare(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_PREPARE};
    struct lockstep_prepare *order = &message.u.prepare;
    const char *parent = story_value(command, "parent", NULL);
    order->operation = story_operation(command->words[1]);
    order->epoch = story_number(story_value(command, "epoch", "7"));
    order->kind = lockstep_kind_parse(story_value(command, "kind", "reload"));
    order->prepare_ms = 1000;
    order->again = story_value(command, "again", NULL) != NULL;
    order->item_count = 1;
    order->items[0].module = pay;
    order->items[0].generation = story_number(story_value(command, "generation", "1"));
    order->items[0].digest = story_digest(story_value(command, "version", "v2"));
    order->items[0].leaving = story_digest(story_value(command, "leaving", "none"));
    if (story_value(command, "twice", NULL) != NULL) {
        order->items[order->item_count++] = order->items[0];
    }
    if (parent != NULL) {
        order->parent = story_operation(parent);
    }
    lockstep_agent_receive(&agent, now, &message, actions);
}

static void outcome(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    static const char *const texts[] = {"", "pending", "commit", "abort", "superseded", "final"};
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_OUTCOME};
    for (unsigned i = 1; i < LOCKSTEP_COUNT(texts); i++) {
        if (strcmp(texts[i], command->words[0]) == 0) {
            message.u.decision.outcome = (enum lockstep_outcome)i;
        }
    }
    if (message.u.decision.outcome == LOCKSTEP_OUTCOME_UNSPECIFIED) {
        story_wrong("unknown command", command->words[0]);
    }
    message.u.decision.operation = story_operation(command->words[1]);
    message.u.decision.epoch = story_number(story_value(command, "epoch", "7"));
    message.u.decision.sequence = story_number(story_value(command, "sequence", "0"));
    lockstep_agent_receive(&agent, now, &message, actions);
}

static void worked(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    struct lockstep_work_result result = {.ticket = ticket, .ok = true};
    result.stateful = command->count > 1 && strcmp(command->words[1], "stateful") == 0;
    if (strcmp(command->words[0], "cannot") == 0) {
        result.ok = false;
        result.no = lockstep_no_parse(command->words[1]);
    }
    lockstep_agent_worked(&agent, now, &result, actions);
}

static void wait_ms(uint64_t ms, struct lockstep_agent_actions *actions)
{
    struct lockstep_time end = lockstep_time_after(now, ms);
    while (now.ms < end.ms) {
        struct lockstep_time next = lockstep_agent_deadline(&agent);
        now = lockstep_time_set(next) && next.ms <= end.ms
                  ? (next.ms > now.ms ? next : lockstep_time_after(now, 1))
                  : end;
        lockstep_agent_tick(&agent, now, actions);
        act(actions);
        actions->count = 0;
    }
}

static void unhealthy(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    struct lockstep_finding finding = {.module = &pay,
                                       .no = lockstep_no_parse(command->words[1]),
                                       .text = "a check failed",
                                       .since = now,
                                       .begun = now};
    finding.since.ms = story_number(story_value(command, "since", "0"));
    finding.since = finding.since.ms == 0 ? now : finding.since;
    lockstep_agent_unhealthy(&agent, now, &finding, actions);
}

/* The driver has written down that nobody may run a version here. */
static void note_bad(const struct story_command *command)
{
    static struct lockstep_digest bad[4];
    if (agent.refused_count == LOCKSTEP_COUNT(bad)) {
        story_wrong("too many bad versions", command->words[0]);
    }
    bad[agent.refused_count++] = story_digest(story_value(command, "version", "v1"));
    agent.refused = bad;
}

/* The link stands and the coordinator has said WELCOME. */
static void link_up(const struct story_command *command, struct lockstep_agent_actions *actions)
{
    struct lockstep_welcome welcome = {.epoch = story_number(story_value(command, "epoch", "7"))};
    lockstep_agent_welcome(&agent, now, &welcome, actions);
}

void story_agent(const struct story_command *command)
{
    static struct lockstep_agent_actions actions;
    const char *verb = command->words[0];
    actions.count = 0;
    if (strcmp(verb, "node") == 0) {
        begin(command);
    } else if (strcmp(verb, "restart") == 0) {
        restart(command);
    } else if (strcmp(verb, "host-up") == 0) {
        host_up(command, &actions);
    } else if (strcmp(verb, "host-dies") == 0) {
        lockstep_agent_host_lost(&agent, now, 0, &actions);
    } else if (strcmp(verb, "host-not-started") == 0) {
        lockstep_agent_not_started(&agent, now, 0);
    } else if (strcmp(verb, "unhealthy") == 0) {
        unhealthy(command, &actions);
    } else if (strcmp(verb, "bad") == 0) {
        note_bad(command);
    } else if (strcmp(verb, "link-up") == 0) {
        link_up(command, &actions);
    } else if (strcmp(verb, "link-down") == 0) {
        lockstep_agent_link_down(&agent);
    } else if (strcmp(verb, "prepare") == 0) {
        prepare(command, &actions);
    } else if (strcmp(verb, "done") == 0 || strcmp(verb, "cannot") == 0) {
        worked(command, &actions);
    } else if (strcmp(verb, "written") == 0 || strcmp(verb, "not-written") == 0) {
        lockstep_agent_persisted(&agent, now, &waiting, strcmp(verb, "written") == 0, &actions);
    } else if (strcmp(verb, "wait") == 0) {
        wait_ms(story_number(command->words[1]), &actions);
    } else {
        outcome(command, &actions);
    }
    act(&actions);
}
