/*
 * Options of a command, as data: one row each gives the parser, --help and the manual.
 *
 *     struct flags { const char *config; struct lockstep_option_number soak; bool again; };
 *     static const struct lockstep_option rows[] = {
 *         {"config", 'c', LOCKSTEP_OPTION_TEXT, "FILE", "configuration to read", NULL,
 *          LOCKSTEP_OPTION_AT(struct flags, config), 0, 0},
 *         ...
 *     };
 *     struct lockstep_option_set sets[] = {{"Options", rows, LOCKSTEP_COUNT(rows), &flags}};
 *
 * Words may stand before, between and behind options; "--" ends the options. Options are written in
 * full: an abbreviation is refused, because it would change its meaning when options are added.
 * What is not given keeps the value that the target has, so a caller sets defaults first. There is
 * no other state. Not for several threads at once (getopt has a global of its own).
 */
#ifndef LOCKSTEP_IO_OPTIONS_H
#define LOCKSTEP_IO_OPTIONS_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/io/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What an option takes, and the type of its field in the target. */
enum lockstep_option_kind {
    LOCKSTEP_OPTION_FLAG,     /* nothing: bool */
    LOCKSTEP_OPTION_TEXT,     /* anything, or one of `choices`: const char * */
    LOCKSTEP_OPTION_DURATION, /* 500ms 10s 5m 1h: struct lockstep_option_number, in ms */
    LOCKSTEP_OPTION_COUNT,    /* a number: struct lockstep_option_number */
    LOCKSTEP_OPTION_SHARE,    /* a number or a percentage: struct lockstep_option_share */
    LOCKSTEP_OPTION_LIST,     /* a,b,c and again: struct lockstep_option_list */
};

struct lockstep_option_number {
    uint64_t number;
    bool given;
};

struct lockstep_option_share {
    struct lockstep_share share;
    bool given;
};

/* The texts are argv's, cut at the commas. */
struct lockstep_option_list {
    const char *items[LOCKSTEP_LIST_MAX];
    uint32_t count;
};

struct lockstep_option {
    const char *name; /* without dashes */
    char letter;      /* of the short form, or '\0' */
    enum lockstep_option_kind kind;
    const char *argument; /* what --help calls it ("FILE"); NULL for a flag */
    const char *help;     /* one line, lower case, no full stop */
    const char *choices;  /* of a TEXT: "table|wide|json"; else NULL */
    size_t offset;        /* of the field in the target: LOCKSTEP_OPTION_AT */
    uint64_t smallest;    /* of a DURATION or COUNT */
    uint64_t largest;     /* zero: any */
};

#define LOCKSTEP_OPTION_AT(type, field) offsetof(type, field)

/* Options that belong together, and the struct they are put into. */
struct lockstep_option_set {
    const char *heading; /* in --help */
    const struct lockstep_option *rows;
    size_t count;
    void *target;
};

#define LOCKSTEP_OPTIONS_MAX 128 /* rows of all sets of one command */

struct lockstep_options {
    const struct lockstep_option_set *sets; /* a name or letter stands in one of them only */
    size_t set_count;
    bool stop_at_word; /* the first word that is no option ends them: for what precedes a command */
};

/*
 * Parses ARGV (argv[0] is skipped) into the targets. Words are moved behind the options;
 * *RET_FIRST is the index of the first one, ARGC if there is none.
 * INVALID with the option, what is wrong with it and, for an unknown one, the nearest spelling.
 */
enum lockstep_err lockstep_options_parse(const struct lockstep_options *options, int argc,
                                         char **argv, int *ret_first,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Prints the rows under their headings, aligned, with choices. */
void lockstep_options_help(const struct lockstep_options *options, FILE *out);

#endif
