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

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

/* Where bytes go: an answer, or the text that says why something failed. The host's; it grows as
 * needed, up to the host's bound. */
struct lockstep_sink {
    /* False if it is full; what does not fit is not kept. */
    bool (*write)(struct lockstep_sink *sink, const void *bytes, size_t size);
};

enum lockstep_log_level {
    LOCKSTEP_LOG_DEBUG,
    LOCKSTEP_LOG_INFO,
    LOCKSTEP_LOG_WARNING,
    LOCKSTEP_LOG_ERROR,
};

struct lockstep_call;

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

/* One record of a state in canonical form. Order says nothing; a key is there once. */
struct lockstep_record {
    const void *key;
    uint32_t key_size;
    uint32_t value_size;
    const void *value;
    /* Something that the schema being written cannot hold. The host keeps it beside the state and
     * hands it to the next `up` into the schema that wrote it, so nothing is lost on the way. */
    bool residue;
};

/* Where records go. The host's. */
struct lockstep_records_sink {
    /* Copies the record. False if there is no room: then the caller gives up and fails. */
    bool (*put)(struct lockstep_records_sink *sink, const struct lockstep_record *record);
    const char *extra; /* what the operator wrote behind --extra, "" if nothing */
};

/* Where records come from. The host's. */
struct lockstep_records_source {
    uint64_t count; /* how many there will be, to make room for */
    /* False after the last. What *ret_record points to lives until the next call. */
    bool (*next)(struct lockstep_records_source *source, struct lockstep_record *ret_record);
    const char *extra; /* what the operator wrote behind --extra, "" if nothing */
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
    /* Its last call. Cannot fail. */
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

/* Writes a formatted text, at most 1 kB of it. */
__attribute__((format(printf, 2, 3))) static inline bool
lockstep_sink_print(struct lockstep_sink *sink, const char *format, ...)
{
    char text[1024];
    va_list args;
    int length;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0) {
        return false;
    }
    return sink->write(sink, text,
                       (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

#endif
