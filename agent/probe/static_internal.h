/* The parts of the static checks, one file each. Internal to agent/probe. */
#ifndef LOCKSTEP_PROBE_STATIC_INTERNAL_H
#define LOCKSTEP_PROBE_STATIC_INTERNAL_H

#include "agent/probe/static.h"

/* Adds a finding about the subject: `FIND(subject, ELF_CLASS, "...", ...)`. */
#define FIND(about, check, ...)                                                                   \
    lockstep_probe_verdict_find((about)->verdict, (about)->subject, LOCKSTEP_PROBE_CHECK_##check, \
                                __VA_ARGS__)

/* The facts that are being filled in. */
static inline struct lockstep_probe_facts *
lockstep_probe_case_facts(const struct lockstep_probe_case *subject)
{
    return &subject->verdict->subjects[subject->subject].facts;
}

/* Segments, flags of the dynamic section, relocations, defined symbols. */
void lockstep_probe_check_image(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view);
/* Libraries and the symbols taken from them. */
void lockstep_probe_check_imports(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view);
/* GNU notes: the build-id, which is a fact, and the instructions that are needed. */
void lockstep_probe_check_notes(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view);
/* The descriptor: present, understood, sound, as expected. */
void lockstep_probe_check_descriptor(const struct lockstep_probe_case *subject,
                                     const struct lockstep_elf_view *view);

#endif
