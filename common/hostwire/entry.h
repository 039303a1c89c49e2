/* An entry of a message between agent and host: a module of a set, or an image of a status. */
#ifndef LOCKSTEP_HOSTWIRE_ENTRY_H
#define LOCKSTEP_HOSTWIRE_ENTRY_H

#include "common/base/ids.h"
#include "common/base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_HOSTWIRE_TOOL_MAX 63 /* bytes of a tool's name */
#define LOCKSTEP_HOSTWIRE_PATH_MAX 511

/* Where an image stands. */
enum lockstep_hostwire_state {
    LOCKSTEP_HOSTWIRE_STATE_UNSPECIFIED = 0,
    LOCKSTEP_HOSTWIRE_STATE_PREPARED = 1,
    LOCKSTEP_HOSTWIRE_STATE_LIVE = 2,
    LOCKSTEP_HOSTWIRE_STATE_PREVIOUS = 3, /* was live, is kept until RETIRE */
    LOCKSTEP_HOSTWIRE_STATE_RETIRED = 4,
};

/* What a process is in a service that is exchanged as a whole. */
enum lockstep_hostwire_role {
    LOCKSTEP_HOSTWIRE_ROLE_SERVES = 0,
    LOCKSTEP_HOSTWIRE_ROLE_WAITS = 1, /* a successor: it has not served yet */
    LOCKSTEP_HOSTWIRE_ROLE_LEFT = 2,  /* another one serves; its state is frozen */
};

/* What an operator's drain of a module has come to. One that takes too long ends as NONE. */
enum lockstep_hostwire_drain {
    LOCKSTEP_HOSTWIRE_DRAIN_NONE = 0,
    LOCKSTEP_HOSTWIRE_DRAIN_WAITS = 1, /* for calls in flight */
    LOCKSTEP_HOSTWIRE_DRAIN_DONE = 2,
};

/* One module of a set, or one image of a status. What a message does not need stays zero. */
struct lockstep_hostwire_entry {
    struct lockstep_name module;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    struct lockstep_digest digest; /* as the agent told it: a host hashes nothing */
    uint64_t device;               /* of the private copy, as stat has it */
    uint64_t inode;
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1]; /* absolute */
    int config_fd;                             /* the module's configuration, -1: empty */
    int state_fd;   /* state to begin with where there is none, -1: none */
    int journal_fd; /* the calls that changed it since, -1: none */
    int back_fd;    /* the state at the last commit, in the schema before, -1: none */
    bool whole;     /* the journal has every call since that commit */
    bool finalized; /* the version's window is over, and its `finalize` has been called */
    uint64_t by;    /* RETIRE: the generation that took its place; 0: whichever did */
    enum lockstep_hostwire_state state;
    uint32_t schema; /* of its state, 0: stateless */
    uint64_t calls;
    uint64_t failed;
    uint64_t in_flight;
    bool closed; /* its gate is shut */
    enum lockstep_hostwire_drain drain;
    bool refuses;                              /* drained, and who calls does not wait */
    char tool[LOCKSTEP_HOSTWIRE_TOOL_MAX + 1]; /* COUNTS: whose calls these are */
};

/* The descriptors of an entry, in the order in which they travel. */
#define LOCKSTEP_HOSTWIRE_ENTRY_FDS 4
static inline int *lockstep_hostwire_entry_fd(struct lockstep_hostwire_entry *entry, size_t index)
{
    int *const fds[LOCKSTEP_HOSTWIRE_ENTRY_FDS] = {&entry->config_fd, &entry->state_fd,
                                                   &entry->journal_fd, &entry->back_fd};
    return fds[index];
}
static inline int lockstep_hostwire_entry_has(const struct lockstep_hostwire_entry *entry,
                                              size_t index)
{
    const int fds[LOCKSTEP_HOSTWIRE_ENTRY_FDS] = {entry->config_fd, entry->state_fd,
                                                  entry->journal_fd, entry->back_fd};
    return fds[index];
}

#endif
