/* Stories of the coordinator's core: one module `pay`, nodes n0 …, versions v1 …. */
#include "coordinator/core/admission.h"
#include "tests/story/story.h"

#include <stdlib.h>
#include <string.h>

#define NODES   8
#define UNKNOWN "unknown" /* runs=: the node does not know the module, and says nothing of it */

static struct lockstep_fleet fleet;
static struct lockstep_node nodes[NODES];
static struct lockstep_live live[NODES];
static struct lockstep_module modules[4];
static struct lockstep_time now = {1000};
static const struct lockstep_name pay = {"pay"};

static struct lockstep_operation *new_operation(bool with_spare)
{
    struct lockstep_operation *operation = calloc(1, sizeof(*operation));
    if (operation == NULL) {
        abort();
    }
    operation->parts = calloc(NODES, sizeof(*operation->parts));
    operation->starts = calloc(NODES, sizeof(*operation->starts));
    operation->spare = with_spare ? new_operation(false) : NULL;
    return operation;
}

static void free_operation(struct lockstep_operation *operation)
{
    if (operation != NULL) {
        free_operation(operation->spare);
        free(operation->parts);
        free(operation->starts);
        free(operation);
    }
}

static const char *due_text(enum lockstep_due due, const struct lockstep_message *message)
{
    if (due == LOCKSTEP_DUE_DECISION) {
        return lockstep_outcome_text(message->u.decision.outcome);
    }
    return lockstep_message_name(message->type);
}

static void send_due(struct lockstep_operation *operation)
{
    uint32_t cursor = 0;
    enum lockstep_due due;
    int64_t part;
    while ((part = lockstep_operation_next_due(operation, &cursor, &due)) >= 0) {
        struct lockstep_message message;
        lockstep_operation_message(operation, (uint32_t)part, due, &message);
        story_say(
            "send n%u %s %s%s%s", operation->parts[part].node, story_operation_text(&operation->id),
            due_text(due, &message), due == LOCKSTEP_DUE_PREPARE ? " " : "",
            due == LOCKSTEP_DUE_PREPARE ? story_digest_text(&message.u.prepare.items[0].digest)
                                        : "");
    }
}

static void act(struct lockstep_fleet_actions *actions)
{
    for (uint32_t i = 0; i < actions->count; i++) {
        struct lockstep_fleet_action *action = &actions->list[i];
        switch (action->type) {
        case LOCKSTEP_FLEET_COMPENSATE:
        case LOCKSTEP_FLEET_PERSIST:
            story_say("write %s %s%s", story_operation_text(&action->operation->id),
                      lockstep_row_text(lockstep_operation_row(action->operation)),
                      action->child != NULL ? " and its compensation's OPEN" : "");
            break;
        case LOCKSTEP_FLEET_SEND:
            send_due(action->operation);
            break;
        case LOCKSTEP_FLEET_SAY:
            story_say("answer n%u %s %s", action->node, story_operation_text(&action->id),
                      lockstep_outcome_text(action->outcome));
            break;
        case LOCKSTEP_FLEET_LOOK_UP:
            story_say("look up %s", story_operation_text(&action->id));
            break;
        case LOCKSTEP_FLEET_READY:
            story_say("ready n%u", action->node);
            break;
        case LOCKSTEP_FLEET_CLOSE:
            story_say("close n%u", action->node);
            break;
        case LOCKSTEP_FLEET_CHANGED:
            story_say("%s is %s", story_operation_text(&action->operation->id),
                      lockstep_operation_word(action->operation));
            break;
        case LOCKSTEP_FLEET_ENDED:
            story_say("%s is over", story_operation_text(&action->operation->id));
            free_operation(action->operation);
            break;
        case LOCKSTEP_FLEET_ISOLATION:
            story_say("%s", lockstep_time_set(fleet.isolated) ? "isolated" : "isolated no more");
            break;
        case LOCKSTEP_FLEET_ROLLBACK:
            story_say("n%u knows more: read-only", action->node);
            break;
        case LOCKSTEP_FLEET_PARTS:
            break;
        }
    }
}

