/*
 * A story is a text file: lines that begin with "> " are commands to one core, "#" begins a remark,
 * and everything else is what the core asked its driver to do, line by line. The story holds if
 * running the commands gives the same file again; `lockstep_story --accept FILE` writes what came
 * out instead, to be read in review, and LOCKSTEP_STORY=accept does so for each story that is run.
 * The folder says which core it is about.
 */
#ifndef LOCKSTEP_TESTS_STORY_STORY_H
#define LOCKSTEP_TESTS_STORY_STORY_H

#include "common/base/attr.h"
#include "common/base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORY_WORDS 16

/* A command, split at blanks. */
struct story_command {
    int count;
    char *words[STORY_WORDS];
};

/* Appends one line to the trace. */
void story_say(const char *format, ...) LOCKSTEP_PRINTF(1, 2);
/* Ends the run: the story itself is wrong. */
_Noreturn void story_wrong(const char *why, const char *what);

/* The value behind "key=" in the command, or OTHERWISE. */
const char *story_value(const struct story_command *command, const char *key,
                        const char *otherwise);
uint64_t story_number(const char *text);
/* "op1" and "v2" as they stand in stories. */
struct lockstep_id story_operation(const char *text);
const char *story_operation_text(const struct lockstep_id *id);
struct lockstep_digest story_digest(const char *text);
const char *story_digest_text(const struct lockstep_digest *digest);

void story_coordinator(const struct story_command *command);
void story_agent(const struct story_command *command);

#endif
