#include "common/io/standing.h"

#include "common/io/intent_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EVERY_MODULE "*"
/* The last moment of the year 9999: later ones have no place in words. */
#define TIME_MAX_UNIX_MS 253402300799999ULL

static const struct lockstep_intent_sort sort = {"lockstep/standing/1", "standing order"};

static int compare_names(const void *a, const void *b)
{
    const struct lockstep_name *left = a;
    const struct lockstep_name *right = b;
    return strcmp(left->text, right->text);
}

enum lockstep_err lockstep_standing_add(struct lockstep_standing *standing,
                                        const struct lockstep_name *module,
                                        struct lockstep_error *err)
{
    const struct lockstep_text_list list = {standing->modules, &standing->module_count,
                                            sizeof(*module),   LOCKSTEP_ITEMS_MAX,
                                            "module",          compare_names};
    return lockstep_text_insert(&list, module, err);
}

/* ---- the text -------------------------------------------------------------------------------- */

static bool read_modules(const struct lockstep_text_field *field, void *object, const char *rest,
                         const char *value)
{
    struct lockstep_name module;
    char text[sizeof(module.text)];
    (void)field;
    (void)rest;
    if (strcmp(value, EVERY_MODULE) == 0) {
        return true;
    }
    while (value != NULL) {
        if (!lockstep_text_split(&value, ',', text, sizeof(text)) ||
            !lockstep_name_parse(text, &module) ||
            lockstep_standing_add(object, &module, NULL) != LOCKSTEP_OK) {
            return false;
        }
    }
    return true;
}

static void write_modules(const struct lockstep_text_field *field, const void *object,
                          struct lockstep_text_writer *writer)
{
    const struct lockstep_standing *standing = object;
    char list[LOCKSTEP_ITEMS_MAX * sizeof(standing->modules[0].text)] = EVERY_MODULE;
    size_t length = 0;
    for (uint32_t i = 0; i < standing->module_count; i++) {
        length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s", i > 0 ? "," : "",
                                   standing->modules[i].text);
    }
    lockstep_text_put(writer, field->key, "", "%s", list);
}

#define FIELD(member, key, kind) \
    LOCKSTEP_TEXT_FIELD(struct lockstep_standing, member, key, true, kind)

static const struct lockstep_text_field fields[] = {
    FIELD(cluster, "cluster", id),
    FIELD(issued_unix_ms, "issued-unix-ms", number),
    LOCKSTEP_TEXT_FORMAT("lockstep-standing"),
    FIELD(max_changes_percent, "max-changes-percent", number),
    {"modules", true, "'*', or modules in order with commas between", read_modules, write_modules,
     0, 0},
    FIELD(not_after_unix_ms, "not-after-unix-ms", number),
    FIELD(order, "order", id),
};

static const struct lockstep_text_schema schema = {
    .noun = "standing order",
    .length_max = LOCKSTEP_STANDING_MAX,
    .field_count = LOCKSTEP_COUNT(fields),
    .fields = fields,
};

/* What holds of an order as a whole. */
static enum lockstep_err check_whole(const struct lockstep_standing *standing,
                                     struct lockstep_error *err)
{
    if (standing->max_changes_percent > 100) {
        return LOCKSTEP_FAIL(err, INVALID, "the standing order is for more than 100 %% of nodes");
    }
    if (standing->not_after_unix_ms > TIME_MAX_UNIX_MS ||
        standing->issued_unix_ms >= standing->not_after_unix_ms) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "the standing order ends before it begins, or after the year 9999");
    }
    if (standing->not_after_unix_ms - standing->issued_unix_ms > LOCKSTEP_STANDING_LIFE_MAX_MS) {
        return LOCKSTEP_FAIL(err, INVALID, "the standing order is good for more than a year");
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_standing_encode(const struct lockstep_standing *standing, char *ret_text,
                                           size_t size, size_t *ret_length,
                                           struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_whole(standing, err));
    return lockstep_text_format(&schema, standing, ret_text, size, ret_length, err);
}

enum lockstep_err lockstep_standing_parse(const char *text, size_t length,
                                          struct lockstep_standing *ret_standing,
                                          struct lockstep_error *err)
{
    struct lockstep_standing standing = {.module_count = 0};
    LOCKSTEP_TRY(lockstep_text_parse(&schema, text, length, &standing, err));
    LOCKSTEP_TRY(check_whole(&standing, err));
    *ret_standing = standing;
    return LOCKSTEP_OK;
}

void lockstep_standing_sign(const char *text, size_t length, const struct lockstep_key *key,
                            uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE])
{
    lockstep_key_sign(key, sort.domain, text, length, ret_signature);
}

void lockstep_standing_words(const struct lockstep_standing *standing,
                             char ret_words[LOCKSTEP_STANDING_WORDS])
{
    time_t seconds = (time_t)(standing->not_after_unix_ms / 1000);
    char id[LOCKSTEP_ID_TEXT];
    struct tm utc;
    int length;
    lockstep_id_format(&standing->order, id);
    length = snprintf(ret_words, LOCKSTEP_STANDING_WORDS, "standing order %.8s", id);
    if (standing->not_after_unix_ms <= TIME_MAX_UNIX_MS && gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(ret_words + length, LOCKSTEP_STANDING_WORDS - (size_t)length,
                       ", good until %Y-%m-%dT%H:%M:%SZ", &utc);
    }
}

/* ---- believing it ---------------------------------------------------------------------------- */

