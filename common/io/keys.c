#include "common/io/keys.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/digest.h"
#include "common/io/text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PUBLIC_WORD   "lockstep-key"
#define SECRET_WORD   "lockstep-secret-key"
#define SECRET_NOTICE "keep-this-file-to-yourself"

/* Both lines end in the base32 of two halves of 32 bytes and a checksum, which also covers the name
 * and the first word. */
#define CHECK_BYTES  4
#define PACKED_BYTES (2 * LOCKSTEP_KEY_BYTES + CHECK_BYTES)
#define PACKED_TEXT  ((8 * PACKED_BYTES + 4) / 5 + 1)

struct packed {
    struct lockstep_name name;
    uint8_t bytes[PACKED_BYTES];
};

STATIC_ASSERT(LOCKSTEP_KEY_BYTES == crypto_box_SECRETKEYBYTES, "X25519 keys");
STATIC_ASSERT(LOCKSTEP_KEY_BYTES == crypto_sign_SEEDBYTES, "Ed25519 seeds");
STATIC_ASSERT(LOCKSTEP_KEY_SECRET_SIGN == crypto_sign_SECRETKEYBYTES, "Ed25519 secret keys");
STATIC_ASSERT(LOCKSTEP_KEY_SIGNATURE == crypto_sign_BYTES, "Ed25519 signatures");

enum lockstep_err lockstep_sodium_ready(struct lockstep_error *err)
{
    if (sodium_init() < 0) {
        return LOCKSTEP_FAIL(err, IO, "the system gives no random numbers");
    }
    return LOCKSTEP_OK;
}

static void wipe_packed(struct packed *packed)
{
    sodium_memzero(packed, sizeof(*packed));
}

static void make_check(const char *word, const struct packed *packed,
                       uint8_t ret_check[CHECK_BYTES])
{
    uint8_t covered[sizeof(packed->name.text) + PACKED_BYTES - CHECK_BYTES];
    struct lockstep_digest digest;
    memcpy(covered, packed->name.text, sizeof(packed->name.text));
    memcpy(covered + sizeof(packed->name.text), packed->bytes, PACKED_BYTES - CHECK_BYTES);
    lockstep_digest_domain(word, covered, sizeof(covered), &digest);
    memcpy(ret_check, digest.bytes, CHECK_BYTES);
    sodium_memzero(covered, sizeof(covered));
}

/* Takes the name and the base32 that follow WORD on a line. */
static enum lockstep_err unpack(const char *word, const char *name, const char *base32,
                                struct packed *ret_packed, struct lockstep_error *err)
{
    uint8_t check[CHECK_BYTES];
    if (!lockstep_name_parse(name, &ret_packed->name)) {
        return LOCKSTEP_FAIL(err, INVALID, "'%.70s' behind %s is not a name", name, word);
    }
    if (strlen(base32) != PACKED_TEXT - 1) {
        return LOCKSTEP_FAIL(err, INVALID, "the %s of %s is cut or too long: %zu of %d characters",
                             word, name, strlen(base32), PACKED_TEXT - 1);
    }
    if (!lockstep_base32_parse(base32, ret_packed->bytes, PACKED_BYTES)) {
        return LOCKSTEP_FAIL(err, INVALID, "the %s of %s has characters that are not base32", word,
                             name);
    }
    make_check(word, ret_packed, check);
    if (sodium_memcmp(check, ret_packed->bytes + 2 * LOCKSTEP_KEY_BYTES, CHECK_BYTES) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the %s of %s is mistyped: its checksum is wrong", word,
                             name);
    }
    return LOCKSTEP_OK;
}

/* The base32 of PACKED with its checksum. */
static void pack(const char *word, struct packed *packed, char ret_text[PACKED_TEXT])
{
    make_check(word, packed, packed->bytes + 2 * LOCKSTEP_KEY_BYTES);
    lockstep_base32_format(packed->bytes, PACKED_BYTES, ret_text);
}

/* Guarded memory, locked if the limit for locked memory allows it, wiped by sodium_free. */
static enum lockstep_err new_key(struct lockstep_key **ret_key, struct lockstep_error *err)
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

struct lockstep_key *lockstep_key_free(struct lockstep_key *key)
{
    sodium_free(key);
    return NULL;
}

void lockstep_key_cleanup(struct lockstep_key **key)
{
    *key = lockstep_key_free(*key);
}

