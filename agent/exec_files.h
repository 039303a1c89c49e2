/*
 * Files of the exec driver: DATA/exec/OPERATION/ holds one set.
 *
 *     record                   what the set is and how far it has come (canonical text)
 *     SERVICE/MODULE/file      private copy of the new version, 0444
 *     SERVICE/MODULE/previous  of the one before
 *     SERVICE/MODULE/verbs/    the verbs' own
 *
 * A record is replaced by rename; a directory without a readable one is rubbish, and removed.
 */
#ifndef LOCKSTEP_AGENT_EXEC_FILES_H
#define LOCKSTEP_AGENT_EXEC_FILES_H

#include "agent/exec.h"

#define LOCKSTEP_EXEC_PATH_MAX 4096

/* How far a set has come. */
#define LOCKSTEP_EXEC_STAGES_TABLE(X)                                \
    X(PREPARED, "prepared") /* nothing of the service was changed */ \
    X(APPLYING, "applying") /* it may have been */                   \
    X(KEPT, "kept")         /* it was, and the pointer row is durable */

enum lockstep_exec_stage {
    LOCKSTEP_EXEC_STAGE_UNSPECIFIED = 0,
#define LOCKSTEP_EXEC_STAGES_ENUM(name, text) LOCKSTEP_EXEC_STAGE_##name,
    LOCKSTEP_EXEC_STAGES_TABLE(LOCKSTEP_EXEC_STAGES_ENUM)
#undef LOCKSTEP_EXEC_STAGES_ENUM
};

struct lockstep_exec_record {
    struct lockstep_id operation;
    enum lockstep_exec_stage stage;
    uint32_t item_count;
    struct lockstep_exec_item items[LOCKSTEP_ITEMS_MAX];
};

/* ---- the record's text ---------------------------------------------------------------------- */

#define LOCKSTEP_EXEC_RECORD_MAX (32 * 1024) /* bytes */

/* The canonical text with a NUL; LIMIT, INVALID. */
enum lockstep_err lockstep_exec_record_format(const struct lockstep_exec_record *record,
                                              char *ret_text, size_t size, size_t *ret_length,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_exec_record_parse(const char *text, size_t length,
                                             struct lockstep_exec_record *ret_record,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- on disk; ROOT is DATA/exec ------------------------------------------------------------- */

/* Replaces the record. SYNC: it is on disk when this returns. What verbs wrote they have synced
 * themselves. IO, LIMIT, NOMEM. */
enum lockstep_err lockstep_exec_files_write(const char *root,
                                            const struct lockstep_exec_record *record, bool sync,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Calls FOUND for every record there is; removes what has none. */
enum lockstep_err
lockstep_exec_files_read(const char *root,
                         void (*found)(void *context, const struct lockstep_exec_record *record),
                         void *context, struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Lays out the files of an item: copies of both versions, and `work`. A previous version that the
 * store no longer has is left out. REFUSED if bytes are not those of their digest; IO, LIMIT. */
enum lockstep_err lockstep_exec_files_lay_out(const char *root,
                                              const struct lockstep_artifacts *artifacts,
                                              const struct lockstep_id *operation,
                                              const struct lockstep_exec_item *item,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* "ROOT/OPERATION/SERVICE", what the set has for the item's service. */
void lockstep_exec_files_set(const char *root, const struct lockstep_id *operation,
                             const struct lockstep_exec_item *item,
                             char ret_path[LOCKSTEP_EXEC_PATH_MAX]);
/* "ROOT/OPERATION/SERVICE/MODULE", then "/LEAF" if that is not empty. */
void lockstep_exec_files_path(const char *root, const struct lockstep_id *operation,
                              const struct lockstep_exec_item *item, const char *leaf,
                              char ret_path[LOCKSTEP_EXEC_PATH_MAX]);
/* Removes all of a set. What cannot be removed is logged. */
void lockstep_exec_files_remove(const char *root, const struct lockstep_id *operation);

/* Kills the programs that an agent which died had started for sets below ROOT, and returns when
 * they are dead. They are known by LOCKSTEP_WORK in their environment, and by their output being a
 * pipe: a daemon that such a program has started keeps its environment, and is left alone. */
void lockstep_exec_files_end_orphans(const char *root);

#endif
