/*
 * A journal that comes out of a backup (lockstepd backup marks it). What was decided after it was
 * taken is not in it, and what was open then may have been committed since: to abort that, as a
 * coordinator does that starts again, would undo on one node what others run. So nothing is opened,
 * decided or taken up from it until every member has said what it knows and none knows more; who is
 * in doubt waits. A node that knows more keeps it read-only for good. A part of the driver.
 *
 * A journal that was copied in another way bears no mark, and is not noticed before somebody who
 * knows more comes.
 */
#ifndef LOCKSTEP_COORDINATOR_RESTORED_H
#define LOCKSTEP_COORDINATOR_RESTORED_H

#include "coordinator/driver_internal.h"

/* Looks whether all have been heard; then the journal is one like any other, and what was open in
 * it is taken up. */
void lockstep_restored_look(struct lockstep_coordinator *coordinator);

#endif
