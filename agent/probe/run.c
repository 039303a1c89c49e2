#include "agent/probe/run.h"

#include "common/base/attr.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define IMAGE_PATH_TEXT 32

static bool keep_words(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    struct lockstep_probe_words *words = (struct lockstep_probe_words *)sink;
    size_t room = sizeof(words->text) - 1 - words->length;
    size_t taken = size < room ? size : room;
    if (taken > 0) {
        memcpy(words->text + words->length, bytes, taken);
    }
    words->length += taken;
    return taken == size;
}

void lockstep_probe_words_init(struct lockstep_probe_words *words)
{
    memset(words, 0, sizeof(*words));
    words->sink.write = keep_words;
}

const char *lockstep_probe_words_text(struct lockstep_probe_words *words)
{
    if (words->length == 0) {
        return "it does not say why";
    }
    for (size_t i = 0; i < words->length; i++) {
        if (words->text[i] < ' ' || words->text[i] > '~') {
            words->text[i] = '?';
        }
    }
    return words->text;
}

void lockstep_probe_begin(const struct lockstep_probe_running *running,
                          enum lockstep_probe_stage stage, const char *what, uint64_t limit_ms)
{
    struct lockstep_probe_step step = {
        .stage = stage, .subject = running->index, .limit_ms = limit_ms};
    (void)snprintf(step.what, sizeof(step.what), "%s", what == NULL ? "" : what);
    running->trial->verdict->stage = stage;
    lockstep_probe_report_step(running->trial->report_fd, &step);
}

void lockstep_probe_note(const struct lockstep_probe_running *running,
                         enum lockstep_probe_check check, const char *format, ...)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0) {
        text[0] = '\0';
    }
    va_end(args);
    lockstep_probe_verdict_find(running->trial->verdict, running->index, check, "%s", text);
}

static const struct lockstep_probe_facts *facts_of(const struct lockstep_probe_running *running)
{
    return &running->trial->verdict->subjects[running->index].facts;
}

/* The loader's words, and the NO that they mean. The path in front is of no use to anybody. */
static void note_loader(const struct lockstep_probe_running *running, const char *path)
{
    static const struct {
        const char *part;
        enum lockstep_no no;
    } causes[] = {
        {"undefined symbol", LOCKSTEP_NO_SYMBOL},
        {"symbol lookup", LOCKSTEP_NO_SYMBOL},
        {"version `", LOCKSTEP_NO_SYMBOL},
        {"cannot open shared object", LOCKSTEP_NO_LIBRARY},
        {"Cannot allocate memory", LOCKSTEP_NO_MEMORY},
    };
    const char *cause = dlerror();
    enum lockstep_no no = LOCKSTEP_NO_BADFILE;
    cause = cause == NULL ? "the loader does not say why" : cause;
    if (strncmp(cause, path, strlen(path)) == 0) {
        cause += strlen(path);
        cause += strspn(cause, ": ");
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(causes); i++) {
        if (strstr(cause, causes[i].part) != NULL) {
            no = causes[i].no;
            break;
        }
    }
    lockstep_probe_verdict_find_as(running->trial->verdict, running->index,
                                   LOCKSTEP_PROBE_CHECK_MAP, no, cause);
}

/* Only as many bytes as both know of are taken over. */
static bool copy_module(struct lockstep_probe_running *running,
                        const struct lockstep_module *module)
{
    if (module == NULL || module->size < offsetof(struct lockstep_module, tools) ||
        module->abi_major != LOCKSTEP_ABI_MAJOR || module->identity == NULL) {
        return false;
    }
    memcpy(&running->module, module,
           module->size < sizeof(running->module) ? module->size : sizeof(running->module));
    running->mapped = true;
    return true;
}

