#include "tests/tidy/tidy.h"

#include <string.h>

enum region {
    IN_CODE,
    IN_LINE_COMMENT,
    IN_COMMENT,
    IN_STRING,
    IN_CHARACTER,
    IN_DIRECTIVE,
};

/* The region that begins with the character at `at`, seen from code. */
static enum region enter(const char *at, bool line_start)
{
    if (at[0] == '/' && at[1] == '*') {
        return IN_COMMENT;
    }
    if (at[0] == '/' && at[1] == '/') {
        return IN_LINE_COMMENT;
    }
    if (at[0] == '"') {
        return IN_STRING;
    }
    if (at[0] == '\'') {
        return IN_CHARACTER;
    }
    return at[0] == '#' && line_start ? IN_DIRECTIVE : IN_CODE;
}

static bool ends(enum region region, const char *at, const char *text)
{
    switch (region) {
    case IN_LINE_COMMENT:
        return at[0] == '\n';
    case IN_DIRECTIVE:
        return at[0] == '\n' && at[-1] != '\\';
    case IN_COMMENT:
        return at[0] == '/' && at - text > 1 && at[-1] == '*';
    case IN_STRING:
        return at[0] == '"';
    case IN_CHARACTER:
        return at[0] == '\'';
    case IN_CODE:
    default:
        return false;
    }
}

void tidy_blank(struct source *source)
{
    enum region region = IN_CODE;
    bool line_start = true;
    for (size_t i = 0; i < source->size; i++) {
        const char *at = source->text + i;
        source->code[i] = *at == '\n' ? '\n' : ' ';
        if (region == IN_CODE) {
            region = enter(at, line_start);
            if (region == IN_COMMENT) {
                i++; /* so that a slash right behind does not end it */
                source->code[i] = ' ';
            } else if (region == IN_CODE || region == IN_STRING) {
                source->code[i] = *at;
            }
        } else if ((region == IN_STRING || region == IN_CHARACTER) && *at == '\\') {
            i++;
            source->code[i] = source->text[i] == '\n' ? '\n' : ' ';
        } else if (ends(region, at, source->text)) {
            region = IN_CODE;
        }
        line_start = *at == '\n' || (line_start && strchr(" \t", *at) != NULL);
    }
}
