/* What the modules of a set need of each other, and the order that follows. */
#include "agent/probe/requires.h"

#include "agent/probe/static_internal.h"
#include "common/base/version.h"

#include <stdio.h>
#include <string.h>

enum mark { UNSEEN = 0, ON_PATH, PLACED };

struct order {
    const struct lockstep_probe_request *request;
    struct lockstep_probe_verdict *verdict;
    enum mark marks[LOCKSTEP_ITEMS_MAX];
    size_t *places;
    size_t placed;
};

static const struct lockstep_probe_facts *facts_of(const struct order *order, size_t index)
{
    return &order->verdict->subjects[index].facts;
}

/* The index of the subject with this name, or that of nobody. */
static size_t find_subject(const struct order *order, const struct lockstep_name *name)
{
    size_t i = 0;
    while (i < order->verdict->subjects_count &&
           !lockstep_name_equal(&facts_of(order, i)->module, name)) {
        i++;
    }
    return i;
}

/* The version that is, or will be, there; NULL if none. A subject replaces what is live. */
static const char *version_of(const struct order *order, const struct lockstep_name *name)
{
    size_t subject = find_subject(order, name);
    if (subject < order->verdict->subjects_count) {
        return facts_of(order, subject)->version;
    }
    for (size_t i = 0; i < order->request->present_count; i++) {
        if (lockstep_name_equal(&order->request->present[i].module, name)) {
            return order->request->present[i].version;
        }
    }
    return NULL;
}

static void check_requirement(const struct order *order, size_t index,
                              const struct lockstep_probe_requirement *requirement)
{
    const char *version = version_of(order, &requirement->module);
    if (version == NULL) {
        lockstep_probe_verdict_find(order->verdict, index, LOCKSTEP_PROBE_CHECK_REQUIRES,
                                    "it needs the module %s, which is not here",
                                    requirement->module.text);
    } else if (!lockstep_version_at_least(version, requirement->version)) {
        lockstep_probe_verdict_find(order->verdict, index, LOCKSTEP_PROBE_CHECK_REQUIRES,
                                    "it needs %s %s or later, here is %s", requirement->module.text,
                                    requirement->version, version);
    }
}

static void check_twice(const struct order *order, size_t index)
{
    char text[LOCKSTEP_TEXT_MAX + 1];
    size_t first = find_subject(order, &facts_of(order, index)->module);
    if (first < index) {
        (void)snprintf(text, sizeof(text), "the module %s is named twice",
                       facts_of(order, index)->module.text);
        lockstep_probe_verdict_find_as(order->verdict, index, LOCKSTEP_PROBE_CHECK_REQUIRES,
                                       LOCKSTEP_NO_DUPLICATE, text);
    }
}

/* Depth first; a ring is seen when the path meets itself. Its depth is bounded by the set's size.
 */
static void place(struct order *order, size_t index)
{
    const struct lockstep_probe_facts *facts = facts_of(order, index);
    order->marks[index] = ON_PATH;
    for (size_t i = 0; i < facts->requires_count; i++) {
        size_t next = find_subject(order, &facts->requires[i].module);
        if (next == order->verdict->subjects_count || order->marks[next] == PLACED) {
            continue;
        }
        if (order->marks[next] == ON_PATH) {
            lockstep_probe_verdict_find(order->verdict, index, LOCKSTEP_PROBE_CHECK_REQUIRES,
                                        "%s and %s need each other, directly or through others",
                                        facts->module.text, facts->requires[i].module.text);
            continue;
        }
        place(order, next);
    }
    order->marks[index] = PLACED;
    order->places[order->placed++] = index;
}

void lockstep_probe_order(const struct lockstep_probe_request *request,
                          struct lockstep_probe_verdict *verdict,
                          size_t ret_order[LOCKSTEP_ITEMS_MAX])
{
    struct order order = {.request = request, .verdict = verdict, .places = ret_order};
    for (size_t i = 0; i < verdict->subjects_count; i++) {
        const struct lockstep_probe_facts *facts = facts_of(&order, i);
        check_twice(&order, i);
        for (size_t k = 0; k < facts->requires_count; k++) {
            check_requirement(&order, i, &facts->requires[k]);
        }
        if (order.marks[i] == UNSEEN) {
            place(&order, i);
        }
    }
}
