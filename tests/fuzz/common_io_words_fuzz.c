/* Small grammars that people and configurations write: durations, counts, shares, sizes, selectors,
 * addresses of a page. What has a way back comes back the same. The text goes to the first NUL;
 * what is behind a line break is labels to a selector. */
#include "common/io/http_url.h"
#include "common/io/selector.h"
#include "common/io/value.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void try_values(const char *text)
{
    char back[LOCKSTEP_VALUE_TEXT];
    struct lockstep_share share;
    uint64_t number = 0;
    uint64_t again = 0;
    if (lockstep_duration_parse(text, &number)) {
        lockstep_duration_format(number, back);
        MUST(lockstep_duration_parse(back, &again) && again == number);
    }
    if (lockstep_size_parse(text, &number)) {
        lockstep_size_format(number, back);
        MUST(lockstep_size_parse(back, &again) && again == number);
    }
    if (lockstep_share_parse(text, &share)) {
        MUST(!share.percent || share.number <= 100);
    }
    (void)lockstep_count_parse(text, &number);
}

static void try_url(const char *text)
{
    struct lockstep_http_url url;
    if (lockstep_http_url_parse(text, &url)) {
        MUST(url.path[0] == '/' && memchr(url.path, '\0', sizeof(url.path)) != NULL);
        MUST(memchr(url.host, '\0', sizeof(url.host)) != NULL && url.host[0] != '\0');
        MUST(url.six || url.address >> 24 == 127);
        MUST(strpbrk(url.path, "\r\n ") == NULL && strpbrk(url.host, "\r\n ") == NULL);
    }
}

static void try_selector(char *text)
{
    char *labels = strchr(text, '\n');
    bool good;
    if (labels != NULL) {
        *labels++ = '\0';
    }
    good = lockstep_selector_check(text, NULL) == LOCKSTEP_OK;
    if (lockstep_selector_matches(text, labels == NULL ? "env=prod,zone=a" : labels)) {
        MUST(good || text[0] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    int status = lockstep_http_status((const char *)data, size);
    MUST(text != NULL);
    MUST(status == -1 || status == 0 || (status >= 100 && status <= 599));
    memcpy(text, data, size);
    text[size] = '\0';
    try_values(text);
    try_url(text);
    try_selector(text);
    free(text);
    return 0;
}
