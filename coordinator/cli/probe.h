/*
 * What `lockstep-probe --static` says of a file, as the manifest of a release.
 *
 * The command never opens a module's ELF itself. Digest and size are computed from the bytes that
 * will be sent, and must be those that the probe saw.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_PROBE_H
#define LOCKSTEP_COORDINATOR_CLI_PROBE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/manifest.h"

#include <jansson.h>

/* Runs the probe on FILE, with the checks WAIVE waived ("CHECK,CHECK"; NULL: none):
 * $LOCKSTEP_PROBE, else the one beside this program, else the one in PATH. *RET_VERDICT is the
 * caller's. IO if it cannot be run, LIMIT, INVALID if it prints something else. */
enum lockstep_err lockstep_probe_static_run(const char *file, const char *waive,
                                            json_t **ret_verdict,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes the checks WAIVE into MANIFEST, and that it is exchanged with its process: its module is
 * pinned. INVALID if one is there twice, LIMIT. */
enum lockstep_err lockstep_probe_waivers(const char *waive, struct lockstep_manifest *manifest,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Fills *RET_MANIFEST from VERDICT; counter and source are left to the caller. REFUSED with every
 * finding if the probe says no, or if SUMS are not of what it saw. */
enum lockstep_err lockstep_probe_manifest(const json_t *verdict, const struct lockstep_sums *sums,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
