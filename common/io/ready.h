/*
 * A daemon says that it is ready: to the service manager (sd_notify's protocol, without its
 * library), and as a line "ready WHAT" on standard output.
 */
#ifndef LOCKSTEP_IO_READY_H
#define LOCKSTEP_IO_READY_H

void lockstep_ready(const char *what);

#endif
