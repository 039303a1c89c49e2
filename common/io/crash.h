/*
 * Named crash points: `LOCKSTEP_CRASH(AGENT_AFTER_VOW);` marks a place where a test may kill the
 * process.
 *
 * Two libraries define the one function, and the linker chooses; no code is compiled differently:
 *  - lockstep_crash_none, an archive that lockstep_io brings along: an empty function. Products get
 *    it by doing nothing.
 *  - lockstep_crash_named, an object library: a program that is to be killed names it in its own
 *    target_link_libraries(). Being an object it comes before every archive, so the empty function
 *    is never pulled in. With LOCKSTEP_CRASH=NAME[:n] in its environment the process kills itself
 *    (SIGKILL) at the n-th passage of the point NAME, the first if n is left out.
 *
 * A daemon is thus linked twice from the same objects:
 *
 *     add_executable(lockstepd main.c)
 *     target_link_libraries(lockstepd PRIVATE lockstep_coordinator)
 *     add_executable(lockstepd-crash main.c)
 *     target_link_libraries(lockstepd-crash PRIVATE lockstep_coordinator lockstep_crash_named)
 *
 * Only what is installed is a product; a target with lockstep_crash_named is never installed.
 */
#ifndef LOCKSTEP_IO_CRASH_H
#define LOCKSTEP_IO_CRASH_H

#include "common/tbl/crash.h"

#define LOCKSTEP_CRASH(name) lockstep_crash_point(LOCKSTEP_CRASH_##name)

/* Returns, or the process is dead. */
void lockstep_crash_point(enum lockstep_crash point);

#endif
