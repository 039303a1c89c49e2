/* What people say about one node, as structs; part of wire_control.h. */
#ifndef LOCKSTEP_IO_WIRE_NODE_H
#define LOCKSTEP_IO_WIRE_NODE_H

#include "common/base/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct lockstep_wire_node_cordon {
    uint64_t request;
    struct lockstep_name node;
    bool lift;
    const char *message;
};

/* VERSION is a version or a digest prefix that the node runs, or "current"; none to LIFT. */
struct lockstep_wire_node_pin {
    uint64_t request;
    struct lockstep_name node;
    struct lockstep_name module;
    const char *version;
    uint64_t life_ms; /* zero: the default */
    bool lift;
    const char *message;
};

struct lockstep_wire_node_ping {
    uint64_t request;
    struct lockstep_name node;
};

/* Drains a module, or all, on nodes; none of them and no selector: on all that run it. */
struct lockstep_wire_module_drain {
    uint64_t request;
    const char *module; /* "": every module */
    uint32_t node_count;
    const struct lockstep_name *nodes;
    const char *selector;
    bool resume;
    bool refuse;       /* callers are refused at once, and do not wait */
    uint64_t drain_ms; /* for calls in flight; zero: each node's setting */
    const char *message;
};

/* PURGE, of one node. */
struct lockstep_wire_module_purge {
    uint64_t request;
    struct lockstep_name node;
    struct lockstep_name module;
    bool hard;
    uint64_t wait_ms;
    const char *message;
};

struct lockstep_wire_node_remove {
    uint64_t request;
    struct lockstep_name node;
    bool revoke; /* also while it is connected, and its key does not come back */
    const char *message;
};

struct lockstep_wire_node_admit {
    uint64_t request;
    struct lockstep_name node;
    bool refuse;     /* forget the key that waits */
    const char *key; /* how it begins, in hexadecimal digits; empty: whichever waits */
    const char *message;
};

#endif
