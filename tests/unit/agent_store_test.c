#include "agent/store_internal.h"
#include "common/io/journal_internal.h"
#include "tests/support/agent_store.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <unistd.h>

static void a_vow_is_kept(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare second = order(2, 2);
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE] = {1, 2, 3};
    struct lockstep_wire_prepare intent = {.intent = {(const uint8_t *)"text", 4},
                                           .extra = "x",
                                           .standing = {(const uint8_t *)"order", 5},
                                           .standing_signature = {signature, sizeof(signature)},
                                           .standing_signer = {"ann"}};
    struct lockstep_wire_prepare back;
    (void)state;
    assert_int_equal(lockstep_agent_store_point(store, &first, 1, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    store = open_store();
    load(store);
    assert_int_equal(lockstep_agent_duty(&core, &first.operation)->state, LOCKSTEP_DUTY_PREPARED);
    assert_int_equal(lockstep_agent_store_intent(store, &first.operation, &back, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(back.intent.length, 4);
    assert_memory_equal(back.intent.data, "text", 4);
    assert_string_equal(back.extra, "x");
    assert_int_equal(back.standing.length, 5);
    assert_memory_equal(back.standing.data, "order", 5);
    assert_int_equal(back.standing_signature.length, sizeof(signature));
    assert_memory_equal(back.standing_signature.data, signature, sizeof(signature));
    assert_string_equal(back.standing_signer.text, "ann");
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_FINAL, "", 3, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_vow(store, &second, &intent, 4, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &second, 5, NULL), LOCKSTEP_OK);
    load(store);
    assert_int_equal(core.ended_count, 1);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 2);
    assert_int_equal(core.modules[0].previous.digest.bytes[0], 1);
    assert_int_equal(lockstep_agent_store_fell(store, &second, 6, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_fell(store, &second, 6, NULL), LOCKSTEP_CONFLICT);
    load(store);
    assert_int_equal(core.modules[0].generation, 2);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 1);
    assert_true(lockstep_digest_is_zero(&core.modules[0].previous.digest));
    assert_int_equal(core.refused_count, 1);
    (void)lockstep_agent_store_close(store);
}

/* A first version goes back to being without the module, once; what it is to go back to after that
 * is not known. */
static void a_first_version_goes_back_to_none(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare back = order(2, 2);
    struct lockstep_agent_module_row row;
    bool found = false;
    (void)state;
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    load(store);
    assert_true(core.modules[0].has_previous);
    assert_true(lockstep_digest_is_zero(&core.modules[0].previous.digest));
    back.kind = LOCKSTEP_KIND_COMPENSATION;
    back.items[0].leaving = first.items[0].digest;
    back.items[0].digest = (struct lockstep_digest){0};
    assert_int_equal(lockstep_agent_store_vow(store, &back, &intent, 3, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &back, 4, NULL), LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    store = open_store();
    load(store);
    assert_int_equal(core.modules[0].generation, 2);
    assert_true(lockstep_digest_is_zero(&core.modules[0].current.digest));
    assert_false(core.modules[0].has_previous);
    assert_int_equal(lockstep_agent_store_module(store, &first.items[0].module, &found, &row, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(row.version, "");
    (void)lockstep_agent_store_close(store);
}

static void add_other(struct lockstep_prepare *to, uint64_t generation, uint8_t version)
{
    assert_true(lockstep_name_parse("other", &to->items[1].module));
    to->items[1].generation = generation;
    to->items[1].digest.bytes[0] = version;
    to->item_count = 2;
}

/* What the fourth step of the migration added. */
#define WITHOUT_STANDING                                    \
    "ALTER TABLE meta DROP COLUMN standing;"                \
    "ALTER TABLE operation DROP COLUMN standing;"           \
    "ALTER TABLE operation DROP COLUMN standing_signature;" \
    "ALTER TABLE operation DROP COLUMN standing_signer;"

/* A journal of version 1 knew a version or nothing, and nothing was not known. */
static void a_journal_of_version_1_is_taken_over(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare orders[] = {order(1, 1), order(2, 2)};
    char copy[128];
    (void)state;
    add_other(&orders[1], 2, 9);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lockstep_agent_store_vow(store, &orders[i], &intent, 1, NULL),
                         LOCKSTEP_OK);
        assert_int_equal(lockstep_agent_store_point(store, &orders[i], 2, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(
        lockstep_journal_execute(
            store->journal,
            "ALTER TABLE module DROP COLUMN has_previous; DROP TABLE heuristic;" WITHOUT_STANDING
            "PRAGMA user_version = 1",
            NULL),
        LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    store = open_store();
    load(store);
    assert_true(lockstep_agent_module(&core, &orders[1].items[0].module)->has_previous);
    assert_false(lockstep_agent_module(&core, &orders[1].items[1].module)->has_previous);
    (void)lockstep_agent_store_close(store);
    (void)snprintf(copy, sizeof(copy), "%s/journal.v1", directory);
    assert_int_equal(unlink(copy), 0);
}

/* A journal of version 3 knew of no standing orders: what is in doubt has none, none was seen. */
static void a_journal_of_version_3_is_taken_over(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.intent = {(const uint8_t *)"text", 4}, .extra = "x"};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_wire_prepare back;
    char copy[128];
    (void)state;
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_journal_execute(store->journal, WITHOUT_STANDING "PRAGMA user_version = 3", NULL),
        LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    store = open_store();
    assert_int_equal(lockstep_agent_store_meta(store)->standing_issued_unix_ms, 0);
    assert_int_equal(lockstep_agent_store_intent(store, &first.operation, &back, NULL),
                     LOCKSTEP_OK);
    assert_memory_equal(back.intent.data, "text", 4);
    assert_int_equal(back.standing.length, 0);
    assert_int_equal(back.standing_signature.length, 0);
    assert_string_equal(back.standing_signer.text, "");
    (void)lockstep_agent_store_close(store);
    (void)snprintf(copy, sizeof(copy), "%s/journal.v3", directory);
    assert_int_equal(unlink(copy), 0);
}

/* Of a set one module got other bytes and one did not; the agent started again in between. */
static void a_crash_loop_takes_back_what_was_replaced(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare orders[] = {order(1, 1), order(2, 2)};
    struct lockstep_agent_module *other;
    const struct lockstep_duty *duty;
    (void)state;
    add_other(&orders[0], 1, 8);
    add_other(&orders[1], 2, 9);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lockstep_agent_store_vow(store, &orders[i], &intent, 1, NULL),
                         LOCKSTEP_OK);
        assert_int_equal(lockstep_agent_store_point(store, &orders[i], 2, NULL), LOCKSTEP_OK);
        assert_int_equal(
            lockstep_agent_store_note(store, &orders[i], LOCKSTEP_DUTY_ROW_FINAL, "", 3, NULL),
            LOCKSTEP_OK);
    }
    orders[0] = order(3, 3);
    add_other(&orders[0], 3, 9);
    assert_int_equal(lockstep_agent_store_vow(store, &orders[0], &intent, 4, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &orders[0], 5, NULL), LOCKSTEP_OK);
    load(store);
    duty = lockstep_agent_duty(&core, &orders[0].operation);
    assert_int_equal(duty->order.items[0].leaving.bytes[0], 2);
    assert_int_equal(duty->order.items[1].leaving.bytes[0], 9);
    assert_int_equal(duty->left[0].generation, 2);
    assert_int_equal(lockstep_agent_store_fell(store, &duty->order, 6, NULL), LOCKSTEP_OK);
    load(store);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 2);
    other = lockstep_agent_module(&core, &orders[0].items[1].module);
    assert_int_equal(other->current.digest.bytes[0], 9);
    assert_int_equal(other->previous.digest.bytes[0], 8);
    assert_int_equal(core.refused_count, 1); /* and not what `other` goes on with */
    assert_int_equal(core.refused[0].bytes[0], 3);
    (void)lockstep_agent_store_close(store);
}

/* ---- who this node is ------------------------------------------------------------------------ */

static struct lockstep_agent_store *reopen(struct lockstep_agent_store *store)
{
    (void)lockstep_agent_store_close(store);
    return open_store();
}

static void a_node_is_enrolled_once(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_agent_meta meta = {.name = {"n1"}, .cluster = {{7}}, .coordinator_key = {9}};
    struct lockstep_agent_bundle bundle = {.version = 3, .text = {(const uint8_t *)"trust", 5}};
    const struct lockstep_agent_meta *kept;
    (void)state;
    assert_false(lockstep_agent_store_meta(store)->enrolled);
    assert_int_equal(lockstep_agent_store_enrol(store, &meta, &bundle, NULL), LOCKSTEP_OK);
    meta.cluster.bytes[0] = 8;
    assert_int_equal(lockstep_agent_store_enrol(store, &meta, &bundle, NULL), LOCKSTEP_CONFLICT);
    store = reopen(store);
    kept = lockstep_agent_store_meta(store);
    assert_true(kept->enrolled);
    assert_string_equal(kept->name.text, "n1");
    assert_int_equal(kept->cluster.bytes[0], 7);
    assert_int_equal(kept->coordinator_key[0], 9);
    assert_int_equal(lockstep_agent_store_trust(store).version, 3);
    assert_memory_equal(lockstep_agent_store_trust(store).text.data, "trust", 5);
    (void)lockstep_agent_store_close(store);
}

static void a_bundle_is_only_replaced_by_a_newer_one(void **state)
{
    static const uint8_t long_text[LOCKSTEP_BUNDLE_MAX + 1];
    struct lockstep_agent_store *store = open_store();
    struct lockstep_agent_bundle bundle = {.version = 2, .text = {long_text, 3}};
    (void)state;
    assert_int_equal(lockstep_agent_store_bundle(store, &bundle, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_bundle(store, &bundle, NULL), LOCKSTEP_CONFLICT);
    bundle.version = 1;
    assert_int_equal(lockstep_agent_store_bundle(store, &bundle, NULL), LOCKSTEP_CONFLICT);
    bundle.version = 3;
    bundle.text.length = LOCKSTEP_BUNDLE_MAX + 1;
    assert_int_equal(lockstep_agent_store_bundle(store, &bundle, NULL), LOCKSTEP_LIMIT);
    bundle.text.length = LOCKSTEP_BUNDLE_MAX;
    assert_int_equal(lockstep_agent_store_bundle(store, &bundle, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_trust(store).text.length, LOCKSTEP_BUNDLE_MAX);
    (void)lockstep_agent_store_close(store);
}

static void numbers_do_not_fall(void **state)
{
    static const struct {
        uint64_t epoch;
        uint64_t sequence;
        uint8_t coordinator;
        enum lockstep_err result;
    } epochs[] = {{5, 10, 1, LOCKSTEP_OK},      {4, 10, 1, LOCKSTEP_CONFLICT},
                  {5, 9, 1, LOCKSTEP_CONFLICT}, {5, 10, 1, LOCKSTEP_OK},
                  {6, 11, 1, LOCKSTEP_OK},      {1, 0, 2, LOCKSTEP_OK}};
    static const struct {
        uint64_t sequence;
        uint8_t head;
        enum lockstep_err result;
    } checkpoints[] = {{5, 1, LOCKSTEP_OK},
                       {5, 2, LOCKSTEP_CONFLICT},
                       {5, 1, LOCKSTEP_OK},
                       {4, 1, LOCKSTEP_CONFLICT},
                       {6, 2, LOCKSTEP_OK}};
    struct lockstep_agent_store *store = open_store();
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(epochs); i++) {
        const struct lockstep_id coordinator = {{epochs[i].coordinator}};
        assert_int_equal(lockstep_agent_store_epoch(store, epochs[i].epoch, epochs[i].sequence,
                                                    &coordinator, NULL),
                         epochs[i].result);
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(checkpoints); i++) {
        const struct lockstep_digest head = {{checkpoints[i].head}};
        assert_int_equal(
            lockstep_agent_store_checkpoint(store, checkpoints[i].sequence, &head, NULL),
            checkpoints[i].result);
    }
    assert_int_equal(lockstep_agent_store_clock_floor(store, 100, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_clock_floor(store, 99, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_standing(store, 70, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_standing(store, 70, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_standing(store, 69, NULL), LOCKSTEP_CONFLICT);
    store = reopen(store);
    assert_int_equal(lockstep_agent_store_meta(store)->epoch, 1);
    assert_int_equal(lockstep_agent_store_meta(store)->coordinator.bytes[0], 2);
    assert_int_equal(lockstep_agent_store_meta(store)->checkpoint_sequence, 6);
    assert_int_equal(lockstep_agent_store_meta(store)->clock_floor_unix_ms, 100);
    assert_int_equal(lockstep_agent_store_meta(store)->standing_issued_unix_ms, 70);
    (void)lockstep_agent_store_close(store);
}

/* ---- modules --------------------------------------------------------------------------------- */

static void a_description_lasts_as_long_as_its_version(void **state)
{
    static const struct lockstep_name greet = {"greet"};
    static const struct lockstep_name service = {"web"};
    struct lockstep_agent_description of = {&greet, &service, "1.0.0", 7};
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_agent_store *store = open_store();
    struct lockstep_agent_module_row row;
    bool found = true;
    (void)state;
    assert_int_equal(lockstep_agent_store_module(store, &greet, &found, &row, NULL), LOCKSTEP_OK);
    assert_false(found);
    assert_int_equal(lockstep_agent_store_describe(store, &of, 1, NULL), LOCKSTEP_OK);
    of.version = NULL;
    of.counter_floor = 6;
    assert_int_equal(lockstep_agent_store_describe(store, &of, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_module(store, &greet, &found, &row, NULL), LOCKSTEP_OK);
    assert_true(found);
    assert_string_equal(row.service.text, "web");
    assert_string_equal(row.version, "1.0.0");
    assert_int_equal(row.counter_floor, 7);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_module(store, &greet, &found, &row, NULL), LOCKSTEP_OK);
    assert_string_equal(row.version, "");
    assert_int_equal(row.counter_floor, 7);
    (void)lockstep_agent_store_close(store);
}

static void a_quarantine_is_replaced_and_what_crashed_here_stays(void **state)
{
    static struct lockstep_digest many[LOCKSTEP_AGENT_REFUSED_MAX];
    const struct lockstep_digest two[] = {{{50}}, {{51}}};
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_agent_store *store = open_store();
    (void)state;
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_fell(store, &first, 3, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_quarantine(store, two, 2, NULL), LOCKSTEP_OK);
    lockstep_agent_store_refused(store, &core);
    assert_int_equal(core.refused_count, 3);
    assert_int_equal(lockstep_agent_store_quarantine(store, two, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_quarantine(store, many, LOCKSTEP_COUNT(many), NULL),
                     LOCKSTEP_LIMIT);
    store = reopen(store);
    load(store);
    assert_int_equal(core.refused_count, 2);
    (void)lockstep_agent_store_close(store);
}

/* ---- rows of operations ---------------------------------------------------------------------- */

static void rows_go_forward_only(void **state)
{
    static char long_extra[LOCKSTEP_EXTRA_MAX + 2];
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_wire_prepare too_long = {.extra = long_extra};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare second = order(2, 2);
    (void)state;
    struct lockstep_wire_prepare too_signed = {
        .extra = "", .signature = {(const uint8_t *)long_extra, LOCKSTEP_KEY_SIGNATURE + 1}};
    static const uint8_t long_order[LOCKSTEP_STANDING_MAX + 1];
    struct lockstep_wire_prepare too_standing = {.extra = "",
                                                 .standing = {long_order, sizeof(long_order)}};
    struct lockstep_wire_prepare too_standing_signed = {
        .extra = "", .standing_signature = {long_order, LOCKSTEP_KEY_SIGNATURE + 1}};
    assert_int_equal(lockstep_agent_store_vow(store, &first, &too_standing, 1, NULL),
                     LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &too_standing_signed, 1, NULL),
                     LOCKSTEP_LIMIT);
    memset(long_extra, 'x', LOCKSTEP_EXTRA_MAX + 1);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &too_signed, 1, NULL), LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &too_long, 1, NULL), LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_agent_store_fell(store, &first, 2, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(
        lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_APPLIED, "", 2, NULL),
        LOCKSTEP_OK);
    load(store);
    assert_string_equal(
        lockstep_duty_state_name(lockstep_agent_duty(&core, &first.operation)->state), "PREPARED");
    assert_int_equal(
        lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_ABORTED, "why", 2, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_settle(store, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &first, 3, NULL), LOCKSTEP_CONFLICT);
    /* A tombstone for what was never promised. */
    assert_int_equal(
        lockstep_agent_store_note(store, &second, LOCKSTEP_DUTY_ROW_ABORTED, "why", 2, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_settle(store, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_vow(store, &second, &intent, 3, NULL), LOCKSTEP_CONFLICT);
    second = order(3, 3);
    assert_int_equal(lockstep_agent_store_vow(store, &second, &intent, 3, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &second, 4, NULL), LOCKSTEP_OK);
    /* What is committed is not aborted any more. */
    assert_int_equal(
        lockstep_agent_store_note(store, &second, LOCKSTEP_DUTY_ROW_ABORTED, "why", 5, NULL),
        LOCKSTEP_OK);
    store = reopen(store);
    load(store);
    assert_int_equal(core.ended_count, 2);
    assert_int_equal(core.ended[1].applied, LOCKSTEP_APPLIED_ABORTED);
    assert_string_equal(
        lockstep_duty_state_name(lockstep_agent_duty(&core, &second.operation)->state),
        "PUBLISHING");
    (void)lockstep_agent_store_close(store);
}

static void an_order_comes_back_as_it_was(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    (void)state;
    add_other(&first, 2, 9);
    first.parent.bytes[3] = 4;
    first.roster.bytes[5] = 6;
    first.epoch = 7;
    first.strategy = LOCKSTEP_STRATEGY_QUORUM;
    first.drain = LOCKSTEP_DRAIN_ALWAYS;
    first.drain_timeout_ms = 8;
    first.prepare_ms = 9;
    first.roster_size = 10;
    first.again = true;
    first.no_smoke = true;
    first.items[1].leaving.bytes[0] = 11;
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    store = reopen(store);
    load(store);
    assert_memory_equal(&lockstep_agent_duty(&core, &first.operation)->order, &first,
                        sizeof(first));
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    (void)lockstep_agent_store_close(store);
}

static void the_last_that_ended_are_remembered(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_prepare ended = order(1, 1);
    (void)state;
    for (uint8_t i = 1; i <= LOCKSTEP_AGENT_ENDED + 2; i++) {
        ended.operation.bytes[0] = i;
        assert_int_equal(
            lockstep_agent_store_note(store, &ended, LOCKSTEP_DUTY_ROW_ABORTED, "", 1, NULL),
            LOCKSTEP_OK);
    }
    load(store);
    assert_int_equal(core.ended_count, LOCKSTEP_AGENT_ENDED);
    assert_int_equal(core.ended[0].operation.bytes[0], 3);
    assert_int_equal(core.ended[LOCKSTEP_AGENT_ENDED - 1].operation.bytes[0],
                     LOCKSTEP_AGENT_ENDED + 2);
    (void)lockstep_agent_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_is_enrolled_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bundle_is_only_replaced_by_a_newer_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_do_not_fall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_description_lasts_as_long_as_its_version, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_quarantine_is_replaced_and_what_crashed_here_stays,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_go_forward_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_that_ended_are_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_loop_takes_back_what_was_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_first_version_goes_back_to_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_journal_of_version_1_is_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_journal_of_version_3_is_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vow_is_kept, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
