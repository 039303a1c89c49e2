/* A set's turn: one program after the other, and what follows from how it ended. */
#include "agent/exec_internal.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <stdio.h>
#include <string.h>

#define STATUS_OK       0
#define STATUS_NOT_NOW  75 /* sysexits' EX_TEMPFAIL */
#define HEALTH_AGAIN_MS 100
#define VARIABLES       12

/* ---- a verb's program ------------------------------------------------------------------------ */

static uint64_t limit_of(const struct lockstep_defaults *settings, enum lockstep_verb verb)
{
    switch (verb) {
#define CASE(name, key, text)  \
    case LOCKSTEP_VERB_##name: \
        return settings->exec_##key;
        LOCKSTEP_VERBS_TABLE(CASE)
#undef CASE
    case LOCKSTEP_VERB_COUNT:
        break;
    }
    UNREACHABLE("there are five verbs");
    return 0;
}

static void pass_crash_point(enum lockstep_verb verb)
{
    switch (verb) {
#define CASE(name, key, text)        \
    case LOCKSTEP_VERB_##name:       \
        LOCKSTEP_CRASH(EXEC_##name); \
        break;
        LOCKSTEP_VERBS_TABLE(CASE)
#undef CASE
    case LOCKSTEP_VERB_COUNT:
        break;
    }
}

struct environment {
    char text[VARIABLES][LOCKSTEP_EXEC_PATH_MAX + 64];
    const char *list[VARIABLES + 1];
    size_t count;
};

static void put(struct environment *environment, const char *name, const char *value)
{
    char *text = environment->text[environment->count];
    ASSERT(environment->count < VARIABLES);
    (void)snprintf(text, sizeof(environment->text[0]), "%s=%s", name, value);
    environment->list[environment->count++] = text;
    environment->list[environment->count] = NULL;
}

static void put_file(struct environment *environment, const struct exec_set *set, const char *name,
                     const struct lockstep_digest *digest, const char *leaf)
{
    char path[LOCKSTEP_EXEC_PATH_MAX] = "";
    if (!lockstep_digest_is_zero(digest)) {
        lockstep_exec_files_path(set->exec->root, &set->record.operation,
                                 &set->record.items[set->at], leaf, path);
    }
    put(environment, name, path);
}

/* The whole environment of a verb; the manual lists it. */
static void fill_environment(struct environment *environment, const struct exec_set *set)
{
    const struct lockstep_exec_item *item = &set->record.items[set->at];
    char id[LOCKSTEP_ID_TEXT];
    char number[24];
    char digest[LOCKSTEP_DIGEST_TEXT] = "";
    char path[LOCKSTEP_EXEC_PATH_MAX];
    lockstep_id_format(&set->record.operation, id);
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)item->generation);
    if (!lockstep_digest_is_zero(&item->digest)) {
        lockstep_digest_format(&item->digest, digest);
    }
    environment->count = 0;
    put(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    put(environment, "LANG", "C");
    put(environment, "LOCKSTEP_OPERATION", id);
    put(environment, "LOCKSTEP_SERVICE", item->service.text);
    put(environment, "LOCKSTEP_MODULE", item->module.text);
    put(environment, "LOCKSTEP_VERSION", item->version);
    put(environment, "LOCKSTEP_GENERATION", number);
    put(environment, "LOCKSTEP_DIGEST", digest);
    put_file(environment, set, "LOCKSTEP_FILE", &item->digest, "file");
    put_file(environment, set, "LOCKSTEP_PREVIOUS_FILE", &item->previous, "previous");
    lockstep_exec_files_path(set->exec->root, &set->record.operation, item, "verbs", path);
    put(environment, "LOCKSTEP_WORK", path);
    lockstep_exec_files_set(set->exec->root, &set->record.operation, item, path);
    put(environment, "LOCKSTEP_SET", path);
}

static void run_program(struct exec_set *set)
{
    static struct environment environment; /* copied by the start */
    struct lockstep_exec *exec = set->exec;
    const struct lockstep_config_exec *service = lockstep_exec_service(exec,
                                                                       &set->record.items[set->at]);
    const struct lockstep_config_list *words = &service->verbs[set->verb];
    const char *argv[LOCKSTEP_CONFIG_LIST_MAX + 1];
    struct lockstep_exec_command command = {.argv = argv,
                                            .environment = environment.list,
                                            .limit_ms = limit_of(&exec->config.settings, set->verb),
                                            .kill_ms = exec->config.settings.exec_kill,
                                            .output_max = service->output_max};
    ASSERT(words->count > 0 && words->count <= LOCKSTEP_CONFIG_LIST_MAX);
    for (size_t i = 0; i < words->count; i++) {
        argv[i] = words->items[i];
    }
    argv[words->count] = NULL;
    fill_environment(&environment, set);
    set->since = lockstep_loop_now(exec->loop);
    lockstep_exec_run_start(&set->run, &command);
    pass_crash_point(set->verb);
}