static void begin(const struct story_command *command)
{
    struct lockstep_defaults settings;
    lockstep_defaults_init(&settings);
    settings.catch_up = story_number(story_value(command, "catch-up", "5"));
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        free_operation(fleet.operations[i]); /* of a coordinator that starts again */
    }
    fleet.nodes = nodes;
    fleet.node_count = (uint32_t)story_number(command->words[1]);
    fleet.modules = modules;
    fleet.module_max = LOCKSTEP_COUNT(modules);
    lockstep_fleet_init(&fleet, &settings, 7, 0, now);
    for (uint32_t i = 0; i < fleet.node_count; i++) {
        nodes[i].live = &live[i];
        live[i].module = pay;
        live[i].digest = story_digest("v1");
    }
}

static uint32_t node_of(const char *text)
{
    uint64_t node = story_number(text + 1);
    if (text[0] != 'n' || node >= fleet.node_count) {
        story_wrong("no such node", text);
    }
    return (uint32_t)node;
}

/* A node joins: link, STATE with what it runs. */
static void join(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    uint32_t node = node_of(command->words[1]);
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_STATE};
    const char *open = story_value(command, "open", NULL);
    const char *runs = story_value(command, "runs", story_digest_text(&live[node].digest));
    bool knows = strcmp(runs, UNKNOWN) != 0;
    live[node].digest = story_digest(knows ? runs : "none");
    live[node].generation = story_number(story_value(command, "generation", "0"));
    nodes[node].live_count = knows ? 1 : 0;
    message.u.state.journal.bytes[0] = (uint8_t)(100 + story_number(
                                                           story_value(command, "journal", "0")));
    message.u.state.epoch = story_number(story_value(command, "epoch", "0"));
    message.u.state.live_count = nodes[node].live_count;
    message.u.state.live[0] = live[node];
    if (open != NULL) {
        message.u.state.open[message.u.state.open_count++].operation = story_operation(open);
    }
    lockstep_fleet_link_up(&fleet, now, node);
    lockstep_fleet_receive(&fleet, now, node, &message, actions);
}

static void open_operation(const struct story_command *command,
                           struct lockstep_fleet_actions *actions)
{
    static uint32_t selected[NODES];
    static uint32_t roster[NODES];
    static struct lockstep_digest targets[NODES];
    struct lockstep_request request = {
        .operation = story_operation(command->words[1]),
        .strategy = lockstep_strategy_parse(command->words[2]),
        .offline = lockstep_offline_parse(story_value(command, "offline", "fail"))};
    struct lockstep_operation_options *options = &request.options;
    struct lockstep_plan plan = {.roster = roster};
    const char *only = story_value(command, "node", NULL);
    const char *most = story_value(command, "max-fail", NULL);
    const char *module = story_value(command, "module", NULL);
    request.kind = lockstep_kind_parse(story_value(command, "kind", "reload"));
    request.verdict = story_value(command, "ambiguous", NULL) == NULL
                          ? LOCKSTEP_RECONCILE_REPAIR
                          : LOCKSTEP_RECONCILE_AMBIGUOUS;
    request.install = story_value(command, "install", NULL) != NULL;
    options->on_failure = lockstep_on_failure_parse(story_value(command, "on-failure", "rollback"));
    options->prepare_ms = story_number(story_value(command, "prepare", "1000"));
    options->fetch_ms = 1000;
    options->commit_deadline_ms = 1500;
    options->require_calls = story_number(story_value(command, "calls", "0"));
    options->soak_ms = story_number(story_value(command, "soak", "0"));
    options->window_ms = 5000;
    options->deadline_ms = 60000;
    options->resend_first_ms = 300;
    options->resend_last_ms = 2000;
    for (uint32_t i = 0; i < fleet.node_count; i++) {
        if (only == NULL || node_of(only) == i) {
            targets[request.selected_count] = story_digest(story_value(command, "to", "none"));
            selected[request.selected_count++] = i;
        }
    }
    request.selected = selected;
    request.targets = targets;
    request.item_count = 1;
    request.items[0].module = pay;
    if (module != NULL && !lockstep_name_parse(module, &request.items[0].module)) {
        story_wrong("no name of a module", module);
    }
    if (most != NULL) {
        request.max_fail_given = true;
        options->max_fail = (uint32_t)story_number(most);
    }
    request.items[0].digest = story_digest(story_value(command, "version", "v2"));
    request.items[0].leaving = story_digest(story_value(command, "leaving", "none"));
    lockstep_fleet_plan(&fleet, &request, &plan);
    story_say("%s: %u of %u reachable, need %u", lockstep_admission_name(plan.admission),
              plan.reachable, plan.n, plan.need);
    if (plan.cordoned > 0) {
        story_say("%u cordoned", plan.cordoned);
    }
    if (plan.admission == LOCKSTEP_ADMISSION_ADMITTED) {
        lockstep_fleet_open(&fleet, now, &request, &plan, new_operation(true), actions);
    }
}

