/* Calls: by name, by handle, and from one module to another. */
#include "agent/host/host_internal.h"
#include "agent/host/tool_wire.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* An answer that grows. */
struct growing {
    struct lockstep_sink sink; /* first */
    struct lockstep_answer *answer;
    size_t room;
    bool full;
};

static bool grow(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    struct growing *growing = (struct growing *)sink;
    struct lockstep_answer *answer = growing->answer;
    size_t wanted = growing->room == 0 ? 256 : growing->room;
    uint8_t *bigger;
    if (size > LOCKSTEP_ANSWER_MAX - answer->size) {
        growing->full = true;
        return false;
    }
    while (wanted < answer->size + size + 1) {
        wanted *= 2;
    }
    bigger = wanted == growing->room ? answer->bytes : realloc(answer->bytes, wanted);
    if (bigger == NULL) {
        growing->full = true;
        return false;
    }
    growing->room = wanted;
    answer->bytes = bigger;
    if (size > 0) {
        memcpy(answer->bytes + answer->size, bytes, size);
    }
    answer->size += size;
    answer->bytes[answer->size] = '\0';
    return true;
}

void lockstep_answer_deinit(struct lockstep_answer *answer)
{
    free(answer->bytes);
    *answer = (struct lockstep_answer){0};
}

enum lockstep_call_result lockstep_host_call(struct lockstep_host *host, const char *tool,
                                             const void *request, size_t size,
                                             struct lockstep_answer *ret_answer)
{
    struct growing growing = {.sink = {grow}, .answer = ret_answer};
    struct lockstep_call call = {sizeof(call), request, size, &growing.sink};
    struct lockstep_gate_pass pass;
    enum lockstep_call_result result = lockstep_gate_enter(tool, NULL, &pass);
    (void)host;
    *ret_answer = (struct lockstep_answer){0};
    if (result == LOCKSTEP_CALL_OK) {
        bool failed = lockstep_gate_run(pass.entry, &call) != 0;
        ret_answer->generation = pass.entry->generation;
        (void)snprintf(ret_answer->version, sizeof(ret_answer->version), "%s", pass.entry->version);
        lockstep_gate_leave(&pass, failed);
        result = failed ? LOCKSTEP_CALL_FAILED : LOCKSTEP_CALL_OK;
        if (growing.full) {
            result = LOCKSTEP_CALL_NO_MEMORY;
            ret_answer->size = 0;
        }
    }
    if (result != LOCKSTEP_CALL_OK && ret_answer->size == 0) {
        const char *text = lockstep_tool_result_text(result);
        growing.full = false;
        (void)grow(&growing.sink, text, strlen(text));
    }
    return result;
}

const struct lockstep_host_tool *lockstep_host_tool(struct lockstep_host *host, const char *tool)
{
    struct lockstep_host_tool *handle;
    size_t length = strlen(tool);
    if (length >= LOCKSTEP_MODULE_TEXT) {
        return NULL;
    }
    (void)pthread_mutex_lock(&host->mutex);
    handle = host->tools;
    while (handle != NULL && strcmp(handle->name, tool) != 0) {
        handle = handle->next;
    }
    if (handle == NULL && host->tools_count < LOCKSTEP_HANDLES_MAX) {
        handle = calloc(1, sizeof(*handle));
        if (handle != NULL) {
            handle->host = host;
            memcpy(handle->name, tool, length + 1);
            handle->next = host->tools;
            host->tools = handle;
            host->tools_count++;
        }
    }
    (void)pthread_mutex_unlock(&host->mutex);
    return handle;
}

enum lockstep_call_result lockstep_host_tool_call(const struct lockstep_host_tool *tool,
                                                  struct lockstep_call *call)
{
    union {
        const _Atomic(uint64_t) *in;
        _Atomic(uint64_t) *out;
    } hint = {.in = &tool->hint};
    return lockstep_gate_call(tool->name, hint.out, call);
}

bool lockstep_host_enter(struct lockstep_host *host)
{
    (void)host;
    return lockstep_gate_hold();
}

void lockstep_host_leave(struct lockstep_host *host)
{
    (void)host;
    lockstep_gate_release();
}

/* What drains and migrates relies on `needs`: a call that is not declared is refused. */
static int call_for_module(const struct lockstep_host_api *api, const char *tool,
                           const struct lockstep_call *call)
{
    const struct lockstep_image *image = (const struct lockstep_image *)api;
    struct lockstep_call theirs = {sizeof(theirs), call->request, call->request_size, call->answer};
    struct lockstep_gate_pass pass;
    enum lockstep_call_result result;
    int answer;
    if (lockstep_keep_replaying()) {
        (void)lockstep_sink_print(call->answer, "%s: not while a journal is done again", tool);
        return -1;
    }
    result = lockstep_gate_enter(tool, NULL, &pass);
    if (result != LOCKSTEP_CALL_OK) {
        (void)lockstep_sink_print(call->answer, "%s: %s", tool, lockstep_tool_result_text(result));
        return -1;
    }
    if (strcmp(image->name.text, pass.entry->module) != 0 &&
        !lockstep_image_needs(image, pass.entry->module)) {
        lockstep_gate_leave(&pass, true);
        (void)lockstep_sink_print(call->answer, "%s: %s does not require %s", tool,
                                  image->name.text, pass.entry->module);
        return -1;
    }
    answer = lockstep_gate_run(pass.entry, &theirs);
    lockstep_gate_leave(&pass, answer != 0);
    return answer;
}

static void log_for_module(const struct lockstep_host_api *api, enum lockstep_log_level level,
                           const char *text)
{
    const struct lockstep_image *image = (const struct lockstep_image *)api;
    lockstep_host_log(image->host, level, "%s %s: %s", image->name.text, image->version, text);
}

static uint64_t now_for_module(const struct lockstep_host_api *api)
{
    (void)api;
    return lockstep_job_now_ms();
}

void lockstep_host_api_init(struct lockstep_host_api *api)
{
    *api = (struct lockstep_host_api){
        .size = sizeof(*api),
        .abi_major = LOCKSTEP_ABI_MAJOR,
        .abi_minor = LOCKSTEP_ABI_MINOR,
        .log = log_for_module,
        .now_ms = now_for_module,
        .call = call_for_module,
    };
}

enum lockstep_call_result lockstep_host_list(struct lockstep_answer *ret_answer)
{
    struct growing growing = {.sink = {grow}, .answer = ret_answer};
    const struct lockstep_gate_table *table;
    *ret_answer = (struct lockstep_answer){0};
    if (!grow(&growing.sink, "", 0) || !lockstep_gate_hold()) {
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    table = lockstep_gate_held();
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        const struct lockstep_gate_entry *entry = &table->entries[i];
        if (entry->function != NULL) {
            continue;
        }
        (void)lockstep_sink_print(&growing.sink, "%s\t%s\t%s\t%" PRIu64 "\t%s\t%s\n", entry->name,
                                  entry->module, entry->version, entry->generation,
                                  (entry->flags & LOCKSTEP_TOOL_IDEMPOTENT) != 0 ? "idempotent"
                                                                                 : "-",
                                  entry->description);
    }
    lockstep_gate_release();
    return growing.full ? LOCKSTEP_CALL_NO_MEMORY : LOCKSTEP_CALL_OK;
}
