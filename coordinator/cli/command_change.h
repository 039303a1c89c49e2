/* What the commands that change a fleet have in common: flags become a request, and the request is
 * planned, signed, submitted and watched. */
#ifndef LOCKSTEP_COORDINATOR_CLI_COMMAND_CHANGE_H
#define LOCKSTEP_COORDINATOR_CLI_COMMAND_CHANGE_H

#include "coordinator/cli/command.h"

/* A request and what it points to. Zero-initialise. */
struct lockstep_change {
    struct lockstep_wire_request body;
    struct lockstep_wire_subject subjects[LOCKSTEP_ITEMS_MAX];
    const char *files[LOCKSTEP_ITEMS_MAX]; /* to be pushed first, or NULL */
    struct lockstep_name nodes[LOCKSTEP_LIST_MAX];
    bool known_id; /* --request-id: it may be open already */
};

/* Fills in what all of them have: the id, the nodes, numbers and times. */
enum lockstep_exit lockstep_change_flags(struct lockstep_run *run, struct lockstep_change *change);
/* A share that is given as --NAME; refused above the size of the largest fleet. */
enum lockstep_exit lockstep_change_share(struct lockstep_run *run, const char *name,
                                         const struct lockstep_option_share *share,
                                         uint32_t *ret_number);
/* Goes through with it; DRY: shows the plan and does nothing. */
enum lockstep_exit lockstep_change_fleet(struct lockstep_run *run, struct lockstep_change *change,
                                         bool dry);

#endif
