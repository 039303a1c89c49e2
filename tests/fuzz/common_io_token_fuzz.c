/* Whatever is taken for a token stands in the input as its one canonical line. */
#include "common/io/token.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_token token;
    char text[LOCKSTEP_TOKEN_TEXT];
    if (lockstep_token_parse((const char *)data, size, &token, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    lockstep_token_format(&token, text);
    MUST(memmem(data, size, text, strlen(text)) != NULL);
    lockstep_token_deinit(&token);
    return 0;
}
