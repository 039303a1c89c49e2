#include "common/io/intent.h"

#include "common/io/digest.h"
#include "common/io/intent_internal.h"

#include <sodium.h>
#include <string.h>

#define SIGN_DOMAIN   "lockstep/intent/1"
#define ROSTER_DOMAIN "lockstep/roster/1"
#define EXTRA_DOMAIN  "lockstep/extra/1"
#define NONE          "-"
#define YES           "yes"
#define NUMBER_TEXT   21

static int compare_items(const void *a, const void *b)
{
    const struct lockstep_item *left = a;
    const struct lockstep_item *right = b;
    return strcmp(left->module.text, right->module.text);
}

enum lockstep_err lockstep_intent_add(struct lockstep_intent *intent,
                                      const struct lockstep_item *item, struct lockstep_error *err)
{
    const struct lockstep_text_list list = {intent->items, &intent->item_count,
                                            sizeof(*item), LOCKSTEP_ITEMS_MAX,
                                            "item",        compare_items};
    return lockstep_text_insert(&list, item, err);
}

/* 64 hexadecimal digits, or "-" for none. */
static bool read_digest(const char *text, struct lockstep_digest *ret_digest)
{
    if (strcmp(text, NONE) == 0) {
        memset(ret_digest, 0, sizeof(*ret_digest));
        return true;
    }
    return lockstep_digest_parse(text, ret_digest);
}

static void write_digest(const struct lockstep_digest *digest, char ret_text[LOCKSTEP_DIGEST_TEXT])
{
    if (lockstep_digest_is_zero(digest)) {
        memcpy(ret_text, NONE, sizeof(NONE));
        return;
    }
    lockstep_digest_format(digest, ret_text);
}

/* "GENERATION DIGEST LEAVING" */
static bool read_item(const struct lockstep_text_field *field, void *object, const char *rest,
                      const char *value)
{
    struct lockstep_item item = {.generation = 0};
    char number[NUMBER_TEXT];
    char digest[LOCKSTEP_DIGEST_TEXT];
    (void)field;
    return lockstep_name_parse(rest, &item.module) &&
           lockstep_text_split(&value, ' ', number, sizeof(number)) &&
           lockstep_text_u64(number, &item.generation) && item.generation > 0 &&
           lockstep_text_split(&value, ' ', digest, sizeof(digest)) &&
           read_digest(digest, &item.digest) && value != NULL &&
           read_digest(value, &item.leaving) &&
           lockstep_intent_add(object, &item, NULL) == LOCKSTEP_OK;
}

static void write_items(const struct lockstep_text_field *field, const void *object,
                        struct lockstep_text_writer *writer)
{
    const struct lockstep_intent *intent = object;
    for (uint32_t i = 0; i < intent->item_count; i++) {
        char digest[LOCKSTEP_DIGEST_TEXT];
        char leaving[LOCKSTEP_DIGEST_TEXT];
        write_digest(&intent->items[i].digest, digest);
        write_digest(&intent->items[i].leaving, leaving);
        lockstep_text_put(writer, field->key, intent->items[i].module.text, "%llu %s %s",
                          (unsigned long long)intent->items[i].generation, digest, leaving);
    }
}

/* Words of a table, each with a field of its own. */
#define WORD_FIELD(noun)                                                                  \
    static bool read_##noun(const struct lockstep_text_field *field, void *object,        \
                            const char *rest, const char *value)                          \
    {                                                                                     \
        struct lockstep_intent *intent = object;                                          \
        (void)field;                                                                      \
        (void)rest;                                                                       \
        intent->noun = lockstep_##noun##_parse(value);                                    \
        return intent->noun != 0;                                                         \
    }                                                                                     \
    static void write_##noun(const struct lockstep_text_field *field, const void *object, \
                             struct lockstep_text_writer *writer)                         \
    {                                                                                     \
        const struct lockstep_intent *intent = object;                                    \
        const char *text = lockstep_##noun##_text(intent->noun);                          \
        if (text != NULL) {                                                               \
            lockstep_text_put(writer, field->key, "", "%s", text);                        \
        }                                                                                 \
    }

WORD_FIELD(kind)
WORD_FIELD(on_failure)
WORD_FIELD(strategy)

