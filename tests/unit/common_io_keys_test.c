#include "common/io/keys.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/lockstep-keys-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[sizeof(directory) + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static struct lockstep_key *make_key(const char *text)
{
    struct lockstep_name name;
    struct lockstep_key *key = NULL;
    assert_true(lockstep_name_parse(text, &name));
    assert_int_equal(lockstep_key_new(&name, &key, NULL), LOCKSTEP_OK);
    return key;
}

static void write_and_read(void **state)
{
    struct lockstep_key *key = make_key("alice");
    struct lockstep_key *again = NULL;
    struct stat status;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    assert_int_equal(lockstep_key_write(key, path_of("alice"), NULL), LOCKSTEP_OK);
    assert_int_equal(stat(path_of("alice"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(lockstep_key_read(path_of("alice"), &again, &err), LOCKSTEP_OK);
    assert_memory_equal(key, again, sizeof(*key));
    assert_int_equal(lockstep_key_write(key, path_of("alice"), &err), LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "is not overwritten"));
    key = lockstep_key_free(key);
    again = lockstep_key_free(again);
    assert_null(lockstep_key_free(NULL));
}

static void directory_missing(void **state)
{
    struct lockstep_key *key = make_key("alice");
    (void)state;
    assert_int_equal(lockstep_key_write(key, path_of("nowhere/alice"), NULL), LOCKSTEP_IO);
    key = lockstep_key_free(key);
}

struct mode_row {
    const char *name;
    mode_t mode;
    enum lockstep_err code;
};

static const struct mode_row mode_rows[] = {
    {"owner reads and writes", 0600, LOCKSTEP_OK}, {"owner reads", 0400, LOCKSTEP_OK},
    {"group reads", 0640, LOCKSTEP_REFUSED},       {"others read", 0604, LOCKSTEP_REFUSED},
    {"others write", 0602, LOCKSTEP_REFUSED},
};

static void check_mode(void **state)
{
    const struct mode_row *row = *state;
    struct lockstep_key *key = make_key("bob");
    struct lockstep_key *again = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *path = path_of("modes");
    char advice[128];
    assert_int_equal(lockstep_key_write(key, path, NULL), LOCKSTEP_OK);
    assert_int_equal(chmod(path, row->mode), 0);
    assert_int_equal(lockstep_key_read(path, &again, &err), row->code);
    if (row->code != LOCKSTEP_OK) {
        (void)snprintf(advice, sizeof(advice), "chmod 600 %s", path);
        assert_non_null(strstr(err.message, advice));
    }
    assert_int_equal(unlink(path), 0);
    key = lockstep_key_free(key);
    again = lockstep_key_free(again);
}

/* What a file of SECRET_LINE (taken from a good file) turns into. */
struct file_row {
    const char *name;
    const char *format; /* %s is the first line, then the second */
    const char *message;
};

static const struct file_row file_rows[] = {
    {"empty", "", "does not begin with"},
    {"only a first line", "%.0s%.0slockstep-secret-key bob keep-this-file-to-yourself\n", "cut"},
    {"no end of line", "%s\n%s", "cut"},
    {"third line", "%s\n%s\nmore\n", "something was added"},
    {"another first word", "lockstep-key %.0s\n%s\n", "does not begin with"},
    {"a name that is none", "%.0slockstep-secret-key Bob keep-this-file-to-yourself\n%s\n",
     "is not a name"},
    {"another name", "%.0slockstep-secret-key eve keep-this-file-to-yourself\n%s\n", "mistyped"},
    {"cut key", "%s\n%.60s\n", "cut"},
    {"not base32", "%s\n%.108s1\n", "not base32"},
};

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void check_file(void **state)
{
    const struct file_row *row = *state;
    struct lockstep_key *key = make_key("bob");
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    const char *path = path_of("files");
    char good[LOCKSTEP_SECRET_FILE_MAX];
    char bad[LOCKSTEP_SECRET_FILE_MAX];
    size_t length = 0;
    char *second;
    assert_int_equal(lockstep_key_write(key, path, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_secret_file_read(path, good, sizeof(good), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(unlink(path), 0);
    second = strchr(good, '\n') + 1;
    second[-1] = '\0';
    second[strlen(second) - 1] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(bad, sizeof(bad), row->format, good, second);
#pragma GCC diagnostic pop
    write_text(path, bad);
    key = lockstep_key_free(key);
    assert_int_equal(lockstep_key_read(path, &key, &err), LOCKSTEP_INVALID);
    assert_null(key);
    assert_non_null(strstr(err.message, row->message));
    assert_non_null(strstr(err.message, "is not a lockstep key"));
    assert_int_equal(unlink(path), 0);
}

static void not_a_regular_file(void **state)
{
    struct lockstep_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(lockstep_key_read(path_of("fifo"), &key, &err), LOCKSTEP_REFUSED);
    assert_int_equal(unlink(path_of("fifo")), 0);
    assert_int_equal(lockstep_key_read(path_of("none"), &key, &err), LOCKSTEP_IO);
}

static void too_long(void **state)
{
    struct lockstep_key *key = NULL;
    char text[LOCKSTEP_SECRET_FILE_MAX + 1];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    write_text(path_of("long"), text);
    assert_int_equal(lockstep_key_read(path_of("long"), &key, NULL), LOCKSTEP_LIMIT);
    assert_int_equal(unlink(path_of("long")), 0);
}

static void public_line(void **state)
{
    struct lockstep_key *key = make_key(
        "release-manager-of-a-department-with-a-very-long-name-of-63-cha");
    struct lockstep_key_public again;
    char line[LOCKSTEP_KEY_PUBLIC_TEXT];
    char spaced[LOCKSTEP_KEY_PUBLIC_TEXT + 8];
    (void)state;
    lockstep_key_public_format(&key->open, line);
    assert_memory_equal(line, "lockstep-key release", 20);
    assert_null(strchr(line, '\n'));
    (void)snprintf(spaced, sizeof(spaced), "  %s\n\n", line);
    assert_int_equal(lockstep_key_public_parse(spaced, &again, NULL), LOCKSTEP_OK);
    assert_string_equal(again.name.text, key->open.name.text);
    assert_memory_equal(again.channel, key->open.channel, LOCKSTEP_KEY_BYTES);
    assert_memory_equal(again.signing, key->open.signing, LOCKSTEP_KEY_BYTES);
    key = lockstep_key_free(key);
}

/* Every change of one character is found out. */
static void public_line_mistyped(void **state)
{
    struct lockstep_key *key = make_key("alice");
    struct lockstep_key_public again;
    char line[LOCKSTEP_KEY_PUBLIC_TEXT];
    (void)state;
    lockstep_key_public_format(&key->open, line);
    for (size_t i = 0; i < strlen(line); i++) {
        char kept = line[i];
        line[i] = kept == 'b' ? 'c' : 'b';
        assert_int_equal(lockstep_key_public_parse(line, &again, NULL), LOCKSTEP_INVALID);
        line[i] = kept;
    }
    for (size_t i = 0; i < strlen(line); i++) {
        char kept = line[i];
        line[i] = '\0';
        assert_int_equal(lockstep_key_public_parse(line, &again, NULL), LOCKSTEP_INVALID);
        line[i] = kept;
    }
    key = lockstep_key_free(key);
}

struct public_row {
    const char *name;
    const char *text;
    const char *message;
};

static const struct public_row public_rows[] = {
    {"empty", "", "one line"},
    {"only white space", " \n", "one line"},
    {"an ssh key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 alice@example", "one line"},
    {"no key", "lockstep-key alice", "one line"},
    {"short", "lockstep-key alice abc", "cut"},
    {"a name that is none", "lockstep-key Alice abc", "is not a name"},
    {"a secret key", "lockstep-secret-key alice keep-this-file-to-yourself\nabc\n", "secret key"},
    {"two spaces", "lockstep-key  alice abc", "one line"},
};

static void check_public(void **state)
{
    const struct public_row *row = *state;
    struct lockstep_key_public key;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_key_public_parse(row->text, &key, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, row->message));
}

static void sign_and_verify(void **state)
{
    struct lockstep_key *key = make_key("alice");
    struct lockstep_key *other = make_key("alice");
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_signed what = {"test/1", "text", 4, signature};
    (void)state;
    lockstep_key_sign(key, "test/1", "text", 4, signature);
    assert_true(lockstep_key_verify(key->open.signing, &what));
    assert_false(lockstep_key_verify(other->open.signing, &what));
    what.domain = "test/2";
    assert_false(lockstep_key_verify(key->open.signing, &what));
    what.domain = "test/1";
    what.length = 3;
    assert_false(lockstep_key_verify(key->open.signing, &what));
    what.length = 4;
    signature[5] ^= 1;
    assert_false(lockstep_key_verify(key->open.signing, &what));
    key = lockstep_key_free(key);
    other = lockstep_key_free(other);
}

/* The channel pair is X25519: both sides come to one secret. */
static void channel_pairs_agree(void **state)
{
    struct lockstep_key *a = make_key("a");
    struct lockstep_key *b = make_key("b");
    uint8_t one[32];
    uint8_t other[32];
    (void)state;
    assert_int_equal(crypto_scalarmult(one, a->channel_secret, b->open.channel), 0);
    assert_int_equal(crypto_scalarmult(other, b->channel_secret, a->open.channel), 0);
    assert_memory_equal(one, other, sizeof(one));
    a = lockstep_key_free(a);
    b = lockstep_key_free(b);
}

static void key_ids(void **state)
{
    struct lockstep_key *key = make_key("a");
    struct lockstep_key_id id = lockstep_key_id(&key->open);
    struct lockstep_key_id again;
    char text[LOCKSTEP_KEY_ID_TEXT];
    (void)state;
    lockstep_key_id_format(&id, text);
    assert_true(lockstep_key_id_parse(text, &again));
    assert_true(lockstep_key_id_equal(&id, &again));
    assert_true(lockstep_key_id_parse("57BFE7FD314A360C", &again));
    assert_int_equal(again.bytes[0], 0x57);
    assert_false(lockstep_key_id_parse("57bfE7FD314A360C", &again));
    assert_false(lockstep_key_id_parse("57BFE7FD314A360", &again));
    assert_false(lockstep_key_id_parse("57BFE7FD314A360G", &again));
    key = lockstep_key_free(key);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_and_read),
        cmocka_unit_test(directory_missing),
        cmocka_unit_test(not_a_regular_file),
        cmocka_unit_test(too_long),
        cmocka_unit_test(public_line),
        cmocka_unit_test(public_line_mistyped),
        cmocka_unit_test(sign_and_verify),
        cmocka_unit_test(channel_pairs_agree),
        cmocka_unit_test(key_ids),
    };
    int failed;
    if (make_directory(NULL) != 0) {
        return 1;
    }
    failed = cmocka_run_group_tests_name("keys", tests, NULL, NULL) +
             LOCKSTEP_RUN_TABLE("modes", mode_rows, check_mode) +
             LOCKSTEP_RUN_TABLE("damaged files", file_rows, check_file) +
             LOCKSTEP_RUN_TABLE("public lines", public_rows, check_public);
    (void)unlink(path_of("alice"));
    return failed + (rmdir(directory) == 0 ? 0 : 1);
}
