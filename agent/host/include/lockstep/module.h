/*
 * What a lockstep module is.
 *
 * A module is a shared object with two things in it: an ELF note (owner "lockstep", type 1) that
 * holds its identity, flat and without pointers, so that it can be read without running anything;
 * and one exported symbol, `lockstep_module`, that holds its functions. Both are made by the macro
 * LOCKSTEP_MODULE at the end of a module's source:
 *
 *     static const struct lockstep_tool tools[] = {{"echo.say", say, LOCKSTEP_TOOL_IDEMPOTENT,
 *                                                   "Says what it is told", NULL}};
 *     LOCKSTEP_MODULE((.module = "echo", .version = "1.0.0", .service = "default",
 *                      .tools = {"echo.say"}),
 *                     (.tools = tools, .tools_count = 1));
 *
 * Built with one command (`lockstep-cc -o echo.so echo.c`), it needs libc and nothing else: what it
 * wants of the host it gets as function pointers. Several versions of a module live in one process
 * at once, each with its own static data; state goes from one to the next only as records.
 *
 * Compatibility: equal `abi_major`, any `abi_minor`. Structs grow at their end only and say their
 * size; what is missing is zero. Only `load` and `up` may fail: everything else is past the point
 * where a reload can still be refused.
 *
 * A module deliberately has no threads, timers, signal handlers, thread keys, constructors and no
 * exit of its own: they would outlive its turn. lockstep-probe refuses a module that uses them.
 */
#ifndef LOCKSTEP_MODULE_H
#define LOCKSTEP_MODULE_H

#include "lockstep/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_ABI_MAJOR 1
#define LOCKSTEP_ABI_MINOR 0

#define LOCKSTEP_MODULE_SYMBOL "lockstep_module"
#define LOCKSTEP_NOTE_OWNER    "lockstep"
#define LOCKSTEP_NOTE_TYPE     1

#define LOCKSTEP_MODULE_TEXT     64 /* bytes of a name or version, with the NUL */
#define LOCKSTEP_MODULE_REQUIRES 16
#define LOCKSTEP_MODULE_TOOLS    32

/* Bits of lockstep_identity.flags. A host refuses bits of the upper half that it does not know. */
#define LOCKSTEP_MODULE_CONSTRUCTORS (UINT32_C(1) << 0) /* code runs while it is mapped */
#define LOCKSTEP_MODULE_NO_WAY_BACK  (UINT32_C(1) << 2) /* class none: it never goes back */
#define LOCKSTEP_MODULE_MUST_KNOW    UINT32_C(0xffff0000)

/* Another module that must be there, at this version or a later one. */
struct lockstep_module_need {
    char module[LOCKSTEP_MODULE_TEXT];
    char version[LOCKSTEP_MODULE_TEXT];
};

/* Who a module is. Lists end at the first empty entry or with the array. */
struct lockstep_identity {
    uint32_t size; /* of this struct, as the module's compiler saw it */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t flags;
    uint32_t state_schema;              /* 0: stateless; rises when the records change */
    char module[LOCKSTEP_MODULE_TEXT];  /* [a-z][a-z0-9-]* */
    char service[LOCKSTEP_MODULE_TEXT]; /* "default": the stock lockstep-host */
    char version[LOCKSTEP_MODULE_TEXT]; /* "2.1.0" */
    struct lockstep_module_need needs[LOCKSTEP_MODULE_REQUIRES];
    char tools[LOCKSTEP_MODULE_TOOLS]
              [LOCKSTEP_MODULE_TEXT]; /* names, as in lockstep_module.tools */
};

/* The ELF note. */
struct lockstep_module_note {
    uint32_t owner_size;
    uint32_t identity_size;
    uint32_t type;
    char owner[12]; /* "lockstep", padded */
    struct lockstep_identity identity;
};

enum lockstep_log_level {
    LOCKSTEP_LOG_DEBUG,
    LOCKSTEP_LOG_INFO,
    LOCKSTEP_LOG_WARNING,
    LOCKSTEP_LOG_ERROR,
};

struct lockstep_call;
struct lockstep_function;

/* What a host does for a module. Valid as long as the module is mapped, from any thread. */
struct lockstep_host_api {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    void (*log)(const struct lockstep_host_api *host, enum lockstep_log_level level,
                const char *text);
    /* Milliseconds of the monotonic clock. */
    uint64_t (*now_ms)(const struct lockstep_host_api *host);
    /* Calls a tool of this module or of one that it requires, in the set of versions in which the
     * present call began. 0: ANSWER has the result; else it failed and ANSWER says why. NULL where
     * there are no other modules, as in a probe. */
    int (*call)(const struct lockstep_host_api *host, const char *tool,
                const struct lockstep_call *call);
};

/* What `load` gets. Borrowed for the call, except `host`. */
struct lockstep_load {
    uint32_t size;
    const struct lockstep_host_api *host;
    const char *config; /* the node's file for this module, NUL-terminated, "" if there is none */
    size_t config_size;
    struct lockstep_sink *why; /* when it fails */
};

/* One call of a tool. Borrowed for the call. */
struct lockstep_call {
    uint32_t size;
    const uint8_t *request;
    size_t request_size;
    struct lockstep_sink *answer; /* the result; or, when the tool fails, why */
};

