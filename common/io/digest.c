#include "common/io/digest.h"

#include "common/base/assert.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 * 1024)

void lockstep_hash_init(struct lockstep_hash *hash)
{
    int result = crypto_generichash_init(&hash->blake2b, NULL, 0, LOCKSTEP_DIGEST_BYTES);
    ASSERT(result == 0);
    MD5Init(&hash->md5);
    hash->plain = false;
    hash->size = 0;
}

void lockstep_hash_init_plain(struct lockstep_hash *hash)
{
    lockstep_hash_init(hash);
    hash->plain = true;
}

void lockstep_hash_update(struct lockstep_hash *hash, const void *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    (void)crypto_generichash_update(&hash->blake2b, bytes, length);
    if (!hash->plain) {
        MD5Update(&hash->md5, bytes, length);
    }
    hash->size += length;
}

void lockstep_hash_final(struct lockstep_hash *hash, struct lockstep_sums *ret_sums)
{
    int result = crypto_generichash_final(&hash->blake2b, ret_sums->digest.bytes,
                                          sizeof(ret_sums->digest.bytes));
    ASSERT(result == 0);
    if (hash->plain) {
        memset(&ret_sums->md5, 0, sizeof(ret_sums->md5));
    } else {
        MD5Final(ret_sums->md5.bytes, &hash->md5);
    }
    ret_sums->size = hash->size;
}

void lockstep_sums_buffer(const void *bytes, size_t length, struct lockstep_sums *ret_sums)
{
    struct lockstep_hash hash;
    lockstep_hash_init(&hash);
    lockstep_hash_update(&hash, bytes, length);
    lockstep_hash_final(&hash, ret_sums);
}

static enum lockstep_err hash_fd(int fd, uint64_t size_max_bytes, struct lockstep_hash *hash,
                                 struct lockstep_error *err)
{
    uint8_t buffer[READ_BYTES];
    for (;;) {
        ssize_t got = pread(fd, buffer, sizeof(buffer), (off_t)hash->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LOCKSTEP_FAIL_ERRNO(err, "reading what is to be hashed");
        }
        if (got == 0) {
            return LOCKSTEP_OK;
        }
        if ((uint64_t)got > size_max_bytes - hash->size) {
            return LOCKSTEP_FAIL(err, LIMIT, "the file is larger than %llu bytes",
                                 (unsigned long long)size_max_bytes);
        }
        lockstep_hash_update(hash, buffer, (size_t)got);
    }
}

enum lockstep_err lockstep_sums_fd(int fd, uint64_t size_max_bytes, struct lockstep_sums *ret_sums,
                                   struct lockstep_error *err)
{
    struct lockstep_hash hash;
    lockstep_hash_init(&hash);
    LOCKSTEP_TRY(hash_fd(fd, size_max_bytes, &hash, err));
    lockstep_hash_final(&hash, ret_sums);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_digest_fd(int fd, uint64_t size_max_bytes,
                                     struct lockstep_digest *ret_digest, struct lockstep_error *err)
{
    struct lockstep_hash hash;
    struct lockstep_sums sums;
    lockstep_hash_init_plain(&hash);
    LOCKSTEP_TRY(hash_fd(fd, size_max_bytes, &hash, err));
    lockstep_hash_final(&hash, &sums);
    *ret_digest = sums.digest;
    return LOCKSTEP_OK;
}

void lockstep_digest_buffer(const void *bytes, size_t length, struct lockstep_digest *ret_digest)
{
    int result = crypto_generichash(ret_digest->bytes, sizeof(ret_digest->bytes), bytes, length,
                                    NULL, 0);
    ASSERT(result == 0);
}

void lockstep_digest_domain(const char *domain, const void *bytes, size_t length,
                            struct lockstep_digest *ret_digest)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(ret_digest->bytes));
    (void)crypto_generichash_update(&state, (const uint8_t *)domain, strlen(domain) + 1);
    (void)crypto_generichash_update(&state, bytes, length);
    (void)crypto_generichash_final(&state, ret_digest->bytes, sizeof(ret_digest->bytes));
}