/* ---- what is said of it ---------------------------------------------------------------------- */

static int describe_end(const struct lockstep_exec_result *result, uint64_t limit_ms,
                        char *ret_text, size_t size)
{
    switch (result->end) {
    case LOCKSTEP_EXEC_EXITED:
        return snprintf(ret_text, size, "ended with %d", result->number);
    case LOCKSTEP_EXEC_SIGNALLED:
        return snprintf(ret_text, size, "was killed by signal %d", result->number);
    case LOCKSTEP_EXEC_LATE:
        return snprintf(ret_text, size, "took longer than %llu ms", (unsigned long long)limit_ms);
    case LOCKSTEP_EXEC_NOT_STARTED:
        return snprintf(ret_text, size, "cannot be run: %s", strerror(result->number));
    }
    return 0;
}

/* Where the last lines begin that fit into ROOM together; at least the last one, whole or not. */
static size_t last_lines(const char *output, size_t length, size_t room)
{
    size_t begin = length;
    for (size_t at = length; at > 0; at--) {
        if (at == 1 || output[at - 2] == '\n') {
            if (begin != length && length - (at - 1) > room) {
                break;
            }
            begin = at - 1;
        }
    }
    return begin;
}

/* The last of the output, in one line of printable ASCII. */
static void append_output(const struct lockstep_exec_result *result, char *text, size_t size)
{
    size_t used = strlen(text);
    size_t length = result->length;
    const char *from;
    while (length > 0 &&
           (result->output[length - 1] == '\n' || result->output[length - 1] == ' ')) {
        length--;
    }
    if (length == 0 || size - used < 4) {
        return;
    }
    memcpy(text + used, ": ", 3);
    used += 2;
    from = result->output + last_lines(result->output, length, size - used - 1);
    length -= (size_t)(from - result->output);
    for (; length > 0 && used + 1 < size; from++, length--) {
        text[used++] = *from >= ' ' && *from <= '~' ? *from : *from == '\n' ? ' ' : '?';
    }
    text[used] = '\0';
}

/* "validate of web ended with 1: the end of what it printed". */
static void describe(const struct exec_set *set, const struct lockstep_exec_result *result,
                     char ret_text[LOCKSTEP_TEXT_MAX + 1])
{
    const struct lockstep_exec_item *item = &set->record.items[set->at];
    char end[80] = "";
    (void)describe_end(result, limit_of(&set->exec->config.settings, set->verb), end, sizeof(end));
    (void)snprintf(ret_text, LOCKSTEP_TEXT_MAX + 1, "%s of %s %s", lockstep_verb_name(set->verb),
                   item->module.text, end);
    append_output(result, ret_text, LOCKSTEP_TEXT_MAX + 1);
}

static bool is_good(const struct lockstep_exec_result *result)
{
    return result->end == LOCKSTEP_EXEC_EXITED && result->number == STATUS_OK;
}

static enum lockstep_no no_of(enum lockstep_verb verb, const struct lockstep_exec_result *result)
{
    if (result->end == LOCKSTEP_EXEC_EXITED && result->number == STATUS_NOT_NOW &&
        verb != LOCKSTEP_VERB_HEALTH) {
        return LOCKSTEP_NO_BUSY;
    }
    switch (verb) {
    case LOCKSTEP_VERB_VALIDATE:
        return LOCKSTEP_NO_VALIDATE;
    case LOCKSTEP_VERB_SNAPSHOT:
        return LOCKSTEP_NO_STATE;
    case LOCKSTEP_VERB_APPLY:
        return LOCKSTEP_NO_APPLY;
    case LOCKSTEP_VERB_HEALTH:
        return LOCKSTEP_NO_HEALTH;
    case LOCKSTEP_VERB_REVERT:
    case LOCKSTEP_VERB_COUNT:
        break;
    }
    return LOCKSTEP_NO_INTERNAL;
}

