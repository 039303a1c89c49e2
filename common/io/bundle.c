#include "common/io/bundle.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/digest.h"
#include "common/io/text.h"

#include <stdlib.h>
#include <string.h>

#define SIGN_DOMAIN "lockstep/bundle/1"

static int compare_operators(const void *a, const void *b)
{
    const struct lockstep_bundle_operator *left = a;
    const struct lockstep_bundle_operator *right = b;
    return strcmp(left->key.name.text, right->key.name.text);
}

static int compare_coordinators(const void *a, const void *b)
{
    const struct lockstep_key_public *left = a;
    const struct lockstep_key_public *right = b;
    return strcmp(left->name.text, right->name.text);
}

static int compare_releases(const void *a, const void *b)
{
    const struct lockstep_bundle_release *left = a;
    const struct lockstep_bundle_release *right = b;
    return memcmp(left->key.id.bytes, right->key.id.bytes, LOCKSTEP_KEY_ID_BYTES);
}

static int compare_key_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_key_id));
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct lockstep_digest));
}

/* True if one of KEY's halves is somebody's already. With one key in two rows, looking it up would
 * depend on which row comes first. */
static bool key_taken(const struct lockstep_bundle *bundle, const struct lockstep_key_public *key)
{
    uint32_t total = bundle->operator_count + bundle->coordinator_count;
    for (uint32_t i = 0; i < total; i++) {
        const struct lockstep_key_public *other =
            i < bundle->operator_count ? &bundle->operators[i].key
                                       : &bundle->coordinators[i - bundle->operator_count];
        if (memcmp(other->channel, key->channel, LOCKSTEP_KEY_BYTES) == 0 ||
            memcmp(other->signing, key->signing, LOCKSTEP_KEY_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

enum lockstep_err lockstep_bundle_add_operator(struct lockstep_bundle *bundle,
                                               const struct lockstep_bundle_operator *row,
                                               struct lockstep_error *err)
{
    const struct lockstep_text_list list = {bundle->operators, &bundle->operator_count,
                                            sizeof(*row),      LOCKSTEP_BUNDLE_OPERATORS_MAX,
                                            "operator",        compare_operators};
    if (row->roles == LOCKSTEP_ROLES_NONE || (row->roles & ~LOCKSTEP_ROLES_PERSON) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "%s has no role, or one that no person has",
                             row->key.name.text);
    }
    if (key_taken(bundle, &row->key)) {
        return LOCKSTEP_FAIL(err, INVALID, "the key of %s is in the bundle already",
                             row->key.name.text);
    }
    return lockstep_text_insert(&list, row, err);
}

enum lockstep_err lockstep_bundle_add_coordinator(struct lockstep_bundle *bundle,
                                                  const struct lockstep_key_public *row,
                                                  struct lockstep_error *err)
{
    const struct lockstep_text_list list = {bundle->coordinators, &bundle->coordinator_count,
                                            sizeof(*row),         LOCKSTEP_BUNDLE_COORDINATORS_MAX,
                                            "coordinator",        compare_coordinators};
    if (key_taken(bundle, row)) {
        return LOCKSTEP_FAIL(err, INVALID, "the key of %s is in the bundle already",
                             row->name.text);
    }
    return lockstep_text_insert(&list, row, err);
}

enum lockstep_err lockstep_bundle_add_release(struct lockstep_bundle *bundle,
                                              const struct lockstep_bundle_release *row,
                                              struct lockstep_error *err)
{
    const struct lockstep_text_list list = {bundle->release, &bundle->release_count,
                                            sizeof(*row),    LOCKSTEP_BUNDLE_RELEASE_MAX,
                                            "release key",   compare_releases};
    ASSERT(row->scope_count <= LOCKSTEP_BUNDLE_SCOPE_MAX);
    return lockstep_text_insert(&list, row, err);
}

enum lockstep_err lockstep_bundle_revoke_key(struct lockstep_bundle *bundle,
                                             const struct lockstep_key_id *id,
                                             struct lockstep_error *err)
{
    const struct lockstep_text_list list = {bundle->revoked_keys, &bundle->revoked_key_count,
                                            sizeof(*id),          LOCKSTEP_BUNDLE_REVOKED_MAX,
                                            "revoked key",        compare_key_ids};
    return lockstep_text_insert(&list, id, err);
}

enum lockstep_err lockstep_bundle_revoke_digest(struct lockstep_bundle *bundle,
                                                const struct lockstep_digest *digest,
                                                struct lockstep_error *err)
{
    const struct lockstep_text_list list = {bundle->revoked_digests, &bundle->revoked_digest_count,
                                            sizeof(*digest),         LOCKSTEP_BUNDLE_REVOKED_MAX,
                                            "revoked version",       compare_digests};
    return lockstep_text_insert(&list, digest, err);
}

/* ROW, or NULL if its key is revoked. */
static const struct lockstep_bundle_operator *unrevoked(const struct lockstep_bundle *bundle,
                                                        const struct lockstep_bundle_operator *row)
{
    struct lockstep_key_id id = lockstep_key_id(&row->key);
    return lockstep_bundle_key_revoked(bundle, &id) ? NULL : row;
}

void lockstep_bundle_digest(const char *text, size_t length, struct lockstep_digest *ret_digest)
{
    lockstep_digest_buffer(text, length, ret_digest);
}

void lockstep_bundle_sign(const char *text, size_t length, const struct lockstep_key *key,
                          uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE])
{
    lockstep_key_sign(key, SIGN_DOMAIN, text, length, ret_signature);
}

enum lockstep_err lockstep_bundle_accept_first(const struct lockstep_bundle_offer *offer,
                                               const struct lockstep_id *cluster,
                                               const struct lockstep_digest *digest,
                                               struct lockstep_bundle *ret_bundle,
                                               struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_bundle *bundle = malloc(sizeof(*bundle));
    struct lockstep_digest offered;
    if (bundle == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a trust bundle");
    }
    lockstep_bundle_digest(offer->text, offer->length, &offered);
    if (!lockstep_digest_equal(&offered, digest)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the trust bundle is not the one that the token names");
    }
    LOCKSTEP_TRY(lockstep_bundle_parse(offer->text, offer->length, bundle, err));
    if (!lockstep_id_equal(&bundle->cluster, cluster)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the trust bundle is for another cluster");
    }
    *ret_bundle = *bundle;
    return LOCKSTEP_OK;
}

/* True if one of OFFER's signatures is KEY's. */
static bool signed_by(const struct lockstep_bundle_offer *offer,
                      const struct lockstep_key_public *key)
{
    for (uint32_t i = 0; i < offer->signature_count; i++) {
        const struct lockstep_signed what = {SIGN_DOMAIN, offer->text, offer->length,
                                             offer->signatures[i]};
        if (lockstep_key_verify(key->signing, &what)) {
            return true;
        }
    }
    return false;
}

/* How many of BUNDLE's security-admins have signed OFFER. Each counts once. */
static uint64_t count_signers(const struct lockstep_bundle *bundle,
                              const struct lockstep_bundle_offer *offer)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < bundle->operator_count; i++) {
        const struct lockstep_bundle_operator *row = unrevoked(bundle, &bundle->operators[i]);
        if (row != NULL && (row->roles & (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN) != 0 &&
            signed_by(offer, &row->key)) {
            count++;
        }
    }
    return count;
}

static enum lockstep_err check_signers(const struct lockstep_bundle *bundle,
                                       const struct lockstep_bundle_offer *offer, const char *which,
                                       struct lockstep_error *err)
{
    uint64_t signers = count_signers(bundle, offer);
    if (signers < bundle->admin_threshold) {
        return LOCKSTEP_FAIL(err, REFUSED,
                             "the trust bundle is signed by %llu security-admins of the %s one, "
                             "which asks for %llu",
                             (unsigned long long)signers, which,
                             (unsigned long long)bundle->admin_threshold);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_bundle_accept_next(const struct lockstep_bundle *current,
                                              const struct lockstep_digest *current_digest,
                                              const struct lockstep_bundle_offer *offer,
                                              struct lockstep_bundle *ret_bundle,
                                              struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_bundle *next = malloc(sizeof(*next));
    if (next == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a trust bundle");
    }
    if (offer->signature_count > LOCKSTEP_BUNDLE_SIGNATURES_MAX) {
        return LOCKSTEP_FAIL(err, INVALID, "the trust bundle has more than %d signatures",
                             LOCKSTEP_BUNDLE_SIGNATURES_MAX);
    }
    LOCKSTEP_TRY(lockstep_bundle_parse(offer->text, offer->length, next, err));
    if (!lockstep_id_equal(&next->cluster, &current->cluster)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the trust bundle is for another cluster");
    }
    if (next->version == 0 || next->version - 1 != current->version) {
        return LOCKSTEP_FAIL(err, CONFLICT, "the trust bundle is version %llu, wanted is %llu",
                             (unsigned long long)next->version,
                             (unsigned long long)current->version + 1);
    }
    if (!lockstep_digest_equal(&next->previous, current_digest)) {
        return LOCKSTEP_FAIL(err, REFUSED, "the trust bundle does not follow the one that is here");
    }
    LOCKSTEP_TRY(check_signers(current, offer, "present", err));
    LOCKSTEP_TRY(check_signers(next, offer, "new", err));
    *ret_bundle = *next;
    return LOCKSTEP_OK;
}

const struct lockstep_bundle_operator *
lockstep_bundle_operator_by_channel(const struct lockstep_bundle *bundle,
                                    const uint8_t channel[LOCKSTEP_KEY_BYTES])
{
    for (uint32_t i = 0; i < bundle->operator_count; i++) {
        if (memcmp(bundle->operators[i].key.channel, channel, LOCKSTEP_KEY_BYTES) == 0) {
            return unrevoked(bundle, &bundle->operators[i]);
        }
    }
    return NULL;
}

const struct lockstep_bundle_operator *
lockstep_bundle_operator_by_name(const struct lockstep_bundle *bundle, const char *name)
{
    for (uint32_t i = 0; i < bundle->operator_count; i++) {
        if (strcmp(bundle->operators[i].key.name.text, name) == 0) {
            return unrevoked(bundle, &bundle->operators[i]);
        }
    }
    return NULL;
}

const struct lockstep_bundle_release *
lockstep_bundle_release_by_id(const struct lockstep_bundle *bundle,
                              const struct lockstep_key_id *id)
{
    for (uint32_t i = 0; i < bundle->release_count; i++) {
        if (lockstep_key_id_equal(&bundle->release[i].key.id, id)) {
            return &bundle->release[i];
        }
    }
    return NULL;
}

bool lockstep_bundle_release_covers(const struct lockstep_bundle_release *release,
                                    const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < release->scope_count; i++) {
        if (lockstep_name_equal(&release->scope[i], module)) {
            return true;
        }
    }
    return release->scope_count == 0;
}

bool lockstep_bundle_key_revoked(const struct lockstep_bundle *bundle,
                                 const struct lockstep_key_id *id)
{
    for (uint32_t i = 0; i < bundle->revoked_key_count; i++) {
        if (lockstep_key_id_equal(&bundle->revoked_keys[i], id)) {
            return true;
        }
    }
    return false;
}

bool lockstep_bundle_digest_revoked(const struct lockstep_bundle *bundle,
                                    const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < bundle->revoked_digest_count; i++) {
        if (lockstep_digest_equal(&bundle->revoked_digests[i], digest)) {
            return true;
        }
    }
    return false;
}

bool lockstep_bundle_expired(const struct lockstep_bundle *bundle, uint64_t now_unix_ms)
{
    return bundle->expires_unix_ms != 0 && now_unix_ms >= bundle->expires_unix_ms;
}
