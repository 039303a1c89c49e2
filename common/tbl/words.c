#include "common/tbl/words.h"

#include "common/base/attr.h"

#include <stddef.h>
#include <string.h>

/* The text at VALUE of a table indexed by number, or NULL. */
static const char *text_of(const char *const *texts, size_t count, unsigned value)
{
    return value < count ? texts[value] : NULL;
}

/* The number whose text is TEXT, or 0. */
static unsigned parse(const char *const *texts, size_t count, const char *text)
{
    for (unsigned i = 0; i < count; i++) {
        if (texts[i] != NULL && strcmp(texts[i], text) == 0) {
            return i;
        }
    }
    return 0;
}

#define WORD(number, name, text) [number] = (text),

static const char *const strategies[] = {LOCKSTEP_STRATEGY_TABLE(WORD)};
static const char *const kinds[] = {LOCKSTEP_KIND_TABLE(WORD)};
static const char *const on_failures[] = {LOCKSTEP_ON_FAILURE_TABLE(WORD)};
static const char *const offlines[] = {LOCKSTEP_OFFLINE_TABLE(WORD)};
static const char *const drains[] = {LOCKSTEP_DRAIN_TABLE(WORD)};
static const char *const outcomes[] = {LOCKSTEP_OUTCOME_TABLE(WORD)};
static const char *const applieds[] = {LOCKSTEP_APPLIED_TABLE(WORD)};
static const char *const modes[] = {LOCKSTEP_MODE_TABLE(WORD)};
static const char *const disks[] = {LOCKSTEP_DISK_TABLE(WORD)};
static const char *const gates[] = {LOCKSTEP_GATE_TABLE(WORD)};

#define TEXT(table, value) text_of((table), LOCKSTEP_COUNT(table), (unsigned)(value))
#define PARSE(table, text) parse((table), LOCKSTEP_COUNT(table), (text))

const char *lockstep_strategy_text(enum lockstep_strategy value)
{
    return TEXT(strategies, value);
}

const char *lockstep_kind_text(enum lockstep_kind value)
{
    return TEXT(kinds, value);
}

const char *lockstep_on_failure_text(enum lockstep_on_failure value)
{
    return TEXT(on_failures, value);
}

const char *lockstep_offline_text(enum lockstep_offline value)
{
    return TEXT(offlines, value);
}

const char *lockstep_drain_text(enum lockstep_drain value)
{
    return TEXT(drains, value);
}

const char *lockstep_outcome_text(enum lockstep_outcome value)
{
    return TEXT(outcomes, value);
}

const char *lockstep_applied_text(enum lockstep_applied value)
{
    return TEXT(applieds, value);
}

const char *lockstep_disk_text(enum lockstep_disk value)
{
    return TEXT(disks, value);
}

const char *lockstep_gate_text(enum lockstep_gate_state value)
{
    return TEXT(gates, value);
}

const char *lockstep_mode_text(enum lockstep_mode value)
{
    return TEXT(modes, value);
}

bool lockstep_kind_goes_back(enum lockstep_kind kind)
{
    return kind == LOCKSTEP_KIND_UNDO || kind == LOCKSTEP_KIND_COMPENSATION;
}

enum lockstep_strategy lockstep_strategy_parse(const char *text)
{
    return (enum lockstep_strategy)PARSE(strategies, text);
}

enum lockstep_kind lockstep_kind_parse(const char *text)
{
    return (enum lockstep_kind)PARSE(kinds, text);
}

enum lockstep_on_failure lockstep_on_failure_parse(const char *text)
{
    return (enum lockstep_on_failure)PARSE(on_failures, text);
}

enum lockstep_offline lockstep_offline_parse(const char *text)
{
    return (enum lockstep_offline)PARSE(offlines, text);
}

enum lockstep_drain lockstep_drain_parse(const char *text)
{
    return (enum lockstep_drain)PARSE(drains, text);
}

enum lockstep_mode lockstep_mode_parse(const char *text)
{
    return (enum lockstep_mode)PARSE(modes, text);
}
