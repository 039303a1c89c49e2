/* Functions that a service calls with their own type. */
#include "agent/host/host_internal.h"

#include <stdlib.h>
#include <string.h>

/* A name and a type that the service relies on, for as long as the host lives. */
struct lockstep_host_function {
    struct lockstep_host_function *next;
    _Atomic(uint64_t) hint;
    _Atomic(const char *) known; /* the text of a live version that was found to be `signature` */
    char name[LOCKSTEP_MODULE_TEXT];
    char signature[LOCKSTEP_FUNCTION_TEXT + 1];
};

_Static_assert(sizeof(struct lockstep_gate_pass) <= sizeof(struct lockstep_pass),
               "a pass of the gate is handed out as a struct lockstep_pass");

static struct lockstep_host_function *find_handle(const struct lockstep_host *host,
                                                  const char *name)
{
    struct lockstep_host_function *function = host->functions;
    while (function != NULL && strcmp(function->name, name) != 0) {
        function = function->next;
    }
    return function;
}

static struct lockstep_host_function *add_handle(struct lockstep_host *host, const char *name,
                                                 const char *signature)
{
    struct lockstep_host_function *function = NULL;
    if (host->functions_count < LOCKSTEP_HANDLES_MAX) {
        function = calloc(1, sizeof(*function));
    }
    if (function != NULL) {
        memcpy(function->name, name, strlen(name) + 1);
        memcpy(function->signature, signature, strlen(signature) + 1);
        function->next = host->functions;
        host->functions = function;
        host->functions_count++;
    }
    return function;
}

const struct lockstep_host_function *lockstep_host_function(struct lockstep_host *host,
                                                            const char *name, const char *signature)
{
    struct lockstep_host_function *function;
    if (strlen(name) >= LOCKSTEP_MODULE_TEXT || strlen(signature) > LOCKSTEP_FUNCTION_TEXT) {
        return NULL;
    }
    (void)pthread_mutex_lock(&host->mutex);
    function = find_handle(host, name);
    if (function == NULL) {
        function = add_handle(host, name, signature);
    } else if (strcmp(function->signature, signature) != 0) {
        function = NULL;
    }
    (void)pthread_mutex_unlock(&host->mutex);
    return function;
}

void lockstep_functions_deinit(struct lockstep_host *host)
{
    while (host->functions != NULL) {
        struct lockstep_host_function *function = host->functions;
        host->functions = function->next;
        free(function);
    }
}

/* A text that was found to be right is not compared again: versions that were live stay mapped, so
 * nothing else comes to be at its place. */
static bool is_right(struct lockstep_host_function *function,
                     const struct lockstep_gate_entry *entry)
{
    if (entry->function == NULL) {
        return false;
    }
    if (atomic_load_explicit(&function->known, memory_order_relaxed) == entry->signature) {
        return true;
    }
    if (strcmp(entry->signature, function->signature) != 0) {
        return false;
    }
    atomic_store_explicit(&function->known, entry->signature, memory_order_relaxed);
    return true;
}

enum lockstep_call_result
lockstep_host_function_enter(const struct lockstep_host_function *function,
                             struct lockstep_pass *ret_pass, lockstep_any_fn **ret_call)
{
    union {
        const struct lockstep_host_function *in;
        struct lockstep_host_function *out; /* what it remembers, it remembers for itself */
    } handle = {.in = function};
    struct lockstep_gate_pass pass;
    enum lockstep_call_result result = lockstep_gate_enter(function->name, &handle.out->hint,
                                                           &pass);
    if (result != LOCKSTEP_CALL_OK) {
        return result;
    }
    if (!is_right(handle.out, pass.entry)) {
        lockstep_gate_leave(&pass, false);
        return LOCKSTEP_CALL_NO_TOOL;
    }
    memcpy(ret_pass, &pass, sizeof(pass));
    *ret_call = pass.entry->function;
    return LOCKSTEP_CALL_OK;
}

void lockstep_host_function_leave(const struct lockstep_pass *pass, bool failed)
{
    struct lockstep_gate_pass mine;
    memcpy(&mine, pass, sizeof(mine));
    lockstep_gate_leave(&mine, failed);
}

/* ---- what a new version owes ----------------------------------------------------------------- */

static bool is_of(const char *name, const char *module)
{
    size_t length = strlen(module);
    return strncmp(name, module, length) == 0 && name[length] == '.';
}

static bool image_has(const struct lockstep_image *image,
                      const struct lockstep_host_function *wanted,
                      struct lockstep_refusal *ret_refusal)
{
    for (uint32_t i = 0; i < image->module.functions_count; i++) {
        const struct lockstep_function *function = &image->module.functions[i];
        if (strcmp(function->name, wanted->name) != 0) {
            continue;
        }
        return strcmp(function->signature, wanted->signature) == 0 ||
               lockstep_host_refuse(ret_refusal, "ABI",
                                    "its function %s is \"%.100s\", and this service calls "
                                    "\"%.100s\"",
                                    wanted->name, function->signature, wanted->signature);
    }
    return lockstep_host_refuse(ret_refusal, "ABI", "it lacks %s, which this service calls",
                                wanted->name);
}

bool lockstep_functions_fit(struct lockstep_host *host, const struct lockstep_set *set,
                            struct lockstep_refusal *ret_refusal)
{
    bool well = true;
    (void)pthread_mutex_lock(&host->mutex);
    for (size_t i = 0; well && i < set->count; i++) {
        const struct lockstep_set_item *item = &set->items[i];
        for (const struct lockstep_host_function *function = host->functions;
             well && item->image != NULL && function != NULL; function = function->next) {
            well = !is_of(function->name, item->line->name.text) ||
                   image_has(item->image, function, ret_refusal);
        }
    }
    (void)pthread_mutex_unlock(&host->mutex);
    return well;
}
