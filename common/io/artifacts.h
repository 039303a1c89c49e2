/*
 * A store of artifacts: one directory with `<digest>.so`, `<digest>.manifest`, `<digest>.minisig`.
 *
 * Invariants
 *  - Names are made from digests (of the .so) and from nothing else; no text from outside becomes
 *    part of a path.
 *  - A file that has its name is whole, synced, read-only and had the digest it is named after when
 *    it was written. A crash leaves at most a temporary file, which the next opening removes.
 *  - What is copied out for a host is hashed again on the way: a store that somebody has tampered
 *    with is found out before anything of it is mapped.
 *
 * It does not check signatures or manifests, knows no modules, and keeps no list: the directory is
 * the list. One process at a time: its owner holds a journal, and thereby the lock.
 */
#ifndef LOCKSTEP_IO_ARTIFACTS_H
#define LOCKSTEP_IO_ARTIFACTS_H

#include "common/io/digest.h"

/* Number, suffix, greatest size. */
#define LOCKSTEP_ARTIFACT_FILE_TABLE(X)             \
    X(SO, ".so", LOCKSTEP_ARTIFACT_CEILING)         \
    X(MANIFEST, ".manifest", LOCKSTEP_MANIFEST_MAX) \
    X(SIGNATURE, ".minisig", LOCKSTEP_SIGNATURE_MAX)

enum lockstep_artifact_file {
#define LOCKSTEP_ARTIFACT_FILE_ENUM(name, suffix, max) LOCKSTEP_ARTIFACT_##name,
    LOCKSTEP_ARTIFACT_FILE_TABLE(LOCKSTEP_ARTIFACT_FILE_ENUM)
#undef LOCKSTEP_ARTIFACT_FILE_ENUM
        LOCKSTEP_ARTIFACT_FILES
};

struct lockstep_artifacts;

