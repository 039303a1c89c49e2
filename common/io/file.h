/*
 * Two steps of writing a file that is to be there after a power cut: all of its bytes, and the
 * entry in its directory. Opening, syncing and renaming it are the owner's, as is what a failure
 * leaves.
 */
#ifndef LOCKSTEP_IO_FILE_H
#define LOCKSTEP_IO_FILE_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stddef.h>

/* Writes all LENGTH bytes; LIMIT if the disk (of WHERE) is full or a file may not grow so long. */
enum lockstep_err lockstep_file_write_all(int fd, const void *bytes, size_t length,
                                          const char *where,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What was made, renamed or removed in the directory PATH is on disk. IO. */
enum lockstep_err lockstep_file_sync_directory(const char *path,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
