#include "common/io/minisign.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/*
 * What the base64 lines hold, field by field and without padding.
 * https://jedisct1.github.io/minisign/ names the fields.
 */
#define ID_BYTES       LOCKSTEP_KEY_ID_BYTES
#define PUBLIC_BYTES   (2 + ID_BYTES + LOCKSTEP_KEY_BYTES)
#define SIGNED_BYTES   (2 + ID_BYTES + LOCKSTEP_KEY_SIGNATURE)
#define CHECK_BYTES    32
#define KDF_BYTES      (32 + 8 + 8)
#define SECRET_AT      (2 + 2 + 2 + KDF_BYTES)
#define SECRET_BYTES   (SECRET_AT + ID_BYTES + LOCKSTEP_KEY_SECRET_SIGN + CHECK_BYTES)
#define BASE64_TEXT(n) (((n) + 2) / 3 * 4 + 1)
#define PREHASH_BYTES  64

#define SECRET_COMMENT    "untrusted comment: lockstep release key, without passphrase\n"
#define SIGNATURE_COMMENT "untrusted comment: signature from a lockstep release key\n"
#define UNTRUSTED_PREFIX  "untrusted comment: "
#define TRUSTED_PREFIX    "trusted comment: "

STATIC_ASSERT(LOCKSTEP_MINISIGN_PUBLIC_TEXT == BASE64_TEXT(PUBLIC_BYTES), "length of public keys");

struct secret {
    uint8_t bytes[SECRET_BYTES];
    char text[LOCKSTEP_SECRET_FILE_MAX];
};

static void wipe_secret(struct secret *secret)
{
    sodium_memzero(secret, sizeof(*secret));
}

