#include "common/io/bundle.h"

#include "common/base/cleanup.h"
#include "common/io/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVOKED_VALUE  "revoked"
#define EVERY_MODULE   "*"
#define KEY_TEXT       53 /* base32 of 32 bytes and the NUL */
#define ROLE_TEXT_MAX  32
#define SCOPE_TEXT_MAX (LOCKSTEP_BUNDLE_SCOPE_MAX * (LOCKSTEP_NAME_MAX + 1) + 1)

/* Takes both public keys off the front of *CURSOR. */
static bool read_keys(const char **cursor, const char *name, struct lockstep_key_public *ret_key)
{
    char text[KEY_TEXT];
    return lockstep_name_parse(name, &ret_key->name) &&
           lockstep_text_split(cursor, ' ', text, sizeof(text)) &&
           lockstep_base32_parse(text, ret_key->channel, LOCKSTEP_KEY_BYTES) &&
           lockstep_text_split(cursor, ' ', text, sizeof(text)) &&
           lockstep_base32_parse(text, ret_key->signing, LOCKSTEP_KEY_BYTES);
}

struct keys_text {
    char channel[KEY_TEXT];
    char signing[KEY_TEXT];
};

static struct keys_text write_keys(const struct lockstep_key_public *key)
{
    struct keys_text text;
    lockstep_base32_format(key->channel, LOCKSTEP_KEY_BYTES, text.channel);
    lockstep_base32_format(key->signing, LOCKSTEP_KEY_BYTES, text.signing);
    return text;
}

static bool read_coordinator(const struct lockstep_text_field *field, void *object,
                             const char *rest, const char *value)
{
    struct lockstep_key_public row = {.channel = {0}};
    (void)field;
    return read_keys(&value, rest, &row) && value == NULL &&
           lockstep_bundle_add_coordinator(object, &row, NULL) == LOCKSTEP_OK;
}

static void write_coordinators(const struct lockstep_text_field *field, const void *object,
                               struct lockstep_text_writer *writer)
{
    const struct lockstep_bundle *bundle = object;
    (void)field;
    for (uint32_t i = 0; i < bundle->coordinator_count; i++) {
        struct keys_text text = write_keys(&bundle->coordinators[i]);
        lockstep_text_put(writer, "coordinator.", bundle->coordinators[i].name.text, "%s %s",
                          text.channel, text.signing);
    }
}

static bool read_operator(const struct lockstep_text_field *field, void *object, const char *rest,
                          const char *value)
{
    struct lockstep_bundle_operator row = {.roles = LOCKSTEP_ROLES_NONE};
    char text[ROLE_TEXT_MAX];
    (void)field;
    if (!read_keys(&value, rest, &row.key) || value == NULL) {
        return false;
    }
    while (value != NULL) {
        unsigned role = lockstep_text_split(&value, ',', text, sizeof(text))
                            ? lockstep_role_parse(text)
                            : LOCKSTEP_ROLES_NONE;
        if (role == LOCKSTEP_ROLES_NONE) {
            return false;
        }
        row.roles |= role;
    }
    return lockstep_bundle_add_operator(object, &row, NULL) == LOCKSTEP_OK;
}

/* The roles in the order of their table. */
static void format_roles(unsigned roles, char *ret_text, size_t size)
{
    size_t length = 0;
    ret_text[0] = '\0';
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *text = lockstep_role_text(1U << bit);
        if ((roles & 1U << bit) != 0 && text != NULL && length < size) {
            length += (size_t)snprintf(ret_text + length, size - length, "%s%s",
                                       length > 0 ? "," : "", text);
        }
    }
}

static void write_operators(const struct lockstep_text_field *field, const void *object,
                            struct lockstep_text_writer *writer)
{
    const struct lockstep_bundle *bundle = object;
    (void)field;
    for (uint32_t i = 0; i < bundle->operator_count; i++) {
        struct keys_text text = write_keys(&bundle->operators[i].key);
        char roles[8 * ROLE_TEXT_MAX];
        format_roles(bundle->operators[i].roles, roles, sizeof(roles));
        lockstep_text_put(writer, "operator.", bundle->operators[i].key.name.text, "%s %s %s",
                          text.channel, text.signing, roles);
    }
}

