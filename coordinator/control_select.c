/* Which nodes: by name and by selector, as kubectl has them: env=prod,zone in (a,b),!canary. */
#include "coordinator/driver_internal.h"

#include "common/io/value.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 128

/* The value of label KEY, and its length; NULL if the node has no such label. */
static const char *label(const char *labels, const char *key, size_t *ret_length)
{
    size_t length = strlen(key);
    for (const char *at = labels; *at != '\0';) {
        size_t pair = strcspn(at, ",");
        if (pair > length && strncmp(at, key, length) == 0 && at[length] == '=') {
            *ret_length = pair - length - 1;
            return at + length + 1;
        }
        at += pair + (at[pair] == ',' ? 1 : 0);
    }
    return NULL;
}

static bool value_is(const char *value, size_t length, const char *word, size_t word_length)
{
    return value != NULL && length == word_length && strncmp(value, word, length) == 0;
}

/* One requirement: KEY, !KEY, KEY=V, KEY==V, KEY!=V, KEY in (A,B), KEY notin (A,B). */
struct requirement {
    char key[KEY_MAX];
    bool negated;
    bool exists; /* only whether the label is there */
    const char *values;
    size_t length;
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " ");
}

static bool matches(const struct requirement *requirement, const char *labels)
{
    size_t length = 0;
    const char *value = label(labels, requirement->key, &length);
    bool found = requirement->exists && value != NULL;
    for (size_t i = 0; !requirement->exists && i <= requirement->length;) {
        const char *word = skip_blanks(requirement->values + i);
        size_t at = (size_t)(word - requirement->values);
        size_t size = at > requirement->length ? 0 : strcspn(word, ",) ");
        size = at + size > requirement->length ? requirement->length - at : size;
        found = found || value_is(value, length, word, size);
        i = at + size + 1;
    }
    return found != requirement->negated;
}

/* Reads one requirement; NULL if it makes none. */
static const char *parse_one(const char *text, struct requirement *requirement)
{
    size_t length;
    const char *close;
    memset(requirement, 0, sizeof(*requirement));
    text = skip_blanks(text);
    if (*text == '!') {
        requirement->negated = true;
        text = skip_blanks(text + 1);
    }
    length = strcspn(text, " =!,()");
    if (length == 0 || length >= KEY_MAX) {
        return NULL;
    }
    memcpy(requirement->key, text, length);
    text = skip_blanks(text + length);
    if (*text == '\0' || *text == ',') {
        requirement->exists = true;
        return text;
    }
    if (requirement->negated) {
        return NULL;
    }
    if (*text == '=' || strncmp(text, "!=", 2) == 0) {
        requirement->negated = *text == '!';
        text = skip_blanks(text + (text[0] == '!' || text[1] == '=' ? 2 : 1));
        requirement->values = text;
        requirement->length = strcspn(text, ", ()!=");
        return skip_blanks(text + requirement->length);
    }
    if (strncmp(text, "in ", 3) == 0 || strncmp(text, "in(", 3) == 0) {
        text += 2;
    } else if (strncmp(text, "notin ", 6) == 0 || strncmp(text, "notin(", 6) == 0) {
        requirement->negated = true;
        text += 5;
    } else {
        return NULL;
    }
    text = skip_blanks(text);
    close = strchr(text, ')');
    if (*text != '(' || close == NULL) {
        return NULL;
    }
    requirement->values = text + 1;
    requirement->length = (size_t)(close - text - 1);
    return skip_blanks(close + 1);
}

static enum lockstep_err apply_selector(const struct lockstep_coordinator *coordinator,
                                        const char *selector, bool *selected,
                                        struct lockstep_error *err)
{
    const char *at = selector;
    uint32_t left = 0;
    while (*skip_blanks(at) != '\0') {
        struct requirement requirement;
        at = parse_one(at, &requirement);
        if (at == NULL || (*at != '\0' && *at != ',')) {
            return LOCKSTEP_FAIL(err, INVALID,
                                 "'%.100s' is no selector; write env=prod,zone in (a,b),!canary",
                                 selector);
        }
        at += *at == ',' ? 1 : 0;
        for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
            selected[i] = selected[i] && matches(&requirement, coordinator->views[i].row.labels);
        }
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        left += selected[i] ? 1 : 0;
    }
    return left > 0
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, INVALID, "the selector '%.100s' matches no node", selector);
}

static enum lockstep_err unknown_node(const struct lockstep_coordinator *coordinator,
                                      const char *name, struct lockstep_error *err)
{
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const char *known = coordinator->nodes[i].name.text;
        if (strncmp(known, name, 2) == 0) {
            return LOCKSTEP_FAIL(err, INVALID, "there is no node '%s'; did you mean %s?", name,
                                 known);
        }
    }
    return LOCKSTEP_FAIL(err, INVALID, "there is no node '%s'; lockstep node ls shows them", name);
}

enum lockstep_err lockstep_control_select(struct lockstep_coordinator *coordinator,
                                          const char *selector, const struct lockstep_name *nodes,
                                          uint32_t node_count, bool *ret_selected,
                                          struct lockstep_error *err)
{
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        ret_selected[i] = node_count == 0 && !coordinator->views[i].row.revoked;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        int64_t node = lockstep_driver_node(coordinator, nodes[i].text);
        if (node < 0) {
            return unknown_node(coordinator, nodes[i].text, err);
        }
        ret_selected[node] = true;
    }
    return selector[0] == '\0' ? LOCKSTEP_OK
                               : apply_selector(coordinator, selector, ret_selected, err);
}
