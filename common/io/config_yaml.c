#include "common/io/config_yaml.h"

#include "common/base/cleanup.h"
#include "common/io/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const cyaml_schema_value_t lockstep_config_text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LOCKSTEP_CONFIG_TEXT_MAX)};

/* What libcyaml printed: the cause, and where it was. */
struct complaint {
    char cause[160];
    char key[LOCKSTEP_NAME_MAX + 1];    /* that it does not know, or "" */
    char parent[LOCKSTEP_NAME_MAX + 1]; /* the innermost known key around it, or "" */
    unsigned line;                      /* 0: not said */
};

static void note_cause(struct complaint *complaint, const char *line)
{
    static const char unknown[] = "Unexpected key: ";
    const char *from = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    if (strncmp(from, "libyaml: ", 9) == 0) {
        from += 9;
    }
    if (strncmp(from, "Backtrace", 9) == 0 || complaint->cause[0] != '\0') {
        return;
    }
    if (strncmp(from, "STRING length < 1", 17) == 0) {
        from = "it has no value";
    }
    (void)snprintf(complaint->cause, sizeof(complaint->cause), "%.*s",
                   (int)sizeof(complaint->cause) - 1, from);
    if (strncmp(from, unknown, strlen(unknown)) == 0) {
        (void)snprintf(complaint->key, sizeof(complaint->key), "%.*s",
                       (int)sizeof(complaint->key) - 1, from + strlen(unknown));
    }
}

/* "  in mapping field 'KEY' (line: 3, column: 5)", innermost first. */
static void note_place(struct complaint *complaint, const char *line)
{
    const char *place = strstr(line, "(line: ");
    const char *field = strstr(line, "in mapping field '");
    if (place != NULL && complaint->line == 0) {
        complaint->line = (unsigned)strtoul(place + strlen("(line: "), NULL, 10);
    }
    if (field != NULL && complaint->parent[0] == '\0') {
        field += strlen("in mapping field '");
        (void)snprintf(complaint->parent, sizeof(complaint->parent), "%.*s",
                       (int)strcspn(field, "'"), field);
    }
}

LOCKSTEP_PRINTF(3, 0)
static void catch_line(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct complaint *complaint = context;
    char line[512];
    (void)level;
    if (vsnprintf(line, sizeof(line), format, args) < 0) {
        return;
    }
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "  in ", 5) == 0 || strncmp(line, "Load:   in ", 11) == 0) {
        note_place(complaint, line);
    } else {
        note_cause(complaint, line);
    }
}

/* True if a key stands at AT, which is LENGTH long and followed by a colon. */
static bool key_stands(const struct lockstep_config_file *file, const char *at, const char *key)
{
    size_t length = strlen(key);
    bool begins = at == file->text || strchr(" \t\n{,\"'", at[-1]) != NULL;
    const char *end = at + length;
    if (!begins || strncmp(at, key, length) != 0) {
        return false;
    }
    end += *end == '"' || *end == '\'' ? 1 : 0;
    return end[strspn(end, " ")] == ':';
}

/* True if TEXT stands at AT as a value, with nothing of the same word around it. */
static bool value_stands(const struct lockstep_config_file *file, const char *at, const char *text)
{
    size_t length = strlen(text);
    return (at == file->text || strchr(" \n[{,\"'", at[-1]) != NULL) &&
           strncmp(at, text, length) == 0 && strchr(" \n]},\"'", at[length]) != NULL;
}

typedef bool stands_fn(const struct lockstep_config_file *file, const char *at, const char *text);

/* The first line, not before line FROM, on which TEXT stands outside of comments; 0 if there is
 * none. */
static unsigned find_line(const struct lockstep_config_file *file, stands_fn *stands,
                          const char *text, unsigned from)
{
    unsigned line = 1;
    bool comment = false;
    for (const char *at = file->text; *at != '\0'; at++) {
        if (*at == '\n') {
            line++;
            comment = false;
        } else if (*at == '#' && (at == file->text || strchr(" \t\n", at[-1]) != NULL)) {
            comment = true;
        } else if (!comment && line >= from && stands(file, at, text)) {
            return line;
        }
    }
    return 0;
}

static enum lockstep_err fail_at(const struct lockstep_config_file *file, unsigned line,
                                 struct lockstep_error *err, const char *message)
{
    if (line == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: %s", file->path, message);
    }
    return LOCKSTEP_FAIL(err, INVALID, "%s:%u: %s", file->path, line, message);
}

enum lockstep_err lockstep_config_fail(const struct lockstep_config_file *file, const char *key,
                                       const char *value, struct lockstep_error *err,
                                       const char *format, ...)
{
    char message[LOCKSTEP_ERROR_MESSAGE_MAX];
    char whole[LOCKSTEP_ERROR_MESSAGE_MAX + 2 * LOCKSTEP_NAME_MAX];
    unsigned line = find_line(file, key_stands, key, 0);
    unsigned value_line = value == NULL ? 0 : find_line(file, value_stands, value, line);
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0) {
        message[0] = '\0';
    }
    va_end(args);
    (void)snprintf(whole, sizeof(whole), "%.63s: %s", key, message);
    return fail_at(file, value_line == 0 ? line : value_line, err, whole);
}

static const char *field_key(const void *words, size_t i)
{
    const cyaml_schema_field_t *fields = words;
    return fields[i].key;
}

/* The fields of the mapping that PARENT holds, itself or in its list; NULL if it is no key of
 * FIELDS or of what they hold. */
