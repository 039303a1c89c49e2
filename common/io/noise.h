/*
 * Noise_XK_25519_ChaChaPoly_BLAKE2b and Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b (The Noise Protocol
 * Framework, revision 34), from libsodium's primitives. Sans I/O and exactly as specified; the
 * published vectors are a test. It knows nothing of frames, deadlines or who may connect.
 *
 *   <- s            the initiator knows the responder's static key beforehand
 *   -> e, es        message 1: its payload can be replayed and must never be acted on
 *   <- e, ee        message 2
 *   -> s, se [psk]  message 3: the initiator's static key, sealed; with a token its pre-shared key
 *
 * A failed step leaves the object unusable: wipe it with _deinit.
 */
#ifndef LOCKSTEP_IO_NOISE_H
#define LOCKSTEP_IO_NOISE_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_NOISE_KEY  32
#define LOCKSTEP_NOISE_HASH 64
#define LOCKSTEP_NOISE_TAG  16

/* One direction of a transport: key and counter. The counter never wraps (2^64 frames). */
struct lockstep_cipher {
    uint8_t key[LOCKSTEP_NOISE_KEY];
    uint64_t n;
};

struct lockstep_noise {
    bool initiator;
    bool with_psk;
    bool keyed;
    uint8_t step; /* messages done: 0 … 3 */
    struct lockstep_cipher cipher;
    uint8_t hash[LOCKSTEP_NOISE_HASH];
    uint8_t chain[LOCKSTEP_NOISE_HASH];
    uint8_t psk[LOCKSTEP_NOISE_KEY];
    uint8_t own[LOCKSTEP_NOISE_KEY]; /* static secret */
    uint8_t own_public[LOCKSTEP_NOISE_KEY];
    uint8_t ephemeral[LOCKSTEP_NOISE_KEY];
    uint8_t ephemeral_public[LOCKSTEP_NOISE_KEY];
    uint8_t remote[LOCKSTEP_NOISE_KEY]; /* static public: given, or learned from message 3 */
    uint8_t remote_ephemeral[LOCKSTEP_NOISE_KEY];
};

struct lockstep_noise_config {
    bool initiator;
    bool with_psk;
    const uint8_t *own;    /* static secret, 32 bytes */
    const uint8_t *remote; /* the responder's public key; NULL for the responder */
    const void *prologue;
    size_t prologue_length;
    const uint8_t *ephemeral; /* NULL: drawn at random. Only tests of vectors give one. */
};

/* Everything is copied. INVALID if a key is unusable. */
enum lockstep_err lockstep_noise_init(struct lockstep_noise *noise,
                                      const struct lockstep_noise_config *config,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Wipes. Twice is fine. */
void lockstep_noise_deinit(struct lockstep_noise *noise);
/* The pre-shared key, before message 3. */
void lockstep_noise_set_psk(struct lockstep_noise *noise, const uint8_t psk[LOCKSTEP_NOISE_KEY]);

/* How much longer than its payload the next message is. */
size_t lockstep_noise_overhead(const struct lockstep_noise *noise);
/* Writes the next message, which must be ours: LENGTH bytes of payload and the overhead. REFUSED if
 * the peer's key is of low order. */
enum lockstep_err lockstep_noise_write(struct lockstep_noise *noise, const void *payload,
                                       size_t length, uint8_t *ret_message,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Reads the next message, which must be theirs and have a payload of exactly SIZE bytes. REFUSED if
 * it has not, or is not authentic. */
enum lockstep_err lockstep_noise_read(struct lockstep_noise *noise, const uint8_t *message,
                                      size_t length, uint8_t *ret_payload, size_t size,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* After message 3: the keys of both directions. The hash (for channel binding) stays readable. */
void lockstep_noise_split(struct lockstep_noise *noise, struct lockstep_cipher *ret_send,
                          struct lockstep_cipher *ret_receive);

/* Seals LENGTH bytes into LENGTH + 16, with AD authenticated beside them. */
void lockstep_cipher_seal(struct lockstep_cipher *cipher, const void *ad, size_t ad_length,
                          const void *plain, size_t length, uint8_t *ret_sealed);
/* False, and the counter stays, if the LENGTH (at least 16) bytes are not authentic. */
bool lockstep_cipher_open(struct lockstep_cipher *cipher, const void *ad, size_t ad_length,
                          const uint8_t *sealed, size_t length, uint8_t *ret_plain);
/* A new key from the old one (spec §11.3). */
void lockstep_cipher_rekey(struct lockstep_cipher *cipher);

#endif
