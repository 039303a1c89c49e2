#include "common/base/cleanup.h"
#include "common/io/minisign.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Made with minisign 0.11: -G -W, then -S -t 'module:pay counter:41', then -S -l. */
#define STOCK_PUBLIC  "RWQMNkox/ee/V2s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb"
#define STOCK_ID      "57BFE7FD314A360C"
#define STOCK_MESSAGE "lockstep-manifest: 1\nmodule: pay\n"
#define STOCK_SECRET                                                                       \
    "untrusted comment: minisign encrypted secret key\n"                                   \
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADDZKMf3nv1e/" \
    "MCANIY4PPs35mltEHeB2wS68ZGuzyxr9zRMqmDcObGs+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define FIRST "untrusted comment: signature from minisign secret key\n"
#define PREHASHED                                                                  \
    "RUQMNkox/ee/VwAqeYGmZcGvlFqSaX3KTMmuPnUFoSx8A4Q4qRiSrQ89VyCumExQlIrpiXruzUiE" \
    "AfB078ZZASAdgqUClnotigg=\n"
#define COMMENT "trusted comment: module:pay counter:41\n"
#define GLOBAL                                                                             \
    "wHjG8HWt7adkDy08EuD228sZIFiGZXWzDtVuSnEgJX9XnK/HyZC7Ts1SWUn+3JHLWb0puZQmJBztfckYdJ55" \
    "Ag==\n"
#define OLD_KIND                                                                   \
    "RWQMNkox/ee/V8zdzN4pam/Ja/nhffivtZI5XV88hKBhtzpw88h6ZWs1EZbVaredLJgLSTtwV52O" \
    "MmoNaO3dcD0nPiA+b2mfBgo=\n"

static char directory[] = "/tmp/lockstep-minisign-XXXXXX";

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static bool verifies(const char *signature_text, const char *message)
{
    struct lockstep_minisign_public key;
    struct lockstep_minisign_signature signature;
    assert_int_equal(lockstep_minisign_public_parse(STOCK_PUBLIC, &key, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_minisign_parse(signature_text, strlen(signature_text), &signature, NULL),
        LOCKSTEP_OK);
    return lockstep_minisign_verify(&signature, &key, message, strlen(message));
}

struct verify_row {
    const char *name;
    const char *signature;
    const char *message;
    bool good;
};

static const struct verify_row verify_rows[] = {
    {"what stock minisign signed", FIRST PREHASHED COMMENT GLOBAL, STOCK_MESSAGE, true},
    {"another untrusted comment", "untrusted comment: \n" PREHASHED COMMENT GLOBAL, STOCK_MESSAGE,
     true},
    {"carriage returns", "untrusted comment: x\r\n" PREHASHED COMMENT GLOBAL, STOCK_MESSAGE, true},
    {"another message", FIRST PREHASHED COMMENT GLOBAL, "lockstep-manifest: 1\nmodule: pax\n",
     false},
    {"message cut", FIRST PREHASHED COMMENT GLOBAL, "", false},
    {"another trusted comment", FIRST PREHASHED "trusted comment: module:pay counter:42\n" GLOBAL,
     STOCK_MESSAGE, false},
    {"empty trusted comment", FIRST PREHASHED "trusted comment: \n" GLOBAL, STOCK_MESSAGE, false},
    {"another key's number",
     FIRST "RUQANkox/ee/VwAqeYGmZcGvlFqSaX3KTMmuPnUFoSx8A4Q4qRiSrQ89VyCumExQlIrpiXruzUiEAfB078ZZ"
           "ASAdgqUClnotigg=\n" COMMENT GLOBAL,
     STOCK_MESSAGE, false},
    {"signature changed",
     FIRST "RUQMNkox/ee/VwAreYGmZcGvlFqSaX3KTMmuPnUFoSx8A4Q4qRiSrQ89VyCumExQlIrpiXruzUiEAfB078ZZ"
           "ASAdgqUClnotigg=\n" COMMENT GLOBAL,
     STOCK_MESSAGE, false},
};

static void check_verify(void **state)
{
    const struct verify_row *row = *state;
    assert_int_equal(verifies(row->signature, row->message), row->good);
}

struct parse_row {
    const char *name;
    const char *text;
    const char *message;
};

#define HUNDRED                                         \
    "0123456789012345678901234567890123456789012345678" \
    "9012345678901234567890123456789012345678901234567890"

static const struct parse_row parse_rows[] = {
    {"empty", "", "cut: 0 of 4"},
    {"one line", FIRST, "cut: 1 of 4"},
    {"no trusted comment", FIRST PREHASHED, "cut: 2 of 4"},
    {"no global signature", FIRST PREHASHED COMMENT, "cut: 3 of 4"},
    {"more behind", FIRST PREHASHED COMMENT GLOBAL "x\n", "stands behind"},
    {"no untrusted comment", "comment\n" PREHASHED COMMENT GLOBAL, "not a minisign signature"},
    {"not prehashed", FIRST OLD_KIND COMMENT GLOBAL, "not prehashed"},
    {"unknown kind",
     FIRST "WFgMNkox/ee/VwAqeYGmZcGvlFqSaX3KTMmuPnUFoSx8A4Q4qRiSrQ89VyCumExQlIrpiXruzUiEAfB078ZZ"
           "ASAdgqUClnotigg=\n" COMMENT GLOBAL,
     "unknown kind"},
    {"signature is no base64", FIRST "R*QM\n" COMMENT GLOBAL, "base64 of 74"},
    {"signature cut", FIRST "RUQMNkox\n" COMMENT GLOBAL, "base64 of 74"},
    {"comment line of another kind", FIRST PREHASHED "comment: x\n" GLOBAL, "no trusted comment"},
    {"comment with a delete", FIRST PREHASHED "trusted comment: \177\n" GLOBAL, "do not print"},
    {"comment with an escape", FIRST PREHASHED "trusted comment: \033[2J\n" GLOBAL, "do not print"},
    {"comment too long", FIRST PREHASHED "trusted comment: " HUNDRED HUNDRED HUNDRED "\n" GLOBAL,
     "too long"},
    {"global signature cut", FIRST PREHASHED COMMENT "wHjG\n", "base64 of 64"},
};

static void check_parse(void **state)
{
    const struct parse_row *row = *state;
    struct lockstep_minisign_signature signature;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_minisign_parse(row->text, strlen(row->text), &signature, &err),
                     LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, row->message));
}

