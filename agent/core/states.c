#include "agent/core/states.h"

#include "common/base/attr.h"

#include <stddef.h>

const char *lockstep_duty_state_name(unsigned state)
{
    static const char *const names[] = {
#define NAME(number, name, text) [number] = #name,
        LOCKSTEP_DUTY_STATE_TABLE(NAME)
#undef NAME
    };
    return state < LOCKSTEP_COUNT(names) ? names[state] : NULL;
}

const char *lockstep_duty_event_name(unsigned event)
{
    static const char *const names[] = {
#define NAME(number, name, text) [number] = #name,
        LOCKSTEP_DUTY_EVENT_TABLE(NAME)
#undef NAME
    };
    return event < LOCKSTEP_COUNT(names) ? names[event] : NULL;
}

const char *lockstep_duty_row_name(unsigned row)
{
    static const char *const names[] = {
#define NAME(number, name, text) [number] = #name,
        LOCKSTEP_DUTY_ROW_TABLE(NAME)
#undef NAME
    };
    return row < LOCKSTEP_COUNT(names) ? names[row] : NULL;
}
