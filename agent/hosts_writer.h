/*
 * Writes bases of state to files on a thread of its own, for up to 64 MiB and a disk that is to
 * have them would hold the loop up. What is ordered is done one after the other; an order for a
 * path takes the place of one that has not begun. It looks at nothing but paths and descriptors.
 */
#ifndef LOCKSTEP_AGENT_HOSTS_WRITER_H
#define LOCKSTEP_AGENT_HOSTS_WRITER_H

#include "agent/hosts_internal.h"

/* PATH is to hold what FD, which is borrowed, has from its beginning on: after a power cut that or
 * what was there before, whole. FD -1: the file is to be gone, as it is when it cannot be written,
 * for an older one would be worse. Without memory or a thread it is done at once. */
void lockstep_hosts_writer_put(struct lockstep_hosts *hosts, const char *path, int fd);
/* Waits until nothing is left to do for PATH. */
void lockstep_hosts_writer_await(struct lockstep_hosts *hosts, const char *path);
/* Does what is left, and ends the thread. NULL is fine. Always NULL. */
struct lockstep_hosts_writer *lockstep_hosts_writer_free(struct lockstep_hosts_writer *writer);

#endif
