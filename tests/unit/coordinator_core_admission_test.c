#include "coordinator/core/admission.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

/* Nodes as letters: R ready and carries the module, r ready without it, A absent with it, x no
 * member. P and p are placed and have not said that they run it: ready (its host is away), absent
 * (the coordinator was started again). L is ready and runs it without being placed. C and c are
 * cordoned: ready, absent. */
struct row {
    const char *name;
    enum lockstep_strategy strategy;
    enum lockstep_offline offline;
    const char *nodes;
    uint32_t quorum;
    bool percent; /* quorum and max_fail are */
    bool limited; /* max_fail is given */
    uint32_t max_fail;
    bool install;
    bool quarantined;
    bool held;
    bool read_only;
    bool twice;
    bool no_names; /* as many modules are known as may be */
    bool unplaced; /* no placement of the module is recorded */
    enum lockstep_admission admission;
    uint32_t n;
    uint32_t need;
    uint32_t bears; /* failures */
    uint32_t cordoned;
};

#define ALL    LOCKSTEP_STRATEGY_SYNC_ALL
#define QUORUM LOCKSTEP_STRATEGY_QUORUM
#define LOCAL  LOCKSTEP_STRATEGY_LOCAL
#define FAIL   LOCKSTEP_OFFLINE_FAIL
#define SKIP   LOCKSTEP_OFFLINE_SKIP
#define A(x)   LOCKSTEP_ADMISSION_##x

static const struct row rows[] = {
    {.name = "all well", ALL, FAIL, "RRR", .admission = A(ADMITTED), .n = 3, .need = 3},
    {.name = "absence never makes N smaller",
     ALL,
     FAIL,
     "RRA",
     .admission = A(ABSENT),
     .n = 3,
     .need = 3},
    {.name = "skipping is deliberate",
     ALL,
     SKIP,
     "RRA",
     .admission = A(ADMITTED),
     .n = 3,
     .need = 2},
    {.name = "nobody there to skip to", ALL, SKIP, "AAA", .admission = A(ABSENT), .n = 3},
    {.name = "a majority of the members",
     QUORUM,
     FAIL,
     "RRRAA",
     .admission = A(ADMITTED),
     .n = 5,
     .need = 3},
    {.name = "not a majority of the connected",
     QUORUM,
     FAIL,
     "RRAAA",
     .admission = A(ABSENT),
     .n = 5,
     .need = 3},
    {.name = "two of four never act",
     QUORUM,
     FAIL,
     "RRAA",
     .admission = A(ABSENT),
     .n = 4,
     .need = 3},
    {.name = "a quorum may be raised",
     QUORUM,
     FAIL,
     "RRRRA",
     .quorum = 5,
     .admission = A(ABSENT),
     .n = 5,
     .need = 5},
    {.name = "a quorum may not be lowered",
     QUORUM,
     FAIL,
     "RRRRA",
     .quorum = 1,
     .admission = A(ADMITTED),
     .n = 5,
     .need = 3},
    {.name = "a share of the roster, not of who was selected, rounds up",
     QUORUM,
     FAIL,
     "RRRRRrrr",
     .quorum = 61,
     .percent = true,
     .admission = A(ADMITTED),
     .n = 5,
     .need = 4,
     .bears = 1},
    {.name = "an exact share is not rounded",
     QUORUM,
     FAIL,
     "RRRRR",
     .quorum = 80,
     .percent = true,
     .admission = A(ADMITTED),
     .n = 5,
     .need = 4,
     .bears = 1},
    {.name = "failures borne round down",
     QUORUM,
     FAIL,
     "RRRRRrrr",
     .percent = true,
     .limited = true,
     .max_fail = 39,
     .admission = A(ADMITTED),
     .n = 5,
     .need = 3,
     .bears = 1},
    {.name = "none may fail",
     QUORUM,
     FAIL,
     "RRRRR",
     .limited = true,
     .admission = A(ADMITTED),
     .n = 5,
     .need = 3},
    {.name = "all bear no failure",
     ALL,
     FAIL,
     "RR",
     .limited = true,
     .max_fail = 2,
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "local is one node", LOCAL, FAIL, "RR", .admission = A(NOT_ONE), .n = 2, .need = 2},
    {.name = "strangers do not count",
     ALL,
     FAIL,
     "RxR",
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "nobody carries it", ALL, FAIL, "rr", .admission = A(NO_NODES)},
    {.name = "unless it is installed",
     ALL,
     FAIL,
     "rr",
     .install = true,
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "who does not carry it is left out",
     ALL,
     FAIL,
     "RrR",
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "who is to run it belongs to it, whatever it tells",
     ALL,
     FAIL,
     "RPr",
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "and so does who has not told yet",
     ALL,
     FAIL,
     "RpP",
     .admission = A(ABSENT),
     .n = 3,
     .need = 3},
    {.name = "who runs it without being placed does not",
     ALL,
     FAIL,
     "RLR",
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "where nobody is placed, who runs it belongs to it",
     ALL,
     FAIL,
     "LLr",
     .unplaced = true,
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2},
    {.name = "quarantined",
     ALL,
     FAIL,
     "RR",
     .quarantined = true,
     .admission = A(QUARANTINED),
     .n = 2,
     .need = 2},
    {.name = "held by another",
     ALL,
     FAIL,
     "RR",
     .held = true,
     .admission = A(HELD),
     .n = 2,
     .need = 2},
    {.name = "a restored journal decides nothing",
     ALL,
     FAIL,
     "RR",
     .read_only = true,
     .admission = A(READ_ONLY),
     .n = 2,
     .need = 2},
    {.name = "one module more than may be known",
     ALL,
     FAIL,
     "RR",
     .no_names = true,
     .admission = A(TOO_MANY),
     .n = 2,
     .need = 2},
    {.name = "who is cordoned does not count",
     ALL,
     FAIL,
     "RCRc",
     .admission = A(ADMITTED),
     .n = 2,
     .need = 2,
     .cordoned = 2},
    {.name = "a majority of those who are not cordoned",
     QUORUM,
     FAIL,
     "RRACC",
     .admission = A(ADMITTED),
     .n = 3,
     .need = 2,
     .bears = 1,
     .cordoned = 2},
    {.name = "who is cordoned helps no majority",
     QUORUM,
     FAIL,
     "RAACC",
     .admission = A(ABSENT),
     .n = 3,
     .need = 2,
     .cordoned = 2},
    {.name = "nobody but cordoned", ALL, FAIL, "xCc", .admission = A(CORDONED), .cordoned = 2},
    {.name = "local on a cordoned node", LOCAL, FAIL, "C", .admission = A(CORDONED), .cordoned = 1},
    {.name = "local owes nobody anything",
     LOCAL,
     FAIL,
     "RC",
     .admission = A(NOT_ONE),
     .n = 1,
     .need = 1,
     .cordoned = 1},
    {.name = "named twice", ALL, FAIL, "RR", .twice = true, .admission = A(DUPLICATE)},
};

