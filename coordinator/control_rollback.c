#include "coordinator/control_rollback.h"

#include <string.h>

static const struct {
    enum lockstep_rollback class;
    const char *says;
} sayings[] = {
    {LOCKSTEP_ROLLBACK_UNSPECIFIED, "nobody says what going back would lose"},
    {LOCKSTEP_ROLLBACK_LOSSLESS, "going back loses nothing"},
    {LOCKSTEP_ROLLBACK_JOURNALED, "going back does the calls since the commit again"},
    {LOCKSTEP_ROLLBACK_SNAPSHOT, "going back would lose writes made in the window"},
    {LOCKSTEP_ROLLBACK_NONE, "cannot go back with its state"},
};

/* What a manifest says, or UNSPECIFIED; of what is not here, too. */
struct claim {
    bool known;
    uint64_t schema;
    enum lockstep_rollback class;
};

static struct claim claim_of(const struct lockstep_coordinator *coordinator,
                             const struct lockstep_digest *digest)
{
    struct lockstep_manifest manifest;
    if (lockstep_digest_is_zero(digest) ||
        !lockstep_control_manifest(coordinator, digest, &manifest)) {
        return (struct claim){.known = false};
    }
    return (struct claim){true, manifest.state_schema, manifest.rollback};
}

/* Which of two can go back is who has the later schema; between equal ones nothing is lost. */
static enum lockstep_rollback class_between(const struct claim *from, const struct claim *to)
{
    if (!from->known || from->schema == to->schema || from->schema == 0) {
        return LOCKSTEP_ROLLBACK_LOSSLESS;
    }
    if (to->schema == 0) {
        return LOCKSTEP_ROLLBACK_NONE; /* its state ends */
    }
    return to->schema > from->schema ? to->class : from->class;
}

/* What is not said is worst. */
static bool worse(enum lockstep_rollback a, enum lockstep_rollback b)
{
    return b != LOCKSTEP_ROLLBACK_UNSPECIFIED && (a == LOCKSTEP_ROLLBACK_UNSPECIFIED || a > b);
}

enum lockstep_rollback lockstep_control_rollback(const struct lockstep_coordinator *coordinator,
                                                 const struct lockstep_digest *from,
                                                 const struct lockstep_digest *to)
{
    const struct claim claims[] = {claim_of(coordinator, from), claim_of(coordinator, to)};
    if (lockstep_digest_is_zero(to) || lockstep_digest_equal(from, to)) {
        return LOCKSTEP_ROLLBACK_LOSSLESS;
    }
    return claims[1].known ? class_between(&claims[0], &claims[1]) : LOCKSTEP_ROLLBACK_UNSPECIFIED;
}

static void add_rollback(enum lockstep_rollback class, json_t *object)
{
    const char *text = lockstep_rollback_text(class);
    for (size_t i = 0; i < LOCKSTEP_COUNT(sayings); i++) {
        if (sayings[i].class == class) {
            (void)json_object_set_new(
                object, "rollback",
                json_string(class == LOCKSTEP_ROLLBACK_UNSPECIFIED ? "unknown" : text));
            (void)json_object_set_new(object, "rollback_says", json_string(sayings[i].says));
        }
    }
}

void lockstep_control_plan_rollback(const struct lockstep_coordinator *coordinator,
                                    const struct lockstep_resolved *resolved, uint32_t item,
                                    json_t *object)
{
    const struct lockstep_request *request = &resolved->request;
    const struct lockstep_plan *plan = &resolved->plan;
    enum lockstep_rollback worst = LOCKSTEP_ROLLBACK_LOSSLESS;
    static const struct lockstep_digest nothing;
    struct lockstep_digest last[2] = {{{0}}, {{0}}};
    for (uint32_t i = 0; i < plan->n; i++) {
        uint32_t place = plan->roster[i];
        const struct lockstep_node *node = &coordinator->fleet.nodes[request->selected[place]];
        const struct lockstep_live *live = lockstep_node_live(node, &request->items[item].module);
        const struct lockstep_digest pair[2] = {
            live == NULL ? nothing : live->digest,
            lockstep_kind_goes_back(request->kind)
                ? request->targets[(size_t)place * request->item_count + item]
                : request->items[item].digest};
        if (i == 0 || memcmp(pair, last, sizeof(pair)) != 0) { /* mostly all nodes are the same */
            enum lockstep_rollback class = lockstep_control_rollback(coordinator, &pair[0],
                                                                     &pair[1]);
            worst = worse(class, worst) ? class : worst;
            memcpy(last, pair, sizeof(last));
        }
    }
    add_rollback(worst, object);
}

void lockstep_control_operation_rollback(const struct lockstep_coordinator *coordinator,
                                         json_t *document)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(document, "items"), index, item)
    {
        struct lockstep_digest digests[2] = {{{0}}, {{0}}};
        const char *leaving = json_string_value(json_object_get(item, "leaving"));
        const char *digest = json_string_value(json_object_get(item, "digest"));
        struct claim claim;
        if (leaving != NULL && lockstep_digest_parse(leaving, &digests[0]) && digest != NULL &&
            lockstep_digest_parse(digest, &digests[1])) {
            add_rollback(lockstep_control_rollback(coordinator, &digests[0], &digests[1]), item);
        } else if (digest != NULL && lockstep_digest_parse(digest, &digests[1])) {
            claim = claim_of(coordinator, &digests[1]);
            add_rollback(
                claim.known && claim.schema == 0 ? LOCKSTEP_ROLLBACK_LOSSLESS : claim.class, item);
        }
    }
}
