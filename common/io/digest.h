/*
 * What bytes are: their BLAKE2b-256 digest, which decides, and their MD5, which is shown to people.
 *
 * Both are computed in one pass, with the size. Two versions are the same if and only if their
 * digests are equal; nothing here or elsewhere compares MD5 sums for a decision.
 */
#ifndef LOCKSTEP_IO_DIGEST_H
#define LOCKSTEP_IO_DIGEST_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"

#include <md5.h>
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of some bytes. */
struct lockstep_sums {
    struct lockstep_digest digest;
    struct lockstep_md5 md5;
    uint64_t size; /* bytes */
};

/* Sums in the making: init, update any number of times, final once. Holds no resource. */
struct lockstep_hash {
    crypto_generichash_state blake2b;
    MD5_CTX md5;
    bool plain; /* without MD5 */
    uint64_t size;
};

void lockstep_hash_init(struct lockstep_hash *hash);
/* For half the price: the MD5 sum will be zeros. */
void lockstep_hash_init_plain(struct lockstep_hash *hash);
void lockstep_hash_update(struct lockstep_hash *hash, const void *bytes, size_t length);
void lockstep_hash_final(struct lockstep_hash *hash, struct lockstep_sums *ret_sums);

/* The sums of LENGTH bytes. */
void lockstep_sums_buffer(const void *bytes, size_t length, struct lockstep_sums *ret_sums);

/* The sums of everything from FD's start to its end, read with pread: the offset stays where it is.
 * LIMIT if there are more than SIZE_MAX_BYTES bytes, IO if reading fails. */
enum lockstep_err lockstep_sums_fd(int fd, uint64_t size_max_bytes, struct lockstep_sums *ret_sums,
                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The same for half the price, without the MD5 sum. */
enum lockstep_err lockstep_digest_fd(int fd, uint64_t size_max_bytes,
                                     struct lockstep_digest *ret_digest,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Only the digest of LENGTH bytes. */
void lockstep_digest_buffer(const void *bytes, size_t length, struct lockstep_digest *ret_digest);

/* The digest of "DOMAIN NUL" and LENGTH bytes: the same bytes mean different things in different
 * domains, so a digest made for one place is worth nothing in another. */
void lockstep_digest_domain(const char *domain, const void *bytes, size_t length,
                            struct lockstep_digest *ret_digest);

#endif