/* "*", or module names in order with commas between. */
static bool read_scope(const char *value, struct lockstep_bundle_release *row)
{
    char text[LOCKSTEP_NAME_MAX + 2];
    if (strcmp(value, EVERY_MODULE) == 0) {
        return true;
    }
    while (value != NULL) {
        uint32_t at = row->scope_count;
        if (at == LOCKSTEP_BUNDLE_SCOPE_MAX ||
            !lockstep_text_split(&value, ',', text, sizeof(text)) ||
            !lockstep_name_parse(text, &row->scope[at]) ||
            (at > 0 && strcmp(row->scope[at - 1].text, text) >= 0)) {
            return false;
        }
        row->scope_count++;
    }
    return true;
}

static bool read_release(const struct lockstep_text_field *field, void *object, const char *rest,
                         const char *value)
{
    struct lockstep_bundle_release row = {.scope_count = 0};
    struct lockstep_key_id id;
    char text[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    (void)field;
    return lockstep_key_id_parse(rest, &id) &&
           lockstep_text_split(&value, ' ', text, sizeof(text)) && value != NULL &&
           lockstep_minisign_public_parse(text, &row.key, NULL) == LOCKSTEP_OK &&
           lockstep_key_id_equal(&row.key.id, &id) && read_scope(value, &row) &&
           lockstep_bundle_add_release(object, &row, NULL) == LOCKSTEP_OK;
}

static void write_release(const struct lockstep_bundle_release *row,
                          struct lockstep_text_writer *writer)
{
    char id[LOCKSTEP_KEY_ID_TEXT];
    char key[LOCKSTEP_MINISIGN_PUBLIC_TEXT];
    char scope[SCOPE_TEXT_MAX] = EVERY_MODULE;
    size_t length = 0;
    lockstep_key_id_format(&row->key.id, id);
    lockstep_minisign_public_format(&row->key, key);
    for (uint32_t i = 0; i < row->scope_count; i++) {
        length += (size_t)snprintf(scope + length, sizeof(scope) - length, "%s%s", i > 0 ? "," : "",
                                   row->scope[i].text);
    }
    lockstep_text_put(writer, "release-key.", id, "%s %s", key, scope);
}

static void write_releases(const struct lockstep_text_field *field, const void *object,
                           struct lockstep_text_writer *writer)
{
    const struct lockstep_bundle *bundle = object;
    (void)field;
    for (uint32_t i = 0; i < bundle->release_count; i++) {
        write_release(&bundle->release[i], writer);
    }
}

static bool read_revoked_digest(const struct lockstep_text_field *field, void *object,
                                const char *rest, const char *value)
{
    struct lockstep_digest digest;
    (void)field;
    return strcmp(value, REVOKED_VALUE) == 0 && lockstep_digest_parse(rest, &digest) &&
           lockstep_bundle_revoke_digest(object, &digest, NULL) == LOCKSTEP_OK;
}

static void write_revoked_digests(const struct lockstep_text_field *field, const void *object,
                                  struct lockstep_text_writer *writer)
{
    const struct lockstep_bundle *bundle = object;
    (void)field;
    for (uint32_t i = 0; i < bundle->revoked_digest_count; i++) {
        char text[LOCKSTEP_DIGEST_TEXT];
        lockstep_digest_format(&bundle->revoked_digests[i], text);
        lockstep_text_put(writer, "revoked-digest.", text, "%s", REVOKED_VALUE);
    }
}

static bool read_revoked_key(const struct lockstep_text_field *field, void *object,
                             const char *rest, const char *value)
{
    struct lockstep_key_id id;
    (void)field;
    return strcmp(value, REVOKED_VALUE) == 0 && lockstep_key_id_parse(rest, &id) &&
           lockstep_bundle_revoke_key(object, &id, NULL) == LOCKSTEP_OK;
}

static void write_revoked_keys(const struct lockstep_text_field *field, const void *object,
                               struct lockstep_text_writer *writer)
{
    const struct lockstep_bundle *bundle = object;
    (void)field;
    for (uint32_t i = 0; i < bundle->revoked_key_count; i++) {
        char text[LOCKSTEP_KEY_ID_TEXT];
        lockstep_key_id_format(&bundle->revoked_keys[i], text);
        lockstep_text_put(writer, "revoked-key.", text, "%s", REVOKED_VALUE);
    }
}

#define FIELD(member, key, required, kind) \
    LOCKSTEP_TEXT_FIELD(struct lockstep_bundle, member, key, required, kind)

static const struct lockstep_text_field fields[] = {
    FIELD(admin_threshold, "admin-threshold", true, number),
    FIELD(cluster, "cluster", true, id),
    {"coordinator.", false, "two keys in base32, used nowhere else", read_coordinator,
     write_coordinators, 0, 0},
    FIELD(expires_unix_ms, "expires-unix-ms", false, number),
    LOCKSTEP_TEXT_FORMAT("lockstep-bundle"),
    {"operator.", false, "two keys in base32, used nowhere else, and roles", read_operator,
     write_operators, 0, 0},
    FIELD(previous, "previous", false, digest),
    {"release-key.", false, "a minisign public key of this id, and '*' or modules in order",
     read_release, write_releases, 0, 0},
    FIELD(release_threshold, "release-threshold", true, number),
    {"revoked-digest.", false, "64 hexadecimal digits and the word 'revoked'", read_revoked_digest,
     write_revoked_digests, 0, 0},
    {"revoked-key.", false, "16 upper-case hexadecimal digits and the word 'revoked'",
     read_revoked_key, write_revoked_keys, 0, 0},
    FIELD(version, "version", true, number),
};

static const struct lockstep_text_schema schema = {
    .noun = "trust bundle",
    .length_max = LOCKSTEP_BUNDLE_MAX,
    .field_count = LOCKSTEP_COUNT(fields),
    .fields = fields,
};

/* Security-admins whose signature counts. */
static uint64_t count_admins(const struct lockstep_bundle *bundle)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < bundle->operator_count; i++) {
        const struct lockstep_bundle_operator *row = lockstep_bundle_operator_by_name(
            bundle, bundle->operators[i].key.name.text);
        count += row != NULL && (row->roles & (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN) != 0 ? 1 : 0;
    }
    return count;
}