struct public_row {
    const char *name;
    const char *text;
    bool good;
};

static const struct public_row public_rows[] = {
    {"one line", STOCK_PUBLIC, true},
    {"a .pub file", "untrusted comment: minisign public key " STOCK_ID "\n" STOCK_PUBLIC "\n",
     true},
    {"empty", "", false},
    {"only a comment", "untrusted comment: x\n", false},
    {"cut", "RWQMNkox/ee/V2s+sPcBZXz", false},
    {"a byte beyond ASCII", "RWQMNkox/ee/V\262s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb", false},
    {"bits left over", "RWQMNkox/ee/V2s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBiz=", false},
    {"two keys", STOCK_PUBLIC "\n" STOCK_PUBLIC "\n", false},
    {"another algorithm", "RUQMNkox/ee/V2s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb", false},
};

static void check_public(void **state)
{
    const struct public_row *row = *state;
    struct lockstep_minisign_public key;
    char text[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    char id[LOCKSTEP_KEY_ID_TEXT];
    if (!row->good) {
        assert_int_equal(lockstep_minisign_public_parse(row->text, &key, NULL), LOCKSTEP_INVALID);
        return;
    }
    assert_int_equal(lockstep_minisign_public_parse(row->text, &key, NULL), LOCKSTEP_OK);
    lockstep_minisign_public_format(&key, text);
    assert_string_equal(text, STOCK_PUBLIC);
    lockstep_key_id_format(&key.id, id);
    assert_string_equal(id, STOCK_ID);
}

struct secret_row {
    const char *name;
    const char *text;
    enum lockstep_err code;
    const char *message;
};

static const struct secret_row secret_rows[] = {
    {"stock", STOCK_SECRET, LOCKSTEP_OK, NULL},
    {"empty", "", LOCKSTEP_INVALID, "not a secret key"},
    {"a public key", "untrusted comment: x\n" STOCK_PUBLIC "\n", LOCKSTEP_INVALID,
     "not a secret key"},
    {"with a passphrase",
     "untrusted comment: minisign encrypted secret key\n"
     "RWRTY0IyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADDZKMf3nv1e/"
     "MCANIY4PPs35mltEHeB2wS68ZGuzyxr9zRMqmDcObGs+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb"
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
     LOCKSTEP_REFUSED, "minisign -G -W"},
    {"wrong checksum",
     "untrusted comment: minisign encrypted secret key\n"
     "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADDZKMf3nv1e/"
     "MCANIY4PPs35mltEHeB2wS68ZGuzyxr9zRMqmDcObGs+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb"
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n",
     LOCKSTEP_INVALID, "checksum"},
    {"halves of two keys",
     "untrusted comment: minisign encrypted secret key\n"
     "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADDZKMf3nv1e/"
     "MCANIY4PPs35mltEHeB2wS68ZGuzyxr9zRMqmDcObGs+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizc"
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
     LOCKSTEP_INVALID, "do not belong together"},
};

static void check_secret(void **state)
{
    const struct secret_row *row = *state;
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[64];
    char id[LOCKSTEP_KEY_ID_TEXT];
    (void)snprintf(path, sizeof(path), "%s/secret", directory);
    write_text(path, row->text);
    assert_int_equal(lockstep_minisign_read(path, &key, &err), row->code);
    assert_int_equal(unlink(path), 0);
    if (row->message != NULL) {
        assert_null(key);
        assert_non_null(strstr(err.message, row->message));
        return;
    }
    lockstep_key_id_format(&key->open.id, id);
    assert_string_equal(id, STOCK_ID);
}

static void sign_and_verify(void **state)
{
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *again = NULL;
    struct lockstep_minisign_signature signature;
    char text[LOCKSTEP_SIGNATURE_MAX];
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/own", directory);
    assert_int_equal(lockstep_minisign_new(&key, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_minisign_write(key, path, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_minisign_write(key, path, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_minisign_read(path, &again, NULL), LOCKSTEP_OK);
    assert_memory_equal(key, again, sizeof(*key));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(lockstep_minisign_read(path, &again, NULL), LOCKSTEP_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lockstep_minisign_sign(key, "text", 4, "two\nlines", text, NULL),
                     LOCKSTEP_INVALID);
    assert_int_equal(lockstep_minisign_sign(key, "text", 4, "module:a counter:1", text, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_minisign_parse(text, strlen(text), &signature, NULL), LOCKSTEP_OK);
    assert_string_equal(signature.comment, "module:a counter:1");
    assert_true(lockstep_minisign_verify(&signature, &key->open, "text", 4));
    assert_false(lockstep_minisign_verify(&signature, &key->open, "texT", 4));
    signature.comment[0] = 'M';
    assert_false(lockstep_minisign_verify(&signature, &key->open, "text", 4));
}

/* Runs stock minisign in the test's directory; its exit status, or 127 if there is none. */
static int run_minisign(char *const arguments[])
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
            chdir(directory) != 0) {
            _exit(126);
        }
        (void)execvp("minisign", arguments);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...) run_minisign((char *[]){__VA_ARGS__, NULL})

static char minisign[] = "minisign";
static char do_version[] = "-v";
static char do_verify[] = "-V";
static char do_sign[] = "-S";
static char prehash[] = "-H";
static char with_public[] = "-P";
static char with_secret[] = "-s";
static char message_is[] = "-m";
static char comment_is[] = "-t";
static char message_file[] = "message";
static char key_file[] = "key";
static char comment_text[] = "module:pay counter:41";

/* Stock minisign verifies what we sign, signs with the key file that we write, and we verify that.
 */
static void stock_minisign(void **state)
{
    LOCKSTEP_CLEANUP(lockstep_minisign_cleanup) struct lockstep_minisign_key *key = NULL;
    struct lockstep_minisign_signature signature;
    char public_text[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    char text[LOCKSTEP_SIGNATURE_MAX];
    char path[64];
    FILE *file;
    size_t length;
    (void)state;
    if (RUN(minisign, do_version) == 127) {
        skip();
    }
    assert_int_equal(lockstep_minisign_new(&key, NULL), LOCKSTEP_OK);
    lockstep_minisign_public_format(&key->open, public_text);
    (void)snprintf(path, sizeof(path), "%s/key", directory);
    assert_int_equal(lockstep_minisign_write(key, path, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_minisign_sign(key, STOCK_MESSAGE, strlen(STOCK_MESSAGE), comment_text, text, NULL),
        LOCKSTEP_OK);
    (void)snprintf(path, sizeof(path), "%s/message", directory);
    write_text(path, STOCK_MESSAGE);
    (void)snprintf(path, sizeof(path), "%s/message.minisig", directory);
    write_text(path, text);
    assert_int_equal(
        RUN(minisign, do_verify, prehash, with_public, public_text, message_is, message_file), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(RUN(minisign, do_sign, prehash, with_secret, key_file, comment_is,
                         comment_text, message_is, message_file),
                     0);
    file = fopen(path, "re");
    assert_non_null(file);
    length = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(lockstep_minisign_parse(text, length, &signature, NULL), LOCKSTEP_OK);
    assert_string_equal(signature.comment, comment_text);
    assert_true(
        lockstep_minisign_verify(&signature, &key->open, STOCK_MESSAGE, strlen(STOCK_MESSAGE)));
}

static int clean_up(void **state)
{
    static const char *const names[] = {"key", "message", "message.minisig"};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign_and_verify),
        cmocka_unit_test_teardown(stock_minisign, clean_up),
    };
    int failed;
    if (mkdtemp(directory) == NULL) {
        return 1;
    }
    failed = LOCKSTEP_RUN_TABLE("signatures", verify_rows, check_verify) +
             LOCKSTEP_RUN_TABLE("malformed signatures", parse_rows, check_parse) +
             LOCKSTEP_RUN_TABLE("public keys", public_rows, check_public) +
             LOCKSTEP_RUN_TABLE("secret keys", secret_rows, check_secret) +
             cmocka_run_group_tests_name("signing", tests, NULL, NULL);
    return failed + (rmdir(directory) == 0 ? 0 : 1);
}