static const cyaml_schema_field_t *fields_below(const cyaml_schema_field_t *fields,
                                                const char *parent)
{
    for (size_t i = 0; fields[i].key != NULL; i++) {
        const cyaml_schema_value_t *value = &fields[i].value;
        const cyaml_schema_field_t *found;
        value = value->type == CYAML_SEQUENCE ? value->sequence.entry : value;
        if (value->type != CYAML_MAPPING) {
            continue;
        }
        if (strcmp(fields[i].key, parent) == 0) {
            return value->mapping.fields;
        }
        found = fields_below(value->mapping.fields, parent);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* The outermost ones if PARENT holds none. */
static const cyaml_schema_field_t *fields_of(const cyaml_schema_value_t *schema, const char *parent)
{
    const cyaml_schema_field_t *below = fields_below(schema->mapping.fields, parent);
    return below == NULL ? schema->mapping.fields : below;
}

static enum lockstep_err fail_unknown(const struct lockstep_config_file *file,
                                      const struct complaint *complaint, struct lockstep_error *err)
{
    char message[LOCKSTEP_ERROR_MESSAGE_MAX];
    const char *nearest = lockstep_spelling_nearest(complaint->key, field_key,
                                                    fields_of(file->schema, complaint->parent));
    unsigned line = find_line(file, key_stands, complaint->key, complaint->line);
    (void)snprintf(message, sizeof(message), "%s: there is no such key%s%s%s%s%s", complaint->key,
                   complaint->parent[0] == '\0' ? "" : " in ", complaint->parent,
                   nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "?");
    return fail_at(file, line == 0 ? complaint->line : line, err, message);
}

static enum lockstep_err fail_yaml(const struct lockstep_config_file *file,
                                   const struct complaint *complaint, const char *code,
                                   struct lockstep_error *err)
{
    char message[LOCKSTEP_ERROR_MESSAGE_MAX];
    if (complaint->key[0] != '\0') {
        return fail_unknown(file, complaint, err);
    }
    (void)snprintf(message, sizeof(message), "%s%s%s", complaint->parent,
                   complaint->parent[0] == '\0' ? "" : ": ",
                   complaint->cause[0] == '\0' ? code : complaint->cause);
    return fail_at(file, complaint->line, err, message);
}

static enum lockstep_err parse(struct lockstep_config_file *file, struct lockstep_error *err)
{
    struct complaint complaint = {0};
    const cyaml_config_t config = {
        .log_fn = catch_line,
        .log_ctx = &complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    cyaml_err_t code = cyaml_load_data((const uint8_t *)file->text, file->length, &config,
                                       file->schema, &file->raw, NULL);
    if (code == CYAML_ERR_OOM) {
        return LOCKSTEP_FAIL(err, NOMEM, "%s: no memory", file->path);
    }
    /* A warning is as bad: a second document would be ignored. */
    if (code != CYAML_OK || complaint.cause[0] != '\0') {
        return fail_yaml(file, &complaint, cyaml_strerror(code), err);
    }
    return LOCKSTEP_OK;
}

/* A file that was being written when it was copied, or when the disk was full. */
static enum lockstep_err refuse_partial(const struct lockstep_config_file *file,
                                        struct lockstep_error *err)
{
    if (file->length == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: the file is empty; is it whole?", file->path);
    }
    if (memchr(file->text, '\0', file->length) != NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: there are zero bytes in it; is it whole?",
                             file->path);
    }
    if (file->text[file->length - 1] != '\n') {
        return LOCKSTEP_FAIL(err, INVALID, "%s: the last line has no end; is the file whole?",
                             file->path);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_bytes(struct lockstep_config_file *file, int fd,
                                    struct lockstep_error *err)
{
    struct stat status;
    ssize_t got;
    if (fstat(fd, &status) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "%s", file->path);
    }
    if (!S_ISREG(status.st_mode)) {
        return LOCKSTEP_FAIL(err, INVALID, "%s is not a file", file->path);
    }
    file->text = calloc(1, LOCKSTEP_CONFIG_FILE_MAX + 2);
    if (file->text == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "%s: no memory", file->path);
    }
    do {
        got = read(fd, file->text + file->length, LOCKSTEP_CONFIG_FILE_MAX + 1 - file->length);
        if (got < 0 && errno != EINTR) {
            return LOCKSTEP_FAIL_ERRNO(err, "%s", file->path);
        }
        file->length += got > 0 ? (size_t)got : 0;
    } while (got != 0 && file->length <= LOCKSTEP_CONFIG_FILE_MAX);
    if (file->length > LOCKSTEP_CONFIG_FILE_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "%s has more than %d bytes", file->path,
                             LOCKSTEP_CONFIG_FILE_MAX);
    }
    return refuse_partial(file, err);
}

enum lockstep_err lockstep_config_file_open(const char *path, const cyaml_schema_value_t *schema,
                                            struct lockstep_config_file *ret_file,
                                            bool *ret_missing, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = -1;
    *ret_file = (struct lockstep_config_file){.path = path, .schema = schema};
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (ret_missing != NULL) {
        *ret_missing = fd < 0 && errno == ENOENT;
        if (*ret_missing) {
            return LOCKSTEP_OK;
        }
    }
    if (fd < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "%s", path);
    }
    LOCKSTEP_TRY(read_bytes(ret_file, fd, err));
    return parse(ret_file, err);
}

void lockstep_config_file_close(struct lockstep_config_file *file)
{
    const cyaml_config_t config = {.mem_fn = cyaml_mem};
    if (file->raw != NULL) {
        (void)cyaml_free(&config, file->schema, file->raw, 0);
        file->raw = NULL;
    }
    free(file->text);
    file->text = NULL;
}