static struct lockstep_operation *operation_of(const char *text)
{
    struct lockstep_id id = story_operation(text);
    struct lockstep_operation *operation = lockstep_fleet_operation(&fleet, &id);
    if (operation == NULL) {
        story_wrong("no such operation in memory", text);
    }
    return operation;
}

/* What the node says that it runs: what was ordered, or what runs= says. */
static void report_live(const struct story_command *command,
                        const struct lockstep_operation *operation, struct lockstep_ack *ack)
{
    const struct lockstep_item *item = &operation->items[0];
    const struct lockstep_digest *ordered = lockstep_operation_goes_back(operation)
                                                ? &operation->starts[0]
                                                : &item->digest;
    const char *runs = story_value(command, "runs", story_digest_text(ordered));
    if (strcmp(runs, UNKNOWN) != 0) {
        ack->live_count = 1;
        ack->live[0] = (struct lockstep_live){item->module, item->generation, story_digest(runs)};
    }
}

static enum lockstep_applied applied_of(const char *verb)
{
    static const struct {
        const char *verb;
        enum lockstep_applied applied;
    } rows[] = {{"applied", LOCKSTEP_APPLIED_APPLIED},
                {"not-applied", LOCKSTEP_APPLIED_NOT_APPLIED},
                {"failed", LOCKSTEP_APPLIED_FAILED},
                {"fell-back", LOCKSTEP_APPLIED_FELL_BACK}};
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        if (strcmp(verb, rows[i].verb) == 0) {
            return rows[i].applied;
        }
    }
    story_wrong("nodes do not do that", verb);
    return LOCKSTEP_APPLIED_UNSPECIFIED;
}

/* n1 yes op1 | n1 no op1 SYMBOL | n1 applied op1 | n1 failed op1 CRASHED | n1 asks op1 */
static void hear(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    uint32_t node = node_of(command->words[0]);
    const char *verb = command->words[1];
    struct lockstep_id id = story_operation(command->words[2]);
    enum lockstep_no no = command->count > 3 ? lockstep_no_parse(command->words[3])
                                             : LOCKSTEP_NO_UNSPECIFIED;
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_VOTE};
    if (strcmp(verb, "yes") == 0 || strcmp(verb, "no") == 0) {
        message.u.vote.operation = id;
        message.u.vote.epoch = fleet.epoch;
        message.u.vote.yes = strcmp(verb, "yes") == 0;
        message.u.vote.no = no;
    } else if (strcmp(verb, "called") == 0) {
        const struct lockstep_item *item = &operation_of(command->words[2])->items[0];
        struct lockstep_called called = {item->module, item->digest,
                                         story_number(command->words[3])};
        lockstep_fleet_called(&fleet, now, node, &called, 1, actions);
        return;
    } else if (strcmp(verb, "asks") == 0) {
        message.type = LOCKSTEP_MESSAGE_QUERY;
        message.u.query.operation = id;
    } else {
        message.type = LOCKSTEP_MESSAGE_ACK;
        message.u.ack.operation = id;
        message.u.ack.no = no;
        message.u.ack.applied = applied_of(verb);
        report_live(command, operation_of(command->words[2]), &message.u.ack);
    }
    lockstep_fleet_receive(&fleet, now, node, &message, actions);
}

