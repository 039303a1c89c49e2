#include "common/hostwire/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "lockstep-boot 1"
#define LINE_MAX   2048

static bool plain(const char *path)
{
    return strpbrk(path, "\r\n") == NULL;
}

enum lockstep_err lockstep_boot_write(const struct lockstep_boot *boot, FILE *stream,
                                      struct lockstep_error *err)
{
    bool well = fprintf(stream, FIRST_LINE "\n") > 0;
    for (size_t i = 0; i < boot->count; i++) {
        const struct lockstep_boot_entry *entry = &boot->entries[i];
        char digest[LOCKSTEP_DIGEST_TEXT];
        if (!plain(entry->path) || !plain(entry->config)) {
            return LOCKSTEP_FAIL(err, INVALID, "the path of module %s holds a line break",
                                 entry->module.text);
        }
        lockstep_digest_format(&entry->digest, digest);
        well = well && fprintf(stream, "module %s %" PRIu64 " %s %" PRIu64 " %" PRIu64 " %s\n",
                               entry->module.text, entry->generation, digest, entry->device,
                               entry->inode, entry->path) > 0;
        if (entry->config[0] != '\0') {
            well = well && fprintf(stream, "config %s %s\n", entry->module.text, entry->config) > 0;
        }
    }
    if (!well || fflush(stream) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "writing the boot file");
    }
    return LOCKSTEP_OK;
}

/* The next word of a line, cut off at its blank; NULL at the end. */
static char *next_word(char **line)
{
    char *word = *line;
    size_t length = strcspn(word, " ");
    if (length == 0) {
        return NULL;
    }
    *line = word + length;
    if (word[length] == ' ') {
        word[length] = '\0';
        (*line)++;
    }
    return word;
}

static bool take_number(const char *word, uint64_t *ret_number)
{
    char *end = NULL;
    if (word == NULL || word[0] < '0' || word[0] > '9') {
        return false;
    }
    errno = 0;
    *ret_number = strtoull(word, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool take_path(const char *text, char ret_path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1])
{
    size_t length = strlen(text);
    if (text[0] != '/' || length > LOCKSTEP_HOSTWIRE_PATH_MAX || !plain(text)) {
        return false;
    }
    memcpy(ret_path, text, length + 1);
    return true;
}

static struct lockstep_boot_entry *find(struct lockstep_boot *boot, const char *module)
{
    for (size_t i = 0; i < boot->count; i++) {
        if (strcmp(boot->entries[i].module.text, module) == 0) {
            return &boot->entries[i];
        }
    }
    return NULL;
}

static bool take_module(struct lockstep_boot *boot, char *line)
{
    struct lockstep_boot_entry *entry = &boot->entries[boot->count];
    const char *word;
    if (boot->count == LOCKSTEP_NODE_MODULES_MAX) {
        return false;
    }
    memset(entry, 0, sizeof(*entry));
    word = next_word(&line);
    if (word == NULL || !lockstep_name_parse(word, &entry->module) || find(boot, word) != NULL ||
        !take_number(next_word(&line), &entry->generation)) {
        return false;
    }
    word = next_word(&line);
    if (word == NULL || !lockstep_digest_parse(word, &entry->digest) ||
        !take_number(next_word(&line), &entry->device) ||
        !take_number(next_word(&line), &entry->inode) || !take_path(line, entry->path)) {
        return false;
    }
    boot->count++;
    return true;
}

static bool take_config(struct lockstep_boot *boot, char *line)
{
    const char *word = next_word(&line);
    struct lockstep_boot_entry *entry = word == NULL ? NULL : find(boot, word);
    return entry != NULL && entry->config[0] == '\0' && take_path(line, entry->config);
}

static bool take_line(struct lockstep_boot *boot, size_t number, char *line)
{
    const char *word;
    if (number == 1) {
        return strcmp(line, FIRST_LINE) == 0;
    }
    word = next_word(&line);
    if (word == NULL) {
        return false;
    }
    if (strcmp(word, "module") == 0) {
        return take_module(boot, line);
    }
    return strcmp(word, "config") == 0 && take_config(boot, line);
}

enum lockstep_err lockstep_boot_read(FILE *stream, struct lockstep_boot *ret_boot,
                                     struct lockstep_error *err)
{
    char line[LINE_MAX];
    size_t number = 0;
    ret_boot->count = 0;
    while (fgets(line, sizeof(line), stream) != NULL) {
        size_t length = strcspn(line, "\n");
        number++;
        if (line[length] != '\n') {
            return LOCKSTEP_FAIL(err, INVALID, "line %zu of the boot file is cut off or too long",
                                 number);
        }
        line[length] = '\0';
        if (!take_line(ret_boot, number, line)) {
            return LOCKSTEP_FAIL(err, INVALID, "line %zu of the boot file is malformed", number);
        }
    }
    if (ferror(stream) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "reading the boot file");
    }
    if (number == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "the boot file is empty");
    }
    return LOCKSTEP_OK;
}
