#include "common/io/token.h"

#include "common/io/digest.h"
#include "tests/support/cmocka.h"

#include <string.h>

static struct lockstep_token make_token(const char *node)
{
    struct lockstep_token token = {.expires_unix_ms = 1767225600123};
    assert_int_equal(lockstep_token_draw(&token, NULL), LOCKSTEP_OK);
    memset(token.coordinator, 0x11, sizeof(token.coordinator));
    memset(token.cluster.bytes, 0x22, sizeof(token.cluster.bytes));
    memset(token.bundle.bytes, 0x33, sizeof(token.bundle.bytes));
    assert_true(lockstep_name_parse(node, &token.node));
    return token;
}

struct good_row {
    const char *name;
    const char *node;
    const char *before;
    const char *after;
};

#define LONGEST_TOKEN 316 /* characters */
#define LONGEST       "n23456789012345678901234567890123456789012345678901234567890123"

static const struct good_row good_rows[] = {
    {"bare", "n1", "", ""},
    {"a line", "n1", "", "\n"},
    {"a header", "n1", "# lockstep join token for n1\n", "\n"},
    {"headers and space", "n1", "# one\r\n#two\n\n  ", " \r\n\n# three"},
    {"shortest name", "n", "", "\n"},
    {"longest name", LONGEST, "", "\n"},
};

static void check_good(void **state)
{
    const struct good_row *row = *state;
    struct lockstep_token token = make_token(row->node);
    struct lockstep_token again = {.expires_unix_ms = 0};
    char line[LOCKSTEP_TOKEN_TEXT];
    char text[LOCKSTEP_TOKEN_FILE_MAX];
    lockstep_token_format(&token, line);
    (void)snprintf(text, sizeof(text), "%s%s%s", row->before, line, row->after);
    assert_int_equal(lockstep_token_parse(text, strlen(text), &again, NULL), LOCKSTEP_OK);
    assert_memory_equal(&token, &again, sizeof(token));
    lockstep_token_deinit(&token);
    lockstep_token_deinit(&again);
    lockstep_token_deinit(&again);
    assert_memory_equal(&token, &again, sizeof(token));
}

struct bad_row {
    const char *name;
    const char *text;
    const char *message;
};

static const struct bad_row bad_rows[] = {
    {"empty", "", "no token"},
    {"only comments", "# a\n# b", "no token"},
    {"only space", " \n\t\r\n", "no token"},
    {"a word", "hello", "cut"},
    {"upper case", "AEBA", "character 1"},
    {"a digit outside", "aaaaa1", "character 6"},
    {"two words", "aaaa bbbb", "stands behind"},
    {"wrapped", "aaaa\nbbbb", "stands behind"},
    {"comment in between", "aaaa\n#\nbbbb", "stands behind"},
};

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    struct lockstep_token token;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_token_parse(row->text, strlen(row->text), &token, &err),
                     LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, row->message));
}

/* However short it is cut, it is said to be cut or mistyped and never taken. */
static void cut_anywhere(void **state)
{
    struct lockstep_token token = make_token("node-7");
    struct lockstep_token again;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_TOKEN_TEXT];
    (void)state;
    lockstep_token_format(&token, text);
    for (size_t length = 1; length < strlen(text); length++) {
        assert_int_equal(lockstep_token_parse(text, length, &again, &err), LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, "cut"));
    }
}

static void mistyped_anywhere(void **state)
{
    struct lockstep_token token = make_token("node-7");
    struct lockstep_token again;
    char text[LOCKSTEP_TOKEN_TEXT];
    (void)state;
    lockstep_token_format(&token, text);
    for (size_t i = 0; i < strlen(text); i++) {
        char kept = text[i];
        text[i] = kept == 'x' ? 'y' : 'x';
        assert_int_equal(lockstep_token_parse(text, strlen(text), &again, NULL), LOCKSTEP_INVALID);
        text[i] = kept;
    }
}

static void too_long(void **state)
{
    struct lockstep_token token;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2000];
    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(lockstep_token_parse(text, sizeof(text), &token, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "too long"));
    for (size_t length = LONGEST_TOKEN + 1; length <= LOCKSTEP_TOKEN_TEXT + 1; length++) {
        assert_int_equal(lockstep_token_parse(text, length, &token, &err), LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, "too long"));
    }
}

/* A checksum is no signature: whoever makes one may put anything into what it covers. */
static void for_a_node_that_is_none(void **state)
{
    struct lockstep_token token = make_token("n1");
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_digest digest;
    char text[LOCKSTEP_TOKEN_TEXT];
    uint8_t bytes[136];
    (void)state;
    lockstep_token_format(&token, text);
    assert_true(lockstep_base32_parse(text, bytes, sizeof(bytes)));
    assert_memory_equal(bytes + 122, "n1", 2);
    bytes[122] = '/';
    lockstep_digest_domain("lockstep/join/check", bytes, sizeof(bytes) - 4, &digest);
    memcpy(bytes + sizeof(bytes) - 4, digest.bytes, 4);
    lockstep_base32_format(bytes, sizeof(bytes), text);
    assert_int_equal(lockstep_token_parse(text, strlen(text), &token, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "whose name is none"));
}

/* Both sides must come to the same key, for ever: b2 keyed with the secret over the label. */
static void psk_is_fixed(void **state)
{
    struct lockstep_token token = {.expires_unix_ms = 0};
    uint8_t psk[LOCKSTEP_TOKEN_PSK_BYTES];
    char text[2 * LOCKSTEP_TOKEN_PSK_BYTES + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(token.secret); i++) {
        token.secret[i] = (uint8_t)i;
    }
    lockstep_token_psk(&token, psk);
    lockstep_hex_format(psk, sizeof(psk), text);
    assert_string_equal(text, "e3791b1b842b286ea36e308dd7abbc8091f34980cc25b93a158ee0e9a9fe60d9");
}

static void drawn_differ(void **state)
{
    struct lockstep_token a = make_token("a");
    struct lockstep_token b = make_token("a");
    (void)state;
    assert_memory_not_equal(a.id, b.id, sizeof(a.id));
    assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere), cmocka_unit_test(mistyped_anywhere),
        cmocka_unit_test(too_long),     cmocka_unit_test(psk_is_fixed),
        cmocka_unit_test(drawn_differ), cmocka_unit_test(for_a_node_that_is_none),
    };
    return LOCKSTEP_RUN_TABLE("tokens", good_rows, check_good) +
           LOCKSTEP_RUN_TABLE("malformed tokens", bad_rows, check_bad) +
           cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