enum lockstep_err lockstep_key_new(const struct lockstep_name *name, struct lockstep_key **ret_key,
                                   struct lockstep_error *err)
{
    ASSERT(lockstep_name_valid(name->text, strlen(name->text)));
    LOCKSTEP_TRY(new_key(ret_key, err));
    (*ret_key)->open.name = *name;
    (void)crypto_box_keypair((*ret_key)->open.channel, (*ret_key)->channel_secret);
    (void)crypto_sign_keypair((*ret_key)->open.signing, (*ret_key)->signing_secret);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_key_write(const struct lockstep_key *key, const char *path,
                                     struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(wipe_packed) struct packed packed = {.name = key->open.name};
    char base32[PACKED_TEXT];
    char text[LOCKSTEP_KEY_PUBLIC_TEXT + sizeof(SECRET_WORD SECRET_NOTICE)];
    enum lockstep_err code;
    int length;
    memcpy(packed.bytes, key->channel_secret, LOCKSTEP_KEY_BYTES);
    (void)crypto_sign_ed25519_sk_to_seed(packed.bytes + LOCKSTEP_KEY_BYTES, key->signing_secret);
    pack(SECRET_WORD, &packed, base32);
    length = snprintf(text, sizeof(text), "%s %s %s\n%s\n", SECRET_WORD, key->open.name.text,
                      SECRET_NOTICE, base32);
    ASSERT(length > 0 && (size_t)length < sizeof(text));
    code = lockstep_secret_file_write(path, text, (size_t)length, err);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(base32, sizeof(base32));
    return code;
}

/* Parses a secret key file's TEXT: two lines, no more. */
static enum lockstep_err parse_secret(const char *text, struct packed *ret_packed,
                                      struct lockstep_error *err)
{
    const char *cursor = text;
    char line[2 * LOCKSTEP_NAME_MAX + sizeof(SECRET_WORD)];
    char word[sizeof(SECRET_WORD)];
    char name[LOCKSTEP_NAME_MAX + 1];
    char base32[PACKED_TEXT];
    const char *words = line;
    enum lockstep_err code;
    if (!lockstep_text_split(&cursor, '\n', line, sizeof(line)) ||
        !lockstep_text_split(&words, ' ', word, sizeof(word)) || strcmp(word, SECRET_WORD) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "it does not begin with '%s'", SECRET_WORD);
    }
    if (!lockstep_text_split(&words, ' ', name, sizeof(name)) || words == NULL ||
        strcmp(words, SECRET_NOTICE) != 0 ||
        !lockstep_text_split(&cursor, '\n', base32, sizeof(base32)) || cursor == NULL ||
        *cursor != '\0') {
        return LOCKSTEP_FAIL(err, INVALID, "it is cut, or something was added to it");
    }
    code = unpack(SECRET_WORD, name, base32, ret_packed, err);
    sodium_memzero(base32, sizeof(base32));
    return code;
}

enum lockstep_err lockstep_key_read(const char *path, struct lockstep_key **ret_key,
                                    struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(wipe_packed) struct packed packed = {0};
    char text[LOCKSTEP_SECRET_FILE_MAX];
    struct lockstep_key *key = NULL;
    enum lockstep_err code;
    size_t length = 0;
    LOCKSTEP_TRY(lockstep_secret_file_read(path, text, sizeof(text), &length, err));
    code = parse_secret(text, &packed, err);
    sodium_memzero(text, sizeof(text));
    if (code != LOCKSTEP_OK) {
        lockstep_error_wrap(err, "%.120s is not a lockstep key", path);
        return code;
    }
    LOCKSTEP_TRY(new_key(&key, err));
    key->open.name = packed.name;
    memcpy(key->channel_secret, packed.bytes, LOCKSTEP_KEY_BYTES);
    (void)crypto_scalarmult_base(key->open.channel, key->channel_secret);
    (void)crypto_sign_seed_keypair(key->open.signing, key->signing_secret,
                                   packed.bytes + LOCKSTEP_KEY_BYTES);
    *ret_key = key;
    return LOCKSTEP_OK;
}

void lockstep_key_public_format(const struct lockstep_key_public *key,
                                char ret_text[LOCKSTEP_KEY_PUBLIC_TEXT])
{
    struct packed packed = {.name = key->name};
    char base32[PACKED_TEXT];
    int length;
    memcpy(packed.bytes, key->channel, LOCKSTEP_KEY_BYTES);
    memcpy(packed.bytes + LOCKSTEP_KEY_BYTES, key->signing, LOCKSTEP_KEY_BYTES);
    pack(PUBLIC_WORD, &packed, base32);
    length = snprintf(ret_text, LOCKSTEP_KEY_PUBLIC_TEXT, "%s %s %s", PUBLIC_WORD, key->name.text,
                      base32);
    ASSERT(length > 0 && length < LOCKSTEP_KEY_PUBLIC_TEXT);
}

