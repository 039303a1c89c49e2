/*
 * The keys of people, agents and coordinators. Each is one name with two key pairs: X25519 for the
 * channel and Ed25519 to sign. A channel key signs nothing.
 *
 * Secrets live in memory of their own (locked where the system lets us, guarded, wiped when freed)
 * and in files of their own: 0600, created and never overwritten, on disk before the call returns.
 * A secret file that others can read is refused. There is no passphrase: whoever wants one lays the
 * file into a place that has one. Release keys are minisign's (minisign.h).
 */
#ifndef LOCKSTEP_IO_KEYS_H
#define LOCKSTEP_IO_KEYS_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/io/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_KEY_BYTES       32
#define LOCKSTEP_KEY_SECRET_SIGN 64
#define LOCKSTEP_KEY_SIGNATURE   64
#define LOCKSTEP_KEY_ID_BYTES    8
#define LOCKSTEP_KEY_ID_TEXT     17  /* 16 upper-case hexadecimal digits and the NUL */
#define LOCKSTEP_KEY_PUBLIC_TEXT 192 /* holds every public line, with the NUL */

/* Which key: of a release key what minisign prints, of the rest the first bytes of a digest. */
struct lockstep_key_id {
    uint8_t bytes[LOCKSTEP_KEY_ID_BYTES];
};

/* What others know. */
struct lockstep_key_public {
    struct lockstep_name name;
    uint8_t channel[LOCKSTEP_KEY_BYTES]; /* X25519 */
    uint8_t signing[LOCKSTEP_KEY_BYTES]; /* Ed25519 */
};

/* Both pairs. Made by _new and _read only, freed by _free. */
struct lockstep_key {
    struct lockstep_key_public open;
    uint8_t channel_secret[LOCKSTEP_KEY_BYTES];
    uint8_t signing_secret[LOCKSTEP_KEY_SECRET_SIGN]; /* as libsodium has it: seed and public key */
};

/* Makes libsodium ready; every function here does it by itself. IO if there is no randomness. */
enum lockstep_err lockstep_sodium_ready(struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* A new key for NAME. *RET_KEY: free with lockstep_key_free. */
enum lockstep_err lockstep_key_new(const struct lockstep_name *name, struct lockstep_key **ret_key,
                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Wipes and frees; NULL is fine. Always NULL. */
struct lockstep_key *lockstep_key_free(struct lockstep_key *key);

/* For LOCKSTEP_CLEANUP. */
void lockstep_key_cleanup(struct lockstep_key **key);

/* Writes KEY to a new file PATH. CONFLICT if there is one, IO. */
enum lockstep_err lockstep_key_write(const struct lockstep_key *key, const char *path,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads what lockstep_key_write wrote. REFUSED if others can read the file, INVALID if it is no
 * such file, IO. *RET_KEY: free with lockstep_key_free. */
enum lockstep_err lockstep_key_read(const char *path, struct lockstep_key **ret_key,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* One line without its end: "lockstep-key NAME BASE32", with a checksum inside. */
void lockstep_key_public_format(const struct lockstep_key_public *key,
                                char ret_text[LOCKSTEP_KEY_PUBLIC_TEXT]);
/* Parses such a line; white space around it is fine. INVALID says what is wrong with it. */
enum lockstep_err lockstep_key_public_parse(const char *text, struct lockstep_key_public *ret_key,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* By which a bundle revokes KEY: it follows from both public keys, not from the name. */
struct lockstep_key_id lockstep_key_id(const struct lockstep_key_public *key);
bool lockstep_key_id_equal(const struct lockstep_key_id *a, const struct lockstep_key_id *b);
void lockstep_key_id_format(const struct lockstep_key_id *id, char ret_text[LOCKSTEP_KEY_ID_TEXT]);
bool lockstep_key_id_parse(const char *text, struct lockstep_key_id *ret_id);

/* Signs LENGTH bytes with KEY's Ed25519 key: signed is "DOMAIN NUL" and the BLAKE2b-256 of the
 * bytes. DOMAIN is at most 63 bytes long. */
void lockstep_key_sign(const struct lockstep_key *key, const char *domain, const void *bytes,
                       size_t length, uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE]);
/* One signature to check: what lockstep_key_sign made for DOMAIN. */
struct lockstep_signed {
    const char *domain; /* borrowed for the call, as are the bytes */
    const void *bytes;
    size_t length;
    const uint8_t *signature; /* LOCKSTEP_KEY_SIGNATURE bytes */
};
bool lockstep_key_verify(const uint8_t public_key[LOCKSTEP_KEY_BYTES],
                         const struct lockstep_signed *what);

#endif
