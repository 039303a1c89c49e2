/* Stories of the coordinator's core: one module `pay`, nodes n0 …, versions v1 …. */
#include "coordinator/core/admission.h"
#include "tests/story/journal.h"
#include "tests/story/story.h"

#include <string.h>

#define NODES   STORY_NODES
#define UNKNOWN "unknown" /* runs=: the node does not know the module, and says nothing of it */

static struct lockstep_fleet fleet;
static struct lockstep_node nodes[NODES];
static struct lockstep_live live[NODES];
static struct lockstep_module modules[STORY_MODULES];
static bool silent[NODES]; /* connected, and not heard */
static struct lockstep_time now = {1000};
static const struct lockstep_name pay = {"pay"};

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
            story_journal_write(&fleet, action->operation, action->child);
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
            story_journal_forget(&action->operation->id);
            story_operation_free(action->operation);
            break;
        case LOCKSTEP_FLEET_ISOLATION:
            story_say("%s", lockstep_time_set(fleet.isolated) ? "isolated" : "isolated no more");
            break;
        case LOCKSTEP_FLEET_ROLLBACK:
            story_say("n%u knows more: read-only", action->node);
            break;
        case LOCKSTEP_FLEET_PARTS:
            story_journal_parts(action->operation);
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
        story_operation_free(fleet.operations[i]); /* of a coordinator that starts again */
    }
    fleet.nodes = nodes;
    fleet.node_count = (uint32_t)story_number(command->words[1]);
    fleet.modules = modules;
    fleet.module_max = LOCKSTEP_COUNT(modules);
    lockstep_fleet_init(&fleet, &settings, 7, 0, now);
    story_journal_clear(7);
    memset(silent, 0, sizeof(silent));
    for (uint32_t i = 0; i < fleet.node_count; i++) {
        nodes[i].live = &live[i];
        live[i].module = pay;
        live[i].digest = story_digest("v1");
    }
}

/* Parents before their compensations. */
static void restore(bool children)
{
    static struct lockstep_fleet_actions actions;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = story_journal_operation(i, &row);
        if (operation == NULL || children != (operation->kind == LOCKSTEP_KIND_COMPENSATION)) {
            story_operation_free(operation);
            continue;
        }
        if (children || row >= LOCKSTEP_ROW_DEGRADED) {
            story_operation_free(operation->spare); /* it will have no other */
            operation->spare = NULL;
        }
        lockstep_fleet_restore(&fleet, now, operation, row, &actions);
        act(&actions);
    }
}

/* restart | restart written | restart backup: the coordinator is killed and begins again. What was
 * being written is lost; or it is durable and nobody has been told; or the journal is the backup.
 */
static void restart(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    struct lockstep_defaults settings = fleet.settings;
    const char *how = command->count > 1 ? command->words[1] : "";
    uint64_t sequence = 0;
    uint64_t epoch;
    (void)actions;
    if (strcmp(how, "written") == 0) {
        story_journal_written_all();
    } else if (strcmp(how, "backup") == 0) {
        story_journal_put_back();
    } else if (how[0] != '\0') {
        story_wrong("restart, restart written, or restart backup", how);
    }
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        story_operation_free(fleet.operations[i]);
    }
    epoch = story_journal_begin(&fleet, &sequence);
    lockstep_fleet_init(&fleet, &settings, epoch, sequence, now);
    story_say("epoch %llu", (unsigned long long)epoch);
    restore(false);
    restore(true);
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
    message.u.state.decision_sequence = story_number(story_value(command, "sequence", "0"));
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
        lockstep_fleet_open(&fleet, now, &request, &plan, story_operation_new(true), actions);
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
    const char *stale = story_value(command, "epoch", NULL);
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_VOTE};
    if (strcmp(verb, "yes") == 0 || strcmp(verb, "no") == 0) {
        message.u.vote.operation = id;
        message.u.vote.epoch = stale == NULL ? fleet.epoch : story_number(stale);
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
            if (nodes[i].connected && !silent[i]) {
                nodes[i].heard = now; /* who is connected sends heartbeats */
            }
        }
        lockstep_fleet_tick(&fleet, now, actions);
        act(actions);
        actions->count = 0;
    }
}

static void leave(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    (void)actions;
    lockstep_fleet_link_down(&fleet, now, node_of(command->words[1]));
}

/* Its link stands, and nothing comes over it: silent n0, until n0 is said to speak. */
static void fall_silent(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    (void)actions;
    silent[node_of(command->words[1])] = command->words[0][1] == 'i';
}

static void written(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    struct lockstep_operation *operation = operation_of(command->words[1]);
    story_journal_written(&operation->id);
    lockstep_fleet_persisted(&fleet, now, operation, actions);
}