static bool read_no_smoke(const struct lockstep_text_field *field, void *object, const char *rest,
                          const char *value)
{
    struct lockstep_intent *intent = object;
    (void)field;
    (void)rest;
    intent->no_smoke = strcmp(value, YES) == 0;
    return intent->no_smoke;
}

static void write_no_smoke(const struct lockstep_text_field *field, const void *object,
                           struct lockstep_text_writer *writer)
{
    const struct lockstep_intent *intent = object;
    if (intent->no_smoke) {
        lockstep_text_put(writer, field->key, "", "%s", YES);
    }
}

#define FIELD(member, key, required, kind) \
    LOCKSTEP_TEXT_FIELD(struct lockstep_intent, member, key, required, kind)

static const struct lockstep_text_field fields[] = {
    FIELD(cluster, "cluster", true, id),
    FIELD(extra, "extra", false, digest),
    {"item.", true, "GENERATION DIGEST LEAVING, with '-' for no version", read_item, write_items, 0,
     0},
    {"kind", true, "reload, undo or reconcile", read_kind, write_kind, 0, 0},
    LOCKSTEP_TEXT_FORMAT("lockstep-intent"),
    {"no-smoke", false, "yes", read_no_smoke, write_no_smoke, 0, 0},
    FIELD(not_after_unix_ms, "not-after-unix-ms", true, number),
    {"on-failure", true, "rollback or hold", read_on_failure, write_on_failure, 0, 0},
    FIELD(operation, "operation", true, id),
    FIELD(plan_index, "plan-index", false, number),
    FIELD(roster, "roster", true, digest),
    FIELD(roster_size, "roster-size", true, number),
    {"strategy", true, "sync_all, quorum, local or rolling", read_strategy, write_strategy, 0, 0},
};

static const struct lockstep_text_schema schema = {
    .noun = "intent",
    .length_max = LOCKSTEP_INTENT_MAX,
    .field_count = LOCKSTEP_COUNT(fields),
    .fields = fields,
};

/* What holds of an intent as a whole. */
static enum lockstep_err check_whole(const struct lockstep_intent *intent,
                                     struct lockstep_error *err)
{
    if (intent->kind == LOCKSTEP_KIND_COMPENSATION) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "nobody signs a compensation: the intent of its parent covers it");
    }
    if (intent->roster_size > LOCKSTEP_NODES_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the intent is for more than %d nodes",
                             LOCKSTEP_NODES_MAX);
    }
    for (uint32_t i = 0; i < intent->item_count; i++) {
        const struct lockstep_item *item = &intent->items[i];
        if (item->generation == 0 ||
            (!lockstep_kind_goes_back(intent->kind) && lockstep_digest_is_zero(&item->digest))) {
            return LOCKSTEP_FAIL(err, INVALID, "the intent's item %s lacks a %s", item->module.text,
                                 item->generation == 0 ? "generation" : "version to load");
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_intent_encode(const struct lockstep_intent *intent, char *ret_text,
                                         size_t size, size_t *ret_length,
                                         struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_whole(intent, err));
    return lockstep_text_format(&schema, intent, ret_text, size, ret_length, err);
}

enum lockstep_err lockstep_intent_parse(const char *text, size_t length,
                                        struct lockstep_intent *ret_intent,
                                        struct lockstep_error *err)
{
    struct lockstep_intent intent = {.item_count = 0};
    LOCKSTEP_TRY(lockstep_text_parse(&schema, text, length, &intent, err));
    LOCKSTEP_TRY(check_whole(&intent, err));
    *ret_intent = intent;
    return LOCKSTEP_OK;
}

void lockstep_intent_sign(const char *text, size_t length, const struct lockstep_key *key,
                          uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE])
{
    lockstep_key_sign(key, SIGN_DOMAIN, text, length, ret_signature);
}

