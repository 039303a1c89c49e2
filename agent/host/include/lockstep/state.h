/*
 * lockstep/state.h: a module's state, as it goes from one version to the next.
 *
 * What becomes of a module's state, by the best class that it offers (`lockstep plan` shows it):
 *
 *     class      offered by           going back                  its host dies
 *     lossless   down, or steps       down(state), with residue   the state of the last base
 *     journaled  apply                state at commit + journal   base + journal: every call that
 *                                                                 returned
 *     snapshot   neither              state at commit; what was   the state of the last base
 *                                     written since is lost
 *     none       NO_WAY_BACK          refused                     begins empty
 *
 * A base is made at every commit that hands state over, and whenever the agent asks for one. A
 * module may offer both `down` and `apply`: it is lossless, and journaled when its host dies. When
 * nothing changes in the schema, `save` and `up` are the way back, and it is lossless.
 */
#ifndef LOCKSTEP_STATE_H
#define LOCKSTEP_STATE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where bytes go: an answer, or the text that says why something failed. The host's; it grows as
 * needed, up to the host's bound. */
struct lockstep_sink {
    /* False if it is full; what does not fit is not kept. */
    bool (*write)(struct lockstep_sink *sink, const void *bytes, size_t size);
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

/* One step between two schemas: writes what SOURCE has, a state of schema `from`, as one of schema
 * `to`. It looks at nothing else: it may run in a probe, and before the module has any state. What
 * `to` cannot hold it writes as residue, which goes around all further steps. 0, or not and WHY. */
struct lockstep_step {
    uint32_t from;
    uint32_t to;
    int (*run)(struct lockstep_records_source *source, struct lockstep_records_sink *sink,
               struct lockstep_sink *why);
};

#define LOCKSTEP_MODULE_STEPS 64

/* What `apply` answers for a tool that this version does not have. */
#define LOCKSTEP_APPLY_UNKNOWN (-1)

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
