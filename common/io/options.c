#include "common/io/options.h"

#include "common/base/assert.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

/* Above every letter, so that getopt's answers do not mix. */
#define LONG_BASE 256

/* What getopt wants, made from the rows. */
struct plan {
    struct option longs[LOCKSTEP_OPTIONS_MAX + 1];
    char letters[2 * LOCKSTEP_OPTIONS_MAX + 3];
    size_t count;
};

/* The I-th row of all sets and the target of its set; NULL behind the last. */
static const struct lockstep_option *row_at(const struct lockstep_options *options, size_t i,
                                            void **ret_target)
{
    for (size_t set = 0; set < options->set_count; set++) {
        if (i < options->sets[set].count) {
            *ret_target = options->sets[set].target;
            return &options->sets[set].rows[i];
        }
        i -= options->sets[set].count;
    }
    return NULL;
}

static void make_plan(const struct lockstep_options *options, struct plan *plan)
{
    const struct lockstep_option *row;
    void *target;
    char *letter = plan->letters;
    memset(plan, 0, sizeof(*plan));
    if (options->stop_at_word) {
        *letter++ = '+';
    }
    *letter++ = ':';
    for (size_t i = 0; (row = row_at(options, i, &target)) != NULL; i++) {
        bool takes = row->kind != LOCKSTEP_OPTION_FLAG;
        ASSERT(i < LOCKSTEP_OPTIONS_MAX);
        plan->longs[i] = (struct option){row->name, takes ? required_argument : no_argument, NULL,
                                         LONG_BASE + (int)i};
        if (row->letter != '\0') {
            *letter++ = row->letter;
        }
        if (row->letter != '\0' && takes) {
            *letter++ = ':';
        }
        plan->count = i + 1;
    }
}

/* The row that getopt's answer means. */
static const struct lockstep_option *find_row(const struct lockstep_options *options, int answer,
                                              void **ret_target)
{
    const struct lockstep_option *row;
    if (answer >= LONG_BASE) {
        return row_at(options, (size_t)(answer - LONG_BASE), ret_target);
    }
    for (size_t i = 0; (row = row_at(options, i, ret_target)) != NULL; i++) {
        if (row->letter == answer) {
            return row;
        }
    }
    return NULL;
}

static const char *name_at(const void *words, size_t i)
{
    void *target;
    const struct lockstep_option *row = row_at(words, i, &target);
    return row == NULL ? NULL : row->name;
}

/* What NAME may have been meant to be: a name that begins with it, else one spelled nearly so. */
static const char *guess(const struct lockstep_options *options, const char *name)
{
    const char *candidate;
    for (size_t i = 0; (candidate = name_at(options, i)) != NULL; i++) {
        if (strncmp(candidate, name, strlen(name)) == 0) {
            return candidate;
        }
    }
    return lockstep_spelling_nearest(name, name_at, options);
}

/* WORD begins with two dashes and is the name of no option, up to its '='. */
static enum lockstep_err refuse_unknown(const struct lockstep_options *options, const char *word,
                                        struct lockstep_error *err)
{
    char name[LOCKSTEP_NAME_MAX + 1];
    size_t length = strcspn(word + 2, "=");
    const char *nearest;
    if (length >= sizeof(name)) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no option %.*s...", 40, word);
    }
    memcpy(name, word + 2, length);
    name[length] = '\0';
    nearest = guess(options, name);
    if (nearest == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no option --%s; try --help", name);
    }
    return LOCKSTEP_FAIL(err, INVALID, "there is no option --%s; did you mean --%s?", name,
                         nearest);
}

/* True if TEXT is one of the words between the bars of CHOICES. */
static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    ASSERT(choices != NULL);
    for (const char *at = choices; length > 0; at += strcspn(at, "|") + 1) {
        size_t choice = strcspn(at, "|");
        if (choice == length && strncmp(at, text, length) == 0) {
            return true;
        }
        if (at[choice] == '\0') {
            break;
        }
    }
    return false;
}

