/* Which way a state goes from one version to another. Between set*.c files. */
#ifndef LOCKSTEP_HOST_SET_WAY_H
#define LOCKSTEP_HOST_SET_WAY_H

#include "agent/host/path.h"
#include "agent/host/set.h"

/* Which state the new version begins with. */
enum lockstep_way {
    LOCKSTEP_WAY_NONE, /* none: it stays as `load` made it */
    LOCKSTEP_WAY_SAVE, /* the old version writes it: `save` */
    LOCKSTEP_WAY_DOWN, /* the old version writes it in an older schema: `down`, or `save` and steps
                        */
    LOCKSTEP_WAY_JOURNAL, /* what was kept at the commit, and all calls since */
    LOCKSTEP_WAY_BACK,    /* what was kept at the commit; what was written since is lost */
    LOCKSTEP_WAY_GIVEN,   /* from outside */
};

const char *lockstep_way_text(enum lockstep_way way);
/* Of the image's state, 0 if it has none or is NULL. */
uint32_t lockstep_way_schema(const struct lockstep_image *image);
/* The steps of IMAGE between two schemas. False: there is no way. */
bool lockstep_way_path(const struct lockstep_image *image, uint32_t from, uint32_t to,
                       struct lockstep_path *ret_path);
/* True if IMAGE can take a state of SCHEMA, as far as it says so. */
bool lockstep_way_takes(const struct lockstep_image *image, uint32_t schema,
                        struct lockstep_refusal *ret_refusal);
/* All calls since the commit are there, and TO can do them again. */
bool lockstep_way_journaled(const struct lockstep_kept *kept, const struct lockstep_image *to);
/* False: there is none. */
bool lockstep_way_choose(const struct lockstep_set_item *item, enum lockstep_way *ret_way,
                         struct lockstep_refusal *ret_refusal);

#endif
