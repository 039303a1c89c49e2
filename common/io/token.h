/*
 * The join token: everything a new node must know to trust its first coordinator, and to be trusted
 * by it once. One line of base32 with a checksum; bound to a node name, used once, short-lived.
 *
 * It is a secret. It travels in a file or on standard input, never in an argument. Whether it was
 * used already is the coordinator's to know.
 */
#ifndef LOCKSTEP_IO_TOKEN_H
#define LOCKSTEP_IO_TOKEN_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/io/keys.h"

#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_TOKEN_ID_BYTES  8
#define LOCKSTEP_TOKEN_PSK_BYTES 32
#define LOCKSTEP_TOKEN_TEXT      320  /* holds every token, with the NUL */
#define LOCKSTEP_TOKEN_FILE_MAX  2048 /* bytes of a token file, header lines included */

/* Wipe with lockstep_token_deinit. */
struct lockstep_token {
    uint8_t id[LOCKSTEP_TOKEN_ID_BYTES];     /* travels in the open, in the first handshake frame */
    uint8_t coordinator[LOCKSTEP_KEY_BYTES]; /* its X25519 public key */
    struct lockstep_id cluster;
    uint8_t secret[LOCKSTEP_KEY_BYTES];
    struct lockstep_digest bundle; /* lockstep_bundle_digest of the bundle to begin with */
    struct lockstep_name node;
    uint64_t expires_unix_ms;
};

/* Fills id and secret with random bytes. */
enum lockstep_err lockstep_token_draw(struct lockstep_token *token,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Wipes; twice is fine. For LOCKSTEP_CLEANUP too. */
void lockstep_token_deinit(struct lockstep_token *token);

/* The pre-shared key of the enrolment handshake. A coordinator stores this and not the secret. */
void lockstep_token_psk(const struct lockstep_token *token,
                        uint8_t ret_psk[LOCKSTEP_TOKEN_PSK_BYTES]);

/* The token's one line, without its end. */
void lockstep_token_format(const struct lockstep_token *token, char ret_text[LOCKSTEP_TOKEN_TEXT]);
/* Parses a token of LENGTH bytes; lines that begin with '#' and white space around it are fine.
 * INVALID tells a cut token from a mistyped one. Expiry is not looked at: no clock here. */
enum lockstep_err lockstep_token_parse(const char *text, size_t length,
                                       struct lockstep_token *ret_token,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
