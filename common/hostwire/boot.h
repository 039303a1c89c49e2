/*
 * The boot file: what a host maps when no agent answers.
 *
 * Lines of text; the agent writes it anew, by rename, at each commit:
 *
 *     lockstep-boot 1
 *     module NAME GENERATION DIGEST DEVICE INODE PATH
 *     config NAME PATH
 *
 * Numbers are decimal, digests hexadecimal, a path goes to the end of its line. A `config` line
 * stands behind the `module` it is for. The order of modules says nothing. A file NAME.state beside
 * it, if there is one, is the state that the module begins with.
 */
#ifndef LOCKSTEP_HOSTWIRE_BOOT_H
#define LOCKSTEP_HOSTWIRE_BOOT_H

#include "common/hostwire/hostwire.h"

#include <stdio.h>

struct lockstep_boot_entry {
    struct lockstep_name module;
    uint64_t generation;
    struct lockstep_digest digest;
    uint64_t device;
    uint64_t inode;
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    char config[LOCKSTEP_HOSTWIRE_PATH_MAX + 1]; /* empty: none */
};

struct lockstep_boot {
    size_t count;
    struct lockstep_boot_entry entries[LOCKSTEP_NODE_MODULES_MAX];
};

/* Writes BOOT to STREAM. The caller syncs and renames. INVALID if a path holds a line break, IO. */
enum lockstep_err lockstep_boot_write(const struct lockstep_boot *boot, FILE *stream,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads a boot file whole. INVALID names the line. */
enum lockstep_err lockstep_boot_read(FILE *stream, struct lockstep_boot *ret_boot,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