static void note(struct exec_set *set, enum lockstep_no no, const char *text)
{
    set->no = no;
    (void)snprintf(set->text, sizeof(set->text), "%s", text);
}

static void answer(struct exec_set *set, bool ok)
{
    struct lockstep_work_result result = {.ticket = set->ticket,
                                          .ok = ok,
                                          .stateful = ok,
                                          .no = ok ? LOCKSTEP_NO_UNSPECIFIED : set->no,
                                          .text = ok ? NULL : set->text};
    if (set->ticket != 0) {
        set->ticket = 0;
        set->exec->config.done(set->exec->config.context, &result);
    }
}

/* ---- one after the other --------------------------------------------------------------------- */

static void step(struct exec_set *set);

static void begin_revert(struct exec_set *set)
{
    set->activity = EXEC_REVERT;
    set->verb = LOCKSTEP_VERB_REVERT;
    set->failed = false;
    set->at = set->begun;
    step(set);
}

/* Nothing was changed that is not as it was. */
static void reverted(struct exec_set *set)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    set->lost = false;
    set->begun = 0;
    set->pause_ms = 0;
    set->record.stage = LOCKSTEP_EXEC_STAGE_PREPARED;
    /* Not synced: to revert once more changes nothing. */
    if (lockstep_exec_files_write(set->exec->root, &set->record, false, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "exec", "%s", err.message);
    }
    answer(set, false);
    lockstep_exec_rest(set);
    if (set->forget) {
        lockstep_exec_forget(set);
    }
}

static void not_reverted(struct exec_set *set)
{
    const struct lockstep_defaults *settings = &set->exec->config.settings;
    uint64_t pause = set->pause_ms == 0 ? settings->host_restart_first : 2 * set->pause_ms;
    set->lost = true;
    set->pause_ms = pause < settings->host_restart_last ? pause : settings->host_restart_last;
    answer(set, false);
    lockstep_exec_rest(set);
    lockstep_exec_ask(set, EXEC_REVERT);
    lockstep_timer_arm(set->exec->loop, &set->pause,
                       lockstep_time_after(lockstep_loop_now(set->exec->loop), set->pause_ms));
}

static void look_later(struct exec_set *set)
{
    lockstep_exec_rest(set);
    lockstep_exec_ask(set, EXEC_LOOK);
    lockstep_timer_arm(set->exec->loop, &set->pause,
                       lockstep_time_after(lockstep_loop_now(set->exec->loop),
                                           set->exec->config.settings.exec_health_interval));
}

/* Every item has been through the verb. */
static void verb_done(struct exec_set *set)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    switch (set->activity) {
    case EXEC_APPLY:
        if (set->verb == LOCKSTEP_VERB_APPLY) {
            set->verb = LOCKSTEP_VERB_HEALTH;
            set->at = 0;
            step(set);
            return;
        }
        break;
    case EXEC_LOOK:
        look_later(set);
        return;
    case EXEC_REVERT:
        (set->failed ? not_reverted : reverted)(set);
        return;
    case EXEC_PREPARE:
        set->record.stage = LOCKSTEP_EXEC_STAGE_PREPARED;
        if (lockstep_exec_files_write(set->exec->root, &set->record, false, &err) != LOCKSTEP_OK) {
            note(set, LOCKSTEP_NO_STORAGE, err.message);
            answer(set, false);
        }
        break;
    case EXEC_VALIDATE:
    case EXEC_IDLE:
        break;
    }
    answer(set, true);
    lockstep_exec_rest(set);
}

/* The program of the current item, or what follows when there is none left. */
static void step(struct exec_set *set)
{
    const struct lockstep_exec_record *record = &set->record;
    if (set->verb == LOCKSTEP_VERB_REVERT) {
        if (set->at == 0) {
            verb_done(set);
            return;
        }
        set->at--;
        run_program(set);
        return;
    }
    while (set->verb == LOCKSTEP_VERB_VALIDATE && set->at < record->item_count &&
           lockstep_digest_is_zero(&record->items[set->at].digest)) {
        set->at++; /* taken out: there is no file to look at */
    }
    if (set->at == record->item_count) {
        verb_done(set);
        return;
    }
    if (set->verb == LOCKSTEP_VERB_APPLY && set->begun <= set->at) {
        set->begun = set->at + 1;
    }
    set->limit = lockstep_time_after(lockstep_loop_now(set->exec->loop),
                                     set->exec->config.settings.exec_health);
    run_program(set);
}

