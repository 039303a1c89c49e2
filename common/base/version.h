/* Versions of modules, as far as one module may require another at a version or a later one. */
#ifndef LOCKSTEP_BASE_VERSION_H
#define LOCKSTEP_BASE_VERSION_H

#include <stdbool.h>

/* True if version HAVE is WANT or a later one: "1.10.0" is later than "1.9.3", "2" is "2.0.0", and
 * "2.0.0-rc1" is earlier than that. */
bool lockstep_version_at_least(const char *have, const char *want);

#endif