static void encode64(const uint8_t *bytes, size_t length, char *ret_text, size_t size)
{
    (void)sodium_bin2base64(ret_text, size, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

/* libsodium 1.0.18 takes some bytes beyond ASCII for characters of the alphabet. */
static bool is_base64(const char *text, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    for (size_t i = 0; i < length; i++) {
        if (memchr(alphabet, text[i], sizeof(alphabet) - 1) == NULL) {
            return false;
        }
    }
    return true;
}

/* TEXT_LENGTH characters are the base64 of exactly LENGTH bytes. */
static bool decode64(const char *text, size_t text_length, uint8_t *ret_bytes, size_t length)
{
    const char *end = NULL;
    size_t got = 0;
    return is_base64(text, text_length) &&
           sodium_base642bin(ret_bytes, length, text, text_length, NULL, &got, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == length && end == text + text_length;
}

/* minisign keeps the key's number in little-endian order and prints it as one number. */
static void swap_id(const uint8_t *from, uint8_t *ret_to)
{
    for (size_t i = 0; i < ID_BYTES; i++) {
        ret_to[i] = from[ID_BYTES - 1 - i];
    }
}

/* Takes the next line, without its end, off the text between *CURSOR and END. A last line need not
 * be ended; one carriage return before the end belongs to it. False when none is left. */
static bool take_line(const char **cursor, const char *end, const char **ret_line,
                      size_t *ret_length)
{
    const char *newline;
    if (*cursor >= end) {
        return false;
    }
    newline = memchr(*cursor, '\n', (size_t)(end - *cursor));
    *ret_line = *cursor;
    *ret_length = (size_t)((newline == NULL ? end : newline) - *cursor);
    if (*ret_length > 0 && (*ret_line)[*ret_length - 1] == '\r') {
        *ret_length -= 1;
    }
    *cursor = newline == NULL ? end : newline + 1;
    return true;
}

static bool begins_with(const char *line, size_t length, const char *prefix)
{
    return length >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

/* Guarded memory, locked if the limit for locked memory allows it, wiped by sodium_free. */
static enum lockstep_err new_key(struct lockstep_minisign_key **ret_key, struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_sodium_ready(err));
    *ret_key = sodium_malloc(sizeof(**ret_key));
    if (*ret_key == NULL) {
        (void)LOCKSTEP_FAIL(err, NOMEM, "no guarded memory for a key");
        return LOCKSTEP_NOMEM;
    }
    memset(*ret_key, 0, sizeof(**ret_key));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_minisign_new(struct lockstep_minisign_key **ret_key,
                                        struct lockstep_error *err)
{
    LOCKSTEP_TRY(new_key(ret_key, err));
    randombytes_buf((*ret_key)->open.id.bytes, ID_BYTES);
    (void)crypto_sign_keypair((*ret_key)->open.key, (*ret_key)->secret);
    return LOCKSTEP_OK;
}

struct lockstep_minisign_key *lockstep_minisign_free(struct lockstep_minisign_key *key)
{
    sodium_free(key);
    return NULL;
}

void lockstep_minisign_cleanup(struct lockstep_minisign_key **key)
{
    *key = lockstep_minisign_free(*key);
}

/* BLAKE2b-256 of algorithm, id and secret key, as the format wants. */
static void make_check(const uint8_t *algorithm, const uint8_t *id_and_secret,
                       uint8_t ret_check[CHECK_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, CHECK_BYTES);
    (void)crypto_generichash_update(&state, algorithm, 2);
    (void)crypto_generichash_update(&state, id_and_secret, ID_BYTES + LOCKSTEP_KEY_SECRET_SIGN);
    (void)crypto_generichash_final(&state, ret_check, CHECK_BYTES);
}

enum lockstep_err lockstep_minisign_write(const struct lockstep_minisign_key *key, const char *path,
                                          struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(wipe_secret) struct secret secret = {0};
    uint8_t *at = secret.bytes + SECRET_AT;
    size_t length = strlen(SECRET_COMMENT);
    memcpy(secret.bytes, "Ed\0\0B2", 6); /* algorithm, no key derivation, checksum */
    swap_id(key->open.id.bytes, at);
    memcpy(at + ID_BYTES, key->secret, LOCKSTEP_KEY_SECRET_SIGN);
    make_check(secret.bytes, at, at + ID_BYTES + LOCKSTEP_KEY_SECRET_SIGN);
    memcpy(secret.text, SECRET_COMMENT, length);
    encode64(secret.bytes, SECRET_BYTES, secret.text + length, sizeof(secret.text) - length - 1);
    length = strlen(secret.text);
    secret.text[length++] = '\n';
    return lockstep_secret_file_write(path, secret.text, length, err);
}

/* Decodes a secret key file's text into its bytes and checks what they say. */
static enum lockstep_err parse_secret(struct secret *secret, size_t length,
                                      struct lockstep_error *err)
{
    const char *cursor = secret->text;
    const char *end = secret->text + length;
    const char *line = NULL;
    size_t line_length = 0;
    uint8_t check[CHECK_BYTES];
    uint8_t *at = secret->bytes + SECRET_AT;
    if (!take_line(&cursor, end, &line, &line_length) ||
        !begins_with(line, line_length, UNTRUSTED_PREFIX) ||
        !take_line(&cursor, end, &line, &line_length) || cursor != end ||
        !decode64(line, line_length, secret->bytes, SECRET_BYTES) ||
        memcmp(secret->bytes, "Ed", 2) != 0 || memcmp(secret->bytes + 4, "B2", 2) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it is not a secret key of minisign's");
    }
    if (memcmp(secret->bytes + 2, "\0\0", 2) != 0) {
        return LOCKSTEP_FAIL(err, REFUSED,
                             "it has a passphrase, which cannot be typed here; make one without "
                             "(minisign -G -W), or sign with minisign -S -H and push the .minisig");
    }
    make_check(secret->bytes, at, check);
    /* Stock minisign checks this only under a passphrase; version 0.11 leaves zeros without one. */
    if (sodium_memcmp(check, at + ID_BYTES + LOCKSTEP_KEY_SECRET_SIGN, CHECK_BYTES) != 0 &&
        !sodium_is_zero(at + ID_BYTES + LOCKSTEP_KEY_SECRET_SIGN, CHECK_BYTES)) {
        return LOCKSTEP_FAIL(err, INVALID, "its checksum is wrong");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_minisign_read(const char *path, struct lockstep_minisign_key **ret_key,
                                         struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(wipe_secret) struct secret secret = {0};
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t length = 0;
    enum lockstep_err code;
    LOCKSTEP_TRY(lockstep_secret_file_read(path, secret.text, sizeof(secret.text), &length, err));
    code = parse_secret(&secret, length, err);
    if (code != LOCKSTEP_OK) {
        lockstep_error_wrap(err, "%.100s", path);
        return code;
    }
    LOCKSTEP_TRY(new_key(&key, err));
    swap_id(secret.bytes + SECRET_AT, key->open.id.bytes);
    /* The public half is made again from the seed: signing under a public key that does not belong
     * to the secret one would give the secret away. */
    (void)crypto_sign_ed25519_sk_to_seed(seed, secret.bytes + SECRET_AT + ID_BYTES);
    (void)crypto_sign_seed_keypair(key->open.key, key->secret, seed);
    sodium_memzero(seed, sizeof(seed));
    if (sodium_memcmp(key->secret, secret.bytes + SECRET_AT + ID_BYTES, LOCKSTEP_KEY_SECRET_SIGN) !=
        0) {
        return LOCKSTEP_FAIL(err, INVALID, "%.100s: its two halves do not belong together", path);
    }
    *ret_key = key;
    key = NULL;
    return LOCKSTEP_OK;
}

void lockstep_minisign_public_format(const struct lockstep_minisign_public *key,
                                     char ret_text[LOCKSTEP_MINISIGN_PUBLIC_TEXT])
{
    uint8_t bytes[PUBLIC_BYTES] = {'E', 'd'};
    swap_id(key->id.bytes, bytes + 2);
    memcpy(bytes + 2 + ID_BYTES, key->key, LOCKSTEP_KEY_BYTES);
    encode64(bytes, sizeof(bytes), ret_text, LOCKSTEP_MINISIGN_PUBLIC_TEXT);
}

enum lockstep_err lockstep_minisign_public_parse(const char *text,
                                                 struct lockstep_minisign_public *ret_key,
                                                 struct lockstep_error *err)
{
    const char *end = text + strlen(text);
    const char *line = NULL;
    size_t length = 0;
    uint8_t bytes[PUBLIC_BYTES];
    bool more = take_line(&text, end, &line, &length);
    if (more && begins_with(line, length, UNTRUSTED_PREFIX)) {
        more = take_line(&text, end, &line, &length);
    }
    if (!more || text != end || !decode64(line, length, bytes, sizeof(bytes))) {
        return LOCKSTEP_FAIL(
            err, INVALID, "this is not a minisign public key (56 characters that begin with RW)");
    }
    if (memcmp(bytes, "Ed", 2) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the key is of a kind that is not Ed25519");
    }
    swap_id(bytes + 2, ret_key->id.bytes);
    memcpy(ret_key->key, bytes + 2 + ID_BYTES, LOCKSTEP_KEY_BYTES);
    return LOCKSTEP_OK;
}

static void prehash(const void *bytes, size_t length, uint8_t ret_hash[PREHASH_BYTES])
{
    int result = crypto_generichash(ret_hash, PREHASH_BYTES, bytes, length, NULL, 0);
    ASSERT(result == 0);
}

/* What the global signature is over: the signature and the trusted comment behind it. */
struct covered {
    uint8_t bytes[LOCKSTEP_KEY_SIGNATURE + LOCKSTEP_MINISIGN_COMMENT_MAX];
    size_t length;
};

static struct covered cover(const uint8_t signature[LOCKSTEP_KEY_SIGNATURE], const char *comment)
{
    struct covered covered;
    size_t length = strlen(comment);
    ASSERT(length <= LOCKSTEP_MINISIGN_COMMENT_MAX);
    memcpy(covered.bytes, signature, LOCKSTEP_KEY_SIGNATURE);
    memcpy(covered.bytes + LOCKSTEP_KEY_SIGNATURE, comment, length);
    covered.length = LOCKSTEP_KEY_SIGNATURE + length;
    return covered;
}

/* A comment is one line of printable ASCII, so that no terminal is fooled by it. */
static bool comment_valid(const char *comment, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (comment[i] < ' ' || comment[i] > '~') {
            return false;
        }
    }
    return length <= LOCKSTEP_MINISIGN_COMMENT_MAX;
}

enum lockstep_err lockstep_minisign_sign(const struct lockstep_minisign_key *key, const void *bytes,
                                         size_t length, const char *comment,
                                         char ret_text[LOCKSTEP_SIGNATURE_MAX],
                                         struct lockstep_error *err)
{
    uint8_t hash[PREHASH_BYTES];
    uint8_t packed[SIGNED_BYTES] = {'E', 'D'};
    uint8_t global[LOCKSTEP_KEY_SIGNATURE];
    char packed_text[BASE64_TEXT(SIGNED_BYTES)];
    char global_text[BASE64_TEXT(LOCKSTEP_KEY_SIGNATURE)];
    struct covered covered;
    int written;
    if (!comment_valid(comment, strlen(comment))) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the trusted comment is no line of at most %d characters",
                             LOCKSTEP_MINISIGN_COMMENT_MAX);
    }
    prehash(bytes, length, hash);
    swap_id(key->open.id.bytes, packed + 2);
    (void)crypto_sign_detached(packed + 2 + ID_BYTES, NULL, hash, sizeof(hash), key->secret);
    covered = cover(packed + 2 + ID_BYTES, comment);
    (void)crypto_sign_detached(global, NULL, covered.bytes, covered.length, key->secret);
    encode64(packed, sizeof(packed), packed_text, sizeof(packed_text));
    encode64(global, sizeof(global), global_text, sizeof(global_text));
    written = snprintf(ret_text, LOCKSTEP_SIGNATURE_MAX, "%s%s\n%s%s\n%s\n", SIGNATURE_COMMENT,
                       packed_text, TRUSTED_PREFIX, comment, global_text);
    ASSERT(written > 0 && written < LOCKSTEP_SIGNATURE_MAX);
    return LOCKSTEP_OK;
}

/* Takes the third line: the trusted comment. */
static enum lockstep_err take_comment(const char *line, size_t length,
                                      struct lockstep_minisign_signature *ret_signature,
                                      struct lockstep_error *err)
{
    size_t prefix = strlen(TRUSTED_PREFIX);
    if (!begins_with(line, length, TRUSTED_PREFIX)) {
        return LOCKSTEP_FAIL(err, INVALID, "the signature has no trusted comment");
    }
    if (!comment_valid(line + prefix, length - prefix)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the trusted comment is too long or has bytes that do not print");
    }
    memcpy(ret_signature->comment, line + prefix, length - prefix);
    ret_signature->comment[length - prefix] = '\0';
    return LOCKSTEP_OK;
}

/* Takes the second line: algorithm, key and signature. */
static enum lockstep_err take_signature(const char *line, size_t length,
                                        struct lockstep_minisign_signature *ret_signature,
                                        struct lockstep_error *err)
{
    uint8_t packed[SIGNED_BYTES];
    if (!decode64(line, length, packed, sizeof(packed))) {
        return LOCKSTEP_FAIL(err, INVALID, "the signature is not the base64 of %d bytes",
                             SIGNED_BYTES);
    }
    if (memcmp(packed, "Ed", 2) == 0) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the signature is of the old kind, not prehashed: use minisign -S -H");
    }
    if (memcmp(packed, "ED", 2) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the signature is of an unknown kind");
    }
    swap_id(packed + 2, ret_signature->id.bytes);
    memcpy(ret_signature->signature, packed + 2 + ID_BYTES, LOCKSTEP_KEY_SIGNATURE);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_minisign_parse(const char *text, size_t length,
                                          struct lockstep_minisign_signature *ret_signature,
                                          struct lockstep_error *err)
{
    const char *end = text + length;
    const char *lines[4];
    size_t lengths[4];
    if (length > LOCKSTEP_SIGNATURE_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the signature is longer than %d bytes",
                             LOCKSTEP_SIGNATURE_MAX);
    }
    for (size_t i = 0; i < 4; i++) {
        if (!take_line(&text, end, &lines[i], &lengths[i])) {
            return LOCKSTEP_FAIL(err, INVALID, "the signature is cut: %zu of 4 lines", i);
        }
    }
    if (text != end) {
        return LOCKSTEP_FAIL(err, INVALID, "something stands behind the signature");
    }
    if (!begins_with(lines[0], lengths[0], UNTRUSTED_PREFIX)) {
        return LOCKSTEP_FAIL(err, INVALID, "this is not a minisign signature");
    }
    LOCKSTEP_TRY(take_signature(lines[1], lengths[1], ret_signature, err));
    LOCKSTEP_TRY(take_comment(lines[2], lengths[2], ret_signature, err));
    if (!decode64(lines[3], lengths[3], ret_signature->global, LOCKSTEP_KEY_SIGNATURE)) {
        return LOCKSTEP_FAIL(err, INVALID, "the global signature is not the base64 of %d bytes",
                             LOCKSTEP_KEY_SIGNATURE);
    }
    return LOCKSTEP_OK;
}

bool lockstep_minisign_verify(const struct lockstep_minisign_signature *signature,
                              const struct lockstep_minisign_public *key, const void *bytes,
                              size_t length)
{
    uint8_t hash[PREHASH_BYTES];
    struct covered covered = cover(signature->signature, signature->comment);
    prehash(bytes, length, hash);
    return lockstep_key_id_equal(&signature->id, &key->id) &&
           crypto_sign_verify_detached(signature->signature, hash, sizeof(hash), key->key) == 0 &&
           crypto_sign_verify_detached(signature->global, covered.bytes, covered.length,
                                       key->key) == 0;
}