#define LOCKSTEP_TOOL_IDEMPOTENT (UINT32_C(1) << 0) /* calling twice is as good as once */
/* It changes the state. In a module that has `apply` the host lets one such call run at a time and
 * writes it into the journal before it returns: so the journal has them in the order in which they
 * ran, and none that its caller has not waited for is missing. Modules that require each other in a
 * circle must not all be of this kind: their calls could wait for each other. */
#define LOCKSTEP_TOOL_MUTATES (UINT32_C(1) << 1)

/* Something that a module does for whoever asks. Called from many threads at once. */
struct lockstep_tool {
    const char *name; /* "module.verb" */
    /* 0: *call->answer is the result. Else it failed, and the answer says why. */
    int (*call)(struct lockstep_call *call);
    uint32_t flags;
    const char *description; /* one sentence */
    const char *schema;      /* JSON schema of the request, or NULL */
};

/* A test of the module as it is loaded here. Leaves no trace: it may run beside real calls. */
struct lockstep_smoke {
    const char *name;
    /* 0: passed. Else WHY says what is wrong. */
    int (*run)(struct lockstep_sink *why);
    uint32_t timeout_ms; /* 0: 1000 */
};

/* The functions of a module. What is NULL is not there. */
struct lockstep_module {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const struct lockstep_identity *identity; /* the note's */
    const struct lockstep_tool *tools;
    uint32_t tools_count;
    uint32_t smokes_count;
    const struct lockstep_smoke *smokes;

    /* Makes the module ready, without a trace outside of it. 0, or not and *load->why says why. */
    int (*load)(const struct lockstep_load *load);
    /* Its last call, from a thread of its own. Cannot fail; a version that is not done within two
     * seconds stays mapped for good. */
    void (*retire)(void);

    /* The next three are there in stateful modules. No tool is running while they are.
     *
     * Writes the state in the module's own schema. 0, or not when the sink has no room. */
    int (*save)(struct lockstep_records_sink *sink);
    /* Takes over a state of schema FROM, which is the module's own or an older one, and with it
     * whatever `down` wrote as residue. Replaces what the module has. 0, or not and WHY. */
    int (*up)(uint32_t from, struct lockstep_records_source *source, struct lockstep_sink *why);
    /* Writes the state in the older schema TO, and as residue what TO cannot hold. Leaves its own
     * state as it is. 0, or not when the sink has no room or TO is not known. */
    int (*down)(uint32_t to, struct lockstep_records_sink *sink);

    /* Steps between schemas, at most LOCKSTEP_MODULE_STEPS, in any order. With them a
     * state of another schema is taken along the shortest path, and `up` gets it in the module's
     * own schema, with the residue; and without `down` the way back is a path from `save`. Where
     * there is no path the reload is refused, and the refusal names the schema that leads nowhere.
     */
    const struct lockstep_step *steps;
    uint32_t steps_count;
    /* Does a call of the journal again, of this version or another one: the tool's name, and the
     * request; the answer is thrown away. Nothing else runs, and `host->call` is refused. It must
     * come out as it did then, so it depends on state and request alone: no clock, no chance. 0 or
     * what the tool would say, or LOCKSTEP_APPLY_UNKNOWN. Most modules call
     * lockstep_tools_apply(). */
    int (*apply)(const char *tool, struct lockstep_call *call);
    /* The window of the version before is over: nothing leads back any more. The place for what
     * cannot be undone, such as dropping a column. Once, from the thread that retires; cannot fail.
     * Residue for other schemas is kept: it only goes with the module. */
    void (*finalize)(void);

    /* For a service of its own (lockstep/function.h); with the tools at most
     * LOCKSTEP_MODULE_TOOLS. */
    const struct lockstep_function *functions;
    uint32_t functions_count;
};

#define LOCKSTEP_MODULE_LIST(...) __VA_ARGS__

/* Defines note and descriptor. IDENTITY and FUNCTIONS are designated initialisers in parentheses.
 */
#define LOCKSTEP_MODULE(IDENTITY, FUNCTIONS)                                                     \
    static const struct lockstep_module_note lockstep_module_note_                               \
        __attribute__((used, section(".note.lockstep"), aligned(4))) = {                         \
            sizeof(LOCKSTEP_NOTE_OWNER),                                                         \
            sizeof(struct lockstep_identity),                                                    \
            LOCKSTEP_NOTE_TYPE,                                                                  \
            LOCKSTEP_NOTE_OWNER,                                                                 \
            {.size = sizeof(struct lockstep_identity),                                           \
             .abi_major = LOCKSTEP_ABI_MAJOR,                                                    \
             .abi_minor = LOCKSTEP_ABI_MINOR,                                                    \
             LOCKSTEP_MODULE_LIST IDENTITY}};                                                    \
    extern const struct lockstep_module lockstep_module;                                         \
    __attribute__((visibility("default")))                                                       \
    const struct lockstep_module lockstep_module = {.size = sizeof(struct lockstep_module),      \
                                                    .abi_major = LOCKSTEP_ABI_MAJOR,             \
                                                    .abi_minor = LOCKSTEP_ABI_MINOR,             \
                                                    .identity = &lockstep_module_note_.identity, \
                                                    LOCKSTEP_MODULE_LIST FUNCTIONS}

/* An `apply` that calls the tool of that name. */
static inline int lockstep_tools_apply(const struct lockstep_tool *tools, uint32_t count,
                                       const char *name, struct lockstep_call *call)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *a = tools[i].name;
        const char *b = name;
        while (*a != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return tools[i].call(call);
        }
    }
    return LOCKSTEP_APPLY_UNKNOWN;
}

#endif
