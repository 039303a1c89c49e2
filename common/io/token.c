#include "common/io/token.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/digest.h"

#include <sodium.h>
#include <string.h>

#define FORMAT_VERSION 1
#define CHECK_BYTES    4
#define NODE_AT                                                                 \
    (1 + LOCKSTEP_TOKEN_ID_BYTES + 2 * LOCKSTEP_KEY_BYTES + LOCKSTEP_ID_BYTES + \
     LOCKSTEP_DIGEST_BYTES)
#define EXPIRY_BYTES    8
#define PACKED_MAX      (NODE_AT + 1 + LOCKSTEP_NAME_MAX + EXPIRY_BYTES + CHECK_BYTES)
#define PACKED_MIN      (NODE_AT + 1 + 1 + EXPIRY_BYTES + CHECK_BYTES)
#define BASE32_CHARS(n) ((8 * (n) + 4) / 5)
#define CHECK_DOMAIN    "lockstep/join/check"
#define PSK_LABEL       "lockstep/join/psk"

STATIC_ASSERT(BASE32_CHARS(PACKED_MAX) < LOCKSTEP_TOKEN_TEXT, "the longest token fits");

/* A token's bytes, being written or read. */
struct packed {
    uint8_t bytes[PACKED_MAX];
    size_t length;
};

static void wipe_packed(struct packed *packed)
{
    sodium_memzero(packed, sizeof(*packed));
}

static void put(struct packed *packed, const void *bytes, size_t length)
{
    memcpy(packed->bytes + packed->length, bytes, length);
    packed->length += length;
}

static void take(const struct packed *packed, size_t *at, void *ret_bytes, size_t length)
{
    memcpy(ret_bytes, packed->bytes + *at, length);
    *at += length;
}

static void make_check(const struct packed *packed, size_t covered, uint8_t ret_check[CHECK_BYTES])
{
    struct lockstep_digest digest;
    lockstep_digest_domain(CHECK_DOMAIN, packed->bytes, covered, &digest);
    memcpy(ret_check, digest.bytes, CHECK_BYTES);
}

enum lockstep_err lockstep_token_draw(struct lockstep_token *token, struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_sodium_ready(err));
    randombytes_buf(token->id, sizeof(token->id));
    randombytes_buf(token->secret, sizeof(token->secret));
    return LOCKSTEP_OK;
}

void lockstep_token_deinit(struct lockstep_token *token)
{
    sodium_memzero(token, sizeof(*token));
}

void lockstep_token_psk(const struct lockstep_token *token,
                        uint8_t ret_psk[LOCKSTEP_TOKEN_PSK_BYTES])
{
    int result = crypto_generichash(ret_psk, LOCKSTEP_TOKEN_PSK_BYTES, (const uint8_t *)PSK_LABEL,
                                    strlen(PSK_LABEL), token->secret, sizeof(token->secret));
    ASSERT(result == 0);
}

void lockstep_token_format(const struct lockstep_token *token, char ret_text[LOCKSTEP_TOKEN_TEXT])
{
    LOCKSTEP_CLEANUP(wipe_packed) struct packed packed = {.bytes = {FORMAT_VERSION}, .length = 1};
    uint8_t name_length = (uint8_t)strlen(token->node.text);
    uint8_t expiry[EXPIRY_BYTES];
    uint8_t check[CHECK_BYTES];
    ASSERT(lockstep_name_valid(token->node.text, name_length));
    for (size_t i = 0; i < EXPIRY_BYTES; i++) {
        expiry[i] = (uint8_t)(token->expires_unix_ms >> (8 * (EXPIRY_BYTES - 1 - i)));
    }
    put(&packed, token->id, sizeof(token->id));
    put(&packed, token->coordinator, sizeof(token->coordinator));
    put(&packed, token->cluster.bytes, sizeof(token->cluster.bytes));
    put(&packed, token->secret, sizeof(token->secret));
    put(&packed, token->bundle.bytes, sizeof(token->bundle.bytes));
    put(&packed, &name_length, 1);
    put(&packed, token->node.text, name_length);
    put(&packed, expiry, sizeof(expiry));
    make_check(&packed, packed.length, check);
    put(&packed, check, sizeof(check));
    lockstep_base32_format(packed.bytes, packed.length, ret_text);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copies the one word of TEXT that is not on a comment line. */
static enum lockstep_err find_word(const char *text, size_t length,
                                   char ret_word[LOCKSTEP_TOKEN_TEXT], struct lockstep_error *err)
{
    size_t word = 0;
    size_t i = 0;
    bool ended = false;
    while (i < length) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && text[i] == '#') {
            const char *end = memchr(text + i, '\n', length - i);
            i = end == NULL ? length : (size_t)(end - text) + 1;
            ended = word > 0;
            continue;
        }
        if (is_space(text[i])) {
            ended = word > 0;
        } else if (ended) {
            return LOCKSTEP_FAIL(err, INVALID, "something stands behind the token");
        } else if (word == LOCKSTEP_TOKEN_TEXT - 1) {
            return LOCKSTEP_FAIL(err, INVALID, "the token is too long to be one");
        } else {
            ret_word[word++] = text[i];
        }
        i++;
    }
    if (word == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no token; it was to be one line of base32");
    }
    ret_word[word] = '\0';
    return LOCKSTEP_OK;
}

