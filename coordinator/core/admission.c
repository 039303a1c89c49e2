#include "coordinator/core/admission.h"

#include "common/base/assert.h"
#include "coordinator/core/settle.h"

#include <string.h>

/* Reconciling stops after two failures: the first may be the node's own. */
#define ROLLING_MAX_FAIL 1

struct admission_row {
    const char *name;
    const char *text;
    int exit;
};

static const struct admission_row rows[] = {
#define ADMISSION_ROW(row_name, row_exit, row_text) {#row_name, (row_text), (row_exit)},
    LOCKSTEP_ADMISSION_TABLE(ADMISSION_ROW)
#undef ADMISSION_ROW
};

const char *lockstep_admission_name(enum lockstep_admission admission)
{
    ASSERT((size_t)admission < LOCKSTEP_COUNT(rows));
    return rows[admission].name;
}

const char *lockstep_admission_text(enum lockstep_admission admission)
{
    ASSERT((size_t)admission < LOCKSTEP_COUNT(rows));
    return rows[admission].text;
}

int lockstep_admission_exit(enum lockstep_admission admission)
{
    ASSERT((size_t)admission < LOCKSTEP_COUNT(rows));
    return rows[admission].exit;
}

/* What the selected node INDEX is to run of ITEM. Zero: nothing. */
static const struct lockstep_digest *desired(const struct lockstep_request *request, uint32_t index,
                                             uint32_t item)
{
    static const struct lockstep_digest nothing;
    return request->desired == NULL ? &nothing
                                    : &request->desired[(size_t)index * request->item_count + item];
}

/* What the selected node INDEX runs of ITEM; or, where that is not known, is to run. Zero: nothing.
 */
static struct lockstep_digest standing(const struct lockstep_fleet *fleet,
                                       const struct lockstep_request *request, uint32_t index,
                                       uint32_t item)
{
    const struct lockstep_live *live = lockstep_node_live(&fleet->nodes[request->selected[index]],
                                                          &request->items[item].module);
    if (live != NULL && !lockstep_digest_is_zero(&live->digest)) {
        return live->digest;
    }
    return *desired(request, index, item);
}

/* True if the selected node INDEX belongs to ITEM. Its placement says so, and not what it reports:
 * a node whose host is away is still one of all. For UNDO it is on the version that is left, or
 * owed it still. */
static bool carries(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                    uint32_t index, uint32_t item)
{
    const struct lockstep_wanted *wanted = &request->items[item];
    struct lockstep_digest digest = standing(fleet, request, index, item);
    if (request->kind == LOCKSTEP_KIND_RECONCILE) {
        return true;
    }
    if (request->kind == LOCKSTEP_KIND_UNDO) {
        return !lockstep_digest_is_zero(&wanted->leaving) &&
               (lockstep_digest_equal(&digest, &wanted->leaving) ||
                lockstep_digest_equal(desired(request, index, item), &wanted->leaving));
    }
    return wanted->recorded ? request->placed[(size_t)index * request->item_count + item]
                            : !lockstep_digest_is_zero(&digest);
}

/* How many of the request's modules the selected node INDEX carries. */
static uint32_t carried(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                        uint32_t index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < request->item_count; i++) {
        count += carries(fleet, request, index, i) ? 1 : 0;
    }
    return count;
}

/* Appends the members that it is for to the roster, of those who are CORDONED or of the others.
 * Returns how many; *WHOLE is false from then on if one carries only a part of the set. */
static uint32_t choose(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                       bool cordoned, struct lockstep_plan *plan, bool *whole)
{
    uint32_t *end = &plan->roster[plan->n];
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_node *node;
        uint32_t count;
        ASSERT(request->selected[i] < fleet->node_count);
        node = &fleet->nodes[request->selected[i]];
        if (!node->member || node->cordoned != cordoned) {
            continue;
        }
        count = request->install ? request->item_count : carried(fleet, request, i);
        if (count == 0) {
            continue;
        }
        *whole = *whole && (count == request->item_count || request->kind == LOCKSTEP_KIND_UNDO);
        end[chosen++] = i;
        plan->reachable += node->ready && !cordoned ? 1 : 0;
    }
    return chosen;
}