/* Copies TEXT without the white space around it. */
static enum lockstep_err trim(const char *text, char ret_line[LOCKSTEP_KEY_PUBLIC_TEXT],
                              struct lockstep_error *err)
{
    static const char white[] = " \t\r\n";
    size_t length;
    text += strspn(text, white);
    length = strlen(text);
    while (length > 0 && strchr(white, text[length - 1]) != NULL) {
        length--;
    }
    if (strncmp(text, SECRET_WORD, strlen(SECRET_WORD)) == 0) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "this is a secret key; wanted is its public line, which `lockstep key "
                             "show` prints");
    }
    if (length >= LOCKSTEP_KEY_PUBLIC_TEXT) {
        return LOCKSTEP_FAIL(err, INVALID, "%zu characters are too long for a public key", length);
    }
    memcpy(ret_line, text, length);
    ret_line[length] = '\0';
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_key_public_parse(const char *text, struct lockstep_key_public *ret_key,
                                            struct lockstep_error *err)
{
    struct packed packed = {.bytes = {0}};
    char line[LOCKSTEP_KEY_PUBLIC_TEXT];
    char word[sizeof(PUBLIC_WORD)];
    char name[LOCKSTEP_NAME_MAX + 2];
    const char *cursor = line;
    LOCKSTEP_TRY(trim(text, line, err));
    if (!lockstep_text_split(&cursor, ' ', word, sizeof(word)) || strcmp(word, PUBLIC_WORD) != 0 ||
        !lockstep_text_split(&cursor, ' ', name, sizeof(name)) || cursor == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "a public key is one line: '%s NAME BASE32'",
                             PUBLIC_WORD);
    }
    LOCKSTEP_TRY(unpack(PUBLIC_WORD, name, cursor, &packed, err));
    ret_key->name = packed.name;
    memcpy(ret_key->channel, packed.bytes, LOCKSTEP_KEY_BYTES);
    memcpy(ret_key->signing, packed.bytes + LOCKSTEP_KEY_BYTES, LOCKSTEP_KEY_BYTES);
    return LOCKSTEP_OK;
}

struct lockstep_key_id lockstep_key_id(const struct lockstep_key_public *key)
{
    uint8_t both[2 * LOCKSTEP_KEY_BYTES];
    struct lockstep_digest digest;
    struct lockstep_key_id id;
    memcpy(both, key->channel, LOCKSTEP_KEY_BYTES);
    memcpy(both + LOCKSTEP_KEY_BYTES, key->signing, LOCKSTEP_KEY_BYTES);
    lockstep_digest_domain("lockstep/key-id/1", both, sizeof(both), &digest);
    memcpy(id.bytes, digest.bytes, sizeof(id.bytes));
    return id;
}

bool lockstep_key_id_equal(const struct lockstep_key_id *a, const struct lockstep_key_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void lockstep_key_id_format(const struct lockstep_key_id *id, char ret_text[LOCKSTEP_KEY_ID_TEXT])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        ret_text[2 * i] = digits[id->bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[id->bytes[i] & 15U];
    }
    ret_text[LOCKSTEP_KEY_ID_TEXT - 1] = '\0';
}

bool lockstep_key_id_parse(const char *text, struct lockstep_key_id *ret_id)
{
    char lower[LOCKSTEP_KEY_ID_TEXT];
    if (strlen(text) != LOCKSTEP_KEY_ID_TEXT - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof(lower); i++) {
        if (text[i] >= 'a' && text[i] <= 'f') {
            return false;
        }
        lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
    }
    return lockstep_hex_parse(lower, ret_id->bytes, sizeof(ret_id->bytes));
}

/* What is really signed: the domain, so that no signature means anything elsewhere, and a digest,
 * so that neither side has to copy a long text behind it. */
struct message {
    uint8_t bytes[64 + LOCKSTEP_DIGEST_BYTES];
    size_t length;
};

static struct message make_message(const char *domain, const void *bytes, size_t length)
{
    struct message message;
    struct lockstep_digest digest;
    size_t domain_size = strlen(domain) + 1;
    ASSERT(domain_size <= sizeof(message.bytes) - LOCKSTEP_DIGEST_BYTES);
    lockstep_digest_buffer(bytes, length, &digest);
    memcpy(message.bytes, domain, domain_size);
    memcpy(message.bytes + domain_size, digest.bytes, sizeof(digest.bytes));
    message.length = domain_size + sizeof(digest.bytes);
    return message;
}

void lockstep_key_sign(const struct lockstep_key *key, const char *domain, const void *bytes,
                       size_t length, uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE])
{
    struct message message = make_message(domain, bytes, length);
    (void)crypto_sign_detached(ret_signature, NULL, message.bytes, message.length,
                               key->signing_secret);
}

bool lockstep_key_verify(const uint8_t public_key[LOCKSTEP_KEY_BYTES],
                         const struct lockstep_signed *what)
{
    struct message message = make_message(what->domain, what->bytes, what->length);
    return crypto_sign_verify_detached(what->signature, message.bytes, message.length,
                                       public_key) == 0;
}