/* What the operator asks for. */
static void ask(const struct row *row, struct lockstep_request *request)
{
    request->offline = row->offline;
    request->quorum = row->quorum;
    request->quorum_percent = row->percent;
    request->max_fail_given = row->limited;
    request->max_fail_percent = row->percent;
    request->options.max_fail = row->max_fail;
    request->install = row->install;
    request->item_count = row->twice ? 2 : 1;
    for (uint32_t i = 0; i < request->item_count; i++) {
        request->items[i].module = (struct lockstep_name){"pay"};
        request->items[i].digest.bytes[0] = 2;
        request->items[i].quarantined = row->quarantined;
        request->items[i].recorded = !row->unplaced;
    }
}

static void check(void **state)
{
    const struct row *row = *state;
    static const struct lockstep_live carried = {
        .module = {"pay"}, .generation = 1, .digest = {{1}}};
    struct lockstep_fleet *fleet = calloc(1, sizeof(*fleet));
    struct lockstep_operation *holder = calloc(1, sizeof(*holder));
    struct lockstep_node nodes[8];
    struct lockstep_defaults settings;
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RELOAD, .strategy = row->strategy};
    struct lockstep_digest desired[8 * 2];
    bool placed[8 * 2];
    uint32_t selected[8];
    uint32_t roster[8];
    struct lockstep_plan plan = {.roster = roster};
    memset(nodes, 0, sizeof(nodes));
    memset(desired, 0, sizeof(desired));
    memset(placed, 0, sizeof(placed));
    assert_non_null(fleet);
    assert_non_null(holder);
    lockstep_defaults_init(&settings);
    fleet->module_max = row->no_names ? 0 : 1;
    fleet->nodes = nodes;
    fleet->node_count = (uint32_t)strlen(row->nodes);
    lockstep_fleet_init(fleet, &settings, 1, 0, (struct lockstep_time){1});
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        bool carries = strchr("RALCc", row->nodes[i]) != NULL;
        nodes[i].member = row->nodes[i] != 'x';
        nodes[i].ready = strchr("RrPLC", row->nodes[i]) != NULL;
        nodes[i].cordoned = strchr("Cc", row->nodes[i]) != NULL;
        nodes[i].live = carries ? &carried : NULL;
        nodes[i].live_count = carries ? 1 : 0;
        selected[i] = i;
    }
    fleet->read_only = row->read_only;
    if (row->held) {
        holder->state = LOCKSTEP_OPERATION_PREPARING;
        holder->item_count = 1;
        holder->items[0].module = carried.module;
        fleet->operations[3] = holder;
    }
    ask(row, &request);
    for (uint32_t i = 0; i < fleet->node_count * request.item_count; i++) {
        placed[i] = strchr("RAPpCc", row->nodes[i / request.item_count]) != NULL;
        desired[i].bytes[0] = placed[i] ? 1 : 0;
    }
    request.placed = placed;
    request.desired = desired;
    request.selected = selected;
    request.selected_count = fleet->node_count;
    lockstep_fleet_plan(fleet, &request, &plan);
    assert_string_equal(lockstep_admission_name(plan.admission),
                        lockstep_admission_name(row->admission));
    assert_int_equal(plan.n, row->n);
    assert_int_equal(plan.need, row->need);
    assert_int_equal(plan.cordoned, row->cordoned);
    if (row->bears > 0 || row->limited) {
        assert_int_equal(plan.max_fail, row->bears);
    }
    assert_true((plan.holder != NULL) == row->held);
    free(holder);
    free(fleet);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("admission", rows, check) == 0 ? 0 : 1;
}
