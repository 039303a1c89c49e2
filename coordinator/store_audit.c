/* The audit chain: h(i) = BLAKE2b-256("lockstep/audit/1" || h(i-1) || sequence || time || fields),
 * every field with its length before it, so that no two rows have one text. */
#include "common/io/loop.h"
#include "coordinator/store_internal.h"

#include <sodium.h>
#include <string.h>

static void add_number(crypto_generichash_state *state, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (7 - i)));
    }
    (void)crypto_generichash_update(state, bytes, sizeof(bytes));
}

static void add_text(crypto_generichash_state *state, const char *text)
{
    size_t length = strlen(text);
    add_number(state, length);
    (void)crypto_generichash_update(state, (const uint8_t *)text, length);
}

void lockstep_audit_hash(const struct lockstep_digest *before, const struct lockstep_audit_row *row,
                         struct lockstep_digest *ret_hash)
{
    static const char domain[] = "lockstep/audit/1";
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, LOCKSTEP_DIGEST_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)domain, sizeof(domain));
    (void)crypto_generichash_update(&state, before->bytes, sizeof(before->bytes));
    add_number(&state, row->sequence);
    add_number(&state, row->unix_ms);
    add_text(&state, row->who);
    add_text(&state, row->what);
    add_text(&state, row->subject);
    add_text(&state, row->detail);
    (void)crypto_generichash_final(&state, ret_hash->bytes, sizeof(ret_hash->bytes));
}

enum lockstep_err lockstep_store_audit_in(struct lockstep_store *store,
                                          const struct lockstep_audit *audit,
                                          struct lockstep_error *err)
{
    struct lockstep_audit_row row;
    if (audit == NULL) {
        return LOCKSTEP_OK;
    }
    row = (struct lockstep_audit_row){.sequence = store->audit_sequence + 1,
                                      .unix_ms = lockstep_unix_ms(),
                                      .who = audit->who,
                                      .what = audit->what,
                                      .subject = audit->subject,
                                      .detail = audit->detail == NULL ? "" : audit->detail};
    lockstep_audit_hash(&store->audit_head, &row, &row.hash);
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO audit(sequence, time, who, what, subject, detail, hash) "
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                 LOCKSTEP_INTEGER(row.sequence), LOCKSTEP_INTEGER(row.unix_ms),
                 LOCKSTEP_TEXT(row.who), LOCKSTEP_TEXT(row.what), LOCKSTEP_TEXT(row.subject),
                 LOCKSTEP_TEXT(row.detail), LOCKSTEP_BYTES_OF(&row.hash));
    store->audit_sequence = row.sequence;
    store->audit_head = row.hash;
    return lockstep_store_event_audited(store, &row, err);
}

enum lockstep_err lockstep_store_audit(struct lockstep_store *store,
                                       const struct lockstep_audit *audit,
                                       struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, LOCKSTEP_OK, audit, err);
}

enum lockstep_err lockstep_store_audit_read(struct lockstep_store *store, uint64_t from,
                                            uint32_t limit, lockstep_audit_fn *each, void *context,
                                            struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT sequence, time, who, what, subject, detail, hash FROM audit WHERE sequence >= ?1 "
        "ORDER BY sequence LIMIT ?2",
        (const struct lockstep_bind[]){LOCKSTEP_INTEGER(from), LOCKSTEP_INTEGER(limit)}, 2, &rows,
        err));
    while (more) {
        struct lockstep_audit_row row;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        row = (struct lockstep_audit_row){.sequence = (uint64_t)lockstep_row_integer(&rows, 0),
                                          .unix_ms = (uint64_t)lockstep_row_integer(&rows, 1),
                                          .who = lockstep_row_text_at(&rows, 2),
                                          .what = lockstep_row_text_at(&rows, 3),
                                          .subject = lockstep_row_text_at(&rows, 4),
                                          .detail = lockstep_row_text_at(&rows, 5)};
        (void)lockstep_row_bytes(&rows, 6, row.hash.bytes, LOCKSTEP_DIGEST_BYTES);
        each(context, &row);
    }
    return LOCKSTEP_OK;
}

struct walk {
    uint64_t bad;
    uint64_t last;
    struct lockstep_digest head;
};

static void check_row(void *context, const struct lockstep_audit_row *row)
{
    struct walk *walk = context;
    struct lockstep_digest hash;
    lockstep_audit_hash(&walk->head, row, &hash);
    if (walk->bad == 0 &&
        (row->sequence != walk->last + 1 || !lockstep_digest_equal(&hash, &row->hash))) {
        walk->bad = row->sequence;
    }
    walk->last = row->sequence;
    walk->head = row->hash;
}

enum lockstep_err lockstep_store_audit_verify(struct lockstep_store *store, uint64_t *ret_bad,
                                              uint64_t *ret_last, struct lockstep_digest *ret_head,
                                              struct lockstep_error *err)
{
    struct walk walk = {0};
    LOCKSTEP_TRY(lockstep_store_audit_read(store, 1, UINT32_MAX, check_row, &walk, err));
    if (walk.bad == 0 && walk.last != store->audit_sequence) {
        walk.bad = walk.last + 1; /* rows at the end are gone */
    }
    if (walk.bad == 0 && !lockstep_digest_equal(&walk.head, &store->audit_head)) {
        walk.bad = walk.last; /* somebody hashed the chain anew */
    }
    *ret_bad = walk.bad;
    *ret_last = walk.last;
    *ret_head = walk.head;
    return LOCKSTEP_OK;
}

void lockstep_store_audit_head(const struct lockstep_store *store, uint64_t *ret_sequence,
                               struct lockstep_digest *ret_head)
{
    *ret_sequence = store->audit_sequence;
    *ret_head = store->audit_head;
}