/* Fills the roster. Returns false if a node carries only a part of the set. */
static bool choose_roster(const struct lockstep_fleet *fleet,
                          const struct lockstep_request *request, struct lockstep_plan *plan)
{
    bool whole = true;
    plan->n = choose(fleet, request, false, plan, &whole);
    plan->cordoned = choose(fleet, request, true, plan, &whole);
    plan->absent = plan->n - plan->reachable;
    return whole;
}

static bool names_twice(const struct lockstep_request *request)
{
    for (uint32_t i = 0; i < request->item_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (lockstep_name_equal(&request->items[i].module, &request->items[j].module)) {
                return true;
            }
        }
    }
    return false;
}

static const struct lockstep_operation *find_holder(const struct lockstep_fleet *fleet,
                                                    const struct lockstep_request *request,
                                                    uint32_t *ret_running)
{
    const struct lockstep_operation *holder = NULL;
    *ret_running = 0;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL || !lockstep_operation_holds_lock(operation)) {
            continue;
        }
        (*ret_running)++;
        for (uint32_t j = 0; j < operation->item_count * request->item_count; j++) {
            const struct lockstep_item *held = &operation->items[j / request->item_count];
            const struct lockstep_wanted *wanted = &request->items[j % request->item_count];
            if (lockstep_name_equal(&held->module, &wanted->module)) {
                holder = operation;
            }
        }
    }
    return holder;
}

/* True if there is room for the names of modules that are new to the fleet. */
static bool names_fit(const struct lockstep_fleet *fleet, const struct lockstep_request *request)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < request->item_count; i++) {
        fresh += lockstep_fleet_module(fleet, &request->items[i].module) == NULL ? 1 : 0;
    }
    return fresh <= fleet->module_max - fleet->module_count;
}

static uint32_t free_slots(const struct lockstep_fleet *fleet)
{
    uint32_t empty = 0;
    uint32_t spoken_for = 0; /* the compensation of an operation would want one */
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL) {
            empty++;
        } else if (operation->spare != NULL) {
            spoken_for++;
        }
    }
    return empty > spoken_for ? empty - spoken_for : 0;
}

/* VALUE, or so many percent of N. */
static uint32_t share(uint32_t value, bool percent, uint32_t n, bool up)
{
    uint64_t product = (uint64_t)value * n;
    return percent ? (uint32_t)((product + (up ? 99 : 0)) / 100) : value;
}

/* How many YES votes commit it, and how many failures it bears. */
static void set_need(const struct lockstep_request *request, struct lockstep_plan *plan)
{
    uint32_t majority = plan->n / 2 + 1;
    uint32_t quorum = share(request->quorum, request->quorum_percent, plan->n, true);
    plan->max_fail = 0;
    switch (request->strategy) {
    case LOCKSTEP_STRATEGY_QUORUM:
        plan->need = quorum > majority ? quorum : majority;
        if (plan->need <= plan->n) {
            plan->max_fail = plan->n - plan->need;
        }
        if (request->max_fail_given) {
            plan->max_fail = share(request->options.max_fail, request->max_fail_percent, plan->n,
                                   false);
        }
        break;
    case LOCKSTEP_STRATEGY_SYNC_ALL:
        plan->need = request->offline == LOCKSTEP_OFFLINE_SKIP ? plan->reachable : plan->n;
        break;
    case LOCKSTEP_STRATEGY_ROLLING:
        plan->need = 0; /* nobody is asked before it commits */
        plan->max_fail = request->max_fail_given ? share(request->options.max_fail,
                                                         request->max_fail_percent, plan->n, false)
                                                 : ROLLING_MAX_FAIL;
        break;
    case LOCKSTEP_STRATEGY_LOCAL:
    case LOCKSTEP_STRATEGY_UNSPECIFIED:
        plan->need = plan->n;
        break;
    }
    if (request->kind == LOCKSTEP_KIND_UNDO) {
        plan->need = 0;
    }
}

