#include "coordinator/backup.h"

#include "common/base/cleanup.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "common/io/journal_copy.h"
#include "coordinator/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define BLOCK     512                           /* of a tar archive */
#define LONGEST   (((uint64_t)1 << 33) - BLOCK) /* what its header can say: 8 GiB */
#define PIECE     (128 * BLOCK)

/* An archive that is being written. */
struct archive {
    int fd;
    const char *path;
    uid_t owner; /* of what is unpacked by root: whoever owns the journal */
    gid_t group;
    time_t changed;  /* the journal, last */
    unsigned papers; /* manifests and signatures */
};

/* ---- ustar (POSIX.1-1988) -------------------------------------------------------------------- */

struct header {
    char name[100];
    char mode[8];
    char owner[8];
    char group[8];
    char size[12];
    char time[12];
    char sum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char rest[247];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static void set_octal(char *field, size_t size, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
    memcpy(field, text, size);
}

static void fill_header(const struct archive *archive, const char *name, const struct stat *info,
                        struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;
    bool directory = S_ISDIR(info->st_mode);
    memset(header, 0, sizeof(*header));
    (void)snprintf(header->name, sizeof(header->name), "%s", name);
    set_octal(header->mode, sizeof(header->mode), directory ? 0700 : 0600);
    set_octal(header->owner, sizeof(header->owner), archive->owner & 07777777);
    set_octal(header->group, sizeof(header->group), archive->group & 07777777);
    set_octal(header->size, sizeof(header->size), directory ? 0 : (uint64_t)info->st_size);
    set_octal(header->time, sizeof(header->time), (uint64_t)info->st_mtime);
    header->type = directory ? '5' : '0';
    memcpy(header->magic, "ustar", sizeof(header->magic));
    memcpy(header->version, "00", sizeof(header->version));
    memset(header->sum, ' ', sizeof(header->sum));
    for (size_t i = 0; i < sizeof(*header); i++) {
        sum += bytes[i];
    }
    set_octal(header->sum, sizeof(header->sum) - 1, sum);
}

/* A file that grows is cut at the size that its header says, one that shrinks is an error. */
static enum lockstep_err copy_bytes(const struct archive *archive, int fd, uint64_t size,
                                    const char *path, struct lockstep_error *err)
{
    static const char zeros[BLOCK];
    static char piece[PIECE];
    uint64_t left = size;
    while (left > 0) {
        ssize_t got = read(fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece));
        if (got <= 0) {
            return got < 0 ? LOCKSTEP_FAIL_ERRNO(err, "read %s", path)
                           : LOCKSTEP_FAIL(err, IO, "%s became shorter", path);
        }
        LOCKSTEP_TRY(lockstep_file_write_all(archive->fd, piece, (size_t)got, archive->path, err));
        left -= (uint64_t)got;
    }
    return lockstep_file_write_all(archive->fd, zeros, (BLOCK - size % BLOCK) % BLOCK,
                                   archive->path, err);
}

/* *RET_FOUND is false if there is no such file (any more). */
static enum lockstep_err add_file(const struct archive *archive, const char *path, const char *name,
                                  bool *ret_found, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct header header;
    struct stat info;
    *ret_found = fd >= 0;
    if (fd < 0) {
        return errno == ENOENT ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "open %s", path);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return LOCKSTEP_FAIL(err, IO, "%s is no file", path);
    }
    if ((uint64_t)info.st_size > LONGEST) {
        return LOCKSTEP_FAIL(err, LIMIT, "%s is longer than a backup can hold", path);
    }
    fill_header(archive, name, &info, &header);
    LOCKSTEP_TRY(lockstep_file_write_all(archive->fd, &header, sizeof(header), archive->path, err));
    return copy_bytes(archive, fd, (uint64_t)info.st_size, path, err);
}

static enum lockstep_err end_archive(const struct archive *archive, struct lockstep_error *err)
{
    static const char zeros[2 * BLOCK];
    LOCKSTEP_TRY(lockstep_file_write_all(archive->fd, zeros, sizeof(zeros), archive->path, err));
    return fsync(archive->fd) == 0 ? LOCKSTEP_OK
                                   : LOCKSTEP_FAIL_ERRNO(err, "sync %s", archive->path);
}

/* ---- what belongs into it -------------------------------------------------------------------- */

static bool is_paper(const char *name)
{
    struct lockstep_digest digest;
    char text[LOCKSTEP_DIGEST_TEXT];
    const char *dot = strchr(name, '.');
    if (dot == NULL || dot - name != LOCKSTEP_DIGEST_TEXT - 1) {
        return false;
    }
    memcpy(text, name, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    return lockstep_digest_parse(text, &digest) &&
           (strcmp(dot, ".manifest") == 0 || strcmp(dot, ".minisig") == 0);
}

static enum lockstep_err add_papers(struct archive *archive, const char *data,
                                    struct lockstep_error *err)
{
    char folder[PATH_SIZE];
    struct dirent *entry;
    enum lockstep_err result = LOCKSTEP_OK;
    DIR *directory;
    (void)snprintf(folder, sizeof(folder), "%s/artifacts", data);
    directory = opendir(folder);
    if (directory == NULL) {
        return errno == ENOENT ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "open %s", folder);
    }
    while (result == LOCKSTEP_OK && (entry = readdir(directory)) != NULL) {
        char path[PATH_SIZE + 256];
        char name[96];
        bool found = false;
        if (!is_paper(entry->d_name)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)snprintf(name, sizeof(name), "artifacts/%.80s", entry->d_name);
        result = add_file(archive, path, name, &found, err);
        archive->papers += found ? 1 : 0;
    }
    (void)closedir(directory);
    return result;
}

