#include "tests/story/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *trace;

void story_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(trace, format, args);
    va_end(args);
    (void)fputc('\n', trace);
}

_Noreturn void story_wrong(const char *why, const char *what)
{
    (void)fprintf(stderr, "the story is wrong: %s: %s\n", why, what == NULL ? "" : what);
    exit(2);
}

const char *story_value(const struct story_command *command, const char *key, const char *otherwise)
{
    size_t length = strlen(key);
    for (int i = 1; i < command->count; i++) {
        const char *word = command->words[i];
        if (strncmp(word, key, length) == 0 && word[length] == '=') {
            return word + length + 1;
        }
    }
    return otherwise;
}

uint64_t story_number(const char *text)
{
    char *end = NULL;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        story_wrong("not a number", text);
    }
    return value;
}

struct lockstep_id story_operation(const char *text)
{
    struct lockstep_id id = {{0}};
    if (strncmp(text, "op", 2) != 0) {
        story_wrong("operations are op1, op2 … and op1' for a compensation", text);
    }
    id.bytes[0] = (uint8_t)strtoul(text + 2, NULL, 10);
    if (text[strlen(text) - 1] == '\'') {
        for (size_t i = 0; i < sizeof(id.bytes); i++) {
            id.bytes[i] = (uint8_t)(id.bytes[i] ^ 0xa5U);
        }
    }
    return id;
}

const char *story_operation_text(const struct lockstep_id *id)
{
    static char text[8];
    bool child = id->bytes[15] != 0;
    (void)snprintf(text, sizeof(text), "op%u%s", child ? id->bytes[0] ^ 0xa5U : id->bytes[0],
                   child ? "'" : "");
    return text;
}

struct lockstep_digest story_digest(const char *text)
{
    struct lockstep_digest digest = {{0}};
    if (strcmp(text, "none") != 0) {
        digest.bytes[0] = (uint8_t)story_number(text + 1);
    }
    return digest;
}

const char *story_digest_text(const struct lockstep_digest *digest)
{
    static char text[8];
    (void)snprintf(text, sizeof(text), digest->bytes[0] == 0 ? "none" : "v%u", digest->bytes[0]);
    return text;
}

static void run_line(char *line, void (*run)(const struct story_command *command))
{
    struct story_command command = {0};
    char *rest = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0') {
        story_say("%s", line);
        return;
    }
    if (strncmp(line, "> ", 2) != 0) {
        return; /* what is expected; it is compared as a whole */
    }
    story_say("%s", line);
    for (char *word = strtok_r(line + 2, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (command.count == STORY_WORDS) {
            story_wrong("too many words", line);
        }
        command.words[command.count++] = word;
    }
    if (command.count > 0) {
        run(&command);
    }
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    if (file == NULL || text == NULL) {
        story_wrong("cannot be read", path);
    }
    *ret_size = fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    return text;
}

static void show_difference(const char *wanted, const char *got)
{
    int line = 1;
    while (*wanted != '\0' && *wanted == *got) {
        const char *end = strchr(wanted, '\n');
        size_t length = end == NULL ? strlen(wanted) : (size_t)(end - wanted) + 1;
        if (strncmp(wanted, got, length) != 0) {
            break;
        }
        wanted += length;
        got += length;
        line++;
    }
    printf("line %d\n  story: %.*s\n  core:  %.*s\n", line, (int)strcspn(wanted, "\n"), wanted,
           (int)strcspn(got, "\n"), got);
}

/* LOCKSTEP_STORY=accept: every story that is run is written anew, for a review of the change. */
static bool wants_all_written(void)
{
    const char *text = getenv("LOCKSTEP_STORY");
    return text != NULL && strcmp(text, "accept") == 0;
}

int main(int argc, char **argv)
{
    bool asked = argc == 3 && strcmp(argv[1], "--accept") == 0;
    bool accept = asked || wants_all_written();
    const char *path = argc >= 2 ? argv[argc - 1] : NULL;
    char *out = NULL;
    size_t out_size = 0;
    size_t size = 0;
    char *wanted;
    FILE *file;
    char line[512];
    bool holds;
    if (path == NULL || (argc != 2 && !asked)) {
        (void)fprintf(stderr, "usage: lockstep_story [--accept] FILE.story\n");
        return 2;
    }
    wanted = read_file(path, &size);
    trace = open_memstream(&out, &out_size);
    file = fopen(path, "r");
    if (trace == NULL || file == NULL) {
        story_wrong("cannot be read", path);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        run_line(line, strstr(path, "/agent/") != NULL ? story_agent : story_coordinator);
    }
    (void)fclose(file);
    (void)fclose(trace);
    holds = out_size == size && memcmp(out, wanted, size) == 0;
    if (!holds && accept) {
        file = fopen(path, "w");
        if (file == NULL || fwrite(out, 1, out_size, file) != out_size || fclose(file) != 0) {
            story_wrong("cannot be written", path);
        }
    } else if (!holds) {
        show_difference(wanted, out);
    }
    printf("%s - %s\n", holds || accept ? "ok" : "not ok", path);
    free(out);
    free(wanted);
    return holds || accept ? 0 : 1;
}
