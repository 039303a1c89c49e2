#include "agent/exec_internal.h"

#include "common/base/assert.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- services -------------------------------------------------------------------------------- */

static const struct lockstep_config_service *
find_service(const struct lockstep_exec *exec, const struct lockstep_name *name, uint32_t *ret_bit)
{
    for (size_t i = 0; i < exec->config.services_count; i++) {
        const struct lockstep_config_service *service = &exec->config.services[i];
        if (service->exec.given && lockstep_name_equal(&service->name, name)) {
            *ret_bit = UINT32_C(1) << i;
            return service;
        }
    }
    return NULL;
}

bool lockstep_exec_drives(const struct lockstep_exec *exec, const struct lockstep_name *service)
{
    uint32_t bit;
    return find_service(exec, service, &bit) != NULL;
}

const struct lockstep_config_exec *lockstep_exec_service(const struct lockstep_exec *exec,
                                                         const struct lockstep_exec_item *item)
{
    uint32_t bit;
    const struct lockstep_config_service *service = find_service(exec, &item->service, &bit);
    return service == NULL ? NULL : &service->exec;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static struct exec_set *find(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        if (exec->sets[i] != NULL &&
            lockstep_id_equal(&exec->sets[i]->record.operation, operation)) {
            return exec->sets[i];
        }
    }
    return NULL;
}

/* NULL: there is no room, or no memory. */
static struct exec_set *add(struct lockstep_exec *exec)
{
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        if (exec->sets[i] == NULL) {
            struct exec_set *set = calloc(1, sizeof(*set));
            if (set != NULL) {
                set->exec = exec;
                set->number = ++exec->numbers;
                set->pause = (struct lockstep_timer){.due = lockstep_exec_paused, .context = set};
                lockstep_exec_run_init(&set->run, exec->loop, lockstep_exec_ran, set);
            }
            exec->sets[i] = set;
            return set;
        }
    }
    return NULL;
}

static void release(struct exec_set *set)
{
    struct lockstep_exec *exec = set->exec;
    lockstep_exec_run_stop(&set->run);
    lockstep_timer_disarm(exec->loop, &set->pause);
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        if (exec->sets[i] == set) {
            exec->sets[i] = NULL;
        }
    }
    free(set);
}

void lockstep_exec_forget(struct exec_set *set)
{
    struct lockstep_exec *exec = set->exec;
    lockstep_exec_run_stop(&set->run);
    lockstep_exec_files_remove(exec->root, &set->record.operation);
    release(set);
    lockstep_exec_turn_soon(exec);
}

/* True if all services of its items are ours; its bits are then set. */
static bool place(struct exec_set *set)
{
    set->services = 0;
    for (uint32_t i = 0; i < set->record.item_count; i++) {
        uint32_t bit;
        if (find_service(set->exec, &set->record.items[i].service, &bit) == NULL) {
            return false;
        }
        set->services |= bit;
    }
    return true;
}

/* ---- turns ----------------------------------------------------------------------------------- */

void lockstep_exec_turn_soon(struct lockstep_exec *exec)
{
    lockstep_loop_post(exec->loop, &exec->turn);
}

void lockstep_exec_ask(struct exec_set *set, enum exec_activity activity)
{
    ASSERT(!set->running);
    set->activity = activity;
    lockstep_exec_turn_soon(set->exec);
}

void lockstep_exec_rest(struct exec_set *set)
{
    set->running = false;
    set->activity = EXEC_IDLE;
    lockstep_exec_turn_soon(set->exec);
}

/* Says of services that they are known, or not any more. */
static void tell_services(struct lockstep_exec *exec)
{
    uint32_t lost = 0;
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        lost |= exec->sets[i] != NULL && exec->sets[i]->lost ? exec->sets[i]->services : 0;
    }
    for (size_t i = 0; i < exec->config.services_count; i++) {
        const struct lockstep_config_service *service = &exec->config.services[i];
        uint32_t bit = UINT32_C(1) << i;
        if (!service->exec.given || ((exec->up & bit) != 0) == ((lost & bit) == 0)) {
            continue;
        }
        exec->up ^= bit;
        ((lost & bit) == 0 ? exec->config.up : exec->config.lost)(exec->config.context,
                                                                  &service->name);
    }
}

/* The oldest set that waits and whose services no other has, nor an older one waits for. */
static struct exec_set *next_set(const struct lockstep_exec *exec)
{
    struct exec_set *best = NULL;
    uint32_t taken = 0;
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        taken |= exec->sets[i] != NULL && exec->sets[i]->running ? exec->sets[i]->services : 0;
    }
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        struct exec_set *set = exec->sets[i];
        if (set != NULL && !set->running && set->activity != EXEC_IDLE && set->pause.place == 0 &&
            (set->services & taken) == 0 && (best == NULL || set->number < best->number)) {
            best = set;
        }
    }
    return best;
}

