/*
 * The page that a host leaves behind when it dies, from the inside (common/hostwire/crash_page.h).
 *
 * lockstep-host alone makes one, and installs handlers (crash_handler.c): the library may do
 * neither in other people's processes. Without a page everything here does nothing.
 *
 * A request that was being answered by the very thread that died, twice in a row, is refused by the
 * next host for a while: the agent hands its fingerprint on. Which other requests were in flight
 * does not count, for they may just have been common.
 */
#ifndef LOCKSTEP_HOST_CRASH_H
#define LOCKSTEP_HOST_CRASH_H

#include "agent/host/image.h"
#include "common/hostwire/crash_page.h"

#define LOCKSTEP_POISON_MAX 4      /* requests that are refused */
#define LOCKSTEP_POISON_MS  600000 /* for so long, or until another version is published */

/* Makes the page of this process in DIRECTORY. False: none can be made there. */
bool lockstep_crash_open(const char *directory);
/* Installs handlers for what ends a process by its own fault; needs a page. */
void lockstep_crash_arm(void);
/* Lets them hear of this thread; and, of one that lives as long as the host, on a stack of its own.
 */
void lockstep_crash_listen(void);
void lockstep_crash_thread(void);

/* IMAGE is mapped; it is not any more. The control thread's. */
void lockstep_crash_mapped(const struct lockstep_image *image);
void lockstep_crash_unmapped(const struct lockstep_image *image);

/* This thread begins to answer a request: false, and it is to be refused. It has answered. */
bool lockstep_crash_enter(const char *tool, const void *bytes, size_t size);
void lockstep_crash_leave(void);
/* Refuses the request with this fingerprint, from the start. */
void lockstep_crash_poison(uint64_t fingerprint);
/* Something else is live: nothing is refused any more. */
void lockstep_crash_pardon(void);

/* For the handler. */
#define LOCKSTEP_CRASH_SIGNALS 7
extern const int lockstep_crash_signals[LOCKSTEP_CRASH_SIGNALS];
extern struct lockstep_crash_page *lockstep_crash_page;
extern _Thread_local uint64_t lockstep_crash_request;
extern _Thread_local const char *lockstep_crash_tool;

#endif
