/* What a node says of its modules, and what it is told to let pass. Included by wire.h. */
#ifndef LOCKSTEP_IO_WIRE_REPORT_H
#define LOCKSTEP_IO_WIRE_REPORT_H

#include "common/base/ids.h"
#include "common/tbl/words.h"

#include <stdbool.h>
#include <stdint.h>

/* What was called of one tool of one version. */
struct lockstep_wire_tool_counts {
    char tool[LOCKSTEP_TOOL_MAX + 1];
    char version[LOCKSTEP_VERSION_MAX + 1];
    bool live; /* else somebody is still in it */
    uint64_t calls;
    uint64_t failed;
    uint64_t in_flight;
};

/* One module as it is mapped and as it is on disk. Digests that may be absent are zeros then. */
struct lockstep_wire_module {
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    struct lockstep_digest digest;
    struct lockstep_md5 md5;
    enum lockstep_disk disk;
    struct lockstep_digest disk_digest; /* of the file in module_path; may be absent */
    struct lockstep_digest previous;    /* kept for the window; may be absent */
    uint64_t in_flight;
    uint64_t calls;                       /* of the live version, since it became live */
    uint32_t hosts;                       /* processes that have it mapped */
    struct lockstep_digest config_digest; /* of modules/MODULE.conf; may be absent */
    uint64_t loaded_unix_ms;
    uint32_t state_schema; /* zero: stateless */
    uint32_t driver;       /* enum lockstep_driver; a number that is none shows as nothing */
    enum lockstep_gate_state gate;
    uint64_t failed;  /* of `calls` */
    uint64_t behind;  /* of `in_flight`: in versions that are not live */
    uint32_t retired; /* versions that are kept, in all processes */
    uint32_t tool_count;
    struct lockstep_wire_tool_counts tools[LOCKSTEP_REPORT_TOOLS_MAX]; /* that say most */
};

/* A sequence of at most LOCKSTEP_REPORTS_MAX modules a message. */
struct lockstep_wire_report {
    const struct lockstep_wire_module *modules;
    uint32_t module_count;
    bool more;
    uint64_t disk_free_bytes;
    uint32_t memory_used_percent;
    uint32_t host_restarts;
    uint32_t host_recycles;
    const char *died;                 /* what the last of `host_restarts` died of; "": not known */
    struct lockstep_name died_module; /* in which module; may be empty */
};

/* Shuts the gate of a module, or opens it. */
struct lockstep_wire_drain {
    uint64_t request;
    const char *module; /* "": every module of the node */
    bool resume;
    bool refuse;       /* callers are refused at once, and do not wait */
    uint64_t drain_ms; /* for calls in flight; zero: the node's setting */
};

struct lockstep_wire_drained {
    uint64_t request;
    bool ok;
    const char *text; /* why not */
};

#endif
