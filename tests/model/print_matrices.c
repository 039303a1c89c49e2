/*
 * Prints what the coordinator does in each state of an operation, and an agent in each state of a
 * duty, as the Markdown that stands in proto/PROTOCOL.md.
 *
 *   print_matrices                 prints it
 *   print_matrices --check FILE    fails if FILE holds something else between the two marks
 *   print_matrices --write FILE    puts it there
 */
#include "agent/core/agent.h"
#include "common/base/attr.h"
#include "common/base/cleanup.h"
#include "coordinator/core/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (1024 * 1024)

#define MARK_BEGIN "<!-- matrices: printed from the code, see tests/model/print_matrices.c -->\n"
#define MARK_END   "<!-- end of the matrices -->\n"

struct named {
    const char *name;
    const char *text;
};

struct matrix {
    const char *title;
    const char *intro;
    const struct named *states;
    const struct named *events;
    size_t state_count;
    size_t event_count;
    const char *(*cell)(unsigned state, unsigned event);
};

#define NAMED(number, name, text) [number] = {#name, (text)},

static const struct named operation_states[] = {LOCKSTEP_OPERATION_STATE_TABLE(NAMED)};
static const struct named operation_events[] = {LOCKSTEP_OPERATION_EVENT_TABLE(NAMED)};
static const struct named duty_states[] = {LOCKSTEP_DUTY_STATE_TABLE(NAMED)};
static const struct named duty_events[] = {LOCKSTEP_DUTY_EVENT_TABLE(NAMED)};

static const struct matrix matrices[] = {
    {.title = "An operation, in the coordinator",
     .intro = "Beside the state: the word that documents show for it (`state` of `operation`).",
     .states = operation_states,
     .events = operation_events,
     .state_count = LOCKSTEP_COUNT(operation_states),
     .event_count = LOCKSTEP_COUNT(operation_events),
     .cell = lockstep_operation_cell},
    {.title = "A duty, in an agent",
     .intro = "A duty is what one node has to do for one operation. `strange`: a sound coordinator "
              "would not\nsay it, so it is logged and nothing changes.",
     .states = duty_states,
     .events = duty_events,
     .state_count = LOCKSTEP_COUNT(duty_states),
     .event_count = LOCKSTEP_COUNT(duty_events),
     .cell = lockstep_duty_cell},
};

static void print_names(FILE *out, const char *what, const struct named *names, size_t count)
{
    (void)fprintf(out, "| %s | |\n| --- | --- |\n", what);
    for (size_t i = 0; i < count; i++) {
        if (names[i].name != NULL) {
            (void)fprintf(out, "| %s | %s |\n", names[i].name, names[i].text);
        }
    }
    (void)fputc('\n', out);
}

static bool is_first_of_its_cell(const struct matrix *matrix, unsigned state, unsigned event)
{
    for (unsigned before = 0; before < event; before++) {
        if (strcmp(matrix->cell(state, before), matrix->cell(state, event)) == 0) {
            return false;
        }
    }
    return true;
}

/* Events that share a cell share a row. */
static void print_state(FILE *out, const struct matrix *matrix, unsigned state)
{
    for (unsigned event = 0; event < matrix->event_count; event++) {
        const char *cell = matrix->cell(state, event);
        if (!is_first_of_its_cell(matrix, state, event)) {
            continue;
        }
        (void)fprintf(out, "| %s | %s", matrix->states[state].name, matrix->events[event].name);
        for (unsigned other = event + 1; other < matrix->event_count; other++) {
            if (strcmp(matrix->cell(state, other), cell) == 0) {
                (void)fprintf(out, ", %s", matrix->events[other].name);
            }
        }
        (void)fprintf(out, " | %s |\n", cell);
    }
}

static void print_matrix(FILE *out, const struct matrix *matrix)
{
    (void)fprintf(out, "\n### %s\n\n%s\n\n", matrix->title, matrix->intro);
    print_names(out, "state", matrix->states, matrix->state_count);
    print_names(out, "event", matrix->events, matrix->event_count);
    (void)fprintf(out, "| in | on | what happens |\n| --- | --- | --- |\n");
    for (unsigned state = 0; state < matrix->state_count; state++) {
        if (matrix->states[state].name != NULL) {
            print_state(out, matrix, state);
        }
    }
    (void)fputc('\n', out);
}

static char *print_all(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(matrices); i++) {
        print_matrix(out, &matrices[i]);
    }
    (void)fclose(out);
    return text;
}

static bool read_all(const char *path, char *buffer, size_t size)
{
    size_t length;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return false;
    }
    length = fread(buffer, 1, size - 1, file);
    (void)fclose(file);
    buffer[length] = '\0';
    return length < size - 1;
}

static bool write_between(const char *path, const char *document, const char *begin,
                          const char *end, const char *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return false;
    }
    (void)fprintf(file, "%.*s%s%s", (int)(begin - document), document, text, end);
    return fclose(file) == 0;
}

static bool handle_file(const char *path, bool write, const char *text)
{
    static char document[DOCUMENT_MAX];
    const char *begin = read_all(path, document, sizeof(document)) ? strstr(document, MARK_BEGIN)
                                                                   : NULL;
    const char *end = begin == NULL ? NULL : strstr(begin, MARK_END);
    if (end == NULL) {
        (void)fprintf(stderr, "%s: the marks are missing:\n%s%s", path, MARK_BEGIN, MARK_END);
        return false;
    }
    begin += strlen(MARK_BEGIN);
    if (write) {
        return write_between(path, document, begin, end, text);
    }
    if ((size_t)(end - begin) == strlen(text) && memcmp(begin, text, strlen(text)) == 0) {
        return true;
    }
    (void)fprintf(stderr,
                  "%s: the state matrices are not the code's; to update them:\n"
                  "  .build/dev/bin/print_matrices --write proto/PROTOCOL.md\n",
                  path);
    return false;
}

int main(int argc, char **argv)
{
    LOCKSTEP_FREE char *text = print_all();
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
    bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
    if (text == NULL || (argc != 1 && !write && !check)) {
        (void)fprintf(stderr, "usage: print_matrices [--check FILE | --write FILE]\n");
        return 2;
    }
    if (argc == 1) {
        return fputs(text, stdout) < 0;
    }
    return handle_file(argv[2], write, text) ? 0 : 1;
}
