/*
 * What a process says when it crashes: how much address space it had. Memory that is refused shows
 * only later, as a crash; without this a crash could not be told from that. Internal to
 * agent/probe.
 */
#ifndef LOCKSTEP_PROBE_LAST_WORDS_H
#define LOCKSTEP_PROBE_LAST_WORDS_H

/* From now on a crash of the calling process writes a line to REPORT (report.h) before it dies. */
void lockstep_last_words_install(int report);

#endif
