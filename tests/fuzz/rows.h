/* Rows of a journal that somebody has meddled with: an input is a list of cells, each one byte for
 * the column, one for the kind of value, one for its length, and the value. */
#ifndef LOCKSTEP_TESTS_FUZZ_ROWS_H
#define LOCKSTEP_TESTS_FUZZ_ROWS_H

#include "common/io/journal.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The value at DATA as something to bind; how many bytes it took. */
static inline size_t rows_take(const uint8_t *data, size_t size, struct lockstep_bind *ret_bind)
{
    static char text[256];
    static int64_t number;
    size_t length = data[1] < size - 2 ? data[1] : size - 2;
    memcpy(text, data + 2, length);
    text[length] = '\0';
    number = length == 0 ? 0 : (int8_t)data[2]; /* small ones are the likely ones */
    if (length >= sizeof(number)) {
        memcpy(&number, data + 2, sizeof(number));
    }
    switch (data[0] % 3) {
    case 0:
        *ret_bind = LOCKSTEP_INTEGER(number);
        break;
    case 1:
        *ret_bind = LOCKSTEP_TEXT(text);
        break;
    default:
        *ret_bind = LOCKSTEP_BLOB(text, length);
        break;
    }
    return 2 + length;
}

/* Writes the cells. What the schema does not let in stays as it was. */
static inline void rows_meddle(struct lockstep_journal *journal, const char *const *statements,
                               size_t count, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        struct lockstep_bind bind;
        const char *sql = statements[data[0] % count];
        size_t used = 1 + rows_take(data + 1, size - 1, &bind);
        (void)lockstep_journal_run(journal, sql, &bind, 1, NULL, NULL);
        data += used;
        size -= used;
    }
}

#define ROWS_DIRECTORY 128

/* A directory of this process alone: where LOCKSTEP_FUZZ_FOLDER says, or in memory if the system
 * has such a place, for every change syncs. */
static inline void rows_make(char ret_directory[ROWS_DIRECTORY])
{
    const char *const places[] = {getenv("LOCKSTEP_FUZZ_FOLDER"), "/dev/shm", "/tmp"};
    for (size_t i = 0; i < LOCKSTEP_COUNT(places); i++) {
        if (places[i] != NULL) {
            (void)snprintf(ret_directory, ROWS_DIRECTORY, "%s/lockstep-fuzz-XXXXXX", places[i]);
            if (mkdtemp(ret_directory) != NULL) {
                return;
            }
        }
    }
    MUST(ret_directory == NULL); /* none of them can be written to */
}

/* What a store leaves in DIRECTORY, and the folder itself. */
static inline void rows_remove(const char *directory)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[ROWS_DIRECTORY + 32];
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

#endif
