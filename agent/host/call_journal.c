#include "agent/host/call_journal.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC  "lockjrn1"
#define HEADER 24
#define RECORD 40 /* before tool and request */
#define SUMMED 8  /* where what the CRC covers begins */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they are");

/* ---- CRC-32C -------------------------------------------------------------------------------- */

static uint32_t crc_by_nibble(uint32_t crc, const uint8_t *bytes, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (uint32_t)(bytes[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_by_machine(uint32_t crc, const uint8_t *bytes,
                                                                 size_t size)
{
    uint64_t wide = crc;
    for (; size >= sizeof(wide); size -= sizeof(wide), bytes += sizeof(wide)) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; size > 0; size--, bytes++) {
        crc = __builtin_ia32_crc32qi(crc, *bytes);
    }
    return crc;
}
#endif

static uint32_t sum(const uint8_t *bytes, size_t size)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_by_machine(UINT32_MAX, bytes, size);
    }
#endif
    return ~crc_by_nibble(UINT32_MAX, bytes, size);
}

/* ---- writing -------------------------------------------------------------------------------- */

enum lockstep_err lockstep_call_journal_new(struct lockstep_call_journal *journal, size_t size,
                                            uint64_t first, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = memfd_create("lockstep-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *bytes;
    if (size < LOCKSTEP_CALL_JOURNAL_MIN || size > LOCKSTEP_CALL_JOURNAL_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "a journal has %d to %d bytes", LOCKSTEP_CALL_JOURNAL_MIN,
                             LOCKSTEP_CALL_JOURNAL_MAX);
    }
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a journal");
    }
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return LOCKSTEP_FAIL_ERRNO(err, "making a journal");
    }
    *journal = (struct lockstep_call_journal){fd, bytes, size, HEADER, first, 0};
    fd = -1;
    memcpy(journal->bytes, MAGIC, 8);
    memcpy(journal->bytes + 8, &first, sizeof(first));
    return LOCKSTEP_OK;
}

void lockstep_call_journal_deinit(struct lockstep_call_journal *journal)
{
    if (journal->bytes != NULL) {
        (void)munmap(journal->bytes, journal->size);
        (void)close(journal->fd);
    }
    *journal = (struct lockstep_call_journal){.fd = -1};
}

/* The size stands before anything else does, and the CRC only behind all of it; the kernel keeps
 * what was stored when the process dies, in the order of the stores. */
static bool append(struct lockstep_call_journal *journal,
                   const struct lockstep_call_journal_record *record)
{
    const uint32_t tool_size = (uint32_t)strlen(record->tool);
    const uint32_t request_size = (uint32_t)record->request_size;
    const size_t whole = (RECORD + (size_t)tool_size + record->request_size + 7) & ~(size_t)7;
    uint8_t *at = journal->bytes + journal->used;
    if (journal->missed > 0 || record->request_size > journal->size ||
        whole > journal->size - journal->used) {
        journal->missed++;
        memcpy(journal->bytes + 16, &journal->missed, sizeof(journal->missed));
        return false;
    }
    __atomic_store_n((uint32_t *)(void *)at, (uint32_t)whole, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(at + 8, &journal->next, 8);
    memcpy(at + 16, &record->generation, 8);
    memcpy(at + 24, &record->result, 4);
    memcpy(at + 28, &tool_size, 4);
    memcpy(at + 32, &request_size, 4);
    memcpy(at + RECORD, record->tool, tool_size);
    if (request_size > 0) {
        memcpy(at + RECORD + tool_size, record->request, request_size);
    }
    __atomic_store_n((uint32_t *)(void *)(at + 4), sum(at + SUMMED, whole - SUMMED),
                     __ATOMIC_RELEASE);
    journal->used += whole;
    journal->next++;
    return true;
}

bool lockstep_call_journal_append(struct lockstep_call_journal *journal, uint64_t generation,
                                  const char *tool, const struct lockstep_call *call, int result)
{
    struct lockstep_call_journal_record record = {.generation = generation,
                                                  .result = (uint32_t)result,
                                                  .request = call->request,
                                                  .request_size = call->request_size};
    size_t length = strnlen(tool, sizeof(record.tool) - 1);
    memcpy(record.tool, tool, length);
    return append(journal, &record);
}

bool lockstep_call_journal_copy(struct lockstep_call_journal *journal,
                                const struct lockstep_call_journal_record *record)
{
    return append(journal, record);
}

/* ---- reading -------------------------------------------------------------------------------- */

enum lockstep_err lockstep_call_journal_load(int fd, uint8_t **ret_bytes, size_t *ret_size,
                                             struct lockstep_error *err)
{
    LOCKSTEP_FREE uint8_t *bytes = NULL;
    struct stat status;
    size_t size = 0;
    if (fstat(fd, &status) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "reading a journal");
    }
    if (status.st_size < HEADER || status.st_size > LOCKSTEP_CALL_JOURNAL_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "a journal of %lld bytes is none",
                             (long long)status.st_size);
    }
    bytes = malloc((size_t)status.st_size);
    if (bytes == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a journal");
    }
    while (size < (size_t)status.st_size) {
        ssize_t got = pread(fd, bytes + size, (size_t)status.st_size - size, (off_t)size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return LOCKSTEP_FAIL(err, IO, "a journal cannot be read to its end");
        }
        size += (size_t)got;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    bytes = NULL;
    return LOCKSTEP_OK;
}

bool lockstep_call_journal_begin(struct lockstep_call_journal_reader *reader, const uint8_t *bytes,
                                 size_t size)
{
    *reader = (struct lockstep_call_journal_reader){.bytes = bytes, .size = size, .at = HEADER};
    if (size < HEADER || memcmp(bytes, MAGIC, 8) != 0) {
        reader->at = size;
        return false;
    }
    memcpy(&reader->next, bytes + 8, sizeof(reader->next));
    memcpy(&reader->missed, bytes + 16, sizeof(reader->missed));
    return true;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* The record at AT, SIZE bytes long, if it is as it was written. */
static bool parse(const uint8_t *at, size_t size, uint64_t sequence,
                  struct lockstep_call_journal_record *ret_record)
{
    uint32_t tool_size = read_u32(at + 28);
    uint32_t request_size = read_u32(at + 32);
    uint64_t inside = (uint64_t)RECORD + tool_size + request_size;
    memcpy(&ret_record->sequence, at + 8, 8);
    memcpy(&ret_record->generation, at + 16, 8);
    ret_record->result = read_u32(at + 24);
    if (tool_size >= sizeof(ret_record->tool) || inside > size || size - inside > 7 ||
        read_u32(at + 36) != 0 || ret_record->sequence != sequence ||
        memchr(at + RECORD, '\0', tool_size) != NULL ||
        read_u32(at + 4) != sum(at + SUMMED, size - SUMMED)) {
        return false;
    }
    memcpy(ret_record->tool, at + RECORD, tool_size);
    ret_record->tool[tool_size] = '\0';
    ret_record->request = at + RECORD + tool_size;
    ret_record->request_size = request_size;
    return true;
}

bool lockstep_call_journal_next(struct lockstep_call_journal_reader *reader,
                                struct lockstep_call_journal_record *ret_record)
{
    size_t left = reader->size - reader->at;
    uint32_t size = left < 4 ? 0 : read_u32(reader->bytes + reader->at);
    if (reader->torn || size == 0) {
        return false;
    }
    if (size < RECORD || size % 8 != 0 || size > left ||
        !parse(reader->bytes + reader->at, size, reader->next, ret_record)) {
        reader->torn = true;
        return false;
    }
    reader->at += size;
    reader->next++;
    reader->count++;
    return true;
}