static bool enough_reachable(const struct lockstep_request *request,
                             const struct lockstep_plan *plan)
{
    if (plan->reachable == 0) {
        return false;
    }
    return request->kind == LOCKSTEP_KIND_UNDO || plan->reachable >= plan->need;
}

/* What reconciling cannot do, and what it need not. */
static enum lockstep_admission of_verdict(const struct lockstep_request *request)
{
    static const enum lockstep_admission admissions[] = {
        [LOCKSTEP_RECONCILE_NOTHING] = LOCKSTEP_ADMISSION_CONSISTENT,
        [LOCKSTEP_RECONCILE_REPAIR] = LOCKSTEP_ADMISSION_ADMITTED,
        [LOCKSTEP_RECONCILE_AMBIGUOUS] = LOCKSTEP_ADMISSION_AMBIGUOUS,
        [LOCKSTEP_RECONCILE_CONFLICT] = LOCKSTEP_ADMISSION_CONFLICT,
        [LOCKSTEP_RECONCILE_QUARANTINED] = LOCKSTEP_ADMISSION_QUARANTINED,
    };
    ASSERT((size_t)request->verdict < LOCKSTEP_COUNT(admissions));
    return request->kind == LOCKSTEP_KIND_RECONCILE ? admissions[request->verdict]
                                                    : LOCKSTEP_ADMISSION_ADMITTED;
}

static enum lockstep_admission judge(const struct lockstep_fleet *fleet,
                                     const struct lockstep_request *request,
                                     struct lockstep_plan *plan)
{
    const struct lockstep_operation *holder;
    uint32_t running = 0;
    bool whole;
    if (request->item_count == 0 || request->item_count > LOCKSTEP_ITEMS_MAX) {
        return LOCKSTEP_ADMISSION_TOO_MANY_ITEMS;
    }
    if (names_twice(request)) {
        return LOCKSTEP_ADMISSION_DUPLICATE;
    }
    whole = choose_roster(fleet, request, plan);
    set_need(request, plan);
    holder = find_holder(fleet, request, &running);
    if (holder == NULL && of_verdict(request) != LOCKSTEP_ADMISSION_ADMITTED) {
        return of_verdict(request); /* while it is held, nodes are neither here nor there */
    }
    if (plan->n == 0 && (holder == NULL || request->kind != LOCKSTEP_KIND_RECONCILE)) {
        return plan->cordoned == 0 ? LOCKSTEP_ADMISSION_NO_NODES : LOCKSTEP_ADMISSION_CORDONED;
    }
    if (request->strategy == LOCKSTEP_STRATEGY_LOCAL && plan->n + plan->cordoned != 1) {
        return LOCKSTEP_ADMISSION_NOT_ONE;
    }
    if (holder != NULL) {
        plan->holder = holder;
        return LOCKSTEP_ADMISSION_HELD;
    }
    if (fleet->read_only) {
        return LOCKSTEP_ADMISSION_READ_ONLY;
    }
    for (uint32_t i = 0; i < request->item_count; i++) {
        if (request->items[i].quarantined) {
            return LOCKSTEP_ADMISSION_QUARANTINED;
        }
    }
    if (!whole) {
        return LOCKSTEP_ADMISSION_PARTIAL_SET;
    }
    if (!enough_reachable(request, plan)) {
        return LOCKSTEP_ADMISSION_ABSENT;
    }
    if (lockstep_time_set(fleet->isolated)) {
        return LOCKSTEP_ADMISSION_ISOLATED;
    }
    if (running >= fleet->settings.operations || free_slots(fleet) < 2 ||
        !names_fit(fleet, request)) {
        return LOCKSTEP_ADMISSION_TOO_MANY;
    }
    return LOCKSTEP_ADMISSION_ADMITTED;
}

