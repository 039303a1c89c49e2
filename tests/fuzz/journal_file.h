/* A data directory that somebody else has written to. An input is one of three things:
 *
 *   "SQLite format 3…"  the whole journal, as it is
 *   "SQL:…"             statements that are run on a good journal before it is opened
 *   anything else       changes to a good journal: two bytes for the place (in sixteens), one for
 *                       how many bytes, and those; length 255 cuts the file off there
 */
#ifndef LOCKSTEP_TESTS_FUZZ_JOURNAL_FILE_H
#define LOCKSTEP_TESTS_FUZZ_JOURNAL_FILE_H

#include "tests/fuzz/rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define JOURNAL_FILE_MAX  (4 * 1024 * 1024)
#define JOURNAL_FILE_CUT  255
#define JOURNAL_FILE_PATH (ROWS_DIRECTORY + 32)

struct journal_file {
    char directory[ROWS_DIRECTORY];
    uint8_t *good; /* bytes of a journal that is well */
    size_t size;
};

static inline void journal_file_path(const struct journal_file *file, char path[JOURNAL_FILE_PATH])
{
    (void)snprintf(path, JOURNAL_FILE_PATH, "%s/journal.db", file->directory);
}

static inline void journal_file_empty(const struct journal_file *file)
{
    DIR *list = opendir(file->directory);
    const struct dirent *entry;
    MUST(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    }
    (void)closedir(list);
}

/* Keeps what a store has left in the directory, closed, as the good one. */
static inline void journal_file_keep(struct journal_file *file)
{
    char path[JOURNAL_FILE_PATH];
    FILE *stream;
    journal_file_path(file, path);
    stream = fopen(path, "re");
    file->good = malloc(JOURNAL_FILE_MAX);
    MUST(stream != NULL && file->good != NULL);
    file->size = fread(file->good, 1, JOURNAL_FILE_MAX, stream);
    MUST(file->size > 4096 && file->size < JOURNAL_FILE_MAX);
    (void)fclose(stream);
}

static inline void journal_file_end(struct journal_file *file)
{
    journal_file_empty(file);
    (void)rmdir(file->directory);
    free(file->good);
    file->good = NULL;
}

static inline void journal_file_write(const struct journal_file *file, const uint8_t *bytes,
                                      size_t size)
{
    char path[JOURNAL_FILE_PATH];
    FILE *stream;
    journal_file_path(file, path);
    stream = fopen(path, "we");
    MUST(stream != NULL && fwrite(bytes, 1, size, stream) == size && fclose(stream) == 0);
}

static inline void journal_file_change(const struct journal_file *file, const uint8_t *data,
                                       size_t size)
{
    static uint8_t bytes[JOURNAL_FILE_MAX];
    size_t total = file->size;
    memcpy(bytes, file->good, total);
    while (size >= 3 && total > 0) {
        size_t place = (size_t)(data[0] | data[1] << 8) * 16 % total;
        size_t length = data[2] < size - 3 ? data[2] : size - 3;
        if (data[2] == JOURNAL_FILE_CUT) {
            total = place;
            length = 0;
        }
        length = length < total - place ? length : total - place;
        memcpy(bytes + place, data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
    journal_file_write(file, bytes, total);
}

static inline int journal_file_tired(void *turns)
{
    return --*(int *)turns < 0;
}

/* Statements reach this one file and end after a while. */
static inline void journal_file_run(const struct journal_file *file, const uint8_t *data,
                                    size_t size)
{
    char path[JOURNAL_FILE_PATH];
    sqlite3 *db = NULL;
    int turns = 200;
    char *sql = strndup((const char *)data, size);
    journal_file_write(file, file->good, file->size);
    journal_file_path(file, path);
    MUST(sql != NULL && sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 64 * 1024);
    sqlite3_progress_handler(db, 1000, journal_file_tired, &turns);
    (void)sqlite3_exec(db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
    (void)sqlite3_close(db);
    free(sql);
}

/* Puts the input's journal into the directory, and nothing else. */
static inline void journal_file_put(const struct journal_file *file, const uint8_t *data,
                                    size_t size)
{
    journal_file_empty(file);
    if (size >= 15 && memcmp(data, "SQLite format 3", 15) == 0) {
        journal_file_write(file, data, size);
    } else if (size >= 4 && memcmp(data, "SQL:", 4) == 0) {
        journal_file_run(file, data + 4, size - 4);
    } else {
        journal_file_change(file, data, size);
    }
}

#endif