/* There is no room for its OPEN. */
static void not_written(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    struct lockstep_operation *operation = operation_of(command->words[1]);
    (void)actions;
    lockstep_fleet_refused(&fleet, operation);
    story_say("%s is refused", command->words[1]);
    story_operation_free(operation);
}

static void back_up(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    (void)command;
    (void)actions;
    story_journal_back_up();
}

static void abort_operation(const struct story_command *command,
                            struct lockstep_fleet_actions *actions)
{
    lockstep_fleet_abort(&fleet, now, operation_of(command->words[1]), actions);
}

static void cordon(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    lockstep_fleet_cordon(&fleet, now, node_of(command->words[1]), command->words[0][0] == 'c',
                          actions);
}

static void revoke(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    lockstep_fleet_forget(&fleet, now, node_of(command->words[1]), "revoked by ana", actions);
}

static void replace(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    const char *owes = story_value(command, "owes", NULL);
    struct lockstep_id id = {{0}};
    const struct lockstep_replacement replacement = {.node = node_of(command->words[1]),
                                                     .why = "admitted by ana",
                                                     .owed = &id,
                                                     .owed_count = owes == NULL ? 0 : 1};
    id = owes == NULL ? id : story_operation(owes);
    lockstep_fleet_replace(&fleet, now, &replacement, actions);
    nodes[replacement.node].live = &live[replacement.node];
}

static void tell_cause(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    const struct lockstep_cause *cause = &operation_of(command->words[1])->cause;
    (void)actions;
    story_say("%s n%u %s", lockstep_no_name(cause->no), cause->node, cause->text);
}

static void tell_undecided(const struct story_command *command,
                           struct lockstep_fleet_actions *actions)
{
    const struct lockstep_operation *operation = lockstep_fleet_undecided(
        &fleet, node_of(command->words[1]));
    (void)actions;
    story_say("%s", operation == NULL ? "none" : story_operation_text(&operation->id));
}

static void accept_loss(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    (void)command;
    lockstep_fleet_accept_loss(&fleet, now, actions);
}

static void release(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    lockstep_fleet_release(&fleet, now, node_of(command->words[1]), actions);
}

static void pass_time(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    wait_ms(story_number(command->words[1]), actions);
    story_journal_catch_up();
}

/* found n0 op1 COMMIT, or the row's number; NONE, or 0: there is none. */
static void found(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    struct lockstep_id id = story_operation(command->words[2]);
    const char *text = command->words[3];
    unsigned row = strcmp(text, "NONE") == 0 ? LOCKSTEP_ROW_NONE : LOCKSTEP_ROW_FINAL + 1;
    for (unsigned i = LOCKSTEP_ROW_OPEN; i <= LOCKSTEP_ROW_FINAL; i++) {
        row = strcmp(text, lockstep_row_text(i)) == 0 ? i : row;
    }
    row = row <= LOCKSTEP_ROW_FINAL ? row : (unsigned)story_number(text);
    lockstep_fleet_found(&fleet, node_of(command->words[1]), &id, (enum lockstep_row)row, actions);
}

static void begin_fleet(const struct story_command *command, struct lockstep_fleet_actions *actions)
{
    (void)actions;
    begin(command);
}

typedef void verb_fn(const struct story_command *command, struct lockstep_fleet_actions *actions);

static const struct {
    const char *verb;
    verb_fn *run;
} verbs[] = {
    {"fleet", begin_fleet},
    {"restart", restart},
    {"backup", back_up},
    {"join", join},
    {"leave", leave},
    {"silent", fall_silent},
    {"speaks", fall_silent},
    {"open", open_operation},
    {"written", written},
    {"not-written", not_written},
    {"abort", abort_operation},
    {"cordon", cordon},
    {"uncordon", cordon},
    {"revoke", revoke},
    {"replace", replace},
    {"cause", tell_cause},
    {"undecided", tell_undecided},
    {"accept-loss", accept_loss},
    {"release", release},
    {"wait", pass_time},
    {"found", found},
};

void story_coordinator(const struct story_command *command)
{
    static struct lockstep_fleet_actions actions;
    const char *verb = command->words[0];
    verb_fn *run = verb[0] == 'n' && command->count >= 3 ? hear : NULL;
    actions.count = 0;
    for (size_t i = 0; i < LOCKSTEP_COUNT(verbs); i++) {
        run = strcmp(verb, verbs[i].verb) == 0 ? verbs[i].run : run;
    }
    if (run == NULL) {
        story_wrong("unknown command", verb);
        return;
    }
    run(command, &actions);
    act(&actions);
}