static enum lockstep_err put_text(const struct lockstep_option *row, const char *text, void *field,
                                  struct lockstep_error *err)
{
    const char **target = field;
    if (row->choices != NULL && !is_choice(row->choices, text)) {
        return LOCKSTEP_FAIL(err, INVALID, "--%s: %s is none of %s", row->name, text, row->choices);
    }
    *target = text;
    return LOCKSTEP_OK;
}

static void format_bound(const struct lockstep_option *row, uint64_t bound,
                         char ret_text[LOCKSTEP_VALUE_TEXT])
{
    if (row->kind == LOCKSTEP_OPTION_DURATION) {
        lockstep_duration_format(bound, ret_text);
    } else {
        (void)snprintf(ret_text, LOCKSTEP_VALUE_TEXT, "%" PRIu64, bound);
    }
}

static enum lockstep_err put_number(const struct lockstep_option *row, const char *text,
                                    void *field, struct lockstep_error *err)
{
    struct lockstep_option_number *target = field;
    bool duration = row->kind == LOCKSTEP_OPTION_DURATION;
    uint64_t number;
    uint64_t largest = row->largest == 0 ? UINT64_MAX : row->largest;
    if (duration ? !lockstep_duration_parse(text, &number) : !lockstep_count_parse(text, &number)) {
        return LOCKSTEP_FAIL(err, INVALID, "--%s: %s is no %s", row->name, text,
                             duration ? "duration, like 500ms, 10s, 5m or 1h" : "number");
    }
    if (number < row->smallest || number > largest) {
        char low[LOCKSTEP_VALUE_TEXT];
        char high[LOCKSTEP_VALUE_TEXT];
        format_bound(row, row->smallest, low);
        format_bound(row, largest, high);
        return LOCKSTEP_FAIL(err, INVALID, "--%s: %s is not between %s and %s", row->name, text,
                             low, high);
    }
    *target = (struct lockstep_option_number){number, true};
    return LOCKSTEP_OK;
}

static enum lockstep_err put_share(const struct lockstep_option *row, const char *text, void *field,
                                   struct lockstep_error *err)
{
    struct lockstep_option_share *target = field;
    if (!lockstep_share_parse(text, &target->share)) {
        return LOCKSTEP_FAIL(err, INVALID, "--%s: %s is neither a number nor a percentage",
                             row->name, text);
    }
    target->given = true;
    return LOCKSTEP_OK;
}

