#include "common/io/options.h"

#include "tests/support/cmocka.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct target {
    bool again;
    bool force;
    const char *config;
    const char *output;
    struct lockstep_option_number soak;
    struct lockstep_option_number limit;
    struct lockstep_option_share max_fail;
    struct lockstep_option_list nodes;
};

static struct target target;

#define AT(field) LOCKSTEP_OPTION_AT(struct target, field)

static const struct lockstep_option global_rows[] = {
    {"config", 'c', LOCKSTEP_OPTION_TEXT, "FILE", "what to read", NULL, AT(config), 0, 0},
    {"output", 'o', LOCKSTEP_OPTION_TEXT, "FORMAT", "how to print", "table|json", AT(output), 0, 0},
    {"force", 'f', LOCKSTEP_OPTION_FLAG, NULL, "go on", NULL, AT(force), 0, 0},
};

static const struct lockstep_option command_rows[] = {
    {"again", '\0', LOCKSTEP_OPTION_FLAG, NULL, "also what is live", NULL, AT(again), 0, 0},
    {"soak", '\0', LOCKSTEP_OPTION_DURATION, "DURATION", "time to watch", NULL, AT(soak), 0,
     86400000},
    {"limit", 'n', LOCKSTEP_OPTION_COUNT, "ROWS", "at most", NULL, AT(limit), 1, 100},
    {"max-fail", '\0', LOCKSTEP_OPTION_SHARE, "N|P%", "tolerated", NULL, AT(max_fail), 0, 0},
    {"node", '\0', LOCKSTEP_OPTION_LIST, "NAME", "only these", NULL, AT(nodes), 0, 0},
};

static const struct lockstep_option_set sets[] = {
    {"Global", global_rows, LOCKSTEP_COUNT(global_rows), &target},
    {"Reload", command_rows, LOCKSTEP_COUNT(command_rows), &target},
};

#define WORDS_MAX 12

struct parse_row {
    const char *name;
    const char *line; /* words parted by spaces */
    const char *says; /* NULL: it is accepted, and gives */
    const char *gives;
    bool stop;
};

static const struct parse_row parse_rows[] = {
    {"nothing", "", NULL, ":", false},
    {"words only", "reload pay@2", NULL, ": reload pay@2", false},
    {"options behind words", "pay@2 --again -f", NULL, "again force : pay@2", false},
    {"options before a command", "-f reload --again", NULL, "force : reload --again", true},
    {"value apart", "--config a.yaml x", NULL, "config=a.yaml : x", false},
    {"value joined", "--config=a.yaml x", NULL, "config=a.yaml : x", false},
    {"value of a letter", "-ca.yaml -c b.yaml", NULL, "config=b.yaml :", false},
    {"value like an option", "--config --again x", NULL, "config=--again : x", false},
    {"letters together", "-fn7", NULL, "force limit=7 :", false},
    {"dashes end options", "-f -- --again", NULL, "force : --again", false},
    {"a single dash is a word", "- -f", NULL, "force : -", false},
    {"choice", "-o json", NULL, "output=json :", false},
    {"no choice", "-o yaml", "--output: yaml is none of table|json", NULL, false},
    {"half a choice", "-o tab", "is none of", NULL, false},
    {"empty choice", "--output=", "is none of", NULL, false},
    {"duration", "--soak 5m", NULL, "soak=300000 :", false},
    {"zero", "--soak 0", NULL, "soak=0 :", false},
    {"no duration", "--soak 5", "5 is no duration, like 500ms", NULL, false},
    {"duration too long", "--soak 2d", "is not between 0 and 1d", NULL, false},
    {"count too small", "--limit 0", "--limit: 0 is not between 1 and 100", NULL, false},
    {"no count", "-n x", "x is no number", NULL, false},
    {"share", "--max-fail 3", NULL, "max_fail=3 :", false},
    {"percentage", "--max-fail=25%", NULL, "max_fail=25% :", false},
    {"above 100 %", "--max-fail 101%", "neither a number nor a percentage", NULL, false},
    {"list", "--node a,b x --node c", NULL, "node=a node=b node=c : x", false},
    {"list with a hole", "--node a,,b", "an element is empty", NULL, false},
    {"empty list", "--node=", "an element is empty", NULL, false},
    {"unknown, near", "--agian", "there is no option --agian; did you mean --again?", NULL, false},
    {"unknown, near, with a value", "--sook=5m", "did you mean --soak?", NULL, false},
    {"unknown, far", "--zzzzzz", "there is no option --zzzzzz; try --help", NULL, false},
    {"abbreviation", "--conf a", "there is no option --conf; did you mean --config?", NULL, false},
    {"abbreviation behind a word", "x --conf a y", "did you mean --config?", NULL, false},
    {"abbreviation of a flag", "--agai x", "did you mean --again?", NULL, false},
    {"abbreviation without value", "--conf", "there is no option --conf", NULL, false},
    {"unknown letter", "-z", "there is no option -z", NULL, false},
    {"unknown letter behind others", "-fz", "there is no option -z", NULL, false},
    {"letter that is none", "x -\xC3\xA4", "have letters of ASCII", NULL, false},
    {"no value", "--config", "--config wants FILE", NULL, false},
    {"no value of a letter", "-c", "--config wants FILE", NULL, false},
    {"flag with a value", "--again=yes", "--again takes no value", NULL, false},
};