/* Makes DIRECTORY (0700) if it is not there and removes what writers left behind. IO, NOMEM. */
enum lockstep_err lockstep_artifacts_open(const char *directory, struct lockstep_artifacts **ret,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* NULL is fine. Always NULL. No writing may be under way. */
struct lockstep_artifacts *lockstep_artifacts_close(struct lockstep_artifacts *store);

/* ---- writing -------------------------------------------------------------------------------- */

struct lockstep_artifact_write;

/* Begins the .so of DIGEST, of exactly SIZE bytes (1 to LOCKSTEP_ARTIFACT_CEILING, else LIMIT). */
enum lockstep_err lockstep_artifact_begin(struct lockstep_artifacts *store,
                                          const struct lockstep_digest *digest, uint64_t size,
                                          struct lockstep_artifact_write **ret_write,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The next LENGTH bytes. REFUSED beyond the size; LIMIT if the disk is full. After a failure there
 * is only lockstep_artifact_end(). */
enum lockstep_err lockstep_artifact_append(struct lockstep_artifact_write *write, const void *bytes,
                                           size_t length,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Checks size and digest (REFUSED), syncs, and gives the file its name. RET_SUMS may be NULL. The
 * session is still to be ended. */
enum lockstep_err lockstep_artifact_finish(struct lockstep_artifact_write *write,
                                           struct lockstep_sums *ret_sums,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends the session; what was not finished leaves no trace. NULL is fine. Always NULL. */
struct lockstep_artifact_write *lockstep_artifact_end(struct lockstep_artifact_write *write);

/* Writes the manifest or the signature of DIGEST in one go, as durably. What is there is replaced:
 * a version may be signed again. The caller has checked the bytes. */
enum lockstep_err lockstep_artifact_put(struct lockstep_artifacts *store,
                                        const struct lockstep_digest *digest,
                                        enum lockstep_artifact_file part, const void *bytes,
                                        size_t length,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- reading -------------------------------------------------------------------------------- */

/* True if the part is there; not whether it has been tampered with. */
bool lockstep_artifact_has(const struct lockstep_artifacts *store,
                           const struct lockstep_digest *digest, enum lockstep_artifact_file part);
/* A descriptor for reading, the caller's to close; CONFLICT if there is no such file. */
enum lockstep_err lockstep_artifact_open(const struct lockstep_artifacts *store,
                                         const struct lockstep_digest *digest,
                                         enum lockstep_artifact_file part, int *ret_fd,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Where lockstep_artifact_read() puts bytes. */
struct lockstep_artifact_buffer {
    void *bytes;   /* the caller's */
    size_t size;   /* room */
    size_t length; /* filled in */
};
/* A whole manifest or signature. LIMIT if it does not fit, CONFLICT if there is none. */
enum lockstep_err lockstep_artifact_read(const struct lockstep_artifacts *store,
                                         const struct lockstep_digest *digest,
                                         enum lockstep_artifact_file part,
                                         struct lockstep_artifact_buffer *buffer,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Hashes the .so again. *RET_SAME is false if its bytes are no longer those of DIGEST. RET_SUMS may
 * be NULL. CONFLICT if there is none. */
enum lockstep_err lockstep_artifact_verify(const struct lockstep_artifacts *store,
                                           const struct lockstep_digest *digest, bool *ret_same,
                                           struct lockstep_sums *ret_sums,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- private copies for hosts --------------------------------------------------------------- */

/* "<sequence>-<module>-<digest8>.so", with the NUL. */
#define LOCKSTEP_ARTIFACT_COPY_NAME (20 + 1 + LOCKSTEP_NAME_MAX + 1 + 8 + 3 + 1)
void lockstep_artifact_copy_name(uint64_t sequence, const struct lockstep_name *module,
                                 const struct lockstep_digest *digest,
                                 char ret_name[LOCKSTEP_ARTIFACT_COPY_NAME]);

/* By these the owner of a copy knows it again. */
struct lockstep_artifact_copy {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
};
/* Copies the .so to the new file NAME in the directory DIRECTORY_FD, 0444, not synced: copies do
 * not outlive a boot. REFUSED, without a trace, if its bytes are no longer those of DIGEST;
 * CONFLICT if NAME is there already or the artifact is not; LIMIT if the disk is full. */
enum lockstep_err lockstep_artifact_copy_out(const struct lockstep_artifacts *store,
                                             const struct lockstep_digest *digest, int directory_fd,
                                             const char *name,
                                             struct lockstep_artifact_copy *ret_copy,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- housekeeping --------------------------------------------------------------------------- */

struct lockstep_artifact_entry {
    struct lockstep_digest digest;
    uint64_t size;    /* bytes of all its parts */
    uint64_t written; /* Unix nanoseconds, of the newest part */
    unsigned parts;   /* bits 1 << enum lockstep_artifact_file */
};

/* Everything there is, by digest. *RET_LIST is the caller's to free(). */
enum lockstep_err lockstep_artifacts_list(const struct lockstep_artifacts *store,
                                          struct lockstep_artifact_entry **ret_list,
                                          size_t *ret_count,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Removes every part; what is not there is fine. */
enum lockstep_err lockstep_artifact_remove(struct lockstep_artifacts *store,
                                           const struct lockstep_digest *digest,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef bool lockstep_artifact_keep_fn(void *context, const struct lockstep_digest *digest);
/* Removes what KEEP does not want, oldest first, until no more than SIZE_MAX_BYTES bytes are left;
 * what it wants stays even if that is more. *RET_LEFT (may be NULL): bytes left. */
enum lockstep_err lockstep_artifacts_collect(struct lockstep_artifacts *store,
                                             lockstep_artifact_keep_fn *keep, void *context,
                                             uint64_t size_max_bytes, uint64_t *ret_left,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Bytes that this process may still write to the store's file system. */
enum lockstep_err lockstep_artifacts_free_space(const struct lockstep_artifacts *store,
                                                uint64_t *ret_bytes,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