void lockstep_fleet_plan(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                         struct lockstep_plan *plan)
{
    uint32_t *roster = plan->roster;
    ASSERT(roster != NULL || request->selected_count == 0);
    memset(plan, 0, sizeof(*plan));
    plan->roster = roster;
    plan->admission = judge(fleet, request, plan);
    for (uint32_t i = 0; i < request->item_count && i < LOCKSTEP_ITEMS_MAX; i++) {
        const struct lockstep_module *module = lockstep_fleet_module(fleet,
                                                                     &request->items[i].module);
        plan->generations[i] = (module == NULL ? 0 : module->generation) + 1;
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

static void take_generations(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        struct lockstep_item *item = &operation->items[i];
        struct lockstep_module *module = lockstep_fleet_module(fleet, &item->module);
        if (module == NULL) {
            ASSERT(fleet->module_count < fleet->module_max);
            module = &fleet->modules[fleet->module_count++];
            memset(module, 0, sizeof(*module));
            module->name = item->module;
        }
        ASSERT(item->generation == module->generation + 1);
        module->generation += 2; /* one to go, one reserved to go back */
    }
}

static void fill_items(const struct lockstep_request *request, const struct lockstep_plan *plan,
                       struct lockstep_operation *operation)
{
    operation->item_count = request->item_count;
    for (uint32_t i = 0; i < request->item_count; i++) {
        operation->items[i].module = request->items[i].module;
        operation->items[i].generation = plan->generations[i];
        operation->items[i].digest = request->items[i].digest;
        operation->items[i].leaving = request->items[i].leaving;
    }
}

/* The next of both halves of the plan's roster, so that parts are in the order of their nodes. */
static uint32_t next_part(const struct lockstep_plan *plan, uint32_t *next, uint32_t *aside)
{
    bool first = *aside == plan->n + plan->cordoned ||
                 (*next < plan->n && plan->roster[*next] < plan->roster[*aside]);
    return plan->roster[first ? (*next)++ : (*aside)++];
}

/* What each node ran before (RELOAD), or is to run again (UNDO). */
static void fill_parts(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                       const struct lockstep_plan *plan, struct lockstep_operation *operation)
{
    uint32_t next = 0;
    uint32_t aside = plan->n;
    operation->part_count = plan->n + plan->cordoned;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        uint32_t index = next_part(plan, &next, &aside);
        const struct lockstep_node *node = &fleet->nodes[request->selected[index]];
        struct lockstep_digest *starts = &operation->starts[(size_t)i * request->item_count];
        memset(&operation->parts[i], 0, sizeof(operation->parts[i]));
        operation->parts[i].node = request->selected[index];
        operation->parts[i].up = node->ready;
        operation->parts[i].state = node->ready ? LOCKSTEP_PART_UNSPECIFIED : LOCKSTEP_PART_ABSENT;
        if (node->cordoned) {
            operation->parts[i].state = LOCKSTEP_PART_CORDONED;
        }
        for (uint32_t j = 0; j < request->item_count; j++) {
            starts[j] = request->kind == LOCKSTEP_KIND_UNDO
                            ? request->targets[(size_t)index * request->item_count + j]
                            : standing(fleet, request, index, j);
        }
    }
}

void lockstep_fleet_draft(const struct lockstep_fleet *fleet,
                          const struct lockstep_request *request, const struct lockstep_plan *plan,
                          struct lockstep_operation *operation)
{
    ASSERT(!lockstep_kind_goes_back(request->kind) || request->targets != NULL);
    operation->id = request->operation;
    operation->kind = request->kind;
    operation->strategy = request->strategy;
    operation->options = request->options;
    operation->options.need = plan->need;
    operation->options.max_fail = plan->max_fail;
    operation->options.roster_size = plan->cordoned == 0 ? 0 : plan->n;
    fill_items(request, plan, operation);
    fill_parts(fleet, request, plan, operation);
}

void lockstep_fleet_open(struct lockstep_fleet *fleet, struct lockstep_time now,
                         const struct lockstep_request *request, const struct lockstep_plan *plan,
                         struct lockstep_operation *operation,
                         struct lockstep_fleet_actions *ret_actions)
{
    ASSERT(plan->admission == LOCKSTEP_ADMISSION_ADMITTED);
    lockstep_fleet_draft(fleet, request, plan, operation);
    take_generations(fleet, operation);
    lockstep_fleet_begin(fleet, now, operation, ret_actions);
}
