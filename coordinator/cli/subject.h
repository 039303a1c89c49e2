/*
 * What is typed to say what: a SUBJECT. It is checked here, so that a slip is answered before
 * anything is sent; the coordinator decides what it means.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_SUBJECT_H
#define LOCKSTEP_COORDINATOR_CLI_SUBJECT_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/wire_control.h"

struct lockstep_subject {
    struct lockstep_wire_subject wire; /* version empty when `file` is set */
    const char *file; /* of MODULE@./FILE, to be pushed first; else NULL. Borrowed */
};

/* MODULE@VERSION, @DIGESTPREFIX, @./FILE or @/FILE, @disk, @previous, @current. INVALID says what
 * is wrong and what would be right. */
enum lockstep_err lockstep_subject_parse(const char *text, struct lockstep_subject *ret_subject,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
