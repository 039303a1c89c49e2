#include "common/base/ids.h"
#include "tests/support/cmocka.h"

#include <string.h>

struct name_row {
    const char *name;
    const char *text;
    bool valid;
};

static const struct name_row name_rows[] = {
    {"one letter", "a", true},
    {"letters digits dash", "rate-limit2", true},
    {"63 characters", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123", true},
    {"64 characters", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234", false},
    {"empty", "", false},
    {"begins with a digit", "2fast", false},
    {"begins with a dash", "-x", false},
    {"upper case", "Auth", false},
    {"slash", "a/b", false},
    {"dot dot", "..", false},
    {"space", "a b", false},
};

static void check_name(void **state)
{
    const struct name_row *row = *state;
    struct lockstep_name name;
    assert_int_equal(lockstep_name_parse(row->text, &name), row->valid);
    if (row->valid) {
        assert_string_equal(name.text, row->text);
    }
}

struct id_row {
    const char *name;
    const char *text;
    bool valid;
};

static const struct id_row id_rows[] = {
    {"zeros", "aaaaaaaaaaaaaaaaaaaaaaaaaa", true},
    {"mixed", "abcdefghijklmnopqrstuvwxy4", true},
    {"bits left over", "aaaaaaaaaaaaaaaaaaaaaaaaab", false},
    {"short", "aaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"long", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"upper case", "AAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"digit outside the alphabet", "aaaaaaaaaaaaaaaaaaaaaaaa1a", false},
};

static void check_id(void **state)
{
    const struct id_row *row = *state;
    struct lockstep_id id;
    char text[LOCKSTEP_ID_TEXT];
    assert_int_equal(lockstep_id_parse(row->text, &id), row->valid);
    if (row->valid) {
        lockstep_id_format(&id, text);
        assert_string_equal(text, row->text);
    }
}

static void digest_text_and_back(void **state)
{
    struct lockstep_digest digest;
    struct lockstep_digest again;
    char text[LOCKSTEP_DIGEST_TEXT];
    char longer[LOCKSTEP_DIGEST_TEXT + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(digest.bytes); i++) {
        digest.bytes[i] = (uint8_t)(7 * i + 3);
    }
    lockstep_digest_format(&digest, text);
    assert_int_equal(strlen(text), 64);
    assert_true(lockstep_digest_parse(text, &again));
    assert_true(lockstep_digest_equal(&digest, &again));
    (void)snprintf(longer, sizeof(longer), "%s0", text);
    assert_false(lockstep_digest_parse(longer, &again));
    assert_false(lockstep_digest_parse(longer + 2, &again));
    text[63] = 'g';
    assert_false(lockstep_digest_parse(text, &again));
    assert_false(lockstep_digest_is_zero(&digest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(digest_text_and_back)};
    return LOCKSTEP_RUN_TABLE("names", name_rows, check_name) +
           LOCKSTEP_RUN_TABLE("ids", id_rows, check_id) +
           cmocka_run_group_tests_name("digests", tests, NULL, NULL);
}
