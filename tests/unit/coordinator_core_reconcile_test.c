/* What reconciling would do, for every case that operators ask about, and for all small fleets. */
#include "coordinator/core/reconcile.h"
#include "tests/support/cmocka.h"

#include "common/base/assert.h"

#include <string.h>

#define MEMBERS_MAX 9

/* A member a word: what it runs (a, b, c; x and y are quarantined; . is nothing), then ? away or
 * silent, ! pinned, ~ owed or in doubt, % moved too often, - not asked for, and what is recorded of
 * it in capitals. */
struct row {
    const char *name;
    const char *members;
    char desired; /* 0: none */
    enum lockstep_reconcile verdict;
    char target; /* 0: none */
    unsigned drifted;
};

#define NOTHING     LOCKSTEP_RECONCILE_NOTHING
#define REPAIR      LOCKSTEP_RECONCILE_REPAIR
#define AMBIGUOUS   LOCKSTEP_RECONCILE_AMBIGUOUS
#define CONFLICT    LOCKSTEP_RECONCILE_CONFLICT
#define QUARANTINED LOCKSTEP_RECONCILE_QUARANTINED

static const struct row rows[] = {
    {"nobody", "", 0, AMBIGUOUS, 0, 0},
    {"one", "a", 0, NOTHING, 'a', 0},
    {"all alike", "a a a", 'a', NOTHING, 'a', 0},
    {"2-2 changes nothing", "a a b b", 0, AMBIGUOUS, 0, 0},
    {"2-2, also if one of them is recorded", "a a b b", 'a', AMBIGUOUS, 0, 0},
    {"2-2-1 changes nothing", "a a b b c", 0, AMBIGUOUS, 0, 0},
    {"2-1-1-1 is a plurality and changes nothing", "a a b c .", 0, AMBIGUOUS, 0, 0},
    {"3-2 repairs two", "a a a b b", 0, REPAIR, 'a', 2},
    {"3-2, whatever order", "b a b a a", 'a', REPAIR, 'a', 2},
    {"3-1-1 repairs two", "a b a c a", 'a', REPAIR, 'a', 2},
    {"who runs none is repaired", "a a .", 0, REPAIR, 'a', 1},
    {"running none is no version", "a . .", 0, AMBIGUOUS, 0, 0},
    {"who is away counts", "a a b? b?", 0, AMBIGUOUS, 0, 0},
    {"and is not moved", "a a a b b?", 0, REPAIR, 'a', 1},
    {"what it ran last is no vote", "a a a? b b", 0, AMBIGUOUS, 0, 0},
    {"more than half, one of them away", "a a b?", 0, NOTHING, 'a', 0},
    {"all are away", "a? a? a?", 'a', AMBIGUOUS, 0, 0},
    {"who is pinned counts", "a a b! b!", 0, AMBIGUOUS, 0, 0},
    {"has no vote", "a a b b b!", 0, AMBIGUOUS, 0, 0},
    {"no vote for what most run either", "a a a! b b", 0, AMBIGUOUS, 0, 0},
    {"and is not moved from its pin", "a a a b! b", 'a', REPAIR, 'a', 1},
    {"pinned alone differs", "a a a b!", 'a', NOTHING, 'a', 0},
    {"who is owed is not drift", "a a a b~", 'a', NOTHING, 'a', 0},
    {"and votes with what it runs", "a~ a b", 0, REPAIR, 'a', 1},
    {"what is recorded and what most run differ", "b b b a a", 'a', CONFLICT, 0, 0},
    {"also if nobody runs what is recorded", "b b b", 'a', CONFLICT, 0, 0},
    {"a majority on a quarantined version is not followed", "x x x a a", 0, QUARANTINED, 'x', 0},
    {"nor if it is recorded", "x x x a a", 'x', QUARANTINED, 'x', 0},
    {"nor if something else is", "x x x a a", 'a', QUARANTINED, 'x', 0},
    {"nor with all on it", "x x x", 'x', QUARANTINED, 'x', 0},
    {"who runs a quarantined version is moved from it", "a a a x y", 0, REPAIR, 'a', 2},
    {"two quarantined ones make no majority", "x x y y a", 0, AMBIGUOUS, 0, 0},
};

static bool is_bad(char version)
{
    return version == 'x' || version == 'y';
}

static struct lockstep_digest digest_of(char version)
{
    return (struct lockstep_digest){{version == '.' ? 0 : (uint8_t)version}};
}

static uint32_t read_members(const char *text, struct lockstep_member *members)
{
    uint32_t count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '?') {
            members[count - 1].known = false;
        } else if (*at == '!') {
            members[count - 1].pinned = true;
        } else if (*at == '~') {
            members[count - 1].unsettled = true;
        } else if (*at == '%') {
            members[count - 1].damped = true;
        } else if (*at == '-') {
            members[count - 1].unasked = true;
        } else if (*at >= 'A' && *at <= 'Z') {
            members[count - 1].recorded = digest_of((char)(*at - 'A' + 'a'));
        } else if (*at != ' ') {
            members[count++] = (struct lockstep_member){
                .runs = digest_of(*at), .known = true, .quarantined = is_bad(*at)};
        }
    }
    return count;
}