static void take_turns(void *context)
{
    struct lockstep_exec *exec = context;
    struct exec_set *set;
    if (!exec->begun) {
        return;
    }
    tell_services(exec);
    while ((set = next_set(exec)) != NULL) {
        if (set->activity == EXEC_LOOK &&
            !exec->config.open(exec->config.context, &set->record.operation)) {
            lockstep_exec_forget(set);
            continue;
        }
        set->running = true;
        lockstep_exec_begin_turn(set);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void found(void *context, const struct lockstep_exec_record *record)
{
    struct lockstep_exec *exec = context;
    struct exec_set *set = add(exec);
    if (set == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "exec", "too many records, or no memory for one");
        return;
    }
    set->record = *record;
    if (!place(set)) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "exec",
                     "%s is no service of this configuration that is driven by verbs: what was "
                     "begun there cannot be reverted, and is left as it is",
                     record->items[0].service.text);
        release(set);
    }
}

enum lockstep_err lockstep_exec_new(struct lockstep_loop *loop,
                                    const struct lockstep_exec_config *config,
                                    struct lockstep_exec **ret_exec, struct lockstep_error *err)
{
    struct lockstep_exec *exec = calloc(1, sizeof(*exec));
    enum lockstep_err code;
    if (exec == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the exec driver");
    }
    ASSERT(config->services_count <= LOCKSTEP_AGENT_SERVICES);
    exec->loop = loop;
    exec->config = *config;
    exec->turn = (struct lockstep_post){.arrived = take_turns, .context = exec};
    /* Names below it are an id, a module and a leaf. */
    if (snprintf(exec->root, sizeof(exec->root), "%s/exec", config->data_directory) >
        LOCKSTEP_EXEC_PATH_MAX - 256) {
        free(exec);
        return LOCKSTEP_FAIL(err, INVALID, "the data directory's name is too long");
    }
    lockstep_exec_files_end_orphans(exec->root);
    code = lockstep_exec_files_read(exec->root, found, exec, err);
    if (code != LOCKSTEP_OK) {
        (void)lockstep_exec_free(exec);
        return code;
    }
    *ret_exec = exec;
    return LOCKSTEP_OK;
}

struct lockstep_exec *lockstep_exec_free(struct lockstep_exec *exec)
{
    if (exec == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        if (exec->sets[i] != NULL) {
            release(exec->sets[i]);
        }
    }
    lockstep_loop_unpost(exec->loop, &exec->turn);
    free(exec);
    return NULL;
}

static bool is_held(const struct exec_set *set)
{
    const struct lockstep_exec_config *config = &set->exec->config;
    for (uint32_t i = 0; i < set->record.item_count; i++) {
        if (!config->holds(config->context, &set->record.items[i])) {
            return false;
        }
    }
    return true;
}

/* What an agent that died had begun. A set whose revert is due is as one whose revert failed: its
 * services are not up. */
static void resume(struct exec_set *set)
{
    if (is_held(set)) {
        set->record.stage = LOCKSTEP_EXEC_STAGE_KEPT;
        lockstep_exec_ask(set, EXEC_LOOK);
    } else if (set->record.stage == LOCKSTEP_EXEC_STAGE_PREPARED) {
        lockstep_exec_forget(set);
    } else {
        set->begun = set->record.item_count;
        set->forget = true;
        set->lost = true;
        lockstep_exec_ask(set, EXEC_REVERT);
    }
}

void lockstep_exec_begin(struct lockstep_exec *exec)
{
    exec->begun = true;
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) {
        if (exec->sets[i] != NULL) {
            resume(exec->sets[i]);
        }
    }
    lockstep_exec_turn_soon(exec);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static void refuse(struct lockstep_exec *exec, uint32_t ticket, enum lockstep_no no,
                   const char *text)
{
    const struct lockstep_work_result result = {.ticket = ticket, .no = no, .text = text};
    exec->config.done(exec->config.context, &result);
}

/* The operation's set, made if there is none, with the items that are wanted now; NULL: refused. */
static struct exec_set *get(struct lockstep_exec *exec, uint32_t ticket,
                            const struct lockstep_exec_set *wanted)
{
    struct exec_set *set = find(exec, &wanted->operation);
    ASSERT(wanted->items_count > 0 && wanted->items_count <= LOCKSTEP_ITEMS_MAX);
    if (set == NULL) {
        set = add(exec);
    }
    if (set == NULL || set->activity != EXEC_IDLE) {
        refuse(exec, ticket, LOCKSTEP_NO_BUSY, "the exec driver has too much to do");
        return NULL;
    }
    set->ticket = ticket;
    set->record.operation = wanted->operation;
    set->record.stage = LOCKSTEP_EXEC_STAGE_PREPARED;
    set->record.item_count = (uint32_t)wanted->items_count;
    memcpy(set->record.items, wanted->items, wanted->items_count * sizeof(wanted->items[0]));
    if (!place(set)) {
        release(set);
        refuse(exec, ticket, LOCKSTEP_NO_NO_HOST, "no service of that name is driven by verbs");
        return NULL;
    }
    return set;
}

