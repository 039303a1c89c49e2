/*
 * Files that hold a secret: of its owner alone, made once and never overwritten, on disk before
 * anybody relies on them.
 */
#ifndef LOCKSTEP_IO_SECRET_H
#define LOCKSTEP_IO_SECRET_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stddef.h>

#define LOCKSTEP_SECRET_FILE_MAX 4096 /* bytes, with the NUL behind */

/* Writes LENGTH bytes to a new file PATH, 0600; file and directory are on disk on return. CONFLICT
 * if the file is there, IO. A failure leaves no file behind. */
enum lockstep_err lockstep_secret_file_write(const char *path, const void *bytes, size_t length,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads a secret file of at most SIZE - 1 bytes and ends it with NUL. REFUSED (with the chmod that
 * helps) if group or others may read or write it or if it is no regular file, LIMIT, IO. */
enum lockstep_err lockstep_secret_file_read(const char *path, char *ret_text, size_t size,
                                            size_t *ret_length,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
