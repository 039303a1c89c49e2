#include "common/base/version.h"

#include <stdint.h>
#include <string.h>

/* Reads one number of a version; *text goes to what follows it. */
static uint64_t take_number(const char **text)
{
    uint64_t number = 0;
    while (**text >= '0' && **text <= '9') {
        if (number < UINT64_MAX / 16) {
            number = number * 10 + (uint64_t)(**text - '0');
        }
        (*text)++;
    }
    return number;
}

bool lockstep_version_at_least(const char *have, const char *want)
{
    for (;;) {
        uint64_t has = take_number(&have);
        uint64_t wants = take_number(&want);
        if (has != wants) {
            return has > wants;
        }
        if (*have != '.' && *want != '.') {
            break;
        }
        have += *have == '.' ? 1 : 0;
        want += *want == '.' ? 1 : 0;
    }
    /* "2.0.0-rc1" comes before "2.0.0"; what comes behind '+' says nothing. */
    if (*have != '-' || *want != '-') {
        return *have != '-' || *want == '-';
    }
    return strcmp(have, want) >= 0;
}