static enum lockstep_err add_folder(const struct archive *archive, struct lockstep_error *err)
{
    const struct stat info = {.st_mode = S_IFDIR, .st_mtime = archive->changed};
    struct header header;
    fill_header(archive, "artifacts/", &info, &header);
    return lockstep_file_write_all(archive->fd, &header, sizeof(header), archive->path, err);
}

static enum lockstep_err fill_archive(struct archive *archive, const char *data,
                                      const char *journal, bool with_key,
                                      struct lockstep_error *err)
{
    char path[PATH_SIZE];
    struct stat info;
    bool found = false;
    (void)snprintf(path, sizeof(path), "%s/journal.db", data);
    if (stat(path, &info) == 0) {
        archive->owner = info.st_uid;
        archive->group = info.st_gid;
        archive->changed = info.st_mtime;
    }
    LOCKSTEP_TRY(add_file(archive, journal, "journal.db", &found, err));
    LOCKSTEP_TRY(add_folder(archive, err));
    LOCKSTEP_TRY(add_papers(archive, data, err));
    if (with_key) {
        (void)snprintf(path, sizeof(path), "%s/key", data);
        LOCKSTEP_TRY(add_file(archive, path, "key", &found, err));
        if (!found) {
            return LOCKSTEP_FAIL(err, INVALID, "there is no key %s", path);
        }
    }
    return end_archive(archive, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* What a copy knows: found out before anything is made of it. */
struct contents {
    int64_t epoch;
    int64_t decision;
    int64_t nodes;
    int64_t operations;
    int64_t audit;
    int64_t bundle;
};

static enum lockstep_err read_contents(const char *journal, struct contents *contents,
                                       struct lockstep_error *err)
{
    int64_t numbers[6] = {0};
    LOCKSTEP_TRY(lockstep_journal_copy_ask(
        journal,
        "SELECT epoch, sequence, (SELECT count(*) FROM node), (SELECT count(*) FROM operation), "
        "(SELECT max(sequence) FROM audit), (SELECT max(version) FROM bundle) FROM meta",
        numbers, LOCKSTEP_COUNT(numbers), err));
    *contents = (struct contents){numbers[0], numbers[1], numbers[2],
                                  numbers[3], numbers[4], numbers[5]};
    return LOCKSTEP_OK;
}

static void tell(const struct contents *contents, const struct archive *archive, const char *target,
                 bool with_key)
{
    printf("%s holds the journal (epoch %lld, decision %lld, %lld nodes, %lld operations, audit "
           "trail up to row %lld), trust bundle %lld, %u manifests and signatures, %s key; no "
           "artifacts' bytes, no configuration\n",
           target, (long long)contents->epoch, (long long)contents->decision,
           (long long)contents->nodes, (long long)contents->operations, (long long)contents->audit,
           (long long)contents->bundle, archive->papers, with_key ? "the coordinator's" : "no");
}

/* Gives the archive its name, unless that is taken meanwhile. */
static enum lockstep_err name_archive(const char *unfinished, const char *target,
                                      struct lockstep_error *err)
{
    char folder[PATH_SIZE];
    if (link(unfinished, target) != 0) {
        return errno == EEXIST ? LOCKSTEP_FAIL(err, CONFLICT,
                                               "%s is there already; choose another name", target)
                               : LOCKSTEP_FAIL_ERRNO(err, "name the backup %s", target);
    }
    (void)snprintf(folder, sizeof(folder), "%s", target);
    return lockstep_file_sync_directory(dirname(folder), err);
}

static enum lockstep_err write_archive(const char *data, const char *journal, const char *target,
                                       bool with_key, struct lockstep_error *err)
{
    char unfinished[PATH_SIZE];
    struct archive archive = {.path = unfinished};
    struct contents contents;
    enum lockstep_err result;
    LOCKSTEP_TRY(read_contents(journal, &contents, err));
    (void)snprintf(unfinished, sizeof(unfinished), "%s.XXXXXX", target);
    archive.fd = mkostemp(unfinished, O_CLOEXEC); /* 0600 */
    if (archive.fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "write beside %s", target);
    }
    result = fill_archive(&archive, data, journal, with_key, err);
    (void)close(archive.fd);
    if (result == LOCKSTEP_OK) {
        result = name_archive(unfinished, target, err);
    }
    (void)unlink(unfinished);
    if (result == LOCKSTEP_OK) {
        tell(&contents, &archive, target, with_key);
    }
    return result;
}

enum lockstep_err lockstep_coordinator_backup(const struct lockstep_config_coordinator *config,
                                              const char *target, bool with_key,
                                              struct lockstep_error *err)
{
    char journal[PATH_SIZE];
    enum lockstep_err result;
    int fd;
    if (strlen(target) > PATH_SIZE - 32) {
        return LOCKSTEP_FAIL(err, INVALID, "the backup's name is too long");
    }
    if (access(target, F_OK) == 0) {
        return LOCKSTEP_FAIL(err, CONFLICT, "%s is there already; choose another name", target);
    }
    (void)snprintf(journal, sizeof(journal), "%s.journal.XXXXXX", target);
    fd = mkostemp(journal, O_CLOEXEC);
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "write beside %s", target);
    }
    (void)close(fd);
    result = lockstep_journal_copy(config->data, journal, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_copy_change(journal, LOCKSTEP_STORE_MARK_RESTORED, err);
    }
    if (result == LOCKSTEP_OK) {
        result = write_archive(config->data, journal, target, with_key, err);
    }
    (void)unlink(journal);
    return result;
}
