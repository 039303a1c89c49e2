/* Any bytes as a public line and as a secret file: what is taken is written again as the same line,
 * and signs what its public half verifies. */
#include "common/io/keys.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void try_public(const uint8_t *data, size_t size)
{
    char text[512];
    char again[LOCKSTEP_KEY_PUBLIC_TEXT];
    struct lockstep_key_public key;
    if (size >= sizeof(text)) {
        return;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (lockstep_key_public_parse(text, &key, NULL) == LOCKSTEP_OK) {
        lockstep_key_public_format(&key, again);
        MUST(strstr(text, again) != NULL);
    }
}

static void try_secret(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_signed what = {"fuzz", data, size, signature};
    struct lockstep_key *key = NULL;
    if (fd < 0) {
        fd = memfd_create("key", MFD_CLOEXEC);
        MUST(fd >= 0 && fchmod(fd, 0600) == 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    if (lockstep_key_read(path, &key, NULL) == LOCKSTEP_OK) {
        lockstep_key_sign(key, "fuzz", data, size, signature);
        MUST(lockstep_key_verify(key->open.signing, &what));
    }
    (void)lockstep_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_public(data, size);
    try_secret(data, size);
    return 0;
}
