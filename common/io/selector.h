/*
 * Selectors over labels, as kubectl has them: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`,
 * `a`, `!a`, with commas between, all of which must hold. Labels are one text: "env=prod,zone=a".
 *
 * The command checks what was typed, the coordinator applies it: both by this grammar.
 */
#ifndef LOCKSTEP_IO_SELECTOR_H
#define LOCKSTEP_IO_SELECTOR_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdbool.h>

/* INVALID with the place where TEXT goes wrong (an empty one does at once), LIMIT if it is too
 * long. */
enum lockstep_err lockstep_selector_check(const char *text,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* True if LABELS are what SELECTOR wants. The empty selector wants nothing; one that is none,
 * or is too long, matches nothing. */
bool lockstep_selector_matches(const char *selector, const char *labels);

#endif
