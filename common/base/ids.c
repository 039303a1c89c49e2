#include "common/base/ids.h"

#include <string.h>

static const char base32_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char hex_alphabet[] = "0123456789abcdef";

/* The position of C in ALPHABET, or -1. */
static int position(const char *alphabet, char c)
{
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);
    return found == NULL ? -1 : (int)(found - alphabet);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

void lockstep_base32_format(const uint8_t *bytes, size_t length, char *ret_text)
{
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < length; i++) {
        held = (held << 8) | bytes[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            *ret_text++ = base32_alphabet[(held >> bits) & 31U];
        }
    }
    if (bits > 0) {
        *ret_text++ = base32_alphabet[(held << (5 - bits)) & 31U];
    }
    *ret_text = '\0';
}

bool lockstep_base32_parse(const char *text, uint8_t *ret_bytes, size_t length)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t written = 0;
    if (strlen(text) != (8 * length + 4) / 5) {
        return false;
    }
    for (; *text != '\0'; text++) {
        int value = position(base32_alphabet, *text);
        if (value < 0) {
            return false;
        }
        held = (held << 5) | (uint32_t)value;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            ret_bytes[written++] = (uint8_t)(held >> bits);
        }
    }
    /* Bits left over must be zero, or two texts would name one value. */
    return written == length && (held & ((1U << bits) - 1U)) == 0;
}

void lockstep_hex_format(const uint8_t *bytes, size_t length, char *ret_text)
{
    for (size_t i = 0; i < length; i++) {
        *ret_text++ = hex_alphabet[bytes[i] >> 4];
        *ret_text++ = hex_alphabet[bytes[i] & 15U];
    }
    *ret_text = '\0';
}

bool lockstep_hex_parse(const char *text, uint8_t *ret_bytes, size_t length)
{
    if (strlen(text) != 2 * length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int high = position(hex_alphabet, text[2 * i]);
        int low = position(hex_alphabet, text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret_bytes[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    return true;
}

bool lockstep_id_equal(const struct lockstep_id *a, const struct lockstep_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool lockstep_id_is_zero(const struct lockstep_id *id)
{
    return all_zero(id->bytes, sizeof(id->bytes));
}

void lockstep_id_format(const struct lockstep_id *id, char ret_text[LOCKSTEP_ID_TEXT])
{
    lockstep_base32_format(id->bytes, sizeof(id->bytes), ret_text);
}

bool lockstep_id_parse(const char *text, struct lockstep_id *ret_id)
{
    struct lockstep_id id;
    if (!lockstep_base32_parse(text, id.bytes, sizeof(id.bytes))) {
        return false;
    }
    *ret_id = id;
    return true;
}

bool lockstep_digest_equal(const struct lockstep_digest *a, const struct lockstep_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool lockstep_digest_is_zero(const struct lockstep_digest *digest)
{
    return all_zero(digest->bytes, sizeof(digest->bytes));
}

void lockstep_digest_format(const struct lockstep_digest *digest,
                            char ret_text[LOCKSTEP_DIGEST_TEXT])
{
    lockstep_hex_format(digest->bytes, sizeof(digest->bytes), ret_text);
}

bool lockstep_digest_parse(const char *text, struct lockstep_digest *ret_digest)
{
    struct lockstep_digest digest;
    if (!lockstep_hex_parse(text, digest.bytes, sizeof(digest.bytes))) {
        return false;
    }
    *ret_digest = digest;
    return true;
}

void lockstep_md5_format(const struct lockstep_md5 *md5, char ret_text[LOCKSTEP_MD5_TEXT])
{
    lockstep_hex_format(md5->bytes, sizeof(md5->bytes), ret_text);
}

bool lockstep_md5_parse(const char *text, struct lockstep_md5 *ret_md5)
{
    struct lockstep_md5 md5;
    if (!lockstep_hex_parse(text, md5.bytes, sizeof(md5.bytes))) {
        return false;
    }
    *ret_md5 = md5;
    return true;
}

bool lockstep_name_valid(const char *text, size_t length)
{
    if (length == 0 || length > LOCKSTEP_NAME_MAX || text[0] < 'a' || text[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!allowed) {
            return false;
        }
    }
    return true;
}

bool lockstep_name_parse(const char *text, struct lockstep_name *ret_name)
{
    size_t length = strlen(text);
    if (!lockstep_name_valid(text, length)) {
        return false;
    }
    memset(ret_name, 0, sizeof(*ret_name));
    memcpy(ret_name->text, text, length);
    return true;
}

bool lockstep_name_equal(const struct lockstep_name *a, const struct lockstep_name *b)
{
    return strcmp(a->text, b->text) == 0;
}