/* What PROTOCOL.md says of a verdict is what the table says. */
static void check_told(void **state)
{
    char text[8192];
    (void)state;
    for (unsigned i = NOTHING; i <= QUARANTINED; i++) {
        char wanted[256];
        bool found = false;
        FILE *file = fopen(LOCKSTEP_SOURCE_DIR "/proto/PROTOCOL.md", "re");
        assert_non_null(file);
        (void)snprintf(wanted, sizeof(wanted), "| `%s` | %s |\n",
                       lockstep_reconcile_word((enum lockstep_reconcile)i),
                       lockstep_reconcile_meaning((enum lockstep_reconcile)i));
        while (!found && fgets(text, sizeof(text), file) != NULL) {
            found = strcmp(text, wanted) == 0;
        }
        assert_int_equal(fclose(file), 0);
        if (!found) {
            fail_msg("proto/PROTOCOL.md has no row %s", wanted);
        }
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct lockstep_member members[MEMBERS_MAX];
    struct lockstep_reconcile_answer answer;
    struct lockstep_reconcile_request request = {.members = members,
                                                 .desired.bytes = {(uint8_t)row->desired}};
    request.member_count = read_members(row->members, members);
    lockstep_reconcile(&request, NULL, &answer);
    assert_string_equal(lockstep_reconcile_word(answer.verdict),
                        lockstep_reconcile_word(row->verdict));
    assert_int_equal(answer.target.bytes[0], row->target);
    assert_int_equal(answer.drifted, row->drifted);
}

/* Every fleet of up to five members, each in one of these ways, with each version recorded or none:
 * what may never happen, and what has to. */
static void check_all(void **state)
{
    static const char *const ways[] = {"a", "b", "x", ".", "a?", "b!", "a~"};
    static const char recorded[] = {0, 'a', 'x'};
    unsigned cases = 1;
    (void)state;
    for (uint32_t n = 1; n <= 5; n++) {
        cases *= LOCKSTEP_COUNT(ways);
        for (unsigned i = 0; i < cases * LOCKSTEP_COUNT(recorded); i++) {
            struct lockstep_member members[MEMBERS_MAX];
            struct lockstep_reconcile_answer answer;
            struct lockstep_reconcile_request request = {.members = members, .member_count = n};
            uint32_t votes[256] = {0};
            unsigned rest = i / LOCKSTEP_COUNT(recorded);
            uint8_t best = 0;
            request.desired.bytes[0] = (uint8_t)recorded[i % LOCKSTEP_COUNT(recorded)];
            for (uint32_t j = 0; j < n; j++, rest /= (unsigned)LOCKSTEP_COUNT(ways)) {
                const char *way = ways[rest % LOCKSTEP_COUNT(ways)];
                (void)read_members(way, &members[j]);
                votes[(uint8_t)way[0]] += way[1] == '?' || way[1] == '!' ? 0 : 1;
            }
            for (const char *at = "abx"; *at != '\0'; at++) {
                best = 2 * votes[(uint8_t)*at] > n ? (uint8_t)*at : best;
            }
            lockstep_reconcile(&request, NULL, &answer);
            assert_int_equal(answer.majority.bytes[0], best);
            assert_int_equal(answer.verdict == AMBIGUOUS, best == 0);
            assert_int_equal(answer.verdict == QUARANTINED, best == 'x');
            assert_int_equal(answer.verdict == CONFLICT, best != 0 && best != 'x' &&
                                                             request.desired.bytes[0] != 0 &&
                                                             request.desired.bytes[0] != best);
            assert_int_equal(answer.verdict == REPAIR, answer.drifted > 0);
            assert_true(answer.verdict != REPAIR ||
                        (answer.target.bytes[0] == best && !is_bad((char)best)));
        }
    }
}

/* What an operator may ask for beside "what the majority runs"; who is in the roster, a letter a
 * member: m moved, n noted, . left out. */
struct ask_row {
    const char *name;
    const char *members;
    char desired;
    char to;
    bool by_majority;
    uint32_t max_changes;
    bool percent;
    enum lockstep_reconcile verdict;
    const char *taken;
};

static const struct ask_row asks[] = {
    {"named, against the majority", "a a a b b", 0, 'b', false, 0, false, REPAIR, "mmm.."},
    {"named, with no majority", "a a b b", 0, 'b', false, 0, false, REPAIR, "mm.."},
    {"named, and nobody runs it", "a a", 'a', 'c', false, 0, false, REPAIR, "mm"},
    {"named, and quarantined", "a x", 0, 'x', false, 0, false, QUARANTINED, ".."},
    {"named, quarantined, and nobody runs it", "a a", 0, 'y', false, 0, false, QUARANTINED, ".."},
    {"named, and all run it", "aA aA", 'a', 'a', false, 0, false, NOTHING, ".."},
    {"what is recorded follows", "aB aB bB", 'b', 'a', false, 0, false, REPAIR, "nnm"},
    {"the majority, whatever is recorded", "aB aB bB", 'b', 0, true, 0, false, REPAIR, "nnm"},
    {"but no plurality", "aB bB cB", 'b', 0, true, 0, false, AMBIGUOUS, "..."},
    {"nor a quarantined one", "xB xB bB", 'b', 0, true, 0, false, QUARANTINED, "..."},
    {"who is away is owed it", "aB aB bB?", 'b', 0, true, 0, false, REPAIR, "nnn"},
    {"if something else is recorded of it", "aA aA aA b?A bA", 'a', 0, false, 0, false, REPAIR,
     "....m"},
    {"who is pinned stays out", "aB aB aB bB!", 'b', 0, true, 0, false, REPAIR, "nnn."},
    {"who is owed gets this instead", "aB aB bB~", 'b', 0, true, 0, false, REPAIR, "nnn"},
    {"who was moved too often is left alone", "a a a b% b", 0, 0, false, 0, false, REPAIR, "....m"},
    {"also when it is alone", "a a b%", 0, 0, false, 0, false, NOTHING, "..."},
    {"and is not owed it either", "a a a bB% b", 0, 0, false, 0, false, REPAIR, "....m"},
    {"only who was asked for is moved", "a a a b- b", 0, 0, false, 0, false, REPAIR, "....m"},
    {"all count", "a- a- b", 0, 0, false, 0, false, REPAIR, "..m"},
    {"no more than so many", "a a a b b", 0, 0, false, 1, false, REPAIR, "...m."},
    {"or as there are", "a a a b b", 0, 0, false, 9, false, REPAIR, "...mm"},
    {"or so many percent", "a a a a a b b b b", 0, 0, false, 25, true, REPAIR, ".....mm.."},
    {"of which one is the least", "a a a b b", 0, 0, false, 1, true, REPAIR, "...m."},
    {"the limit is of moves", "aB aB bB bB aB", 0, 'a', false, 1, false, REPAIR, "nnm.n"},
};

/* Without being asked, nothing is done against what is recorded of a node. */
static const struct ask_row alone[] = {
    {"who is recorded to run it stays on it", "aA aA bB", 0, 0, false, 0, false, NOTHING, "..."},
    {"others are moved", "aA aA aA aA bB bA b", 0, 0, false, 0, false, REPAIR, ".....mm"},
    {"also if it runs a third one", "aA aA cB", 0, 0, false, 0, false, NOTHING, "..."},
    {"and is owed nothing", "aA aA aB? bB~ a", 0, 0, false, 0, false, NOTHING, "....."},
    {"it takes no place", "aA aA aA bB bA bA", 0, 0, false, 1, false, AMBIGUOUS, "......"},
    {"of those that may be moved", "aA aA aA aA bB bA bA", 0, 0, false, 1, false, REPAIR,
     ".....m."},
};

static void check_asked(const struct ask_row *row, bool as_recorded)
{
    struct lockstep_member members[MEMBERS_MAX];
    struct lockstep_reconcile_answer answer;
    bool taken[MEMBERS_MAX];
    char text[MEMBERS_MAX + 1] = "";
    uint32_t moved = 0;
    struct lockstep_reconcile_request request = {.members = members,
                                                 .desired.bytes = {(uint8_t)row->desired},
                                                 .to.bytes = {(uint8_t)row->to},
                                                 .to_quarantined = is_bad(row->to),
                                                 .by_majority = row->by_majority,
                                                 .as_recorded = as_recorded,
                                                 .max_changes = row->max_changes,
                                                 .max_percent = row->percent};
    request.member_count = read_members(row->members, members);
    lockstep_reconcile(&request, taken, &answer);
    for (uint32_t i = 0; i < request.member_count; i++) {
        bool moves = taken[i] && lockstep_reconcile_moves(&members[i], &answer.target);
        text[i] = moves ? 'm' : taken[i] ? 'n' : '.';
        moved += moves ? 1 : 0;
    }
    assert_string_equal(lockstep_reconcile_word(answer.verdict),
                        lockstep_reconcile_word(row->verdict));
    assert_string_equal(text, row->taken);
    assert_int_equal(answer.moved, moved);
}

static void check_ask(void **state)
{
    check_asked(*state, false);
}

static void check_alone(void **state)
{
    check_asked(*state, true);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_all),
                                               cmocka_unit_test(check_told)};
    int failed = LOCKSTEP_RUN_TABLE("reconcile", rows, check_row);
    failed += LOCKSTEP_RUN_TABLE("asks", asks, check_ask);
    failed += LOCKSTEP_RUN_TABLE("alone", alone, check_alone);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
