/*
 * From a coordinator's plan to an order that its operator signs.
 *
 * The coordinator is not believed: what the plan says is compared with what was asked for, and what
 * cannot be compared (generations, roster, index) is put into the intent as it stands, where the
 * agents check it.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_CHANGE_H
#define LOCKSTEP_COORDINATOR_CLI_CHANGE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/intent.h"
#include "common/io/wire_control.h"

#include <jansson.h>

/* Fills *RET_INTENT from PLAN. CLUSTER is the configured one, zeros if none is. INVALID if the plan
 * is for something else than REQUEST, or lacks what an intent needs. */
enum lockstep_err lockstep_change_intent(const struct lockstep_wire_request *request,
                                         const struct lockstep_id *cluster, const json_t *plan,
                                         struct lockstep_intent *ret_intent,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* OK if DOCUMENT (a plan or an operation) is of REQUEST's kind and strategy, with its modules at
 * the versions asked for; else INVALID with the difference. */
enum lockstep_err lockstep_change_same(const struct lockstep_wire_request *request,
                                       const json_t *document,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
