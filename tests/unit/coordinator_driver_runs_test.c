/* One agent, started again and again, or two that take turns under one key? */
#include "coordinator/view.h"
#include "tests/support/cmocka.h"

#include <string.h>

/* A session a letter: the run of the agent that it is of. */
struct row {
    const char *name;
    const char *runs;
    size_t found;   /* the session at which it must be two; 0: never */
    uint64_t pause; /* milliseconds between sessions */
};

static const struct row rows[] = {
    {"one that stays", "a", 0, 1},
    {"a link that breaks", "aaaaaaaa", 0, 1},
    {"started again", "abcdefgh", 0, 1},
    {"started again, with links that break", "aabbbbcddd", 0, 1},
    {"a session that came late", "abab", 0, 1},
    {"two take turns", "ababab", 6, 1},
    {"two, and one with a better link", "abbbaaabab", 10, 1},
    {"two, found once one is started again", "abcabab", 7, 1},
    {"two, of which one is started again and again", "abacadaea", 9, 1},
    {"late sessions, years apart", "abababababab", 0, 300000},
};

static void check(void **state)
{
    const struct row *row = *state;
    struct lockstep_node_view view;
    size_t found = 0;
    memset(&view, 0, sizeof(view));
    for (size_t i = 0; row->runs[i] != '\0' && found == 0; i++) {
        struct lockstep_id run = {{(uint8_t)row->runs[i]}};
        found = lockstep_view_run(&view, (struct lockstep_time){1 + i * row->pause}, &run) ? i + 1
                                                                                           : 0;
    }
    assert_int_equal(found, row->found);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("runs of an agent", rows, check);
}