/* Decodes WORD as far as it is base32 of some number of bytes. */
static enum lockstep_err decode(const char *word, struct packed *packed, struct lockstep_error *err)
{
    size_t characters = strlen(word);
    size_t good = strspn(word, "abcdefghijklmnopqrstuvwxyz234567");
    if (good != characters) {
        return LOCKSTEP_FAIL(
            err, INVALID, "the token is mistyped: character %zu is none of a-z and 2-7", good + 1);
    }
    packed->length = characters * 5 / 8;
    if (packed->length < PACKED_MIN) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the token is cut: %zu characters, and none is shorter "
                             "than %d",
                             characters, BASE32_CHARS(PACKED_MIN));
    }
    if (packed->length > PACKED_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is too long to be one");
    }
    if (!lockstep_base32_parse(word, packed->bytes, packed->length)) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is cut or mistyped at its end");
    }
    if (packed->bytes[0] != FORMAT_VERSION) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is mistyped, or of format %u, not known here",
                             packed->bytes[0]);
    }
    return LOCKSTEP_OK;
}

/* The length that the token gives itself, and its checksum. */
static enum lockstep_err check(const struct packed *packed, struct lockstep_error *err)
{
    size_t expected = NODE_AT + 1U + packed->bytes[NODE_AT] + EXPIRY_BYTES + CHECK_BYTES;
    uint8_t sum[CHECK_BYTES];
    if (packed->length < expected && expected <= PACKED_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is cut: %zu of %zu bytes", packed->length,
                             expected);
    }
    if (packed->length != expected) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is mistyped: its length is wrong");
    }
    make_check(packed, packed->length - CHECK_BYTES, sum);
    if (sodium_memcmp(sum, packed->bytes + packed->length - CHECK_BYTES, CHECK_BYTES) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is mistyped: its checksum is wrong");
    }
    return LOCKSTEP_OK;
}

/* Fills *RET_TOKEN from bytes that are whole. */
static enum lockstep_err unpack(const struct packed *packed, struct lockstep_token *ret_token,
                                struct lockstep_error *err)
{
    size_t at = 1;
    uint8_t name_length = 0;
    uint8_t expiry[EXPIRY_BYTES];
    take(packed, &at, ret_token->id, sizeof(ret_token->id));
    take(packed, &at, ret_token->coordinator, sizeof(ret_token->coordinator));
    take(packed, &at, ret_token->cluster.bytes, sizeof(ret_token->cluster.bytes));
    take(packed, &at, ret_token->secret, sizeof(ret_token->secret));
    take(packed, &at, ret_token->bundle.bytes, sizeof(ret_token->bundle.bytes));
    take(packed, &at, &name_length, 1);
    if (!lockstep_name_valid((const char *)packed->bytes + at, name_length)) {
        return LOCKSTEP_FAIL(err, INVALID, "the token is for a node whose name is none");
    }
    take(packed, &at, ret_token->node.text, name_length);
    take(packed, &at, expiry, sizeof(expiry));
    for (size_t i = 0; i < EXPIRY_BYTES; i++) {
        ret_token->expires_unix_ms = ret_token->expires_unix_ms << 8 | expiry[i];
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_token_parse(const char *text, size_t length,
                                       struct lockstep_token *ret_token, struct lockstep_error *err)
{
    LOCKSTEP_CLEANUP(wipe_packed) struct packed packed = {.length = 0};
    LOCKSTEP_CLEANUP(lockstep_token_deinit) struct lockstep_token token = {.expires_unix_ms = 0};
    char word[LOCKSTEP_TOKEN_TEXT];
    enum lockstep_err code = find_word(text, length, word, err);
    if (code == LOCKSTEP_OK) {
        code = decode(word, &packed, err);
    }
    sodium_memzero(word, sizeof(word));
    LOCKSTEP_TRY(code);
    LOCKSTEP_TRY(check(&packed, err));
    LOCKSTEP_TRY(unpack(&packed, &token, err));
    *ret_token = token;
    return LOCKSTEP_OK;
}
