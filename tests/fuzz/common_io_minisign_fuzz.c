/* No input is a signature by a key that never signed anything; public keys survive the way back. */
#include "common/io/minisign.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Its secret half was never kept. */
#define NOBODY "RWQMNkox/ee/V2s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb"

static void try_public(const uint8_t *data, size_t size)
{
    char text[512];
    char again[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    struct lockstep_minisign_public key;
    if (size >= sizeof(text)) {
        return;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (lockstep_minisign_public_parse(text, &key, NULL) == LOCKSTEP_OK) {
        lockstep_minisign_public_format(&key, again);
        MUST(strstr(text, again) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_minisign_public key;
    struct lockstep_minisign_signature signature;
    try_public(data, size);
    MUST(lockstep_minisign_public_parse(NOBODY, &key, NULL) == LOCKSTEP_OK);
    if (lockstep_minisign_parse((const char *)data, size, &signature, NULL) == LOCKSTEP_OK) {
        MUST(strlen(signature.comment) <= LOCKSTEP_MINISIGN_COMMENT_MAX);
        MUST(!lockstep_minisign_verify(&signature, &key, "nobody signed this", 18));
    }
    return 0;
}
