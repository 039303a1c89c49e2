#include "buckets.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64

void buckets_init(struct buckets *buckets, uint64_t rate, uint64_t burst)
{
    memset(buckets, 0, sizeof(*buckets));
    buckets->rate = rate;
    buckets->burst = burst;
}

void buckets_deinit(struct buckets *buckets)
{
    free(buckets->slots);
    buckets_init(buckets, buckets->rate, buckets->burst);
}

/* FNV-1a. Keys come from clients: who makes them collide slows this table and nothing else, and
 * BUCKETS_MAX bounds how much. */
static size_t hash(const char *key, size_t size)
{
    uint64_t value = 14695981039346656037U;
    for (size_t i = 0; i < size; i++) {
        value = (value ^ (unsigned char)key[i]) * 1099511628211U;
    }
    return (size_t)(value ^ value >> 32);
}

/* The slot that holds KEY, or the free one where it belongs. */
static struct bucket *slot_of(const struct buckets *buckets, const char *key, size_t size)
{
    size_t at = hash(key, size) & (buckets->capacity - 1);
    while (buckets->slots[at].key[0] != '\0' && (strlen(buckets->slots[at].key) != size ||
                                                 memcmp(buckets->slots[at].key, key, size) != 0)) {
        at = (at + 1) & (buckets->capacity - 1);
    }
    return &buckets->slots[at];
}

uint64_t bucket_tokens(const struct buckets *buckets, const struct bucket *bucket, uint64_t now_ms)
{
    uint64_t full = buckets->burst * TOKEN;
    uint64_t passed = now_ms > bucket->updated_ms ? now_ms - bucket->updated_ms : 0;
    uint64_t gained = full;
    if (bucket->tokens >= full) {
        return full;
    }
    if (buckets->rate == 0 || passed <= full / buckets->rate) {
        gained = passed * buckets->rate;
    }
    return gained >= full - bucket->tokens ? full : bucket->tokens + gained;
}

/* Moves everything into CAPACITY slots; when FORGET, full buckets stay behind. */
static bool rebuild(struct buckets *buckets, size_t capacity, bool forget, uint64_t now_ms)
{
    struct buckets fresh = *buckets;
    fresh.slots = calloc(capacity, sizeof(*fresh.slots));
    fresh.capacity = capacity;
    fresh.count = 0;
    if (fresh.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < buckets->capacity; i++) {
        const struct bucket *bucket = &buckets->slots[i];
        if (bucket->key[0] == '\0' ||
            (forget && bucket_tokens(buckets, bucket, now_ms) == buckets->burst * TOKEN)) {
            continue;
        }
        *slot_of(&fresh, bucket->key, strlen(bucket->key)) = *bucket;
        fresh.count++;
    }
    free(buckets->slots);
    *buckets = fresh;
    return true;
}

/* Makes sure that one more key fits. */
static bool make_room(struct buckets *buckets, uint64_t now_ms)
{
    if (buckets->count == BUCKETS_MAX) {
        return rebuild(buckets, buckets->capacity, true, now_ms) && buckets->count < BUCKETS_MAX;
    }
    if (2 * (buckets->count + 1) <= buckets->capacity) {
        return true;
    }
    return rebuild(buckets, buckets->capacity == 0 ? CAPACITY_FIRST : 2 * buckets->capacity, false,
                   now_ms);
}

static bool is_key(const char *key, size_t size)
{
    return size > 0 && size <= BUCKET_KEY_MAX && memchr(key, '\0', size) == NULL;
}

struct bucket *buckets_find(const struct buckets *buckets, const char *key, size_t size)
{
    struct bucket *bucket;
    if (buckets->count == 0 || !is_key(key, size)) {
        return NULL;
    }
    bucket = slot_of(buckets, key, size);
    return bucket->key[0] == '\0' ? NULL : bucket;
}

struct bucket *buckets_get(struct buckets *buckets, const char *key, size_t size, uint64_t now_ms)
{
    struct bucket *bucket = buckets_find(buckets, key, size);
    if (bucket != NULL) {
        return bucket;
    }
    if (!is_key(key, size) || !make_room(buckets, now_ms)) {
        return NULL;
    }
    bucket = slot_of(buckets, key, size);
    memcpy(bucket->key, key, size);
    bucket->tokens = buckets->burst * TOKEN;
    bucket->updated_ms = now_ms;
    buckets->count++;
    return bucket;
}

bool bucket_take(const struct buckets *buckets, struct bucket *bucket, uint64_t count,
                 uint64_t now_ms)
{
    uint64_t tokens = bucket_tokens(buckets, bucket, now_ms);
    if (count > tokens / TOKEN) {
        return false;
    }
    bucket->tokens = tokens - count * TOKEN;
    bucket->updated_ms = now_ms > bucket->updated_ms ? now_ms : bucket->updated_ms;
    return true;
}
