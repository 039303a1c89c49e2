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

/* True if the manifest waives CHECK for the subject. */
static inline bool lockstep_probe_case_waives(const struct lockstep_probe_case *subject,
                                              enum lockstep_probe_check check)
{
    return (subject->verdict->subjects[subject->subject].waives & (UINT64_C(1) << check)) != 0;
}

/* The libraries that a module names, as far as they may be opened and could be. They are the
 * platform's, and this process ends soon: none is closed, because some cannot be. */
struct lockstep_probe_libraries {
    void *handles[LOCKSTEP_ELF_NEEDED_MAX];
    const char *names[LOCKSTEP_ELF_NEEDED_MAX]; /* borrowed of the view */
    size_t count;
};

/* Segments, wishes and tags of the dynamic section, relocations. */
void lockstep_probe_check_image(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view);
/* Debug information, which is a fact. */
void lockstep_probe_look_for_debug(const struct lockstep_probe_case *subject, const uint8_t *bytes,
                                   size_t size);
/* The symbols that it defines. */
void lockstep_probe_check_symbols(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view);
/* The libraries that it needs, and the versions of their symbols. */
void lockstep_probe_check_libraries(const struct lockstep_probe_case *subject,
                                    const struct lockstep_elf_view *view,
                                    struct lockstep_probe_libraries *ret_libraries);
/* A finding if WHAT, a library or a symbol, comes from a sanitizer that this build has not. True
 * if it comes from one at all. */
bool lockstep_probe_check_sanitizer(const struct lockstep_probe_case *subject, const char *what);
/* Libraries and the symbols taken from them. */
void lockstep_probe_check_imports(const struct lockstep_probe_case *subject,
                                  const struct lockstep_elf_view *view);
/* GNU notes: the build-id, which is a fact, and the instructions that are needed. */
void lockstep_probe_check_notes(const struct lockstep_probe_case *subject,
                                const struct lockstep_elf_view *view);
/* What the module offers for going back, as far as its file says so. */
enum lockstep_probe_rollback lockstep_probe_offer(const struct lockstep_elf_view *view,
                                                  uint32_t state_schema, uint32_t flags);
/* The descriptor: present, understood, sound, as expected. */
void lockstep_probe_check_descriptor(const struct lockstep_probe_case *subject,
                                     const struct lockstep_elf_view *view);

#endif
