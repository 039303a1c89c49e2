/* Events: one order of what happened, bounded. */
#include "coordinator/store_event.h"
#include "common/io/loop.h"
#include "coordinator/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_TEXT (LOCKSTEP_ITEMS_MAX * (LOCKSTEP_NAME_MAX + 1) + 2)

/* ---- noting --------------------------------------------------------------------------------- */

static void tell(const struct lockstep_store *store)
{
    if (store->events_call != NULL) {
        store->events_call(store->events_context);
    }
}

static void drop_oldest(struct lockstep_store *store)
{
    struct lockstep_event_note *first = store->events_first;
    store->events_first = first->next;
    store->events_waiting--;
    store->events_dropped++;
    free(first);
}

void lockstep_store_event(struct lockstep_store *store, const struct lockstep_event *event)
{
    struct lockstep_event_note *note = calloc(1, sizeof(*note));
    struct lockstep_event_note **end = &store->events_first;
    if (note == NULL) {
        store->events_dropped++;
        return;
    }
    if (store->events_waiting == LOCKSTEP_EVENT_WAITING) {
        drop_oldest(store);
    }
    note->unix_ms = lockstep_unix_ms();
    (void)snprintf(note->what, sizeof(note->what), "%s", event->what);
    (void)snprintf(note->subject, sizeof(note->subject), "%s", event->subject);
    (void)snprintf(note->modules, sizeof(note->modules), "%s", event->modules);
    (void)snprintf(note->text, sizeof(note->text), "%s", event->text);
    end = store->events_first == NULL ? &store->events_first : &store->events_newest->next;
    *end = note;
    store->events_newest = note;
    store->events_waiting++;
    tell(store);
}

bool lockstep_store_events_wait(const struct lockstep_store *store)
{
    return store->events_first != NULL;
}

