#include "common/io/http_url.h"

#include "tests/support/cmocka.h"

#include <string.h>

struct url_row {
    const char *name; /* the text */
    const char *path; /* NULL: it is none */
    const char *host;
    uint32_t address; /* 0: [::1] */
    uint16_t port;
};

#define LOOPBACK 0x7F000001U

static const struct url_row urls[] = {
    {"http://127.0.0.1:8080/health?x=1", "/health?x=1", "127.0.0.1:8080", LOOPBACK, 8080},
    {"http://127.0.0.1", "/", "127.0.0.1", LOOPBACK, 80},
    {"http://127.1.2.3/", "/", "127.1.2.3", 0x7F010203U, 80},
    {"http://localhost:1/a", "/a", "localhost:1", LOOPBACK, 1},
    {"http://[::1]:65535/a:b", "/a:b", "[::1]:65535", 0, 65535},
    {"http://[::1]", "/", "[::1]", 0, 80},
    {"https://127.0.0.1/", NULL, NULL, 0, 0},
    {"http://10.0.0.1/", NULL, NULL, 0, 0},
    {"http://example.org/", NULL, NULL, 0, 0},
    {"http://127.0.0.1.example.org/", NULL, NULL, 0, 0},
    {"http://127.0.0.1@10.0.0.1/", NULL, NULL, 0, 0},
    {"http://127.0.0.1:0/", NULL, NULL, 0, 0},
    {"http://127.0.0.1:65536/", NULL, NULL, 0, 0},
    {"http://127.0.0.1:/", NULL, NULL, 0, 0},
    {"http://[::1]x/", NULL, NULL, 0, 0},
    {"http://[::2]/", NULL, NULL, 0, 0},
    {"http:///health", NULL, NULL, 0, 0},
    {"http://127.0.0.1/a b", NULL, NULL, 0, 0},
    {"http://127.0.0.1/a\r\nX: y", NULL, NULL, 0, 0},
    {"http://127.0.0.1/#a", NULL, NULL, 0, 0},
    {"127.0.0.1/", NULL, NULL, 0, 0},
    {"", NULL, NULL, 0, 0},
};

static void check_url(void **state)
{
    const struct url_row *row = *state;
    struct lockstep_http_url url = {0};
    assert_int_equal(lockstep_http_url_parse(row->name, &url), row->path != NULL);
    if (row->path != NULL) {
        assert_string_equal(url.path, row->path);
        assert_string_equal(url.host, row->host);
        assert_int_equal(url.six, row->address == 0);
        assert_int_equal(url.address, row->address);
        assert_int_equal(url.port, row->port);
    }
}

struct status_row {
    const char *name; /* the bytes */
    int status;
};

static const struct status_row statuses[] = {
    {"HTTP/1.1 200 OK\r\n", 200}, {"HTTP/1.0 503\r\n", 503},
    {"HTTP/1.1 204 ", 204},       {"HTTP/1.1 20", 0},
    {"HTTP/1.1 200", 0},          {"", 0},
    {"HTTP/2 200 OK\r\n", -1},    {"HTTP/1.1 999 X\r\n", -1},
    {"HTTP/1.1 2000\r\n", -1},    {"SSH-2.0-x", -1},
    {"HTTP/1.1  200", -1},
};

static void check_status(void **state)
{
    const struct status_row *row = *state;
    assert_int_equal(lockstep_http_status(row->name, strlen(row->name)), row->status);
}

static void check_long(void **state)
{
    char text[LOCKSTEP_HTTP_PATH_MAX + 64] = "http://127.0.0.1/";
    size_t head = strlen(text);
    struct lockstep_http_url url;
    (void)state;
    memset(text + head, 'a', LOCKSTEP_HTTP_PATH_MAX - 1);
    assert_true(lockstep_http_url_parse(text, &url));
    text[head + LOCKSTEP_HTTP_PATH_MAX - 1] = 'a';
    assert_false(lockstep_http_url_parse(text, &url));
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "http://", 7);
    assert_false(lockstep_http_url_parse(text, &url));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(check_long)};
    int failed = LOCKSTEP_RUN_TABLE("http url", urls, check_url);
    failed += LOCKSTEP_RUN_TABLE("http status", statuses, check_status);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
