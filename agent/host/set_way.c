#include "agent/host/set_way.h"

#include "agent/host/host_internal.h"

static const char *const texts[] = {
    [LOCKSTEP_WAY_NONE] = "nothing",
    [LOCKSTEP_WAY_SAVE] = "save",
    [LOCKSTEP_WAY_DOWN] = "down",
    [LOCKSTEP_WAY_JOURNAL] = "the journal",
    [LOCKSTEP_WAY_BACK] = "the state at the commit; what was written since is lost",
    [LOCKSTEP_WAY_GIVEN] = "what was kept",
};

const char *lockstep_way_text(enum lockstep_way way)
{
    return texts[way];
}

uint32_t lockstep_way_schema(const struct lockstep_image *image)
{
    return image == NULL ? 0 : image->identity.state_schema;
}

bool lockstep_way_path(const struct lockstep_image *image, uint32_t from, uint32_t to,
                       struct lockstep_path *ret_path)
{
    lockstep_path_find(image->module.steps, image->module.steps_count, from, to, ret_path);
    return ret_path->found;
}

/* A module without steps says by itself in `up` what it can take. */
bool lockstep_state_takes(const struct lockstep_image *image, uint32_t schema,
                          struct lockstep_refusal *ret_refusal)
{
    struct lockstep_path path;
    uint32_t mine = lockstep_way_schema(image);
    if (schema > mine) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "a state of schema %u is newer than its own, %u", schema, mine);
    }
    if (image->module.steps_count == 0 || lockstep_way_path(image, schema, mine, &path)) {
        return true;
    }
    return lockstep_host_refuse(ret_refusal, "STATE",
                                "no step of %.63s %s leads on from schema %u towards %u",
                                image->name.text, image->version, path.stops_at, mine);
}

bool lockstep_state_goes_down(const struct lockstep_image *image, uint32_t to)
{
    struct lockstep_path path;
    return image->module.down != NULL ||
           lockstep_way_path(image, lockstep_way_schema(image), to, &path);
}

/* All calls since the commit are there, and TO can do them again. */
bool lockstep_way_journaled(const struct lockstep_kept *kept, const struct lockstep_image *to)
{
    return lockstep_kept_is_whole(kept) && to->module.apply != NULL;
}

/* A version that came to life in a host that was started again is asked last: it may be why. */
static bool choose_way_down(const struct lockstep_set_item *item, enum lockstep_way *ret_way,
                            struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_module_line *line = item->line;
    const struct lockstep_image *from = line->live;
    const struct lockstep_kept *kept = &line->keep.kept;
    bool journal = lockstep_way_journaled(kept, item->image);
    if ((from->identity.flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "%.63s %s cannot go back with its state: its class is none",
                                    line->name.text, from->version);
    }
    if (from->finalized) {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "%.63s %s cannot go back: its window is over and it has been "
                                    "finalized",
                                    line->name.text, from->version);
    }
    if (journal &&
        (line->restarted || !lockstep_state_goes_down(from, lockstep_way_schema(item->image)))) {
        *ret_way = LOCKSTEP_WAY_JOURNAL;
    } else if (lockstep_state_goes_down(from, lockstep_way_schema(item->image))) {
        *ret_way = LOCKSTEP_WAY_DOWN;
    } else if (kept->back_fd >= 0) {
        *ret_way = LOCKSTEP_WAY_BACK;
    } else {
        return lockstep_host_refuse(ret_refusal, "STATE",
                                    "%.63s %s has no way down from schema %u to %u, and the state "
                                    "at its commit is not kept any more",
                                    line->name.text, from->version, lockstep_way_schema(from),
                                    lockstep_way_schema(item->image));
    }
    return true;
}

bool lockstep_way_choose(const struct lockstep_set_item *item, enum lockstep_way *ret_way,
                         struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_image *from = item->line->live;
    const struct lockstep_image *to = item->image;
    *ret_way = LOCKSTEP_WAY_NONE;
    if (from == to || lockstep_way_schema(from) == 0 || lockstep_way_schema(to) == 0) {
        return true;
    }
    if (lockstep_way_schema(to) < lockstep_way_schema(from)) {
        return choose_way_down(item, ret_way, ret_refusal);
    }
    *ret_way = LOCKSTEP_WAY_SAVE;
    return lockstep_state_takes(to, lockstep_way_schema(from), ret_refusal);
}

bool lockstep_item_has_way(const struct lockstep_set_item *item,
                           struct lockstep_refusal *ret_refusal)
{
    enum lockstep_way way;
    return lockstep_way_choose(item, &way, ret_refusal);
}