void lockstep_store_events_drop(struct lockstep_store *store)
{
    while (store->events_first != NULL) {
        drop_oldest(store);
    }
    store->events_dropped = 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum lockstep_err insert(struct lockstep_store *store, const struct lockstep_event *event,
                                struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO event(sequence, time, audit, what, subject, modules, text) "
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                 LOCKSTEP_INTEGER(store->event_sequence + 1), LOCKSTEP_INTEGER(event->unix_ms),
                 LOCKSTEP_INTEGER(event->audit), LOCKSTEP_TEXT(event->what),
                 LOCKSTEP_TEXT(event->subject), LOCKSTEP_TEXT(event->modules),
                 LOCKSTEP_TEXT(event->text));
    store->event_sequence++;
    if (store->event_sequence > store->events_keep) {
        LOCKSTEP_RUN(store->journal, err, "DELETE FROM event WHERE sequence <= ?1",
                     LOCKSTEP_INTEGER(store->event_sequence - store->events_keep));
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_events_in(struct lockstep_store *store, struct lockstep_error *err)
{
    char text[64];
    if (store->events_dropped > 0) {
        (void)snprintf(text, sizeof(text), "%llu events could not be kept",
                       (unsigned long long)store->events_dropped);
        LOCKSTEP_TRY(insert(store,
                            &(struct lockstep_event){.unix_ms = lockstep_unix_ms(),
                                                     .what = "gap",
                                                     .subject = "",
                                                     .modules = "",
                                                     .text = text},
                            err));
    }
    for (const struct lockstep_event_note *note = store->events_first; note != NULL;
         note = note->next) {
        LOCKSTEP_TRY(insert(store,
                            &(struct lockstep_event){.unix_ms = note->unix_ms,
                                                     .what = note->what,
                                                     .subject = note->subject,
                                                     .modules = note->modules,
                                                     .text = note->text},
                            err));
    }
    return LOCKSTEP_OK;
}

void lockstep_store_events_done(struct lockstep_store *store)
{
    lockstep_store_events_drop(store);
    tell(store);
}

enum lockstep_err lockstep_store_events_flush(struct lockstep_store *store,
                                              struct lockstep_error *err)
{
    uint64_t sequence = store->event_sequence;
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    result = lockstep_store_events_in(store, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_commit(store->journal, err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_journal_rollback(store->journal);
        store->event_sequence = sequence;
        return result;
    }
    lockstep_store_events_done(store);
    return LOCKSTEP_OK;
}

/* ---- audited acts --------------------------------------------------------------------------- */

/* " (n2: SMOKE: two and two is 5)" of columns 3 to 5: node, code, text; "" if there is no cause. */
static void describe_cause(const struct lockstep_query_rows *rows,
                           char ret_text[LOCKSTEP_EVENT_TEXT_MAX + 1])
{
    const char *node = lockstep_row_text_at(rows, 3);
    const char *code = lockstep_no_name((enum lockstep_no)lockstep_row_integer(rows, 4));
    const char *text = lockstep_row_text_at(rows, 5);
    bool coded = lockstep_row_integer(rows, 4) != 0 && code != NULL;
    ret_text[0] = '\0';
    if (coded || text[0] != '\0') {
        (void)snprintf(ret_text, LOCKSTEP_EVENT_TEXT_MAX + 1, " (%s%s%s%s%s)", coded ? node : "",
                       coded && node[0] != '\0' ? ": " : "", coded ? code : "",
                       coded && text[0] != '\0' ? ": " : "", text);
    }
}

/* The modules of an operation, and what it is: its rows are written before its audit row. */
static enum lockstep_err describe_operation(struct lockstep_store *store, const char *id,
                                            char ret_modules[MODULES_TEXT],
                                            char ret_text[LOCKSTEP_EVENT_TEXT_MAX + 1],
                                            struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    const char *strategy;
    const char *kind;
    const char *result;
    char cause[LOCKSTEP_EVENT_TEXT_MAX + 1];
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT strategy, kind, result, (SELECT name FROM node WHERE number = cause_node), "
        "cause_no, cause_text, (SELECT ' ' || group_concat(module, ' ') || ' ' FROM item WHERE "
        "item.operation = operation.id) FROM operation WHERE text = ?1",
        &LOCKSTEP_TEXT(id), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (!row) {
        return LOCKSTEP_OK; /* it never was an operation: a request that waited for nodes */
    }
    strategy = lockstep_strategy_text((enum lockstep_strategy)lockstep_row_integer(&rows, 0));
    kind = lockstep_kind_text((enum lockstep_kind)lockstep_row_integer(&rows, 1));
    result = lockstep_result_word((unsigned)lockstep_row_integer(&rows, 2));
    describe_cause(&rows, cause);
    (void)snprintf(ret_text, LOCKSTEP_EVENT_TEXT_MAX + 1, "%s %s%s%s%.150s",
                   strategy == NULL ? "?" : strategy, kind == NULL ? "?" : kind,
                   result == NULL ? "" : ": ", result == NULL ? "" : result, cause);
    lockstep_row_copy(&rows, 6, ret_modules, MODULES_TEXT);
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

/* The module of MODULE@VERSION, of MODULE on NODE, or of a digest. */
static enum lockstep_err find_module(struct lockstep_store *store, const char *subject,
                                     char ret_modules[MODULES_TEXT], struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_digest digest;
    const char *at = strpbrk(subject, "@ ");
    bool row = false;
    if (at != NULL && at - subject <= LOCKSTEP_NAME_MAX) {
        (void)snprintf(ret_modules, MODULES_TEXT, " %.*s ", (int)(at - subject), subject);
        return LOCKSTEP_OK;
    }
    if (!lockstep_digest_parse(subject, &digest)) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT ' ' || module || ' ' FROM artifact WHERE digest = ?1",
                                      &LOCKSTEP_BYTES_OF(&digest), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (row) {
        lockstep_row_copy(&rows, 0, ret_modules, MODULES_TEXT);
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_event_audited(struct lockstep_store *store,
                                               const struct lockstep_audit_row *row,
                                               struct lockstep_error *err)
{
    char modules[MODULES_TEXT] = "";
    char text[LOCKSTEP_EVENT_TEXT_MAX + 1] = "";
    LOCKSTEP_TRY(lockstep_store_events_in(store, err));
    if (strncmp(row->what, "operation.", strlen("operation.")) == 0) {
        LOCKSTEP_TRY(describe_operation(store, row->subject, modules, text, err));
        if (row->detail[0] != '\0') {
            text[0] = '\0'; /* what somebody said of it is told instead */
        }
    } else {
        LOCKSTEP_TRY(find_module(store, row->subject, modules, err));
    }
    return insert(store,
                  &(struct lockstep_event){.unix_ms = row->unix_ms,
                                           .audit = row->sequence,
                                           .what = "",
                                           .subject = "",
                                           .modules = modules,
                                           .text = text},
                  err);
}

/* ---- reading -------------------------------------------------------------------------------- */

void lockstep_store_events_keep(struct lockstep_store *store, uint64_t rows)
{
    store->events_keep = rows;
}

void lockstep_store_events_hook(struct lockstep_store *store, void (*call)(void *context),
                                void *context)
{
    store->events_call = call;
    store->events_context = context;
}

uint64_t lockstep_store_events_last(const struct lockstep_store *store)
{
    return store->event_sequence;
}

static bool is_of(const struct lockstep_event_query *query, const char *modules)
{
    for (uint32_t i = 0; i < query->module_count; i++) {
        char word[LOCKSTEP_NAME_MAX + 3];
        (void)snprintf(word, sizeof(word), " %s ", query->modules[i].text);
        if (strstr(modules, word) != NULL) {
            return true;
        }
    }
    return query->module_count == 0;
}

enum lockstep_err lockstep_store_events_load(struct lockstep_store *store,
                                             struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    store->events_keep = LOCKSTEP_EVENTS_KEPT;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT ifnull(max(sequence), 0) FROM event",
                                      NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    store->event_sequence = row ? (uint64_t)lockstep_row_integer(&rows, 0) : 0;
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

/* The first of the newest LIMIT that are of the modules, not below FROM. */
static enum lockstep_err count_back(struct lockstep_store *store,
                                    const struct lockstep_event_query *query, uint64_t *from,
                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    uint64_t first = store->event_sequence + 1;
    uint32_t count = 0;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT sequence, modules FROM event WHERE sequence >= ?1 ORDER BY sequence DESC",
        &LOCKSTEP_INTEGER(*from), 1, &rows, err));
    while (more && count < query->limit) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && is_of(query, lockstep_row_text_at(&rows, 1))) {
            first = (uint64_t)lockstep_row_integer(&rows, 0);
            count++;
        }
    }
    lockstep_query_end(&rows);
    *from = first;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_events_begin(struct lockstep_store *store,
                                              const struct lockstep_event_query *query,
                                              uint64_t *ret_from, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    *ret_from = query->from != 0 ? query->from : store->event_sequence + 1;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT min(sequence), min(CASE WHEN time >= ?1 THEN sequence END) FROM event "
        "HAVING count(*) > 0",
        &LOCKSTEP_INTEGER(query->since_unix_ms), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (row) {
        uint64_t since = (uint64_t)lockstep_row_integer(&rows, 1);
        if (query->from == 0) {
            *ret_from = (uint64_t)lockstep_row_integer(&rows, 0);
        }
        since = since == 0 ? store->event_sequence + 1 : since; /* nothing is so new */
        if (query->since_unix_ms != 0 && since > *ret_from) {
            *ret_from = since;
        }
        lockstep_query_end(&rows);
    }
    return query->limit == 0 ? LOCKSTEP_OK : count_back(store, query, ret_from, err);
}

static void read_row(const struct lockstep_query_rows *rows, struct lockstep_event *event)
{
    *event = (struct lockstep_event){.sequence = (uint64_t)lockstep_row_integer(rows, 0),
                                     .unix_ms = (uint64_t)lockstep_row_integer(rows, 1),
                                     .audit = (uint64_t)lockstep_row_integer(rows, 2),
                                     .who = lockstep_row_text_at(rows, 3),
                                     .what = lockstep_row_text_at(rows, 4),
                                     .subject = lockstep_row_text_at(rows, 5),
                                     .modules = lockstep_row_text_at(rows, 6),
                                     .text = lockstep_row_text_at(rows, 7)};
}

enum lockstep_err lockstep_store_events_read(struct lockstep_store *store,
                                             const struct lockstep_event_query *query,
                                             struct lockstep_event_page *page,
                                             struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(page->next),
                                          LOCKSTEP_INTEGER(page->count)};
    struct lockstep_query_rows rows;
    bool more = true;
    page->missed = 0;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT event.sequence, event.time, event.audit, ifnull(audit.who, 'coordinator'), "
        "ifnull(audit.what, event.what), ifnull(audit.subject, event.subject), event.modules, "
        "CASE WHEN event.text = '' THEN ifnull(audit.detail, '') ELSE event.text END "
        "FROM event LEFT JOIN audit ON audit.sequence = event.audit WHERE event.sequence >= ?1 "
        "ORDER BY event.sequence LIMIT ?2",
        binds, LOCKSTEP_COUNT(binds), &rows, err));
    while (more) {
        struct lockstep_event event;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        read_row(&rows, &event);
        page->missed += event.sequence - page->next; /* only the old end can be missing */
        page->next = event.sequence + 1;
        if (is_of(query, event.modules)) {
            page->each(page->context, &event);
        }
    }
    return LOCKSTEP_OK;
}