/* Time passes, with a tick whenever the core asks for one. */
static void wait_ms(uint64_t ms, struct lockstep_fleet_actions *actions)
{
    struct lockstep_time end = lockstep_time_after(now, ms);
    while (now.ms < end.ms) {
        struct lockstep_time next = lockstep_fleet_deadline(&fleet);
        now = lockstep_time_set(next) && next.ms <= end.ms
                  ? (next.ms > now.ms ? next : lockstep_time_after(now, 1))
                  : end;
        for (uint32_t i = 0; i < fleet.node_count; i++) {
            if (nodes[i].connected) {
                nodes[i].heard = now; /* who is connected sends heartbeats */
            }
        }
        lockstep_fleet_tick(&fleet, now, actions);
        act(actions);
        actions->count = 0;
    }
}

void story_coordinator(const struct story_command *command)
{
    static struct lockstep_fleet_actions actions;
    const char *verb = command->words[0];
    actions.count = 0;
    if (strcmp(verb, "fleet") == 0) {
        begin(command);
    } else if (strcmp(verb, "join") == 0) {
        join(command, &actions);
    } else if (strcmp(verb, "leave") == 0) {
        lockstep_fleet_link_down(&fleet, now, node_of(command->words[1]));
    } else if (strcmp(verb, "open") == 0) {
        open_operation(command, &actions);
    } else if (strcmp(verb, "written") == 0) {
        lockstep_fleet_persisted(&fleet, now, operation_of(command->words[1]), &actions);
    } else if (strcmp(verb, "abort") == 0) {
        lockstep_fleet_abort(&fleet, now, operation_of(command->words[1]), &actions);
    } else if (strcmp(verb, "cordon") == 0 || strcmp(verb, "uncordon") == 0) {
        lockstep_fleet_cordon(&fleet, now, node_of(command->words[1]), verb[0] == 'c', &actions);
    } else if (strcmp(verb, "revoke") == 0) {
        lockstep_fleet_forget(&fleet, now, node_of(command->words[1]), "revoked by ana", &actions);
    } else if (strcmp(verb, "replace") == 0) {
        const char *owes = story_value(command, "owes", NULL);
        struct lockstep_id id = {{0}};
        const struct lockstep_replacement replacement = {.node = node_of(command->words[1]),
                                                         .why = "admitted by ana",
                                                         .owed = &id,
                                                         .owed_count = owes == NULL ? 0 : 1};
        id = owes == NULL ? id : story_operation(owes);
        lockstep_fleet_replace(&fleet, now, &replacement, &actions);
        nodes[replacement.node].live = &live[replacement.node];
    } else if (strcmp(verb, "cause") == 0) {
        const struct lockstep_cause *cause = &operation_of(command->words[1])->cause;
        story_say("%s n%u %s", lockstep_no_name(cause->no), cause->node, cause->text);
    } else if (strcmp(verb, "undecided") == 0) {
        const struct lockstep_operation *operation = lockstep_fleet_undecided(
            &fleet, node_of(command->words[1]));
        story_say("%s", operation == NULL ? "none" : story_operation_text(&operation->id));
    } else if (strcmp(verb, "accept-loss") == 0) {
        lockstep_fleet_accept_loss(&fleet, now, &actions);
    } else if (strcmp(verb, "release") == 0) {
        lockstep_fleet_release(&fleet, now, node_of(command->words[1]), &actions);
    } else if (strcmp(verb, "wait") == 0) {
        wait_ms(story_number(command->words[1]), &actions);
    } else if (strcmp(verb, "found") == 0) {
        struct lockstep_id id = story_operation(command->words[2]);
        lockstep_fleet_found(&fleet, node_of(command->words[1]), &id,
                             (enum lockstep_row)story_number(command->words[3]), &actions);
    } else if (verb[0] == 'n' && command->count >= 3) {
        hear(command, &actions);
    } else {
        story_wrong("unknown command", verb);
    }
    act(&actions);
}
