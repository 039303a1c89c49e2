/* The bytes of a module file, read once: what is hashed is what is checked. */
#include "agent/probe/static_internal.h"

#include <errno.h>
#include <md5.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check_size(const struct lockstep_probe_case *subject, const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) {
        FIND(subject, FILE_SIZE, "it is not a regular file");
        return false;
    }
    if (status->st_size <= 0) {
        FIND(subject, FILE_SIZE, "it is empty");
        return false;
    }
    if ((uint64_t)status->st_size > subject->policy->file_bytes) {
        FIND(subject, FILE_SIZE, "it has %lld bytes, more than the %llu that are allowed",
             (long long)status->st_size, (unsigned long long)subject->policy->file_bytes);
        return false;
    }
    return true;
}

/* True if exactly SIZE bytes could be read. */
static bool read_all(int fd, uint8_t *bytes, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t now = pread(fd, bytes + got, size - got, (off_t)got);
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            return false;
        }
        got += (size_t)now;
    }
    return true;
}

bool lockstep_probe_artifact_read(const struct lockstep_probe_case *subject, int fd,
                                  struct lockstep_probe_artifact *ret_artifact)
{
    struct stat status;
    ret_artifact->bytes = NULL;
    ret_artifact->size = 0;
    if (fstat(fd, &status) != 0) {
        FIND(subject, FILE_READABLE, "it cannot be read: %s", strerror(errno));
        return false;
    }
    if (!check_size(subject, &status)) {
        return false;
    }
    ret_artifact->size = (size_t)status.st_size;
    ret_artifact->bytes = malloc(ret_artifact->size);
    if (ret_artifact->bytes == NULL) {
        FIND(subject, MEMORY, "no memory for its %zu bytes", ret_artifact->size);
        return false;
    }
    if (!read_all(fd, ret_artifact->bytes, ret_artifact->size)) {
        FIND(subject, FILE_READABLE, "it cannot be read to its end, or it changes meanwhile");
        lockstep_probe_artifact_deinit(ret_artifact);
        return false;
    }
    return true;
}

void lockstep_probe_artifact_deinit(struct lockstep_probe_artifact *artifact)
{
    free(artifact->bytes);
    artifact->bytes = NULL;
    artifact->size = 0;
}

/* Digest, MD5 and size are facts of any file, a module's or not. */
static void sum(const struct lockstep_probe_case *subject, const uint8_t *bytes, size_t size)
{
    struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    MD5_CTX md5;
    MD5Init(&md5);
    MD5Update(&md5, bytes, size);
    MD5Final(facts->md5.bytes, &md5);
    (void)crypto_generichash(facts->digest.bytes, sizeof(facts->digest.bytes), bytes, size, NULL,
                             0);
    facts->size = size;
}

static void check_identity(const struct lockstep_probe_case *subject)
{
    const struct lockstep_probe_expectation *expect = subject->expect;
    const struct lockstep_probe_facts *facts = lockstep_probe_case_facts(subject);
    if (expect == NULL) {
        return;
    }
    if (expect->size != 0 && expect->size != facts->size) {
        FIND(subject, SIZE_EXPECTED, "it has %llu bytes, signed were %llu",
             (unsigned long long)facts->size, (unsigned long long)expect->size);
    }
    if (!lockstep_digest_is_zero(&expect->digest) &&
        !lockstep_digest_equal(&expect->digest, &facts->digest)) {
        FIND(subject, DIGEST_EXPECTED, "its digest is not the one that was signed");
    }
}

/* What says most comes first: the first finding is the reason. A sanitizer brings constructors, a
 * module without a descriptor exports something else. Image before all: where a program header
 * lies, nothing behind it can be believed. */
void lockstep_probe_static(const struct lockstep_probe_case *subject, const uint8_t *bytes,
                           size_t size)
{
    struct lockstep_elf_view view;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_probe_check check = LOCKSTEP_PROBE_CHECK_ELF_HEADER;
    sum(subject, bytes, size);
    check_identity(subject);
    if (lockstep_elf_view_init(&view, bytes, size, &check, &err) != LOCKSTEP_OK) {
        lockstep_probe_verdict_find(subject->verdict, subject->subject, check, "%s", err.message);
        return;
    }
    lockstep_probe_look_for_debug(subject, bytes, size);
    lockstep_probe_check_image(subject, &view);
    lockstep_probe_check_notes(subject, &view);
    lockstep_probe_check_imports(subject, &view);
    lockstep_probe_check_descriptor(subject, &view);
    lockstep_probe_check_symbols(subject, &view);
}