/* What holds of a bundle as a whole. */
static enum lockstep_err check_whole(const struct lockstep_bundle *bundle,
                                     struct lockstep_error *err)
{
    uint64_t admins = count_admins(bundle);
    if (bundle->release_threshold != 1) {
        return LOCKSTEP_FAIL(err, INVALID, "release-threshold must be 1, the only one known here");
    }
    if ((bundle->version == 1) != lockstep_digest_is_zero(&bundle->previous)) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "a trust bundle names the one before it, except version 1");
    }
    if (bundle->admin_threshold > admins) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "admin-threshold is %llu, but there are %llu security-admins: nobody "
                             "could ever change the trust bundle",
                             (unsigned long long)bundle->admin_threshold,
                             (unsigned long long)admins);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_bundle_encode(const struct lockstep_bundle *bundle, char *ret_text,
                                         size_t size, size_t *ret_length,
                                         struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_whole(bundle, err));
    return lockstep_text_format(&schema, bundle, ret_text, size, ret_length, err);
}

enum lockstep_err lockstep_bundle_parse(const char *text, size_t length,
                                        struct lockstep_bundle *ret_bundle,
                                        struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_bundle *bundle = calloc(1, sizeof(*bundle));
    if (bundle == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a trust bundle");
    }
    LOCKSTEP_TRY(lockstep_text_parse(&schema, text, length, bundle, err));
    LOCKSTEP_TRY(check_whole(bundle, err));
    *ret_bundle = *bundle;
    return LOCKSTEP_OK;
}
