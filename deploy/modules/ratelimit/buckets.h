/*
 * Token buckets by key: a hash table with a bound.
 *
 * A bucket holds up to `burst` tokens and gains `rate` a second. A key that is not there has a full
 * bucket, so a bucket that is full again says nothing and may be forgotten when room is short.
 * Reads no clock and takes no lock: both are the caller's.
 */
#ifndef RATELIMIT_BUCKETS_H
#define RATELIMIT_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKET_KEY_MAX 63
#define BUCKETS_MAX    (1U << 17) /* keys */
#define TOKEN          1000U      /* tokens are counted in thousandths */

struct bucket {
    char key[BUCKET_KEY_MAX + 1]; /* empty: a free slot */
    uint64_t tokens;              /* thousandths, at updated_ms */
    uint64_t updated_ms;
    uint64_t granted; /* since the key was first seen; version 1 leaves these alone */
    uint64_t denied;
};

struct buckets {
    struct bucket *slots; /* owned; NULL until the first key comes */
    size_t capacity;      /* a power of two, at least twice count */
    size_t count;
    uint64_t rate;  /* tokens a second */
    uint64_t burst; /* tokens */
};

void buckets_init(struct buckets *buckets, uint64_t rate, uint64_t burst);
/* Forgets everything. */
void buckets_deinit(struct buckets *buckets);

/* The bucket of KEY, NULL if there is none. */
struct bucket *buckets_find(const struct buckets *buckets, const char *key, size_t size);
/* The bucket of KEY, full at NOW_MS if it is new. NULL if the key is empty, too long or holds a
 * NUL, or if there is no room. */
struct bucket *buckets_get(struct buckets *buckets, const char *key, size_t size, uint64_t now_ms);

/* Takes COUNT tokens if they are there. */
bool bucket_take(const struct buckets *buckets, struct bucket *bucket, uint64_t count,
                 uint64_t now_ms);
/* Thousandths of tokens in the bucket at NOW_MS. */
uint64_t bucket_tokens(const struct buckets *buckets, const struct bucket *bucket, uint64_t now_ms);

#endif
