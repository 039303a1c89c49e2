#include "common/tbl/messages.h"

#include "common/base/attr.h"

#include <stddef.h>
#include <string.h>

struct message_row {
    unsigned number;
    unsigned role;
    const char *name;
};

static const struct message_row message_rows[] = {
#define MESSAGE_ROW(number, name, role, text) {(number), (unsigned)LOCKSTEP_ROLE_##role, #name},
    LOCKSTEP_MESSAGE_TABLE(MESSAGE_ROW)
#undef MESSAGE_ROW
};

struct role_row {
    unsigned role;
    const char *text;
};

static const struct role_row role_rows[] = {
#define ROLE_ROW(bit, name, text, may) {(unsigned)LOCKSTEP_ROLE_##name, (text)},
    LOCKSTEP_ROLE_TABLE(ROLE_ROW)
#undef ROLE_ROW
};

static const struct message_row *find_message(unsigned type)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(message_rows); i++) {
        if (message_rows[i].number == type) {
            return &message_rows[i];
        }
    }
    return NULL;
}

const char *lockstep_message_name(unsigned type)
{
    const struct message_row *row = find_message(type);
    return row == NULL ? NULL : row->name;
}

bool lockstep_message_allowed(unsigned type, unsigned roles)
{
    const struct message_row *row = find_message(type);
    return row != NULL && (row->role & roles) != 0;
}

const char *lockstep_role_text(unsigned role)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(role_rows); i++) {
        if (role_rows[i].role == role) {
            return role_rows[i].text;
        }
    }
    return NULL;
}

unsigned lockstep_role_parse(const char *text)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(role_rows); i++) {
        if (strcmp(role_rows[i].text, text) == 0) {
            return role_rows[i].role;
        }
    }
    return LOCKSTEP_ROLES_NONE;
}
