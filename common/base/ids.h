/*
 * Identifiers: fixed-size values, copied and never pointed to, and their one text form each.
 *
 * Ids (cluster, operation, journal incarnation) are 16 random bytes, written as 26 characters of
 * lower-case base32 (RFC 4648, no padding). Digests are BLAKE2b-256, written as 64 hexadecimal
 * digits. Names are `[a-z][a-z0-9-]{0,62}`.
 */
#ifndef LOCKSTEP_BASE_IDS_H
#define LOCKSTEP_BASE_IDS_H

#include "common/base/attr.h"
#include "common/base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_ID_BYTES     16
#define LOCKSTEP_ID_TEXT      27 /* with the NUL */
#define LOCKSTEP_DIGEST_BYTES 32
#define LOCKSTEP_DIGEST_TEXT  65 /* with the NUL */
#define LOCKSTEP_SHORT_TEXT   9  /* the first 8 characters of either, with the NUL */
#define LOCKSTEP_MD5_BYTES    16
#define LOCKSTEP_MD5_TEXT     33

struct lockstep_id {
    uint8_t bytes[LOCKSTEP_ID_BYTES];
};

struct lockstep_digest {
    uint8_t bytes[LOCKSTEP_DIGEST_BYTES];
};

/* MD5 is shown to people, who compare it with `md5sum`. It decides nothing. */
struct lockstep_md5 {
    uint8_t bytes[LOCKSTEP_MD5_BYTES];
};

/* A NUL-terminated name; empty means none. */
struct lockstep_name {
    char text[LOCKSTEP_NAME_MAX + 1];
};

bool lockstep_id_equal(const struct lockstep_id *a, const struct lockstep_id *b);
bool lockstep_id_is_zero(const struct lockstep_id *id);
void lockstep_id_format(const struct lockstep_id *id, char ret_text[LOCKSTEP_ID_TEXT]);
/* True and *ret_id set if TEXT is exactly one id in canonical form. */
bool lockstep_id_parse(const char *text, struct lockstep_id *ret_id);

bool lockstep_digest_equal(const struct lockstep_digest *a, const struct lockstep_digest *b);
bool lockstep_digest_is_zero(const struct lockstep_digest *digest);
void lockstep_digest_format(const struct lockstep_digest *digest,
                            char ret_text[LOCKSTEP_DIGEST_TEXT]);
bool lockstep_digest_parse(const char *text, struct lockstep_digest *ret_digest);
void lockstep_md5_format(const struct lockstep_md5 *md5, char ret_text[LOCKSTEP_MD5_TEXT]);
bool lockstep_md5_parse(const char *text, struct lockstep_md5 *ret_md5);

/* True if TEXT (LENGTH bytes, NUL not counted) is a valid name. */
bool lockstep_name_valid(const char *text, size_t length);
/* True and *ret_name set if TEXT is a valid name. */
bool lockstep_name_parse(const char *text, struct lockstep_name *ret_name);
bool lockstep_name_equal(const struct lockstep_name *a, const struct lockstep_name *b);

/* Writes LENGTH bytes as base32; RET_TEXT holds at least ceil(8 * LENGTH / 5) + 1 bytes. */
void lockstep_base32_format(const uint8_t *bytes, size_t length, char *ret_text);
/* True if TEXT is the canonical base32 of exactly LENGTH bytes. */
bool lockstep_base32_parse(const char *text, uint8_t *ret_bytes, size_t length);
/* Lower-case hexadecimal; RET_TEXT holds 2 * LENGTH + 1 bytes. */
void lockstep_hex_format(const uint8_t *bytes, size_t length, char *ret_text);
bool lockstep_hex_parse(const char *text, uint8_t *ret_bytes, size_t length);

#endif
