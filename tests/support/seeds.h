/* Seeds of fuzz targets, for tests that look whether there is one of each kind. */
#ifndef LOCKSTEP_TESTS_SUPPORT_SEEDS_H
#define LOCKSTEP_TESTS_SUPPORT_SEEDS_H

#include "tests/support/cmocka.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_FOLDER LOCKSTEP_SOURCE_DIR "/tests/fuzz/seeds/"
#define SEED_MAX     (256 * 1024)

typedef void seed_fn(const uint8_t *bytes, size_t size);

/* Calls EACH with what every seed of TARGET holds; how many there are. */
static inline size_t seeds_each(const char *target, seed_fn *each)
{
    static uint8_t bytes[SEED_MAX];
    char path[512];
    size_t count = 0;
    const struct dirent *entry;
    DIR *folder;
    (void)snprintf(path, sizeof(path), SEEDS_FOLDER "%s", target);
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        FILE *file;
        (void)snprintf(path, sizeof(path), SEEDS_FOLDER "%s/%s", target, entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file != NULL) {
            each(bytes, fread(bytes, 1, sizeof(bytes), file));
            (void)fclose(file);
            count++;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

/* Writes a seed named like the message, in small letters, where LOCKSTEP_WRITE_SEEDS asks for it.
 * False: it does not. */
static inline bool seeds_write(const char *target, const char *name, const uint8_t *bytes,
                               size_t size)
{
    char path[512];
    size_t length;
    FILE *file;
    if (getenv("LOCKSTEP_WRITE_SEEDS") == NULL) {
        return false;
    }
    (void)snprintf(path, sizeof(path), SEEDS_FOLDER "%s/", target);
    length = strlen(path);
    (void)snprintf(path + length, sizeof(path) - length, "%s", name);
    for (char *c = path + length; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return true;
}

#endif