void lockstep_exec_validate(struct lockstep_exec *exec, uint32_t ticket,
                            const struct lockstep_exec_set *wanted)
{
    struct exec_set *set = get(exec, ticket, wanted);
    if (set != NULL) {
        lockstep_exec_ask(set, EXEC_VALIDATE);
    }
}

static bool is_kept(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    const struct exec_set *set = find(exec, operation);
    return set != NULL && set->record.stage == LOCKSTEP_EXEC_STAGE_KEPT;
}

static void say_yes(struct lockstep_exec *exec, uint32_t ticket)
{
    const struct lockstep_work_result result = {.ticket = ticket, .ok = true, .stateful = true};
    exec->config.done(exec->config.context, &result);
}

void lockstep_exec_prepare(struct lockstep_exec *exec, uint32_t ticket,
                           const struct lockstep_exec_set *wanted)
{
    struct exec_set *set = find(exec, &wanted->operation);
    bool applied = set != NULL && set->activity == EXEC_IDLE &&
                   set->record.stage == LOCKSTEP_EXEC_STAGE_APPLYING;
    if (applied || is_kept(exec, &wanted->operation)) {
        say_yes(exec, ticket); /* what was put by must not be replaced by what is new */
        return;
    }
    set = get(exec, ticket, wanted);
    if (set != NULL) {
        lockstep_exec_ask(set, EXEC_PREPARE);
    }
}

void lockstep_exec_apply(struct lockstep_exec *exec, uint32_t ticket,
                         const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    if (is_kept(exec, operation)) {
        say_yes(exec, ticket);
    } else if (set == NULL || set->activity != EXEC_IDLE) {
        refuse(exec, ticket, LOCKSTEP_NO_BUSY, "the set is not prepared");
    } else {
        set->ticket = ticket;
        lockstep_exec_ask(set, EXEC_APPLY);
    }
}

void lockstep_exec_undo(struct lockstep_exec *exec, const struct lockstep_work_result *why,
                        const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    if (set == NULL || set->activity != EXEC_IDLE ||
        set->record.stage != LOCKSTEP_EXEC_STAGE_APPLYING) {
        exec->config.done(exec->config.context, why);
        return;
    }
    set->ticket = why->ticket;
    set->no = why->no;
    (void)snprintf(set->text, sizeof(set->text), "%s", why->text == NULL ? "" : why->text);
    lockstep_exec_ask(set, EXEC_REVERT);
}

static bool shares(const struct exec_set *a, const struct exec_set *b)
{
    for (uint32_t i = 0; i < a->record.item_count; i++) {
        for (uint32_t j = 0; j < b->record.item_count; j++) {
            if (lockstep_name_equal(&a->record.items[i].module, &b->record.items[j].module)) {
                return true;
            }
        }
    }
    return false;
}

void lockstep_exec_keep(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (set == NULL || set->record.stage != LOCKSTEP_EXEC_STAGE_APPLYING) {
        return;
    }
    set->record.stage = LOCKSTEP_EXEC_STAGE_KEPT;
    /* Not synced: the journal has it. */
    if (lockstep_exec_files_write(exec->root, &set->record, false, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "exec", "%s", err.message);
    }
    for (size_t i = 0; i < LOCKSTEP_EXEC_SETS_MAX; i++) { /* windows that this one has ended */
        struct exec_set *older = exec->sets[i];
        if (older != NULL && older != set && older->record.stage == LOCKSTEP_EXEC_STAGE_KEPT &&
            !older->lost && shares(older, set)) {
            lockstep_exec_forget(older);
        }
    }
    lockstep_timer_arm(exec->loop, &set->pause,
                       lockstep_time_after(lockstep_loop_now(exec->loop),
                                           exec->config.settings.exec_health_interval));
    lockstep_exec_ask(set, EXEC_LOOK);
}

/* Whatever the set is at ends here. What was applied of it is taken back. */
static void take_back(struct exec_set *set)
{
    lockstep_exec_run_stop(&set->run);
    lockstep_timer_disarm(set->exec->loop, &set->pause);
    set->ticket = 0;
    set->forget = true;
    set->running = false;
    lockstep_exec_ask(set, EXEC_REVERT);
}

void lockstep_exec_fall(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    if (set == NULL || set->record.stage != LOCKSTEP_EXEC_STAGE_KEPT || set->lost) {
        return;
    }
    set->begun = set->record.item_count;
    set->lost = true;
    take_back(set);
}

void lockstep_exec_drop(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    if (set == NULL || set->record.stage == LOCKSTEP_EXEC_STAGE_KEPT) {
        return;
    }
    if (set->record.stage == LOCKSTEP_EXEC_STAGE_PREPARED) {
        lockstep_exec_forget(set);
    } else if (set->activity == EXEC_REVERT) {
        set->ticket = 0;
        set->forget = true;
    } else {
        take_back(set);
    }
}

void lockstep_exec_retire(struct lockstep_exec *exec, const struct lockstep_id *operation)
{
    struct exec_set *set = find(exec, operation);
    if (set != NULL && set->record.stage == LOCKSTEP_EXEC_STAGE_KEPT && !set->lost) {
        lockstep_exec_forget(set);
    }
}