static enum lockstep_err put_list(const struct lockstep_option *row, char *text, void *field,
                                  struct lockstep_error *err)
{
    struct lockstep_option_list *target = field;
    while (text != NULL) {
        char *comma = strchr(text, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (*text == '\0') {
            return LOCKSTEP_FAIL(err, INVALID, "--%s: an element is empty", row->name);
        }
        if (target->count == LOCKSTEP_COUNT(target->items)) {
            return LOCKSTEP_FAIL(err, INVALID, "--%s: more than %zu elements", row->name,
                                 LOCKSTEP_COUNT(target->items));
        }
        target->items[target->count++] = text;
        text = comma == NULL ? NULL : comma + 1;
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err put_value(const struct lockstep_option *row, void *target, char *text,
                                   struct lockstep_error *err)
{
    void *field = (char *)target + row->offset;
    if (row->kind == LOCKSTEP_OPTION_FLAG) {
        *(bool *)field = true;
        return LOCKSTEP_OK;
    }
    if (text == NULL) {
        UNREACHABLE("getopt gives every kind but a flag its argument");
    }
    switch (row->kind) {
    case LOCKSTEP_OPTION_FLAG:
        break;
    case LOCKSTEP_OPTION_TEXT:
        return put_text(row, text, field, err);
    case LOCKSTEP_OPTION_DURATION:
    case LOCKSTEP_OPTION_COUNT:
        return put_number(row, text, field, err);
    case LOCKSTEP_OPTION_SHARE:
        return put_share(row, text, field, err);
    case LOCKSTEP_OPTION_LIST:
        return put_list(row, text, field, err);
    }
    UNREACHABLE("every kind has a case");
}

/* True if WORD is "--NAME" or "--NAME=…", not an abbreviation that getopt would take too. */
static bool is_whole(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word + 2, name, length) == 0 &&
           (word[2 + length] == '\0' || word[2 + length] == '=');
}

/* getopt said '?' or ':'. */
static enum lockstep_err refuse(const struct lockstep_options *options, int answer,
                                const char *word, struct lockstep_error *err)
{
    void *target;
    const struct lockstep_option *row = optopt == 0 ? NULL : find_row(options, optopt, &target);
    if (row == NULL && optopt < 0) { /* a byte that is no letter */
        return LOCKSTEP_FAIL(err, INVALID, "options have letters of ASCII; try --help");
    }
    if (row == NULL && optopt > 0 && optopt < LONG_BASE) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no option -%c; try --help", optopt);
    }
    if (row == NULL || (optopt >= LONG_BASE && !is_whole(word, row->name))) {
        return refuse_unknown(options, word, err);
    }
    if (answer == ':') {
        return LOCKSTEP_FAIL(err, INVALID, "--%s wants %s", row->name, row->argument);
    }
    return LOCKSTEP_FAIL(err, INVALID, "--%s takes no value", row->name);
}

enum lockstep_err lockstep_options_parse(const struct lockstep_options *options, int argc,
                                         char **argv, int *ret_first, struct lockstep_error *err)
{
    struct plan plan;
    int answer;
    make_plan(options, &plan);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while ((answer = getopt_long(argc, argv, plan.letters, plan.longs, NULL)) != -1) {
        void *target = NULL;
        const struct lockstep_option *row;
        /* The option stands before its argument, if that is a word of its own. */
        bool apart = answer != '?' && answer != ':' && optarg != NULL && optarg == argv[optind - 1];
        const char *word = argv[optind - (apart ? 2 : 1)];
        if (answer == '?' || answer == ':') {
            return refuse(options, answer, word, err);
        }
        row = find_row(options, answer, &target);
        ASSERT(row != NULL);
        if (answer >= LONG_BASE && !is_whole(word, row->name)) {
            return refuse_unknown(options, word, err);
        }
        LOCKSTEP_TRY(put_value(row, target, optarg, err));
    }
    *ret_first = optind;
    return LOCKSTEP_OK;
}

/* "  -c, --config FILE", and its length. */
static int print_row(const struct lockstep_option *row, FILE *out)
{
    char letter[] = "    ";
    ASSERT(row != NULL);
    if (row->letter != '\0') {
        letter[0] = '-';
        letter[1] = row->letter;
        letter[2] = ',';
    }
    return fprintf(out, "  %s--%s%s%s", letter, row->name, row->argument == NULL ? "" : " ",
                   row->argument == NULL ? "" : row->argument);
}

/* Columns of the widest row. */
static int widest(const struct lockstep_options *options)
{
    size_t width = 0;
    for (size_t set = 0; set < options->set_count; set++) {
        for (size_t i = 0; i < options->sets[set].count; i++) {
            const struct lockstep_option *row = &options->sets[set].rows[i];
            size_t argument = row->argument == NULL ? 0 : 1 + strlen(row->argument);
            size_t wide = strlen("  -x, --") + strlen(row->name) + argument;
            width = wide > width ? wide : width;
        }
    }
    return (int)width;
}

void lockstep_options_help(const struct lockstep_options *options, FILE *out)
{
    int width = widest(options);
    for (size_t set = 0; set < options->set_count; set++) {
        (void)fprintf(out, "%s%s:\n", set == 0 ? "" : "\n", options->sets[set].heading);
        for (size_t i = 0; i < options->sets[set].count; i++) {
            const struct lockstep_option *row = &options->sets[set].rows[i];
            (void)fprintf(out, "%*s  %s", width - print_row(row, out), "", row->help);
            if (row->choices != NULL) {
                (void)fprintf(out, " (%s)", row->choices);
            }
            (void)fputc('\n', out);
        }
    }
}