enum lockstep_no lockstep_intent_check_signer(const struct lockstep_intent_offer *offer,
                                              const struct lockstep_intent_sort *sort,
                                              const struct lockstep_bundle *bundle,
                                              struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_bundle_operator *signer = lockstep_bundle_operator_by_name(bundle,
                                                                                     offer->signer);
    const struct lockstep_signed what = {sort->domain, offer->text, offer->length,
                                         offer->signature};
    if (signer == NULL) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the %s's signer %.63s is not in trust bundle %llu, or is revoked",
                               sort->noun, offer->signer, (unsigned long long)bundle->version);
    }
    if ((signer->roles & (unsigned)LOCKSTEP_ROLE_OPERATOR) == 0) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the %s's signer %s does not have the role operator", sort->noun,
                               signer->key.name.text);
    }
    if (offer->signature_length != LOCKSTEP_KEY_SIGNATURE ||
        !lockstep_key_verify(signer->key.signing, &what)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT, "the %s is not what %s signed",
                               sort->noun, signer->key.name.text);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_intent_check_bundle(const struct lockstep_bundle *bundle,
                                              uint64_t now_unix_ms,
                                              struct lockstep_refusal *ret_refusal)
{
    return lockstep_bundle_expired(bundle, now_unix_ms)
               ? lockstep_refuse(
                     ret_refusal, LOCKSTEP_NO_EXPIRED,
                     "trust bundle %llu has expired; a security-admin must sign the next",
                     (unsigned long long)bundle->version)
               : LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_intent_authentic(const struct lockstep_intent_offer *offer,
                                           const struct lockstep_bundle *bundle,
                                           struct lockstep_intent *ret_intent,
                                           struct lockstep_refusal *ret_refusal)
{
    static const struct lockstep_intent_sort sort = {SIGN_DOMAIN, "intent"};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_intent intent;
    enum lockstep_no no = lockstep_intent_check_signer(offer, &sort, bundle, ret_refusal);
    if (no != LOCKSTEP_NO_UNSPECIFIED) {
        return no;
    }
    if (lockstep_intent_parse(offer->text, offer->length, &intent, &err) != LOCKSTEP_OK) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT, "what is signed is no intent: %s",
                               err.message);
    }
    if (!lockstep_id_equal(&intent.cluster, &bundle->cluster)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_WRONG_CLUSTER,
                               "the intent is for another cluster");
    }
    *ret_intent = intent;
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_intent_verify(const struct lockstep_intent_offer *offer,
                                        const struct lockstep_bundle *bundle, uint64_t now_unix_ms,
                                        struct lockstep_intent *ret_intent,
                                        struct lockstep_refusal *ret_refusal)
{
    enum lockstep_no no = lockstep_intent_authentic(offer, bundle, ret_intent, ret_refusal);
    if (no != LOCKSTEP_NO_UNSPECIFIED) {
        return no;
    }
    if (now_unix_ms > ret_intent->not_after_unix_ms) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_EXPIRED, "the intent has expired");
    }
    return lockstep_intent_check_bundle(bundle, now_unix_ms, ret_refusal);
}

const struct lockstep_item *lockstep_intent_item(const struct lockstep_intent *intent,
                                                 const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < intent->item_count; i++) {
        if (lockstep_name_equal(&intent->items[i].module, module)) {
            return &intent->items[i];
        }
    }
    return NULL;
}

/* ITEM goes back on what SIGNED ordered: the generation behind it, away from its digest. */
static bool goes_back(const struct lockstep_item *signed_item, const struct lockstep_item *item)
{
    return item->generation > 0 && item->generation - 1 == signed_item->generation &&
           lockstep_digest_equal(&item->leaving, &signed_item->digest);
}

static bool same_item(const struct lockstep_item *signed_item, const struct lockstep_item *item)
{
    return item->generation == signed_item->generation &&
           lockstep_digest_equal(&item->digest, &signed_item->digest) &&
           lockstep_digest_equal(&item->leaving, &signed_item->leaving);
}

/* An undo may name no version: each node goes back to what it recorded as its previous one, and
 * that is checked there. */
static bool undoes(const struct lockstep_item *signed_item, const struct lockstep_item *item)
{
    return item->generation == signed_item->generation &&
           lockstep_digest_equal(&item->leaving, &signed_item->leaving) &&
           (lockstep_digest_is_zero(&signed_item->digest) ||
            lockstep_digest_equal(&item->digest, &signed_item->digest));
}

/* Every item of PREPARE is one of the intent's, each once, and none is left out: sets are atomic.
 */