/* What was parsed, as one line from malloc. */
static char *describe(int first, int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    (void)fprintf(out, "%s%s", target.again ? "again " : "", target.force ? "force " : "");
    if (target.config != NULL) {
        (void)fprintf(out, "config=%s ", target.config);
    }
    if (target.output != NULL) {
        (void)fprintf(out, "output=%s ", target.output);
    }
    if (target.soak.given) {
        (void)fprintf(out, "soak=%" PRIu64 " ", target.soak.number);
    }
    if (target.limit.given) {
        (void)fprintf(out, "limit=%" PRIu64 " ", target.limit.number);
    }
    if (target.max_fail.given) {
        (void)fprintf(out, "max_fail=%" PRIu64 "%s ", target.max_fail.share.number,
                      target.max_fail.share.percent ? "%" : "");
    }
    for (uint32_t i = 0; i < target.nodes.count; i++) {
        (void)fprintf(out, "node=%s ", target.nodes.items[i]);
    }
    (void)fputs(":", out);
    for (int i = first; i < argc; i++) {
        (void)fprintf(out, " %s", argv[i]);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check_parse(void **state)
{
    const struct parse_row *row = *state;
    const struct lockstep_options options = {sets, LOCKSTEP_COUNT(sets), row->stop};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char program[] = "lockstep";
    char *argv[WORDS_MAX + 1] = {program};
    char *line = strdup(row->line);
    char *rest = line;
    int argc = 1;
    int first = 0;
    enum lockstep_err code;
    assert_non_null(line);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL && argc < WORDS_MAX;) {
        argv[argc++] = word;
    }
    memset(&target, 0, sizeof(target));
    code = lockstep_options_parse(&options, argc, argv, &first, &err);
    if (row->says != NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        if (strstr(err.message, row->says) == NULL) {
            fail_msg("%s", err.message);
        }
    } else {
        char *text = NULL;
        if (code != LOCKSTEP_OK) {
            fail_msg("%s", err.message);
        }
        text = describe(first, argc, argv);
        assert_string_equal(text, row->gives);
        free(text);
    }
    free(line);
}

static void help_is_aligned(void **state)
{
    const struct lockstep_options options = {sets, LOCKSTEP_COUNT(sets), false};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (void)state;
    assert_non_null(out);
    lockstep_options_help(&options, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "Global:\n"
                              "  -c, --config FILE    what to read\n"
                              "  -o, --output FORMAT  how to print (table|json)\n"
                              "  -f, --force          go on\n"
                              "\n"
                              "Reload:\n"
                              "      --again          also what is live\n"
                              "      --soak DURATION  time to watch\n"
                              "  -n, --limit ROWS     at most\n"
                              "      --max-fail N|P%  tolerated\n"
                              "      --node NAME      only these\n");
    free(text);
}

struct duration_row {
    const char *name;
    bool valid;
    uint64_t ms;
    const char *text; /* formatted again */
};

static const struct duration_row duration_rows[] = {
    {"0", true, 0, "0"},
    {"0s", true, 0, "0"},
    {"500ms", true, 500, "500ms"},
    {"10s", true, 10000, "10s"},
    {"90s", true, 90000, "90s"},
    {"60s", true, 60000, "1m"},
    {"5m", true, 300000, "5m"},
    {"1h", true, 3600000, "1h"},
    {"30d", true, 2592000000, "30d"},
    {"18446744073709551615ms", true, UINT64_MAX, "18446744073709551615ms"},
    {"18446744073709551616ms", false, 0, NULL},
    {"18446744073709551615s", false, 0, NULL},
    {"213503982335d", false, 0, NULL},
    {"10", false, 0, NULL},
    {"s", false, 0, NULL},
    {"", false, 0, NULL},
    {"-1s", false, 0, NULL},
    {"+1s", false, 0, NULL},
    {" 1s", false, 0, NULL},
    {"1s ", false, 0, NULL},
    {"1 s", false, 0, NULL},
    {"1.5s", false, 0, NULL},
    {"1h30m", false, 0, NULL},
    {"1S", false, 0, NULL},
};

static void check_duration(void **state)
{
    const struct duration_row *row = *state;
    char text[LOCKSTEP_VALUE_TEXT];
    uint64_t ms = 1;
    assert_int_equal(lockstep_duration_parse(row->name, &ms), row->valid);
    if (row->valid) {
        assert_true(ms == row->ms);
        lockstep_duration_format(ms, text);
        assert_string_equal(text, row->text);
    }
}

static void sizes_and_counts(void **state)
{
    char text[LOCKSTEP_VALUE_TEXT];
    uint64_t number = 0;
    (void)state;
    assert_true(lockstep_size_parse("64MiB", &number) && number == 64 << 20);
    lockstep_size_format(number, text);
    assert_string_equal(text, "64MiB");
    assert_true(lockstep_size_parse("1000", &number) && number == 1000);
    lockstep_size_format(number, text);
    assert_string_equal(text, "1000");
    assert_false(lockstep_size_parse("64MB", &number));
    assert_false(lockstep_size_parse("17179869184GiB", &number));
    assert_true(lockstep_count_parse("18446744073709551615", &number) && number == UINT64_MAX);
    assert_false(lockstep_count_parse("18446744073709551616", &number));
    assert_false(lockstep_count_parse("1x", &number));
    assert_false(lockstep_count_parse("", &number));
}

struct spelling_row {
    const char *name;
    const char *nearest; /* or NULL */
};

static const struct spelling_row spelling_rows[] = {
    {"listen", "listen"},
    {"lsiten", "listen"},
    {"listne", "listen"},
    {"liste", "listen"},
    {"lisstenn", "listen"},
    {"coordinator", "coordinators"},
    {"modulepath", "module_path"},
    {"dat", "data"},
    {"log", "log"},
    {"lg", "log"},
    {"xyz", NULL},
    {"q", NULL},
    {"", NULL},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
};

static const char *spelling_word(const void *words, size_t i)
{
    static const char *const all[] = {"data", "listen", "log", "coordinators", "module_path"};
    (void)words;
    return i < LOCKSTEP_COUNT(all) ? all[i] : NULL;
}

static void check_spelling(void **state)
{
    const struct spelling_row *row = *state;
    const char *nearest = lockstep_spelling_nearest(row->name, spelling_word, NULL);
    if (row->nearest == NULL) {
        assert_null(nearest);
        return;
    }
    assert_non_null(nearest);
    assert_string_equal(nearest, row->nearest);
}

/* As many elements as there may be, and one more. */
static void a_list_has_an_end(void **state)
{
    const struct lockstep_options options = {sets, LOCKSTEP_COUNT(sets), false};
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        char program[] = "lockstep";
        char option[] = "--node";
        char list[2 * (LOCKSTEP_LIST_MAX + 1) + 1] = "";
        char *argv[] = {program, option, list, NULL};
        int first = 0;
        enum lockstep_err code;
        for (size_t i = 0; i < LOCKSTEP_LIST_MAX + over; i++) {
            memcpy(list + 2 * i, i == 0 ? " a" : ",a", 2);
        }
        memset(&target, 0, sizeof(target));
        code = lockstep_options_parse(&options, 3, argv, &first, &err);
        assert_int_equal(code, over == 0 ? LOCKSTEP_OK : LOCKSTEP_INVALID);
        assert_int_equal(target.nodes.count, LOCKSTEP_LIST_MAX);
        assert_true(over == 0 || strstr(err.message, "more than 256") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_aligned),
        cmocka_unit_test(sizes_and_counts),
        cmocka_unit_test(a_list_has_an_end),
    };
    return LOCKSTEP_RUN_TABLE("options", parse_rows, check_parse) +
           LOCKSTEP_RUN_TABLE("durations", duration_rows, check_duration) +
           LOCKSTEP_RUN_TABLE("spelling", spelling_rows, check_spelling) +
           cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
