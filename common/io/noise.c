#include "common/io/noise.h"

#include "common/base/assert.h"

#include <sodium.h>
#include <string.h>

#define BLOCK 128 /* bytes of a BLAKE2b block, for HMAC (RFC 2104) */

/* ---- hashing -------------------------------------------------------------------------------- */

static void hash_two(uint8_t out[LOCKSTEP_NOISE_HASH], const void *a, size_t a_length,
                     const void *b, size_t b_length)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, LOCKSTEP_NOISE_HASH);
    (void)crypto_generichash_update(&state, a, a_length);
    if (b_length > 0) {
        (void)crypto_generichash_update(&state, b, b_length);
    }
    (void)crypto_generichash_final(&state, out, LOCKSTEP_NOISE_HASH);
    sodium_memzero(&state, sizeof(state));
}

static void hmac(const uint8_t key[LOCKSTEP_NOISE_HASH], const void *a, size_t a_length,
                 const void *b, size_t b_length, uint8_t out[LOCKSTEP_NOISE_HASH])
{
    uint8_t pad[BLOCK];
    uint8_t inner[LOCKSTEP_NOISE_HASH];
    crypto_generichash_state state;
    memset(pad, 0x36, sizeof(pad));
    for (size_t i = 0; i < LOCKSTEP_NOISE_HASH; i++) {
        pad[i] ^= key[i];
    }
    (void)crypto_generichash_init(&state, NULL, 0, LOCKSTEP_NOISE_HASH);
    (void)crypto_generichash_update(&state, pad, sizeof(pad));
    (void)crypto_generichash_update(&state, a, a_length);
    if (b_length > 0) {
        (void)crypto_generichash_update(&state, b, b_length);
    }
    (void)crypto_generichash_final(&state, inner, sizeof(inner));
    for (size_t i = 0; i < BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    hash_two(out, pad, sizeof(pad), inner, sizeof(inner));
    sodium_memzero(pad, sizeof(pad));
    sodium_memzero(inner, sizeof(inner));
    sodium_memzero(&state, sizeof(state));
}

/* HKDF with as many outputs as are not NULL (spec §4.3). */
static void derive(const uint8_t chain[LOCKSTEP_NOISE_HASH], const void *input, size_t length,
                   uint8_t *first, uint8_t *second, uint8_t *third)
{
    uint8_t temporary[LOCKSTEP_NOISE_HASH];
    uint8_t keep[LOCKSTEP_NOISE_HASH];
    const uint8_t counters[] = {1, 2, 3};
    const uint8_t empty = 0;
    hmac(chain, length > 0 ? input : &empty, length, NULL, 0, temporary);
    hmac(temporary, &counters[0], 1, NULL, 0, keep);
    memcpy(first, keep, sizeof(keep));
    hmac(temporary, keep, sizeof(keep), &counters[1], 1, keep);
    memcpy(second, keep, sizeof(keep));
    if (third != NULL) {
        hmac(temporary, keep, sizeof(keep), &counters[2], 1, third);
    }
    sodium_memzero(temporary, sizeof(temporary));
    sodium_memzero(keep, sizeof(keep));
}

/* ---- a cipher ------------------------------------------------------------------------------- */

static void nonce_of(uint64_t n, uint8_t nonce[12])
{
    memset(nonce, 0, 4);
    for (unsigned i = 0; i < 8; i++) {
        nonce[4 + i] = (uint8_t)(n >> (8 * i));
    }
}

void lockstep_cipher_seal(struct lockstep_cipher *cipher, const void *ad, size_t ad_length,
                          const void *plain, size_t length, uint8_t *ret_sealed)
{
    uint8_t nonce[12];
    ASSERT(cipher->n != UINT64_MAX);
    nonce_of(cipher->n++, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(ret_sealed, NULL, plain, length, ad, ad_length,
                                                    NULL, nonce, cipher->key);
}

bool lockstep_cipher_open(struct lockstep_cipher *cipher, const void *ad, size_t ad_length,
                          const uint8_t *sealed, size_t length, uint8_t *ret_plain)
{
    uint8_t nonce[12];
    ASSERT(length >= LOCKSTEP_NOISE_TAG && cipher->n != UINT64_MAX);
    nonce_of(cipher->n, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(ret_plain, NULL, NULL, sealed, length, ad,
                                                  ad_length, nonce, cipher->key) != 0) {
        return false;
    }
    cipher->n++;
    return true;
}

void lockstep_cipher_rekey(struct lockstep_cipher *cipher)
{
    static const uint8_t zeros[LOCKSTEP_NOISE_KEY];
    uint8_t sealed[LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG];
    uint8_t nonce[12];
    nonce_of(UINT64_MAX, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, sizeof(zeros), NULL, 0,
                                                    NULL, nonce, cipher->key);
    memcpy(cipher->key, sealed, sizeof(cipher->key));
    sodium_memzero(sealed, sizeof(sealed));
}

/* ---- the symmetric state (spec §5.2) -------------------------------------------------------- */

static void mix_hash(struct lockstep_noise *noise, const void *bytes, size_t length)
{
    hash_two(noise->hash, noise->hash, sizeof(noise->hash), bytes, length);
}

static void mix_key(struct lockstep_noise *noise, const void *input, size_t length)
{
    uint8_t key[LOCKSTEP_NOISE_HASH];
    derive(noise->chain, input, length, noise->chain, key, NULL);
    memcpy(noise->cipher.key, key, LOCKSTEP_NOISE_KEY);
    noise->cipher.n = 0;
    noise->keyed = true;
    sodium_memzero(key, sizeof(key));
}

static void mix_psk(struct lockstep_noise *noise)
{
    uint8_t hash[LOCKSTEP_NOISE_HASH];
    uint8_t key[LOCKSTEP_NOISE_HASH];
    derive(noise->chain, noise->psk, sizeof(noise->psk), noise->chain, hash, key);
    mix_hash(noise, hash, sizeof(hash));
    memcpy(noise->cipher.key, key, LOCKSTEP_NOISE_KEY);
    noise->cipher.n = 0;
    noise->keyed = true;
    sodium_memzero(hash, sizeof(hash));
    sodium_memzero(key, sizeof(key));
}

static void seal_and_hash(struct lockstep_noise *noise, const void *plain, size_t length,
                          uint8_t *out)
{
    ASSERT(noise->keyed);
    lockstep_cipher_seal(&noise->cipher, noise->hash, sizeof(noise->hash), plain, length, out);
    mix_hash(noise, out, length + LOCKSTEP_NOISE_TAG);
}

static bool open_and_hash(struct lockstep_noise *noise, const uint8_t *sealed, size_t length,
                          uint8_t *out)
{
    ASSERT(noise->keyed);
    if (!lockstep_cipher_open(&noise->cipher, noise->hash, sizeof(noise->hash), sealed, length,
                              out)) {
        return false;
    }
    mix_hash(noise, sealed, length);
    return true;
}

/* Mixes X25519(secret, public); false if the result is all zeros (a low-order point). */
static bool mix_dh(struct lockstep_noise *noise, const uint8_t *secret, const uint8_t *public_key)
{
    uint8_t shared[LOCKSTEP_NOISE_KEY];
    bool ok = crypto_scalarmult(shared, secret, public_key) == 0;
    if (ok) {
        mix_key(noise, shared, sizeof(shared));
    }
    sodium_memzero(shared, sizeof(shared));
    return ok;
}

static void mix_ephemeral(struct lockstep_noise *noise, const uint8_t *public_key)
{
    mix_hash(noise, public_key, LOCKSTEP_NOISE_KEY);
    if (noise->with_psk) {
        mix_key(noise, public_key, LOCKSTEP_NOISE_KEY); /* spec §9.2 */
    }
}

/* ---- the handshake -------------------------------------------------------------------------- */

enum lockstep_err lockstep_noise_init(struct lockstep_noise *noise,
                                      const struct lockstep_noise_config *config,
                                      struct lockstep_error *err)
{
    const char *name = config->with_psk ? "Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b"
                                        : "Noise_XK_25519_ChaChaPoly_BLAKE2b";
    memset(noise, 0, sizeof(*noise));
    if (sodium_init() < 0) {
        return LOCKSTEP_FAIL(err, IO, "no randomness for keys");
    }
    ASSERT(strlen(name) <= LOCKSTEP_NOISE_HASH);
    ASSERT(config->initiator == (config->remote != NULL));
    noise->initiator = config->initiator;
    noise->with_psk = config->with_psk;
    memcpy(noise->hash, name, strlen(name)); /* shorter than the hash: padded, not hashed */
    memcpy(noise->chain, noise->hash, sizeof(noise->chain));
    memcpy(noise->own, config->own, sizeof(noise->own));
    if (config->ephemeral != NULL) {
        memcpy(noise->ephemeral, config->ephemeral, sizeof(noise->ephemeral));
    } else {
        randombytes_buf(noise->ephemeral, sizeof(noise->ephemeral));
    }
    if (crypto_scalarmult_base(noise->own_public, noise->own) != 0 ||
        crypto_scalarmult_base(noise->ephemeral_public, noise->ephemeral) != 0) {
        lockstep_noise_deinit(noise);
        return LOCKSTEP_FAIL(err, INVALID, "the channel key is unusable");
    }
    mix_hash(noise, config->prologue, config->prologue_length);
    if (config->initiator) {
        memcpy(noise->remote, config->remote, sizeof(noise->remote));
        mix_hash(noise, noise->remote, sizeof(noise->remote));
    } else {
        mix_hash(noise, noise->own_public, sizeof(noise->own_public));
    }
    return LOCKSTEP_OK;
}

void lockstep_noise_deinit(struct lockstep_noise *noise)
{
    sodium_memzero(noise, sizeof(*noise));
}

void lockstep_noise_set_psk(struct lockstep_noise *noise, const uint8_t psk[LOCKSTEP_NOISE_KEY])
{
    ASSERT(noise->with_psk && noise->step < 3);
    memcpy(noise->psk, psk, LOCKSTEP_NOISE_KEY);
}

static bool write_tokens(struct lockstep_noise *noise, uint8_t *out, size_t *ret_used)
{
    if (noise->step == 2) {
        seal_and_hash(noise, noise->own_public, LOCKSTEP_NOISE_KEY, out);
        *ret_used = LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG;
        if (!mix_dh(noise, noise->own, noise->remote_ephemeral)) {
            return false;
        }
        if (noise->with_psk) {
            mix_psk(noise);
        }
        return true;
    }
    memcpy(out, noise->ephemeral_public, LOCKSTEP_NOISE_KEY);
    *ret_used = LOCKSTEP_NOISE_KEY;
    mix_ephemeral(noise, noise->ephemeral_public);
    return mix_dh(noise, noise->ephemeral,
                  noise->step == 0 ? noise->remote : noise->remote_ephemeral);
}

static size_t tokens_size(const struct lockstep_noise *noise)
{
    return noise->step == 2 ? LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG : LOCKSTEP_NOISE_KEY;
}

size_t lockstep_noise_overhead(const struct lockstep_noise *noise)
{
    return tokens_size(noise) + LOCKSTEP_NOISE_TAG;
}

enum lockstep_err lockstep_noise_write(struct lockstep_noise *noise, const void *payload,
                                       size_t length, uint8_t *ret_message,
                                       struct lockstep_error *err)
{
    size_t used = 0;
    ASSERT(noise->step < 3 && noise->initiator == (noise->step != 1));
    if (!write_tokens(noise, ret_message, &used)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the peer's key is not a usable point");
    }
    seal_and_hash(noise, payload, length, ret_message + used);
    noise->step++;
    return LOCKSTEP_OK;
}

static bool read_tokens(struct lockstep_noise *noise, const uint8_t *message)
{
    if (noise->step == 2) {
        if (!open_and_hash(noise, message, LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG,
                           noise->remote) ||
            !mix_dh(noise, noise->ephemeral, noise->remote)) {
            return false;
        }
        if (noise->with_psk) {
            mix_psk(noise);
        }
        return true;
    }
    memcpy(noise->remote_ephemeral, message, LOCKSTEP_NOISE_KEY);
    mix_ephemeral(noise, noise->remote_ephemeral);
    return mix_dh(noise, noise->step == 0 ? noise->own : noise->ephemeral, noise->remote_ephemeral);
}

enum lockstep_err lockstep_noise_read(struct lockstep_noise *noise, const uint8_t *message,
                                      size_t length, uint8_t *ret_payload, size_t size,
                                      struct lockstep_error *err)
{
    size_t tokens = tokens_size(noise);
    ASSERT(noise->step < 3 && noise->initiator == (noise->step == 1));
    if (length != lockstep_noise_overhead(noise) + size) {
        return LOCKSTEP_FAIL(err, REFUSED, "handshake message %u has %zu bytes", noise->step + 1U,
                             length);
    }
    if (!read_tokens(noise, message) ||
        !open_and_hash(noise, message + tokens, length - tokens, ret_payload)) {
        return LOCKSTEP_FAIL(err, REFUSED, "handshake message %u is not authentic",
                             noise->step + 1U);
    }
    noise->step++;
    return LOCKSTEP_OK;
}

void lockstep_noise_split(struct lockstep_noise *noise, struct lockstep_cipher *ret_send,
                          struct lockstep_cipher *ret_receive)
{
    uint8_t first[LOCKSTEP_NOISE_HASH];
    uint8_t second[LOCKSTEP_NOISE_HASH];
    ASSERT(noise->step == 3);
    derive(noise->chain, NULL, 0, first, second, NULL);
    memcpy(ret_send->key, noise->initiator ? first : second, LOCKSTEP_NOISE_KEY);
    memcpy(ret_receive->key, noise->initiator ? second : first, LOCKSTEP_NOISE_KEY);
    ret_send->n = 0;
    ret_receive->n = 0;
    sodium_memzero(first, sizeof(first));
    sodium_memzero(second, sizeof(second));
    sodium_memzero(noise->chain, sizeof(noise->chain));
    sodium_memzero(noise->ephemeral, sizeof(noise->ephemeral));
    sodium_memzero(noise->psk, sizeof(noise->psk));
    sodium_memzero(&noise->cipher, sizeof(noise->cipher));
}