static bool same_tools(const struct lockstep_probe_running *running)
{
    const struct lockstep_module *module = &running->module;
    const struct lockstep_probe_facts *facts = facts_of(running);
    if (module->tools_count != facts->tools_count) {
        return false;
    }
    for (size_t i = 0; i < facts->tools_count; i++) {
        if (module->tools[i].name == NULL || module->tools[i].call == NULL ||
            strcmp(module->tools[i].name, facts->tools[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Whoever lists tools hands their schemas on, and is not to find out that they are none. The seed
 * is any: in the sandbox there is nothing to take one from. */
static const struct lockstep_tool *tool_with_strange_schema(const struct lockstep_module *module)
{
    json_object_seed(1);
    for (size_t i = 0; i < module->tools_count; i++) {
        const char *text = module->tools[i].schema;
        size_t size = text == NULL ? 0 : strnlen(text, LOCKSTEP_TOOL_SCHEMA_MAX + 1);
        json_t *schema = text == NULL || size > LOCKSTEP_TOOL_SCHEMA_MAX
                             ? NULL
                             : json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                                          NULL);
        bool well = text == NULL || json_is_object(schema) || json_is_boolean(schema);
        json_decref(schema);
        if (!well) {
            return &module->tools[i];
        }
    }
    return NULL;
}

/* Static and mapped descriptor are two places in one file, so they can differ. */
static bool check_mapped(const struct lockstep_probe_running *running)
{
    const struct lockstep_identity *identity = running->module.identity;
    const struct lockstep_probe_facts *facts = facts_of(running);
    const struct lockstep_tool *strange;
    if (strncmp(identity->module, facts->module.text, LOCKSTEP_MODULE_TEXT) != 0 ||
        strncmp(identity->version, facts->version, LOCKSTEP_MODULE_TEXT) != 0 ||
        identity->state_schema != facts->state_schema) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_DESCRIPTOR_MAPPED,
                            "its mapped identity is not the one in its note");
        return false;
    }
    if (!same_tools(running)) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_DESCRIPTOR_MAPPED,
                            "its tools are not those that its identity lists");
        return false;
    }
    strange = tool_with_strange_schema(&running->module);
    if (strange != NULL) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_DESCRIPTOR_MAPPED,
                            "the schema of %s is no JSON schema, or longer than 16 KiB",
                            strange->name);
        return false;
    }
    return true;
}

bool lockstep_probe_map(struct lockstep_probe_running *running)
{
    char path[IMAGE_PATH_TEXT];
    void *handle;
    lockstep_probe_begin(running, LOCKSTEP_PROBE_STAGE_CONSTRUCTOR, NULL, 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", running->image_fd);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        note_loader(running, path);
        return false;
    }
    if (!copy_module(running, dlsym(handle, LOCKSTEP_MODULE_SYMBOL))) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_DESCRIPTOR_MAPPED,
                            "its mapped descriptor is cut off or of another ABI");
        return false;
    }
    return check_mapped(running);
}

static void say_log(const struct lockstep_host_api *host, enum lockstep_log_level level,
                    const char *text)
{
    (void)host;
    (void)level;
    (void)fprintf(stderr, "%s\n", text);
}

static uint64_t say_time(const struct lockstep_host_api *host)
{
    struct timespec now;
    (void)host;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What a module may ask of its host, as far as a trial has it. */
static const struct lockstep_host_api trial_host = {
    .size = sizeof(trial_host),
    .abi_major = LOCKSTEP_ABI_MAJOR,
    .abi_minor = LOCKSTEP_ABI_MINOR,
    .log = say_log,
    .now_ms = say_time,
};

void lockstep_probe_compare(const struct lockstep_probe_running *running,
                            struct lockstep_surroundings *before, const char *what)
{
    struct lockstep_surroundings now;
    const char *changed;
    lockstep_surroundings_take(&now);
    changed = lockstep_surroundings_compare(before, &now);
    if (changed != NULL) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_PROCESS_STATE,
                            "%s leaves something behind in the process: %s", what, changed);
        *before = now;
    }
}

bool lockstep_probe_load(struct lockstep_probe_running *running)
{
    const struct lockstep_probe_blob *config = &running->trial->material[running->index].config;
    struct lockstep_probe_words why;
    struct lockstep_load load = {
        .size = sizeof(load),
        .host = &trial_host,
        .config = config->bytes == NULL ? "" : (const char *)config->bytes,
        .config_size = config->size,
        .why = &why.sink,
    };
    lockstep_probe_words_init(&why);
    if (running->module.load != NULL) {
        lockstep_probe_begin(running, LOCKSTEP_PROBE_STAGE_LOAD, NULL, 0);
        errno = 0;
        if (running->module.load(&load) != 0) {
            lockstep_probe_note(
                running, errno == ENOMEM ? LOCKSTEP_PROBE_CHECK_MEMORY : LOCKSTEP_PROBE_CHECK_LOAD,
                "%s", lockstep_probe_words_text(&why));
            return false;
        }
    }
    running->loaded = true;
    return true;
}

void lockstep_probe_retire(const struct lockstep_probe_running *running)
{
    if (running->loaded && running->module.retire != NULL) {
        lockstep_probe_begin(running, LOCKSTEP_PROBE_STAGE_RETIRE, NULL, 0);
        running->module.retire();
    }
}