static enum lockstep_no
check_items(const struct lockstep_intent *intent, const struct lockstep_prepare *prepare,
            bool (*agrees)(const struct lockstep_item *, const struct lockstep_item *),
            struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_item *found;
    uint64_t seen = 0;
    if (prepare->item_count != intent->item_count) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT, "signed are %u modules, ordered %u",
                               intent->item_count, prepare->item_count);
    }
    for (uint32_t i = 0; i < prepare->item_count; i++) {
        const struct lockstep_item *item = &prepare->items[i];
        found = lockstep_intent_item(intent, &item->module);
        if (found == NULL || (seen & 1ULL << (found - intent->items)) != 0) {
            return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                                   "module %s is not in the intent, or is ordered twice",
                                   item->module.text);
        }
        seen |= 1ULL << (found - intent->items);
        if (!agrees(found, item)) {
            return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                                   "generation or digest of module %s are not those signed",
                                   item->module.text);
        }
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static enum lockstep_no covers_compensation(const struct lockstep_intent *intent,
                                            const struct lockstep_prepare *prepare,
                                            struct lockstep_refusal *ret_refusal)
{
    if (!lockstep_id_equal(&prepare->parent, &intent->operation)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the intent is not of the operation that is gone back on");
    }
    if (intent->kind != LOCKSTEP_KIND_RELOAD) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT, "going back is never compensated");
    }
    if (intent->on_failure != LOCKSTEP_ON_FAILURE_ROLLBACK) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the operator signed to hold on failure, not to go back");
    }
    return check_items(intent, prepare, goes_back, ret_refusal);
}

enum lockstep_no lockstep_intent_covers(const struct lockstep_intent *intent,
                                        const struct lockstep_prepare *prepare,
                                        struct lockstep_refusal *ret_refusal)
{
    if (prepare->no_smoke && !intent->no_smoke) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the operator did not sign to leave out smoke tests");
    }
    if (prepare->kind == LOCKSTEP_KIND_COMPENSATION) {
        return covers_compensation(intent, prepare, ret_refusal);
    }
    if (!lockstep_id_equal(&prepare->operation, &intent->operation)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "the intent is of another operation");
    }
    if (prepare->kind != intent->kind || prepare->strategy != intent->strategy) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "kind or strategy are not those signed");
    }
    if (prepare->roster_size != intent->roster_size ||
        !lockstep_digest_equal(&prepare->roster, &intent->roster)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT, "the roster is not the one signed");
    }
    return check_items(intent, prepare, prepare->kind == LOCKSTEP_KIND_UNDO ? undoes : same_item,
                       ret_refusal);
}

void lockstep_intent_extra(const char *text, struct lockstep_digest *ret_digest)
{
    memset(ret_digest, 0, sizeof(*ret_digest));
    if (text != NULL && text[0] != '\0') {
        lockstep_digest_domain(EXTRA_DOMAIN, text, strlen(text), ret_digest);
    }
}

enum lockstep_no lockstep_intent_covers_extra(const struct lockstep_intent *intent,
                                              const char *text,
                                              struct lockstep_refusal *ret_refusal)
{
    struct lockstep_digest digest;
    lockstep_intent_extra(text, &digest);
    if (!lockstep_digest_equal(&digest, &intent->extra)) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "what up and down would get is not what was signed");
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_err lockstep_roster_digest(const struct lockstep_name *names, size_t count,
                                         struct lockstep_digest *ret_digest,
                                         struct lockstep_error *err)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(ret_digest->bytes));
    (void)crypto_generichash_update(&state, (const uint8_t *)ROSTER_DOMAIN, sizeof(ROSTER_DOMAIN));
    for (size_t i = 0; i < count; i++) {
        uint8_t length = (uint8_t)strnlen(names[i].text, sizeof(names[i].text));
        if (!lockstep_name_valid(names[i].text, length) ||
            (i > 0 && strcmp(names[i - 1].text, names[i].text) >= 0)) {
            return LOCKSTEP_FAIL(
                err, INVALID, "node %zu of the roster is no name, repeated or not in order", i + 1);
        }
        (void)crypto_generichash_update(&state, &length, 1);
        (void)crypto_generichash_update(&state, (const uint8_t *)names[i].text, length);
    }
    (void)crypto_generichash_final(&state, ret_digest->bytes, sizeof(ret_digest->bytes));
    return LOCKSTEP_OK;
}
