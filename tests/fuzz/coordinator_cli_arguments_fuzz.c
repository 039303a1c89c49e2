/* What somebody typed behind `lockstep`. It is asked for help first, so that no command runs: all
 * is parsed, and nothing is done. Then each word as what commands take it for. */
#include "common/io/selector.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/subject.h"
#include "tests/fuzz/arguments.h"

static void try_word(const char *word)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_subject subject;
    const char *version = strchr(word, '@');
    if (lockstep_subject_parse(word, &subject, &err) == LOCKSTEP_OK) {
        const char *name = subject.wire.module.text;
        MUST(lockstep_name_valid(name, strlen(name)));
        MUST(subject.file == NULL || (version != NULL && subject.file > version));
    } else {
        MUST(err.message[0] != '\0');
    }
    if (word[0] != '\0' && lockstep_selector_check(word, &err) != LOCKSTEP_OK) {
        MUST(!lockstep_selector_matches(word, "env=prod,zone=a"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first[] = {"lockstep", "--help"};
    struct arguments_line line;
    int code;
    arguments_be_quiet();
    arguments_take(&line, first, LOCKSTEP_COUNT(first), data, size);
    for (int i = (int)LOCKSTEP_COUNT(first); i < line.argc; i++) {
        try_word(line.argv[i]);
    }
    code = lockstep_command_main(line.argc, line.argv, stdout, stderr);
    MUST(code == LOCKSTEP_EXIT_DONE || code == LOCKSTEP_EXIT_USAGE);
    arguments_drop(&line);
    return 0;
}