static void verb_failed(struct exec_set *set, const struct lockstep_exec_result *result)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    describe(set, result, text);
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "exec", "%s: %s", set->record.items[set->at].service.text,
                 text);
    switch (set->activity) {
    case EXEC_APPLY:
        note(set, no_of(set->verb, result), text);
        begin_revert(set);
        break;
    case EXEC_REVERT: /* what can be reverted is */
        if (!set->failed && !set->lost) {
            size_t used = strlen(set->text);
            (void)snprintf(set->text + used, sizeof(set->text) - used, "; and %s", text);
        }
        set->failed = true;
        step(set);
        break;
    case EXEC_LOOK:
        set->exec->config.unhealthy(set->exec->config.context, &set->record.items[set->at],
                                    set->since, text);
        look_later(set);
        break;
    case EXEC_VALIDATE:
    case EXEC_PREPARE:
    case EXEC_IDLE:
        note(set, no_of(set->verb, result), text);
        answer(set, false);
        lockstep_exec_rest(set);
        break;
    }
}

/* True if health wants to be asked again, and there is time. */
static bool asks_for_time(const struct exec_set *set, const struct lockstep_exec_result *result)
{
    return set->verb == LOCKSTEP_VERB_HEALTH && result->end == LOCKSTEP_EXEC_EXITED &&
           result->number == STATUS_NOT_NOW &&
           !lockstep_time_due(set->limit, lockstep_loop_now(set->exec->loop));
}

void lockstep_exec_ran(void *context, const struct lockstep_exec_result *result)
{
    struct exec_set *set = context;
    lockstep_log(LOCKSTEP_LEVEL_DEBUG, "exec", "%s of %s end=%d number=%d: %s",
                 lockstep_verb_name(set->verb), set->record.items[set->at].module.text,
                 (int)result->end, result->number, result->output);
    if (asks_for_time(set, result)) {
        lockstep_timer_arm(
            set->exec->loop, &set->pause,
            lockstep_time_after(lockstep_loop_now(set->exec->loop), HEALTH_AGAIN_MS));
    } else if (!is_good(result)) {
        verb_failed(set, result);
    } else {
        if (set->verb != LOCKSTEP_VERB_REVERT) {
            set->at++;
        }
        step(set);
    }
}

void lockstep_exec_paused(void *context)
{
    struct exec_set *set = context;
    if (set->running) {
        run_program(set); /* health, again */
    } else {
        lockstep_exec_turn_soon(set->exec);
    }
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static bool lay_out(struct exec_set *set)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (uint32_t i = 0; i < set->record.item_count; i++) {
        enum lockstep_err code = lockstep_exec_files_lay_out(
            set->exec->root, set->exec->config.artifacts, &set->record.operation,
            &set->record.items[i], &err);
        if (code != LOCKSTEP_OK) {
            note(set, code == LOCKSTEP_REFUSED ? LOCKSTEP_NO_BAD_DIGEST : LOCKSTEP_NO_STORAGE,
                 err.message);
            return false;
        }
    }
    return true;
}

/* The record that the next agent needs must be there before anything is changed. */
static bool write_ahead(struct exec_set *set)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    set->record.stage = LOCKSTEP_EXEC_STAGE_APPLYING;
    if (lockstep_exec_files_write(set->exec->root, &set->record, true, &err) == LOCKSTEP_OK) {
        return true;
    }
    set->record.stage = LOCKSTEP_EXEC_STAGE_PREPARED;
    note(set, LOCKSTEP_NO_STORAGE, err.message);
    return false;
}

void lockstep_exec_begin_turn(struct exec_set *set)
{
    bool good = true;
    set->at = 0;
    switch (set->activity) {
    case EXEC_VALIDATE:
        set->verb = LOCKSTEP_VERB_VALIDATE;
        good = lay_out(set);
        break;
    case EXEC_PREPARE:
        set->verb = LOCKSTEP_VERB_SNAPSHOT;
        good = lay_out(set);
        break;
    case EXEC_APPLY:
        set->verb = LOCKSTEP_VERB_APPLY;
        good = write_ahead(set);
        break;
    case EXEC_REVERT:
        begin_revert(set);
        return;
    case EXEC_LOOK:
        set->verb = LOCKSTEP_VERB_HEALTH;
        break;
    case EXEC_IDLE:
        UNREACHABLE("a set that has nothing to do has no turn");
    }
    if (good) {
        step(set);
    } else {
        answer(set, false);
        lockstep_exec_rest(set);
    }
}
