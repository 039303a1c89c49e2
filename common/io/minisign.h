/*
 * Release keys and signatures in minisign's format, so that releases can be checked, and made, with
 * the stock tool.
 *
 * Prehashed ("ED") signatures only: Ed25519 over the BLAKE2b-512 of the bytes, and a second, global
 * signature over the first one and the trusted comment. Secret key files are minisign's without
 * passphrase (`minisign -G -W`); one with a passphrase is refused with what to do instead. Whether
 * a key is trusted is not known here: the bundle says so.
 *
 * Formats: https://jedisct1.github.io/minisign/ ("Signature format", "Key format").
 */
#ifndef LOCKSTEP_IO_MINISIGN_H
#define LOCKSTEP_IO_MINISIGN_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/io/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_MINISIGN_PUBLIC_TEXT  57  /* the base64 of a public key, with the NUL */
#define LOCKSTEP_MINISIGN_COMMENT_MAX  255 /* bytes of a trusted comment */
#define LOCKSTEP_MINISIGN_COMMENT_TEXT 256

struct lockstep_minisign_public {
    struct lockstep_key_id id; /* in the order in which minisign prints it */
    uint8_t key[LOCKSTEP_KEY_BYTES];
};

/* Made by _new and _read only. */
struct lockstep_minisign_key {
    struct lockstep_minisign_public open;
    uint8_t secret[LOCKSTEP_KEY_SECRET_SIGN];
};

/* A parsed signature file. Nothing in it is verified yet. */
struct lockstep_minisign_signature {
    struct lockstep_key_id id;
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    uint8_t global[LOCKSTEP_KEY_SIGNATURE];
    char comment[LOCKSTEP_MINISIGN_COMMENT_TEXT]; /* trusted comment */
};

/* A new key; free with lockstep_minisign_free. */
enum lockstep_err lockstep_minisign_new(struct lockstep_minisign_key **ret_key,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Wipes and frees; NULL is fine. Always NULL. */
struct lockstep_minisign_key *lockstep_minisign_free(struct lockstep_minisign_key *key);
/* For LOCKSTEP_CLEANUP. */
void lockstep_minisign_cleanup(struct lockstep_minisign_key **key);

/* Writes a new secret key file for `minisign -S -s PATH` and for _read. CONFLICT if it is there. */
enum lockstep_err lockstep_minisign_write(const struct lockstep_minisign_key *key, const char *path,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads a secret key file. REFUSED if others can read it or it has a passphrase, INVALID, IO. */
enum lockstep_err lockstep_minisign_read(const char *path, struct lockstep_minisign_key **ret_key,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The public key as `minisign -P` takes it. */
void lockstep_minisign_public_format(const struct lockstep_minisign_public *key,
                                     char ret_text[LOCKSTEP_MINISIGN_PUBLIC_TEXT]);
/* Takes that, or the text of a .pub file (a comment line before it). INVALID. */
enum lockstep_err lockstep_minisign_public_parse(const char *text,
                                                 struct lockstep_minisign_public *ret_key,
                                                 struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Signs LENGTH bytes and COMMENT (one line of printable ASCII). RET_TEXT is the signature file.
 * INVALID if the comment is not such a line. */
enum lockstep_err lockstep_minisign_sign(const struct lockstep_minisign_key *key, const void *bytes,
                                         size_t length, const char *comment,
                                         char ret_text[LOCKSTEP_SIGNATURE_MAX],
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Parses a signature file of LENGTH bytes. INVALID says what is wrong with it; signatures that are
 * not prehashed are refused here. */
enum lockstep_err lockstep_minisign_parse(const char *text, size_t length,
                                          struct lockstep_minisign_signature *ret_signature,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* True if SIGNATURE was made by KEY over these LENGTH bytes, trusted comment included. */
bool lockstep_minisign_verify(const struct lockstep_minisign_signature *signature,
                              const struct lockstep_minisign_public *key, const void *bytes,
                              size_t length);

#endif