static enum lockstep_no refuse(const struct lockstep_standing *standing,
                               struct lockstep_refusal *ret_refusal, enum lockstep_no no,
                               const char *format, ...) LOCKSTEP_PRINTF(4, 5);

static enum lockstep_no refuse(const struct lockstep_standing *standing,
                               struct lockstep_refusal *ret_refusal, enum lockstep_no no,
                               const char *format, ...)
{
    char words[LOCKSTEP_STANDING_WORDS];
    char why[LOCKSTEP_TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    lockstep_standing_words(standing, words);
    return lockstep_refuse(ret_refusal, no, "%s: %s", words, why);
}

enum lockstep_no lockstep_standing_verify(const struct lockstep_intent_offer *offer,
                                          const struct lockstep_bundle *bundle,
                                          uint64_t now_unix_ms,
                                          struct lockstep_standing *ret_standing,
                                          struct lockstep_refusal *ret_refusal)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_standing standing;
    enum lockstep_no no = lockstep_intent_check_signer(offer, &sort, bundle, ret_refusal);
    if (no != LOCKSTEP_NO_UNSPECIFIED) {
        return no;
    }
    if (lockstep_standing_parse(offer->text, offer->length, &standing, &err) != LOCKSTEP_OK) {
        return lockstep_refuse(ret_refusal, LOCKSTEP_NO_INTENT,
                               "what is signed is no standing order: %s", err.message);
    }
    if (!lockstep_id_equal(&standing.cluster, &bundle->cluster)) {
        return refuse(&standing, ret_refusal, LOCKSTEP_NO_WRONG_CLUSTER,
                      "it is for another cluster");
    }
    if (now_unix_ms > standing.not_after_unix_ms) {
        return refuse(&standing, ret_refusal, LOCKSTEP_NO_EXPIRED,
                      "it has expired; an operator must sign the next");
    }
    if (standing.issued_unix_ms > now_unix_ms &&
        standing.issued_unix_ms - now_unix_ms > LOCKSTEP_STANDING_AHEAD_MS) {
        return refuse(&standing, ret_refusal, LOCKSTEP_NO_INTENT,
                      "it was issued more than a day from now: the clock of who signed it, or the "
                      "one here, is wrong");
    }
    no = lockstep_intent_check_bundle(bundle, now_unix_ms, ret_refusal);
    if (no == LOCKSTEP_NO_UNSPECIFIED) {
        *ret_standing = standing;
    }
    return no;
}

bool lockstep_standing_is_for(const struct lockstep_standing *standing,
                              const struct lockstep_name *module)
{
    bool found = standing->module_count == 0;
    for (uint32_t i = 0; i < standing->module_count && !found; i++) {
        found = lockstep_name_equal(&standing->modules[i], module);
    }
    return found;
}

/* NULL, or why the order cannot be for PREPARE, whatever its items are. */
static const char *check_prepare(const struct lockstep_intent *naming,
                                 const struct lockstep_prepare *prepare, const char *extra)
{
    if (prepare->kind != LOCKSTEP_KIND_RECONCILE ||
        prepare->strategy != LOCKSTEP_STRATEGY_ROLLING) {
        return "it permits to reconcile, rolling, and nothing else";
    }
    if (prepare->no_smoke || prepare->again || (extra != NULL && extra[0] != '\0')) {
        return "it does not permit to leave out smoke tests, to load again what is live, or to "
               "hand anything to up and down";
    }
    if (naming->kind != LOCKSTEP_KIND_RELOAD && naming->kind != LOCKSTEP_KIND_RECONCILE) {
        return "only a reload or a reconcile names a version";
    }
    if (naming->strategy == LOCKSTEP_STRATEGY_LOCAL) {
        return "a local intent is for its one node, and names no version for others";
    }
    return NULL;
}

static enum lockstep_no check_item(const struct lockstep_standing *standing,
                                   const struct lockstep_intent *naming,
                                   const struct lockstep_item *item,
                                   struct lockstep_refusal *ret_refusal)
{
    const struct lockstep_item *named = lockstep_intent_item(naming, &item->module);
    if (!lockstep_standing_is_for(standing, &item->module)) {
        return refuse(standing, ret_refusal, LOCKSTEP_NO_INTENT, "it is not for module %s",
                      item->module.text);
    }
    if (named == NULL || !lockstep_digest_equal(&named->digest, &item->digest)) {
        return refuse(standing, ret_refusal, LOCKSTEP_NO_INTENT,
                      "the intent with it does not name this version of module %s",
                      item->module.text);
    }
    if (!lockstep_digest_is_zero(&item->leaving)) {
        return refuse(standing, ret_refusal, LOCKSTEP_NO_INTENT,
                      "to reconcile leaves no version in particular, of module %s",
                      item->module.text);
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

enum lockstep_no lockstep_standing_covers(const struct lockstep_standing *standing,
                                          const struct lockstep_intent *naming,
                                          const struct lockstep_prepare *prepare, const char *extra,
                                          struct lockstep_refusal *ret_refusal)
{
    const char *why = check_prepare(naming, prepare, extra);
    enum lockstep_no no = why == NULL
                              ? LOCKSTEP_NO_UNSPECIFIED
                              : refuse(standing, ret_refusal, LOCKSTEP_NO_INTENT, "%s", why);
    for (uint32_t i = 0; i < prepare->item_count && no == LOCKSTEP_NO_UNSPECIFIED; i++) {
        no = check_item(standing, naming, &prepare->items[i], ret_refusal);
    }
    return no;
}
